//! The explanation as text: the verdict in one sentence, the call, and a tree of what decides.

use super::{Explanation, LayerTree, PermissionTree, PolicyTree, SESSION_POLICIES, Saying, StatementTree};
use crate::replay::candidate::file_name;

/// The explanation as a tree of lines.
pub fn as_text(explanation: &Explanation) -> String {
    let mut text = String::new();
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    text.push_str(&verdict(explanation));
    text.push('\n');
    if let Some(settled_by) = &explanation.settled_by {
        text.push_str(&format!("settled by: {settled_by}\n"));
    }
    text.push_str(&format!("\nwhat if: {}\n", explanation.scenario));
    text.push_str(&format!(
        "call: {} {} at {}, event {}\n",
        or_unknown(&explanation.event_source),
        or_unknown(&explanation.event_name),
        or_unknown(&explanation.time),
        or_unknown(&explanation.event_id)
    ));
    text.push_str(&format!(
        "by: {} ({} of account {})\n",
        or_unknown(&explanation.principal),
        or_unknown(&explanation.principal_type),
        or_unknown(&explanation.account_id)
    ));
    if let Some(chain) = &explanation.session_chain {
        text.push_str(&format!("session chain: {chain}\n"));
    }
    text.push('\n');
    let branches: Vec<Branch> = explanation.permissions.iter().map(permission_branch).collect();
    for (number, branch) in branches.iter().enumerate() {
        branch.write("", number + 1 == branches.len(), &mut text);
    }
    text
}

/// `NEWLY DENIED by scp.json, …`: the reason, which mostly begins with the outcome.
fn verdict(explanation: &Explanation) -> String {
    let loud = explanation.title.to_uppercase();
    let (start, rest) = explanation.reason.split_at_checked(explanation.title.len()).unwrap_or(("", &explanation.reason));
    if start.eq_ignore_ascii_case(explanation.title) {
        format!("{loud}{rest}.")
    } else {
        format!("{loud}: {}.", explanation.reason)
    }
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
    // Of a permission that decides nothing the layers are enough.
    let in_full = permission.decides || permission.today != "not_denied" || permission.then != "not_denied";
    below.extend(permission.layers.iter().map(|layer| layer_branch(layer, in_full)));
    Branch {
        line: format!(
            "{} on {}{sure}: {} today, {} after the change",
            permission.action,
            permission.resource,
            permission.today.replace('_', " "),
            permission.then.replace('_', " ")
        ),
        below,
    }
}

fn layer_branch(layer: &LayerTree, in_full: bool) -> Branch {
    let place = match (&layer.place, &layer.place_name) {
        (Some(place), Some(name)) => format!(" at {place} ({name})"),
        (Some(place), None) => format!(" at {place}"),
        _ => String::new(),
    };
    let of_session = layer.policy_type == SESSION_POLICIES;
    let line = match (layer.applies, layer.reason.as_deref()) {
        (_, Some(reason)) if of_session => format!("{}: {reason}", layer.policy_type),
        ("no", Some(reason)) => return Branch::leaf(format!("{}{place} do not apply: {reason}", layer.policy_type)),
        ("unknown", Some(reason)) => {
            format!("{}{place}: {} (may not apply: {reason})", layer.policy_type, says(layer))
        }
        _ if of_session => layer.policy_type.to_owned(),
        _ => format!("{}{place}: {}", layer.policy_type, says(layer)),
    };
    // Where nothing but plain access is attached the line says all.
    let is_plain = |policy: &PolicyTree| policy.change.is_none() && is_short(policy);
    if !of_session && (!in_full || layer.today == layer.then && layer.policies.iter().all(is_plain)) {
        return Branch::leaf(line);
    }
    Branch { line, below: layer.policies.iter().map(policy_branch).collect() }
}

/// `today allowed by FullAWSAccess, after the change denied by scp.json`.
fn says(layer: &LayerTree) -> String {
    let one = |saying: &Saying| {
        let by: Vec<&str> = saying.by.iter().map(|name| file_name(name)).collect();
        match saying.word {
            "none" => "no policy is known".to_owned(),
            word if by.is_empty() => word.to_owned(),
            word => format!("{word} by {}", by.join(", ")),
        }
    };
    if layer.today == layer.then {
        format!("{}, today and after the change", one(&layer.today))
    } else {
        format!("today {}, after the change {}", one(&layer.today), one(&layer.then))
    }
}

/// Is there nothing to show of the policy: one statement without conditions that matches, or none that is about the action?
fn is_short(policy: &PolicyTree) -> bool {
    let about: Vec<&StatementTree> = policy.statements.iter().filter(|statement| statement.action != "no").collect();
    match about.as_slice() {
        [] => true,
        [only] => only.matches == "yes" && only.conditions.is_empty() && policy.statements.len() == 1,
        _ => false,
    }
}

fn policy_branch(policy: &PolicyTree) -> Branch {
    let change = policy.change.map(|change| format!(" [{change}]")).unwrap_or_default();
    let name = format!("{}{change}", policy.name);
    let (about, others): (Vec<&StatementTree>, Vec<&StatementTree>) =
        policy.statements.iter().partition(|statement| statement.action != "no");
    let others = others.len();
    if let [only] = about.as_slice()
        && is_short(policy)
    {
        return Branch::leaf(format!("{name}: {} matches", title(only)));
    }
    let mut below: Vec<Branch> = about.iter().map(|statement| statement_branch(statement)).collect();
    if below.is_empty() {
        let none = match policy.statements.as_slice() {
            [only] => format!("{} is not about the action", title(only)),
            all => format!("none of its {} statements is about the action", all.len()),
        };
        return Branch::leaf(format!("{name}: {none}"));
    }
    match others {
        0 => {}
        1 => below.push(Branch::leaf("1 other statement is not about the action".to_owned())),
        others => below.push(Branch::leaf(format!("{others} other statements are not about the action"))),
    }
    Branch { line: name, below }
}

/// `Deny statement 1 Sid, line 4`.
fn title(statement: &StatementTree) -> String {
    let sid = statement.sid.as_ref().map(|sid| format!(" {sid}")).unwrap_or_default();
    format!("{} statement {}{sid}, line {}", statement.effect, statement.number, statement.line)
}

fn statement_branch(statement: &StatementTree) -> Branch {
    let result = match statement.matches {
        "yes" => "matches",
        "unknown" => "may match",
        _ => "does not match",
    };
    let mut below: Vec<(&str, String)> = Vec::new();
    if statement.action == "unknown" {
        below.push((statement.action, "action".to_owned()));
    }
    if statement.principal != "yes" {
        below.push((statement.principal, "principal".to_owned()));
    }
    below.push((statement.resource, "resource".to_owned()));
    below.extend(statement.conditions.iter().map(|condition| {
        // Of a key that is not known the value says why already.
        let from = condition.from.as_ref().filter(|from| !condition.value.contains(from.as_str()));
        let from = from.map(|from| format!(" ({from})")).unwrap_or_default();
        let (key, operator, value) = (&condition.key, &condition.operator, &condition.value);
        (condition.result, format!("{key} {operator} {}: it is {value}{from}", list(&condition.values)))
    }));
    // One part that does not hold is why a statement does not match, whatever the others are.
    let shown = |(holds, _): &(&str, String)| statement.matches != "no" || *holds == "no";
    let below = below.into_iter().filter(shown).map(|(holds, what)| Branch::leaf(format!("[{holds}] {what}"))).collect();
    Branch { line: format!("{}: {result}", title(statement)), below }
}

fn list(values: &[String]) -> String {
    const SHOWN: usize = 6;
    let mut shown: Vec<String> = values.iter().take(SHOWN).map(|value| format!("\"{value}\"")).collect();
    if let Some(more) = values.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}
