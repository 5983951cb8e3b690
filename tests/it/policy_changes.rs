//! Policies of today that are taken away or changed: what the log proves of the calls that went through, and of those that did not.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Palisade, add, folder};

const ACCOUNT: &str = "222222222222";

/// The organization, with two policies of today: a region guard on the unit, and a guard at the root that asks for a tag which nobody
/// knows here.
fn organization() -> TempDir {
    let folder = folder(&[(
        "inventory/accounts.csv",
        "account_id,name,status,parent_id\n111111111111,management,ACTIVE,r-exam\n222222222222,app,ACTIVE,ou-exam-workload1\n",
    )]);
    add(&folder, "inventory/organizational_units.csv", "id,name,parent_id\nr-exam,Root,\nou-exam-workload1,Workloads,r-exam\n");
    add(
        &folder,
        "inventory/snapshot.json",
        r#"{"schema_version":1,"organization_id":"o-exampleorg1","management_account_id":"111111111111"}"#,
    );
    let policy = |id: &str, name: &str, content: &Value, target: &str| json!({"id": id, "name": name, "type": "SERVICE_CONTROL_POLICY", "content": content.to_string(), "targets": [target]});
    let policies = json!({"policies": [
        policy("p-region", "region-guard", &region(&["us-east-1"]), "ou-exam-workload1"),
        policy("p-tag", "tag-guard", &tag(json!({"aws:PrincipalTag/clear": "yes"})), "r-exam"),
    ]});
    add(&folder, "inventory/organizations-policies.json", &policies.to_string());
    folder
}

fn deny(action: &str, condition: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "D", "Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition}
    ]})
}

fn region(regions: &[&str]) -> Value {
    deny("*", json!({"StringNotEquals": {"aws:RequestedRegion": regions}}))
}

fn tag(condition: Value) -> Value {
    deny("ec2:*", json!({ "StringNotEquals": condition }))
}

/// A call of a role whose tags nobody knows.
fn call(region: &str, service: &str, name: &str, error: Option<(&str, &str)>) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:s", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/some/s"),
            "accountId": ACCOUNT, "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLE", "arn": format!("arn:aws:iam::{ACCOUNT}:role/some"), "accountId": ACCOUNT,
            }},
        },
        "eventTime": "2026-10-31T08:00:00Z", "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
        "awsRegion": region, "sourceIPAddress": "198.51.100.7", "requestParameters": {}, "eventID": "e-1", "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT, "eventCategory": "Management",
    });
    if let Some((code, message)) = error {
        record["errorCode"] = json!(code);
        record["errorMessage"] = json!(message);
    }
    record
}

fn explained(folder: &TempDir, record: &Value, arguments: &[&str]) -> Value {
    add(folder, "event.json", &record.to_string());
    let mut all = vec!["policy", "explain", "--event", "event.json", "--format", "json", "--inventory", "inventory"];
    all.extend(arguments);
    let finished = Palisade::in_folder(folder).run(&all);
    assert_eq!(finished.code, 0, "{}", finished.err);
    let explained: Value = serde_json::from_str(&finished.out).unwrap();
    explained[0].clone()
}

/// What is taken away cannot deny more, and what stays was passed: its unknown keys are no reason to doubt.
#[test]
fn a_call_that_went_through_passed_what_stays() {
    let folder = organization();
    let passed = call("us-east-1", "ec2", "DescribeInstances", None);
    assert_eq!(explained(&folder, &passed, &["--detach", "region-guard"])["outcome"], "unchanged");
    // A version that denies less than the one it replaces, by the same key that nobody knows.
    add(&folder, "less.json", &tag(json!({"aws:PrincipalTag/clear": "yes", "aws:RequestedRegion": "eu-west-1"})).to_string());
    assert_eq!(explained(&folder, &passed, &["--replace", "tag-guard=less.json"])["outcome"], "unchanged");
    // One that asks for another value of it: it was "yes", and must now be "no".
    add(&folder, "other.json", &tag(json!({"aws:PrincipalTag/clear": "no"})).to_string());
    assert_eq!(explained(&folder, &passed, &["--replace", "tag-guard=other.json"])["outcome"], "newly_denied");
    // One that asks for a key of which the log proves nothing.
    add(&folder, "another.json", &tag(json!({"aws:PrincipalTag/other": "yes"})).to_string());
    let open = explained(&folder, &passed, &["--replace", "tag-guard=another.json"]);
    assert_eq!(open["outcome"], "may_be_newly_denied", "{open}");
    assert!(open["settled_by"].as_str().unwrap().contains("aws:PrincipalTag/other"), "{open}");
    // One that denies for certain.
    add(&folder, "region.json", &region(&["eu-west-1"]).to_string());
    assert_eq!(explained(&folder, &passed, &["--replace", "region-guard=region.json"])["outcome"], "newly_denied");
}

#[test]
fn what_today_denies_may_be_allowed_when_the_rest_is_open() {
    let folder = organization();
    // Recorded before the region guard was attached; whether the tag guard denies it nobody knows.
    let earlier = call("eu-west-1", "ec2", "DescribeInstances", None);
    let found = explained(&folder, &earlier, &["--detach", "region-guard"]);
    assert_eq!(found["outcome"], "may_be_newly_allowed", "{found}");
    assert!(found["settled_by"].as_str().unwrap().contains("aws:PrincipalTag/clear"), "{found}");
    let other = call("eu-west-1", "sqs", "ListQueues", None);
    assert_eq!(explained(&folder, &other, &["--detach", "region-guard"])["outcome"], "newly_allowed");
}

/// The message of a denial names one type of policy. If that is none that changes, the call stays denied.
#[test]
fn a_call_that_another_policy_type_denied_stays_denied() {
    let folder = organization();
    let user = format!("User: arn:aws:sts::{ACCOUNT}:assumed-role/some/s is not authorized to perform: sqs:ListQueues");
    for (message, outcome, words) in [
        (format!("{user} with an explicit deny in a service control policy"), "newly_allowed", "Newly allowed"),
        (
            format!("{user} because no identity-based policy allows the sqs:ListQueues action"),
            "already_denied",
            "identity-based",
        ),
        (format!("{user} with an explicit deny in a resource control policy"), "already_denied", "a resource control policy"),
        (format!("{user} with an explicit deny in a permissions boundary"), "already_denied", "a permissions boundary"),
        ("Access Denied".to_owned(), "newly_allowed", "Newly allowed"),
    ] {
        let denied = call("eu-west-1", "sqs", "ListQueues", Some(("AccessDenied", &message)));
        let found = explained(&folder, &denied, &["--detach", "region-guard"]);
        assert_eq!(found["outcome"], outcome, "{message}");
        assert!(found["reason"].as_str().unwrap().contains(words), "{found}");
    }
}

/// Doubts about a policy, and records that are left out, are said.
#[test]
fn an_explanation_says_what_is_doubtful() {
    let folder = organization();
    add(
        &folder,
        "scp.json",
        &deny("ec2:DescribeInstance", json!({"StringEquals": {"aws:RequestedRegion": "us-east-1"}})).to_string(),
    );
    let record = call("us-east-1", "ec2", "DescribeInstances", None);
    let records = json!({ "Records": [record, record] }).to_string();
    add(&folder, "event.json", records.trim_end_matches("\"}]}"));
    let finished = Palisade::in_folder(&folder).run(&[
        "policy",
        "explain",
        "--event",
        "event.json",
        "--policy",
        "scp.json",
        "--attach",
        "root",
        "--inventory",
        "inventory",
    ]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    assert!(finished.err.contains("did you mean `ec2:DescribeInstances`"), "{}", finished.err);
    assert!(finished.err.contains("left out"), "{}", finished.err);
}
