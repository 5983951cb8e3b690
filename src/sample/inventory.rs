//! The inventory snapshot of the sample, in the shapes in which AWS hands such facts out: lists of AWS Organizations, and results of
//! AWS Config advanced queries, whose rows are JSON texts.
//!
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_SelectAggregateResourceConfig.html>

use std::path::PathBuf;

use super::organization::{
    Account, Bucket, MANAGEMENT, ORGANIZATION_ID, Organization, ROOT_ID, Role, SECURITY_TOOLING, TRAIL_BUCKET, Trust, Unit, Vpc,
};
use super::random::{HEX, Random};
use super::record::text;
use super::stories::Told;

/// Buckets that a person wrote down, because AWS Config does not record the log archive.
const WRITTEN: &str = include_str!("../../samples/inventory/s3_buckets.csv");

/// When the things of the organization were made, as far as the inventory asks.
const CREATED: &str = "2025-03-03T09:00:00.000Z";

/// The files of the snapshot, below the folder of the sample.
pub(super) fn files(organization: &Organization, told: &Told, taken_at: &str) -> Vec<(PathBuf, String)> {
    let accounts = &organization.accounts;
    let own = |account: &'static str| account;
    let roles = accounts.iter().flat_map(|account| &account.roles).chain(&told.roles);
    let buckets = accounts
        .iter()
        .flat_map(|account| account.buckets.iter().map(|bucket| (account.id.as_str(), bucket)))
        .chain(told.buckets.iter().map(|(account, bucket)| (own(account), bucket)))
        .filter(|(_, bucket)| bucket.name != TRAIL_BUCKET);
    let vpcs: Vec<(&str, &Vpc)> = accounts
        .iter()
        .flat_map(|account| account.vpcs.iter().map(|vpc| (account.id.as_str(), vpc)))
        .chain(told.vpcs.iter().map(|(account, vpc)| (own(account), vpc)))
        .collect();
    let endpoints = vpcs
        .iter()
        .flat_map(|(account, vpc)| vpc.endpoints.iter().map(|(service, id)| endpoint_row(account, vpc, service, id, taken_at)));
    let snapshot = format!(
        "{{\"schema_version\": 1, \"organization_id\": \"{ORGANIZATION_ID}\", \"management_account_id\": \"{MANAGEMENT}\", \
         \"taken_at\": \"{taken_at}\"}}\n"
    );
    [
        ("snapshot.json", snapshot),
        ("organizations-list-accounts.json", list_of_accounts(accounts)),
        ("organizations-tree.json", tree(accounts)),
        ("organizations-policies.json", policies()),
        ("config-AWS_IAM_Role.json", results(roles.map(|role| role_row(role, taken_at)))),
        ("config-AWS_EC2_VPCEndpoint.json", results(endpoints)),
        ("config-AWS_EC2_VPC.json", results(vpcs.iter().map(|(account, vpc)| vpc_row(account, vpc, taken_at)))),
        ("config-AWS_S3_Bucket.json", results(buckets.map(|(account, bucket)| bucket_row(account, bucket, taken_at)))),
        ("s3_buckets.csv", WRITTEN.to_owned()),
    ]
    .into_iter()
    .map(|(name, text)| (PathBuf::from("inventory").join(name), text))
    .collect()
}

/// Lines in a list, one item to a line, so that a change shows as one.
fn lines(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("    {item}")).collect::<Vec<_>>().join(",\n")
}

fn list_of_accounts(accounts: &[Account]) -> String {
    let items = accounts.iter().map(|account| {
        format!(
            "{{\"Id\": \"{id}\", \"Arn\": \"arn:aws:organizations::{MANAGEMENT}:account/{ORGANIZATION_ID}/{id}\", \"Email\": \
             \"aws+{name}@palisade.example\", \"Name\": \"{name}\", \"Status\": \"ACTIVE\", \"JoinedMethod\": \"{method}\", \
             \"JoinedTimestamp\": \"2025-03-03T09:00:00.000000+00:00\"}}",
            id = account.id,
            name = account.name,
            method = if account.id == MANAGEMENT { "INVITED" } else { "CREATED" },
        )
    });
    format!("{{\n  \"Accounts\": [\n{}\n  ]\n}}\n", lines(items))
}

fn tree(accounts: &[Account]) -> String {
    let units = Unit::ALL
        .iter()
        .map(|unit| format!("{{\"id\": \"{}\", \"name\": \"{}\", \"parent_id\": \"{ROOT_ID}\"}}", unit.id(), unit.name()));
    let edges =
        accounts.iter().map(|account| format!("{{\"id\": \"{}\", \"parent_id\": \"{}\"}}", account.id, account.unit.id()));
    format!(
        "{{\n  \"roots\": [\n    {{\"id\": \"{ROOT_ID}\", \"name\": \"Root\"}}\n  ],\n  \"organizational_units\": [\n{}\n  ],\n  \
         \"accounts\": [\n{}\n  ]\n}}\n",
        lines(units),
        lines(edges)
    )
}

fn policies() -> String {
    let full = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let guard = r#"{"Version":"2012-10-17","Statement":[{"Sid":"NoLargeInstances","Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringLike":{"ec2:InstanceType":["p*","g*","trn*"]}}},{"Sid":"RatingsAreFrozen","Effect":"Deny","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:*:*:table/ratings"}]}"#;
    let edge = r#"{"Version":"2012-10-17","Statement":[{"Sid":"LabelsOnlyFromThePrinters","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::*/labels/*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalTag/team":"printers"}}}]}"#;
    let items = [
        ("p-FullAWSAccess", "FullAWSAccess", "SERVICE_CONTROL_POLICY", full, vec![ROOT_ID]),
        ("p-pal1deny", "guard-rails", "SERVICE_CONTROL_POLICY", guard, vec![Unit::Workloads.id(), Unit::Sandbox.id()]),
        ("p-RCPFullAWSAccess", "RCPFullAWSAccess", "RESOURCE_CONTROL_POLICY", full, vec![ROOT_ID]),
        ("p-pal2edge", "resource-edge", "RESOURCE_CONTROL_POLICY", edge, vec![Unit::Workloads.id()]),
    ]
    .into_iter()
    .map(|(id, name, kind, content, targets)| {
        let targets: Vec<String> = targets.iter().map(|target| text(target)).collect();
        format!(
            "{{\"id\": \"{id}\", \"name\": \"{name}\", \"type\": \"{kind}\", \"content\": {}, \"targets\": [{}]}}",
            text(content),
            targets.join(", ")
        )
    });
    format!("{{\n  \"policies\": [\n{}\n  ]\n}}\n", lines(items))
}

/// The response of an advanced query: each row is a JSON text.
fn results(rows: impl Iterator<Item = String>) -> String {
    format!(
        "{{\n  \"Results\": [\n{}\n  ],\n  \"QueryInfo\": {{\"SelectFields\": [{{\"Name\": \"*\"}}]}}\n}}\n",
        lines(rows.map(|row| text(&row)))
    )
}

fn tags(owner: Option<&str>) -> String {
    match owner {
        Some(owner) => format!("[{{\"key\":\"owner\",\"value\":\"{owner}\",\"tag\":\"owner={owner}\"}}]"),
        None => "[]".to_owned(),
    }
}

/// Percent-encoding, as IAM hands out trust policies: all but unreserved characters (RFC 3986).
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn trust_policy(role: &Role) -> String {
    let account = &role.account;
    let (principal, action) = match role.trust {
        Trust::Service(service) => (format!("{{\"Service\":\"{service}\"}}"), "sts:AssumeRole"),
        Trust::SecurityTooling(user) => (format!("{{\"AWS\":\"arn:aws:iam::{SECURITY_TOOLING}:{user}\"}}"), "sts:AssumeRole"),
        Trust::Principal(arn) => (format!("{{\"AWS\":\"{arn}\"}}"), "sts:AssumeRole"),
        Trust::People => {
            let provider = format!("arn:aws:iam::{account}:saml-provider/AWSSSO_{}_DO_NOT_DELETE", "3f9c2a7d41b8e605");
            (format!("{{\"Federated\":\"{provider}\"}}"), "sts:AssumeRoleWithSAML")
        }
        Trust::Provider(provider) => {
            let action = if provider.starts_with("saml") { "sts:AssumeRoleWithSAML" } else { "sts:AssumeRoleWithWebIdentity" };
            (format!("{{\"Federated\":\"arn:aws:iam::{account}:{provider}\"}}"), action)
        }
    };
    let condition = if action == "sts:AssumeRoleWithSAML" {
        ",\"Condition\":{\"StringEquals\":{\"SAML:aud\":\"https://signin.aws.amazon.com/saml\"}}"
    } else {
        ""
    };
    format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{principal},\"Action\":\"{action}\"{condition}}}]}}"
    )
}

fn role_row(role: &Role, taken_at: &str) -> String {
    let (arn, policy) = (role.arn(), encoded(&trust_policy(role)));
    format!(
        "{{\"accountId\":\"{account}\",\"awsRegion\":\"global\",\"resourceType\":\"AWS::IAM::Role\",\"resourceId\":\"{id}\",\
         \"resourceName\":\"{name}\",\"arn\":\"{arn}\",\"configurationItemCaptureTime\":\"{taken_at}\",\"configuration\":{{\"path\":\
         \"{path}\",\"roleName\":\"{name}\",\"roleId\":\"{id}\",\"arn\":\"{arn}\",\"createDate\":\"{CREATED}\",\
         \"assumeRolePolicyDocument\":\"{policy}\",\"rolePolicyList\":[],\"attachedManagedPolicies\":[]}},\"tags\":{tags}}}",
        account = role.account,
        id = role.id,
        name = role.name,
        path = role.path,
        tags = tags(role.owner),
    )
}

fn endpoint_row(account: &str, vpc: &Vpc, service: &str, id: &str, taken_at: &str) -> String {
    let region = vpc.region;
    let kind = if ["s3", "dynamodb"].contains(&service) { "Gateway" } else { "Interface" };
    let policy = "{\\\"Statement\\\":[{\\\"Action\\\":\\\"*\\\",\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":\\\"*\\\",\\\"Resource\\\":\\\"*\\\"}]}";
    format!(
        "{{\"accountId\":\"{account}\",\"awsRegion\":\"{region}\",\"resourceType\":\"AWS::EC2::VPCEndpoint\",\"resourceId\":\"{id}\",\
         \"arn\":\"arn:aws:ec2:{region}:{account}:vpc-endpoint/{id}\",\"configurationItemCaptureTime\":\"{taken_at}\",\"configuration\":\
         {{\"vpcEndpointId\":\"{id}\",\"vpcEndpointType\":\"{kind}\",\"vpcId\":\"{vpc}\",\"serviceName\":\"com.amazonaws.{region}.{service}\",\
         \"state\":\"available\",\"policyDocument\":\"{policy}\",\"ownerId\":\"{account}\"}},\"tags\":[]}}",
        vpc = vpc.id,
    )
}

fn vpc_row(account: &str, vpc: &Vpc, taken_at: &str) -> String {
    format!(
        "{{\"accountId\":\"{account}\",\"awsRegion\":\"{region}\",\"resourceType\":\"AWS::EC2::VPC\",\"resourceId\":\"{id}\",\
         \"arn\":\"arn:aws:ec2:{region}:{account}:vpc/{id}\",\"configurationItemCaptureTime\":\"{taken_at}\",\"configuration\":\
         {{\"vpcId\":\"{id}\",\"cidrBlock\":\"{prefix}.0.0/16\",\"ownerId\":\"{account}\",\"isDefault\":false,\"state\":\"available\"}},\
         \"tags\":[{{\"key\":\"Name\",\"value\":\"{name}\",\"tag\":\"Name={name}\"}}]}}",
        region = vpc.region,
        id = vpc.id,
        prefix = vpc.prefix,
        name = vpc.name,
    )
}

fn bucket_row(account: &str, bucket: &Bucket, taken_at: &str) -> String {
    let owner = Random::named(account).letters(HEX, 64);
    format!(
        "{{\"accountId\":\"{account}\",\"awsRegion\":\"{region}\",\"resourceType\":\"AWS::S3::Bucket\",\"resourceId\":\"{name}\",\
         \"resourceName\":\"{name}\",\"arn\":\"arn:aws:s3:::{name}\",\"configurationItemCaptureTime\":\"{taken_at}\",\"configuration\":\
         {{\"name\":\"{name}\",\"owner\":{{\"id\":\"{owner}\"}},\"creationDate\":\"{CREATED}\"}},\"tags\":{tags}}}",
        region = bucket.region,
        name = bucket.name,
        tags = tags(bucket.owner),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_policies_are_percent_encoded_as_iam_does() {
        assert_eq!(encoded("{\"a\": [1]}"), "%7B%22a%22%3A%20%5B1%5D%7D");
    }
}
