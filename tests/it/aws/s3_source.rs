//! Events in S3: the same report as from the same files on disk, whatever the network does.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::moto::upload;
use crate::servers::{self, Server};
use crate::support::{self, Finished, Palisade, delivered, event_id, folder, gzip, record};

fn samples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples"))
}

/// The program with the environment of AWS clients.
pub fn palisade(folder: &TempDir, address: &str) -> Palisade {
    servers::aws_environment(address)
        .iter()
        .fold(Palisade::in_folder(folder), |program, (name, value)| program.env(name, value))
}

fn sql(address: &str, location: &str, more: &[&str]) -> Finished {
    let folder = TempDir::new().unwrap();
    let statement = "SELECT event_id, account_id, event_name FROM events ORDER BY event_id";
    let arguments = [&["sql", statement, "--events", location, "--format", "ndjson"], more].concat();
    palisade(&folder, address).run(&arguments)
}

fn ids(finished: &Finished) -> Vec<String> {
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event_id"].as_str().unwrap().to_owned();
    finished.out.lines().map(id).collect()
}

/// Adds a rule to the fault proxy that concerns one bucket only.
fn fault(address: &str, bucket: &str, rule: Value) {
    let mut rule = rule;
    rule["service"] = json!("s3");
    rule["resource"] = json!(bucket);
    servers::request("PATCH", &format!("{address}/_microburst/rules"), Some(&json!([rule])));
}

fn fired(address: &str, operation: &str, bucket: &str) -> usize {
    let fired = servers::request("GET", &format!("{address}/_microburst/fired?operation={operation}"), None);
    let fired = fired.as_array().cloned().unwrap_or_default();
    fired.iter().filter(|fault| fault.to_string().contains(bucket)).count()
}

fn findings(folder: &TempDir, output: &str) -> Value {
    let text = std::fs::read_to_string(folder.path().join(output).join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let of_query = |query: &Value| query["findings"].as_array().unwrap().clone();
    Value::Array(report["queries"].as_array().unwrap().iter().flat_map(of_query).collect())
}

#[test]
fn the_report_over_a_bucket_is_the_report_over_its_files() {
    let Some(address) = servers::address(Server::Aws) else { return };
    let bucket = servers::unique("trail-");
    upload(&address, &samples().join("trail"), &bucket, "logs/");
    let folder = TempDir::new().unwrap();
    let run = |events: &str, output: &str, more: &[&str]| {
        let (inventory, perimeter) = (samples().join("inventory"), samples().join("perimeter.yaml"));
        let arguments = [
            &[
                "run",
                "--events",
                events,
                "--inventory",
                inventory.to_str().unwrap(),
                "--perimeter",
                perimeter.to_str().unwrap(),
            ],
            &["--today", "2026-11-02", "--format", "json", "--output", output][..],
            more,
        ]
        .concat();
        palisade(&folder, &address).run(&arguments).ends_with(0);
        findings(&folder, output)
    };
    let local = run(samples().join("trail").to_str().unwrap(), "local", &[]);
    let remote = run(&format!("s3://{bucket}/logs/AWSLogs/o-palisade01/"), "remote", &[]);
    assert!(local.as_array().is_some_and(|findings| findings.len() > 20));
    assert_eq!(local, remote);
    // One account and one day: what is not asked for is not listed either.
    let some = ["--account", "110000000011", "--from", "2026-10-30", "--to", "2026-10-30"];
    let local = run(samples().join("trail").to_str().unwrap(), "local-day", &some);
    let remote = run(&format!("s3://{bucket}/logs/"), "remote-day", &some);
    assert_eq!(local, remote);
}

/// A bucket with three files of one record each.
fn three(address: &str) -> String {
    let bucket = servers::unique("three-");
    let name = |n: u32| {
        format!(
            "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/10/31/111111111111_CloudTrail_eu-west-1_20261031T070{n}Z_a.json.gz"
        )
    };
    let files: Vec<(String, Vec<u8>)> = (1..=3).map(|n| (name(n), gzip(delivered(&[record(n, json!({}))])))).collect();
    let files: Vec<(&str, &Vec<u8>)> = files.iter().map(|(name, content)| (name.as_str(), content)).collect();
    upload(address, folder(&files).path(), &bucket, "");
    bucket
}

fn all_three() -> Vec<String> {
    (1..=3).map(event_id).collect()
}

#[test]
fn throttling_failures_and_cut_connections_are_survived() {
    let (Some(aws), Some(faults)) = (servers::address(Server::Aws), servers::address(Server::Faults)) else { return };
    for (operation, rule) in [
        ("ListObjectsV2", json!({"times": 3, "error": {"code": "SlowDown", "status": 503}})),
        ("GetObject", json!({"times": 4, "error": {"code": "SlowDown", "status": 503}})),
        ("GetObject", json!({"times": 2, "error": {"code": "InternalError", "status": 500}})),
        ("GetObject", json!({"times": 2, "reset": true})),
        ("GetObject", json!({"times": 3, "response": {"abort_frac": 0.5}})),
        ("GetObject", json!({"times": 2, "latency": 700})),
        ("ListObjectsV2", json!({"times": 1, "error": {"code": "RequestTimeTooSkewed", "status": 403}})),
        ("GetObject", json!({"times": 1, "error": {"code": "RequestTimeTooSkewed", "status": 403}})),
    ] {
        let bucket = three(&aws);
        let mut rule = rule;
        rule["operation"] = json!(operation);
        fault(&faults, &bucket, rule.clone());
        let finished = sql(&faults, &format!("s3://{bucket}/"), &[]).ends_with(0);
        assert_eq!(ids(&finished), all_three(), "{rule}");
        assert!(fired(&faults, operation, &bucket) > 0, "{rule} was not made");
    }
}

#[test]
fn what_cannot_be_read_is_counted_with_the_reason() {
    let (Some(aws), Some(faults)) = (servers::address(Server::Aws), servers::address(Server::Faults)) else { return };
    for (error, expected) in [
        (json!({"code": "NoSuchKey", "status": 404}), "gone since it was listed"),
        (json!({"code": "AccessDenied", "status": 403}), "palisade setup permissions"),
        (
            json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized to perform: kms:Decrypt on this resource"}),
            "`kms:Decrypt`",
        ),
    ] {
        let bucket = three(&aws);
        fault(&faults, &bucket, json!({"operation": "GetObject", "times": 1, "error": error}));
        let finished = sql(&faults, &format!("s3://{bucket}/"), &[]).ends_with(4);
        assert_eq!(ids(&finished).len(), 2, "{error}");
        assert!(finished.err.contains("1 file skipped") && finished.err.contains(expected), "{error}\n{}", finished.err);
    }
}

#[test]
fn expired_credentials_are_asked_for_anew_once_and_then_said() {
    let (Some(aws), Some(faults)) = (servers::address(Server::Aws), servers::address(Server::Faults)) else { return };
    let bucket = three(&aws);
    let expired =
        |times: u32| json!({"operation": "ListObjectsV2", "times": times, "error": {"code": "ExpiredToken", "status": 400}});
    fault(&faults, &bucket, expired(1));
    assert_eq!(ids(&sql(&faults, &format!("s3://{bucket}/"), &[]).ends_with(0)), all_three());
    let bucket = three(&aws);
    fault(&faults, &bucket, expired(50));
    let finished = sql(&faults, &format!("s3://{bucket}/"), &[]).ends_with(2);
    assert!(finished.err.contains("ExpiredToken") && finished.err.contains("log in again"), "{}", finished.err);
    assert!(finished.out.is_empty());
}

#[test]
fn a_place_without_anything_is_a_mistake_and_days_without_anything_are_none() {
    let Some(aws) = servers::address(Server::Aws) else { return };
    let bucket = three(&aws);
    for (location, expected) in [
        (format!("s3://{bucket}/AWSLogs/o-none/"), "holds no object"),
        (format!("s3://{}/", servers::unique("none-")), "NoSuchBucket"),
        ("s3://".to_owned(), "is no place in S3"),
    ] {
        let finished = sql(&aws, &location, &[]).ends_with(2);
        assert!(finished.err.contains(expected), "{location}\n{}", finished.err);
    }
    let finished = sql(&aws, &format!("s3://{bucket}/"), &["--from", "2026-11-05"]).ends_with(5);
    assert!(finished.err.contains("no record could be read"), "{}", finished.err);
}

#[test]
fn without_a_region_the_message_says_where_to_set_it() {
    let folder = support::folder::<&str>(&[]);
    let program = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]
        .iter()
        .fold(Palisade::in_folder(&folder), |program, name| program.env(name, ""));
    let program =
        [("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"), ("AWS_EC2_METADATA_DISABLED", "true")]
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
    let finished = program.run(&["sql", "SELECT 1", "--events", "s3://bucket/"]).ends_with(2);
    assert!(finished.err.contains("no region is known"), "{}", finished.err);
}
