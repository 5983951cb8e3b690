//! `palisade policy`: checks policy files, and judges requests that are written down.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use super::Failure;
use super::output::{Terminal, write_out};
use crate::cli::policy::{PolicyArgs, PolicyCommand, TypeName};
use crate::cli::run::SettingsArgs;
use crate::cli::{Global, Listing};
use crate::outcome::Outcome;
use crate::policy::case;
use crate::policy::check::{check, check_services, guess_type};
use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::{Finding, Severity, Source};
use crate::policy::document::read_source;
use crate::policy::truth::Truth;
use crate::replay::ServiceFacts;
use crate::replay::facts::FactsInUse;

pub fn policy(arguments: PolicyArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    match arguments.command {
        PolicyCommand::Check { files, policy_type, format } => {
            let policy_type = policy_type.map(type_of);
            let facts = facts(global)?;
            let mut checked = Vec::new();
            for file in &files {
                checked.push(check_file(file, policy_type, facts.get())?);
            }
            report(&checked, format, terminal)
        }
        PolicyCommand::Evaluate { case } => evaluate(&case),
        PolicyCommand::Explain(arguments) => super::explain::explain(&arguments, global, terminal),
    }
}

/// A policy file with what was found in it.
struct Checked {
    source: std::sync::Arc<Source>,
    policy_type: Option<PolicyType>,
    findings: Vec<Finding>,
}

/// The service facts that the command line or the settings name, else the embedded ones.
fn facts(global: &Global) -> Result<FactsInUse, Failure> {
    let flags = SettingsArgs::default().flags(global);
    let settings = super::settings(&flags, global.config.as_deref())?;
    FactsInUse::of(settings.service_facts.as_deref()).map_err(Failure::usage)
}

fn check_file(file: &Path, policy_type: Option<PolicyType>, facts: &ServiceFacts) -> Result<Checked, Failure> {
    let source = read(file)?;
    let reading = read_source(&source);
    let mut findings = reading.findings;
    let policy_type = policy_type.or_else(|| Some(guess_type(reading.document.as_ref()?)));
    if let (Some(document), Some(policy_type)) = (&reading.document, policy_type) {
        findings.extend(check(document, policy_type));
        findings.extend(check_services(document, facts));
    }
    findings.sort_by(|a, b| (a.span.start, a.code).cmp(&(b.span.start, b.code)));
    Ok(Checked { source, policy_type, findings })
}

fn report(checked: &[Checked], format: Listing, terminal: &Terminal) -> Result<Outcome, Failure> {
    write_out(|out| {
        match format {
            Listing::Text => {
                for Checked { source, findings, .. } in checked {
                    for finding in findings {
                        writeln!(out, "{}\n", finding.display(source))?;
                    }
                }
            }
            Listing::Json => {
                let files: Vec<Value> = checked.iter().map(as_json).collect();
                serde_json::to_writer_pretty(&mut *out, &files)?;
                writeln!(out)?;
            }
        }
        Ok(())
    })?;
    let count = |severity| checked.iter().flat_map(|file| &file.findings).filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    for Checked { source, policy_type, .. } in checked {
        if let Some(policy_type) = policy_type {
            terminal.note(&format!("{}: checked as {}", source.name(), policy_type.title()));
        }
    }
    let counted = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    terminal.note(&format!(
        "{}, {}, {}",
        counted(checked.len(), "file"),
        counted(errors, "error"),
        counted(warnings, "warning")
    ));
    Ok(if errors == 0 { Outcome::Success } else { Outcome::Usage })
}

fn as_json(checked: &Checked) -> Value {
    let findings: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| {
            let position = checked.source.position(finding.span.start);
            let (statement, sid) = finding.statement.clone().unzip();
            json!({
                "severity": finding.severity.as_str(),
                "code": finding.code,
                "message": finding.message,
                "help": finding.help,
                "line": position.line,
                "column": position.column,
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

fn evaluate(file: &Path) -> Result<Outcome, Failure> {
    let facts = ServiceFacts::embedded();
    let about_no_resource = |service: &str, action: &str| match facts.action(service, action) {
        Some((_, action)) => Truth::from(action.resource_types.is_empty()),
        None => Truth::Unknown,
    };
    let evaluated = case::evaluate_knowing(&read(file)?, &about_no_resource).map_err(Failure::usage)?;
    let total = evaluated.answers.as_array().map_or(1, Vec::len);
    write_out(|out| {
        serde_json::to_writer_pretty(&mut *out, &evaluated.answers)?;
        writeln!(out)
    })?;
    Ok(match evaluated.failed {
        0 => Outcome::Success,
        failed if failed < total => Outcome::Partial,
        _ => Outcome::Usage,
    })
}

pub(super) fn read(file: &Path) -> Result<std::sync::Arc<Source>, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(Outcome::Usage, format!("cannot read {}: {error}", file.display()));
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        bytes
    } else {
        std::fs::read(file).map_err(|error| wrong(&error))?
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        wrong(&format!("byte {at} is not UTF-8; save the file as UTF-8"))
    })?;
    Ok(Source::new(file.display().to_string(), text))
}

pub(super) fn type_of(name: TypeName) -> PolicyType {
    match name {
        TypeName::Scp => PolicyType::ServiceControl,
        TypeName::Rcp => PolicyType::ResourceControl,
        TypeName::Endpoint => PolicyType::VpcEndpoint,
        TypeName::Resource => PolicyType::Resource,
        TypeName::Identity => PolicyType::Identity,
        TypeName::Boundary => PolicyType::Boundary,
        TypeName::Session => PolicyType::Session,
    }
}
