//! The clients of AWS against moto, an emulator that nobody here wrote.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, TimestampMillisecondType};
use futures::StreamExt as _;
use palisade::aws::objects::{Location, Objects};
use palisade::aws::{AwsSettings, Kind, Purpose, Role, Session, SessionSettings, Sessions};
use palisade::config::settings::athena::AthenaSettings;
use palisade::engine::athena::results::{self, ResultError};
use palisade::engine::athena::service::{Athena, Phase, Request, Service};
use palisade::events::files::Scope;
use palisade::events::s3;
use serde_json::json;

use crate::servers::{self, Server};

/// The configuration of a client of a server.
pub fn configuration(address: &str) -> SdkConfig {
    let credentials = Credentials::new("testing", "testing", None, None, "test");
    block_on(
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(address)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .load(),
    )
}

/// All tests share a runtime: connections belong to the one that they were made on.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let make = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    RUNTIME.get_or_init(make).block_on(future)
}

/// A client of S3 that finds buckets on an emulator.
pub fn s3_client(address: &str) -> aws_sdk_s3::Client {
    palisade::aws::objects::client(&configuration(address))
}

fn session(address: &str, settings: AwsSettings) -> Arc<Session> {
    let sessions = Sessions::from_configuration(settings, configuration(address));
    block_on(sessions.of(Purpose::Athena))
}

/// Puts everything below a folder into a bucket that is made for it.
pub fn upload(address: &str, folder: &Path, bucket: &str, prefix: &str) {
    let client = s3_client(address);
    block_on(async {
        client.create_bucket().bucket(bucket).send().await.unwrap();
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let key = format!("{prefix}{}", entry.path().strip_prefix(folder).unwrap().display());
                let body = std::fs::read(entry.path()).unwrap().into();
                client.put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
            }
        }
    });
}

fn put(address: &str, bucket: &str, key: &str, body: &[u8]) {
    let client = s3_client(address);
    block_on(async {
        let _ = client.create_bucket().bucket(bucket).send().await;
        client.put_object().bucket(bucket).key(key).body(body.to_vec().into()).send().await.unwrap();
    });
}

#[test]
fn roles_are_assumed_one_after_the_other() {
    let Some(address) = servers::address(Server::Aws) else { return };
    let role = |account: &str, name: &str| Role {
        arn: format!("arn:aws:iam::{account}:role/{name}"),
        external_id: Some("hush".to_owned()),
        session_name: "palisade-test".to_owned(),
    };
    let roles = vec![role("111122223333", "hub"), role("444455556666", "organizations")];
    let settings = AwsSettings::of(SessionSettings { roles, ..SessionSettings::default() });
    let session = session(&address, settings);
    let identity = block_on(session.identity()).unwrap().clone();
    assert_eq!(identity.account_id, "444455556666");
    assert_eq!(identity.arn, "arn:aws:sts::444455556666:assumed-role/organizations/palisade-test");
    assert_eq!(session.caller(), "role arn:aws:iam::444455556666:role/organizations");
}

#[test]
fn what_is_not_there_is_told_from_what_is_forbidden() {
    let Some(address) = servers::address(Server::Aws) else { return };
    let objects = Objects::new(session(&address, AwsSettings::default()), false);
    let missing = servers::unique("missing-");
    let error = block_on(objects.level(&missing, "")).unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    let message = error.to_string();
    assert!(message.starts_with("S3 ListObjectsV2 as the default credentials failed with NoSuchBucket"), "{message}");
    assert!(message.contains("check the name, the region and the account"), "{message}");
}

/// More objects than a page of the listing holds, and days that are not asked for.
#[test]
fn a_listing_goes_through_its_pages_and_leaves_other_days_out() {
    let Some(address) = servers::address(Server::Aws) else { return };
    let bucket = servers::unique("pages-");
    let client = s3_client(&address);
    let region = "AWSLogs/o-abc/111111111111/CloudTrail/eu-west-1/";
    block_on(async {
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        let puts = (0..1_100).map(|n| {
            let day = if n < 40 {
                "2026/10/29"
            } else if n < 1_060 {
                "2026/10/30"
            } else {
                "2026/11/02"
            };
            let key = format!("{region}{day}/111111111111_CloudTrail_eu-west-1_20261030T0005Z_{n:016}.json.gz");
            client.put_object().bucket(&bucket).key(key).body(b"x".to_vec().into()).send()
        });
        // A few at a time: a busy machine does not answer eleven hundred at once.
        let mut puts = futures::stream::iter(puts).buffer_unordered(16);
        while let Some(put) = puts.next().await {
            put.unwrap();
        }
        for other in [
            "AWSLogs/o-abc/222222222222/CloudTrail/eu-west-1/2026/10/30/a.json.gz",
            "AWSLogs/o-abc/111111111111/CloudTrail-Digest/eu-west-1/2026/10/30/a.json.gz",
            "AWSLogs/o-abc/111111111111/Config/x.json.gz",
        ] {
            client.put_object().bucket(&bucket).key(other).body(b"x".to_vec().into()).send().await.unwrap();
        }
    });
    let objects = Objects::new(session(&address, AwsSettings::default()), false);
    let scope = Scope {
        accounts: Some(["111111111111".to_owned()].into()),
        regions: None,
        from: Some("2026-10-30".parse().unwrap()),
        to: Some("2026-10-31".parse().unwrap()),
    };
    for prefix in ["", "AWSLogs/", "AWSLogs/o-abc/", "AWSLogs/o-abc/111111111111/", region] {
        let location = Location { bucket: bucket.clone(), prefix: prefix.to_owned() };
        let found = block_on(s3::list(&objects, &location, &scope)).unwrap();
        assert_eq!(found.len(), 1_020, "{prefix}");
        assert!(found.iter().all(|object| object.key.contains("/2026/10/30/") && object.size == 1), "{prefix}");
    }
    let everything = Location { bucket, prefix: "AWSLogs/".to_owned() };
    assert_eq!(block_on(s3::list(&objects, &everything, &Scope::default())).unwrap().len(), 1_101);
}

fn athena(address: &str) -> (Arc<Session>, Athena) {
    let session = session(address, AwsSettings::default());
    let settings = AthenaSettings { database: Some("default".to_owned()), ..AthenaSettings::default() };
    (Arc::clone(&session), Athena::new(session, settings, Some("s3://results/".to_owned())))
}

/// moto answers a statement with the result that was queued for it.
#[test]
fn a_statement_is_started_watched_and_its_rows_are_typed() {
    let Some(address) = servers::address(Server::Aws) else { return };
    let column = |name: &str, kind: &str| {
        json!({"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": kind,
            "Precision": 0, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": false})
    };
    let cell = |text: &str| json!({"VarCharValue": text});
    let result = json!({"account_id": "123456789012", "region": "us-east-1", "results": [{
        "rows": [
            {"Data": [cell("who"), cell("calls"), cell("at"), cell("ok")]},
            {"Data": [cell("role's"), cell("7"), cell("2026-10-31 07:08:09.123"), cell("true")]},
            {"Data": [json!({}), json!({}), json!({}), json!({})]},
        ],
        "column_info": [column("who", "varchar"), column("calls", "bigint"), column("at", "timestamp"), column("ok", "boolean")],
    }]});
    servers::request("POST", &format!("{address}/moto-api/static/athena/query-results"), Some(&result));
    let (session, athena) = athena(&address);
    let request = Request {
        token: servers::unique("0123456789012345678901234567890123456789"),
        sql: "SELECT ?".to_owned(),
        parameters: vec!["'x'".to_owned()],
        reuse_minutes: 0,
    };
    let id = block_on(athena.start(&request)).unwrap();
    let look = block_on(athena.look(&id)).unwrap();
    assert_eq!(look.phase, Phase::Succeeded);
    let (schema, batches) = block_on(results::rows(&session, &id)).unwrap();
    assert_eq!(schema.fields().len(), 4);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    let batch = &batches[0];
    assert_eq!(batch.column(0).as_string::<i32>().value(0), "role's");
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().value(0), 7);
    assert_eq!(batch.column(2).as_primitive::<TimestampMillisecondType>().value(0), 1_793_430_489_123);
    assert!(batch.column(3).as_boolean().value(0));
    assert!((0..4).all(|column| batch.column(column).is_null(1)));
    // Once more under its name: the emulator knows it, and another id it does not.
    block_on(athena.stop(&id)).unwrap();
    assert!(block_on(athena.look("00000000-0000-4000-8000-000000000000")).is_err());
}

#[test]
fn every_file_of_the_manifest_must_be_there_and_whole() {
    let Some(address) = servers::address(Server::Aws) else { return };
    let bucket = servers::unique("unload-");
    let objects = Objects::new(session(&address, AwsSettings::default()), false);
    let folder = tempfile::tempdir().unwrap();
    let parquet = parquet_of(&[1, 2, 3]);
    put(&address, &bucket, "data/a", &parquet);
    put(&address, &bucket, "data/b", &parquet);
    put(&address, &bucket, "data/half", &parquet[..parquet.len() / 2]);
    let manifest = |name: &str, files: &[&str]| {
        let text: String = files.iter().map(|file| format!("s3://{bucket}/data/{file}\n")).collect();
        put(&address, &bucket, name, text.as_bytes());
        format!("s3://{bucket}/{name}")
    };
    let fetch = |manifest: Option<&str>| block_on(results::files(&objects, "id", manifest, folder.path(), "x"));
    let files = fetch(Some(&manifest("whole", &["b", "a"]))).unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(results::read(&files).unwrap().unwrap().1.iter().map(RecordBatch::num_rows).sum::<usize>(), 6);
    assert!(fetch(Some(&manifest("empty", &[]))).unwrap().is_empty());
    for (manifest, what) in [
        (Some(manifest("cut", &["a", "half"])), "is no whole Parquet file"),
        (Some(manifest("lost", &["a", "gone"])), "is gone"),
        (Some(format!("s3://{bucket}/none")), "is gone"),
        (None, "names no list"),
    ] {
        match fetch(manifest.as_deref()) {
            Err(ResultError::Lost(reason)) => assert!(reason.contains(what), "{reason}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

fn parquet_of(numbers: &[i64]) -> Vec<u8> {
    use datafusion::arrow::array::Int64Array;
    let array: Arc<dyn Array> = Arc::new(Int64Array::from(numbers.to_vec()));
    let batch = RecordBatch::try_from_iter([("n", array)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}
