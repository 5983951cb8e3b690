//! Judges the cases of `generate` and compares with the answers of peers: of a file of answers (`{"id":…,"denied":…}` per line), and
//! of iam-rs, which runs here. Kinds of disagreement are counted by what the policy uses, with the shortest example.
//!
//! `compare cases.jsonl [answers.jsonl]`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use palisade_policy_bench::policy::compiled::{Policy, PolicyType};
use palisade_policy_bench::policy::context::{Context, ContextValue};
use palisade_policy_bench::policy::document::Document;
use palisade_policy_bench::policy::layers::{Level, Policies};
use palisade_policy_bench::policy::request::{Principal, Request, Resource};
use palisade_policy_bench::policy::verdict::{Denial, judge};
use serde_json::Value;

const CALLER: &str = "arn:aws:iam::111122223333:user/jane";

#[derive(Default)]
struct Tally {
    agree: usize,
    not_answered: usize,
    kinds: BTreeMap<String, (usize, String)>,
}

impl Tally {
    fn add(&mut self, case: &Value, own: bool, theirs: Option<bool>) {
        match theirs {
            None => self.not_answered += 1,
            Some(theirs) if theirs == own => self.agree += 1,
            Some(theirs) => {
                let kind = self.kinds.entry(kind(case)).or_default();
                kind.0 += 1;
                let example = format!("ours denied={own}, theirs denied={theirs}: {case}");
                if kind.1.is_empty() || example.len() < kind.1.len() {
                    kind.1 = example;
                }
            }
        }
    }

    fn print(&self, peer: &str) {
        let disagree: usize = self.kinds.values().map(|(count, _)| count).sum();
        println!("{peer}: {} agree, {disagree} disagree, {} not answered", self.agree, self.not_answered);
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(kind, _)| (kind.split(' ').count(), (*kind).clone()));
        for (kind, (count, example)) in kinds.into_iter().take(25) {
            println!("  {count} × [{kind}] {example}");
        }
    }
}

/// What the statements of a case use.
fn kind(case: &Value) -> String {
    let mut used: Vec<String> = Vec::new();
    for statement in case["policy"]["Statement"].as_array().into_iter().flatten() {
        if let Some(resource) = statement.get("Resource").or(statement.get("NotResource"))
            && resource.as_str().is_some_and(|text| text.contains("${"))
        {
            used.push("variable".to_owned());
        }
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            let key = keys.as_object().and_then(|keys| keys.keys().next()).cloned().unwrap_or_default();
            let state = match case["context"].get(&key) {
                None => "absent",
                Some(Value::String(text)) if text.is_empty() => "empty",
                Some(_) => "present",
            };
            used.push(format!("{operator}:{state}"));
        }
    }
    used.sort();
    used.dedup();
    used.join(" ")
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn own(case: &Value) -> Option<(Policies, Request)> {
    let document = Document::parse("case", &case["policy"].to_string()).ok()?;
    let policy = Arc::new(Policy::compile("case", &document, PolicyType::ServiceControl));
    let policies =
        Policies { service_control: Some(vec![Level { name: None, policies: vec![policy] }]), ..Policies::default() };
    let resource = Resource::Known(case["resource"].as_str()?.to_owned());
    let mut request = Request::new(Principal::from_name(CALLER)?, case["action"].as_str()?, resource)?;
    let mut context = Context::new();
    for (key, value) in case["context"].as_object()? {
        context.set(key, ContextValue::Present(texts(value)));
    }
    request.context = context;
    Some((policies, request))
}

fn of_iam_rs(case: &Value) -> Option<bool> {
    let policy: iam_rs::IAMPolicy = serde_json::from_str(&case["policy"].to_string()).ok()?;
    let mut context = iam_rs::Context::new();
    for (key, value) in case["context"].as_object()? {
        let value = match (key.as_str(), value) {
            ("aws:MultiFactorAuthAge", Value::String(text)) => iam_rs::ContextValue::Number(text.parse().ok()?),
            ("aws:SecureTransport", Value::String(text)) => iam_rs::ContextValue::Boolean(text == "true"),
            ("aws:CurrentTime", Value::String(text)) => iam_rs::ContextValue::DateTime(text.parse().ok()?),
            (_, Value::String(text)) => iam_rs::ContextValue::String(text.clone()),
            (_, value) => iam_rs::ContextValue::StringList(texts(value)),
        };
        context.insert(key.clone(), value);
    }
    let principal = iam_rs::Principal::Aws(iam_rs::PrincipalId::String(CALLER.to_owned()));
    let resource = iam_rs::Arn::parse(case["resource"].as_str()?).ok()?;
    let request = iam_rs::IAMRequest::new_with_context(principal, case["action"].as_str()?, resource, context);
    Some(matches!(iam_rs::evaluate_policy(&policy, &request).ok()?, iam_rs::Decision::Deny))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let cases = arguments.next().map(std::fs::read_to_string).and_then(Result::ok).unwrap_or_default();
    let cases: Vec<Value> = cases.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answers = arguments.next().map(std::fs::read_to_string).and_then(Result::ok).unwrap_or_default();
    let answers: BTreeMap<u64, Option<bool>> = answers
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|answer| Some((answer["id"].as_u64()?, answer["denied"].as_bool())))
        .collect();
    let (mut of_file, mut of_library) = (Tally::default(), Tally::default());
    let mut spent = std::time::Duration::ZERO;
    for case in &cases {
        let Some((policies, request)) = own(case) else {
            println!("not read: {case}");
            continue;
        };
        let started = Instant::now();
        let explicit = judge(&policies, &request).denial == Some(Denial::Explicit);
        spent += started.elapsed();
        if let Some(theirs) = case["id"].as_u64().and_then(|id| answers.get(&id)) {
            of_file.add(case, explicit, *theirs);
        }
        of_library.add(case, explicit, of_iam_rs(case));
    }
    println!("{} cases, judged in {spent:?}", cases.len());
    if !answers.is_empty() {
        of_file.print("peer of the file");
    }
    of_library.print("iam-rs");
}
