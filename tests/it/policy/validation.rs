//! What a check finds, and where.

use std::collections::{BTreeMap, BTreeSet};

use palisade::policy::check::check;
use palisade::policy::compiled::PolicyType;
use palisade::policy::diagnostic::{Severity, Source};
use palisade::policy::document::read_source;

/// Codes of errors and warnings with the text that each points at, in the order of the text.
fn found(policy_type: PolicyType, text: &str) -> Vec<String> {
    let source = Source::new("policy.json", text);
    let reading = read_source(&source);
    let mut findings = reading.findings;
    findings.extend(reading.document.iter().flat_map(|document| check(document, policy_type)));
    findings
        .iter()
        .filter(|finding| finding.severity != Severity::Note)
        .map(|finding| {
            let pointed = source.text().get(finding.span.clone()).unwrap_or_default();
            format!("{} {}", finding.code, pointed.chars().take(24).collect::<String>())
        })
        .collect()
}

/// The findings of a statement that is right but for the given elements.
fn in_statement(policy_type: PolicyType, elements: &str) -> Vec<String> {
    let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{{{elements}}}]}}");
    found(policy_type, &text)
}

const SCP: PolicyType = PolicyType::ServiceControl;
const RCP: PolicyType = PolicyType::ResourceControl;

#[test]
fn a_finding_is_shown_like_a_good_compiler_shows_it() {
    let source = Source::new(
        "scp.json",
        "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\n    \"Sid\": \"Net\",\n    \"Effect\": \"Deny\",\n    \"Action\": \"*\",\n    \"Resource\": \"*\",\n    \"Condition\": {\"StringNotEqual\": {\"aws:SourceVpc\": \"vpc-0123456789abcdef0\"}}\n  }\n}\n",
    );
    let document = read_source(&source).document.unwrap();
    let shown: Vec<String> = check(&document, SCP).iter().map(|finding| finding.display(&source).to_string()).collect();
    assert_eq!(
        shown,
        ["scp.json:8:19: error[unknown-operator]: statement 1 (Sid \"Net\"): AWS has no condition operator `StringNotEqual`: the policy is refused
  |
8 |     \"Condition\": {\"StringNotEqual\": {\"aws:SourceVpc\": \"vpc-0123456789abcdef0\"}}
  |                   ^^^^^^^^^^^^^^^^
  = help: did you mean `StringNotEquals`?"]
    );
}

#[test]
fn each_mistake_has_its_code_and_place() {
    let rest = "\"Effect\": \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"*\"";
    let rcp = format!("{rest}, \"Principal\": \"*\"");
    let condition = |condition: &str| format!("\"Condition\": {{{condition}}}, {rest}");
    for (policy_type, elements, expected) in [
        (SCP, rest.to_owned(), vec![]),
        (RCP, rcp.clone(), vec![]),
        (SCP, rcp, vec!["principal-not-allowed \"Principal\""]),
        (RCP, rest.to_owned(), vec!["rcp-principal {"]),
        (
            RCP,
            "\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": [\"*\", \"lambda:*\"], \"Resource\": \"*\"".to_owned(),
            vec!["rcp-action-wildcard \"*\"", "rcp-unsupported-service \"lambda:*\""],
        ),
        (SCP, "\"Effect\": \"deny\", \"Action\": \"*\", \"Resource\": \"*\"".to_owned(), vec!["invalid-effect \"deny\""]),
        (
            SCP,
            "\"Effect\": \"Deny\", \"Action\": \"s3*:x\", \"Resource\": \"bucket\"".to_owned(),
            vec!["wildcard-in-service \"s3*:x\"", "invalid-arn \"bucket\""],
        ),
        (
            SCP,
            "\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": [\"arn:aws:s3*:::b\", \"arn:aws:sqs\"], \"Actions\": 1"
                .to_owned(),
            vec![
                "unknown-element \"Actions\"",
                "wildcard-in-arn-service \"arn:aws:s3*:::b\"",
                "incomplete-arn \"arn:aws:sqs\"",
            ],
        ),
        (SCP, condition("\"StringEquals\": {\"aws:SourceVpcc\": \"vpc-1\"}"), vec!["unknown-condition-key \"aws:SourceVpcc\""]),
        (
            SCP,
            condition("\"StringEquals\": {\"aws:TagKeys\": \"a\"}"),
            vec!["multivalued-key-without-set-operator \"StringEquals\""],
        ),
        (SCP, condition("\"StringLike\": {\"aws:SourceVpc\": \"vpc-*\"}"), vec!["wildcard-in-id \"vpc-*\""]),
        (SCP, condition("\"StringEquals\": {\"aws:UserAgent\": \"x*\"}"), vec!["wildcard-without-like \"x*\""]),
        (SCP, condition("\"IpAddress\": {\"aws:SourceIp\": \"10.0.0.0/33\"}"), vec!["invalid-value \"10.0.0.0/33\""]),
        (
            SCP,
            condition(
                "\"Null\": {\"aws:SourceVpc\": \"true\"}, \"StringEquals\": {\"aws:SourceVpc\": \"vpc-0123456789abcdef0\"}",
            ),
            vec!["condition-never-true \"aws:SourceVpc\""],
        ),
        (SCP, condition("\"StringEquals\": {\"lambda:VpcIds\": \"vpc-1\"}"), vec!["condition-never-true \"lambda:VpcIds\""]),
        (SCP, condition("\"NullIfExists\": {\"aws:SourceVpc\": \"true\"}"), vec!["unknown-operator \"NullIfExists\""]),
        (SCP, condition("\"StringEquals\": {\"aws:SourceVpc\": \"<my-vpc>\"}"), vec!["placeholder \"<my-vpc>\""]),
    ] {
        assert_eq!(in_statement(policy_type, &elements), expected, "{elements}");
    }
}

#[test]
fn an_oversized_policy_is_an_error_unless_removing_blanks_makes_it_fit() {
    let text = |actions: usize, blanks: usize| {
        let actions: Vec<String> = (0..actions).map(|number| format!("\"s3:Action{number:05}\"")).collect();
        let statement = format!("{{\"Effect\":\"Deny\",\"Resource\":\"*\",\"Action\":[{}]}}", actions.join(","));
        format!("{{\"Version\":\"2012-10-17\",{}\"Statement\":{statement}}}", " ".repeat(blanks))
    };
    assert_eq!(found(SCP, &text(400, 0)), Vec::<String>::new());
    assert_eq!(found(SCP, &text(400, 10_000)), ["policy-too-large {"]);
    assert_eq!(found(SCP, &text(600, 0)), ["policy-too-large {"]);
    assert_eq!(found(PolicyType::Resource, &text(60_000, 0)), ["principal-missing {"]);
}

#[test]
fn hostile_files_get_a_message_and_no_crash() {
    let deep = format!("{{\"Statement\": {}", "[".repeat(1_000_000));
    let many = vec!["{\"Effect\": \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"*\"}"; 10_000].join(",");
    for (text, expected) in [
        (String::new(), vec!["invalid-json "]),
        (deep, vec!["invalid-json ["]),
        ("[]".to_owned(), vec!["wrong-type []"]),
        ("{\"Version\": \"2012-10-17\"}".to_owned(), vec!["missing-element {"]),
        ("{\"Version\": \"2012-10-17\", \"Statement\": [3]}".to_owned(), vec!["wrong-type 3"]),
        (format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{many}]}}"), vec!["policy-too-large {"]),
        (
            "{\"Version\": \"2012-10-17\", \"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\", \"Action\": \"*\", \"Action\": \"*\", \"Resource\": {}}}".to_owned(),
            vec![
                "duplicate-element \"Version\"",
                "duplicate-element \"Action\"",
                "wrong-type {}",
            ],
        ),
    ] {
        assert_eq!(found(SCP, &text), expected);
    }
}

#[test]
fn the_examples_of_the_documentation_are_answered_as_it_says() {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/policy-case.md");
    let text = std::fs::read_to_string(path).unwrap();
    let verdicts: Vec<String> = text
        .split("```json\n")
        .skip(1)
        .map(|block| super::evaluate(&serde_json::from_str(block.split("```").next().unwrap()).unwrap()))
        .map(|answer| answer["verdict"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(verdicts, ["undetermined", "not_denied", "denied"]);
}

#[test]
fn every_code_is_documented_and_every_documented_code_exists() {
    use palisade::policy::codes::CODES;
    fn sources(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    sources(&std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/policy"), &mut text);
    // A code is what stands first in a finding.
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for severity in ["error", "warning", "note"] {
        for rest in text.split(&format!("Finding::{severity}(")).skip(1) {
            if let Some(code) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                used.entry(code).or_default().insert(severity);
            }
        }
    }
    used.insert("condition-always-true", BTreeSet::from(["warning"]));
    used.entry("condition-never-true").or_default().insert("warning");
    let documented = CODES.iter().map(|code| (code.name, code.severities.iter().map(|severity| severity.as_str()).collect()));
    assert_eq!(used, documented.collect::<BTreeMap<&str, BTreeSet<&str>>>());
    assert!(CODES.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(CODES.iter().all(|code| code.page.starts_with("https://docs.aws.amazon.com/")));
}

#[test]
fn the_page_of_codes_is_current() {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/policy-check.md");
    let page = palisade::policy::codes::markdown();
    if std::env::var_os("PALISADE_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == written, "docs/policy-check.md is not current: run the tests once with PALISADE_UPDATE_DOCS=1 set");
}

/// What facts about services tell of a service control policy, as code, line and message.
fn by_facts(policy: &serde_json::Value) -> Vec<(String, String)> {
    use palisade::policy::check::check_services;
    use palisade::policy::diagnostic::Source;
    let reading = palisade::policy::document::read_source(&Source::new("scp.json", policy.to_string()));
    let facts = palisade::replay::ServiceFacts::embedded();
    let findings = check_services(&reading.document.unwrap(), facts);
    let words = |finding: &palisade::policy::diagnostic::Finding| {
        (finding.code.to_owned(), format!("{} {}", finding.message, finding.help.clone().unwrap_or_default()))
    };
    findings.iter().map(words).collect()
}

#[test]
fn facts_about_services_tell_what_does_not_exist_and_what_can_never_be_true() {
    use serde_json::json;
    let deny = |action: serde_json::Value, condition: serde_json::Value| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition}]});
    for (action, condition, code, part) in [
        (json!("s3:GetObjects"), json!({}), "unknown-action", "did you mean `s3:GetObject`?"),
        (json!("s33:GetObject"), json!({}), "unknown-action", "did you mean `s3`?"),
        (json!("s3:Levitate*"), json!({}), "unknown-action", "matches no action"),
        (
            json!("ec2:RunInstances"),
            json!({"StringEquals": {"ec2:InstanceTyp": "t3.micro"}}),
            "unknown-condition-key",
            "did you mean `ec2:InstanceType`?",
        ),
        (
            json!("ec2:DescribeInstances"),
            json!({"StringEquals": {"ec2:InstanceType": "t3.micro"}}),
            "condition-never-true",
            "no action of the statement has the key",
        ),
        (
            json!("ec2:DescribeInstances"),
            json!({"StringNotEquals": {"ec2:InstanceType": "t3.micro"}}),
            "condition-always-true",
            "no action of the statement has the key",
        ),
        (
            json!(["lambda:CreateFunction", "lambda:DeleteFunction"]),
            json!({"Null": {"lambda:VpcIds": "true"}}),
            "condition-always-true",
            "`lambda:DeleteFunction` has no key `lambda:VpcIds`",
        ),
    ] {
        let found = by_facts(&deny(action.clone(), condition.clone()));
        assert_eq!(found.len(), 1, "{action} {condition}: {found:?}");
        assert_eq!(found[0].0, code, "{action} {condition}");
        assert!(found[0].1.contains(part), "{}", found[0].1);
    }
    for (action, condition) in [
        (json!("*"), json!({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})),
        (json!(["s3:*", "ec2:Run*"]), json!({})),
        (json!("S3:getobject"), json!({"StringEquals": {"s3:ExistingObjectTag/team": "red"}})),
        (json!("lambda:Create*"), json!({"Null": {"lambda:VpcIds": "true"}})),
        (json!("ec2:RunInstances"), json!({"Null": {"aws:RequestTag/cost": "true"}})),
        (json!("sts:AssumeRoleWithWebIdentity"), json!({"StringEquals": {"token.actions.githubusercontent.com:sub": "x"}})),
        (json!("s3:GetObject"), json!({"StringEquals": {"lambda:SourceFunctionArn": "x"}})),
    ] {
        assert_eq!(by_facts(&deny(action.clone(), condition.clone())), [], "{action} {condition}");
    }
}

#[test]
fn endpoint_policies_take_less_than_others() {
    let endpoint = |elements: &str| {
        let text = format!(r#""Effect": "Allow", "Principal": "*", "Action": "s3:*", {elements}"#);
        in_statement(PolicyType::VpcEndpoint, &text)
    };
    let condition = |condition: &str| endpoint(&format!(r#""Resource": "*", "Condition": {condition}"#));
    assert_eq!(condition(r#"{"StringLike": {"s3:prefix": "home/*"}}"#), ["endpoint-condition \"home/*\""]);
    assert_eq!(condition(r#"{"StringLike": {"s3:prefix": ["homes/*", "*/homes"]}}"#), [""; 0]);
    assert_eq!(condition(r#"{"StringLike": {"s3:prefix": "a*homedir*b*c"}}"#), ["endpoint-condition \"a*homedir*b*c\""]);
    assert_eq!(condition(r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a*"}}"#), [""; 0]);
    assert_eq!(condition(r#"{"StringLike": {"aws:SourceVpc": "vpc-*"}}"#), ["wildcard-in-id \"vpc-*\""]);
    assert_eq!(
        condition(r#"{"NumericEquals": {"aws:PrincipalAccount": "111122223333"}}"#),
        ["endpoint-condition \"NumericEquals\""]
    );
    assert_eq!(endpoint(r#""Resource": "arn:aws:sqs:*:1111*:q""#), ["wildcard-in-account \"arn:aws:sqs:*:1111*:q\""]);
    assert_eq!(endpoint(r#""Resource": ["arn:aws:sqs:*:*:q", "arn:aws:sqs:*:111122223333:q"]"#), [""; 0]);
    // Other types take them.
    let scp = r#""Effect": "Deny", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:1111*:q", "Condition": {"StringLike": {"s3:prefix": "home/*"}}"#;
    assert!(!in_statement(SCP, scp).iter().any(|found| found.contains("endpoint") || found.contains("account")));
}

#[test]
fn the_policy_of_a_new_topic_is_not_doubted() {
    let statement = r#""Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SNS:Publish", "Resource": "arn:aws:sns:us-east-1:111122223333:t",
        "Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}}"#;
    assert_eq!(in_statement(PolicyType::Resource, statement), [""; 0]);
}
