//! One CloudTrail record and one service control policy each, from the record to the verdict.

use palisade::policy::verdict::Verdict;
use serde_json::json;

use super::{authorizations, call, corpus_file, derived, inventory, policies, verdict};

#[test]
fn every_record_is_judged_right() {
    let cases = corpus_file("policy/cloudtrail_scp_cases.json");
    let inventory = inventory(&corpus_file("replay/cloudtrail_scp_inventory.json"));
    let mut wrong = Vec::new();
    let cases = cases.as_array().unwrap();
    for case in cases {
        let record = &case["event"];
        let policies = policies(&json!({ "scp": [["FullAWSAccess", case["policy"]]] }));
        let (verdict, why) = verdict(&policies, &authorizations(derived(record, &[], &inventory)));
        // A call that was denied already is not broken by the policy.
        let newly_denied = verdict == Verdict::Denied && !call(record).was_denied();
        if newly_denied != case["truth"].as_bool().unwrap() || verdict == Verdict::Undetermined {
            wrong.push(format!("{}: {why}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cases.len(), 29);
}
