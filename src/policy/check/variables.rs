//! Policy variables: keys that there are not, keys with several values, and places where AWS takes no variables.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use super::placeholders;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Statement, Text, Version};
use crate::policy::global_keys::{self, GLOBAL_KEYS};
use crate::policy::suggest::closest;

pub(super) fn check(statement: &Statement, version: Version, findings: &mut Vec<Finding>) {
    let principals = statement.principal.iter().flat_map(|principals| &principals.entries).map(|entry| &entry.text);
    for (what, text) in principals
        .map(|text| ("a principal", text))
        .chain(statement.action.items.iter().map(|text| ("an action", text)))
        .filter(|(_, text)| text.text.contains("${") && !placeholders::is_in(&text.text))
    {
        let message = format!("\"{}\": {what} takes no policy variables", text.text);
        findings.push(
            Finding::error("variable-not-allowed", text.span.clone(), message)
                .help("variables may stand in resources and in the values of conditions"),
        );
    }
    if version == Version::V2008 {
        return;
    }
    let resources = statement.resource.iter().flat_map(|resource| &resource.items);
    for text in resources.chain(statement.conditions.iter().flat_map(|condition| &condition.values)) {
        findings.extend(in_text(text));
    }
}

fn in_text(text: &Text) -> Option<Finding> {
    let mut rest = text.text.as_str();
    while let Some((_, after)) = rest.split_once("${") {
        let (inside, behind) = after.split_once('}')?;
        rest = behind;
        let key = inside.split(',').next().unwrap_or_default().trim();
        let is_global = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) && !key.contains("::");
        match global_keys::find(key) {
            Some(known) if known.multivalued => {
                let message = format!("`${{{key}}}` has several values; only keys with one value are policy variables");
                return Some(Finding::warning("unknown-variable", text.span.clone(), message));
            }
            None if is_global => {
                let message = format!("AWS documents no key `{key}`: the variable has no value, and matches nothing");
                let finding = Finding::warning("unknown-variable", text.span.clone(), message);
                let names = GLOBAL_KEYS.iter().map(|known| known.name.trim_end_matches('*'));
                return Some(match closest(key, names) {
                    Some(meant) => finding.help(format!("did you mean `{meant}`?")),
                    None => finding,
                });
            }
            _ => {}
        }
    }
    None
}
