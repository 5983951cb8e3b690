//! Conditions of one statement on one key that exclude each other.

use std::cmp::Ordering;

use super::with_operators;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Condition, Statement};
use crate::policy::operator::{Comparison, Operator, Order, Quantifier, Test};
use crate::policy::pattern::Glob;
use crate::policy::value::{Decimal, parse_date, parse_network};

/// The first pair of each key is told.
pub(super) fn check(statement: &Statement, findings: &mut Vec<Finding>) {
    let conditions = with_operators(statement);
    let mut told: Vec<String> = Vec::new();
    for (number, (condition, operator)) in conditions.iter().enumerate() {
        for (other, other_operator) in conditions.iter().skip(number + 1) {
            let key = condition.key.text.to_ascii_lowercase();
            if key != other.key.text.to_ascii_lowercase() || told.contains(&key) {
                continue;
            }
            if excludes(condition, *operator, other, *other_operator) || excludes(other, *other_operator, condition, *operator)
            {
                let message = format!(
                    "`{}` and `{}` of `{}` cannot both be true: the statement never applies",
                    condition.operator.text, other.operator.text, condition.key.text
                );
                findings.push(Finding::warning("condition-never-true", other.key.span.clone(), message));
                told.push(key);
            }
        }
    }
}

/// Is the condition false of an absent key?
fn needs_value(operator: Operator) -> bool {
    match operator.test {
        Test::Compare { negated, .. } => {
            !negated && !operator.if_exists && operator.quantifier != Some(Quantifier::ForAllValues)
        }
        Test::Null => false,
    }
}

fn excludes(left: &Condition, left_operator: Operator, right: &Condition, right_operator: Operator) -> bool {
    let says = |condition: &Condition, text: &str| {
        condition.values.len() == 1 && condition.values.iter().all(|value| value.text.eq_ignore_ascii_case(text))
    };
    // Absent, and yet with a value.
    if left_operator.test == Test::Null && left_operator.quantifier.is_none() && says(left, "true") {
        return needs_value(right_operator) || (right_operator.test == Test::Null && says(right, "false"));
    }
    if left_operator.quantifier.is_some() || right_operator.quantifier.is_some() || !needs_value(left_operator) {
        return false;
    }
    let is_open = |condition: &Condition| {
        condition.values.is_empty()
            || condition.values.iter().any(|value| value.text.contains("${") || value.text.contains('<'))
    };
    if is_open(left) || is_open(right) {
        return false;
    }
    match (left_operator.comparison(), right_operator.comparison()) {
        (Some(Comparison::Numeric(own)), Some(Comparison::Numeric(other))) => {
            orders_exclude(left, own, right, other, right_operator.is_negated(), Decimal::parse)
        }
        (Some(Comparison::Date(own)), Some(Comparison::Date(other))) => {
            orders_exclude(left, own, right, other, right_operator.is_negated(), parse_date)
        }
        (Some(Comparison::Bool), Some(Comparison::Bool)) => {
            (says(left, "true") && says(right, "false")) || (says(left, "false") && says(right, "true"))
        }
        (Some(Comparison::IpAddress), Some(Comparison::IpAddress)) => {
            networks_exclude(left, right, right_operator.is_negated())
        }
        (Some(own), Some(other)) => texts_exclude(left, own, right, other, right_operator.is_negated()),
        _ => false,
    }
}

/// Neither the values of one nor those of the other.
fn networks_exclude(left: &Condition, right: &Condition, negated: bool) -> bool {
    left.values.iter().all(|value| {
        let Some(own) = parse_network(&value.text) else { return false };
        let others: Option<Vec<_>> = right.values.iter().map(|other| parse_network(&other.text)).collect();
        let Some(others) = others else { return false };
        if negated {
            others.iter().any(|other| other.contains(&own))
        } else {
            others.iter().all(|other| !other.contains(&own) && !own.contains(other))
        }
    })
}

/// The texts that an operator takes, if it is one of those that take texts in their own case.
fn pattern(comparison: Comparison, text: &str) -> Option<Glob> {
    match comparison {
        Comparison::StringEquals => Some(Glob::from_tokens(text.chars().map(crate::policy::pattern::Token::Char).collect())),
        Comparison::StringLike | Comparison::Arn => Some(Glob::new(text)),
        _ => None,
    }
}

fn texts_exclude(left: &Condition, own: Comparison, right: &Condition, other: Comparison, negated: bool) -> bool {
    let patterns = |condition: &Condition, comparison: Comparison| -> Option<Vec<Glob>> {
        condition.values.iter().map(|value| pattern(comparison, &value.text)).collect()
    };
    let (Some(own), Some(other)) = (patterns(left, own), patterns(right, other)) else { return false };
    own.iter().all(|own| {
        if negated { other.iter().any(|other| other.covers(own)) } else { other.iter().all(|other| !other.meets(own)) }
    })
}

/// Two bounds, or a bound and a value, that leave nothing between them. Only of one value each.
fn orders_exclude<T: Ord>(
    left: &Condition,
    own: Order,
    right: &Condition,
    other: Order,
    negated: bool,
    parse: impl Fn(&str) -> Option<T>,
) -> bool {
    let ([left], [right]) = (left.values.as_slice(), right.values.as_slice()) else { return false };
    let (Some(left), Some(right)) = (parse(&left.text), parse(&right.text)) else { return false };
    let order = left.cmp(&right);
    if negated {
        return own == Order::Equal && order == Ordering::Equal;
    }
    // What `own` lets through lies on one side of `left`, what `other` lets through on the other side of `right`.
    let below = |order: Order| matches!(order, Order::Less | Order::LessOrEqual | Order::Equal);
    let above = |order: Order| matches!(order, Order::Greater | Order::GreaterOrEqual | Order::Equal);
    let touches = |order: Order| matches!(order, Order::LessOrEqual | Order::GreaterOrEqual | Order::Equal);
    match order {
        Ordering::Less => below(own) && above(other),
        Ordering::Greater => above(own) && below(other),
        Ordering::Equal => {
            let opposite = (below(own) && above(other)) || (above(own) && below(other));
            opposite && !(touches(own) && touches(other))
        }
    }
}
