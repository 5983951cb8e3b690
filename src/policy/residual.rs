//! What an answer depends on, in words.

use super::compiled::{PolicyType, Statement};
use super::condition::Condition;
use super::context::View;
use super::diagnostic::statement_name;
use super::document::Effect;
use super::layers::{Attached, Layer};
use super::operator::{Comparison, Order, Quantifier, Test};
use super::request::Request;
use super::truth::Truth;
use super::verdict::{Judgement, StatementMatch};

/// The parts of a statement that have no answer, each in words.
pub fn depends_on(
    statement: &Statement,
    attached: &Attached<'_>,
    request: &Request,
    view: &View<'_>,
    has_boundary: bool,
) -> Vec<String> {
    let mut parts = Vec::new();
    if attached.applies.truth.is_unknown() {
        parts.push(format!("it is not the case that {}", attached.applies.reason));
    }
    if let Some(open) = &request.open_action
        && statement.action(request).is_unknown()
    {
        parts.push(format!("the action that {} needs is one of those it is about", open.operation));
    }
    if statement.matches(request, view, has_boundary).named.at_all().is_unknown() {
        parts.push("the caller is one of its principals".to_owned());
    }
    if statement.resource(request, view).is_unknown() {
        parts.push("the resource is one of those it is about".to_owned());
    }
    for condition in &statement.conditions {
        if condition.evaluate(view) == Truth::Unknown {
            let words = in_words_condition(condition);
            parts.push(match condition.undocumented(view) {
                Some(why) => format!("{words} ({why})"),
                None => words,
            });
        }
    }
    parts
}

/// What an undetermined answer depends on.
pub fn in_words(judgement: &Judgement) -> String {
    let open = |effect: Effect| judgement.statements.iter().filter(move |found| !found.certain && found.effect == effect);
    let mut sentences: Vec<String> = Vec::new();
    let denies: Vec<String> = open(Effect::Deny).map(statement_words).collect();
    if !denies.is_empty() {
        sentences.push(format!("denied if {}", denies.join(", or if ")));
    }
    for needed in &judgement.not_allowed_by {
        let allows: Vec<String> = open(Effect::Allow)
            .filter(|found| match needed.layer {
                Layer::Policy(policy_type) => found.policy_type == policy_type && found.level == needed.level,
                Layer::OwnerAccount => found.policy_type == PolicyType::Resource,
                Layer::CallerAccount => is_of_caller(found.policy_type),
                Layer::SameAccount => is_of_caller(found.policy_type) || found.policy_type == PolicyType::Resource,
            })
            .map(statement_words)
            .collect();
        if !allows.is_empty() {
            sentences.push(format!(
                "allowed by {} only if {}",
                layer_words(needed.layer, needed.level),
                allows.join(", or if ")
            ));
        }
    }
    sentences.join("; ")
}

fn is_of_caller(policy_type: PolicyType) -> bool {
    matches!(policy_type, PolicyType::Identity | PolicyType::Boundary | PolicyType::Session)
}

/// A layer for people.
pub fn layer_words(layer: Layer, level: Option<usize>) -> String {
    let title = match layer {
        Layer::Policy(policy_type) => format!("the {}", policy_type.title()),
        Layer::SameAccount => "the policies of the account".to_owned(),
        Layer::CallerAccount => "the policies of the caller's account".to_owned(),
        Layer::OwnerAccount => "the resource-based policy".to_owned(),
    };
    match level {
        Some(level) => format!("{title} at level {}", level + 1),
        None => title,
    }
}

fn statement_words(found: &StatementMatch) -> String {
    let name = statement_name(found.index, found.sid.as_deref());
    let depends = if found.depends_on.is_empty() { "it matches".to_owned() } else { found.depends_on.join(" and ") };
    format!("{depends} [{name} of {}, line {}]", found.policy, found.position.line)
}

/// A condition in words: "aws:SourceVpc is neither \"vpc-1\" nor \"vpc-2\", or is absent".
pub fn in_words_condition(condition: &Condition) -> String {
    let key = &condition.name;
    let Some(operator) = condition.operator else {
        return format!("{key} passes the unknown operator {}", condition.operator_name);
    };
    let listed = |word: &str| {
        let values: Vec<String> = condition.values.iter().map(|value| format!("\"{}\"", value.written)).collect();
        values.join(word)
    };
    let Test::Compare { comparison, negated } = operator.test else {
        let absent = condition.values.iter().any(|value| value.written.eq_ignore_ascii_case("true"));
        return format!("{key} is {}", if absent { "absent" } else { "present" });
    };
    let verb = match comparison {
        Comparison::StringEquals | Comparison::Bool | Comparison::Binary => "",
        Comparison::StringEqualsIgnoreCase => "in any case ",
        Comparison::StringLike | Comparison::Arn => "like ",
        Comparison::IpAddress => "in ",
        Comparison::Numeric(order) | Comparison::Date(order) => match order {
            Order::Equal => "equal to ",
            Order::Less => "less than ",
            Order::LessOrEqual => "at most ",
            Order::Greater => "greater than ",
            Order::GreaterOrEqual => "at least ",
        },
    };
    let many = condition.values.len() > 1;
    let test = match (negated, many) {
        (false, _) => format!("is {verb}{}", listed(" or ")),
        (true, false) => format!("is not {verb}{}", listed("")),
        (true, true) => format!("is {verb}neither {}", listed(" nor ")),
    };
    match operator.quantifier {
        Some(Quantifier::ForAllValues) => format!("every value of {key} {test}, or it has none"),
        Some(Quantifier::ForAnyValue) => format!("a value of {key} {test}"),
        None if negated || operator.if_exists => format!("{key} {test}, or is absent"),
        None => format!("{key} {test}"),
    }
}
