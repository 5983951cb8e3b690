//! The part of the first sheet that only a replay has: what each change would do.

use rust_xlsxwriter::XlsxError;

use super::cells;
use super::overview::Page;
use crate::report::impact::{Amount, Impact, Loss};
use crate::report::model::CoverageLine;

/// Rows of each table; the sheets of findings have the rest.
const LISTED: usize = 200;
/// Operations that are named for one principal.
const OPERATIONS: usize = 6;
/// Resources, accounts or principals that are named for one missing fact.
const SUBJECTS: usize = 10;

impl Page<'_> {
    /// One change, or all of them together: in full if it counts, otherwise what becomes of the calls and the refinement.
    pub(super) fn impact(&mut self, impact: &Impact) -> Result<(), XlsxError> {
        self.section(
            &format!("What if: {}", impact.title),
            &["Outcome", "Verdict", "Calls", "Principals", "Accounts", "Meaning"],
            2..5,
        )?;
        for tally in &impact.outcomes {
            cells::write_text(self.sheet, self.row, 0, &tally.title)?;
            self.verdict_cell(1, tally.verdict)?;
            self.amount(2, tally.amount)?;
            cells::write_text_as(self.sheet, self.row, 5, &tally.meaning, &self.formats.after_number)?;
            self.row += 1;
        }
        self.row += 1;
        if impact.in_totals {
            self.statements(impact)?;
            self.losses("What you will lose", &impact.losses)?;
            self.losses("What would be newly allowed", &impact.gains)?;
            self.open(impact)?;
        }
        self.refinement(impact)
    }

    fn statements(&mut self, impact: &Impact) -> Result<(), XlsxError> {
        if impact.statements.is_empty() {
            return Ok(());
        }
        self.section("Statements that break most", &["File, line and Sid", "", "Calls", "Principals", "Accounts"], 2..5)?;
        for found in impact.statements.iter().take(LISTED) {
            cells::write_text(self.sheet, self.row, 0, &found.statement)?;
            self.amount(2, found.amount)?;
            self.row += 1;
        }
        self.more(impact.statements.len())
    }

    fn losses(&mut self, title: &str, losses: &[Loss]) -> Result<(), XlsxError> {
        if losses.is_empty() {
            return Ok(());
        }
        self.section(title, &["Principal", "Owner", "Calls", "Actions"], 2..3)?;
        for loss in losses.iter().take(LISTED) {
            let (mut named, rest) = loss.first_operations(OPERATIONS);
            named.extend((rest > 0).then(|| format!("and {rest} more")));
            self.beside(3, &named.join(", "), [&loss.principal, &loss.owner])?;
            self.count(2, loss.calls)?;
            self.row += 1;
        }
        self.more(losses.len())
    }

    fn open(&mut self, impact: &Impact) -> Result<(), XlsxError> {
        if impact.open.is_empty() {
            return Ok(());
        }
        self.section(
            "What would settle the rest (a call that depends on two facts counts in both rows)",
            &["To settle it", "Depends on", "Calls", "Principals", "Accounts", "Of what"],
            2..5,
        )?;
        let groups = impact.open_groups();
        for group in groups.iter().take(LISTED) {
            let about = group.open.about.text(SUBJECTS).unwrap_or_default();
            self.beside(5, &about, [&group.open.provide, if group.keys.is_empty() { "another fact" } else { &group.keys }])?;
            self.amount(2, group.open.amount)?;
            self.row += 1;
        }
        self.more(groups.len())
    }

    /// What the logs hold, and what of the change they cannot show.
    pub(super) fn coverage_lines(&mut self, lines: &[CoverageLine]) -> Result<(), XlsxError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.section("What these logs cover", &[], 0..0)?;
        for line in lines {
            let format = if line.topic.starts_with("Not ") { &self.formats.notice } else { &self.formats.label };
            cells::write_text_as(self.sheet, self.row, 0, &line.topic, format)?;
            self.wide(1, &line.text, &self.formats.wrap)?;
        }
        self.row += 1;
        Ok(())
    }

    fn refinement(&mut self, impact: &Impact) -> Result<(), XlsxError> {
        let Some(refined) = &impact.refinement else { return Ok(()) };
        self.section("A refinement that was replayed", &[], 0..0)?;
        for line in &refined.lines {
            self.wide(0, line, &self.formats.wrap)?;
        }
        for problem in &refined.problems {
            self.wide(0, &format!("Beware: {problem}"), &self.formats.notice)?;
        }
        self.row += 1;
        Ok(())
    }

    fn amount(&mut self, first_column: u16, amount: Amount) -> Result<(), XlsxError> {
        for (column, value) in (first_column..).zip([amount.calls, amount.principals, amount.accounts]) {
            self.count(column, value)?;
        }
        Ok(())
    }

    /// How many rows are not listed, and the empty row that ends a table.
    fn more(&mut self, rows: usize) -> Result<(), XlsxError> {
        if let Some(rest) = rows.checked_sub(LISTED).filter(|rest| *rest > 0) {
            let line = format!("and {rest} more in the sheets of findings");
            cells::write_text_as(self.sheet, self.row, 0, &line, &self.formats.subtitle)?;
            self.row += 1;
        }
        self.row += 1;
        Ok(())
    }
}
