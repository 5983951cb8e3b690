//! Cases worked out by hand from AWS's documentation, each with the page that it rests on.

use super::{corpus, evaluate};
use serde_json::{Value, json};

#[test]
fn every_hand_worked_case_is_judged_right_and_for_the_right_reasons() {
    let corpus = corpus("hand_worked_cases.json");
    let cases = corpus["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let answer = evaluate(&case["case"]);
        let expected = &case["expected"];
        let keys: Vec<&Value> = answer["settling_keys"].as_array().unwrap().iter().map(|settling| &settling["key"]).collect();
        let sids: Vec<&Value> = answer["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|reason| reason["effect"] == "Deny")
            .map(|reason| &reason["sid"])
            .collect();
        let found = json!({ "verdict": answer["verdict"], "denial": answer["denial"], "settling_keys": keys, "sids": sids });
        // What a case does not expect, it says nothing of.
        if expected.as_object().unwrap().iter().any(|(name, value)| found[name] != *value) {
            wrong.push(format!("{} ({}, {}): expected {expected}, found {found}", case["id"], case["because"], case["source"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cases.len(), 303);
}

#[test]
fn every_operator_in_every_form_answers_as_documented() {
    let corpus = corpus("hand_worked_cases.json");
    let mut rows = 0;
    let mut wrong = Vec::new();
    for operator in corpus["operators"].as_array().unwrap() {
        for form in corpus["forms"].as_array().unwrap() {
            let name = if form["negated"] == true { &operator["negated"] } else { &operator["operator"] };
            let Some(name) = name.as_str() else { continue };
            let name = form["form"].as_str().unwrap().replace("{}", name);
            let values = |named: &Value| {
                let texts = named.as_array().unwrap().iter().map(|which| operator[which.as_str().unwrap()].clone());
                Value::from(texts.collect::<Vec<_>>())
            };
            let value = match &form["value"] {
                Value::Array(_) => json!({ "present": values(&form["value"]) }),
                Value::Object(members) => {
                    let mut value = json!({ "unknown": "not recorded" });
                    for (member, known) in members {
                        value[member] = if known.is_array() { values(known) } else { known.clone() };
                    }
                    value
                }
                text => text.clone(),
            };
            rows += 1;
            let answer = evaluate(&json!({
                "action": "s3:GetObject",
                "resource": "*",
                "context": { "example:Key": value },
                "policies": { "scp": ["FullAWSAccess", { "Version": "2012-10-17", "Statement":
                    { "Effect": "Deny", "Action": "*", "Resource": "*",
                      "Condition": { name.as_str(): { "example:Key": operator["policy"] } } } }] },
            }));
            let expected = match form["expected"].as_bool() {
                Some(true) => "denied",
                Some(false) => "not_denied",
                None => "undetermined",
            };
            if answer["verdict"] != expected {
                wrong.push(format!("{name} with {}: expected {expected} ({}), found {answer}", form["value"], form["because"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows, 956);
}
