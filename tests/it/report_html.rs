//! The HTML report: one file, nothing fetched, nothing injected, the same bytes for the same report, small.

mod data;
mod unpacked;

use base64::Engine;
use palisade::report::impact::{
    About, Amount, BreakingStatement, Impact, Loss, LostOperation, NotCovered, OpenKey, OutcomeTally, RefinedPolicy, Subject,
};
use palisade::report::model::{Cell, CoverageLine, Manifest, QuerySummary, Report, TableBuilder, Verdict};
use palisade::report::{html, json, summary};
use sha2::{Digest, Sha256};

use data::{large_report, realistic_report};
use unpacked::Unpacked;

fn rendered(report: &Report) -> String {
    let mut bytes = Vec::new();
    html::write(report, &mut bytes).expect("a report in memory can be written");
    String::from_utf8(bytes).expect("the page is UTF-8")
}

/// The text between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let start = text.find(open).unwrap_or_else(|| panic!("no {open:?}")) + open.len();
    let end = text[start..].find(close).unwrap_or_else(|| panic!("no {close:?} after {open:?}"));
    &text[start..start + end]
}

fn sha256_source(text: &str) -> String {
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}

/// The page without its style sheet, script and packed data: what a parser takes for markup.
fn markup(page: &str) -> String {
    let mut rest = page;
    let mut text = String::new();
    while let Some(start) = ["<script", "<style"].iter().filter_map(|tag| rest.find(tag)).min() {
        text.push_str(&rest[..start]);
        let close = if rest[start..].starts_with("<script") { "</script>" } else { "</style>" };
        let end = rest[start..].find(close).expect("an element that is closed");
        rest = &rest[start + end + close.len()..];
    }
    text + rest
}

/// Names and values of all attributes of all tags.
fn attributes(markup: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for tag in markup.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag that is closed");
        let mut rest = tag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').expect("a closing quote"),
                None => after.split_once(' ').unwrap_or((after, "")),
            };
            let name = name.split_whitespace().last().unwrap_or_default();
            found.push((name.to_owned(), value.to_owned()));
            rest = after;
        }
    }
    found
}

#[test]
fn page_may_load_and_run_nothing_but_its_own_script_and_style() {
    let page = rendered(&realistic_report());
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    let script = between(&page, "<script>", "</script>");
    let style = between(&page, "<style>", "</style>");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains(&format!("script-src {};", sha256_source(script))), "{policy}");
    assert!(policy.contains(&format!("style-src {};", sha256_source(style))), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.contains('\r'), "a parser would change line ends and so the hashes");

    for (name, value) in attributes(&markup(&page)) {
        assert!(
            !["src", "srcset", "style", "action", "formaction", "background", "poster", "data", "ping"]
                .contains(&name.as_str()),
            "{name}={value}"
        );
        assert!(!name.starts_with("on"), "{name}={value}");
        let stays_here = value.starts_with('#') || value.starts_with("data:image/png;base64,");
        assert!(name != "href" || stays_here || value.starts_with("https://docs.aws.amazon.com/"), "{name}={value}");
    }
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert!(!script.contains("innerHTML") && !script.contains("eval(") && !script.contains("fetch("));
    assert_eq!(page.matches("<script").count() - script.matches("<script").count(), 3, "the script and two blocks of data");
}

#[test]
fn nothing_from_a_log_becomes_markup() {
    let page = rendered(&realistic_report());
    let markup = markup(&page);
    for hostile in ["<script>alert", "<img ", "<svg onload", "<!--", "href=\"javascript:", "href='javascript:"] {
        assert!(!markup.contains(hostile), "{hostile}");
    }
    // The hostile names are there, as text.
    assert!(markup.contains("&#60;img src=x onerror=alert(1)&#62;"));
    assert!(
        markup.contains("[click](javascript:alert(1))"),
        "a link in a description that does not lead to the web stays text"
    );
    assert!(markup.contains("href=\"https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html\""));
}

#[test]
fn same_report_gives_same_bytes() {
    assert_eq!(rendered(&realistic_report()), rendered(&realistic_report()));
}

#[test]
fn blind_spots_stand_before_everything_else() {
    let page = rendered(&realistic_report());
    let body = between(&page, "<body>", "</body>");
    let banner =
        body.find("No S3 data events in these logs: object-level calls cannot be judged").expect("the warning is on the page");
    let header = body.find("<header").expect("the page has a header");
    assert!(banner < header);
    let notice = body.find("1 file could not be read").expect("the notice is on the page");
    assert!(notice > header);
}

#[test]
fn summary_counts_what_crosses_and_what_is_undetermined() {
    // By hand: two principals in one account cross with 3 + 4 calls; 5 calls wait for the bucket inventory.
    let row = |id, verdict, principal, count| Row {
        id,
        verdict,
        principal,
        count,
        settled_by: (verdict == "undetermined").then_some("AWS::S3::Bucket"),
    };
    let page = rendered(&small_report(&[
        row("a", "crosses_perimeter", "arn:aws:iam::111111111111:role/app", 3),
        row("b", "crosses_perimeter", "arn:aws:iam::111111111111:role/batch", 4),
        row("c", "undetermined", "arn:aws:iam::111111111111:role/app", 5),
        row("d", "excepted", "arn:aws:iam::111111111111:role/app", 1000),
    ]));
    let text = page.replace('\n', " ");
    assert!(text.contains("2 principals in 1 account would lose calls"));
    assert!(text.contains("2 findings cross a perimeter: a policy that enforces the definition would deny 7 calls"));
    assert!(text.contains("1 finding cannot be judged"));
    let unsettled = between(&text, "id=\"unsettled\"", "</table>");
    assert!(
        unsettled.contains(">AWS::S3::Bucket</a></th><td class=\"number\">5</td><td class=\"number\">1</td>"),
        "{unsettled}"
    );
    let accounts = between(&text, "By account", "</table>");
    assert!(accounts.contains(">7<span class=\"small\">2 findings</span>"), "{accounts}");
}

/// Crossing findings of callers who are named in every way that records know.
fn callers() -> Report {
    type Texts<'a> = &'a [(&'a str, &'a str)];
    let rows: [Texts<'_>; 11] = [
        &[("principal_arn", "arn:aws:iam::111111111111:role/app"), ("principal_id", "AROAKNOWN")],
        &[("principal_id", "AROAKNOWN"), ("principal_account_id", "111111111111")],
        &[("principal_id", "AROASTRANGER"), ("principal_account_id", "666600006666")],
        &[("principal_account_id", "666600006666")],
        &[("principal_account_id", "777700007777")],
        &[("principal_account_id", "999900009999"), ("event_source", "")],
        &[("principal_id", "ANONYMOUS_PRINCIPAL"), ("principal_account_id", "anonymous")],
        &[("principal_account_id", "anonymous")],
        &[("principal_account_id", "ANONYMOUS_PRINCIPAL")],
        &[("invoked_by", "cloudtrail.amazonaws.com")],
        // Nobody knows who it was.
        &[("principal_type", "AWSAccount")],
    ];
    let mut table = TableBuilder::new();
    for (number, row) in (1_i64..).zip(rows) {
        table.push(|column| {
            let own = row.iter().find(|(name, _)| *name == column.name).map(|(_, value)| *value);
            match (column.name, own) {
                (_, Some("")) => Cell::Null,
                (_, Some(value)) => Cell::Text(value),
                ("verdict", None) => Cell::Text("crosses_perimeter"),
                ("perimeter", None) => Cell::Text("identity"),
                ("principal_kind", None) => Cell::Text("unknown"),
                ("account_id", None) => Cell::Text("111111111111"),
                ("event_source", None) => Cell::Text("s3.amazonaws.com"),
                ("event_count", None) => Cell::Integer(number),
                _ => Cell::Null,
            }
        });
    }
    let query = QuerySummary {
        name: "common_identity".into(),
        perimeter: "identity".into(),
        rows: 11,
        calls: 66,
        ..QuerySummary::default()
    };
    Report { manifest: Manifest { queries: vec![query], ..Manifest::default() }, findings: table.finish() }
}

#[test]
fn principals_are_the_same_in_every_format() {
    let report = callers();
    let counted = summary::summarize(&report);
    // Role, two ids, three accounts, anybody, one service; the last row hides its caller.
    assert_eq!(counted.crossing.principals, 8);
    let mut document = Vec::new();
    json::write(&report, &mut document).expect("a report in memory can be written");
    let document: serde_json::Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(document["summary"]["crossing"]["principals"], 8);

    let page = rendered(&report);
    assert!(page.contains("8 principals in 1 account would lose calls"));
    assert!(page.contains("11 findings · 8 principals · 1 account<"));
    let bars = between(&page, "<h3>By principal</h3>", "</table>");
    // The numbers of a bar, and the link that opens them, are about the same name.
    let unpacked = Unpacked::read(&page);
    let principal = report.findings.columns.len();
    for bar in bars.split("<tr><th scope=\"row\">").skip(1).filter(|bar| !bar.contains(">unknown caller<")) {
        let name = between(bar, "&#38;f.principal=is:", "\"").replace("%20", " ").replace("%3A", ":").replace("%2F", "/");
        let rows: Vec<usize> =
            (0..report.findings.rows()).filter(|row| unpacked.cell(principal, *row).as_deref() == Some(&name)).collect();
        let calls: u64 = rows.iter().map(|row| report.findings.calls(*row)).sum();
        let noun = if rows.len() == 1 { "finding" } else { "findings" };
        assert!(
            bar.contains(&format!("<td class=\"number\">{calls}<span class=\"small\">{} {noun}</span>", rows.len())),
            "{name}: {bar}"
        );
        let ranked = counted.top_principals.iter().find(|ranked| ranked.name == name).expect("the other formats rank it too");
        assert_eq!((ranked.calls, ranked.findings), (calls, rows.len() as u64), "{name}");
    }
    assert_eq!(bars.matches("<th scope=\"row\">").count(), counted.top_principals.len());
    assert!(bars.contains(">anonymous</a> <span class=\"small\">anybody, without credentials<"), "{bars}");
    assert!(bars.contains(">24<span class=\"small\">3 findings<"), "{bars}");
    assert!(bars.contains(">somebody in account 666600006666</a>"), "{bars}");
    // An id says little: what else is known of it stands beside.
    assert!(bars.contains(">AROAKNOWN</a> <span class=\"small\">role/app of account 111111111111<"), "{bars}");
    assert!(bars.contains(">AROASTRANGER</a> <span class=\"small\">a role session of account 666600006666<"), "{bars}");
    let services = between(&page, "<h3>By service</h3>", "</table>");
    assert!(services.contains("f.event_source=is:\">unknown service</a>"), "{services}");
    assert_eq!(services.matches("<th scope=\"row\">").count(), counted.top_services.len());
}

#[test]
fn page_says_that_paper_lacks_the_findings_and_that_calls_of_changes_count_once() {
    let mut report = callers();
    let page = rendered(&report);
    assert!(page.contains("Not on paper: 11 findings, one by one."));
    assert!(page.contains("The findings of every query in one table."));
    report.manifest.queries[0].counted_in = Some("whatif:all".into());
    assert!(rendered(&report).contains("the number of calls counts each once."));
}

#[test]
fn page_without_script_has_the_first_rows_of_each_query() {
    let rows: Vec<String> = (0..250).map(|number| format!("{number:016x}")).collect();
    let rows: Vec<Row> = rows
        .iter()
        .map(|id| Row {
            id,
            verdict: "crosses_perimeter",
            principal: "arn:aws:iam::111111111111:role/app",
            count: 1,
            settled_by: None,
        })
        .collect();
    let page = rendered(&small_report(&rows));
    let section = between(&page, "<section class=\"view table-view\" id=\"query-s3_scp_resource_perimeter\"", "</section>");
    assert!(section.contains("First 200 of 250 findings"));
    let body = between(section, "<tbody>", "</table>");
    assert_eq!(body.matches("<tr>").count(), 200);
    assert!(body.contains("<td>arn:aws:iam::111111111111:role/app"));
    assert!(body.contains(">Crosses perimeter<"));
}

#[test]
fn report_without_findings_says_so() {
    let report = Report { manifest: Manifest::default(), findings: TableBuilder::new().finish() };
    assert!(rendered(&report).contains("No recorded call crosses a perimeter"));
}

#[test]
fn packed_findings_are_the_findings() {
    for report in [realistic_report(), large_report(16_000)] {
        let unpacked = Unpacked::read(&rendered(&report));
        for (number, column) in report.findings.columns.iter().enumerate() {
            for row in 0..report.findings.rows() {
                let expected = match column.get(row) {
                    Cell::Null => None,
                    Cell::Text(text) => Some(text.to_owned()),
                    Cell::Integer(number) | Cell::Time(number) => Some(number.to_string()),
                };
                assert_eq!(unpacked.cell(number, row), expected, "{} of row {row}", column.spec.name);
            }
        }
    }
}

#[test]
fn hundred_thousand_findings_stay_under_five_megabytes() {
    let page = rendered(&large_report(100_000));
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
}

struct Row<'a> {
    id: &'a str,
    verdict: &'a str,
    principal: &'a str,
    count: i64,
    settled_by: Option<&'a str>,
}

fn small_report(rows: &[Row]) -> Report {
    let mut table = TableBuilder::new();
    for row in rows {
        table.push(|column| match column.name {
            "finding_id" => Cell::Text(row.id),
            "query" => Cell::Text("s3_scp_resource_perimeter"),
            "perimeter" => Cell::Text("resource"),
            "verdict" => Cell::Text(row.verdict),
            "settled_by" => row.settled_by.map_or(Cell::Null, Cell::Text),
            "account_id" => Cell::Text("111111111111"),
            "principal_arn" => Cell::Text(row.principal),
            "event_source" => Cell::Text("s3.amazonaws.com"),
            "event_count" => Cell::Integer(row.count),
            "last_seen" => Cell::Time(1_800_000_000_000),
            _ => Cell::Null,
        });
    }
    let query = QuerySummary {
        name: "s3_scp_resource_perimeter".into(),
        title: "S3 calls to buckets outside the organization".into(),
        perimeter: "resource".into(),
        rows: rows.len(),
        calls: rows.iter().map(|row| row.count.unsigned_abs()).sum(),
        ..QuerySummary::default()
    };
    Report { manifest: Manifest { queries: vec![query], ..Manifest::default() }, findings: table.finish() }
}

#[test]
fn what_a_replay_says_of_names_from_logs_is_text() {
    let hostile = || "</code><script>alert(1)</script>\u{202e}\"'&".to_owned();
    let amount = Amount { calls: 3, principals: 2, accounts: 1 };
    let impact = Impact {
        query: "whatif:scp".to_owned(),
        title: hostile(),
        in_totals: true,
        outcomes: vec![OutcomeTally {
            outcome: "newly_denied".to_owned(),
            title: hostile(),
            meaning: hostile(),
            verdict: Verdict::Denied,
            amount,
        }],
        statements: vec![BreakingStatement { statement: hostile(), amount }],
        losses: vec![Loss {
            owner: hostile(),
            principal: hostile(),
            calls: 3,
            operations: vec![LostOperation {
                operation: hostile(),
                event: Some(hostile()),
                needs: Some(hostile()),
                resource: Some(hostile()),
                calls: 3,
            }],
        }],
        gains: Vec::new(),
        open: vec![OpenKey {
            key: hostile(),
            provide: hostile(),
            amount,
            about: About { kind: hostile(), subjects: vec![Subject { name: hostile(), calls: 3 }], unnamed: 0 },
        }],
        not_covered: vec![NotCovered { statement: hostile(), data_events: vec![hostile()], never: vec![hostile()] }],
        nothing_seen: false,
        action_unused: false,
        refinement: Some(RefinedPolicy { lines: vec![hostile()], problems: vec![hostile()], policy: hostile() }),
    };
    let query = QuerySummary { name: "whatif:scp".to_owned(), ..QuerySummary::default() };
    let coverage_lines = vec![CoverageLine { topic: hostile(), text: hostile() }];
    let manifest = Manifest { queries: vec![query], impacts: vec![impact], coverage_lines, ..Manifest::default() };
    let page = markup(&rendered(&Report { manifest, findings: TableBuilder::new().finish() }));
    assert!(
        page.contains("3 calls of 2 principals in 1 account would be newly denied; your logs hold no data events on"),
        "{page}"
    );
    assert!(!page.contains("alert(1)</script>") && !page.contains("<script>alert"), "{page}");
    // Title twice, headline, outcome, statement, owner, principal, operation, event, need, resource, key, advice, of what it is twice,
    // two sentences, policy, coverage twice.
    assert!(page.matches("alert(1)").count() >= 20, "{page}");
    // Names from logs do not turn the text round.
    assert!(page.contains("⟨U+202E⟩"));
}
