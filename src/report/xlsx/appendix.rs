//! The sheets behind the findings: exceptions, coverage, statements and their parameters, columns, and the facts of the run.

use rust_xlsxwriter::{Worksheet, XlsxError};

use super::cells::{self, Formats};
use super::tabs::{self, Plan};
use crate::report::model::{ColumnType, FINDING_COLUMNS, QuerySummary, Report};

pub(super) fn exceptions(sheet: &mut Worksheet, report: &Report, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(tabs::EXCEPTIONS)?;
    cells::set_page(sheet, None)?;
    let headers = [
        ("id", 28.0, false),
        ("status", 15.0, false),
        ("expires", 12.0, false),
        ("findings", 11.0, true),
        ("calls", 13.0, true),
        ("owner", 28.0, false),
        ("reason", 80.0, false),
    ];
    cells::write_header(sheet, &headers, formats)?;
    for (row, exception) in (1_u32..).zip(&report.manifest.exceptions) {
        cells::write_text(sheet, row, 0, &exception.id)?;
        let status = exception.status.replace('_', " ");
        let format = if exception.status == "applied" { &formats.wrap } else { &formats.notice };
        cells::write_text_as(sheet, row, 1, &status, format)?;
        cells::write_text(sheet, row, 2, exception.expires.as_deref().unwrap_or("never"))?;
        cells::write_count(sheet, row, 3, exception.findings, &formats.integer)?;
        cells::write_count(sheet, row, 4, exception.calls, &formats.integer)?;
        cells::write_text(sheet, row, 5, &exception.owner)?;
        cells::write_text_as(sheet, row, 6, &exception.reason, &formats.wrap)?;
    }
    let last = report.manifest.exceptions.len();
    filter(sheet, last, headers.len())?;
    if last == 0 {
        cells::write_text_as(sheet, 1, 0, "The perimeter definition has no exceptions.", &formats.subtitle)?;
    }
    Ok(())
}

pub(super) fn coverage(sheet: &mut Worksheet, report: &Report, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(tabs::COVERAGE)?;
    cells::set_page(sheet, Some(0))?;
    let coverage = &report.manifest.coverage;
    let headers = [
        ("account_id", 14.0, false),
        ("region", 16.0, false),
        ("category", 18.0, false),
        ("records", 13.0, true),
        ("first_event", 20.0, false),
        ("last_event", 20.0, false),
    ];
    filter(sheet, coverage.streams.len(), headers.len())?;
    cells::write_header(sheet, &headers, formats)?;
    let mut row = 1;
    for stream in &coverage.streams {
        cells::write_text(sheet, row, 0, &stream.account_id)?;
        cells::write_text(sheet, row, 1, &stream.region)?;
        cells::write_text(sheet, row, 2, &stream.category)?;
        cells::write_count(sheet, row, 3, stream.records, &formats.integer)?;
        cells::write_time_text(sheet, row, 4, stream.first_event.as_deref().unwrap_or_default(), formats)?;
        cells::write_time_text(sheet, row, 5, stream.last_event.as_deref().unwrap_or_default(), formats)?;
        row += 1;
    }
    // The tables below have the counts in the column of the records; a long text runs over the empty cells beside it.
    let mut section = |title: &str, lines: &mut dyn Iterator<Item = Line<'_>>| {
        let mut empty = true;
        for line in lines {
            if std::mem::take(&mut empty) {
                cells::write_text_as(sheet, row + 1, 0, title, &formats.label)?;
                row += 2;
            }
            cells::write_text(sheet, row, 0, line.text)?;
            cells::write_text(sheet, row, 2, line.unit)?;
            if let Some(count) = line.count {
                cells::write_count(sheet, row, 3, count, &formats.integer)?;
            }
            cells::write_text_as(sheet, row, 4, &line.detail, &formats.after_number)?;
            row += 1;
        }
        Ok::<(), XlsxError>(())
    };
    section(
        "Left out",
        &mut coverage.skipped.iter().map(|skipped| Line {
            text: &skipped.reason,
            unit: &skipped.unit,
            count: Some(skipped.count),
            detail: skipped.examples.join("; "),
        }),
    )?;
    section(
        "Days without a file",
        &mut coverage.days_without_file.iter().map(|missing| Line {
            text: &missing.account_id,
            unit: "day",
            count: Some(missing.days.len() as u64),
            detail: missing.days.join(", "),
        }),
    )?;
    section(
        "Data events by service",
        &mut coverage.data_event_sources.iter().map(|source| Line {
            text: &source.event_source,
            unit: "record",
            count: Some(source.records),
            detail: String::new(),
        }),
    )?;
    section(
        "Recognised",
        &mut coverage.recognised.iter().map(|sentence| Line { text: sentence, unit: "", count: None, detail: String::new() }),
    )
}

struct Line<'a> {
    text: &'a str,
    /// What is counted.
    unit: &'a str,
    count: Option<u64>,
    detail: String,
}

/// Rows that [`statements`] takes for a query: its name, its title, the statement, and an empty row.
pub(super) fn rows_of_statement(query: &QuerySummary) -> u32 {
    u32::try_from(query.sql.lines().count()).unwrap_or(u32::MAX).saturating_add(3)
}

/// Statements line by line: a single cell would cut a long one, and show little of any.
pub(super) fn statements(sheet: &mut Worksheet, report: &Report, plan: &Plan, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(tabs::SQL)?;
    cells::set_page(sheet, None)?;
    sheet.set_column_width(0, 130)?;
    sheet.set_column_width(1, 24)?;
    for (position, (query, first_row)) in report.manifest.queries.iter().zip(&plan.sql_rows).enumerate() {
        let mut row = *first_row;
        cells::write_text_as(sheet, row, 0, &query.name, &formats.section)?;
        if let Some(tab) = plan.tab_of(position) {
            cells::write_link(sheet, row, 1, (&tab.name, 0), "findings", &formats.link)?;
        }
        row += 1;
        cells::write_text_as(sheet, row, 0, &query.title, &formats.subtitle)?;
        for line in query.sql.lines() {
            row += 1;
            cells::write_text_as(sheet, row, 0, line, &formats.code)?;
        }
    }
    Ok(())
}

pub(super) fn parameters(sheet: &mut Worksheet, report: &Report, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(tabs::PARAMETERS)?;
    cells::set_page(sheet, Some(1))?;
    let headers = [("query", 44.0, false), ("account_id", 14.0, false), ("parameter", 28.0, false), ("value", 90.0, false)];
    let count: usize = report.manifest.queries.iter().map(|query| query.parameters.len()).sum();
    filter(sheet, count, headers.len())?;
    cells::write_header(sheet, &headers, formats)?;
    let mut row = 1;
    for query in &report.manifest.queries {
        for parameter in &query.parameters {
            cells::write_text(sheet, row, 0, &query.name)?;
            cells::write_text(sheet, row, 1, &parameter.account_id)?;
            cells::write_text(sheet, row, 2, &parameter.name)?;
            cells::write_text(sheet, row, 3, &parameter.value)?;
            row += 1;
        }
    }
    Ok(())
}

pub(super) fn columns(sheet: &mut Worksheet, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(tabs::COLUMNS)?;
    cells::set_page(sheet, None)?;
    let headers = [("column", 32.0, false), ("group", 14.0, false), ("type", 22.0, false), ("meaning", 100.0, false)];
    cells::write_header(sheet, &headers, formats)?;
    for (row, spec) in (1_u32..).zip(FINDING_COLUMNS) {
        cells::write_text(sheet, row, 0, spec.name)?;
        cells::write_text_as(sheet, row, 1, spec.group.title(), &Formats::group_header(spec.group))?;
        let column_type = match spec.column_type {
            ColumnType::Text => "text",
            ColumnType::Integer => "whole number",
            ColumnType::Time => "date and time, UTC",
        };
        cells::write_text(sheet, row, 2, column_type)?;
        cells::write_text_as(sheet, row, 3, spec.description, &formats.wrap)?;
    }
    filter(sheet, FINDING_COLUMNS.len(), headers.len())
}

pub(super) fn run_information(sheet: &mut Worksheet, report: &Report, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(tabs::RUN_INFORMATION)?;
    cells::set_page(sheet, Some(0))?;
    for (column, width) in [(0, 26.0), (1, 50.0), (2, 68.0), (3, 24.0)] {
        sheet.set_column_width(column, width)?;
    }
    let manifest = &report.manifest;
    let mut row = 0;
    let everything = "everything that the logs hold";
    for (label, value) in [
        ("Run", manifest.run_id.as_str()),
        ("Generated", manifest.generated_at.as_str()),
        ("Palisade", manifest.tool_version.as_str()),
        ("First day", manifest.window.from.as_deref().unwrap_or(everything)),
        ("Last day", manifest.window.to.as_deref().unwrap_or(everything)),
    ] {
        cells::write_text_as(sheet, row, 0, label, &formats.label)?;
        cells::write_text(sheet, row, 1, value)?;
        row += 1;
    }

    row = titles(sheet, row + 1, &["Input", "Location", "SHA-256", "Taken at"], formats)?;
    for input in &manifest.inputs {
        cells::write_text(sheet, row, 0, &input.kind)?;
        cells::write_text(sheet, row, 1, &input.location)?;
        cells::write_text(sheet, row, 2, input.sha256.as_deref().unwrap_or_default())?;
        cells::write_time_text(sheet, row, 3, input.taken_at.as_deref().unwrap_or_default(), formats)?;
        row += 1;
    }
    row = titles(sheet, row + 1, &["Account", "Name", "Organizational unit"], formats)?;
    for account in &manifest.accounts {
        cells::write_text(sheet, row, 0, &account.account_id)?;
        cells::write_text(sheet, row, 1, account.name.as_deref().unwrap_or_default())?;
        cells::write_text(sheet, row, 2, account.organizational_unit.as_deref().unwrap_or_default())?;
        row += 1;
    }
    row = titles(sheet, row + 1, &["Phase", "Milliseconds"], formats)?;
    for timing in &manifest.timings {
        cells::write_text(sheet, row, 0, &timing.phase)?;
        cells::write_count(sheet, row, 1, timing.milliseconds, &formats.integer)?;
        row += 1;
    }
    Ok(())
}

fn titles(sheet: &mut Worksheet, row: u32, titles: &[&str], formats: &Formats) -> Result<u32, XlsxError> {
    for (column, title) in (0_u16..).zip(titles) {
        cells::write_text_as(sheet, row, column, title, &formats.header)?;
    }
    Ok(row + 1)
}

fn filter(sheet: &mut Worksheet, rows: usize, columns: usize) -> Result<(), XlsxError> {
    let last_row = u32::try_from(rows).unwrap_or(u32::MAX);
    let last_column = u16::try_from(columns.saturating_sub(1)).unwrap_or(u16::MAX);
    sheet.autofilter(0, 0, last_row, last_column).map(|_| ())
}
