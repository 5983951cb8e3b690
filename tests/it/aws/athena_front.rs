//! The engine against Athena's protocol over a real Trino server, with the faults that a scan of terabytes meets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use palisade::aws::Sessions;
use palisade::catalog::{BoundValue, Statement};
use palisade::config::settings::{FileText, Flags, Settings};
use palisade::engine::athena::ledger::{self, Kept, State};
use palisade::engine::athena::runner::{Patience, Stop};
use palisade::engine::athena::{AthenaEngine, results};
use palisade::engine::{EngineError, Part, RemoteEngine};
use palisade::events::files::Scope;
use palisade::events::rows::Relation;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::moto::{block_on, configuration, upload};
use crate::servers::{self, Server};
use crate::support;

pub const ACCOUNTS: [&str; 10] = [
    "018000000018",
    "100000000010",
    "110000000011",
    "120000000012",
    "130000000013",
    "140000000014",
    "150000000015",
    "160000000016",
    "170000000017",
    "190000000019",
];

fn trail() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/trail")
}

/// The sample trail in a bucket, with a table over it: made once, read by all.
#[derive(Debug)]
pub struct Bench {
    pub front: String,
    pub faults: String,
    pub bucket: String,
    pub database: String,
    /// Calls by account, as the files have them.
    calls: BTreeMap<String, u64>,
}

pub fn bench() -> Option<&'static Bench> {
    static BENCH: OnceLock<Option<Bench>> = OnceLock::new();
    BENCH.get_or_init(make).as_ref()
}

fn make() -> Option<Bench> {
    let front = servers::address(Server::Athena)?;
    let faults = servers::address(Server::Faults)?;
    servers::address(Server::Trino)?;
    let bucket = servers::unique("athena-");
    let database = bucket.replace('-', "_");
    upload(&front, &trail(), &bucket, "");
    execute(&front, None, &format!("CREATE DATABASE `{database}`"));
    let location = format!("s3://{bucket}/AWSLogs/o-palisade01/");
    for (table, folder) in [("trail", "CloudTrail"), ("network", "CloudTrail-NetworkActivity")] {
        let sql = include_str!("../../../src/setup/cloudtrail_table.sql")
            .replace("${database}", &database)
            .replace("${table}", table)
            .replace("${comment}", "of tests")
            .replace("${accounts}", "  'projection.p_account.type' = 'injected',")
            .replace("${regions}", "eu-central-1,eu-west-1,us-east-1")
            .replace("${since}", "2026/01/01")
            .replace("${folder}", folder)
            .replace("${location}", &location);
        execute(&front, Some(&database), &sql);
    }
    let pass = support::pass(&[trail().to_str().unwrap()], &Scope::default(), Relation::Events);
    let mut calls = BTreeMap::new();
    for row in &pass.rows {
        *calls.entry(row.get("account_id").unwrap().to_owned()).or_default() += 1;
    }
    Some(Bench { front, faults, bucket, database, calls })
}

/// Runs a statement by the SDK alone.
pub fn execute(front: &str, database: Option<&str>, sql: &str) {
    let client = aws_sdk_athena::Client::new(&configuration(front));
    let context = aws_sdk_athena::types::QueryExecutionContext::builder().set_database(database.map(str::to_owned)).build();
    let output = aws_sdk_athena::types::ResultConfiguration::builder().output_location("s3://ddl-results/").build();
    let buckets = super::moto::s3_client(front);
    block_on(async {
        let _ = buckets.create_bucket().bucket("ddl-results").send().await;
        let started = client
            .start_query_execution()
            .query_string(sql)
            .query_execution_context(context)
            .result_configuration(output)
            .send()
            .await
            .unwrap();
        loop {
            let answer =
                client.get_query_execution().query_execution_id(started.query_execution_id().unwrap()).send().await.unwrap();
            let status = answer.query_execution.unwrap().status.unwrap();
            match status.state().unwrap().as_str() {
                "SUCCEEDED" => return,
                "FAILED" | "CANCELLED" => panic!("{sql}\n{:?}", status.state_change_reason()),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
}

/// A workgroup of its own for a test, so that its faults and its log are its own.
pub struct Place {
    bench: &'static Bench,
    pub workgroup: String,
    folder: TempDir,
}

const FAST: Patience = Patience {
    first_look: Duration::from_millis(20),
    longest_look: Duration::from_millis(100),
    longest_start: Duration::from_millis(200),
    queue: Duration::from_secs(120),
    cancel: Duration::from_secs(10),
};

impl Place {
    pub fn new(bench: &'static Bench) -> Place {
        let workgroup = servers::unique("w");
        let client = aws_sdk_athena::Client::new(&configuration(&bench.front));
        let output = format!("s3://{}/results/{workgroup}/", bench.bucket);
        let result = aws_sdk_athena::types::ResultConfiguration::builder().output_location(output).build();
        let configuration = aws_sdk_athena::types::WorkGroupConfiguration::builder().result_configuration(result).build();
        block_on(client.create_work_group().name(&workgroup).configuration(configuration).send()).unwrap();
        Place { bench, workgroup, folder: tempfile::tempdir().unwrap() }
    }

    pub fn database(&self) -> &str {
        &self.bench.database
    }

    pub fn front(&self) -> &str {
        &self.bench.front
    }

    fn settings(&self, more: &str) -> Settings {
        self.settings_over("trail, network", more)
    }

    fn settings_over(&self, tables: &str, more: &str) -> Settings {
        let text = format!(
            "athena: {{workgroup: {}, database: {}, tables: [{tables}], concurrency: 5}}\n{more}",
            self.workgroup, self.bench.database
        );
        let file = FileText { path: PathBuf::from("palisade.yaml"), text };
        Settings::resolve(&Flags::default(), &|_| None, Some(&file), "2026-11-20T12:00:00Z".parse().unwrap()).unwrap()
    }

    fn engine_at(&self, address: &str, ledger: Kept, more: &str) -> AthenaEngine {
        let settings = self.settings(more);
        let sessions = Sessions::from_configuration(settings.aws.clone(), configuration(address));
        block_on(AthenaEngine::connect_with(&sessions, &settings, ledger, 0, FAST)).unwrap()
    }

    /// An engine over other tables.
    pub fn engine_over(&self, tables: &str) -> AthenaEngine {
        let settings = self.settings_over(tables, "");
        let sessions = Sessions::from_configuration(settings.aws.clone(), configuration(&self.bench.front));
        block_on(AthenaEngine::connect_with(&sessions, &settings, self.new_ledger(), 0, FAST)).unwrap()
    }

    fn new_ledger(&self) -> Kept {
        Kept::begin(self.folder.path(), "2026-11-20T12:00:00Z").unwrap()
    }

    fn engine(&self, more: &str) -> AthenaEngine {
        self.engine_at(&self.bench.front, self.new_ledger(), more)
    }

    pub fn fault(&self, rule: Value) {
        let mut rule = rule;
        rule["workgroup"] = json!(self.workgroup);
        servers::request("POST", &format!("{}/_front/faults", self.bench.front), Some(&rule));
    }

    /// A fault of the network, for calls to Athena that name this workgroup or, where they do not, for a while.
    fn network_fault(&self, operation: &str, rule: Value) {
        let mut rule = rule;
        rule["service"] = json!("athena");
        rule["operation"] = json!(operation);
        servers::request("PATCH", &format!("{}/_microburst/rules", self.bench.faults), Some(&json!([rule])));
    }

    /// What the front was asked to execute, in order.
    pub fn log(&self) -> Vec<Value> {
        let log = servers::request("GET", &format!("{}/_front/log?workgroup={}", self.bench.front, self.workgroup), None);
        log.as_array().unwrap().clone()
    }

    fn executed(&self) -> usize {
        self.log().iter().filter(|execution| execution["executed"] == true).count()
    }

    fn output(&self) -> TempDir {
        tempfile::tempdir().unwrap()
    }
}

pub fn part(accounts: &[&str]) -> Part {
    Part {
        account_ids: accounts.iter().map(|account| account.to_string()).collect(),
        from: "2026-10-18".parse().unwrap(),
        to: "2026-11-02".parse().unwrap(),
    }
}

/// Calls by account in files of activity.
pub fn calls(files: &[PathBuf]) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    let Some((_, batches)) = results::read(files).unwrap() else { return calls };
    for batch in &batches {
        let accounts = cast(batch.column_by_name("account_id").unwrap(), &DataType::Utf8).unwrap();
        let counts = cast(batch.column_by_name("event_count").unwrap(), &DataType::Int64).unwrap();
        for row in 0..batch.num_rows() {
            let count = u64::try_from(counts.as_primitive::<Int64Type>().value(row)).unwrap();
            *calls.entry(accounts.as_string::<i32>().value(row).to_owned()).or_default() += count;
        }
    }
    calls
}

pub fn of_accounts(bench: &Bench, accounts: &[&str]) -> BTreeMap<String, u64> {
    bench.calls.iter().filter(|(account, _)| accounts.contains(&account.as_str())).map(|(a, n)| (a.clone(), *n)).collect()
}

fn collect(engine: &AthenaEngine, accounts: &[&str], folder: &TempDir) -> Result<Vec<PathBuf>, EngineError> {
    block_on(engine.collect_activity(&part(accounts), folder.path()))
}

pub fn query(sql: &str, values: &[&str]) -> Statement {
    Statement {
        sql: sql.to_owned(),
        values: values.iter().map(|value| BoundValue::Text((*value).to_owned())).collect(),
        parameters: Vec::new(),
        left_to_later_steps: Vec::new(),
    }
}

#[test]
fn the_whole_trail_is_collected_by_one_statement_and_nothing_is_missing() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    let folder = place.output();
    let files = collect(&engine, &ACCOUNTS, &folder).unwrap();
    assert_eq!(calls(&files), bench.calls);
    // Bytes and price are those of the objects, and one statement scanned them.
    let statements = engine.statements();
    assert_eq!((statements.len(), place.executed()), (1, 1));
    let estimate = block_on(engine.estimate(&[part(&ACCOUNTS)])).unwrap();
    assert_eq!(statements[0].outcome, "succeeded");
    assert!(statements[0].bytes > 0 && statements[0].bytes <= estimate.bytes, "{} {}", statements[0].bytes, estimate.bytes);
    assert!(statements[0].micro_dollars >= 48);
    // The values are beside the statement.
    let log = &place.log()[0];
    assert!(!log["query"].as_str().unwrap().contains("110000000011"), "{}", log["query"]);
    assert!(log["parameters"].as_array().unwrap().contains(&json!("'110000000011'")));
    assert_eq!(log["token"].as_str().unwrap().len(), 64);
}

#[test]
fn rows_come_in_pages_or_as_files_and_are_the_same() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    let sql = "SELECT account_id, event_source, sum(event_count) AS event_count, max(last_seen) AS last_seen FROM events WHERE \
               account_id = ? AND event_source <> ? GROUP BY account_id, event_source ORDER BY event_source";
    let statement = query(sql, &["110000000011", "it's none of these"]);
    let small = block_on(engine.run(&statement, &part(&["110000000011"]))).unwrap();
    // Beyond two months the rows are unloaded.
    let long = Part { from: "2026-08-01".parse().unwrap(), ..part(&["110000000011"]) };
    let large = block_on(engine.run(&statement, &long)).unwrap();
    assert!(small.height() > 3);
    assert_eq!(small.schema(), large.schema());
    let sorted = large.sort(["event_source"], Default::default()).unwrap();
    assert!(small.equals_missing(&sorted), "{small:?}\n{sorted:?}");
    let kinds: Vec<Value> = place.log().iter().map(|execution| execution["statement"].clone()).collect();
    assert_eq!(kinds, ["SELECT", "UNLOAD"]);
    // No row at all has columns all the same.
    let none = block_on(engine.run(&query(sql, &["999999999999", "x"]), &long)).unwrap();
    assert_eq!((none.height(), none.schema()), (0, small.schema()));
}

/// More rows than a page holds, an empty page between them, and a page that comes twice.
#[test]
fn pages_are_read_to_the_end_and_one_that_repeats_is_an_error() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    let (busiest, calls) = bench.calls.iter().max_by_key(|(_, calls)| **calls).unwrap();
    let statement = query("SELECT event_id FROM events WHERE account_id = ?", &[busiest]);
    place.fault(json!({"action": "empty_page"}));
    let rows = block_on(engine.run(&statement, &part(&[busiest]))).unwrap();
    assert_eq!(rows.height() as u64, *calls);
    assert!(rows.height() > 1_000, "one page would do");
    place.fault(json!({"action": "repeat_token", "times": 0}));
    let error = block_on(engine.run(&statement, &part(&[busiest]))).unwrap_err().to_string();
    assert!(error.contains("repeats a page"), "{error}");
}

#[test]
fn one_account_that_fails_leaves_the_others_and_is_named() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    let denied = "HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split: Access Denied (Service: Amazon S3; Status Code: 403)";
    place.fault(json!({"action": "fail", "parameter": "130000000013", "times": 0, "message": denied}));
    let folder = place.output();
    let error = collect(&engine, &ACCOUNTS, &folder).unwrap_err();
    let EngineError::Accounts { missing, files, .. } = &error else { panic!("{error}") };
    let accounts: Vec<&str> = ACCOUNTS.into_iter().filter(|account| *account != "130000000013").collect();
    assert_eq!(calls(files), of_accounts(bench, &accounts));
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].account_ids, ["130000000013"]);
    assert!(missing[0].reason.contains("Access Denied"), "{}", missing[0].reason);
    assert!(error.to_string().contains("130000000013"), "{error}");
}

#[test]
fn a_wrong_statement_fails_once_with_a_message_that_is_cut() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    place.fault(json!({"action": "fail", "times": 0, "message": "SYNTAX_ERROR: line 1:1: {query} is not understood"}));
    let error = collect(&engine, &ACCOUNTS, &place.output()).unwrap_err().to_string();
    assert!(error.contains("SYNTAX_ERROR") && error.contains("UNLOAD") && error.len() < 1_000, "{error}");
    assert!(!error.contains('\n'));
    // Every account would fail alike: nobody tries them one by one.
    assert_eq!(place.log().len(), 1);
}

#[test]
fn a_statement_that_somebody_cancels_is_said_and_not_tried_again() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    place.fault(json!({"action": "cancel", "times": 0, "message": "Query cancelled by an administrator"}));
    let error = collect(&engine, &["110000000011"], &place.output()).unwrap_err().to_string();
    assert!(error.contains("was cancelled: Query cancelled by an administrator"), "{error}");
    assert_eq!(place.log().len(), 1);
}

#[test]
fn what_may_pass_is_tried_again() {
    let Some(bench) = bench() else { return };
    let account = ["140000000014"];
    for (fault, statements) in [
        (json!({"action": "fail", "retryable": true, "message": "GENERIC_INTERNAL_ERROR: lost a worker"}), 2),
        (json!({"action": "lost_result"}), 2),
        (json!({"action": "half_result"}), 2),
        (json!({"action": "slow", "seconds": 1}), 1),
        (json!({"action": "refuse", "error": "TooManyRequestsException", "times": 12}), 1),
        (json!({"action": "refuse", "error": "InternalServerException", "status": 500, "times": 3}), 1),
    ] {
        let place = Place::new(bench);
        let engine = place.engine("");
        place.fault(fault.clone());
        let folder = place.output();
        let files = collect(&engine, &account, &folder).unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(calls(&files), of_accounts(bench, &account), "{fault}");
        assert_eq!(place.log().len(), statements, "{fault}");
        let tokens: BTreeSet<String> = place.log().iter().map(|execution| execution["token"].to_string()).collect();
        assert_eq!(tokens.len(), statements, "{fault}");
        assert_eq!(engine.statements().len(), statements, "{fault}");
    }
}

#[test]
fn a_result_that_is_lost_again_and_again_is_said() {
    let Some(bench) = bench() else { return };
    for (fault, expected) in [("lost_result", "is gone"), ("half_result", "is no whole Parquet file")] {
        let place = Place::new(bench);
        let engine = place.engine("");
        place.fault(json!({"action": fault, "times": 0}));
        let error = collect(&engine, &["140000000014"], &place.output()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(place.log().len(), ledger::ATTEMPTS, "{fault}");
    }
}

#[test]
fn the_network_may_fail_at_any_call() {
    let Some(bench) = bench() else { return };
    let account = ["140000000014"];
    for (operation, rule) in [
        ("StartQueryExecution", json!({"times": 3, "error": {"code": "ThrottlingException"}})),
        ("StartQueryExecution", json!({"times": 1, "response": {"abort_frac": 0.5}})),
        ("GetQueryExecution", json!({"times": 3, "error": {"code": "ThrottlingException"}})),
        ("GetQueryExecution", json!({"times": 3, "error": {"code": "InternalServerException", "status": 500}})),
        ("GetQueryExecution", json!({"times": 2, "reset": true})),
        ("GetQueryExecution", json!({"times": 1, "error": {"code": "ExpiredTokenException", "status": 400}})),
        ("GetQueryExecution", json!({"times": 2, "latency": 800})),
        ("StartQueryExecution", json!({"times": 1, "error": {"code": "RequestTimeTooSkewed", "status": 403}})),
    ] {
        let place = Place::new(bench);
        let engine = place.engine_at(&bench.faults, place.new_ledger(), "");
        place.network_fault(operation, rule.clone());
        let folder = place.output();
        let files = collect(&engine, &account, &folder).unwrap_or_else(|error| panic!("{operation} {rule}: {error}"));
        assert_eq!(calls(&files), of_accounts(bench, &account), "{operation} {rule}");
        // An answer that was cut does not start the statement twice.
        assert_eq!(place.log().len(), 1, "{operation} {rule}");
    }
}

#[test]
fn a_scan_that_would_be_too_large_is_refused_before_and_cancelled_during() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("max_scan: 1kB\n");
    let error = block_on(engine.check(&[part(&ACCOUNTS)])).unwrap_err().to_string();
    assert!(error.contains("--max-scan allows 1000") && error.contains("Nothing was started"), "{error}");
    assert!(place.log().is_empty());
    // Who starts all the same is cancelled as soon as it shows.
    place.fault(json!({"action": "hang", "scanned": 4096}));
    let folder = place.output();
    let error = collect(&engine, &["140000000014"], &folder).unwrap_err().to_string();
    assert!(error.contains("4096 bytes are scanned already") && error.contains("--max-scan allows 1000"), "{error}");
    let log = place.log();
    assert_eq!((log.len(), &log[0]["state"], &log[0]["bytes"]), (1, &json!("CANCELLED"), &json!(4096)));
    // And nothing more is started.
    let error = collect(&engine, &["150000000015"], &folder).unwrap_err().to_string();
    assert!(error.contains("--max-scan allows 1000"), "{error}");
    assert_eq!(place.log().len(), 1);
    // Enough is enough.
    let engine = place.engine("max_scan: 1GB\n");
    block_on(engine.check(&[part(&ACCOUNTS)])).unwrap();
}

#[test]
fn the_plan_is_what_is_run_and_the_estimate_what_lies_there() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = place.engine("");
    let planned = engine.plan(&part(&ACCOUNTS)).unwrap();
    assert_eq!(planned.len(), 1);
    // Ten accounts, three regions, sixteen days and the day after.
    assert_eq!(planned[0].partitions, 10 * 3 * 17);
    assert!(place.log().is_empty());
    let sizes = |account: &str| -> u64 {
        let folder = trail().join("AWSLogs/o-palisade01").join(account);
        walkdir::WalkDir::new(folder)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| {
                let path = entry.path().display().to_string();
                entry.file_type().is_file() && !path.contains("CloudTrail-Digest") && !path.contains("CloudTrail-Insight")
            })
            .map(|entry| entry.metadata().unwrap().len())
            .sum()
    };
    let estimate = block_on(engine.estimate(&[part(&["110000000011", "120000000012"])])).unwrap();
    // Two tables lie over the same folders.
    assert_eq!(estimate.of(&part(&["110000000011"])), sizes("110000000011"));
    assert_eq!(estimate.bytes, sizes("110000000011") + sizes("120000000012"));
    collect(&engine, &ACCOUNTS, &place.output()).unwrap();
    let log = place.log();
    assert!(log[0]["query"].as_str().unwrap().contains(&planned[0].fitted.sql));
    assert_eq!(log[0]["parameters"], json!(planned[0].fitted.parameters));
}

#[test]
fn interrupting_cancels_what_runs_and_it_can_be_continued() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let engine = Arc::new(place.engine(""));
    place.fault(json!({"action": "hang"}));
    let folder = place.output();
    let stopper = Arc::clone(&engine);
    let watcher = std::thread::spawn({
        let started = Instant::now();
        let log = format!("{}/_front/log?workgroup={}", bench.front, place.workgroup);
        move || {
            while servers::request("GET", &log, None).as_array().unwrap().is_empty() {
                assert!(started.elapsed() < Duration::from_secs(30));
                std::thread::sleep(Duration::from_millis(20));
            }
            stopper.stop(Stop::Interrupted);
        }
    });
    let error = collect(&engine, &["140000000014"], &folder).unwrap_err().to_string();
    watcher.join().unwrap();
    assert!(error.contains("interrupted") && error.contains("--resume"), "{error}");
    assert_eq!(place.log()[0]["state"], "CANCELLED");
    let resumed = place.engine_at(&bench.front, Kept::resume(place.folder.path()).unwrap(), "");
    let files = collect(&resumed, &["140000000014"], &folder).unwrap();
    assert_eq!(calls(&files), of_accounts(bench, &["140000000014"]));
    assert_eq!(place.log().len(), 2);
}

async fn all(engine: &AthenaEngine, parts: &[Part], folder: &TempDir) -> Vec<Result<Vec<PathBuf>, EngineError>> {
    let runs: Vec<_> = parts.iter().map(|part| engine.collect_activity(part, folder.path())).collect();
    futures::future::join_all(runs).await
}

/// A run is ended without a word at ten moments, by dropping it in the middle of whatever it does, and continued each time.
#[test]
fn ended_at_any_moment_and_continued_no_statement_is_paid_twice() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let folder = place.output();
    // One statement for each account, so that there is something in every state.
    let parts: Vec<Part> = ACCOUNTS.iter().map(|account| part(&[account])).collect();
    place.new_ledger();
    for milliseconds in [5, 40, 90, 150, 260, 400, 30, 700, 60, 1_200] {
        let engine = place.engine_at(&bench.front, Kept::resume(place.folder.path()).unwrap(), "");
        block_on(async {
            tokio::time::timeout(Duration::from_millis(milliseconds), all(&engine, &parts, &folder)).await.map(|_| ())
        })
        .ok();
    }
    let engine = place.engine_at(&bench.front, Kept::resume(place.folder.path()).unwrap(), "");
    let mut files = Vec::new();
    for result in block_on(all(&engine, &parts, &folder)) {
        files.extend(result.unwrap());
    }
    assert_eq!(calls(&files), bench.calls);
    assert_eq!(place.log().len(), ACCOUNTS.len(), "a statement was started twice");
    let ledger = ledger::read(place.folder.path()).unwrap();
    let states: Vec<State> =
        ledger.statements.values().flat_map(|entry| &entry.attempts).map(|attempt| attempt.state).collect();
    assert_eq!(states, vec![State::Succeeded; ACCOUNTS.len()]);
}

#[test]
fn results_are_reused_when_that_is_asked_for() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let settings = place.settings("");
    let statement = query("SELECT sum(event_count) AS calls FROM events WHERE account_id = ?", &["140000000014"]);
    let mut answers = Vec::new();
    for minutes in [0, 60] {
        let mut settings = settings.clone();
        settings.athena.result_reuse = minutes;
        let sessions = Sessions::from_configuration(settings.aws.clone(), configuration(&bench.front));
        let engine = block_on(AthenaEngine::connect_with(&sessions, &settings, place.new_ledger(), 0, FAST)).unwrap();
        answers.push(block_on(engine.run(&statement, &part(&["140000000014"]))).unwrap());
        let summary = &engine.statements()[0];
        assert_eq!((summary.reused, summary.micro_dollars > 0), (minutes > 0, minutes == 0));
    }
    assert!(answers[0].equals_missing(&answers[1]));
    assert_eq!(place.executed(), 1);
}

#[test]
fn what_is_not_there_is_named_with_what_to_do() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let connect = |change: &dyn Fn(&mut Settings)| {
        let mut settings = place.settings("");
        change(&mut settings);
        let sessions = Sessions::from_configuration(settings.aws.clone(), configuration(&bench.front));
        let engine = AthenaEngine::connect_with(&sessions, &settings, place.new_ledger(), 0, FAST);
        block_on(engine).map(|_| ()).unwrap_err().to_string()
    };
    let error = connect(&|settings| settings.athena.tables = vec!["nothing".to_owned()]);
    assert!(error.contains("nothing") && error.contains("GetTableMetadata"), "{error}");
    let error = connect(&|settings| settings.athena.tables.clear());
    assert!(error.contains("no table is named") && error.contains("palisade setup athena"), "{error}");
    let error = connect(&|settings| settings.athena.workgroup = "no-such-group".to_owned());
    assert!(error.contains("no-such-group"), "{error}");
}
