//! The replay: what a recorded call was for IAM, and what of it nobody can know.

mod cloudtrail_scp_cases;
mod corpus;
mod facts;
mod lineage;
mod public_samples;
mod session_policies;
mod verdicts;

use palisade::inventory::Inventory;
use palisade::policy::case;
use palisade::policy::diagnostic::Source;
use palisade::policy::layers::Policies;
use palisade::policy::verdict::{Verdict, judge};
use palisade::replay::{Authorization, Call, Derived, Lineage, ServiceFacts, World, derive};
use serde_json::{Value, json};

/// A file below `tests/corpus`.
fn corpus_file(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An inventory from a member of a corpus file: file names with their contents, as text or as JSON.
fn inventory(files: &Value) -> Inventory {
    let Some(files) = files.as_object().filter(|files| !files.is_empty()) else { return Inventory::empty() };
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|(name, content)| (name.clone(), content.as_str().map_or_else(|| content.to_string(), str::to_owned)))
        .collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Inventory::from_texts(&pairs).unwrap()
}

fn call(record: &Value) -> Call {
    Call::from_record(record.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {record}"))
}

/// What a record is for IAM, after the records of `prior`.
fn derived(record: &Value, prior: &[Value], inventory: &Inventory) -> Derived {
    let call = call(record);
    let prior: Vec<Call> = prior.iter().map(self::call).collect();
    let lineage = Lineage::of(prior.iter().chain([&call]));
    derive(&call, &World::new(ServiceFacts::embedded(), inventory, &lineage))
}

fn authorizations(derived: Derived) -> Vec<Authorization> {
    match derived {
        Derived::Authorizations(authorizations) => authorizations,
        Derived::NotAuthorized { reason } => panic!("not authorized: {reason}"),
    }
}

/// The layers of a case file: `{"scp": [["FullAWSAccess", {…}]]}`.
fn policies(layers: &Value) -> Policies {
    let text = json!({"action": "s3:GetObject", "policies": layers}).to_string();
    let (_, case) = case::read(&Source::new("policies.json", text)).unwrap().cases.remove(0);
    case.unwrap_or_else(|error| panic!("{error}")).policies
}

/// The verdict on a call: denied if a permission that is surely needed is, open if any other may be.
fn verdict(policies: &Policies, authorizations: &[Authorization]) -> (Verdict, String) {
    let mut open = None;
    let mut own = authorizations.iter().filter(|own| own.dependent.is_none()).peekable();
    let needs_some = own.peek().is_some() && own.clone().all(|own| !own.certain);
    if needs_some && own.all(|own| judge(policies, &own.request).verdict == Verdict::Denied) {
        return (Verdict::Denied, "every permission of which the call needs some".to_owned());
    }
    for own in authorizations {
        let judgement = judge(policies, &own.request);
        let words = format!(
            "{} on {:?}: {:?} {:?} {:?}",
            own.request.action,
            own.resource_arn,
            judgement.verdict,
            judgement.settling,
            judgement.exempt.iter().map(|exempt| exempt.reason).collect::<Vec<_>>()
        );
        match judgement.verdict {
            Verdict::Denied if own.certain => return (Verdict::Denied, words),
            Verdict::NotDenied => {}
            Verdict::Denied | Verdict::Undetermined => open = open.or(Some(words)),
        }
    }
    match open {
        Some(words) => (Verdict::Undetermined, words),
        None => (Verdict::NotDenied, String::new()),
    }
}
