//! Every query of the program gives the same rows over activity as over the records.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use palisade::activity::rollup::Shape;
use palisade::catalog::{Catalog, QuerySpec, Scope as QueryScope, Statement};
use palisade::commands::judge::{World, bind, organization_accounts};
use palisade::config::perimeter::Perimeter;
use palisade::engine::activity::is_answered_by_activity;
use palisade::engine::local::{LocalEngine, Resources};
use palisade::events::files::{Scope, discover};
use palisade::inventory::Inventory;
use polars::prelude::DataFrame;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{delivered, event_id, folder, gzip, record, without};

const RESOURCES: Resources = Resources { threads: 2, memory_limit: 512 << 20 };

pub fn engine(location: &Path, resources: Resources) -> LocalEngine {
    let discovery = discover(&[location.display().to_string()], &Scope::default()).unwrap();
    LocalEngine::new(Arc::new(discovery.files), Scope::default(), resources, Arc::default())
}

/// The rows of a frame as text, sorted: engines give them in any order.
pub fn rows(frame: &DataFrame) -> Vec<String> {
    let names = frame.get_column_names();
    let mut rows: Vec<String> = (0..frame.height())
        .map(|row| {
            let cells = frame.columns().iter().zip(&names).map(|(column, name)| format!("{name}={}", column.get(row).unwrap()));
            cells.collect::<Vec<_>>().join(" | ")
        })
        .collect();
    rows.sort();
    rows
}

fn statements(queries: &[&QuerySpec], accounts: &[&str]) -> Vec<(String, Statement)> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let inventory = Inventory::load(&samples.join("inventory")).unwrap();
    let perimeter = Perimeter::load(&samples.join("perimeter.yaml")).unwrap();
    let organization = organization_accounts(&inventory);
    let today = jiff::civil::date(2026, 11, 20);
    let world = World { inventory: &inventory, perimeter: &perimeter, organization_accounts: &organization, today };
    let mut statements = Vec::new();
    for query in queries {
        let accounts = if query.scope == QueryScope::Account { accounts } else { &[""] };
        for account in accounts {
            statements.push((format!("{} for {account}", query.name), bind(query, account, world).unwrap()));
        }
    }
    statements
}

/// Answers every query of the program in three ways; they must agree. Gives the number of rows, so that a test can say that there
/// was something to compare.
async fn compare(location: &Path, accounts: &[&str]) -> usize {
    let catalog = Catalog::built_in().unwrap();
    let queries: Vec<&QuerySpec> = catalog.iter().collect();
    let statements = statements(&queries, accounts);
    let all: Vec<Statement> = statements.iter().map(|(_, statement)| statement.clone()).collect();

    let records = engine(location, RESOURCES);
    let mut prepared = engine(location, RESOURCES);
    prepared.prepare(&all).await.unwrap();
    let whole = engine(location, RESOURCES);
    let rows_of_activity = Arc::new(whole.roll_up(Shape::whole(0)).await.unwrap());
    let whole = LocalEngine::over_activity(rows_of_activity, RESOURCES).unwrap();

    let mut total = 0;
    for (name, statement) in &statements {
        let expected = rows(&records.run(statement).await.unwrap());
        total += expected.len();
        assert_eq!(rows(&prepared.run(statement).await.unwrap()), expected, "{name}, sharing a scan");
        assert_eq!(rows(&whole.run(statement).await.unwrap()), expected, "{name}, over activity");
    }
    total
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_over_the_sample_organization_gives_the_same_rows() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/trail");
    let discovery = discover(&[samples.display().to_string()], &Scope::default()).unwrap();
    let accounts: BTreeSet<String> =
        discovery.files.iter().filter_map(|file| Some(file.folder.account_id.as_ref()?.to_string())).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let total = compare(&samples, &accounts).await;
    assert!(total > 500, "{total}");
}

const ACCOUNT: &str = "111111111111";

/// A read of an object by somebody of another account.
fn object_read(n: u32, key: &str, fields: Value) -> Value {
    let mut object = record(
        n,
        json!({
            "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject",
            "eventCategory": "Data",
            "managementEvent": false,
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLEROLE000001:session",
                "arn": "arn:aws:sts::222222222222:assumed-role/reader/session",
                "accountId": "222222222222",
                "accessKeyId": "ASIAEXAMPLE000000001",
                "sessionContext": {
                    "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::222222222222:role/app/reader", "accountId": "222222222222"}
                }
            },
            "requestParameters": {"bucketName": "our-bucket", "key": key, "Host": "our-bucket.s3.eu-west-1.amazonaws.com"},
            "resources": [
                {"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::our-bucket/{key}")},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::our-bucket", "accountId": ACCOUNT}
            ]
        }),
    );
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// Records with whatever may tell the two ways apart.
fn nasty() -> Vec<Value> {
    let endpoint = json!({"vpcEndpointId": "vpce-0123456789abcdef0", "vpcEndpointAccountId": ACCOUNT});
    let mine = json!({"type": "IAMUser", "principalId": "AIDAEXAMPLEUSER000001", "arn": "arn:aws:iam::111111111111:user/ops/jane",
        "accountId": ACCOUNT, "accessKeyId": "AKIAEXAMPLE000000001"});
    let with = |fields: Value, more: &Value| {
        let mut fields = fields;
        more.as_object().unwrap().iter().for_each(|(name, value)| fields[name] = value.clone());
        fields
    };
    let mut records = vec![
        // Keys of all kinds, and the same context twice.
        object_read(1, "a/b/c.txt", json!({})),
        object_read(2, "a/b/d.txt", json!({})),
        object_read(3, "with \"quotes\" and \\ and\nlines/\u{e9}\u{1f600}", json!({})),
        object_read(4, "/", json!({})),
        object_read(5, "dir/", json!({})),
        object_read(6, "x", json!({"eventTime": "2026-11-01T00:00:00Z"})),
        // No resources: the request tells, also without a key, for an access point, and for another partition.
        object_read(10, "k", json!({"resources": null})),
        object_read(11, "k", json!({"resources": []})),
        object_read(12, "k", json!({"resources": null, "awsRegion": "cn-north-1"})),
        object_read(
            13,
            "k",
            json!({"resources": null, "requestParameters": {"bucketName": "our-bucket"}, "eventName": "ListObjects"}),
        ),
        object_read(
            14,
            "k",
            json!({"resources": null, "requestParameters": {"bucketName": "arn:aws:s3:eu-west-1:111111111111:accesspoint/ap", "key": "a/b"}}),
        ),
        object_read(15, "k", json!({"resources": null, "requestParameters": null})),
        object_read(16, "k", json!({"resources": null, "requestParameters": {"bucketName": 7, "key": 8}})),
        // Resources in other shapes.
        object_read(20, "k", json!({"resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::our-bucket/k"}]})),
        object_read(
            21,
            "k",
            json!({"resources": [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::our-bucket/1"},
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::our-bucket/2"},
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::our-bucket/2"},
                {"type": "AWS::KMS::Key", "ARN": "arn:aws:kms:eu-west-1:333333333333:key/1", "accountId": "333333333333"},
                {"accountId": "333333333333", "type": "AWS::S3::Bucket", "ARNPrefix": "arn:aws:s3:::their-bucket"}
            ]}),
        ),
        object_read(
            22,
            "k",
            json!({"eventName": "CopyObject", "resources": [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::their-bucket/k"},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::their-bucket", "accountId": "444444444444"},
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::our-bucket/k"},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::our-bucket", "accountId": ACCOUNT}
            ]}),
        ),
        object_read(
            23,
            "k",
            json!({"resources": [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:eu-west-1:111111111111:accesspoint/ap/object/a/b"},
                {"type": "AWS::S3::AccessPoint", "ARN": "arn:aws:s3:eu-west-1:111111111111:accesspoint/ap", "accountId": ACCOUNT},
                {"type": "AWS::S3::Bucket", "accountId": ACCOUNT}
            ]}),
        ),
        object_read(24, "k", json!({"resources": {"type": "AWS::S3::Object"}})),
        object_read(25, "k", json!({"resources": ["arn:aws:s3:::our-bucket/k", 7, null]})),
        object_read(
            26,
            "k",
            json!({"eventSource": "s3-outposts.amazonaws.com", "resources": [{
                "type": "AWS::S3Outposts::Object",
                "ARN": "arn:aws:s3-outposts:eu-west-1:111111111111:outpost/op-1/bucket/b/object/a/b"
            }]}),
        ),
        object_read(
            27,
            "k",
            json!({"eventSource": "s3express.amazonaws.com", "resources": [{
                "type": "AWS::S3Express::Object",
                "ARN": "arn:aws:s3express:eu-west-1:111111111111:bucket/b--euw1-az1--x-s3/a/b"
            }]}),
        ),
        object_read(
            28,
            "k",
            json!({"userIdentity": {"type": "AWSAccount", "principalId": "AROAOTHER:x", "accountId": "222222222222"}, "sharedEventID": "s-1"}),
        ),
        object_read(
            29,
            "k",
            json!({"userIdentity": {"type": "AWSAccount", "principalId": "AROAOTHER:x", "accountId": "222222222222"}, "sharedEventID": "s-2"}),
        ),
        object_read(30, "k", json!({"userIdentity": {"type": "AWSAccount", "accountId": "anonymous", "principalId": ""}})),
        // Denials, with all that messages hold.
        object_read(
            40,
            "k",
            json!({"errorCode": "AccessDenied", "errorMessage": "User: arn:aws:sts::222222222222:assumed-role/reader/session is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::our-bucket/k because\" because no resource-based policy allows the s3:GetObject action"}),
        ),
        object_read(
            41,
            "l",
            json!({"errorCode": "AccessDenied", "errorMessage": "User: arn:aws:sts::222222222222:assumed-role/reader/other is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::our-bucket/l because\" because no resource-based policy allows the s3:GetObject action"}),
        ),
        object_read(42, "k", json!({"errorCode": "AccessDenied", "errorMessage": "Access Denied"})),
        object_read(43, "k", json!({"errorCode": "AccessDenied"})),
        object_read(44, "k", json!({"errorCode": "NoSuchKey", "errorMessage": "The specified key does not exist."})),
        object_read(
            45,
            "k",
            json!({"errorCode": "AccessDenied", "errorMessage": "x is not authorized to perform: on arn:aws:s3:::b/k"}),
        ),
        object_read(46, "k", json!({"errorCode": "AccessDenied", "errorMessage": "x is not authorized to perform: "})),
        record(
            47,
            json!({"eventName": "RunInstances", "errorCode": "Client.UnauthorizedOperation", "errorMessage": "You are not authorized to perform this operation. User: arn:aws:iam::111111111111:user/ops/jane is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:eu-west-1:111111111111:instance/* with an explicit deny in a service control policy. Encoded authorization failure message: AAAA"}),
        ),
        record(
            48,
            json!({"eventName": "RunInstances", "errorCode": "Client.UnauthorizedOperation", "errorMessage": "You are not authorized to perform this operation. Encoded authorization failure message: BBBB"}),
        ),
        record(49, json!({"errorCode": "Client.InvalidPermission.NotFound", "errorMessage": "sgr-1 is not there"})),
        record(50, json!({"errorMessage": "jane is not authorized to perform: ec2:DescribeInstances"})),
        // Through endpoints, of mine and to others.
        object_read(60, "k", with(json!({"userIdentity": mine}), &endpoint)),
        object_read(
            61,
            "k",
            with(
                json!({"userIdentity": mine, "resources": [
                    {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::their-bucket/k"},
                    {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::their-bucket", "accountId": "444444444444"}
                ]}),
                &endpoint,
            ),
        ),
        object_read(
            62,
            "k",
            with(
                json!({"eventCategory": "NetworkActivity", "eventType": "AwsVpceEvent", "resources": null, "requestParameters": null}),
                &endpoint,
            ),
        ),
        object_read(
            63,
            "k",
            json!({"userIdentity": mine, "additionalEventData": {"vpcEndpointId": "vpce-0123456789abcdef0", "x-amz-id-2": "abc"}}),
        ),
        object_read(64, "k", json!({"userIdentity": mine, "resources": null})),
        object_read(65, "l", json!({"userIdentity": mine, "resources": null})),
        // Services, and sessions that are issued.
        record(
            70,
            json!({"sourceIPAddress": "ec2.amazonaws.com", "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}}),
        ),
        record(
            71,
            json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "sharedEventID": "s-3",
                "requestParameters": {"roleArn": "arn:aws:iam::111111111111:role/r", "roleSessionName": "s"},
                "responseElements": {"credentials": {"accessKeyId": "ASIAISSUED0000000001"}},
                "sourceIPAddress": "lambda.amazonaws.com",
                "userIdentity": {"type": "AssumedRole", "principalId": "AROAX:y", "accountId": ACCOUNT, "invokedBy": "lambda.amazonaws.com",
                    "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111111111111:role/service/r"}}}}),
        ),
        record(
            72,
            json!({"userIdentity": {"type": "AssumedRole", "principalId": "AROAX:AWSConfig", "accountId": ACCOUNT,
                "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111111111111:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"}}}}),
        ),
        // Times that are not there, or cannot be read; ids that are not there.
        record(80, json!({"eventTime": "yesterday"})),
        without(record(81, json!({})), &["eventTime"]),
        without(record(82, json!({})), &["eventID"]),
        without(record(83, json!({})), &["eventID"]),
        without(record(84, json!({"userAgent": ""})), &["recipientAccountId", "sourceIPAddress"]),
        // A record that replaces another, which comes later in the file.
        record(91, json!({"eventName": "Corrected", "addendum": {"reason": "UPDATED_DATA", "originalEventID": event_id(90)}})),
        record(90, json!({"eventName": "Original"})),
    ];
    // Delivered twice.
    records.push(records[0].clone());
    records.push(records[40].clone());
    records
}

/// The records in the folders of a trail, with a copy of some in the next file, and an addendum that comes late.
fn trail() -> TempDir {
    let records = nasty();
    let late = [
        record(
            92,
            json!({"eventName": "LateCorrection", "addendum": {"reason": "UPDATED_DATA", "originalEventID": event_id(49)}}),
        ),
        records[1].clone(),
    ];
    let base = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026";
    folder(&[
        (
            format!("{base}/10/31/111111111111_CloudTrail_eu-west-1_20261031T0710Z_aaaaaaaaaaaaaaaa.json.gz").as_str(),
            gzip(delivered(&records)),
        ),
        (
            format!("{base}/11/01/111111111111_CloudTrail_eu-west-1_20261101T0010Z_bbbbbbbbbbbbbbbb.json.gz").as_str(),
            gzip(delivered(&late)),
        ),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_over_nasty_records_gives_the_same_rows() {
    let trail = trail();
    let total = compare(trail.path(), &[ACCOUNT, "222222222222"]).await;
    assert!(total > 60, "{total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_that_do_not_fit_into_memory_are_counted_all_the_same() {
    let trail = trail();
    let statement = |sql: &str| Statement {
        sql: sql.to_owned(),
        values: Vec::new(),
        parameters: Vec::new(),
        left_to_later_steps: Vec::new(),
    };
    let count = statement("SELECT sum(event_count) AS calls, min(first_seen) AS first, max(last_seen) AS last FROM events");
    let expected = rows(&engine(trail.path(), RESOURCES).run(&count).await.unwrap());
    // A budget of 8 bytes per thread: everything goes to files, several times.
    let small = engine(trail.path(), Resources { threads: 2, memory_limit: 64 });
    let spilled = Arc::new(small.roll_up(Shape::whole(0)).await.unwrap());
    let found = LocalEngine::over_activity(spilled, RESOURCES).unwrap().run(&count).await.unwrap();
    assert_eq!(rows(&found), expected);
}

#[test]
fn a_query_of_the_user_is_answered_by_activity_if_it_reads_nothing_that_is_changed() {
    let query = |columns: &str, condition: &str| {
        let text = format!(
            "/*\ntitle: t\ndescription: d\nperimeter: none\nscope: account\nfinding: f\nparameters:\n  account_id: {{type: string, from: account}}\n*/\n\
             SELECT account_id, event_source, event_name, region{columns},\n  sum(event_count)  AS event_count, min(first_seen) AS first_seen,\n  \
             max(last_seen) AS last_seen, MIN(event_id) AS sample_event_id\nFROM events WHERE account_id = :account_id {condition}\n\
             GROUP BY account_id, event_source, event_name, region{columns}"
        );
        QuerySpec::parse(&text, palisade::catalog::Origin::File("mine.sql".into())).unwrap()
    };
    for (columns, condition, expected) in [
        ("", "", true),
        (", user_agent, source_ip", "AND read_only", true),
        (", resource_arn", "", false),
        ("", "AND json_extract_scalar(request_parameters, '$.nextToken') IS NULL", false),
        ("", "AND event_time > timestamp '2026-11-01 00:00:00'", false),
        ("", "AND event_id = 'x'", false),
        ("", "AND strpos(error_message, 'x') > 0", false),
    ] {
        assert_eq!(is_answered_by_activity(&query(columns, condition)), expected, "{columns} {condition}");
    }
}
