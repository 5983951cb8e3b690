//! `ec2:RunInstances` is one event and many permissions: on the instances, the image, the network interfaces, the volumes …
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html>.

use super::super::action::Needed;
use super::super::owner::Owner;
use super::super::scene::{Parameters, Scene};
use super::{Resolved, fill, owner};

/// How a type of resource shows in the request: the paths of its id, and whether one is used when the request names none.
struct Part {
    name: &'static str,
    paths: &'static [&'static str],
    always: Always,
}

#[derive(PartialEq)]
enum Always {
    /// One is always used, the default one if need be.
    Yes,
    /// Mostly.
    Likely,
    OnlyIfNamed,
}

const PARTS: [Part; 10] = [
    Part { name: "image", paths: &["instancesSet.items.imageId", "imageId"], always: Always::Yes },
    Part {
        name: "network-interface",
        paths: &["networkInterfaceSet.items.networkInterfaceId", "networkInterface.networkInterfaceId"],
        always: Always::Yes,
    },
    Part {
        name: "subnet",
        paths: &["subnetId", "networkInterfaceSet.items.subnetId", "instancesSet.items.subnetId"],
        always: Always::Yes,
    },
    Part {
        name: "security-group",
        paths: &["groupSet.items.groupId", "networkInterfaceSet.items.groupSet.items.groupId", "securityGroupId"],
        always: Always::Yes,
    },
    Part { name: "volume", paths: &[], always: Always::Likely },
    Part { name: "key-pair", paths: &["instancesSet.items.keyName", "keyName"], always: Always::OnlyIfNamed },
    Part {
        name: "launch-template",
        paths: &["launchTemplate.launchTemplateId", "launchTemplateSpecification.launchTemplateId"],
        always: Always::OnlyIfNamed,
    },
    Part {
        name: "snapshot",
        paths: &["blockDeviceMapping.items.ebs.snapshotId", "blockDeviceMapping.ebs.snapshotId"],
        always: Always::OnlyIfNamed,
    },
    Part {
        name: "placement-group",
        paths: &["placement.groupName", "instancePlacement.groupName"],
        always: Always::OnlyIfNamed,
    },
    Part {
        name: "capacity-reservation",
        paths: &["capacityReservationSpecification.capacityReservationTarget.capacityReservationId"],
        always: Always::OnlyIfNamed,
    },
];

pub(super) fn resources(scene: &Scene<'_>, needed: &Needed<'_>) -> Vec<Resolved> {
    let Some((service, action)) = needed.facts else { return Vec::new() };
    let number_of = |name: &str| {
        let types = action.resource_types.iter().map(|own| own.resource_type);
        types.into_iter().find(|number| service.resource_type(*number).is_some_and(|resource| resource.name == name))
    };
    let template = |name: &str| {
        let number = number_of(name)?;
        Some((number, fill::open_template(scene, service.resource_type(number)?)))
    };
    let mut found = Vec::new();
    let mut add = |name: &str, id: Option<&str>, certain: bool, why: &'static str| {
        let Some((number, arn)) = template(name) else { return };
        let arn = match id {
            Some(id) => arn.strip_suffix('*').map_or_else(|| arn.clone(), |start| format!("{start}{id}")),
            None => arn,
        };
        let mut resolved = Resolved::of_arn(arn.clone(), owner(scene, &arn), Some(number), why);
        if name == "image" || name == "snapshot" {
            resolved.owner = Owner::Unknown("images and snapshots may be anybody's, and the record does not tell whose");
        }
        resolved.certain = certain;
        found.push(resolved);
    };
    add("instance", None, true, "an instance that is about to be made");
    let shows_launch = match &scene.parameters {
        Parameters::None | Parameters::Damaged => true,
        Parameters::Known(_) => scene.has("instancesSet") || scene.has("imageId") || scene.has("launchTemplate"),
    };
    let is_hidden = !matches!(scene.parameters, Parameters::Known(_));
    for part in &PARTS {
        let ids: Vec<&str> = part.paths.iter().flat_map(|path| scene.texts_at(path)).take(10).collect();
        for id in &ids {
            add(part.name, Some(id), true, "from requestParameters");
        }
        let is_tagged = scene.tags.iter().any(|tags| tags.for_type.as_deref() == Some(part.name));
        let maps_volumes = part.name == "volume" && scene.has("blockDeviceMapping");
        if ids.is_empty() && (is_tagged || maps_volumes) {
            add(part.name, None, true, "the request says how it is to be made");
        } else if ids.is_empty() && shows_launch && part.always != Always::OnlyIfNamed {
            let certain = part.always == Always::Yes && !is_hidden;
            add(part.name, None, certain, "a launch uses one, which the request does not name");
        }
    }
    found
}
