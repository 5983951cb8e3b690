//! Steps about the caller: who belongs to the organization, who is trusted, whom a perimeter does not bind.

use super::Decision;
use crate::enrich::case::Case;
use crate::enrich::principal::{Kind, Listed, Ownership};
use crate::enrich::world::{Membership, World};

/// Drops calls that AWS services make for themselves.
pub(super) fn aws_service_principals(case: &Case<'_>) -> Decision {
    let principal = case.principal;
    match principal.kind {
        Kind::AwsService => Decision::Drop,
        // A record with an account, an ARN or a unique id is of a principal of that account.
        Kind::Unknown if principal.account_id.is_none() && principal.arn.is_none() && principal.unique_id.is_none() => {
            Decision::undetermined("the record does not tell who called", "identity of the caller")
        }
        _ => Decision::KEEP,
    }
}

/// Drops calls by principals of the organization.
pub(super) fn organization_principals(case: &Case<'_>) -> Decision {
    let principal = case.principal;
    match (principal.ownership, &principal.account_id) {
        (Ownership::InOrganization, _) => Decision::Drop,
        (Ownership::Anonymous, _) => Decision::keep("anonymous callers belong to no organization"),
        (Ownership::AwsService, _) => Decision::keep("an AWS service belongs to no organization"),
        (Ownership::OutsideOrganization, Some(account)) => {
            Decision::keep(format!("{} is not in the organization", case.world.account_phrase(account)))
        }
        (_, Some(account)) => unknown_membership(case.world, account),
        (_, None) => Decision::undetermined("the record hides the caller's account", "account of the caller"),
    }
}

pub(super) fn unknown_membership(world: &World<'_>, account_id: &str) -> Decision {
    let phrase = world.account_phrase(account_id);
    Decision::undetermined(format!("whether {phrase} is in the organization is unknown"), world.settles_membership())
}

/// Drops calls by principals whose account shares an organizational-unit boundary with the account of the trail.
pub(super) fn same_boundary_principals(case: &Case<'_>) -> Decision {
    let world = case.world;
    let own = case.trail_account();
    let account = match (case.principal.ownership, &case.principal.account_id) {
        (Ownership::Anonymous, _) => return Decision::keep("anonymous callers belong to no organizational unit"),
        (Ownership::AwsService, _) => return Decision::keep("an AWS service belongs to no organizational unit"),
        (_, None) => return Decision::undetermined("the record hides the caller's account", "account of the caller"),
        (_, Some(account)) if account == own => return Decision::Drop,
        (_, Some(account)) => account,
    };
    match world.membership(account) {
        Membership::Inside => {}
        Membership::Outside => {
            return Decision::keep(format!("{} is not in the organization", world.account_phrase(account)));
        }
        Membership::Unknown => return unknown_membership(world, account),
    }
    let inventory = world.context.inventory;
    let units = |account: &str| inventory.organizational_units_of(account);
    let (Some(own_units), Some(units)) = (units(own), units(account)) else {
        let unplaced = if units(own).is_none() { own } else { account };
        let why = format!("the organizational unit of {} is unknown", world.account_phrase(unplaced));
        return Decision::undetermined(why, world.settles_units());
    };
    let within = |units: &[String], boundary: &[String]| units.iter().any(|unit| boundary.contains(unit));
    let boundaries = &world.context.perimeter.organizational_unit_boundaries;
    let own_boundaries: Vec<_> = boundaries.iter().filter(|(_, boundary)| within(own_units, boundary)).collect();
    if own_boundaries.iter().any(|(_, boundary)| within(units, boundary)) {
        return Decision::Drop;
    }
    let names: Vec<&str> = own_boundaries.iter().map(|(name, _)| name.as_str()).collect();
    let caller = world.account_phrase(account);
    Decision::keep(match names.as_slice() {
        [] => format!("{} lies in no organizational-unit boundary, so it shares none with {caller}", world.account_phrase(own)),
        names => format!("{caller} is outside the organizational-unit boundary {}", names.join(", ")),
    })
}

/// Drops calls by principals that the perimeter definition trusts.
pub(super) fn trusted_identities(case: &Case<'_>) -> Decision {
    let world = case.world;
    let trusted = &case.scope.trust.trusted_identities;
    let listed = listed(case, case.principal.is_listed(&trusted.accounts, &trusted.principals), "trusted");
    if listed != Decision::KEEP || trusted.organizations.is_empty() {
        return listed;
    }
    let inventory = world.context.inventory;
    let own = |organization: &&String| inventory.organization_id.as_ref() == Some(organization);
    match (case.principal.ownership, &case.principal.account_id) {
        (Ownership::Anonymous | Ownership::AwsService, _) => Decision::KEEP,
        (Ownership::InOrganization, _) if trusted.organizations.iter().any(|organization| own(&organization)) => Decision::Drop,
        (Ownership::InOrganization, _) => Decision::KEEP,
        (_, Some(account)) => match inventory.organization_of(account) {
            Some(organization) if trusted.organizations.iter().any(|trusted| trusted == organization) => Decision::Drop,
            Some(_) => Decision::KEEP,
            None => {
                let organizations: Vec<&str> =
                    trusted.organizations.iter().filter(|organization| !own(organization)).map(String::as_str).collect();
                if organizations.is_empty() {
                    return Decision::KEEP;
                }
                let organizations = organizations.join(", ");
                let why = format!(
                    "whether {} is in the trusted organization {organizations} is unknown",
                    world.account_phrase(account)
                );
                Decision::undetermined(why, format!("accounts of organization {organizations}"))
            }
        },
        (_, None) => Decision::undetermined("the record hides the caller's account", "account of the caller"),
    }
}

/// Drops calls by principals that the perimeter of the query does not bind.
pub(super) fn exempt_principals(case: &Case<'_>) -> Decision {
    let exempt = &case.scope.trust.exempt_principals;
    let list = match case.world.plan.perimeter {
        "network" => &exempt.network,
        "resource" => &exempt.resource,
        "identity" => &exempt.identity,
        _ => return Decision::KEEP,
    };
    listed(case, case.principal.is_exempt(list), "exempt")
}

fn listed(case: &Case<'_>, listed: Listed, list: &str) -> Decision {
    match listed {
        Listed::Yes => Decision::Drop,
        Listed::No => Decision::KEEP,
        Listed::AccountHidden => Decision::undetermined(
            format!("the record hides the caller's account, and some accounts are {list}"),
            "account of the caller",
        ),
        Listed::ArnHidden => Decision::undetermined(
            format!("the record hides the caller's ARN, and some principals of its account are {list}"),
            case.principal.settled_by(case.world),
        ),
    }
}
