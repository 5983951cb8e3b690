//! Steps about the network: expected networks and VPC endpoints.

use super::Decision;
use crate::enrich::case::{Case, Path, Place};
use crate::enrich::network::Reach;
use crate::enrich::principal::Kind;
use crate::enrich::rows::Field;
use crate::enrich::world::Membership;

/// Drops calls that come from an expected network: an address range, a VPC or a VPC endpoint of the perimeter definition.
pub(super) fn expected_networks(case: &Case<'_>) -> Decision {
    let place = case.place();
    let endpoint = case.endpoint.id.as_deref();
    match (place, case.path(), endpoint) {
        (Place::Expected, _, _) => Decision::Drop,
        (Place::AwsService, _, _) => Decision::keep(match case.text(Field::SourceService).or(case.text(Field::InvokedBy)) {
            Some(service) => format!("the call came from the network of {service}"),
            None => "the call came from the network of an AWS service".to_owned(),
        }),
        (_, Path::KnownEndpoint, Some(endpoint)) => known_endpoint(case, endpoint),
        (Place::Public, Path::UnknownEndpoint, Some(endpoint)) => Decision::keep(format!(
            "the public address is in no expected network; VPC endpoint {endpoint} is not in the inventory, and shows no public \
             addresses unless it is AWS's"
        )),
        (Place::Public, _, _) => Decision::keep("the address is in no expected network"),
        (_, Path::UnknownEndpoint, Some(endpoint)) => unknown_endpoint(case, endpoint),
        (Place::Private, _, _) => Decision::undetermined(
            "the address is private, and the record names no VPC endpoint",
            "VPC endpoint of the call (the record names none)",
        ),
        _ => Decision::undetermined("the record does not tell where the call came from", "source address of the call"),
    }
}

fn known_endpoint(case: &Case<'_>, endpoint: &str) -> Decision {
    match &case.endpoint.vpc_id {
        Some(vpc) => Decision::keep(format!("neither VPC endpoint {endpoint} nor its VPC {vpc} is expected")),
        None if case.scope.trust.expected_networks.vpcs.is_empty() => {
            Decision::keep(format!("VPC endpoint {endpoint} is not expected"))
        }
        None => match &case.endpoint.account_id {
            // A VPC and its endpoints belong to one organization: subnets are shared within it only
            // (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html).
            Some(owner) if case.world.membership(owner) == Membership::Outside && expects_only_own_vpcs(case) => {
                Decision::keep(format!(
                    "VPC endpoint {endpoint} belongs to {}, outside the organization, and every expected VPC is inside it",
                    case.world.account_phrase(owner)
                ))
            }
            _ => Decision::undetermined(
                format!("the VPC of VPC endpoint {endpoint} is unknown"),
                case.world.settles_endpoint(endpoint),
            ),
        },
    }
}

/// Is every expected VPC known to be in an account of the organization?
fn expects_only_own_vpcs(case: &Case<'_>) -> bool {
    let inventory = case.world.context.inventory;
    case.scope.trust.expected_networks.vpcs.iter().all(|vpc| {
        let owner = inventory.vpc(vpc).and_then(|vpc| vpc.account_id.as_deref());
        owner.is_some_and(|owner| case.world.membership(owner) == Membership::Inside)
    })
}

fn unknown_endpoint(case: &Case<'_>, endpoint: &str) -> Decision {
    Decision::undetermined(
        format!("VPC endpoint {endpoint} may be yours or AWS's: neither the record nor the inventory tells"),
        case.world.settles_endpoint(endpoint),
    )
}

/// Is the endpoint's owner one of whom `is_own` says so? `Err` is the decision where that is not certain.
fn owned_by(case: &Case<'_>, is_own: impl Fn(&str) -> Result<bool, Decision>) -> Result<bool, Decision> {
    let Some(endpoint) = case.endpoint.id.as_deref() else { return Ok(false) };
    match case.path() {
        Path::Direct | Path::AwsEndpoint => Ok(false),
        Path::KnownEndpoint => match &case.endpoint.account_id {
            Some(owner) => is_own(owner),
            None => Err(Decision::undetermined(
                format!("the owner of VPC endpoint {endpoint} is unknown"),
                case.world.settles_endpoint(endpoint),
            )),
        },
        // Behind an endpoint of one's own, the source is a private address.
        Path::UnknownEndpoint if case.address.is_some_and(|address| address.reach == Reach::Public) => Ok(false),
        Path::UnknownEndpoint => Err(unknown_endpoint(case, endpoint)),
    }
}

/// Drops calls through VPC endpoints that the account of the trail owns.
pub(super) fn own_vpc_endpoints(case: &Case<'_>) -> Decision {
    match owned_by(case, |owner| Ok(owner == case.trail_account())) {
        Ok(true) => Decision::Drop,
        Ok(false) => match (&case.endpoint.id, &case.endpoint.account_id) {
            (Some(endpoint), Some(owner)) if case.principal.kind != Kind::AwsService => {
                Decision::keep(format!("VPC endpoint {endpoint} belongs to {}", case.world.account_phrase(owner)))
            }
            _ => Decision::KEEP,
        },
        Err(undetermined) => undetermined,
    }
}

/// Drops calls that do not come through a VPC endpoint of the account under judgement, or of the organization where the query
/// looks at all of it: for perimeters of one's own endpoints.
pub(super) fn not_own_vpc_endpoints(case: &Case<'_>) -> Decision {
    let world = case.world;
    let is_own = |owner: &str| match (world.plan.organization_wide, world.membership(owner)) {
        (false, _) => Ok(owner == world.context.account_id),
        (true, Membership::Inside) => Ok(true),
        (true, Membership::Outside) => Ok(false),
        (true, Membership::Unknown) => Err(Decision::undetermined(
            format!("whether {} is in the organization is unknown", world.account_phrase(owner)),
            world.settles_membership(),
        )),
    };
    match owned_by(case, is_own) {
        Ok(true) => Decision::KEEP,
        Ok(false) => Decision::Drop,
        Err(undetermined) => undetermined,
    }
}
