//! Steps about the network: expected networks and VPC endpoints.

use super::Decision;
use crate::enrich::case::{Case, Path, Place};
use crate::enrich::network::Reach;
use crate::enrich::principal::Kind;
use crate::enrich::rows::Field;

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
        None => Decision::undetermined(
            format!("the VPC of VPC endpoint {endpoint} is unknown"),
            case.world.settles_endpoint(endpoint),
        ),
    }
}

fn unknown_endpoint(case: &Case<'_>, endpoint: &str) -> Decision {
    Decision::undetermined(
        format!("VPC endpoint {endpoint} may be yours or AWS's: neither the record nor the inventory tells"),
        case.world.settles_endpoint(endpoint),
    )
}

/// Does the endpoint belong to `account`? `Err` is the decision where that is not certain.
fn owned_by(case: &Case<'_>, account: &str) -> Result<bool, Decision> {
    let Some(endpoint) = case.endpoint.id.as_deref() else { return Ok(false) };
    match case.path() {
        Path::Direct | Path::AwsEndpoint => Ok(false),
        Path::KnownEndpoint => match &case.endpoint.account_id {
            Some(owner) => Ok(owner == account),
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
    match owned_by(case, case.trail_account()) {
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

/// Drops calls that do not come through a VPC endpoint of the account under judgement: for perimeters of one's own endpoints.
pub(super) fn not_own_vpc_endpoints(case: &Case<'_>) -> Decision {
    match owned_by(case, case.world.context.account_id) {
        Ok(true) => Decision::KEEP,
        Ok(false) => Decision::Drop,
        Err(undetermined) => undetermined,
    }
}
