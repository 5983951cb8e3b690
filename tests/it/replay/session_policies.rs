//! What narrows a session: shown in the tree with where it came from, and kept by `activity`.

use palisade::activity::keeps_request_parameter;
use palisade::replay::session_policy::SessionPolicies;
use palisade::replay::{Call, Lineage};
use serde_json::{Value, json};

use super::call;
use crate::support::{Palisade, folder};

const READ_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;

fn issuing(name: &str, parameters: Value) -> Value {
    json!({
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAANNA", "arn": "arn:aws:iam::111122223333:user/anna",
            "accountId": "111122223333", "accessKeyId": "AKIAANNA", "userName": "anna",
        },
        "eventTime": "2026-11-20T10:00:00Z", "eventSource": "sts.amazonaws.com", "eventName": name, "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.9", "requestParameters": parameters, "eventID": "issue", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "responseElements": {
            "credentials": {"accessKeyId": "ASIA1"},
            "assumedRoleUser": {"assumedRoleId": "AROAR:s", "arn": "arn:aws:sts::111122223333:assumed-role/R/s"},
        },
    })
}

fn using() -> Value {
    json!({
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAR:s", "arn": "arn:aws:sts::111122223333:assumed-role/R/s",
            "accountId": "111122223333", "accessKeyId": "ASIA1",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAR", "arn": "arn:aws:iam::111122223333:role/R", "accountId": "111122223333",
                },
                "attributes": {"creationDate": "2026-11-20T10:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": "2026-11-20T10:30:00Z", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
        "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.9", "eventType": "AwsApiCall", "eventID": "used",
        "recipientAccountId": "111122223333",
    })
}

fn narrowed(name: &str, parameters: Value) -> Option<SessionPolicies> {
    let (issued, used): (Call, Call) = (call(&issuing(name, parameters)), call(&using()));
    let lineage = Lineage::of([&issued].into_iter());
    SessionPolicies::of(lineage.link(&used).unwrap())
}

#[test]
fn what_a_session_was_given_is_read_off_the_call_that_issued_it() {
    assert!(narrowed("AssumeRole", json!({"roleArn": "arn:aws:iam::111122223333:role/R"})).is_none());
    let inline = narrowed("AssumeRole", json!({"policy": READ_ONLY})).unwrap();
    assert_eq!(inline.policies[0].name, "requestParameters.policy of AssumeRole, event issue");
    assert_eq!(inline.open, None);
    assert_eq!(inline.ways().len(), 1);
    // Of managed policies the record has the ARN alone, in more than one form.
    for arns in [json!([{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]), json!(["arn:aws:iam::aws:policy/ReadOnlyAccess"])]
    {
        let managed = narrowed("AssumeRoleWithSAML", json!({"policyArns": arns})).unwrap();
        assert_eq!(managed.open.as_deref(), Some("the text of arn:aws:iam::aws:policy/ReadOnlyAccess is not known"));
        assert_eq!(managed.ways().len(), 2);
    }
    // A federated session without any is one that may do nothing, not one without limits.
    let federated = narrowed("GetFederationToken", json!({"name": "bob"})).unwrap();
    assert_eq!((federated.policies.len(), federated.open.is_none()), (0, true));
    // Amazon Cognito narrows the sessions of guests, and not those of users that a provider vouches for.
    let guest = narrowed("GetCredentialsForIdentity", json!({"identityId": "us-east-1:1"})).unwrap();
    assert!(guest.open.unwrap().contains("AmazonCognitoUnAuthedIdentitiesSessionPolicy"));
    let logins = json!({"identityId": "us-east-1:1", "logins": {"idp": "HIDDEN_DUE_TO_SECURITY_REASONS"}});
    assert!(narrowed("GetCredentialsForIdentity", logins).is_none());
    assert!(
        narrowed("AssumeRoot", json!({"taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}}))
            .is_some()
    );
}

#[test]
fn what_the_record_does_not_show_in_full_is_open() {
    for parameters in [
        Value::Null,
        json!({"policy": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
        json!({"policy": {"Statement": []}}),
        json!({"policy": "no JSON"}),
        json!({"policyArns": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
        json!({"policyArns": [{"name": "x"}]}),
    ] {
        let found = narrowed("AssumeRole", parameters.clone()).unwrap_or_else(|| panic!("{parameters}: not narrowed"));
        assert!(found.open.is_some(), "{parameters}");
    }
}

#[test]
fn activity_keeps_what_narrows_a_session() {
    for name in ["policy", "policyArns", "taskPolicyArn"] {
        assert!(keeps_request_parameter("sts.amazonaws.com", name), "{name}");
    }
    assert!(keeps_request_parameter("cognito-identity.amazonaws.com", "logins"));
}

/// A call that went through is not judged by its session policy, and shows it all the same; replayed from a store as from the log.
#[test]
fn the_tree_shows_the_session_policy_with_its_record() {
    let mut denied = using();
    denied["errorCode"] = "Client.UnauthorizedOperation".into();
    denied["eventID"] = "denied".into();
    let records = json!({"Records": [issuing("AssumeRole", json!({"roleArn": "arn:aws:iam::111122223333:role/R", "policy": READ_ONLY})), using(), denied]});
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
    let folder = folder(&[
        ("event.json", records.to_string().as_str()),
        ("scp.json", policy),
        ("inventory/accounts.csv", "account_id,name\n111122223333,main\n"),
        (
            "inventory/snapshot.json",
            r#"{"schema_version":1,"organization_id":"o-exampleorg1","management_account_id":"999999999999"}"#,
        ),
    ]);
    let explained = |id: &str| {
        let finished = Palisade::in_folder(&folder).run(&[
            "policy",
            "explain",
            "--event",
            "event.json",
            "--event-id",
            id,
            "--policy",
            "scp.json",
            "--attach",
            "root",
            "--inventory",
            "inventory",
        ]);
        assert_eq!(finished.code, 0, "{}", finished.err);
        finished.out
    };
    let used = explained("used");
    for part in [
        "session chain: user/anna of 111122223333 → role/R of 111122223333 (narrowed by a session policy)",
        "UNCHANGED",
        "session policies: not asked, because the call went through, so they allowed it",
        "requestParameters.policy of AssumeRole, event issue",
        "Allow statement 1 Read, line 1 is not about the action",
    ] {
        assert!(used.contains(part), "{part}\n{used}");
    }
    let denied = explained("denied");
    for part in [
        "it would be denied after the change, too: no statement of requestParameters.policy of AssumeRole, event issue allows ec2:DescribeInstances",
        "session policies\n",
    ] {
        assert!(denied.contains(part), "{part}\n{denied}");
    }
}
