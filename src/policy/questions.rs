//! Questions that values alone do not answer: is the unknown tag of the resource the unknown tag of the caller, is the unknown
//! resource one of those that a statement names? The same answer holds wherever a statement asks the same.

use super::compiled::{ResourcePattern, Statement};
use super::condition::{Condition, PolicyValue};
use super::context::{Question, Seen, View};
use super::request::Request;

/// Groups of questions of which every combination of answers is supposed; with more, none is.
const MAXIMUM_GROUPS: usize = 8;

/// Questions that are asked at the same places, and only together: what counts is whether any of them is answered with yes.
#[derive(Debug)]
struct Group<'a> {
    asked: Vec<Open<'a>>,
    /// Elements and conditions, by number.
    places: Vec<usize>,
}

/// A question without an answer.
#[derive(Debug)]
struct Open<'a> {
    question: Question,
    /// Unknown keys that would answer it, in lower case.
    keys: Vec<&'a str>,
    /// Of the resource: the text.
    pattern: Option<ResourcePattern>,
}

/// Every question that statements leave open, with the combinations of answers that there may be.
#[derive(Debug, Default)]
pub struct Questions<'a> {
    groups: Vec<Group<'a>>,
    /// For each combination: one answer a group.
    combinations: Vec<u32>,
    /// For each combination: the answers to all questions.
    answers: Vec<Vec<(Question, bool)>>,
    /// Unknown keys of questions that are too many to be tried.
    pub left_out: Vec<&'a str>,
}

impl<'a> Questions<'a> {
    /// The questions that the statements leave open as long as nothing is supposed.
    pub fn of(statements: &[&'a Statement], request: &'a Request) -> Questions<'a> {
        let view = View::of(&request.context);
        let mut asked: Vec<(Open<'a>, Vec<usize>)> = Vec::new();
        let mut add = |own: Open<'a>, place: usize| match asked.iter_mut().find(|(known, _)| known.question == own.question) {
            Some((_, places)) => places.push(place),
            None => asked.push((own, vec![place])),
        };
        let mut place = 0;
        for statement in statements {
            for pattern in statement.open_resources(request, &view) {
                let keys = unknown_keys(pattern.variables(), &view);
                let resolved = pattern.resolved(&view);
                add(Open { question: resolved.question().into(), keys, pattern: Some(resolved) }, place);
            }
            place += 1;
            for condition in &statement.conditions {
                for (question, value) in open_values(condition, &view) {
                    let keys = unknown_keys(std::iter::once(condition.key.as_str()).chain(value.variables()), &view);
                    add(Open { question, keys, pattern: None }, place);
                }
                place += 1;
            }
        }
        Questions::grouped(asked)
    }

    fn grouped(asked: Vec<(Open<'a>, Vec<usize>)>) -> Questions<'a> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for (own, mut places) in asked {
            places.dedup();
            let together =
                |group: &&mut Group<'a>| group.places == places && group.asked.iter().all(|other| other.keys == own.keys);
            match groups.iter_mut().find(together) {
                Some(group) => group.asked.push(own),
                None => groups.push(Group { asked: vec![own], places }),
            }
        }
        // Of questions that are asked at one place, there is the least to learn.
        let mut left_out = Vec::new();
        if groups.len() > MAXIMUM_GROUPS {
            left_out.extend(keys(&groups));
            groups.retain(|group| group.places.len() > 1);
        }
        if groups.len() > MAXIMUM_GROUPS {
            groups.clear();
        }
        let combinations: Vec<u32> = (0..1_u32 << groups.len()).filter(|answers| is_possible(&groups, *answers)).collect();
        let answers = combinations.iter().map(|answers| answered(&groups, *answers)).collect();
        Questions { groups, combinations, answers, left_out }
    }

    /// The questions, if no more than this many combinations are to be tried.
    pub fn at_most(self, maximum: usize) -> Questions<'a> {
        if self.count() <= maximum {
            return self;
        }
        let mut left_out = self.left_out;
        left_out.extend(keys(&self.groups));
        Questions { left_out, ..Questions::default() }
    }

    /// How many combinations of answers there are; none without questions.
    pub fn count(&self) -> usize {
        if self.groups.is_empty() { 0 } else { self.combinations.len() }
    }

    /// The answers of a combination.
    pub fn answers(&self, combination: usize) -> &[(Question, bool)] {
        self.answers.get(combination).map_or(&[], Vec::as_slice)
    }

    /// For each group: the keys that would answer it, and of each combination what the other groups answer.
    pub fn groups(&self) -> impl Iterator<Item = (Vec<&'a str>, Vec<u32>)> {
        self.groups.iter().enumerate().map(|(number, group)| {
            let keys = group.asked.iter().flat_map(|asked| asked.keys.iter().copied()).collect();
            (keys, self.combinations.iter().map(|answers| answers & !(1 << number)).collect())
        })
    }
}

fn keys<'a>(groups: &[Group<'a>]) -> Vec<&'a str> {
    groups.iter().flat_map(|group| &group.asked).flat_map(|open| open.keys.iter().copied()).collect()
}

/// The keys that may be more than one thing.
fn unknown_keys<'a>(keys: impl Iterator<Item = &'a str>, view: &View<'_>) -> Vec<&'a str> {
    let is_open = |key: &&str| match view.get(key) {
        Seen::Unknown(unknown) => {
            unknown.may_be_absent
                || !matches!(unknown.candidates.as_deref(), Some([first, rest @ ..]) if rest.iter().all(|other| other == first))
        }
        _ => false,
    };
    keys.filter(is_open).collect()
}

/// The values of a condition that compare its key with policy variables, of which one or the other is not known. A set operator
/// asks each value of the key: there is not one answer.
fn open_values<'a>(condition: &'a Condition, view: &View<'_>) -> Vec<(Question, &'a PolicyValue)> {
    let Some(operator) = condition.operator else { return Vec::new() };
    let Some(comparison) = operator.comparison() else { return Vec::new() };
    if operator.quantifier.is_some() || !condition.evaluate(view).is_unknown() {
        return Vec::new();
    }
    let has_one = |key: &str| !matches!(view.get(key), Seen::Values([_, _, ..]));
    let is_unknown = |key: &str| matches!(view.get(key), Seen::Unknown(_));
    let is_open = |value: &&PolicyValue| value.variables().any(is_unknown) && value.variables().all(has_one);
    let open = condition.values.iter().filter(is_open);
    open.map(|value| (value.question(&condition.key, comparison).into(), value)).collect()
}

/// The texts of a group about the resource.
fn patterns<'b>(group: &'b Group<'_>) -> Option<Vec<&'b ResourcePattern>> {
    group.asked.iter().map(|asked| asked.pattern.as_ref()).collect()
}

fn is_yes(answers: u32, group: usize) -> bool {
    answers >> group & 1 == 1
}

/// May a resource match a text of each group that is answered with yes, and none of the others?
fn is_possible(groups: &[Group<'_>], answers: u32) -> bool {
    groups.iter().enumerate().filter(|(number, _)| is_yes(answers, *number)).all(|(number, group)| {
        let Some(own) = patterns(group) else { return true };
        groups.iter().enumerate().filter(|(other, _)| *other != number).all(|(other_number, other)| {
            let Some(others) = patterns(other) else { return true };
            if is_yes(answers, other_number) {
                own.iter().any(|own| others.iter().any(|other| !own.excludes(other)))
            } else {
                own.iter().any(|own| !others.iter().any(|other| other.includes(own)))
            }
        })
    })
}

fn answered(groups: &[Group<'_>], answers: u32) -> Vec<(Question, bool)> {
    let of_group = |(number, group): (usize, &Group<'_>)| {
        let yes = is_yes(answers, number);
        group.asked.iter().map(|asked| (asked.question.clone(), yes)).collect::<Vec<_>>()
    };
    groups.iter().enumerate().flat_map(of_group).collect()
}
