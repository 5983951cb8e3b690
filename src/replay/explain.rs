//! One verdict as a tree: every policy, statement, condition and value, and where each value came from.

use std::sync::Arc;

use serde::Serialize;

use super::candidate::Scenario;
use super::outcome::{Judged, Permission};
use super::session_policy::SessionPolicies;
use super::words::{chain, resource_words, value_words, words};
use super::{Call, Lineage};
use crate::policy::applicability::{self, Applies};
use crate::policy::compiled::{Policy, Statement};
use crate::policy::context::View;
use crate::policy::layers::{Grants, Policies};
use crate::policy::request::Request;
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
    pub layers: Vec<LayerTree>,
}

#[derive(Debug, Clone, Serialize)]
pub struct LayerTree {
    pub policy_type: &'static str,
    /// Root, organizational unit or account, for policies of the organization.
    pub place: Option<String>,
    pub applies: &'static str,
    /// Why it does not apply, or may not; of session policies, what is not known of them, or why they are not asked.
    pub reason: Option<String>,
    pub policies: Vec<PolicyTree>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PolicyTree {
    pub name: String,
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
pub fn explain(judged: &Judged, call: &Call, scenario: &Scenario, lineage: &Lineage) -> Explanation {
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
        verdict: judged.outcome.verdict().as_str(),
        reason: words.reason,
        settled_by: words.settled_by,
        permissions: {
            let session = lineage.link(call).and_then(SessionPolicies::of);
            let went_through = !call.was_denied();
            judged.permissions.iter().map(|own| permission(own, session.as_ref(), went_through)).collect()
        },
    }
}

fn permission(permission: &Permission, session: Option<&SessionPolicies>, went_through: bool) -> PermissionTree {
    let authorization = &permission.authorization;
    let request = &authorization.request;
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
        layers: {
            let mut layers = layers(&permission.policies, permission, request);
            layers.extend(session.map(|session| session_layer(session, permission, went_through)));
            layers
        },
    }
}

/// What narrows the session, also of a call that went through, which is not judged by it.
fn session_layer(session: &SessionPolicies, permission: &Permission, went_through: bool) -> LayerTree {
    let passed = went_through.then(|| "not asked, because the call went through, so they allowed it".to_owned());
    let empty = (session.policies.is_empty() && session.open.is_none())
        .then(|| "the session was given none, and may do nothing by the policies of its user".to_owned());
    LayerTree {
        policy_type: SESSION_POLICIES,
        place: None,
        applies: word(if session.open.is_some() { Truth::Unknown } else { Truth::True }),
        reason: passed.or_else(|| session.open.clone()).or(empty),
        policies: trees(&session.policies, permission),
    }
}

const SESSION_POLICIES: &str = "session policies";

fn trees(list: &[std::sync::Arc<Policy>], permission: &Permission) -> Vec<PolicyTree> {
    let tree = |policy: &std::sync::Arc<Policy>| PolicyTree {
        name: policy.name.clone(),
        statements: policy.statements.iter().map(|found| statement(found, permission)).collect(),
    };
    list.iter().map(tree).collect()
}

fn layers(policies: &Policies, permission: &Permission, request: &Request) -> Vec<LayerTree> {
    let mut layers = Vec::new();
    let mut add = |policy_type: &'static str, place: Option<String>, applies: Applies, list: &[std::sync::Arc<Policy>]| {
        if list.is_empty() {
            return;
        }
        layers.push(LayerTree {
            policy_type,
            place,
            applies: word(applies.truth),
            reason: (!applies.truth.is_true()).then(|| applies.reason.to_owned()),
            policies: trees(list, permission),
        });
    };
    for level in policies.service_control.iter().flatten() {
        add("service control policies", level.name.clone(), applicability::service_control(request), &level.policies);
    }
    for level in policies.resource_control.iter().flatten() {
        add("resource control policies", level.name.clone(), applicability::resource_control(request), &level.policies);
    }
    if let Some(list) = &policies.vpc_endpoint {
        add("VPC endpoint policy", None, applicability::vpc_endpoint(request), list);
    }
    if let Grants::Policies(list) = &policies.resource {
        add("resource-based policy", None, applicability::always(), list);
    }
    layers
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

/// The explanation as a tree of lines.
pub fn as_text(explanation: &Explanation) -> String {
    let mut text = String::new();
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    text.push_str(&format!(
        "{} {} at {}, event {}\n",
        or_unknown(&explanation.event_source),
        or_unknown(&explanation.event_name),
        or_unknown(&explanation.time),
        or_unknown(&explanation.event_id)
    ));
    text.push_str(&format!(
        "by {} ({} of account {})\n",
        or_unknown(&explanation.principal),
        or_unknown(&explanation.principal_type),
        or_unknown(&explanation.account_id)
    ));
    if let Some(chain) = &explanation.session_chain {
        text.push_str(&format!("session chain: {chain}\n"));
    }
    text.push_str(&format!("what if: {}\n\n", explanation.scenario));
    text.push_str(&format!("{}: {}\n", explanation.outcome.replace('_', " ").to_uppercase(), explanation.reason));
    if let Some(settled_by) = &explanation.settled_by {
        text.push_str(&format!("settled by: {settled_by}\n"));
    }
    let branches: Vec<Branch> = explanation.permissions.iter().map(permission_branch).collect();
    for (number, branch) in branches.iter().enumerate() {
        branch.write("", number + 1 == branches.len(), &mut text);
    }
    text
}

/// One line with what is below it.
struct Branch {
    line: String,
    below: Vec<Branch>,
}

impl Branch {
    fn leaf(line: String) -> Branch {
        Branch { line, below: Vec::new() }
    }

    fn write(&self, indent: &str, last: bool, out: &mut String) {
        let (tee, bar) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        out.push_str(&format!("{indent}{tee}{}\n", self.line));
        let indent = format!("{indent}{bar}");
        for (number, branch) in self.below.iter().enumerate() {
            branch.write(&indent, number + 1 == self.below.len(), out);
        }
    }
}

fn permission_branch(permission: &PermissionTree) -> Branch {
    let sure = if permission.certain { "" } else { " (perhaps needed)" };
    let owner = permission.resource_account.as_ref().map(|id| format!(", owner {id}")).unwrap_or_default();
    let mut below = vec![
        Branch::leaf(format!("action: {}", permission.action_from)),
        Branch::leaf(format!("resource: {}{owner}", permission.resource_from)),
    ];
    below.extend(permission.dependent.as_ref().map(|why| Branch::leaf(format!("needed because {why}"))));
    below.extend(permission.layers.iter().map(layer_branch));
    Branch {
        line: format!(
            "{} on {}{sure}: {} today, {} then",
            permission.action,
            permission.resource,
            permission.today.replace('_', " "),
            permission.then.replace('_', " ")
        ),
        below,
    }
}

fn layer_branch(layer: &LayerTree) -> Branch {
    let place = layer.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
    let applies = match (layer.applies, layer.reason.as_deref()) {
        (_, Some(reason)) if layer.policy_type == SESSION_POLICIES => format!(": {reason}"),
        ("no", Some(reason)) => format!(": do not apply, because {reason}"),
        ("unknown", Some(reason)) => format!(": may not apply, because perhaps {reason}"),
        _ => String::new(),
    };
    Branch {
        line: format!("{}{place}{applies}", layer.policy_type),
        below: layer
            .policies
            .iter()
            .map(|policy| Branch { line: policy.name.clone(), below: policy.statements.iter().map(statement_branch).collect() })
            .collect(),
    }
}

fn statement_branch(statement: &StatementTree) -> Branch {
    let sid = statement.sid.as_ref().map(|sid| format!(" {sid}")).unwrap_or_default();
    let result = match (statement.action, statement.matches) {
        ("no", _) => "is not about the action",
        (_, "yes") => "matches",
        (_, "unknown") => "may match",
        _ => "does not match",
    };
    let mut below = Vec::new();
    if statement.action == "unknown" {
        below.push(Branch::leaf("[unknown] action".to_owned()));
    }
    if statement.action != "no" {
        if statement.principal != "yes" {
            below.push(Branch::leaf(format!("[{}] principal", statement.principal)));
        }
        below.push(Branch::leaf(format!("[{}] resource", statement.resource)));
        below.extend(statement.conditions.iter().map(|condition| {
            let from = condition.from.as_ref().map(|from| format!(" ({from})")).unwrap_or_default();
            Branch::leaf(format!(
                "[{}] {} {} {}: it is {}{from}",
                condition.result,
                condition.key,
                condition.operator,
                list(&condition.values),
                condition.value
            ))
        }));
    }
    Branch {
        line: format!("{} statement {}{sid}, line {}: {result}", statement.effect, statement.number, statement.line),
        below,
    }
}

fn list(values: &[String]) -> String {
    const SHOWN: usize = 6;
    let mut shown: Vec<String> = values.iter().take(SHOWN).map(|value| format!("\"{value}\"")).collect();
    if let Some(more) = values.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}
