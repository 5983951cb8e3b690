//! Reads the file of service facts. `tools/service_facts.py` documents its lines.

use super::{
    Action, ActionResource, FORMAT, FactsSource, Key, KeyKind, Needs, ResourceType, Section, Service, ServiceFacts, hash,
};
use std::sync::OnceLock;

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Everything before the services, and where each service stands.
pub(super) fn facts(text: String) -> Result<ServiceFacts, String> {
    if text.lines().next() != Some(FORMAT) {
        return Err(format!(
            "it does not begin with `{}`; use a file that tools/service_facts.py wrote",
            FORMAT.replace('\t', " ")
        ));
    }
    let mut facts = ServiceFacts::nothing();
    facts.sha256 = hash(&text);
    let first = text.find("\nservice\t").map_or(text.len(), |at| at + 1);
    for line in text.get(..first).unwrap_or_default().lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["date", date] => facts.date = (*date).to_owned(),
            ["source", file, sha256, origin] => facts.sources.push(FactsSource {
                file: (*file).to_owned(),
                sha256: (*sha256).to_owned(),
                origin: (*origin).to_owned(),
            }),
            ["rcp", services @ ..] => facts.rcp = owned(services),
            ["event-source", label, prefix] => {
                facts.prefix_of_label.insert((*label).to_owned(), (*prefix).to_owned());
            }
            ["vpce-key", key, services @ ..] => {
                facts.vpce_keys.insert(key.to_ascii_lowercase(), owned(services));
            }
            ["fas", operation, calls @ ..] => facts.fas.push(((*operation).to_owned(), owned(calls))),
            ["s3", operation, actions @ ..] => {
                facts.s3.insert((*operation).to_owned(), owned(actions));
            }
            ["retired", prefix, names @ ..] => {
                facts.retired.insert((*prefix).to_owned(), owned(names));
            }
            _ => {}
        }
    }
    let mut at = first;
    while let Some(rest) = text.get(at..)
        && let Some(header) = rest.strip_prefix("service\t")
    {
        let prefix = header.lines().next().unwrap_or_default();
        let start = at + "service\t".len() + prefix.len();
        let end = rest.find("\nservice\t").map_or(text.len(), |length| at + length + 1);
        facts.service_of_prefix.insert(prefix.to_owned(), facts.services.len());
        facts.services.push(Section { prefix: prefix.to_owned(), start, end, service: OnceLock::new() });
        at = end;
    }
    if facts.services.is_empty() {
        return Err("it holds no services; use a file that tools/service_facts.py wrote".to_owned());
    }
    facts.text = text;
    Ok(facts)
}

fn numbers(text: &str) -> Vec<u16> {
    text.split(',').filter_map(|number| number.parse().ok()).collect()
}

fn key(name: &str, kind: &str) -> Key {
    // `aws:RequestTag/${TagKey}`, `s3:ExistingObjectTag/<key>`, `secretsmanager:ResourceTag/tag-key`.
    let family = name.find(['$', '<']).or_else(|| name.find("/tag-key").map(|at| at + 1));
    let lower = family.and_then(|at| name.get(..at)).unwrap_or(name).to_ascii_lowercase();
    Key {
        name: name.to_owned(),
        lower,
        is_family: family.is_some(),
        kind: match kind.as_bytes().first() {
            Some(b'A') => KeyKind::Arn,
            Some(b'B') => KeyKind::Bool,
            Some(b'N') => KeyKind::Number,
            Some(b'D') => KeyKind::Date,
            Some(b'I') => KeyKind::Address,
            _ => KeyKind::Text,
        },
        multivalued: kind.ends_with('+'),
    }
}

fn action_resource(text: &str) -> Option<ActionResource> {
    let (number, keys) = text.split_once(':').unwrap_or((text, ""));
    let required = number.ends_with('*');
    Some(ActionResource { resource_type: number.trim_end_matches('*').parse().ok()?, required, keys: numbers(keys) })
}

/// The lines of one service.
pub(super) fn service(prefix: &str, text: &str) -> Service {
    let mut service = Service { prefix: prefix.to_owned(), ..Service::default() };
    for line in text.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["k", name, kind] => service.keys.push(key(name, kind)),
            ["r", name, template, keys] => service.resource_types.push(ResourceType {
                name: (*name).to_owned(),
                template: (*template).to_owned(),
                keys: numbers(keys),
            }),
            ["a", name, fields @ ..] => {
                let field = |number: usize| fields.get(number).copied().unwrap_or_default();
                service.action_of_name.insert(name.to_ascii_lowercase(), service.actions.len());
                service.actions.push(Action {
                    name: (*name).to_owned(),
                    access: field(0).chars().next().unwrap_or('W'),
                    resource_types: field(1).split(';').filter_map(action_resource).collect(),
                    keys: numbers(field(2)),
                    dependent: field(3).split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                });
            }
            ["m", operation, actions @ ..] => {
                let needs = actions
                    .iter()
                    .filter(|action| **action != "-")
                    .map(|action| Needs { action: action.trim_end_matches('?').to_owned(), sometimes: action.ends_with('?') });
                service.operations.insert(operation.to_ascii_lowercase(), needs.collect());
            }
            ["p", operation, pairs @ ..] => {
                let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
                let pairs = pairs.map(|(variable, parameter)| (variable.to_owned(), parameter.to_owned()));
                service.parameters.entry(operation.to_ascii_lowercase()).or_default().extend(pairs);
            }
            ["role", operation, parameters @ ..] => {
                service.roles.entry(operation.to_ascii_lowercase()).or_default().extend(owned(parameters));
            }
            _ => {}
        }
    }
    let mut is_listed = vec![false; service.keys.len()];
    let of_actions = service
        .actions
        .iter()
        .flat_map(|action| action.keys.iter().chain(action.resource_types.iter().flat_map(|own| &own.keys)));
    for number in of_actions.chain(service.resource_types.iter().flat_map(|resource| &resource.keys)) {
        if let Some(listed) = is_listed.get_mut(usize::from(*number)) {
            *listed = true;
        }
    }
    service.is_listed = is_listed;
    service
}
