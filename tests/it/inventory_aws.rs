//! The inventory from AWS, as a whole command against AWS on loopback: what is served is what is read back, and what does not come
//! is said to be missing.

mod emulator;
mod server;

use std::path::Path;
use std::time::Duration;

use palisade::inventory::aws::Record;
use palisade::inventory::{Inventory, resource_types};
use serde_json::{Value, json};
use server::{Asked, Fault, MANAGEMENT, ORGANIZATION, Server, World};
use tempfile::TempDir;

use crate::support::{Finished, Palisade};

const SCP: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;

/// An account in the root, one in each of two nested units, one that is suspended; 130 roles and 5 buckets each.
fn world() -> World {
    let accounts = [
        (MANAGEMENT, "management", "r-ab12"),
        ("222222222222", "shop", "ou-ab12-workload"),
        ("333333333333", "ledger", "ou-ab12-payments"),
        ("444444444444", "closed", "r-ab12"),
    ];
    let active = &accounts[..3];
    let mut world = World {
        accounts: accounts.iter().map(|(id, name, parent)| (id.to_string(), name.to_string(), parent.to_string())).collect(),
        suspended: vec!["444444444444".to_owned()],
        units: vec![
            ("r-ab12".into(), "Root".into(), None),
            ("ou-ab12-workload".into(), "Workloads".into(), Some("r-ab12".into())),
            ("ou-ab12-payments".into(), "Payments".into(), Some("ou-ab12-workload".into())),
        ],
        policies: vec![
            (
                "p-FullAWSAccess".into(),
                "FullAWSAccess".into(),
                "SERVICE_CONTROL_POLICY".into(),
                SCP.into(),
                vec!["r-ab12".into()],
            ),
            ("p-unattached".into(), "spare".into(), "SERVICE_CONTROL_POLICY".into(), SCP.into(), vec![]),
            (
                "p-edge0001".into(),
                "edge".into(),
                "RESOURCE_CONTROL_POLICY".into(),
                SCP.into(),
                vec!["222222222222".into(), "ou-ab12-payments".into()],
            ),
        ],
        all_regions: true,
        regions: vec!["eu-central-1".into(), "eu-west-1".into(), "us-east-1".into()],
        organization: ORGANIZATION.to_owned(),
        ..World::default()
    };
    for (account, ..) in active {
        for n in 0..130 {
            world.resources.entry(resource_types::ROLE.into()).or_default().push(role(account, n));
        }
        for n in 0..5 {
            world.resources.entry(resource_types::BUCKET.into()).or_default().push(bucket(account, n));
        }
        world.resources.entry(resource_types::VPC_ENDPOINT.into()).or_default().push(endpoint(account));
    }
    world
}

fn role(account: &str, n: usize) -> Value {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    json!({
        "accountId": account, "awsRegion": "global", "resourceType": resource_types::ROLE, "resourceId": format!("AROA{account}{n}"),
        "resourceName": format!("role-{n}"), "arn": format!("arn:aws:iam::{account}:role/team/role-{n}"),
        "configurationItemCaptureTime": "2026-11-02T00:00:00Z",
        "configuration": {"roleId": format!("AROA{account}{n}"), "assumeRolePolicyDocument": trust.to_string()},
        "tags": [{"key": "owner", "value": format!("team-{n}"), "tag": format!("owner=team-{n}")}],
    })
}

fn bucket(account: &str, n: usize) -> Value {
    let name = format!("data-{account}-{n}");
    json!({
        "accountId": account, "awsRegion": if n.is_multiple_of(2) { "eu-west-1" } else { "us-east-1" }, "resourceType": resource_types::BUCKET,
        "resourceId": name, "resourceName": name, "arn": format!("arn:aws:s3:::{name}"), "tags": [],
        "configurationItemCaptureTime": "2026-11-02T00:00:00Z",
    })
}

fn endpoint(account: &str) -> Value {
    let id = format!("vpce-{account}");
    json!({
        "accountId": account, "awsRegion": "eu-west-1", "resourceType": resource_types::VPC_ENDPOINT, "resourceId": id,
        "arn": format!("arn:aws:ec2:eu-west-1:{account}:vpc-endpoint/{id}"), "configurationItemCaptureTime": "2026-11-02T00:00:00Z", "tags": [],
        "configuration": {
            "vpcEndpointId": id, "vpcId": format!("vpc-{account}"), "serviceName": "com.amazonaws.eu-west-1.s3", "ownerId": account,
            "policyDocument": SCP,
        },
    })
}

fn finding(n: usize) -> Value {
    json!({
        "id": format!("0000000{n}-0000-4000-8000-000000000000"), "resource": format!("arn:aws:iam::222222222222:role/team/role-{n}"),
        "resourceType": "AWS::IAM::Role", "resourceOwnerAccount": "222222222222", "status": "ACTIVE", "findingType": "ExternalAccess",
        "createdAt": "2026-10-01T00:00:00Z", "analyzedAt": "2026-11-01T00:00:00Z", "updatedAt": "2026-11-01T00:00:00Z",
        "findingDetails": [{"externalAccessDetails": {
            "action": ["sts:AssumeRole"], "condition": {}, "isPublic": false, "principal": {"AWS": "999999999999"},
        }}],
    })
}

/// The program, with credentials that lead to the server only.
fn palisade(folder: &TempDir, server: &Server, arguments: &[&str]) -> Finished {
    client(folder, &server.url).run(arguments)
}

fn client(folder: &TempDir, url: &str) -> Palisade {
    let nowhere = folder.path().join("no-such-file").display().to_string();
    Palisade::in_folder(folder)
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE000000001")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", &nowhere)
        .env("AWS_SHARED_CREDENTIALS_FILE", &nowhere)
        .env("no_proxy", "127.0.0.1")
}

const EXPORT: [&str; 4] = ["inventory", "export", "--output", "snapshot"];

fn export(folder: &TempDir, server: &Server, more: &[&str]) -> Finished {
    palisade(folder, server, &[&EXPORT[..], more].concat())
}

fn load(folder: &TempDir) -> Inventory {
    Inventory::load(&folder.path().join("snapshot")).unwrap()
}

fn record(folder: &TempDir) -> Record {
    Record::read(&folder.path().join("snapshot")).unwrap()
}

/// Everything of the world is in the inventory, and nothing else.
fn assert_same(inventory: &Inventory, world: &World) {
    let accounts: Vec<_> = inventory.accounts().map(|account| (account.id.clone(), account.name.clone().unwrap())).collect();
    assert_eq!(accounts, world.accounts.iter().map(|(id, name, _)| (id.clone(), name.clone())).collect::<Vec<_>>());
    let path = |id: &str| inventory.account(id).unwrap().organizational_unit_path.clone().unwrap();
    assert_eq!(path(MANAGEMENT), "Root");
    assert_eq!(path("222222222222"), "Root/Workloads");
    assert_eq!(path("333333333333"), "Root/Workloads/Payments");
    assert_eq!(inventory.account("444444444444").unwrap().status.as_deref(), Some("SUSPENDED"));
    assert_eq!(
        (inventory.organization_id.as_deref(), inventory.management_account_id.as_deref()),
        (Some(ORGANIZATION), Some(MANAGEMENT))
    );

    let mut policies: Vec<_> = inventory
        .policies()
        .map(|policy| {
            let document: Value = serde_json::from_str(policy.content.as_deref().unwrap()).unwrap();
            assert_eq!(document, serde_json::from_str::<Value>(SCP).unwrap());
            (policy.id.clone(), policy.policy_type.clone().unwrap(), policy.targets.clone().unwrap())
        })
        .collect();
    let mut served: Vec<_> =
        world.policies.iter().map(|policy| (policy.0.clone(), policy.2.clone(), policy.4.clone())).collect();
    policies.sort();
    served.sort();
    assert_eq!(policies, served);

    let roles = &world.resources[resource_types::ROLE];
    assert_eq!(inventory.roles().count(), roles.len());
    for row in roles {
        let role = inventory.role_by_arn(row["arn"].as_str().unwrap()).unwrap();
        assert_eq!(role.role_id.as_deref(), row["resourceId"].as_str());
        assert_eq!(role.tags["owner"], row["tags"][0]["value"].as_str().unwrap());
        assert_eq!(role.assumable_by_text().as_deref(), Some("ec2.amazonaws.com"));
    }
    let buckets = &world.resources[resource_types::BUCKET];
    assert_eq!(
        inventory.resources().filter(|resource| resource.resource_type == resource_types::BUCKET).count(),
        buckets.len()
    );
    for row in buckets {
        let bucket = inventory.bucket(row["resourceId"].as_str().unwrap()).unwrap();
        assert_eq!(bucket.account_id.as_deref(), row["accountId"].as_str());
        assert_eq!(bucket.region.as_deref(), row["awsRegion"].as_str());
    }
    for row in &world.resources[resource_types::VPC_ENDPOINT] {
        let endpoint = inventory.vpc_endpoint(row["resourceId"].as_str().unwrap()).unwrap();
        assert_eq!(endpoint.owner_account_id.as_deref(), row["accountId"].as_str());
        assert_eq!(endpoint.vpc_id.as_deref(), row["configuration"]["vpcId"].as_str());
        assert!(endpoint.policy.is_some());
    }
}

#[test]
fn what_is_served_is_what_is_read_back() {
    for paths in [false, true] {
        let world = World { paths, ..world() };
        let (folder, server) = (TempDir::new().unwrap(), Server::start(world.clone()));
        let finished = export(&folder, &server, &[]).ends_with(0);
        assert!(finished.out.contains("AWS::IAM::Role"), "{}", finished.out);
        let inventory = load(&folder);
        assert_eq!(inventory.warnings, Vec::<String>::new());
        assert_same(&inventory, &world);
        for summary in inventory.describe() {
            assert!(summary.complete, "{}", summary.resource_type);
        }
        assert!(inventory.complete(resource_types::VPC), "no VPC exists, and that is an answer");
        // The list of accounts tells where they sit, or else every parent is asked.
        assert_eq!(server.count("ListChildren"), if paths { 0 } else { 3 });
        // Nothing but the snapshot is left behind.
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["snapshot"]);
    }
}

#[test]
fn the_same_organization_gives_the_same_bytes() {
    let read = |folder: &TempDir| {
        let mut files: Vec<(String, String)> = std::fs::read_dir(folder.path().join("snapshot"))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    let folders = [(); 2].map(|()| {
        let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
        export(&folder, &server, &[]).ends_with(0);
        folder
    });
    let [first, second] = folders.each_ref().map(read);
    assert_eq!(first, second);
}

#[test]
fn only_what_is_needed_is_asked() {
    let types = |more: &[&str]| {
        let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
        export(&folder, &server, more);
        let mut types: Vec<String> = record(&folder).types.into_keys().collect();
        types.retain(|name| !palisade::inventory::aws::ALWAYS.contains(&name.as_str()));
        types
    };
    assert_eq!(types(&["--types", "AWS::SQS::Queue"]), ["AWS::SQS::Queue"]);
    assert_eq!(types(&["--for-queries", "s3_scp_resource_perimeter,common_identity_*"]), [ROLE, resource_types::BUCKET]);
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    std::fs::write(folder.path().join("scp.json"), r#"{"Statement": {"Effect": "Deny", "Action": "sns:*", "Resource": "*"}}"#)
        .unwrap();
    export(&folder, &server, &["--for-policy", "scp.json"]).ends_with(0);
    let types: Vec<String> = record(&folder).types.into_keys().collect();
    assert!(types.contains(&"AWS::SNS::Topic".to_owned()) && !types.contains(&resource_types::BUCKET.to_owned()), "{types:?}");
    assert_eq!(server.count("ListPolicies"), 2);
    assert!(server.asked().iter().all(|(name, _)| !name.starts_with("ListTags")), "tags of accounts only when asked for");
}

#[test]
fn account_tags_when_asked_for() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    export(&folder, &server, &["--account-tags"]).ends_with(0);
    assert_eq!(load(&folder).account("222222222222").unwrap().tags["owner"], "team-222222222222");
}

#[test]
fn a_large_type_is_split_and_no_row_is_lost() {
    let mut world = world();
    let roles = world.resources.get_mut(resource_types::ROLE).unwrap();
    roles.extend((130..2_500).map(|n| role("222222222222", n)));
    let buckets = world.resources.get_mut(resource_types::BUCKET).unwrap();
    buckets.extend((5..2_600).map(|n| bucket("333333333333", n)));
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world.clone()));
    export(&folder, &server, &[]).ends_with(0);
    assert_same(&load(&folder), &world);
    let expressions: Vec<String> = server
        .asked()
        .iter()
        .filter(|(name, _)| name == "SelectAggregateResourceConfig")
        .map(|(_, body)| body["Expression"].as_str().unwrap().to_owned())
        .collect();
    let has = |parts: &[&str]| expressions.iter().any(|text| parts.iter().all(|part| text.contains(part)));
    assert!(has(&["AWS::IAM::Role", "accountId = '222222222222'"]));
    // One account has nearly all buckets: it is split by region.
    assert!(has(&["AWS::S3::Bucket", "accountId = '333333333333'", "awsRegion = 'us-east-1'"]), "{expressions:?}");
    assert!(!has(&["AWS::IAM::Role", "awsRegion ="]), "roles belong to no region");
}

#[test]
fn findings_of_every_enabled_region() {
    let mut world = world();
    world.findings.insert("eu-west-1".into(), vec![finding(1), finding(2), finding(3)]);
    world.findings.insert("us-east-1".into(), vec![]);
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world.clone()));
    let types = ["--external-access-findings", "access_analyzer", "--types", "AWS::IAM::Role"];
    // One region has no analyzer of the organization: what is open there is not known.
    let finished = export(&folder, &server, &types).ends_with(4);
    assert!(finished.err.contains("eu-central-1: no active analyzer of the organization"), "{}", finished.err);
    let record = record(&folder);
    let of_type = &record.types["AWS::AccessAnalyzer::Finding"];
    assert_eq!((of_type.provided, of_type.complete, of_type.rows), (true, false, 3), "{of_type:?} {:?}", server.asked());
    let regions = record.external_access_findings.unwrap().regions;
    assert_eq!(regions["eu-west-1"].findings, 3);
    assert!(regions["us-east-1"].complete && !regions["eu-central-1"].complete);
    let details =
        std::fs::read_to_string(folder.path().join("snapshot/accessanalyzer-get-finding-v2-eu-west-1.ndjson")).unwrap();
    let details: Vec<Value> = details.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(details, world.findings["eu-west-1"]);
    let listed =
        std::fs::read_to_string(folder.path().join("snapshot/accessanalyzer-list-findings-v2-us-east-1.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&listed).unwrap(), json!({"findings": []}));
}

#[test]
fn findings_of_security_hub() {
    let mut world = world();
    let finding = json!({"Id": "arn:aws:access-analyzer:eu-west-1:111111111111:analyzer/organization/x", "SchemaVersion": "2018-10-08",
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/access-analyzer", "GeneratorId": "aws/access-analyzer", "AwsAccountId": MANAGEMENT,
        "CreatedAt": "2026-10-01T00:00:00Z", "UpdatedAt": "2026-10-01T00:00:00Z", "Title": "t", "Description": "d", "RecordState": "ACTIVE",
        "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::data-222222222222-0"}], "UnknownToTheSdk": {"kept": true}});
    world.security_hub.insert("eu-west-1".into(), vec![finding.clone(), finding.clone()]);
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world));
    export(&folder, &server, &["--external-access-findings", "security_hub", "--types", "AWS::IAM::Role"]).ends_with(0);
    let text = std::fs::read_to_string(folder.path().join("snapshot/securityhub-get-findings-eu-west-1.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"Findings": [finding, finding]}));
    assert!(record(&folder).types["AWS::SecurityHub::Finding"].complete);
    assert_eq!(server.count("ListAnalyzers"), 0);
}

/// A fault, and what must come of it.
struct Case {
    name: &'static str,
    fault: fn(&Asked<'_>) -> Option<Fault>,
    change: fn(&mut World),
    exit: i32,
    /// Types that are not there at all, and types that are not whole, with a part of the reason.
    missing: &'static [(&'static str, &'static str)],
    incomplete: &'static [(&'static str, &'static str)],
}

const ROLE: &str = resource_types::ROLE;
const NONE: fn(&mut World) = |_| {};

fn is(asked: &Asked<'_>, operation: &str, contains: &str) -> bool {
    asked.operation == operation && asked.body.to_string().contains(contains)
}

const CASES: &[Case] = &[
    Case {
        name: "a storm of throttling",
        fault: |asked| (asked.repeated < 2).then_some(Fault::Error(400, "ThrottlingException")),
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "errors inside AWS",
        fault: |asked| (asked.repeated == 0 && asked.before % 3 == 0).then_some(Fault::Error(500, "InternalFailure")),
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "connections that are cut",
        fault: |asked| (asked.repeated == 0 && asked.before % 3 == 1).then_some(Fault::Cut),
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "slow answers",
        fault: |asked| (asked.before % 10 == 0).then_some(Fault::Slow(Duration::from_millis(700))),
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "an empty page before the first",
        fault: |asked| {
            let first = is(asked, "SelectAggregateResourceConfig", "AWS::IAM::Role") && asked.body["NextToken"].is_null();
            first.then(|| Fault::Answer(json!({"Results": [], "NextToken": "row-0"})))
        },
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "a page that asks for itself again",
        fault: |asked| {
            let second = is(asked, "SelectAggregateResourceConfig", "AWS::IAM::Role") && asked.body["NextToken"] == "row-100";
            second.then(|| Fault::Answer(json!({"Results": [], "NextToken": "row-100"})))
        },
        change: NONE,
        exit: 4,
        missing: &[],
        incomplete: &[(ROLE, "repeats a page")],
    },
    Case {
        name: "a token that is not accepted any more, once",
        fault: |asked| {
            let third = is(asked, "SelectAggregateResourceConfig", "AWS::IAM::Role") && asked.body["NextToken"] == "row-200";
            (third && asked.repeated == 0).then_some(Fault::Error(400, "InvalidNextTokenException"))
        },
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "credentials that expire once",
        fault: |asked| (asked.before == 12).then_some(Fault::Error(400, "ExpiredTokenException")),
        change: NONE,
        exit: 0,
        missing: &[],
        incomplete: &[],
    },
    Case {
        name: "credentials that expire in the middle of the roles",
        fault: |asked| {
            let later = is(asked, "SelectAggregateResourceConfig", "AWS::IAM::Role") && !asked.body["NextToken"].is_null();
            later.then_some(Fault::Error(400, "ExpiredTokenException"))
        },
        change: NONE,
        exit: 4,
        missing: &[],
        incomplete: &[(ROLE, "ExpiredTokenException")],
    },
    Case {
        name: "no permission to list policies",
        fault: |asked| (asked.operation == "ListPolicies").then_some(Fault::Error(400, "AccessDeniedException")),
        change: NONE,
        exit: 4,
        missing: &[(resource_types::POLICY, "AccessDeniedException")],
        incomplete: &[],
    },
    Case {
        name: "no permission for one document",
        fault: |asked| is(asked, "DescribePolicy", "p-unattached").then_some(Fault::Error(400, "AccessDeniedException")),
        change: NONE,
        exit: 4,
        missing: &[],
        incomplete: &[(resource_types::POLICY, "policy p-unattached")],
    },
    Case {
        name: "no permission for queries",
        fault: |asked| {
            (asked.operation == "SelectAggregateResourceConfig").then_some(Fault::Error(400, "AccessDeniedException"))
        },
        change: NONE,
        exit: 4,
        missing: &[
            (ROLE, "AccessDenied"),
            (resource_types::BUCKET, "AccessDenied"),
            (resource_types::VPC_ENDPOINT, "AccessDenied"),
        ],
        incomplete: &[],
    },
    Case {
        name: "no permission for AWS Organizations",
        fault: |asked| {
            let organizations =
                ["ListAccounts", "ListRoots", "ListPolicies", "DescribeOrganization"].contains(&asked.operation);
            organizations.then_some(Fault::Error(400, "AccessDeniedException"))
        },
        change: NONE,
        exit: 4,
        missing: &[(resource_types::ACCOUNT, "AccessDenied"), (resource_types::TREE, "AccessDenied")],
        incomplete: &[(ROLE, "accounts could not be listed")],
    },
    Case {
        name: "an aggregator without one of the accounts",
        fault: |_| None,
        change: |world| world.resources.values_mut().for_each(|rows| rows.retain(|row| row["accountId"] != "333333333333")),
        exit: 4,
        missing: &[],
        incomplete: &[
            (ROLE, "333333333333"),
            (resource_types::BUCKET, "1 account has no resource in the aggregator: 333333333333"),
        ],
    },
    Case {
        name: "an account that does not record its roles",
        fault: |_| None,
        change: |world| world.resources.get_mut(ROLE).unwrap().retain(|row| row["accountId"] != "333333333333"),
        exit: 4,
        missing: &[],
        incomplete: &[(ROLE, "1 account does not record its roles: 333333333333")],
    },
    Case {
        name: "a source that fails",
        fault: |_| None,
        change: |world| {
            world.failed_sources.push(("222222222222".into(), "us-east-1".into(), "the role cannot be assumed".into()));
            // Neither concerns an account or a region that counts.
            world.failed_sources.push(("444444444444".into(), "us-east-1".into(), "the account is closed".into()));
            world.failed_sources.push(("222222222222".into(), "ap-east-1".into(), "the region is not enabled".into()));
        },
        exit: 4,
        missing: &[],
        incomplete: &[(ROLE, "1 source: 222222222222 us-east-1"), (resource_types::BUCKET, "222222222222 us-east-1")],
    },
    Case {
        name: "an aggregator of one region",
        fault: |_| None,
        change: |world| (world.all_regions, world.aggregated_regions) = (false, vec!["eu-west-1".into(), "us-east-1".into()]),
        exit: 4,
        missing: &[],
        incomplete: &[(resource_types::BUCKET, "1 enabled region: eu-central-1")],
    },
    Case {
        name: "rows that are none",
        fault: |asked| {
            let buckets = is(asked, "SelectAggregateResourceConfig", "AWS::S3::Bucket");
            let row = bucket("222222222222", 0).to_string();
            buckets.then(|| Fault::Answer(json!({"Results": [row, "{\"accountId\": ", "[]", ""]})))
        },
        change: |world| world.resources.get_mut(resource_types::BUCKET).unwrap().truncate(1),
        exit: 4,
        missing: &[],
        incomplete: &[(resource_types::BUCKET, "3 rows cannot be read")],
    },
    Case {
        name: "an answer of another shape",
        fault: |asked| {
            is(asked, "SelectAggregateResourceConfig", "AWS::S3::Bucket").then(|| Fault::Answer(json!({"Results": [7]})))
        },
        change: NONE,
        exit: 4,
        missing: &[(resource_types::BUCKET, "SelectAggregateResourceConfig")],
        incomplete: &[],
    },
    Case {
        name: "fewer rows than the aggregator counts",
        fault: |asked| {
            is(asked, "SelectAggregateResourceConfig", "AWS::S3::Bucket").then(|| Fault::Answer(json!({"Results": []})))
        },
        change: NONE,
        exit: 4,
        missing: &[],
        incomplete: &[(resource_types::BUCKET, "0 rows were read but the aggregator counts 15")],
    },
    Case {
        name: "properties that this region does not know",
        fault: |asked| {
            is(asked, "SelectAggregateResourceConfig", "configuration.vpcEndpointType")
                .then_some(Fault::Error(400, "InvalidExpressionException"))
        },
        change: NONE,
        exit: 4,
        missing: &[],
        incomplete: &[(resource_types::VPC_ENDPOINT, "does not know its properties")],
    },
];

#[test]
fn faults_never_look_like_absence() {
    for case in CASES {
        let mut world = world();
        (case.change)(&mut world);
        let (folder, server) = (TempDir::new().unwrap(), Server::with_faults(world.clone(), case.fault));
        let finished = export(&folder, &server, &[]);
        assert_eq!(finished.code, case.exit, "{}: {}", case.name, finished.err);
        let (inventory, record) = (load(&folder), record(&folder));
        for summary in inventory.describe() {
            let name = summary.resource_type.as_str();
            let lacks = case.incomplete.iter().chain(case.missing).any(|(lacking, _)| *lacking == name);
            // Where accounts or regions are missing, every type of the aggregator may lack some.
            assert!(!lacks || !summary.complete, "{}: {name} passes for whole", case.name);
            assert!(summary.complete || case.exit == 4, "{}: {name} is not whole", case.name);
        }
        for (name, why) in case.missing {
            assert!(!inventory.provides(name) && !record.types[*name].provided, "{}: {name} is there", case.name);
            assert!(record.types[*name].why.join(" ").contains(why), "{}: {:?}", case.name, record.types[*name]);
        }
        for (name, why) in case.incomplete {
            assert!(inventory.provides(name), "{}: {name} is not there at all", case.name);
            assert!(record.types[*name].why.join(" ").contains(why), "{}: {:?}", case.name, record.types[*name]);
            assert!(finished.err.contains(name), "{}: {}", case.name, finished.err);
        }
        if case.exit == 0 {
            assert_eq!(inventory.warnings, Vec::<String>::new(), "{}", case.name);
            assert_same(&inventory, &world);
        }
    }
}

#[test]
fn what_came_before_a_break_is_kept() {
    let (folder, server) = (
        TempDir::new().unwrap(),
        Server::with_faults(world(), |asked| {
            let third = is(asked, "SelectAggregateResourceConfig", "AWS::IAM::Role") && asked.body["NextToken"] == "row-200";
            third.then_some(Fault::Error(400, "ValidationException"))
        }),
    );
    export(&folder, &server, &[]).ends_with(4);
    assert_eq!(load(&folder).roles().count(), 200);
    // The file tells it even without its snapshot.json.
    std::fs::remove_file(folder.path().join("snapshot/snapshot.json")).unwrap();
    assert!(!load(&folder).complete(ROLE));
}

#[test]
fn without_any_answer_there_is_no_snapshot() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    export(&folder, &server, &[]).ends_with(0);
    let denied = Server::with_faults(world(), |_| Some(Fault::Error(400, "AccessDeniedException")));
    let before = std::fs::read(folder.path().join("snapshot/snapshot.json")).unwrap();
    let finished = export(&folder, &denied, &[]).ends_with(5);
    assert!(finished.err.contains("organizations:ListAccounts"), "{}", finished.err);
    // The earlier one stays as it was.
    assert_eq!(std::fs::read(folder.path().join("snapshot/snapshot.json")).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn files_of_others_are_not_replaced() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    std::fs::create_dir(folder.path().join("snapshot")).unwrap();
    std::fs::write(folder.path().join("snapshot/accounts.csv"), "account_id\n").unwrap();
    let finished = export(&folder, &server, &[]).ends_with(2);
    assert!(finished.err.contains("accounts.csv"), "{}", finished.err);
    assert_eq!(server.asked().len(), 0, "nothing is asked for nothing");
    assert!(folder.path().join("snapshot/accounts.csv").exists());
}

#[test]
fn a_young_snapshot_of_the_same_configuration_is_used_again() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    let at = |url: &str, now: &str, more: &[&str]| {
        let finished = client(&folder, url).env("PALISADE_NOW", now).run(&[&EXPORT[..], &["--max-age", "12h"], more].concat());
        finished.ends_with(0).out.contains("is used again")
    };
    assert!(!at(&server.url, "2026-11-20T00:00:00Z", &[]));
    let asked = server.asked().len();
    assert!(at(&server.url, "2026-11-20T11:59:00Z", &[]));
    assert_eq!(server.asked().len(), asked + 1, "which organization it is");
    assert!(!at(&server.url, "2026-11-20T11:59:00Z", &["--types", "AWS::SQS::Queue"]), "another configuration");
    assert!(at(&server.url, "2026-11-20T11:59:00Z", &["--types", "AWS::SQS::Queue"]));
    assert!(!at(&server.url, "2026-11-21T11:59:00Z", &["--types", "AWS::SQS::Queue"]), "too old");
    assert!(!at(&server.url, "2026-11-20T00:00:00Z", &["--types", "AWS::SQS::Queue"]), "from the future");
    let other = Server::start(World { organization: "o-anotherorgid".into(), ..world() });
    assert!(!at(&other.url, "2026-11-20T00:00:00Z", &["--types", "AWS::SQS::Queue"]), "another organization");
}

#[test]
fn a_run_collects_what_its_queries_need() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    crate::support::add(&folder, "logs/record.json", crate::support::delivered(&[crate::support::record(1, json!({}))]));
    let arguments = [
        "run",
        "--events",
        "logs",
        "--inventory",
        "aws",
        "--query",
        "common_only_denied",
        "--format",
        "json",
        "--output",
        "report",
    ];
    palisade(&folder, &server, &arguments).ends_with(0);
    let snapshot = folder.path().join("report/inventory");
    let inventory = Inventory::load(&snapshot).unwrap();
    assert!(inventory.complete(resource_types::ACCOUNT));
    let asked = server.asked().len();
    palisade(&folder, &server, &arguments).ends_with(0);
    assert_eq!(server.asked().len(), asked + 1, "the second run uses it again");
}

#[test]
fn two_snapshots_are_compared() {
    let folder = TempDir::new().unwrap();
    let before = Server::start(world());
    palisade(&folder, &before, &["inventory", "export", "--output", "before"]).ends_with(0);
    let mut world = world();
    world.accounts[1].2 = "ou-ab12-payments".into();
    world.accounts.push(("555555555555".into(), "new".into(), "r-ab12".into()));
    world.policies[1].4 = vec!["ou-ab12-workload".into()];
    world.policies[2].4 = vec!["222222222222".into()];
    world.policies[2].3 = SCP.replace("s3:*", "sns:*");
    world.resources.get_mut(ROLE).unwrap().remove(0);
    world.resources.get_mut(resource_types::BUCKET).unwrap().remove(0);
    world.resources.get_mut(resource_types::BUCKET).unwrap().push(bucket("222222222222", 77));
    // The new account has no resources, so that roles and buckets may hide in it.
    let after = Server::start(world);
    palisade(&folder, &after, &["inventory", "export", "--output", "after"]).ends_with(4);

    let compare = |more: &[&str], code| {
        client(&folder, "http://127.0.0.1:9")
            .run(&[&["inventory", "diff", "before", "after"], more].concat())
            .ends_with(code)
            .out
    };
    let text = compare(&[], 0);
    for line in [
        "~ 222222222222 (shop) moved from Root/Workloads (ou-ab12-workload) to Root/Workloads/Payments (ou-ab12-payments)",
        "+ 555555555555 (new) added",
        "+ p-unattached (spare) attached to ou-ab12-workload",
        "- p-edge0001 (edge) detached from ou-ab12-payments",
        "~ p-edge0001 (edge) content changed",
        "? arn:aws:iam::111111111111:role/team/role-0 not seen",
        "+ arn:aws:s3:::data-222222222222-77",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json: Value = serde_json::from_str(&compare(&["--format", "json", "--exit-code"], 3)).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 8, "{json:#}");
    let markdown = compare(&["--format", "markdown"], 0);
    assert!(markdown.contains("| AWS::Organizations::Account | 555555555555 | new | added |"), "{markdown}");
    let same =
        client(&folder, "http://127.0.0.1:9").run(&["inventory", "diff", "before", "before", "--exit-code"]).ends_with(0);
    assert_eq!(same.out, "no differences\n");
}

#[test]
fn one_thing_is_shown_by_any_of_its_ids() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(world()));
    export(&folder, &server, &[]).ends_with(0);
    let show = |id: &str, code| {
        client(&folder, &server.url)
            .run(&["inventory", "show", id, "--inventory", "snapshot", "--format", "json"])
            .ends_with(code)
    };
    let of = |id: &str| serde_json::from_str::<Value>(&show(id, 0).out).unwrap();
    assert_eq!(of("333333333333")["policies"], json!(["p-FullAWSAccess", "p-edge0001"]));
    assert_eq!(of("ou-ab12-workload")["accounts"], json!(["222222222222", "333333333333"]));
    assert_eq!(of("AROA2222222222227")["arn"], "arn:aws:iam::222222222222:role/team/role-7");
    assert_eq!(of("data-333333333333-1")["account_id"], "333333333333");
    assert_eq!(of("vpce-222222222222")["vpc_id"], "vpc-222222222222");
    assert!(show("999999999999", 2).err.contains("999999999999"));
    let whole = client(&folder, &server.url).run(&["inventory", "show", "--inventory", "snapshot"]).ends_with(0);
    assert!(whole.out.contains("aggregator organization (eu-west-1), 3 accounts"), "{}", whole.out);
    assert!(whole.out.contains("less than an hour ago"), "{}", whole.out);
    assert!(Path::new(&folder.path().join("snapshot")).is_dir());
}
