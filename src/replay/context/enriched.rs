//! Condition keys that the record itself holds: event data stores of CloudTrail Lake may add them under `eventContext`.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-context-events.html>. Which keys were chosen is not recorded, so
//! a key that is not there proves nothing.

use serde_json::Value;

use super::super::scene::Scene;
use super::{Known, Pair, present_all};

/// Where the tags of the principal stand, and those of the resource.
const PRINCIPAL: [&str; 3] = ["principalTags", "PrincipalTags", "aws:PrincipalTag"];
const RESOURCE: [&str; 3] = ["resourceTags", "ResourceTags", "aws:ResourceTag"];

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(flag) => Some(vec![flag.to_string()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::Array(items) => items.iter().map(|item| texts(item)?.into_iter().next()).collect(),
        _ => None,
    }
}

fn find(scene: &Scene<'_>, part: &str, key: &str) -> Option<Vec<String>> {
    let context: Value = serde_json::from_str(scene.call.event_context.as_deref()?).ok()?;
    let members = context.get(part)?.as_object()?;
    let (_, value) = members.iter().find(|(own, _)| {
        own.eq_ignore_ascii_case(key) || key.strip_prefix("aws:").is_some_and(|short| own.eq_ignore_ascii_case(short))
    })?;
    texts(value)
}

pub(super) fn value(scene: &Scene<'_>, key: &str) -> Option<Known> {
    scene.call.event_context.as_ref()?;
    if let Some(tag) = key.strip_prefix("aws:principaltag/") {
        return tags(scene, &PRINCIPAL, tag);
    }
    present_all(find(scene, "requestContext", key)?, "from eventContext.requestContext")
}

pub(super) fn pair_value(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    scene.call.event_context.as_ref()?;
    if pair.needed.dependent.is_some() {
        return None;
    }
    if let Some(tag) = key.strip_prefix("aws:resourcetag/") {
        return tags(scene, &RESOURCE, tag);
    }
    present_all(find(scene, "requestContext", key)?, "from eventContext.requestContext")
}

fn tags(scene: &Scene<'_>, names: &[&str], tag: &str) -> Option<Known> {
    let context: Value = serde_json::from_str(scene.call.event_context.as_deref()?).ok()?;
    let part = context.get("tagContext")?;
    for name in names {
        let mut found = None;
        if let Some(tags) = part.get(*name) {
            super::super::tags::pairs_of(tags, &mut |key, value| {
                if key.eq_ignore_ascii_case(tag) {
                    found = Some(value.to_owned());
                }
            });
        }
        if let Some(value) = found {
            return present_all(vec![value], "from eventContext.tagContext");
        }
    }
    None
}

/// Every key of the request context, and every tag of the principal, that the record has.
pub(super) fn all(scene: &Scene<'_>, give: &mut dyn FnMut(&str, Known)) {
    let Some(context) = scene.call.event_context.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return;
    };
    for (name, value) in context.get("requestContext").and_then(Value::as_object).into_iter().flatten() {
        let name = if name.contains(':') { name.clone() } else { format!("aws:{name}") };
        if let Some(known) = texts(value).and_then(|texts| present_all(texts, "from eventContext.requestContext")) {
            give(&name, known);
        }
    }
    all_tags(&context, &PRINCIPAL, "aws:PrincipalTag/", give);
}

/// Every tag of the resource that the record has.
pub(super) fn all_of_resource(scene: &Scene<'_>, give: &mut dyn FnMut(&str, Known)) {
    let Some(context) = scene.call.event_context.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return;
    };
    all_tags(&context, &RESOURCE, "aws:ResourceTag/", give);
}

fn all_tags(context: &Value, names: &[&str], start: &str, give: &mut dyn FnMut(&str, Known)) {
    let Some(part) = context.get("tagContext") else { return };
    for tags in names.iter().filter_map(|name| part.get(*name)) {
        super::super::tags::pairs_of(tags, &mut |key, value| {
            if let Some(known) = present_all(vec![value.to_owned()], "from eventContext.tagContext") {
                give(&format!("{start}{key}"), known);
            }
        });
    }
}
