//! Parquet exports give the rows that the JSON of the same records gives.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, ListArray, MapArray, NullArray, RecordBatch, StringArray, StructArray, TimestampMillisecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use palisade::events::time;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Pass, Row, event_id, folder, lines, read, record};

fn text(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Utf8, true))
}

fn texts(names: &str) -> Vec<FieldRef> {
    names.split_whitespace().map(text).collect()
}

fn group(name: &str, members: Vec<FieldRef>) -> FieldRef {
    Arc::new(Field::new(name, DataType::Struct(Fields::from(members)), true))
}

fn list(name: &str, members: Vec<FieldRef>) -> FieldRef {
    Arc::new(Field::new(name, DataType::List(group("element", members)), true))
}

fn map(name: &str) -> FieldRef {
    let key = Arc::new(Field::new("key", DataType::Utf8, false));
    let entries = Field::new("entries", DataType::Struct(Fields::from(vec![key, text("value")])), false);
    Arc::new(Field::new(name, DataType::Map(Arc::new(entries), false), true))
}

/// A column of values in the given type. A member of an object is found by its name, whatever its case and underscores.
fn column(values: &[Value], data_type: &DataType) -> ArrayRef {
    let as_text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let present = || NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
    match data_type {
        DataType::Utf8 => Arc::new(StringArray::from_iter(values.iter().map(as_text))),
        DataType::Boolean => Arc::new(BooleanArray::from_iter(values.iter().map(Value::as_bool))),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            let milliseconds = |value: &Value| time::parse(value.as_str()?.as_bytes()).map(|time| time / 1_000);
            let times = TimestampMillisecondArray::from_iter(values.iter().map(milliseconds));
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        DataType::Struct(members) => {
            let member = |field: &FieldRef| {
                column(&values.iter().map(|value| member(value, field.name())).collect::<Vec<_>>(), field.data_type())
            };
            Arc::new(StructArray::new(members.clone(), members.iter().map(member).collect(), Some(present())))
        }
        DataType::List(element) => {
            let items: Vec<&[Value]> = values.iter().map(|value| value.as_array().map_or(&[][..], Vec::as_slice)).collect();
            let offsets = OffsetBuffer::from_lengths(items.iter().map(|items| items.len()));
            Arc::new(ListArray::new(
                Arc::clone(element),
                offsets,
                column(&items.concat(), element.data_type()),
                Some(present()),
            ))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(members) = entries.data_type() else { panic!("a map has entries") };
            let pairs: Vec<Vec<(Value, Value)>> = values
                .iter()
                .map(|value| {
                    let object = value.as_object().into_iter().flatten();
                    object.map(|(key, value)| (json!(key), value.clone())).collect()
                })
                .collect();
            let offsets = OffsetBuffer::from_lengths(pairs.iter().map(Vec::len));
            let (keys, items): (Vec<Value>, Vec<Value>) = pairs.concat().into_iter().unzip();
            let columns = vec![column(&keys, members[0].data_type()), column(&items, members[1].data_type())];
            let structs = StructArray::new(members.clone(), columns, None);
            Arc::new(MapArray::new(Arc::clone(entries), offsets, structs, Some(present()), false))
        }
        DataType::Null => Arc::new(NullArray::new(values.len())),
        other => panic!("no test writes {other}"),
    }
}

fn member(value: &Value, name: &str) -> Value {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let object = value.as_object().into_iter().flatten();
    object.into_iter().find(|(key, _)| plain(key) == plain(name)).map_or(Value::Null, |(_, value)| value.clone())
}

/// Writes records as a table with these columns.
fn write(path: &Path, records: &[Value], fields: Vec<FieldRef>) {
    let schema = Arc::new(Schema::new(fields));
    let columns = schema.fields().iter().map(|field| {
        let values: Vec<Value> = records.iter().map(|record| member(record, field.name())).collect();
        column(&values, field.data_type())
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    // Athena does not store the Arrow schema.
    let options =
        parquet::arrow::arrow_writer::ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(File::create(path).unwrap(), schema, options).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn read_table(records: &[Value], fields: Vec<FieldRef>) -> Pass {
    let folder = TempDir::new().unwrap();
    // UNLOAD gives its files no extension.
    write(&folder.path().join("20261031_070809_00001_abcde"), records, fields);
    read(&folder)
}

fn rows_of_json(records: &[Value]) -> Vec<Row> {
    read(&folder(&[("a.ndjson", lines(records))])).rows
}

/// Records with everything that a table of the Athena documentation has a column for.
fn records() -> Vec<Value> {
    vec![
        record(
            1,
            json!({
                "userIdentity": {
                    "type": "AssumedRole",
                    "principalId": "AROAEXAMPLEROLE000001:deploy",
                    "arn": "arn:aws:sts::111111111111:assumed-role/deployer/deploy",
                    "accountId": "111111111111",
                    "accessKeyId": "ASIAEXAMPLE000000001",
                    "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::111111111111:identitystore/d-1"},
                    "sessionContext": {
                        "attributes": {"mfaAuthenticated": "true", "creationDate": "2026-10-31T06:00:00Z"},
                        "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111111111111:role/ci/deployer", "accountId": "111111111111"},
                        "ec2RoleDelivery": "2.0",
                        "webIdFederationData": {"federatedProvider": "cognito-identity.amazonaws.com", "attributes": {"a": "b"}}
                    }
                },
                "eventSource": "s3.amazonaws.com",
                "eventName": "GetObject",
                "eventCategory": "Data",
                "managementEvent": false,
                "requestParameters": {"bucketName": "data", "key": "a \"quoted\" key\\", "count": 5},
                "responseElements": {"credentials": {"accessKeyId": "ASIAISSUED0000000001"}},
                "additionalEventData": {"bytesTransferredOut": 12.5, "vpcEndpointId": "vpce-0fff"},
                "resources": [
                    {"ARN": "arn:aws:s3:::data/k", "type": "AWS::S3::Object"},
                    {"ARN": "arn:aws:s3:::data", "accountId": "222222222222", "type": "AWS::S3::Bucket"}
                ],
                "sharedEventID": "5c1e7a52-0000-4000-8000-000000000001",
                "vpcEndpointId": "vpce-0a1b",
                "vpcEndpointAccountId": "111111111111",
                "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "x", "clientProvidedHostHeader": "h"}
            }),
        ),
        record(
            2,
            json!({
                "userIdentity": {"type": "AWSService", "invokedBy": "config.amazonaws.com"},
                "sourceIPAddress": "config.amazonaws.com",
                "requestParameters": null,
                "errorCode": "AccessDenied",
                "errorMessage": "User: \"x\" is not\\authorized",
                "readOnly": false
            }),
        ),
        record(3, json!({"eventTime": "2026-11-01T00:00:00Z", "sourceIPAddress": "2001:db8::1", "requestParameters": {}})),
    ]
}

/// The columns of the Athena documentation's table, without those that no row is made of.
fn athena() -> Vec<FieldRef> {
    let mut identity = texts("type principalid arn accountid invokedby accesskeyid username");
    identity.push(group("onbehalfof", texts("userid identitystorearn")));
    identity.push(group(
        "sessioncontext",
        vec![
            group("attributes", texts("mfaauthenticated creationdate")),
            group("sessionissuer", texts("type principalid arn accountid username")),
            text("ec2roledelivery"),
            group("webidfederationdata", vec![text("federatedprovider"), map("attributes")]),
        ],
    ));
    let mut fields = vec![text("eventversion"), group("useridentity", identity)];
    fields.extend(texts(
        "eventtime eventsource eventname awsregion sourceipaddress useragent errorcode errormessage requestparameters \
         responseelements additionaleventdata requestid eventid readonly",
    ));
    fields.push(list("resources", texts("arn accountid type")));
    fields.extend(texts(
        "eventtype apiversion recipientaccountid serviceeventdetails sharedeventid vpcendpointid vpcendpointaccountid eventcategory",
    ));
    fields.push(group("addendum", texts("reason updatedfields originalrequestid originaleventid")));
    fields.push(group("tlsdetails", texts("tlsversion ciphersuite clientprovidedhostheader")));
    fields
}

#[test]
fn a_nested_table_as_athena_writes_it_gives_the_same_rows() {
    let pass = read_table(&records(), athena());
    assert_eq!(pass.rows, rows_of_json(&records()));
    assert_eq!(pass.coverage.recognised, ["Parquet, nested: a CloudTrail table as Athena writes it"]);
    assert_eq!(pass.skipped(), []);
}

#[test]
fn an_older_table_lacks_only_what_its_columns_would_hold() {
    let newer = ["vpcendpointaccountid", "eventcategory", "tlsdetails", "addendum", "sharedeventid"];
    let fields = athena().into_iter().filter(|field| !newer.contains(&field.name().as_str())).collect();
    let mut expected = rows_of_json(&records());
    for row in &mut expected {
        ["vpc_endpoint_account_id", "tls_version", "shared_event_id"].iter().for_each(|column| drop(row.0.remove(column)));
    }
    // The category of a GetObject is known without the column.
    assert_eq!(read_table(&records(), fields).rows, expected);
}

#[test]
fn a_flat_table_with_json_text_gives_the_same_rows_however_its_columns_are_spelled() {
    let camel = "eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage \
         requestParameters responseElements additionalEventData eventID readOnly resources eventType recipientAccountId \
         sharedEventID vpcEndpointId vpcEndpointAccountId eventCategory addendum tlsDetails";
    let snake = "user_identity event_time event_source event_name aws_region source_ip_address user_agent error_code error_message \
         request_parameters response_elements additional_event_data event_id read_only resources event_type recipient_account_id \
         shared_event_id vpc_endpoint_id vpc_endpoint_account_id event_category addendum tls_details tp_timestamp";
    for names in [camel, &camel.to_lowercase(), snake] {
        let pass = read_table(&records(), texts(names));
        assert_eq!(pass.rows, rows_of_json(&records()), "{names}");
        assert_eq!(pass.coverage.recognised, ["Parquet, flat: a CloudTrail table with JSON text"]);
    }
}

#[test]
fn columns_of_json_text_may_say_so_in_their_name() {
    let named = |record: &Value| {
        let mut record = record.clone();
        for name in ["userIdentity", "requestParameters", "resources"] {
            let value = record.as_object_mut().unwrap().remove(name).unwrap_or_default();
            record[format!("json_{}", name.to_lowercase())] = value;
        }
        record
    };
    let names = "json_useridentity json_requestparameters json_resources eventtime eventname eventsource eventid awsregion \
        recipientaccountid eventcategory";
    let pass = read_table(&records().iter().map(named).collect::<Vec<_>>(), texts(names));
    for (row, expected) in pass.rows.iter().zip(rows_of_json(&records())) {
        for column in ["principal_arn", "principal_account_id", "request_parameters", "resources", "resource_account_id"] {
            assert_eq!(row.get(column), expected.get(column), "{column}");
        }
    }
}

#[test]
fn typed_columns_and_maps_are_read_as_a_lake_store_has_them() {
    let typed = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let records = [record(
        1,
        json!({
            "eventSource": "s3.amazonaws.com",
            "eventCategory": "Data",
            "requestParameters": {"bucketName": "data", "key": "k"},
            "addendum": null,
            "resources": [{"accountId": "222222222222", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::data"}]
        }),
    )];
    let expected = rows_of_json(&records);
    for zone in [None, Some(Arc::from("UTC")), Some(Arc::from("+00:00"))] {
        let mut fields = texts(
            "eventid eventsource eventname awsregion sourceipaddress useragent eventtype recipientaccountid eventcategory",
        );
        fields.extend([
            typed("eventtime", DataType::Timestamp(TimeUnit::Millisecond, zone)),
            typed("readonly", DataType::Boolean),
            typed("managementevent", DataType::Boolean),
            map("requestparameters"),
            map("responseelements"),
            map("addendum"),
            list("resources", texts("accountid type arn arnprefix")),
            group("useridentity", texts("type principalid arn accountid accesskeyid username")),
        ]);
        assert_eq!(read_table(&records, fields).rows, expected);
    }
}

#[test]
fn an_old_table_keeps_the_federation_data_as_a_map() {
    let mut fields = texts("eventid eventname eventsource eventtime");
    fields.push(group("userIdentity", vec![text("type"), group("sessionContext", vec![map("webIdFederationData")])]));
    let identity = json!({"type": "AssumedRole", "sessionContext": {"webIdFederationData": {"federatedProvider": "accounts.example.com"}}});
    let pass = read_table(&[record(1, json!({"userIdentity": identity}))], fields);
    pass.row().has(&[("federated_provider", Some("accounts.example.com")), ("principal_type", Some("AssumedRole"))]);
}

#[test]
fn an_addendum_in_a_table_replaces_its_original() {
    let original = record(1, json!({}));
    let addendum = record(2, json!({"addendum": {"reason": "UPDATED_DATA", "originalEventID": original["eventID"]}}));
    let pass = read_table(&[original, addendum, record(3, json!({}))], athena());
    assert_eq!((pass.ids(), pass.coverage.replaced), (vec![2, 3], 1));
}

#[test]
fn a_partition_column_in_the_file_does_not_hide_the_region_of_the_record() {
    let mut record = record(1, json!({"awsRegion": "us-east-1"}));
    record["region"] = json!("us-west-1");
    for names in [
        "eventname eventsource useridentity eventid awsregion region",
        "eventname eventsource useridentity eventid region awsregion",
    ] {
        read_table(std::slice::from_ref(&record), texts(names)).row().has(&[("region", Some("us-east-1"))]);
    }
    let only = "eventname eventsource useridentity eventid region";
    read_table(&[record], texts(only)).row().has(&[("region", Some("us-west-1"))]);
}

#[test]
fn a_table_of_something_else_is_named_with_what_it_lacks() {
    for (names, missing) in [
        ("id name eventname", "column eventsource, useridentity missing; it has id, name, eventname"),
        (
            "eventname useridentity.arn useridentity.type eventsource",
            "column useridentity missing; it has eventname, useridentity.arn",
        ),
    ] {
        let pass = read_table(&records(), texts(names));
        assert_eq!(pass.skipped(), [("Parquet without the columns of a CloudTrail table", 1)]);
        let example = &pass.coverage.skipped[0].examples[0];
        assert!(example.contains(missing), "{example}");
    }
}

#[test]
fn columns_of_the_wrong_type_leave_their_fields_unknown_and_the_call_counts() {
    let typed = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let fields = vec![
        text("eventname"),
        text("eventsource"),
        text("eventid"),
        typed("useridentity", DataType::Boolean),
        group("eventtime", texts("nothing")),
        typed("resources", DataType::Boolean),
        list("requestparameters", texts("bucketName")),
        typed("errorcode", DataType::Null),
    ];
    let pass = read_table(&[record(1, json!({"requestParameters": [{"bucketName": "b"}]}))], fields);
    pass.row().has(&[
        ("event_name", Some("DescribeInstances")),
        ("principal_type", None),
        ("event_time", None),
        ("resource_arn", None),
        ("request_parameters", Some(r#"[{"bucketName":"b"}]"#)),
    ]);
}

/// Writes a table column by column, the way writers do that know no Arrow. Each column: its values, definition and repetition levels.
fn write_levels(path: &Path, message: &str, columns: &[(&[&str], &[i16], &[i16])]) {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (values, definition, repetition) in columns {
        let values: Vec<ByteArray> = values.iter().map(|value| ByteArray::from(*value)).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(definition), Some(repetition)).unwrap();
        column.close().unwrap();
    }
    assert!(group.next_column().unwrap().is_none());
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn lists_of_two_and_of_three_levels_are_the_same_list() {
    // Three records: two resources, none, one without an account.
    let scalars = "optional binary eventid (UTF8); optional binary eventname (UTF8); optional binary eventsource (UTF8);
        optional group useridentity { optional binary accountid (UTF8); }";
    let members = "{ optional binary arn (UTF8); optional binary accountid (UTF8); optional binary type (UTF8); }";
    let three = |outer: &str, inner: &str| {
        format!("optional group resources (LIST) {{ repeated group {outer} {{ optional group {inner} {members} }} }}")
    };
    let forms = [
        (format!("optional group resources (LIST) {{ repeated group array {members} }}"), 3),
        (format!("optional group resources (LIST) {{ repeated group resources_tuple {members} }}"), 3),
        (three("bag", "array_element"), 4),
        (three("list", "element"), 4),
    ];
    let [arn, account, kind] = [
        ["arn:aws:s3:::data/k", "arn:aws:s3:::data", "arn:aws:kms:eu-west-1:111111111111:key/k"].as_slice(),
        ["222222222222"].as_slice(),
        ["AWS::S3::Object", "AWS::S3::Bucket", "AWS::KMS::Key"].as_slice(),
    ];
    for (resources, deepest) in forms {
        let folder = TempDir::new().unwrap();
        let message = format!("message hive_schema {{ {scalars} {resources} }}");
        let flat: (&[i16], &[i16]) = (&[1, 1, 1], &[0, 0, 0]);
        let repetition = [0, 1, 0, 0];
        // At the depth of the list itself the second record has none.
        let all = [deepest, deepest, 0, deepest];
        let accounts = [deepest - 1, deepest, 0, deepest - 1];
        let columns: [(&[&str], &[i16], &[i16]); 7] = [
            (&["a", "b", "c"], flat.0, flat.1),
            (&["GetObject", "ListBuckets", "Decrypt"], flat.0, flat.1),
            (&["s3.amazonaws.com", "s3.amazonaws.com", "kms.amazonaws.com"], flat.0, flat.1),
            (&["111111111111", "111111111111", "111111111111"], &[2, 2, 2], flat.1),
            (arn, &all, &repetition),
            (account, &accounts, &repetition),
            (kind, &all, &repetition),
        ];
        write_levels(&folder.path().join("a.parquet"), &message, &columns);
        let pass = read(&folder);
        let found: Vec<_> = ["resource_arn", "resource_account_id", "resource_type"]
            .map(|column| pass.rows.iter().map(|row| row.get(column)).collect::<Vec<_>>())
            .into();
        let expected: Vec<Vec<Option<&str>>> = vec![
            vec![Some("arn:aws:s3:::data/k"), None, Some("arn:aws:kms:eu-west-1:111111111111:key/k")],
            vec![Some("222222222222"), None, None],
            vec![Some("AWS::S3::Object"), None, Some("AWS::KMS::Key")],
        ];
        assert_eq!(found, expected, "{resources}");
        assert_eq!(
            pass.rows[0].get("resources"),
            Some(
                r#"[{"ARN":"arn:aws:s3:::data/k","type":"AWS::S3::Object"},{"ARN":"arn:aws:s3:::data","accountId":"222222222222","type":"AWS::S3::Bucket"}]"#
            ),
        );
    }
}

#[test]
fn text_that_is_not_declared_as_text_is_read() {
    let folder = TempDir::new().unwrap();
    let message = "message spark_schema { optional binary eventid; optional binary eventname; optional binary eventsource; optional binary useridentity; }";
    let identity = r#"{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/jane"}"#;
    let columns: [(&[&str], &[i16], &[i16]); 4] =
        [(&["a"], &[1], &[0]), (&["GetObject"], &[1], &[0]), (&["s3.amazonaws.com"], &[1], &[0]), (&[identity], &[1], &[0])];
    write_levels(&folder.path().join("a.parquet"), message, &columns);
    read(&folder).row().has(&[
        ("event_name", Some("GetObject")),
        ("principal_arn", Some("arn:aws:iam::111111111111:user/jane")),
        ("principal_account_id", Some("111111111111")),
    ]);
}

#[test]
fn a_table_that_is_cut_short_or_damaged_is_named_and_the_others_are_read() {
    let whole = TempDir::new().unwrap();
    write(&whole.path().join("whole.parquet"), &records(), athena());
    let content = std::fs::read(whole.path().join("whole.parquet")).unwrap();
    for (name, damaged) in
        [("half", &content[..content.len() / 2]), ("no-end", &content[..content.len() - 1]), ("magic", &content[..4])]
    {
        let folder = folder(&[(format!("{name}.parquet").as_str(), damaged), ("whole.parquet", &content)]);
        let pass = read(&folder);
        assert_eq!(pass.ids(), [1, 2, 3], "{name}");
        assert_eq!(pass.skipped(), [("Parquet that cannot be read, is damaged or cut short", 1)], "{name}");
        assert!(pass.coverage.skipped[0].examples[0].contains(&format!("{name}.parquet")));
    }
    // Any byte may be wrong: the pass ends all the same, and reads what is whole.
    let folder = TempDir::new().unwrap();
    for step in 0..1_000 {
        let mut damaged = content.clone();
        let at = (step * 7_919) % damaged.len();
        damaged[at] ^= 1 << (step % 8);
        std::fs::write(folder.path().join(format!("{step:03}.parquet")), damaged).unwrap();
    }
    std::fs::write(folder.path().join("whole.parquet"), &content).unwrap();
    let pass = read(&folder);
    assert_eq!(pass.coverage.files, 1_001);
    // A damaged copy of a record may be read before the whole one, and has its id: the record is there, whichever it is.
    let is_there = |n| pass.rows.iter().any(|row| row.get("event_id").map(|id| id.to_string()) == Some(event_id(n)));
    assert!([1, 2, 3].into_iter().all(is_there));
}

#[test]
fn a_row_that_names_no_call_is_counted_and_left_out() {
    let pass = read_table(&[json!({}), record(1, json!({}))], athena());
    assert_eq!((pass.ids(), pass.skipped()), (vec![1], vec![("not a CloudTrail record", 1)]));
    assert!(pass.coverage.skipped[0].examples[0].ends_with("_abcde:0"));
}
