//! Where records lie: wrappings, compression, folders, copies, and what is wanted of them.

use std::collections::BTreeSet;

use jiff::civil::date;
use palisade::events::files::Scope;
use palisade::events::rows::Relation;
use serde_json::{Value, json};

use crate::support::{delivered, event_id, folder, gzip, lines, pass, read, record, without};

#[test]
fn every_wrapping_gives_the_same_rows() {
    let records = [record(1, json!({})), record(2, json!({"errorCode": "AccessDenied", "userAgent": "a \"quoted\" \\ one\n"}))];
    let [first, second] = &records;
    let looked_up = |record: &Value| {
        json!({"EventId": record["eventID"], "EventName": record["eventName"], "ReadOnly": "true", "Username": "jane",
            "Resources": [], "CloudTrailEvent": record.to_string()})
    };
    let bridged = |record: &Value| {
        json!({"version": "0", "id": "b", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
            "account": "111111111111", "time": "2026-10-31T07:08:09Z", "region": "eu-west-1", "resources": [], "detail": record})
    };
    let raw = |record: &Value| json!({"_raw": record.to_string(), "_time": 1_793_430_489, "source": "s3"});
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let lookup = json!({"Events": [looked_up(first), looked_up(second)], "NextToken": "t"});
    let wrappings = [
        ("delivered.json", delivered(&records)),
        ("pretty.json", pretty(&json!({"Records": records}))),
        ("array.json", json!(records).to_string()),
        ("lines.ndjson", lines(&records)),
        ("no-newline-at-the-end.jsonl", lines(&records).trim_end().to_owned()),
        ("windows.log", lines(&records).replace('\n', "\r\n")),
        ("one-after-the-other.json", pretty(first) + &pretty(second)),
        ("delivered-lines.json", delivered(&records[..1]) + "\n" + &delivered(&records[1..])),
        ("byte-order-mark.json", format!("\u{feff}{}", delivered(&records))),
        ("other-keys.json", json!({"Owner": {"a": [1]}, "Records": records, "More": [{"x": "]"}]}).to_string()),
        ("lookup-events.json", pretty(&lookup)),
        ("lookup-events-last.json", json!({"NextToken": "t", "Events": [looked_up(first), looked_up(second)]}).to_string()),
        ("lookup-events.ndjson", lines(&[looked_up(first), looked_up(second)])),
        ("event-bridge.ndjson", lines(&[bridged(first), bridged(second)])),
        ("event-bridge-around-a-file.json", json!({"detail": {"Records": records}}).to_string()),
        ("raw.ndjson", lines(&[raw(first), raw(second)])),
        ("no-extension", delivered(&records)),
    ];
    let expected = read(&folder(&wrappings[..1])).rows;
    assert_eq!(expected.len(), 2);
    for (name, content) in &wrappings {
        let plain = read(&folder(&[(*name, content)]));
        assert_eq!(plain.rows, expected, "{name}");
        assert_eq!(plain.skipped(), [], "{name}");
        let compressed = read(&folder(&[(format!("{name}.gz").as_str(), gzip(content))]));
        assert_eq!(compressed.rows, expected, "{name}.gz");
    }
}

#[test]
fn compression_is_recognised_by_content_and_several_members_are_one_file() {
    let [first, second, third] = [1, 2, 3].map(|n| gzip(lines(&[record(n, json!({}))])));
    for (name, content) in [
        ("members.json.gz", [first.clone(), second.clone(), third.clone()].concat()),
        ("misnamed.json", [first.clone(), second.clone(), third.clone()].concat()),
        ("padded.json.gz", [first, second, third, vec![0; 512]].concat()),
    ] {
        let pass = read(&folder(&[(name, content)]));
        assert_eq!((pass.ids(), pass.skipped()), (vec![1, 2, 3], vec![]), "{name}");
    }
    let misnamed = read(&folder(&[("a.json.gz", lines(&[record(1, json!({}))]))]));
    assert_eq!((misnamed.ids(), misnamed.skipped()), (vec![1], vec![]));
}

#[test]
fn a_record_may_be_nested_in_envelopes_only_so_deep() {
    let mut nested = record(1, json!({}));
    for _ in 0..2 {
        nested = json!({ "detail": nested });
    }
    assert_eq!(read(&folder(&[("a.json", nested.to_string())])).ids(), [1]);
    let depth = 1_000_000;
    let bottomless = "{\"detail\":".repeat(depth) + "{}" + &"}".repeat(depth);
    let pass = read(&folder(&[("a.json", bottomless + "\n" + &record(2, json!({})).to_string())]));
    assert_eq!((pass.ids(), pass.skipped()), (vec![2], vec![("not a CloudTrail record", 1)]));
}

const FOLDER: &str = "bucket/AWSLogs/o-example/111111111111/CloudTrail/us-west-1";

fn name(day: &str, unique: &str) -> String {
    format!("{FOLDER}/{}/111111111111_CloudTrail_us-west-1_{}T0705Z_{unique}.json.gz", day, day.replace('/', ""))
}

#[test]
fn the_folder_names_the_account_and_the_record_its_region() {
    let global =
        record(1, json!({"awsRegion": "us-east-1", "eventSource": "iam.amazonaws.com", "recipientAccountId": "999999999999"}));
    let pass = read(&folder(&[(name("2026/10/31", "a").as_str(), gzip(delivered(&[global])))]));
    pass.row().has(&[
        ("account_id", Some("111111111111")),
        ("recipient_account_id", Some("999999999999")),
        ("region", Some("us-east-1")),
    ]);
    let stream = &pass.coverage.streams[0];
    assert_eq!((stream.account_id.as_str(), stream.region.as_str(), stream.records), ("111111111111", "us-east-1", 1));
}

#[test]
fn outside_the_layout_the_recipient_owns_the_record_and_else_the_caller() {
    let caller = record(2, json!({"userIdentity": {"type": "IAMUser", "accountId": "222222222222"}}));
    let records = [record(1, json!({"recipientAccountId": "333333333333"})), without(caller, &["recipientAccountId"])];
    let pass = read(&folder(&[("a.json", delivered(&records))]));
    let accounts: Vec<_> = pass.rows.iter().map(|row| row.get("account_id").unwrap()).collect();
    assert_eq!(accounts, ["333333333333", "222222222222"]);
}

#[test]
fn digests_and_insights_are_counted_and_not_read() {
    let digest = json!({"awsAccountId": "111111111111", "digestStartTime": "2026-10-31T07:00:00Z", "digestS3Bucket": "b",
        "digestS3Object": "o", "previousDigestHashValue": null, "logFiles": [{"s3Object": "x"}]});
    let insight = record(2, json!({"eventCategory": "Insight", "eventType": "AwsCloudTrailInsight"}));
    let base = "AWSLogs/111111111111";
    let pass = read(&folder(&[
        (
            format!("{base}/CloudTrail/us-west-1/2026/10/31/a.json.gz").as_str(),
            gzip(delivered(&[record(1, json!({})), insight.clone()])),
        ),
        (format!("{base}/CloudTrail-Digest/us-west-1/2026/10/31/d.json.gz").as_str(), gzip(digest.to_string())),
        (format!("{base}/CloudTrail-Insight/us-west-1/2026/10/31/i.json.gz").as_str(), gzip(delivered(&[insight]))),
        ("copied/111111111111_CloudTrail-Digest_us-west-1_trail_us-west-1_20261031T070000Z.json.gz", gzip(digest.to_string())),
        ("copied/renamed.json", digest.to_string().into_bytes()),
        ("copied/notes.txt", b"not a log".to_vec()),
        ("copied/.hidden.json", b"{".to_vec()),
    ]));
    assert_eq!(pass.ids(), [1]);
    assert_eq!(
        pass.skipped(),
        [("Insight file", 1), ("Insight record", 1), ("digest file", 3), ("not a log file by its name", 2)]
    );
    assert_eq!(pass.coverage.files, 2);
}

#[test]
fn a_record_delivered_twice_counts_once_in_whatever_file_day_or_form() {
    let once = record(1, json!({"sharedEventID": "5c1e7a52-0000-4000-8000-000000000001"}));
    // The two accounts of one call each have a record of their own.
    let other_account = record(2, json!({"sharedEventID": "5c1e7a52-0000-4000-8000-000000000001"}));
    let elsewhen = record(1, json!({"eventTime": "2026-10-30T23:59:59Z"}));
    let folder = folder(&[
        (name("2026/10/31", "a").as_str(), gzip(delivered(&[once.clone(), other_account.clone()]))),
        (name("2026/10/31", "b").as_str(), gzip(delivered(std::slice::from_ref(&once)))),
        (name("2026/11/01", "c").as_str(), gzip(delivered(&[once.clone(), once.clone()]))),
        ("exported.json", json!([elsewhen]).to_string().into_bytes()),
    ]);
    let pass = read(&folder);
    assert_eq!(pass.ids(), [1, 2]);
    assert_eq!((pass.coverage.records, pass.coverage.duplicates), (2, 4));
}

#[test]
fn records_without_an_id_all_count() {
    let nameless = without(record(1, json!({})), &["eventID"]);
    let pass = read(&folder(&[("a.ndjson", lines(&[nameless.clone(), nameless.clone(), nameless]))]));
    assert_eq!((pass.rows.len(), pass.coverage.duplicates), (3, 0));
}

#[test]
fn an_addendum_replaces_its_original_whichever_comes_first() {
    let original = record(1, json!({"errorCode": "AccessDenied"}));
    let addendum = record(
        2,
        json!({
            "eventTime": "2026-10-31T11:00:00Z",
            "addendum": {"reason": "UPDATED_DATA", "updatedFields": "errorCode", "originalEventID": event_id(1)}
        }),
    );
    let [early, late] = ["2026/10/30", "2026/11/01"].map(|day| name(day, "a"));
    for (first, second) in [(&original, &addendum), (&addendum, &original)] {
        let pass = read(&folder(&[
            (early.as_str(), gzip(delivered(std::slice::from_ref(first)))),
            (late.as_str(), gzip(delivered(std::slice::from_ref(second)))),
        ]));
        assert_eq!(pass.ids(), [2]);
        assert_eq!((pass.coverage.records, pass.coverage.replaced, pass.coverage.duplicates), (1, 1, 0));
    }
}

#[test]
fn only_wanted_accounts_and_days_are_opened_and_late_files_are() {
    let at = |n, time: &str| gzip(delivered(&[record(n, json!({"eventTime": time}))]));
    let other_account = name("2026/10/31", "z").replace("111111111111", "222222222222");
    let folder = folder(&[
        (name("2026/10/29", "a").as_str(), at(1, "2026-10-29T12:00:00Z")),
        (name("2026/10/30", "b").as_str(), at(2, "2026-10-29T23:58:00Z")),
        (name("2026/10/30", "c").as_str(), at(3, "2026-10-30T00:00:00Z")),
        (name("2026/10/31", "d").as_str(), at(4, "2026-10-30T23:59:59Z")),
        (name("2026/10/31", "e").as_str(), at(5, "2026-10-31T00:00:00Z")),
        // Files that are not opened may hold anything.
        (name("2026/11/01", "f").as_str(), b"\x1f\x8bdamaged".to_vec()),
        (other_account.as_str(), b"\x1f\x8bdamaged".to_vec()),
    ]);
    let scope = Scope {
        accounts: Some(BTreeSet::from(["111111111111".to_owned()])),
        from: Some(date(2026, 10, 30)),
        to: Some(date(2026, 10, 30)),
        ..Scope::default()
    };
    let pass = pass(&[folder.path().to_str().unwrap()], &scope, Relation::Events);
    assert_eq!(pass.ids(), [3, 4]);
    assert_eq!(pass.skipped(), [("outside the accounts, regions or days asked for", 2)]);
    assert_eq!(pass.coverage.files, 4);
}

#[test]
fn regions_are_judged_by_the_record_and_not_by_the_folder() {
    let regions = Some(BTreeSet::from(["us-east-1".to_owned()]));
    let records = [record(1, json!({"awsRegion": "us-east-1"})), record(2, json!({"awsRegion": "us-west-1"}))];
    let folder = folder(&[(name("2026/10/31", "a").as_str(), gzip(delivered(&records)))]);
    let scope = Scope { regions, ..Scope::default() };
    assert_eq!(pass(&[folder.path().to_str().unwrap()], &scope, Relation::Events).ids(), [1]);
}

#[test]
fn the_coverage_tells_what_is_there_and_which_days_are_not() {
    let at = |n, day: &str, fields: Value| {
        let mut record = record(n, fields);
        record["eventTime"] = json!(format!("{day}T12:00:00Z"));
        record
    };
    let folder = folder(&[
        (name("2026/10/28", "a").as_str(), gzip(delivered(&[at(1, "2026-10-28", json!({}))]))),
        // A late record of the day before the first, and one from a wrong clock, open no gap.
        (name("2026/10/28", "b").as_str(), gzip(delivered(&[at(2, "2026-10-27", json!({})), at(3, "2031-01-01", json!({}))]))),
        (
            name("2026/10/31", "c").as_str(),
            gzip(delivered(&[at(4, "2026-10-31", json!({"eventCategory": "Data", "eventSource": "s3.amazonaws.com"}))])),
        ),
    ]);
    let coverage = read(&folder).coverage;
    assert_eq!((coverage.files, coverage.records), (3, 4));
    assert!(coverage.has_management_events && coverage.has_data_events && !coverage.has_network_activity_events);
    let sources: Vec<_> =
        coverage.data_event_sources.iter().map(|source| (source.event_source.as_str(), source.records)).collect();
    assert_eq!(sources, [("s3.amazonaws.com", 1)]);
    let missing: Vec<_> =
        coverage.days_without_file.iter().map(|missing| (missing.account_id.as_str(), missing.days.clone())).collect();
    assert_eq!(missing, [("111111111111", vec!["2026-10-29".to_owned(), "2026-10-30".to_owned()])]);
    let streams: Vec<_> = coverage
        .streams
        .iter()
        .map(|stream| (stream.category.as_str(), stream.records, stream.first_event.as_deref().unwrap()))
        .collect();
    assert_eq!(streams, [("Data", 1, "2026-10-31T12:00:00Z"), ("Management", 3, "2026-10-27T12:00:00Z")]);
}

#[test]
fn the_examples_of_what_was_skipped_do_not_depend_on_which_worker_met_them() {
    // Delivered in another order than their names.
    let files: Vec<(String, String)> = (0..40)
        .map(|n| {
            (format!("{}_CloudTrail_x_202610{:02}T0000Z_.json", 99 - n, n % 28 + 1), "nonsense\n{\"a\":\n{\"b\":\n".repeat(3))
        })
        .collect();
    let folder = folder(&files.iter().map(|(name, content)| (name.as_str(), content)).collect::<Vec<_>>());
    let first = read(&folder).coverage.skipped;
    for _ in 0..5 {
        assert_eq!(read(&folder).coverage.skipped, first);
    }
    let examples = first.iter().map(|skipped| skipped.examples[0].rsplit_once('/').unwrap().1).collect::<Vec<_>>();
    assert!(examples.iter().all(|example| example.starts_with("60_CloudTrail_x_")), "{examples:?}");
}
