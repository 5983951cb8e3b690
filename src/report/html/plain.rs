//! The first rows of each query as plain table rows, for browsers in which the script does not run.
//!
//! They are the only findings that stand in the page uncompressed, so they have the columns without which a finding says nothing,
//! and there is a limit to their number.

use super::format;
use crate::report::model::{Cell, QuerySummary, Table, Verdict};

/// Rows of each query that the page holds as HTML, if not too many queries have that many.
const ROWS_OF_QUERY: usize = 200;

/// Rows of all queries that the page holds as HTML.
const ROWS_OF_PAGE: usize = 2000;

/// Rows of each of `queries` queries that the page holds as HTML.
pub(super) fn plain_rows(queries: usize) -> usize {
    ROWS_OF_QUERY.min(ROWS_OF_PAGE / queries.max(1)).max(10)
}

pub(super) struct PlainTable {
    pub(super) headers: Vec<PlainHeader>,
    pub(super) rows: Vec<Vec<PlainCell>>,
}

pub(super) struct PlainHeader {
    pub(super) label: &'static str,
    pub(super) number: bool,
}

pub(super) struct PlainCell {
    pub(super) text: String,
    /// Class of the cell: the verdict, or `number`.
    pub(super) class: Option<&'static str>,
}

/// A column of the plain table: its label and the finding columns whose values it shows, one after the other.
struct PlainColumn {
    label: &'static str,
    sources: &'static [&'static str],
}

const fn column(label: &'static str, sources: &'static [&'static str]) -> PlainColumn {
    PlainColumn { label, sources }
}

const COLUMNS: [PlainColumn; 9] = [
    column("Verdict", &["verdict"]),
    column("Account", &["account_id"]),
    column("Principal", &["principal_arn"]),
    column("Operation", &["event_source", "event_name", "error_code"]),
    column("Resource", &["resource_arn"]),
    column("Owner of the resource", &["resource_account_id"]),
    column("From", &["source_ip", "source_service", "vpc_endpoint_id", "invoked_by"]),
    column("Calls", &["event_count"]),
    column("Last seen", &["last_seen"]),
];

/// The first findings of a query, at most `limit`, with the columns that have a value in one of them.
pub(super) fn plain_table(findings: &Table, query: &QuerySummary, limit: usize) -> PlainTable {
    let rows = query.first_row..query.first_row + query.rows.min(limit);
    let cells: Vec<Vec<PlainCell>> =
        rows.map(|row| COLUMNS.iter().map(|column| plain_cell(findings, column, row)).collect()).collect();
    let used: Vec<bool> = (0..COLUMNS.len())
        .map(|place| cells.iter().any(|row| row.get(place).is_some_and(|cell| !cell.text.is_empty())))
        .collect();
    PlainTable {
        headers: (COLUMNS.iter().zip(&used))
            .filter(|(_, used)| **used)
            .map(|(column, _)| PlainHeader { label: column.label, number: column.label == "Calls" })
            .collect(),
        rows: cells
            .into_iter()
            .map(|row| row.into_iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell).collect())
            .collect(),
    }
}

fn plain_cell(findings: &Table, column: &PlainColumn, row: usize) -> PlainCell {
    let mut cell = PlainCell { text: String::new(), class: None };
    for source in column.sources {
        let text = match findings.cell(source, row) {
            Cell::Null => continue,
            Cell::Integer(number) => {
                cell.class = Some("number");
                number.to_string()
            }
            Cell::Time(milliseconds) => format::time(milliseconds),
            Cell::Text(text) => match Verdict::ALL.iter().find(|verdict| *source == "verdict" && verdict.as_str() == text) {
                Some(verdict) => {
                    cell.class = Some(verdict.as_str());
                    format::verdict_label(*verdict).to_owned()
                }
                None => format::visible(text),
            },
        };
        if !cell.text.is_empty() {
            cell.text.push(' ');
        }
        cell.text.push_str(&text);
    }
    cell
}
