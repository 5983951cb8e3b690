//! A call with everything that is read off it once: its parameters, its resources, its caller.

use serde_json::Value;

use super::call::Call;
use super::caller::{self, Caller};
use super::tags::{self, RequestTags};
use super::{ServiceFacts, World};

/// A resource that the record lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) arn: Option<String>,
    pub(super) account: Option<String>,
}

/// What the parameters of a request are known to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parameters {
    /// The record has none: none were sent.
    None,
    Known(Value),
    /// They cannot be read, or were left out of the record.
    Damaged,
}

/// A record whose parameters are too large says `omitted` instead:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
fn parameters(call: &Call) -> Parameters {
    match call.request_parameters.as_deref().map(serde_json::from_str::<Value>) {
        None | Some(Ok(Value::Null)) => Parameters::None,
        Some(Ok(value @ Value::Object(_))) => match value.get("omitted") {
            Some(Value::Bool(true)) => Parameters::Damaged,
            _ => Parameters::Known(value),
        },
        Some(_) => Parameters::Damaged,
    }
}

#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) call: &'a Call,
    pub(super) world: &'a World<'a>,
    pub(super) parameters: Parameters,
    pub(super) listed: Vec<Listed>,
    pub(super) caller: Caller<'a>,
    /// `additionalEventData`, if it can be read.
    pub(super) additional: Option<Value>,
    /// The tags that the request carries.
    pub(super) tags: Vec<RequestTags>,
}

fn account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn listed(text: Option<&str>) -> Vec<Listed> {
    let Some(Ok(Value::Array(items))) = text.map(serde_json::from_str::<Value>) else { return Vec::new() };
    let text = |item: &Value, names: &[&str]| {
        names.iter().find_map(|name| item.get(*name).and_then(Value::as_str)).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let listed = items.iter().map(|item| Listed {
        arn: text(item, &["ARN", "arn"]),
        account: text(item, &["accountId", "accountid"]).filter(|text| account_id(text)),
    });
    listed.collect()
}

impl<'a> Scene<'a> {
    pub(super) fn of(call: &'a Call, world: &'a World<'a>) -> Scene<'a> {
        let parameters = parameters(call);
        let tags = match &parameters {
            Parameters::Known(value) => tags::of_request(value),
            Parameters::None | Parameters::Damaged => Vec::new(),
        };
        Scene {
            listed: listed(call.resources.as_deref()),
            caller: caller::caller(call, world),
            additional: call.additional_event_data.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            call,
            world,
            parameters,
            tags,
        }
    }

    pub(super) fn facts(&self) -> &'a ServiceFacts {
        self.world.facts
    }

    pub(super) fn event_name(&self) -> &'a str {
        self.call.event_name.as_deref().unwrap_or_default()
    }

    /// A parameter of the request; the name in any case.
    pub(super) fn parameter(&self, name: &str) -> Option<&Value> {
        let Parameters::Known(Value::Object(object)) = &self.parameters else { return None };
        object.get(name).or_else(|| object.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }

    /// A parameter that is a text, and not hidden.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.parameter(name)?.as_str().filter(|text| !text.is_empty() && !tags::is_redacted(text))
    }

    /// A parameter at a path such as `Placement.GroupName` or `securityGroupIds[]`: every text there. Names in any case, and
    /// the containers `items` and `member` stepped through.
    pub(super) fn texts_at(&self, path: &str) -> Vec<&str> {
        let Parameters::Known(value) = &self.parameters else { return Vec::new() };
        let mut found = vec![value];
        for step in path.split('.') {
            let step = step.trim_end_matches("[]");
            found = found.into_iter().flat_map(|value| children(value, step)).collect();
        }
        found.into_iter().flat_map(leaves).filter(|text| !text.is_empty() && !tags::is_redacted(text)).collect()
    }

    /// As [`Scene::texts_at`], with numbers and truth values as texts, and hidden values.
    pub(super) fn values_at(&self, path: &str) -> Vec<String> {
        let Parameters::Known(value) = &self.parameters else { return Vec::new() };
        let mut found = vec![value];
        for step in path.split('.') {
            found = found.into_iter().flat_map(|value| children(value, step)).collect();
        }
        let mut values = Vec::new();
        found.into_iter().for_each(|value| scalars(value, &mut values));
        values
    }

    /// Does the record show any parameter of that name, also a hidden one?
    pub(super) fn has(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| !value.is_null())
    }

    /// An entry of `additionalEventData`.
    pub(super) fn additional(&self, name: &str) -> Option<&str> {
        self.additional.as_ref()?.get(name)?.as_str()
    }
}

fn children<'v>(value: &'v Value, step: &str) -> Vec<&'v Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| children(item, step)).collect(),
        Value::Object(object) => {
            let found = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(step)).map(|(_, value)| value);
            match found {
                Some(found) => vec![found],
                None => {
                    let inner = object.get("items").or_else(|| object.get("member"));
                    inner.map(|inner| children(inner, step)).unwrap_or_default()
                }
            }
        }
        _ => Vec::new(),
    }
}

fn scalars(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => found.push(text.clone()),
        Value::Bool(flag) => found.push(flag.to_string()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::Object(object) => {
            if let Some(inner) = ["items", "member", "content"].iter().find_map(|name| object.get(*name)) {
                scalars(inner, found);
            }
        }
        _ => {}
    }
}

fn leaves(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        // `{"content": "vpc-…", "tag": 1}` is how newer operations of EC2 write a member of a list.
        Value::Object(object) => {
            let inner = ["items", "member", "content"].iter().find_map(|name| object.get(*name));
            inner.map(leaves).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
