//! The first sheet: what breaks, for whom, and how far the numbers can be trusted.

use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

use super::cells::{self, Formats};
use super::tabs::{self, Plan};
use crate::report::model::{Report, Severity, Verdict, Warning};
use crate::report::summary::{Ranked, Summary, Tally, verdict_meaning, verdict_title};

/// Widths of the columns, in characters: names, then numbers.
const NAME_WIDTH: f64 = 54.0;
const SECOND_WIDTH: f64 = 20.0;
const NUMBER_WIDTH: f64 = 13.0;
/// The columns of the table of queries before those of the verdicts.
const QUERY_HEADERS: [&str; 6] = ["Query", "Perimeter", "Findings", "Calls", "Rows left out", "Statement"];
/// The page is at least as wide as this, so that warnings have room.
const LEAST_COLUMNS: u16 = 10;

pub(super) fn write(
    sheet: &mut Worksheet,
    report: &Report,
    summary: &Summary,
    plan: &Plan,
    formats: &Formats,
) -> Result<(), XlsxError> {
    sheet.set_name(tabs::SUMMARY)?;
    sheet.set_screen_gridlines(false);
    cells::set_page(sheet, Some(0))?;
    sheet.set_column_width(0, NAME_WIDTH)?;
    sheet.set_column_width(1, SECOND_WIDTH)?;
    let columns = u16::try_from(QUERY_HEADERS.len() + summary.verdicts.len()).unwrap_or(LEAST_COLUMNS).max(LEAST_COLUMNS);
    for column in 2..columns {
        sheet.set_column_width(column, NUMBER_WIDTH)?;
    }

    // The rankings of a replay are about the same calls under other words.
    let replay = !report.manifest.impacts.is_empty();
    let title = |of_replay: &'static str, otherwise: &'static str| if replay { of_replay } else { otherwise };
    let mut page = Page { sheet, formats, row: 0, last_column: columns - 1 };
    page.heading(report)?;
    if let Some(whole) = report.manifest.impacts.iter().find(|impact| impact.in_totals) {
        let headline = format!("{}.", whole.headline(!summary.blind.is_empty()));
        page.wide(0, &headline, &formats.headline)?;
        page.row += 1;
    }
    page.warnings(&summary.blind)?;
    for impact in report.manifest.impacts.iter().rev() {
        page.impact(impact)?;
    }
    page.coverage_lines(&report.manifest.coverage_lines)?;
    page.verdicts(summary)?;
    page.perimeters(summary)?;
    page.queries(summary, plan)?;
    page.ranking(
        title("Principals with the most newly denied calls", "Principals that cross the perimeter most"),
        "Principal",
        &summary.top_principals,
    )?;
    page.ranking(
        title("Accounts with the most newly denied calls", "Accounts with the most crossing calls"),
        "Account",
        &summary.top_accounts,
    )?;
    page.ranking(
        title("Services of the newly denied calls", "Services that are called across the perimeter most"),
        "Service",
        &summary.top_services,
    )?;
    if report.manifest.impacts.is_empty() {
        page.settled_by(summary)?;
    }
    page.coverage(report)?;
    page.warnings(&summary.notices)?;
    page.links()
}

/// Writes from top to bottom.
pub(super) struct Page<'a> {
    pub(super) sheet: &'a mut Worksheet,
    pub(super) formats: &'a Formats,
    pub(super) row: u32,
    /// Where the page ends on the right.
    last_column: u16,
}

impl Page<'_> {
    fn heading(&mut self, report: &Report) -> Result<(), XlsxError> {
        let manifest = &report.manifest;
        let title = if manifest.title.is_empty() { "Data perimeter report" } else { &manifest.title };
        self.sheet.set_row_height(self.row, 28)?;
        cells::write_text_as(self.sheet, self.row, 0, title, &self.formats.title)?;
        self.row += 1;
        let window = match (&manifest.window.from, &manifest.window.to) {
            (None, None) => "everything that the logs hold".to_owned(),
            (from, to) => {
                format!("{} to {}", from.as_deref().unwrap_or("first event"), to.as_deref().unwrap_or("last event"))
            }
        };
        let line = format!(
            "Window: {window} · accounts judged: {} · generated {} · run {} · Palisade {}",
            manifest.accounts.len(),
            manifest.generated_at,
            manifest.run_id,
            manifest.tool_version
        );
        cells::write_text_as(self.sheet, self.row, 0, &line, &self.formats.subtitle)?;
        self.row += 2;
        Ok(())
    }

    /// Warnings before numbers; nothing when there are none.
    fn warnings(&mut self, warnings: &[Warning]) -> Result<(), XlsxError> {
        for warning in warnings {
            let (word, label, text) = match warning.severity {
                Severity::Blind => ("BLIND SPOT", &self.formats.blind, &self.formats.blind_text),
                Severity::Notice => ("Notice", &self.formats.notice, &self.formats.wrap),
            };
            cells::write_text_as(self.sheet, self.row, 0, &format!("{word}: {}", warning.code), label)?;
            self.wide(1, &warning.message, text)?;
            if let Some(help) = &warning.help {
                self.wide(1, help, &self.formats.help)?;
            }
        }
        if !warnings.is_empty() {
            self.row += 1;
        }
        Ok(())
    }

    fn verdicts(&mut self, summary: &Summary) -> Result<(), XlsxError> {
        self.section("Verdicts", &["Verdict", "Findings", "Calls", "Principals", "Accounts", "Meaning"], 1..5)?;
        for entry in &summary.verdicts {
            self.verdict_cell(0, entry.verdict)?;
            self.tally(1, entry.tally)?;
            cells::write_text_as(self.sheet, self.row, 5, verdict_meaning(entry.verdict), &self.formats.after_number)?;
            self.row += 1;
        }
        cells::write_text_as(self.sheet, self.row, 0, "All findings", &self.formats.label)?;
        self.tally(1, summary.total)?;
        self.row += 1;
        let note = "A call that two queries list counts once in each. Principals and accounts are counted once.";
        cells::write_text_as(self.sheet, self.row, 0, note, &self.formats.subtitle)?;
        self.row += 2;
        Ok(())
    }

    fn perimeters(&mut self, summary: &Summary) -> Result<(), XlsxError> {
        self.section("Perimeters", &["Perimeter", "Verdict", "Findings", "Calls", "Principals", "Accounts"], 2..6)?;
        for entry in &summary.perimeters {
            cells::write_text(self.sheet, self.row, 0, &entry.perimeter)?;
            self.verdict_cell(1, entry.verdict)?;
            self.tally(2, entry.tally)?;
            self.row += 1;
        }
        self.row += 1;
        Ok(())
    }

    fn queries(&mut self, summary: &Summary, plan: &Plan) -> Result<(), XlsxError> {
        let verdicts: Vec<Verdict> = summary.verdicts.iter().map(|entry| entry.verdict).collect();
        let mut headers = QUERY_HEADERS.to_vec();
        headers.extend(verdicts.iter().map(|verdict| verdict_title(*verdict)));
        self.section("Queries", &headers, 2..5)?;
        let header_row = self.row.saturating_sub(1);
        for (column, verdict) in (6_u16..).zip(&verdicts) {
            let title = verdict_title(*verdict);
            cells::write_text_as(self.sheet, header_row, column, title, &self.formats.header_number)?;
            // The longest title needs more than a number does.
            self.sheet.set_column_width(column, NUMBER_WIDTH.max(title.len() as f64 * 1.1 + 2.0))?;
        }
        for (position, query) in summary.queries.iter().enumerate() {
            match plan.tab_of(position) {
                Some(tab) => {
                    let target = (tab.name.as_str(), 0);
                    cells::write_link(self.sheet, self.row, 0, target, &query.name, &self.formats.link)?;
                }
                None => cells::write_text(self.sheet, self.row, 0, &query.name)?,
            }
            cells::write_text(self.sheet, self.row, 1, &query.perimeter)?;
            self.count(2, query.tally.findings)?;
            self.count(3, query.tally.calls)?;
            let left_out = if query.rows_left_out > 0 { &self.formats.left_out } else { &self.formats.integer };
            cells::write_count(self.sheet, self.row, 4, query.rows_left_out, left_out)?;
            if let Some(row) = plan.sql_rows.get(position) {
                cells::write_link(self.sheet, self.row, 5, (tabs::SQL, *row), "SQL", &self.formats.link_after_number)?;
            }
            for (column, verdict) in (6_u16..).zip(&verdicts) {
                self.count(column, query.of(*verdict).calls)?;
            }
            self.row += 1;
            if !query.not_provided.is_empty() {
                let line = format!("not provided: {}", query.not_provided.join("; "));
                self.wide(1, &line, &self.formats.help)?;
            }
        }
        let note = "The columns of the verdicts count calls. Names of queries are links to their findings.";
        cells::write_text_as(self.sheet, self.row, 0, note, &self.formats.subtitle)?;
        self.row += 2;
        Ok(())
    }

    fn ranking(&mut self, title: &str, name: &str, ranked: &[Ranked]) -> Result<(), XlsxError> {
        if ranked.is_empty() {
            return Ok(());
        }
        let labelled = ranked.iter().any(|entry| entry.label.is_some());
        let first_number: u16 = if labelled { 2 } else { 1 };
        let headers: &[&str] = if labelled { &[name, "Name", "Findings", "Calls"] } else { &[name, "Findings", "Calls"] };
        self.section(title, headers, usize::from(first_number)..headers.len())?;
        for entry in ranked {
            cells::write_text(self.sheet, self.row, 0, &entry.name)?;
            if labelled {
                cells::write_text(self.sheet, self.row, 1, entry.label.as_deref().unwrap_or_default())?;
            }
            self.count(first_number, entry.findings)?;
            self.count(first_number + 1, entry.calls)?;
            self.row += 1;
        }
        self.row += 1;
        Ok(())
    }

    fn settled_by(&mut self, summary: &Summary) -> Result<(), XlsxError> {
        if summary.settled_by.is_empty() {
            return Ok(());
        }
        self.section("What would settle the undetermined findings", &["Settled by", "Findings", "Calls"], 1..3)?;
        for group in &summary.settled_by {
            let text = group.settled_by.as_deref().unwrap_or("The findings do not say.");
            self.height_for(text, NAME_WIDTH)?;
            cells::write_text_as(self.sheet, self.row, 0, text, &self.formats.wrap)?;
            self.count(1, group.tally.findings)?;
            self.count(2, group.tally.calls)?;
            self.row += 1;
        }
        self.row += 1;
        Ok(())
    }

    fn coverage(&mut self, report: &Report) -> Result<(), XlsxError> {
        let coverage = &report.manifest.coverage;
        self.section("Coverage of the logs", &["", "Count"], 1..2)?;
        let skipped =
            |unit: &str| coverage.skipped.iter().filter(|skipped| skipped.unit == unit).map(|skipped| skipped.count).sum();
        let days: usize = coverage.days_without_file.iter().map(|missing| missing.days.len()).sum();
        for (label, count) in [
            ("Records", coverage.records),
            ("Files", coverage.files),
            ("Duplicate records removed", coverage.duplicates),
            ("Records replaced by an addendum", coverage.replaced),
            ("Files skipped", skipped("file")),
            ("Records skipped", skipped("record")),
            ("Account days without a file", days as u64),
        ] {
            cells::write_text(self.sheet, self.row, 0, label)?;
            self.count(1, count)?;
            self.row += 1;
        }
        for (label, present) in [
            ("Management events", coverage.has_management_events),
            ("Data events", coverage.has_data_events),
            ("Network activity events", coverage.has_network_activity_events),
        ] {
            cells::write_text(self.sheet, self.row, 0, label)?;
            let right = Format::new().set_align(FormatAlign::Right);
            let (word, format) = if present { ("present", &right) } else { ("NONE IN THESE LOGS", &self.formats.notice) };
            cells::write_text_as(self.sheet, self.row, 1, word, format)?;
            self.row += 1;
        }
        self.row += 1;
        Ok(())
    }

    fn links(&mut self) -> Result<(), XlsxError> {
        self.section("More in this workbook", &[], 0..0)?;
        for (name, what) in [
            (tabs::EXCEPTIONS, "exceptions of the perimeter definition: applied, expired, never matched"),
            (tabs::COVERAGE, "records by account, region and category; what was skipped; days without a file"),
            (tabs::SQL, "the statement of every query"),
            (tabs::PARAMETERS, "the values that were bound, by account"),
            (tabs::COLUMNS, "what every column means; the 2 in the corner of a query's sheet shows all of them"),
            (tabs::RUN_INFORMATION, "inputs with their hashes, accounts, timings"),
        ] {
            cells::write_link(self.sheet, self.row, 0, (name, 0), name, &self.formats.link)?;
            cells::write_text(self.sheet, self.row, 1, what)?;
            self.row += 1;
        }
        Ok(())
    }

    /// A section title and the header row of its table; `numbers` are the columns that are aligned as numbers.
    pub(super) fn section(&mut self, title: &str, headers: &[&str], numbers: std::ops::Range<usize>) -> Result<(), XlsxError> {
        for column in 0..=self.last_column {
            self.sheet.write_blank(self.row, column, &self.formats.section)?;
        }
        cells::write_text_as(self.sheet, self.row, 0, title, &self.formats.section)?;
        self.row += 1;
        for (column, (position, header)) in (0_u16..).zip(headers.iter().enumerate()) {
            let format = match position {
                position if numbers.contains(&position) => &self.formats.header_number,
                position if position == numbers.end && !numbers.is_empty() => &self.formats.header_after_number,
                _ => &self.formats.header,
            };
            cells::write_text_as(self.sheet, self.row, column, header, format)?;
        }
        if !headers.is_empty() {
            self.row += 1;
        }
        Ok(())
    }

    /// Two texts in the first columns and one from a column to the last one, wrapped. Does not end the row.
    pub(super) fn beside(&mut self, column: u16, value: &str, first: [&str; 2]) -> Result<(), XlsxError> {
        let wide = NUMBER_WIDTH * f64::from(self.last_column.saturating_sub(column) + 1);
        let lines = [(first[0], NAME_WIDTH), (first[1], SECOND_WIDTH), (value, wide)]
            .into_iter()
            .max_by_key(|(text, width)| (text.chars().count() as f64 / width * 100.0) as u64);
        if let Some((text, width)) = lines {
            self.height_for(text, width)?;
        }
        for (at, text) in (0_u16..).zip(first) {
            cells::write_text_as(self.sheet, self.row, at, text, &self.formats.wrap)?;
        }
        if !value.is_empty() {
            // A number may stand before it.
            let indented = self.formats.wrap.clone().set_indent(1);
            self.sheet.merge_range(self.row, column, self.row, self.last_column, "", &indented)?;
            cells::write_text_as(self.sheet, self.row, column, value, &indented)?;
        }
        Ok(())
    }

    /// Long text from a column to the last one, in as many lines as it takes; ends the row.
    pub(super) fn wide(&mut self, column: u16, value: &str, format: &Format) -> Result<(), XlsxError> {
        self.height_for(value, SECOND_WIDTH + NUMBER_WIDTH * f64::from(self.last_column - 1))?;
        self.sheet.merge_range(self.row, column, self.row, self.last_column, "", format)?;
        cells::write_text_as(self.sheet, self.row, column, value, format)?;
        self.row += 1;
        Ok(())
    }

    /// Makes the row as high as wrapped text needs it. Only programs with the fonts can know; a character too many does no harm.
    fn height_for(&mut self, value: &str, width: f64) -> Result<(), XlsxError> {
        let lines: f64 = value.lines().map(|line| (line.chars().count() as f64 * 1.05 / width).ceil().max(1.0)).sum();
        if lines > 1.0 {
            // 409 points is the greatest height of a row.
            self.sheet.set_row_height(self.row, (lines * 15.0).min(409.0))?;
        }
        Ok(())
    }

    pub(super) fn verdict_cell(&mut self, column: u16, verdict: Verdict) -> Result<(), XlsxError> {
        let format = cells::verdict_format(verdict).unwrap_or_default();
        cells::write_text_as(self.sheet, self.row, column, verdict_title(verdict), &format)
    }

    fn tally(&mut self, first_column: u16, tally: Tally) -> Result<(), XlsxError> {
        for (column, value) in (first_column..).zip([tally.findings, tally.calls, tally.principals, tally.accounts]) {
            self.count(column, value)?;
        }
        Ok(())
    }

    pub(super) fn count(&mut self, column: u16, value: u64) -> Result<(), XlsxError> {
        cells::write_count(self.sheet, self.row, column, value, &self.formats.integer)
    }
}
