//! External access and queries over the inventory: the shapes in which findings come, what is told once, and whole commands.

use std::collections::BTreeSet;

use palisade::findings::{AccessFinding, Gap, GranteeKind, Source, Status};
use palisade::inventory::Inventory;
use serde_json::{Value, json};

use crate::support::{Palisade, add, delivered, folder, gzip, record};

/// A finding of the second version of the interface, with its details.
fn finding(id: &str, resource: &str, principal: Value, more: Value) -> Value {
    let mut finding = json!({
        "id": id, "resource": resource, "resourceType": "AWS::S3::Bucket", "resourceOwnerAccount": "111111111111",
        "status": "ACTIVE", "findingType": "ExternalAccess", "analyzedAt": "2026-11-01T00:00:00Z", "createdAt": "2026-10-01T00:00:00Z",
        "updatedAt": "2026-10-01T00:00:00Z",
        "findingDetails": [{"externalAccessDetails": {"action": ["s3:GetObject"], "condition": {}, "isPublic": false, "principal": principal}}],
    });
    for (key, value) in more.as_object().unwrap() {
        finding[key] = value.clone();
    }
    finding
}

fn summary(mut finding: Value) -> Value {
    finding.as_object_mut().unwrap().remove("findingDetails");
    finding
}

/// The same finding in the first version of the interface.
fn first_version(finding: &Value) -> Value {
    let mut old = summary(finding.clone());
    old.as_object_mut().unwrap().remove("findingType");
    for (key, value) in finding["findingDetails"][0]["externalAccessDetails"].as_object().unwrap() {
        old[key] = value.clone();
    }
    old
}

fn hub(resource: &str, principal: &str, actions: &str) -> Value {
    json!({
        "SchemaVersion": "2018-10-08", "Id": format!("arn:aws:access-analyzer:eu-west-1:222222222222:analyzer/org/{resource}"),
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/access-analyzer", "GeneratorId": "aws/access-analyzer",
        "AwsAccountId": "222222222222", "RecordState": "ACTIVE", "UpdatedAt": "2026-11-01T00:00:00.000Z",
        "Types": ["Software and Configuration Checks/AWS Security Best Practices/External Access Granted"],
        "Description": format!("AWS::S3::Bucket/{resource}/ allows cross-account access from AWS {principal}"),
        "Resources": [{"Type": "AwsS3Bucket", "Id": resource, "Details": {"Other": {"External Principal Type": "AWS",
            "External Principal": principal, "Action Granted": actions, "Condition": "none"}}}],
        "ProductFields": {"ResourceOwnerAccount": "111111111111"},
    })
}

fn read(files: &[(&str, String)]) -> Inventory {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Inventory::from_texts(&files).unwrap()
}

/// The ways in, less what tells where they were read.
fn ways(inventory: &Inventory) -> Vec<AccessFinding> {
    inventory.access_findings().findings.clone()
}

const BUCKET: &str = "arn:aws:s3:::ours";

#[test]
fn a_finding_is_the_same_in_every_shape_in_which_it_can_be_saved() {
    let finding = finding("f-1", BUCKET, json!({"AWS": "999999999999"}), json!({}));
    let old = first_version(&finding);
    let expected = ways(&read(&[("accessanalyzer-get-finding-v2-eu-west-1.json", finding.to_string())]));
    assert_eq!(expected.len(), 1);
    let way = &expected[0];
    assert_eq!((way.resource.as_str(), way.status), (BUCKET, Some(Status::Active)));
    assert_eq!(
        way.grantee.as_ref().map(|grantee| (grantee.kind, grantee.value.as_str())),
        Some((GranteeKind::Account, "999999999999"))
    );
    assert_eq!(way.actions, Some(BTreeSet::from(["s3:GetObject".to_owned()])));
    assert!(way.gaps.is_empty(), "{:?}", way.gaps);
    let shapes = [
        ("a list of the first version", "x-eu-west-1.json", json!({"findings": [old]}).to_string()),
        ("one finding of the first version", "x-eu-west-1.json", json!({"finding": old}).to_string()),
        ("the result of --query findings", "x-eu-west-1.json", json!([old]).to_string()),
        ("one to a line", "x-eu-west-1.ndjson", format!("{old}\n{old}\n")),
        ("findings of the second version, one to a line", "x-eu-west-1.jsonl", format!("{finding}\n")),
        ("a list of them", "x-eu-west-1.json", json!([finding]).to_string()),
    ];
    for (shape, name, text) in shapes {
        assert_eq!(ways(&read(&[(name, text)])), expected, "{shape}");
    }
}

#[test]
fn a_list_and_the_findings_themselves_complete_each_other_and_pages_do_too() {
    let one = finding("f-1", BUCKET, json!({"AWS": "999999999999"}), json!({}));
    let mut first_page = one.clone();
    first_page["nextToken"] = json!("more");
    let second_page = finding("f-1", BUCKET, json!({"AWS": "888888888888"}), json!({}));
    let list = |findings: Value| json!({"findings": findings}).to_string();
    let inventory = read(&[
        ("accessanalyzer-list-findings-v2-eu-west-1.json", list(json!([summary(one.clone()), summary(one)]))),
        ("accessanalyzer-get-finding-v2-eu-west-1.json", format!("{first_page}\n{second_page}")),
    ]);
    let principals: Vec<String> = ways(&inventory).iter().map(|way| way.grantee.as_ref().unwrap().value.clone()).collect();
    assert_eq!(principals, ["888888888888", "999999999999"]);
    assert!(ways(&inventory).iter().all(|way| way.gaps.is_empty()));
    assert!(inventory.complete("AWS::AccessAnalyzer::Finding"));
    // Without the second page nobody knows who else is let in.
    let cut = read(&[("accessanalyzer-get-finding-v2-eu-west-1.json", first_page.to_string())]);
    assert_eq!(ways(&cut)[0].gaps, BTreeSet::from([Gap::MoreDetails]));
    // Nor without the finding itself.
    let alone = read(&[("accessanalyzer-list-findings-v2-eu-west-1.json", list(json!([summary(first_page)])))]);
    assert_eq!(ways(&alone)[0].gaps, BTreeSet::from([Gap::NoDetails]));
    assert_eq!(ways(&alone)[0].grantee, None);
}

#[test]
fn the_same_way_in_is_told_once_over_regions_and_sources() {
    let role = json!({"resourceType": "AWS::IAM::Role"});
    let arn = "arn:aws:iam::111111111111:role/shared";
    let in_ireland = finding("f-1", arn, json!({"AWS": "arn:aws:iam::999999999999:root"}), role.clone());
    let in_ohio =
        finding("f-2", arn, json!({"AWS": "999999999999"}), json!({"resourceType": "AWS::IAM::Role", "status": "ARCHIVED"}));
    let inventory = read(&[
        ("accessanalyzer-list-findings-eu-west-1.json", json!({"findings": [first_version(&in_ireland)]}).to_string()),
        ("accessanalyzer-list-findings-us-east-2.json", json!({"findings": [first_version(&in_ohio)]}).to_string()),
        (
            "securityhub-get-findings-eu-west-1.json",
            json!({"Findings": [hub(arn, "999999999999", "s3:GetObject")]}).to_string(),
        ),
    ]);
    let ways = ways(&inventory);
    assert_eq!(ways.len(), 1, "{ways:?}");
    assert_eq!(ways[0].ids.len(), 3);
    assert_eq!(ways[0].sources, BTreeSet::from(Source::ALL));
    assert_eq!(ways[0].regions, BTreeSet::from(["eu-west-1".to_owned(), "us-east-2".to_owned()]));
    // Archived in one region, open in the other: open.
    assert_eq!(ways[0].status, Some(Status::Active));
    assert_eq!(
        inventory.describe().iter().map(|of| (of.resource_type.as_str(), of.count)).collect::<Vec<_>>(),
        [("AWS::AccessAnalyzer::Finding", 2), ("AWS::SecurityHub::Finding", 1),]
    );
}

#[test]
fn the_newest_state_of_a_finding_counts_and_other_findings_are_no_external_access() {
    let open = finding("f-1", BUCKET, json!({"AWS": "999999999999"}), json!({}));
    let closed = finding(
        "f-1",
        BUCKET,
        json!({"AWS": "999999999999"}),
        json!({"status": "RESOLVED", "updatedAt": "2026-10-05T00:00:00Z"}),
    );
    let unused = finding("f-2", "arn:aws:iam::111111111111:role/x", json!({}), json!({"findingType": "UnusedIAMRole"}));
    let preview = json!({"id": "f-3", "changeType": "NEW", "resource": BUCKET, "resourceOwnerAccount": "111111111111", "status": "ACTIVE"});
    let failed =
        summary(finding("f-4", "arn:aws:kms:eu-west-1:111111111111:key/k", json!({}), json!({"error": "ACCESS_DENIED"})));
    let inventory = read(&[(
        "accessanalyzer-list-findings-v2-eu-west-1.json",
        json!({"findings": [closed, open, unused, preview, failed]}).to_string(),
    )]);
    let found: Vec<_> = ways(&inventory).into_iter().map(|way| (way.resource, way.status, way.gaps)).collect();
    assert_eq!(
        found,
        [
            (
                "arn:aws:kms:eu-west-1:111111111111:key/k".to_owned(),
                Some(Status::Active),
                BTreeSet::from([Gap::Failed("ACCESS_DENIED".to_owned())])
            ),
            (BUCKET.to_owned(), Some(Status::Resolved), BTreeSet::new()),
        ]
    );
    assert!(inventory.warnings.is_empty(), "{:?}", inventory.warnings);
}

#[test]
fn what_security_hub_cut_is_not_taken_for_the_whole() {
    let long = vec!["s3:GetObject"; 100].join(",");
    let inventory = read(&[("securityhub-get-findings.json", json!([hub(BUCKET, "999999999999", &long)]).to_string())]);
    assert_eq!(ways(&inventory)[0].gaps, BTreeSet::from([Gap::Cut("list of actions")]));
}

#[test]
fn a_damaged_row_is_named_and_makes_the_list_incomplete() {
    let inventory = read(&[(
        "accessanalyzer-list-findings-v2-eu-west-1.json",
        json!({"findings": [{"id": "f", "resource": BUCKET, "status": "OPEN", "analyzedAt": "", "resourceOwnerAccount": "111111111111"}]}).to_string(),
    )]);
    assert!(!inventory.complete("AWS::AccessAnalyzer::Finding"));
    assert!(inventory.warnings[0].contains("its status is \"OPEN\""), "{:?}", inventory.warnings);
}

const ACCOUNTS: &str = "account_id,name\n111111111111,app\n222222222222,tools\n";

fn json_report(folder: &tempfile::TempDir) -> Value {
    serde_json::from_slice(&std::fs::read(folder.path().join("out/report.json")).unwrap()).unwrap()
}

fn findings_of<'a>(report: &'a Value, query: &str) -> &'a Vec<Value> {
    let queries = report["queries"].as_array().unwrap();
    queries.iter().find(|found| found["name"] == query).unwrap()["findings"].as_array().unwrap()
}

#[test]
fn queries_over_the_inventory_need_no_events() {
    let role =
        json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let roles = json!([{"arn": "arn:aws:iam::111111111111:role/etl", "role_id": "AROAETL", "trust_policy": role}]);
    let open = finding("f-1", BUCKET, json!({"AWS": "*"}), json!({}));
    let folder = folder(&[
        ("inventory/accounts.csv", ACCOUNTS.to_owned()),
        ("inventory/iam_roles.json", roles.to_string()),
        ("inventory/accessanalyzer-get-finding-v2-eu-west-1.json", open.to_string()),
    ]);
    let run = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["run", "--query", "referential_*,s3_external_access_org_boundary", "--format", "json", "--output", "out"]
                .into_iter()
                .chain(more.iter().copied())
                .collect();
        Palisade::in_folder(&folder).run(&arguments)
    };
    let without = run(&[]).ends_with(2);
    assert!(without.err.contains("--inventory"), "{}", without.err);
    let finished = run(&["--inventory", "inventory"]).ends_with(0);
    assert!(!finished.out.contains("data events"), "{}", finished.out);
    let report = json_report(&folder);
    let service_roles = findings_of(&report, "referential_service_role");
    assert_eq!(service_roles.len(), 1);
    assert_eq!(service_roles[0]["verdict"], "information");
    let details: Value = serde_json::from_str(service_roles[0]["details"].as_str().unwrap()).unwrap();
    assert_eq!(details["let_in"], "glue.amazonaws.com");
    let open = findings_of(&report, "s3_external_access_org_boundary");
    assert_eq!((open.len(), &open[0]["verdict"], &open[0]["event_count"]), (1, &json!("crosses_perimeter"), &Value::Null));
    // Said once, not for every line.
    let missing =
        report["queries"].as_array().unwrap().iter().find(|query| query["name"] == "s3_external_access_org_boundary").unwrap();
    assert_eq!(missing["not_provided"], json!(["events: whether what is granted is used"]));
    // An account that was not asked for is left out.
    let other = run(&["--inventory", "inventory", "--account", "222222222222", "--force"]);
    if other.code == 0 {
        assert!(findings_of(&json_report(&folder), "s3_external_access_org_boundary").is_empty());
    }
}

#[test]
fn granted_and_used_never_used_not_covered_and_used_without_a_finding_are_four_answers() {
    let outside = |n: u32, bucket: &str, name: &str| {
        record(
            n,
            json!({
                "userIdentity": {"type": "AWSAccount", "principalId": "AROAOUTSIDE0000000001:s", "accountId": "999999999999"},
                "eventSource": "s3.amazonaws.com", "eventName": name, "managementEvent": false, "eventCategory": "Data",
                "requestParameters": {"bucketName": bucket, "key": "a"},
                "resources": [{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/a")},
                    {"accountId": "111111111111", "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}")}],
            }),
        )
    };
    let mut own = outside(9, "quiet", "PutObject");
    own["userIdentity"] = json!({"type": "IAMUser", "principalId": "AIDAOWN", "arn": "arn:aws:iam::111111111111:user/own", "accountId": "111111111111"});
    let mut denied = outside(8, "quiet", "GetObject");
    denied["errorCode"] = json!("AccessDenied");
    let records =
        [outside(1, "ours", "GetObject"), outside(2, "ours", "HeadObject"), outside(3, "ours", "PutObject"), own, denied];
    let details: String = ["ours", "quiet", "unlogged"]
        .iter()
        .map(|bucket| {
            format!("{}\n", finding(bucket, &format!("arn:aws:s3:::{bucket}"), json!({"AWS": "999999999999"}), json!({})))
        })
        .collect();
    let folder = folder(&[
        ("inventory/accounts.csv", ACCOUNTS.as_bytes().to_vec()),
        ("inventory/accessanalyzer-get-finding-v2-eu-west-1.jsonl", details.into_bytes()),
        ("logs/a.json.gz", gzip(delivered(&records))),
    ]);
    let arguments = [
        "run",
        "--events",
        "logs",
        "--inventory",
        "inventory",
        "--query",
        "findings_iam_*",
        "--format",
        "json",
        "--output",
        "out",
    ];
    Palisade::in_folder(&folder).run(&arguments).ends_with(0);
    let report = json_report(&folder);
    let mut answers: Vec<(String, String, Option<i64>)> = findings_of(&report, "findings_iam_aa_external_access_org_boundary")
        .iter()
        .map(|row| {
            let details: Value = serde_json::from_str(row["details"].as_str().unwrap()).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&row["resource_arn"]), text(&details["access"]), row["event_count"].as_i64())
        })
        .collect();
    answers.sort();
    let expected = [
        ("arn:aws:s3:::ours", "granted_and_used", Some(2)),
        ("arn:aws:s3:::ours", "used_without_finding", Some(1)),
        ("arn:aws:s3:::quiet", "granted_never_used", Some(0)),
        ("arn:aws:s3:::unlogged", "granted_use_not_covered", None),
    ];
    assert_eq!(answers, expected.map(|(arn, access, count)| (arn.to_owned(), access.to_owned(), count)));
    // What it is joined with makes no findings of its own.
    assert_eq!(report["queries"].as_array().unwrap().len(), 1);
}

#[test]
fn a_query_of_ones_own_over_the_inventory_is_listed_tested_and_run() {
    let query = "/*\ntitle: Accounts without a name\ndescription: d\nperimeter: none\nscope: organization\nover: inventory\n\
        inventory: [AWS::Organizations::Account]\nenrich: [account]\nfinding: \"{account_id} in {unit} has no name\"\n*/\n\
        SELECT accounts.account_id, coalesce(organizational_unit_path, 'no unit') AS unit, count(roles.arn) AS roles\n\
        FROM accounts LEFT JOIN roles ON roles.account_id = accounts.account_id\n\
        WHERE accounts.name IS NULL\nGROUP BY accounts.account_id, organizational_unit_path\n";
    let cases = "defaults:\n  account: \"111111111111\"\ncases:\n  - name: one of two\n    inventory:\n      \
        accounts.csv: \"account_id,name\\n111111111111,app\\n222222222222,\\n\"\n      iam_roles.csv: \"arn\\narn:aws:iam::222222222222:role/x\\n\"\n    \
        expect:\n      - {account_id: \"222222222222\", reason: 222222222222 in no unit has no name, details: '{\"roles\":1,\"unit\":\"no unit\"}'}\n";
    let folder = folder(&[
        ("mine/nameless_accounts.sql", query.to_owned()),
        ("mine/nameless_accounts.test.yaml", cases.to_owned()),
        ("inventory/accounts.csv", "account_id,name\n111111111111,\n".to_owned()),
    ]);
    let palisade = |arguments: &[&str]| Palisade::in_folder(&folder).run(arguments);
    let list = palisade(&["queries", "list", "nameless*", "--query-folder", "mine"]).ends_with(0).out;
    assert!(list.contains("Accounts without a name"), "{list}");
    let shown = palisade(&["queries", "show", "nameless_accounts", "--query-folder", "mine"]).ends_with(0).out;
    assert!(shown.contains("over         inventory"), "{shown}");
    let tested = palisade(&["queries", "test", "nameless_accounts", "--query-folder", "mine"]).ends_with(0).out;
    assert_eq!(tested, "1 passed, 0 failed\n");
    let run = [
        "run",
        "--inventory",
        "inventory",
        "--query-folder",
        "mine",
        "--query",
        "nameless_accounts",
        "--format",
        "json",
        "--output",
        "out",
    ];
    palisade(&run).ends_with(0);
    assert_eq!(findings_of(&json_report(&folder), "nameless_accounts")[0]["account_id"], "111111111111");
    // What the steps fill in, what nobody has, and what cuts off.
    for (from, to, code) in [
        ("AS unit", "AS verdict", "reserved-column"),
        ("FROM accounts", "FROM account", "unknown-relation"),
        ("{unit}", "{units}", "unknown-placeholder"),
        (
            "GROUP BY accounts.account_id, organizational_unit_path",
            "GROUP BY accounts.account_id, organizational_unit_path LIMIT 3",
            "limit",
        ),
        ("scope: organization", "scope: account", "inventory-scope"),
    ] {
        add(&folder, "mine/nameless_accounts.sql", query.replacen(from, to, 1));
        let refused = palisade(&run).ends_with(2).err;
        assert!(refused.contains(code), "{code}: {refused}");
    }
}
