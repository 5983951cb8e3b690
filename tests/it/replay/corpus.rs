//! Records with what they were for IAM, worked out by hand: `tests/corpus/replay/*.json`.
//!
//! A file has an inventory and cases. A case has a record, perhaps records before it, and either why IAM was not asked or the pairs of
//! action and resource, all of them. Of a pair are checked the members that it has. A key is a text or a list if it is present,
//! null if it is absent, and `{"unknown": …}` if nobody can know: `"unknown": true`, or what may be known of it all the same. `judged_on` is
//! the resource as policies see it, with `*` and `?` for what is not known of it. `open`: no table tells the name of the action.

use palisade::policy::context::{ContextValue, Seen, Unknown};
use palisade::policy::request::Resource;
use palisade::policy::truth::Truth;
use palisade::replay::{Authorization, Derived};
use serde_json::{Value, json};

use super::{corpus_file, derived, inventory};

const FILES: [&str; 10] = [
    "callers.json",
    "networks.json",
    "actions.json",
    "resources.json",
    "sessions.json",
    "service_keys.json",
    "named_resources.json",
    "resource_arns.json",
    "session_origins.json",
    "request_details.json",
];

fn shown(seen: Seen<'_>) -> Value {
    match seen {
        Seen::Absent => Value::Null,
        Seen::Values([one]) => json!(one),
        Seen::Values(values) => json!(values),
        Seen::Unknown(Unknown { may_be_absent, candidates, known_members, excluded, between, .. }) => {
            let mut unknown = json!({ "unknown": true });
            if !may_be_absent {
                unknown["present"] = json!(true);
            }
            if let Some(candidates) = candidates {
                unknown["candidates"] = json!(candidates.iter().flatten().collect::<Vec<_>>());
            }
            if !known_members.is_empty() {
                unknown["members"] = json!(known_members);
            }
            if !excluded.is_empty() {
                unknown["not"] = json!(excluded);
            }
            if let Some(between) = between {
                unknown["between"] = json!(between);
            }
            unknown
        }
        Seen::Other(_) | Seen::Set(_) | Seen::Something => json!("supposed"),
    }
}

fn resource(own: &Authorization) -> String {
    own.resource_arn.clone().unwrap_or_else(|| match &own.request.resource {
        Resource::Known(text) => text.clone(),
        _ => "unknown".to_owned(),
    })
}

fn truth(text: &Value) -> Truth {
    match text.as_str() {
        Some("unknown") => Truth::Unknown,
        _ => (*text == json!(true)).into(),
    }
}

fn check(expected: &Value, own: &Authorization, wrong: &mut Vec<String>) {
    let name = format!("{} on {}", own.request.action, resource(own));
    let mut differ = |what: &str, expected: &Value, found: Value| {
        if *expected != found {
            wrong.push(format!("  {name}: {what} is {found}, expected {expected}"));
        }
    };
    for key in expected.get("keys").and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let lower = key.0.to_ascii_lowercase();
        if !lower.contains('/') && !lower.contains("context:") && !own.provenance.contains_key(&lower) {
            differ(&lower, &json!("a provenance"), Value::Null);
        }
    }
    if let Some(account) = expected.get("account") {
        differ("the owner", account, json!(own.request.resource_account));
    }
    differ("certain", expected.get("certain").unwrap_or(&json!(true)), json!(own.certain));
    if let Some(open) = expected.get("open") {
        differ("open", open, json!(own.request.open_action.is_some()));
    }
    if let Some(judged_on) = expected.get("judged_on") {
        let found = match &own.request.resource {
            Resource::Known(text) => text.clone(),
            Resource::Partial(pattern) => pattern.text(),
            Resource::Unknown => "unknown".to_owned(),
        };
        differ("judged on", judged_on, json!(found));
        let is_partial = !matches!(own.request.resource, Resource::Known(_));
        differ("partly known", &json!(found.contains(['*', '?'])), json!(is_partial));
    }
    if let Some(dependent) = expected.get("dependent") {
        differ("dependent", dependent, json!(own.dependent.is_some()));
    }
    for (key, value) in expected.get("keys").and_then(Value::as_object).into_iter().flatten() {
        differ(key, value, shown(own.request.context.get(&key.to_ascii_lowercase())));
    }
    let facts = &own.request.facts;
    for (fact, value) in expected.get("facts").and_then(Value::as_object).into_iter().flatten() {
        let found = match fact.as_str() {
            "principal_in_organization" => facts.principal_in_organization,
            "principal_in_management_account" => facts.principal_in_management_account,
            "resource_in_organization" => facts.resource_in_organization,
            "forward_access_session" => facts.forward_access_session,
            "aws_managed_key" => facts.aws_managed_key,
            other => panic!("no fact {other}"),
        };
        if found != truth(value) {
            wrong.push(format!("  {name}: {fact} is {found:?}, expected {value}"));
        }
    }
}

#[test]
fn records_become_the_requests_that_were_worked_out_by_hand() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in FILES {
        let corpus = corpus_file(&format!("replay/{file}"));
        let inventory = inventory(&corpus["inventory"]);
        for case in corpus["cases"].as_array().unwrap() {
            count += 1;
            let prior = case["prior"].as_array().cloned().unwrap_or_default();
            let mut differences = Vec::new();
            match (derived(&case["record"], &prior, &inventory), case.get("not_authorized")) {
                (Derived::NotAuthorized { reason }, Some(part)) => {
                    if !reason.contains(part.as_str().unwrap()) {
                        differences.push(format!("  reason: {reason}"));
                    }
                }
                (Derived::NotAuthorized { reason }, None) => differences.push(format!("  not authorized: {reason}")),
                (Derived::Authorizations(_), Some(_)) => differences.push("  is authorized".to_owned()),
                (Derived::Authorizations(found), None) => pairs(case, &found, &mut differences),
            }
            if !differences.is_empty() {
                wrong.push(format!("{file} {}:\n{}", case["id"], differences.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 100, "{count} cases");
}

fn pairs(case: &Value, found: &[Authorization], differences: &mut Vec<String>) {
    let expected = case["pairs"].as_array().unwrap();
    let same = |expected: &Value, own: &Authorization| {
        expected["action"] == json!(own.request.action) && expected["resource"] == json!(resource(own))
    };
    for own in found {
        if !expected.iter().any(|expected| same(expected, own)) {
            let owner = &own.request.resource_account;
            differences.push(format!("  not expected: {} on {} of {owner:?}", own.request.action, resource(own)));
        }
    }
    for expected in expected {
        match found.iter().find(|own| same(expected, own)) {
            Some(own) => check(expected, own, differences),
            None => differences.push(format!("  missing: {} on {}", expected["action"], expected["resource"])),
        }
    }
}

#[test]
fn the_same_keys_come_out_whether_all_are_asked_for_or_some() {
    use palisade::replay::{KeySet, Lineage, ServiceFacts, World, derive};
    let mut compared = 0;
    for file in FILES {
        let corpus = corpus_file(&format!("replay/{file}"));
        let inventory = inventory(&corpus["inventory"]);
        for case in corpus["cases"].as_array().unwrap() {
            let call = super::call(&case["record"]);
            let prior: Vec<_> = case["prior"].as_array().into_iter().flatten().map(super::call).collect();
            let lineage = Lineage::of(prior.iter().chain([&call]));
            let world = World::new(ServiceFacts::embedded(), &inventory, &lineage);
            let Derived::Authorizations(all) = derive(&call, &world) else { continue };
            let keys: KeySet = all.iter().flat_map(|own| own.request.context.iter().map(|(name, _)| name.to_owned())).collect();
            let Derived::Authorizations(some) = derive(&call, &world.with_keys(&keys)) else { panic!("{}", case["id"]) };
            assert_eq!(all.len(), some.len());
            for (all, some) in all.iter().zip(&some) {
                for (name, value) in all.request.context.iter() {
                    let lower = name.to_ascii_lowercase();
                    let found = shown(some.request.context.get(&lower));
                    let expected = match value {
                        ContextValue::Absent => Value::Null,
                        _ => shown(all.request.context.get(&lower)),
                    };
                    assert_eq!(found, expected, "{file} {}: {} {name}", case["id"], all.request.action);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}
