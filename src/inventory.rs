//! The inventory: which accounts, roles, endpoints and resources exist, and who owns them.
//!
//! An [`Inventory`] is read from a snapshot folder: raw output of the AWS command line, tables written by hand, or both. It keeps
//! what is known apart from what is not: a resource type that no file speaks of is *not provided*, and two files that contradict
//! each other leave the fact unknown, with a warning. Only [`aws`] asks AWS, and
//! writes such a folder.

#[cfg(not(fuzzing))]
pub mod aws;
pub mod diff;
pub mod model;
pub mod trust_policy;

mod api_rows;
mod builder;
mod config_rows;
mod csv_table;
mod documents;
mod fact;
mod file_name;
mod files;
mod kind;
mod reading;
#[cfg(not(fuzzing))]
pub mod relations;
mod settle;
mod values;
mod warnings;
mod written_rows;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::findings::AccessFindings;

pub use model::{
    Account, OrganizationPolicy, OrganizationalUnit, Resource, Role, RoleFacts, Tags, TypeSummary, VpcEndpoint, resource_types,
};
pub use trust_policy::AssumableBy;

/// Why a snapshot folder cannot be used at all. What is wrong with single files and rows is a warning of the [`Inventory`].
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("inventory {}: cannot be read: {source}; name a folder with snapshot files", folder.display())]
    Unreadable { folder: PathBuf, source: std::io::Error },
    #[error("inventory {}: holds no usable file{}; expected files such as organizations-list-accounts.json, config-AWS_IAM_Role.json or s3_buckets.csv", folder.display(), details)]
    NothingUseful { folder: PathBuf, details: String },
    #[error(
        "{file}: schema_version is {found}, but this version of Palisade reads {expected}; use a newer Palisade or write the snapshot again"
    )]
    SchemaVersion { file: String, found: String, expected: u64 },
}

/// What exists, from a snapshot folder. Lookups take constant time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// `o-…`; `None` when no file tells it or when files contradict each other.
    pub organization_id: Option<String>,
    pub management_account_id: Option<String>,
    /// RFC 3339, UTC, from `snapshot.json`.
    pub taken_at: Option<String>,
    /// Of names and contents of the files that were read, 64 hexadecimal digits. Empty without a folder.
    pub sha256: String,
    /// What was left out, padded or contradictory, each as one sentence with file and row. Sorted by file.
    pub warnings: Vec<String>,
    /// Rows that could not be used.
    pub skipped_rows: u64,
    accounts: Vec<Account>,
    account_of_id: HashMap<String, usize>,
    partner_accounts: BTreeMap<String, Account>,
    organizational_units: BTreeMap<String, OrganizationalUnit>,
    policies: Vec<OrganizationPolicy>,
    roles: Vec<Role>,
    role_of_id: HashMap<String, usize>,
    role_of_arn: HashMap<String, usize>,
    vpc_endpoints: Vec<VpcEndpoint>,
    vpc_endpoint_of_id: HashMap<String, usize>,
    resources: Vec<Resource>,
    resource_of_arn: HashMap<String, usize>,
    bucket_of_name: HashMap<String, usize>,
    vpc_of_id: HashMap<String, usize>,
    subnet_of_id: HashMap<String, usize>,
    access_findings: AccessFindings,
    types: Vec<TypeSummary>,
}

impl Inventory {
    /// Nothing is known and nothing is provided.
    pub fn empty() -> Inventory {
        Inventory::default()
    }

    /// Reads every `.json` and `.csv` file below `folder`.
    ///
    /// # Errors
    /// When the folder cannot be read, holds nothing that is recognised, or was written for a newer Palisade. Everything less is
    /// in [`Inventory::warnings`].
    pub fn load(folder: &Path) -> Result<Inventory, InventoryError> {
        files::load(folder)
    }

    /// The same for files that are in memory: pairs of file name and text.
    ///
    /// # Errors
    /// As [`Inventory::load`].
    pub fn from_texts(files: &[(&str, &str)]) -> Result<Inventory, InventoryError> {
        files::from_texts(files)
    }

    /// Does a file of the snapshot speak of this type, even with zero rows? If not, whatever depends on it is undetermined.
    pub fn provides(&self, resource_type: &str) -> bool {
        self.type_summary(resource_type).is_some()
    }

    /// Is the type provided, and were all its files read to the end? If not, "not found" does not mean "does not exist".
    pub fn complete(&self, resource_type: &str) -> bool {
        self.type_summary(resource_type).is_some_and(|summary| summary.complete)
    }

    fn type_summary(&self, resource_type: &str) -> Option<&TypeSummary> {
        self.types
            .binary_search_by(|summary| summary.resource_type.as_str().cmp(resource_type))
            .ok()
            .and_then(|index| self.types.get(index))
    }

    /// What the snapshot holds, one row per type, sorted by type.
    pub fn describe(&self) -> &[TypeSummary] {
        &self.types
    }

    /// The accounts of the organization, sorted by id.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// An account of the organization. `None` for every other account; see [`Inventory::organization_of`] for partners.
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.account_of_id.get(id).and_then(|index| self.accounts.get(*index))
    }

    /// The id of the organization that an account belongs to: this one, or a partner's whose accounts the snapshot lists too.
    pub fn organization_of(&self, account_id: &str) -> Option<&str> {
        match self.account(account_id) {
            Some(account) => account.organization_id.as_deref().or(self.organization_id.as_deref()),
            None => self.partner_accounts.get(account_id).and_then(|account| account.organization_id.as_deref()),
        }
    }

    /// Ids of the root and the organizational units above an account, root first. `None` when the tree is not provided, does not
    /// know the account, or contradicts itself about it.
    pub fn organizational_units_of(&self, account_id: &str) -> Option<&[String]> {
        self.account(account_id).map(|account| account.parents.as_slice()).filter(|parents| !parents.is_empty())
    }

    /// Roots and organizational units, sorted by id.
    pub fn organizational_units(&self) -> impl Iterator<Item = &OrganizationalUnit> {
        self.organizational_units.values()
    }

    pub fn organizational_unit(&self, id: &str) -> Option<&OrganizationalUnit> {
        self.organizational_units.get(id)
    }

    /// The policies of the organization, sorted by id.
    pub fn policies(&self) -> impl Iterator<Item = &OrganizationPolicy> {
        self.policies.iter()
    }

    /// Roles, sorted by ARN and id.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter()
    }

    /// By unique id, `AROA…`, without a session name.
    pub fn role_by_id(&self, role_id: &str) -> Option<&Role> {
        self.role_of_id.get(role_id).and_then(|index| self.roles.get(*index))
    }

    /// By the ARN of the role (not of a session).
    pub fn role_by_arn(&self, arn: &str) -> Option<&Role> {
        self.role_of_arn.get(arn).and_then(|index| self.roles.get(*index))
    }

    /// VPC endpoints, sorted by id.
    pub fn vpc_endpoints(&self) -> impl Iterator<Item = &VpcEndpoint> {
        self.vpc_endpoints.iter()
    }

    pub fn vpc_endpoint(&self, id: &str) -> Option<&VpcEndpoint> {
        self.vpc_endpoint_of_id.get(id).and_then(|index| self.vpc_endpoints.get(*index))
    }

    /// Buckets, VPCs, subnets and every other resource that is neither a role nor a VPC endpoint, sorted by ARN.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// By ARN, exactly. Not for roles and VPC endpoints, which have their own lookups.
    pub fn resource(&self, arn: &str) -> Option<&Resource> {
        self.resource_of_arn.get(arn).and_then(|index| self.resources.get(*index))
    }

    /// The ARNs of roles and resources that begin so, each list in its order. Both are sorted: nothing else is looked at.
    pub fn arns_starting<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        let roles = self.roles.get(self.roles.partition_point(|role| role.arn.as_str() < start)..).unwrap_or_default();
        let first = self.resources.partition_point(|resource| resource.arn.as_str() < start);
        let resources = self.resources.get(first..).unwrap_or_default();
        let roles = roles.iter().map(|role| role.arn.as_str()).take_while(move |arn| arn.starts_with(start));
        roles.chain(resources.iter().map(|resource| resource.arn.as_str()).take_while(move |arn| arn.starts_with(start)))
    }

    /// What the resources of the organization let in from outside, as analyzers found it.
    pub fn access_findings(&self) -> &AccessFindings {
        &self.access_findings
    }

    pub fn bucket(&self, name: &str) -> Option<&Resource> {
        self.bucket_of_name.get(name).and_then(|index| self.resources.get(*index))
    }

    pub fn vpc(&self, id: &str) -> Option<&Resource> {
        self.vpc_of_id.get(id).and_then(|index| self.resources.get(*index))
    }

    pub fn subnet(&self, id: &str) -> Option<&Resource> {
        self.subnet_of_id.get(id).and_then(|index| self.resources.get(*index))
    }
}
