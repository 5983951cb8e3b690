//! `palisade policy check`: what is wrong, doubtful or worth knowing in policy files.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Failure;
use super::output::{Terminal, write_out};
use super::policy::{read, type_of};
use crate::cli::Global;
use crate::cli::policy::{CheckArgs, CheckFormat, Level};
use crate::cli::run::SettingsArgs;
use crate::outcome::Outcome;
use crate::policy::check::{check_all, guess_type};
use crate::policy::codes;
use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::{Finding, Severity, Source};
use crate::policy::document::read_source;
use crate::replay::ServiceFacts;
use crate::replay::facts::FactsInUse;
use crate::replay::fill::{self, Values};

/// A policy file with what was found in it.
struct Checked {
    /// With the values of its placeholders.
    source: Arc<Source>,
    policy_type: Option<PolicyType>,
    findings: Vec<Finding>,
}

pub(super) fn check(arguments: &CheckArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let facts = facts(global)?;
    let policy_type = arguments.policy_type.map(type_of);
    let values = fill::read(&arguments.set).map_err(Failure::usage)?;
    let mut used = BTreeSet::new();
    let mut written = Vec::new();
    let mut checked = Vec::new();
    for file in &arguments.files {
        let source = read(file)?;
        checked.push(check_source(&source, policy_type, &values, &mut used, facts.get()));
        written.push(source);
    }
    let failing = outcome(&checked, severity(arguments.fail_on));
    let least = severity(arguments.least);
    checked.iter_mut().for_each(|file| file.findings.retain(|finding| finding.severity <= least));
    report(&checked, arguments.format, terminal)?;
    // The placeholder that was meant is an error of its own.
    for name in values.keys().filter(|name| !used.contains(*name)) {
        let of_name: Values =
            values.iter().filter(|(own, _)| *own == name).map(|(name, given)| (name.clone(), given.clone())).collect();
        if let Err(unused) = fill::check_used(&of_name, &used, &written) {
            terminal.warning(&unused.to_string());
        }
    }
    Ok(failing)
}

/// The service facts that the command line or the settings name, else the embedded ones.
fn facts(global: &Global) -> Result<FactsInUse, Failure> {
    let flags = SettingsArgs::default().flags(global);
    let settings = super::settings(&flags, global.config.as_deref())?;
    FactsInUse::of(settings.service_facts.as_deref()).map_err(Failure::usage)
}

fn check_source(
    written: &Arc<Source>,
    policy_type: Option<PolicyType>,
    values: &Values,
    used: &mut BTreeSet<String>,
    facts: &ServiceFacts,
) -> Checked {
    let (source, names) = fill::fill(written, values);
    used.extend(names);
    let reading = read_source(&source);
    let mut findings = reading.findings;
    let policy_type = policy_type.or_else(|| Some(guess_type(reading.document.as_ref()?)));
    if let (Some(document), Some(policy_type)) = (&reading.document, policy_type) {
        findings.extend(check_all(document, policy_type, facts));
    }
    findings.sort_by(|a, b| (a.span.start, a.severity, a.code).cmp(&(b.span.start, b.severity, b.code)));
    Checked { source, policy_type, findings }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warning,
        Level::Note => Severity::Note,
    }
}

fn outcome(checked: &[Checked], fail_on: Severity) -> Outcome {
    match checked.iter().flat_map(|file| &file.findings).map(|finding| finding.severity).min() {
        Some(Severity::Error) => Outcome::Usage,
        Some(worst) if worst <= fail_on => Outcome::Findings,
        _ => Outcome::Success,
    }
}

fn report(checked: &[Checked], format: CheckFormat, terminal: &Terminal) -> Result<(), Failure> {
    write_out(|out| match format {
        CheckFormat::Text => write_text(checked, terminal.color(), terminal.width(), out),
        CheckFormat::Json => {
            let files: Vec<Value> = checked.iter().map(as_json).collect();
            serde_json::to_writer_pretty(&mut *out, &files)?;
            writeln!(out)
        }
        CheckFormat::Sarif => {
            serde_json::to_writer_pretty(&mut *out, &as_sarif(checked))?;
            writeln!(out)
        }
    })?;
    for Checked { source, policy_type, .. } in checked {
        if let Some(policy_type) = policy_type {
            terminal.note(&format!("{}: checked as {}", source.name(), policy_type.title()));
        }
    }
    let count = |severity| checked.iter().flat_map(|file| &file.findings).filter(|found| found.severity == severity).count();
    let counted = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    terminal.note(&format!(
        "{}: {}, {}, {}",
        counted(checked.len(), "file"),
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        counted(count(Severity::Note), "note")
    ));
    Ok(())
}

/// The page of a code stands under its first finding only.
fn write_text(checked: &[Checked], colored: bool, width: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let mut seen = BTreeSet::new();
    for Checked { source, findings, .. } in checked {
        for finding in findings {
            let page = codes::find(finding.code).map(|code| code.page).filter(|_| seen.insert(finding.code));
            writeln!(out, "{}\n", finding.display(source).page(page).colored(colored).width(width))?;
        }
    }
    Ok(())
}

fn as_json(checked: &Checked) -> Value {
    let findings: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| {
            let position = checked.source.position(finding.span.start);
            let end = checked.source.position(finding.span.end);
            let (statement, sid) = finding.statement.clone().unzip();
            json!({
                "severity": finding.severity.as_str(),
                "code": finding.code,
                "message": finding.message,
                "help": finding.help,
                "page": codes::find(finding.code).map(|code| code.page),
                "line": position.line,
                "column": position.column,
                "end_line": end.line,
                "end_column": end.column,
                "statement": statement,
                "sid": sid.flatten(),
            })
        })
        .collect();
    json!({
        "file": checked.source.name(),
        "type": checked.policy_type.map(PolicyType::as_str),
        "findings": findings,
    })
}

/// SARIF 2.1.0: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.
fn as_sarif(checked: &[Checked]) -> Value {
    let rules: Vec<Value> = codes::CODES
        .iter()
        .map(|code| {
            json!({
                "id": code.name,
                "shortDescription": {"text": code.meaning},
                "help": {"text": code.advice},
                "helpUri": code.page,
            })
        })
        .collect();
    let results: Vec<Value> =
        checked.iter().flat_map(|file| file.findings.iter().map(|finding| as_result(&file.source, finding))).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "Palisade", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn as_result(source: &Source, finding: &Finding) -> Value {
    let start = source.position(finding.span.start);
    let end = source.position(finding.span.end);
    let text = match &finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    };
    // A path of this machine, as it was given; standard input has none.
    let file = if Path::new(source.name()) == Path::new("-") { "stdin" } else { source.name() };
    json!({
        "ruleId": finding.code,
        "ruleIndex": codes::CODES.iter().position(|code| code.name == finding.code),
        "level": finding.severity.as_str(),
        "message": {"text": text},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": file},
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        }}],
    })
}
