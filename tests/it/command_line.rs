//! What commands do with what they are asked for: accounts that sent nothing, folders that are shared, verdicts that are never given,
//! statements that are no queries; and what they say of it.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Palisade, add, delivered, folder, record};

const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Deny","Action":"*","Resource":"*"}]}"#;
const ORGANIZATION: &str = r#"{"organization_id":"o-example0001","management_account_id":"999999999999"}"#;

/// One call of account 111111111111, in the folders of a trail; and an inventory with two accounts.
fn small() -> TempDir {
    let folder = folder(&[(
        "logs/AWSLogs/111111111111/CloudTrail/eu-west-1/2026/10/31/111111111111_CloudTrail_eu-west-1_20261031T0710Z_a.json",
        delivered(&[record(1, json!({}))]),
    )]);
    add(&folder, "scp.json", DENY_ALL);
    add(&folder, "inventory/snapshot.json", ORGANIZATION);
    add(&folder, "inventory/accounts.csv", "account_id,name\n111111111111,main\n222222222222,other\n");
    folder
}

fn manifest(folder: &TempDir, of: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.path().join(of).join("run.json")).unwrap()).unwrap()
}

/// The message of the warning about named accounts, if there is one.
fn missing(manifest: &Value) -> Option<&str> {
    let warnings = manifest["warnings"].as_array().unwrap();
    let found = warnings.iter().find(|warning| warning["code"] == "named-accounts-without-records")?;
    assert_eq!(found["severity"], "blind");
    found["message"].as_str()
}

const RUN: [&str; 7] = ["run", "--query", "common_only_denied", "--format", "json", "--output", "out"];
const WHATIF: [&str; 11] =
    ["whatif", "--policy", "scp.json", "--attach", "root", "--inventory", "inventory", "--format", "json", "--output", "out"];

#[test]
fn an_account_that_was_named_and_sent_no_record_is_named_and_changes_the_exit_code() {
    let folder = small();
    Palisade::in_folder(&folder).run(&["collect", "--events", "logs", "--output", "store"]).ends_with(0);
    for command in [&RUN[..], &WHATIF[..]] {
        for events in ["logs", "store"] {
            let with = |accounts: &str| {
                let arguments = [command, &["--events", events, "--account", accounts]].concat();
                Palisade::in_folder(&folder).run(&arguments)
            };
            let finished = with("111111111111,222222222222").ends_with(6);
            assert!(finished.out.contains("222222222222"), "{}", finished.out);
            let report = manifest(&folder, "out");
            assert_eq!(
                missing(&report),
                Some("1 account that you asked for sent no record: 222222222222."),
                "{command:?} {events}"
            );
            with("111111111111").ends_with(0);
            assert_eq!(missing(&manifest(&folder, "out")), None);
        }
    }
    // Nobody named the other one.
    Palisade::in_folder(&folder).run(&[&RUN[..], &["--events", "logs"]].concat()).ends_with(0);
    assert_eq!(missing(&manifest(&folder, "out")), None);
}

#[test]
fn a_replay_does_not_replace_the_report_of_a_run() {
    let folder = small();
    add(&folder, "palisade.yaml", "events: [logs]\ninventory: inventory\nformats: [json]\noutput: reports/october\n");
    let whatif = ["whatif", "--policy", "scp.json", "--attach", "root"];
    Palisade::in_folder(&folder).run(&["run", "--query", "common_only_denied"]).ends_with(0);
    let before = manifest(&folder, "reports/october");
    Palisade::in_folder(&folder).run(&whatif).ends_with(0);
    assert_eq!(manifest(&folder, "reports/october"), before);
    assert_eq!(manifest(&folder, "reports/october-whatif")["queries"][0]["name"], "whatif:scp");
    // What is asked for on the command line or in the environment is done.
    Palisade::in_folder(&folder).run(&[&whatif[..], &["--output", "by-flag"]].concat()).ends_with(0);
    Palisade::in_folder(&folder).env("PALISADE_OUTPUT", "by-variable").run(&whatif).ends_with(0);
    assert!(folder.path().join("by-flag/run.json").exists() && folder.path().join("by-variable/run.json").exists());
}

#[test]
fn the_log_tells_phases_inputs_and_statements() {
    let folder = small();
    add(&folder, "logs/notes.txt", "no log");
    let run = [&RUN[..], &["--events", "logs", "--inventory", "inventory"]].concat();
    let finished = Palisade::in_folder(&folder).run(&[&run[..], &["-vv"]].concat()).ends_with(0);
    for expected in [
        "phase=\"events\" milliseconds=",
        "files of events found files=1",
        "notes.txt",
        "accounts.csv",
        "statement answered query=\"common_only_denied\" account=\"111111111111\" rows=0 milliseconds=",
        "report written",
    ] {
        assert!(finished.err.contains(expected), "{expected} is not in:\n{}", finished.err);
    }
    let finished = Palisade::in_folder(&folder).run(&[&run[..], &["-v"]].concat()).ends_with(0);
    assert!(finished.err.contains("phase done") && !finished.err.contains("statement answered query"), "{}", finished.err);
    let finished = Palisade::in_folder(&folder).run(&[&run[..], &["-v", "--log-format", "json"]].concat()).ends_with(0);
    let phases: Vec<String> = finished
        .err
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|entry| entry["fields"]["phase"].as_str().map(str::to_owned))
        .collect();
    assert!(["definitions", "files", "events", "queries"].iter().all(|phase| phases.iter().any(|p| p == phase)), "{phases:?}");
    assert_eq!(Palisade::in_folder(&folder).run(&run).ends_with(0).err, "");
}

#[test]
fn only_queries_are_run() {
    let folder = small();
    for statement in [
        "COPY (SELECT event_id FROM events) TO 'copied.csv' STORED AS CSV",
        "CREATE EXTERNAL TABLE accounts STORED AS CSV LOCATION 'inventory/accounts.csv'",
        "CREATE TABLE mine AS SELECT 1",
        "DROP TABLE events",
        "SET datafusion.execution.batch_size = 1",
        "INSERT INTO events VALUES (1)",
        "EXPLAIN ANALYZE COPY (SELECT event_id FROM events) TO 'copied.csv' STORED AS CSV",
        "SELECT 1; DROP TABLE events",
    ] {
        let finished = Palisade::in_folder(&folder).run(&["sql", "--events", "logs", statement]).ends_with(2);
        assert!(finished.err.contains("only queries are run"), "{statement}: {}", finished.err);
        assert_eq!(finished.out, "");
    }
    assert!(!folder.path().join("copied.csv").exists());
    for statement in [
        "VALUES (1)",
        "WITH e AS (SELECT event_id FROM events) SELECT count(*) AS n FROM e",
        "EXPLAIN SELECT event_id FROM events",
    ] {
        let finished = Palisade::in_folder(&folder).run(&["sql", "--events", "logs", statement]);
        assert_ne!(finished.code, 2, "{statement}: {}", finished.err);
        assert_ne!(finished.out, "", "{statement}");
    }
}

#[test]
fn a_reader_of_rows_that_goes_away_is_no_error() {
    let folder = small();
    let records: Vec<Value> = (0..5_000).map(|n| record(n, json!({}))).collect();
    add(&folder, "many.json", delivered(&records));
    for form in ["csv", "ndjson"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .current_dir(&folder)
            .args(["sql", "--events", "many.json", "--format", form, "SELECT * FROM events"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{form}");
    }
}

#[test]
fn verdicts_that_a_command_never_gives_are_refused() {
    let folder = small();
    let events = ["--events", "logs", "--fail-on"];
    for (command, never, accepted) in [
        (&RUN[..], "denied", "`crosses_perimeter`, `undetermined`, `service_owned`, `excepted`"),
        (&WHATIF[..], "crosses_perimeter", "`denied`, `undetermined`"),
        (&WHATIF[..], "undetermined,excepted", "`denied`, `undetermined`"),
    ] {
        let finished = Palisade::in_folder(&folder).run(&[command, &events[..], &[never]].concat()).ends_with(2);
        assert!(finished.err.contains("--fail-on") && finished.err.contains(accepted), "{}", finished.err);
    }
    let finished =
        Palisade::in_folder(&folder).env("PALISADE_FAIL_ON", "denied").run(&[&RUN[..], &events[..2]].concat()).ends_with(2);
    assert!(finished.err.contains("PALISADE_FAIL_ON"), "{}", finished.err);
    // A settings file is shared.
    add(&folder, "palisade.yaml", "events: [logs]\nfail_on: [denied, crosses_perimeter]\n");
    Palisade::in_folder(&folder).run(&RUN).ends_with(0);
    Palisade::in_folder(&folder).run(&WHATIF).ends_with(3);
}

#[test]
fn logs_outside_what_was_asked_for_are_counted() {
    let folder = small();
    let with = |arguments: &[&str]| {
        Palisade::in_folder(&folder).run(&[&RUN[..], &["--events", "logs"], arguments].concat()).ends_with(5).err
    };
    let said = with(&["--from", "2026-11-10", "--to", "2026-11-12"]);
    assert!(said.contains("1 log file found in logs"), "{said}");
    assert!(said.contains("day 2026-10-31") && said.contains("window asked for (2026-11-10 to 2026-11-12)"), "{said}");
    for arguments in [&["collect", "--output", "store"][..], &["sql", "SELECT event_id FROM events"]] {
        let all = [arguments, &["--events", "logs", "--from", "2026-11-10"]].concat();
        let said = Palisade::in_folder(&folder).run(&all).ends_with(5).err;
        assert!(said.contains("day 2026-10-31") && said.contains("2026-11-10 and later"), "{said}");
    }
    let said = with(&["--account", "333333333333"]);
    assert!(said.contains("accounts 111111111111") && said.contains("333333333333"), "{said}");
}

#[test]
fn a_snapshot_shows_the_organization_as_a_tree_and_policies_by_name() {
    let folder = small();
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/inventory");
    let show = |arguments: &[&str]| {
        Palisade::in_folder(&folder).run(&[&["inventory", "show", "--inventory", snapshot], arguments].concat())
    };
    let shown = show(&[]).ends_with(0).out;
    assert!(shown.contains("\n  ou-pal1-workload  Workloads\n"), "{shown}");
    assert!(shown.contains("150000000015  shop-production\n"), "{shown}");
    let whole: Value = serde_json::from_str(&show(&["--format", "json"]).ends_with(0).out).unwrap();
    let places = whole["organization"].as_array().unwrap();
    let unit = places.iter().find(|place| place["id"] == "ou-pal1-workload").unwrap();
    assert_eq!(unit["name"], "Workloads");
    assert!(places.iter().any(|place| place["id"] == unit["parent_id"]), "{places:?}");
    let policy: Value = serde_json::from_str(&show(&["guard-rails", "--format", "json"]).ends_with(0).out).unwrap();
    assert_eq!((&policy["name"], policy["id"].as_str().unwrap().starts_with("p-")), (&json!("guard-rails"), true));
    assert!(show(&["guardrails"]).ends_with(2).err.contains("name of a policy"));
}

#[test]
fn a_resource_of_a_case_is_an_arn() {
    let folder = small();
    let evaluate = |resource: Value| {
        let case = json!({"action": "s3:GetObject", "resource": resource, "policies": {"scp": "FullAWSAccess"}});
        add(&folder, "case.json", case.to_string());
        Palisade::in_folder(&folder).run(&["policy", "evaluate", "--case", "case.json"])
    };
    for wrong in [json!("bucket"), json!({"arn": "bucket"}), json!("arn:bucket"), json!("s3://bucket/key")] {
        let finished = evaluate(wrong.clone()).ends_with(2);
        assert!(finished.out.contains("is no ARN") && finished.out.contains("arn:aws:s3:::bucket/key"), "{}", finished.out);
    }
    for right in [json!("*"), json!("unknown"), json!("arn:aws:s3:::bucket/key"), json!({"arn": "arn:aws:s3:::bucket"})] {
        evaluate(right).ends_with(0);
    }
}

#[test]
fn what_is_no_policy_is_told_once() {
    let folder = small();
    let check = |text: &str| {
        add(&folder, "policy.json", text);
        Palisade::in_folder(&folder).run(&["policy", "check", "policy.json"]).ends_with(2)
    };
    for (text, help) in [
        (json!({"Policy": {"PolicySummary": {"Id": "p-1"}, "Content": DENY_ALL}}), "Policy.Content"),
        (json!({"Type": "AWS::Organizations::Policy", "Properties": {"Content": {}}}), "`Properties`"),
        (json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}), "`Properties`"),
        (json!({"PolicyVersion": {"Document": {}}}), "the policy document alone"),
    ] {
        let finished = check(&text.to_string());
        assert!(finished.out.contains(help) && finished.err.contains("1 error,"), "{}\n{}", finished.out, finished.err);
    }
    let twice =
        check(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Action":"ec2:*","Resource":"*"}]}"#);
    assert!(twice.out.contains("`Action` occurs twice") && !twice.out.contains("not both"), "{}", twice.out);
    let both =
        check(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","NotAction":"ec2:*","Resource":"*"}]}"#);
    assert!(both.out.contains("either `Action` or `NotAction`"), "{}", both.out);
    let number = check(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":7,"Resource":"*"}]}"#);
    assert!(number.out.contains("`Action` must be a text or a list of texts, found"), "{}", number.out);
}

#[test]
fn locations_that_hold_something_else_are_told() {
    let folder = small();
    Palisade::in_folder(&folder).run(&[&RUN[..], &["--events", "logs"]].concat()).ends_with(0);
    Palisade::in_folder(&folder).run(&["collect", "--events", "logs", "--output", "store"]).ends_with(0);
    add(&folder, "s.yaml", "events: 5\n");
    for (arguments, expected) in [
        (&["run", "--events", "out"][..], "out is the folder of a run"),
        (&["collect", "--events", "store", "--output", "again"], "store is a store of activity"),
        (&["run", "--events", "logs", "-o", "-"], "is no folder"),
        (&["run", "--config", "s.yaml"], "s.yaml:1:9"),
    ] {
        let finished = Palisade::in_folder(&folder).run(arguments).ends_with(2);
        assert!(finished.err.contains(expected), "{arguments:?}: {}", finished.err);
    }
    assert!(!folder.path().join("-").exists() && !folder.path().join("again").exists());
}
