//! The HTML report: one file that a browser opens anywhere, without asking anything of any other place.
//!
//! The page is made of a shell (`templates/report.html`, escaped by askama), one style sheet, one script, and the findings as
//! compressed columns ([`payload`]). The content security policy in its head forbids everything but that style sheet and that
//! script, each named by its hash. Every text of a report may have been written by an attacker (user agents, session, bucket and
//! object names), so the shell escapes all of it and the script only ever sets text, never markup.
//!
//! Without the script the page still has the whole summary and the first findings of each query as plain tables.

mod coverage;
mod format;
mod impact;
mod markdown;
mod payload;
mod plain;
mod storage;
mod summary;
mod template_column;

use std::collections::BTreeMap;
use std::io::Write;

use askama::Template;
use base64::Engine;
use sha2::{Digest, Sha256};

use crate::report::model::{ExceptionStatus, Manifest, QuerySummary, Report, Severity, Verdict, Warning};
use crate::report::principal::Principals;
use coverage::CoverageView;
use impact::ImpactView;
use plain::PlainTable;
use summary::Summary;

const STYLE: &str = include_str!("../../templates/report.css");

/// The parts of the one script, in order; each relies on those before it.
const SCRIPT: &str = concat!(
    "'use strict';\n",
    include_str!("../../templates/report/data.js"),
    include_str!("../../templates/report/filters.js"),
    include_str!("../../templates/report/export.js"),
    include_str!("../../templates/report/details.js"),
    include_str!("../../templates/report/columns.js"),
    include_str!("../../templates/report/table.js"),
    include_str!("../../templates/report.js"),
);

/// Bound parameters of one query that are shown; a run over an organization has as many as accounts.
const PARAMETERS: usize = 30;

/// Why no HTML report was written.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    #[error("cannot pack the findings of the HTML report: {0}; this is a defect of the report writer, the run itself is saved")]
    Pack(#[source] std::io::Error),
    #[error("cannot write the HTML report: {0}; check the free space and the permissions of the output folder")]
    Write(#[source] std::io::Error),
}

/// Writes a report as one self-contained HTML file in UTF-8. The same report gives the same bytes.
///
/// # Errors
///
/// [`HtmlError::Write`] when `out` refuses the bytes; what was written until then is not a report.
pub fn write(report: &Report, out: &mut impl Write) -> Result<(), HtmlError> {
    let manifest = &report.manifest;
    let principals = Principals::of(&report.findings);
    let (blind, notices): (Vec<&Warning>, Vec<&Warning>) =
        manifest.warnings.iter().partition(|warning| warning.severity == Severity::Blind);
    let exceptions = exceptions(manifest);
    let page = Page {
        policy: content_security_policy(),
        style: STYLE,
        script: SCRIPT,
        manifest,
        title: if manifest.title.is_empty() { "Data perimeter report" } else { &manifest.title },
        window: window_text(manifest),
        generated_at: format::rfc3339(&manifest.generated_at),
        blind,
        notices,
        summary: summary::summarize(report, &principals),
        impact: impact::view(report),
        groups: query_groups(report),
        coverage: coverage::view(manifest),
        stale_exceptions: exceptions.iter().filter(|row| row.class != "excepted").count(),
        exceptions,
        rows: report.findings.rows(),
        counts_once: manifest.queries.iter().any(|query| query.counted_in.is_some()),
        plain_rows: plain::plain_rows(manifest.queries.len()),
        timings: manifest.timings.iter().map(|timing| (timing.phase.as_str(), format::duration(timing.milliseconds))).collect(),
        findings: payload::findings(report, principals).map_err(HtmlError::Pack)?,
        samples: payload::samples(report).map_err(HtmlError::Pack)?,
    };
    page.write_into(out).map_err(HtmlError::Write)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    manifest: &'a Manifest,
    title: &'a str,
    window: String,
    generated_at: String,
    blind: Vec<&'a Warning>,
    notices: Vec<&'a Warning>,
    summary: Summary,
    /// Of a replay.
    impact: Option<ImpactView<'a>>,
    groups: Vec<QueryGroup<'a>>,
    coverage: CoverageView<'a>,
    exceptions: Vec<ExceptionRow<'a>>,
    /// How many of them expired or never matched.
    stale_exceptions: usize,
    rows: usize,
    /// Do several queries list the same calls, of which one counts them?
    counts_once: bool,
    /// Findings of each query that stand in the page as HTML.
    plain_rows: usize,
    timings: Vec<(&'a str, String)>,
    findings: payload::Block,
    samples: payload::Block,
}

/// The queries of one perimeter.
struct QueryGroup<'a> {
    perimeter: &'a str,
    queries: Vec<QuerySection<'a>>,
}

struct QuerySection<'a> {
    query: &'a QuerySummary,
    description: String,
    elapsed: String,
    /// How many findings have each verdict; the verdicts that occur.
    verdicts: Vec<VerdictFindings>,
    parameters: Vec<ParameterRow<'a>>,
    parameters_left_out: usize,
    plain: PlainTable,
}

struct VerdictFindings {
    verdict: Verdict,
    findings: u64,
}

/// A value bound to a parameter and the accounts for which it was.
struct ParameterRow<'a> {
    name: &'a str,
    value: &'a str,
    accounts: String,
}

struct ExceptionRow<'a> {
    exception: &'a ExceptionStatus,
    label: &'static str,
    /// Class of the badge.
    class: &'static str,
}

/// Nothing may be loaded or run but the style sheet and the script of the page itself. `data:` images are for its icon.
fn content_security_policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        source_hash(SCRIPT),
        source_hash(STYLE)
    )
}

/// The hash source of an inline element: <https://www.w3.org/TR/CSP3/#grammardef-hash-source>.
fn source_hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn window_text(manifest: &Manifest) -> String {
    match (manifest.window.from.as_deref(), manifest.window.to.as_deref()) {
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("since {from}"),
        (None, Some(to)) => format!("until {to}"),
        (None, None) => "all recorded days".to_owned(),
    }
}

/// The queries by perimeter; those that judge none come last.
fn query_groups(report: &Report) -> Vec<QueryGroup<'_>> {
    let mut groups: Vec<QueryGroup> = Vec::new();
    for query in &report.manifest.queries {
        let section = query_section(report, query);
        match groups.iter_mut().find(|group| group.perimeter == query.perimeter) {
            Some(group) => group.queries.push(section),
            None => groups.push(QueryGroup { perimeter: &query.perimeter, queries: vec![section] }),
        }
    }
    groups.sort_by_key(|group| summary::position(group.perimeter));
    groups
}

fn query_section<'a>(report: &Report, query: &'a QuerySummary) -> QuerySection<'a> {
    let mut verdicts: BTreeMap<Verdict, u64> = BTreeMap::new();
    for row in query.first_row..query.first_row + query.rows {
        let text = report.findings.text("verdict", row);
        if let Some(verdict) = Verdict::ALL.iter().find(|verdict| Some(verdict.as_str()) == text) {
            *verdicts.entry(*verdict).or_default() += 1;
        }
    }
    let mut accounts_of: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for parameter in &query.parameters {
        accounts_of.entry((&parameter.name, &parameter.value)).or_default().push(&parameter.account_id);
    }
    QuerySection {
        description: markdown::render(&query.description),
        elapsed: format::duration(query.elapsed_ms),
        verdicts: verdicts.into_iter().map(|(verdict, findings)| VerdictFindings { verdict, findings }).collect(),
        parameters_left_out: accounts_of.len().saturating_sub(PARAMETERS),
        parameters: accounts_of
            .into_iter()
            .take(PARAMETERS)
            .map(|((name, value), accounts)| ParameterRow { name, value, accounts: some_accounts(&accounts) })
            .collect(),
        plain: plain::plain_table(&report.findings, query, plain::plain_rows(report.manifest.queries.len())),
        query,
    }
}

fn some_accounts(accounts: &[&str]) -> String {
    const NAMED: usize = 3;
    let named: Vec<&str> = accounts.iter().take(NAMED).copied().collect();
    match accounts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The exceptions that ask for a decision first: expired, then never matched, then those that applied.
fn exceptions(manifest: &Manifest) -> Vec<ExceptionRow<'_>> {
    let mut rows: Vec<ExceptionRow> = manifest
        .exceptions
        .iter()
        .map(|exception| {
            let (label, class) = match exception.status.as_str() {
                "expired" => ("Expired", "denied"),
                "never_matched" => ("Never matched", "undetermined"),
                "applied" => ("Applied", "excepted"),
                _ => ("Unknown", "information"),
            };
            ExceptionRow { exception, label, class }
        })
        .collect();
    let urgency = |row: &ExceptionRow| match row.class {
        "denied" => 0,
        "undetermined" => 1,
        _ => 2,
    };
    rows.sort_by(|a, b| urgency(a).cmp(&urgency(b)).then_with(|| a.exception.id.cmp(&b.exception.id)));
    rows
}
