//! Every format but HTML: the same numbers, typed cells, and nothing that a caller can smuggle in.

use std::collections::BTreeMap;
use std::fs::File;

use palisade::report::model::{
    AccountSummary, Cell, ColumnSpec, ColumnType, Coverage, ExceptionStatus, Manifest, QuerySummary, Report, SCHEMA_VERSION,
    Severity, Skipped, Stream, Table, TableBuilder, Verdict, Warning,
};
use palisade::report::{csv, json, parquet, summary, terminal, xlsx};
use proptest::prelude::*;

/// A finding as name and value of the text columns, and its calls.
type Row<'a> = (&'a [(&'a str, &'a str)], i64);

fn table(rows: &[Row<'_>]) -> Table {
    let mut builder = TableBuilder::new();
    for (texts, calls) in rows {
        builder.push(|column: &ColumnSpec| match column.column_type {
            ColumnType::Text => {
                texts.iter().find(|(name, _)| *name == column.name).map_or(Cell::Null, |(_, value)| Cell::Text(value))
            }
            ColumnType::Integer => Cell::Integer(*calls),
            // 2026-11-01T00:00:00Z
            ColumnType::Time => Cell::Time(1_793_491_200_000),
        });
    }
    builder.finish()
}

fn query(name: &str, perimeter: &str, first_row: usize, rows: usize) -> QuerySummary {
    QuerySummary {
        name: name.to_owned(),
        title: format!("Title of {name}"),
        perimeter: perimeter.to_owned(),
        sql: "SELECT account_id\nFROM events".to_owned(),
        first_row,
        rows,
        ..QuerySummary::default()
    }
}

fn report(queries: Vec<QuerySummary>, findings: Table) -> Report {
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        run_id: "0123456789abcdef".to_owned(),
        title: "Example organization".to_owned(),
        tool_version: "0.1.0".to_owned(),
        generated_at: "2026-11-15T06:00:00Z".to_owned(),
        queries,
        ..Manifest::default()
    };
    Report { manifest, findings }
}

/// Three queries, six findings, three callers, two accounts.
fn example() -> Report {
    let app = "arn:aws:iam::111111111111:role/app";
    let findings = table(&[
        (
            &[
                ("query", "s3_scp_resource_perimeter"),
                ("perimeter", "resource"),
                ("verdict", "crosses_perimeter"),
                ("account_id", "011111111111"),
                ("principal_arn", app),
                ("event_source", "s3.amazonaws.com"),
            ],
            1_000,
        ),
        (
            &[
                ("query", "s3_scp_resource_perimeter"),
                ("perimeter", "resource"),
                ("verdict", "crosses_perimeter"),
                ("account_id", "222222222222"),
                ("principal_arn", app),
                ("event_source", "s3.amazonaws.com"),
            ],
            5,
        ),
        (
            &[
                ("query", "s3_scp_resource_perimeter"),
                ("perimeter", "resource"),
                ("verdict", "undetermined"),
                ("settled_by", "the owner of the bucket"),
                ("account_id", "222222222222"),
                ("principal_id", "AROAEXAMPLE"),
                ("event_source", "s3.amazonaws.com"),
            ],
            7,
        ),
        (
            &[
                ("query", "common_from_public_cidr_ipv4"),
                ("perimeter", "network"),
                ("verdict", "crosses_perimeter"),
                ("account_id", "011111111111"),
                ("principal_account_id", "anonymous"),
                ("event_source", "sts.amazonaws.com"),
            ],
            20,
        ),
        (
            &[
                ("query", "common_from_public_cidr_ipv4"),
                ("perimeter", "network"),
                ("verdict", "excepted"),
                ("account_id", "011111111111"),
                ("principal_arn", app),
                ("event_source", "sts.amazonaws.com"),
            ],
            3,
        ),
        // A verdict of a version that is not this one proves nothing.
        (
            &[
                ("query", "common_from_public_cidr_ipv4"),
                ("perimeter", "network"),
                ("verdict", "certainly_fine"),
                ("account_id", "011111111111"),
                ("event_source", "sts.amazonaws.com"),
            ],
            2,
        ),
    ]);
    let queries = vec![
        query("s3_scp_resource_perimeter", "resource", 0, 3),
        query("common_only_denied", "none", 3, 0),
        query("common_from_public_cidr_ipv4", "network", 3, 3),
    ];
    let mut report = report(queries, findings);
    report.manifest.accounts = vec![AccountSummary {
        account_id: "011111111111".to_owned(),
        name: Some("workload".to_owned()),
        organizational_unit: None,
    }];
    report.manifest.warnings = vec![
        Warning {
            severity: Severity::Blind,
            code: "no-s3-data-events".to_owned(),
            message: "No S3 data events in these logs: object-level calls cannot be judged.".to_owned(),
            help: Some("Log S3 data events on the organization trail.".to_owned()),
        },
        Warning {
            severity: Severity::Notice,
            code: "slack".to_owned(),
            message: "A day of slack was read.".to_owned(),
            help: None,
        },
    ];
    report.manifest.exceptions = vec![ExceptionStatus {
        id: "old-etl".to_owned(),
        owner: "joe@example.com".to_owned(),
        reason: "moves in spring".to_owned(),
        expires: Some("2026-01-31".to_owned()),
        status: "expired".to_owned(),
        findings: 1,
        calls: 20,
    }];
    report.manifest.coverage = Coverage {
        files: 2,
        records: 20_111,
        duplicates: 1,
        skipped: vec![Skipped { reason: "digest file".to_owned(), unit: "file".to_owned(), count: 3, examples: Vec::new() }],
        streams: vec![Stream {
            account_id: "011111111111".to_owned(),
            region: "eu-central-1".to_owned(),
            category: "Management".to_owned(),
            records: 20_111,
            first_event: Some("2026-11-01T00:00:01Z".to_owned()),
            last_event: Some("2026-11-14T23:59:59Z".to_owned()),
        }],
        ..Coverage::default()
    };
    report
}

#[test]
fn summary_counts_principals_and_accounts_once_and_doubts_unknown_verdicts() {
    let summary = summary::summarize(&example());
    let tally = |findings, calls, principals, accounts| summary::Tally { findings, calls, principals, accounts };
    // The last finding hides its caller, so it adds no principal.
    assert_eq!(summary.total, tally(6, 1_037, 3, 2));
    assert_eq!(summary.crossing, tally(3, 1_025, 2, 2));
    assert_eq!(summary.undetermined, tally(2, 9, 1, 2));
    let verdicts: Vec<_> = summary.verdicts.iter().map(|entry| (entry.verdict, entry.tally.calls)).collect();
    assert_eq!(verdicts, [(Verdict::CrossesPerimeter, 1_025), (Verdict::Undetermined, 9), (Verdict::Excepted, 3)]);
    let perimeters: Vec<_> =
        summary.perimeters.iter().map(|entry| (entry.perimeter.as_str(), entry.verdict, entry.tally.calls)).collect();
    assert_eq!(
        perimeters,
        [
            ("resource", Verdict::CrossesPerimeter, 1_005),
            ("resource", Verdict::Undetermined, 7),
            ("network", Verdict::CrossesPerimeter, 20),
            ("network", Verdict::Undetermined, 2),
            ("network", Verdict::Excepted, 3),
        ]
    );
    let principals: Vec<_> = summary.top_principals.iter().map(|entry| (entry.name.as_str(), entry.calls)).collect();
    assert_eq!(principals, [("arn:aws:iam::111111111111:role/app", 1_005), ("anonymous", 20)]);
    let accounts: Vec<_> =
        summary.top_accounts.iter().map(|entry| (entry.name.as_str(), entry.label.as_deref(), entry.calls)).collect();
    assert_eq!(accounts, [("011111111111", Some("workload"), 1_020), ("222222222222", None, 5)]);
    let settled: Vec<_> = summary.settled_by.iter().map(|group| (group.settled_by.as_deref(), group.tally.calls)).collect();
    assert_eq!(settled, [(Some("the owner of the bucket"), 7), (None, 2)]);
    assert_eq!(summary.queries.iter().map(|query| query.tally.findings).collect::<Vec<_>>(), [3, 0, 3]);
    assert_eq!((summary.blind.len(), summary.notices.len()), (1, 1));
}

#[test]
fn times_are_rfc3339_to_the_end_of_the_calendar_and_honest_beyond() {
    assert_eq!(json::rfc3339(1_793_491_200_000), "2026-11-01T00:00:00Z");
    assert_eq!(json::rfc3339(1_793_491_200_007), "2026-11-01T00:00:00.007Z");
    assert_eq!(json::rfc3339(-1), "1969-12-31T23:59:59.999Z");
    assert_eq!(json::rfc3339(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
    assert_eq!(json::rfc3339(253_402_300_800_000), "253402300800000 ms since 1970");
    assert_eq!(json::rfc3339(i64::MIN), "-9223372036854775808 ms since 1970");
}

#[test]
fn json_document_has_every_column_of_every_finding() {
    let report = example();
    let mut bytes = Vec::new();
    json::write(&report, &mut bytes).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(serde_json::from_value::<Manifest>(document["manifest"].clone()).unwrap(), report.manifest);
    assert_eq!(document["summary"]["crossing"]["calls"], 1_025);
    let queries = document["queries"].as_array().unwrap();
    assert_eq!(queries.iter().map(|query| query["findings"].as_array().unwrap().len()).collect::<Vec<_>>(), [3, 0, 3]);
    let finding = &queries[0]["findings"][0];
    assert_eq!(finding.as_object().unwrap().len(), palisade::report::model::FINDING_COLUMNS.len());
    assert_eq!(finding["account_id"], "011111111111");
    assert_eq!(finding["event_count"], 1_000);
    assert_eq!(finding["last_seen"], "2026-11-01T00:00:00Z");
    assert_eq!(finding["error_code"], serde_json::Value::Null);
}

#[test]
fn ndjson_keeps_hostile_text_on_its_line() {
    let report = report(
        vec![query("q", "none", 0, 2)],
        table(&[(&[("user_agent", "a\nb\u{2028}\0\"</script>")], 1), (&[("user_agent", "plain")], 2)]),
    );
    let mut bytes = Vec::new();
    json::write_ndjson(&report, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["user_agent"], "a\nb\u{2028}\0\"</script>");
}

#[test]
fn csv_neutralizes_formulas_unless_raw() {
    let hostile = ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "a=1", "'quoted", "line\nbreak, comma"];
    let rows: Vec<[(&str, &str); 1]> = hostile.iter().map(|text| [("user_agent", *text)]).collect();
    let rows: Vec<Row<'_>> = rows.iter().map(|row| (row.as_slice(), -1)).collect();
    let report = report(vec![query("q", "none", 0, rows.len())], table(&rows));
    for raw in [false, true] {
        let mut bytes = Vec::new();
        csv::write(&report, csv::Options { raw }, &mut bytes).unwrap();
        assert!(bytes.ends_with(b"\r\n"));
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let column = reader.headers().unwrap().iter().position(|name| name == "user_agent").unwrap();
        let count = reader.headers().unwrap().iter().position(|name| name == "event_count").unwrap();
        let read: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        for (record, original) in read.iter().zip(hostile) {
            let safe = original.starts_with(|c: char| c.is_alphabetic() || c == '\'');
            let expected = if raw || safe { original.to_owned() } else { format!("'{original}") };
            assert_eq!(&record[column], expected, "raw: {raw}");
            // A number is no text: a negative one stays a number.
            assert_eq!(&record[count], "-1");
        }
        assert_eq!(read.len(), hostile.len());
    }
}

fn through_parquet(table: &Table) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.parquet");
    parquet::write(table, File::create(&path).unwrap()).unwrap();
    parquet::read(File::open(&path).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parquet_gives_back_the_same_table(
        rows in prop::collection::vec((any::<Option<String>>(), prop::option::of("[a-c]?"), any::<Option<i64>>(), any::<Option<i64>>()), 0..40)
    ) {
        let mut builder = TableBuilder::new();
        for (free, short, number, time) in &rows {
            builder.push(|column| match column.column_type {
                ColumnType::Integer => number.map_or(Cell::Null, Cell::Integer),
                ColumnType::Time => time.map_or(Cell::Null, Cell::Time),
                ColumnType::Text => {
                    let text = if column.name.len() % 2 == 0 { free } else { short };
                    text.as_deref().map_or(Cell::Null, Cell::Text)
                }
            });
        }
        let table = builder.finish();
        prop_assert_eq!(through_parquet(&table), table);
    }
}

#[test]
fn parquet_keeps_dictionaries_over_several_row_groups() {
    let mut builder = TableBuilder::new();
    for row in 0..140_000_i64 {
        let text = format!("value {}", row % 70_001);
        builder.push(|column| match column.name {
            "reason" => Cell::Text(&text),
            "event_count" => Cell::Integer(row),
            _ => Cell::Null,
        });
    }
    let table = builder.finish();
    assert_eq!(through_parquet(&table), table);
}

/// The parts of a workbook by name, each unpacked.
fn parts(bytes: &[u8]) -> BTreeMap<String, String> {
    let word =
        |at: usize, size: usize| bytes[at..at + size].iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    // End of central directory: number of entries at 10, offset of the first at 16.
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let (mut at, mut parts) = (word(end + 16, 4), BTreeMap::new());
    for _ in 0..word(end + 10, 2) {
        let (size, name_length) = (word(at + 20, 4), word(at + 28, 2));
        let name = String::from_utf8(bytes[at + 46..at + 46 + name_length].to_vec()).unwrap();
        let local = word(at + 42, 4);
        let start = local + 30 + word(local + 26, 2) + word(local + 28, 2);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::DeflateDecoder::new(&bytes[start..start + size]), &mut text).unwrap();
        parts.insert(name, text);
        at += 46 + name_length + word(at + 30, 2) + word(at + 32, 2);
    }
    parts
}

fn workbook(report: &Report, options: &xlsx::Options) -> Vec<u8> {
    let mut bytes = Vec::new();
    xlsx::write(report, options, &mut bytes).unwrap();
    bytes
}

fn sheet_names(parts: &BTreeMap<String, String>) -> Vec<String> {
    parts["xl/workbook.xml"].split("<sheet name=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn workbook_cells_are_typed_and_text_never_runs() {
    let report = report(
        vec![query("q", "none", 0, 1)],
        table(&[(
            &[("account_id", "011111111111"), ("user_agent", "=HYPERLINK(\"x\")"), ("reason", "bell\u{7} and null\0")],
            42,
        )]),
    );
    let bytes = workbook(&report, &xlsx::Options::default());
    assert_eq!(bytes, workbook(&report, &xlsx::Options::default()), "the same report gives the same bytes");
    let parts = parts(&bytes);
    let sheet = &parts["xl/worksheets/sheet2.xml"];
    assert!(parts.iter().all(|(name, text)| !name.contains("sheet") || !text.contains("<f>")), "no sheet has a formula");
    assert!(sheet.contains("t=\"inlineStr\"><is><t>011111111111</t>"), "an account id is text");
    assert!(sheet.contains("<t>=HYPERLINK(\"x\")</t>"));
    assert!(sheet.contains("bell\u{2407} and null\u{2400}"));
    // first_seen: 2026-11-01 is day 46327 of Excel.
    assert!(sheet.contains("<v>42</v>"));
    assert!(sheet.contains("<v>46327</v>"));
    assert!(sheet.contains(&one_finding()));
    assert!(sheet.contains("xSplit=\"4\" ySplit=\"1\""), "header and the columns up to the verdict are frozen");
    assert!(parts["docProps/core.xml"].contains("2026-11-15T06:00:00Z"));
}

#[test]
fn workbook_sheets_of_similar_queries_do_not_collide() {
    let names = [
        "s3_bucket_policy_identity_perimeter_org_boundary",
        "s3_bucket_policy_identity_perimeter_ou_boundary",
        "s3_vpce_policy_resource_perimeter_account_to_not_mine",
        "s3_vpce_policy_resource_perimeter_org_to_not_mine",
        "S3_vpce_policy_resource_perimeter_org_to_not_mine",
        "a_query_whose_name_begins_and_x_ends_in_the_same_letters",
        "a_query_whose_name_begins_and_y_ends_in_the_same_letters",
        "summary",
        "folder/[odd]:name?*",
    ];
    let queries = names.iter().map(|name| query(name, "none", 0, 0)).collect();
    let found = sheet_names(&parts(&workbook(&report(queries, table(&[])), &xlsx::Options::default())));
    assert_eq!(
        found,
        [
            "Summary",
            "s3_bucket_polic…er_org_boundary",
            "s3_bucket_polic…ter_ou_boundary",
            "s3_vpce_policy_…unt_to_not_mine",
            "s3_vpce_policy_…org_to_not_mine",
            "S3_vpce_polic…g_to_not_mine (2)",
            "a_query_whose_n…he_same_letters",
            "a_query_whose…_same_letters (2)",
            "summary (2)",
            "folder/[odd]:name?*".replace(['/', '[', ']', ':', '?', '*'], "_").as_str(),
            "Exceptions",
            "Coverage",
            "SQL",
            "Parameters",
            "Columns",
            "Run information",
        ]
    );
    assert!(found.iter().all(|name| name.chars().count() <= 31));
}

/// The filter of a sheet with one finding: all columns of the header and of one row below.
fn one_finding() -> String {
    let last = palisade::report::model::FINDING_COLUMNS.len() - 1;
    let letter = |number: usize| char::from(b'A' + u8::try_from(number).unwrap());
    format!("<autoFilter ref=\"A1:{}{}2\"/>", letter(last / 26 - 1), letter(last % 26))
}

#[test]
fn workbook_splits_a_query_that_has_more_findings_than_a_sheet_has_rows() {
    let rows: Vec<Row<'_>> = (0..5).map(|calls| ([].as_slice(), calls)).collect();
    let report = report(vec![query("q", "none", 0, 5)], table(&rows));
    let parts = parts(&workbook(&report, &xlsx::Options { findings_per_sheet: 2, ..xlsx::Options::default() }));
    assert_eq!(sheet_names(&parts)[..5], ["Summary", "q", "q (2)", "q (3)", "Exceptions"]);
    assert!(parts["xl/worksheets/sheet4.xml"].contains(&one_finding()), "the last sheet has one finding");
}

#[test]
fn workbook_cuts_text_that_no_cell_can_hold_and_says_so() {
    let long = "\u{1F600}".repeat(20_000);
    let report = report(vec![query("q", "none", 0, 1)], table(&[(&[("user_agent", &long)], 1)]));
    let parts = parts(&workbook(&report, &xlsx::Options::default()));
    let sheet = &parts["xl/worksheets/sheet2.xml"];
    let cell = sheet
        .split("</t>")
        .find_map(|text| text.rsplit_once("<t>").filter(|(_, cell)| cell.starts_with('\u{1F600}')))
        .unwrap()
        .1;
    assert!(cell.encode_utf16().count() <= 32_767);
    assert!(cell.ends_with("[cut here: longer than an Excel cell]"));
}

fn on_terminal(report: &Report, width: usize, color: bool) -> String {
    let mut bytes = Vec::new();
    let reports = ["out/report.html", "out/report.xlsx"];
    terminal::write(report, &reports, terminal::Options { width, color }, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn terminal_says_what_cannot_be_judged_before_what_was_found() {
    insta::assert_snapshot!(on_terminal(&example(), 80, false), @"
    Example organization

    BLIND SPOT  No S3 data events in these logs: object-level calls cannot be
                judged.
                Log S3 data events on the organization trail.

    3 findings cross the perimeter: 1,025 calls by 2 principals in 2 accounts
    2 findings could not be judged: 9 calls by 1 principal in 2 accounts
    1 finding is covered by an exception: 3 calls by 1 principal in 1 account

                                             ──────────── calls ─────────────
    Queries                        findings  crossing  undetermined  excepted
    s3_scp_resource_perimeter             3     1,005             7         ·
    common_from_public_cidr_ipv4          3        20             2         3
    A call that two queries list counts in both.
    Nothing found by common_only_denied

    Who crosses most
          1,005  arn:aws:iam::111111111111:role/app
             20  anonymous

    What would settle the calls that could not be judged
              7  the owner of the bucket
              2  the findings do not say

    Exception old-etl expired on 2026-01-31 and no longer covers 20 calls; owner
              joe@example.com

    Note  A day of slack was read.

    Coverage  20,111 records in 2 files · 2026-11-01 to 2026-11-14 · 1 account ·
              1 duplicate · 3 files skipped
    Reports   out/report.html
              out/report.xlsx
    ");
}

#[test]
fn terminal_names_reports_without_detours_that_are_folders() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    let short = |path: &str| terminal::short_path(&folder.path().join(path)).strip_prefix(folder.path()).unwrap().to_owned();
    assert_eq!(short("a/../out/report.html"), std::path::Path::new("out/report.html"));
    assert_eq!(short("a/b/../../out/./report.html"), std::path::Path::new("out/report.html"));
    // Nobody knows where the way would lead.
    assert_eq!(short("missing/../report.html"), std::path::Path::new("missing/../report.html"));
    assert_eq!(terminal::short_path("../../out".as_ref()), std::path::Path::new("../../out"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a/b", folder.path().join("link")).unwrap();
        assert_eq!(short("link/../report.html"), std::path::Path::new("link/../report.html"));
    }
}

#[test]
fn terminal_fits_its_width_and_means_the_same_without_colour() {
    let mut report = example();
    report.manifest.queries[0].name = "s3_vpce_policy_resource_perimeter_account_to_not_mine".to_owned();
    for width in 40..=140 {
        let plain = on_terminal(&report, width, false);
        for line in plain.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        let colored = on_terminal(&report, width, true);
        let (mut stripped, mut in_escape) = (String::new(), false);
        for c in colored.chars() {
            match c {
                '\u{1b}' => in_escape = true,
                'm' if in_escape => in_escape = false,
                c if !in_escape => stripped.push(c),
                _ => {}
            }
        }
        assert_ne!(colored, plain);
        assert_eq!(stripped, plain);
    }
}

#[test]
fn terminal_is_not_steered_by_what_the_logs_say() {
    let hostile = "arn:aws:iam::1:role/\u{1b}]0;owned\u{7}\r\u{202E}evil";
    let report = report(
        vec![query("q\u{1b}[2J", "none", 0, 1)],
        table(&[(&[("verdict", "crosses_perimeter"), ("principal_arn", hostile)], 1)]),
    );
    let text = on_terminal(&report, 80, false);
    assert!(text.contains("role/\u{FFFD}]0;owned"));
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202E}')));
}
