//! The smallest change of a policy that lets legitimate calls through, in the terms of the perimeter, verified by replaying it.
//!
//! Each way to spare the calls (by the account of the resource, by the account of the caller, by network, by principal) is written
//! into the policy and replayed. The one that leaves no legitimate call denied and lets the least else through is taken; among
//! equals the one with the fewest values, then the one that speaks the language of the statement's own perimeter.

pub mod edit;
pub mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attach::Target;
use super::baseline::Attachments;
use super::candidate::{Candidate, Change, ChangeKind, Plan, Scenario};
use super::outcome::{Judge, Judged, Outcome, Permission, keys_that_decide};
use super::words::perimeter;
use super::{Call, World};
use crate::inventory::Inventory;
use crate::policy::check::check;
use crate::policy::compiled::Policy;
use crate::policy::context::Seen;
use crate::policy::diagnostic::{Severity, Source};
use crate::policy::document::{Document, Effect};
use crate::policy::request::Request;
use select::Legitimate;

/// A change of a policy that was replayed.
#[derive(Debug, Clone)]
pub struct Refinement {
    /// Name of the policy.
    pub policy: String,
    /// The changed policy, with the placeholders of the original.
    pub text: String,
    /// What was changed, one sentence each.
    pub changes: Vec<String>,
    /// Legitimate calls that were newly denied, how many still are, and how many may be.
    pub legitimate_calls: u64,
    pub still_denied: u64,
    pub still_open: u64,
    /// Calls that may be newly denied under the changed policy, by principal and operation, with their number. Most calls first.
    pub undetermined: Vec<(String, u64)>,
    /// Calls that nobody marked as legitimate and that go through as well, by principal and operation, with their number.
    pub also_let_through: Vec<(String, u64)>,
    /// What would be let through besides, in general.
    pub also_in_general: Vec<String>,
    /// What is wrong with the changed policy: it may be too large.
    pub problems: Vec<String>,
}

/// A call that is newly denied, or may be.
#[derive(Debug, Clone)]
pub struct Denied {
    pub call: Call,
    features: Features,
    statements: BTreeSet<usize>,
    /// No Deny matches, but an Allow is missing.
    missing_allow: bool,
    legitimate: bool,
    /// Whether it is denied is open: the change is not made for it, but what becomes of it is told.
    open: bool,
}

/// What of a call an exemption can speak of.
#[derive(Debug, Clone, Default)]
struct Features {
    action: String,
    resource_account: Option<String>,
    principal_account: Option<String>,
    principal_arn: Option<String>,
    source_ip: Option<String>,
    source_vpc: Option<String>,
    vpce_account: Option<String>,
    service: Option<String>,
    principal_in_organization: bool,
}

/// A way to spare calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Way {
    ResourceAccount,
    PrincipalAccount,
    Network,
    Service,
    Principal,
}

const WAYS: [Way; 5] = [Way::ResourceAccount, Way::PrincipalAccount, Way::Network, Way::Service, Way::Principal];

impl Denied {
    /// Takes in a call that is newly denied, or may be. `None`: it is not one.
    pub fn of(call: &Call, judged: &Judged, legitimate: &[Legitimate]) -> Option<Denied> {
        if !matches!(judged.outcome, Outcome::NewlyDenied | Outcome::MayBeNewlyDenied) {
            return None;
        }
        let open = judged.outcome == Outcome::MayBeNewlyDenied;
        let permission: &Permission = judged.permissions.get(judged.deciding?)?;
        let judgement = permission.judgement.as_ref()?;
        let request = &permission.authorization.request;
        let statements: BTreeSet<usize> = judgement
            .statements
            .iter()
            .filter(|found| found.effect == Effect::Deny && found.certain)
            .map(|found| found.index)
            .collect();
        Some(Denied {
            features: features(call, request),
            missing_allow: statements.is_empty(),
            statements,
            legitimate: !open && legitimate.iter().any(|mark| mark.covers(call, request)),
            open,
            call: call.clone(),
        })
    }
}

/// The condition keys that a refinement looks at, besides those of the policy.
pub const FEATURES: [&str; 8] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:ResourceAccount",
    "aws:SourceIp",
    "aws:SourceVpc",
    "aws:ViaAWSService",
    "aws:VpceAccount",
];

fn features(call: &Call, request: &Request) -> Features {
    let value = |key: &str| match request.context.get(key) {
        Seen::Values([value, ..]) => Some(value.clone()),
        _ => None,
    };
    let is_true = |key: &str| value(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let service = (is_true("aws:viaawsservice") || is_true("aws:principalisawsservice"))
        .then(|| call.invoked_by.as_deref().or(call.source_service.as_deref()).unwrap_or("an AWS service").to_owned());
    Features {
        action: request.action.clone(),
        resource_account: value("aws:resourceaccount").or_else(|| request.resource_account.clone()),
        principal_account: value("aws:principalaccount").or_else(|| request.principal.account.clone()),
        principal_arn: value("aws:principalarn").or_else(|| call.principal_arn.as_deref().map(str::to_owned)),
        source_ip: value("aws:sourceip"),
        source_vpc: value("aws:sourcevpc"),
        vpce_account: value("aws:vpceaccount"),
        service,
        principal_in_organization: request.facts.principal_in_organization.is_true(),
    }
}

/// What one way needs: operator, key and values, for each call it can spare.
fn exemption(way: Way, features: &Features) -> Option<(&'static str, &'static str, String)> {
    match way {
        Way::ResourceAccount => Some(("StringNotEqualsIfExists", "aws:ResourceAccount", features.resource_account.clone()?)),
        Way::PrincipalAccount => Some(("StringNotEqualsIfExists", "aws:PrincipalAccount", features.principal_account.clone()?)),
        Way::Network => match (&features.source_vpc, &features.vpce_account, &features.source_ip) {
            (Some(vpc), _, _) => Some(("StringNotEqualsIfExists", "aws:SourceVpc", vpc.clone())),
            (None, Some(account), _) => Some(("StringNotEqualsIfExists", "aws:VpceAccount", account.clone())),
            (None, None, Some(address)) => Some(("NotIpAddressIfExists", "aws:SourceIp", network_of(address))),
            (None, None, None) => None,
        },
        // A value that is never `true` of other callers.
        Way::Service => features.service.as_ref().map(|_| ("BoolIfExists", "aws:ViaAWSService", "false".to_owned())),
        Way::Principal => Some(("ArnNotLikeIfExists", "aws:PrincipalArn", features.principal_arn.clone()?)),
    }
}

fn network_of(address: &str) -> String {
    if address.contains(':') { format!("{address}/128") } else { format!("{address}/32") }
}

/// Finds the best change for one candidate that is attached. `None`: no legitimate call is newly denied, or nothing helps.
pub fn refine(
    plan: &Plan,
    scenario: &Scenario,
    denied: &[Denied],
    world: &World<'_>,
    inventory: &Inventory,
) -> Option<Refinement> {
    let [Change { kind: ChangeKind::Attach { policy: candidate, targets }, .. }] = scenario.changes.as_slice() else {
        return None;
    };
    if !denied.iter().any(|call| call.legitimate) {
        return None;
    }
    let mut best: Option<(Score, Refinement)> = None;
    for way in WAYS {
        let Some(written) = write(way, candidate, denied) else { continue };
        let values = written.values;
        let Some(refinement) = replayed(plan, candidate, targets, written, denied, world, inventory) else { continue };
        let also: u64 = refinement.also_let_through.iter().map(|(_, calls)| calls).sum();
        let score = Score {
            still_denied: refinement.still_denied + refinement.still_open,
            also,
            foreign: usize::from(!speaks(way, candidate, denied)),
            values,
            way,
        };
        if best.as_ref().is_none_or(|(own, _)| score < *own) {
            best = Some((score, refinement));
        }
    }
    best.map(|(_, refinement)| refinement)
        .filter(|refinement| refinement.still_denied + refinement.still_open < refinement.legitimate_calls)
}

/// Smaller is better.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    still_denied: u64,
    also: u64,
    /// The way is not one of the statement's own perimeter.
    foreign: usize,
    values: usize,
    way: Way,
}

/// Is the way one of the perimeter that the denying statements enforce?
fn speaks(way: Way, candidate: &Candidate, denied: &[Denied]) -> bool {
    let statements: BTreeSet<usize> =
        denied.iter().filter(|call| call.legitimate).flat_map(|call| call.statements.iter().copied()).collect();
    let keys = candidate
        .policy
        .statements
        .iter()
        .filter(|statement| statements.is_empty() || statements.contains(&statement.index))
        .flat_map(|statement| &statement.conditions)
        .map(|condition| condition.key.as_str());
    match perimeter(keys) {
        Some("resource") => way == Way::ResourceAccount,
        Some("identity") => way == Way::PrincipalAccount,
        Some("network") => matches!(way, Way::Network | Way::Service),
        _ => way == Way::Principal,
    }
}

/// Writes a way into the policy.
fn write(way: Way, candidate: &Candidate, denied: &[Denied]) -> Option<Written> {
    let mut text = candidate.document.source.text().to_owned();
    let mut written = candidate.written.text().to_owned();
    let mut wanted: BTreeMap<(usize, &'static str, &'static str), BTreeSet<String>> = BTreeMap::new();
    let mut allowed: Vec<&Denied> = Vec::new();
    for call in denied.iter().filter(|call| call.legitimate) {
        let Some((operator, key, value)) = exemption(way, &call.features) else { continue };
        if call.missing_allow {
            allowed.push(call);
        }
        for statement in &call.statements {
            wanted.entry((*statement, operator, key)).or_default().insert(value.clone());
        }
    }
    if wanted.is_empty() && allowed.is_empty() {
        return None;
    }
    let mut changes = Vec::new();
    let mut general = BTreeSet::new();
    let mut count = 0;
    for ((statement, operator, key), values) in &wanted {
        let values: Vec<String> = values.iter().cloned().collect();
        count += values.len();
        text = edit::spare(&text, *statement, operator, key, &values)?;
        written = edit::spare(&written, *statement, operator, key, &values)?;
        let sid = candidate.policy.statements.get(*statement).and_then(|found| found.sid.clone());
        let name = sid.unwrap_or_else(|| format!("statement {}", statement + 1));
        changes.push(format!("{name} spares calls with {key} {}", values.join(", ")));
        general.insert(in_general(way, &values));
    }
    if !allowed.is_empty() {
        let (statement, values) = allow(way, candidate, &allowed)?;
        count += values.len();
        text = edit::add_statement(&text, &statement)?;
        written = edit::add_statement(&written, &statement)?;
        changes.push(format!("a new statement allows calls with {}", values.join(", ")));
        general.insert(in_general(way, &values));
    }
    Some(Written { text, written, changes, general: general.into_iter().collect(), values: count })
}

/// A way, written into the policy.
struct Written {
    /// With placeholders filled in.
    text: String,
    /// With the placeholders of the original.
    written: String,
    /// What was changed.
    changes: Vec<String>,
    /// What it lets through in general.
    general: Vec<String>,
    /// How many values were added.
    values: usize,
}

/// A statement that allows these calls.
fn allow(way: Way, candidate: &Candidate, calls: &[&Denied]) -> Option<(serde_json::Value, Vec<String>)> {
    let mut values: BTreeMap<(&'static str, &'static str), BTreeSet<String>> = BTreeMap::new();
    for call in calls {
        let (operator, key, value) = exemption(way, &call.features)?;
        let positive = match operator {
            "StringNotEqualsIfExists" => "StringEquals",
            "NotIpAddressIfExists" => "IpAddress",
            "ArnNotLikeIfExists" => "ArnLike",
            _ => return None,
        };
        values.entry((positive, key)).or_default().insert(value);
    }
    // Several keys would all have to hold.
    let [((operator, key), values)] = values.into_iter().collect::<Vec<_>>().try_into().ok()?;
    let list: Vec<String> = values.into_iter().collect();
    let mut conditions = serde_json::Map::new();
    let mut block = serde_json::Map::new();
    block.insert(key.to_owned(), serde_json::json!(list));
    let organization = organization(candidate).filter(|_| calls.iter().all(|call| call.features.principal_in_organization));
    if let Some(organization) = organization.filter(|_| key != "aws:PrincipalAccount") {
        if operator == "StringEquals" {
            block.insert("aws:PrincipalOrgID".to_owned(), organization.into());
        } else {
            conditions.insert("StringEquals".to_owned(), serde_json::json!({"aws:PrincipalOrgID": organization}));
        }
    }
    conditions.insert(operator.to_owned(), serde_json::Value::Object(block));
    let actions: BTreeSet<&str> = calls.iter().map(|call| call.features.action.as_str()).collect();
    let taken: Vec<&str> = candidate.policy.statements.iter().filter_map(|statement| statement.sid.as_deref()).collect();
    let sid = (1..).map(|number| format!("AllowLegitimateCalls{number}")).find(|sid| !taken.contains(&sid.as_str()))?;
    let statement = serde_json::json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": actions.into_iter().collect::<Vec<_>>(),
        "Resource": "*",
        "Condition": conditions,
    });
    let said = list.iter().map(|value| format!("{key} {value}")).collect();
    Some((statement, said))
}

/// The organization that the policy names as its own.
fn organization(candidate: &Candidate) -> Option<String> {
    let conditions = candidate.policy.statements.iter().flat_map(|statement| &statement.conditions);
    conditions
        .filter(|condition| condition.key == "aws:principalorgid")
        .find_map(|condition| condition.values.first())
        .map(|value| value.written.clone())
}

fn in_general(way: Way, values: &[String]) -> String {
    let list = values.join(", ");
    match way {
        Way::ResourceAccount => format!("every call of everybody concerned to any resource of {list}"),
        // What the key is for requests without a signature:
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
        Way::PrincipalAccount if values.iter().any(|value| value == "anonymous") => {
            format!("every call of anybody in {list}; `anonymous` is everybody on the internet, without credentials")
        }
        Way::PrincipalAccount => format!("every call of anybody in {list}"),
        Way::Network => format!("every call from {list}"),
        Way::Service => "every call that an AWS service makes for somebody".to_owned(),
        Way::Principal => format!("every call that the policy is about, of {}", list.replace("aws:PrincipalArn ", "")),
    }
}

/// Replays all calls that are newly denied, or may be, under the changed policy. `None`: it cannot be read, which would be a mistake of the change.
fn replayed(
    plan: &Plan,
    candidate: &Candidate,
    targets: &[Target],
    written: Written,
    denied: &[Denied],
    world: &World<'_>,
    inventory: &Inventory,
) -> Option<Refinement> {
    let source = Source::new(candidate.document.source.name(), written.text.clone());
    let document = Document::parse(source.name(), &written.text).ok()?;
    let policy_type = candidate.policy.policy_type;
    let policy = Arc::new(Policy::compile(source.name(), &document, policy_type));
    let problems: Vec<String> = check(&document, policy_type)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error || finding.code == "policy-too-large")
        .map(|finding| finding.message)
        .collect();
    let trial = trial(plan, Candidate { written: source, document, policy, doubts: Vec::new() }, targets);
    let keys = keys_that_decide(&trial);
    let world = &world.with_keys(&keys).without_provenance();
    let mut judge = Judge::new(&trial, inventory).outcomes_only();
    let (mut legitimate_calls, mut still_denied, mut still_open) = (0_u64, 0_u64, 0_u64);
    let mut also: BTreeMap<String, u64> = BTreeMap::new();
    let mut undetermined: BTreeMap<String, u64> = BTreeMap::new();
    for Denied { call, legitimate, features, open, .. } in denied {
        let Some(outcome) = judge.judge(call, world).first().map(|judged| judged.outcome) else { continue };
        let passes = matches!(outcome, Outcome::Unchanged | Outcome::NotApplicable);
        let is_open = outcome == Outcome::MayBeNewlyDenied;
        let what = || format!("{}: {}", who(call, features), features.action);
        if is_open {
            *undetermined.entry(what()).or_default() += call.event_count;
        }
        if *legitimate {
            legitimate_calls += call.event_count;
            still_open += if is_open { call.event_count } else { 0 };
            still_denied += if passes || is_open { 0 } else { call.event_count };
        } else if passes && !open {
            *also.entry(what()).or_default() += call.event_count;
        }
    }
    Some(Refinement {
        policy: candidate.policy.name.clone(),
        text: written.written,
        changes: written.changes,
        legitimate_calls,
        still_denied,
        still_open,
        undetermined: most_first(undetermined),
        also_let_through: most_first(also),
        also_in_general: written.general,
        problems,
    })
}

/// Who made a call, for people.
fn who(call: &Call, features: &Features) -> String {
    let service = call.invoked_by.as_deref().or(call.source_service.as_deref());
    match (&features.principal_arn, service, &features.principal_account) {
        (Some(arn), _, _) => arn.clone(),
        (None, Some(service), _) => format!("the service {service}"),
        (None, None, Some(account)) => format!("account {account}"),
        (None, None, None) => "somebody".to_owned(),
    }
}

fn most_first(calls: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut calls: Vec<(String, u64)> = calls.into_iter().collect();
    // Stable: the names come in order.
    calls.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    calls
}

/// The plan with the changed policy alone.
fn trial(plan: &Plan, candidate: Candidate, targets: &[Target]) -> Plan {
    let mut attachments = plan.today.clone();
    let mut alone = Attachments::open();
    for target in targets {
        attachments.attach(target, &candidate.policy);
        alone.attach(target, &candidate.policy);
    }
    let change = Change {
        name: "refined".to_owned(),
        title: "refined".to_owned(),
        kind: ChangeKind::Attach { policy: candidate, targets: targets.to_vec() },
    };
    let scenario = Scenario {
        name: "refined".to_owned(),
        title: "refined".to_owned(),
        changes: vec![change],
        attachments,
        alone: Some(alone),
    };
    Plan { today: plan.today.clone(), scenarios: vec![scenario], notes: Vec::new() }
}
