//! `palisade run --engine athena` from the outside: the report of the offline run, its plan, its cost, and its ends.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::athena_front::{ACCOUNTS, Place, bench};
use crate::servers;
use crate::support::{Finished, Palisade};

fn samples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples"))
}

/// A folder with settings for a place.
fn settings(place: &Place, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "inventory: {samples}/inventory\nperimeter: {samples}/perimeter.yaml\naccounts: [{accounts}]\nfrom: 2026-10-18\nto: \
         2026-11-02\ntoday: 2026-11-05\nformats: [json]\nsample_records: false\nathena: {{workgroup: {workgroup}, database: {database}, \
         tables: [trail, network]}}\n{more}",
        samples = samples().display(),
        accounts = ACCOUNTS.map(|account| format!("\"{account}\"")).join(", "),
        workgroup = place.workgroup,
        database = place.database(),
    );
    std::fs::write(folder.path().join("palisade.yaml"), text).unwrap();
    folder
}

fn environment(place: &Place) -> Vec<(&'static str, String)> {
    servers::aws_environment(place.front())
}

fn palisade(folder: &TempDir, place: &Place, arguments: &[&str]) -> Finished {
    let program = Palisade::in_folder(folder).env("PALISADE_NOW", "2026-11-05");
    environment(place).iter().fold(program, |program, (name, value)| program.env(name, value)).run(arguments)
}

fn findings(folder: &TempDir, output: &str) -> Value {
    let text = std::fs::read_to_string(folder.path().join(output).join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let of_query = |query: &Value| query["findings"].as_array().unwrap().clone();
    Value::Array(report["queries"].as_array().unwrap().iter().flat_map(of_query).collect())
}

fn manifest(folder: &TempDir, output: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.path().join(output).join("run.json")).unwrap()).unwrap()
}

fn offline(folder: &TempDir, place: &Place) -> Value {
    let trail = samples().join("trail");
    let arguments = ["run", "--engine", "local", "--events", trail.to_str().unwrap(), "--output", "offline", "-q"];
    palisade(folder, place, &arguments).ends_with(0);
    findings(folder, "offline")
}

#[test]
fn the_report_is_that_of_the_offline_run_and_says_what_it_cost() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let folder = settings(&place, "engine: athena\n");
    let plan = palisade(&folder, &place, &["run", "--dry-run", "--max-scan", "1GB"]).ends_with(0);
    assert!(plan.out.contains("Statement 10 of 10: 190000000019") && plan.out.contains("Nothing was started."), "{}", plan.out);
    assert!(plan.out.contains("That is within --max-scan 1.0 GB"), "{}", plan.out);
    assert!(place.log().is_empty());
    let refused = palisade(&folder, &place, &["run", "--max-scan", "10kB", "--output", "refused"]).ends_with(2);
    assert!(refused.err.contains("--max-scan allows 10000"), "{}", refused.err);
    assert!(place.log().is_empty());

    let finished = palisade(&folder, &place, &["run", "--output", "athena"]).ends_with(0);
    assert!(finished.out.contains("Cost") && finished.out.contains("10 statements"), "{}", finished.out);
    // Athena tells of records, not of files.
    assert!(finished.out.contains(" records · 2026-10-") && !finished.out.contains(" file"), "{}", finished.out);
    let (athena, local) = (findings(&folder, "athena"), offline(&folder, &place));
    assert!(local.as_array().unwrap().len() > 20);
    assert_eq!(athena, local);
    // One scan of each account for all queries, each with its bytes and its price.
    let statements = manifest(&folder, "athena")["statements"].clone();
    let statements = statements.as_array().unwrap();
    assert_eq!((statements.len(), place.log().len()), (10, 10));
    for statement in statements {
        assert_eq!(statement["outcome"], "succeeded");
        assert!(statement["bytes"].as_u64().unwrap() > 0 && statement["micro_dollars"].as_u64().unwrap() >= 48);
    }
    // What is collected is not scanned again.
    palisade(&folder, &place, &["run", "--output", "athena", "-q"]).ends_with(0);
    assert_eq!(findings(&folder, "athena"), local);
    assert_eq!(place.log().len(), 10);
}

#[test]
fn an_account_without_access_is_named_and_has_its_own_exit_code() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let folder = settings(&place, "engine: athena\n");
    place.fault(
        json!({"action": "fail", "parameter": "130000000013", "times": 0, "message": "Access Denied (Service: Amazon S3)"}),
    );
    let finished = palisade(&folder, &place, &["run", "--output", "athena"]).ends_with(6);
    assert!(finished.out.contains("130000000013"), "{}", finished.out);
    let local = offline(&folder, &place);
    // What analyzers found is joined with the calls of all accounts, so that it says less without one of them.
    let of_calls = |finding: &&Value| !finding["query"].as_str().unwrap().contains("external_access");
    let others: Vec<&Value> =
        local.as_array().unwrap().iter().filter(of_calls).filter(|finding| finding["account_id"] != "130000000013").collect();
    let athena = findings(&folder, "athena");
    let athena: Vec<&Value> =
        athena.as_array().unwrap().iter().filter(of_calls).filter(|finding| finding["account_id"] != "130000000013").collect();
    assert!(others.len() > 20);
    assert_eq!(athena, others);
}

/// Starts a run that does not wait to be finished.
fn begin(folder: &TempDir, place: &Place, arguments: &[&str]) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.envs(environment(place)).env_remove("PALISADE_CONFIG");
    command.spawn().unwrap()
}

fn send(signal: &str, child: &std::process::Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn control_c_cancels_the_statements_and_the_run_can_be_continued() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let folder = settings(&place, "engine: athena\n");
    place.fault(json!({"action": "hang", "times": 3}));
    let mut child = begin(&folder, &place, &["run", "--output", "athena"]);
    let started = Instant::now();
    while place.log().iter().filter(|execution| execution["state"] == "RUNNING").count() < 3 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    send("-INT", &child);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(place.log().iter().all(|execution| execution["state"] != "RUNNING"), "{said}");
    assert!(!folder.path().join("athena/run.json").exists());
    palisade(&folder, &place, &["run", "--resume", "athena", "-q"]).ends_with(0);
    assert_eq!(findings(&folder, "athena"), offline(&folder, &place));
    // Only what was cancelled was started again.
    let log = place.log();
    let cancelled = log.iter().filter(|execution| execution["state"] == "CANCELLED").count();
    assert_eq!(log.len(), 10 + cancelled);
}

#[test]
fn killed_at_ten_moments_and_continued_no_statement_is_paid_twice() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let folder = settings(&place, "engine: athena\n");
    place.fault(json!({"action": "slow", "seconds": 0.4, "times": 0}));
    let mut arguments = vec!["run", "--output", "athena", "-q"];
    for milliseconds in [300, 150, 450, 250, 700, 200, 900, 350, 1_300, 550] {
        let mut child = begin(&folder, &place, &arguments);
        std::thread::sleep(Duration::from_millis(milliseconds));
        // It may have ended already.
        let _ = child.kill();
        child.wait().unwrap();
        if folder.path().join("athena/.activity/.statements.json").exists() {
            arguments = vec!["run", "--resume", "athena", "-q"];
        }
    }
    palisade(&folder, &place, &arguments).ends_with(0);
    assert_eq!(findings(&folder, "athena"), offline(&folder, &place));
    let log = place.log();
    assert_eq!(log.len(), 10, "a statement was started twice");
    assert!(log.iter().all(|execution| execution["state"] == "SUCCEEDED"));
}

#[test]
fn a_second_program_on_the_same_run_is_refused_and_pays_nothing() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let folder = settings(&place, "engine: athena\n");
    // The first is at work until it is killed.
    place.fault(json!({"action": "slow", "seconds": 30, "times": 2}));
    let mut first = begin(&folder, &place, &["run", "--output", "athena", "-q"]);
    let started = Instant::now();
    while place.log().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let ledger = || std::fs::read_to_string(folder.path().join("athena/.activity/.statements.json")).unwrap();
    let run = serde_json::from_str::<Value>(&ledger()).unwrap()["run"].clone();
    let store = ["collect", "--engine", "athena", "--output", "athena/.activity"];
    for arguments in [&["run", "--resume", "athena"][..], &["run", "--output", "athena"], &store] {
        let refused = palisade(&folder, &place, arguments).ends_with(2);
        let by = format!("another run works in athena/.activity at this moment (process {}, since 20", first.id());
        assert!(refused.err.contains(&by), "{}", refused.err);
    }
    // A plan changes nothing and need not wait.
    let plan = palisade(&folder, &place, &["run", "--output", "athena", "--dry-run"]).ends_with(0);
    assert!(plan.out.contains("Nothing was started."), "{}", plan.out);
    assert_eq!(serde_json::from_str::<Value>(&ledger()).unwrap()["run"], run, "the ledger was begun again");
    // Killed, it leaves no lock behind.
    first.kill().unwrap();
    first.wait().unwrap();
    palisade(&folder, &place, &["run", "--resume", "athena", "-q"]).ends_with(0);
    assert_eq!(findings(&folder, "athena"), offline(&folder, &place));
    let log = place.log();
    assert_eq!(log.len(), 10, "a statement was started twice");
    assert!(log.iter().all(|execution| execution["state"] == "SUCCEEDED"));
}

#[test]
fn there_must_be_a_run_to_continue() {
    let folder = tempfile::tempdir().unwrap();
    let finished = Palisade::in_folder(&folder).run(&["run", "--engine", "athena", "--resume", "nothing"]).ends_with(2);
    assert!(finished.err.contains("there is no unfinished run in"), "{}", finished.err);
    let finished = Palisade::in_folder(&folder).run(&["run", "--dry-run", "--events", "logs"]).ends_with(2);
    assert!(finished.err.contains("--dry-run tells what Athena would cost"), "{}", finished.err);
}
