//! Condition keys that every service may be asked for, and what AWS says of them.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>, as of 2026-11-22.

/// The day on which the table was taken from the documentation.
pub const AS_OF: &str = "2026-11-22";

/// The type of a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    Arn,
    String,
    Bool,
    Numeric,
    Date,
    IpAddress,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalKey {
    /// In canonical case; `…/*` stands for any tag key.
    pub name: &'static str,
    pub value_type: KeyType,
    pub multivalued: bool,
}

const fn key(name: &'static str, value_type: KeyType, multivalued: bool) -> GlobalKey {
    GlobalKey { name, value_type, multivalued }
}

/// Every global key, and the keys of services that count as global.
pub const GLOBAL_KEYS: [GlobalKey; 62] = [
    key("aws:PrincipalArn", KeyType::Arn, false),
    key("aws:PrincipalAccount", KeyType::String, false),
    key("aws:PrincipalOrgID", KeyType::String, false),
    key("aws:PrincipalOrgPaths", KeyType::String, true),
    key("aws:PrincipalTag/*", KeyType::String, false),
    key("aws:PrincipalIsAWSService", KeyType::Bool, false),
    key("aws:PrincipalServiceName", KeyType::String, false),
    key("aws:PrincipalServiceNamesList", KeyType::String, true),
    key("aws:PrincipalType", KeyType::String, false),
    key("aws:userid", KeyType::String, false),
    key("aws:username", KeyType::String, false),
    key("aws:AssumedRoot", KeyType::Bool, false),
    key("aws:FederatedProvider", KeyType::String, false),
    key("aws:TokenIssueTime", KeyType::Date, false),
    key("aws:SignInSessionArn", KeyType::Arn, false),
    key("aws:MultiFactorAuthAge", KeyType::Numeric, false),
    key("aws:MultiFactorAuthPresent", KeyType::Bool, false),
    key("aws:ChatbotSourceArn", KeyType::Arn, false),
    key("aws:Ec2InstanceSourceVpc", KeyType::String, false),
    key("aws:Ec2InstanceSourcePrivateIPv4", KeyType::IpAddress, false),
    key("aws:SourceIdentity", KeyType::String, false),
    key("aws:ViaCustomerDomain", KeyType::String, false),
    key("ec2:RoleDelivery", KeyType::Numeric, false),
    key("ec2:SourceInstanceArn", KeyType::Arn, false),
    key("glue:RoleAssumedBy", KeyType::String, false),
    key("glue:CredentialIssuingService", KeyType::String, false),
    key("codebuild:BuildArn", KeyType::Arn, false),
    key("codebuild:ProjectArn", KeyType::Arn, false),
    key("lambda:SourceFunctionArn", KeyType::Arn, false),
    key("ssm:SourceInstanceArn", KeyType::Arn, false),
    key("identitystore:UserId", KeyType::String, false),
    key("aws:SourceIp", KeyType::IpAddress, false),
    key("aws:SourceVpc", KeyType::String, false),
    key("aws:SourceVpcArn", KeyType::Arn, false),
    key("aws:SourceVpce", KeyType::String, false),
    key("aws:VpceAccount", KeyType::String, false),
    key("aws:VpceOrgID", KeyType::String, false),
    key("aws:VpceOrgPaths", KeyType::String, true),
    key("aws:VpcSourceIp", KeyType::IpAddress, false),
    key("aws:ResourceAccount", KeyType::String, false),
    key("aws:ResourceOrgID", KeyType::String, false),
    key("aws:ResourceOrgPaths", KeyType::String, true),
    key("aws:ResourceTag/*", KeyType::String, false),
    key("aws:CalledVia", KeyType::String, true),
    key("aws:CalledViaFirst", KeyType::String, false),
    key("aws:CalledViaLast", KeyType::String, false),
    key("aws:CalledViaAWSMCP", KeyType::String, false),
    key("aws:ViaAWSService", KeyType::Bool, false),
    key("aws:ViaAWSMCPService", KeyType::Bool, false),
    key("aws:IsMcpServiceAction", KeyType::Bool, false),
    key("aws:CurrentTime", KeyType::Date, false),
    key("aws:EpochTime", KeyType::Date, false),
    key("aws:referer", KeyType::String, false),
    key("aws:RequestedRegion", KeyType::String, false),
    key("aws:RequestTag/*", KeyType::String, false),
    key("aws:TagKeys", KeyType::String, true),
    key("aws:SecureTransport", KeyType::Bool, false),
    key("aws:SourceAccount", KeyType::String, false),
    key("aws:SourceArn", KeyType::Arn, false),
    key("aws:SourceOrgID", KeyType::String, false),
    key("aws:SourceOrgPaths", KeyType::String, true),
    key("aws:UserAgent", KeyType::String, false),
];

/// Keys whose values are ids that AWS assigns: a wildcard in them has no valid use.
pub const ID_KEYS: [&str; 10] = [
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
];

/// The key of that name, in any case; tag keys by their prefix.
pub fn find(name: &str) -> Option<&'static GlobalKey> {
    GLOBAL_KEYS.iter().find(|key| match key.name.strip_suffix('*') {
        Some(prefix) => name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
        None => key.name.eq_ignore_ascii_case(name),
    })
}

/// Is it a key whose values are ids that AWS assigns?
pub fn is_id_key(name: &str) -> bool {
    ID_KEYS.iter().any(|key| key.eq_ignore_ascii_case(name))
}
