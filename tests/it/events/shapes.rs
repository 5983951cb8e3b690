//! The shapes of a record that real logs hold, and the row that each becomes.

use serde_json::{Value, json};

use crate::support::{Row, folder, lines, pass, read, record, row_of, without};
use palisade::events::files::Scope;
use palisade::events::rows::Relation;

/// The row of a record with these fields.
fn row(fields: Value) -> Row {
    row_of(&record(1, fields))
}

#[test]
fn every_column_has_its_field() {
    let row = row(json!({
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEROLE000001:deploy",
            "arn": "arn:aws:sts::111111111111:assumed-role/deployer/deploy",
            "accountId": "111111111111",
            "accessKeyId": "ASIAEXAMPLE000000001",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLEROLE000001",
                    "arn": "arn:aws:iam::111111111111:role/ci/deployer",
                    "accountId": "111111111111",
                    "userName": "deployer"
                },
                "webIdFederationData": {
                    "federatedProvider": "arn:aws:iam::111111111111:oidc-provider/token.example.com",
                    "attributes": {"sub": "repo:example"}
                },
                "attributes": {"creationDate": "2026-10-31T06:00:00Z", "mfaAuthenticated": "false"},
                "sourceIdentity": "jane",
                "ec2RoleDelivery": "2.0",
                "assumedRoot": "true",
                "signInSessionArn": "arn:aws:signin:eu-west-1:111111111111:session/1"
            },
            "onBehalfOf": {"userId": "f2a1c4d6-1111", "identityStoreArn": "arn:aws:identitystore::111111111111:identitystore/d-1"},
            "invokedByDelegate": {"accountId": "333333333333"},
            "inScopeOf": {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": "arn:aws:lambda:eu-west-1:111111111111:function:f"}
        },
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "errorCode": "AccessDenied",
        "errorMessage": "no",
        "requestParameters": {"roleArn": "arn:aws:iam::222222222222:role/target"},
        "responseElements": {"credentials": {"accessKeyId": "ASIAISSUED0000000001", "sessionToken": "t"},
            "assumedRoleUser": {"assumedRoleId": "AROAX:s", "arn": "arn:aws:sts::222222222222:assumed-role/target/s"},
            "subject": "jane@example.com", "issuer": "https://idp.example.com", "audience": "https://signin.aws.amazon.com/saml"},
        "sessionCredentialFromConsole": "true",
        "eventContext": {"requestContext": {"aws:SourceAccount": "111111111111"}},
        "additionalEventData": {"RequestDetails": {"endpointType": "regional"}},
        "resources": [{"accountId": "222222222222", "type": "AWS::IAM::Role", "ARN": "arn:aws:iam::222222222222:role/target"}],
        "sharedEventID": "5c1e7a52-0000-4000-8000-000000000001",
        "vpcEndpointId": "vpce-0a1b2c3d",
        "vpcEndpointAccountId": "111111111111",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"}
    }));
    let expected = [
        ("access_key_id", "ASIAEXAMPLE000000001"),
        ("account_id", "111111111111"),
        ("additional_event_data", r#"{"RequestDetails":{"endpointType":"regional"}}"#),
        ("assumed_root", "true"),
        ("ec2_role_delivery", "2.0"),
        ("error_code", "AccessDenied"),
        ("error_message", "no"),
        ("event_category", "Management"),
        ("event_context", r#"{"requestContext":{"aws:SourceAccount":"111111111111"}}"#),
        ("event_count", "1"),
        ("event_date", "2026-10-31"),
        ("event_id", "00000001-0000-4000-8000-0000000000ff"),
        ("event_name", "AssumeRole"),
        ("event_source", "sts.amazonaws.com"),
        ("event_time", "2026-10-31T07:08:09Z"),
        ("event_type", "AwsApiCall"),
        ("federation_attributes", r#"{"sub":"repo:example"}"#),
        ("federated_provider", "arn:aws:iam::111111111111:oidc-provider/token.example.com"),
        ("first_seen", "2026-10-31T07:08:09Z"),
        (
            "in_scope_of",
            r#"{"issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:eu-west-1:111111111111:function:f"}"#,
        ),
        ("invoked_by_delegate_account_id", "333333333333"),
        ("issued_access_key_id", "ASIAISSUED0000000001"),
        ("issued_audience", "https://signin.aws.amazon.com/saml"),
        ("issued_issuer", "https://idp.example.com"),
        ("issued_session_arn", "arn:aws:sts::222222222222:assumed-role/target/s"),
        ("issued_subject", "jane@example.com"),
        ("last_seen", "2026-10-31T07:08:09Z"),
        ("mfa_authenticated", "false"),
        ("on_behalf_of_user_id", "f2a1c4d6-1111"),
        ("principal_account_id", "111111111111"),
        ("principal_arn", "arn:aws:iam::111111111111:role/ci/deployer"),
        ("principal_id", "AROAEXAMPLEROLE000001:deploy"),
        ("principal_type", "AssumedRole"),
        ("read_only", "true"),
        ("recipient_account_id", "111111111111"),
        ("region", "eu-west-1"),
        ("request_parameters", r#"{"roleArn":"arn:aws:iam::222222222222:role/target"}"#),
        ("resource_account_id", "222222222222"),
        ("resource_arn", "arn:aws:iam::222222222222:role/target"),
        ("resource_type", "AWS::IAM::Role"),
        (
            "resources",
            r#"[{"accountId":"222222222222","type":"AWS::IAM::Role","ARN":"arn:aws:iam::222222222222:role/target"}]"#,
        ),
        ("session_arn", "arn:aws:sts::111111111111:assumed-role/deployer/deploy"),
        ("session_from_console", "true"),
        ("sign_in_session_arn", "arn:aws:signin:eu-west-1:111111111111:session/1"),
        ("session_created_at", "2026-10-31T06:00:00Z"),
        ("shared_event_id", "5c1e7a52-0000-4000-8000-000000000001"),
        ("source_identity", "jane"),
        ("source_ip", "203.0.113.10"),
        ("tls_version", "TLSv1.3"),
        ("user_agent", "aws-cli/2.28.1"),
        ("vpc_endpoint_account_id", "111111111111"),
        ("vpc_endpoint_id", "vpce-0a1b2c3d"),
    ];
    let expected = Row(expected.into_iter().map(|(column, value)| (column, value.to_owned())).collect());
    assert_eq!(row, expected);
}

#[test]
fn a_number_that_changes_its_type_from_record_to_record_changes_nothing_else() {
    let values = [json!(0), json!(0.0), json!("0.0"), json!(null), json!({"nested": true}), json!([1])];
    let records: Vec<Value> = (0..)
        .zip(&values)
        .map(|(n, value)| {
            record(n, json!({"additionalEventData": {"bytesTransferredIn": value, "bytesTransferredOut": value}}))
        })
        .collect();
    let pass = read(&folder(&[("a.ndjson", lines(&records))]));
    assert_eq!(pass.ids(), [0, 1, 2, 3, 4, 5]);
    for (row, value) in pass.rows.iter().zip(&values) {
        let expected = json!({"bytesTransferredIn": value, "bytesTransferredOut": value}).to_string();
        row.has(&[("additional_event_data", Some(&expected)), ("user_agent", Some("aws-cli/2.28.1"))]);
    }
}

#[test]
fn booleans_written_as_text_are_booleans() {
    let old = |fields| without(record(1, fields), &["eventCategory"]);
    for (read_only, management, expected, category) in [
        (json!(false), json!(false), Some("false"), "Data"),
        (json!("false"), json!("false"), Some("false"), "Data"),
        (json!("true"), json!("true"), Some("true"), "Management"),
        (json!("True"), json!(true), Some("true"), "Management"),
        (json!(""), json!(null), None, "Management"),
        (json!("perhaps"), json!(""), None, "Management"),
    ] {
        let row = row_of(&old(json!({"readOnly": read_only, "managementEvent": management})));
        row.has(&[("read_only", expected), ("event_category", Some(category))]);
    }
}

#[test]
fn the_category_of_records_older_than_the_field_comes_from_what_they_did() {
    let old = |fields| without(record(1, fields), &["eventCategory", "managementEvent"]);
    for (fields, category) in [
        (json!({}), "Management"),
        (
            json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "requestParameters": {"bucketName": "b", "key": "k"}}),
            "Data",
        ),
        (
            json!({"eventSource": "s3.amazonaws.com", "eventName": "ListObjects", "requestParameters": {"bucketName": "b"}}),
            "Management",
        ),
        (json!({"eventSource": "lambda.amazonaws.com", "eventName": "Invoke"}), "Data"),
        (json!({"eventSource": "lambda.amazonaws.com", "eventName": "GetFunction20150331v2"}), "Management"),
        (json!({"eventType": "AwsVpceEvent"}), "NetworkActivity"),
    ] {
        row_of(&old(fields)).has(&[("event_category", Some(category))]);
    }
}

#[test]
fn what_is_null_or_empty_or_of_another_type_than_documented_is_null() {
    let row = row(json!({
        "requestParameters": null,
        "errorCode": "",
        "errorMessage": {"text": "an object"},
        "resources": null,
        "userAgent": null,
        "vpcEndpointId": ["a"],
        "tlsDetails": "none",
        "additionalEventData": "text",
        "eventTime": 5
    }));
    let null = [
        "request_parameters",
        "error_code",
        "error_message",
        "resources",
        "resource_arn",
        "user_agent",
        "vpc_endpoint_id",
        "tls_version",
        "additional_event_data",
        "event_time",
        "event_date",
        "first_seen",
    ];
    row.has(&null.map(|column| (column, None)));
    row.has(&[("event_name", Some("DescribeInstances"))]);
}

#[test]
fn every_shape_of_a_resource_is_read() {
    let key = "arn:aws:kms:eu-west-1:222222222222:key/k";
    for (resources, arn, owner, kind) in [
        (
            json!([{"ARN": key, "accountId": "222222222222", "type": "AWS::KMS::Key"}]),
            Some(key),
            Some("222222222222"),
            Some("AWS::KMS::Key"),
        ),
        (json!([{"ARN": key, "type": "AWS::KMS::Key"}]), Some(key), None, Some("AWS::KMS::Key")),
        (
            json!([{"ARNPrefix": "arn:aws:s3:::b/p", "type": "AWS::S3::Object"}]),
            Some("arn:aws:s3:::b/p"),
            None,
            Some("AWS::S3::Object"),
        ),
        (json!([{"ARN": key, "accountId": "222222222222"}]), Some(key), Some("222222222222"), None),
        (json!([{"ARN": key, "accountId": "HIDDEN_DUE_TO_SECURITY_REASONS"}]), Some(key), None, None),
        (json!([{"accountId": "222222222222", "type": "AWS::KMS::Key"}]), None, Some("222222222222"), Some("AWS::KMS::Key")),
        (json!([{"type": "AWS::KMS::Key"}, "text", null, 7, {"ARN": key}]), Some(key), None, None),
        (json!([]), None, None, None),
        (json!({"ARN": key}), None, None, None),
    ] {
        let row = row(json!({"eventSource": "kms.amazonaws.com", "resources": resources}));
        row.has(&[("resource_arn", arn), ("resource_account_id", owner), ("resource_type", kind)]);
    }
}

/// An S3 record and the resources of its rows: ARN, owner, type.
fn s3_resources(fields: Value) -> (Row, Vec<[Option<String>; 3]>) {
    let mut fields = fields;
    fields["eventSource"] = json!("s3.amazonaws.com");
    let folder = folder(&[("record.json", record(1, fields).to_string())]);
    let location = folder.path().to_str().unwrap();
    let pass = pass(&[location], &Scope::default(), Relation::EventResources);
    let cells =
        |row: &Row| ["resource_arn", "resource_account_id", "resource_type"].map(|name| row.get(name).map(str::to_owned));
    (read(&folder).row().clone(), pass.rows.iter().map(cells).collect())
}

fn cells(row: [Option<&str>; 3]) -> [Option<String>; 3] {
    row.map(|cell| cell.map(str::to_owned))
}

#[test]
fn an_s3_object_takes_the_owner_of_its_bucket_and_of_no_other() {
    let (row, all) = s3_resources(json!({
        "eventName": "GetObject",
        "requestParameters": {"bucketName": "data", "key": "a/b c.txt"},
        "resources": [
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::data/a/b c.txt"},
            {"accountId": "333333333333", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::dat"},
            {"accountId": "222222222222", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::data"}
        ]
    }));
    let object = [Some("arn:aws:s3:::data/a/b c.txt"), Some("222222222222"), Some("AWS::S3::Object")];
    row.has(&[("resource_arn", object[0]), ("resource_account_id", object[1]), ("resource_type", object[2])]);
    assert_eq!(
        all,
        [
            cells([Some("arn:aws:s3:::dat"), Some("333333333333"), Some("AWS::S3::Bucket")]),
            cells([Some("arn:aws:s3:::data"), Some("222222222222"), Some("AWS::S3::Bucket")]),
            cells(object),
        ]
    );
}

#[test]
fn a_copy_is_about_its_target_whatever_the_order_and_lists_its_source_too() {
    let source = [
        json!({"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::source/k"}),
        json!({"accountId": "222222222222", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::source"}),
    ];
    let target = [
        json!({"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::target/k"}),
        json!({"accountId": "333333333333", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::target"}),
    ];
    for resources in [[target.clone(), source.clone()].concat(), [source, target].concat()] {
        let (row, all) = s3_resources(json!({
            "eventName": "CopyObject",
            "requestParameters": {"bucketName": "target", "key": "k", "x-amz-copy-source": "source/k"},
            "resources": resources
        }));
        row.has(&[("resource_arn", Some("arn:aws:s3:::target/k")), ("resource_account_id", Some("333333333333"))]);
        assert_eq!(
            all,
            [
                cells([Some("arn:aws:s3:::source"), Some("222222222222"), Some("AWS::S3::Bucket")]),
                cells([Some("arn:aws:s3:::source/k"), Some("222222222222"), Some("AWS::S3::Object")]),
                cells([Some("arn:aws:s3:::target"), Some("333333333333"), Some("AWS::S3::Bucket")]),
                cells([Some("arn:aws:s3:::target/k"), Some("333333333333"), Some("AWS::S3::Object")]),
            ]
        );
    }
}

#[test]
fn an_s3_record_without_resources_takes_them_from_the_request() {
    for (region, parameters, expected) in [
        ("eu-west-1", json!({"bucketName": "b", "key": "k/é"}), [Some("arn:aws:s3:::b/k/é"), None, Some("AWS::S3::Object")]),
        ("cn-north-1", json!({"bucketName": "b"}), [Some("arn:aws-cn:s3:::b"), None, Some("AWS::S3::Bucket")]),
        ("us-gov-west-1", json!({"bucketName": "b"}), [Some("arn:aws-us-gov:s3:::b"), None, Some("AWS::S3::Bucket")]),
        (
            "eu-west-1",
            json!({"bucketName": "arn:aws:s3:eu-west-1:222222222222:accesspoint/p", "key": "k"}),
            [Some("arn:aws:s3:eu-west-1:222222222222:accesspoint/p"), Some("222222222222"), Some("AWS::S3::AccessPoint")],
        ),
        ("eu-west-1", json!({"Host": "s3.amazonaws.com"}), [None, None, None]),
        ("eu-west-1", json!(null), [None, None, None]),
    ] {
        let (_, all) = s3_resources(json!({"awsRegion": region, "requestParameters": parameters}));
        assert_eq!(all, [cells(expected)]);
    }
}

#[test]
fn a_call_of_a_service_has_neither_arn_nor_account() {
    let row = row(json!({
        "userIdentity": {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"},
        "sourceIPAddress": "cloudtrail.amazonaws.com",
        "userAgent": "cloudtrail.amazonaws.com",
        "vpcEndpointId": "vpce-0aaaaaaaaaaaaaaaa"
    }));
    row.has(&[
        ("account_id", Some("111111111111")),
        ("principal_type", Some("AWSService")),
        ("invoked_by", Some("cloudtrail.amazonaws.com")),
        ("principal_arn", None),
        ("principal_account_id", None),
        ("principal_id", None),
        ("source_ip", None),
        ("source_service", Some("cloudtrail.amazonaws.com")),
        ("vpc_endpoint_id", Some("vpce-0aaaaaaaaaaaaaaaa")),
        ("vpc_endpoint_account_id", None),
    ]);
}

#[test]
fn an_event_of_a_service_has_no_type_and_is_of_the_account_that_it_names() {
    let event = json!({
        "userIdentity": {"accountId": "111111111111", "invokedBy": "AWS Internal;"},
        "eventType": "AwsServiceEvent",
        "eventName": "RotateKey",
        "sourceIPAddress": "AWS Internal"
    });
    row_of(&without(record(1, event), &["recipientAccountId"])).has(&[
        ("account_id", Some("111111111111")),
        ("principal_type", None),
        ("principal_account_id", Some("111111111111")),
        ("invoked_by", Some("AWS Internal")),
        ("source_service", Some("AWS Internal")),
        ("event_type", Some("AwsServiceEvent")),
    ]);
}

#[test]
fn an_endpoint_and_its_account_are_told_apart_though_they_are_swapped() {
    row(json!({"vpcEndpointId": "AWS Internal", "vpcEndpointAccountId": "vpce-0123456789abcdef0"}))
        .has(&[("vpc_endpoint_id", Some("AWS Internal")), ("vpc_endpoint_account_id", None)]);
    row(json!({"additionalEventData": {"vpcEndpointId": "vpce-0a"}})).has(&[("vpc_endpoint_id", Some("vpce-0a"))]);
}

#[test]
fn an_unsigned_request_is_anonymous_however_that_is_written() {
    for identity in [
        json!({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}),
        json!({"type": "AWSAccount", "principalId": "ANONYMOUS_PRINCIPAL", "accountId": "anonymous"}),
        json!({"type": "AWSAccount", "principalId": "ANONYMOUS_PRINCIPAL"}),
        json!({"accountId": "anonymous"}),
    ] {
        row(json!({"userIdentity": identity})).has(&[("principal_account_id", Some("anonymous")), ("principal_arn", None)]);
    }
    // The account of the row is the owner of the log, never the anonymous caller.
    let nobody = without(record(1, json!({"userIdentity": {"accountId": "anonymous"}})), &["recipientAccountId"]);
    row_of(&nobody).has(&[("account_id", None)]);
}

#[test]
fn a_source_address_is_an_address_or_the_name_of_a_service() {
    for (address, ip, service) in [
        ("203.0.113.10", Some("203.0.113.10"), None),
        ("2001:db8:0:1::9", Some("2001:db8:0:1::9"), None),
        ("::1", Some("::1"), None),
        ("fd00:ec2::254", Some("fd00:ec2::254"), None),
        ("10.248.1.2", Some("10.248.1.2"), None),
        ("athena.amazonaws.com", None, Some("athena.amazonaws.com")),
        ("AWS Internal", None, Some("AWS Internal")),
        ("AWS Internal/#", None, Some("AWS Internal/#")),
        ("999.1.2.3", None, Some("999.1.2.3")),
        ("", None, None),
    ] {
        row(json!({"sourceIPAddress": address})).has(&[("source_ip", ip), ("source_service", service)]);
    }
}

#[test]
fn a_principal_is_what_a_policy_would_name() {
    let session = "arn:aws:sts::111111111111:assumed-role/r/s";
    let issuer = |arn: &str| json!({"sessionIssuer": {"type": "Role", "arn": arn, "accountId": "111111111111"}});
    for (identity, arn, session_arn, account) in [
        (
            json!({"type": "AssumedRole", "arn": session, "sessionContext": issuer("arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/r")}),
            Some("arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/r"),
            Some(session),
            Some("111111111111"),
        ),
        // The path of the role is not in the session, so the session is no substitute.
        (json!({"type": "AssumedRole", "arn": session}), None, Some(session), Some("111111111111")),
        (
            json!({"type": "AssumedRole", "arn": "arn:aws-cn:sts::111111111111:assumed-role/r/s"}),
            None,
            Some("arn:aws-cn:sts::111111111111:assumed-role/r/s"),
            Some("111111111111"),
        ),
        (
            json!({"type": "Root", "arn": "arn:aws:iam::111111111111:root", "accountId": "111111111111"}),
            Some("arn:aws:iam::111111111111:root"),
            None,
            Some("111111111111"),
        ),
        (
            json!({
                "type": "FederatedUser",
                "arn": "arn:aws:sts::111111111111:federated-user/jane",
                "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/broker", "accountId": "111111111111"}}
            }),
            Some("arn:aws:sts::111111111111:federated-user/jane"),
            Some("arn:aws:sts::111111111111:federated-user/jane"),
            Some("111111111111"),
        ),
        (
            json!({"type": "IdentityCenterUser", "accountId": "111111111111", "onBehalfOf": {"userId": "u-1"}}),
            None,
            None,
            Some("111111111111"),
        ),
        (
            json!({"type": "AWSAccount", "principalId": "AIDAFOREIGN", "accountId": "999999999999"}),
            None,
            None,
            Some("999999999999"),
        ),
        (json!({"type": "WebIdentityUser", "principalId": "x", "identityProvider": "accounts.example.com"}), None, None, None),
        (json!(null), None, None, None),
        (json!("jane"), None, None, None),
    ] {
        row(json!({"userIdentity": identity})).has(&[
            ("principal_arn", arn),
            ("session_arn", session_arn),
            ("principal_account_id", account),
        ]);
    }
    row(json!({"userIdentity": {"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1", "identityStoreArn": "a"}}}))
        .has(&[("on_behalf_of_user_id", Some("u-1"))]);
}

#[test]
fn the_caller_of_an_anonymised_log_may_differ_from_the_issuer_and_stays_as_recorded() {
    row(json!({"userIdentity": {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111111111111:assumed-role/r/s",
        "accountId": "111111111111",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::999999999999:role/r", "accountId": "999999999999"}}
    }}))
    .has(&[("principal_account_id", Some("111111111111")), ("principal_arn", Some("arn:aws:iam::999999999999:role/r"))]);
}

#[test]
fn escapes_are_resolved_wherever_they_stand() {
    let text = r#"{"eventVersion":"1.08","eventName":"Get\u004fbject","eventSource":"s3.amazonaws.com","eventID":"x\/y","userAgent":"\u00fc\ud83d\ude00\"\\\n","eventTime":"2026-10-31T07:08:09Z","requestParameters":{"bucketName":"b","key":"a\u002fb"},"recipientAccountId":"111111111111","userIdentity":{"arn":"arn:aws:iam::111111111111:user\/jane"}}"#;
    read(&folder(&[("a.json", text)])).row().has(&[
        ("event_name", Some("GetObject")),
        ("event_id", Some("x/y")),
        ("user_agent", Some("ü😀\"\\\n")),
        ("principal_arn", Some("arn:aws:iam::111111111111:user/jane")),
        ("resource_arn", Some("arn:aws:s3:::b/a/b")),
        // JSON columns are JSON text and keep theirs.
        ("request_parameters", Some(r#"{"bucketName":"b","key":"a\u002fb"}"#)),
    ]);
}

#[test]
fn times_are_read_in_every_form_that_exports_write() {
    for (text, expected) in [
        ("2026-10-31T07:08:09Z", "2026-10-31T07:08:09Z"),
        ("2026-10-31T07:08:09.123Z", "2026-10-31T07:08:09Z"),
        ("2026-10-31 07:08:09", "2026-10-31T07:08:09Z"),
        ("2026-10-31 07:08:09.000000000", "2026-10-31T07:08:09Z"),
        ("2026-10-31T09:08:09+02:00", "2026-10-31T07:08:09Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ] {
        row(json!({"eventTime": text})).has(&[("event_time", Some(expected)), ("event_date", Some(&expected[..10]))]);
    }
}

#[test]
fn a_record_that_lost_its_time_takes_that_of_its_arrival_and_one_without_any_is_kept_and_said() {
    let arrived = without(record(1, json!({"@timestamp": "2026-10-31T07:10:00.000Z"})), &["eventTime"]);
    row_of(&arrived).has(&[("event_time", Some("2026-10-31T07:10:00Z"))]);
    row_of(&record(1, json!({"@timestamp": "2026-10-31T09:00:00Z"}))).has(&[("event_time", Some("2026-10-31T07:08:09Z"))]);

    let timeless = without(record(1, json!({})), &["eventTime"]);
    let pass = read(&folder(&[("a.json", timeless.to_string())]));
    pass.row().has(&[("event_time", None), ("event_date", None)]);
    assert_eq!(pass.skipped(), [("no readable eventTime (the record is kept, without a time)", 1)]);
}
