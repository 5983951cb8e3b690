//! What is attached today, and what would be: the policies at every place, and which of them a call meets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use super::attach::Target;
use crate::inventory::Inventory;
use crate::inventory::model::resource_types::{ACCOUNT, POLICY, TREE, VPC_ENDPOINT};
use crate::policy::compiled::{Policy, PolicyType};
use crate::policy::document::{Document, Effect};
use crate::policy::layers::{Grants, Level, Policies};

/// A policy at a place.
#[derive(Debug, Clone)]
pub struct Placed {
    /// `p-…`; `None` for one that comes from a file, or whose id does not matter.
    pub id: Option<String>,
    pub policy: Arc<Policy>,
    /// Is it attached today?
    pub today: bool,
}

/// Everything that is attached, by place.
#[derive(Debug, Clone, Default)]
pub struct Attachments {
    /// By root, organizational unit and account.
    service_control: BTreeMap<String, Vec<Placed>>,
    resource_control: BTreeMap<String, Vec<Placed>>,
    endpoints: BTreeMap<String, Vec<Placed>>,
    resources: BTreeMap<String, Vec<Placed>>,
    /// Places that lost a policy: there `FullAWSAccess` is not supposed.
    bare: BTreeSet<String>,
    /// Every level allows: what is attached today was seen to let the calls through.
    open: bool,
}

/// Where an account is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Ids from the root to the account.
    Known(Vec<String>),
    /// Somewhere in the organization, or perhaps not in it; the account where it is known.
    Unknown(Option<String>),
    /// There is no account, or it is none of the organization's.
    Outside,
}

impl Place {
    /// Where the inventory has the account.
    pub fn of(account: &str, inventory: &Inventory) -> Place {
        match inventory.organizational_units_of(account) {
            Some(parents) => Place::Known(parents.iter().cloned().chain([account.to_owned()]).collect()),
            None if inventory.account(account).is_some() || !inventory.complete(ACCOUNT) => {
                Place::Unknown(Some(account.to_owned()))
            }
            None => Place::Outside,
        }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Place::Unknown(_))
    }
}

/// Which policies a request meets: who calls, who owns, through which endpoint, on which resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub caller: Place,
    pub owner: Place,
    /// `None`: through no endpoint.
    pub endpoint: Option<String>,
    /// The resource with a policy of its own, as it is attached.
    pub resource: Option<String>,
}

/// What is supposed where the scope leaves a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Supposition {
    /// An account at an unknown place is under every organizational unit; otherwise under none.
    pub under_every_unit: bool,
    /// The call comes through this endpoint.
    pub endpoint: Option<String>,
    /// The call is on this resource.
    pub resource: Option<String>,
    /// The caller's identity-based policies do not allow the call: its resource's policy did.
    pub no_identity_grant: bool,
}

/// The policy of AWS that is attached everywhere.
pub const FULL_ACCESS_NAME: &str = "FullAWSAccess";
const FULL_ACCESS: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
const ANYBODY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;

/// The name of the policy that stands for grants which the inventory does not have.
pub const GRANTS_OF_TODAY: &str = "today's grants";

fn built_in(name: &str, text: &str, policy_type: PolicyType) -> Option<Arc<Policy>> {
    let document = Document::parse(name, text).ok()?;
    Some(Arc::new(Policy::compile(name, &document, policy_type)))
}

/// `FullAWSAccess`, which is attached everywhere unless somebody detached it.
pub fn full_access() -> Option<Arc<Policy>> {
    static POLICY: LazyLock<Option<Arc<Policy>>> =
        LazyLock::new(|| built_in(FULL_ACCESS_NAME, FULL_ACCESS, PolicyType::ServiceControl));
    POLICY.clone()
}

fn grants_of_today() -> Option<Arc<Policy>> {
    static POLICY: LazyLock<Option<Arc<Policy>>> = LazyLock::new(|| built_in(GRANTS_OF_TODAY, ANYBODY, PolicyType::Resource));
    POLICY.clone()
}

/// What is attached today, and what of it the inventory does not tell, one sentence each.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    pub attachments: Attachments,
    pub notes: Vec<String>,
}

impl Baseline {
    pub fn of(inventory: &Inventory) -> Baseline {
        let mut baseline = Baseline::default();
        baseline.organization_policies(inventory);
        baseline.endpoint_policies(inventory);
        if !inventory.provides(ACCOUNT) {
            baseline.notes.push(
                "The inventory does not list the accounts of the organization: whether a policy binds a caller or protects a resource is undetermined"
                    .to_owned(),
            );
        } else if !inventory.provides(TREE) {
            baseline.notes.push(
                "The inventory has no organization tree: what depends on the organizational unit of an account is undetermined"
                    .to_owned(),
            );
        }
        baseline
    }

    fn organization_policies(&mut self, inventory: &Inventory) {
        if !inventory.provides(POLICY) {
            self.notes.push(
                "The inventory has no policies of the organization: nothing but FullAWSAccess is supposed to be attached today"
                    .to_owned(),
            );
            return;
        }
        for policy in inventory.policies() {
            let (policy_type, label) = match policy.policy_type.as_deref() {
                Some("SERVICE_CONTROL_POLICY") => (PolicyType::ServiceControl, "service control policy"),
                Some("RESOURCE_CONTROL_POLICY") => (PolicyType::ResourceControl, "resource control policy"),
                _ => continue,
            };
            let name = policy.name.clone().unwrap_or_else(|| policy.id.clone());
            let Some(targets) = &policy.targets else {
                self.notes.push(format!(
                    "The inventory does not tell where the {label} {name} ({}) is attached: it is left out of today's policies",
                    policy.id
                ));
                continue;
            };
            if targets.is_empty() {
                continue;
            }
            let compiled = match policy.content.as_deref().map(|content| Document::parse(&name, content)) {
                Some(Ok(document)) => Arc::new(Policy::compile(&name, &document, policy_type)),
                Some(Err(_)) | None => {
                    self.notes.push(format!(
                        "The inventory has no readable document of the {label} {name} ({}): it is supposed to let everything through today",
                        policy.id
                    ));
                    let Some(open) = full_access() else { continue };
                    open
                }
            };
            for target in targets {
                let place = self.attachments.layer(policy_type).entry(target.clone()).or_default();
                place.push(Placed { id: Some(policy.id.clone()), policy: Arc::clone(&compiled), today: true });
            }
        }
    }

    fn endpoint_policies(&mut self, inventory: &Inventory) {
        if !inventory.provides(VPC_ENDPOINT) {
            return;
        }
        for endpoint in inventory.vpc_endpoints() {
            let Some(content) = &endpoint.policy else { continue };
            let name = format!("policy of {}", endpoint.id);
            match Document::parse(&name, content) {
                Ok(document) => {
                    let policy = Arc::new(Policy::compile(&name, &document, PolicyType::VpcEndpoint));
                    self.attachments.endpoints.insert(endpoint.id.clone(), vec![Placed { id: None, policy, today: true }]);
                }
                Err(_) => self.notes.push(format!(
                    "The policy of the VPC endpoint {} cannot be read: it is supposed to let everything through today",
                    endpoint.id
                )),
            }
        }
    }
}

impl Attachments {
    /// Nothing but what is attached to it, for calls that were seen to pass what is attached today.
    pub fn open() -> Attachments {
        Attachments { open: true, ..Attachments::default() }
    }

    /// Every policy that is attached somewhere.
    pub fn policies_anywhere(&self) -> impl Iterator<Item = &Policy> {
        [&self.service_control, &self.resource_control, &self.endpoints, &self.resources]
            .into_iter()
            .flat_map(|layer| layer.values().flatten().map(|placed| placed.policy.as_ref()))
    }

    fn layer(&mut self, policy_type: PolicyType) -> &mut BTreeMap<String, Vec<Placed>> {
        match policy_type {
            PolicyType::ServiceControl => &mut self.service_control,
            PolicyType::ResourceControl => &mut self.resource_control,
            PolicyType::VpcEndpoint => &mut self.endpoints,
            PolicyType::Resource | PolicyType::Identity | PolicyType::Boundary | PolicyType::Session => &mut self.resources,
        }
    }

    /// Attaches a policy. An endpoint and a resource have one policy each: there it takes the place of today's.
    pub fn attach(&mut self, target: &Target, policy: &Arc<Policy>) {
        let placed = Placed { id: None, policy: Arc::clone(policy), today: false };
        let place = self.layer(policy.policy_type).entry(target.as_str().to_owned()).or_default();
        match target {
            Target::Endpoint(_) | Target::Resource(_) => {
                // Several candidates for one place are judged together: each denies, any allows.
                place.retain(|other| !other.today);
                place.push(placed);
            }
            Target::Root(_) | Target::OrganizationalUnit(_) | Target::Account(_) => place.push(placed),
        }
    }

    /// Takes a policy away, everywhere or at one place. Gives the places.
    pub fn detach(&mut self, policy: &str, at: Option<&str>) -> Vec<String> {
        let mut places = Vec::new();
        let mut bare = Vec::new();
        for layer in [&mut self.service_control, &mut self.resource_control] {
            for (place, attached) in layer.iter_mut().filter(|(place, _)| at.is_none_or(|at| at == place.as_str())) {
                let before = attached.len();
                if attached.iter().any(|placed| placed.is(policy) && allows(&placed.policy)) {
                    bare.push(place.clone());
                }
                attached.retain(|placed| !placed.is(policy));
                if attached.len() < before {
                    places.push(place.clone());
                }
            }
        }
        // `FullAWSAccess` may be only supposed there.
        bare.extend(at.filter(|_| policy == FULL_ACCESS_NAME).map(str::to_owned));
        self.bare.extend(bare);
        places
    }

    /// Puts another version in the place of a policy, wherever it is attached. Gives the places.
    pub fn replace(&mut self, policy: &str, new: &Arc<Policy>) -> Vec<String> {
        let mut places = Vec::new();
        for layer in [&mut self.service_control, &mut self.resource_control] {
            for (place, attached) in layer.iter_mut() {
                for placed in attached.iter_mut().filter(|placed| placed.is(policy)) {
                    if allows(&placed.policy) {
                        self.bare.insert(place.clone());
                    }
                    placed.policy = Arc::clone(new);
                    places.push(place.clone());
                }
            }
        }
        places
    }

    /// The policies of the organization that are attached, each once: id, name, type.
    pub fn organization_policies(&self) -> Vec<(&str, &str, PolicyType)> {
        let mut found: Vec<(&str, &str, PolicyType)> = [&self.service_control, &self.resource_control]
            .into_iter()
            .flat_map(BTreeMap::values)
            .flatten()
            .filter_map(|placed| Some((placed.id.as_deref()?, placed.policy.name.as_str(), placed.policy.policy_type)))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The policies at a place.
    pub fn at(&self, policy_type: PolicyType, place: &str) -> &[Placed] {
        let layer = match policy_type {
            PolicyType::ServiceControl => &self.service_control,
            PolicyType::ResourceControl => &self.resource_control,
            PolicyType::VpcEndpoint => &self.endpoints,
            _ => &self.resources,
        };
        layer.get(place).map(Vec::as_slice).unwrap_or_default()
    }

    /// Endpoints with a policy that is known.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }

    /// Resources with a policy that is known.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.keys().map(String::as_str)
    }

    /// Is anything attached to an organizational unit?
    pub fn uses_units(&self) -> bool {
        [&self.service_control, &self.resource_control]
            .into_iter()
            .flat_map(BTreeMap::keys)
            .any(|place| place.starts_with("ou-"))
    }

    /// The policies of all layers that a request in this scope meets.
    pub fn policies(&self, scope: &Scope, supposed: &Supposition) -> Policies {
        let endpoint = scope.endpoint.as_ref().or(supposed.endpoint.as_ref());
        let resource = scope.resource.as_ref().or(supposed.resource.as_ref());
        let own = resource.and_then(|resource| self.resources.get(resource));
        let (resource, identity) = match own {
            Some(placed) => {
                let identity = if supposed.no_identity_grant { Grants::Policies(Vec::new()) } else { Grants::Assumed };
                (Grants::Policies(with_grants(placed)), identity)
            }
            None => (Grants::NotGiven, Grants::NotGiven),
        };
        Policies {
            service_control: Some(self.levels(&self.service_control, &scope.caller, supposed, true)),
            resource_control: Some(self.levels(&self.resource_control, &scope.owner, supposed, false)),
            vpc_endpoint: endpoint.and_then(|id| self.endpoints.get(id)).map(|placed| bare_policies(placed)),
            resource,
            identity,
            boundary: None,
            session: None,
        }
    }

    fn levels(
        &self,
        layer: &BTreeMap<String, Vec<Placed>>,
        place: &Place,
        supposed: &Supposition,
        must_allow: bool,
    ) -> Vec<Level> {
        let is_root = |id: &str| id == "root" || id.starts_with("r-");
        let ids: Vec<&str> = match place {
            Place::Known(ids) => ids.iter().map(String::as_str).collect(),
            Place::Outside => layer.keys().map(String::as_str).filter(|id| is_root(id)).collect(),
            Place::Unknown(account) => layer
                .keys()
                .map(String::as_str)
                .filter(|id| {
                    is_root(id)
                        || Some(*id) == account.as_deref()
                        || (supposed.under_every_unit && (id.starts_with("ou-") || account.is_none()))
                })
                .collect(),
        };
        let mut levels: Vec<Level> = Vec::with_capacity(ids.len());
        for (number, id) in ids.iter().enumerate() {
            let mut policies: Vec<Arc<Policy>> = layer.get(*id).map(|placed| bare_policies(placed)).unwrap_or_default();
            if number == 0 && !ids.contains(&"root") {
                // A root whose id the inventory does not tell.
                policies.extend(layer.get("root").map(|placed| bare_policies(placed)).unwrap_or_default());
            }
            let allowing = policies.iter().any(|policy| allows(policy));
            if must_allow && (self.open || (!allowing && !self.bare.contains(*id))) {
                policies.extend(full_access());
            }
            levels.push(Level { name: Some((*id).to_owned()), policies });
        }
        levels
    }
}

fn allows(policy: &Policy) -> bool {
    policy.statements.iter().any(|statement| statement.effect == Effect::Allow)
}

fn bare_policies(placed: &[Placed]) -> Vec<Arc<Policy>> {
    placed.iter().map(|placed| Arc::clone(&placed.policy)).collect()
}

/// A policy without any Allow is understood as one that is added to the grants of today.
fn with_grants(placed: &[Placed]) -> Vec<Arc<Policy>> {
    let mut policies = bare_policies(placed);
    if !policies.iter().any(|policy| allows(policy)) {
        policies.extend(grants_of_today());
    }
    policies
}

impl Placed {
    /// Is it the policy with this id or name?
    pub fn is(&self, id_or_name: &str) -> bool {
        self.id.as_deref() == Some(id_or_name) || (self.id.is_some() && self.policy.name == id_or_name)
    }
}
