//! Placeholders that somebody forgot to fill in.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::policy::diagnostic::Finding;
use crate::policy::document::{Document, Text};

/// `<my-org-id>`: the names between angle brackets in a text.
pub(super) fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((name, behind)) = after.split_once('>') else { break };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | ':');
        if !name.is_empty() && name.chars().all(plain) {
            names.push(name);
        }
        rest = behind;
    }
    names
}

/// Says each placeholder once, where it first stands.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    let mut found: BTreeMap<&str, (Range<usize>, usize)> = BTreeMap::new();
    for text in texts(document) {
        for name in names(&text.text) {
            let place = found.entry(name).or_insert_with(|| (text.span.clone(), 0));
            place.1 += 1;
        }
    }
    for (name, (span, count)) in found {
        let often = if count > 1 { format!(", here and in {} more places", count - 1) } else { String::new() };
        let finding = Finding::error("placeholder", span, format!("the placeholder <{name}> is not filled in{often}"));
        findings.push(finding.help("put your own value there"));
    }
}

fn texts(document: &Document) -> impl Iterator<Item = &Text> {
    document.statements.iter().flat_map(|statement| {
        let principals = statement.principal.iter().flat_map(|principals| &principals.entries).map(|entry| &entry.text);
        let resources = statement.resource.iter().flat_map(|resource| &resource.items);
        let conditions =
            statement.conditions.iter().flat_map(|condition| std::iter::once(&condition.key).chain(&condition.values));
        principals.chain(&statement.action.items).chain(resources).chain(conditions)
    })
}
