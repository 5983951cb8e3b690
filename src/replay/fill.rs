//! Placeholders such as `<my-org-id>` in a policy, and the values that the user gives them.
//!
//! A value takes the place of the placeholder in the text, so that lines stay where they are. Several values make a list:
//! `"aws:SourceVpc": "<my-vpc>"` becomes `"aws:SourceVpc": ["vpc-1", "vpc-2"]`, and a text inside a list becomes several texts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::policy::diagnostic::{Finding, Source};
use crate::policy::json::{self, Node, Value};
use crate::policy::suggest::closest;

/// The values by the name of the placeholder, without its angle brackets. Never empty lists.
pub type Values = BTreeMap<String, Vec<String>>;

/// Why values cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    #[error("--set {given:?} is not NAME=VALUE; write for example --set my-org-id=o-exampleorgid")]
    NotNameAndValue { given: String },
    #[error("--set {name}: no policy has a placeholder <{name}>{}", help(.near, .known))]
    NoPlaceholder { name: String, near: Option<String>, known: Vec<String> },
}

fn help(near: &Option<String>, known: &[String]) -> String {
    match (near, known) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => "; the policies have no placeholders".to_owned(),
        (None, known) => format!("; the placeholders are {}", known.join(", ")),
    }
}

/// Reads `NAME=VALUE`; a name that is given again has several values. Angle brackets around the name are allowed.
///
/// # Errors
/// When one has no name, or no `=`.
pub fn read(given: &[String]) -> Result<Values, FillError> {
    let mut values = Values::new();
    for text in given {
        let wrong = || FillError::NotNameAndValue { given: text.clone() };
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let name = name.trim().trim_start_matches('<').trim_end_matches('>');
        if name.is_empty() || value.is_empty() {
            return Err(wrong());
        }
        values.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    Ok(values)
}

/// The names of the placeholders that stand in a text.
pub fn placeholders(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')).map(|found| at + found) {
        let Some(close) = text.get(open..).and_then(|rest| rest.find('>')).map(|found| open + found) else { break };
        // A bracket that opens again before this one closes is the real beginning.
        let open = text.get(open + 1..close).and_then(|inner| inner.rfind('<')).map_or(open, |inner| open + 1 + inner);
        let name = text.get(open + 1..close).unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | ':');
        if !name.is_empty() && name.chars().all(plain) {
            found.push((name, open..close + 1));
        }
        at = close + 1;
    }
    found
}

/// Puts the values into a policy. A text that is not JSON is left as it is: reading it says what is wrong.
///
/// Gives the new source and the names that were used.
pub fn fill(source: &Arc<Source>, values: &Values) -> (Arc<Source>, BTreeSet<String>) {
    let text = source.text();
    let mut used = BTreeSet::new();
    let Ok(root) = json::parse(text) else { return (Arc::clone(source), used) };
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    visit(&root, false, &mut |span, in_list, is_key| {
        let Some(written) = text.get(span.clone()) else { return };
        let names: Vec<&str> = placeholders(written).into_iter().map(|(name, _)| name).collect();
        let mut variants = vec![written.to_owned()];
        for name in names {
            let Some(given) = values.get(name) else { continue };
            used.insert(name.to_owned());
            let given = if is_key { given.get(..1).unwrap_or_default() } else { given };
            variants = variants
                .iter()
                .flat_map(|variant| given.iter().map(move |value| variant.replace(&format!("<{name}>"), &escaped(value))))
                .collect();
            variants.dedup();
        }
        let new = match variants.as_slice() {
            [one] => one.clone(),
            many if in_list => many.join(", "),
            many => format!("[{}]", many.join(", ")),
        };
        if new != written {
            edits.push((span, new));
        }
    });
    let mut filled = text.to_owned();
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, new) in edits {
        filled.replace_range(span, &new);
    }
    (Source::new(source.name(), filled), used)
}

/// Fails for a value that no policy has a place for: it was meant for another name.
///
/// # Errors
/// With the nearest name.
pub fn check_used(values: &Values, used: &BTreeSet<String>, sources: &[Arc<Source>]) -> Result<(), FillError> {
    let Some(name) = values.keys().find(|name| !used.contains(*name)) else { return Ok(()) };
    let known: BTreeSet<String> =
        sources.iter().flat_map(|source| placeholders(source.text())).map(|(name, _)| name.to_owned()).collect();
    let near = closest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(FillError::NoPlaceholder { name: name.clone(), near, known: known.into_iter().collect() })
}

/// The placeholders that are left, each once, where it first stands, with how to fill it in.
pub fn left_over(source: &Source) -> Vec<Finding> {
    let mut found: BTreeMap<&str, (Range<usize>, usize)> = BTreeMap::new();
    for (name, span) in placeholders(source.text()) {
        found.entry(name).or_insert((span, 0)).1 += 1;
    }
    let mut findings: Vec<Finding> = found
        .into_iter()
        .map(|(name, (span, count))| {
            let often = if count > 1 { format!(", here and in {} more places", count - 1) } else { String::new() };
            Finding::error("placeholder", span, format!("the placeholder <{name}> is not filled in{often}")).help(format!(
                "give it a value with --set {}=…",
                if name.contains(' ') { format!("'{name}'") } else { name.to_owned() }
            ))
        })
        .collect();
    findings.sort_by_key(|finding| finding.span.start);
    findings
}

/// Calls `see` for every text: its span with the quotation marks, whether it stands in a list, whether it names a member.
fn visit(node: &Node, in_list: bool, see: &mut impl FnMut(Range<usize>, bool, bool)) {
    match &node.value {
        Value::String(_) => see(node.span.clone(), in_list, false),
        Value::Array(items) => items.iter().for_each(|item| visit(item, true, see)),
        Value::Object(members) => {
            for member in members {
                see(member.key_span.clone(), false, true);
                visit(&member.value, false, see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value as it stands between quotation marks in JSON.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::String(value.to_owned()).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, set: &[&str]) -> String {
        let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
        fill(&Source::new("p.json", text), &read(&set).unwrap()).0.text().to_owned()
    }

    #[test]
    fn one_value_takes_the_place_of_the_placeholder() {
        assert_eq!(
            filled(r#"{"a": "x<org>y", "<org>:sub": "<other>"}"#, &["org=o-1"]),
            r#"{"a": "xo-1y", "o-1:sub": "<other>"}"#
        );
    }

    #[test]
    fn several_values_become_a_list_or_more_members_of_one() {
        assert_eq!(filled(r#"{"a": "<v>"}"#, &["v=1", "v=2"]), r#"{"a": ["1", "2"]}"#);
        assert_eq!(filled(r#"{"a": ["<v>/*", "z"]}"#, &["v=1", "v=2"]), r#"{"a": ["1/*", "2/*", "z"]}"#);
    }

    #[test]
    fn what_is_left_is_named_once_with_its_place() {
        let source = Source::new("p.json", "{\n \"a\": \"<x>\",\n \"b\": \"<y><x>\"}");
        let left = left_over(&source);
        let said: Vec<(usize, &str)> =
            left.iter().map(|finding| (source.position(finding.span.start).line, finding.message.as_str())).collect();
        assert_eq!(
            said,
            [
                (2, "the placeholder <x> is not filled in, here and in 1 more places"),
                (3, "the placeholder <y> is not filled in")
            ]
        );
    }

    #[test]
    fn a_value_cannot_break_out_of_its_text() {
        assert_eq!(filled(r#"{"a": "<v>"}"#, &[r#"v=x", "b": "y"#]), r#"{"a": "x\", \"b\": \"y"}"#);
    }

    #[test]
    fn a_name_that_no_policy_has_is_an_error_with_the_nearest_one() {
        let values = read(&["my-org-ids=o-1".to_owned()]).unwrap();
        let source = Source::new("p.json", r#"{"a": "<my-org-id>"}"#);
        let error = check_used(&values, &BTreeSet::new(), &[source]).unwrap_err();
        assert_eq!(error.to_string(), "--set my-org-ids: no policy has a placeholder <my-org-ids>; did you mean `my-org-id`?");
        assert!(read(&["=x".to_owned()]).is_err());
        assert!(read(&["x".to_owned()]).is_err());
    }
}
