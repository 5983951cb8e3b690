//! What changed between two snapshots: accounts, the tree, policies and what they are attached to, roles, endpoints, resources.
//!
//! What one of the two does not know is not compared, and what is missing from a snapshot that is not whole is not called gone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Inventory;
use super::model::resource_types::{ACCOUNT, POLICY, ROLE, TREE, VPC_ENDPOINT};
use super::model::{Account, Tags};

/// What happened to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Added,
    Removed,
    /// Only in the later snapshot, but the earlier one is not whole: it may have existed before.
    Appeared,
    /// Only in the earlier snapshot, but the later one is not whole: it may still exist.
    NotSeen,
    Changed,
    /// An account or an organizational unit has another parent.
    Moved,
    /// A policy has another target.
    Attached,
    /// A policy has a target less.
    Detached,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Appeared => "appeared",
            Change::NotSeen => "not_seen",
            Change::Changed => "changed",
            Change::Moved => "moved",
            Change::Attached => "attached",
            Change::Detached => "detached",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    pub resource_type: String,
    /// Account id, ARN, policy id …
    pub id: String,
    pub change: Change,
    /// The field that changed, such as `trust_policy`; `None` for a thing as a whole.
    pub field: Option<&'static str>,
    pub name: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A type that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    pub resource_type: String,
    pub why: String,
}

/// All differences, sorted by type, id, change and field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    pub differences: Vec<Difference>,
    pub not_compared: Vec<NotCompared>,
}

/// A thing as it is compared: its fields that are known.
#[derive(Debug, Default)]
struct Thing {
    name: Option<String>,
    fields: BTreeMap<&'static str, String>,
    /// For policies only.
    targets: Option<BTreeSet<String>>,
}

const PARENT: &str = "parent";

/// Compares two snapshots.
pub fn diff(before: &Inventory, after: &Inventory) -> Differences {
    let mut differences = Differences::default();
    let names: BTreeSet<&str> = [before, after]
        .iter()
        .flat_map(|inventory| inventory.describe())
        .map(|summary| summary.resource_type.as_str())
        .collect();
    let mut things = [things(before), things(after)];
    for resource_type in names {
        match (before.provides(resource_type), after.provides(resource_type)) {
            (true, true) => {}
            (known, _) => {
                let why = format!("the {} snapshot does not speak of it", if known { "later" } else { "earlier" });
                differences.not_compared.push(NotCompared { resource_type: resource_type.to_owned(), why });
                continue;
            }
        }
        let [old, new] = things.each_mut().map(|things| things.remove(resource_type).unwrap_or_default());
        let whole = (before.complete(resource_type), after.complete(resource_type));
        compare(resource_type, old, new, whole, &mut differences.differences);
    }
    differences.differences.sort_unstable();
    differences
}

type Things = BTreeMap<String, Thing>;

fn compare(resource_type: &str, old: Things, mut new: Things, whole: (bool, bool), found: &mut Vec<Difference>) {
    let difference = |id: &str, name: Option<String>, change: Change| Difference {
        resource_type: resource_type.to_owned(),
        id: id.to_owned(),
        change,
        field: None,
        name,
        before: None,
        after: None,
    };
    for (id, before) in old {
        let Some(after) = new.remove(&id) else {
            found.push(difference(&id, before.name, if whole.1 { Change::Removed } else { Change::NotSeen }));
            continue;
        };
        let name = after.name.or(before.name);
        for (field, value) in &before.fields {
            let Some(now) = after.fields.get(field).filter(|now| *now != value) else { continue };
            let change = if *field == PARENT { Change::Moved } else { Change::Changed };
            found.push(Difference {
                field: Some(field),
                before: Some(value.clone()),
                after: Some(now.clone()),
                ..difference(&id, name.clone(), change)
            });
        }
        if let (Some(old), Some(new)) = (before.targets, after.targets) {
            let of = |target: &String, change| {
                Difference { field: Some("target"), ..difference(&id, name.clone(), change) }.at(target)
            };
            found.extend(new.difference(&old).map(|target| of(target, Change::Attached)));
            found.extend(old.difference(&new).map(|target| of(target, Change::Detached)));
        }
    }
    for (id, after) in new {
        found.push(difference(&id, after.name, if whole.0 { Change::Added } else { Change::Appeared }));
    }
}

impl Difference {
    /// With the target of a policy.
    fn at(self, target: &str) -> Difference {
        match self.change {
            Change::Detached => Difference { before: Some(target.to_owned()), ..self },
            _ => Difference { after: Some(target.to_owned()), ..self },
        }
    }
}

/// Everything that a snapshot knows, by type and id.
fn things(inventory: &Inventory) -> BTreeMap<String, Things> {
    let mut all: BTreeMap<String, Things> = BTreeMap::new();
    let mut add = |resource_type: &str, id: &str, thing: Thing| {
        all.entry(resource_type.to_owned()).or_default().insert(id.to_owned(), thing);
    };
    for account in inventory.accounts() {
        let thing = Thing::new(account.name.as_ref())
            .with("name", account.name.as_ref())
            .with("status", account.status.as_ref())
            .with(PARENT, place(account).as_ref())
            .tags(&account.tags);
        add(ACCOUNT, &account.id, thing);
    }
    for unit in inventory.organizational_units() {
        let thing = Thing::new(unit.name.as_ref()).with("name", unit.name.as_ref()).with(PARENT, unit.parent_id.as_ref());
        add(TREE, &unit.id, thing);
    }
    for policy in inventory.policies() {
        let mut thing = Thing::new(policy.name.as_ref())
            .with("name", policy.name.as_ref())
            .with("type", policy.policy_type.as_ref())
            .with("content", policy.content.as_ref());
        thing.targets = policy.targets.as_ref().map(|targets| targets.iter().cloned().collect());
        add(POLICY, &policy.id, thing);
    }
    for role in inventory.roles() {
        let thing = Thing::new(None)
            .with("role_id", role.role_id.as_ref())
            .with("trust_policy", role.trust_policy.as_ref())
            .tags(&role.tags);
        add(ROLE, &role.arn, thing);
    }
    for endpoint in inventory.vpc_endpoints() {
        let thing = Thing::new(endpoint.service_name.as_ref())
            .with("vpc_id", endpoint.vpc_id.as_ref())
            .with("endpoint_type", endpoint.endpoint_type.as_ref())
            .with("service_name", endpoint.service_name.as_ref())
            .with("owner_account_id", endpoint.owner_account_id.as_ref())
            .with("region", endpoint.region.as_ref())
            .with("policy", endpoint.policy.as_ref())
            .tags(&endpoint.tags);
        add(VPC_ENDPOINT, &endpoint.id, thing);
    }
    for resource in inventory.resources() {
        let thing = Thing::new(resource.name.as_ref())
            .with("account_id", resource.account_id.as_ref())
            .with("region", resource.region.as_ref())
            .with("vpc_id", resource.vpc_id.as_ref())
            .tags(&resource.tags);
        add(&resource.resource_type, &resource.arn, thing);
    }
    all
}

/// Where an account sits: names, and the id of its parent, since names repeat.
fn place(account: &Account) -> Option<String> {
    let parent = account.parents.last();
    match (&account.organizational_unit_path, parent) {
        (Some(path), Some(parent)) => Some(format!("{path} ({parent})")),
        (path, parent) => path.as_ref().or(parent).cloned(),
    }
}

impl Thing {
    fn new(name: Option<&String>) -> Thing {
        Thing { name: name.cloned(), ..Thing::default() }
    }

    /// A field; unknown is not compared.
    fn with(mut self, field: &'static str, value: Option<&String>) -> Thing {
        if let Some(value) = value {
            self.fields.insert(field, value.clone());
        }
        self
    }

    fn tags(mut self, tags: &Tags) -> Thing {
        let text: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        self.fields.insert("tags", text.join("; "));
        self
    }
}
