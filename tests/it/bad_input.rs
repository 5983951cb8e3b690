//! Bad input: skipped or shown safely, counted, named with file and position; and the rest is still reported.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use palisade::events::files::{Scope, discover};
use palisade::events::reader::{Buffers, Problem, Reader, Visitor};
use palisade::events::record::Record;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Palisade, Pass, add, delivered, folder, gzip, lines, read, record};

const CORRUPT: &str = "corrupt or truncated gzip, read up to there";
const CUT: &str = "ends in the middle of a record";
const NOT_JSON: &str = "not valid JSON";
const NOT_CLOUDTRAIL: &str = "not a CloudTrail record";

/// `n` records whose text compresses as badly as that of real ones does.
fn records(count: u32) -> Vec<Value> {
    (0..count)
        .map(|n| record(n, json!({"requestID": format!("{:016x}", u64::from(n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))})))
        .collect()
}

/// The examples of a reason, as file name and position.
fn places(pass: &Pass, reason: &str) -> Vec<String> {
    let skipped = pass.coverage.skipped.iter().find(|skipped| skipped.reason == reason);
    let short = |example: &String| example.rsplit('/').next().unwrap_or_default().to_owned();
    skipped.map(|skipped| skipped.examples.iter().map(short).collect()).unwrap_or_default()
}

#[test]
fn what_lies_before_the_damage_of_a_gzip_file_is_kept() {
    let text = delivered(&records(200));
    let whole = gzip(&text);
    for part in [2, 3, 10] {
        let cut = &whole[..whole.len() - whole.len() / part];
        let pass = read(&folder(&[("cut.json.gz", cut), ("other.json.gz", &gzip(delivered(&[record(999, json!({}))])))]));
        // As many records as the inflated part holds, worked out with another decoder.
        let mut inflated = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(cut), &mut inflated).unwrap_err();
        let complete = String::from_utf8_lossy(&inflated).matches(r#""eventCategory":"Management"}"#).count() as u32;
        assert!(complete > 50, "{complete}");
        assert_eq!(pass.ids(), (0..complete).chain([999]).collect::<Vec<_>>(), "cut by one part in {part}");
        assert_eq!(pass.skipped(), [(CORRUPT, 1), (CUT, 1)]);
        assert_eq!(places(&pass, CORRUPT), [format!("cut.json.gz:{}", inflated.len())]);
    }
}

#[test]
fn a_damaged_block_ends_a_gzip_file_and_not_before() {
    // Stored blocks: what is behind the damage is not compressed, so it is known what is before it.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(delivered(&records(100)).as_bytes()).unwrap();
    let mut content = gzip.finish().unwrap();
    // A stored block begins with its kind and its length, which it says twice.
    let is_block = |at: &usize| {
        let block = &content[*at..at + 5];
        block[0] & 0xFE == 0 && block[1] == !block[3] && block[2] == !block[4] && (block[1], block[2]) != (0, 0)
    };
    let second = (1_000..content.len() - 1_000).find(is_block).unwrap();
    content[second] = 0x07;
    let pass = read(&folder(&[("a.json.gz", content)]));
    let kept = pass.ids().len();
    assert!(kept > 10 && kept < 100, "{kept}");
    assert_eq!(pass.ids(), (0..kept as u32).collect::<Vec<_>>());
    assert_eq!(pass.skipped(), [(CORRUPT, 1), (CUT, 1)]);
}

#[test]
fn a_wrong_checksum_is_said_and_the_records_are_kept() {
    let mut content = gzip(delivered(&records(3)));
    let checksum = content.len() - 8;
    content[checksum] ^= 1;
    let pass = read(&folder(&[("a.json.gz", content)]));
    assert_eq!((pass.ids(), pass.skipped()), (vec![0, 1, 2], vec![(CORRUPT, 1)]));
    // Rubbish behind a file is damage too; the file itself is not.
    let pass = read(&folder(&[("a.json.gz", [gzip(delivered(&records(3))), b"rubbish".to_vec()].concat())]));
    assert_eq!((pass.ids(), pass.skipped()), (vec![0, 1, 2], vec![(CORRUPT, 1)]));
}

#[test]
fn any_wrong_bit_of_a_gzip_file_costs_no_more_than_the_file() {
    let content = gzip(delivered(&records(20)));
    let folder = TempDir::new().unwrap();
    add(&folder, "whole.json", delivered(&[record(999, json!({}))]));
    for at in 0..content.len() {
        let mut damaged = content.clone();
        damaged[at] ^= 1 << (at % 8);
        add(&folder, &format!("{at:05}.json.gz"), damaged);
    }
    let pass = read(&folder);
    assert!(pass.rows.iter().any(|row| row.get("event_id") == record(999, json!({}))["eventID"].as_str()));
    assert_eq!(pass.coverage.files, 1 + content.len() as u64);
    // Nearly every one is noticed: not the name and time of the header.
    let noticed = pass.coverage.skipped.iter().find(|skipped| skipped.reason == CORRUPT).unwrap().count;
    assert!(noticed > content.len() as u64 / 2, "{noticed} of {}", content.len());
}

#[test]
fn invalid_json_in_the_middle_costs_one_record_however_the_file_is_written() {
    let good = records(6);
    let sorted = |record: &Value| {
        let members: std::collections::BTreeMap<String, Value> =
            record.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        serde_json::to_value(members).unwrap()
    };
    let one_line = |records: &[Value]| delivered(records);
    let by_line = |records: &[Value]| lines(records);
    let pretty = |records: &[Value]| serde_json::to_string_pretty(&json!({ "Records": records })).unwrap();
    let sorted_line = |records: &[Value]| json!({"Records": records.iter().map(sorted).collect::<Vec<_>>()}).to_string();
    let sorted_pretty =
        |records: &[Value]| serde_json::to_string_pretty(&records.iter().map(sorted).collect::<Vec<_>>()).unwrap();
    type Form<'a> = (&'a str, &'a dyn Fn(&[Value]) -> String);
    let forms: [Form<'_>; 5] = [
        ("one line", &one_line),
        ("by line", &by_line),
        ("pretty", &pretty),
        ("sorted", &sorted_line),
        ("sorted and pretty", &sorted_pretty),
    ];
    // Something in the third record that is no JSON.
    let damages = [
        ("\"eventName\"", "eventName"),
        ("\"DescribeInstances\"", "Describe Instances"),
        ("\"DescribeInstances\"", "\"DescribeInstances"),
        ("\"DescribeInstances\"", "}"),
    ];
    for (form, write) in forms {
        let text = write(&good);
        for (from, to) in damages {
            let third = text.match_indices(from).nth(2).unwrap().0;
            let damaged = [&text[..third], to, &text[third + from.len()..]].concat();
            let folder = folder(&[("a.json", &damaged)]);
            let pass = read(&folder);
            let kept = pass.ids();
            assert!([0, 1, 4, 5].iter().all(|id| kept.contains(id)), "{form}, {to:?}: {kept:?}");
            let lost = !kept.contains(&2);
            let place = places(&pass, NOT_JSON).first().map(|place| place["a.json:".len()..].parse::<usize>().unwrap());
            // The position is where the text stops being JSON: from the damage on, within the record or the next.
            if lost {
                let place = place.unwrap();
                assert!(place >= third && place < third + 2_000, "{form}, {to:?}: damage at {third}, named {place}");
            }
            assert_eq!(read(&folder).rows, pass.rows);
            // The same file, large: read piece by piece.
            let compressed = read(&crate::support::folder(&[("a.json.gz", [gzip(&damaged), gzip("")].concat())]));
            assert_eq!(compressed.rows, pass.rows);
        }
    }
}

#[test]
fn a_line_that_opens_brackets_and_never_closes_them_costs_itself() {
    let good = lines(&records(4));
    let lines: Vec<&str> = good.lines().collect();
    let cut = |line: &str| line[..line.find("\"maxResults\":5").unwrap()].to_owned();
    let text = [lines[0], &cut(lines[1]), lines[2], lines[3], ""].join("\n");
    for content in [text.clone().into_bytes(), [gzip(&text), gzip("")].concat()] {
        let pass = read(&folder(&[("a.ndjson", content)]));
        assert_eq!(pass.ids(), [0, 2, 3]);
        assert_eq!(places(&pass, CUT), [format!("a.ndjson:{}", lines[0].len() + 1)]);
    }
}

#[test]
fn a_record_of_a_mebibyte_is_a_record_and_one_of_21_is_none() {
    let large = |n, size| record(n, json!({"requestParameters": {"key": "x".repeat(size)}}));
    let content = lines(&[record(1, json!({})), large(2, 1 << 20), large(3, 21 << 20), record(4, json!({}))]);
    for (name, content) in [("a.ndjson", content.clone().into_bytes()), ("a.ndjson.gz", [gzip(&content), gzip("")].concat())] {
        let pass = read(&folder(&[(name, content)]));
        let whole_in_memory = name == "a.ndjson";
        // A plain file that fits into memory is not read piece by piece, so nothing is too long there.
        if whole_in_memory {
            assert_eq!((pass.ids(), pass.skipped()), (vec![1, 2, 3, 4], vec![]));
        } else {
            assert_eq!((pass.ids(), pass.skipped()), (vec![1, 2, 4], vec![("record longer than 16 MiB", 1)]));
        }
        assert_eq!(pass.rows[1].get("request_parameters").unwrap().len(), (1 << 20) + r#"{"key":""}"#.len());
    }
}

/// A gzip file that expands to `pieces` times 4 MiB of one byte, behind a beginning.
fn bomb(beginning: &str, byte: u8, pieces: u32) -> Vec<u8> {
    let compressed = |text: &[u8], flush| {
        let mut out = Vec::with_capacity(1 << 16);
        let mut deflate = Compress::new(Compression::best(), false);
        while deflate.total_in() < text.len() as u64 || out.len() == out.capacity() {
            out.reserve(1 << 16);
            deflate.compress_vec(&text[deflate.total_in() as usize..], &mut out, flush).unwrap();
        }
        out
    };
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    file.extend(compressed(beginning.as_bytes(), FlushCompress::Full));
    // After a full flush nothing refers back, so the same piece can stand there many times.
    let piece = compressed(&vec![byte; 4 << 20], FlushCompress::Full);
    (0..pieces).for_each(|_| file.extend(&piece));
    file.extend([3, 0]);
    // Nobody reads so far as to miss the checksum.
    file.extend([0; 4]);
    file.extend((pieces.wrapping_mul(4 << 20).wrapping_add(beginning.len() as u32)).to_le_bytes());
    file
}

#[test]
fn a_decompression_bomb_ends_early_and_the_other_files_are_read() {
    let beginning = delivered(&[record(1, json!({}))]);
    for (byte, expands) in [(0, "nul"), (b' ', "blank")] {
        // 10 GiB in a file of 10 MB.
        let folder = folder(&[
            ("bomb.json.gz", bomb(&beginning, byte, 2_560)),
            ("good.json.gz", gzip(delivered(&[record(2, json!({}))]))),
        ]);
        let started = Instant::now();
        let pass = read(&folder);
        assert!(started.elapsed() < Duration::from_secs(30), "{expands}: {:?}", started.elapsed());
        assert_eq!(pass.ids(), [1, 2], "{expands}");
        let place = &places(&pass, "expands more than 100 times, read up to there")[0];
        let position: u64 = place.strip_prefix("bomb.json.gz:").unwrap().parse().unwrap();
        assert!(position < 64 << 20, "{expands}: {position}");
    }
}

#[test]
fn the_memory_for_a_bomb_is_bounded() {
    struct Ignore;
    impl Visitor for Ignore {
        fn record(&mut self, _: &Record<'_>, _: &[u8]) {}
        fn problem(&mut self, _: Problem) {}
    }
    let folder = folder(&[("bomb.json.gz", bomb("{\"eventVersion\":\"", b'x', 2_560))]);
    let file = &discover(&[folder.path().display().to_string()], &Scope::default()).unwrap().files[0];
    let mut buffers = Buffers::default();
    let (_, _, mut reader) = Reader::open(file, &mut buffers).unwrap();
    while reader.read(1, &mut Ignore) {
        assert!(reader.held() < 64 << 20, "{} bytes", reader.held());
    }
}

#[test]
fn odd_files_are_named_and_the_rest_is_read() {
    let folder = folder(&[
        ("good.json", delivered(&[record(1, json!({}))]).into_bytes()),
        ("empty.json", Vec::new()),
        ("empty.json.gz", Vec::new()),
        ("empty-inside.json.gz", gzip("")),
        ("nothing.json", b"{\"Records\":[]}".to_vec()),
        ("blank.json", b" \n\n ".to_vec()),
        ("header-only.json.gz", vec![0x1F, 0x8B]),
        ("null.json", b"null".to_vec()),
        ("other.json", b"{\"hello\":\"world\"}".to_vec()),
        ("utf16.json", "\u{feff}{\"Records\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ]);
    // A folder may have the name of a file, and a link may point nowhere.
    std::fs::create_dir(folder.path().join("folder.json.gz")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.json.gz")).unwrap();
    let pass = read(&folder);
    assert_eq!(pass.ids(), [1]);
    let mut expected = vec![(CORRUPT, 1), ("empty file", 2), (NOT_CLOUDTRAIL, 1), (NOT_JSON, 2)];
    if cfg!(unix) {
        expected.insert(2, ("file or folder that cannot be read", 1));
        assert_eq!(places(&pass, "file or folder that cannot be read"), ["dangling.json.gz"]);
    }
    assert_eq!(pass.skipped(), expected);
    assert_eq!(places(&pass, NOT_JSON), ["null.json:0", "utf16.json:0"]);
    assert_eq!(places(&pass, "empty file"), ["empty.json", "empty.json.gz"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_vanishes_or_cannot_be_opened_is_named() {
    let folder = folder(&[("a.json", delivered(&[record(1, json!({}))]))]);
    let locations = [folder.path().join("a.json").display().to_string()];
    let mut discovery = discover(&locations, &Scope::default()).unwrap();
    std::fs::remove_file(folder.path().join("a.json")).unwrap();
    std::fs::create_dir(folder.path().join("a.json")).unwrap();
    let files = std::sync::Arc::new(std::mem::take(&mut discovery.files));
    let scan =
        palisade::events::scan::Scan::new(files, Scope::default(), Default::default(), Default::default(), Default::default());
    let scan = std::sync::Arc::new(scan);
    let relation = palisade::events::rows::Relation::Events;
    let mut worker = palisade::events::scan::Worker::new(std::sync::Arc::clone(&scan), relation, &[]);
    assert!(worker.next_batch().unwrap().is_none());
    let coverage = scan.coverage().finish((None, None));
    assert_eq!(coverage.skipped[0].reason, "cannot be read");
    assert!(coverage.skipped[0].examples[0].contains("a.json: "), "{:?}", coverage.skipped[0].examples);
}

#[test]
fn fields_of_the_wrong_type_and_strange_bytes_cost_nothing_but_themselves() {
    let wrong = json!({
        "eventVersion": 1.11, "eventID": record(1, json!({}))["eventID"], "eventName": 7, "eventSource": true, "awsRegion": {}, "eventTime": [],
        "userIdentity": [1], "resources": "none", "requestParameters": "none", "recipientAccountId": 111111111111u64,
        "sourceIPAddress": null, "readOnly": 1, "tlsDetails": [[]], "addendum": "no"
    });
    let strange = record(2, json!({"userAgent": "NUL", "errorMessage": "BYTES", "eventTime": "9999-12-31T23:59:59Z"}));
    let mut text = lines(&[wrong, strange, record(3, json!({"eventTime": "0001-01-01T00:00:00Z"}))]).into_bytes();
    let mut put = |from: &[u8], to: &[u8]| {
        let at = text.windows(from.len()).position(|window| window == from).unwrap();
        text.splice(at..at + from.len(), to.iter().copied());
    };
    put(b"NUL", b"a\0b");
    put(b"BYTES", b"\xff\xfe\xc3(");
    let pass = read(&folder(&[("a.ndjson", text)]));
    assert_eq!(pass.ids(), [1, 2, 3]);
    pass.rows[0].has(&[
        ("event_name", Some("7")),
        ("event_source", Some("true")),
        ("region", None),
        ("event_time", None),
        ("account_id", Some("111111111111")),
        ("principal_type", None),
        ("resources", None),
        ("read_only", None),
    ]);
    pass.rows[1].has(&[("user_agent", Some("a\0b")), ("error_message", Some("\u{fffd}\u{fffd}\u{fffd}("))]);
    pass.rows[2].has(&[("event_time", Some("0001-01-01T00:00:00Z"))]);
}

/// Everything that a name in a log can do to the reader of a report, in calls that a query finds.
fn hostile() -> Vec<Value> {
    let denied = |n, fields: Value| {
        let mut record = record(
            n,
            json!({"errorCode": "AccessDenied", "errorMessage": "not authorized", "eventSource": "s3.amazonaws.com", "eventName": "ListObjects"}),
        );
        for (key, value) in fields.as_object().unwrap() {
            record[key] = value.clone();
        }
        record
    };
    vec![
        denied(1, json!({"userAgent": "</script><script>alert(1)</script>"})),
        denied(2, json!({"requestParameters": {"bucketName": "=HYPERLINK(\"x\")"}})),
        denied(
            3,
            json!({"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/\u{1b}[31m\0<img src=x>", "accountId": "111111111111"}}),
        ),
        denied(4, json!({"eventTime": "9999-12-28T23:59:59Z", "eventName": "GetBucketAcl"})),
        denied(5, json!({"eventTime": "0001-01-01T00:00:00Z", "eventName": "GetBucketPolicy"})),
        denied(6, json!({"eventName": "x".repeat(70_000)})),
    ]
}

#[test]
fn what_a_log_holds_steers_no_browser_no_spreadsheet_and_no_terminal() {
    let folder = folder(&[
        ("logs/a.json", delivered(&hostile()).into_bytes()),
        ("logs/damaged.json.gz", gzip(delivered(&records(50)))[..900].to_vec()),
    ]);
    let arguments = [
        "run",
        "--events",
        "logs",
        "--query",
        "common_only_denied",
        "--output",
        "report",
        "--format",
        "html,xlsx,json,csv,ndjson,parquet",
    ];
    let finished = Palisade::in_folder(&folder).run(&arguments).ends_with(4);
    assert!(!finished.out.contains(['\u{1b}', '\0']), "{}", finished.out);
    assert!(!finished.err.contains(['\u{1b}', '\0']), "{}", finished.err);
    assert!(
        finished.out.contains("damaged.json.gz") || finished.err.contains("damaged.json.gz"),
        "{}\n{}",
        finished.out,
        finished.err
    );
    let report = |name: &str| std::fs::read(folder.path().join("report").join(name)).unwrap();
    let html = String::from_utf8(report("report.html")).unwrap();
    assert!(!html.contains("<script>alert(1)") && !html.contains("<img src=x>"));
    let json: Value = serde_json::from_slice(&report("report.json")).unwrap();
    let json = json.to_string();
    assert!(json.contains("9999-12-28T23:59:59Z") && json.contains("0001-01-01T00:00:00Z"), "years are lost");
    assert!(json.contains("=HYPERLINK(\\\"x\\\")"), "a program reads what was logged");
    let csv = String::from_utf8(report("findings.csv")).unwrap();
    let mut cells = csv.split(['\n', ',']).map(|cell| cell.trim_start_matches('"'));
    assert!(cells.all(|cell| !cell.starts_with(['=', '+', '@', '\t'])), "{csv}");
    assert!(report("report.xlsx").starts_with(b"PK") && report("findings.parquet").starts_with(b"PAR1"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_program_needs_little_memory_for_a_bomb_and_reports_the_rest() {
    let folder = folder(&[
        ("logs/bomb.json.gz", bomb("{\"Records\":[{\"eventVersion\":\"", b'x', 2_560)),
        ("logs/good.json", delivered(&hostile()[..1]).into_bytes()),
    ]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -v 2097152 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_palisade")]);
    let arguments = ["run", "--events", "logs", "--query", "common_only_denied", "--output", "report", "--format", "json"];
    let finished = Palisade::started_by(limited, &folder).run(&arguments).ends_with(4);
    assert!(finished.out.contains("expands more than 100 times"), "{}", finished.out);
}
