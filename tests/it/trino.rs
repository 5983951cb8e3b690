//! The proof that a statement means the same everywhere: a real Trino server and the local engine over the same records, in the layouts that
//! tables have. `PALISADE_TEST_TRINO` says where the server is (`tests/servers/trino.sh start`).
#![expect(clippy::print_stdout, reason = "what was compared is worth showing: cargo test -- --nocapture")]

mod activity;
mod client;
mod command;
mod layouts;
mod nasty;
mod security_lake;
mod tables;
mod tls;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use palisade::catalog::{Catalog, Over, ParameterValue, PlaceholderStyle, QuerySpec, Scope as QueryScope, Statement};
use palisade::engine::local::{LocalEngine, Resources, answer_from_rows};
use palisade::engine::trino::{Options, TrinoEngine};
use palisade::engine::{Part, RemoteEngine};
use palisade::events::files::{Scope, discover};
use palisade::events::schema::{Column, ColumnType};
use polars::prelude::{AnyValue, DataFrame};
use serde_json::Value;

use tables::{NESTED, Place, Sample, WITH_RECORD, sample};

const OPTIONS: Options = Options { prefix_segments: 0, concurrency: 2 };
const FROM: &str = "2026-10-19";
const TO: &str = "2026-11-01";

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

fn part(accounts: &[&str]) -> Part {
    Part {
        account_ids: accounts.iter().map(|account| (*account).to_owned()).collect(),
        from: FROM.parse().unwrap(),
        to: TO.parse().unwrap(),
    }
}

fn statement(sql: impl Into<String>) -> Statement {
    Statement { sql: sql.into(), values: Vec::new(), parameters: Vec::new(), left_to_later_steps: Vec::new() }
}

/// The local engine over the same records, days and accounts.
fn local(folder: &Path, part: &Part) -> LocalEngine {
    let scope = Scope {
        accounts: Some(part.account_ids.iter().cloned().collect()),
        regions: None,
        from: Some(part.from),
        to: Some(part.to),
    };
    let files = discover(&[folder.to_str().unwrap().to_owned()], &scope).unwrap().files;
    LocalEngine::new(Arc::new(files), scope, Resources { threads: 2, memory_limit: 4 << 30 }, Arc::default())
}

fn sample_trail() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/trail")
}

/// The built-in statement of a query for an account.
fn bound(query: &QuerySpec, account: &str, style: PlaceholderStyle) -> Statement {
    let values: BTreeMap<String, ParameterValue> = query
        .parameters
        .keys()
        .map(|name| {
            let value = match name.as_str() {
                "account_id" => ParameterValue::Text(account.to_owned()),
                // Two of them, so that the others' calls are left.
                "organization_accounts" => ParameterValue::List(["110000000011", "150000000015"].map(str::to_owned).to_vec()),
                name => panic!("{}: a value for `{name}` is needed here", query.name),
            };
            (name.clone(), value)
        })
        .collect();
    query.bind(&values, style).unwrap()
}

/// Columns with JSON text: a table in rows and structs has lost the order of members.
const JSON_COLUMNS: [&str; 6] =
    ["resources", "request_parameters", "additional_event_data", "event_context", "in_scope_of", "federation_attributes"];

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, self::sorted(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Rows as text, in an order of their own; with names and types first. `by_value`: JSON is compared as a value.
fn lines(frame: &DataFrame, by_value: bool) -> Vec<String> {
    let columns = frame.columns();
    let mut lines: Vec<String> = (0..frame.height())
        .map(|row| {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| {
                    let text = frame_cell(&column.get(row).unwrap());
                    if by_value && text != "∅" && JSON_COLUMNS.contains(&column.name().as_str()) {
                        let value = serde_json::from_str(&text).map(sorted);
                        return value.map_or_else(|_| format!("no JSON: {text}"), |value| value.to_string());
                    }
                    text
                })
                .enumerate()
                .map(|(index, cell)| format!("{}={cell}", columns[index].name()))
                .collect();
            cells.join(" | ")
        })
        .collect();
    lines.sort();
    let types = columns.iter().map(|column| format!("{} {}", column.name(), column.dtype()));
    lines.insert(0, types.collect::<Vec<_>>().join(", "));
    lines
}

/// What differs, for people: the first rows of each side that the other lacks, only the cells that a near row has otherwise.
fn differences(remote: &[String], local: &[String]) -> Vec<String> {
    let only = |a: &[String], b: &[String]| -> Vec<String> {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        a.iter().for_each(|line| *counts.entry(line).or_default() += 1);
        b.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(line, _)| line.to_owned()).collect()
    };
    let (remote_only, local_only) = (only(remote, local), only(local, remote));
    let mut out = Vec::new();
    for line in remote_only.iter().take(3) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let near = local_only.iter().min_by_key(|other| other.split(" | ").zip(&cells).filter(|(a, b)| a != *b).count());
        match near {
            Some(near) => {
                let changed: Vec<String> = near
                    .split(" | ")
                    .zip(&cells)
                    .filter(|(a, b)| a != *b)
                    .map(|(local, remote)| format!("remote {remote} / local {local}"))
                    .collect();
                out.push(format!("{}: {}", cells[0], changed.join("; ")));
            }
            None => out.push(format!("only remote: {line}")),
        }
    }
    if remote_only.len() != local_only.len() {
        out.extend(local_only.iter().take(2).map(|line| format!("only local: {line}")));
    }
    if !out.is_empty() {
        out.insert(0, format!("{} rows only remote, {} only local", remote_only.len(), local_only.len()));
    }
    out
}

/// How the sample organization's records lie in tables: a name, and the tables that hold an account's.
struct Layout {
    name: &'static str,
    by_account: BTreeMap<String, Vec<String>>,
}

impl Layout {
    fn all_tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self.by_account.values().flatten().cloned().collect();
        tables.sort();
        tables.dedup();
        tables
    }
}

async fn layouts(place: &Place, sample: &Sample) -> Vec<Layout> {
    let everywhere = |tables: &[&str]| -> BTreeMap<String, Vec<String>> {
        let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
        sample.accounts.iter().map(|account| (account.clone(), tables.clone())).collect()
    };
    place.account_region_date("trail", NESTED, "trail", "CloudTrail", &sample.regions).await;
    place.account_region_date("network", NESTED, "trail", "CloudTrail-NetworkActivity", &sample.regions).await;
    let mut layouts = vec![Layout { name: "account, region, date (injected)", by_account: everywhere(&["trail", "network"]) }];

    let mut by_account: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (index, folder) in sample.folders.iter().enumerate() {
        let name = format!("by_time_{index}");
        place.timestamp(&name, NESTED, &format!("trail/{folder}")).await;
        by_account.entry(folder.split('/').next().unwrap().to_owned()).or_default().push(name);
    }
    layouts.push(Layout { name: "timestamp, a table for each account and region", by_account });

    let mut by_account: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let kinds: std::collections::BTreeSet<&str> =
        sample.folders.iter().map(|folder| folder.rsplit_once('/').unwrap().0).collect();
    for (index, folder) in kinds.iter().enumerate() {
        let name = format!("by_day_{index}");
        place.year_month_day(&name, NESTED, &format!("trail/{folder}")).await;
        by_account.entry(folder.split('/').next().unwrap().to_owned()).or_default().push(name);
    }
    layouts.push(Layout { name: "region, year, month, day; a table for each account", by_account });

    let mut names = Vec::new();
    for category in ["Management", "Data"] {
        let name = category.to_lowercase();
        place.account_region_date(&name, NESTED, &format!("split/{category}"), "CloudTrail", &sample.regions).await;
        names.push(name);
    }
    place
        .account_region_date("network_split", NESTED, "split/NetworkActivity", "CloudTrail-NetworkActivity", &sample.regions)
        .await;
    layouts.push(Layout {
        name: "management and data in two tables, network activity in a third",
        by_account: everywhere(&["management", "data", "network_split"]),
    });
    layouts
}

async fn engine(place: &Place, tables: &[String]) -> TrinoEngine {
    TrinoEngine::connect(place.connection(), tables, OPTIONS).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Every account in the first layout; in the others, unless `PALISADE_TEST_TRINO_ALL` is set, the account with the most rows of a query: that
/// every layout gives the same columns of every record is what the next test shows.
#[test]
fn every_query_answers_on_trino_as_it_does_here() {
    run(async {
        let Some(place) = Place::new("queries").await else { return };
        let sample = sample(&place);
        let catalog = Catalog::built_in().unwrap();
        let accounts: Vec<&str> = sample.accounts.iter().map(String::as_str).collect();
        let everything = part(&accounts);
        let mut local = local(&sample_trail(), &everything);
        let statements: Vec<Statement> = catalog
            .iter()
            .filter(|query| query.over == Over::Events)
            .flat_map(|query| accounts.iter().map(|account| bound(query, account, PlaceholderStyle::Dollar)))
            .collect();
        local.prepare(&statements).await.unwrap();
        let all = std::env::var_os("PALISADE_TEST_TRINO_ALL").is_some();
        let mut most: BTreeMap<&str, &str> = BTreeMap::new();
        let mut problems = Vec::new();
        let mut compared = 0;
        println!("| layout | query | rows on Trino | rows here | equal | seconds on Trino |\n|---|---|---:|---:|---|---:|");
        let layouts = layouts(&place, &sample).await;
        for layout in &layouts {
            let mut engines = BTreeMap::new();
            for (account, tables) in &layout.by_account {
                engines.insert(account.as_str(), engine(&place, tables).await);
            }
            let organization = engine(&place, &layout.all_tables()).await;
            for query in catalog.iter().filter(|query| query.over == Over::Events) {
                let (mut remote_rows, mut local_rows, mut equal, start) = (0, 0, true, Instant::now());
                let mut local_seconds = 0.0;
                let asked: Vec<&str> = match (query.scope, most.get(query.name.as_str())) {
                    (QueryScope::Account, Some(account)) if !all => vec![account],
                    (QueryScope::Account, _) => accounts.clone(),
                    _ => vec![accounts[0]],
                };
                let mut largest = 0;
                for account in asked {
                    let statement = bound(query, account, PlaceholderStyle::Question);
                    let remote = match query.scope {
                        QueryScope::Account => engines[account].run(&statement, &part(&[account])).await,
                        _ => organization.run(&statement, &everything).await,
                    };
                    let remote = remote.unwrap_or_else(|error| panic!("{} in {}: {error}", query.name, layout.name));
                    let before = Instant::now();
                    let here = local.run(&bound(query, account, PlaceholderStyle::Dollar)).await.unwrap();
                    local_seconds += before.elapsed().as_secs_f64();
                    remote_rows += remote.height();
                    local_rows += here.height();
                    if here.height() > largest || !most.contains_key(query.name.as_str()) {
                        largest = here.height();
                        most.insert(&query.name, account);
                    }
                    let found = differences(&lines(&remote, false), &lines(&here, false));
                    if !found.is_empty() {
                        equal = false;
                        problems.push(format!("{} in {}, account {account}: {}", query.name, layout.name, found.join("\n  ")));
                    }
                }
                let seconds = start.elapsed().as_secs_f64() - local_seconds;
                println!("| {} | {} | {remote_rows} | {local_rows} | {equal} | {seconds:.1} |", layout.name, query.name);
                compared += remote_rows;
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(compared > 1000, "only {compared} rows were compared");
        place.drop().await;
    });
}

fn every_column() -> String {
    Column::ALL.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_column_of_the_sample_is_the_same_on_trino() {
    run(async {
        let Some(place) = Place::new("columns").await else { return };
        let sample = sample(&place);
        let mut layouts = layouts(&place, &sample).await;
        // What CloudTrail Lake gives: columns of types of their own, maps for what is nested, and the record as text beside them.
        place.account_region_date("lines", &format!("{NESTED}, {WITH_RECORD}"), "trail", "CloudTrail", &sample.regions).await;
        let accounts: Vec<&str> = sample.accounts.iter().map(String::as_str).collect();
        let account = accounts[1];
        place.run(&event_data_store(&place.schema, account)).await;
        let store = BTreeMap::from([(account.to_owned(), vec!["store".to_owned(), "network".to_owned()])]);
        layouts.push(Layout { name: "event data store", by_account: store });
        let mut problems = Vec::new();
        let mut compared = 0;
        for relation in ["events", "event_resources"] {
            let statement = statement(format!("SELECT {} FROM {relation}", every_column()));
            for layout in &layouts {
                for (account, tables) in &layout.by_account {
                    let part = part(&[account]);
                    let start = Instant::now();
                    let remote = engine(&place, tables).await.run(&statement, &part).await;
                    let remote = remote.unwrap_or_else(|error| panic!("{relation} in {}: {error}", layout.name));
                    let seconds = start.elapsed().as_secs_f64();
                    let here = local(&sample_trail(), &part).run(&statement).await.unwrap();
                    println!("{relation}, {}, {account}: {} rows, {seconds:.1} s", layout.name, remote.height());
                    compared += remote.height();
                    let found = differences(&lines(&remote, true), &lines(&here, true));
                    if !found.is_empty() {
                        problems.push(format!("{relation} in {}, {account}: {}", layout.name, found.join("\n  ")));
                    }
                }
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(compared > 10_000, "only {compared} rows were compared");
        place.drop().await;
    });
}

/// The records of an account as a federated event data store shows them.
fn event_data_store(schema: &str, account: &str) -> String {
    let map = |column: &str| {
        format!(
            "transform_values(CAST(json_parse({column}) AS map(varchar, json)), \
             (k, v) -> coalesce(json_extract_scalar(v, '$'), json_format(v))) AS {column}"
        )
    };
    format!(
        "CREATE TABLE hive.{schema}.store WITH (format = 'PARQUET') AS SELECT eventversion, \
           CAST(useridentity AS row(type varchar, principalid varchar, arn varchar, accountid varchar, invokedby varchar, \
             accesskeyid varchar, username varchar, onbehalfof row(userid varchar, identitystorearn varchar), \
             invokedbydelegate row(accountid varchar), \
             inscopeof row(sourcearn varchar, sourceaccount varchar, issuertype varchar, credentiaisissuedto varchar), \
             sessioncontext row(attributes row(mfaauthenticated varchar, creationdate varchar), \
               sessionissuer row(type varchar, principalid varchar, arn varchar, accountid varchar, username varchar), \
               ec2roledelivery varchar, sourceidentity varchar, assumedroot varchar, signinsessionarn varchar, \
               webidfederationdata row(federatedprovider varchar, attributes map(varchar, varchar))))) AS useridentity, \
           CAST(at_timezone(from_iso8601_timestamp(eventtime), 'UTC') AS timestamp(3)) AS eventtime, eventsource, eventname, \
           awsregion, sourceipaddress, useragent, errorcode, errormessage, {}, {}, {}, requestid, eventid, \
           CAST(readonly AS boolean) AS readonly, resources, eventtype, CAST(managementevent AS boolean) AS managementevent, \
           recipientaccountid, sharedeventid, vpcendpointid, vpcendpointaccountid, eventcategory, tlsdetails, eventjson \
         FROM hive.{schema}.lines WHERE p_account = '{account}'",
        map("requestparameters"),
        map("responseelements"),
        map("additionaleventdata")
    )
}

/// A row of the relation as an expression.
fn values_row(row: &BTreeMap<String, Value>) -> String {
    let value = |column: &Column| -> String {
        let given = |name: &str| row.get(name).filter(|value| !value.is_null());
        let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let found = given(column.name()).or_else(|| match column {
            Column::EventDate | Column::FirstSeen | Column::LastSeen => given("event_time"),
            _ => None,
        });
        let text = found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        match (column.column_type(), text) {
            (ColumnType::Text, text) => format!("CAST({} AS varchar)", text.map_or("NULL".to_owned(), |text| literal(&text))),
            (ColumnType::Boolean, text) => format!("CAST({} AS boolean)", text.unwrap_or("NULL".to_owned())),
            (ColumnType::Integer, text) => format!("CAST({} AS bigint)", text.unwrap_or("1".to_owned())),
            (ColumnType::Timestamp, None) => "CAST(NULL AS timestamp(3))".to_owned(),
            (ColumnType::Timestamp, Some(text)) => {
                format!("CAST(at_timezone(from_iso8601_timestamp({}), 'UTC') AS timestamp(3))", literal(&text))
            }
            (ColumnType::Date, None) => "CAST(NULL AS date)".to_owned(),
            (ColumnType::Date, Some(text)) => format!("CAST({} AS date)", literal(text.split('T').next().unwrap())),
        }
    };
    format!("({})", Column::ALL.iter().map(value).collect::<Vec<_>>().join(", "))
}

#[test]
fn every_test_case_of_a_query_has_the_same_rows_on_trino() {
    use palisade::catalog::TestFile;
    use palisade::commands::queries::batch;
    run(async {
        let Some(place) = Place::new("cases").await else { return };
        let mut problems = Vec::new();
        let mut compared = 0;
        for query in Catalog::built_in().unwrap().iter().filter(|query| query.over == Over::Events) {
            let (file, text) = query.test.as_ref().unwrap();
            for case in TestFile::parse(text, file).unwrap().cases {
                if case.rows.is_empty() {
                    continue;
                }
                let statement = bound(query, &case.account, PlaceholderStyle::Question);
                let rows: Vec<String> = case.rows.iter().map(values_row).collect();
                let values = format!("SELECT * FROM (VALUES {}) AS t ({})", rows.join(",\n"), every_column());
                let sql = format!("WITH events AS ({values}), event_resources AS (SELECT * FROM events)\n{}", statement.sql);
                let mut answer = place.client.start(&sql, &statement.values).await.unwrap();
                let mut remote = Vec::new();
                while let Some(page) = answer.next_rows().await.unwrap_or_else(|error| panic!("{}: {error}", case.name)) {
                    remote.extend(page);
                }
                let names: Vec<String> = answer.columns().unwrap().iter().map(|column| column.name.clone()).collect();
                let here = batch(&case.rows).unwrap();
                let here = answer_from_rows(here, &bound(query, &case.account, PlaceholderStyle::Dollar)).await.unwrap();
                let mut remote: Vec<String> = remote.iter().map(|row| cells(&names, row.iter().map(json_cell))).collect();
                let mut expected: Vec<String> = (0..here.height())
                    .map(|row| cells(&names, here.columns().iter().map(|column| frame_cell(&column.get(row).unwrap()))))
                    .collect();
                remote.sort();
                expected.sort();
                compared += expected.len();
                if remote != expected {
                    problems.push(format!("{}: {}: {}", query.name, case.name, differences(&remote, &expected).join("\n  ")));
                }
            }
        }
        println!("{compared} rows compared");
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(compared > 100, "only {compared} rows were compared");
        place.drop().await;
    });
}

fn cells(names: &[String], values: impl Iterator<Item = String>) -> String {
    names.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" | ")
}

fn json_cell(value: &Value) -> String {
    match value {
        Value::Null => "∅".to_owned(),
        // A time, as a frame shows it.
        Value::String(text) => text.strip_suffix(".000").unwrap_or(text).to_owned(),
        other => other.to_string(),
    }
}

fn frame_cell(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => "∅".to_owned(),
        value => value.get_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}
