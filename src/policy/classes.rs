//! Classes of an unknown key: finitely many suppositions that together cover everything the key may be, as far as the policies can
//! tell.
//!
//! Three-valued logic forgets that the same unknown value answers every condition: `Deny if x = a` and `Deny if x ≠ a` deny
//! whatever `x` is. Policies name finitely many values, so an unknown key falls into finitely many classes: each value that is
//! named, none of them, absent. If the answer is the same in every class, it is certain.

use std::collections::{BTreeMap, BTreeSet};

use super::compiled::Statement;
use super::condition::{Condition, PolicyValue};
use super::context::{Class, Context, Member, Other, Seen, Unknown, View};
use super::global_keys::{self, KeyType};
use super::operator::Comparison;
use super::pattern::Glob;
use super::request::Request;
use super::truth::Truth;
use super::value::{Decimal, date_text, representatives};

/// Groups of patterns of which every combination of answers is supposed; with more, none is.
const MAXIMUM_GROUPS: usize = 8;

/// Kinds of values of which every set is supposed; with more, none is.
const MAXIMUM_MEMBERS: usize = 6;

/// Texts of which each is supposed of every key that is compared with another; with more, none is.
const MAXIMUM_COMPARED: usize = 24;

/// What the conditions read, beside a key of which the classes are asked.
#[derive(Debug)]
pub struct Readings<'a> {
    pub conditions: Vec<&'a Condition>,
    /// Keys that stand in policy variables.
    pub variables: BTreeSet<&'a str>,
    /// Of keys that are compared with each other: the values that any of them is known to be able to have.
    compared: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Readings<'a> {
    /// What the statements read of the request.
    pub fn of(statements: &[&'a Statement], request: &'a Request) -> Readings<'a> {
        let view = View::of(&request.context);
        let conditions: Vec<&Condition> = statements.iter().flat_map(|statement| &statement.conditions).collect();
        let mut variables: BTreeSet<&str> = statements.iter().flat_map(|statement| statement.resource_variables()).collect();
        variables.extend(conditions.iter().flat_map(|condition| condition.variables()));
        let mut compared = compared(&conditions, &request.context);
        let resources = statements.iter().flat_map(|statement| statement.open_resources(request, &view));
        let of_resources = resources.filter_map(|pattern| pattern.fitting(&request.resource));
        let of_conditions = conditions.iter().flat_map(|condition| fitting(condition, &view));
        for (variable, texts) in of_resources.chain(of_conditions) {
            let known: &mut BTreeSet<String> = compared.entry(variable).or_default();
            if known.len() + texts.len() <= MAXIMUM_COMPARED {
                known.extend(texts);
            }
        }
        Readings { conditions, variables, compared }
    }
}

/// The variables of a condition of which the key is known, with the values with which they match.
fn fitting<'a>(condition: &'a Condition, view: &View<'_>) -> Vec<(&'a str, Vec<String>)> {
    match view.get(&condition.key) {
        Seen::Values([value]) => condition.values.iter().filter_map(|own| own.fitting(value)).collect(),
        _ => Vec::new(),
    }
}

/// Keys that conditions compare with each other as they are, with the texts that belong to any of them.
fn compared<'a>(conditions: &[&'a Condition], context: &Context) -> BTreeMap<&'a str, BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<&str>> = Vec::new();
    for condition in conditions {
        for variable in condition.values.iter().filter_map(PolicyValue::lone_variable) {
            let mut own = BTreeSet::from([condition.key.as_str(), variable]);
            groups.retain(|group| {
                let apart = group.is_disjoint(&own);
                if !apart {
                    own.extend(group);
                }
                apart
            });
            groups.push(own);
        }
    }
    let mut compared = BTreeMap::new();
    for group in groups {
        let mut texts: BTreeSet<String> = group.iter().flat_map(|key| values(context.get(key))).collect();
        let of_group = conditions.iter().filter(|condition| group.contains(condition.key.as_str()));
        texts.extend(of_group.flat_map(|condition| &condition.values).filter_map(PolicyValue::plain_text));
        if texts.len() <= MAXIMUM_COMPARED {
            compared.extend(group.into_iter().map(|key| (key, texts.clone())));
        }
    }
    compared
}

/// The values that a key has or may have.
fn values(seen: Seen<'_>) -> Vec<String> {
    match seen {
        Seen::Values(values) => values.to_vec(),
        Seen::Unknown(unknown) => {
            let candidates = unknown.candidates.iter().flatten().flatten();
            candidates.chain(&unknown.known_members).chain(&unknown.excluded).cloned().collect()
        }
        Seen::Absent | Seen::Other(_) | Seen::Set(_) | Seen::Something => Vec::new(),
    }
}

/// The classes of `key`, of which `unknown` is known, for the conditions that read it. `None`: suppositions would tell nothing.
///
/// A key that no condition treats as multivalued is supposed to have one value, of the type that its operators read.
pub fn classes(key: &str, unknown: &Unknown, readings: &Readings<'_>, context: &Context) -> Option<Vec<Class>> {
    let Readings { conditions, variables, compared } = readings;
    let as_variable = variables.contains(key);
    let named = compared.get(key);
    let own: Vec<&Condition> = conditions.iter().copied().filter(|condition| condition.key == key).collect();
    if unknown.between.is_some() {
        return None;
    }
    let depends_on_others =
        own.iter().any(|condition| condition.variables().any(|variable| matches!(context.get(variable), Seen::Unknown(_))));
    let may_merge = !as_variable && !depends_on_others;
    let is_set = own.iter().any(|condition| condition.is_set());
    let mut classes = Vec::new();
    if unknown.may_be_absent && unknown.known_members.is_empty() {
        classes.push(Class::Absent);
    }
    match &unknown.candidates {
        Some(candidates) if !candidates.is_empty() => {
            classes.extend(candidates.iter().map(|values| match values.as_slice() {
                [] => Class::Absent,
                _ => Class::Values(values.clone()),
            }));
        }
        _ if is_set || !unknown.known_members.is_empty() => {
            let mut kinds = without_excluded(single_valued(key, unknown, &own, as_variable, named, context), unknown);
            if may_merge {
                keep_distinct(&mut kinds, key, &own, context);
            }
            classes.extend(sets(&kinds, &unknown.known_members)?);
        }
        _ => classes.extend(without_excluded(single_valued(key, unknown, &own, as_variable, named, context), unknown)),
    }
    let fits = |value: &String| unknown.like.is_empty() || unknown.like.iter().any(|partial| Glob::new(partial).matches(value));
    classes.retain(|class| !matches!(class, Class::Values(values) if !values.iter().all(fits)));
    classes
        .retain(|class| !matches!(class, Class::Values(values) if values.iter().any(|value| unknown.excluded.contains(value))));
    if may_merge {
        keep_distinct(&mut classes, key, &own, context);
    }
    Some(classes)
}

/// The classes without those that are known not to be.
fn without_excluded(mut classes: Vec<Class>, unknown: &Unknown) -> Vec<Class> {
    classes
        .retain(|class| !matches!(class, Class::Values(values) if values.iter().any(|value| unknown.excluded.contains(value))));
    for class in &mut classes {
        if let Class::Other(other) = class {
            other.excluded.extend(unknown.excluded.iter().cloned());
        }
    }
    let unlike: Vec<Glob> = unknown.unlike.iter().map(|pattern| Glob::new(pattern)).collect();
    classes.retain(|class| match class {
        Class::Values(values) => !values.iter().any(|value| unlike.iter().any(|pattern| pattern.matches(value))),
        Class::Other(other) => !other.supposed.iter().any(|(comparison, text, answer)| {
            let is_pattern = *answer && *comparison == Comparison::StringLike && !text.contains('$');
            is_pattern && unlike.iter().any(|pattern| pattern.covers(&Glob::new(text)))
        }),
        Class::Absent | Class::Set(_) | Class::Something => true,
    });
    classes
}

/// Every set of these kinds of values beside the values that are known to be in it. `None`: there are too many, and what is known
/// would be lost.
fn sets(kinds: &[Class], known: &[String]) -> Option<Vec<Class>> {
    let kinds: Vec<Member> = kinds
        .iter()
        .filter_map(|class| match class {
            Class::Values(values) => values.first().cloned().map(Member::Text),
            Class::Other(other) => Some(Member::Other(other.clone())),
            Class::Absent | Class::Set(_) | Class::Something => None,
        })
        .collect();
    if kinds.len() > MAXIMUM_MEMBERS {
        return known.is_empty().then(|| vec![Class::Something]);
    }
    let first = usize::from(known.is_empty());
    let subsets = (first..1 << kinds.len()).map(|chosen: usize| {
        let known = known.iter().cloned().map(Member::Text);
        let chosen = kinds.iter().enumerate().filter(|(number, _)| chosen >> number & 1 == 1).map(|(_, kind)| kind.clone());
        Class::Set(known.chain(chosen).collect())
    });
    Some(subsets.collect())
}

/// Classes that no condition tells apart are one.
fn keep_distinct(classes: &mut Vec<Class>, key: &str, conditions: &[&Condition], context: &Context) {
    let mut seen: Vec<Vec<Truth>> = Vec::new();
    classes.retain(|class| {
        let supposed = [(key, class)];
        let view = View { context, supposed: &supposed, answers: &[] };
        let answers: Vec<Truth> = conditions.iter().map(|condition| condition.evaluate(&view)).collect();
        let new = !seen.contains(&answers);
        if new {
            seen.push(answers);
        }
        new
    });
}

fn single_valued(
    key: &str,
    unknown: &Unknown,
    conditions: &[&Condition],
    as_variable: bool,
    named: Option<&BTreeSet<String>>,
    context: &Context,
) -> Vec<Class> {
    let comparisons: Vec<Comparison> = conditions.iter().filter_map(|condition| condition.operator?.comparison()).collect();
    let values = || conditions.iter().flat_map(|condition| &condition.values);
    let one = |text: String| Class::Values(vec![text]);
    // Of a policy variable the text counts, not what an operator reads of it.
    if !as_variable && !comparisons.is_empty() && !values().any(PolicyValue::has_variables) {
        let all = |test: fn(&Comparison) -> bool| comparisons.iter().all(test);
        let is_boolean = global_keys::find(key).is_some_and(|known| known.value_type == KeyType::Bool);
        if is_boolean || all(|comparison| *comparison == Comparison::Bool) {
            return ["true", "false"].map(|text| one(text.to_owned())).to_vec();
        }
        if all(|comparison| *comparison == Comparison::IpAddress) {
            let networks: Vec<_> = values().filter_map(PolicyValue::network).collect();
            return representatives(&networks).into_iter().map(one).collect();
        }
        if all(|comparison| matches!(comparison, Comparison::Date(_))) {
            return dates(values().filter_map(PolicyValue::date)).into_iter().map(one).collect();
        }
        if all(|comparison| matches!(comparison, Comparison::Numeric(_)))
            && let Some(numbers) = numbers(&values().filter_map(PolicyValue::number).collect::<Vec<_>>())
        {
            return numbers.into_iter().map(one).collect();
        }
    }
    texts(conditions, &unknown.like, named, context)
}

/// Each text that is named, and others with every combination of answers to the patterns that texts like these may give.
fn texts(conditions: &[&Condition], like: &[String], named: Option<&BTreeSet<String>>, context: &Context) -> Vec<Class> {
    let view = View::of(context);
    let mut named: Vec<String> = named.into_iter().flatten().cloned().collect();
    let mut patterns: Vec<Pattern> = Vec::new();
    // Comparisons of which every text that matches is named.
    let mut never: Vec<(Comparison, String, bool)> = Vec::new();
    for (number, condition) in conditions.iter().enumerate() {
        let Some(comparison) = condition.operator.and_then(|operator| operator.comparison()) else { continue };
        // What an unknown variable stands for is asked again in each class.
        for value in condition.values.iter().filter_map(|value| value.resolved(comparison, &view)) {
            match value.exact_text(&view) {
                Some(text) if comparison == Comparison::StringEquals => named.push(text),
                _ if value.is_impossible() => {}
                _ if comparison == Comparison::StringEqualsIgnoreCase && spellings(&value.known_as).is_some() => {
                    named.extend(spellings(&value.known_as).into_iter().flatten());
                    never.push((comparison, value.known_as.clone(), false));
                }
                _ => {
                    let is_plain = !value.known_as.contains(['*', '?', '$']);
                    if is_plain {
                        named.push(value.known_as.clone());
                    }
                    // A plain text matches no other; in another case, it may.
                    if !is_plain || !matches!(comparison, Comparison::StringLike | Comparison::Arn) {
                        Pattern::add(&mut patterns, comparison, value, number);
                    }
                }
            }
        }
    }
    named.sort();
    named.dedup();
    let mut classes: Vec<Class> = named.iter().map(|text| Class::Values(vec![text.clone()])).collect();
    let groups = groups(patterns);
    if groups.len() > MAXIMUM_GROUPS {
        classes.push(Class::Other(Other { excluded: named, supposed: never }));
        return classes;
    }
    for answers in 0..1_u32 << groups.len() {
        let answered: Vec<(&Vec<Pattern>, bool)> =
            groups.iter().enumerate().map(|(number, group)| (group, answers >> number & 1 == 1)).collect();
        if !is_possible(&answered) || !may_be_like(&answered, like) {
            continue;
        }
        let answers = answered.iter().flat_map(|(group, answer)| {
            group.iter().map(|pattern| (pattern.comparison, pattern.value.known_as.clone(), *answer))
        });
        let supposed = answers.chain(never.iter().cloned()).collect();
        classes.push(Class::Other(Other { excluded: named.clone(), supposed }));
    }
    classes
}

/// Every spelling of a text in capital and small letters, if they are few.
fn spellings(text: &str) -> Option<Vec<String>> {
    const MAXIMUM_LETTERS: usize = 4;
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    if letters > MAXIMUM_LETTERS || !text.is_ascii() || text.contains('$') {
        return None;
    }
    let mut spellings = vec![String::new()];
    for character in text.chars() {
        let mut both = vec![character.to_ascii_lowercase(), character.to_ascii_uppercase()];
        both.dedup();
        spellings = spellings.iter().flat_map(|start| both.iter().map(move |own| format!("{start}{own}"))).collect();
    }
    Some(spellings)
}

/// A pattern, and the conditions that name it.
struct Pattern {
    comparison: Comparison,
    value: PolicyValue,
    conditions: Vec<usize>,
}

impl Pattern {
    fn add(patterns: &mut Vec<Pattern>, comparison: Comparison, value: PolicyValue, condition: usize) {
        let same = |own: &&mut Pattern| own.comparison == comparison && own.value.known_as == value.known_as;
        match patterns.iter_mut().find(same) {
            Some(known) if known.conditions.contains(&condition) => {}
            Some(known) => known.conditions.push(condition),
            None => patterns.push(Pattern { comparison, value, conditions: vec![condition] }),
        }
    }
}

/// Patterns that stand in the same conditions, and only together: what counts is whether any of them matches.
fn groups(patterns: Vec<Pattern>) -> Vec<Vec<Pattern>> {
    let mut groups: Vec<Vec<Pattern>> = Vec::new();
    for pattern in patterns {
        match groups.iter_mut().find(|group| group.iter().all(|own| own.conditions == pattern.conditions)) {
            Some(group) => group.push(pattern),
            None => groups.push(vec![pattern]),
        }
    }
    groups
}

/// May a text match a pattern of each group that is answered so, and none of the others?
fn is_possible(answered: &[(&Vec<Pattern>, bool)]) -> bool {
    answered.iter().enumerate().filter(|(_, (_, answer))| *answer).all(|(number, (group, _))| {
        answered.iter().enumerate().filter(|(other, _)| *other != number).all(|(_, (other, answer))| {
            if *answer {
                group.iter().any(|own| other.iter().any(|other| !own.value.excludes(&other.value)))
            } else {
                group.iter().any(|own| !other.iter().any(|other| other.value.includes(&own.value)))
            }
        })
    })
}

/// May a text that matches one of these patterns give these answers?
fn may_be_like(answered: &[(&Vec<Pattern>, bool)], like: &[String]) -> bool {
    let gives = |partial: &String| {
        answered.iter().all(|(group, answer)| {
            if *answer {
                group.iter().any(|own| !own.value.misses(partial))
            } else {
                !group.iter().any(|own| own.value.takes_all(partial))
            }
        })
    };
    like.is_empty() || like.iter().any(gives)
}

/// Numbers at, between and outside the given ones. `None` if one of them is negative.
fn numbers(given: &[&Decimal]) -> Option<Vec<String>> {
    let zero = Decimal::parse("0")?;
    let mut texts = vec!["-1".to_owned()];
    for number in given {
        if **number < zero {
            return None;
        }
        texts.push(number.to_string());
        texts.push(number.just_above());
    }
    // Below the smallest, which may be above zero.
    texts.push("0".to_owned());
    Some(texts)
}

/// Moments at, between and outside the given ones.
fn dates(given: impl Iterator<Item = i128>) -> Vec<String> {
    let mut moments = vec![0];
    moments.extend(given.flat_map(|moment| [moment.saturating_sub(1), moment, moment.saturating_add(1)]));
    moments.sort_unstable();
    moments.dedup();
    moments.into_iter().map(date_text).collect()
}
