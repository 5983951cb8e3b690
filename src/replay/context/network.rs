//! Keys about the network that the call came through, and the services it passed.

use std::net::IpAddr;

use crate::policy::context::{ContextValue, Unknown};
use crate::policy::request::PrincipalType;
use crate::policy::truth::Truth;

use super::super::caller::Kind;
use super::super::owner;
use super::super::scene::Scene;
use super::principal::certain;
use super::sessions::in_scope;
use super::{Known, Pair, absent, one_of, present, some_value, unknown};

pub(super) fn value(scene: &Scene<'_>, key: &str) -> Option<Known> {
    match key {
        "aws:sourceip" => source_ip(scene),
        "aws:vpcsourceip" => vpc_source_ip(scene),
        "aws:sourcevpce" => match endpoint(scene) {
            Endpoint::Of(id) => present(id, "from vpcEndpointId"),
            Endpoint::None(why) => absent(why),
            Endpoint::Unknown(why) => match recorded_endpoint(scene) {
                Some(id) => one_of(&[id], true, why),
                None => unknown(why),
            },
        },
        "aws:sourcevpc" => vpc(scene),
        "aws:viaawsservice" => certain(scene.caller.forward, scene.caller.why),
        "aws:calledvia" | "aws:calledviafirst" | "aws:calledvialast" => called_via(scene, key),
        "aws:viaawsmcpservice" | "aws:calledviaawsmcp" | "aws:ismcpserviceaction" => {
            let is_mcp = scene.call.invoked_by.as_deref().is_some_and(|service| service.contains("mcp"));
            if is_mcp { unknown("AWS does not document how records show it") } else { absent("no MCP service made the call") }
        }
        _ => None,
    }
}

/// The endpoint that the call came through.
enum Endpoint<'s> {
    Of(&'s str),
    None(&'static str),
    Unknown(&'static str),
}

/// Addresses that are not routed on the internet.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => {
            let first = address.segments().first().copied().unwrap_or_default();
            address.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

fn address(scene: &Scene<'_>) -> Option<IpAddr> {
    scene.call.source_ip.as_deref()?.parse().ok()
}

fn endpoint<'s>(scene: &'s Scene<'_>) -> Endpoint<'s> {
    match scene.caller.kind {
        // The endpoint of the record is one of AWS.
        Kind::Service => return Endpoint::None("requests of services do not show their network"),
        Kind::Forward => return Endpoint::None("calls that a service makes for the caller do not pass the caller's endpoint"),
        Kind::ServiceLinkedRole | Kind::ServiceRole | Kind::ForwardOrServiceRole if scene.call.source_ip.is_none() => {
            return Endpoint::Unknown("the network that a service calls through is not recorded");
        }
        _ => {}
    }
    match scene.call.vpc_endpoint_id.as_deref() {
        Some(id) if id.starts_with("vpce-") && may_be_of_console(scene, id) => {
            return Endpoint::Unknown(
                "the endpoint is none that is known, and calls of the console carry an endpoint of AWS beside the user's network",
            );
        }
        Some(id) if id.starts_with("vpce-") => return Endpoint::Of(id),
        Some(_) => return Endpoint::Unknown("vpcEndpointId names no endpoint"),
        None => {}
    }
    match address(scene) {
        Some(address) if is_private(address) => {
            let source = scene.call.event_source.as_deref().unwrap_or_default();
            if scene.world.lineage.records_endpoints(source) {
                Endpoint::Unknown("the address is private, but the record has no vpcEndpointId although the service records it")
            } else {
                Endpoint::Unknown("the address is private, and the service was never seen to record endpoints")
            }
        }
        Some(_) => Endpoint::None("the record has no vpcEndpointId, and the address is public"),
        None if scene.call.source_service.is_some() => {
            Endpoint::Unknown("the network that a service calls through is not recorded")
        }
        None => Endpoint::Unknown("sourceIPAddress is not recorded"),
    }
}

/// The endpoint that the record names, whosever it is.
fn recorded_endpoint<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    let by_service = matches!(
        scene.caller.kind,
        Kind::ServiceLinkedRole | Kind::ServiceRole | Kind::ForwardOrServiceRole if scene.call.source_ip.is_none()
    );
    scene.call.vpc_endpoint_id.as_deref().filter(|id| id.starts_with("vpce-") && !by_service)
}

/// May it be an endpoint of AWS that the console uses? Nobody knows it, and either the address is no private one or the console says
/// that it calls.
fn may_be_of_console(scene: &Scene<'_>, id: &str) -> bool {
    let call = scene.call;
    if scene.world.inventory.vpc_endpoint(id).is_some() || call.vpc_endpoint_account_id.is_some() {
        return false;
    }
    let agent = call.user_agent.as_deref().unwrap_or_default();
    let is_console = call.session_from_console == Some(true)
        || ["S3Console", "console.amazonaws.com", "console.aws.amazon.com", "signin.amazonaws.com", "AWS Internal"]
            .iter()
            .any(|part| agent.contains(part));
    is_console || address(scene).is_some_and(|address| !is_private(address))
}

fn source_ip(scene: &Scene<'_>) -> Option<Known> {
    let recorded = scene.call.source_ip.as_deref();
    match scene.caller.kind {
        Kind::Service => return absent("requests of services do not show their network"),
        Kind::Forward => {
            return match recorded {
                Some(ip) if scene.call.vpc_endpoint_id.is_none() && !address(scene).is_some_and(is_private) => {
                    present(ip, "from sourceIPAddress: the address of the caller's own call")
                }
                _ => unknown("the address of the caller's own call, before the service, is not in this record"),
            };
        }
        Kind::ServiceLinkedRole | Kind::ServiceRole | Kind::ForwardOrServiceRole if recorded.is_none() => {
            return unknown("the network that a service calls through is not recorded");
        }
        _ => {}
    }
    match (endpoint(scene), recorded) {
        (Endpoint::Of(_), _) => absent("the call came through a VPC endpoint"),
        (Endpoint::None(_), Some(ip)) => present(ip, "from sourceIPAddress"),
        (Endpoint::Unknown(why), Some(ip)) => one_of(&[ip], true, why),
        (_, None) => unknown("sourceIPAddress is no address"),
    }
}

fn vpc_source_ip(scene: &Scene<'_>) -> Option<Known> {
    match (endpoint(scene), scene.call.source_ip.as_deref()) {
        (Endpoint::Of(_), Some(ip)) => present(ip, "from sourceIPAddress: the call came through a VPC endpoint"),
        (Endpoint::Of(_), None) => some_value("sourceIPAddress is no address"),
        (Endpoint::None(why), _) => absent(why),
        (Endpoint::Unknown(why), Some(ip)) => one_of(&[ip], true, why),
        (Endpoint::Unknown(why), None) => unknown(why),
    }
}

fn vpc(scene: &Scene<'_>) -> Option<Known> {
    match endpoint(scene) {
        Endpoint::Of(id) => match scene.world.inventory.vpc_endpoint(id).and_then(|endpoint| endpoint.vpc_id.as_deref()) {
            Some(vpc) => present(vpc, owner::snapshot(scene.world.inventory, "the VPC of the endpoint")),
            None => some_value("the inventory does not tell the VPC of the endpoint"),
        },
        Endpoint::None(why) => absent(why),
        Endpoint::Unknown(why) => unknown(why),
    }
}

fn called_via(scene: &Scene<'_>, key: &str) -> Option<Known> {
    match scene.caller.forward {
        Truth::False => absent(scene.caller.why),
        Truth::Unknown => unknown(scene.caller.why),
        Truth::True => {
            let from = "from userIdentity.invokedBy; services before the last one are not recorded";
            match (scene.caller.service, key) {
                (None, _) => some_value("userIdentity.invokedBy does not name the service"),
                (Some(service), "aws:calledvialast") => present(service, "from userIdentity.invokedBy"),
                (Some(_), "aws:calledviafirst") => some_value(from),
                (Some(service), _) => {
                    let known_members = vec![service.to_owned()];
                    Some((
                        ContextValue::Unknown(Unknown { why: from.to_owned(), known_members, ..Unknown::default() }),
                        from.into(),
                    ))
                }
            }
        }
    }
}

/// Is the endpoint a gateway? Only Amazon S3 and DynamoDB have such endpoints:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>.
pub(super) fn gateway_endpoint(scene: &Scene<'_>, prefix: &str) -> Truth {
    if !matches!(prefix, "s3" | "s3express" | "dynamodb") {
        return Truth::False;
    }
    match endpoint(scene) {
        Endpoint::Of(id) => {
            let known = scene.world.inventory.vpc_endpoint(id).and_then(|endpoint| endpoint.endpoint_type.as_deref());
            known.map_or(Truth::Unknown, |kind| kind.eq_ignore_ascii_case("Gateway").into())
        }
        Endpoint::None(_) => Truth::False,
        Endpoint::Unknown(_) => Truth::Unknown,
    }
}

/// Keys that only some services fill, or that only callers of one kind have.
pub(super) fn pair_value(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    match key {
        "aws:sourcevpcarn" | "aws:vpceaccount" | "aws:vpceorgid" | "aws:vpceorgpaths" => {
            let fills = scene
                .facts()
                .services_with_key(key)
                .is_none_or(|services| services.iter().any(|own| *own == pair.needed.prefix));
            if !fills {
                return absent("the service does not fill the key");
            }
            of_endpoint(scene, key)
        }
        "aws:sourceaccount" | "aws:sourcearn" | "aws:sourceorgid" | "aws:sourceorgpaths" => source(scene, key),
        _ => None,
    }
}

fn of_endpoint(scene: &Scene<'_>, key: &str) -> Option<Known> {
    let inventory = scene.world.inventory;
    let id = match endpoint(scene) {
        Endpoint::Of(id) => id,
        Endpoint::None(why) => return absent(why),
        Endpoint::Unknown(why) => return unknown(why),
    };
    let known = inventory.vpc_endpoint(id);
    let recorded = scene.call.vpc_endpoint_account_id.as_deref();
    let account = recorded.or_else(|| known.and_then(|endpoint| endpoint.owner_account_id.as_deref()));
    let from = if recorded.is_some() { "from vpcEndpointAccountId" } else { "from the inventory: the owner of the endpoint" };
    let Some(account) = account else { return unknown("neither the record nor the inventory tells who owns the endpoint") };
    match key {
        "aws:vpceaccount" => present(account, from),
        "aws:vpceorgid" => {
            let (value, from) = owner::organization_id(inventory, account);
            Some((value, from.into()))
        }
        "aws:vpceorgpaths" => {
            let (value, from) = owner::organization_paths(inventory, account);
            Some((value, from.into()))
        }
        _ => {
            let region = known.and_then(|endpoint| endpoint.region.as_deref()).or(scene.call.region.as_deref());
            match (known.and_then(|endpoint| endpoint.vpc_id.as_deref()), region) {
                (Some(vpc), Some(region)) => {
                    let arn = format!("arn:{}:ec2:{region}:{account}:vpc/{vpc}", scene.call.partition());
                    present(arn, owner::snapshot(inventory, "the VPC of the endpoint"))
                }
                _ => some_value("the inventory does not tell the VPC of the endpoint"),
            }
        }
    }
}

/// For which resource a service calls.
fn source(scene: &Scene<'_>, key: &str) -> Option<Known> {
    if scene.caller.principal.principal_type != PrincipalType::Service {
        return absent("only calls of service principals have it");
    }
    let arn = in_scope(scene, "sourceArn");
    let account = in_scope(scene, "sourceAccount")
        .or_else(|| arn.as_deref().and_then(crate::events::rows::account_of_arn).map(str::to_owned));
    let why = "the record does not tell for which resource the service called";
    match (key, arn, account) {
        ("aws:sourcearn", Some(arn), _) => present(arn, "from userIdentity.inScopeOf.sourceArn"),
        ("aws:sourceaccount", _, Some(account)) => present(account, "from userIdentity.inScopeOf.sourceAccount"),
        ("aws:sourceorgid", _, Some(account)) => {
            let (value, from) = owner::organization_id(scene.world.inventory, &account);
            Some((value, from.into()))
        }
        ("aws:sourceorgpaths", _, Some(account)) => {
            let (value, from) = owner::organization_paths(scene.world.inventory, &account);
            Some((value, from.into()))
        }
        _ => unknown(why),
    }
}
