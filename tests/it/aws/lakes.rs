//! Tables that AWS makes itself, on the Athena front: an event data store of CloudTrail Lake that is federated to Athena, and Amazon
//! Security Lake. What the front cannot show is Lake Formation, and Iceberg under Security Lake.

use palisade::engine::RemoteEngine;
use polars::prelude::DataFrame;
use serde_json::json;

use super::athena_front::{Place, bench, calls, execute, of_accounts, part, query};
use super::moto::block_on;
use crate::servers;

/// Columns as "Event data store schema" of the CloudTrail user guide has them: times are timestamps, parameters are maps.
const STORE: &str = "\
    eventversion string, \
    useridentity struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,accesskeyid:string,username:string,\
      onbehalfof:struct<userid:string,identitystorearn:string>,\
      inscopeof:struct<sourcearn:string,sourceaccount:string,issuertype:string,credentialsissuedto:string>,\
      sessioncontext:struct<attributes:struct<mfaauthenticated:string,creationdate:string>,\
        sessionissuer:struct<type:string,principalid:string,arn:string,accountid:string,username:string>,\
        ec2roledelivery:string,sourceidentity:string>>, \
    eventtime timestamp, eventsource string, eventname string, awsregion string, sourceipaddress string, useragent string, \
    errorcode string, errormessage string, requestparameters map<string,string>, requestid string, eventid string, readonly boolean, \
    resources array<struct<arn:string,arnprefix:string,accountid:string,type:string>>, eventtype string, managementevent boolean, \
    recipientaccountid string, sharedeventid string, vpcendpointid string, vpcendpointaccountid string, eventcategory string, \
    addendum struct<reason:string,updatedfields:string,originalrequestid:string,originaleventid:string>";

const ACCOUNTS: [&str; 2] = ["110000000011", "120000000012"];

/// The columns that an event data store tells as the trail does, by group; parameters are flattened there.
const WHAT_HAPPENED: &str = "SELECT account_id, event_date, principal_arn, session_arn, principal_type, event_source, event_name, read_only, \
     error_code, resource_arn, resource_account_id, source_ip, source_service, vpc_endpoint_id, vpc_endpoint_account_id, event_category, \
     mfa_authenticated, sum(event_count) AS calls FROM events GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17";

fn lines(frame: &DataFrame) -> Vec<String> {
    let row =
        |row| frame.columns().iter().map(|column| format!("{:?}", column.get(row).unwrap())).collect::<Vec<_>>().join(" | ");
    let mut lines: Vec<String> = (0..frame.height()).map(row).collect();
    lines.sort();
    lines
}

#[test]
fn a_federated_event_data_store_tells_what_the_trail_tells() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    // The id of a store is the name of its table.
    let (store, location) =
        ("0a1b2c3d-4e5f-6789-abcd-0123456789ab", format!("s3://{}/store-{}/", bench.bucket, place.workgroup));
    let columns: Vec<&str> = STORE.split(", ").map(|column| column.split_once(' ').unwrap().0).collect();
    let select: Vec<String> = columns
        .iter()
        .map(|column| match *column {
            "eventtime" => {
                "CAST(at_timezone(from_iso8601_timestamp(eventtime), 'UTC') AS timestamp(3)) AS eventtime".to_owned()
            }
            "requestparameters" => "transform_values(CAST(json_parse(requestparameters) AS map(varchar, json)), \
                 (k, v) -> coalesce(json_extract_scalar(v, '$'), json_format(v))) AS requestparameters"
                .to_owned(),
            "readonly" | "managementevent" => format!("CAST({column} AS boolean) AS {column}"),
            column => column.to_owned(),
        })
        .collect();
    let accounts = ACCOUNTS.map(|account| format!("'{account}'")).join(", ");
    execute(
        &bench.front,
        Some(&bench.database),
        &format!(
            "UNLOAD (SELECT {} FROM trail WHERE p_account IN ({accounts})) TO '{location}' WITH (format = 'PARQUET')",
            select.join(", ")
        ),
    );
    let table = format!("CREATE EXTERNAL TABLE `{store}` ({STORE}) STORED AS PARQUET LOCATION '{location}'");
    execute(&bench.front, Some(&bench.database), &table);

    let (lake, trail) = (place.engine_over(&format!("\"{store}\"")), place.engine_over("trail"));
    assert_eq!(lake.sources()[0].layout.name(), "event_data_store");
    let (of_lake, of_trail) = (
        block_on(lake.run(&query(WHAT_HAPPENED, &[]), &part(&ACCOUNTS))).unwrap(),
        block_on(trail.run(&query(WHAT_HAPPENED, &[]), &part(&ACCOUNTS))).unwrap(),
    );
    assert!(of_trail.height() > 100, "{}", of_trail.height());
    assert_eq!(lines(&of_lake), lines(&of_trail));
    // No partition tells the account, so both share one statement, which reads the whole store; asked alone, one costs as much.
    assert_eq!((lake.accounts_at_once(2), trail.accounts_at_once(2)), (2, 1));
    assert_eq!(lake.plan(&part(&ACCOUNTS)).unwrap().len(), 1);
    let size = |accounts: &[&str]| {
        let estimate = block_on(lake.estimate(&[part(accounts)])).unwrap();
        assert_eq!(estimate.bytes, estimate.of(&part(accounts)));
        estimate.bytes
    };
    assert!(size(&ACCOUNTS) > 1_000 && size(&ACCOUNTS) == size(&ACCOUNTS[..1]));
    let one_by_one = block_on(lake.estimate(&ACCOUNTS.map(|account| part(&[account])))).unwrap();
    assert_eq!(one_by_one.bytes, 2 * size(&ACCOUNTS));
    // The store is rolled up like any table.
    let folder = tempfile::tempdir().unwrap();
    let files = block_on(lake.collect_activity(&part(&ACCOUNTS[..1]), folder.path())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let of_trail = block_on(trail.collect_activity(&part(&ACCOUNTS[..1]), folder.path())).unwrap();
    assert_eq!(calls(&files), calls(&of_trail));
    assert!(calls(&files).values().sum::<u64>() <= of_accounts(bench, &ACCOUNTS[..1]).values().sum());
    assert!(!calls(&files).is_empty());
}

/// Columns as "Security Lake: CloudTrail management events" has them in source version 2, as far as they are read.
const LAKE: &str = "\
    metadata struct<product:struct<version:string,name:string,vendor_name:string,feature:struct<name:string>>,event_code:string,\
      uid:string,profiles:array<string>,version:string>, \
    time bigint, cloud struct<region:string,provider:string>, \
    api struct<response:struct<error:string,message:string,data:string>,operation:string,version:string,service:struct<name:string>,\
      request:struct<data:string,uid:string>>, \
    actor struct<user:struct<type:string,name:string,uid_alt:string,uid:string,account:struct<uid:string>,credential_uid:string>,\
      session:struct<is_mfa:boolean,issuer:string>,invoked_by:string>, \
    http_request struct<user_agent:string>, src_endpoint struct<uid:string,ip:string,domain:string>, \
    resources array<struct<uid:string,owner:struct<account:struct<uid:string>>,type:string>>, \
    unmapped map<string,string>";

#[test]
fn security_lake_is_read_by_account_and_day() {
    let Some(bench) = bench() else { return };
    let place = Place::new(bench);
    let (table, root) = (place.workgroup.replace('-', "_"), format!("lake-{}", place.workgroup));
    for (account, day, name) in [
        ("111111111111", "20261031", "GetObject"),
        ("111111111111", "20261104", "PutObject"),
        ("222222222222", "20261031", "DeleteObject"),
    ] {
        // 2026-10-31T07:08:09Z and 2026-11-04T07:08:09Z
        let time: i64 = if day == "20261031" { 1_793_430_489_000 } else { 1_793_776_089_000 };
        let record = json!({
            "metadata": {"product": {"version": "1.11", "name": "CloudTrail", "vendor_name": "AWS", "feature": {"name": "Data"}},
                "event_code": "AwsApiCall", "uid": format!("{account}{day}"), "profiles": ["cloud"], "version": "1.1.0"},
            "time": time, "cloud": {"region": "eu-west-1", "provider": "AWS"},
            "api": {"operation": name, "service": {"name": "s3.amazonaws.com"}, "request": {"data": "{\"bucketName\":\"b\"}"}},
            "actor": {"user": {"type": "AssumedRole", "uid_alt": "AROAEXAMPLE:alice", "account": {"uid": account},
                    "uid": format!("arn:aws:sts::{account}:assumed-role/app/alice")},
                "session": {"is_mfa": false, "issuer": format!("arn:aws:iam::{account}:role/team/app")}},
            "src_endpoint": {"ip": "203.0.113.7"},
            "resources": [{"uid": "arn:aws:s3:::b", "owner": {"account": {"uid": "333333333333"}}, "type": "AWS::S3::Bucket"}],
            "unmapped": {"recipientAccountId": account}
        });
        let key = format!("{root}/region=eu-west-1/accountId={account}/eventDay={day}/x.json");
        servers::put_object(&bench.front, &bench.bucket, &key, format!("{record}\n").as_bytes());
    }
    let location = format!("s3://{}/{root}", bench.bucket);
    let projection = [
        ("enabled", "true"),
        ("region.type", "enum"),
        ("region.values", "eu-west-1"),
        ("accountid.type", "enum"),
        ("accountid.values", "111111111111,222222222222"),
        ("eventday.type", "date"),
        ("eventday.format", "yyyyMMdd"),
        ("eventday.range", "20261001,20261231"),
        ("eventday.interval", "1"),
        ("eventday.interval.unit", "DAYS"),
    ];
    let properties: Vec<String> = projection.iter().map(|(name, value)| format!("'projection.{name}' = '{value}'")).collect();
    let template = format!("{location}/region=${{region}}/accountId=${{accountid}}/eventDay=${{eventday}}");
    execute(
        &bench.front,
        Some(&bench.database),
        &format!(
            "CREATE EXTERNAL TABLE `{table}` ({LAKE}) PARTITIONED BY (region string, accountid string, eventday string) \
             ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION '{location}/' \
             TBLPROPERTIES ({}, 'storage.location.template' = '{template}')",
            properties.join(", ")
        ),
    );
    let engine = place.engine_over(&table);
    assert_eq!(engine.sources()[0].layout.name(), "security_lake");
    let sql = "SELECT account_id, event_name, principal_arn, resource_account_id, source_ip, event_category, request_parameters FROM events";
    let rows = block_on(engine.run(&query(sql, &[]), &part(&["111111111111"]))).unwrap();
    assert_eq!(rows.height(), 1, "{rows}");
    for (column, expected) in [
        ("account_id", "111111111111"),
        ("event_name", "GetObject"),
        ("principal_arn", "arn:aws:iam::111111111111:role/team/app"),
        ("resource_account_id", "333333333333"),
        ("source_ip", "203.0.113.7"),
        ("event_category", "Data"),
        ("request_parameters", "{\"bucketName\":\"b\"}"),
    ] {
        assert_eq!(rows.column(column).unwrap().get(0).unwrap().get_str(), Some(expected), "{column}");
    }
}
