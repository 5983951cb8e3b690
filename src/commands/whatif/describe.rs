//! What a scenario would break, as the text of the report.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::inventory::Inventory;
use crate::replay::candidate::{ChangeKind, Plan, Scenario, file_name};
use crate::replay::outcome::Outcome;
use crate::replay::recorded::not_recorded;
use crate::replay::refine::Refinement;
use crate::replay::rows::{Key, Sum};
use crate::replay::sweep::Swept;
use crate::replay::words::perimeter as perimeter_of_keys;
use crate::report::model::Coverage;

/// Principals, statements and ways to settle that are listed; the rest is counted.
const LISTED: usize = 15;
/// Operations that are named for one principal.
const OPERATIONS: usize = 4;

/// Calls with how many principals and accounts make them.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    pub(super) calls: u64,
    pub(super) principals: BTreeSet<&'a str>,
    pub(super) accounts: BTreeSet<&'a str>,
}

/// How much each outcome amounts to.
pub(super) fn tallies(swept: &Swept) -> BTreeMap<Outcome, Tally<'_>> {
    let mut tallies: BTreeMap<Outcome, Tally<'_>> = BTreeMap::new();
    for (key, sum) in swept.rows.iter() {
        let tally = tallies.entry(key.outcome).or_default();
        tally.calls = tally.calls.saturating_add(sum.calls);
        tally.principals.insert(principal(key));
        tally.accounts.extend(key.field("account_id"));
    }
    tallies
}

/// Who called, as exactly as the record tells.
pub(super) fn principal(key: &Key) -> &str {
    ["principal_arn", "principal_id", "invoked_by", "principal_account_id", "principal_type"]
        .iter()
        .find_map(|column| key.field(column))
        .unwrap_or("unknown caller")
}

/// The title of a report.
pub(super) fn title(plan: &Plan) -> String {
    match plan.scenarios.as_slice() {
        [only] => format!("What if: {}", only.title),
        _ => format!("What if: {} changes", plan.changes()),
    }
}

pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The perimeter that most statements of the policies enforce.
pub(super) fn perimeter(scenario: &Scenario) -> &'static str {
    let mut votes: BTreeMap<&'static str, usize> = BTreeMap::new();
    for candidate in scenario.candidates() {
        for statement in &candidate.policy.statements {
            if let Some(found) = perimeter_of_keys(statement.conditions.iter().map(|condition| condition.key.as_str())) {
                *votes.entry(found).or_default() += 1;
            }
        }
    }
    votes.into_iter().max_by_key(|(_, count)| *count).map_or("none", |(perimeter, _)| perimeter)
}

pub(super) fn policy_types(scenario: &Scenario) -> Vec<String> {
    let types: BTreeSet<String> = scenario
        .candidates()
        .map(|candidate| match candidate.policy.policy_type.as_str() {
            "endpoint" => "vpce".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    types.into_iter().collect()
}

/// The texts of the policies under judgement, placeholders filled in.
pub(super) fn policies(scenario: &Scenario) -> String {
    let texts: Vec<&str> = scenario.candidates().map(|candidate| candidate.document.source.text().trim()).collect();
    texts.join("\n\n")
}

/// Markdown: what the scenario is, what it would break, for whom, and what is open.
pub(super) fn scenario(scenario: &Scenario, swept: &Swept, inventory: &Inventory, coverage: &Coverage) -> String {
    let mut text = String::new();
    let mut line = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    for change in &scenario.changes {
        let what = match &change.kind {
            ChangeKind::Attach { policy, .. } | ChangeKind::Replace { by: policy, .. } => {
                format!(" ({}, {} statements)", policy.policy.policy_type.title(), policy.policy.statements.len())
            }
            ChangeKind::Detach { .. } => String::new(),
        };
        line(&format!("{}{what}.", plain(&change.title)));
    }
    line("");
    let tallies = tallies(swept);
    for outcome in Outcome::ALL {
        let Some(tally) = tallies.get(&outcome) else { continue };
        line(&format!(
            "- **{}**: {} by {} in {}",
            outcome.title(),
            counted(tally.calls, "call"),
            counted(tally.principals.len() as u64, "principal"),
            counted(tally.accounts.len() as u64, "account")
        ));
    }
    line("");
    let statements = breaking_statements(swept);
    if !statements.is_empty() {
        line("#### Statements that break most");
        line("");
        for (statement, calls) in statements.iter().take(LISTED) {
            line(&format!("- `{}`: {}", code(statement), counted(*calls, "call")));
        }
        line("");
    }
    let losses = losses(swept, inventory);
    if !losses.is_empty() {
        line("#### What you will lose");
        line("");
        let mut owner_before: Option<&str> = None;
        for loss in losses.iter().take(LISTED) {
            if owner_before != Some(loss.owner.as_str()) {
                line("");
                line(&format!("**{}**", plain(&loss.owner)));
                line("");
                owner_before = Some(&loss.owner);
            }
            line(&format!("- `{}`: {}: {}", code(&loss.principal), counted(loss.calls, "call"), loss.what()));
        }
        if let Some(more) = losses.len().checked_sub(LISTED).filter(|more| *more > 0) {
            line("");
            line(&format!("And {more} more principals in the findings below."));
        }
        line("");
    }
    let open = settled_by(swept);
    if !open.is_empty() {
        line("#### What would settle the rest");
        line("");
        for (settled_by, calls) in open.iter().take(LISTED) {
            line(&format!("- {}: {}", counted(*calls, "call"), plain(settled_by)));
        }
        line("");
    }
    let unrecorded: Vec<_> =
        scenario.candidates().flat_map(|candidate| not_recorded(candidate, scenario, inventory, coverage)).collect();
    if unrecorded.iter().any(|found| !found.data_events.is_empty()) {
        line("#### Not covered by your logs");
        line("");
        for found in unrecorded.iter().filter(|found| !found.data_events.is_empty()) {
            line(&format!("- {}: {}", plain(&found.place), found.data_events.join(", ")));
        }
    }
    text.trim_end().to_owned()
}

/// Markdown: the change that lets the legitimate calls through.
pub(super) fn refinement(refinement: &Refinement) -> String {
    let mut text = String::from("\n\n#### A refinement that was replayed\n\n");
    for line in refinement_lines(refinement) {
        text.push_str(&format!("- {}\n", plain(&line)));
    }
    text.trim_end().to_owned()
}

/// The same as sentences.
pub(super) fn refinement_lines(refinement: &Refinement) -> Vec<String> {
    let mut lines: Vec<String> = refinement.changes.clone();
    let through = refinement.legitimate_calls - refinement.still_denied;
    lines.push(format!(
        "Replayed: {} of {} go through",
        counted(through, "legitimate call"),
        counted(refinement.legitimate_calls, "call")
    ));
    if refinement.also_let_through.is_empty() {
        lines.push("Of the recorded calls nothing else is let through".to_owned());
    } else {
        let listed: Vec<String> = refinement
            .also_let_through
            .iter()
            .take(LISTED)
            .map(|(what, calls)| format!("{what} ({})", counted(*calls, "call")))
            .collect();
        lines.push(format!("Also let through: {}", listed.join(", ")));
    }
    lines.push(format!("In general it lets through {}", refinement.also_in_general.join("; and ")));
    lines.extend(refinement.problems.iter().map(|problem| format!("Beware: {problem}")));
    lines
}

/// Markdown: what was denied in the log, by the policy type that the messages name.
pub(super) fn denied_already(rows: &[(&Key, &Sum)]) -> String {
    let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, sum) in rows {
        let by = crate::enrich::denied_by(key.field("error_code"), key.field("error_message"));
        *by_type.entry(by.unwrap_or("not named by the message")).or_default() += sum.calls;
    }
    let mut text =
        "These calls did not go through when they were made: they say nothing about what the change would break.\n\n"
            .to_owned();
    for (by, calls) in by_type {
        text.push_str(&format!("- {by}: {}\n", counted(calls, "call")));
    }
    text.trim_end().to_owned()
}

/// Newly denied calls by statement, most first.
pub(super) fn breaking_statements(swept: &Swept) -> Vec<(String, u64)> {
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for (key, sum) in swept.rows.iter().filter(|(key, _)| key.outcome == Outcome::NewlyDenied) {
        let statement = key.statement.as_deref().map_or("no statement", file_name);
        *calls.entry(statement.to_owned()).or_default() += sum.calls;
    }
    let mut calls: Vec<(String, u64)> = calls.into_iter().collect();
    calls.sort_by_key(|(statement, calls)| (Reverse(*calls), statement.clone()));
    calls
}

/// What would settle the undetermined calls, most calls first.
pub(super) fn settled_by(swept: &Swept) -> Vec<(String, u64)> {
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, sum) in swept.rows.iter() {
        if let Some(settled_by) = &key.settled_by {
            *calls.entry(settled_by).or_default() += sum.calls;
        }
    }
    let mut calls: Vec<(String, u64)> = calls.into_iter().map(|(text, calls)| (text.to_owned(), calls)).collect();
    calls.sort_by_key(|(text, calls)| (Reverse(*calls), text.clone()));
    calls
}

/// What one principal would no longer be able to do.
pub(super) struct Loss {
    pub(super) principal: String,
    /// The owner of the principal, or its account where nobody is named.
    pub(super) owner: String,
    pub(super) calls: u64,
    /// Operation and resource with calls, most first.
    operations: Vec<(String, u64)>,
}

impl Loss {
    /// `24 × PutObject on arn:aws:s3:::x/*`, for the first few.
    pub(super) fn what(&self) -> String {
        let mut parts: Vec<String> =
            self.operations.iter().take(OPERATIONS).map(|(what, _)| format!("`{}`", code(what))).collect();
        if let Some(more) = self.operations.len().checked_sub(OPERATIONS).filter(|more| *more > 0) {
            parts.push(format!("and {more} more"));
        }
        parts.join(", ")
    }
}

/// Newly denied calls by principal, the owners with the most calls first.
pub(super) fn losses(swept: &Swept, inventory: &Inventory) -> Vec<Loss> {
    let mut by_principal: BTreeMap<&str, (String, BTreeMap<String, u64>)> = BTreeMap::new();
    for (key, sum) in swept.rows.iter().filter(|(key, _)| key.outcome == Outcome::NewlyDenied) {
        let service = key.field("event_source").unwrap_or_default();
        let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
        let what = match key.field("resource_arn") {
            Some(arn) => format!("{service}:{} on {arn}", key.field("event_name").unwrap_or_default()),
            None => format!("{service}:{}", key.field("event_name").unwrap_or_default()),
        };
        let entry = by_principal.entry(principal(key)).or_insert_with(|| (owner(key, inventory), BTreeMap::new()));
        *entry.1.entry(what).or_default() += sum.calls;
    }
    let mut losses: Vec<Loss> = by_principal
        .into_iter()
        .map(|(principal, (owner, operations))| {
            let mut operations: Vec<(String, u64)> = operations.into_iter().collect();
            operations.sort_by_key(|(what, calls)| (Reverse(*calls), what.clone()));
            let calls = operations.iter().map(|(_, calls)| calls).sum();
            Loss { principal: principal.to_owned(), owner, calls, operations }
        })
        .collect();
    let mut by_owner: BTreeMap<String, u64> = BTreeMap::new();
    for loss in &losses {
        *by_owner.entry(loss.owner.clone()).or_default() += loss.calls;
    }
    losses.sort_by_key(|loss| {
        let of_owner = by_owner.get(&loss.owner).copied().unwrap_or_default();
        (Reverse(of_owner), loss.owner.clone(), Reverse(loss.calls), loss.principal.clone())
    });
    losses
}

fn owner(key: &Key, inventory: &Inventory) -> String {
    let role = key.field("principal_arn").and_then(|arn| inventory.role_by_arn(arn));
    let tags = role.map(|role| &role.tags).or_else(|| {
        let arn = key.field("principal_arn")?;
        inventory.resource(arn).map(|resource| &resource.tags)
    });
    let tag = tags.and_then(|tags| {
        ["owner", "team"]
            .iter()
            .find_map(|wanted| tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone()))
    });
    if let Some(tag) = tag {
        return format!("owner {tag}");
    }
    match key.field("principal_account_id") {
        Some(id) => match inventory.account(id).and_then(|account| account.name.clone()) {
            Some(name) => format!("account {name} ({id}), no owner known"),
            None => format!("account {id}"),
        },
        None => "no account known".to_owned(),
    }
}

/// `1 call`, `1,234 calls`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Text that Markdown must not read as anything else.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '`' => escaped.push('\''),
            '*' | '[' | ']' => escaped.push(character),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Text inside backticks.
fn code(text: &str) -> String {
    text.chars().map(|c| if c == '`' || c.is_control() { '\'' } else { c }).collect()
}
