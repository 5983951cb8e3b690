//! The formats of a report, and writing them into a folder.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::atomic;
use crate::report::csv::CsvError;
use crate::report::html::HtmlError;
use crate::report::json::JsonError;
use crate::report::model::Report;
use crate::report::parquet::ParquetReportError;
use crate::report::xlsx::XlsxReportError;
use crate::report::{csv, html, json, parquet, sarif, xlsx};

/// Below this likeness (0 to 1) a guess would only confuse.
const LIKE: f64 = 0.75;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Html,
    Xlsx,
    Json,
    Ndjson,
    Csv,
    Parquet,
    Sarif,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{given}`{}; formats are {}", did_you_mean(*.suggestion), list_of_formats())]
pub struct UnknownFormat {
    pub given: String,
    pub suggestion: Option<Format>,
}

fn did_you_mean(suggestion: Option<Format>) -> String {
    suggestion.map(|format| format!("; did you mean `{format}`?")).unwrap_or_default()
}

fn list_of_formats() -> String {
    Format::ALL.map(Format::as_str).join(", ")
}

impl Format {
    pub const ALL: [Format; 7] =
        [Format::Html, Format::Xlsx, Format::Json, Format::Ndjson, Format::Csv, Format::Parquet, Format::Sarif];

    /// The name, as `--format` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Xlsx => "xlsx",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Sarif => "sarif",
        }
    }

    /// The file in a run folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Html => "report.html",
            Format::Xlsx => "report.xlsx",
            Format::Json => "report.json",
            Format::Ndjson => "findings.ndjson",
            Format::Csv => "findings.csv",
            Format::Parquet => "findings.parquet",
            Format::Sarif => "findings.sarif",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(given: &str) -> Result<Self, UnknownFormat> {
        let wanted = given.trim().to_ascii_lowercase();
        if let Some(format) = Format::ALL.into_iter().find(|format| format.as_str() == wanted) {
            return Ok(format);
        }
        // Names that are far from ours in letters but mean the same.
        let suggestion = match wanted.as_str() {
            "excel" | "xls" | "workbook" => Some(Format::Xlsx),
            "jsonl" | "json-lines" | "jsonlines" => Some(Format::Ndjson),
            "htm" | "web" => Some(Format::Html),
            "pq" => Some(Format::Parquet),
            _ => Format::ALL
                .into_iter()
                .map(|format| (strsim::jaro_winkler(format.as_str(), &wanted), format))
                .filter(|(likeness, _)| *likeness >= LIKE)
                .max_by(|(a, _), (b, _)| a.total_cmp(b))
                .map(|(_, format)| format),
        };
        Err(UnknownFormat { given: given.to_owned(), suggestion })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error(transparent)]
    Html(#[from] HtmlError),
    #[error(transparent)]
    Xlsx(#[from] XlsxReportError),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error(transparent)]
    Parquet(#[from] ParquetReportError),
    #[error("cannot write the file")]
    File(#[from] io::Error),
}

/// What became of the reports that were asked for.
#[derive(Debug, Default)]
pub struct Rendered {
    pub written: Vec<WrittenReport>,
    /// A format that fails takes no other with it.
    pub failed: Vec<FailedReport>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenReport {
    pub format: Format,
    pub path: PathBuf,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write the {format} report {}", path.display())]
pub struct FailedReport {
    pub format: Format,
    pub path: PathBuf,
    #[source]
    pub error: RenderError,
}

/// Writes reports into an existing folder, each whole or not at all, in the order of `formats`; a format that is named twice is
/// written once.
pub fn render(report: &Report, formats: &[Format], folder: &Path) -> Rendered {
    let mut rendered = Rendered::default();
    for (position, format) in formats.iter().enumerate() {
        if formats.iter().take(position).any(|earlier| earlier == format) {
            continue;
        }
        let format = *format;
        let path = folder.join(format.file_name());
        let staged = atomic::stage(folder, format.file_name(), |out| write(report, format, Some(folder), out));
        match staged.and_then(|staged| Ok(staged.publish(&path)?)) {
            Ok(bytes) => {
                tracing::info!(file = %path.display(), bytes, "report written");
                rendered.written.push(WrittenReport { format, path, bytes });
            }
            Err(error) => rendered.failed.push(FailedReport { format, path, error }),
        }
    }
    rendered
}

/// Writes one report to a stream, such as standard output.
///
/// # Errors
/// When the format cannot be written to `out`.
pub fn render_to(report: &Report, format: Format, out: &mut (impl Write + Send)) -> Result<(), RenderError> {
    write(report, format, None, out)?;
    out.flush()?;
    Ok(())
}

fn write(
    report: &Report,
    format: Format,
    temporary_folder: Option<&Path>,
    out: &mut (impl Write + Send),
) -> Result<(), RenderError> {
    match format {
        Format::Html => html::write(report, out)?,
        Format::Xlsx => {
            let options =
                xlsx::Options { temporary_folder: temporary_folder.map(Path::to_path_buf), ..xlsx::Options::default() };
            xlsx::write(report, &options, out)?;
        }
        Format::Json => json::write(report, out)?,
        Format::Ndjson => json::write_ndjson(report, out)?,
        Format::Csv => csv::write(report, csv::Options::default(), out)?,
        Format::Parquet => parquet::write(&report.findings, out)?,
        Format::Sarif => sarif::write(report, out)?,
    }
    Ok(())
}
