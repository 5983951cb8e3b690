//! What every step may ask: the organization, and what the account trusts, ready for lookups.

use std::collections::HashMap;

use crate::config::perimeter::model::Trust;
use crate::inventory::model::resource_types::{ACCOUNT, TREE, VPC_ENDPOINT};
use crate::pattern::Pattern;

use super::arn::{Arn, covers, is_account_id};
use super::aws_owned::AwsOwned;
use super::network::NetworkMap;
use super::{Context, StepPlan};

/// Is an account one of the organization?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    Inside,
    Outside,
    /// The inventory does not provide all accounts.
    Unknown,
}

/// What rows of one set of resources trust: the account's trust, plus that of the resource sections that cover them.
pub(crate) struct Scope {
    pub(crate) trust: Trust,
    pub(crate) networks: NetworkMap,
}

/// The inventory and the perimeter definition, as one account sees them.
pub(crate) struct World<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) plan: &'a StepPlan<'a>,
    pub(crate) aws_owned: AwsOwned<'a>,
    scopes: Vec<Scope>,
    /// Which resource sections, in file order, make a scope.
    scope_of_sections: HashMap<Vec<usize>, usize>,
}

impl<'a> World<'a> {
    pub(crate) fn new(context: &'a Context<'a>, plan: &'a StepPlan<'a>) -> World<'a> {
        let trust = context.perimeter.for_account(context.account_id);
        let networks = NetworkMap::new(&trust.expected_networks.cidrs);
        World {
            context,
            plan,
            aws_owned: AwsOwned::new(&context.perimeter.aws_owned_resources),
            scopes: vec![Scope { trust, networks }],
            scope_of_sections: HashMap::from([(Vec::new(), 0)]),
        }
    }

    /// The trust of the account alone.
    pub(crate) fn account_trust(&self) -> Option<&Trust> {
        self.scopes.first().map(|scope| &scope.trust)
    }

    pub(crate) fn scope(&self, number: usize) -> Option<&Scope> {
        self.scopes.get(number)
    }

    /// The number of the scope of a resource; scopes are made as resources ask for them.
    pub(crate) fn scope_of(&mut self, resource_arn: Option<&str>) -> usize {
        let perimeter = self.context.perimeter;
        let sections: Vec<usize> = match resource_arn {
            None => Vec::new(),
            Some(arn) => perimeter
                .resource_trust()
                .iter()
                .enumerate()
                .filter(|(_, (pattern, _))| covers_resource(pattern, arn))
                .map(|(number, _)| number)
                .collect(),
        };
        if let Some(scope) = self.scope_of_sections.get(&sections) {
            return *scope;
        }
        let mut trust = self.account_trust().cloned().unwrap_or_default();
        for (number, (_, section)) in perimeter.resource_trust().iter().enumerate() {
            if sections.contains(&number) {
                trust.add(section);
            }
        }
        let networks = NetworkMap::new(&trust.expected_networks.cidrs);
        let scope = self.scopes.len();
        self.scopes.push(Scope { trust, networks });
        self.scope_of_sections.insert(sections, scope);
        scope
    }

    /// Is an account one of the organization? The account under judgement is a member of its own organization whatever the
    /// inventory says.
    pub(crate) fn membership(&self, account_id: &str) -> Membership {
        let inventory = self.context.inventory;
        if account_id == self.context.account_id || inventory.account(account_id).is_some() {
            Membership::Inside
        } else if inventory.complete(ACCOUNT) {
            Membership::Outside
        } else {
            Membership::Unknown
        }
    }

    /// What settles an unknown membership.
    pub(crate) fn settles_membership(&self) -> String {
        self.settles_type(ACCOUNT)
    }

    pub(crate) fn settles_units(&self) -> String {
        self.settles_type(TREE)
    }

    /// What settles a fact about an item of a type that the inventory does not hold.
    fn settles_type(&self, resource_type: &str) -> String {
        if self.context.inventory.provides(resource_type) {
            format!("a complete {resource_type} inventory")
        } else {
            format!("{resource_type} inventory")
        }
    }

    /// The type when the inventory does not speak of it, the item when it does.
    pub(crate) fn settles_item(&self, resource_type: &str, item: String) -> String {
        if self.context.inventory.provides(resource_type) { item } else { format!("{resource_type} inventory") }
    }

    pub(crate) fn settles_endpoint(&self, id: &str) -> String {
        self.settles_item(VPC_ENDPOINT, format!("VPC endpoint {id} in the inventory"))
    }

    /// Names from the root to the account's parent, or null.
    pub(crate) fn unit(&self, account_id: Option<&str>) -> Option<String> {
        account_id
            .and_then(|id| self.context.inventory.account(id))
            .and_then(|account| account.organizational_unit_path.clone())
    }

    /// `account 111111111111 (name)`.
    pub(crate) fn account_phrase(&self, account_id: &str) -> String {
        let name = self.context.inventory.account(account_id).and_then(|account| account.name.as_deref());
        match name {
            Some(name) => format!("account {account_id} ({name})"),
            None if is_account_id(account_id) => format!("account {account_id}"),
            None => account_id.to_owned(),
        }
    }

    /// The owner tag, by the tag keys of the perimeter definition, first found wins. Keys are compared without case.
    pub(crate) fn owner_tag<'t>(&self, tags: &'t std::collections::BTreeMap<String, String>) -> Option<&'t str> {
        self.context.perimeter.owner_tags.iter().find_map(|wanted| {
            tags.iter()
                .find(|(key, value)| key.eq_ignore_ascii_case(wanted) && !value.trim().is_empty())
                .map(|(_, value)| value.as_str())
        })
    }
}

/// Does a resource section cover a resource? A section of a bucket covers the objects in it.
fn covers_resource(pattern: &Pattern, arn: &str) -> bool {
    if covers(pattern, arn) {
        return true;
    }
    match Arn::parse(arn).and_then(|parsed| parsed.bucket()) {
        Some(_) => arn.split_once('/').is_some_and(|(bucket_arn, _)| covers(pattern, bucket_arn)),
        None => false,
    }
}
