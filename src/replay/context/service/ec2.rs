//! Keys of Amazon EC2: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html>.

use super::super::super::scene::{Parameters, Scene};
use super::super::super::tags::is_redacted;
use super::super::{Known, Pair, absent, present, some_value, unknown};
use super::parameter;
use crate::inventory::resource_types::{ACCOUNT, VPC_ENDPOINT_SERVICE};
use crate::policy::context::{ContextValue, Unknown};

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, name: &str) -> Option<Known> {
    let is = |action: &str| pair.needed.is("ec2", action);
    match name {
        "region" => match scene.call.region.as_deref() {
            Some(region) => present(region, "from awsRegion"),
            None => None,
        },
        "createaction" => {
            if pair.needed.dependent.is_some() && is("CreateTags") {
                return present(scene.event_name(), "from eventName: the operation that makes and tags");
            }
            absent("the tags are not set by an operation that makes the resource")
        }
        "instancetype" if is("RunInstances") => text(scene, "instanceType"),
        "imageid" => text(scene, "imageId"),
        "keypairname" => text(scene, "keyName"),
        "vpceservicename" => endpoint_service(scene),
        "vpceserviceowner" => endpoint_owner(scene),
        "vpceserviceprivatednsname" => private_name(scene, pair),
        "vpcid" => text(scene, "vpcId"),
        "instanceprofile" if is("RunInstances") => match first(scene, &["iamInstanceProfile.arn"]) {
            Some(arn) => present(arn, "from requestParameters.iamInstanceProfile"),
            None if scene.has("iamInstanceProfile") || !matches!(scene.parameters, Parameters::Known(_)) => None,
            None => absent("the request names no instance profile"),
        },
        "islaunchtemplateresource" if matches!(scene.parameters, Parameters::Known(_)) => {
            if scene.has("launchTemplate") {
                unknown("which values come from the launch template is not recorded")
            } else {
                present("false", "the request names no launch template")
            }
        }
        "tenancy" if is("RunInstances") => first(scene, &["instancePlacement.tenancy", "placement.tenancy"])
            .map_or_else(|| None, |value| present(value, "from requestParameters")),
        "launchtemplate" if is("RunInstances") && matches!(scene.parameters, Parameters::Known(_)) => launch_template(scene),
        "associatepublicipaddress" if is("RunInstances") && pair.type_name() == Some("network-interface") => {
            nested(scene, &["networkInterfaceSet.items.associatePublicIpAddress", "networkInterface.associatePublicIpAddress"])
        }
        "metadatahttptokens" => nested(scene, &["metadataOptions.httpTokens"]),
        "metadatahttpputresponsehoplimit" => nested(scene, &["metadataOptions.httpPutResponseHopLimit"]),
        "metadatahttpendpoint" => nested(scene, &["metadataOptions.httpEndpoint"]),
        "encrypted" | "volumetype" | "volumesize" | "volumeiops" if is("RunInstances") => None,
        "subnet" => arn_of(scene, "subnet", &one_subnet(scene)?, "from requestParameters"),
        "vpc" => vpc(scene, pair),
        _ => None,
    }
}

fn text(scene: &Scene<'_>, name: &str) -> Option<Known> {
    present(
        parameter(scene, name).or_else(|| first(scene, &[&format!("instancesSet.items.{name}")]))?,
        "from requestParameters",
    )
}

fn first(scene: &Scene<'_>, paths: &[&str]) -> Option<String> {
    let found = paths.iter().flat_map(|path| scene.texts_at(path)).next();
    found.map(str::to_owned)
}

fn nested(scene: &Scene<'_>, paths: &[&str]) -> Option<Known> {
    let mut found: Vec<String> = paths.iter().flat_map(|path| scene.values_at(path)).collect();
    found.dedup();
    match <[String; 1]>::try_from(found) {
        Ok([one]) if !is_redacted(&one) => present(one, "from requestParameters"),
        _ => None,
    }
}

/// The launch template that instances are made from, if one is.
fn launch_template(scene: &Scene<'_>) -> Option<Known> {
    if !scene.has("launchTemplate") && !scene.has("launchTemplateSpecification") {
        return absent("the request names no launch template");
    }
    let id = first(scene, &["launchTemplate.launchTemplateId", "launchTemplateSpecification.launchTemplateId"]);
    match id {
        Some(id) => arn_of(scene, "launch-template", &id, "from requestParameters.launchTemplate"),
        None => some_value("the request names the launch template, and not its id"),
    }
}

/// The endpoint service: from the request, or of the endpoint that the request names.
fn service_name(scene: &Scene<'_>) -> Option<String> {
    parameter(scene, "serviceName").or_else(|| {
        let id = parameter(scene, "vpcEndpointId")?;
        scene.world.inventory.vpc_endpoint(&id)?.service_name.clone()
    })
}

fn endpoint_service(scene: &Scene<'_>) -> Option<Known> {
    present(service_name(scene)?, "from the service of the endpoint")
}

/// `amazon`, `aws-marketplace` or the account that owns the service:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/security_iam_id-based-policy-examples.html>.
fn endpoint_owner(scene: &Scene<'_>) -> Option<Known> {
    let name = service_name(scene)?;
    if let Some(at) = name.find("vpce-svc-") {
        return owner_of_service(scene, name.get(at..)?);
    }
    let is_amazon = name.starts_with("com.amazonaws.") || name.starts_with("cn.com.amazonaws.") || name.starts_with("aws.");
    if is_amazon { present("amazon", "from the name of the endpoint service") } else { None }
}

/// The owner of a service that an account offers, by its id. A service that a complete inventory does not have is of somebody else.
fn owner_of_service(scene: &Scene<'_>, id: &str) -> Option<Known> {
    let inventory = scene.world.inventory;
    let region = scene.call.region.as_deref()?;
    let partition = scene.call.partition();
    let arn = |account: &str| format!("arn:{partition}:ec2:{region}:{account}:vpc-endpoint-service/{id}");
    if let Some(owner) = inventory.accounts().find(|account| inventory.resource(&arn(&account.id)).is_some()) {
        let from = super::super::super::owner::snapshot(inventory, "the account that offers the endpoint service");
        return present(owner.id.as_str(), from);
    }
    if !(inventory.complete(VPC_ENDPOINT_SERVICE) && inventory.complete(ACCOUNT)) {
        return some_value("the record does not show who owns the endpoint service, nor does the inventory");
    }
    let why = "the endpoint service is none of the organization's; whose it is is not recorded";
    let excluded = inventory.accounts().map(|account| account.id.clone()).collect();
    Some((ContextValue::Unknown(Unknown { why: why.to_owned(), excluded, ..Unknown::default() }), why.into()))
}

/// The private DNS name that a request gives to an endpoint service.
fn private_name(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    match (parameter(scene, "privateDnsName"), &scene.parameters) {
        (Some(name), _) => present(name, "from requestParameters"),
        (None, Parameters::Known(_)) if pair.needed.is("ec2", "CreateVpcEndpointServiceConfiguration") => {
            absent("the request names no private DNS name")
        }
        _ => unknown("the private DNS name of the endpoint service is not recorded"),
    }
}

/// The subnet that the request names, if it is one.
fn one_subnet(scene: &Scene<'_>) -> Option<String> {
    let paths = ["subnetId", "networkInterfaceSet.items.subnetId", "instancesSet.items.subnetId"];
    let mut ids: Vec<&str> = paths.iter().flat_map(|path| scene.texts_at(path)).collect();
    ids.sort_unstable();
    ids.dedup();
    match ids.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

/// The VPC that the request names, or that of the subnet.
fn vpc(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    if let Some(id) = parameter(scene, "vpcId") {
        return arn_of(scene, "vpc", &id, "from requestParameters");
    }
    let in_subnet = matches!(pair.type_name(), Some("subnet" | "network-interface"));
    let subnet = one_subnet(scene).filter(|_| in_subnet)?;
    let inventory = scene.world.inventory;
    let id = inventory.subnet(&subnet)?.vpc_id.as_deref()?;
    arn_of(scene, "vpc", id, super::super::super::owner::snapshot(inventory, "the VPC of the subnet in requestParameters"))
}

/// What the request names by its id, as an ARN.
fn arn_of(scene: &Scene<'_>, kind: &str, id: &str, from: impl Into<std::borrow::Cow<'static, str>>) -> Option<Known> {
    let account = super::super::super::resource::home_account(scene)?;
    let region = scene.call.region.as_deref()?;
    present(format!("arn:{}:ec2:{region}:{account}:{kind}/{id}", scene.call.partition()), from)
}
