//! Adding one section of a perimeter definition to another: lists are concatenated, what is there already is left out, and the order
//! is kept.

use super::model::{
    ExemptPrincipals, ExpectedNetworks, NamedNetwork, PrincipalList, Trust, TrustedIdentities, TrustedResources,
};

impl Trust {
    /// Adds everything that `other` trusts.
    pub fn add(&mut self, other: &Trust) {
        let Trust { trusted_identities, trusted_resources, expected_networks, exempt_principals, human_roles } = other;
        let TrustedIdentities { organizations, accounts, principals } = trusted_identities;
        append(&mut self.trusted_identities.organizations, organizations);
        append(&mut self.trusted_identities.accounts, accounts);
        append(&mut self.trusted_identities.principals, principals);
        let TrustedResources { accounts, arns, buckets } = trusted_resources;
        append(&mut self.trusted_resources.accounts, accounts);
        append(&mut self.trusted_resources.arns, arns);
        append(&mut self.trusted_resources.buckets, buckets);
        let ExpectedNetworks { cidrs, vpcs, vpc_endpoints } = expected_networks;
        cidrs.iter().for_each(|network| append_network(&mut self.expected_networks.cidrs, network));
        append(&mut self.expected_networks.vpcs, vpcs);
        append(&mut self.expected_networks.vpc_endpoints, vpc_endpoints);
        let ExemptPrincipals { network, resource, identity } = exempt_principals;
        self.exempt_principals.network.add(network);
        self.exempt_principals.resource.add(resource);
        self.exempt_principals.identity.add(identity);
        append(&mut self.human_roles, human_roles);
    }
}

impl PrincipalList {
    fn add(&mut self, other: &PrincipalList) {
        append(&mut self.accounts, &other.accounts);
        append(&mut self.principals, &other.principals);
    }
}

/// Appends what `list` does not hold.
pub(super) fn append<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

/// A network that is listed twice is one network; the first name that somebody gave it stays.
pub(super) fn append_network(list: &mut Vec<NamedNetwork>, network: &NamedNetwork) {
    match list.iter_mut().find(|known| known.network == network.network) {
        Some(known) if known.name == known.network.to_string() => known.name.clone_from(&network.name),
        Some(_) => {}
        None => list.push(network.clone()),
    }
}
