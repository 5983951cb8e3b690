//! One verdict as a tree: for each layer what today's policies say and what they would say after the change, with the policies,
//! statements, conditions and values that say so, and where each value came from.

mod text;

pub use text::as_text;

use std::sync::Arc;

use serde::Serialize;

use super::baseline::full_access;
use super::candidate::Scenario;
use super::outcome::{Judged, Permission};
use super::session_policy::SessionPolicies;
use super::words::{chain, resource_words, value_words, words};
use super::{Call, Lineage, settle};
use crate::inventory::Inventory;
use crate::policy::applicability::{self, Applies};
use crate::policy::compiled::{Policy, Statement};
use crate::policy::context::View;
use crate::policy::document::Effect;
use crate::policy::layers::{Grants, Level, Policies};
use crate::policy::truth::Truth;

/// What becomes of one call in one scenario, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    pub event_id: Option<String>,
    pub event_source: Option<String>,
    pub event_name: Option<String>,
    pub time: Option<String>,
    pub principal: Option<String>,
    pub principal_type: Option<String>,
    pub account_id: Option<String>,
    /// Who is behind the session, the first caller first.
    pub session_chain: Option<String>,
    pub scenario: String,
    pub outcome: &'static str,
    /// The outcome for people.
    pub title: &'static str,
    pub verdict: &'static str,
    pub reason: String,
    pub settled_by: Option<String>,
    pub permissions: Vec<PermissionTree>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PermissionTree {
    pub action: String,
    pub action_from: String,
    pub resource: String,
    pub resource_from: String,
    pub resource_account: Option<String>,
    /// Is the permission surely needed?
    pub certain: bool,
    /// Why it belongs to the call, for one that is not its own.
    pub dependent: Option<String>,
    pub today: &'static str,
    pub then: &'static str,
    /// Is it the one that makes the outcome, or the first of those that say the same?
    pub decides: bool,
    pub layers: Vec<LayerTree>,
}

#[derive(Debug, Clone, Serialize)]
pub struct LayerTree {
    pub policy_type: &'static str,
    /// Root, organizational unit or account, for policies of the organization.
    pub place: Option<String>,
    pub place_name: Option<String>,
    pub applies: &'static str,
    /// Why it does not apply, or may not; of session policies, what is not known of them, or why they are not asked.
    pub reason: Option<String>,
    /// What its policies say today, and after the change.
    pub today: Saying,
    pub then: Saying,
    /// Those of today and those after the change.
    pub policies: Vec<PolicyTree>,
}

/// What the policies of a layer say of a permission, and which of them do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saying {
    /// `denied`, `may be denied`, `allowed`, `may be allowed`, `not allowed`, `not denied`, or `none` where no policy is known.
    pub word: &'static str,
    pub by: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PolicyTree {
    pub name: String,
    /// `added`, `removed`, or null where it is attached today and stays.
    pub change: Option<&'static str>,
    pub statements: Vec<StatementTree>,
}

#[derive(Debug, Clone, Serialize)]
pub struct StatementTree {
    /// From 1.
    pub number: usize,
    pub sid: Option<String>,
    pub line: usize,
    pub effect: &'static str,
    pub matches: &'static str,
    pub action: &'static str,
    pub principal: &'static str,
    pub resource: &'static str,
    pub conditions: Vec<ConditionTree>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ConditionTree {
    pub operator: String,
    pub key: String,
    /// What the policy asks for.
    pub values: Vec<String>,
    pub result: &'static str,
    /// What the call has.
    pub value: String,
    /// Where that came from.
    pub from: Option<String>,
}

/// Explains a judged call.
pub fn explain(judged: &Judged, call: &Call, scenario: &Scenario, lineage: &Lineage, inventory: &Inventory) -> Explanation {
    let words = words(judged, call, scenario, lineage);
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    Explanation {
        event_id: text(&call.event_id),
        event_source: text(&call.event_source),
        event_name: text(&call.event_name),
        time: call.first_seen.and_then(crate::events::time::format),
        principal: text(&call.principal_arn).or_else(|| text(&call.principal_id)).or_else(|| text(&call.invoked_by)),
        principal_type: text(&call.principal_type),
        account_id: text(&call.principal_account_id),
        session_chain: chain(call, lineage),
        scenario: scenario.title.clone(),
        outcome: judged.outcome.as_str(),
        title: judged.outcome.title(),
        verdict: judged.outcome.verdict().as_str(),
        reason: words.reason,
        settled_by: settle::joined(&words.settled_by),
        permissions: {
            let session = lineage.link(call).and_then(SessionPolicies::of);
            let went_through = !call.was_denied();
            let tree = |(number, own): (usize, &Permission)| PermissionTree {
                decides: judged.deciding.unwrap_or(0) == number,
                ..permission(own, session.as_ref(), went_through, inventory)
            };
            judged.permissions.iter().enumerate().map(tree).collect()
        },
    }
}

fn permission(
    permission: &Permission,
    session: Option<&SessionPolicies>,
    went_through: bool,
    inventory: &Inventory,
) -> PermissionTree {
    let authorization = &permission.authorization;
    let request = &authorization.request;
    let mut layers = layers(permission, inventory);
    layers.extend(session.map(|session| session_layer(session, permission, went_through)));
    PermissionTree {
        action: request.action.clone(),
        action_from: authorization.action_provenance.clone(),
        resource: resource_words(request),
        resource_from: authorization.resource_provenance.clone(),
        resource_account: request.resource_account.clone(),
        certain: authorization.certain,
        dependent: authorization.dependent.clone(),
        today: permission.today.as_str(),
        then: permission.then.as_str(),
        layers,
        decides: false,
    }
}

/// What narrows the session, also of a call that went through, which is not judged by it.
fn session_layer(session: &SessionPolicies, permission: &Permission, went_through: bool) -> LayerTree {
    let passed = went_through.then(|| "not asked, because the call went through, so they allowed it".to_owned());
    let empty = (session.policies.is_empty() && session.open.is_none())
        .then(|| "the session was given none, and may do nothing by the policies of its user".to_owned());
    let saying = saying(&session.policies, permission, true);
    LayerTree {
        policy_type: SESSION_POLICIES,
        place: None,
        place_name: None,
        applies: word(if session.open.is_some() { Truth::Unknown } else { Truth::True }),
        reason: passed.or_else(|| session.open.clone()).or(empty),
        today: saying.clone(),
        then: saying,
        policies: session.policies.iter().map(|policy| tree(policy, None, permission)).collect(),
    }
}

const SESSION_POLICIES: &str = "session policies";

fn tree(policy: &Arc<Policy>, change: Option<&'static str>, permission: &Permission) -> PolicyTree {
    PolicyTree {
        name: policy.name.clone(),
        change,
        statements: policy.statements.iter().map(|found| statement(found, permission)).collect(),
    }
}

/// What the policies of a layer say together. `must_allow`: without an Allow the layer denies.
fn saying(policies: &[Arc<Policy>], permission: &Permission, must_allow: bool) -> Saying {
    let request = &permission.authorization.request;
    let view = View::of(&request.context);
    let by = |effect: Effect, truth: Truth| -> Vec<String> {
        let says = |policy: &&Arc<Policy>| {
            let mut own = policy.statements.iter().filter(|statement| statement.effect == effect);
            own.any(|statement| statement.matches(request, &view, false).at_all() == truth)
        };
        policies.iter().filter(says).map(|policy| policy.name.clone()).collect()
    };
    if policies.is_empty() {
        return Saying { word: "none", by: Vec::new() };
    }
    let order = [
        (Effect::Deny, Truth::True, "denied"),
        (Effect::Deny, Truth::Unknown, "may be denied"),
        (Effect::Allow, Truth::True, "allowed"),
        (Effect::Allow, Truth::Unknown, "may be allowed"),
    ];
    let known = order.iter().map(|(effect, truth, word)| Saying { word, by: by(*effect, *truth) });
    known
        .filter(|saying| must_allow || saying.word.ends_with("denied"))
        .find(|saying| !saying.by.is_empty())
        .unwrap_or(Saying { word: if must_allow { "not allowed" } else { "not denied" }, by: Vec::new() })
}

/// The policies of one place today and after the change.
struct Pair<'a> {
    place: Option<&'a str>,
    before: Vec<Arc<Policy>>,
    after: Vec<Arc<Policy>>,
}

/// The levels of today and those after the change, side by side.
fn pairs<'a>(before: &'a Option<Vec<Level>>, after: &'a Option<Vec<Level>>) -> Vec<Pair<'a>> {
    let level = |levels: &'a Option<Vec<Level>>, name: &Option<String>| -> Option<Vec<Arc<Policy>>> {
        levels.iter().flatten().find(|level| level.name == *name).map(|level| level.policies.clone())
    };
    // Where an unknown place has nothing attached no level is made: what is supposed everywhere is there all the same.
    let supposed = |other: &[Arc<Policy>]| -> Vec<Arc<Policy>> {
        let everywhere = full_access();
        other.iter().filter(|policy| everywhere.as_ref().is_some_and(|own| Arc::ptr_eq(own, policy))).cloned().collect()
    };
    let mut names: Vec<&Option<String>> = before.iter().flatten().map(|level| &level.name).collect();
    for level in after.iter().flatten().filter(|level| !before.iter().flatten().any(|own| own.name == level.name)) {
        names.push(&level.name);
    }
    // The root first, also where nothing tells the order.
    names.sort_by_key(|name| !name.as_deref().is_some_and(|name| name == "root" || name.starts_with("r-")));
    names
        .into_iter()
        .map(|name| {
            let (before, after) = match (level(before, name), level(after, name)) {
                (Some(before), Some(after)) => (before, after),
                (None, Some(after)) => (supposed(&after), after),
                (Some(before), None) => (before.clone(), supposed(&before)),
                (None, None) => (Vec::new(), Vec::new()),
            };
            Pair { place: name.as_deref(), before, after }
        })
        .collect()
}

fn granting(grants: &Grants) -> Vec<Arc<Policy>> {
    match grants {
        Grants::Policies(list) => list.clone(),
        _ => Vec::new(),
    }
}

fn layers(permission: &Permission, inventory: &Inventory) -> Vec<LayerTree> {
    let request = &permission.authorization.request;
    let (before, after) = (&*permission.before, &*permission.after);
    let mut layers = Vec::new();
    let mut add = |policy_type: &'static str, pair: Pair<'_>, applies: Applies, must_allow: bool| {
        if pair.before.is_empty() && pair.after.is_empty() {
            return;
        }
        let is_in = |list: &[Arc<Policy>], policy: &Arc<Policy>| list.iter().any(|own| Arc::ptr_eq(own, policy));
        let new = pair.after.iter().filter(|policy| !is_in(&pair.before, policy)).map(|policy| (policy, Some("added")));
        let old = pair.before.iter().map(|policy| (policy, (!is_in(&pair.after, policy)).then_some("removed")));
        layers.push(LayerTree {
            policy_type,
            place: pair.place.map(str::to_owned),
            place_name: pair.place.and_then(|place| name_of(inventory, place)),
            applies: word(applies.truth),
            reason: (!applies.truth.is_true()).then(|| applies.reason.to_owned()),
            today: saying(&pair.before, permission, must_allow),
            then: saying(&pair.after, permission, must_allow),
            // What the change brings stands first.
            policies: new.chain(old).map(|(policy, change)| tree(policy, change, permission)).collect(),
        });
    };
    for pair in pairs(&before.service_control, &after.service_control) {
        add("service control policies", pair, applicability::service_control(request), true);
    }
    for pair in pairs(&before.resource_control, &after.resource_control) {
        add("resource control policies", pair, applicability::resource_control(request), false);
    }
    let endpoint = |policies: &'_ Policies| policies.vpc_endpoint.as_deref().unwrap_or_default().to_vec();
    add(
        "VPC endpoint policy",
        Pair { place: None, before: endpoint(before), after: endpoint(after) },
        applicability::vpc_endpoint(request),
        true,
    );
    let resource = Pair { place: None, before: granting(&before.resource), after: granting(&after.resource) };
    add("resource-based policy", resource, applicability::always(), true);
    layers
}

/// The name of a root, an organizational unit or an account.
fn name_of(inventory: &Inventory, place: &str) -> Option<String> {
    let unit = inventory.organizational_unit(place).and_then(|unit| unit.name.clone());
    unit.or_else(|| inventory.account(place).and_then(|account| account.name.clone()))
}

fn statement(statement: &Statement, permission: &Permission) -> StatementTree {
    let request = &permission.authorization.request;
    let view = View::of(&request.context);
    let about = statement.action(request);
    let matched = statement.matches(request, &view, false);
    StatementTree {
        number: statement.index + 1,
        sid: statement.sid.clone(),
        line: statement.position.line,
        effect: statement.effect.as_str(),
        matches: word(matched.at_all()),
        action: word(about),
        principal: word(if about.is_false() { Truth::Unknown } else { matched.named.at_all() }),
        resource: word(statement.resource(request, &view)),
        conditions: statement
            .conditions
            .iter()
            .map(|condition| ConditionTree {
                operator: condition.operator_name.clone(),
                key: condition.name.clone(),
                values: condition.values.iter().map(|value| value.written.clone()).collect(),
                result: word(condition.evaluate(&view)),
                value: value_words(request.context.get(&condition.key)),
                from: permission.authorization.provenance.get(&condition.key).map(|from| from.clone().into_owned()),
            })
            .collect(),
    }
}

fn word(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "yes",
        Truth::False => "no",
        Truth::Unknown => "unknown",
    }
}
