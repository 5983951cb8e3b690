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
        // Its place is in another tree, or in none.
        (json!({"ForAllValues:StringNotLike": {"aws:ResourceOrgPaths": "o-exampleorg/*"}}), foreign, Verdict::Denied),
        (json!({"ForAllValues:StringNotLike": {"aws:ResourceOrgPaths": "o-exampleorg/r-1/ou-1/*"}}), foreign, Verdict::Denied),
        (json!({"ForAnyValue:StringLike": {"aws:ResourceOrgPaths": "o-exampleorg/*"}}), foreign, Verdict::NotDenied),
        (json!({"ForAllValues:StringNotLike": {"aws:ResourceOrgPaths": "o-*"}}), foreign, Verdict::Undetermined),
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

/// A call without parameters, and the verdict on it under one Deny statement.
fn fares(source: &str, operation: &str, reads: Option<bool>, statement: &Value) -> Verdict {
    let mut record = put(None);
    record["eventSource"] = json!(format!("{source}.amazonaws.com"));
    record["eventName"] = json!(operation);
    record["requestParameters"] = json!({});
    record["resources"] = json!([]);
    record["readOnly"] = json!(reads);
    let mut statement = statement.clone();
    statement["Effect"] = json!("Deny");
    statement["Resource"] = json!("*");
    let policy = json!({"scp": [["FullAWSAccess", {"Version": "2012-10-17", "Statement": [statement]}]]});
    let inventory = inventory(&corpus_file("replay/cloudtrail_scp_inventory.json"));
    verdict(&policies(&policy), &authorizations(derived(&record, &[], &inventory))).0
}

#[test]
fn an_operation_that_no_table_has_may_need_any_action_of_its_service() {
    let writes = |statement: Value| fares("ec2", "LevitateInstances", Some(false), &statement);
    for (statement, expected) in [
        (json!({"Action": "ec2:*"}), Verdict::Denied),
        (json!({"Action": "*"}), Verdict::Denied),
        (json!({"NotAction": ["iam:*", "s3:GetObject"]}), Verdict::Denied),
        (json!({"Action": ["s3:*", "sts:AssumeRole"]}), Verdict::NotDenied),
        (json!({"NotAction": ["ec2:*"]}), Verdict::NotDenied),
        (json!({"Action": "ec2:TerminateInstances"}), Verdict::Undetermined),
        (json!({"Action": "ec2:Describe*"}), Verdict::Undetermined),
        (json!({"NotAction": ["ec2:DescribeInstances"]}), Verdict::Undetermined),
        // The action may be newer than the tables, with this name or another.
        (json!({"Action": "ec2:LevitateInstances"}), Verdict::Undetermined),
        (json!({"Action": "ec2:HoverInstances"}), Verdict::Undetermined),
    ] {
        assert_eq!(writes(statement.clone()), expected, "{statement}");
    }
}

#[test]
fn an_operation_that_only_reads_needs_no_action_that_makes_or_deletes() {
    let reads = |statement: Value| fares("ec2", "InspectLevitation", Some(true), &statement);
    for (statement, expected) in [
        (json!({"Action": ["ec2:DeleteVpc", "ec2:CreateTags", "ec2:ModifyVpcAttribute"]}), Verdict::NotDenied),
        (json!({"Action": "ec2:DescribeInstances"}), Verdict::Undetermined),
        (json!({"Action": "ec2:RunInstances"}), Verdict::Undetermined),
        (json!({"Action": "ec2:*"}), Verdict::Denied),
    ] {
        assert_eq!(reads(statement.clone()), expected, "{statement}");
    }
    // The record does not say whether it reads.
    let statement = json!({"Action": "ec2:DeleteVpc"});
    assert_eq!(fares("ec2", "InspectLevitation", None, &statement), Verdict::Undetermined);
}

#[test]
fn operations_that_the_tables_have_are_settled_by_the_actions_that_they_need() {
    for (source, operation, action, expected) in [
        ("cloudfront", "CreateDistributionWithTags", "cloudfront:CreateDistribution", Verdict::Denied),
        ("cloudfront", "CreateDistributionWithTags2020_05_31", "cloudfront:TagResource", Verdict::Denied),
        ("cloudfront", "CreateDistributionWithTags", "cloudfront:CreateConnectionGroup", Verdict::Undetermined),
        ("cloudfront", "CreateDistributionWithTags", "cloudfront:DeleteDistribution", Verdict::NotDenied),
        ("verifiedpermissions", "BatchIsAuthorized", "verifiedpermissions:IsAuthorized", Verdict::Denied),
        ("verifiedpermissions", "BatchIsAuthorized", "verifiedpermissions:GetPolicy", Verdict::NotDenied),
        // Which of three it needs depends on the query; some it does.
        ("neptune-db", "ExecuteGremlinQuery", "neptune-db:WriteDataViaQuery", Verdict::Undetermined),
        ("neptune-db", "ExecuteGremlinQuery", "neptune-db:*DataViaQuery", Verdict::Denied),
        ("neptune-db", "ExecuteGremlinQuery", "neptune-db:ResetDatabase", Verdict::NotDenied),
        // AWS no longer offers the service; an older table has its actions.
        ("iotevents", "CreateInput", "iotevents:CreateInput", Verdict::Denied),
        ("ioteventsdata", "ListAlarms", "iotevents:CreateInput", Verdict::NotDenied),
        // No table has the service: its operations mostly are its actions.
        ("moonbase", "Land", "moonbase:Land", Verdict::Denied),
        ("moonbase", "Land", "moonbase:Launch", Verdict::Undetermined),
        ("moonbase", "Land", "moonbase:*", Verdict::Denied),
        ("moonbase", "Land", "marsbase:Land", Verdict::NotDenied),
    ] {
        let found = fares(source, operation, Some(false), &json!({ "Action": action }));
        assert_eq!(found, expected, "{source} {operation} under a Deny of {action}");
    }
}
