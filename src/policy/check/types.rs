//! Operators that do not fit the type of a key.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::Finding;
use crate::policy::document::Condition;
use crate::policy::global_keys::{self, GlobalKey, KeyType};
use crate::policy::operator::{Comparison, Operator, Quantifier};

/// A global key under an operator for another type of values.
pub(super) fn of_global_key(
    condition: &Condition,
    operator: Operator,
    known: &GlobalKey,
    policy_type: PolicyType,
) -> Option<Finding> {
    let comparison = operator.comparison()?;
    let is_id = global_keys::is_id_key(known.name);
    // Of these, `endpoint-condition` tells that AWS refuses them.
    if policy_type == PolicyType::VpcEndpoint && is_id && matches!(comparison, Comparison::Numeric(_)) {
        return None;
    }
    // The values of tags are whatever people make of them. A federated provider is an ARN or the name of a host.
    if known.name.ends_with('*') || known.name == "aws:FederatedProvider" {
        return None;
    }
    let is_epoch = known.name == "aws:EpochTime" && matches!(comparison, Comparison::Numeric(_));
    (!is_epoch && !fits(comparison, known.value_type)).then(|| mismatch(condition, operator, known.name, known.value_type))
}

/// A key of a service under an operator for another type of values. The tables call many numbers and ARNs texts, so of texts only
/// what cannot be meant is told.
pub(super) fn of_service_key(condition: &Condition, operator: Operator, name: &str, value_type: KeyType) -> Option<Finding> {
    let comparison = operator.comparison()?;
    let is_mismatch = match value_type {
        KeyType::String => {
            let lower = name.to_ascii_lowercase();
            let may_hold = |words: &[&str]| words.iter().any(|word| lower.contains(word));
            match comparison {
                Comparison::IpAddress => !may_hold(&["ip", "address", "cidr"]),
                Comparison::Date(_) => !may_hold(&["time", "date", "expir", "at"]),
                _ => false,
            }
        }
        _ => !fits(comparison, value_type),
    };
    is_mismatch.then(|| mismatch(condition, operator, name, value_type))
}

fn fits(comparison: Comparison, value_type: KeyType) -> bool {
    let is_text = matches!(comparison, Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike);
    match value_type {
        KeyType::String => is_text || comparison == Comparison::Binary,
        KeyType::Arn => is_text || comparison == Comparison::Arn,
        KeyType::Bool => comparison == Comparison::Bool,
        KeyType::Numeric => matches!(comparison, Comparison::Numeric(_)),
        KeyType::Date => matches!(comparison, Comparison::Date(_)),
        KeyType::IpAddress => comparison == Comparison::IpAddress,
    }
}

fn mismatch(condition: &Condition, operator: Operator, name: &str, value_type: KeyType) -> Finding {
    let holds = match value_type {
        KeyType::String => "a text",
        KeyType::Arn => "an ARN",
        KeyType::Bool => "true or false",
        KeyType::Numeric => "a number",
        KeyType::Date => "a date",
        KeyType::IpAddress => "an IP address",
    };
    let message = format!(
        "`{}` does not fit `{name}`, which holds {holds}: {}",
        condition.operator.text,
        consequence(condition, operator, value_type)
    );
    let finding = Finding::warning("type-mismatch", condition.operator.span.clone(), message);
    match fitting(operator, value_type) {
        Some(fitting) => finding.help(format!("write `{fitting}`")),
        None => finding.help("write `Bool` with the opposite value"),
    }
}

/// What IAM makes of it.
fn consequence(condition: &Condition, operator: Operator, value_type: KeyType) -> String {
    let unread = |what: &str| format!("IAM finds no {what} to compare, so it is never true of a key that is there");
    match operator.comparison() {
        Some(Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike) => {
            let is_network = value_type == KeyType::IpAddress && condition.values.iter().any(|value| value.text.contains('/'));
            match (is_network, operator.is_negated()) {
                (true, false) => "texts are compared, and no address is spelled like a network, so it is never true".to_owned(),
                (true, true) => "texts are compared, and no address is spelled like a network, so it is always true".to_owned(),
                (false, _) => "texts are compared, letter by letter".to_owned(),
            }
        }
        Some(Comparison::Numeric(_)) => match value_type {
            KeyType::String => "IAM compares only what is a number".to_owned(),
            _ => unread("number"),
        },
        Some(Comparison::Date(_)) => match value_type {
            KeyType::Numeric => "IAM takes the number for seconds since 1970".to_owned(),
            _ => unread("date"),
        },
        Some(Comparison::Bool) => unread("true or false"),
        Some(Comparison::IpAddress) => unread("address"),
        Some(Comparison::Arn) => unread("ARN"),
        Some(Comparison::Binary) | None => unread("bytes"),
    }
}

/// The operator for the type of the key that says most nearly the same.
fn fitting(operator: Operator, value_type: KeyType) -> Option<String> {
    let negated = operator.is_negated();
    let order =
        ["GreaterThanEquals", "LessThanEquals", "GreaterThan", "LessThan"].into_iter().find(|end| operator.base.ends_with(end));
    let ordered = |family: &str| match (order, negated) {
        (Some(order), _) => format!("{family}{order}"),
        (None, true) => format!("{family}NotEquals"),
        (None, false) => format!("{family}Equals"),
    };
    let base = match value_type {
        KeyType::String if negated => "StringNotEquals".to_owned(),
        KeyType::String => "StringEquals".to_owned(),
        KeyType::Arn if negated => "ArnNotLike".to_owned(),
        KeyType::Arn => "ArnLike".to_owned(),
        KeyType::Bool if negated => return None,
        KeyType::Bool => "Bool".to_owned(),
        KeyType::Numeric => ordered("Numeric"),
        KeyType::Date => ordered("Date"),
        KeyType::IpAddress if negated => "NotIpAddress".to_owned(),
        KeyType::IpAddress => "IpAddress".to_owned(),
    };
    let prefix = match operator.quantifier {
        Some(Quantifier::ForAllValues) => "ForAllValues:",
        Some(Quantifier::ForAnyValue) => "ForAnyValue:",
        None => "",
    };
    Some(format!("{prefix}{base}{}", if operator.if_exists { "IfExists" } else { "" }))
}
