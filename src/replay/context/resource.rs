//! Keys about the resource and the tags of the request.

use crate::inventory::Tags;
use crate::policy::context::{ContextValue, Unknown};
use crate::policy::truth::Truth;

use super::super::owner::{self, Owner};
use super::super::scene::{Parameters, Scene};
use super::super::tags::RequestTags;
use super::principal::changed_since;
use super::{Known, Pair, absent, one_of, present, present_all, some_value, unknown};

/// Operations for which AWS fills in no owner:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount>.
const WITHOUT_OWNER: [&str; 16] = [
    "ebs:CompleteSnapshot",
    "ebs:GetSnapshotBlock",
    "ebs:ListChangedBlocks",
    "ebs:ListSnapshotBlocks",
    "ebs:PutSnapshotBlock",
    "ebs:StartSnapshot",
    "ec2:AcceptTransitGatewayPeeringAttachment",
    "ec2:AcceptVpcEndpointConnections",
    "ec2:AcceptVpcPeeringConnection",
    "ec2:CreateTransitGatewayPeeringAttachment",
    "ec2:CreateVpcEndpoint",
    "ec2:CreateVpcPeeringConnection",
    "es:AcceptInboundConnection",
    "guardduty:AcceptAdministratorInvitation",
    "macie2:AcceptInvitation",
    "route53:AssociateVPCWithHostedZone",
];

const UNREAD: &str = "the request has a parameter that may hold tags, in a form that is not known";

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    match key {
        "aws:resourceaccount" => account(pair),
        "s3:resourceaccount" => {
            if pair.lists(key).is_false() {
                return absent("the key does not belong to the action");
            }
            account(pair)
        }
        "aws:resourceorgid" => organization(scene, pair, false),
        "aws:resourceorgpaths" => organization(scene, pair, true),
        "aws:tagkeys" => tag_keys(scene, pair),
        _ => {
            if let Some(tag) = key.strip_prefix("aws:requesttag/") {
                return request_tag(scene, pair, tag, key);
            }
            let tag = key.split_once("resourcetag/").filter(|(service, _)| service.ends_with(':'))?;
            resource_tag(scene, pair, tag.1, key)
        }
    }
}

fn without_owner(pair: Pair<'_, '_>) -> bool {
    WITHOUT_OWNER.iter().any(|own| own.split_once(':').is_some_and(|(prefix, name)| pair.needed.is(prefix, name)))
}

fn account(pair: Pair<'_, '_>) -> Option<Known> {
    if without_owner(pair) {
        return unknown("AWS does not fill in the owner of the resource for this action");
    }
    match &pair.resolved.owner {
        Owner::Account { id, from } => present(id.as_str(), *from),
        Owner::Nobody(why) => unknown(*why),
        Owner::Unknown(why) => some_value(*why),
    }
}

fn organization(scene: &Scene<'_>, pair: Pair<'_, '_>, paths: bool) -> Option<Known> {
    if without_owner(pair) {
        return unknown("AWS does not fill in the owner of the resource for this action");
    }
    let inventory = scene.world.inventory;
    match &pair.resolved.owner {
        Owner::Account { id, .. } => {
            let (value, from) =
                if paths { owner::organization_paths(inventory, id) } else { owner::organization_id(inventory, id) };
            Some((value, from.into()))
        }
        Owner::Nobody(why) if !paths => Some((owner::not_ours(inventory, Truth::False), (*why).into())),
        Owner::Nobody(why) | Owner::Unknown(why) => unknown(*why),
    }
}

/// The tags of the request that are for the type of resource of this pair, and whether others are for other types.
struct OwnTags<'s> {
    own: Vec<&'s RequestTags>,
    others: Vec<&'s RequestTags>,
}

fn tags_of<'s>(scene: &'s Scene<'_>, pair: Pair<'_, '_>) -> OwnTags<'s> {
    let kind = pair.type_name();
    let is_tagging = pair.needed.prefix == "ec2" && &*pair.needed.name == "CreateTags" && pair.needed.dependent.is_some();
    let made = pair.resolved.arn.as_deref().and_then(|arn| arn.rsplit(':').next()?.split('/').next());
    let (own, others) = scene.tags.iter().partition(|tags| match tags.for_type.as_deref() {
        None => true,
        Some(for_type) if is_tagging => made == Some(for_type),
        Some(for_type) => kind.is_none() || kind == Some(for_type),
    });
    OwnTags { own, others }
}

fn request_tag(scene: &Scene<'_>, pair: Pair<'_, '_>, tag: &str, key: &str) -> Option<Known> {
    let tags = match request_tags(scene, pair, key) {
        Ok(tags) => tags,
        Err(known) => return Some(*known),
    };
    let find = |tags: &[&RequestTags]| {
        tags.iter().flat_map(|tags| &tags.pairs).find(|(own, _)| own.eq_ignore_ascii_case(tag)).map(|(_, value)| value.clone())
    };
    match (find(&tags.own), pair.lists(key)) {
        (Some(value), Truth::True) => present(value, "from the tags in requestParameters"),
        (Some(value), _) => {
            one_of(&[&value], true, "AWS's tables do not list the key for the action, but the request has the tag")
        }
        (None, _) if tags.own.iter().any(|tags| !tags.complete) => unknown("some tags of the request cannot be read"),
        (None, listed) if !listed.is_false() && tags.own.iter().any(|tags| tags.has_unread) => unknown(UNREAD),
        (None, _) => match find(&tags.others) {
            Some(value) if !pair.lists(key).is_true() => {
                one_of(&[&value], true, "the request has the tag, but for another type of resource")
            }
            _ => absent("the request has no such tag"),
        },
    }
}

/// The tags of the request, or what is known of all its tag keys.
fn request_tags<'s>(scene: &'s Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Result<OwnTags<'s>, Box<Known>> {
    let or = |known: Option<Known>| Box::new(known.unwrap_or((ContextValue::Absent, "".into())));
    match &scene.parameters {
        Parameters::Damaged => return Err(or(unknown("requestParameters cannot be read"))),
        Parameters::None => {
            return Err(or(absent("requestParameters is empty: the request has no tags")));
        }
        Parameters::Known(_) => {}
    }
    let tags = tags_of(scene, pair);
    let has_any = scene.tags.iter().any(|tags| !tags.pairs.is_empty() || !tags.keys.is_empty() || !tags.complete);
    if pair.lists(key).is_false() && !has_any {
        return Err(or(absent("the key does not belong to the action")));
    }
    Ok(tags)
}

fn tag_keys(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    let tags = match request_tags(scene, pair, "aws:tagkeys") {
        Ok(tags) => tags,
        Err(known) => return Some(*known),
    };
    let mut keys: Vec<String> =
        tags.own.iter().flat_map(|tags| tags.pairs.iter().map(|(key, _)| key).chain(&tags.keys)).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    let has_unread = tags.own.iter().any(|tags| tags.has_unread) && !pair.lists("aws:tagkeys").is_false();
    if has_unread || tags.own.iter().any(|tags| !tags.complete) {
        let why = if has_unread { UNREAD } else { "some tags of the request cannot be read" };
        let unknown =
            Unknown { why: why.to_owned(), may_be_absent: keys.is_empty(), known_members: keys, ..Unknown::default() };
        return Some((ContextValue::Unknown(unknown), why.into()));
    }
    if keys.is_empty() && pair.lists("aws:tagkeys").is_false() {
        return absent("the key does not belong to the action");
    }
    present_all(keys, "from the tags in requestParameters")
}

/// When the call itself changes tags of what it names, if not this one: that leaves the tag as the inventory has it.
fn own_change(scene: &Scene<'_>, tag: &str) -> Option<i64> {
    if !super::super::lineage::changes_tags(scene.event_name()) {
        return None;
    }
    let keys: Vec<&String> =
        scene.tags.iter().flat_map(|tags| tags.pairs.iter().map(|(key, _)| key).chain(&tags.keys)).collect();
    // Without any key, all tags are meant.
    let is_known = !keys.is_empty() && scene.tags.iter().all(|tags| tags.complete && !tags.has_unread);
    let touches = !is_known || keys.iter().any(|key| key.eq_ignore_ascii_case(tag));
    if touches { None } else { scene.call.last_seen.or(scene.call.first_seen) }
}

/// A tag of the resource; its key in lower case.
fn resource_tag(scene: &Scene<'_>, pair: Pair<'_, '_>, tag: &str, key: &str) -> Option<Known> {
    if pair.lists(key).is_false() {
        return absent("the key does not belong to the action");
    }
    if super::made::is_made(pair) {
        let sent = tags_of(scene, pair);
        let mut pairs = sent.own.iter().flat_map(|tags| &tags.pairs);
        return match pairs.find(|(own, _)| own.eq_ignore_ascii_case(tag)) {
            Some((_, value)) => one_of(&[value], true, "the resource is only made, with this tag"),
            None if sent.own.iter().any(|tags| !tags.complete) => unknown("some tags of the request cannot be read"),
            None if sent.own.iter().any(|tags| tags.has_unread) => unknown(UNREAD),
            None => absent("the resource is only made, without such a tag"),
        };
    }
    let Some(arn) = pair.resolved.arn.as_deref().filter(|arn| !arn.contains('*')) else {
        return unknown("which resource it is is not known, and so not its tags");
    };
    let inventory = scene.world.inventory;
    let is_s3 = pair.needed.prefix == "s3";
    let bucket = super::super::s3::parts(arn).map(|(bucket, _)| bucket);
    let known = inventory
        .role_by_arn(arn)
        .map(|role| (&role.tags, role.tags_are_known))
        .or_else(|| inventory.resource(arn).map(|resource| (&resource.tags, resource.tags_are_known)))
        .or_else(|| bucket.and_then(|name| inventory.bucket(name)).map(|bucket| (&bucket.tags, bucket.tags_are_known)));
    let role_change = arn.split_once(":role/").map(|(_, name)| {
        let name = name.rsplit('/').next().unwrap_or(name);
        format!("{}/role/{name}", pair.resolved.owner.account().unwrap_or_default())
    });
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let own = own_change(scene, tag);
    let changed =
        [Some(arn), Some(id), role_change.as_deref()].into_iter().flatten().any(|name| changed_since(scene, name, own));
    match known {
        _ if changed => unknown("tags of the resource were changed between the call and the inventory"),
        Some((tags, true)) => match tags.iter().find(|(own, _)| own.eq_ignore_ascii_case(tag)) {
            // Buckets take part in tag-based control only where that was turned on.
            Some((_, value)) if is_s3 => one_of(&[value], true, "whether the bucket's tags control access is not known"),
            Some((_, value)) => present(value.as_str(), owner::snapshot(inventory, "the tags of the resource")),
            None if pair.lists(key).is_unknown() => absent(owner::snapshot(inventory, "the tags of the resource")),
            None => absent(owner::snapshot(inventory, "the tags of the resource")),
        },
        _ => unknown("the inventory does not tell the tags of the resource"),
    }
}

/// Every tag of the request, and of the resource where the inventory knows it.
pub(super) fn all_tags(scene: &Scene<'_>, pair: Pair<'_, '_>, give: &mut dyn FnMut(&str, Known)) {
    let mut names: Vec<&str> = scene.tags.iter().flat_map(|tags| &tags.pairs).map(|(key, _)| key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let key = format!("aws:requesttag/{}", name.to_ascii_lowercase());
        if let Some(known) = value(scene, pair, &key) {
            give(&format!("aws:RequestTag/{name}"), known);
        }
    }
    for name in tags(scene, pair).into_iter().flat_map(|tags| tags.keys()) {
        let key = format!("aws:resourcetag/{}", name.to_ascii_lowercase());
        if let Some(known) = value(scene, pair, &key) {
            give(&format!("aws:ResourceTag/{name}"), known);
        }
    }
}

/// The tags that the inventory has of the resource.
pub(super) fn tags<'a>(scene: &Scene<'a>, pair: Pair<'_, '_>) -> Option<&'a Tags> {
    let arn = pair.resolved.arn.as_deref()?;
    let inventory = scene.world.inventory;
    inventory.role_by_arn(arn).map(|role| &role.tags).or_else(|| inventory.resource(arn).map(|resource| &resource.tags))
}
