//! `palisade queries`: the catalog, and the tests beside its queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use serde_json::Value;

use super::judge::{World, bind, judge, organization_accounts};
use super::output::{Terminal, print, write_out};
use super::run::block_on;
use super::{Failure, settings};
use crate::catalog::{Catalog, LintFinding, QuerySpec, Statement, Steps, TestCase, TestFile, lint};
use crate::cli::queries::{QueriesArgs, QueriesCommand};
use crate::cli::{Global, Listing};
use crate::config::perimeter::Perimeter;
use crate::config::settings::Flags;
use crate::engine::local::answer_from_rows;
use crate::enrich;
use crate::events::schema::{Column, ColumnType, schema};
use crate::events::time;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::report::model::{Cell, FINDING_COLUMNS, Table};

pub fn queries(arguments: QueriesArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let folders: Vec<String> = arguments.query_folder.iter().map(|path| path.display().to_string()).collect();
    let settings = settings(&Flags::default().list("query_folders", &folders), global.config.as_deref())?;
    let catalog = Catalog::load(&settings.query_folders).map_err(Failure::usage)?;
    let chosen = |names: Vec<String>| if names.is_empty() { vec!["all".to_owned()] } else { names };
    match arguments.command {
        QueriesCommand::List { names, format } => list(&catalog.select(&chosen(names)).map_err(Failure::usage)?, format),
        QueriesCommand::Show { name, sql } => show(catalog.get(&name).map_err(Failure::usage)?, sql),
        QueriesCommand::Test { names } => test(&catalog.select(&chosen(names)).map_err(Failure::usage)?, terminal),
    }
}

fn list(queries: &[&QuerySpec], listing: Listing) -> Result<Outcome, Failure> {
    write_out(|out| {
        match listing {
            Listing::Text => {
                let width = queries.iter().map(|query| query.name.len()).max().unwrap_or_default();
                for query in queries {
                    let replaced = query.replaces.as_ref().map(|_| format!(" (from {})", query.origin)).unwrap_or_default();
                    writeln!(out, "{:width$}  {:8}  {}{replaced}", query.name, query.perimeter.as_str(), query.title)?;
                }
            }
            Listing::Json => {
                let rows: Vec<Value> = queries
                    .iter()
                    .map(|query| {
                        serde_json::json!({
                            "name": query.name,
                            "title": query.title,
                            "perimeter": query.perimeter.as_str(),
                            "policy_types": query.policy_types.iter().map(|policy| policy.as_str()).collect::<Vec<_>>(),
                            "inventory": query.inventory,
                            "origin": query.origin.to_string(),
                        })
                    })
                    .collect();
                serde_json::to_writer_pretty(&mut *out, &rows)?;
                writeln!(out)?;
            }
        }
        Ok(())
    })?;
    Ok(Outcome::Success)
}

fn show(query: &QuerySpec, file: bool) -> Result<Outcome, Failure> {
    if file {
        print(&query.text)?;
        return Ok(Outcome::Success);
    }
    write_out(|out| {
        writeln!(out, "{}\n{}\n", query.name, query.title)?;
        writeln!(out, "{}\n", query.description.trim())?;
        let policies: Vec<&str> = query.policy_types.iter().map(|policy| policy.title()).collect();
        writeln!(out, "perimeter    {}", query.perimeter.as_str())?;
        writeln!(out, "policies     {}", if policies.is_empty() { "none".to_owned() } else { policies.join(", ") })?;
        writeln!(out, "inventory    {}", query.inventory.join(", "))?;
        writeln!(out, "enriched by  {}", query.enrich.join(", "))?;
        writeln!(out, "leaves out   {}", query.exclude.join(", "))?;
        writeln!(out, "from         {}", query.origin)?;
        for reference in &query.references {
            writeln!(out, "see          {reference}")?;
        }
        writeln!(out, "\n{}", query.sql.trim())
    })?;
    Ok(Outcome::Success)
}

/// Lints the queries and runs the tests beside them.
fn test(queries: &[&QuerySpec], terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut passed = 0;
    let mut failed = 0;
    let mut untested = Vec::new();
    for query in queries {
        for finding in lint_findings(query) {
            failed += 1;
            terminal.error(&finding.to_string());
        }
        let Some((file, text)) = &query.test else {
            untested.push(query.name.as_str());
            continue;
        };
        let cases = TestFile::parse(text, file).map_err(Failure::usage)?;
        for case in &cases.cases {
            let differences = run_case(query, case)?;
            if differences.is_empty() {
                passed += 1;
            } else {
                failed += 1;
                terminal.error(&format!("{file}: {}\n  {}", case.name, differences.join("\n  ")));
            }
        }
    }
    if !untested.is_empty() {
        terminal.warning(&format!("no tests beside: {}", untested.join(", ")));
    }
    print(&format!("{passed} passed, {failed} failed\n"))?;
    Ok(if failed == 0 { Outcome::Success } else { Outcome::Usage })
}

/// What the rules of the catalog say about a query.
pub fn lint_findings(query: &QuerySpec) -> Vec<LintFinding> {
    let (enrich, exclude) = enrich::step_names();
    lint(query, Steps { enrich, exclude, placeholders: enrich::placeholder_names() })
}

/// Runs one test case: rows in, inventory in, rows out. Gives the differences from what the case expects.
pub fn run_case(query: &QuerySpec, case: &TestCase) -> Result<Vec<String>, Failure> {
    let files: Vec<(&str, &str)> = case.inventory.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let inventory =
        if files.is_empty() { Inventory::empty() } else { Inventory::from_texts(&files).map_err(Failure::usage)? };
    let perimeter = match &case.perimeter {
        Some(text) => Perimeter::parse(text, &case.name).map_err(Failure::usage)?,
        None => Perimeter::empty(),
    };
    let accounts = organization_accounts(&inventory);
    let world = World { inventory: &inventory, perimeter: &perimeter, organization_accounts: &accounts, today: case.today };
    let statement: Statement = bind(query, &case.account, world)?;
    let batch = batch(&case.rows).map_err(|message| Failure::new(Outcome::Usage, format!("{}: {message}", case.name)))?;
    let rows = block_on(answer_from_rows(batch, &statement))?
        .map_err(|error| Failure::new(Outcome::Usage, format!("query {}: {error}", query.name)))?;
    let mut findings = Vec::new();
    let mut not_provided = Vec::new();
    for part in judge(query, &case.account, rows, world)? {
        findings.extend(cells(&part.table));
        not_provided.extend(part.not_provided);
    }
    not_provided.sort();
    not_provided.dedup();
    Ok(case.differences(&findings, &not_provided))
}

fn cells(table: &Table) -> Vec<BTreeMap<String, Value>> {
    let value = |cell: Cell<'_>| match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::String(text.to_owned()),
        Cell::Integer(number) => Value::from(number),
        Cell::Time(milliseconds) => time::format(milliseconds.saturating_mul(1_000)).map_or(Value::Null, Value::String),
    };
    (0..table.rows())
        .map(|row| FINDING_COLUMNS.iter().map(|spec| (spec.name.to_owned(), value(table.cell(spec.name, row)))).collect())
        .collect()
}

/// Rows of a test case as a batch of the relation.
pub fn batch(rows: &[BTreeMap<String, Value>]) -> Result<RecordBatch, String> {
    let arrays: Result<Vec<ArrayRef>, String> = Column::ALL.iter().map(|column| array(*column, rows)).collect();
    RecordBatch::try_new(schema(), arrays?).map_err(|error| error.to_string())
}

fn array(column: Column, rows: &[BTreeMap<String, Value>]) -> Result<ArrayRef, String> {
    let value = |row: &BTreeMap<String, Value>, name: &str| row.get(name).filter(|value| !value.is_null()).cloned();
    let of_row = |row: &BTreeMap<String, Value>| {
        value(row, column.name()).or_else(|| match column {
            Column::FirstSeen | Column::LastSeen | Column::EventDate => value(row, Column::EventTime.name()),
            Column::EventCount => Some(Value::from(1)),
            _ => None,
        })
    };
    let moment = |value: &Value| {
        value
            .as_str()
            .and_then(|text| time::parse(text.as_bytes()).or_else(|| time::parse(format!("{text}T00:00:00Z").as_bytes())))
    };
    Ok(match column.column_type() {
        ColumnType::Text => {
            let mut builder = StringBuilder::new();
            rows.iter().for_each(|row| {
                builder.append_option(of_row(row).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            });
            Arc::new(builder.finish())
        }
        ColumnType::Boolean => {
            let mut builder = BooleanBuilder::new();
            rows.iter().for_each(|row| builder.append_option(of_row(row).and_then(|value| value.as_bool())));
            Arc::new(builder.finish())
        }
        ColumnType::Integer => {
            let mut builder = Int64Builder::new();
            rows.iter().for_each(|row| builder.append_option(of_row(row).and_then(|value| value.as_i64())));
            Arc::new(builder.finish())
        }
        ColumnType::Timestamp => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            rows.iter().for_each(|row| builder.append_option(of_row(row).as_ref().and_then(moment)));
            Arc::new(builder.finish())
        }
        ColumnType::Date => {
            let mut builder = Date32Builder::new();
            rows.iter().for_each(|row| builder.append_option(of_row(row).as_ref().and_then(moment).map(time::day)));
            Arc::new(builder.finish())
        }
    })
}
