//! What `doctor` sees, and says to do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::servers::{Server, address, aws_environment, create_bucket, unique};
use crate::support::{Finished, Palisade, delivered, folder, gzip, record};

/// The checks by subject: status and what was seen.
fn checks(finished: &Finished) -> Vec<(String, String, String)> {
    let answer: Value =
        serde_json::from_str(&finished.out).unwrap_or_else(|error| panic!("{error}: {} {}", finished.out, finished.err));
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (text(check, "subject"), text(check, "status"), text(check, "seen")))
        .collect()
}

#[track_caller]
fn has(checks: &[(String, String, String)], subject: &str, status: &str, seen: &str) {
    let found: Vec<_> = checks.iter().filter(|check| check.0 == subject).collect();
    assert!(found.iter().any(|check| check.1 == status && check.2.contains(seen)), "{subject}: {found:?}\nof {checks:#?}");
}

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");

#[test]
fn the_sample_is_ready_and_nothing_is_asked_of_aws() {
    let finished = Palisade::in_folder(SAMPLES).run(&["doctor", "--format", "json"]).ends_with(0);
    let checks = checks(&finished);
    has(&checks, "perimeter", "ok", "perimeter.yaml");
    has(&checks, "inventory types", "ok", "accounts");
    has(&checks, "data events", "warn", "objects in S3");
    has(&checks, "network activity events", "ok", ".amazonaws.com");
    has(&checks, "AWS", "not_checked", "the settings name neither");
}

#[test]
fn without_anything_it_says_what_to_begin_with() {
    let place = folder::<&str>(&[]);
    let finished = Palisade::in_folder(&place).run(&["doctor"]).ends_with(7);
    for line in [
        "warn settings: there is no settings file\n       `palisade config init`",
        "warn inventory: no snapshot is named",
        "FAIL events: no events are named\n       name a folder of CloudTrail",
    ] {
        assert!(finished.out.contains(line), "{line} in {}", finished.out);
    }
    assert!(finished.err.contains("1 failed"), "{}", finished.err);
}

#[test]
fn an_old_snapshot_and_one_of_the_future_are_told_from_a_fresh_one() {
    for (taken, status, seen) in [
        ("2026-11-18T00:00:00Z", "ok", "taken 2 days ago"),
        ("2026-11-01T00:00:00Z", "warn", "taken 19 days ago"),
        ("2026-12-24T00:00:00Z", "warn", "in the future"),
    ] {
        let snapshot = json!({"organization_id": "o-exampleorgid", "taken_at": taken}).to_string();
        let place =
            folder(&[("inventory/snapshot.json", snapshot.as_str()), ("inventory/organizations-list-accounts.json", ACCOUNTS)]);
        let arguments = ["doctor", "--inventory", "inventory", "--without-events", "--format", "json"];
        let finished = Palisade::in_folder(&place).run(&arguments).ends_with(0);
        let checks = checks(&finished);
        has(&checks, "inventory age", status, seen);
        has(&checks, "inventory types", "warn", "AWS::IAM::Role");
        has(&checks, "events", "not_checked", "--without-events");
    }
}

#[test]
fn logs_of_management_events_only_are_not_taken_for_silence() {
    let logs = gzip(delivered(&[record(1, json!({}))]));
    let place = folder(&[("logs/one.json.gz", logs)]);
    let finished = Palisade::in_folder(&place).run(&["doctor", "--events", "logs", "--format", "json"]).ends_with(0);
    let checks = checks(&finished);
    has(&checks, "data events", "warn", "none in these logs");
    has(&checks, "network activity events", "warn", "none in these logs");
    let empty = folder(&[("logs/x.json", "{\"Records\":[]}")]);
    let nothing = Palisade::in_folder(&empty).run(&["doctor", "--events", "logs"]).ends_with(7);
    assert!(nothing.out.contains("FAIL events: no record could be read"), "{}", nothing.out);
}

#[test]
fn a_perimeter_that_cannot_be_read_fails_and_the_other_checks_go_on() {
    let place = folder(&[("palisade.yaml", "perimeter: perimeter.yaml\nevents: logs\n"), ("perimeter.yaml", "nonsense: 1\n")]);
    let finished = Palisade::in_folder(&place).run(&["doctor", "--format", "json"]).ends_with(7);
    let checks = checks(&finished);
    has(&checks, "perimeter", "fail", "nonsense");
    has(&checks, "events", "fail", "logs");
}

#[test]
fn without_credentials_or_region_the_checks_say_so() {
    let place = folder(&[("palisade.yaml", "athena: {database: logs, tables: [cloudtrail]}\n")]);
    let alone = || {
        Palisade::in_folder(&place)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    };
    let no_region = alone().env("AWS_REGION", "").run(&["doctor", "--format", "json"]).ends_with(7);
    has(&checks(&no_region), "region", "fail", "no region");
    let no_credentials = alone().env("AWS_REGION", "eu-west-1").run(&["doctor", "--format", "json"]).ends_with(7);
    let checks = checks(&no_credentials);
    has(&checks, "identity for athena", "fail", "GetCallerIdentity");
    has(&checks, "AWS", "not_checked", "without credentials");
    let offline = alone().run(&["doctor", "--offline", "--format", "json"]).ends_with(0);
    assert!(offline.out.contains("--offline asks nothing of AWS"), "{}", offline.out);
}

/// AWS Config, IAM Access Analyzer and account regions in the shapes of their API references: each request gets the answer of its operation
/// in its region (`ListAnalyzers eu-west-1`), else of its operation. A text is the code of an error.
fn recorded(answers: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut operation, mut region, mut length) = ("ListAnalyzers".to_owned(), String::new(), 0);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.starts_with("POST /listRegions ") {
                operation = "ListRegions".to_owned();
            }
            line.clear();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((name, value)) = line.split_once(':') {
                    match name.to_ascii_lowercase().as_str() {
                        "x-amz-target" => operation = value.trim().rsplit('.').next().unwrap().to_owned(),
                        "content-length" => length = value.trim().parse().unwrap(),
                        // Credential=<key>/<day>/<region>/…
                        "authorization" => region = value.split('/').nth(2).unwrap().to_owned(),
                        _ => {}
                    }
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            // A list of answers is a list of pages.
            let (status, answer) = match answers.get(format!("{operation} {region}")).unwrap_or(&answers[&operation]) {
                Value::Array(pages) => {
                    let number: usize = request["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                    ("200 OK".to_owned(), pages[number].to_string())
                }
                Value::String(code) => {
                    (format!("403 Forbidden\r\nx-amzn-errortype: {code}"), json!({"message": "not here"}).to_string())
                }
                other => ("200 OK".to_owned(), other.to_string()),
            };
            let mut stream = stream;
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
        }
    });
    url
}

fn doctor(front: &str, recorded: &str, place: impl AsRef<Path>) -> Finished {
    let mut program = Palisade::in_folder(place);
    for (name, value) in aws_environment(front) {
        program = program.env(name, &value);
    }
    program
        .env("AWS_ENDPOINT_URL_CONFIG_SERVICE", recorded)
        .env("AWS_ENDPOINT_URL_ACCESSANALYZER", recorded)
        .env("AWS_ENDPOINT_URL_ACCOUNT", recorded)
        .run(&["doctor", "--format", "json"])
}

const ACCOUNTS: &str = r#"{"Accounts": [
    {"Id": "111111111111", "Name": "one", "Status": "ACTIVE"},
    {"Id": "222222222222", "Name": "two", "Status": "ACTIVE"},
    {"Id": "333333333333", "Name": "closed", "Status": "SUSPENDED"}]}"#;

#[test]
fn on_aws_it_finds_silent_accounts_unknown_regions_failing_sources_and_missing_analyzers() {
    let Some(front) = address(Server::Athena) else { return };
    let name = unique("doctor_");
    let (logs, results) = (unique("logs"), unique("results"));
    create_bucket(&front, &logs);
    create_bucket(&front, &results);
    // Account one sends from two regions, account two sends nothing.
    for region in ["eu-west-1", "ap-south-1"] {
        let key = format!("AWSLogs/o-exampleorgid/111111111111/CloudTrail/{region}/2026/11/19/file.json.gz");
        crate::servers::put_object(&front, &logs, &key, &gzip(delivered(&[record(1, json!({}))])));
    }
    let settings = format!(
        "inventory: inventory\naws: {{region: us-east-1}}\nathena:\n  workgroup: {name}\n  database: {name}\n  tables: [cloudtrail, absent]\n"
    );
    let snapshot = r#"{"organization_id": "o-exampleorgid", "taken_at": "2026-11-19T00:00:00Z"}"#;
    let place = folder(&[
        ("palisade.yaml", settings.as_str()),
        ("inventory/organizations-list-accounts.json", ACCOUNTS),
        ("inventory/snapshot.json", snapshot),
    ]);
    let sick = recorded(json!({
        "DescribeConfigurationAggregators": {"ConfigurationAggregators": [{
            "ConfigurationAggregatorName": "organization",
            "OrganizationAggregationSource": {"RoleArn": "arn:aws:iam::111111111111:role/config", "AllAwsRegions": false, "AwsRegions": ["eu-west-1"]}
        }]},
        "DescribeConfigurationAggregatorSourcesStatus": [
            {"AggregatedSourceStatusList": [
                {"SourceId": "222222222222", "SourceType": "ACCOUNT", "AwsRegion": "eu-west-1", "LastUpdateStatus": "FAILED", "LastErrorCode": "NoSuchConfigurationRecorder"}
            ], "NextToken": "1"},
            {"AggregatedSourceStatusList": [
                {"SourceId": "111111111111", "SourceType": "ACCOUNT", "AwsRegion": "eu-west-1", "LastUpdateStatus": "OUTDATED"}
            ]}
        ],
        "ListRegions": "AccessDeniedException",
        "ListAnalyzers": {"analyzers": [
            {"arn": "arn:aws:access-analyzer:us-east-1:111111111111:analyzer/mine", "name": "mine", "type": "ACCOUNT", "status": "ACTIVE", "createdAt": "2025-01-01T00:00:00Z"}
        ]}
    }));

    // Before anything is set up.
    let before = checks(&doctor(&front, &sick, &place).ends_with(7));
    has(&before, "identity for athena", "ok", "in account 123456789012");
    has(&before, &format!("workgroup {name}"), "fail", "there is no such workgroup");
    has(&before, &format!("table {name}.cloudtrail"), "fail", "there is no such table");

    let mut setup = Palisade::in_folder(&place);
    for (variable, value) in aws_environment(&front) {
        setup = setup.env(variable, &value);
    }
    let (logs_place, results_place) = (format!("s3://{logs}"), format!("s3://{results}/out/"));
    let arguments = ["setup", "athena", "--logs", &logs_place, "--organization", "o-exampleorgid", "--results", &results_place];
    setup
        .run(&[&arguments[..], &["--region", "eu-west-1,us-east-1", "--since", "2026-11-01", "--apply"]].concat())
        .ends_with(0);

    let after = checks(&doctor(&front, &sick, &place).ends_with(7));
    has(&after, &format!("workgroup {name}"), "ok", "version 3");
    has(&after, "results", "ok", &results_place);
    has(&after, &format!("table {name}.cloudtrail"), "ok", "no column is missing");
    has(&after, &format!("table {name}.absent"), "fail", "there is no such table");
    let trail = format!("s3://{logs}/AWSLogs/o-exampleorgid/");
    has(&after, &format!("trail {trail}"), "fail", "no logs of 1 accounts: 222222222222");
    has(&after, &format!("regions of {trail}"), "fail", "the table does not know ap-south-1");
    has(&after, "aggregator organization", "warn", "in eu-west-1 only");
    has(
        &after,
        "aggregator organization",
        "warn",
        "2 sources do not send: 111111111111 eu-west-1, 222222222222 eu-west-1 (NoSuchConfigurationRecorder)",
    );
    // Which regions are enabled may not be seen, so the one of the settings is all there is to look at.
    has(&after, "analyzers", "warn", "(ListRegions: not here), so that only regions of the settings are looked at: us-east-1");
    has(&after, "analyzers", "warn", "no analyzer of the organization in 1 of 1 regions of the settings: us-east-1");
    has(&after, "quota of Athena", "ok", "`concurrency` is 10; us-east-1 allows 200 active statements by default");
}

#[test]
fn what_the_services_cover_is_said_too() {
    let Some(front) = address(Server::Athena) else { return };
    let healthy = recorded(json!({
        "DescribeConfigurationAggregators": {"ConfigurationAggregators": [{
            "ConfigurationAggregatorName": "all",
            "OrganizationAggregationSource": {"RoleArn": "arn:aws:iam::111111111111:role/config", "AllAwsRegions": true}
        }]},
        "DescribeConfigurationAggregatorSourcesStatus": {"AggregatedSourceStatusList": []},
        "ListRegions": [
            {"Regions": [{"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}], "NextToken": "1"},
            {"Regions": [{"RegionName": "eu-south-1", "RegionOptStatus": "ENABLED"}]}
        ],
        "ListAnalyzers": {"analyzers": [
            {"arn": "arn:aws:access-analyzer:us-east-1:111111111111:analyzer/org", "name": "org", "type": "ORGANIZATION", "status": "ACTIVE", "createdAt": "2025-01-01T00:00:00Z"}
        ]}
    }));
    let place = folder(&[("palisade.yaml", "aws: {region: us-east-1}\nevents: [s3://no-such-bucket-of-anybody/AWSLogs/]\n")]);
    let checks = checks(&doctor(&front, &healthy, &place).ends_with(7));
    has(&checks, "aggregator all", "ok", "the organization and all regions");
    has(&checks, "aggregator all", "ok", "every account and region sends");
    has(&checks, "analyzers", "ok", "active in 2 of 2 enabled regions");
    has(&checks, "trail s3://no-such-bucket-of-anybody/AWSLogs/", "fail", "ListObjectsV2");
    has(&checks, "Athena", "not_checked", "no `database`");
    has(&checks, "data events", "not_checked", "has a price");
}

#[test]
fn regions_without_an_analyzer_of_the_organization_are_named() {
    let Some(front) = address(Server::Athena) else { return };
    let analyzer = |kind: &str, status: &str| {
        json!({"arn": "arn:aws:access-analyzer:eu-west-1:111111111111:analyzer/a", "name": "a", "type": kind, "status": status,
            "createdAt": "2025-01-01T00:00:00Z"})
    };
    let active = analyzer("ORGANIZATION", "ACTIVE");
    let regions = ["eu-west-1", "eu-west-2", "us-east-1", "us-west-2", "sa-east-1", "ap-east-1"];
    let enabled: Vec<Value> =
        regions.iter().map(|region| json!({"RegionName": region, "RegionOptStatus": "ENABLED"})).collect();
    let answers = |everywhere: Value| {
        recorded(json!({
            "DescribeConfigurationAggregators": {"ConfigurationAggregators": []},
            "ListRegions": {"Regions": enabled},
            "ListAnalyzers": everywhere,
            "ListAnalyzers eu-west-1": {"analyzers": [analyzer("ACCOUNT", "ACTIVE"), active]},
            "ListAnalyzers eu-west-2": {"analyzers": [analyzer("ORGANIZATION", "DISABLED")]},
            "ListAnalyzers us-east-1": {"analyzers": [analyzer("ORGANIZATION_UNUSED_ACCESS", "ACTIVE")]},
            "ListAnalyzers sa-east-1": "AccessDeniedException",
            "ListAnalyzers ap-east-1": "AccessDeniedException"
        }))
    };
    let place = folder(&[("palisade.yaml", "aws: {region: eu-west-1}\n")]);
    let seen = checks(&doctor(&front, &answers(json!({"analyzers": []})), &place).ends_with(7));
    has(&seen, "analyzers", "ok", "active in 1 of 6 enabled regions");
    has(&seen, "analyzers", "warn", "in 2 of 6 enabled regions: us-east-1, us-west-2");
    has(&seen, "analyzers", "warn", "not active in eu-west-2 (a is DISABLED)");
    has(&seen, "analyzers", "warn", "not known in ap-east-1, sa-east-1: ListAnalyzers: not here");
    assert_eq!(seen.iter().filter(|(subject, ..)| subject == "analyzers").count(), 4);
}

#[test]
fn an_address_of_aws_that_is_none_is_named() {
    let place = folder(&[("palisade.yaml", "aws: {region: eu-west-1}\n")]);
    let program = |variable: &str, value: &str| {
        Palisade::in_folder(&place).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env(variable, value)
    };
    for (variable, value, expected) in [
        ("AWS_ENDPOINT_URL", "", "AWS_ENDPOINT_URL is set and empty: unset it"),
        ("AWS_ENDPOINT_URL_STS", "", "AWS_ENDPOINT_URL_STS is set and empty"),
        ("AWS_ENDPOINT_URL_S3", "localhost:9", "AWS_ENDPOINT_URL_S3 is `localhost:9`, which is no address"),
    ] {
        let finished = program(variable, value).run(&["doctor", "--format", "json"]).ends_with(7);
        has(&checks(&finished), "AWS", "fail", expected);
        let run = ["run", "--engine", "athena", "--account", "111111111111", "--from", "2026-10-31"];
        for arguments in [&run[..], &["run", "--events", "s3://bucket/"], &["inventory", "export", "--output", "i"]] {
            let finished = program(variable, value).run(arguments).ends_with(2);
            assert!(finished.err.contains(expected) && !finished.err.contains("panicked"), "{}", finished.err);
        }
    }
}
