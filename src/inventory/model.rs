//! What an inventory snapshot knows: accounts, organizational units, policies, roles, endpoints and other resources.
//!
//! A field that is `None` (or a list that is `None`) is unknown: no file of the snapshot told it, or two files contradicted each
//! other. Unknown never means "no".

use std::collections::BTreeMap;

use super::trust_policy::AssumableBy;

/// Tag keys and values as recorded; keys are case-sensitive, as in AWS.
pub type Tags = BTreeMap<String, String>;

/// The resource types that have a shape of their own here. Every other type is a [`Resource`].
pub mod resource_types {
    pub const ACCOUNT: &str = "AWS::Organizations::Account";
    /// Roots, organizational units and where each account sits, by id.
    pub const TREE: &str = "AWS::Organizations::Tree";
    /// Service control policies, resource control policies and other policies of the organization.
    pub const POLICY: &str = "AWS::Organizations::Policy";
    pub const ROLE: &str = "AWS::IAM::Role";
    pub const USER: &str = "AWS::IAM::User";
    pub const VPC_ENDPOINT: &str = "AWS::EC2::VPCEndpoint";
    pub const VPC: &str = "AWS::EC2::VPC";
    pub const SUBNET: &str = "AWS::EC2::Subnet";
    /// A service that an account offers over PrivateLink.
    pub const VPC_ENDPOINT_SERVICE: &str = "AWS::EC2::VPCEndpointService";
    pub const BUCKET: &str = "AWS::S3::Bucket";
    /// What IAM Access Analyzer found to be open to the outside.
    pub const ACCESS_ANALYZER_FINDING: &str = "AWS::AccessAnalyzer::Finding";
    /// The same as Security Hub keeps it.
    pub const SECURITY_HUB_FINDING: &str = "AWS::SecurityHub::Finding";
}

/// A member account of the organization, or an account of a partner's organization that the snapshot describes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    pub name: Option<String>,
    /// `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE` …, as AWS Organizations tells it.
    pub status: Option<String>,
    pub tags: Tags,
    /// Names from the root to the parent of the account, `Root/Workloads/Prod`. An organizational unit whose name is unknown
    /// stands there with its id. `None` when it is unknown where the account sits.
    pub organizational_unit_path: Option<String>,
    /// Ids from the root (`r-…`) to the parent of the account (`ou-…`). Empty when it is unknown where the account sits.
    pub parents: Vec<String>,
    /// The organization that the account belongs to; `None` when the snapshot does not name any organization.
    pub organization_id: Option<String>,
}

/// A root or an organizational unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationalUnit {
    /// `r-…` or `ou-…`.
    pub id: String,
    pub name: Option<String>,
    /// `None` for a root, and where the parent is unknown.
    pub parent_id: Option<String>,
}

/// A policy of the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationPolicy {
    /// `p-…`.
    pub id: String,
    pub name: Option<String>,
    /// `SERVICE_CONTROL_POLICY`, `RESOURCE_CONTROL_POLICY` …
    pub policy_type: Option<String>,
    /// Maintained by AWS, such as `FullAWSAccess`.
    pub aws_managed: bool,
    /// The policy document, as JSON text.
    pub content: Option<String>,
    /// Ids of the roots, organizational units and accounts that it is attached to, sorted. `None` when no file tells them.
    pub targets: Option<Vec<String>>,
}

/// An IAM role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    /// The unique id, `AROA…`; CloudTrail's `principalId` before the colon.
    pub role_id: Option<String>,
    /// The account in the ARN.
    pub account_id: String,
    /// `/` or `/a/b/`, from the ARN.
    pub path: String,
    pub tags: Tags,
    /// Did a file tell the tags? If not, there may be others.
    pub tags_are_known: bool,
    /// The trust policy as compact JSON text.
    pub trust_policy: Option<String>,
    pub facts: RoleFacts,
}

impl Role {
    /// Who the trust policy lets in, for the `assumable_by` column of a finding: short, sorted, the same in every run.
    /// `None` when the trust policy is unknown; `nobody` when it lets nobody in.
    pub fn assumable_by_text(&self) -> Option<String> {
        self.facts.assumable_by.as_deref().map(super::trust_policy::describe_assumable_by)
    }
}

/// What follows from a role's ARN and trust policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleFacts {
    /// Sorted, without duplicates. Empty: the trust policy lets nobody in. `None`: the trust policy is unknown.
    pub assumable_by: Option<Vec<AssumableBy>>,
    /// Not service-linked, and an AWS service may assume it. `None`: the trust policy is unknown (and it is not service-linked).
    pub service_role: Option<bool>,
    /// Created by an AWS service under the reserved path `/aws-service-role/`, in any partition.
    pub service_linked: bool,
}

/// A VPC endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VpcEndpoint {
    /// `vpce-…`.
    pub id: String,
    pub vpc_id: Option<String>,
    /// `Interface`, `Gateway`, `GatewayLoadBalancer` …
    pub endpoint_type: Option<String>,
    /// `com.amazonaws.eu-west-1.s3`, `cn.com.amazonaws.…` or the name of an endpoint service.
    pub service_name: Option<String>,
    pub owner_account_id: Option<String>,
    pub region: Option<String>,
    /// The endpoint policy as JSON text.
    pub policy: Option<String>,
    pub tags: Tags,
}

/// Any other resource: buckets, VPCs, users, queues, keys …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    pub arn: String,
    /// CloudFormation-style, `AWS::SQS::Queue`.
    pub resource_type: String,
    /// The owner.
    pub account_id: Option<String>,
    pub region: Option<String>,
    /// The bucket's name, the id of the VPC or subnet, the user's name …
    pub name: Option<String>,
    /// Of a subnet: its VPC.
    pub vpc_id: Option<String>,
    pub tags: Tags,
    /// Its configuration as AWS Config records it, as compact JSON text; as much of it as was asked for.
    pub configuration: Option<String>,
    /// Did a file tell the tags? If not, there may be others.
    pub tags_are_known: bool,
}

/// One line of what a snapshot holds: a resource type, how much of it, from when, and where it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeSummary {
    pub resource_type: String,
    /// Rows that are kept, contradictions included.
    pub count: u64,
    /// RFC 3339, UTC: the oldest and the newest time at which AWS Config captured a row, else the time that `snapshot.json` tells.
    pub taken_from: Option<String>,
    pub taken_to: Option<String>,
    /// Relative to the folder, with `/`, sorted.
    pub files: Vec<String>,
    /// False when a file of this type broke off, had rows that could not be read, or tells that more pages exist: what is not
    /// found may then exist all the same.
    pub complete: bool,
}
