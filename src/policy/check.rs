//! What is wrong or doubtful in a policy of one type: what AWS refuses there, and what cannot mean what it says.
//!
//! Sources: the grammar
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>), the syntax of service control policies
//! (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html>) and resource control policies
//! (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>), and VPC endpoint policies
//! (<https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>).

mod absent;
mod conditions;
mod contradictions;
mod elements;
mod examples;
mod forms;
mod networks;
mod placeholders;
mod redundant;
mod resources;
mod services;
mod shape;
mod types;
mod variables;

use std::collections::BTreeMap;

use super::compiled::PolicyType;
use super::diagnostic::{Finding, Severity};
use super::document::{Condition, Document, Statement, Version};
use super::operator::Operator;

pub use services::{Services, check_services};

/// The conditions of a statement with their operators, without those whose operator AWS does not have.
fn with_operators(statement: &Statement) -> Vec<(&Condition, Operator)> {
    let operator = |condition: &Condition| Operator::parse(&condition.operator.text);
    statement.conditions.iter().filter_map(|condition| Some((condition, operator(condition)?))).collect()
}

/// What AWS allows of a policy type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Characters of one policy.
    pub characters: usize,
    /// Do blanks and line breaks count? They do, unless the console saves the policy.
    pub blanks_count: bool,
    /// Policies that may be attached to one target, those that AWS attaches included.
    pub attached: Option<usize>,
}

/// The quota of a policy type, as of 2026-11-22; `None` where it differs from service to service.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub fn quota(policy_type: PolicyType) -> Option<Quota> {
    let quota = |characters, blanks_count, attached| Some(Quota { characters, blanks_count, attached });
    match policy_type {
        PolicyType::ServiceControl => quota(10_240, true, Some(10)),
        PolicyType::ResourceControl => quota(5_120, true, Some(5)),
        PolicyType::VpcEndpoint => quota(20_480, true, Some(1)),
        // The largest: the inline policies of a role together. A managed policy has 6,144 characters.
        PolicyType::Identity => quota(10_240, false, None),
        PolicyType::Boundary => quota(6_144, false, Some(1)),
        PolicyType::Session => quota(2_048, false, None),
        PolicyType::Resource => None,
    }
}

/// Everything that is wrong, doubtful or worth knowing: the rules of the type, and the facts about services. In the order of the
/// document.
pub fn check_all(document: &Document, policy_type: PolicyType, services: &dyn Services) -> Vec<Finding> {
    let mut findings = check(document, policy_type);
    findings.extend(check_services(document, services));
    in_order(findings)
}

/// Of a condition that is always true, or that compares something else, nobody needs to know what an absent key does.
fn one_for_each_cause(findings: &mut Vec<Finding>) {
    let is_worse = |finding: &Finding| {
        finding.severity == Severity::Warning && matches!(finding.code, "type-mismatch" | "private-source-ip" | "every-address")
    };
    if findings.iter().any(is_worse) {
        findings.retain(|finding| finding.code != "denies-when-absent");
    }
}

fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| (a.span.start, a.severity, a.code).cmp(&(b.span.start, b.severity, b.code)));
    findings.dedup_by(|next, first| next.code == first.code && next.span == first.span && next.message == first.message);
    findings
}

/// Checks a document against the rules of its type. In the order of the document.
pub fn check(document: &Document, policy_type: PolicyType) -> Vec<Finding> {
    let mut findings = Vec::new();
    size(document, policy_type, &mut findings);
    header(document, policy_type, &mut findings);
    placeholders::check(document, &mut findings);
    examples::check(document, &mut findings);
    redundant::statements(document, policy_type, &mut findings);
    sids(document, policy_type, &mut findings);
    for statement in &document.statements {
        let mut found = Vec::new();
        shape::check(statement, policy_type, &mut found);
        redundant::values(statement, &mut found);
        variables::check(statement, document.version, &mut found);
        elements::check(statement, document.version, policy_type, &mut found);
        conditions::check(statement, document.version, policy_type, &mut found);
        one_for_each_cause(&mut found);
        let sid = statement.sid.as_ref().map(|sid| sid.text.as_str());
        findings.extend(found.into_iter().map(|finding| finding.in_statement(statement.index, sid)));
    }
    in_order(findings)
}

/// Characters of the document without blanks and line breaks outside texts.
pub fn characters_without_blanks(document: &Document) -> usize {
    let text = document.source.text().get(document.span.clone()).unwrap_or_default();
    let mut count = 0;
    let (mut in_text, mut escaped) = (false, false);
    for character in text.chars() {
        if in_text || !character.is_ascii_whitespace() {
            count += 1;
        }
        match character {
            '"' if !escaped => in_text = !in_text,
            '\\' if in_text && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    count
}

fn size(document: &Document, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    let Some(quota) = quota(policy_type) else { return };
    let plain = characters_without_blanks(document);
    let counted = if quota.blanks_count {
        document.source.text().get(document.span.clone()).unwrap_or_default().chars().count()
    } else {
        plain
    };
    if counted <= quota.characters {
        return;
    }
    let start = document.span.start..document.span.start + 1;
    let message = format!("the policy has {counted} characters; a {} may have {}", policy_type.title(), quota.characters);
    findings.push(if plain <= quota.characters {
        Finding::warning("policy-too-large", start, message)
            .help(format!("without blanks and line breaks it has {plain}, which fits: remove them before it is saved"))
    } else {
        Finding::error("policy-too-large", start, message).help("split it, or merge statements that differ in one element")
    });
}

fn header(document: &Document, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    let start = document.span.start..document.span.start + 1;
    let needs_2012 = matches!(policy_type, PolicyType::ServiceControl | PolicyType::ResourceControl);
    if document.version == Version::V2008 {
        let span = document.version_span.clone().unwrap_or(start);
        let help = "write \"Version\": \"2012-10-17\"";
        if needs_2012 {
            let message = format!("a {} needs the version \"2012-10-17\"", policy_type.title());
            findings.push(Finding::error("invalid-version", span, message).help(help));
        } else if document.version_span.is_none() {
            let message = "without a `Version` the policy is read as of 2008: `${…}` is a literal text";
            findings.push(Finding::warning("missing-version", span, message).help(help));
        }
    }
    if let Some(id) = &document.id
        && !matches!(policy_type, PolicyType::Resource | PolicyType::VpcEndpoint)
    {
        let message = format!("`Id` is not allowed in a {}", policy_type.title());
        findings.push(Finding::error("id-not-allowed", id.span.clone(), message));
    }
}

fn sids(document: &Document, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    let of_iam = matches!(policy_type, PolicyType::Identity | PolicyType::Boundary | PolicyType::Session);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for statement in &document.statements {
        let Some(sid) = &statement.sid else { continue };
        let mut found = Vec::new();
        if sid.text.is_empty() {
            let finding = Finding::note("empty-sid", sid.span.clone(), "the Sid is empty");
            findings.push(finding.help("give the statement a name, or remove the element").in_statement(statement.index, None));
            continue;
        }
        if let Some(first) = seen.insert(&sid.text, statement.index) {
            let message = format!("the Sid \"{}\" is that of statement {} already", sid.text, first + 1);
            found.push(if of_iam {
                Finding::error("duplicate-sid", sid.span.clone(), message)
            } else {
                Finding::warning("duplicate-sid", sid.span.clone(), message).help("messages would not tell which one denied")
            });
        }
        if of_iam && !sid.text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = format!("the Sid \"{}\" has characters other than A-Z, a-z and 0-9", sid.text);
            found.push(Finding::error("invalid-sid", sid.span.clone(), message));
        }
        findings.extend(found.into_iter().map(|finding| finding.in_statement(statement.index, Some(&sid.text))));
    }
}

/// What a policy most likely is, for a file of which nobody says it: by its name, then by its principals.
pub fn guess_type(document: &Document) -> PolicyType {
    let name = document.source.name().to_ascii_lowercase();
    let file = name.rsplit('/').next().unwrap_or_default();
    let words: Vec<&str> = file.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for (word, policy_type) in [
        ("scp", PolicyType::ServiceControl),
        ("rcp", PolicyType::ResourceControl),
        ("vpce", PolicyType::VpcEndpoint),
        ("endpoint", PolicyType::VpcEndpoint),
        ("boundary", PolicyType::Boundary),
        ("session", PolicyType::Session),
    ] {
        if words.contains(&word) {
            return policy_type;
        }
    }
    if document.statements.iter().any(|statement| statement.principal.is_some()) {
        PolicyType::Resource
    } else {
        PolicyType::ServiceControl
    }
}
