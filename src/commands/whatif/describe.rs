//! What a scenario would break, as the text of the report.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::replay::candidate::{ChangeKind, Plan, Scenario};
use crate::replay::refine::Refinement;
use crate::replay::rows::{Key, Sum};
use crate::replay::words::perimeter as perimeter_of_keys;
use crate::report::amounts::{counted, grouped};
use crate::report::impact::{Impact, Loss};

/// Principals, statements and ways to settle that are listed; the rest is counted.
const LISTED: usize = 15;
/// Operations that are named for one principal.
const OPERATIONS: usize = 4;

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
pub(super) fn scenario(scenario: &Scenario, impact: &Impact) -> String {
    let mut text = String::new();
    let mut line = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    for change in &scenario.changes {
        let what = match &change.kind {
            ChangeKind::Attach { policy, .. } | ChangeKind::Replace { by: policy, .. } => {
                let statements = counted(policy.policy.statements.len() as u64, "statement");
                format!(" ({}, {statements})", policy.policy.policy_type.title())
            }
            ChangeKind::Detach { .. } => String::new(),
        };
        line(&format!("{}{what}.", plain(&change.title)));
    }
    line("");
    line(&format!("**{}.**", plain(&impact.headline(false))));
    line("");
    for tally in &impact.outcomes {
        line(&format!("- **{}**: {}. {}", tally.title, tally.amount.in_words(), tally.meaning));
    }
    line("");
    if !impact.statements.is_empty() {
        line("#### Statements that break most");
        line("");
        for found in impact.statements.iter().take(LISTED) {
            line(&format!("- `{}`: {}", code(&found.statement), found.amount.in_words()));
        }
        more(&mut line, impact.statements.len(), "statement");
        line("");
    }
    losses("What you will lose", &impact.losses, &mut line);
    losses("What would be newly allowed", &impact.gains, &mut line);
    if !impact.open.is_empty() {
        line("#### What would settle the rest");
        line("");
        let groups = impact.open_groups();
        for group in groups.iter().take(LISTED) {
            line(&format!("- {}: {}", counted(group.open.amount.calls, "call"), plain(&group.text())));
            if let Some(about) = group.open.about.text(LISTED) {
                line(&format!("  - {}", plain(&about)));
            }
        }
        more(&mut line, groups.len(), "group");
        line("");
    }
    if !impact.not_covered.is_empty() {
        line("#### Not covered by your logs");
        line("");
        for found in &impact.not_covered {
            let data_events = found.data_events.join(", ");
            let mut what: Vec<String> =
                (!data_events.is_empty()).then(|| format!("no data events on {data_events}")).into_iter().collect();
            what.extend((!found.never.is_empty()).then(|| format!("CloudTrail never records {}", found.never.join(", "))));
            line(&format!("- {}: {}", plain(&found.statement), what.join("; ")));
        }
    }
    if let Some(refinement) = &impact.refinement {
        line("");
        line("#### A refinement that was replayed");
        line("");
        for sentence in &refinement.lines {
            line(&format!("- {}", plain(sentence)));
        }
        for problem in &refinement.problems {
            line(&format!("- **Beware**: {}", plain(problem)));
        }
    }
    text.trim_end().to_owned()
}

/// By owner and principal, what they would lose, or gain.
fn losses(heading: &str, losses: &[Loss], line: &mut impl FnMut(&str)) {
    if losses.is_empty() {
        return;
    }
    line(&format!("#### {heading}"));
    line("");
    let mut owner_before: Option<&str> = None;
    for loss in losses.iter().take(LISTED) {
        if owner_before != Some(loss.owner.as_str()) {
            line("");
            line(&format!("**{}**", plain(&loss.owner)));
            line("");
            owner_before = Some(&loss.owner);
        }
        let (named, rest) = loss.first_operations(OPERATIONS);
        let mut what: Vec<String> = named.iter().map(|what| format!("`{}`", code(what))).collect();
        what.extend((rest > 0).then(|| format!("and {rest} more")));
        line(&format!("- `{}`: {}: {}", code(&loss.principal), counted(loss.calls, "call"), what.join(", ")));
    }
    more(line, losses.len(), "principal");
    line("");
}

/// How many are not listed, if any.
fn more(line: &mut impl FnMut(&str), all: usize, noun: &str) {
    if let Some(rest) = all.checked_sub(LISTED).filter(|rest| *rest > 0) {
        line("");
        line(&format!("And {} in the findings below.", counted(rest as u64, &format!("more {noun}"))));
    }
}

/// The change that lets the legitimate calls through, as sentences.
pub(super) fn refinement_lines(refinement: &Refinement) -> Vec<String> {
    let mut lines: Vec<String> = refinement.changes.clone();
    let through = refinement.legitimate_calls - refinement.still_denied - refinement.still_open;
    let mut replayed = format!(
        "Replayed: {} of {} {} through",
        grouped(through),
        counted(refinement.legitimate_calls, "legitimate call"),
        if through == 1 { "goes" } else { "go" }
    );
    for (calls, what) in [(refinement.still_denied, "would still be denied"), (refinement.still_open, "may still be denied")] {
        if calls > 0 {
            replayed.push_str(&format!(", {} {what}", grouped(calls)));
        }
    }
    lines.push(replayed);
    lines.push(match listed(&refinement.also_let_through) {
        Some(also) => format!("Also let through: {also}"),
        None => "Of the recorded calls nothing else is let through".to_owned(),
    });
    lines.push(match listed(&refinement.undetermined) {
        Some(open) => format!("Still undetermined: {open}"),
        None => "No call is left undetermined".to_owned(),
    });
    lines.push(format!("In general it lets through {}", refinement.also_in_general.join("; and ")));
    lines
}

/// `role/x: s3:GetObject (11 calls), …`; `None` for an empty list.
fn listed(calls: &[(String, u64)]) -> Option<String> {
    let mut named: Vec<String> =
        calls.iter().take(LISTED).map(|(what, calls)| format!("{what} ({})", counted(*calls, "call"))).collect();
    let rest: u64 = calls.iter().skip(LISTED).map(|(_, calls)| calls).sum();
    named.extend((rest > 0).then(|| format!("and {}", counted(rest, "more call"))));
    (!named.is_empty()).then(|| named.join(", "))
}

/// Markdown: what was denied in the log, by the policy type that the messages name.
pub(super) fn denied_already(rows: &[(&Key, &Sum)]) -> String {
    let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, sum) in rows {
        let by = crate::enrich::denied_by(key.field("error_code"), key.field("error_message"));
        *by_type.entry(by.unwrap_or("not named by the message")).or_default() += sum.calls;
    }
    let mut text =
        "These calls were denied already when they were made: they say nothing about what the change would break.\n\n"
            .to_owned();
    for (by, calls) in by_type {
        text.push_str(&format!("- {by}: {}\n", counted(calls, "call")));
    }
    text.trim_end().to_owned()
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
