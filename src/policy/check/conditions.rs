//! Conditions of one statement: operators, keys, values, and what can never be true.

use super::elements::{arn_part, variable_of_2008};
use super::services::multivalued_without_set_operator;
use super::{absent, contradictions, forms, networks, placeholders, types};
use crate::policy::compiled::PolicyType;
use crate::policy::condition::Condition as Compiled;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Condition, Statement, Version};
use crate::policy::global_keys::{self, GLOBAL_KEYS, GlobalKey};
use crate::policy::operator::{Comparison, OPERATORS, Operator, Quantifier, Test};
use crate::policy::pattern::ActionPattern;
use crate::policy::suggest::closest;

pub(super) fn check(statement: &Statement, version: Version, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    for condition in &statement.conditions {
        check_key(condition, findings);
        match Operator::parse(&condition.operator.text) {
            None => findings.push(unknown_operator(condition)),
            Some(operator) => {
                let known = global_keys::find(&condition.key.text);
                check_arity(condition, operator, known, findings);
                match known.and_then(|known| types::of_global_key(condition, operator, known, policy_type)) {
                    Some(mismatch) => findings.push(mismatch),
                    None => check_values(condition, operator, version, policy_type, findings),
                }
                if policy_type == PolicyType::VpcEndpoint {
                    check_endpoint(condition, operator, findings);
                }
                findings.extend(foreign_key(statement, condition, operator, known));
            }
        }
    }
    contradictions::check(statement, findings);
    absent::check(statement, findings);
}

fn unknown_operator(condition: &Condition) -> Finding {
    let name = condition.operator.text.as_str();
    let message = format!("AWS has no condition operator `{name}`: the policy is refused");
    let finding = Finding::error("unknown-operator", condition.operator.span.clone(), message);
    let (prefix, rest) = name.split_once(':').map_or(("", name), |(prefix, rest)| (prefix, rest));
    let (base, suffix) = rest.strip_suffix("IfExists").map_or((rest, ""), |base| (base, "IfExists"));
    if base == "Null" {
        return finding.help("`Null` takes neither prefix nor suffix");
    }
    let meant = closest(base, OPERATORS.iter().map(|(name, _)| *name));
    let set = closest(prefix, ["ForAllValues", "ForAnyValue"]).map(|prefix| format!("{prefix}:"));
    match meant {
        Some(meant) => finding.help(format!("did you mean `{}{meant}{suffix}`?", set.unwrap_or_default())),
        None => finding,
    }
}

fn check_key(condition: &Condition, findings: &mut Vec<Finding>) {
    let key = condition.key.text.as_str();
    // The policies that Amazon SNS gives to new topics still name a key that is documented no more.
    let of_topics = key.eq_ignore_ascii_case("aws:SourceOwner");
    if of_topics || global_keys::find(key).is_some() || placeholders::is_in(key) {
        return;
    }
    let span = condition.key.span.clone();
    let is_global = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if is_global {
        let message = format!("AWS documents no global condition key `{key}`");
        let finding = Finding::warning("unknown-condition-key", span, message);
        findings.push(match closest(key, GLOBAL_KEYS.iter().map(|known| known.name)) {
            Some(meant) if meant.ends_with('*') => {
                finding.help(format!("did you mean `{}TagKey`?", meant.trim_end_matches('*')))
            }
            Some(meant) => finding.help(format!("did you mean `{meant}`?")),
            None => finding.help(format!("the list is that of {}; a newer key may be right", global_keys::AS_OF)),
        });
    } else if !key.contains(':') {
        let message = format!("`{key}` is no condition key: keys are written service:Name");
        findings.push(Finding::warning("unknown-condition-key", span, message));
    }
}

fn check_arity(condition: &Condition, operator: Operator, known: Option<&GlobalKey>, findings: &mut Vec<Finding>) {
    let Some(known) = known else { return };
    let span = condition.operator.span.clone();
    match operator.quantifier {
        None if known.multivalued && operator.test != Test::Null => {
            findings.push(multivalued_without_set_operator(condition, known.name));
        }
        Some(Quantifier::ForAllValues) if !known.multivalued && operator.test != Test::Null => {
            let message = format!("`{}` has one value; `ForAllValues:` is also true when it is absent", known.name);
            let finding = Finding::warning("set-operator-on-single-valued-key", span, message);
            findings.push(finding.help("remove the prefix; for an absent key write IfExists"));
        }
        _ => {}
    }
}

fn check_values(
    condition: &Condition,
    operator: Operator,
    version: Version,
    policy_type: PolicyType,
    findings: &mut Vec<Finding>,
) {
    let compiled = Compiled::compile(condition, version);
    for (value, prepared) in condition.values.iter().zip(&compiled.values) {
        if placeholders::may_be_in(&value.text) {
            continue;
        }
        let span = value.span.clone();
        let has_variable = value.text.contains("${");
        let wrong = match operator.comparison() {
            None => !matches!(value.text.to_ascii_lowercase().as_str(), "true" | "false"),
            Some(_) => prepared.is_impossible(),
        };
        if wrong {
            let expected = match operator.comparison() {
                None | Some(Comparison::Bool) => "\"true\" or \"false\"",
                Some(Comparison::Numeric(_)) => "a number",
                Some(Comparison::Date(_)) => "a date such as \"2026-11-23T00:00:00Z\", or seconds since 1970",
                Some(Comparison::IpAddress) => "an address or a network such as \"203.0.113.0/24\"",
                Some(Comparison::Binary) => "base64",
                Some(Comparison::Arn) => "an ARN with six parts",
                Some(_) => "a text whose `${…}` are policy variables",
            };
            let message = format!("\"{}\" matches nothing: `{}` needs {expected}", value.text, operator.base);
            findings.push(Finding::error("invalid-value", span, message));
            continue;
        }
        if operator.comparison() == Some(Comparison::Arn) {
            findings.extend(arn_part(value));
        }
        if has_variable && version == Version::V2008 && operator.takes_variables() {
            findings.push(variable_of_2008(span));
            continue;
        }
        let without_escapes = value.text.replace("${*}", "").replace("${?}", "");
        let has_wildcard = without_escapes.contains(['*', '?']);
        let exact = matches!(operator.comparison(), Some(Comparison::StringEquals | Comparison::StringEqualsIgnoreCase));
        if has_wildcard && exact {
            let message = format!("`{}` takes `*` and `?` literally", operator.base);
            let like = if operator.is_negated() { "StringNotLike" } else { "StringLike" };
            findings.push(Finding::warning("wildcard-without-like", span, message).help(format!("did you mean `{like}`?")));
        } else if has_wildcard && operator.takes_wildcards() && global_keys::is_id_key(&condition.key.text) {
            let message = format!("a wildcard in `{}`: its values are ids that AWS assigns", condition.key.text);
            let finding = if policy_type == PolicyType::VpcEndpoint {
                Finding::error("wildcard-in-id", span, message)
            } else {
                Finding::warning("wildcard-in-id", span, message)
            };
            findings.push(finding.help("list the ids in full"));
        }
    }
    forms::check(condition, operator, findings);
    networks::check(condition, operator, findings);
}

/// What VPC endpoint policies do not take: <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>.
fn check_endpoint(condition: &Condition, operator: Operator, findings: &mut Vec<Finding>) {
    if matches!(operator.comparison(), Some(Comparison::Numeric(_))) && global_keys::is_id_key(&condition.key.text) {
        let message = format!("a VPC endpoint policy takes no numeric operator for `{}`", condition.key.text);
        findings
            .push(Finding::error("endpoint-condition", condition.operator.span.clone(), message).help("write `StringEquals`"));
    }
    let is_like = operator.comparison() == Some(Comparison::StringLike);
    for value in condition
        .values
        .iter()
        .filter(|value| is_like && !global_keys::is_id_key(&condition.key.text) && !value.text.contains('$'))
    {
        let runs: Vec<usize> = value.text.split(['*', '?']).map(|run| run.chars().count()).collect();
        if runs.windows(2).any(|around| around.iter().all(|run| *run < 6)) {
            let message = "a VPC endpoint policy needs six characters in a row before or after each wildcard";
            findings.push(Finding::warning("endpoint-condition", value.span.clone(), message));
        }
    }
}

/// A key of one service in a statement that is about actions of other services only.
fn foreign_key(statement: &Statement, condition: &Condition, operator: Operator, known: Option<&GlobalKey>) -> Option<Finding> {
    let (owner, _) = condition.key.text.split_once(':')?;
    let owner = owner.to_ascii_lowercase();
    // Keys of identity providers hold a host name; those of SAML are about the caller.
    if known.is_some() || owner == "aws" || owner == "saml" || owner.contains(['.', '<', '/']) || statement.action.negated {
        return None;
    }
    let mut services = Vec::new();
    for action in &statement.action.items {
        services.push(ActionPattern::parse(&action.text)?.service?);
    }
    if services.is_empty() || services.iter().any(|service| service.starts_with(&*owner) || owner.starts_with(&**service)) {
        return None;
    }
    let fires_when_absent = operator.if_exists
        || operator.is_negated()
        || operator.quantifier == Some(Quantifier::ForAllValues)
        || (operator.test == Test::Null && condition.values.iter().any(|value| value.text.eq_ignore_ascii_case("true")));
    let consequence = if fires_when_absent { "it is always true" } else { "it is never true" };
    let message = format!(
        "`{}` is a key of `{owner}`, which no action of the statement belongs to: the key is absent, and {consequence}",
        condition.key.text
    );
    let code = if fires_when_absent { "condition-always-true" } else { "condition-never-true" };
    Some(Finding::warning(code, condition.key.span.clone(), message))
}
