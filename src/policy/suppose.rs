//! What unknown keys may be, tried: the answer is certain if it is the same whatever they are.
//!
//! Statements that share no unknown key do not depend on each other. So the unknown keys fall into components, each of which is tried
//! by itself: what its statements may say is collected, and only that is combined with what the others may say.

use std::collections::{BTreeSet, HashMap};

use super::classes::{Readings, classes};
use super::compiled::Statement;
use super::context::{Class, Context, Question, Seen, View};
use super::layers::{Policies, Said};
use super::questions::Questions;
use super::request::Request;
use super::truth::Truth;

/// Suppositions that are tried of one component; keys with the most classes are left unknown first.
const MAXIMUM_ASSIGNMENTS: usize = 4096;

/// Different things that the policies may say together, before it is given up to tell them apart.
const MAXIMUM_COMBINATIONS: usize = 1024;

/// Suppositions without an answer that are searched for the conditions that leave it open.
const MAXIMUM_SEARCHED: usize = 256;

/// What trying gave.
#[derive(Debug)]
pub struct Supposed<'a> {
    /// Is the request denied?
    pub denied: Truth,
    /// By a Deny statement?
    pub explicit: Truth,
    /// Keys that make a difference, in lower case.
    pub settling: Vec<&'a str>,
    /// Of statements whose match depends on unknown keys: the answer, if it is always the same.
    matched: HashMap<*const Statement, Truth>,
}

impl Supposed<'_> {
    /// Whether a statement matches, as far as suppositions tell.
    pub fn matched(&self, statement: &Statement) -> Truth {
        self.matched.get(&std::ptr::from_ref(statement)).copied().unwrap_or(Truth::Unknown)
    }
}

/// Policies that are asked, with those that the request is known to have passed.
#[derive(Clone, Copy)]
struct Asked<'a> {
    policies: &'a Policies,
    passed: Option<&'a Policies>,
    request: &'a Request,
}

impl Asked<'_> {
    /// What the statements that `keep` chooses say, first of the policies and then of those that were passed.
    fn sayings(&self, view: &View<'_>, keep: &impl Fn(&Statement) -> bool) -> Vec<Said> {
        let mut sayings = self.policies.sayings(self.request, view, keep);
        sayings.extend(self.passed.iter().flat_map(|passed| passed.sayings(self.request, view, keep)));
        sayings
    }
}

/// Tries what the unknown keys may be. What the request is known to have passed (`passed`) cannot have denied it: a supposition
/// under which it would have is wrong.
pub fn suppose<'a>(policies: &'a Policies, passed: Option<&'a Policies>, request: &'a Request) -> Supposed<'a> {
    let view = View::of(&request.context);
    let reduced = policies.reduced(request, &view);
    let reduced_passed = passed.map(|passed| passed.reduced(request, &view));
    let asked = Asked { policies: &reduced, passed: reduced_passed.as_ref(), request };
    let has_boundary = policies.has_boundary();
    let mut components: Vec<Component<'a>> = Vec::new();
    let mut seen: BTreeSet<*const Statement> = BTreeSet::new();
    for (_, statement) in [Some(policies), passed].into_iter().flatten().flat_map(|policies| policies.statements(request)) {
        if seen.insert(std::ptr::from_ref(statement)) && statement.matches(request, &view, has_boundary).at_all().is_unknown() {
            Component::add(&mut components, statement, request);
        }
    }
    let in_components: BTreeSet<*const Statement> =
        components.iter().flat_map(|component| &component.statements).map(|statement| std::ptr::from_ref(*statement)).collect();
    let keep = |statement: &Statement| !in_components.contains(&std::ptr::from_ref(statement));
    let of_policies = reduced.sayings(request, &view, &keep).len();
    let base = asked.sayings(&view, &keep);
    let mut matched = HashMap::new();
    let trials: Vec<Trial<'a, '_>> =
        components.iter().map(|component| Trial::of(component, asked, request, has_boundary, &mut matched)).collect();
    // What the policies may say, from the first component on, and from the last one back.
    let mut before = vec![vec![base.clone()]];
    for trial in &trials {
        before.extend(before.last().map(|said| combined(said, &trial.distinct)));
    }
    let together = before.last().cloned().unwrap_or_default();
    let was_passed = |said: &[Said]| {
        let said = said.get(of_policies..).unwrap_or_default();
        reduced_passed.as_ref().is_none_or(|passed| !passed.decide_said(request, said).denied().is_true())
    };
    // If nothing that may be agrees with the log, the log proves nothing.
    let believes = together.iter().any(|said| was_passed(said));
    let decide = |said: &[Said]| {
        (!believes || was_passed(said)).then(|| reduced.decide_said(request, said.get(..of_policies).unwrap_or_default()))
    };
    let decisions: Vec<(Truth, Truth)> =
        together.iter().filter_map(|said| decide(said)).map(|decision| (decision.denied(), decision.explicit)).collect();
    let denied = decisions.iter().map(|(denied, _)| *denied).reduce(Truth::either).unwrap_or(Truth::Unknown);
    let explicit = decisions.iter().map(|(_, explicit)| *explicit).reduce(Truth::either).unwrap_or(Truth::Unknown);
    let mut settling: Vec<&str> = Vec::new();
    if denied.is_unknown() {
        let mut after = vec![base];
        for (number, trial) in trials.iter().enumerate().rev() {
            let others = before.get(number).map(|before| combined(before, &after)).unwrap_or_default();
            let answer = |said: &[Said]| decide(said).map(|decision| decision.denied());
            settling.extend(trial.settling(&others, request, has_boundary, &answer));
            after = combined(&after, &trial.distinct);
        }
        if settling.is_empty() && decisions.len() < together.len() {
            // What was left out hides which key it is: any of them.
            settling.extend(trials.iter().flat_map(|trial| trial.tried.iter().map(|(key, _)| *key)));
        }
    }
    settling.sort_unstable();
    settling.dedup();
    Supposed { denied, explicit, settling, matched }
}

/// Everything that two may say together.
fn combined(left: &[Vec<Said>], right: &[Vec<Said>]) -> Vec<Vec<Said>> {
    let mut all: BTreeSet<Vec<Said>> = BTreeSet::new();
    for left in left {
        for right in right {
            all.insert(both(left, right));
        }
    }
    if all.len() <= MAXIMUM_COMBINATIONS {
        return all.into_iter().collect();
    }
    let either = |left: Vec<Said>, right: Vec<Said>| left.iter().zip(&right).map(|(left, right)| left.either(*right)).collect();
    all.into_iter().reduce(either).into_iter().collect()
}

fn both(left: &[Said], right: &[Said]) -> Vec<Said> {
    left.iter().zip(right).map(|(left, right)| left.or(*right)).collect()
}

/// Statements that share unknown keys, or the question which resource it is.
#[derive(Default)]
struct Component<'a> {
    statements: Vec<&'a Statement>,
    keys: BTreeSet<&'a str>,
    /// Does it depend on the resource, which is not known?
    resource: bool,
}

impl<'a> Component<'a> {
    /// Adds a statement without an answer; one that depends neither on keys nor on the resource belongs to no component.
    fn add(components: &mut Vec<Component<'a>>, statement: &'a Statement, request: &Request) {
        let view = View::of(&request.context);
        let keys: BTreeSet<&str> = open_keys(statement, request, &view).into_iter().collect();
        let resource = statement.open_resources(request, &view).next().is_some();
        if keys.is_empty() && !resource {
            return;
        }
        let mut own = Component { statements: vec![statement], keys, resource };
        let (shared, others): (Vec<_>, Vec<_>) = std::mem::take(components)
            .into_iter()
            .partition(|component| !component.keys.is_disjoint(&own.keys) || (component.resource && own.resource));
        *components = others;
        for component in shared {
            own.statements.extend(component.statements);
            own.keys.extend(component.keys);
            own.resource |= component.resource;
        }
        components.push(own);
    }
}

/// The unknown keys of the parts of a statement that have no answer.
fn open_keys<'a>(statement: &'a Statement, request: &Request, view: &View<'_>) -> Vec<&'a str> {
    let mut keys: Vec<&str> = Vec::new();
    for condition in &statement.conditions {
        if condition.evaluate(view).is_unknown() {
            keys.extend(condition.keys());
        }
    }
    if statement.resource(request, view).is_unknown() {
        keys.extend(statement.resource_variables());
    }
    keys.retain(|key| matches!(request.context.get(key), Seen::Unknown(_)));
    keys
}

/// A component, tried.
struct Trial<'a, 'b> {
    component: &'b Component<'a>,
    tried: Vec<(&'a str, Vec<Class>)>,
    /// Combinations of answers that are tried with each assignment of the keys.
    questions: Questions<'a>,
    /// Everything that its statements may say.
    distinct: Vec<Vec<Said>>,
    /// For each assignment: the number of what they say then.
    said: Vec<usize>,
}

/// One supposition about everything in a component.
struct Assignment<'a> {
    supposed: Vec<(&'a str, &'a Class)>,
    answers: &'a [(Question, bool)],
}

impl<'a> Assignment<'a> {
    fn view(&'a self, context: &'a Context) -> View<'a> {
        View { context, supposed: &self.supposed, answers: self.answers }
    }
}

impl<'a, 'b> Trial<'a, 'b> {
    fn of(
        component: &'b Component<'a>,
        asked: Asked<'_>,
        request: &'a Request,
        has_boundary: bool,
        matched: &mut HashMap<*const Statement, Truth>,
    ) -> Self {
        let statements: BTreeSet<*const Statement> =
            component.statements.iter().map(|statement| std::ptr::from_ref(*statement)).collect();
        let tried = tried(component, request);
        let mut trial = Trial { component, tried, questions: Questions::default(), distinct: Vec::new(), said: Vec::new() };
        trial.questions = Questions::of(&component.statements, request).at_most(MAXIMUM_ASSIGNMENTS / trial.assignments());
        let mut numbers: HashMap<Vec<Said>, usize> = HashMap::new();
        for number in 0..trial.assignments() {
            let assignment = trial.assignment(number);
            let view = assignment.view(&request.context);
            let said = asked.sayings(&view, &|statement| statements.contains(&std::ptr::from_ref(statement)));
            let next = numbers.len();
            let index = *numbers.entry(said.clone()).or_insert(next);
            for statement in &component.statements {
                let truth = statement.matches(request, &view, has_boundary).at_all();
                let known = matched.entry(std::ptr::from_ref(*statement)).or_insert(truth);
                *known = known.either(truth);
            }
            if index == next {
                trial.distinct.push(said);
            }
            trial.said.push(index);
        }
        trial
    }

    fn assignments(&self) -> usize {
        self.tried.iter().map(|(_, classes)| classes.len().max(1)).product::<usize>() * self.questions.count().max(1)
    }

    /// What is supposed of the keys, and of the questions that these do not answer.
    fn assignment(&self, number: usize) -> Assignment<'_> {
        let combinations = self.questions.count().max(1);
        let mut rest = number / combinations;
        let mut supposed = Vec::with_capacity(self.tried.len());
        for (key, classes) in &self.tried {
            let count = classes.len().max(1);
            supposed.extend(classes.get(rest % count).map(|class| (*key, class)));
            rest /= count;
        }
        Assignment { supposed, answers: self.questions.answers(number % combinations) }
    }

    /// The keys of the component that make a difference, whatever the others may say.
    fn settling(
        &self,
        others: &[Vec<Said>],
        request: &Request,
        has_boundary: bool,
        denied: &dyn Fn(&[Said]) -> Option<Truth>,
    ) -> Vec<&'a str> {
        // For each thing that the statements may say: the answers beside each of the others, if they may be said together.
        let answers: Vec<Vec<Option<Truth>>> =
            self.distinct.iter().map(|own| others.iter().map(|other| denied(&both(own, other))).collect()).collect();
        let answer = |index: usize| self.said.get(index).and_then(|said| answers.get(*said));
        let differ = |known: &mut Vec<Option<Truth>>, answer: &[Option<Truth>]| {
            known.iter_mut().zip(answer).any(|(known, answer)| match (*known, *answer) {
                (Some(known), Some(answer)) => known != answer,
                (None, Some(_)) => {
                    *known = *answer;
                    false
                }
                (_, None) => false,
            })
        };
        // Does the answer change among the assignments to which `group` gives the same name?
        let changes = |group: &dyn Fn(usize) -> (usize, u32)| {
            let mut of_group: HashMap<(usize, u32), Vec<Option<Truth>>> = HashMap::new();
            (0..self.said.len()).any(|index| {
                let Some(answer) = answer(index) else { return false };
                differ(of_group.entry(group(index)).or_insert_with(|| vec![None; answer.len()]), answer)
            })
        };
        let mut settling = Vec::new();
        let combinations = self.questions.count().max(1);
        for (keys, others) in self.questions.groups() {
            if changes(&|index| (index / combinations, others.get(index % combinations).copied().unwrap_or_default())) {
                settling.extend(keys);
            }
        }
        let mut stride = combinations;
        for (key, classes) in &self.tried {
            let count = classes.len().max(1);
            if changes(&|index| (index - index / stride % count * stride, 0)) {
                settling.push(*key);
            }
            stride *= count;
        }
        let is_open = |index: &usize| {
            let said = self.said.get(*index).and_then(|said| self.distinct.get(*said));
            said.is_some_and(|said| said.iter().any(|said| said.is_open()))
                && answer(*index).is_some_and(|answers| answers.iter().any(|answer| answer.is_some_and(Truth::is_unknown)))
        };
        if (0..self.said.len()).any(|index| is_open(&index)) {
            settling.extend(&self.questions.left_out);
        }
        for index in (0..self.said.len()).filter(is_open).take(MAXIMUM_SEARCHED) {
            let assignment = self.assignment(index);
            let view = assignment.view(&request.context);
            for statement in &self.component.statements {
                if statement.matches(request, &view, has_boundary).at_all().is_unknown() {
                    let is_known = |key: &str| matches!(view.get(key), Seen::Absent | Seen::Values(_));
                    settling.extend(open_keys(statement, request, &view).into_iter().filter(|key| !is_known(key)));
                }
            }
        }
        settling
    }
}

/// The keys of a component with their classes, as far as they can be tried together.
fn tried<'a>(component: &Component<'a>, request: &'a Request) -> Vec<(&'a str, Vec<Class>)> {
    let readings = Readings::of(&component.statements, request);
    let mut tried: Vec<(&str, Vec<Class>)> = component
        .keys
        .iter()
        .filter_map(|key| match request.context.get(key) {
            Seen::Unknown(unknown) => Some((*key, classes(key, unknown, &readings, &request.context)?)),
            _ => None,
        })
        .collect();
    tried.sort_by_key(|(key, classes)| (classes.len(), *key));
    let mut assignments = 1_usize;
    let fit = tried
        .iter()
        .take_while(|(_, classes)| {
            assignments = assignments.saturating_mul(classes.len().max(1));
            assignments <= MAXIMUM_ASSIGNMENTS
        })
        .count();
    tried.truncate(fit);
    tried
}
