//! Inventory snapshots: every shape in which people have one, and what must not be guessed from it.

use std::fmt::Write as _;

use palisade::inventory::{Inventory, InventoryError, resource_types};
use serde_json::{Value, json};

fn load(files: &[(&str, &str)]) -> Inventory {
    Inventory::from_texts(files).expect("a usable snapshot")
}

fn warned(inventory: &Inventory, parts: &[&str]) -> bool {
    inventory.warnings.iter().any(|warning| parts.iter().all(|part| warning.contains(part)))
}

/// As `aws configservice select-aggregate-resource-config` prints it.
fn config_results(rows: &[Value]) -> String {
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    json!({"Results": rows, "QueryInfo": {"SelectFields": [{"Name": "arn"}]}}).to_string()
}

fn config_role(name: &str, role_id: &str, trust: &Value) -> Value {
    json!({
        "accountId": "111122223333",
        "awsRegion": "global",
        "arn": format!("arn:aws:iam::111122223333:role/{name}"),
        "resourceType": "AWS::IAM::Role",
        "resourceId": role_id,
        "configurationItemCaptureTime": "2026-10-30T08:00:00.000Z",
        "configuration": {"path": "/", "roleId": role_id, "assumeRolePolicyDocument": percent_encoded(&trust.to_string())},
        "tags": [{"key": "owner", "value": "payments", "tag": "owner=payments"}],
    })
}

/// As the IAM API encodes policy documents.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string");
        }
        encoded
    })
}

/// The `assumable_by` column of a role with these statements, and whether it is a service role.
fn trust(statements: Value) -> (String, Option<bool>) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let inventory = load(&[("config.json", &config_results(&[config_role("app", "AROAAPP", &policy)]))]);
    let role = inventory.role_by_id("AROAAPP").expect("the role");
    (role.assumable_by_text().expect("a trust policy"), role.facts.service_role)
}

fn allow(principal: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
}

#[test]
fn roles_of_advanced_queries() {
    let trust = json!({"Version": "2012-10-17", "Statement": [allow(json!({"Service": "ec2.amazonaws.com"}))]});
    let inventory = load(&[("config-AWS_IAM_Role.json", &config_results(&[config_role("web/app", "AROAAPP", &trust)]))]);

    assert_eq!(inventory.warnings, Vec::<String>::new());
    let role = inventory.role_by_id("AROAAPP").expect("found by id");
    assert_eq!(inventory.role_by_arn("arn:aws:iam::111122223333:role/web/app"), Some(role));
    assert_eq!((role.account_id.as_str(), role.path.as_str()), ("111122223333", "/web/"));
    assert_eq!(role.tags.get("owner").map(String::as_str), Some("payments"));
    assert_eq!(role.assumable_by_text().as_deref(), Some("ec2.amazonaws.com"));
    assert_eq!(role.facts.service_role, Some(true));
    assert!(!role.facts.service_linked);
    let [summary] = inventory.describe() else { panic!("one type expected") };
    assert_eq!((summary.resource_type.as_str(), summary.count, summary.complete), (resource_types::ROLE, 1, true));
    assert_eq!(summary.taken_from.as_deref(), Some("2026-10-30T08:00:00Z"));
}

#[test]
fn the_same_role_from_iam_and_config_is_one_role() {
    let trust = json!({"Version": "2012-10-17", "Statement": [allow(json!({"AWS": "arn:aws:iam::444455556666:root"}))]});
    // IAM prints the document as an object, with its keys in another order, and leaves the tags out.
    let listed = json!({"Roles": [{
        "Path": "/", "RoleName": "app", "RoleId": "AROAAPP", "Arn": "arn:aws:iam::111122223333:role/app",
        "AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Effect": "Allow"}], "Version": "2012-10-17"},
    }]});
    let config = config_results(&[config_role("app", "AROAAPP", &trust)]);
    let inventory = load(&[("iam-list-roles.json", &listed.to_string()), ("config.json", &config)]);

    assert_eq!(inventory.warnings, Vec::<String>::new());
    assert_eq!(inventory.roles().count(), 1);
    let role = inventory.role_by_id("AROAAPP").expect("the role");
    assert_eq!(role.assumable_by_text().as_deref(), Some("444455556666"));
    assert_eq!(role.tags.len(), 1);
}

#[test]
fn principals_of_every_form() {
    // One statement that is no list, and the two spellings of everyone.
    assert_eq!(trust(allow(json!("*"))), ("anyone".into(), Some(false)));
    assert_eq!(trust(allow(json!({"AWS": ["*"]}))), ("anyone".into(), Some(false)));
    let federated = json!({
        "Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/Directory"},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"], "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
    });
    assert_eq!(
        trust(json!([federated])).0,
        "arn:aws:iam::111122223333:saml-provider/Directory if SAML:aud = https://signin.aws.amazon.com/saml"
    );
    // An operation that the kind of principal does not use lets nobody in.
    let wrong = json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:TagSession"});
    assert_eq!(trust(json!([wrong])), ("nobody".into(), Some(false)));
    let not = json!({"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "sts:*"});
    assert_eq!(trust(json!([not])), ("anyone but 444455556666".into(), Some(false)));
    // Sorted, without duplicates.
    let both = allow(
        json!({"AWS": ["444455556666", "arn:aws:iam::444455556666:root", "111122223333"], "Service": "lambda.amazonaws.com"}),
    );
    assert_eq!(trust(json!([both])), ("111122223333; 444455556666; lambda.amazonaws.com".into(), Some(true)));
}

#[test]
fn conditions_in_words() {
    let with = |condition: Value| {
        trust(json!([{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole", "Condition": condition}])).0
    };
    assert_eq!(with(json!({"StringEquals": {"sts:ExternalId": "4711"}})), "444455556666 if sts:ExternalId = 4711");
    assert_eq!(
        with(json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}, "ArnNotLike": {"aws:PrincipalArn": ["a", "b"]}})),
        "444455556666 if aws:MultiFactorAuthPresent = true and aws:PrincipalArn is like none of a, b"
    );
    assert_eq!(with(json!({"Null": {"aws:SourceVpc": "false"}})), "444455556666 if aws:SourceVpc is present");
    assert_eq!(
        with(json!({"ForAnyValue:StringLikeIfExists": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}})),
        "444455556666 if any of aws:PrincipalOrgPaths like o-a1b2c3d4e5/* (if present)"
    );
    assert_eq!(with(json!({})), "444455556666");
}

#[test]
fn deny_statements_take_away() {
    let deny = |principal: Value, condition: Value| json!({"Effect": "Deny", "Principal": principal, "Action": "sts:*", "Condition": condition});
    let service = allow(json!({"Service": "ec2.amazonaws.com"}));
    let account = allow(json!({"AWS": "444455556666"}));

    assert_eq!(
        trust(json!([service, deny(json!({"Service": "ec2.amazonaws.com"}), json!({}))])),
        ("nobody".into(), Some(false))
    );
    assert_eq!(trust(json!([service, account, deny(json!("*"), json!({}))])), ("nobody".into(), Some(false)));
    // A conditional Deny leaves the principal in, and says when not.
    assert_eq!(
        trust(json!([service, deny(json!("*"), json!({"StringNotEquals": {"aws:SourceAccount": "111122223333"}}))])),
        ("ec2.amazonaws.com, except when aws:SourceAccount is not 111122223333".into(), Some(true))
    );
    // A Deny of one role limits the account that it belongs to; one of another account limits nothing.
    assert_eq!(
        trust(json!([account, deny(json!({"AWS": "arn:aws:iam::444455556666:role/guest"}), json!({}))])).0,
        "444455556666, except arn:aws:iam::444455556666:role/guest"
    );
    assert_eq!(trust(json!([account, deny(json!({"AWS": "777788889999"}), json!({}))])).0, "444455556666");
    // A Deny of an account covers its roles.
    let role = allow(json!({"AWS": "arn:aws:iam::444455556666:role/guest"}));
    assert_eq!(trust(json!([role, deny(json!({"AWS": "444455556666"}), json!({}))])).0, "nobody");
    // A Deny of other operations than the assumption is beside the point.
    let tagging = json!({"Effect": "Deny", "Principal": "*", "Action": "sts:TagSession"});
    assert_eq!(trust(json!([account, tagging])).0, "444455556666");
    // Everyone but one is denied.
    let but_one =
        json!({"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::444455556666:role/ops"}, "Action": "sts:AssumeRole"});
    assert_eq!(
        trust(json!([account, service, but_one])).0,
        "444455556666, except everyone but arn:aws:iam::444455556666:role/ops"
    );
}

#[test]
fn service_linked_roles_in_every_partition() {
    for partition in ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"] {
        let arn =
            format!("arn:{partition}:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig");
        let csv = format!("arn,role_id\n{arn},AROASLR\n");
        let inventory = load(&[("iam_roles.csv", &csv)]);
        let role = inventory.role_by_id("AROASLR").expect("the role");
        assert!(role.facts.service_linked, "{partition}");
        assert_eq!(role.facts.service_role, Some(false), "{partition}");
    }
    let named_alike = "arn\narn:aws:iam::111122223333:role/my/aws-service-role/x\n";
    let inventory = load(&[("iam_roles.csv", named_alike)]);
    assert!(inventory.roles().all(|role| !role.facts.service_linked));
}

#[test]
fn a_role_without_trust_policy_is_not_assumable_by_nobody() {
    let inventory =
        load(&[("iam_roles.csv", "arn,role_id,trust_policy\narn:aws:iam::111122223333:role/app,AROAAPP,{broken\n")]);
    let role = inventory.role_by_id("AROAAPP").expect("kept");
    assert_eq!((role.assumable_by_text(), role.facts.service_role), (None, None));
    assert!(warned(&inventory, &["iam_roles.csv", "row 2", "trust policy"]), "{:?}", inventory.warnings);
}

#[test]
fn a_role_that_was_created_again_keeps_its_arn() {
    let trust = json!({"Statement": []});
    let mut newer = config_role("app", "AROANEW", &trust);
    newer["configurationItemCaptureTime"] = json!("2026-10-31T08:00:00.000Z");
    let inventory = load(&[("config.json", &config_results(&[newer, config_role("app", "AROAOLD", &trust)]))]);
    assert_eq!(
        inventory.role_by_arn("arn:aws:iam::111122223333:role/app").and_then(|role| role.role_id.as_deref()),
        Some("AROANEW")
    );
    assert!(inventory.role_by_id("AROAOLD").is_some());
}

const ACCOUNTS: &str = r#"{"Accounts": [
  {"Id": "111111111111", "Arn": "arn:aws:organizations::111111111111:account/o-exampleorgid/111111111111", "Name": "Management", "Status": "ACTIVE", "JoinedTimestamp": 1481830215.45},
  {"Id": "222222222222", "Arn": "arn:aws:organizations::111111111111:account/o-exampleorgid/222222222222", "Name": "Shop", "Status": "ACTIVE"}
]}"#;

#[test]
fn the_tree_from_the_commands_of_the_aws_documentation() {
    let inventory = load(&[
        ("organizations-list-accounts.json", ACCOUNTS),
        (
            "organizations-list-roots.json",
            r#"{"Roots": [{"Id": "r-ab12", "Name": "Root", "Arn": "arn:aws:organizations::111111111111:root/o-exampleorgid/r-ab12"}]}"#,
        ),
        (
            "organizations-list-organizational-units-for-parent-r-ab12.json",
            r#"{"OrganizationalUnits": [{"Id": "ou-ab12-11111111", "Name": "Workloads"}]}"#,
        ),
        (
            "organizations-list-organizational-units-for-parent-ou-ab12-11111111.json",
            r#"{"OrganizationalUnits": [{"Id": "ou-ab12-22222222", "Name": "Prod"}]}"#,
        ),
        (
            "organizations-list-accounts-for-parent-ou-ab12-22222222.json",
            r#"{"Accounts": [{"Id": "222222222222", "Name": "Shop"}]}"#,
        ),
        ("organizations-list-children-r-ab12.json", r#"{"Children": [{"Id": "111111111111", "Type": "ACCOUNT"}]}"#),
    ]);
    assert_eq!(inventory.warnings, Vec::<String>::new());
    assert_eq!(inventory.organization_id.as_deref(), Some("o-exampleorgid"));
    assert_eq!(inventory.management_account_id.as_deref(), Some("111111111111"));
    let shop = inventory.account("222222222222").expect("the account");
    assert_eq!(shop.organizational_unit_path.as_deref(), Some("Root/Workloads/Prod"));
    let units: Vec<&str> =
        inventory.organizational_units_of("222222222222").expect("known").iter().map(String::as_str).collect();
    assert_eq!(units, ["r-ab12", "ou-ab12-11111111", "ou-ab12-22222222"]);
    assert_eq!(inventory.organizational_units_of("111111111111").map(<[String]>::len), Some(1));
    assert_eq!(inventory.organizational_units_of("333333333333"), None);
    assert_eq!(inventory.account("222222222222").and_then(|account| account.status.as_deref()), Some("ACTIVE"));
}

#[test]
fn the_tree_from_paths_of_list_accounts() {
    let accounts = json!({"Accounts": [
        {"Id": "222222222222", "Name": "Shop", "State": "ACTIVE", "Paths": ["o-exampleorgid/r-ab12/ou-ab12-11111111/222222222222/"]},
        {"Id": "333333333333", "Name": "Odd", "Paths": ["o-exampleorgid/r-ab12/222222222222/"]},
    ]});
    let inventory = load(&[("accounts-of-the-organization.json", &accounts.to_string())]);
    assert_eq!(
        inventory.organizational_units_of("222222222222").map(|units| units.join(" ")).as_deref(),
        Some("r-ab12 ou-ab12-11111111")
    );
    // Names are not in it; the ids stand in for them.
    assert_eq!(
        inventory.account("222222222222").and_then(|account| account.organizational_unit_path.as_deref()),
        Some("r-ab12/ou-ab12-11111111")
    );
    assert_eq!(inventory.organizational_units_of("333333333333"), None);
    assert!(warned(&inventory, &["row 2", "333333333333"]));
}

#[test]
fn the_accounts_of_one_parent_are_not_the_organization() {
    let inventory = load(&[(
        "organizations-list-accounts-for-parent-r-ab12.json",
        r#"{"Accounts": [{"Id": "222222222222", "Name": "Shop"}]}"#,
    )]);
    assert!(inventory.account("222222222222").is_some());
    assert!(!inventory.provides(resource_types::ACCOUNT));
    assert!(inventory.provides(resource_types::TREE));
}

#[test]
fn our_own_tree_and_policies() {
    let tree = r#"{
      "roots": [{"id": "r-ab12", "name": "Root"}],
      "organizational_units": [{"id": "ou-ab12-11111111", "name": "Workloads", "parent_id": "r-ab12"}],
      "accounts": [{"id": "222222222222", "parent_id": "ou-ab12-11111111"}]}"#;
    let policies = r#"{"policies": [{"id": "p-12ab34cd", "name": "perimeter", "type": "SERVICE_CONTROL_POLICY",
      "content": "{\"Version\": \"2012-10-17\", \"Statement\": []}", "targets": ["r-ab12", "222222222222"]}]}"#;
    let snapshot = r#"{"schema_version": 1, "organization_id": "o-exampleorgid", "management_account_id": 12345678901, "taken_at": "2026-11-01T00:00:00Z"}"#;
    let inventory =
        load(&[("organizations-tree.json", tree), ("organizations-policies.json", policies), ("snapshot.json", snapshot)]);
    assert_eq!(
        inventory.account("222222222222").and_then(|account| account.organizational_unit_path.as_deref()),
        Some("Root/Workloads")
    );
    assert_eq!(inventory.organization_of("222222222222"), Some("o-exampleorgid"));
    let policy = inventory.policies().next().expect("the policy");
    assert_eq!(policy.targets.as_deref().map(|targets| targets.join(" ")).as_deref(), Some("222222222222 r-ab12"));
    assert_eq!(policy.content.as_deref(), Some(r#"{"Statement":[],"Version":"2012-10-17"}"#));
    assert_eq!(inventory.taken_at.as_deref(), Some("2026-11-01T00:00:00Z"));
    // The number without quotes lost its zero.
    assert_eq!(inventory.management_account_id.as_deref(), Some("012345678901"));
    assert!(warned(&inventory, &["snapshot.json", "leading zero", "12345678901"]));
    assert!(inventory.describe().iter().all(|summary| summary.taken_to.as_deref() == Some("2026-11-01T00:00:00Z")));
}

#[test]
fn policies_of_the_documentation() {
    let inventory = load(&[
        (
            "organizations-describe-policy-p-12ab34cd.json",
            r#"{"Policy": {"Content": "{\"Statement\": []}", "PolicySummary": {"Id": "p-12ab34cd", "Type": "SERVICE_CONTROL_POLICY", "Name": "perimeter", "AwsManaged": false}}}"#,
        ),
        (
            "organizations-list-policies.json",
            r#"{"Policies": [{"Id": "p-12ab34cd", "Type": "SERVICE_CONTROL_POLICY", "Name": "perimeter", "AwsManaged": false},
                             {"Id": "p-FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY", "Name": "FullAWSAccess", "AwsManaged": true}]}"#,
        ),
        (
            "organizations-list-targets-for-policy-p-12ab34cd.json",
            r#"{"Targets": [{"TargetId": "ou-ab12-11111111", "Type": "ORGANIZATIONAL_UNIT", "Name": "Workloads"}]}"#,
        ),
    ]);
    assert_eq!(inventory.warnings, Vec::<String>::new());
    let policies: Vec<_> = inventory.policies().collect();
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0].content.as_deref(), Some(r#"{"Statement":[]}"#));
    assert_eq!(policies[0].targets.as_deref(), Some(["ou-ab12-11111111".to_owned()].as_slice()));
    assert!(policies[1].aws_managed && policies[1].targets.is_none());
}

#[test]
fn endpoints_vpcs_and_buckets() {
    let endpoints = r#"{"VpcEndpoints": [{"VpcEndpointId": "vpce-0a1b2c3d", "VpcEndpointType": "Gateway", "VpcId": "vpc-0a1b",
        "ServiceName": "com.amazonaws.eu-west-1.s3", "State": "available", "PolicyDocument": "{\"Statement\":[{\"Effect\":\"Allow\"}]}",
        "Tags": [{"Key": "owner", "Value": "network"}], "OwnerId": "111122223333"}]}"#;
    let config = config_results(&[
        json!({"resourceType": "AWS::S3::Bucket", "resourceId": "logs", "accountId": "111122223333", "awsRegion": "cn-north-1", "tags": []}),
        json!({"resourceType": "AWS::EC2::VPC", "resourceId": "vpc-0a1b", "accountId": "111122223333", "awsRegion": "eu-west-1"}),
        json!({"resourceType": "AWS::SQS::Queue", "arn": "arn:aws:sqs:eu-west-1:111122223333:jobs", "resourceName": "jobs", "accountId": "111122223333", "awsRegion": "eu-west-1"}),
    ]);
    let inventory = load(&[("ec2-describe-vpc-endpoints-eu-west-1.json", endpoints), ("config.json", &config)]);
    assert_eq!(inventory.warnings, Vec::<String>::new());
    let endpoint = inventory.vpc_endpoint("vpce-0a1b2c3d").expect("the endpoint");
    assert_eq!((endpoint.vpc_id.as_deref(), endpoint.owner_account_id.as_deref()), (Some("vpc-0a1b"), Some("111122223333")));
    assert_eq!(inventory.bucket("logs").map(|bucket| bucket.arn.as_str()), Some("arn:aws-cn:s3:::logs"));
    assert_eq!(inventory.bucket("logs"), inventory.resource("arn:aws-cn:s3:::logs"));
    assert_eq!(inventory.vpc("vpc-0a1b").map(|vpc| vpc.arn.as_str()), Some("arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-0a1b"));
    assert_eq!(
        inventory.resource("arn:aws:sqs:eu-west-1:111122223333:jobs").and_then(|queue| queue.account_id.as_deref()),
        Some("111122223333")
    );
}

/// As AWS Config, `describe-subnets` and a table written by hand tell them.
#[test]
fn subnets_and_the_types_of_endpoints() {
    let config = config_results(&[
        json!({"resourceType": "AWS::EC2::Subnet", "resourceId": "subnet-0a", "accountId": "111122223333", "awsRegion": "eu-west-1",
            "configuration": {"subnetId": "subnet-0a", "vpcId": "vpc-0a", "ownerId": "444455556666"}}),
        json!({"resourceType": "AWS::EC2::VPCEndpoint", "resourceId": "vpce-0a", "accountId": "111122223333", "awsRegion": "eu-west-1",
            "configuration": {"vpcEndpointId": "vpce-0a", "vpcEndpointType": "Interface", "vpcId": "vpc-0a"}}),
    ]);
    let described = r#"{"Subnets": [{"SubnetId": "subnet-0b", "VpcId": "vpc-0b", "CidrBlock": "10.0.0.0/24",
        "SubnetArn": "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0b", "OwnerId": "111122223333"}]}"#;
    let inventory = load(&[
        ("config.json", &config),
        ("ec2-describe-subnets-eu-west-1.json", described),
        ("subnets.csv", "subnet_id,vpc_id,account_id,region\nsubnet-0c,vpc-0c,111122223333,eu-west-1\nsubnet-0d,,,\n"),
        (
            "ec2-describe-vpc-endpoints.json",
            r#"{"VpcEndpoints": [{"VpcEndpointId": "vpce-0b", "VpcEndpointType": "Gateway"}]}"#,
        ),
        ("vpc_endpoints.csv", "vpc_endpoint_id,endpoint_type\nvpce-0c,Gateway\nvpce-0d,\n"),
    ]);
    assert_eq!(inventory.warnings, Vec::<String>::new());
    let vpc = |id: &str| inventory.subnet(id).expect("the subnet").vpc_id.as_deref();
    assert_eq!(
        [vpc("subnet-0a"), vpc("subnet-0b"), vpc("subnet-0c"), vpc("subnet-0d")],
        [Some("vpc-0a"), Some("vpc-0b"), Some("vpc-0c"), None]
    );
    let subnet = inventory.subnet("subnet-0a").expect("the subnet");
    assert_eq!(subnet.account_id.as_deref(), Some("444455556666"));
    assert_eq!(subnet.arn, "arn:aws:ec2:eu-west-1:444455556666:subnet/subnet-0a");
    let kind = |id: &str| inventory.vpc_endpoint(id).expect("the endpoint").endpoint_type.as_deref();
    assert_eq!(
        [kind("vpce-0a"), kind("vpce-0b"), kind("vpce-0c"), kind("vpce-0d")],
        [Some("Interface"), Some("Gateway"), Some("Gateway"), None]
    );
    assert!(inventory.provides(resource_types::SUBNET) && inventory.complete(resource_types::SUBNET));
}

#[test]
fn configuration_items_of_the_other_calls() {
    // The configuration is JSON text here, and a delivered snapshot spells two keys differently.
    let item = json!({"configurationItemCaptureTime": 1577836800.0, "accountId": "111122223333", "resourceType": "AWS::IAM::Role", "resourceId": "AROAONE",
        "arn": "arn:aws:iam::111122223333:role/one", "configuration": json!({"assumeRolePolicyDocument": {"Statement": allow(json!({"Service": "ec2.amazonaws.com"}))}}).to_string()});
    let delivered = json!({"fileVersion": "1.0", "configurationItems": [
        {"awsAccountId": "111122223333", "ARN": "arn:aws:s3:::logs", "resourceType": "AWS::S3::Bucket", "resourceId": "logs", "awsRegion": "eu-west-1", "tags": {"owner": "platform"}, "configuration": {}}]});
    let batch = json!({"BaseConfigurationItems": [item], "UnprocessedResourceIdentifiers": [{"ResourceId": "AROATWO"}]});
    let inventory = load(&[("batch.json", &batch.to_string()), ("delivered.json", &delivered.to_string())]);
    assert_eq!(inventory.role_by_id("AROAONE").and_then(|role| role.facts.service_role), Some(true));
    assert_eq!(inventory.bucket("logs").and_then(|bucket| bucket.tags.get("owner")).map(String::as_str), Some("platform"));
    assert!(warned(&inventory, &["batch.json", "1 resources were not processed"]));
    assert!(inventory.provides(resource_types::ROLE) && !inventory.complete(resource_types::ROLE));
    assert!(inventory.complete(resource_types::BUCKET));
}

#[test]
fn pages_one_after_the_other() {
    let page = |name: &str, token: Value| {
        json!({"Results": [json!({"resourceType": "AWS::S3::Bucket", "resourceId": name, "accountId": "111122223333", "awsRegion": "eu-west-1"}).to_string()], "NextToken": token}).to_string()
    };
    let (first, last) = (page("a", json!("more")), page("b", Value::Null));
    let whole = load(&[("config-AWS_S3_Bucket.json", &format!("{first}\n{last}\n"))]);
    assert!(whole.bucket("a").is_some() && whole.bucket("b").is_some() && whole.complete(resource_types::BUCKET));
    let two_files = load(&[("config-AWS_S3_Bucket-1.json", &first), ("config-AWS_S3_Bucket-2.json", &last)]);
    assert!(two_files.complete(resource_types::BUCKET));
    let cut = load(&[("config-AWS_S3_Bucket.json", &first)]);
    assert!(!cut.complete(resource_types::BUCKET));
    assert!(warned(&cut, &["NextToken"]));
}

#[test]
fn provided_and_empty_is_not_the_same_as_not_provided() {
    let inventory =
        load(&[("config-AWS_IAM_Role.json", r#"{"Results": []}"#), ("vpc_endpoints.csv", "vpc_endpoint_id,vpc_id\n")]);
    assert!(inventory.provides(resource_types::ROLE) && inventory.provides(resource_types::VPC_ENDPOINT));
    assert!(!inventory.provides(resource_types::BUCKET) && !inventory.provides(resource_types::TREE));
    assert!(!Inventory::empty().provides(resource_types::ROLE));
}

#[test]
fn tables_written_by_hand() {
    let accounts =
        "\u{feff}Account ID;Name;Organizational unit;tag:owner\n12345678901;Shop;Root/Workloads/Prod;payments\nnonsense;X;;\n";
    let buckets = "name,account_id,region,tags,colour\nlogs,111122223333,us-gov-west-1,owner=platform;stage=prod,red\nodd,1,,,\n# a comment\na,b,c,d,e,f\n";
    let vpcs = r#"[{"vpc_id": "vpc-0a1b", "account_id": "111122223333", "region": "eu-west-1"}]"#;
    let inventory = load(&[("accounts.csv", accounts), ("s3_buckets.csv", buckets), ("vpcs.json", vpcs)]);

    let shop = inventory.account("012345678901").expect("padded");
    assert_eq!(shop.organizational_unit_path.as_deref(), Some("Root/Workloads/Prod"));
    assert_eq!(shop.tags.get("owner").map(String::as_str), Some("payments"));
    assert!(warned(&inventory, &["accounts.csv", "leading zero", "row 2"]));
    assert!(warned(&inventory, &["accounts.csv", "row 3", "nonsense"]));
    // Names alone tell no ids, so that nothing is said about boundaries.
    assert_eq!(inventory.organizational_units_of("012345678901"), None);
    let logs = inventory.bucket("logs").expect("the bucket");
    assert_eq!((logs.arn.as_str(), logs.tags.len()), ("arn:aws-us-gov:s3:::logs", 2));
    assert!(warned(&inventory, &["s3_buckets.csv", "\"colour\""]));
    assert!(warned(&inventory, &["s3_buckets.csv", "row 3"]) && warned(&inventory, &["s3_buckets.csv", "row 5", "6 fields"]));
    assert_eq!(inventory.skipped_rows, 3);
    assert!(inventory.vpc("vpc-0a1b").is_some());
    assert!(!inventory.complete(resource_types::ACCOUNT));
}

#[test]
fn contradictions_are_unknown_and_reported() {
    let one = "name,account_id\nshared,111122223333\nsame,111122223333\n";
    let two = r#"[{"name": "shared", "account_id": "444455556666"}, {"name": "same", "account_id": "111122223333"}, {"name": "shared", "account_id": "111122223333"}]"#;
    let tree = r#"{"organizational_units": [{"id": "ou-ab12-11111111", "parent_id": "r-ab12"}, {"id": "ou-ab12-22222222", "parent_id": "r-ab12"}],
        "accounts": [{"id": "222222222222", "parent_id": "ou-ab12-11111111"}, {"id": "222222222222", "parent_id": "ou-ab12-22222222"}]}"#;
    let inventory = load(&[("s3_buckets.csv", one), ("s3_buckets.json", two), ("organizations-tree.json", tree)]);
    assert_eq!(inventory.bucket("shared").map(|bucket| bucket.account_id.clone()), Some(None));
    assert_eq!(inventory.bucket("same").and_then(|bucket| bucket.account_id.as_deref()), Some("111122223333"));
    assert!(warned(
        &inventory,
        &["owner", "shared", "111122223333 in s3_buckets.csv row 2", "444455556666 in s3_buckets.json row 1"]
    ));
    assert_eq!(inventory.organizational_units_of("222222222222"), None);
    assert_eq!(inventory.account("222222222222").and_then(|account| account.organizational_unit_path.clone()), None);
    assert!(warned(&inventory, &["parent of 222222222222"]));
}

#[test]
fn tags_of_several_files_complete_each_other() {
    let config = config_results(&[
        json!({"resourceType": "AWS::S3::Bucket", "resourceId": "logs", "accountId": "111122223333",
        "configurationItemCaptureTime": "2026-10-30T08:00:00Z", "tags": [{"key": "stage", "value": "prod"}, {"key": "team", "value": "a"}]}),
    ]);
    let inventory = load(&[("config.json", &config), ("s3_buckets.csv", "name,tag:owner,tag:team\nlogs,payments,b\n")]);
    let tags = &inventory.bucket("logs").expect("the bucket").tags;
    assert_eq!(tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["owner=payments", "stage=prod"]);
    assert!(warned(&inventory, &["tag team", "logs"]));
}

#[test]
fn generic_tables_reach_the_typed_lookups() {
    let csv = "arn,resource_type,account_id,tags\n\
        arn:aws:iam::111122223333:role/app,AWS::IAM::Role,,owner=payments\n\
        arn:aws:ec2:eu-west-1:111122223333:vpc-endpoint/vpce-0a1b2c3d,AWS::EC2::VPCEndpoint,111122223333,\n\
        arn:aws:s3:::logs,AWS::S3::Bucket,111122223333,\n";
    let inventory = load(&[("resources.csv", csv)]);
    assert_eq!(inventory.warnings, Vec::<String>::new());
    assert_eq!(inventory.role_by_arn("arn:aws:iam::111122223333:role/app").map(|role| role.tags.len()), Some(1));
    assert_eq!(
        inventory.vpc_endpoint("vpce-0a1b2c3d").and_then(|endpoint| endpoint.owner_account_id.as_deref()),
        Some("111122223333")
    );
    assert_eq!(inventory.bucket("logs").and_then(|bucket| bucket.account_id.as_deref()), Some("111122223333"));
}

#[test]
fn a_circle_of_parents_ends() {
    let tree = r#"{"organizational_units": [{"id": "ou-ab12-11111111", "parent_id": "ou-ab12-22222222"}, {"id": "ou-ab12-22222222", "parent_id": "ou-ab12-11111111"}],
        "accounts": [{"id": "222222222222", "parent_id": "ou-ab12-11111111"}]}"#;
    let inventory = load(&[("organizations-tree.json", tree)]);
    assert_eq!(inventory.organizational_units_of("222222222222"), None);
    assert!(warned(&inventory, &["circle"]));
}

#[test]
fn partners_are_not_members() {
    let partner = r#"{"Accounts": [{"Id": "999999999999", "Arn": "arn:aws:organizations::999999999999:account/o-partner1234/999999999999", "Name": "Partner"}]}"#;
    let snapshot = r#"{"schema_version": 1, "organization_id": "o-exampleorgid"}"#;
    let inventory = load(&[("accounts-1.json", ACCOUNTS), ("accounts-2.json", partner), ("snapshot.json", snapshot)]);
    assert!(inventory.account("999999999999").is_none());
    assert_eq!(inventory.organization_of("999999999999"), Some("o-partner1234"));
    assert_eq!(inventory.organization_of("222222222222"), Some("o-exampleorgid"));
    assert_eq!(inventory.organization_of("333333333333"), None);
    // Without a word about which is ours, membership is unknown for everyone.
    let unclear = load(&[("accounts-1.json", ACCOUNTS), ("accounts-2.json", partner), ("vpcs.csv", "vpc_id\n")]);
    assert!(!unclear.provides(resource_types::ACCOUNT));
    assert_eq!(unclear.accounts().count(), 0);
    assert!(warned(&unclear, &["o-exampleorgid", "o-partner1234"]));
}

#[test]
fn a_file_that_breaks_off_gives_what_it_has() {
    let whole = config_results(&[
        json!({"resourceType": "AWS::S3::Bucket", "resourceId": "a", "accountId": "111122223333", "awsRegion": "eu-west-1"}),
        json!({"resourceType": "AWS::S3::Bucket", "resourceId": "b", "accountId": "111122223333", "awsRegion": "eu-west-1"}),
    ]);
    let cut = &whole[..whole.find("\\\"b\\\"").expect("the second row")];
    let inventory = load(&[("config-AWS_S3_Bucket.json", cut)]);
    assert!(inventory.bucket("a").is_some() && inventory.bucket("b").is_none());
    assert!(!inventory.complete(resource_types::BUCKET));
    assert!(warned(&inventory, &["config-AWS_S3_Bucket.json", "not valid JSON", "line 1", "1 rows"]));
}

#[test]
fn bad_rows_are_counted_and_the_rest_is_kept() {
    let mut rows: Vec<Value> = (0..10).map(|number| json!(format!("not json {number}"))).collect();
    rows.push(json!(json!({"resourceType": "AWS::S3::Bucket", "resourceId": "a", "accountId": "111122223333"}).to_string()));
    rows.push(json!(json!({"COUNT(*)": 7}).to_string()));
    let inventory = load(&[("config.json", &json!({"Results": rows}).to_string())]);
    assert_eq!(inventory.skipped_rows, 11);
    assert!(inventory.bucket("a").is_some());
    assert!(warned(&inventory, &["config.json", "row 1 ", "not valid JSON"]));
    assert!(warned(&inventory, &["config.json", "8 more rows"]));
}

#[test]
fn files_that_are_no_inventory() {
    let inventory = load(&[
        ("accounts.json", ACCOUNTS),
        ("notes.json", r#"{"hello": "world"}"#),
        ("trail.json.gz", "x"),
        ("README.md", "x"),
    ]);
    assert!(warned(&inventory, &["notes.json", "not recognised", "expected"]));
    assert!(warned(&inventory, &["trail.json.gz", "expected .json"]));
    assert!(!warned(&inventory, &["README.md"]));
    let nothing = Inventory::from_texts(&[("notes.json", "{}")]).expect_err("nothing useful");
    assert!(matches!(nothing, InventoryError::NothingUseful { .. }));
    assert!(nothing.to_string().contains("notes.json"), "{nothing}");
    let newer = Inventory::from_texts(&[("snapshot.json", r#"{"schema_version": 2, "organization_id": "o-exampleorgid"}"#)]);
    assert!(matches!(newer, Err(InventoryError::SchemaVersion { .. })));
}

#[test]
fn a_folder_with_the_encodings_of_windows() {
    let folder = tempfile::tempdir().expect("a folder");
    let utf16: Vec<u8> = std::iter::once(0xFEFF_u16).chain(ACCOUNTS.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("organizations-list-accounts.json"), utf16).expect("written");
    std::fs::create_dir(folder.path().join("111122223333")).expect("created");
    std::fs::write(
        folder.path().join("111122223333/s3_buckets.csv"),
        b"name,account_id\nlogs,111122223333\n\xFFbad,111122223333\n",
    )
    .expect("written");
    std::fs::write(folder.path().join(".hidden.json"), "{").expect("written");

    let inventory = Inventory::load(folder.path()).expect("usable");
    assert_eq!(inventory.accounts().count(), 2);
    assert_eq!(inventory.bucket("logs").and_then(|bucket| bucket.account_id.as_deref()), Some("111122223333"));
    assert!(warned(&inventory, &["111122223333/s3_buckets.csv", "not UTF-8"]));
    assert!(!warned(&inventory, &["hidden"]));
    // The hash follows the content only.
    let again = Inventory::load(folder.path()).expect("usable");
    assert_eq!((inventory.sha256.len(), &inventory), (64, &again));
    std::fs::write(folder.path().join("vpcs.csv"), "vpc_id\n").expect("written");
    assert_ne!(Inventory::load(folder.path()).expect("usable").sha256, inventory.sha256);
    assert!(matches!(Inventory::load(&folder.path().join("none")), Err(InventoryError::Unreadable { .. })));
}

/// Time grows with the size of the snapshot and no faster.
#[test]
fn large_snapshots() {
    let mut roles = Vec::new();
    for number in 0..20_000_u32 {
        let trust = json!({"Version": "2012-10-17", "Statement": [allow(json!({"AWS": format!("arn:aws:iam::111122223333:role/caller-{number}")}))]});
        roles.push(config_role(&format!("app-{number}"), &format!("AROA{number:012}"), &trust));
    }
    let roles = config_results(&roles);
    let mut buckets = String::from("name,account_id,region,tags\n");
    for number in 0..10_000_u32 {
        writeln!(buckets, "bucket-{number},111122223333,eu-west-1,owner=payments").expect("writing to a string");
    }
    let start = std::time::Instant::now();
    let inventory = load(&[("config-AWS_IAM_Role.json", &roles), ("s3_buckets.csv", &buckets)]);
    let elapsed = start.elapsed();
    assert_eq!((inventory.roles().count(), inventory.resources().count()), (20_000, 10_000));
    assert!(inventory.role_by_id("AROA000000019999").is_some() && inventory.bucket("bucket-9999").is_some());
    // Ten times what it takes unoptimized on two slow cores; a lookup that scans would take minutes.
    assert!(elapsed.as_secs() < 120, "took {elapsed:?}");
}

#[test]
fn the_collector_of_a_snapshot_tells_what_did_not_come() {
    let trust = json!({"Version": "2012-10-17", "Statement": [allow(json!({"Service": "ec2.amazonaws.com"}))]});
    let snapshot = json!({"schema_version": 1, "taken_at": "2026-11-01T00:00:00Z", "types": {
        "AWS::IAM::Role": {"provided": true, "complete": false, "rows": 1, "why": ["2 accounts have no resource in the aggregator: 1, 2"]},
        "AWS::S3::Bucket": {"provided": false, "complete": false, "rows": 0, "why": ["access denied"]},
        "AWS::EC2::VPC": {"provided": true, "complete": true, "rows": 0},
    }});
    let inventory = load(&[
        ("config-AWS_IAM_Role.json", &config_results(&[config_role("app", "AROAAPP", &trust)])),
        ("config-AWS_EC2_VPC.json", &config_results(&[])),
        ("snapshot.json", &snapshot.to_string()),
    ]);
    // The file of roles is whole, and still another role may exist.
    assert!(inventory.provides(resource_types::ROLE) && !inventory.complete(resource_types::ROLE));
    assert!(inventory.complete(resource_types::VPC));
    assert!(!inventory.provides(resource_types::BUCKET));
    assert!(warned(&inventory, &["snapshot.json", "AWS::IAM::Role is incomplete", "2 accounts have no resource"]));
    assert!(warned(&inventory, &["snapshot.json", "AWS::S3::Bucket was not collected", "access denied"]));
    assert_eq!(inventory.warnings.len(), 2);
}
