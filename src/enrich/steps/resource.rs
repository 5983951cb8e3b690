//! Steps about the resource: whose it is, and whether it is trusted.

use super::Decision;
use super::identity::unknown_membership;
use crate::enrich::arn::any_covers;
use crate::enrich::aws_owned::Match;
use crate::enrich::case::Case;
use crate::enrich::principal::Ownership;
use crate::enrich::resource::Resource;
use crate::enrich::world::World;

fn unknown_owner(world: &World<'_>, resource: &Resource) -> Decision {
    let why = match (&resource.bucket, &resource.arn) {
        (Some(bucket), _) if resource.is_alias() => {
            format!("{bucket} is an access point alias, which does not tell its bucket")
        }
        (Some(_), _) | (None, Some(_)) => format!("the owner of {} is unknown", resource.phrase()),
        (None, None) => "the record does not name the resource".to_owned(),
    };
    Decision::undetermined(why, resource.settles_owner(world))
}

/// Drops calls to resources of the organization.
pub(super) fn organization_resources(case: &Case<'_>) -> Decision {
    let (world, resource) = (case.world, case.resource);
    match (resource.ownership, &resource.account_id) {
        (Ownership::InOrganization, _) => Decision::Drop,
        (Ownership::AwsService, _) => Decision::KEEP,
        (Ownership::OutsideOrganization, Some(account)) => {
            Decision::keep(format!("{}, which owns it, is not in the organization", world.account_phrase(account)))
        }
        (_, Some(account)) => unknown_membership(world, account),
        (_, None) => unknown_owner(world, resource),
    }
}

/// Drops calls to resources that another account than the one under judgement owns: for perimeters of one's own resources.
pub(super) fn not_own_resources(case: &Case<'_>) -> Decision {
    let resource = case.resource;
    match &resource.account_id {
        Some(account) if account == case.world.context.account_id => Decision::KEEP,
        Some(_) => Decision::Drop,
        None if resource.ownership == Ownership::AwsService => Decision::Drop,
        None => unknown_owner(case.world, resource),
    }
}

/// Drops calls to resources that the perimeter definition trusts.
pub(super) fn trusted_resources(case: &Case<'_>) -> Decision {
    let (world, resource) = (case.world, case.resource);
    let trusted = &case.scope.trust.trusted_resources;
    let owner = resource.account_id.as_ref();
    if owner.is_some_and(|owner| trusted.accounts.contains(owner)) {
        return Decision::Drop;
    }
    let Some(arn) = &resource.arn else {
        let nothing_trusted = trusted.arns.is_empty() && trusted.buckets.is_empty();
        let owner_matters = owner.is_none() && !trusted.accounts.is_empty();
        return if nothing_trusted && !owner_matters { Decision::KEEP } else { unknown_owner(world, resource) };
    };
    if any_covers(&trusted.arns, arn) {
        return Decision::Drop;
    }
    let named =
        trusted.buckets.iter().filter(|trusted| resource.bucket.as_ref().is_some_and(|bucket| trusted.name.matches(bucket)));
    let mut wanted: Vec<&str> = Vec::new();
    for bucket in named {
        match (&bucket.owner, owner) {
            (None, _) => return Decision::Drop,
            (Some(trusted), Some(owner)) if trusted == owner => return Decision::Drop,
            (Some(trusted), _) => wanted.push(trusted),
        }
    }
    match owner {
        // Whoever owns it, it is none of the accounts that would make it trusted.
        Some(owner) if !wanted.is_empty() => Decision::keep(format!(
            "the name is trusted only when account {} owns the bucket, but {} does",
            wanted.join(" or "),
            world.account_phrase(owner)
        )),
        None if !wanted.is_empty() || !trusted.accounts.is_empty() => {
            if resource.ownership == Ownership::AwsService {
                Decision::KEEP
            } else {
                unknown_owner(world, resource)
            }
        }
        _ => Decision::KEEP,
    }
}

/// Marks calls to resources that AWS owns; a name alone does not prove it.
pub(super) fn aws_owned_resources(case: &Case<'_>) -> Decision {
    let (world, resource) = (case.world, case.resource);
    let Some(arn) = &resource.arn else { return Decision::KEEP };
    if resource.ownership == Ownership::InOrganization {
        return Decision::KEEP;
    }
    let owner = resource.account_id.as_deref();
    match (world.aws_owned.judge(arn, owner), owner) {
        (Match::No, _) => Decision::KEEP,
        (Match::Owned(entry), owner) => {
            let service = entry.map_or("AWS", |entry| entry.service.as_str());
            let account = owner.map_or(String::new(), |owner| format!(" (account {owner})"));
            let policies = match entry.map(|entry| entry.excepted_in.join(", ")) {
                Some(policies) if !policies.is_empty() => format!("; needs an exception in: {policies}"),
                _ => String::new(),
            };
            Decision::Owned(format!("{service} owns it{account}{policies}"))
        }
        (Match::Foreign(entry), Some(owner)) => {
            let (service, owner) = (&entry.service, world.account_phrase(owner));
            Decision::keep(format!("the name looks like one of {service}, but {owner} owns it"))
        }
        (Match::NameOnly(entry), Some(owner)) => {
            let service = &entry.service;
            Decision::undetermined(
                format!("the name looks like one of {service}, whose accounts AWS does not publish; account {owner} owns it"),
                format!("confirmation that account {owner} belongs to {service}"),
            )
        }
        (Match::Foreign(entry) | Match::NameOnly(entry), None) => Decision::undetermined(
            format!("the name looks like one of {}, and the owner is unknown: name-only evidence", entry.service),
            resource.settles_owner(world),
        ),
    }
}
