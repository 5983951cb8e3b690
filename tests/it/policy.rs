//! The policy engine: what AWS documents, what a policy denies, what nobody can know.

mod case_files;
mod check_command;
mod checks;
mod hand_worked;
mod language;
mod layers;
mod properties;
mod scp_cases;
mod three_valued;
mod truth_tables;
mod validation;

use std::path::PathBuf;

use palisade::policy::case::{answer, read};
use palisade::policy::diagnostic::Source;
use palisade::policy::verdict::judge;
use serde_json::Value;

/// A file of the corpus.
fn corpus(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/policy").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The answer to one case.
fn evaluate(case: &Value) -> Value {
    let text = serde_json::to_string_pretty(case).unwrap();
    let (_, case) = read(&Source::new("case.json", text)).unwrap().cases.remove(0);
    let case = case.unwrap_or_else(|error| panic!("{error}"));
    answer(&case, &judge(&case.policies, &case.request))
}
