//! Settles what was gathered: resolves the tree, decides what belongs to this organization, and builds the lookups.

use std::collections::{BTreeMap, HashMap};

use super::Inventory;
use super::builder::{AccountDraft, Builder, ResourceDraft, RoleDraft};
use super::fact::Fact;
use super::model::{
    Account, OrganizationPolicy, OrganizationalUnit, Resource, Role, RoleFacts, TypeSummary, VpcEndpoint, resource_types,
};
use super::values::Arn;
use super::warnings::Warnings;
use crate::findings::{AccessFindings, Source};

/// Organizations nest five organizational units below the root; more steps than this are a circle.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MAX_DEPTH: usize = 16;

/// The path under which only AWS services create roles.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>
const SERVICE_LINKED_PATH: &str = "/aws-service-role/";

impl Builder {
    /// Everything that the rows told, without the hash of the files.
    pub(super) fn finish(mut self) -> Inventory {
        let mut inventory = Inventory { taken_at: self.taken_at.known().cloned(), ..Inventory::default() };
        self.settle_organization(&mut inventory);
        self.settle_accounts(&mut inventory);
        settle_policies(&mut self, &mut inventory);
        settle_roles(std::mem::take(&mut self.roles), &mut inventory, &mut self.warnings);
        settle_endpoints(&mut self, &mut inventory);
        settle_resources(&mut self, &mut inventory);
        inventory.access_findings = std::mem::take(&mut self.access).finish();
        self.settle_types(&mut inventory);
        inventory.skipped_rows = self.warnings.skipped_rows();
        inventory.warnings = self.warnings.finish();
        inventory
    }

    /// Which organization is "ours": what a file declares, else the only one that ARNs name.
    fn settle_organization(&mut self, inventory: &mut Inventory) {
        let declared = self.organization_id.known().cloned();
        let mut named = self.management_of.keys().cloned().collect::<Vec<_>>();
        let own = match (declared, named.len()) {
            (Some(declared), _) => Some(declared),
            (None, 0 | 1) if !self.organization_id.is_contradicted() => named.pop(),
            (None, _) => None,
        };
        if own.is_none() && self.management_of.len() > 1 {
            let names = self.management_of.keys().cloned().collect::<Vec<_>>().join(", ");
            self.warnings.general(format!(
                "the account lists name several organizations ({names}) and no snapshot.json or describe-organization output says \
                 which one is yours; accounts are treated as not provided"
            ));
            self.types.remove(resource_types::ACCOUNT);
        }
        let of_arns = own.as_ref().and_then(|own| self.management_of.get(own));
        let contradicted = self.management_account_id.is_contradicted() || of_arns.is_some_and(Fact::is_contradicted);
        inventory.management_account_id = match (
            self.management_account_id.known().cloned(),
            of_arns.and_then(Fact::known).cloned(),
        ) {
            _ if contradicted => None,
            (Some(declared), Some(of_arns)) if declared != of_arns => {
                self.warnings.contradiction(
                    "the management account",
                    format!("the management account is declared as {declared} but the ARNs of the accounts say {of_arns}; it is treated as unknown"),
                );
                None
            }
            (Some(declared), _) => Some(declared),
            (None, of_arns) => of_arns,
        };
        inventory.organization_id = own;
    }

    fn settle_accounts(&mut self, inventory: &mut Inventory) {
        let own = inventory.organization_id.clone();
        let mut drafts = std::mem::take(&mut self.accounts);
        // The tree may know accounts that no list names.
        for child in self.parents.keys().filter(|child| super::values::is_account_id(child)) {
            drafts.entry(child.clone()).or_default();
        }
        let unit_names = std::mem::take(&mut self.unit_names);
        for (id, name) in &unit_names {
            let parent_id = self.parents.get(id).and_then(Fact::known).cloned();
            let unit = OrganizationalUnit { id: id.clone(), name: name.known().cloned(), parent_id };
            inventory.organizational_units.insert(id.clone(), unit);
        }
        let several = own.is_none() && self.management_of.len() > 1;
        let mut sorted: Vec<(String, AccountDraft)> = drafts.into_iter().collect();
        sorted.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (id, draft) in sorted {
            let account = self.settle_account(id, draft, inventory);
            match (&account.organization_id, &own) {
                (Some(of_account), Some(own)) if of_account != own => {
                    inventory.partner_accounts.insert(account.id.clone(), account);
                }
                (Some(_), None) if several => {
                    inventory.partner_accounts.insert(account.id.clone(), account);
                }
                _ => {
                    let account = Account { organization_id: account.organization_id.or_else(|| own.clone()), ..account };
                    inventory.account_of_id.insert(account.id.clone(), inventory.accounts.len());
                    inventory.accounts.push(account);
                }
            }
        }
    }

    fn settle_account(&mut self, id: String, draft: AccountDraft, inventory: &Inventory) -> Account {
        let parents = self.parents_of(&id);
        let units = &inventory.organizational_units;
        let path_of_tree = (!parents.is_empty()).then(|| {
            let names: Vec<&str> =
                parents.iter().map(|id| units.get(id).and_then(|unit| unit.name.as_deref()).unwrap_or(id)).collect();
            names.join("/")
        });
        let all_named = parents.iter().all(|id| units.get(id).is_some_and(|unit| unit.name.is_some()));
        let contradicted = draft.path.is_contradicted() || self.parents.get(&id).is_some_and(Fact::is_contradicted);
        let organizational_unit_path = match (path_of_tree, draft.path.known().cloned()) {
            _ if contradicted => None,
            (Some(tree), Some(written)) if all_named && tree != written => {
                self.warnings.contradiction(
                    "the organizational unit",
                    format!("the organizational unit of account {id} is {tree} by its parents but written as {written}; it is treated as unknown"),
                );
                None
            }
            (Some(_), Some(written)) if !all_named => Some(written),
            (tree, written) => tree.or(written),
        };
        Account {
            id,
            name: draft.name.into_known(),
            status: draft.status.into_known(),
            tags: draft.tags.into_tags(),
            organizational_unit_path,
            parents,
            organization_id: draft.organization_id.into_known(),
        }
    }

    /// Ids from the root down. Empty when a step is missing, contradicted or part of a circle: half a path would read as if the
    /// account were outside every organizational unit above.
    fn parents_of(&mut self, id: &str) -> Vec<String> {
        let mut parents: Vec<String> = Vec::new();
        let mut below = id.to_owned();
        while let Some(parent) = self.parents.get(&below).and_then(Fact::known).cloned() {
            if parents.len() >= MAX_DEPTH {
                self.warnings.contradiction(
                    "the parent",
                    format!("the parents of account {id} go in a circle at {parent}; they are treated as unknown"),
                );
                return Vec::new();
            }
            parents.push(parent.clone());
            below = parent;
        }
        if !parents.last().is_some_and(|root| root.starts_with("r-")) {
            return Vec::new();
        }
        parents.reverse();
        parents
    }

    fn settle_types(&mut self, inventory: &mut Inventory) {
        let taken_at = inventory.taken_at.clone();
        let types = std::mem::take(&mut self.types);
        for (resource_type, draft) in types {
            let count = match resource_type.as_str() {
                resource_types::ACCOUNT => inventory.accounts.len() + inventory.partner_accounts.len(),
                resource_types::TREE => inventory.organizational_units.len(),
                resource_types::POLICY => inventory.policies.len(),
                resource_types::ROLE => inventory.roles.len(),
                resource_types::VPC_ENDPOINT => inventory.vpc_endpoints.len(),
                resource_types::ACCESS_ANALYZER_FINDING => told(&inventory.access_findings, Source::AccessAnalyzer),
                resource_types::SECURITY_HUB_FINDING => told(&inventory.access_findings, Source::SecurityHub),
                other => inventory.resources.iter().filter(|resource| resource.resource_type == other).count(),
            };
            let complete = !self.lacking.contains(&resource_type)
                && !draft.files.iter().any(|file| self.incomplete.contains(file) || self.warnings.has_skipped(*file));
            let mut files: Vec<String> = draft.files.iter().map(|file| self.warnings.file_name(*file).to_owned()).collect();
            files.sort_unstable();
            inventory.types.push(TypeSummary {
                resource_type,
                count: u64::try_from(count).unwrap_or(u64::MAX),
                taken_from: draft.taken_from.map(|time| time.to_string()).or_else(|| taken_at.clone()),
                taken_to: draft.taken_to.map(|time| time.to_string()).or_else(|| taken_at.clone()),
                files,
                complete,
            });
        }
    }
}

/// Findings as they were told, before those that tell the same are told once.
fn told(findings: &AccessFindings, source: Source) -> usize {
    usize::try_from(findings.told.get(&source).copied().unwrap_or_default()).unwrap_or(usize::MAX)
}

fn settle_policies(builder: &mut Builder, inventory: &mut Inventory) {
    for (id, draft) in std::mem::take(&mut builder.policies) {
        inventory.policies.push(OrganizationPolicy {
            id,
            name: draft.name.into_known(),
            policy_type: draft.policy_type.into_known(),
            aws_managed: draft.aws_managed,
            content: draft.content.into_known(),
            targets: draft.targets.map(|targets| targets.into_iter().collect()),
        });
    }
}

fn settle_roles(drafts: HashMap<String, RoleDraft>, inventory: &mut Inventory, warnings: &mut Warnings) {
    // Rows that know a role by its ARN only belong to the row that knows its id too, if there is exactly one.
    let (with_id, by_arn): (Vec<RoleDraft>, Vec<RoleDraft>) = drafts.into_values().partition(|draft| draft.role_id.is_some());
    let mut of_arn: BTreeMap<String, Vec<RoleDraft>> = BTreeMap::new();
    for draft in with_id {
        // Two ARNs for one unique id: neither can be believed, and `merge` has said so.
        if let Some(arn) = draft.arn.known() {
            of_arn.entry(arn.clone()).or_default().push(draft);
        }
    }
    for draft in by_arn {
        let Some(arn) = draft.arn.known().cloned() else { continue };
        let known = of_arn.entry(arn.clone()).or_default();
        match known.as_mut_slice() {
            [] => known.push(draft),
            [one] => one.merge(draft, warnings),
            _ => {}
        }
    }
    for (arn, mut same_arn) in of_arn {
        same_arn.sort_unstable_by(|left, right| (left.captured, &left.role_id).cmp(&(right.captured, &right.role_id)));
        // A role that was deleted and created again keeps its ARN and gets a new id: the ARN means the newest one.
        let newest = match same_arn.as_slice() {
            [_] => true,
            [.., before, last] => before.captured.is_some() && before.captured < last.captured,
            [] => false,
        };
        if !newest {
            let ids: Vec<&str> = same_arn.iter().filter_map(|draft| draft.role_id.as_deref()).collect();
            warnings.contradiction(
                "the id",
                format!(
                    "role {arn} has several ids ({}) and no times tell which is current; it is found by id only",
                    ids.join(", ")
                ),
            );
        }
        let last = same_arn.len().saturating_sub(1);
        for (position, draft) in same_arn.into_iter().enumerate() {
            let role = settle_role(arn.clone(), draft);
            let index = inventory.roles.len();
            if let Some(role_id) = &role.role_id {
                inventory.role_of_id.insert(role_id.clone(), index);
            }
            if newest && position == last {
                inventory.role_of_arn.insert(arn.clone(), index);
            }
            inventory.roles.push(role);
        }
    }
}

fn settle_role(arn: String, draft: RoleDraft) -> Role {
    let parsed = Arn::parse(&arn);
    let path = parsed.and_then(|arn| arn.role_path()).unwrap_or("/").to_owned();
    let account_id = parsed.map(|arn| arn.account.to_owned()).unwrap_or_default();
    let service_linked = path.starts_with(SERVICE_LINKED_PATH);
    let trust = draft.trust.into_known();
    let service_role = if service_linked { Some(false) } else { trust.as_ref().map(|trust| trust.by_service) };
    let (trust_policy, assumable_by) = trust.map(|trust| (trust.document, trust.assumable_by)).unzip();
    Role {
        arn,
        role_id: draft.role_id,
        account_id,
        path,
        tags_are_known: draft.tags.is_known(),
        tags: draft.tags.into_tags(),
        trust_policy,
        facts: RoleFacts { assumable_by, service_role, service_linked },
    }
}

fn settle_endpoints(builder: &mut Builder, inventory: &mut Inventory) {
    let mut drafts: Vec<_> = std::mem::take(&mut builder.endpoints).into_iter().collect();
    drafts.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    for (id, draft) in drafts {
        inventory.vpc_endpoint_of_id.insert(id.clone(), inventory.vpc_endpoints.len());
        inventory.vpc_endpoints.push(VpcEndpoint {
            id,
            vpc_id: draft.vpc_id.into_known(),
            endpoint_type: draft.endpoint_type.into_known(),
            service_name: draft.service_name.into_known(),
            owner_account_id: draft.owner.into_known(),
            region: draft.region.into_known(),
            policy: draft.policy.into_known(),
            tags: draft.tags.into_tags(),
        });
    }
}

fn settle_resources(builder: &mut Builder, inventory: &mut Inventory) {
    let partition = builder.partition.clone().unwrap_or_else(|| "aws".to_owned());
    for (resource_type, drafts) in std::mem::take(&mut builder.resources) {
        let mut drafts: Vec<(String, ResourceDraft)> = drafts.into_iter().collect();
        drafts.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (key, draft) in drafts {
            let arn = draft.arn.into_known().unwrap_or_else(|| match resource_type.as_str() {
                resource_types::BUCKET => format!("arn:{partition}:s3:::{key}"),
                _ => String::new(),
            });
            inventory.resources.push(Resource {
                arn,
                resource_type: resource_type.clone(),
                account_id: draft.owner.into_known(),
                region: draft.region.into_known(),
                name: draft.name.into_known(),
                vpc_id: draft.vpc_id.into_known(),
                tags_are_known: draft.tags.is_known(),
                tags: draft.tags.into_tags(),
                configuration: draft.configuration.map(|(_, text)| text),
            });
        }
    }
    inventory.resources.sort_by(|left, right| left.arn.cmp(&right.arn));
    for (index, resource) in inventory.resources.iter().enumerate() {
        if !resource.arn.is_empty() {
            inventory.resource_of_arn.insert(resource.arn.clone(), index);
        }
        if let Some(name) = &resource.name {
            match resource.resource_type.as_str() {
                resource_types::BUCKET => drop(inventory.bucket_of_name.insert(name.clone(), index)),
                resource_types::VPC => drop(inventory.vpc_of_id.insert(name.clone(), index)),
                resource_types::SUBNET => drop(inventory.subnet_of_id.insert(name.clone(), index)),
                _ => {}
            }
        }
    }
}
