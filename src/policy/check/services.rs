//! What facts about AWS's services tell of a policy: actions and keys that do not exist, and conditions on keys that the actions of
//! the statement do not have.

use crate::policy::diagnostic::Finding;
use crate::policy::document::{Condition, Document, Statement};
use crate::policy::global_keys::{self, KeyType};
use crate::policy::operator::{Operator, Quantifier, Test};
use crate::policy::pattern::ActionPattern;
use crate::policy::suggest::closest;

use super::{placeholders, resources, types};

/// Facts about AWS's services. Whoever has them gives them; prefixes, names and keys are asked for in lower case.
pub trait Services {
    /// The day of the facts: newer names may be right.
    fn as_of(&self) -> &str;
    fn prefixes(&self) -> Vec<&str>;
    /// The actions of a service as AWS writes them; `None`: there is no such service.
    fn actions(&self, prefix: &str) -> Option<Vec<&str>>;
    /// The condition keys that actions of the service have, as AWS writes them.
    fn keys(&self, prefix: &str) -> Vec<&str>;
    /// Has the action the key, for some type of resource?
    fn has_key(&self, prefix: &str, action: &str, key: &str) -> bool;
    /// The type of a key of the service, and whether it has several values; `None`: there is no such key.
    fn key_type(&self, prefix: &str, key: &str) -> Option<(KeyType, bool)>;
    /// The ARNs of what an action works on, as `arn:${Partition}:s3:::${BucketName}`; none: it is about no resource.
    fn resources(&self, prefix: &str, action: &str) -> Vec<&str>;
}

/// AWS does not say what happens then.
pub(super) fn multivalued_without_set_operator(condition: &Condition, key: &str) -> Finding {
    let message = format!("`{key}` has several values; without a set operator AWS does not say what happens");
    Finding::warning("multivalued-key-without-set-operator", condition.operator.span.clone(), message)
        .help("write `ForAnyValue:` or `ForAllValues:` before the operator")
}

/// Checks a document against facts about services. In the order of the document.
pub fn check_services(document: &Document, services: &dyn Services) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in &document.statements {
        let mut found = Vec::new();
        for action in &statement.action.items {
            if !placeholders::is_in(&action.text) && !action.text.contains("${") {
                found.extend(check_action(&action.text, action.span.clone(), services));
            }
        }
        for condition in &statement.conditions {
            found.extend(check_key(statement, condition, services));
            found.extend(check_type(condition, services));
        }
        found.extend(resources::check(statement, services));
        let sid = statement.sid.as_ref().map(|sid| sid.text.as_str());
        findings.extend(found.into_iter().map(|finding| finding.in_statement(statement.index, sid)));
    }
    findings.sort_by(|a, b| (a.span.start, a.code).cmp(&(b.span.start, b.code)));
    findings
}

fn check_action(text: &str, span: std::ops::Range<usize>, services: &dyn Services) -> Option<Finding> {
    let pattern = ActionPattern::parse(text)?;
    let prefix = pattern.service.as_deref()?;
    let or_newer = || format!("the list is that of {}; a newer name may be right", services.as_of());
    let Some(actions) = services.actions(prefix) else {
        let finding = Finding::warning("unknown-action", span, format!("AWS documents no service with the prefix `{prefix}`"));
        return Some(match closest(prefix, services.prefixes()) {
            Some(meant) => finding.help(format!("did you mean `{meant}`?")),
            None => finding.help(or_newer()),
        });
    };
    if actions.iter().any(|name| pattern.matches(prefix, &name.to_ascii_lowercase())) {
        return None;
    }
    let name = text.split_once(':').map_or("", |(_, name)| name);
    if name.contains(['*', '?']) {
        let message = format!("`{text}` matches no action that AWS documents");
        return Some(Finding::warning("unknown-action", span, message).help(or_newer()));
    }
    let finding = Finding::warning("unknown-action", span, format!("AWS documents no action `{text}`"));
    Some(match closest(name, actions) {
        Some(meant) => finding.help(format!("did you mean `{prefix}:{meant}`?")),
        None => finding.help(or_newer()),
    })
}

/// The actions of a statement, as far as it names services: prefix and name in lower case, and whether it was named in full. `None`:
/// it is about all services, or about everything but some.
fn actions_of(statement: &Statement, services: &dyn Services) -> Option<Vec<(String, String, bool)>> {
    if statement.action.negated {
        return None;
    }
    let mut found = Vec::new();
    for action in &statement.action.items {
        let pattern = ActionPattern::parse(&action.text)?;
        let prefix = pattern.service.as_deref()?.to_owned();
        let is_exact = !action.text.contains(['*', '?']);
        let names = services.actions(&prefix)?.into_iter().map(str::to_ascii_lowercase);
        found.extend(names.filter(|name| pattern.matches(&prefix, name)).map(|name| (prefix.clone(), name, is_exact)));
    }
    Some(found)
}

/// Global keys that only some actions have.
fn is_partial_global(key: &str) -> bool {
    key == "aws:tagkeys" || key.starts_with("aws:requesttag/") || key.starts_with("aws:resourcetag/")
}

fn check_key(statement: &Statement, condition: &Condition, services: &dyn Services) -> Option<Finding> {
    let key = condition.key.text.as_str();
    let lower = key.to_ascii_lowercase();
    let owner = lower.split_once(':')?.0.to_owned();
    if owner == "saml" || owner.contains(['.', '<', '/']) || placeholders::is_in(key) {
        return None;
    }
    let is_global = owner == "aws" || global_keys::find(key).is_some();
    if is_global && !is_partial_global(&lower) {
        return None;
    }
    let span = condition.key.span.clone();
    if !is_global {
        if services.actions(&owner).is_none() {
            let finding =
                Finding::warning("unknown-condition-key", span, format!("AWS documents no service with the prefix `{owner}`"));
            return Some(match closest(&owner, services.prefixes()) {
                Some(meant) => finding.help(format!("did you mean `{meant}`?")),
                None => finding.help(format!("the list is that of {}; a newer name may be right", services.as_of())),
            });
        }
        let known = services.keys(&owner);
        if !known.iter().any(|own| is_key(own, &lower)) {
            let finding = Finding::warning("unknown-condition-key", span, format!("AWS documents no condition key `{key}`"));
            return Some(match closest(key, known) {
                Some(meant) => finding.help(format!("did you mean `{meant}`?")),
                None => finding.help(format!("the list is that of {}; a newer key may be right", services.as_of())),
            });
        }
    }
    let actions = actions_of(statement, services)?;
    // Of other services: `condition-never-true` without facts says it already.
    if actions.is_empty() || (!is_global && actions.iter().all(|(prefix, _, _)| *prefix != owner)) {
        return None;
    }
    let without: Vec<&(String, String, bool)> =
        actions.iter().filter(|(prefix, name, _)| !services.has_key(prefix, name, &lower)).collect();
    let fires = fires_when_absent(condition)?;
    let (code, consequence) =
        if fires { ("condition-always-true", "it is always true") } else { ("condition-never-true", "it is never true") };
    if without.len() == actions.len() {
        let message = format!("no action of the statement has the key `{key}`: the key is absent, and {consequence}");
        return Some(Finding::warning(code, span, message));
    }
    // One that is named in full and does not have the key was hardly meant, unless the operator says what then.
    if Operator::parse(&condition.operator.text).is_some_and(|operator| operator.if_exists) {
        return None;
    }
    let (prefix, name, _) = without.into_iter().find(|(_, _, is_exact)| *is_exact)?;
    let written = services.actions(prefix)?.into_iter().find(|own| own.eq_ignore_ascii_case(name))?;
    let message = format!("`{prefix}:{written}` has no key `{key}`: there it is absent, and {consequence}");
    Some(Finding::warning(code, span, message))
}

/// The operator against the type of a key that only its service knows.
fn check_type(condition: &Condition, services: &dyn Services) -> Option<Finding> {
    let key = condition.key.text.as_str();
    let (prefix, _) = key.split_once(':')?;
    let operator = Operator::parse(&condition.operator.text)?;
    // What SAML and other identity providers assert is documented elsewhere.
    if prefix.eq_ignore_ascii_case("saml") || global_keys::find(key).is_some() || placeholders::is_in(key) {
        return None;
    }
    let (value_type, multivalued) = services.key_type(&prefix.to_ascii_lowercase(), &key.to_ascii_lowercase())?;
    if let Some(mismatch) = types::of_service_key(condition, operator, key, value_type) {
        return Some(mismatch);
    }
    (multivalued && operator.quantifier.is_none() && operator.test != Test::Null)
        .then(|| multivalued_without_set_operator(condition, key))
}

/// Is it this key, or one of its family? `own` as AWS writes it, `key` in lower case.
fn is_key(own: &str, key: &str) -> bool {
    let own = own.to_ascii_lowercase();
    match own.find(['$', '<']).or_else(|| own.find("/tag-key").map(|at| at + 1)) {
        Some(at) => own.get(..at).is_some_and(|start| key.starts_with(start)),
        None => own == key,
    }
}

/// Is the condition true of an absent key?
fn fires_when_absent(condition: &Condition) -> Option<bool> {
    let operator = Operator::parse(&condition.operator.text)?;
    let wants_absent = condition.values.iter().any(|value| value.text.eq_ignore_ascii_case("true"));
    Some(match operator.test {
        Test::Null => wants_absent,
        Test::Compare { .. } => match operator.quantifier {
            Some(Quantifier::ForAllValues) => true,
            Some(Quantifier::ForAnyValue) => false,
            None => operator.if_exists || operator.is_negated(),
        },
    })
}
