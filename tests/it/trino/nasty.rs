//! Records as nobody would like them, through the SQL of tables and through the local engine: the same rows.

use palisade::engine::RemoteEngine;
use serde_json::{Value, json};

use super::tables::{FLAT, NESTED, Place, flat_line, line};
use super::{differences, engine, every_column, lines, local, part, run, statement};
use crate::support::{delivered, event_id, folder, record, without};

const ACCOUNT: &str = "111111111111";

/// The identity of a session of a role.
fn session(fields: Value) -> Value {
    let mut identity = json!({
        "type": "AssumedRole", "principalId": "AROAEXAMPLE:alice", "accountId": ACCOUNT, "accessKeyId": "ASIAEXAMPLE000000001",
        "arn": "arn:aws:sts::111111111111:assumed-role/app/alice",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111111111111:role/team/app", "accountId": ACCOUNT},
            "attributes": {"mfaAuthenticated": "true", "creationDate": "2026-10-31T06:00:00Z"}
        }
    });
    for (name, value) in fields.as_object().unwrap() {
        identity[name] = value.clone();
    }
    identity
}

fn s3(name: &str, parameters: Value, resources: Value) -> Value {
    json!({"eventSource": "s3.amazonaws.com", "eventName": name, "eventCategory": "Data", "managementEvent": false,
        "requestParameters": parameters, "resources": resources})
}

/// What each is about stands in the field that differs.
fn records() -> Vec<Value> {
    let object = |owner: Value| json!({"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k", "accountId": owner});
    let bucket =
        |name: &str, owner: &str| json!({"type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{name}"), "accountId": owner});
    let mut bare_object = object(Value::Null);
    bare_object.as_object_mut().unwrap().remove("accountId");
    let mut all: Vec<Value> = vec![
        json!({}),
        json!({"userIdentity": session(json!({}))}),
        json!({"userIdentity": session(json!({"sessionContext": {"attributes": {"mfaAuthenticated": "false"}}}))}),
        json!({"userIdentity": {"type": "AWSService", "invokedBy": "config.amazonaws.com;;"}, "sourceIPAddress": "config.amazonaws.com"}),
        json!({"userIdentity": {"accountId": ACCOUNT, "invokedBy": "AWS Internal;"}, "sourceIPAddress": "AWS Internal", "eventType": "AwsServiceEvent"}),
        json!({"userIdentity": {"type": "AWSAccount", "principalId": "AIDAFOREIGN", "accountId": "222222222222"}}),
        json!({"userIdentity": {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}}),
        json!({"userIdentity": {"type": "AWSAccount", "accountId": "ANONYMOUS_PRINCIPAL"}}),
        json!({"userIdentity": {"principalId": "anonymous"}}),
        json!({"userIdentity": {"type": "Root", "arn": "arn:aws:iam::333333333333:root"}}),
        json!({"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::33333:user/x"}}),
        json!({"userIdentity": {"type": "FederatedUser", "arn": "arn:aws:sts::111111111111:federated-user/bob", "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111111111111:user/issuer", "accountId": ACCOUNT}}}}),
        json!({"userIdentity": {"type": "WebIdentityUser", "principalId": "arn:aws:iam::111111111111:oidc-provider/x:aud:sub",
            "identityProvider": "x"}}),
        json!({"userIdentity": session(json!({"onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:x"},
            "invokedByDelegate": {"accountId": "444444444444"},
            "inScopeOf": {"sourceArn": "arn:aws:lambda:eu-west-1:111111111111:function:f", "sourceAccount": ACCOUNT}}))}),
        json!({"userIdentity": session(json!({"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111111111111:role/ci"},
            "webIdFederationData": {"federatedProvider": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com",
                "attributes": {"sub": "repo:o/r", "aud": "sts.amazonaws.com"}}, "sourceIdentity": "alice", "ec2RoleDelivery": "2.0",
            "assumedRoot": "true", "signInSessionArn": "arn:aws:signin:us-east-1:111111111111:session/x"}}))}),
        json!({"userIdentity": null, "userAgent": ""}),
        json!({"sourceIPAddress": "2001:db8::1"}),
        json!({"sourceIPAddress": "::ffff:203.0.113.7"}),
        json!({"sourceIPAddress": "203.0.113.256"}),
        json!({"sourceIPAddress": "203.0.113.010"}),
        json!({"sourceIPAddress": "fe80::1%eth0"}),
        json!({"sourceIPAddress": "10.0.0.1:443"}),
        json!({"sourceIPAddress": "3.amazonaws.com"}),
        json!({"sourceIPAddress": ""}),
        json!({"sourceIPAddress": null}),
        json!({"eventTime": "2026-10-31T23:30:00-05:00"}),
        json!({"eventTime": "2026-10-31T07:08:09.123Z"}),
        json!({"eventTime": "2026-10-31 07:08:09"}),
        json!({"eventTime": "yesterday"}),
        json!({"eventTime": "2026-02-30T00:00:00Z"}),
        json!({"eventTime": "2026-10-18T23:59:59Z"}),
        json!({"eventTime": "2026-11-02T00:00:00Z"}),
        json!({"readOnly": "true", "managementEvent": "false", "eventCategory": null}),
        json!({"readOnly": false, "managementEvent": true, "eventCategory": ""}),
        json!({"readOnly": "yes"}),
        json!({"errorCode": "AccessDenied", "errorMessage": "User: 'x' is \"not\" authorized\nto perform: s3:GetObject; drop table --"}),
        json!({"vpcEndpointId": "vpce-0a", "vpcEndpointAccountId": ACCOUNT, "tlsDetails": {"tlsVersion": "TLSv1.3"}}),
        json!({"vpcEndpointId": "AWS Internal", "vpcEndpointAccountId": "vpce-0b"}),
        json!({"additionalEventData": {"vpcEndpointId": "vpce-0c", "bytesTransferredIn": 0.0}}),
        json!({"vpcEndpointId": "", "additionalEventData": {"vpcEndpointId": "vpce-0d"}}),
        json!({"eventCategory": "NetworkActivity", "eventType": "AwsVpceEvent", "errorCode": "VpceAccessDenied"}),
        json!({"eventCategory": null, "eventType": "AwsVpceEvents", "managementEvent": null}),
        json!({"sharedEventID": "c6e0a8b4-0000-4000-8000-000000000001", "recipientAccountId": "222222222222"}),
        json!({"eventContext": {"requestContext": {"aws:PrincipalOrgID": "o-1"}, "tagContext": {"principalTags": {}}}}),
        json!({"sessionCredentialFromConsole": "true"}),
        json!({"awsRegion": "us-east-1", "recipientAccountId": null, "resources": [{"accountId": "555555555555"}]}),
        // Resources of other services.
        json!({"resources": []}),
        json!({"resources": [{"ARN": "arn:aws:kms:eu-west-1:111111111111:key/1", "accountId": ACCOUNT, "type": "AWS::KMS::Key"}]}),
        json!({"resources": [{"type": "AWS::KMS::Key"}]}),
        json!({"resources": [{"accountId": "HIDDEN_DUE_TO_SECURITY_REASONS", "type": "x"}, {"ARNPrefix": "arn:aws:s3:::b/p", "type": "y"}]}),
        json!({"resources": [{"accountId": "222222222222"}, {"ARN": "arn:aws:sqs:eu-west-1:222222222222:q"}]}),
        // S3.
        s3("GetObject", json!({"bucketName": "b", "key": "k"}), json!([bare_object, bucket("b", "222222222222")])),
        s3("GetObject", json!({"bucketName": "b", "key": "k"}), json!([object(json!("333333333333")), bucket("b", "222222222222")])),
        s3("GetObject", json!({"bucketName": "b", "key": "k"}), json!([bare_object, bucket("bb", "222222222222")])),
        s3("CopyObject", json!({"bucketName": "dst", "key": "k"}), json!([
            bare_object, bucket("b", "222222222222"), {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::dst/k"}, bucket("dst", ACCOUNT)])),
        s3("PutObject", json!({"bucketName": "b", "key": "k"}), json!([
            {"ARN": "arn:aws:kms:eu-west-1:111111111111:key/1", "accountId": ACCOUNT, "type": "AWS::KMS::Key"},
            bare_object, bucket("b", "222222222222")])),
        s3("GetObject", json!({"bucketName": "b", "key": "a/\u{e9} \"q\""}), Value::Null),
        s3("ListObjects", json!({"bucketName": "b"}), json!([])),
        s3("ListObjects", json!({"bucketName": "b", "key": ""}), json!([{"accountId": "222222222222", "type": "AWS::S3::Bucket"}])),
        s3("ListBuckets", json!({"Host": "s3.amazonaws.com"}), Value::Null),
        s3("ListBuckets", Value::Null, Value::Null),
        s3("GetObject", json!({"bucketName": "arn:aws:s3:eu-west-1:222222222222:accesspoint/ap", "key": "k"}), Value::Null),
        s3("GetObject", json!({"bucketName": "arn:aws:s3::222222222222:accesspoint/m.mrap"}), Value::Null),
        json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": null, "managementEvent": null,
            "awsRegion": "cn-north-1", "requestParameters": {"bucketName": "b", "key": "k"}}),
        json!({"eventSource": "s3.amazonaws.com", "eventName": "GetBucketAcl", "eventCategory": null, "managementEvent": null,
            "awsRegion": "us-gov-west-1", "requestParameters": {"bucketName": "b"}}),
        json!({"eventSource": "lambda.amazonaws.com", "eventName": "Invoke", "eventCategory": null, "managementEvent": null}),
        // Credentials that were issued.
        json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
            "requestParameters": {"roleArn": "arn:aws:iam::111111111111:role/r", "roleSessionName": "s", "n": 1.50, "o": {"b": [1, {"z": null}]}},
            "responseElements": {"credentials": {"accessKeyId": "ASIAISSUED0000000001", "sessionToken": "secret"},
                "assumedRoleUser": {"arn": "arn:aws:sts::111111111111:assumed-role/r/s"}}}),
        json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRoleWithWebIdentity",
            "responseElements": {"provider": "p", "subjectFromWebIdentityToken": "sub", "audience": "aud"}}),
        json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRoleWithSAML",
            "responseElements": {"issuer": "i", "subject": "s", "federatedUser": {"arn": "arn:aws:sts::111111111111:federated-user/x"}}}),
        json!({"eventSource": "other.amazonaws.com", "responseElements": {"issuer": "i", "credentials": {"accessKeyId": "AKIAOTHER"}}}),
        json!({"responseElements": {"credentials": "none"}, "requestParameters": {"bucketName": {"nested": true}}}),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, fields)| record(u32::try_from(n).unwrap(), fields))
    .collect();
    let next = u32::try_from(all.len()).unwrap();
    // Delivered twice; without an id twice; replaced by an addendum that comes later, and by one under the same id; replaced twice.
    all.push(record(1, json!({"userIdentity": session(json!({}))})));
    all.push(without(record(0, json!({"eventName": "NoId"})), &["eventID"]));
    all.push(without(record(0, json!({"eventName": "NoId"})), &["eventID"]));
    all.push(record(next, json!({"eventName": "Original"})));
    all.push(record(
        next + 1,
        json!({"eventName": "Replacement", "addendum": {"reason": "UPDATED_DATA", "originalEventID": event_id(next)}}),
    ));
    all.push(record(next + 2, json!({"eventName": "Original"})));
    all.push(record(next + 2, json!({"eventName": "SameId", "addendum": {"reason": "DELIVERY_DELAY"}})));
    all.push(record(
        next + 3,
        json!({"eventName": "First", "addendum": {"reason": "UPDATED_DATA", "originalEventID": event_id(next + 9)}}),
    ));
    all.push(record(
        next + 4,
        json!({"eventName": "Second", "addendum": {"reason": "UPDATED_DATA", "originalEventID": event_id(next + 3)}}),
    ));
    all
}

#[test]
fn nasty_records_give_the_same_rows_on_trino() {
    run(async {
        let Some(place) = Place::new("nasty").await else { return };
        let records = records();
        let path = format!("AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/10/31");
        let trail = folder(&[(format!("{path}/records.json").as_str(), delivered(&records))]);
        let nested: String = records.iter().map(line).collect();
        let flat: String = records.iter().map(flat_line).collect();
        place.write(&format!("nested/{path}/records.json"), &nested);
        place.write(&format!("flat/{path}/records.json"), &flat);
        place.timestamp("nested", NESTED, &format!("nested/AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1")).await;
        place.timestamp("flat", FLAT, &format!("flat/AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1")).await;
        let part = part(&[ACCOUNT]);
        let mut problems = Vec::new();
        for table in ["nested", "flat"] {
            let engine = engine(&place, &[table.to_owned()]).await;
            for relation in ["events", "event_resources"] {
                let statement = statement(format!("SELECT {} FROM {relation}", every_column()));
                let remote = engine.run(&statement, &part).await.unwrap_or_else(|error| panic!("{table}: {error}"));
                let here = local(trail.path(), &part).run(&statement).await.unwrap();
                assert!(here.height() > 60, "{}", here.height());
                let found = differences(&lines(&remote, true), &lines(&here, true));
                if !found.is_empty() {
                    problems.push(format!("{relation} of {table}: {}", found.join("\n  ")));
                }
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        place.drop().await;
    });
}
