//! The answer to a request: denied, not denied, or not to be told, and why.

use std::collections::HashMap;

use super::applicability;
use super::classes::classes;
use super::compiled::{PolicyType, Statement};
use super::condition::Condition;
use super::context::{Class, Seen, View};
use super::diagnostic::Position;
use super::document::Effect;
use super::layers::{Attached, Decision, Layer, Policies};
use super::request::Request;
use super::residual;
use super::truth::Truth;

/// Suppositions that are tried before the answer is left open.
const MAXIMUM_ASSIGNMENTS: usize = 4096;

/// What the policies say of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    Denied,
    /// No policy that was given denies it. If identity and resource policies were given, it is allowed.
    NotDenied,
    /// It depends on something that is not known.
    Undetermined,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Denied => "denied",
            Verdict::NotDenied => "not_denied",
            Verdict::Undetermined => "undetermined",
        }
    }
}

/// How a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denial {
    /// A Deny statement matches; or, if that depends on something unknown, a Deny matches or an Allow is missing, whatever it is.
    Explicit,
    /// An Allow is missing.
    Implicit,
}

impl Denial {
    pub fn as_str(self) -> &'static str {
        match self {
            Denial::Explicit => "explicit",
            Denial::Implicit => "implicit",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// For a denied request.
    pub denial: Option<Denial>,
    /// Every statement that matches or may match, in the order of the layers.
    pub statements: Vec<StatementMatch>,
    /// What allows the request for certain, may allow it, or does not: one entry for each permission that is needed and not certain.
    pub not_allowed_by: Vec<NotAllowed>,
    /// Policy types that do not apply, or may not, and why.
    pub exempt: Vec<Exempt>,
    /// For an undetermined request: what it depends on, in words.
    pub residual: Option<String>,
    /// For an undetermined request: the keys that would settle it.
    pub settling: Vec<Settling>,
}

/// A statement that matches the request, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementMatch {
    pub policy_type: PolicyType,
    pub level: Option<usize>,
    /// Name of the policy.
    pub policy: String,
    /// From 0.
    pub index: usize,
    pub sid: Option<String>,
    pub effect: Effect,
    pub position: Position,
    /// `true`: it matches. `false`: whether it does is not known.
    pub certain: bool,
    /// For one that is not certain: what it depends on, in words.
    pub depends_on: Vec<String>,
}

/// A permission that is missing, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAllowed {
    pub layer: Layer,
    pub level: Option<usize>,
    /// `false`: whether it allows is not known.
    pub certain: bool,
}

/// A policy type that does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempt {
    pub policy_type: PolicyType,
    /// `false`: whether it applies is not known.
    pub certain: bool,
    pub reason: &'static str,
}

/// A key that would settle the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    pub key: String,
    /// Why it is not known.
    pub why: String,
}

/// Judges a request by the policies.
pub fn judge(policies: &Policies, request: &Request) -> Judgement {
    judge_knowing(policies, None, request)
}

/// Judges a request that is known to have passed other policies: what would have been denied by them is not supposed.
pub fn judge_passed(policies: &Policies, passed: &Policies, request: &Request) -> Judgement {
    judge_knowing(policies, Some(passed), request)
}

fn judge_knowing(policies: &Policies, passed: Option<&Policies>, request: &Request) -> Judgement {
    let view = View::of(&request.context);
    let decision = policies.decide(request, &view);
    let mut judgement = Judgement {
        verdict: Verdict::Undetermined,
        denial: None,
        statements: statements(policies, request, &view),
        not_allowed_by: not_allowed(&decision),
        exempt: exempt(policies, request),
        residual: None,
        settling: Vec::new(),
    };
    match decision.denied() {
        Truth::True => deny(&mut judgement, decision.explicit),
        Truth::False => judgement.verdict = Verdict::NotDenied,
        Truth::Unknown => suppose(policies, passed, request, &mut judgement),
    }
    judgement
}

fn deny(judgement: &mut Judgement, explicit: Truth) {
    judgement.verdict = Verdict::Denied;
    judgement.denial = Some(if explicit.is_false() { Denial::Implicit } else { Denial::Explicit });
}

fn statements(policies: &Policies, request: &Request, view: &View<'_>) -> Vec<StatementMatch> {
    if applicability::is_never_denied(request) {
        return Vec::new();
    }
    let mut matches = Vec::new();
    for (attached, statement) in policies.statements(request) {
        let truth = matched(policies, &attached, statement, request, view);
        if truth.is_false() {
            continue;
        }
        matches.push(StatementMatch {
            policy_type: attached.policy.policy_type,
            level: attached.level,
            policy: attached.policy.name.clone(),
            index: statement.index,
            sid: statement.sid.clone(),
            effect: statement.effect,
            position: statement.position,
            certain: truth.is_true(),
            depends_on: if truth.is_true() {
                Vec::new()
            } else {
                residual::depends_on(statement, &attached, request, view, policies.has_boundary())
            },
        });
    }
    matches
}

fn matched(policies: &Policies, attached: &Attached<'_>, statement: &Statement, request: &Request, view: &View<'_>) -> Truth {
    attached.applies.truth.and(statement.matches(request, view, policies.has_boundary()).at_all())
}

fn not_allowed(decision: &Decision) -> Vec<NotAllowed> {
    decision
        .needed
        .iter()
        .filter(|needed| !needed.allowed.is_true())
        .map(|needed| NotAllowed { layer: needed.layer, level: needed.level, certain: needed.allowed.is_false() })
        .collect()
}

fn exempt(policies: &Policies, request: &Request) -> Vec<Exempt> {
    let mut exempt = Vec::new();
    let given = [
        (policies.service_control.is_some(), PolicyType::ServiceControl, applicability::service_control(request)),
        (policies.resource_control.is_some(), PolicyType::ResourceControl, applicability::resource_control(request)),
        (policies.vpc_endpoint.is_some(), PolicyType::VpcEndpoint, applicability::vpc_endpoint(request)),
    ];
    for (is_given, policy_type, applies) in given {
        if is_given && !applies.truth.is_true() {
            exempt.push(Exempt { policy_type, certain: applies.truth.is_false(), reason: applies.reason });
        }
    }
    exempt
}

/// Tries what the unknown keys may be: the answer is certain if all suppositions agree.
fn suppose(policies: &Policies, passed: Option<&Policies>, request: &Request, judgement: &mut Judgement) {
    let mut open = OpenKeys::of(policies, request);
    if let Some(passed) = passed {
        open.add(passed, request);
    }
    let mut tried: Vec<(&str, Vec<Class>)> = Vec::new();
    let mut left: Vec<&str> = Vec::new();
    for key in &open.keys {
        let Seen::Unknown(unknown) = request.context.get(key) else { continue };
        match classes(key, unknown, &open.conditions, open.variables.contains(key), &request.context) {
            Some(classes) => tried.push((key, classes)),
            None => left.push(key),
        }
    }
    // Keys with many classes are left unknown first.
    tried.sort_by_key(|(key, classes)| (classes.len(), *key));
    let mut assignments = 1_usize;
    let fit = tried
        .iter()
        .take_while(|(_, classes)| {
            assignments = assignments.saturating_mul(classes.len().max(1));
            assignments <= MAXIMUM_ASSIGNMENTS
        })
        .count();
    left.extend(tried.split_off(fit).iter().map(|(key, _)| *key));
    let view = View::of(&request.context);
    let reduced = policies.reduced(request, &view);
    let passed = passed.map(|passed| passed.reduced(request, &view));
    let mut answers = try_all(&reduced, passed.as_ref(), request, &tried);
    if answers.iter().all(Option::is_none) {
        // The log says otherwise than the policies: it proves nothing.
        answers = try_all(&reduced, None, request, &tried);
    }
    if answers.iter().flatten().all(|(denied, _)| denied.is_true()) {
        let explicit = answers.iter().flatten().map(|(_, explicit)| *explicit).reduce(Truth::either);
        return deny(judgement, explicit.unwrap_or(Truth::Unknown));
    }
    if answers.iter().flatten().all(|(denied, _)| denied.is_false()) {
        judgement.verdict = Verdict::NotDenied;
        return;
    }
    let known_left = left.len();
    let mut settling: Vec<&str> = left;
    let mut stride = 1;
    for (key, classes) in &tried {
        let first_of = |index: usize| index - index / stride % classes.len().max(1) * stride;
        let mut of_group: HashMap<usize, Truth> = HashMap::new();
        let changes = answers.iter().enumerate().any(|(index, answer)| {
            let Some((denied, _)) = answer else { return false };
            *of_group.entry(first_of(index)).or_insert(*denied) != *denied
        });
        if changes {
            settling.push(key);
        }
        stride *= classes.len().max(1);
    }
    if settling.len() == known_left && answers.iter().any(Option::is_none) {
        // What was left out hides which key it is: any of them.
        settling.extend(tried.iter().map(|(key, _)| *key));
    }
    settling.sort_unstable();
    judgement.settling = settling
        .into_iter()
        .filter_map(|key| match request.context.get(key) {
            Seen::Unknown(unknown) => Some(Settling { key: open.name(key, &request.context), why: unknown.why.clone() }),
            _ => None,
        })
        .collect();
    judgement.residual = Some(residual::in_words(judgement));
}

/// For each assignment: denied? explicitly? `None`: the request would not have passed what it is known to have passed.
fn try_all(
    policies: &Policies,
    passed: Option<&Policies>,
    request: &Request,
    tried: &[(&str, Vec<Class>)],
) -> Vec<Option<(Truth, Truth)>> {
    let total: usize = tried.iter().map(|(_, classes)| classes.len().max(1)).product();
    let mut answers = Vec::with_capacity(total);
    for number in 0..total {
        let mut rest = number;
        let mut supposed: Vec<(&str, &Class)> = Vec::with_capacity(tried.len());
        for (key, classes) in tried {
            let count = classes.len().max(1);
            supposed.extend(classes.get(rest % count).map(|class| (*key, class)));
            rest /= count;
        }
        let view = View { context: &request.context, supposed: &supposed };
        if passed.is_some_and(|passed| passed.decide(request, &view).denied().is_true()) {
            answers.push(None);
            continue;
        }
        let decision = policies.decide(request, &view);
        answers.push(Some((decision.denied(), decision.explicit)));
    }
    answers
}

/// The unknown keys that statements without an answer read.
struct OpenKeys<'a> {
    keys: Vec<&'a str>,
    conditions: Vec<&'a Condition>,
    /// Keys that stand in policy variables.
    variables: Vec<&'a str>,
}

impl<'a> OpenKeys<'a> {
    fn of(policies: &'a Policies, request: &'a Request) -> OpenKeys<'a> {
        let mut open = OpenKeys { keys: Vec::new(), conditions: Vec::new(), variables: Vec::new() };
        open.add(policies, request);
        open
    }

    fn add(&mut self, policies: &'a Policies, request: &'a Request) {
        let open = self;
        let view = View::of(&request.context);
        for (attached, statement) in policies.statements(request) {
            if !matched(policies, &attached, statement, request, &view).is_unknown() {
                continue;
            }
            open.conditions.extend(&statement.conditions);
            for condition in &statement.conditions {
                open.keys.extend(condition.keys());
                open.variables.extend(condition.variables());
            }
            open.keys.extend(statement.resource_variables());
            open.variables.extend(statement.resource_variables());
        }
        open.keys.retain(|key| matches!(request.context.get(key), Seen::Unknown(_)));
        open.keys.sort_unstable();
        open.keys.dedup();
    }

    /// The key as the policies spell it.
    fn name(&self, key: &str, context: &super::context::Context) -> String {
        let written = self.conditions.iter().find(|condition| condition.key == key);
        written.map_or_else(|| context.name(key).to_owned(), |condition| condition.name.clone())
    }
}
