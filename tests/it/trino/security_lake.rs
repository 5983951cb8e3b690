//! A record as Security Lake (source version 2, OCSF 1.1.0) keeps it, made by hand from its table schema: what comes back as CloudTrail's.

use palisade::engine::RemoteEngine;
use serde_json::json;

use super::tables::Place;
use super::{engine, every_column, part, run, statement};

const COLUMNS: &str = "\
    metadata row(product row(version varchar, name varchar, vendor_name varchar, feature row(name varchar)), event_code varchar, \
      uid varchar, profiles array(varchar), version varchar), \
    \"time\" bigint, time_dt timestamp(3), cloud row(region varchar, provider varchar), \
    api row(response row(error varchar, message varchar, data varchar), operation varchar, version varchar, \
      service row(name varchar), request row(data varchar, uid varchar)), \
    actor row(\"user\" row(type varchar, name varchar, uid_alt varchar, uid varchar, account row(uid varchar), credential_uid varchar), \
      session row(created_time_dt timestamp(3), is_mfa boolean, issuer varchar), invoked_by varchar, idp row(name varchar)), \
    http_request row(user_agent varchar), src_endpoint row(uid varchar, ip varchar, domain varchar), \
    resources array(row(uid varchar, owner row(account row(uid varchar)), type varchar)), \
    unmapped map(varchar, varchar), accountid varchar, region varchar";

#[test]
fn a_record_of_security_lake_is_one_of_cloudtrail_again() {
    run(async {
        let Some(place) = Place::new("lake").await else { return };
        let record = json!({
            "metadata": {"product": {"version": "1.11", "name": "CloudTrail", "vendor_name": "AWS", "feature": {"name": "Data"}},
                "event_code": "AwsApiCall", "uid": "e-1", "profiles": ["cloud"], "version": "1.1.0"},
            "time": 1_793_430_489_000_i64, "time_dt": "2026-10-31 07:08:09.000",
            "cloud": {"region": "eu-west-1", "provider": "AWS"},
            "api": {"response": {"error": "NoSuchKey", "message": "gone", "data": "null"}, "operation": "GetObject",
                "service": {"name": "s3.amazonaws.com"}, "request": {"data": "{\"bucketName\":\"b\",\"key\":\"k\"}", "uid": "r"}},
            "actor": {"user": {"type": "AssumedRole", "uid_alt": "AROAEXAMPLE:alice", "account": {"uid": "111111111111"},
                    "uid": "arn:aws:sts::111111111111:assumed-role/app/alice", "credential_uid": "ASIAEXAMPLE"},
                "session": {"created_time_dt": "2026-10-31 06:00:00.000", "is_mfa": false,
                    "issuer": "arn:aws:iam::111111111111:role/team/app"}},
            "http_request": {"user_agent": "aws-cli"}, "src_endpoint": {"uid": "vpce-0a", "domain": "config.amazonaws.com"},
            "resources": [{"uid": "arn:aws:s3:::b/k", "type": "AWS::S3::Object"},
                {"uid": "arn:aws:s3:::b", "owner": {"account": {"uid": "222222222222"}}, "type": "AWS::S3::Bucket"}],
            "unmapped": {"eventType": "AwsApiCall", "readOnly": "true", "recipientAccountId": "111111111111"},
            "accountid": "111111111111", "region": "eu-west-1"
        });
        place.write("lake/records.json", &format!("{record}\n"));
        place.folder("lake", COLUMNS, "lake").await;
        let engine = engine(&place, &["lake".to_owned()]).await;
        let sql = format!("SELECT {} FROM events", every_column());
        let frame = engine.run(&statement(sql), &part(&["111111111111"])).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(frame.height(), 1);
        let cell = |name: &str| {
            let value = frame.column(name).unwrap().get(0).unwrap();
            if value.is_null() { None } else { Some(value.get_str().map_or_else(|| value.to_string(), str::to_owned)) }
        };
        for (name, expected) in [
            ("event_id", Some("e-1")),
            ("event_time", Some("2026-10-31 07:08:09")),
            ("event_category", Some("Data")),
            ("account_id", Some("111111111111")),
            ("principal_arn", Some("arn:aws:iam::111111111111:role/team/app")),
            ("session_arn", Some("arn:aws:sts::111111111111:assumed-role/app/alice")),
            ("principal_id", Some("AROAEXAMPLE:alice")),
            ("mfa_authenticated", Some("false")),
            ("session_created_at", Some("2026-10-31 06:00:00")),
            ("event_source", Some("s3.amazonaws.com")),
            ("error_code", Some("NoSuchKey")),
            ("read_only", Some("true")),
            ("source_service", Some("config.amazonaws.com")),
            ("source_ip", None),
            ("vpc_endpoint_id", Some("vpce-0a")),
            ("resource_arn", Some("arn:aws:s3:::b/k")),
            // The owner of an object is the one of its bucket.
            ("resource_account_id", Some("222222222222")),
            ("request_parameters", Some("{\"bucketName\":\"b\",\"key\":\"k\"}")),
            (
                "resources",
                Some(
                    "[{\"ARN\":\"arn:aws:s3:::b/k\",\"type\":\"AWS::S3::Object\"},\
                     {\"ARN\":\"arn:aws:s3:::b\",\"accountId\":\"222222222222\",\"type\":\"AWS::S3::Bucket\"}]",
                ),
            ),
            ("tls_version", None),
        ] {
            assert_eq!(cell(name).as_deref(), expected, "{name}");
        }
        place.drop().await;
    });
}
