//! Comma-separated values as RFC 4180 has them: UTF-8, lines end in CR LF, one header row, null is an empty field.
//!
//! Spreadsheet programs run a field that starts with `=`, `+`, `-` or `@` as a formula, also after a tab or a carriage return,
//! and user agents and session names are chosen by the caller (CWE-1236). Such text gets a leading apostrophe unless the caller
//! asks for the raw values.

use std::borrow::Cow;
use std::io::{self, Write};

use super::json::rfc3339;
use super::model::{Cell, Report};

#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("cannot write the CSV report")]
    Write(#[source] io::Error),
}

impl From<::csv::Error> for CsvError {
    fn from(error: ::csv::Error) -> Self {
        CsvError::Write(match error.into_kind() {
            ::csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Write the recorded text as it is, for programs that read CSV and run nothing.
    pub raw: bool,
}

/// Writes all findings in the order of the report; times are RFC 3339 in UTC.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(report: &Report, options: Options, out: impl Write) -> Result<(), CsvError> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).buffer_capacity(1 << 16).from_writer(out);
    let columns = &report.findings.columns;
    writer.write_record(columns.iter().map(|column| column.spec.name))?;
    for row in 0..report.findings.rows() {
        for column in columns {
            match column.get(row) {
                Cell::Null => writer.write_field("")?,
                Cell::Text(text) if options.raw => writer.write_field(text)?,
                Cell::Text(text) => writer.write_field(neutralize(text).as_bytes())?,
                Cell::Integer(number) => writer.write_field(number.to_string())?,
                Cell::Time(milliseconds) => writer.write_field(rfc3339(milliseconds))?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush().map_err(CsvError::Write)
}

/// Text that a spreadsheet program would run gets an apostrophe in front; all other text stays as it is.
pub fn neutralize(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}
