//! The first page of a replay: what a change would break, for whom, by which statement, and what is open.

use super::format;
use super::summary::Scope;
use crate::report::impact::{Amount, Impact, Loss, OpenGroup, OpenKey, RefinedPolicy};
use crate::report::model::{Report, Verdict};

/// Rows of each table; the findings have the rest.
const LISTED: usize = 50;
/// Operations that are named for one principal.
const OPERATIONS: usize = 6;
/// Resources, accounts or principals that are named for one missing fact.
const SUBJECTS: usize = 10;

/// A replay for the first page.
pub(super) struct ImpactView<'a> {
    /// The one change, or all of them together.
    pub(super) whole: &'a Impact,
    pub(super) cards: Vec<OutcomeCard<'a>>,
    /// With several changes: each of them alone.
    pub(super) alone: Vec<&'a Impact>,
    pub(super) statements: Vec<StatementRow<'a>>,
    /// What would be lost, and what gained.
    pub(super) losses: Vec<LossTable<'a>>,
    pub(super) open: Vec<OpenRow<'a>>,
    pub(super) open_left_out: usize,
    /// The changes that have a refinement.
    pub(super) refined: Vec<(&'a Impact, &'a RefinedPolicy)>,
}

pub(super) struct OutcomeCard<'a> {
    pub(super) title: String,
    pub(super) meaning: &'a str,
    pub(super) verdict: Verdict,
    pub(super) amount: Amount,
    pub(super) link: String,
}

pub(super) struct StatementRow<'a> {
    pub(super) statement: &'a str,
    pub(super) amount: Amount,
}

/// What principals would lose, or gain.
pub(super) struct LossTable<'a> {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) actions: &'static str,
    pub(super) owners: Vec<OwnerRows<'a>>,
    /// Principals that `owners` leaves out.
    pub(super) left_out: usize,
}

/// What the principals of one owner would lose, or gain.
pub(super) struct OwnerRows<'a> {
    pub(super) owner: &'a str,
    pub(super) losses: Vec<LossRow>,
}

pub(super) struct LossRow {
    pub(super) principal: String,
    pub(super) calls: u64,
    pub(super) operations: Vec<String>,
    pub(super) more: usize,
}

pub(super) struct OpenRow<'a> {
    /// Joined by commas.
    pub(super) keys: String,
    pub(super) open: &'a OpenKey,
    /// The text begins with a capital letter.
    pub(super) provide: String,
    /// Of what the fact is missing.
    pub(super) about: Option<String>,
}

/// `None`: the report is none of a replay.
pub(super) fn view(report: &Report) -> Option<ImpactView<'_>> {
    let impacts = &report.manifest.impacts;
    let whole = impacts.iter().find(|impact| impact.in_totals)?;
    let scope = Scope::of(report, impacts.len() > 1);
    let groups = whole.open_groups();
    Some(ImpactView {
        cards: whole
            .outcomes
            .iter()
            .map(|tally| OutcomeCard {
                title: capital(&tally.title),
                meaning: &tally.meaning,
                verdict: tally.verdict,
                amount: tally.amount,
                link: scope.link(&[("outcome", &tally.outcome)]),
            })
            .collect(),
        alone: impacts.iter().filter(|impact| !impact.in_totals).collect(),
        statements: whole
            .statements
            .iter()
            .take(LISTED)
            .map(|found| StatementRow { statement: &found.statement, amount: found.amount })
            .collect(),
        losses: [
            losses("losses-title", "What you will lose", "Actions that would be denied", &whole.losses),
            losses("gains-title", "What would be newly allowed", "Actions that would be allowed", &whole.gains),
        ]
        .into_iter()
        .flatten()
        .collect(),
        open_left_out: groups.len().saturating_sub(LISTED),
        open: groups.into_iter().take(LISTED).map(open_row).collect(),
        refined: impacts.iter().filter_map(|impact| Some((impact, impact.refinement.as_ref()?))).collect(),
        whole,
    })
}

impl ImpactView<'_> {
    pub(super) fn open_calls(&self) -> Amount {
        self.whole.amount("may_be_newly_denied")
    }
}

fn open_row(group: OpenGroup<'_>) -> OpenRow<'_> {
    OpenRow {
        provide: capital(&group.open.provide),
        about: group.open.about.text(SUBJECTS).map(|about| format::visible(&capital(&about))),
        open: group.open,
        keys: group.keys,
    }
}

fn losses<'a>(id: &'static str, title: &'static str, actions: &'static str, all: &'a [Loss]) -> Option<LossTable<'a>> {
    let mut owners: Vec<OwnerRows<'_>> = Vec::new();
    for loss in all.iter().take(LISTED) {
        match owners.last_mut().filter(|rows| rows.owner == loss.owner) {
            Some(rows) => rows.losses.push(loss_row(loss)),
            None => owners.push(OwnerRows { owner: &loss.owner, losses: vec![loss_row(loss)] }),
        }
    }
    let left_out = all.len().saturating_sub(LISTED);
    (!owners.is_empty()).then_some(LossTable { id, title, actions, owners, left_out })
}

fn loss_row(loss: &Loss) -> LossRow {
    let (operations, more) = loss.first_operations(OPERATIONS);
    LossRow {
        principal: format::visible(&loss.principal),
        calls: loss.calls,
        operations: operations.iter().map(|operation| format::visible(operation)).collect(),
        more,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
