//! Sessions and the calls that issued them.

use palisade::replay::{Call, Lineage};
use serde_json::{Value, json};

use super::call;

/// A call of STS that issued a session, by the caller in `identity`.
fn issuing(identity: Value, parameters: Value, key: &str, role: &str, session: &str, time: &str) -> Call {
    call(&json!({
        "eventVersion": "1.10", "userIdentity": identity, "eventTime": time, "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole", "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.9",
        "requestParameters": parameters,
        "responseElements": {
            "credentials": {"accessKeyId": key, "expiration": "Nov 20, 2026, 11:00:00 AM"},
            "assumedRoleUser": {
                "assumedRoleId": format!("AROA{role}:{session}"),
                "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}"),
            },
        },
        "eventID": format!("issue-{key}"), "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
    }))
}

fn user() -> Value {
    json!({
        "type": "IAMUser", "principalId": "AIDAANNA", "arn": "arn:aws:iam::111122223333:user/anna",
        "accountId": "111122223333", "accessKeyId": "AKIAANNA", "userName": "anna",
    })
}

fn session(role: &str, session: &str, key: &str, created: &str) -> Value {
    json!({
        "type": "AssumedRole", "principalId": format!("AROA{role}:{session}"),
        "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}"),
        "accountId": "111122223333", "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role", "principalId": format!("AROA{role}"),
                "arn": format!("arn:aws:iam::111122223333:role/{role}"), "accountId": "111122223333",
            },
            "attributes": {"creationDate": created, "mfaAuthenticated": "false"},
        },
    })
}

fn using(identity: Value) -> Call {
    call(&json!({
        "userIdentity": identity, "eventTime": "2026-11-20T10:30:00Z", "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances", "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.9", "eventType": "AwsApiCall",
    }))
}

#[test]
fn a_chain_of_roles_leads_back_to_the_user() {
    let first = issuing(
        user(),
        json!({
            "roleArn": "arn:aws:iam::111122223333:role/First", "roleSessionName": "anna", "sourceIdentity": "anna",
            "serialNumber": "arn:aws:iam::111122223333:mfa/anna", "tokenCode": "123456",
            "tags": [{"key": "Team", "value": "blue"}], "transitiveTagKeys": ["Team"],
        }),
        "ASIAFIRST",
        "First",
        "anna",
        "2026-11-20T10:00:00Z",
    );
    let second = issuing(
        session("First", "anna", "ASIAFIRST", "2026-11-20T10:00:00Z"),
        json!({
            "roleArn": "arn:aws:iam::111122223333:role/Second", "roleSessionName": "work",
            "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[]}", "policyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
            "incomingTransitiveTags": {"Team": "blue"},
        }),
        "ASIASECOND",
        "Second",
        "work",
        "2026-11-20T10:10:00Z",
    );
    let lineage = Lineage::of([&first, &second].into_iter());
    let used = using(session("Second", "work", "ASIASECOND", "2026-11-20T10:10:00Z"));
    let chain = lineage.chain(&used);
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].role_arn.as_deref(), Some("arn:aws:iam::111122223333:role/Second"));
    assert_eq!(chain[0].session_tags.get("Team").map(String::as_str), Some("blue"));
    assert_eq!(chain[0].session_policy.as_deref(), Some("{\"Version\":\"2012-10-17\",\"Statement\":[]}"));
    assert_eq!(chain[0].session_policy_arns, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    assert!(!chain[0].with_mfa);
    assert_eq!(chain[1].issuer_arn.as_deref(), Some("arn:aws:iam::111122223333:user/anna"));
    assert_eq!(chain[1].source_identity.as_deref(), Some("anna"));
    assert!(chain[1].with_mfa);
}

#[test]
fn without_an_access_key_name_and_time_link_if_only_one_session_fits() {
    let parameters = json!({"roleArn": "arn:aws:iam::111122223333:role/First", "roleSessionName": "anna"});
    let issue = |key: &str, time: &str| issuing(user(), parameters.clone(), key, "First", "anna", time);
    let identity = |created: &str| {
        let mut identity = session("First", "anna", "", created);
        identity.as_object_mut().unwrap().remove("accessKeyId");
        identity
    };
    let one = issue("ASIAONE", "2026-11-20T10:00:00Z");
    let lineage = Lineage::of([&one].into_iter());
    assert_eq!(lineage.chain(&using(identity("2026-11-20T10:00:01Z"))).len(), 1);
    assert_eq!(lineage.chain(&using(identity("2026-11-20T10:00:02Z"))).len(), 0);
    // Two sessions of that name in the same second: which one it was is not known.
    let other = issue("ASIATWO", "2026-11-20T10:00:00Z");
    let lineage = Lineage::of([&one, &other].into_iter());
    assert_eq!(lineage.chain(&using(identity("2026-11-20T10:00:00Z"))).len(), 0);
}

#[test]
fn the_callers_own_record_tells_more_than_the_other_accounts() {
    let mut hidden = issuing(
        json!({"type": "AWSAccount", "principalId": "AIDAANNA", "accountId": "111122223333"}),
        json!({"roleArn": "arn:aws:iam::111122223333:role/First", "roleSessionName": "anna"}),
        "ASIAONE",
        "First",
        "anna",
        "2026-11-20T10:00:00Z",
    );
    hidden.shared_event_id = Some("shared".into());
    let mut own = issuing(
        user(),
        json!({"roleArn": "arn:aws:iam::111122223333:role/First", "roleSessionName": "anna"}),
        "ASIAONE",
        "First",
        "anna",
        "2026-11-20T10:00:00Z",
    );
    own.shared_event_id = Some("shared".into());
    let used = using(session("First", "anna", "ASIAONE", "2026-11-20T10:00:00Z"));
    for order in [[&hidden, &own], [&own, &hidden]] {
        let lineage = Lineage::of(order.into_iter());
        let chain = lineage.chain(&used);
        assert_eq!(chain.len(), 1);
        assert_eq!(chain[0].issuer_arn.as_deref(), Some("arn:aws:iam::111122223333:user/anna"));
        assert!(lineage.of_shared_event(&hidden).is_some());
    }
}

#[test]
fn a_loop_in_damaged_logs_ends() {
    let parameters = json!({"roleArn": "arn:aws:iam::111122223333:role/A", "roleSessionName": "s"});
    let one = issuing(
        session("A", "s", "ASIAB", "2026-11-20T10:00:00Z"),
        parameters.clone(),
        "ASIAA",
        "A",
        "s",
        "2026-11-20T10:00:00Z",
    );
    let two =
        issuing(session("A", "s", "ASIAA", "2026-11-20T10:00:00Z"), parameters, "ASIAB", "A", "s", "2026-11-20T10:00:00Z");
    let lineage = Lineage::of([&one, &two].into_iter());
    assert_eq!(lineage.chain(&using(session("A", "s", "ASIAA", "2026-11-20T10:00:00Z"))).len(), 2);
}
