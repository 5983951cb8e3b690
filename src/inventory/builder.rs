//! Gathers what the rows of all files tell, thing by thing, before it is settled into an inventory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::fact::Rule::{Fixed, NewerWins};
use super::fact::{Fact, Seen, Subject, TagsFact};
use super::model::{Tags, resource_types};
use super::trust_policy::TrustPolicy;
use super::values::{self, Arn, partition_of_region};
use super::warnings::{Origin, Warnings};
use crate::findings::Collector;

#[derive(Debug, Default)]
pub(super) struct AccountDraft {
    pub(super) name: Fact<String>,
    pub(super) status: Fact<String>,
    pub(super) tags: TagsFact,
    /// Where names, not ids, tell it.
    pub(super) path: Fact<String>,
    pub(super) organization_id: Fact<String>,
}

#[derive(Debug, Default)]
pub(super) struct PolicyDraft {
    pub(super) name: Fact<String>,
    pub(super) policy_type: Fact<String>,
    pub(super) content: Fact<String>,
    pub(super) aws_managed: bool,
    pub(super) targets: Option<BTreeSet<String>>,
}

#[derive(Debug, Default)]
pub(super) struct RoleDraft {
    pub(super) arn: Fact<String>,
    pub(super) role_id: Option<String>,
    pub(super) trust: Fact<TrustPolicy>,
    pub(super) tags: TagsFact,
    pub(super) captured: Option<jiff::Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct EndpointDraft {
    pub(super) vpc_id: Fact<String>,
    pub(super) endpoint_type: Fact<String>,
    pub(super) service_name: Fact<String>,
    pub(super) owner: Fact<String>,
    pub(super) region: Fact<String>,
    pub(super) policy: Fact<String>,
    pub(super) tags: TagsFact,
}

#[derive(Debug, Default)]
pub(super) struct ResourceDraft {
    pub(super) arn: Fact<String>,
    pub(super) owner: Fact<String>,
    pub(super) region: Fact<String>,
    pub(super) name: Fact<String>,
    pub(super) vpc_id: Fact<String>,
    pub(super) tags: TagsFact,
    /// As much of it as the row that tells most of it tells: rows select what they need.
    pub(super) configuration: Option<(Option<jiff::Timestamp>, String)>,
}

/// What a row says of a resource.
#[derive(Debug, Default)]
pub(super) struct ResourceRow {
    pub(super) resource_type: String,
    pub(super) arn: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) region: Option<String>,
    /// For buckets, VPCs and subnets the name or id, which is their key.
    pub(super) name: Option<String>,
    /// For subnets.
    pub(super) vpc_id: Option<String>,
    pub(super) tags: Option<Tags>,
    pub(super) configuration: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct TypeDraft {
    pub(super) files: BTreeSet<usize>,
    pub(super) taken_from: Option<jiff::Timestamp>,
    pub(super) taken_to: Option<jiff::Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) warnings: Warnings,
    pub(super) organization_id: Fact<String>,
    pub(super) management_account_id: Fact<String>,
    pub(super) taken_at: Fact<String>,
    /// The management account of each organization that an account's ARN names.
    pub(super) management_of: BTreeMap<String, Fact<String>>,
    /// The partition of the organization's ARNs.
    pub(super) partition: Option<String>,
    pub(super) accounts: HashMap<String, AccountDraft>,
    /// Names of roots and organizational units, by id.
    pub(super) unit_names: BTreeMap<String, Fact<String>>,
    /// Parent by the id of an organizational unit or account.
    pub(super) parents: HashMap<String, Fact<String>>,
    pub(super) policies: BTreeMap<String, PolicyDraft>,
    /// By unique id where it is known, else by ARN.
    pub(super) roles: HashMap<String, RoleDraft>,
    pub(super) endpoints: HashMap<String, EndpointDraft>,
    /// By type and, within it, by ARN; buckets by name, VPCs and subnets by id.
    pub(super) resources: BTreeMap<String, HashMap<String, ResourceDraft>>,
    pub(super) types: BTreeMap<String, TypeDraft>,
    /// Files that broke off, or that tell of further pages.
    pub(super) incomplete: BTreeSet<usize>,
    /// The last file of each paged list that told of further pages.
    pub(super) open_pages: BTreeMap<String, usize>,
    /// Types that `snapshot.json` calls incomplete.
    pub(super) lacking: BTreeSet<String>,
    pub(super) access: Collector,
}

impl Builder {
    /// The file speaks of the type.
    pub(super) fn provide(&mut self, resource_type: &str, file: usize) {
        match self.types.get_mut(resource_type) {
            Some(draft) => drop(draft.files.insert(file)),
            None => drop(self.types.entry(resource_type.to_owned()).or_default().files.insert(file)),
        }
    }

    fn row_of(&mut self, resource_type: &str, seen: Seen) {
        self.provide(resource_type, seen.origin.file);
        if let (Some(captured), Some(draft)) = (seen.captured, self.types.get_mut(resource_type)) {
            draft.taken_from = Some(draft.taken_from.map_or(captured, |from| from.min(captured)));
            draft.taken_to = draft.taken_to.max(Some(captured));
        }
    }

    pub(super) fn organization(
        &mut self,
        id: Option<String>,
        management: Option<String>,
        taken_at: Option<String>,
        seen: Seen,
    ) {
        let warnings = &mut self.warnings;
        let of = &"the organization";
        self.organization_id.tell(id, seen, &Subject::text(Fixed, "the id", of), warnings);
        self.management_account_id.tell(management, seen, &Subject::text(Fixed, "the management account", of), warnings);
        self.taken_at.tell(taken_at, seen, &Subject::text(Fixed, "taken_at", &"the snapshot"), warnings);
    }

    /// Reads the organization, its management account and the partition out of an ARN of AWS Organizations,
    /// `arn:aws:organizations::<management account>:account/<organization>/<account>`. Returns the organization.
    pub(super) fn organization_of_arn(&mut self, arn: &str, seen: Seen) -> Option<String> {
        let arn = Arn::parse(arn).filter(|arn| arn.service == "organizations")?;
        let organization = arn.resource.split('/').nth(1).filter(|id| id.starts_with("o-"))?.to_owned();
        let management = arn.owner().map(str::to_owned);
        let fact = self.management_of.entry(organization.clone()).or_default();
        fact.tell(management, seen, &Subject::text(Fixed, "the management account", &organization), &mut self.warnings);
        self.partition.get_or_insert_with(|| arn.partition.to_owned());
        Some(organization)
    }

    /// A row about an account. `lists_members`: does its file claim to list the organization, so that it provides the type?
    pub(super) fn account(&mut self, id: &str, row: AccountRow, lists_members: bool, seen: Seen) {
        if lists_members {
            self.row_of(resource_types::ACCOUNT, seen);
        }
        let draft = self.accounts.entry(id.to_owned()).or_default();
        let warnings = &mut self.warnings;
        let of = format_args!("account {id}");
        draft.name.tell(row.name, seen, &Subject::text(NewerWins, "the name", &of), warnings);
        draft.status.tell(row.status, seen, &Subject::text(NewerWins, "the status", &of), warnings);
        draft.path.tell(row.path, seen, &Subject::text(Fixed, "the organizational unit", &of), warnings);
        draft.organization_id.tell(row.organization_id, seen, &Subject::text(Fixed, "the organization", &of), warnings);
        draft.tags.tell(row.tags, seen, &of, warnings);
    }

    /// A root or an organizational unit.
    pub(super) fn unit(&mut self, id: &str, name: Option<String>, seen: Seen) {
        self.row_of(resource_types::TREE, seen);
        let fact = self.unit_names.entry(id.to_owned()).or_default();
        fact.tell(name, seen, &Subject::text(NewerWins, "the name", &id), &mut self.warnings);
    }

    /// An edge of the organization's tree.
    pub(super) fn parent(&mut self, child: &str, parent: &str, seen: Seen) {
        self.row_of(resource_types::TREE, seen);
        let fact = self.parents.entry(child.to_owned()).or_default();
        fact.tell(Some(parent.to_owned()), seen, &Subject::text(Fixed, "the parent", &child), &mut self.warnings);
        self.unit_names.entry(parent.to_owned()).or_default();
    }

    /// A whole path of ids below the organization, such as `r-…/ou-…/111122223333`.
    pub(super) fn path<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>, seen: Seen) {
        let mut above: Option<&str> = None;
        for id in ids {
            if let Some(above) = above {
                self.parent(id, above, seen);
            }
            above = Some(id);
        }
    }

    pub(super) fn policy(&mut self, id: &str, row: PolicyRow, seen: Seen) {
        self.row_of(resource_types::POLICY, seen);
        let draft = self.policies.entry(id.to_owned()).or_default();
        let warnings = &mut self.warnings;
        let of = format_args!("policy {id}");
        draft.name.tell(row.name, seen, &Subject::text(NewerWins, "the name", &of), warnings);
        draft.policy_type.tell(row.policy_type, seen, &Subject::text(Fixed, "the type", &of), warnings);
        draft.content.tell(row.content, seen, &Subject::long(NewerWins, "the content", &of), warnings);
        draft.aws_managed |= row.aws_managed;
        if let Some(targets) = row.targets {
            draft.targets.get_or_insert_default().extend(targets);
        }
    }

    /// A row about a role. The ARN is required; it was checked to be one of a role.
    pub(super) fn role(
        &mut self,
        arn: &str,
        role_id: Option<String>,
        trust: Option<TrustPolicy>,
        tags: Option<Tags>,
        seen: Seen,
    ) {
        self.row_of(resource_types::ROLE, seen);
        let draft = self.roles.entry(role_id.clone().unwrap_or_else(|| arn.to_owned())).or_default();
        let told = RoleDraft {
            arn: Fact::Known(arn.to_owned(), seen),
            role_id,
            trust: trust.map_or(Fact::Unknown, |trust| Fact::Known(trust, seen)),
            tags: TagsFact::new(tags, seen),
            captured: seen.captured,
        };
        draft.merge(told, &mut self.warnings);
    }

    pub(super) fn endpoint(&mut self, id: &str, row: EndpointRow, seen: Seen) {
        self.row_of(resource_types::VPC_ENDPOINT, seen);
        let draft = self.endpoints.entry(id.to_owned()).or_default();
        let warnings = &mut self.warnings;
        draft.vpc_id.tell(row.vpc_id, seen, &Subject::text(Fixed, "the VPC", &id), warnings);
        draft.endpoint_type.tell(row.endpoint_type, seen, &Subject::text(Fixed, "the type", &id), warnings);
        draft.service_name.tell(row.service_name, seen, &Subject::text(Fixed, "the service", &id), warnings);
        draft.owner.tell(row.owner, seen, &Subject::text(Fixed, "the owner", &id), warnings);
        draft.region.tell(row.region, seen, &Subject::text(Fixed, "the region", &id), warnings);
        draft.policy.tell(row.policy, seen, &Subject::long(NewerWins, "the policy", &id), warnings);
        draft.tags.tell(row.tags, seen, &id, warnings);
    }

    /// A row about any other resource.
    ///
    /// # Errors
    /// What the row lacks.
    pub(super) fn resource(&mut self, row: ResourceRow, seen: Seen) -> Result<(), String> {
        let arn = row.arn.as_deref().and_then(Arn::parse);
        if let (Some(text), None) = (&row.arn, arn) {
            return Err(format!("{text:?} is not an ARN"));
        }
        let (key, name) = match row.resource_type.as_str() {
            resource_types::BUCKET => {
                let name = row.name.or_else(|| arn.map(|arn| arn.resource.to_owned()));
                let name = name.ok_or("it names no bucket")?;
                if name.contains(['/', ':']) {
                    return Err(format!("{name:?} is not a bucket name"));
                }
                (name.clone(), Some(name))
            }
            resource_types::VPC => {
                let id = arn.and_then(|arn| arn.resource.strip_prefix("vpc/")).map(str::to_owned).or(row.name);
                let id = id.filter(|id| id.starts_with("vpc-")).ok_or("it names no VPC (vpc-…)")?;
                (id.clone(), Some(id))
            }
            resource_types::SUBNET => {
                let id = arn.and_then(|arn| arn.resource.strip_prefix("subnet/")).map(str::to_owned).or(row.name);
                let id = id.filter(|id| id.starts_with("subnet-")).ok_or("it names no subnet (subnet-…)")?;
                (id.clone(), Some(id))
            }
            _ => (row.arn.clone().ok_or("it has no ARN")?, row.name),
        };
        let region = row.region.or_else(|| arn.map(|arn| arn.region.to_owned()).filter(|region| !region.is_empty()));
        let account_of_arn = arn.and_then(|arn| arn.owner()).map(str::to_owned);
        // The ARN of a bucket names neither account nor region, and only a row with either can tell the partition.
        let told_arn = row.arn.clone().or_else(|| {
            let region = region.as_deref()?;
            let partition = partition_of_region(region);
            match row.resource_type.as_str() {
                resource_types::BUCKET => Some(format!("arn:{partition}:s3:::{key}")),
                resource_types::VPC | resource_types::SUBNET => {
                    let account = row.account_id.as_deref()?;
                    let kind = if row.resource_type == resource_types::VPC { "vpc" } else { "subnet" };
                    Some(format!("arn:{partition}:ec2:{region}:{account}:{kind}/{key}"))
                }
                _ => None,
            }
        });
        self.row_of(&row.resource_type, seen);
        let of_type = match self.resources.get_mut(&row.resource_type) {
            Some(of_type) => of_type,
            None => self.resources.entry(row.resource_type.clone()).or_default(),
        };
        let draft = of_type.entry(key.clone()).or_default();
        let warnings = &mut self.warnings;
        let of = format_args!("{} {key}", row.resource_type);
        let owner = Subject::text(Fixed, "the owner", &of);
        draft.owner.tell(row.account_id, seen, &owner, warnings);
        draft.owner.tell(account_of_arn, seen, &owner, warnings);
        draft.arn.tell(told_arn, seen, &Subject::text(Fixed, "the ARN", &of), warnings);
        draft.region.tell(region, seen, &Subject::text(NewerWins, "the region", &of), warnings);
        draft.vpc_id.tell(row.vpc_id, seen, &Subject::text(Fixed, "the VPC", &of), warnings);
        draft.name.tell(name, seen, &Subject::text(NewerWins, "the name", &of), warnings);
        draft.tags.tell(row.tags, seen, &of, warnings);
        if let Some(told) = row.configuration {
            let rank = |captured: Option<jiff::Timestamp>, text: &str| (captured, text.len());
            if draft.configuration.as_ref().is_none_or(|(at, text)| rank(*at, text) < rank(seen.captured, &told)) {
                draft.configuration = Some((seen.captured, told));
            }
        }
        Ok(())
    }

    /// An account id of a row; a leading zero that was lost is put back, with a warning.
    ///
    /// # Errors
    /// A sentence that names the value and what was expected.
    pub(super) fn account_id(&mut self, value: &Value, origin: Origin) -> Result<String, String> {
        let account = values::account_id(value)?;
        if let Some(written) = &account.padded_from {
            self.warnings.padded(origin, written, &account.id);
        }
        Ok(account.id)
    }
}

impl RoleDraft {
    /// Adds what another row (or draft) tells of the same role.
    pub(super) fn merge(&mut self, other: RoleDraft, warnings: &mut Warnings) {
        let name = self.arn.known().or(other.arn.known()).cloned().unwrap_or_default();
        let id = format!("the role with id {}", other.role_id.as_deref().unwrap_or_default());
        self.arn.merge(other.arn, &Subject::text(Fixed, "the ARN", &id), warnings);
        self.trust.merge(other.trust, &Subject::long(NewerWins, "the trust policy", &name), warnings);
        self.tags.merge(other.tags, &name, warnings);
        self.role_id = self.role_id.take().or(other.role_id);
        self.captured = self.captured.max(other.captured);
    }
}

/// What a row says of an account.
#[derive(Debug, Default)]
pub(super) struct AccountRow {
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) tags: Option<Tags>,
    pub(super) path: Option<String>,
    pub(super) organization_id: Option<String>,
}

/// What a row says of a policy of the organization.
#[derive(Debug, Default)]
pub(super) struct PolicyRow {
    pub(super) name: Option<String>,
    pub(super) policy_type: Option<String>,
    pub(super) content: Option<String>,
    pub(super) aws_managed: bool,
    pub(super) targets: Option<Vec<String>>,
}

/// What a row says of a VPC endpoint.
#[derive(Debug, Default)]
pub(super) struct EndpointRow {
    pub(super) vpc_id: Option<String>,
    pub(super) endpoint_type: Option<String>,
    pub(super) service_name: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) region: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) tags: Option<Tags>,
}
