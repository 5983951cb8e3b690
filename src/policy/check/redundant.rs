//! What could be left out: it is said already.

use std::collections::HashMap;

use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::{Finding, statement_name};
use crate::policy::document::{Condition, Document, Elements, Principals, Statement, Text};
use crate::policy::operator::{Comparison, Operator};
use crate::policy::pattern::{ActionPattern, Glob};
use crate::policy::value::parse_network;

/// Entries of the lists of a statement that another entry of the list covers.
pub(super) fn values(statement: &Statement, findings: &mut Vec<Finding>) {
    findings.extend(of_list(&statement.action.items, "action", covers_action));
    if let Some(resource) = &statement.resource {
        findings.extend(of_list(&resource.items, "resource", |own, other| Glob::new(own).covers(&Glob::new(other))));
    }
    for condition in &statement.conditions {
        let comparison = Operator::parse(&condition.operator.text).and_then(Operator::comparison);
        findings.extend(of_list(&condition.values, "value", |own, other| match comparison {
            Some(Comparison::StringLike) => Glob::new(own).covers(&Glob::new(other)),
            Some(Comparison::IpAddress) => match (parse_network(own), parse_network(other)) {
                (Some(own), Some(other)) => own.contains(&other),
                _ => false,
            },
            _ => false,
        }));
    }
}

fn covers_action(own: &str, other: &str) -> bool {
    let (own, other) = (own.to_ascii_lowercase(), other.to_ascii_lowercase());
    let (Some(pattern), Some(_)) = (ActionPattern::parse(&own), ActionPattern::parse(&other)) else { return false };
    pattern.service.is_none() || Glob::new(&own).covers(&Glob::new(&other))
}

/// One finding a list, at the first entry that is covered.
fn of_list(items: &[Text], what: &str, covers: impl Fn(&str, &str) -> bool) -> Option<Finding> {
    let is_action = what == "action";
    let mut seen: HashMap<String, &Text> = HashMap::new();
    // Only patterns and networks cover others. So many of them are no mistake of hand.
    const MOST: usize = 100;
    let wide: Vec<(usize, &Text)> =
        items.iter().enumerate().filter(|(_, item)| item.text.contains(['*', '?', '/'])).take(MOST).collect();
    let mut found: Vec<(&Text, &Text)> = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let name = if is_action { item.text.to_ascii_lowercase() } else { item.text.clone() };
        if let Some(first) = seen.get(&name) {
            found.push((item, first));
            continue;
        }
        seen.insert(name, item);
        let covering = wide.iter().find(|(at, other)| {
            // Of two that cover each other the later one is told.
            *at != number && covers(&other.text, &item.text) && (*at < number || !covers(&item.text, &other.text))
        });
        found.extend(covering.map(|(_, covering)| (item, *covering)));
    }
    let (item, covering) = *found.first()?;
    let rest = match found.len() {
        1 => String::new(),
        2 => ", and one more in the list is redundant too".to_owned(),
        many => format!(", and {} more in the list are redundant too", many - 1),
    };
    let why = if item.text == covering.text {
        format!("the {what} \"{}\" stands in the list twice", item.text)
    } else {
        format!("the {what} \"{}\" is covered by \"{}\"", item.text, covering.text)
    };
    Some(Finding::note("redundant-value", item.span.clone(), format!("{why}{rest}")))
}

/// Statements that say nothing beyond another one.
pub(super) fn statements(document: &Document, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    const MOST: usize = 200;
    if document.statements.len() > MOST || policy_type == PolicyType::Session {
        return;
    }
    for statement in &document.statements {
        let covering = document.statements.iter().find(|other| {
            other.index != statement.index
                && covers(other, statement)
                && (other.index < statement.index || !covers(statement, other))
        });
        let Some(covering) = covering else { continue };
        let name = statement_name(covering.index, covering.sid.as_ref().map(|sid| sid.text.as_str()));
        let span = statement.span.start..statement.span.start + 1;
        let finding = Finding::note("redundant-statement", span, format!("{name} says all of this already"));
        let sid = statement.sid.as_ref().map(|sid| sid.text.as_str());
        findings.push(finding.help("remove it").in_statement(statement.index, sid));
    }
}

/// Does `own` say all that `other` says? Certain only where both differ in actions and resources that are listed.
fn covers(own: &Statement, other: &Statement) -> bool {
    own.effect == other.effect
        && same_principals(own.principal.as_ref(), other.principal.as_ref())
        && (own.conditions.is_empty() || same_conditions(&own.conditions, &other.conditions))
        && covers_elements(Some(&own.action), Some(&other.action), covers_action)
        && covers_elements(own.resource.as_ref(), other.resource.as_ref(), |own, other| {
            Glob::new(own).covers(&Glob::new(other))
        })
}

fn same_principals(own: Option<&Principals>, other: Option<&Principals>) -> bool {
    let entries = |principals: Option<&Principals>| {
        principals.map(|principals| {
            let mut entries: Vec<_> = principals.entries.iter().map(|entry| (entry.kind, entry.text.text.clone())).collect();
            entries.sort();
            (principals.negated, entries)
        })
    };
    entries(own) == entries(other)
}

fn same_conditions(own: &[Condition], other: &[Condition]) -> bool {
    let sorted = |conditions: &[Condition]| {
        let mut sorted: Vec<_> = conditions
            .iter()
            .map(|condition| {
                let mut values: Vec<&str> = condition.values.iter().map(|value| value.text.as_str()).collect();
                values.sort_unstable();
                (condition.operator.text.clone(), condition.key.text.to_ascii_lowercase(), values.join("\u{0}"))
            })
            .collect();
        sorted.sort();
        sorted
    };
    sorted(own) == sorted(other)
}

fn covers_elements(own: Option<&Elements>, other: Option<&Elements>, covers: impl Fn(&str, &str) -> bool) -> bool {
    let (Some(own), Some(other)) = (own, other) else { return own.is_none() && other.is_none() };
    let texts = |elements: &Elements| {
        let mut texts: Vec<String> = elements.items.iter().map(|item| item.text.clone()).collect();
        texts.sort();
        texts
    };
    if own.negated || other.negated {
        return own.negated == other.negated && texts(own) == texts(other);
    }
    !other.items.is_empty()
        && other.items.iter().all(|item| own.items.iter().any(|own| own.text == item.text || covers(&own.text, &item.text)))
}
