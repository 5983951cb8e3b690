//! What a scenario would do, counted: outcomes, statements, losses, what is open.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::describe::refinement_lines;
use super::open;
use crate::inventory::Inventory;
use crate::replay::ServiceFacts;
use crate::replay::candidate::{Scenario, file_name};
use crate::replay::outcome::Outcome;
use crate::replay::recorded::{NotRecorded, not_recorded};
use crate::replay::refine::Refinement;
use crate::replay::rows::{Key, Operation};
use crate::replay::sweep::Swept;
use crate::report::impact::{Amount, BreakingStatement, Impact, Loss, LostOperation, NotCovered, OutcomeTally, RefinedPolicy};
use crate::report::model::Coverage;
use crate::report::principal;

/// Calls with who makes them and where.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    calls: u64,
    principals: BTreeSet<Cow<'a, str>>,
    accounts: BTreeSet<&'a str>,
}

impl<'a> Tally<'a> {
    pub(super) fn add(&mut self, key: &'a Key, calls: u64) {
        self.calls = self.calls.saturating_add(calls);
        self.principals.extend(principal(key));
        self.accounts.extend(key.field("account_id"));
    }

    pub(super) fn amount(&self) -> Amount {
        Amount { calls: self.calls, principals: self.principals.len() as u64, accounts: self.accounts.len() as u64 }
    }
}

/// What the scenario would do. `query` holds its findings.
pub(super) fn impact(
    query: &str,
    scenario: &Scenario,
    swept: &Swept,
    inventory: &Inventory,
    coverage: &Coverage,
    facts: &ServiceFacts,
    refinement: Option<&Refinement>,
) -> Impact {
    let unrecorded: Vec<NotRecorded> =
        scenario.candidates().flat_map(|candidate| not_recorded(candidate, scenario, inventory, coverage, facts)).collect();
    let statements_tried: usize = scenario.candidates().map(|candidate| candidate.policy.statements.len()).sum();
    Impact {
        query: query.to_owned(),
        title: scenario.title.clone(),
        in_totals: false,
        outcomes: outcomes(swept),
        statements: statements(swept),
        losses: losses(swept, Outcome::NewlyDenied, inventory),
        gains: losses(swept, Outcome::NewlyAllowed, inventory),
        open: open::keys(swept, inventory),
        action_unused: !swept.action_used,
        nothing_seen: statements_tried > 0
            && scenario.only_adds()
            && unrecorded.iter().filter(|found| found.nothing_seen).count() == statements_tried,
        not_covered: unrecorded
            .into_iter()
            .map(|found| NotCovered {
                statement: found.place,
                data_events: found.data_events.into_iter().map(str::to_owned).collect(),
                never: found.never.into_iter().map(str::to_owned).collect(),
            })
            .collect(),
        refinement: refinement.map(|refinement| RefinedPolicy {
            lines: refinement_lines(refinement),
            problems: refinement.problems.clone(),
            policy: refinement.text.clone(),
        }),
    }
}

/// One sentence for people who have not read the manual.
fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NewlyDenied => "They went through, and would fail.",
        Outcome::MayBeNewlyDenied => "They went through; whether they would fail, the logs and the inventory do not tell.",
        Outcome::NewlyAllowed => "They are denied today, and would go through.",
        Outcome::MayBeNewlyAllowed => "They are denied today, and may go through.",
        Outcome::StillDenied => "They went through when they were recorded; what is attached today denies them already.",
        Outcome::AlreadyDenied => "They failed when they were recorded: they say nothing about what would break.",
        Outcome::Unchanged => "They would go on as before.",
        Outcome::NotApplicable => "The change does not concern them.",
    }
}

fn outcomes(swept: &Swept) -> Vec<OutcomeTally> {
    let mut tallies: BTreeMap<Outcome, Tally<'_>> = BTreeMap::new();
    for (key, sum) in swept.rows.iter() {
        tallies.entry(key.outcome).or_default().add(key, sum.calls);
    }
    tallies
        .into_iter()
        .map(|(outcome, tally)| OutcomeTally {
            outcome: outcome.as_str().to_owned(),
            title: outcome.title().to_owned(),
            meaning: meaning(outcome).to_owned(),
            verdict: outcome.verdict(),
            amount: tally.amount(),
        })
        .collect()
}

fn statements(swept: &Swept) -> Vec<BreakingStatement> {
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    for (key, sum) in swept.rows.iter().filter(|(key, _)| key.outcome == Outcome::NewlyDenied) {
        let statement = key.statement.as_deref().map_or("no statement", file_name);
        tallies.entry(statement).or_default().add(key, sum.calls);
    }
    let mut statements: Vec<BreakingStatement> = tallies
        .into_iter()
        .map(|(statement, tally)| BreakingStatement { statement: statement.to_owned(), amount: tally.amount() })
        .collect();
    statements.sort_by_key(|found| (Reverse(found.amount.calls), found.statement.clone()));
    statements
}

/// Calls by operation and resource.
type Operations = BTreeMap<(Operation, Option<String>), u64>;

/// By principal, what it would lose, or gain.
fn losses(swept: &Swept, outcome: Outcome, inventory: &Inventory) -> Vec<Loss> {
    let mut by_principal: BTreeMap<Option<Cow<str>>, (&Key, Operations)> = BTreeMap::new();
    for (key, sum) in swept.rows.iter().filter(|(key, _)| key.outcome == outcome) {
        let entry = by_principal.entry(principal(key)).or_insert_with(|| (key, BTreeMap::new()));
        // The same name whichever row came first.
        entry.0 = entry.0.min(key);
        for (operation, calls) in &sum.operations {
            let of_operation = entry.1.entry((operation.clone(), key.field("resource_arn").map(str::to_owned))).or_default();
            *of_operation = of_operation.saturating_add(*calls);
        }
    }
    let mut losses: Vec<Loss> = by_principal
        .into_values()
        .map(|(key, operations)| {
            let mut operations: Vec<LostOperation> = operations
                .into_iter()
                .map(|((operation, resource), calls)| {
                    let Operation { action, event, needs } = operation;
                    LostOperation { operation: action, event, needs, resource, calls }
                })
                .collect();
            // Stable: the operations come in order.
            operations.sort_by_key(|lost| Reverse(lost.calls));
            Loss {
                owner: owner(key, inventory),
                principal: principal_in_words(key),
                calls: operations.iter().map(|lost| lost.calls).sum(),
                operations,
            }
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

/// Who called, as exactly as the record tells; `None` when it hides the caller.
fn principal(key: &Key) -> Option<Cow<'_, str>> {
    principal::name(|column| key.field(column))
}

fn is_anonymous(key: &Key) -> bool {
    principal(key).is_some_and(|name| name == principal::ANONYMOUS)
}

/// The same for people: an identifier that only AWS can read says what it is.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub(super) fn principal_in_words(key: &Key) -> String {
    if let Some(arn) = key.field("principal_arn") {
        return arn.to_owned();
    }
    if is_anonymous(key) {
        return format!("anybody, without credentials ({})", principal::ANONYMOUS);
    }
    let of = key.field("principal_account_id").map(|account| format!(" of account {account}")).unwrap_or_default();
    match key.field("principal_id") {
        Some(id) if id.starts_with("AROA") => format!("a role{of} ({id})"),
        Some(id) if id.starts_with("AIDA") => format!("a user{of} ({id})"),
        Some(id) => format!("{id}{of}"),
        None => match (key.field("invoked_by"), key.field("principal_account_id")) {
            (Some(service), _) => format!("the service {service}"),
            (None, Some(account)) => format!("somebody in account {account}"),
            (None, None) => "a caller that the records hide".to_owned(),
        },
    }
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
    if is_anonymous(key) {
        return "anybody on the internet".to_owned();
    }
    match key.field("principal_account_id") {
        Some(id) => match inventory.account(id) {
            Some(account) => match &account.name {
                Some(name) => format!("account {name} ({id}), no owner known"),
                None => format!("account {id}, no owner known"),
            },
            None => format!("account {id}, which the inventory does not list"),
        },
        None => "no account known".to_owned(),
    }
}
