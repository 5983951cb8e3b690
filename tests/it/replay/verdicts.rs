//! What is only partly known still settles a policy where it can, and leaves it open where it cannot.

use palisade::policy::verdict::Verdict;
use palisade::replay::{Call, Derived, KeySet, Lineage, ServiceFacts, World, derive};
use serde_json::{Value, json};

use super::{authorizations, call, corpus_file, derived, inventory, policies, verdict};

fn deny(condition: &Value) -> Value {
    json!({"scp": [["FullAWSAccess", {"Version": "2012-10-17", "Statement": [
        {"Sid": "D", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    ]}]]})
}

fn put(bucket_owner: Option<&str>) -> Value {
    let mut bucket = json!({"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"});
    if let Some(owner) = bucket_owner {
        bucket["accountId"] = json!(owner);
    }
    json!({
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:s", "arn": "arn:aws:sts::111122223333:assumed-role/App/s",
            "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/App", "accountId": "111122223333"}},
        },
        "eventTime": "2026-11-20T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.9", "requestParameters": {"bucketName": "b", "key": "k"}, "eventType": "AwsApiCall",
        "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}, bucket], "recipientAccountId": "111122223333",
    })
}

#[test]
fn of_a_foreign_account_is_known_that_it_is_not_ours_and_no_more() {
    let inventory = inventory(&corpus_file("replay/cloudtrail_scp_inventory.json"));
    let judge = |condition: Value, owner: Option<&str>| {
        verdict(&policies(&deny(&condition)), &authorizations(derived(&put(owner), &[], &inventory))).0
    };
    let foreign = Some("444455556666");
    for (condition, owner, expected) in [
        (json!({"StringNotEqualsIfExists": {"aws:ResourceOrgID": "o-exampleorg"}}), foreign, Verdict::Denied),
        (json!({"StringNotEquals": {"aws:ResourceOrgID": "o-exampleorg"}}), foreign, Verdict::Denied),
        (json!({"StringEquals": {"aws:ResourceOrgID": "o-exampleorg"}}), foreign, Verdict::NotDenied),
        (json!({"StringLike": {"aws:ResourceOrgID": "o-exampleorg"}}), foreign, Verdict::NotDenied),
        // It may be in the partner's organization.
        (json!({"StringNotEquals": {"aws:ResourceOrgID": ["o-exampleorg", "o-partner"]}}), foreign, Verdict::Undetermined),
        (json!({"StringEquals": {"aws:ResourceOrgID": "o-partner"}}), foreign, Verdict::Undetermined),
        // Or in none.
        (json!({"Null": {"aws:ResourceOrgID": "true"}}), foreign, Verdict::Undetermined),
        (json!({"StringNotEquals": {"aws:ResourceOrgID": "o-exampleorg"}}), None, Verdict::Undetermined),
        (json!({"StringNotEquals": {"aws:ResourceOrgID": "o-exampleorg"}}), Some("999988887777"), Verdict::NotDenied),
    ] {
        assert_eq!(judge(condition.clone(), owner), expected, "{condition} {owner:?}");
    }
}

#[test]
fn a_row_of_several_moments_is_settled_where_all_of_them_agree() {
    let inventory = inventory(&corpus_file("replay/cloudtrail_scp_inventory.json"));
    let mut call: Call = call(&put(None));
    // From 10:00 to 11:00.
    call.last_seen = call.first_seen.map(|first| first + 3_600_000_000);
    let lineage = Lineage::default();
    let world = World::new(ServiceFacts::embedded(), &inventory, &lineage);
    for (operator, date, expected) in [
        ("DateGreaterThan", "2026-11-20T09:00:00Z", Verdict::Denied),
        ("DateGreaterThan", "2026-11-20T12:00:00Z", Verdict::NotDenied),
        ("DateGreaterThan", "2026-11-20T10:30:00Z", Verdict::Undetermined),
        ("DateLessThan", "2026-11-20T10:30:00Z", Verdict::Undetermined),
        ("DateEquals", "2026-11-20T10:30:00Z", Verdict::Undetermined),
    ] {
        let Derived::Authorizations(all) = derive(&call, &world) else { panic!() };
        let policies = policies(&deny(&json!({operator: {"aws:CurrentTime": date}})));
        assert_eq!(verdict(&policies, &all).0, expected, "{operator} {date}");
    }
}

#[test]
fn keys_that_are_asked_for_are_enough() {
    let inventory = inventory(&corpus_file("replay/cloudtrail_scp_inventory.json"));
    let call = call(&put(Some("444455556666")));
    let lineage = Lineage::default();
    let keys: KeySet = ["aws:ResourceOrgID"].into_iter().collect();
    let world = World::new(ServiceFacts::embedded(), &inventory, &lineage).with_keys(&keys);
    let Derived::Authorizations(all) = derive(&call, &world) else { panic!() };
    let names: Vec<&str> = all[0].request.context.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["aws:ResourceOrgID"]);
    let policies = policies(&deny(&json!({"StringNotEqualsIfExists": {"aws:ResourceOrgID": "o-exampleorg"}})));
    assert_eq!(verdict(&policies, &all).0, Verdict::Denied);
}
