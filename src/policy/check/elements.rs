//! Actions, resources and principals of one statement.

use super::forms::{is_account, is_region};
use super::placeholders;
use crate::policy::applicability::rcp_supports;
use crate::policy::compiled::{PolicyType, complete_arn};
use crate::policy::diagnostic::Finding;
use crate::policy::document::{PrincipalKind, Statement, Text, Version};
use crate::policy::pattern::{ActionPattern, arn_parts};
use crate::policy::template::Template;

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
const PARTITIONS: [&str; 8] = ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

pub(super) fn check(statement: &Statement, version: Version, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    for action in &statement.action.items {
        if !placeholders::is_in(&action.text) {
            findings.extend(check_action(action, policy_type, statement.action.negated));
        }
    }
    for resource in statement.resource.iter().flat_map(|resource| &resource.items) {
        if !placeholders::is_in(&resource.text) {
            check_resource(resource, version, policy_type, findings);
        }
    }
    for entry in statement.principal.iter().flat_map(|principals| &principals.entries) {
        if !placeholders::may_be_in(&entry.text.text) {
            findings.extend(check_principal(entry.kind, &entry.text));
        }
    }
}

fn check_action(action: &Text, policy_type: PolicyType, negated: bool) -> Option<Finding> {
    let is_rcp = policy_type == PolicyType::ResourceControl;
    let span = action.span.clone();
    match ActionPattern::parse(&action.text) {
        Some(ActionPattern { service: None, .. }) if is_rcp && !negated => {
            let finding = Finding::error("rcp-action-wildcard", span, "a resource control policy cannot name the action \"*\"");
            Some(finding.help("name the services, such as \"s3:*\""))
        }
        Some(ActionPattern { service: Some(service), .. }) if is_rcp && rcp_supports(&service).is_false() => {
            let message = format!("resource control policies do not support the service `{service}`: this denies nothing");
            Some(Finding::warning("rcp-unsupported-service", span, message))
        }
        Some(_) => None,
        None if action.text.split(':').next().is_some_and(|prefix| prefix.contains(['*', '?'])) => {
            let message = format!("the service of \"{}\" has a wildcard; only the name of an action may", action.text);
            Some(Finding::error("wildcard-in-service", span, message).help("name the service, or write \"*\" alone"))
        }
        None => {
            let message = format!("\"{}\" is no action", action.text);
            Some(Finding::error("invalid-action", span, message).help("write service:Name, such as \"s3:GetObject\""))
        }
    }
}

fn check_resource(resource: &Text, version: Version, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    let text = resource.text.as_str();
    let span = resource.span.clone();
    if let Err(error) = Template::parse(text, version, true) {
        findings.push(Finding::error("invalid-variable", span, error.to_string()));
        return;
    }
    if version == Version::V2008 && text.contains("${") {
        findings.push(variable_of_2008(span));
        return;
    }
    if text == "*" {
        return;
    }
    if !text.starts_with("arn:") && !text.starts_with("arn*") && !text.starts_with('*') && !text.starts_with("${") {
        let message = format!("\"{text}\" is no ARN: it matches no resource");
        findings.push(Finding::error("invalid-arn", span, message).help("write an ARN, or \"*\""));
        return;
    }
    let before_variable = text.split("${").next().unwrap_or_default();
    if before_variable.len() < text.len() && before_variable.matches(':').count() < 5 {
        let message = "AWS documents policy variables only behind the fifth colon of an ARN";
        findings.push(Finding::warning("variable-before-resource", span, message));
        return;
    }
    if text.split(':').nth(2).is_some_and(|service| service.contains(['*', '?'])) && text.matches(':').count() >= 3 {
        let message = format!("the service of \"{text}\" has a wildcard, which AWS does not allow there");
        findings.push(Finding::error("wildcard-in-arn-service", span, message));
        return;
    }
    let account = text.split(':').nth(4).unwrap_or_default();
    if policy_type == PolicyType::VpcEndpoint && account.len() > 1 && account.contains(['*', '?']) {
        let message = format!("the account of \"{text}\" is neither an id nor a wildcard alone");
        findings
            .push(Finding::error("wildcard-in-account", span, message).help("a VPC endpoint policy takes one or the other"));
        return;
    }
    if text.matches(':').count() < 5 {
        let message = format!("\"{text}\" has fewer than the six parts of an ARN");
        let help = "write all six parts: arn:partition:service:region:account:resource";
        match policy_type {
            _ if complete_arn(text, policy_type).is_none() => {
                findings.push(Finding::error("incomplete-arn", span, message).help(help));
            }
            PolicyType::Resource | PolicyType::VpcEndpoint if !text.ends_with('*') => {
                findings
                    .push(Finding::warning("incomplete-arn", span, format!("{message}: it matches no resource")).help(help));
            }
            _ => findings.push(Finding::warning("incomplete-arn", span, message).help(help)),
        }
        return;
    }
    if !placeholders::may_be_in(text) {
        findings.extend(arn_part(resource));
    }
}

/// A part of an ARN that no ARN has.
pub(super) fn arn_part(text: &Text) -> Option<Finding> {
    let [_, partition, service, region, account, _] = text.text.splitn(6, ':').collect::<Vec<_>>().try_into().ok()?;
    let is_open = |part: &str| part.is_empty() || part.contains(['*', '?', '$', '{', '<']);
    let finding = |message: String| Finding::warning("invalid-arn-part", text.span.clone(), message);
    if !is_open(partition) && !PARTITIONS.contains(&partition) {
        let message = format!("AWS has no partition `{partition}`: \"{}\" matches nothing", text.text);
        return Some(finding(message).help("write `aws`, or `aws-cn`, `aws-us-gov` and so on"));
    }
    if service.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let message = format!("the service of an ARN is in lower case: \"{}\" matches nothing", text.text);
        return Some(finding(message).help(format!("write `{}`", service.to_ascii_lowercase())));
    }
    if !is_open(region) && !is_region(region) {
        let message = format!("AWS has no Region `{region}`: \"{}\" matches nothing", text.text);
        return Some(finding(message).help("write it like `eu-central-1`"));
    }
    let is_number = account.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !is_open(account) && is_number && !is_account(account) {
        let message = format!("the account `{account}` does not have 12 digits: \"{}\" matches nothing", text.text);
        return Some(finding(message).help("write its 12 digits, without hyphens"));
    }
    None
}

pub(super) fn variable_of_2008(span: std::ops::Range<usize>) -> Finding {
    let message = "`${` is a literal text in a policy of version 2008, not a variable";
    Finding::warning("variable-in-version-2008", span, message).help("write \"Version\": \"2012-10-17\"")
}

fn check_principal(kind: PrincipalKind, text: &Text) -> Option<Finding> {
    let principal = text.text.as_str();
    let span = text.span.clone();
    match kind {
        PrincipalKind::Service if principal.contains(['*', '?']) => {
            let message = "a service principal cannot be or have a wildcard";
            Some(
                Finding::error("wildcard-in-principal", span, message).help("name the service, such as \"logs.amazonaws.com\""),
            )
        }
        PrincipalKind::Aws if principal == "*" => None,
        PrincipalKind::Aws if principal.contains(['*', '?']) => {
            let message = format!("\"{principal}\": a principal cannot have a wildcard in it");
            Some(Finding::error("wildcard-in-principal", span, message).help("use \"*\" and a condition on aws:PrincipalArn"))
        }
        PrincipalKind::Aws => {
            let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
            let is_id = principal.starts_with("AIDA") || principal.starts_with("AROA");
            let known = is_account || is_id || arn_parts(principal).is_some();
            (!known).then(|| {
                let message = format!("\"{principal}\" is no principal");
                Finding::error("invalid-principal", span, message).help("write an account id of 12 digits, or an ARN")
            })
        }
        PrincipalKind::Everyone | PrincipalKind::Service | PrincipalKind::Federated | PrincipalKind::CanonicalUser => None,
    }
}
