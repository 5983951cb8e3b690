//! The shape of `perimeter.yaml`, declared once: the known keys and the JSON Schema come from these types, and their
//! documentation is what an editor shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// What an organization trusts, expects and accepts: the definition of its data perimeter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Palisade perimeter definition", rename = "Perimeter")]
pub struct PerimeterFile {
    /// Version of this format.
    pub version: Option<Version>,
    /// Holds for every account.
    pub baseline: Option<Section>,
    /// Sections of single accounts, by account id. Their lists are added to those of the baseline.
    pub accounts: Option<BTreeMap<AccountId, Option<Section>>>,
    /// Sections of single resources, by ARN pattern. Their lists are added to those of the account, for that resource only.
    pub resources: Option<BTreeMap<ArnPattern, Option<Section>>>,
    /// Named groups of organizational units whose accounts may reach each other, by name: ids of organizational units or the root.
    pub organizational_unit_boundaries: Option<BTreeMap<String, Option<Vec<OrganizationalUnitId>>>>,
    /// Resources that AWS services own and that a perimeter must let through.
    pub aws_owned_resources: Option<AwsOwned>,
    /// Tag keys that name the owner of a role or resource; the first that is found wins. Not case-sensitive. Default: owner, team.
    pub owner_tags: Option<Vec<String>>,
    /// Known crossings that are accepted for a while.
    pub exceptions: Option<Vec<ExceptionEntry>>,
}

/// What is trusted and expected. A list that is absent or empty trusts nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Principals outside the organization that may reach its resources.
    pub trusted_identities: Option<TrustedIdentities>,
    /// Resources outside the organization that its principals may reach.
    pub trusted_resources: Option<TrustedResources>,
    /// Networks that the organization's principals call from.
    pub expected_networks: Option<ExpectedNetworks>,
    /// Principals that a perimeter does not bind, by perimeter.
    pub exempt_principals: Option<ExemptPrincipals>,
    /// Roles that people use, by ARN of the role.
    pub human_roles: Option<Vec<ArnPattern>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedIdentities {
    /// Ids of other organizations. Usable where the inventory knows their accounts.
    pub organizations: Option<Vec<OrganizationId>>,
    /// Accounts of which every principal is trusted.
    pub accounts: Option<Vec<AccountId>>,
    /// ARNs of roles or users, or unique ids.
    pub principals: Option<Vec<PrincipalPattern>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedResources {
    /// Accounts of which every resource is trusted.
    pub accounts: Option<Vec<AccountId>>,
    /// ARNs of single resources.
    pub arns: Option<Vec<ArnPattern>>,
    /// Buckets, each with the account that must own it.
    pub buckets: Option<Vec<Bucket>>,
}

/// A bucket name is no proof of its owner: anyone can take a name that is free.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The whole name; `*` is any run of characters, `?` exactly one.
    pub name: String,
    /// The account that must own it, or `unknown`: then a match stays undetermined.
    pub owner: Owner,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedNetworks {
    /// Public addresses, IPv4 or IPv6: a CIDR, or a CIDR and a name.
    pub cidrs: Option<Vec<CidrEntry>>,
    /// VPC ids.
    pub vpcs: Option<Vec<VpcId>>,
    /// VPC endpoint ids.
    pub vpc_endpoints: Option<Vec<VpcEndpointId>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedCidr {
    pub cidr: String,
    /// Shown in reports in place of the CIDR.
    pub name: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExemptPrincipals {
    pub network: Option<PrincipalList>,
    pub resource: Option<PrincipalList>,
    pub identity: Option<PrincipalList>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalList {
    pub accounts: Option<Vec<AccountId>>,
    pub principals: Option<Vec<PrincipalPattern>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsOwned {
    /// Use the list that Palisade comes with. Default: true.
    pub built_in: Option<bool>,
    /// Entries of your own; they take precedence.
    pub additional: Option<Vec<AwsOwnedEntry>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsOwnedEntry {
    /// The service that owns it, such as `Amazon EMR`.
    pub service: String,
    pub arn: ArnPattern,
    /// Accounts that are known to own it. Without them a match is evidence by name only.
    pub owners: Option<Vec<AccountId>>,
    /// Who signs the call. Default: caller.
    pub access: Option<Access>,
    /// Policy types that need an exception for it. Default: both.
    pub excepted_in: Option<Vec<PolicyType>>,
}

/// Who signs the calls to a resource that AWS owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// A user or role of the organization.
    Caller,
    /// A service with a role of the organization.
    ServiceRole,
    /// A service with the caller's credentials (forward access session).
    ForwardAccess,
    /// The service itself, in a URL that the organization's network uses.
    Presigned,
    /// Nobody.
    Unauthenticated,
}

impl Access {
    pub const ALL: [Access; 5] =
        [Access::Caller, Access::ServiceRole, Access::ForwardAccess, Access::Presigned, Access::Unauthenticated];

    /// The name as files and [`super::model::AwsOwnedResource::access`] have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Caller => "caller",
            Access::ServiceRole => "service_role",
            Access::ForwardAccess => "forward_access",
            Access::Presigned => "presigned",
            Access::Unauthenticated => "unauthenticated",
        }
    }
}

/// A policy type that needs an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// Service control policy.
    Scp,
    /// VPC endpoint policy.
    Vpce,
}

impl PolicyType {
    pub const ALL: [PolicyType; 2] = [PolicyType::Scp, PolicyType::Vpce];

    /// The name as files and [`super::model::AwsOwnedResource::excepted_in`] have it.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyType::Scp => "scp",
            PolicyType::Vpce => "vpce",
        }
    }
}

/// A known crossing. It applies to findings that meet everything in its scope, through the day it expires.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exception")]
pub struct ExceptionEntry {
    /// Unique in this file; shown in reports.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it applies, `YYYY-MM-DD`. Without it the exception never expires.
    pub expires: Option<DateText>,
    pub scope: Scope,
}

/// At least one key. Patterns: `*` is any run of characters, `?` exactly one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Name of the query, as a pattern.
    pub query: Option<String>,
    pub perimeter: Option<PerimeterName>,
    /// The account whose trail recorded the call.
    pub account: Option<AccountId>,
    pub principal: Option<PrincipalPattern>,
    pub resource: Option<ArnPattern>,
    /// Service such as `s3.amazonaws.com`, as a pattern.
    pub event_source: Option<String>,
    /// API operation, as a pattern.
    pub event_name: Option<String>,
    /// CIDR that the call came from.
    pub source_network: Option<String>,
    pub vpc_endpoint: Option<VpcEndpointId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PerimeterName {
    Identity,
    Resource,
    Network,
}

/// A text with a schema of its own.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_type!(
    /// Twelve digits. Unquoted it is a number to other YAML readers, so the schema allows that, too.
    AccountId, {
        "description": "AWS account id: 12 digits",
        "anyOf": [
            { "type": "string", "pattern": "^[0-9]{12}$" },
            { "type": "integer", "minimum": 0, "maximum": 999_999_999_999_i64 }
        ]
    }
);
text_type!(
    /// A pattern on ARNs.
    ArnPattern, {
        "type": "string",
        "description": "The whole ARN; `*` is any run of characters, `?` exactly one",
        "pattern": "^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$"
    }
);
text_type!(
    /// A pattern on ARNs of roles and users, or on unique ids.
    PrincipalPattern, {
        "type": "string",
        "description": "ARN of a role or user, or unique id; `*` is any run of characters, `?` exactly one",
        "pattern": "^(arn:[^:]+:[^:]+:[^:]*:[^:]*:.+|A[A-Z0-9*?]{4,})$"
    }
);
text_type!(
    /// The id of an organization.
    OrganizationId, { "type": "string", "pattern": "^o-[a-z0-9-]+$" }
);
text_type!(
    /// The id of an organizational unit or of the root.
    OrganizationalUnitId, { "type": "string", "pattern": "^(ou|r)-[a-z0-9-]+$" }
);
text_type!(
    /// The id of a VPC.
    VpcId, { "type": "string", "pattern": "^vpc-[a-z0-9-]+$" }
);
text_type!(
    /// The id of a VPC endpoint.
    VpcEndpointId, { "type": "string", "pattern": "^vpce-[a-z0-9-]+$" }
);
text_type!(
    /// A calendar date.
    DateText, { "type": "string", "format": "date" }
);
text_type!(
    /// An account id or `unknown`.
    Owner, {
        "anyOf": [
            { "type": "string", "pattern": "^([0-9]{12}|unknown)$" },
            { "type": "integer", "minimum": 0, "maximum": 999_999_999_999_i64 }
        ]
    }
);

/// The version of the format: 1.
#[derive(Debug, Deserialize)]
pub struct Version(pub u32);

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "const": 1 })
    }
}

/// A CIDR, or a CIDR and a name.
#[derive(Debug, Deserialize)]
pub struct CidrEntry(pub String);

impl JsonSchema for CidrEntry {
    fn schema_name() -> Cow<'static, str> {
        "CidrEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let named = generator.subschema_for::<NamedCidr>();
        json_schema!({ "anyOf": [{ "type": "string" }, named] })
    }
}
