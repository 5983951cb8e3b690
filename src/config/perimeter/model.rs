//! The perimeter definition, resolved: what an account trusts, with baseline, account and resource sections merged.

use ipnet::IpNet;

use crate::pattern::Pattern;

/// What one account (or one of its resources) trusts and expects. Lists of the baseline, of the account and of the resource are
/// concatenated; an empty list trusts nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trust {
    pub trusted_identities: TrustedIdentities,
    pub trusted_resources: TrustedResources,
    pub expected_networks: ExpectedNetworks,
    /// Principals that a perimeter does not bind at all (by ARN of the role or user, or unique id), by perimeter.
    pub exempt_principals: ExemptPrincipals,
    /// Roles that people use, by role ARN.
    pub human_roles: Vec<Pattern>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrustedIdentities {
    /// Ids of other organizations whose principals are trusted. Usable only where the inventory knows their accounts.
    pub organizations: Vec<String>,
    /// Exact account ids.
    pub accounts: Vec<String>,
    /// Patterns on the role or user ARN, or on the unique id.
    pub principals: Vec<Pattern>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrustedResources {
    /// Exact account ids: everything that they own is trusted.
    pub accounts: Vec<String>,
    pub arns: Vec<Pattern>,
    pub buckets: Vec<TrustedBucket>,
}

/// A bucket name is no proof of its owner: anyone can take a name that fits a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustedBucket {
    pub name: Pattern,
    /// The account that must own it. `None` only where the definition says `owner: unknown`.
    pub owner: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpectedNetworks {
    pub cidrs: Vec<NamedNetwork>,
    /// Exact VPC ids.
    pub vpcs: Vec<String>,
    /// Exact VPC endpoint ids.
    pub vpc_endpoints: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NamedNetwork {
    pub network: IpNet,
    /// The CIDR itself when the definition gives no name.
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExemptPrincipals {
    pub network: PrincipalList,
    pub resource: PrincipalList,
    pub identity: PrincipalList,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrincipalList {
    pub accounts: Vec<String>,
    pub principals: Vec<Pattern>,
}

/// A resource that AWS owns and that a perimeter must let through.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsOwnedResource {
    /// The service that owns it, such as `AWS Systems Manager`.
    pub service: String,
    /// Anchored; `arn:aws:s3:::` … or another service's ARN, placeholders already turned into wildcards.
    pub arn: Pattern,
    /// Accounts known to own it. Empty when AWS does not publish them.
    pub owners: Vec<String>,
    /// `caller`, `service_role`, `forward_access`, `presigned` or `unauthenticated`: who signs the call. Two ways are joined by `+`.
    pub access: String,
    /// Policy types that need an exception for it: `scp`, `vpce`.
    pub excepted_in: Vec<String>,
}

/// A known crossing that the organization accepts for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    /// The last day on which it applies; `None` never expires.
    pub expires: Option<jiff::civil::Date>,
    pub scope: ExceptionScope,
}

/// All that is given must match; what is `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExceptionScope {
    pub query: Option<Pattern>,
    /// `identity`, `resource` or `network`.
    pub perimeter: Option<String>,
    /// The account whose trail recorded the call.
    pub account: Option<String>,
    pub principal: Option<Pattern>,
    pub resource: Option<Pattern>,
    pub event_source: Option<Pattern>,
    pub event_name: Option<Pattern>,
    pub source_network: Option<IpNet>,
    pub vpc_endpoint: Option<String>,
}
