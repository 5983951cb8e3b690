//! Tags as requests carry them. Every service writes them in its own way.

use serde_json::Value;

/// Does CloudTrail hide the value?
pub(super) fn is_redacted(text: &str) -> bool {
    text.starts_with("HIDDEN_DUE_TO_SECURITY")
        || text == "***"
        || text.eq_ignore_ascii_case("<sensitiveDataRemoved>")
        || text == "****"
}

/// Deeper than any request nests its tags.
const DEEPEST: usize = 6;

/// Gives every tag of a value: `[{key, value}]`, `{items: […]}`, `{k: v}`, `{TagSet: {Tag: …}}` … `false`: some of it is no tag that
/// is known.
pub(super) fn pairs_of(value: &Value, give: &mut dyn FnMut(&str, &str)) -> bool {
    pairs(value, give, 0)
}

fn member<'a>(object: &'a serde_json::Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    object.iter().find(|(name, _)| names.iter().any(|own| own.eq_ignore_ascii_case(name))).map(|(_, value)| value)
}

fn scalar(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        Value::Null => Some("".into()),
        _ => None,
    }
}

fn pairs(value: &Value, give: &mut dyn FnMut(&str, &str), depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::Null => true,
        Value::Array(items) => {
            let unknown = items.iter().filter(|item| !pairs(item, give, depth + 1)).count();
            unknown == 0
        }
        Value::Object(object) if object.is_empty() => true,
        Value::Object(object) => {
            if let Some(key) = member(object, &["key", "tagKey"]).and_then(scalar) {
                let value = member(object, &["value", "tagValue"]);
                let value = value.and_then(scalar).unwrap_or_default();
                let visible = !is_redacted(&key) && !is_redacted(&value);
                if visible {
                    give(&key, &value);
                }
                return visible;
            }
            for container in ["items", "tagSet", "tag", "tags", "member", "tagsList", "tagList"] {
                if let Some(inner @ (Value::Array(_) | Value::Object(_))) = member(object, &[container]) {
                    return pairs(inner, give, depth + 1);
                }
            }
            // A plain object: keys and values.
            let mut known = true;
            for (key, value) in object {
                match scalar(value) {
                    Some(value) if !is_redacted(&value) => give(key, &value),
                    _ => known = false,
                }
            }
            known
        }
        Value::String(text) => {
            // `k=v&k2=v2`, as the header x-amz-tagging has it.
            let mut known = true;
            for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                match pair.split_once('=') {
                    Some((key, value)) if !pair.contains('%') && !is_redacted(text) => give(key, value),
                    _ => known = false,
                }
            }
            known
        }
        _ => false,
    }
}

/// The tags of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RequestTags {
    pub(super) pairs: Vec<(String, String)>,
    /// Tag keys that are named without values, as to be removed.
    pub(super) keys: Vec<String>,
    /// Are these all?
    pub(super) complete: bool,
    /// For EC2: the type of resource that they are for.
    pub(super) for_type: Option<String>,
}

/// Members that hold tags, in lower case.
const MEMBERS: [&str; 15] = [
    "tags",
    "taglist",
    "tagslist",
    "tagset",
    "tagsset",
    "tagging",
    "tagstoadd",
    "resourcetags",
    "tagresourceinput",
    "addtags",
    "tagsmodel",
    "x-amz-tagging",
    "hostedzonetags",
    "tagsadded",
    // Session tags of a token.
    "principaltags",
];

/// Members that hold tag keys alone, in lower case.
const KEY_MEMBERS: [&str; 4] = ["tagkeys", "tagkeylist", "tagkeystoremove", "tagstoremove"];

/// The tags in the parameters, one entry for each type of resource that they are for.
pub(super) fn of_request(parameters: &Value) -> Vec<RequestTags> {
    let mut found = vec![RequestTags { complete: true, ..RequestTags::default() }];
    collect(parameters, &mut found, 0);
    found
}

fn collect(value: &Value, found: &mut Vec<RequestTags>, depth: usize) {
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        let lower = name.to_ascii_lowercase();
        if lower == "tagspecificationset" || lower == "tagspecifications" || lower == "tagspecification" {
            specifications(value, found);
        } else if MEMBERS.contains(&lower.as_str()) {
            let mut pairs = Vec::new();
            let complete = pairs_of(value, &mut |key, value| pairs.push((key.to_owned(), value.to_owned())));
            if let Some(general) = found.first_mut() {
                general.pairs.append(&mut pairs);
                general.complete &= complete;
            }
        } else if KEY_MEMBERS.contains(&lower.as_str()) {
            let keys = key_list(value);
            if let Some(general) = found.first_mut() {
                general.keys.extend(keys);
            }
        } else if depth < 1 && (lower.ends_with("request") || lower.ends_with("input") || lower.ends_with("config")) {
            // `CreateVpcEndpointRequest: {TagSpecification: …}`, `tagResourceInput: {tags: …}`, `distributionConfigWithTags: …`.
            collect(value, found, depth + 1);
        } else if depth < 1 && lower.ends_with("withtags") {
            collect(value, found, depth + 1);
        }
    }
}

fn key_list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(key_list).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Object(object) => match member(object, &["key", "tagKey"]) {
            Some(Value::String(text)) => vec![text.clone()],
            _ => member(object, &["items", "member", "tagKey"]).map(key_list).unwrap_or_default(),
        },
        _ => Vec::new(),
    }
}

/// EC2's tags at creation: for each type of resource its own.
fn specifications(value: &Value, found: &mut Vec<RequestTags>) {
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(object) => match member(object, &["items", "member"]) {
            Some(Value::Array(items)) => items.iter().collect(),
            _ => vec![value],
        },
        _ => Vec::new(),
    };
    for item in items {
        let Value::Object(object) = item else { continue };
        let for_type = member(object, &["resourceType"]).and_then(Value::as_str).map(str::to_ascii_lowercase);
        let mut tags = RequestTags { complete: true, for_type, ..RequestTags::default() };
        for (name, value) in object {
            if name.eq_ignore_ascii_case("tags") || name.eq_ignore_ascii_case("tag") || name.eq_ignore_ascii_case("tagSet") {
                tags.complete &= pairs_of(value, &mut |key, value| tags.pairs.push((key.to_owned(), value.to_owned())));
            }
        }
        found.push(tags);
    }
}
