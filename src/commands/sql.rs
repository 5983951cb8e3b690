//! `palisade sql`: one statement of the user over the logs.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use polars::prelude::{AnyValue, DataFrame, DataType};

use super::answer::{nothing_read, store_of_events};
use super::output::{Terminal, counted, write_out};
use super::run::{block_on, discover_files, engine_resources, scope_of};
use super::warnings::is_loss;
use super::{Failure, settings};
use crate::catalog::Statement;
use crate::cli::Global;
use crate::cli::sql::{RowsFormat, SqlArgs};
use crate::config::settings::Flags;
use crate::engine::local::{LocalEngine, check_is_query};
use crate::events::files::Outside;
use crate::events::scan::Progress;
use crate::events::schema::Column;
use crate::events::time;
use crate::outcome::Outcome;
use crate::report::csv::neutralize;

pub fn sql(arguments: &SqlArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    if arguments.columns {
        return columns();
    }
    let flags = Flags::default()
        .list("events", &arguments.events)
        .list("accounts", &arguments.account)
        .one("from", arguments.from.as_ref())
        .one("to", arguments.to.as_ref())
        .one("threads", arguments.threads.as_ref())
        .one("memory_limit", arguments.memory_limit.as_ref());
    let settings = settings(&flags, global.config.as_deref())?;
    let store = store_of_events(&settings)?;
    let statement = Statement {
        sql: arguments.statement.clone().unwrap_or_default(),
        values: Vec::new(),
        parameters: Vec::new(),
        left_to_later_steps: Vec::new(),
    };
    check_is_query(&statement.sql).map_err(|error| Failure::new(Outcome::Usage, error))?;
    let progress = Arc::new(Progress::default());
    let (engine, files, outside) = match &store {
        Some(store) => {
            let rows = Arc::new(store.rows(&scope_of(&settings)));
            (LocalEngine::over_activity(rows, engine_resources(&settings)).map_err(Failure::unexpected)?, 0, Outside::default())
        }
        None => {
            let (discovery, scope) = discover_files(&settings)?;
            let files = discovery.files.len();
            let files_to_read = Arc::new(discovery.files);
            let engine = LocalEngine::new(files_to_read, scope, engine_resources(&settings), Arc::clone(&progress));
            (engine, files, discovery.outside)
        }
    };
    let watch = terminal.watch("reading", files, &progress);
    let started = Instant::now();
    let frame = block_on(engine.run(&statement))?.map_err(|error| Failure::new(Outcome::Usage, error))?;
    tracing::info!(rows = frame.height(), milliseconds = time::milliseconds(started), "statement answered");
    drop(watch);
    let write = |out: &mut dyn Write| match arguments.format {
        RowsFormat::Csv => write_csv(&frame, out),
        RowsFormat::Ndjson => write_ndjson(&frame, out),
    };
    match &arguments.output {
        None => write_out(write)?,
        Some(path) => std::fs::File::create(path)
            .and_then(|file| {
                let mut out = std::io::BufWriter::new(file);
                write(&mut out)?;
                out.flush()
            })
            .map_err(|error| Failure::new(Outcome::Unexpected, format!("cannot write {}: {error}", path.display())))?,
    }
    if let Some(coverage) = engine.coverage().map(|coverage| coverage.finish((None, None))) {
        for skipped in &coverage.skipped {
            let example = skipped.examples.first().map(|example| format!(", such as {example}")).unwrap_or_default();
            terminal.warning(&format!("{} skipped: {}{example}", counted(skipped.count, &skipped.unit), skipped.reason));
        }
        // A statement with a limit may have its rows before the first file is at its end; then nothing is counted yet.
        let counted = coverage.files > 0 || !coverage.skipped.is_empty();
        if coverage.records == 0 && (counted || frame.height() == 0) {
            return Err(Failure::new(Outcome::NothingRead, nothing_read(&coverage, &outside, &settings)));
        }
        if coverage.skipped.iter().any(|skipped| is_loss(&skipped.reason)) {
            return Ok(Outcome::Partial);
        }
    }
    Ok(Outcome::Success)
}

fn columns() -> Result<Outcome, Failure> {
    let width = Column::ALL.iter().map(|column| column.name().len()).max().unwrap_or_default();
    write_out(|out| {
        for column in Column::ALL {
            writeln!(out, "{:width$}  {}", column.name(), column.description())?;
        }
        Ok(())
    })?;
    Ok(Outcome::Success)
}

/// The cells of a row as text, the way the text formats of reports write them; null is `None`.
fn cells(frame: &DataFrame, row: usize) -> impl Iterator<Item = (bool, Option<String>)> {
    frame.columns().iter().map(move |column| {
        let is_text = matches!(column.dtype(), DataType::String | DataType::Datetime(_, _));
        let value = match column.get(row) {
            Ok(AnyValue::String(text)) => Some(text.to_owned()),
            Ok(AnyValue::StringOwned(text)) => Some(text.to_string()),
            Ok(AnyValue::Datetime(milliseconds, _, _)) => time::format(milliseconds.saturating_mul(1_000)),
            Ok(AnyValue::Null) | Err(_) => None,
            Ok(other) => Some(other.to_string()),
        };
        (is_text, value)
    })
}

fn write_csv(frame: &DataFrame, out: &mut dyn Write) -> std::io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(frame.get_column_names().iter().map(|name| name.as_str())).map_err(as_io)?;
    for row in 0..frame.height() {
        csv.write_record(cells(frame, row).map(|(is_text, cell)| match cell {
            Some(text) if is_text => neutralize(&text).into_owned(),
            Some(text) => text,
            None => String::new(),
        }))
        .map_err(as_io)?;
    }
    csv.flush()
}

/// The error below: the conversion of the library hides its kind, and with it that the reader went away.
fn as_io(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

fn write_ndjson(frame: &DataFrame, out: &mut dyn Write) -> std::io::Result<()> {
    for row in 0..frame.height() {
        let names = frame.get_column_names();
        let object: serde_json::Map<String, serde_json::Value> = names
            .iter()
            .zip(cells(frame, row))
            .map(|(name, (is_text, cell))| {
                let value = match cell {
                    None => serde_json::Value::Null,
                    Some(text) if is_text => serde_json::Value::String(text),
                    Some(text) => text.parse().unwrap_or(serde_json::Value::String(text)),
                };
                (name.to_string(), value)
            })
            .collect();
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
