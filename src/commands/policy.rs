//! `palisade policy`: checks policy files, and judges requests that are written down.

use std::io::Read;
use std::path::Path;

use super::Failure;
use super::output::{Terminal, write_out};
use crate::cli::Global;
use crate::cli::policy::{PolicyArgs, PolicyCommand, TypeName};
use crate::outcome::Outcome;
use crate::policy::case;
use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::Source;
use crate::policy::truth::Truth;
use crate::replay::ServiceFacts;

pub fn policy(arguments: PolicyArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    match arguments.command {
        PolicyCommand::Check(arguments) => super::policy_check::check(&arguments, global, terminal),
        PolicyCommand::Evaluate { case } => evaluate(&case),
        PolicyCommand::Explain(arguments) => super::explain::explain(&arguments, global, terminal),
    }
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
