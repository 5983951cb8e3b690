//! The sheet of one query: one row per finding, every column of the finding shape.

use rust_xlsxwriter::{ConditionalFormatCell, ConditionalFormatCellRule, IgnoreError, Worksheet, XlsxError};

use super::cells::{self, Formats};
use super::tabs::FindingsTab;
use crate::report::model::{Cell, ColumnSpec, ColumnType, Report, Verdict};
use crate::report::summary::{Summary, is_crossing};

/// Columns up to and including this one stay in sight.
const LAST_FROZEN: &str = "verdict";

pub(super) fn write(
    sheet: &mut Worksheet,
    report: &Report,
    tab: &FindingsTab,
    summary: &Summary,
    formats: &Formats,
) -> Result<(), XlsxError> {
    sheet.set_name(&tab.name)?;
    let columns = &report.findings.columns;
    let last_row = u32::try_from(tab.rows.len()).unwrap_or(u32::MAX);
    let last_column = u16::try_from(columns.len().saturating_sub(1)).unwrap_or(u16::MAX);

    let mut frozen = 0;
    let mut hidden: Option<(u16, u16)> = None;
    for (index, column) in (0_u16..).zip(columns) {
        let spec = &column.spec;
        sheet.set_column_width(index, width(spec))?;
        match spec.column_type {
            ColumnType::Text => {}
            ColumnType::Integer => {
                sheet.set_column_format(index, &formats.integer_column)?;
            }
            ColumnType::Time => {
                sheet.set_column_format(index, &formats.time)?;
            }
        }
        // Excel marks digits that are text as a mistake; for an account id they are not.
        if spec.name.ends_with("account_id") && last_row > 0 {
            sheet.ignore_error_range(1, index, last_row, index, IgnoreError::NumberStoredAsText)?;
        }
        if spec.name == LAST_FROZEN {
            frozen = index + 1;
            if last_row > 0 {
                color_verdicts(sheet, index, last_row)?;
            }
        }
        // What is not shown at first is one click away: a collapsed outline, opened with the 2 in the corner.
        hidden = match (hidden, spec.shown) {
            (None, false) => Some((index, index)),
            (Some((first, _)), false) => Some((first, index)),
            (Some((first, last)), true) => {
                sheet.group_columns_collapsed(first, last)?;
                None
            }
            (None, true) => None,
        };
    }
    if let Some((first, last)) = hidden {
        sheet.group_columns_collapsed(first, last)?;
    }
    sheet.set_freeze_panes(1, frozen)?;
    sheet.autofilter(0, 0, last_row, last_column)?;
    cells::set_page(sheet, None)?;
    sheet.set_repeat_rows(0, 0)?;
    if let Some(query) = summary.queries.get(tab.query) {
        sheet.set_tab_color(if query.verdicts.iter().any(|entry| is_crossing(entry.verdict)) {
            0xC0_2B_2B
        } else if query.of(Verdict::Undetermined).findings > 0 {
            0xE0_A8_00
        } else {
            0x9A_A3_AF
        });
    }

    for (index, column) in (0_u16..).zip(columns) {
        cells::write_text_as(sheet, 0, index, column.spec.name, &Formats::group_header(column.spec.group))?;
    }
    for (row, finding) in (1_u32..).zip(tab.rows.clone()) {
        for (index, column) in (0_u16..).zip(columns) {
            match column.get(finding) {
                Cell::Null => {}
                Cell::Text(text) => cells::write_text(sheet, row, index, text)?,
                Cell::Integer(number) => cells::write_integer(sheet, row, index, number)?,
                Cell::Time(milliseconds) => cells::write_time(sheet, row, index, milliseconds)?,
            }
        }
    }
    Ok(())
}

fn color_verdicts(sheet: &mut Worksheet, column: u16, last_row: u32) -> Result<(), XlsxError> {
    for verdict in Verdict::ALL {
        if let Some(format) = cells::verdict_format(verdict) {
            let rule =
                ConditionalFormatCell::new().set_rule(ConditionalFormatCellRule::EqualTo(verdict.as_str())).set_format(format);
            sheet.add_conditional_format(1, column, last_row, column, &rule)?;
        }
    }
    Ok(())
}

/// Wide enough for the values that a column usually has; the name with its filter button always fits.
fn width(spec: &ColumnSpec) -> f64 {
    let values: f64 = match (spec.name, spec.column_type) {
        (_, ColumnType::Time) => 21.0,
        (_, ColumnType::Integer) => 10.0,
        ("verdict", _) => 18.0,
        ("reason", _) => 96.0,
        ("principal_arn" | "resource_arn", _) => 52.0,
        ("settled_by" | "assumable_by" | "error_message" | "user_agent", _) => 44.0,
        ("sample_event_id", _) => 37.0,
        ("query" | "principal_id" | "event_source" | "event_name" | "organizational_unit", _) => 28.0,
        ("source_ip" | "vpc_endpoint_id" | "error_code" | "resource_type", _) => 24.0,
        (name, _) if name.ends_with("account_id") => 14.0,
        _ => 16.0,
    };
    values.max(spec.name.len() as f64 * 1.15 + 3.0)
}
