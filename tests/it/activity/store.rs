//! A store of activity: made once, brought up to date, read in place of the logs.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Palisade, add, delivered, folder, gzip, record, without};

const BASE: &str = "logs/AWSLogs/111111111111/CloudTrail/eu-west-1/2026";

fn file(day: &str, time: &str) -> String {
    let date = day.replace('/', "");
    format!("{BASE}/{day}/111111111111_CloudTrail_eu-west-1_2026{date}T{time}Z_aaaaaaaaaaaaaaaa.json.gz")
}

fn at(n: u32, time: &str) -> Value {
    record(n, json!({"eventTime": time}))
}

/// Two days of calls, the same context each day, and a late one.
fn logs() -> TempDir {
    folder(&[
        (file("10/30", "0710").as_str(), gzip(delivered(&[at(1, "2026-10-30T07:00:00Z"), at(2, "2026-10-30T08:00:00Z")]))),
        (file("10/31", "0710").as_str(), gzip(delivered(&[at(3, "2026-10-30T23:59:59Z"), at(4, "2026-10-31T07:00:00Z")]))),
    ])
}

fn collect(folder: &TempDir) -> String {
    Palisade::in_folder(folder).run(&["collect", "--events", "logs", "--output", "activity"]).ends_with(0).err
}

fn sql(folder: &TempDir, statement: &str) -> String {
    Palisade::in_folder(folder).run(&["sql", "--events", "activity", statement]).ends_with(0).out
}

fn manifest(folder: &TempDir) -> Value {
    serde_json::from_slice(&std::fs::read(folder.path().join("activity/manifest.json")).unwrap()).unwrap()
}

const BY_DAY: &str = "SELECT event_date, event_count, first_seen, last_seen FROM events ORDER BY event_date, first_seen";

#[test]
fn a_store_has_one_row_for_each_context_and_day() {
    let folder = logs();
    collect(&folder);
    assert_eq!(
        sql(&folder, BY_DAY),
        "event_date,event_count,first_seen,last_seen\n\
         2026-10-30T00:00:00Z,3,2026-10-30T07:00:00Z,2026-10-30T23:59:59Z\n\
         2026-10-31T00:00:00Z,1,2026-10-31T07:00:00Z,2026-10-31T07:00:00Z\n"
    );
    for name in ["account=111111111111/date=2026-10-30.parquet", "account=111111111111/date=2026-10-31.parquet"] {
        assert!(folder.path().join("activity").join(name).is_file(), "{name}");
    }
    let manifest = manifest(&folder);
    assert_eq!(manifest["format"], "palisade-activity");
    assert_eq!(manifest["origin"], json!({"kind": "files", "locations": ["logs"]}));
    let day = &manifest["accounts"]["111111111111"]["2026-10-30"];
    assert_eq!((&day["records"], &day["rows"], &day["complete"]), (&json!(3), &json!(1), &json!(true)));
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let folder = logs();
    assert!(collect(&folder).contains("2 files"), "both files are read first");
    let err = collect(&folder);
    assert!(err.contains("0 account-days read from 0 files"), "{err}");
    // A file of the last day: its day and the day before, of which it may hold late records, are read again. No call is counted
    // twice, and none is lost.
    add(&folder, &file("10/31", "0810"), gzip(delivered(&[at(5, "2026-10-31T08:00:00Z"), at(4, "2026-10-31T07:00:00Z")])));
    let err = collect(&folder);
    assert!(err.contains("2 account-days read from 3 files"), "{err}");
    assert!(sql(&folder, BY_DAY).contains("2026-10-31T00:00:00Z,2,2026-10-31T07:00:00Z,2026-10-31T08:00:00Z"));
    // A new day two days later touches nothing of the first two.
    add(&folder, &file("11/02", "0010"), gzip(delivered(&[at(6, "2026-11-02T00:00:00Z")])));
    let err = collect(&folder);
    assert!(err.contains("2 account-days read from 1 file, 3 there already"), "{err}");
    assert_eq!(sql(&folder, "SELECT sum(event_count) AS calls FROM events"), "calls\n6\n");
}

#[test]
fn records_without_a_time_are_neither_lost_nor_counted_twice() {
    let folder = logs();
    collect(&folder);
    let timeless = without(record(7, json!({})), &["eventTime"]);
    add(&folder, &file("11/02", "0010"), gzip(delivered(&[timeless, at(6, "2026-11-02T00:00:00Z")])));
    collect(&folder);
    let count = "SELECT sum(event_count) AS calls, count(event_date) AS days FROM events";
    assert_eq!(sql(&folder, count), "calls,days\n6,3\n");
    add(&folder, &file("11/04", "0010"), gzip(delivered(&[at(8, "2026-11-04T00:00:00Z")])));
    collect(&folder);
    assert_eq!(sql(&folder, count), "calls,days\n7,4\n");
    assert_eq!(manifest(&folder)["accounts"]["111111111111"]["unknown"]["records"], 1);
}

#[test]
fn files_outside_the_folders_of_a_trail_are_collected_too() {
    let folder = folder(&[("logs/export.json", delivered(&[at(1, "2026-10-30T07:00:00Z"), at(2, "2026-10-31T07:00:00Z")]))]);
    collect(&folder);
    assert!(collect(&folder).contains("0 account-days read"));
    add(&folder, "logs/more.json", delivered(&[at(2, "2026-10-31T07:00:00Z"), at(3, "2026-10-31T07:30:00Z")]));
    collect(&folder);
    assert_eq!(sql(&folder, "SELECT sum(event_count) AS calls FROM events"), "calls\n3\n");
}

#[test]
fn a_run_over_a_store_finds_what_a_run_over_the_logs_finds() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let here = TempDir::new().unwrap();
    let trail = samples.join("trail").display().to_string();
    let config = samples.join("palisade.yaml").display().to_string();
    Palisade::in_folder(&here).run(&["collect", "--events", &trail, "--output", "activity"]).ends_with(0);
    let report = |events: &str, output: &str| -> (Value, Value) {
        let arguments = [
            "run",
            "-q",
            "--config",
            &config,
            "--events",
            events,
            "--format",
            "json",
            "--sample-records",
            "false",
            "--output",
            output,
        ];
        Palisade::in_folder(&here).run(&arguments).ends_with(0);
        let read = |name: &str| serde_json::from_slice(&std::fs::read(here.path().join(output).join(name)).unwrap()).unwrap();
        (read("report.json"), read("run.json"))
    };
    let ((direct, direct_run), (stored, stored_run)) = (report(&trail, "direct"), report("activity", "stored"));
    assert_eq!(stored["queries"], direct["queries"]);
    assert!(direct["queries"].as_array().is_some_and(|queries| !queries.is_empty()));
    for part in ["records", "streams", "data_event_sources", "duplicates", "replaced", "files", "bytes", "days_without_file"] {
        assert!(!direct_run["coverage"][part].is_null(), "{part}");
        assert_eq!(stored_run["coverage"][part], direct_run["coverage"][part], "{part}");
    }
}

#[test]
fn a_store_knows_what_it_cannot_answer_and_what_it_is_of() {
    let folder = logs();
    collect(&folder);
    let run = |arguments: &[&str]| Palisade::in_folder(&folder).run(arguments);
    // A query that reads keys of objects.
    let query = "/*\ntitle: t\ndescription: d\nperimeter: none\nscope: account\nfinding: \"{resource}\"\nparameters:\n  account_id: {type: string, from: account}\n*/\n\
        SELECT account_id, event_source, event_name, region, resource_arn, sum(event_count) AS event_count, min(first_seen) AS first_seen,\n\
        max(last_seen) AS last_seen, min(event_id) AS sample_event_id\nFROM events WHERE account_id = :account_id\n\
        GROUP BY account_id, event_source, event_name, region, resource_arn";
    add(&folder, "mine/keys.sql", query);
    let ended =
        run(&["run", "--events", "activity", "--query-folder", "mine", "--query", "keys", "--output", "out"]).ends_with(2);
    assert!(ended.err.contains("a store of activity cannot answer keys"), "{}", ended.err);
    // The logs can, beside a query that shares its scan.
    run(&[
        "run",
        "-q",
        "--events",
        "logs",
        "--query-folder",
        "mine",
        "--query",
        "keys,common_only_denied",
        "--format",
        "json",
        "--output",
        "out",
    ])
    .ends_with(0);
    // Other logs, another depth, a folder that is no store.
    add(&folder, &file("10/30", "0710").replace("logs/", "other/"), gzip(delivered(&[at(1, "2026-10-30T07:00:00Z")])));
    let ended = run(&["collect", "--events", "other", "--output", "activity"]).ends_with(2);
    assert!(ended.err.contains("holds activity of logs (files), not of other (files)"), "{}", ended.err);
    let ended = run(&["collect", "--events", "logs", "--output", "activity", "--prefix-depth", "2"]).ends_with(2);
    assert!(ended.err.contains("keeps 0 segments of the keys of objects, not 2"), "{}", ended.err);
    let ended = run(&["collect", "--events", "logs", "--output", "mine"]).ends_with(2);
    assert!(ended.err.contains("mine is no store of activity, and holds keys.sql"), "{}", ended.err);
    let ended = run(&["run", "--events", "activity", "--account", "222222222222", "--output", "none"]).ends_with(5);
    assert!(ended.err.contains("holds no record of the accounts and days"), "{}", ended.err);
    // A file that is gone, and one that is half there.
    let day = folder.path().join("activity/account=111111111111/date=2026-10-30.parquet");
    let whole = std::fs::read(&day).unwrap();
    std::fs::write(&day, &whole[..whole.len() / 2]).unwrap();
    let ended = run(&["run", "--events", "activity", "--output", "none"]).ends_with(1);
    assert!(ended.err.contains("date=2026-10-30.parquet") && ended.err.contains("collect these days again"), "{}", ended.err);
}

#[test]
fn keys_of_objects_are_cut_after_the_segments_that_were_asked_for() {
    let object = |n: u32, key: &str| {
        record(
            n,
            json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": "Data",
                "requestParameters": {"bucketName": "b", "key": key, "x-id": "GetObject", "versionId": format!("v{n}")},
                "resources": [{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::b/{key}")}]}),
        )
    };
    let folder = folder(&[(
        "logs/export.json",
        delivered(&[object(1, "a/b/1"), object(2, "a/b/2"), object(3, "a/c/3"), object(4, "4")]),
    )]);
    let rows = |depth: &str| {
        let output = format!("activity{depth}");
        Palisade::in_folder(&folder)
            .run(&["collect", "--events", "logs", "--output", &output, "--prefix-depth", depth])
            .ends_with(0);
        let statement = "SELECT resource_arn, request_parameters, resources, event_count FROM events ORDER BY resource_arn";
        Palisade::in_folder(&folder).run(&["sql", "--events", &output, "--format", "ndjson", statement]).ends_with(0).out
    };
    let row = |arn: &str, key: &str, count: u32| {
        let parameters = format!(r#"{{\"bucketName\":\"b\",\"key\":\"{key}\",\"versionId\":\"*\"}}"#);
        let resources = format!(r#"[{{\"ARN\":\"{arn}\",\"type\":\"AWS::S3::Object\"}}]"#);
        format!(
            "{{\"resource_arn\":\"{arn}\",\"request_parameters\":\"{parameters}\",\"resources\":\"{resources}\",\"event_count\":{count}}}\n"
        )
    };
    assert_eq!(rows("0"), row("arn:aws:s3:::b/*", "*", 4));
    assert_eq!(
        rows("2"),
        row("arn:aws:s3:::b/*", "*", 1) + &row("arn:aws:s3:::b/a/b/*", "a/b/*", 2) + &row("arn:aws:s3:::b/a/c/*", "a/c/*", 1)
    );
}
