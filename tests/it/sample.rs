//! The generator of sample organizations, and the sample organization in `samples/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use palisade::sample::{Options, SampleError, Summary, generate};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The options with which `samples/` was generated.
fn committed() -> Options {
    Options { events: 20_000, accounts: 10, seed: 2026, days: 14, start: jiff::civil::date(2026, 10, 19), stories: true }
}

fn small() -> Options {
    Options { events: 4_000, days: 5, stories: false, ..committed() }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// The log files of `samples/`, read once.
static COMMITTED: LazyLock<Vec<(String, Vec<Value>)>> = LazyLock::new(|| logs(&samples()));

/// Files below a folder, by their path from there.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn inflated(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

/// The records of each log file; Digest and Insight files hold none.
fn logs(folder: &Path) -> Vec<(String, Vec<Value>)> {
    tree(&folder.join("trail"))
        .into_iter()
        .filter(|(name, _)| !name.contains("/CloudTrail-Digest/") && !name.contains("/CloudTrail-Insight/"))
        .map(|(name, bytes)| {
            let body: Value = serde_json::from_str(&inflated(&bytes)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Some(Value::Array(records)) = body.get("Records").cloned() else { panic!("{name} holds no Records") };
            (name, records)
        })
        .collect()
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or("")
}

fn generated(options: &Options) -> (tempfile::TempDir, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let summary = generate(options, folder.path()).unwrap();
    (folder, summary)
}

fn hash(folder: &Path) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in tree(folder) {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(&bytes);
    }
    format!("{:x}", hash.finalize())
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let options = Options { events: 1_000, days: 3, ..small() };
    let (one, summary) = generated(&options);
    let (two, again) = generated(&options);
    assert_eq!(summary, again);
    assert_eq!(hash(one.path()), hash(two.path()));
    let (other, _) = generated(&Options { seed: 7, ..options });
    assert_ne!(hash(one.path()), hash(other.path()));
}

#[test]
fn there_are_as_many_records_as_asked_for_and_files_are_like_those_of_a_trail() {
    let options = Options { events: 12_000, accounts: 14, days: 5, ..small() };
    let (folder, summary) = generated(&options);
    assert_eq!((summary.records, summary.duplicates, summary.replaced), (12_000, 0, 0));
    let logs = logs(folder.path());
    assert_eq!(u64::try_from(logs.len()).unwrap(), summary.files);
    let ids: BTreeSet<&str> =
        logs.iter().flat_map(|(_, records)| records.iter().map(|record| text(record, "eventID"))).collect();
    assert_eq!(ids.len(), 12_000);

    let mut sizes: Vec<usize> = logs.iter().map(|(_, records)| records.len()).collect();
    sizes.sort_unstable();
    let quantile = |part: usize| sizes[(sizes.len() - 1) * part / 100];
    assert!((3..=8).contains(&quantile(50)), "median {}", quantile(50));
    assert!((16..=80).contains(&quantile(90)), "90 % {}", quantile(90));
    assert!((150..=1_000).contains(&quantile(99)), "99 % {}", quantile(99));
    let average = summary.json_bytes / summary.records;
    assert!((1_200..=1_800).contains(&average), "{average} bytes of JSON for each record");

    let accounts: BTreeSet<&str> = logs.iter().filter_map(|(name, _)| name.split('/').nth(2)).collect();
    assert_eq!(accounts.len(), 14);
    for (name, records) in &logs {
        let parts: Vec<&str> = name.split('/').collect();
        let [_, organization, account, _, region, year, month, day, file] = parts[..] else { panic!("{name}") };
        assert_eq!(organization, "o-palisade01");
        assert!(file.starts_with(&format!("{account}_CloudTrail")) && file.contains(region), "{name}");
        let minute: u32 = file.split('_').rev().nth(1).unwrap().get(11..13).unwrap().parse().unwrap();
        assert_eq!(minute % 5, 0, "{name}");
        for record in records {
            assert_eq!(text(record, "recipientAccountId"), account, "{name}");
            // Files of the first minutes of a day hold records of the day before.
            assert!(text(record, "eventTime") <= format!("{year}-{month}-{day}T24").as_str(), "{name}: {record}");
            assert!(text(record, "eventTime") >= "2026-10-19T00:00:00Z", "{name}");
        }
    }
}

#[test]
fn a_session_carries_the_key_that_its_assume_role_record_issued() {
    let (folder, _) = generated(&small());
    let logs = logs(folder.path());
    let records: Vec<&Value> = logs.iter().flat_map(|(_, records)| records).collect();
    let mut issued: HashMap<&str, &str> = HashMap::new();
    for record in records.iter().filter(|record| text(record, "eventName") == "AssumeRole") {
        issued.insert(record["responseElements"]["credentials"]["accessKeyId"].as_str().unwrap(), text(record, "eventTime"));
    }
    let mut linked = 0;
    let workloads = records.iter().filter(|record| {
        let role = record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"].as_str();
        matches!(role, Some("app-server" | "orders-function" | "deploy" | "security-audit"))
    });
    let mut all = 0;
    for record in workloads {
        all += 1;
        let key = record["userIdentity"]["accessKeyId"].as_str().unwrap();
        let created = record["userIdentity"]["sessionContext"]["attributes"]["creationDate"].as_str().unwrap();
        // Sessions of the first minutes began before the trail does.
        if created < "2026-10-19T00:00:00Z" {
            continue;
        }
        linked += 1;
        assert_eq!(issued.get(key), Some(&created), "{record}");
        assert!(created <= text(record, "eventTime"), "{record}");
    }
    assert!(linked > all * 9 / 10 && linked > 2_000, "{linked} of {all}");
}

#[test]
fn a_call_across_accounts_is_one_request_in_two_trails() {
    let logs = &*COMMITTED;
    let mut shared: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for record in logs.iter().flat_map(|(_, records)| records).filter(|record| seen.insert(text(record, "eventID"))) {
        if let Some(id) = record["sharedEventID"].as_str() {
            shared.entry(id).or_default().push(record);
        }
    }
    let pairs: Vec<&Vec<&Value>> = shared.values().filter(|records| records.len() == 2).collect();
    assert!(pairs.len() > 100, "{}", pairs.len());
    for pair in pairs {
        assert_ne!(pair[0]["eventID"], pair[1]["eventID"]);
        assert_ne!(pair[0]["recipientAccountId"], pair[1]["recipientAccountId"]);
        for same in ["eventTime", "eventName", "sourceIPAddress"] {
            assert_eq!(pair[0][same], pair[1][same], "{same}");
        }
        assert!(pair.iter().any(|record| record["userIdentity"]["type"] == "AWSAccount"), "{pair:?}");
    }
}

#[test]
fn the_shapes_that_trip_readers_are_there() {
    let logs = &*COMMITTED;
    let records: Vec<(&str, &Value)> =
        logs.iter().flat_map(|(name, records)| records.iter().map(move |record| (name.as_str(), record))).collect();
    let has = |what: &str, test: &dyn Fn(&str, &Value) -> bool| {
        assert!(records.iter().any(|(name, record)| test(name, record)), "no record with {what}");
    };
    for kind in [
        "AssumedRole",
        "IAMUser",
        "Root",
        "FederatedUser",
        "AWSService",
        "AWSAccount",
        "IdentityCenterUser",
        "WebIdentityUser",
        "SAMLUser",
    ] {
        has(kind, &|_, record| record["userIdentity"]["type"] == kind);
    }
    has("an anonymous caller without a type", &|_, record| {
        record["userIdentity"]["accountId"] == "anonymous" && record["userIdentity"].get("type").is_none()
    });
    for category in ["Management", "Data", "NetworkActivity"] {
        has(category, &|_, record| record["eventCategory"] == category);
    }
    let received = "bytesTransferredOut";
    has("an integer of bytes", &|_, record| record["additionalEventData"][received].is_u64());
    has("a decimal of bytes", &|_, record| record["additionalEventData"][received].is_f64());
    has("a text of bytes", &|_, record| record["additionalEventData"][received].is_string());
    has("readOnly as a text", &|_, record| record["readOnly"].is_string());
    has("a region other than the folder's", &|name, record| !name.contains(&format!("/{}/", text(record, "awsRegion"))));
    has("a day before the folder's", &|name, record| {
        !name.contains(&text(record, "eventTime").get(..10).unwrap().replace('-', "/"))
    });
    has("an ARN prefix", &|_, record| {
        record["resources"].as_array().is_some_and(|list| list.iter().any(|item| item.get("ARNPrefix").is_some()))
    });
    has("no request parameters", &|_, record| record["requestParameters"].is_null());
    has("AWS Internal", &|_, record| text(record, "sourceIPAddress") == "AWS Internal");
    has("an IPv6 address", &|_, record| text(record, "sourceIPAddress").contains(':'));
    has("markup in the user agent", &|_, record| text(record, "userAgent") == "</script><script>alert(1)</script>");
    has("a formula as bucket name", &|_, record| record["requestParameters"]["bucketName"] == "=HYPERLINK(\"x\")");
    let others = tree(&samples().join("trail"));
    for folder in ["/CloudTrail-Digest/", "/CloudTrail-Insight/", "/CloudTrail-NetworkActivity/"] {
        assert!(others.keys().any(|name| name.contains(folder)), "no file in {folder}");
    }
}

#[test]
fn the_committed_sample_counts_what_it_says() {
    let logs = &*COMMITTED;
    let mut by_id: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (name, records) in logs {
        for record in records {
            by_id.entry(text(record, "eventID")).or_default().push((name, record));
        }
    }
    let twice: Vec<_> = by_id.values().filter(|copies| copies.len() > 1).collect();
    for copies in &twice {
        assert_eq!(copies.len(), 2);
        assert_ne!(copies[0].0, copies[1].0, "both copies are in one file");
        assert_eq!(copies[0].1, copies[1].1);
    }
    // Three days of 15 uploads and the record that issued each session, and 16 downloads with the leaked key.
    assert_eq!(twice.len(), 3 * 16 + 16);
    let addenda: Vec<&Value> =
        by_id.values().map(|copies| copies[0].1).filter(|record| record.get("addendum").is_some()).collect();
    assert_eq!(addenda.len(), 1);
    let original = addenda[0]["addendum"]["originalEventID"].as_str().unwrap();
    assert!(by_id.contains_key(original), "the replaced record is not in the trail");
    assert_eq!(by_id.len() - 1, 20_000);
    let bytes: usize = tree(&samples()).values().map(Vec::len).sum();
    assert!(bytes < 6_000_000, "{bytes} bytes");
}

#[test]
fn the_committed_sample_is_what_the_generator_makes() {
    let (folder, _) = generated(&committed());
    let (made, mut kept) = (tree(folder.path()), tree(&samples()));
    // Candidates to try, written by hand.
    kept.retain(|name, _| !name.starts_with("policies/"));
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&kept));
    // Compressed bytes may differ between versions of the compressor; names, times and contents may not.
    for (name, bytes) in &kept {
        if name.ends_with(".gz") {
            assert_eq!(made[name][..10], bytes[..10], "{name}: header");
            assert_eq!(inflated(&made[name]), inflated(bytes), "{name}");
        } else {
            assert_eq!(String::from_utf8_lossy(&made[name]), String::from_utf8_lossy(bytes), "{name}");
        }
    }
}

#[test]
fn stories_name_queries_verdicts_and_columns_that_exist() {
    let stories: Value = serde_json::from_slice(&std::fs::read(samples().join("stories.json")).unwrap()).unwrap();
    let mut queries: BTreeSet<String> = BTreeSet::new();
    for story in stories.as_array().unwrap() {
        for finding in story["findings"].as_array().unwrap() {
            let query = text(finding, "query");
            queries.insert(query.to_owned());
            let matching = finding["match"].as_object().unwrap();
            // A way in from outside need not be used, and is no call.
            if matching.keys().any(|column| column != "resource_arn") {
                assert!(finding["calls"].as_u64().unwrap() > 0, "{finding}");
                assert!(matching.contains_key("event_name"), "{finding}");
            }
        }
    }
    // The 7 queries for all services, the 7 for Amazon S3 and the 3 about external access: each has a story.
    assert_eq!(queries.len(), 17, "{queries:?}");
    let tales = std::fs::read_to_string(samples().join("STORIES.md")).unwrap();
    for query in &queries {
        assert!(tales.contains(query.as_str()), "STORIES.md does not name {query}");
    }
}

#[test]
fn stories_need_accounts_days_and_events() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        Options { accounts: 9, ..committed() },
        Options { days: 13, ..committed() },
        Options { events: 100, ..committed() },
        Options { accounts: 0, ..small() },
    ] {
        let refused = generate(&options, folder.path());
        assert!(matches!(refused, Err(SampleError::TooFew { .. })), "{options:?}: {refused:?}");
    }
    assert_eq!(tree(folder.path()).len(), 0, "something was written");
}
