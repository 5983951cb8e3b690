//! The answer to a request: denied, not denied, or not to be told, and why.

use super::applicability;
use super::compiled::{PolicyType, Statement};
use super::context::{Seen, View};
use super::diagnostic::Position;
use super::document::Effect;
use super::layers::{Attached, Decision, Layer, Policies};
use super::request::Request;
use super::residual;
use super::suppose::suppose;
use super::truth::Truth;

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
    /// Does the type of the policy certainly apply to the request?
    pub applies: bool,
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
    let (found, statements) = statements(policies, request, &view).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let mut judgement = Judgement {
        verdict: Verdict::Undetermined,
        denial: None,
        statements,
        not_allowed_by: not_allowed(&decision),
        exempt: exempt(policies, request),
        residual: None,
        settling: Vec::new(),
    };
    match decision.denied() {
        Truth::True => deny(&mut judgement, decision.explicit),
        Truth::False => judgement.verdict = Verdict::NotDenied,
        Truth::Unknown => settle(policies, passed, request, &found, &mut judgement),
    }
    judgement
}

fn deny(judgement: &mut Judgement, explicit: Truth) {
    judgement.verdict = Verdict::Denied;
    judgement.denial = Some(if explicit.is_false() { Denial::Implicit } else { Denial::Explicit });
}

fn statements<'a>(policies: &'a Policies, request: &'a Request, view: &View<'_>) -> Vec<(&'a Statement, StatementMatch)> {
    if applicability::is_never_denied(request) {
        return Vec::new();
    }
    let mut matches = Vec::new();
    for (attached, statement) in policies.statements(request) {
        let truth = matched(policies, &attached, statement, request, view);
        if truth.is_false() {
            continue;
        }
        let found = StatementMatch {
            policy_type: attached.policy.policy_type,
            level: attached.level,
            policy: attached.policy.name.clone(),
            index: statement.index,
            sid: statement.sid.clone(),
            effect: statement.effect,
            position: statement.position,
            certain: truth.is_true(),
            applies: attached.applies.truth.is_true(),
            depends_on: if truth.is_true() {
                Vec::new()
            } else {
                residual::depends_on(statement, &attached, request, view, policies.has_boundary())
            },
        };
        matches.push((statement, found));
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

/// What a request that depends on unknown keys comes to.
fn settle(policies: &Policies, passed: Option<&Policies>, request: &Request, found: &[&Statement], judgement: &mut Judgement) {
    let supposed = suppose(policies, passed, request);
    let truths: Vec<Truth> = found.iter().map(|statement| supposed.matched(statement)).collect();
    let mut number = 0;
    judgement.statements.retain_mut(|own| {
        let truth = truths.get(number).copied().unwrap_or(Truth::Unknown);
        number += 1;
        if own.certain || !own.applies {
            return true;
        }
        if truth.is_true() {
            own.certain = true;
            own.depends_on.clear();
        }
        !truth.is_false()
    });
    match supposed.denied {
        Truth::True => deny(judgement, supposed.explicit),
        Truth::False => judgement.verdict = Verdict::NotDenied,
        Truth::Unknown => {
            judgement.settling = supposed
                .settling
                .into_iter()
                .filter_map(|key| match request.context.get(key) {
                    Seen::Unknown(unknown) => Some(Settling { key: written(key, found, request), why: unknown.why.clone() }),
                    _ => None,
                })
                .collect();
            judgement.residual = Some(residual::in_words(judgement));
        }
    }
}

/// A key as the policies spell it.
fn written(key: &str, found: &[&Statement], request: &Request) -> String {
    let mut conditions = found.iter().flat_map(|statement| &statement.conditions);
    let condition = conditions.find(|condition| condition.key == key);
    condition.map_or_else(|| request.context.name(key).to_owned(), |condition| condition.name.clone())
}
