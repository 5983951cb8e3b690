//! The exclude steps, listed in one place. A step says of a row whether it belongs in the report.

mod access;
mod identity;
mod network;
mod resource;
mod role;

use std::collections::HashMap;

use polars::prelude::IdxSize;

use super::case::Case;

/// What a step says of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Certain: the row crosses nothing and is left out.
    Drop,
    /// Certain: this step has nothing against the row; the fact that decided it, where a reader wants to know.
    Keep(Option<String>),
    /// AWS owns the resource: the row stays in the report, as a need for an exception.
    Owned(String),
    /// The perimeter definition trusts whom the row is about: the row stays in the report, as excepted.
    Trusted(String),
    /// A fact is missing.
    Undetermined { why: String, settled_by: String },
}

impl Decision {
    pub(crate) const KEEP: Decision = Decision::Keep(None);

    fn keep(fact: impl Into<String>) -> Decision {
        Decision::Keep(Some(fact.into()))
    }

    fn undetermined(why: impl Into<String>, settled_by: impl Into<String>) -> Decision {
        Decision::Undetermined { why: why.into(), settled_by: settled_by.into() }
    }
}

/// What a step looks at, and so how often it must decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LooksAt {
    /// The caller and what the resource's section trusts.
    Principal,
    /// The resource alone.
    Resource,
    /// More of the row.
    Row,
}

/// An exclude step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    looks_at: LooksAt,
    decide: fn(&Case<'_>) -> Decision,
}

pub(crate) const OWN_VPC_ENDPOINTS: &str = "own_vpc_endpoints";

/// Every exclude step, by name.
pub(crate) static STEPS: &[Step] = &[
    Step { name: "aws_owned_resources", looks_at: LooksAt::Resource, decide: resource::aws_owned_resources },
    Step { name: "aws_service_principals", looks_at: LooksAt::Principal, decide: identity::aws_service_principals },
    Step { name: "exempt_principals", looks_at: LooksAt::Principal, decide: identity::exempt_principals },
    Step { name: "expected_networks", looks_at: LooksAt::Row, decide: network::expected_networks },
    Step { name: "external_access", looks_at: LooksAt::Row, decide: access::external_access },
    Step { name: "forward_access_sessions", looks_at: LooksAt::Row, decide: role::forward_access_sessions },
    Step { name: "not_own_resources", looks_at: LooksAt::Row, decide: resource::not_own_resources },
    Step { name: "not_own_vpc_endpoints", looks_at: LooksAt::Row, decide: network::not_own_vpc_endpoints },
    Step { name: "not_service_role", looks_at: LooksAt::Principal, decide: role::not_service_role },
    Step { name: "organization_principals", looks_at: LooksAt::Principal, decide: identity::organization_principals },
    Step { name: "organization_resources", looks_at: LooksAt::Resource, decide: resource::organization_resources },
    Step { name: OWN_VPC_ENDPOINTS, looks_at: LooksAt::Row, decide: network::own_vpc_endpoints },
    Step { name: "same_boundary_principals", looks_at: LooksAt::Row, decide: identity::same_boundary_principals },
    Step { name: "service_linked_roles", looks_at: LooksAt::Principal, decide: role::service_linked_roles },
    Step { name: "trusted_identities", looks_at: LooksAt::Principal, decide: identity::trusted_identities },
    Step { name: "trusted_resources", looks_at: LooksAt::Resource, decide: resource::trusted_resources },
];

/// The names of [`STEPS`], for lints.
pub(crate) static STEP_NAMES: &[&str] = &[
    "aws_owned_resources",
    "aws_service_principals",
    "exempt_principals",
    "expected_networks",
    "external_access",
    "forward_access_sessions",
    "not_own_resources",
    "not_own_vpc_endpoints",
    "not_service_role",
    "organization_principals",
    "organization_resources",
    OWN_VPC_ENDPOINTS,
    "same_boundary_principals",
    "service_linked_roles",
    "trusted_identities",
    "trusted_resources",
];

pub(crate) fn step(name: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.name == name)
}

/// Runs one step over rows and remembers what it said, so that a list is searched once per caller or resource and not per row.
pub(crate) struct Runner {
    step: &'static Step,
    /// By the number of the fact, for rows that no resource section of the perimeter definition covers: nearly all.
    said: Vec<Option<Decision>>,
    /// By scope and number of the fact, for the others.
    said_in_scope: HashMap<(usize, IdxSize), Decision>,
}

impl Runner {
    pub(crate) fn new(step: &'static Step) -> Runner {
        Runner { step, said: Vec::new(), said_in_scope: HashMap::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.step.name
    }

    /// `principal` and `resource` are the numbers of the facts of the row.
    pub(crate) fn decide(&mut self, case: &Case<'_>, principal: Option<IdxSize>, resource: Option<IdxSize>) -> Decision {
        let decide = self.step.decide;
        let (number, scope) = match self.step.looks_at {
            LooksAt::Row => (None, 0),
            LooksAt::Principal => (principal, case.resource.scope),
            // The scope follows from the resource.
            LooksAt::Resource => (resource, 0),
        };
        let Some(number) = number else { return decide(case) };
        if scope != 0 {
            return self.said_in_scope.entry((scope, number)).or_insert_with(|| decide(case)).clone();
        }
        let index = number as usize;
        if self.said.len() <= index {
            self.said.resize(index + 1, None);
        }
        match self.said.get_mut(index) {
            Some(said) => said.get_or_insert_with(|| decide(case)).clone(),
            None => decide(case),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_steps_and_sorted() {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names, STEP_NAMES);
        assert!(names.is_sorted());
    }
}
