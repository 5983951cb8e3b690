//! One CloudTrail record and one service control policy each. The translation of records to requests stands beside the corpus.

use super::{corpus, evaluate};
use serde_json::{Value, json};

#[test]
fn every_record_is_judged_right_and_for_the_right_reason() {
    let cases = corpus("cloudtrail_scp_cases.json");
    let translations = corpus("cloudtrail_scp_requests.json");
    let mut wrong = Vec::new();
    let cases = cases.as_array().unwrap();
    for (case, translation) in cases.iter().zip(translations["translations"].as_array().unwrap()) {
        assert_eq!(case["id"], translation["id"]);
        let answers: Vec<Value> = translation["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| {
                let mut request = request.clone();
                request["policies"] = json!({ "scp": [["FullAWSAccess", case["policy"]]] });
                evaluate(&request)
            })
            .collect();
        // A call that needs several permissions is denied if one of them is.
        let denied = answers.iter().find(|answer| answer["verdict"] == "denied");
        let answer = denied.unwrap_or(&answers[0]);
        let expected = &translation["expected"];
        let sid = answer["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .find(|reason| reason["effect"] == "Deny" && reason["certain"] == true)
            .map_or(Value::Null, |reason| reason["sid"].clone());
        let not_applicable = !answer["not_applicable"].as_array().unwrap().is_empty();
        let newly_denied = answer["verdict"] == "denied" && translation["already_denied"] == false;
        if answer["verdict"] != expected["verdict"]
            || sid != expected["sid"]
            || not_applicable != expected["not_applicable"].as_bool().unwrap()
            || newly_denied != case["truth"].as_bool().unwrap()
        {
            wrong.push(format!("{} ({}): {answer}", case["id"], translation["reason"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cases.len(), 29);
}
