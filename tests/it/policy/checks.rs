//! Policies with everything that a check says of them (`tests/corpus/policy/checks.json`), worked out by hand from AWS's pages.

use palisade::policy::check::check_all;
use palisade::policy::compiled::PolicyType;
use palisade::policy::diagnostic::Source;
use palisade::policy::document::read_source;
use palisade::replay::ServiceFacts;
use serde_json::Value;

/// Severity, code and the text that is pointed at, of every finding.
fn found(policy: &Value, policy_type: PolicyType) -> Vec<String> {
    let source = Source::new("policy.json", serde_json::to_string_pretty(policy).unwrap());
    let reading = read_source(&source);
    let mut findings = reading.findings;
    let document = reading.document.unwrap();
    findings.extend(check_all(&document, policy_type, ServiceFacts::embedded()));
    let words = findings.iter().map(|finding| {
        let pointed = source.text().get(finding.span.clone()).unwrap().trim_matches('"');
        format!("{} {} {pointed}", finding.severity.as_str(), finding.code)
    });
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}

#[test]
fn every_policy_of_the_corpus_is_judged_as_the_documentation_says() {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/policy/checks.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let policy_type = PolicyType::ALL.into_iter().find(|known| known.as_str() == case["type"]).unwrap();
        let mut expected: Vec<String> =
            case["expected"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        expected.sort();
        let found = found(&case["policy"], policy_type);
        if found != expected {
            wrong.push(format!("{}: {found:?}, expected {expected:?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 100);
}

#[test]
fn the_policies_of_the_samples_have_no_defects_once_they_are_filled_in() {
    use palisade::replay::fill;
    let values = ["my-org-id=o-a1b2c3d4e5", "my-corporate-cidr=203.0.113.0/24", "my-vpc=vpc-0123456789abcdef0"];
    let values = fill::read(&values.map(str::to_owned)).unwrap();
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples/policies");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let written = Source::new(name.clone(), std::fs::read_to_string(&path).unwrap());
        let (source, _) = fill::fill(&written, &values);
        let document = read_source(&source).document.unwrap();
        let policy_type = palisade::policy::check::guess_type(&document);
        let findings = check_all(&document, policy_type, ServiceFacts::embedded());
        assert_eq!(findings, [], "{name}");
    }
}
