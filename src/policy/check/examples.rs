//! Accounts, organizations and buckets of AWS's documentation, which are nobody's own.

use std::collections::BTreeSet;

use crate::policy::diagnostic::Finding;
use crate::policy::document::{Document, Text};

const EXAMPLES: [&str; 7] = [
    "111122223333",
    "123456789012",
    "444455556666",
    "777788889999",
    "o-exampleorgid",
    "amzn-s3-demo-bucket",
    "DOC-EXAMPLE-BUCKET",
];

/// One note a document, where the first of them stands.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut first: Option<&Text> = None;
    let texts = document.statements.iter().flat_map(|statement| {
        let principals = statement.principal.iter().flat_map(|principals| &principals.entries).map(|entry| &entry.text);
        let resources = statement.resource.iter().flat_map(|resource| &resource.items);
        principals.chain(resources).chain(statement.conditions.iter().flat_map(|condition| &condition.values))
    });
    for text in texts {
        for example in EXAMPLES.iter().filter(|example| holds(&text.text, example)) {
            found.insert(example);
            first = Some(first.filter(|first| first.span.start < text.span.start).unwrap_or(text));
        }
    }
    let Some(first) = first else { return };
    let names: Vec<&str> = found.into_iter().collect();
    let (are, they) = if names.len() == 1 { ("is a value", "it") } else { ("are values", "they") };
    let message = format!("{} {are} of AWS's documentation", names.join(", "));
    let help = format!("if {they} came from an example, put your own in the place");
    findings.push(Finding::note("example-value", first.span.clone(), message).help(help));
}

/// As a word of its own: not the middle of a longer number or name.
fn holds(text: &str, example: &str) -> bool {
    let ends = |character: Option<char>| character.is_none_or(|character| !character.is_ascii_alphanumeric());
    text.match_indices(example).any(|(at, _)| {
        ends(text.get(..at).and_then(|before| before.chars().next_back()))
            && ends(text.get(at + example.len()..).and_then(|after| after.chars().next()))
    })
}
