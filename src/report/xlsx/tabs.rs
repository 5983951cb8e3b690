//! Which sheets there are, and what they are called.

use std::collections::HashSet;
use std::ops::Range;

use crate::report::model::Report;
use crate::report::summary;

pub(super) const SUMMARY: &str = "Summary";
pub(super) const EXCEPTIONS: &str = "Exceptions";
pub(super) const COVERAGE: &str = "Coverage";
pub(super) const SQL: &str = "SQL";
pub(super) const PARAMETERS: &str = "Parameters";
pub(super) const COLUMNS: &str = "Columns";
pub(super) const RUN_INFORMATION: &str = "Run information";

/// Characters of a sheet name, counted in UTF-16 as Excel does.
const LONGEST_NAME: usize = 31;

pub(super) struct Plan {
    pub(super) findings: Vec<FindingsTab>,
    /// For each query, the row of the SQL sheet on which its statement starts.
    pub(super) sql_rows: Vec<u32>,
}

/// A sheet with findings of one query.
pub(super) struct FindingsTab {
    pub(super) name: String,
    /// Position of the query in the manifest.
    pub(super) query: usize,
    /// Rows of the findings table.
    pub(super) rows: Range<usize>,
}

impl Plan {
    /// The first sheet of a query.
    pub(super) fn tab_of(&self, query: usize) -> Option<&FindingsTab> {
        self.findings.iter().find(|tab| tab.query == query)
    }
}

/// Plans the sheets: every query has one, also when it found nothing, and as many as its findings need.
pub(super) fn plan(report: &Report, findings_per_sheet: u32) -> Plan {
    // `History` is a name that Excel keeps for itself.
    let mut names = Names::new(&[SUMMARY, EXCEPTIONS, COVERAGE, SQL, PARAMETERS, COLUMNS, RUN_INFORMATION, "History"]);
    let per_sheet = usize::try_from(findings_per_sheet).unwrap_or(usize::MAX).max(1);
    let mut findings = Vec::new();
    let mut sql_rows = Vec::new();
    let mut sql_row: u32 = 0;
    for (query, summary) in report.manifest.queries.iter().enumerate() {
        let rows = summary::rows_of(summary, &report.findings);
        let mut first = rows.start;
        loop {
            let end = first.saturating_add(per_sheet).min(rows.end);
            findings.push(FindingsTab { name: names.take(&summary.name), query, rows: first..end });
            first = end;
            if first >= rows.end {
                break;
            }
        }
        sql_rows.push(sql_row);
        sql_row = sql_row.saturating_add(super::appendix::rows_of_statement(summary));
    }
    Plan { findings, sql_rows }
}

/// Gives out sheet names that are valid and differ, also without regard to case.
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn new(reserved: &[&str]) -> Self {
        Self { taken: reserved.iter().map(|name| name.to_lowercase()).collect() }
    }

    /// The name itself where it fits; otherwise its beginning and end, because the names of queries differ in either. A name that
    /// is taken is numbered.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let valid: String = wanted
            .chars()
            .map(|c| match c {
                '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'' => '_',
                c if c.is_control() || c.len_utf16() > 1 => '_',
                c => c,
            })
            .collect();
        let valid = if valid.trim().is_empty() { "query".to_owned() } else { valid };
        let mut name = shorten(&valid, LONGEST_NAME);
        let mut number = 2_u32;
        while !self.taken.insert(name.to_lowercase()) {
            let suffix = format!(" ({number})");
            name = shorten(&valid, LONGEST_NAME.saturating_sub(suffix.len())) + &suffix;
            number = number.saturating_add(1);
        }
        name
    }
}

fn shorten(name: &str, longest: usize) -> String {
    let length = name.chars().count();
    if length <= longest {
        return name.to_owned();
    }
    let tail = longest / 2;
    let head = longest.saturating_sub(tail + 1);
    name.chars().take(head).chain(['…']).chain(name.chars().skip(length - tail)).collect()
}
