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
    /// Does the request have another member that may hold tags, of a name that is not known?
    pub(super) has_unread: bool,
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

/// Members that hold the tags of what the operation makes, which their names begin with, in lower case. A request that has several makes
/// several things.
const OF_MADE: [&str; 21] = [
    "userpooltags",
    "identitypooltags",
    "backupvaulttags",
    "backupplantags",
    "frameworktags",
    "reportplantags",
    "tieringconfigurationtags",
    "jobtags",
    "modeltags",
    "custommodeltags",
    "importedmodeltags",
    "targetmodeltags",
    "bottags",
    "testbotaliastags",
    "testsettags",
    "flowtags",
    "newimagetags",
    "devicecreationtags",
    "childconnectiontags",
    "allocationresourcetags",
    "resourcegrouptags",
];

/// Members that describe what the operation makes, its tags among the rest; one thing, or a list.
const MADE: [&str; 14] = [
    "createbucketconfiguration",
    "workspaces",
    "standbyworkspaces",
    "vehicles",
    "newprivatevirtualinterface",
    "newpublicvirtualinterface",
    "newtransitvirtualinterface",
    "newprivatevirtualinterfaceallocation",
    "newpublicvirtualinterfaceallocation",
    "newtransitvirtualinterfaceallocation",
    "componenttocreate",
    "formtocreate",
    "themetocreate",
    "codegenjobtocreate",
];

/// Members that hold tag keys alone, in lower case.
const KEY_MEMBERS: [&str; 6] = ["tagkeys", "tagkeylist", "tagkeystoremove", "tagstoremove", "resourcetagkeys", "removetagkeys"];

/// The tags in the parameters, one entry for each type of resource that they are for.
pub(super) fn of_request(parameters: &Value) -> Vec<RequestTags> {
    let mut found = vec![RequestTags { complete: true, ..RequestTags::default() }];
    let mut made = Vec::new();
    collect(parameters, &mut found, &mut made, 0);
    if let Some(general) = found.first_mut() {
        add_of_made(general, made);
    }
    found
}

/// The tags of the things that a request makes: of several, what all have is certain.
fn add_of_made(general: &mut RequestTags, made: Vec<RequestTags>) {
    let mut made = made.into_iter();
    let Some(mut common) = made.next() else { return };
    for mut other in made {
        common.pairs.sort_unstable();
        other.pairs.sort_unstable();
        common.complete &= other.complete && common.pairs == other.pairs;
        common.pairs.retain(|pair| other.pairs.contains(pair));
    }
    general.pairs.append(&mut common.pairs);
    general.complete &= common.complete;
}

/// One member that holds tags.
fn tags_in(value: &Value) -> RequestTags {
    let mut pairs = Vec::new();
    let complete = pairs_of(value, &mut |key, value| pairs.push((key.to_owned(), value.to_owned())));
    RequestTags { pairs, complete, ..RequestTags::default() }
}

fn collect(value: &Value, found: &mut Vec<RequestTags>, made: &mut Vec<RequestTags>, depth: usize) {
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        let lower = name.to_ascii_lowercase();
        let lower = lower.as_str();
        if lower.contains("tag") && tag_member(lower, value, found, made) {
            continue;
        }
        if MADE.contains(&lower) {
            described(value, made);
        } else if depth < 1
            && (lower.ends_with("request")
                || lower.ends_with("input")
                || lower.ends_with("config")
                || lower.ends_with("withtags"))
        {
            // `CreateVpcEndpointRequest: {TagSpecification: …}`, `tagResourceInput: {tags: …}`, `distributionConfigWithTags: …`.
            collect(value, found, made, depth + 1);
        } else if depth < 1
            && may_hold_tags(lower, value)
            && let Some(general) = found.first_mut()
        {
            general.has_unread = true;
        }
    }
}

/// A member of a name that is known to hold tags. `false`: it is none of them.
fn tag_member(lower: &str, value: &Value, found: &mut Vec<RequestTags>, made: &mut Vec<RequestTags>) -> bool {
    if matches!(lower, "tagspecificationset" | "tagspecifications" | "tagspecification" | "pooltagspecifications") {
        specifications(value, found);
    } else if MEMBERS.contains(&lower) {
        let mut tags = tags_in(value);
        if let Some(general) = found.first_mut() {
            general.pairs.append(&mut tags.pairs);
            general.complete &= tags.complete;
        }
    } else if OF_MADE.contains(&lower) {
        made.push(tags_in(value));
    } else if KEY_MEMBERS.contains(&lower) {
        let keys = key_list(value);
        if let Some(general) = found.first_mut() {
            general.keys.extend(keys);
        }
    } else {
        return false;
    }
    true
}

/// May a member of a name that is not known hold tags? Not one that only sounds so, or that chooses by tags.
fn may_hold_tags(lower: &str, value: &Value) -> bool {
    const OTHERS: [&str; 9] = ["stage", "storage", "filter", "staging", "advantage", "percentage", "outage", "voltage", "etag"];
    let holds_any = match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => false,
    };
    holds_any && lower.contains("tag") && !OTHERS.iter().any(|other| lower.contains(other))
}

/// The tags in the descriptions of what is made. One without tags has none.
fn described(value: &Value, made: &mut Vec<RequestTags>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| described(item, made)),
        Value::Object(object) => {
            if let Some(items @ Value::Array(_)) = member(object, &["items", "member"]) {
                return described(items, made);
            }
            let none = || RequestTags { complete: true, ..RequestTags::default() };
            made.push(member(object, &["tags"]).map_or_else(none, tags_in));
        }
        _ => {}
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
