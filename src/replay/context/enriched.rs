//! Condition keys that the record itself holds: event data stores of CloudTrail Lake may add them under `eventContext`.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-context-events.html>. Which keys were chosen is not recorded, so
//! a key that is not there proves nothing.

use serde_json::Value;

use super::super::scene::Scene;
use super::{Known, Pair, present_all};

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
        return tags(scene, &["principalTags", "PrincipalTags", "aws:PrincipalTag"], tag);
    }
    present_all(find(scene, "requestContext", key)?, "from eventContext.requestContext")
}

pub(super) fn pair_value(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    scene.call.event_context.as_ref()?;
    if pair.needed.dependent.is_some() {
        return None;
    }
    if let Some(tag) = key.strip_prefix("aws:resourcetag/") {
        return tags(scene, &["resourceTags", "ResourceTags", "aws:ResourceTag"], tag);
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
