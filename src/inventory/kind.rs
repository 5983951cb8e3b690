//! What the rows of a file are: by the name of their list, by their own content, by the name of the file.

use serde_json::Value;

use super::file_name::FileName;
use super::model::resource_types;
use super::values::text;
use super::written_rows::Table;

/// What the rows of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Config,
    Account,
    /// A description of one account is no list of the organization.
    OneAccount,
    Unit,
    Child,
    Parent,
    Target,
    Policy,
    VpcEndpoint,
    Vpc,
    Subnet,
    Role,
    User,
    /// Of IAM Access Analyzer.
    AccessFinding,
    Analyzer,
    SecurityHubFinding,
    Written(Table),
    /// Each row tells by itself.
    ByContent,
}

impl Kind {
    /// By the name of a list in a document.
    pub(super) fn of_list(list: &str) -> Option<Kind> {
        Some(match list {
            "" => Kind::ByContent,
            "Results" | "configurationItems" | "ConfigurationItems" | "baseConfigurationItems" | "BaseConfigurationItems" => {
                Kind::Config
            }
            "Accounts" => Kind::Account,
            "Roots" | "OrganizationalUnits" => Kind::Unit,
            "Children" => Kind::Child,
            "Parents" => Kind::Parent,
            "Targets" => Kind::Target,
            "Policies" => Kind::Policy,
            "VpcEndpoints" => Kind::VpcEndpoint,
            "Vpcs" => Kind::Vpc,
            "Subnets" => Kind::Subnet,
            "Roles" | "RoleDetailList" => Kind::Role,
            "Users" | "UserDetailList" => Kind::User,
            "findings" => Kind::AccessFinding,
            "analyzers" => Kind::Analyzer,
            "Findings" => Kind::SecurityHubFinding,
            written if written.starts_with(|c: char| c.is_ascii_lowercase()) => Kind::Written(Table::from_name(written)?),
            _ => return None,
        })
    }

    /// By what only one kind of row has.
    pub(super) fn of_row(row: &Value) -> Option<Kind> {
        let has = |key: &str| row.get(key).is_some();
        let is_account = || text(row, "Arn").is_some_and(|arn| arn.contains(":organizations:") && arn.contains(":account/"));
        // Findings have a resourceType, as configuration items do.
        Some(if has("findingDetails") || (has("resourceOwnerAccount") && has("analyzedAt")) {
            Kind::AccessFinding
        } else if row.is_string() || has("resourceType") || has("configuration") {
            Kind::Config
        } else if has("ProductArn") && has("SchemaVersion") {
            Kind::SecurityHubFinding
        } else if has("VpcEndpointId") {
            Kind::VpcEndpoint
        } else if has("AssumeRolePolicyDocument") || (has("RoleId") && has("Arn")) {
            Kind::Role
        } else if has("SubnetId") && has("CidrBlock") {
            Kind::Subnet
        } else if has("VpcId") && has("CidrBlock") {
            Kind::Vpc
        } else if has("UserId") && has("Arn") {
            Kind::User
        } else if has("Id") && is_account() {
            Kind::Account
        } else if has("PolicySummary") {
            Kind::Policy
        } else {
            return None;
        })
    }

    /// Documents that hold one thing, by the key that holds it.
    pub(super) const SINGLE: [(&str, Kind); 7] = [
        ("finding", Kind::AccessFinding),
        ("Account", Kind::OneAccount),
        ("OrganizationalUnit", Kind::Unit),
        ("Policy", Kind::Policy),
        ("Role", Kind::Role),
        ("ConfigurationItem", Kind::Config),
        ("configurationItem", Kind::Config),
    ];

    /// The resource types that a file with such a list speaks of, even when the list is empty.
    pub(super) fn types(self, name: &FileName) -> Vec<String> {
        let types: &[&str] = match self {
            Kind::Config => return name.resource_type.iter().cloned().collect(),
            // The accounts of one parent are not all accounts.
            Kind::Account if name.for_parent => &[resource_types::TREE],
            Kind::Account => &[resource_types::ACCOUNT],
            Kind::Unit | Kind::Child | Kind::Parent => &[resource_types::TREE],
            Kind::Target => &[resource_types::POLICY],
            // The policies of IAM are printed under the same name.
            Kind::Policy if name.organizations => &[resource_types::POLICY],
            Kind::OneAccount | Kind::Policy => &[],
            Kind::VpcEndpoint => &[resource_types::VPC_ENDPOINT],
            Kind::Vpc => &[resource_types::VPC],
            Kind::Subnet => &[resource_types::SUBNET],
            Kind::Role => &[resource_types::ROLE],
            Kind::User => &[resource_types::USER],
            // Other commands of Access Analyzer call their lists so too.
            Kind::AccessFinding if !name.lists_findings => &[],
            Kind::AccessFinding => &[resource_types::ACCESS_ANALYZER_FINDING],
            Kind::SecurityHubFinding => &[resource_types::SECURITY_HUB_FINDING],
            Kind::Analyzer => &[],
            Kind::Written(table) => table.types(),
            Kind::ByContent => name.table.map_or(&[], Table::types),
        };
        types.iter().map(|resource_type| (*resource_type).to_owned()).collect()
    }

    /// What only the name of the file can tell, and does not.
    pub(super) fn needs_in_name(self, name: &FileName) -> Option<&'static str> {
        let (missing, example) = match self {
            Kind::Child => (name.parent.is_none(), "the parent, such as organizations-list-children-ou-ab12-11111111.json"),
            Kind::Account | Kind::Unit => {
                (name.for_parent && name.parent.is_none(), "the parent, such as …-for-parent-ou-ab12-11111111.json")
            }
            Kind::Parent => (name.child.is_none(), "the child, such as organizations-list-parents-111122223333.json"),
            Kind::Target => {
                (name.policy.is_none(), "the policy, such as organizations-list-targets-for-policy-p-12ab34cd.json")
            }
            _ => (false, ""),
        };
        missing.then_some(example)
    }
}
