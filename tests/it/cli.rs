//! Whole commands, seen from a shell: what they print where, how they end, and what they leave behind.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Palisade, add, delivered, folder, gzip, lines, record};

/// A call of a role from an address that nobody expects: it crosses the network perimeter.
fn from_outside(n: u32, account_id: &str) -> Value {
    record(
        n,
        json!({
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLEROLE000001:app",
                "arn": format!("arn:aws:sts::{account_id}:assumed-role/app/app"),
                "accountId": account_id,
                "accessKeyId": "ASIAEXAMPLE000000001",
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{account_id}:role/app"), "accountId": account_id}}
            },
            "sourceIPAddress": "198.51.100.7",
            "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject",
            "eventCategory": "Data",
            "managementEvent": false,
            "requestParameters": {"bucketName": "data", "key": "k"},
            "resources": [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::data/k"},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::data", "accountId": "999999999999"}
            ],
            "recipientAccountId": account_id
        }),
    )
}

const CALLS: [&str; 4] = ["--query", "common_network_perimeter_ipv4,common_only_denied", "--events", "logs"];

/// Calls of one account, in one file.
fn small() -> TempDir {
    let denied = record(1, json!({"errorCode": "AccessDenied", "errorMessage": "not authorized"}));
    folder(&[("logs/a.json", delivered(&[denied, from_outside(2, "111111111111")]))])
}

fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["run"], &CALLS[..], more].concat()
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read_json(folder: &TempDir, name: &str) -> Value {
    serde_json::from_slice(&read(folder, name)).unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    entries.map(|entry| (name(entry.path()), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn help_and_version_are_data() {
    let folder = TempDir::new().unwrap();
    let help = Palisade::in_folder(&folder).run(&["--help"]).ends_with(0);
    assert!(help.out.contains("Exit codes:") && help.out.contains("palisade run --config"));
    assert_eq!(help.err, "");
    let version = Palisade::in_folder(&folder).run(&["--version"]).ends_with(0);
    assert_eq!(version.out, format!("palisade {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["run", "sql", "queries", "report", "config", "inventory", "sample"] {
        let help = Palisade::in_folder(&folder).run(&["help", command]).ends_with(0);
        assert!(help.out.contains(&format!("palisade {command}")), "{command}");
    }
    // Without a command there is nothing to do, and help is what is needed.
    let nothing = Palisade::in_folder(&folder).run::<&str>(&[]).ends_with(2);
    assert_eq!(nothing.out, "");
    assert!(nothing.err.contains("Usage: palisade"));
}

#[test]
fn a_run_writes_its_report_and_says_where() {
    let folder = small();
    let finished = Palisade::in_folder(&folder).run(&run(&["--output", "report"])).ends_with(0);
    assert_eq!(finished.err, "");
    for name in ["report.html", "report.xlsx", "report.json"] {
        assert!(finished.out.contains(&format!("report/{name}")), "{}", finished.out);
    }
    let written: Vec<String> = files(&folder.path().join("report")).into_keys().collect();
    assert_eq!(written, ["findings.parquet", "report.html", "report.json", "report.xlsx", "run.json"]);
    let manifest = read_json(&folder, "report/run.json");
    assert_eq!(manifest["coverage"]["records"], 2);
    assert_eq!(manifest["generated_at"], "2026-11-20T00:00:00Z");
    let accounts: Vec<&Value> = manifest["accounts"].as_array().unwrap().iter().map(|account| &account["account_id"]).collect();
    assert_eq!(accounts, ["111111111111"]);
}

#[test]
fn a_misspelt_name_is_a_usage_error_with_a_suggestion() {
    let folder = small();
    add(&folder, "perimeter.yaml", "version: 1\nbaseline:\n  trusted_identites:\n    accounts: [\"111122223333\"]\n");
    add(&folder, "settings.yaml", "events: [logs]\nformat: [html]\n");
    for (arguments, expected) in [
        (&["--query", "common_only_denid"][..], vec!["`common_only_denid`", "did you mean `common_only_denied`?"]),
        (
            &["--perimeter", "perimeter.yaml"],
            vec!["perimeter.yaml:3:3", "`trusted_identites`", "did you mean `trusted_identities`?"],
        ),
        (&["--config", "settings.yaml"], vec!["settings.yaml:2", "`format`", "`formats`"]),
        (&["--format", "pdf"], vec!["pdf", "html", "xlsx"]),
        (&["--fail-on", "crosses"], vec!["crosses", "`crosses_perimeter`"]),
        (&["--account", "12345"], vec!["12345"]),
        (&["--from", "2026-13-01"], vec!["2026-13-01"]),
        (&["--perimeter", "nowhere.yaml"], vec!["nowhere.yaml"]),
        (&["--inventory", "nowhere"], vec!["nowhere"]),
    ] {
        let all = [&["run", "--events", "logs", "--output", "report"], arguments].concat();
        let finished = Palisade::in_folder(&folder).run(&all).ends_with(2);
        assert_eq!(finished.out, "", "{arguments:?}");
        for text in expected {
            assert!(finished.err.contains(text), "{text} is not in: {}", finished.err);
        }
        assert!(!folder.path().join("report").exists(), "{arguments:?}");
    }
}

#[test]
fn events_that_are_not_there_are_a_usage_error_and_events_without_records_have_a_code_of_their_own() {
    let folder = small();
    add(&folder, "empty/.keep", "");
    add(&folder, "damaged/a.json.gz", &gzip(lines(&[record(1, json!({}))]))[..20]);
    add(&folder, "other/notes.json", "{\"hello\": \"world\"}");
    add(&folder, "nothing/a.json", "{\"Records\":[]}");
    let with = |location: &str| {
        let arguments = ["run", "--events", location, "--query", "common_only_denied", "--output", "report"];
        Palisade::in_folder(&folder).run(&arguments)
    };
    for location in ["nowhere", "nowhere/*.json"] {
        let finished = with(location).ends_with(2);
        assert!(finished.err.contains(location), "{}", finished.err);
    }
    for (location, reason) in [
        ("empty", "no record could be read"),
        ("damaged", "corrupt or truncated gzip"),
        ("other", "not a CloudTrail record"),
        ("nothing", "no record could be read"),
    ] {
        let finished = with(location).ends_with(5);
        assert!(finished.err.contains(reason) && finished.err.contains(location), "{}", finished.err);
        assert_eq!(finished.out, "");
    }
    let outside = ["run", "--events", "logs", "--from", "2020-01-01", "--to", "2020-01-02", "--output", "report"];
    Palisade::in_folder(&folder).run(&outside).ends_with(5);
    assert!(!folder.path().join("report").exists());
    let unnamed = Palisade::in_folder(&folder).run(&["run"]).ends_with(2);
    assert!(unnamed.err.contains("--events"), "{}", unnamed.err);
}

#[test]
fn a_run_that_fails_leaves_the_report_of_the_run_before_as_it_was() {
    let folder = small();
    Palisade::in_folder(&folder).run(&run(&["--output", "report"])).ends_with(0);
    let before = files(&folder.path().join("report"));
    Palisade::in_folder(&folder).run(&run(&["--output", "report", "--query", "nonsense"])).ends_with(2);
    Palisade::in_folder(&folder).run(&run(&["--output", "report", "--from", "2030-01-01"])).ends_with(5);
    assert_eq!(files(&folder.path().join("report")), before);
    // Nothing half-written lies beside it.
    let beside: Vec<String> = files(folder.path()).into_keys().filter(|name| !name.starts_with("report/")).collect();
    assert_eq!(beside, ["logs/a.json"]);
}

#[test]
fn input_that_is_lost_in_part_has_a_code_of_its_own_and_is_named() {
    let folder = small();
    add(&folder, "logs/cut.json.gz", &gzip(delivered(&[record(3, json!({}))]))[..100]);
    let finished = Palisade::in_folder(&folder).run(&run(&["--output", "report"])).ends_with(4);
    assert!(finished.out.contains("cut.json.gz"), "{}", finished.out);
    let skipped = &read_json(&folder, "report/run.json")["coverage"]["skipped"];
    assert!(skipped.to_string().contains("cut.json.gz:"), "{skipped}");
    // Files that no trail means to be read are no loss.
    let folder = small();
    add(&folder, "logs/CloudTrail-Digest/readme.txt", "not a log");
    add(&folder, "logs/empty.json", "");
    Palisade::in_folder(&folder).run(&run(&["--output", "report"])).ends_with(0);
}

#[test]
fn findings_change_the_exit_code_only_where_that_is_asked_for() {
    let folder = small();
    Palisade::in_folder(&folder).run(&run(&["--output", "a", "--fail-on", "crosses_perimeter"])).ends_with(3);
    Palisade::in_folder(&folder).run(&run(&["--output", "b", "--fail-on", "service_owned"])).ends_with(0);
    assert!(folder.path().join("a/report.html").exists());
    // What was not read outranks what was found.
    add(&folder, "logs/cut.json.gz", &gzip(delivered(&[record(3, json!({}))]))[..100]);
    Palisade::in_folder(&folder).run(&run(&["--output", "c", "--fail-on", "crosses_perimeter"])).ends_with(4);
}

#[test]
fn quiet_says_nothing_and_errors_are_said_all_the_same() {
    let folder = small();
    for quiet in ["-q", "-qq", "--quiet"] {
        let finished = Palisade::in_folder(&folder).run(&run(&["--output", "report", quiet])).ends_with(0);
        assert_eq!((finished.out.as_str(), finished.err.as_str()), ("", ""), "{quiet}");
    }
    let failed = Palisade::in_folder(&folder).run(&["run", "--events", "nowhere", "-qq"]).ends_with(2);
    assert!(failed.err.contains("nowhere"));
}

#[test]
fn colours_are_for_terminals_unless_they_are_forced() {
    let folder = small();
    let colours = |variables: &[(&str, &str)], flags: &[&str]| {
        let palisade = variables.iter().fold(Palisade::in_folder(&folder), |palisade, (name, value)| palisade.env(name, value));
        let finished = palisade.run(&run(&[&["--output", "report"], flags].concat())).ends_with(0);
        finished.out.contains('\u{1b}')
    };
    assert!(!colours(&[], &[]));
    assert!(colours(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(colours(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
}

/// Two accounts, several files, copies, damage and a perimeter: much that could come in another order.
fn several() -> TempDir {
    let folder = small();
    for n in 1..=12u32 {
        let account_id = if n % 3 == 0 { "222222222222" } else { "111111111111" };
        let mut records: Vec<Value> = (0..20).map(|k| from_outside(100 * n + k, account_id)).collect();
        for (k, record) in (0..).zip(&mut records) {
            record["sourceIPAddress"] = json!(format!("198.51.100.{}", (7 * n + k) % 40));
        }
        if account_id == "111111111111" {
            // Another delivery of the same.
            records.push(from_outside(199, account_id));
        }
        let name = format!(
            "logs/AWSLogs/{account_id}/CloudTrail/eu-west-1/2026/10/31/{account_id}_CloudTrail_eu-west-1_20261031T07{n:02}Z_x.json.gz"
        );
        add(&folder, &name, gzip(delivered(&records)));
        add(&folder, &format!("logs/damaged/{n}.json"), "{\"Records\":[{\"a\":".repeat(3));
    }
    add(&folder, "perimeter.yaml", "version: 1\nbaseline:\n  expected_networks:\n    cidrs: [198.51.100.0/30]\n");
    folder
}

#[test]
fn the_same_input_and_clock_give_the_same_bytes_and_a_saved_run_renders_to_them() {
    let folder = several();
    let formats = "html,xlsx,json,ndjson,csv,parquet";
    let query = "common_network_perimeter_ipv4,common_only_denied,s3_scp_resource_perimeter";
    let arguments = |output| {
        ["run", "--events", "logs", "--perimeter", "perimeter.yaml", "--query", query, "--format", formats, "--output", output]
    };
    let first = Palisade::in_folder(&folder).run(&arguments("first")).ends_with(4);
    let second = Palisade::in_folder(&folder).run(&arguments("second")).ends_with(4);
    assert_eq!(first.out.replace("first/", "second/"), second.out);
    let (first, second) = (files(&folder.path().join("first")), files(&folder.path().join("second")));
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["findings.csv", "findings.ndjson", "findings.parquet", "report.html", "report.json", "report.xlsx", "run.json"]
    );
    let manifest = read_json(&folder, "first/run.json");
    // 12 files of 20, two in the first folder, and one that is in eight files.
    assert_eq!(manifest["coverage"]["records"], 243);
    assert_eq!(manifest["coverage"]["duplicates"], 7);
    assert!(manifest["samples"].as_object().is_some_and(|samples| !samples.is_empty()));
    for (name, content) in &first {
        assert!(*content == second[name], "{name} differs");
    }
    // Another clock, other bytes: the comparison above compares something.
    let later = [&arguments("later")[..], &["--today", "2026-11-21"]].concat();
    Palisade::in_folder(&folder).run(&later).ends_with(4);
    assert!(read(&folder, "later/run.json") != first["run.json"]);

    // From the saved run alone, without the logs.
    std::fs::remove_dir_all(folder.path().join("logs")).unwrap();
    let render = ["report", "render", "first", "--format", formats, "--output", "rendered"];
    Palisade::in_folder(&folder).run(&render).ends_with(0);
    for (name, content) in files(&folder.path().join("rendered")) {
        assert!(content == first[&name], "{name} differs when it is rendered again");
    }
    assert!(folder.path().join("rendered/report.html").exists());
    let to_output =
        Palisade::in_folder(&folder).run(&["report", "render", "first", "--format", "ndjson", "--output", "-"]).ends_with(0);
    assert_eq!(to_output.out.as_bytes(), first["findings.ndjson"]);
    assert_eq!(to_output.err, "");
    let missing = Palisade::in_folder(&folder).run(&["report", "render", "nowhere", "--format", "html"]).ends_with(2);
    assert!(missing.err.contains("nowhere"), "{}", missing.err);
}

#[test]
fn standard_input_is_read_once_and_answers_everything() {
    let folder = several();
    // One query reads records, another resources; sample records are looked up after both.
    let query = "common_network_perimeter_ipv4,s3_vpce_policy_resource_perimeter_org_to_not_mine";
    let records: Vec<Value> = (0..5).map(|n| from_outside(n, "111111111111")).collect();
    add(&folder, "one.json.gz", gzip(delivered(&records)));
    let run_on = |location: &str, output: &str| {
        let arguments = ["run", "--events", location, "--query", query, "--output", output, "--format", "ndjson"];
        let input = if location == "one.json.gz" { Vec::new() } else { read(&folder, "one.json.gz") };
        Palisade::in_folder(&folder).input(input).run(&arguments).ends_with(0);
        (read(&folder, &format!("{output}/findings.ndjson")), read_json(&folder, &format!("{output}/run.json")))
    };
    let (findings, manifest) = run_on("one.json.gz", "file");
    assert!(!findings.is_empty());
    let mut locations = vec!["-"];
    if cfg!(unix) {
        // A pipe that has a name.
        locations.push("/dev/stdin");
    }
    for (n, location) in locations.into_iter().enumerate() {
        let (from_input, manifest_of_input) = run_on(location, &format!("input{n}"));
        assert!(from_input == findings, "{location}");
        assert_eq!(manifest_of_input["coverage"]["records"], 5);
        assert_eq!(manifest_of_input["samples"], manifest["samples"]);
    }
    let plain = ["sql", "--events", "-", "SELECT sum(event_count) AS calls FROM events"];
    let finished = Palisade::in_folder(&folder).input(lines(&records)).run(&plain).ends_with(0);
    assert_eq!(finished.out, "calls\n5\n");
    let nothing = Palisade::in_folder(&folder).run(&["sql", "--events", "-", "SELECT event_name FROM events"]).ends_with(5);
    assert!(nothing.err.contains("empty file, such as standard input"), "{}", nothing.err);
}

#[test]
fn sql_prints_rows_and_nothing_else() {
    let folder = small();
    let statement = "SELECT event_source, event_name, resource_arn, sum(event_count) AS calls, max(last_seen) AS last_seen \
        FROM events GROUP BY 1, 2, 3 ORDER BY 1";
    let csv = Palisade::in_folder(&folder).run(&["sql", "--events", "logs", statement]).ends_with(0);
    assert_eq!(
        csv.out,
        "event_source,event_name,resource_arn,calls,last_seen\n\
         ec2.amazonaws.com,DescribeInstances,,1,2026-10-31T07:08:09Z\n\
         s3.amazonaws.com,GetObject,arn:aws:s3:::data/k,1,2026-10-31T07:08:09Z\n"
    );
    assert_eq!(csv.err, "");
    let arguments = ["sql", "--events", "logs", "--format", "ndjson", "--output", "rows.ndjson", statement];
    let to_file = Palisade::in_folder(&folder).run(&arguments).ends_with(0);
    assert_eq!(to_file.out, "");
    let rows = String::from_utf8(read(&folder, "rows.ndjson")).unwrap();
    let first: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(first["resource_arn"], Value::Null);
    assert_eq!(first["calls"], 1);
    let resources = "SELECT count(*) AS n FROM event_resources WHERE event_source = 's3.amazonaws.com'";
    assert_eq!(Palisade::in_folder(&folder).run(&["sql", "--events", "logs", resources]).ends_with(0).out, "n\n2\n");
    let columns = Palisade::in_folder(&folder).run(&["sql", "--columns"]).ends_with(0);
    assert!(columns.out.starts_with("event_id ") && columns.out.contains("\nlast_seen "));
    for (statement, text) in
        [("SELEC 1", "SELEC"), ("SELECT no_such_column FROM events", "no_such_column"), ("SELECT 1 FROM records", "records")]
    {
        let finished = Palisade::in_folder(&folder).run(&["sql", "--events", "logs", statement]).ends_with(2);
        assert!(finished.err.contains(text) && finished.out.is_empty(), "{finished:?}");
    }
}

#[test]
fn settings_are_shown_with_who_set_them() {
    let folder = TempDir::new().unwrap();
    add(&folder, "palisade.yaml", "events: [logs]\ntitle: from the file\n");
    let shown = Palisade::in_folder(&folder)
        .env("PALISADE_TITLE", "from the environment")
        .run(&["config", "show", "--max-rows", "7"])
        .ends_with(0);
    assert_eq!(shown.err, "");
    let line = |name: &str| shown.out.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(line("title").contains("from the environment") && line("title").contains("PALISADE_TITLE"), "{}", shown.out);
    assert!(line("max_rows").contains('7') && line("max_rows").contains("--max-rows"), "{}", shown.out);
    assert!(line("events").contains("logs") && line("events").contains("palisade.yaml:1"), "{}", shown.out);
    assert!(line("output").contains("default"), "{}", shown.out);
}

#[test]
fn the_files_that_init_writes_are_ready_to_run() {
    let folder = small();
    Palisade::in_folder(&folder).run(&["config", "init"]).ends_with(0);
    let again = Palisade::in_folder(&folder).run(&["config", "init"]).ends_with(2);
    assert!(again.err.contains("palisade.yaml") && again.err.contains("--force"), "{}", again.err);
    let arguments = ["run", "--perimeter", "perimeter.yaml", "--query", "common_network_perimeter_ipv4"];
    Palisade::in_folder(&folder).run(&arguments).ends_with(0);
    assert!(folder.path().join("palisade-report/report.html").exists());
}

#[test]
fn every_built_in_query_passes_its_tests() {
    let folder = TempDir::new().unwrap();
    let tested = Palisade::in_folder(&folder).run(&["queries", "test"]).ends_with(0);
    assert!(tested.out.contains(" 0 failed") || tested.err.contains(" 0 failed"), "{tested:?}");
    let listed = Palisade::in_folder(&folder).run(&["queries", "list", "--format", "json"]).ends_with(0);
    let names: Value = serde_json::from_str(&listed.out).unwrap();
    assert!(names.as_array().unwrap().len() >= 14);
    let shown = Palisade::in_folder(&folder).run(&["queries", "show", "common_only_denied", "--sql"]).ends_with(0);
    assert!(shown.out.starts_with("/*") && shown.out.contains("SELECT"));
    let unknown = Palisade::in_folder(&folder).run(&["queries", "show", "common_only_denid"]).ends_with(2);
    assert!(unknown.err.contains("common_only_denied"), "{}", unknown.err);
}

#[test]
fn a_query_of_the_user_that_is_wrong_stops_the_run_before_it_starts() {
    let folder = small();
    add(&folder, "mine/my_query.sql", "/*\ntitle: Mine\n*/\nSELECT nothing FROM nowhere\n");
    let arguments = ["run", "--events", "logs", "--query-folder", "mine", "--query", "my_query", "--output", "report"];
    let finished = Palisade::in_folder(&folder).run(&arguments).ends_with(2);
    assert!(finished.err.contains("my_query"), "{}", finished.err);
    assert!(!folder.path().join("report").exists());
}
