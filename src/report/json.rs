//! The machine-readable reports: one JSON document, or one finding per line.
//!
//! Both are written row by row. Null cells are written as `null`, so that every finding has the same members; times are RFC 3339
//! in UTC; 64-bit integers are JSON numbers.

use std::io::{self, Write};
use std::ops::Range;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use serde_json::ser::Formatter;

use super::model::{Cell, QuerySummary, Report, SCHEMA_VERSION, Table};
use super::summary::{self, Summary};

#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    #[error("cannot write the JSON report")]
    Write(#[source] io::Error),
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        JsonError::Write(error.into())
    }
}

/// Writes `{"schema_version", "manifest", "summary", "queries": [{"name", …, "findings": [{column: value, …}]}]}`, of a replay with the
/// answer in one sentence as `headline`.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(report: &Report, out: impl Write) -> Result<(), JsonError> {
    let summary = summary::summarize(report);
    let whole = report.manifest.impacts.iter().find(|impact| impact.in_totals);
    let headline = whole.map(|whole| whole.headline(!summary.blind.is_empty()));
    let document = Document { report, summary, headline };
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Outline::default()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(JsonError::Write)
}

/// Writes every finding as one JSON object on a line of its own, in the order of the report.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_ndjson(report: &Report, out: impl Write) -> Result<(), JsonError> {
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    for row in 0..report.findings.rows() {
        serde_json::to_writer(&mut out, &Finding { table: &report.findings, row })?;
        out.write_all(b"\n").map_err(JsonError::Write)?;
    }
    out.flush().map_err(JsonError::Write)
}

/// A time as RFC 3339 in UTC, with milliseconds only when there are any. Years outside 0 to 9999 have no RFC 3339 form; they are
/// written as their number of milliseconds since 1970.
pub fn rfc3339(milliseconds: i64) -> String {
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    // The civil type reaches to the last second of 9999; the timestamp type stops some hours before.
    match epoch.checked_add(jiff::SignedDuration::from_millis(milliseconds)) {
        Ok(moment) if moment.year() >= 0 => {
            let (date, time) = (moment.date(), moment.time());
            let seconds = format!("{date}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
            match time.millisecond() {
                0 => format!("{seconds}Z"),
                fraction => format!("{seconds}.{fraction:03}Z"),
            }
        }
        _ => format!("{milliseconds} ms since 1970"),
    }
}

struct Document<'a> {
    report: &'a Report,
    summary: Summary,
    /// Of a replay: the answer in one sentence.
    headline: Option<String>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Document", 4 + usize::from(self.headline.is_some()))?;
        object.serialize_field("schema_version", &SCHEMA_VERSION)?;
        if let Some(headline) = &self.headline {
            object.serialize_field("headline", headline)?;
        }
        object.serialize_field("manifest", &self.report.manifest)?;
        object.serialize_field("summary", &self.summary)?;
        object.serialize_field("queries", &Queries(self.report))?;
        object.end()
    }
}

struct Queries<'a>(&'a Report);

impl Serialize for Queries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.manifest.queries.iter().map(|query| QueryFindings { query, table: &self.0.findings }))
    }
}

/// A query with its findings. The statement, its parameters and its description are in the manifest, under the same name.
struct QueryFindings<'a> {
    query: &'a QuerySummary,
    table: &'a Table,
}

impl Serialize for QueryFindings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let query = self.query;
        let mut object = serializer.serialize_struct("Query", 8)?;
        object.serialize_field("name", &query.name)?;
        object.serialize_field("title", &query.title)?;
        object.serialize_field("perimeter", &query.perimeter)?;
        object.serialize_field("rows", &query.rows)?;
        object.serialize_field("calls", &query.calls)?;
        object.serialize_field("rows_left_out", &query.rows_left_out)?;
        object.serialize_field("not_provided", &query.not_provided)?;
        object.serialize_field("findings", &Findings { table: self.table, rows: summary::rows_of(query, self.table) })?;
        object.end()
    }
}

struct Findings<'a> {
    table: &'a Table,
    rows: Range<usize>,
}

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in self.rows.clone() {
            array.serialize_element(&Finding { table: self.table, row })?;
        }
        array.end()
    }
}

struct Finding<'a> {
    table: &'a Table,
    row: usize,
}

impl Serialize for Finding<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.table.columns.len()))?;
        for column in &self.table.columns {
            match column.get(self.row) {
                Cell::Null => object.serialize_entry(column.spec.name, &())?,
                Cell::Text(text) => object.serialize_entry(column.spec.name, text)?,
                Cell::Integer(number) => object.serialize_entry(column.spec.name, &number)?,
                Cell::Time(milliseconds) => object.serialize_entry(column.spec.name, &rfc3339(milliseconds))?,
            }
        }
        object.end()
    }
}

/// Lays the document out in lines down to the single finding, which takes one line: readable in a pager, and still small.
#[derive(Default)]
struct Outline {
    depth: usize,
    /// Has the innermost open array or object a member yet? Only asked right after it was opened or closed.
    has_members: bool,
}

impl Outline {
    /// document, list of queries, query, list of findings
    const DEEPEST: usize = 4;

    fn open(&mut self) {
        self.depth += 1;
        self.has_members = false;
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let in_lines = self.depth <= Self::DEEPEST && self.has_members;
        self.depth = self.depth.saturating_sub(1);
        self.has_members = true;
        if in_lines { self.new_line(writer) } else { Ok(()) }
    }

    fn member<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= Self::DEEPEST { self.new_line(writer) } else { Ok(()) }
    }

    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b" "))
    }
}

impl Formatter for Outline {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open();
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer)?;
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.member(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_members = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open();
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer)?;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.member(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.depth <= Self::DEEPEST { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_members = true;
        Ok(())
    }
}
