//! Layers of policies compared: which differ, and what of them a call is known to have passed.

use std::sync::Arc;

use crate::policy::compiled::Policy;
use crate::policy::document::Effect;
use crate::policy::layers::{Grants, Level, Policies};

/// The policies without those that a call is known to have passed, as they only deny.
pub(super) fn without_passed(policies: &Policies, passed: &Policies) -> Policies {
    let only_denies = |policy: &Policy| policy.statements.iter().all(|statement| statement.effect == Effect::Deny);
    let levels = |levels: &Option<Vec<Level>>, passed: &Option<Vec<Level>>| -> Option<Vec<Level>> {
        let was_passed = |policy: &Arc<Policy>| {
            let mut known = passed.iter().flatten().flat_map(|level| &level.policies);
            only_denies(policy) && known.any(|own| Arc::ptr_eq(own, policy))
        };
        let left = levels.as_ref()?.iter().map(|level| Level {
            name: level.name.clone(),
            policies: level.policies.iter().filter(|policy| !was_passed(policy)).cloned().collect(),
        });
        Some(left.collect())
    };
    Policies {
        service_control: levels(&policies.service_control, &passed.service_control),
        resource_control: levels(&policies.resource_control, &passed.resource_control),
        ..policies.clone()
    }
}

/// Are they the same policies?
pub(super) fn same_list(a: Option<&[Arc<Policy>]>, b: Option<&[Arc<Policy>]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b)),
        (None, None) => true,
        _ => false,
    }
}

/// Are the same policies at every level?
pub(super) fn same_levels(a: &Option<Vec<Level>>, b: &Option<Vec<Level>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_list(Some(&a.policies), Some(&b.policies)))
        }
        (None, None) => true,
        _ => false,
    }
}

/// Do the same policies grant?
pub(super) fn same_grants(a: &Grants, b: &Grants) -> bool {
    match (a, b) {
        (Grants::Policies(a), Grants::Policies(b)) => same_list(Some(a), Some(b)),
        (Grants::NotGiven, Grants::NotGiven) | (Grants::Assumed, Grants::Assumed) => true,
        _ => false,
    }
}
