//! Conditions that are true because their key is absent: right where it is meant, and easily overlooked.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>.

use super::with_operators;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Condition, Effect, Statement};
use crate::policy::global_keys::{self, GlobalKey};
use crate::policy::operator::{Operator, Quantifier, Test};

/// Keys of the network that a call came from. Each is absent on some way to AWS.
const NETWORK: [&str; 8] = [
    "aws:sourcevpce",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
    "aws:sourceip",
];

/// Keys of the organization and account of a caller: AWS services that call by themselves have none.
const CALLER: [&str; 2] = ["aws:principalorgid", "aws:principalorgpaths"];

/// Keys on whose behalf a service calls: callers that are no services have none.
const SERVICE: [&str; 4] = ["aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceaccount", "aws:sourcearn"];

/// A condition on one of these says that somebody thought of services, or of callers that are none.
const SPARING: [&str; 7] = [
    "aws:viaawsservice",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
];

pub(super) fn check(statement: &Statement, findings: &mut Vec<Finding>) {
    let conditions = with_operators(statement);
    if statement.effect == Effect::Deny {
        findings.extend(denies_when_absent(&conditions));
    }
    for (condition, operator) in &conditions {
        findings.extend(for_all_values(statement.effect, condition, *operator, &conditions));
        findings.extend(null_with_set_operator(condition, *operator));
    }
}

fn lower(condition: &Condition) -> String {
    condition.key.text.to_ascii_lowercase()
}

/// Does the statement ask for the presence of one of these keys, or compare one so that it must be there?
fn asks_for(conditions: &[(&Condition, Operator)], keys: &[&str]) -> bool {
    conditions.iter().any(|(condition, operator)| {
        let needs_it = match operator.test {
            Test::Null => condition.values.iter().all(|value| value.text.eq_ignore_ascii_case("false")),
            Test::Compare { negated, .. } => {
                !negated && !operator.if_exists && operator.quantifier != Some(Quantifier::ForAllValues)
            }
        };
        needs_it && keys.contains(&&*lower(condition))
    })
}

/// A Deny of everything but some values, which also denies where there is no value. One note a statement.
fn denies_when_absent(conditions: &[(&Condition, Operator)]) -> Option<Finding> {
    let negated_on = |keys: &[&str]| {
        let mut found =
            conditions.iter().filter(|(condition, operator)| operator.is_negated() && keys.contains(&&*lower(condition)));
        let first = found.next()?;
        let places = 1 + found.count();
        let is_set = first.1.quantifier == Some(Quantifier::ForAnyValue);
        (!is_set).then_some((first.0, places))
    };
    if conditions.iter().any(|(condition, _)| SPARING.contains(&&*lower(condition))) || asks_for(conditions, &SERVICE) {
        return None;
    }
    let sparing = "add `\"BoolIfExists\": {\"aws:ViaAWSService\": \"false\"}`, and where services call by themselves \
                   `aws:PrincipalIsAWSService`; `IfExists` changes nothing, since a negated operator is true of an absent key anyway";
    if let Some((condition, places)) = negated_on(&NETWORK)
        && !asks_for(conditions, &NETWORK)
    {
        let key = lower(condition);
        let way = match key.as_str() {
            "aws:sourceip" if places == 1 => "calls through a VPC endpoint, and calls of AWS services on somebody's behalf",
            "aws:sourceip" => "calls of AWS services on somebody's behalf",
            _ if places == 1 => {
                "calls that come through no VPC endpoint, those of AWS services on somebody's behalf among them"
            }
            _ => "calls of AWS services on somebody's behalf",
        };
        let message =
            format!("`{}` is absent, and so the condition true, for {way}: the Deny does not spare them", condition.key.text);
        return Some(Finding::note("denies-when-absent", condition.key.span.clone(), message).help(sparing));
    }
    if let Some((condition, _)) = negated_on(&CALLER) {
        let message = format!(
            "`{}` is absent, and so the condition true, for AWS services that call by themselves and for accounts in no \
             organization: the Deny does not spare them",
            condition.key.text
        );
        let help = "to spare services add `\"BoolIfExists\": {\"aws:PrincipalIsAWSService\": \"false\"}`; `IfExists` changes nothing, \
                    since a negated operator is true of an absent key anyway";
        return Some(Finding::note("denies-when-absent", condition.key.span.clone(), message).help(help));
    }
    let (condition, _) = negated_on(&SERVICE)?;
    let message = format!(
        "`{}` is there only when an AWS service calls by itself: the Deny does not spare anybody else",
        condition.key.text
    );
    let help = "add `\"Bool\": {\"aws:PrincipalIsAWSService\": \"true\"}`, so that only services are denied";
    Some(Finding::note("denies-when-absent", condition.key.span.clone(), message).help(help))
}

/// `ForAllValues:` is true of an absent key, and of one without values.
fn for_all_values(
    effect: Effect,
    condition: &Condition,
    operator: Operator,
    conditions: &[(&Condition, Operator)],
) -> Option<Finding> {
    let known: &GlobalKey = global_keys::find(&condition.key.text)?;
    let key = lower(condition);
    if operator.quantifier != Some(Quantifier::ForAllValues) || operator.test == Test::Null || !known.multivalued {
        return None;
    }
    // Denied are all calls but those whose values are listed: that a call without a value is no exception goes without saying.
    if effect == Effect::Deny && operator.is_negated() {
        return None;
    }
    let is_asked_for = conditions.iter().any(|(other, operator)| operator.test == Test::Null && lower(other) == key);
    if is_asked_for || asks_for(conditions, &[&*key]) {
        return None;
    }
    let message =
        format!("`ForAllValues:` is also true when `{}` is absent or has no value: the statement applies then too", known.name);
    let finding = Finding::note("for-all-values-when-absent", condition.operator.span.clone(), message);
    Some(finding.help(format!("if that is not meant, add `\"Null\": {{\"{}\": \"false\"}}`", condition.key.text)))
}

fn null_with_set_operator(condition: &Condition, operator: Operator) -> Option<Finding> {
    let always = match (operator.test, operator.quantifier?) {
        (Test::Null, Quantifier::ForAllValues) => "true",
        (Test::Null, Quantifier::ForAnyValue) => "false",
        (Test::Compare { .. }, _) => return None,
    };
    let message = format!("`{}` is always {always}, whatever the key is", condition.operator.text);
    Some(Finding::warning("null-with-set-operator", condition.operator.span.clone(), message).help("write `Null` alone"))
}
