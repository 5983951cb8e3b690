//! The workbook: for people who filter, comment and hand on.
//!
//! A summary with links, one sheet per query, then exceptions, coverage, statements, columns and the facts of the run. Cells are
//! typed: counts are numbers, times are real dates in UTC, account ids are text. Recorded text is always written as text, so a
//! user agent that looks like a formula stays inert. Findings go through the file system row by row; memory does not grow with
//! their number.

mod appendix;
mod cells;
mod findings;
mod impact;
mod overview;
mod tabs;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use super::model::Report;
use super::summary;

/// Rows of a worksheet, header included.
/// <https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3>
const ROWS_OF_WORKSHEET: u32 = 1_048_576;

#[derive(Debug, thiserror::Error)]
pub enum XlsxReportError {
    #[error("cannot write the workbook")]
    Write(#[from] XlsxError),
    #[error("cannot write the workbook: its temporary files could not be written; is there space left in {folder}?")]
    Stopped { folder: String },
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Where rows wait until the file is put together: about 2 kB per finding. `None` is the system's folder.
    pub temporary_folder: Option<PathBuf>,
    /// Findings per sheet; a query with more continues on another sheet.
    pub findings_per_sheet: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { temporary_folder: None, findings_per_sheet: ROWS_OF_WORKSHEET - 1 }
    }
}

/// Writes the workbook. The same report gives the same bytes.
///
/// # Errors
/// When `out` or the temporary folder cannot be written to.
pub fn write(report: &Report, options: &Options, out: impl Write + Send) -> Result<(), XlsxReportError> {
    // The library panics when a temporary file cannot be written, a full disk for one. That must not lose the other reports.
    catch_unwind(AssertUnwindSafe(|| build(report, options)?.save_to_writer(out))).map_or_else(
        |_| {
            let folder = options.temporary_folder.clone().unwrap_or_else(std::env::temp_dir);
            Err(XlsxReportError::Stopped { folder: folder.display().to_string() })
        },
        |result| result.map_err(XlsxReportError::Write),
    )
}

fn build(report: &Report, options: &Options) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    if let Some(folder) = &options.temporary_folder {
        workbook.set_tempdir(folder)?;
    }
    workbook.set_properties(
        &DocProperties::new()
            .set_title(cells::text(&report.manifest.title))
            .set_author("Palisade")
            .set_comment(format!("Palisade {}, run {}", report.manifest.tool_version, report.manifest.run_id))
            .set_creation_datetime(&created(&report.manifest.generated_at)),
    );

    let plan = tabs::plan(report, options.findings_per_sheet.clamp(1, ROWS_OF_WORKSHEET - 1));
    let formats = cells::Formats::new();
    let summary = summary::summarize(report);

    overview::write(workbook.add_worksheet(), report, &summary, &plan, &formats)?;
    for tab in &plan.findings {
        findings::write(workbook.add_worksheet_with_constant_memory()?, report, tab, &summary, &formats)?;
    }
    appendix::exceptions(workbook.add_worksheet(), report, &formats)?;
    appendix::coverage(workbook.add_worksheet_with_constant_memory()?, report, &formats)?;
    appendix::statements(workbook.add_worksheet_with_constant_memory()?, report, &plan, &formats)?;
    appendix::parameters(workbook.add_worksheet_with_constant_memory()?, report, &formats)?;
    appendix::columns(workbook.add_worksheet(), &formats)?;
    appendix::run_information(workbook.add_worksheet(), report, &formats)?;
    Ok(workbook)
}

/// The time of the run, so that nothing in the file depends on the time of writing.
fn created(generated_at: &str) -> ExcelDateTime {
    generated_at
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|moment| ExcelDateTime::from_timestamp(moment.as_second()).ok())
        .unwrap_or_default()
}
