//! SARIF 2.1.0: findings for code scanning. A replayed call points at the policy statement that decides it.
//!
//! The format: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. One result for each statement, verdict and
//! caller: a result for each call would bury the reader.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::amounts::counted;
use super::model::{Report, Table, Verdict};
use super::principal;
use super::summary::{rows_of, verdict_meaning, verdict_of, verdict_title};

/// Writes the report.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut rules = Vec::new();
    let mut results = Vec::new();
    // What several changes do together is told once, not again for each of them.
    for query in report.manifest.queries.iter().filter(|query| query.counted_in.is_none()) {
        let mut groups: BTreeMap<Group<'_>, Sum<'_>> = BTreeMap::new();
        for row in rows_of(query, &report.findings) {
            let verdict = verdict_of(report.findings.text("verdict", row));
            if level(verdict).is_some() {
                groups.entry(Group::of(&report.findings, row, verdict)).or_default().add(&report.findings, row);
            }
        }
        let index = rules.len();
        rules.push(json!({
            "id": query.name,
            "name": query.name,
            "shortDescription": {"text": if query.title.is_empty() { &query.name } else { &query.title }},
            "fullDescription": {"text": first_paragraph(&query.description)},
            "help": {"text": first_paragraph(&query.description), "markdown": query.description},
            "properties": {"perimeter": query.perimeter, "policyTypes": query.policy_types},
        }));
        results.extend(groups.into_iter().map(|(group, sum)| result(&query.name, index, &group, &sum)));
    }
    let is_blind = report.manifest.warnings.iter().any(|warning| warning.severity == super::model::Severity::Blind);
    let headline = report.manifest.impacts.iter().filter(|impact| impact.in_totals).map(|whole| {
        let text = format!("{}.", whole.headline(is_blind));
        json!({"level": "note", "descriptor": {"id": "headline"}, "message": {"text": text}})
    });
    let notifications: Vec<Value> = headline
        .chain(report.manifest.warnings.iter().map(|warning| {
            let text = match &warning.help {
                Some(help) => format!("{} {help}", warning.message),
                None => warning.message.clone(),
            };
            let level = if warning.severity == super::model::Severity::Blind { "warning" } else { "note" };
            json!({"level": level, "descriptor": {"id": warning.code}, "message": {"text": text}})
        }))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Palisade",
                "semanticVersion": report.manifest.tool_version,
                "rules": rules,
            }},
            "automationDetails": {"id": format!("palisade/{}", report.manifest.run_id)},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// What one result is about.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    verdict: Verdict,
    statement: Option<&'a str>,
    principal: Cow<'a, str>,
    settled_by: Option<&'a str>,
}

#[derive(Debug, Default)]
struct Sum<'a> {
    calls: u64,
    actions: BTreeMap<(&'a str, &'a str), u64>,
    /// Of the row with the most calls.
    reason: &'a str,
    most: u64,
    ids: Vec<&'a str>,
}

impl<'a> Group<'a> {
    fn of(table: &'a Table, row: usize, verdict: Verdict) -> Group<'a> {
        let principal = principal::name(|column| table.text(column, row)).unwrap_or(Cow::Borrowed("unknown caller"));
        Group { verdict, statement: table.text("statement", row), principal, settled_by: table.text("settled_by", row) }
    }
}

impl<'a> Sum<'a> {
    fn add(&mut self, table: &'a Table, row: usize) {
        let calls = table.calls(row);
        self.calls = self.calls.saturating_add(calls);
        let action = (table.text("event_source", row).unwrap_or(""), table.text("event_name", row).unwrap_or(""));
        *self.actions.entry(action).or_default() += calls;
        if self.reason.is_empty() || calls > self.most {
            self.most = calls;
            self.reason = table.text("reason", row).unwrap_or_default();
        }
        self.ids.extend(table.text("finding_id", row));
    }
}

/// `None`: not worth a result.
fn level(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Denied | Verdict::CrossesPerimeter => Some("error"),
        Verdict::Undetermined => Some("warning"),
        Verdict::ServiceOwned => Some("note"),
        Verdict::Excepted | Verdict::Information | Verdict::NotDenied | Verdict::NotApplicable => None,
    }
}

fn result(rule: &str, index: usize, group: &Group<'_>, sum: &Sum<'_>) -> Value {
    let actions: Vec<String> = sum.actions.keys().take(5).map(|(source, name)| format!("{source} {name}")).collect();
    let more = sum.actions.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {}", counted(more as u64, "more operation")) } else { String::new() };
    let mut text = format!(
        "{}: {} by {} ({}{more}). {}.",
        verdict_title(group.verdict),
        counted(sum.calls, "call"),
        group.principal,
        actions.join(", "),
        sum.reason.trim_end_matches('.'),
    );
    if let Some(settled_by) = group.settled_by {
        text.push_str(&format!(" Settled by: {settled_by}."));
    }
    let mut result = json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level(group.verdict),
        "kind": "fail",
        "message": {"text": text},
        "partialFingerprints": {"palisade/v1": fingerprint(rule, group)},
        "properties": {
            "verdict": group.verdict.as_str(),
            "verdictMeaning": verdict_meaning(group.verdict),
            "principal": &group.principal,
            "calls": sum.calls,
            "findings": sum.ids.len(),
        },
    });
    if let Some((file, line)) = group.statement.and_then(place) {
        let location = json!([{"physicalLocation": {
            "artifactLocation": {"uri": uri(file)},
            "region": {"startLine": line},
        }}]);
        if let Some(members) = result.as_object_mut() {
            members.insert("locations".to_owned(), location);
        }
    }
    result
}

/// The same finding in another run has the same fingerprint, wherever its statement has moved.
fn fingerprint(rule: &str, group: &Group<'_>) -> String {
    let sid = group.statement.and_then(|statement| place(statement).map(|(file, _)| (file, sid(statement))));
    let (file, sid) = sid.unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [rule, group.verdict.as_str(), file, sid, group.principal.as_ref()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// File and line of a `statement` cell: `policies/network.json:5 Sid`.
fn place(statement: &str) -> Option<(&str, u64)> {
    let colon = statement.char_indices().rev().find_map(|(at, character)| {
        let rest = statement.get(at + 1..)?;
        let digits = rest.split(' ').next()?;
        (character == ':' && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(at)
    })?;
    let (file, rest) = statement.split_at_checked(colon)?;
    let line = rest.get(1..)?.split(' ').next()?.parse().ok()?;
    Some((file, line))
}

fn sid(statement: &str) -> &str {
    statement.rsplit_once(':').and_then(|(_, rest)| rest.split_once(' ')).map_or("", |(_, sid)| sid)
}

/// A path as a relative URI reference: what has a meaning in a URI is written in percent.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    if uri.starts_with('/') { format!("file://{uri}") } else { uri }
}

fn first_paragraph(markdown: &str) -> &str {
    markdown.split("\n\n").next().map(str::trim).filter(|text| !text.is_empty()).unwrap_or("No description.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_statement_is_read_whatever_the_file_is_called() {
        assert_eq!(place("a b/c:1.json:25 Sid"), Some(("a b/c:1.json", 25)));
        assert_eq!(place("p.json:1 nothing allows it"), Some(("p.json", 1)));
        assert_eq!(place("today's grants"), None);
        assert_eq!(uri("my policies/ä.json"), "my%20policies/%C3%A4.json");
        assert_eq!(uri("/tmp/p.json"), "file:///tmp/p.json");
    }
}
