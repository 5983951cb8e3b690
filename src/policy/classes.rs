//! Classes of an unknown key: finitely many suppositions that together cover everything the key may be, as far as the policies can
//! tell.
//!
//! Three-valued logic forgets that the same unknown value answers every condition: `Deny if x = a` and `Deny if x ≠ a` deny
//! whatever `x` is. Policies name finitely many values, so an unknown key falls into finitely many classes: each value that is
//! named, none of them, absent. If the answer is the same in every class, it is certain.

use super::condition::Condition;
use super::context::{Class, Context, Other, Seen, Unknown, View};
use super::operator::Comparison;
use super::truth::Truth;
use super::value::{Decimal, representatives};

/// Patterns of which every combination of answers is supposed; with more, none is.
const MAXIMUM_PATTERNS: usize = 6;

/// The classes of `key`, of which `unknown` is known, for the conditions that read it. `as_variable`: the key also stands in a policy
/// variable. `None`: suppositions would tell nothing.
///
/// A key that no condition treats as multivalued is supposed to have one value, of the type that its operators read.
pub fn classes(
    key: &str,
    unknown: &Unknown,
    conditions: &[&Condition],
    as_variable: bool,
    context: &Context,
) -> Option<Vec<Class>> {
    let own: Vec<&Condition> = conditions.iter().copied().filter(|condition| condition.key == key).collect();
    if !unknown.known_members.is_empty() || unknown.between.is_some() {
        return None;
    }
    let mut classes = Vec::new();
    if unknown.may_be_absent {
        classes.push(Class::Absent);
    }
    match &unknown.candidates {
        Some(candidates) if !candidates.is_empty() => {
            classes.extend(candidates.iter().map(|values| match values.as_slice() {
                [] => Class::Absent,
                _ => Class::Values(values.clone()),
            }));
        }
        _ if own.iter().any(|condition| condition.is_set()) => classes.push(Class::Something),
        _ => classes.extend(single_valued(&own, context)),
    }
    classes
        .retain(|class| !matches!(class, Class::Values(values) if values.iter().any(|value| unknown.excluded.contains(value))));
    for class in &mut classes {
        if let Class::Other(other) = class {
            other.excluded.extend(unknown.excluded.iter().cloned());
        }
    }
    let depends_on_others =
        own.iter().any(|condition| condition.variables().any(|variable| matches!(context.get(variable), Seen::Unknown(_))));
    if !as_variable && !depends_on_others {
        keep_distinct(&mut classes, key, &own, context);
    }
    Some(classes)
}

/// Classes that no condition tells apart are one.
fn keep_distinct(classes: &mut Vec<Class>, key: &str, conditions: &[&Condition], context: &Context) {
    let mut seen: Vec<Vec<Truth>> = Vec::new();
    classes.retain(|class| {
        let supposed = [(key, class)];
        let view = View { context, supposed: &supposed };
        let answers: Vec<Truth> = conditions.iter().map(|condition| condition.evaluate(&view)).collect();
        let new = !seen.contains(&answers);
        if new {
            seen.push(answers);
        }
        new
    });
}

fn single_valued(conditions: &[&Condition], context: &Context) -> Vec<Class> {
    let comparisons: Vec<Comparison> = conditions.iter().filter_map(|condition| condition.operator?.comparison()).collect();
    let values = || conditions.iter().flat_map(|condition| &condition.values);
    let one = |text: String| Class::Values(vec![text]);
    let has_variables = values().any(|value| value.has_variables());
    if !comparisons.is_empty() && !has_variables {
        if comparisons.iter().all(|comparison| *comparison == Comparison::Bool) {
            return ["true", "false"].map(|text| one(text.to_owned())).to_vec();
        }
        if comparisons.iter().all(|comparison| *comparison == Comparison::IpAddress) {
            let networks: Vec<_> = values().filter_map(|value| value.network()).collect();
            return representatives(&networks).into_iter().map(one).collect();
        }
        if comparisons.iter().all(|comparison| matches!(comparison, Comparison::Numeric(_)))
            && let Some(numbers) = numbers(&values().filter_map(|value| value.number()).collect::<Vec<_>>())
        {
            return numbers.into_iter().map(one).collect();
        }
    }
    texts(conditions, context)
}

/// Each text that is named, and others with every combination of answers to the patterns.
fn texts(conditions: &[&Condition], context: &Context) -> Vec<Class> {
    let view = View::of(context);
    let mut named: Vec<String> = Vec::new();
    let mut patterns: Vec<(Comparison, String)> = Vec::new();
    for condition in conditions {
        let Some(comparison) = condition.operator.and_then(|operator| operator.comparison()) else { continue };
        for value in &condition.values {
            match value.exact_text(&view) {
                Some(text) if comparison == Comparison::StringEquals => named.push(text),
                // What a variable stands for is asked again in each class.
                _ if value.has_variables() || value.is_impossible() => {}
                _ => {
                    if !value.written.contains(['*', '?', '$']) {
                        named.push(value.written.clone());
                    }
                    patterns.push((comparison, value.written.clone()));
                }
            }
        }
    }
    named.sort();
    named.dedup();
    patterns.sort();
    patterns.dedup();
    let mut classes: Vec<Class> = named.iter().map(|text| Class::Values(vec![text.clone()])).collect();
    if patterns.len() > MAXIMUM_PATTERNS {
        classes.push(Class::Other(Other { excluded: named, supposed: Vec::new() }));
        return classes;
    }
    for answers in 0..1_u32 << patterns.len() {
        let supposed = patterns
            .iter()
            .enumerate()
            .map(|(number, (comparison, written))| (*comparison, written.clone(), answers >> number & 1 == 1))
            .collect();
        classes.push(Class::Other(Other { excluded: named.clone(), supposed }));
    }
    classes
}

/// Numbers at, between and outside the given ones. `None` if one of them is negative.
fn numbers(given: &[&Decimal]) -> Option<Vec<String>> {
    let zero = Decimal::parse("0")?;
    let mut texts = vec!["-1".to_owned()];
    for number in given {
        if **number < zero {
            return None;
        }
        texts.push(number.to_string());
        texts.push(number.just_above());
    }
    // Below the smallest, which may be above zero.
    texts.push("0".to_owned());
    Some(texts)
}
