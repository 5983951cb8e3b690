//! What people read first of a replay, from outside: the answer in one sentence, the coverage, what would settle the rest, refinements,
//! and the explanation of one call. Every format says the same.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Finished, Palisade, add, delivered, folder, record};
use crate::whatif::over_sample;

const ORGANIZATION: &str = r#"{"schema_version":1,"organization_id":"o-exampleorg1","management_account_id":"999999999999"}"#;
const ACCOUNTS: &str = "account_id,name\n111111111111,main\n222222222222,quiet\n";

/// An organization of two accounts, with these records of one.
fn organization(records: &[Value]) -> TempDir {
    let folder = folder(&[("logs/a.json", delivered(records))]);
    add(&folder, "inventory/accounts.csv", ACCOUNTS);
    add(&folder, "inventory/snapshot.json", ORGANIZATION);
    folder
}

fn whatif(folder: &TempDir, arguments: &[&str]) -> Finished {
    let mut all = vec!["whatif", "--events", "logs", "--inventory", "inventory", "-o", "out", "--sample-records", "false"];
    all.extend(arguments);
    Palisade::in_folder(folder).run(&all)
}

fn report(folder: &TempDir) -> Value {
    serde_json::from_slice(&std::fs::read(folder.path().join("out/report.json")).unwrap()).unwrap()
}

fn deny(action: &str, condition: &Value) -> String {
    let mut statement = json!({"Sid": "D", "Effect": "Deny", "Action": action, "Resource": "*"});
    if !condition.is_null() {
        statement["Condition"] = condition.clone();
    }
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).display().to_string()
}

/// A call of a role's session, of an object whose bucket belongs to this account.
fn object(n: u32, owner: &str) -> Value {
    record(
        n,
        json!({
            "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": "Data", "managementEvent": false,
            "requestParameters": {"bucketName": "foreign", "key": "a"},
            "resources": [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::foreign/a"},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::foreign", "accountId": owner},
            ],
        }),
    )
}

#[test]
fn what_no_log_records_is_the_answer_in_every_format() {
    let folder = organization(&[record(1, json!({}))]);
    add(&folder, "scp.json", &deny("s3:GetObject", &Value::Null));
    let finished =
        whatif(&folder, &["--policy", "scp.json", "--type", "scp", "--attach", "root", "--format", "json,html,sarif,xlsx"]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let headline = "What this would break cannot be seen: your logs hold no data events on objects of Amazon S3";
    let flat = finished.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&format!("{headline}.")), "{flat}");
    let report = report(&folder);
    assert_eq!(report["headline"], headline);
    assert_eq!(report["manifest"]["impacts"][0]["nothing_seen"], true);
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains(headline));
    let sarif = std::fs::read_to_string(folder.path().join("out/findings.sarif")).unwrap();
    assert!(sarif.contains(headline));
    // The coverage: period, accounts with and without records, kinds of events, what is not covered.
    let lines: Vec<(&str, &str)> = report["manifest"]["coverage_lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["topic"].as_str().unwrap(), line["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        lines,
        [
            ("Period", "2026-10-31 to 2026-10-31 (1 day), 1 record"),
            ("Accounts", "1 of the 2 accounts of the organization has records; none from 222222222222 (quiet)"),
            ("Events", "management events; no data events; no network activity events"),
            (
                "Not covered",
                "the change is about data events that these logs do not hold, on objects of Amazon S3: what breaks there is not known"
            ),
        ]
    );
    for (topic, text) in lines {
        assert!(flat.contains(topic) && flat.contains(text), "{text}\n{flat}");
        assert!(page.contains(text), "{text}");
    }
    // A management event of the same service is seen; only the rest is not.
    add(&folder, "scp.json", &deny("s3:*", &Value::Null));
    let finished = whatif(&folder, &["--policy", "scp.json", "--type", "scp", "--attach", "root", "--format", "json"]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let said = self::report(&folder)["headline"].as_str().unwrap().to_owned();
    assert_eq!(
        said,
        "No recorded call uses an action that the change is about, but your logs hold no data events on objects of Amazon S3"
    );
}

#[test]
fn of_an_account_that_nobody_knows_the_organization_is_asked_for() {
    let folder = organization(&[object(1, "333333333333"), object(2, "333333333333"), object(3, "444444444444")]);
    let incomplete = r#"{"schema_version":1,"organization_id":"o-exampleorg1","management_account_id":"999999999999",
        "types":{"AWS::Organizations::Account":{"complete":false,"why":["a page is missing"]}}}"#;
    add(&folder, "inventory/snapshot.json", incomplete);
    add(&folder, "scp.json", &deny("s3:*", &json!({"StringNotEquals": {"aws:ResourceOrgID": "o-exampleorg1"}})));
    let finished = whatif(&folder, &["--policy", "scp.json", "--type", "scp", "--attach", "root", "--format", "json"]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let report = report(&folder);
    let open = report["manifest"]["impacts"][0]["open"].as_array().unwrap();
    let of_owner = open.iter().find(|open| open["key"] == "aws:ResourceOrgID").unwrap();
    let provide = of_owner["provide"].as_str().unwrap();
    assert!(
        provide.starts_with("the organization of the account that owns the resource: list the account in accounts.csv"),
        "{provide}"
    );
    let subjects = json!([{"name": "333333333333", "calls": 2}, {"name": "444444444444", "calls": 1}]);
    assert_eq!(of_owner["about"], json!({"kind": "account", "subjects": subjects, "unnamed": 0}));
    let flat = finished.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("missing for 2 accounts: 333333333333 (2 calls), 444444444444 (1 call)"), "{flat}");
}

#[test]
fn what_is_lost_is_named_as_policies_name_it() {
    let invoke = json!({"eventSource": "lambda.amazonaws.com", "eventName": "GetFunction20150331v2",
        "requestParameters": {"functionName": "f"}});
    let folder = organization(&[record(1, invoke)]);
    add(&folder, "scp.json", &deny("lambda:GetFunction", &Value::Null));
    let finished = whatif(&folder, &["--policy", "scp.json", "--type", "scp", "--attach", "root", "--format", "json"]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let flat = finished.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("lambda:GetFunction (event GetFunction20150331v2) on arn:aws:lambda:eu-west-1:111111111111:function:f"),
        "{flat}"
    );
    assert!(flat.contains("1 call of 1 principal in 1 account would be newly denied."), "{flat}");
    let lost = &report(&folder)["manifest"]["impacts"][0]["losses"][0]["operations"][0];
    assert_eq!(
        (lost["operation"].as_str(), lost["event"].as_str()),
        (Some("lambda:GetFunction"), Some("GetFunction20150331v2"))
    );
}

#[test]
fn a_refinement_names_what_stays_open_and_replaces_no_file_of_somebody_else() {
    let folder = TempDir::new().unwrap();
    let policy = sample("policies/resource_perimeter_scp.json");
    let run = |more: &[&str]| {
        let mut all = Vec::new();
        all.extend([
            "--policy",
            &policy,
            "--set",
            "my-org-id=o-palisade01",
            "--attach",
            "root",
            "--format",
            "json",
            "--refine",
        ]);
        all.extend(["--legitimate", "resource-account=555500005555", "--refined", "refined.json"]);
        all.extend(more);
        over_sample(&folder, &all)
    };
    add(&folder, "refined.json", "{\"mine\": true}\n");
    let refused = run(&[]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("refined.json: the file exists") && refused.err.contains("--force"), "{}", refused.err);
    assert_eq!(std::fs::read_to_string(folder.path().join("refined.json")).unwrap(), "{\"mine\": true}\n");
    assert!(!folder.path().join("out").exists());
    let forced = run(&["--force"]);
    assert_eq!(forced.code, 0, "{}", forced.err);
    let written = std::fs::read_to_string(folder.path().join("refined.json")).unwrap();
    assert!(written.contains("555500005555"), "{written}");
    let lines = report(&folder)["manifest"]["impacts"][0]["refinement"]["lines"].to_string();
    assert!(lines.contains("24 of 24 legitimate calls go through"), "{lines}");
    assert!(
        lines.contains("Still undetermined: arn:aws:iam::160000000016:role/image-proxy: s3:GetObject (11 calls)"),
        "{lines}"
    );
    // What the last run in the output folder wrote is replaced, as its reports are; what was changed since is not.
    let again = run(&[]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(std::fs::read_to_string(folder.path().join("refined.json")).unwrap(), written);
    add(&folder, "refined.json", &written.replace("555500005555", "555500005556"));
    assert_eq!(run(&[]).code, 2);
}

/// An explanation: the verdict first, then what each layer says today and after the change.
#[test]
fn an_explanation_shows_today_against_the_change() {
    let folder = organization(&[record(1, json!({}))]);
    let guard = json!({"policies": [{"id": "p-guard", "name": "guard-rails", "type": "SERVICE_CONTROL_POLICY",
        "content": deny("ec2:*", &Value::Null), "targets": ["111111111111"]}]});
    add(&folder, "inventory/organizations-policies.json", &guard.to_string());
    add(&folder, "scp.json", &deny("ec2:*", &Value::Null));
    let explain = |arguments: &[&str], format: &str| {
        let mut all = vec!["policy", "explain", "--event", "logs/a.json", "--inventory", "inventory", "--format", format];
        all.extend(arguments);
        let finished = Palisade::in_folder(&folder).run(&all);
        assert_eq!(finished.code, 0, "{}", finished.err);
        finished.out
    };
    let attached = explain(&["--policy", "scp.json", "--attach", "root"], "text");
    assert!(attached.starts_with("STILL DENIED by scp.json, statement 1 (Sid \"D\"), line 1"), "{attached}");
    for part in [
        "ec2:DescribeInstances on *: denied today, denied after the change",
        "service control policies at root: today allowed by FullAWSAccess, after the change denied by scp.json",
        "├─ scp.json [added]: Deny statement 1 D, line 1 matches",
        "service control policies at 111111111111 (main): denied by guard-rails, today and after the change",
    ] {
        assert!(attached.contains(part), "{part}\n{attached}");
    }
    let tree: Value = serde_json::from_str(&explain(&["--policy", "scp.json", "--attach", "root"], "json")).unwrap();
    let layer = &tree[0]["permissions"][0]["layers"][0];
    assert_eq!(layer["today"], json!({"word": "allowed", "by": ["FullAWSAccess"]}));
    assert_eq!(layer["then"], json!({"word": "denied", "by": ["scp.json"]}));
    assert_eq!(layer["policies"][0]["change"], "added");

    let detached = explain(&["--detach", "guard-rails"], "text");
    for part in [
        "after the change allowed by FullAWSAccess",
        "today denied by guard-rails",
        "guard-rails [removed]: Deny statement 1 D, line 1 matches",
    ] {
        assert!(detached.contains(part), "{part}\n{detached}");
    }
}
