//! What was called: the owner of the resource, from the record, then the inventory, then its ARN.

use crate::inventory::model::Resource as InventoryResource;
use crate::inventory::model::resource_types::{BUCKET, ROLE};

use super::arn::{Arn, is_account_id};
use super::aws_owned::Match;
use super::principal::Ownership;
use super::world::{Membership, World};

/// A resource that a call named.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) arn: Option<String>,
    /// CloudFormation-style, from the record, else from the ARN where that is certain.
    pub(crate) resource_type: Option<String>,
    pub(crate) bucket: Option<String>,
    /// The account that owns it; `None` when unknown.
    pub(crate) account_id: Option<String>,
    pub(crate) ownership: Ownership,
    /// Owner tag.
    pub(crate) owner: Option<String>,
    /// Which resource sections of the perimeter definition cover it.
    pub(crate) scope: usize,
}

impl Resource {
    pub(crate) fn new(
        world: &mut World<'_>,
        arn: Option<&str>,
        recorded_account_id: Option<&str>,
        resource_type: Option<&str>,
    ) -> Resource {
        let scope = world.scope_of(arn);
        let world = &*world;
        let inventory = world.context.inventory;
        let parsed = arn.and_then(Arn::parse);
        let bucket = parsed.and_then(|parsed| parsed.bucket());
        let known: Option<&InventoryResource> = match (bucket, arn) {
            (Some(name), _) => inventory.bucket(name),
            (None, Some(arn)) => inventory.resource(arn),
            (None, None) => None,
        };
        let account_id = recorded_account_id
            .filter(|id| is_account_id(id))
            .or_else(|| known.and_then(|known| known.account_id.as_deref()))
            .or_else(|| parsed.and_then(|parsed| parsed.account_id()));
        let listed = arn.map_or(Match::No, |arn| world.aws_owned.judge(arn, account_id));
        let ownership = match account_id.map(|id| world.membership(id)) {
            // What the organization owns is the organization's, whatever its name.
            Some(Membership::Inside) => Ownership::InOrganization,
            _ if matches!(listed, Match::Owned(_)) => Ownership::AwsService,
            Some(Membership::Outside) => Ownership::OutsideOrganization,
            Some(Membership::Unknown) | None => Ownership::Unknown,
        };
        let role = arn.and_then(|arn| inventory.role_by_arn(arn));
        let tags = known.map(|known| &known.tags).or(role.map(|role| &role.tags));
        let certain_type = match (bucket, parsed) {
            (Some(_), _) => Some(BUCKET),
            (None, Some(parsed)) if parsed.service == "iam" && parsed.resource.starts_with("role/") => Some(ROLE),
            _ => known.map(|known| known.resource_type.as_str()),
        };
        Resource {
            resource_type: certain_type.or(resource_type).map(str::to_owned),
            arn: arn.map(str::to_owned),
            bucket: bucket.map(str::to_owned),
            account_id: account_id.map(str::to_owned),
            ownership,
            owner: tags.and_then(|tags| world.owner_tag(tags)).map(str::to_owned),
            scope,
        }
    }

    /// For a reader: the bucket's name, else the ARN.
    pub(crate) fn phrase(&self) -> String {
        match (&self.bucket, &self.arn, &self.resource_type) {
            (Some(bucket), ..) => format!("bucket {bucket}"),
            (None, Some(arn), _) => arn.clone(),
            (None, None, Some(resource_type)) => format!("a {resource_type} that the record does not name"),
            (None, None, None) => "a resource that the record does not name".to_owned(),
        }
    }

    pub(crate) fn owner_phrase(&self, world: &World<'_>) -> String {
        match (&self.account_id, self.ownership) {
            (Some(account_id), Ownership::AwsService) => format!("AWS (account {account_id})"),
            (None, Ownership::AwsService) => "AWS".to_owned(),
            (Some(account_id), _) => world.account_phrase(account_id),
            (None, _) => "an unknown account".to_owned(),
        }
    }

    /// What settles the owner: the inventory of its type where that is not provided, else the owner itself.
    pub(crate) fn settles_owner(&self, world: &World<'_>) -> String {
        let owner = match (&self.bucket, &self.arn) {
            (Some(bucket), _) => format!("owner of bucket {bucket}"),
            (None, Some(arn)) => format!("owner of {arn}"),
            (None, None) => return "resource of the call (the record names none)".to_owned(),
        };
        match &self.resource_type {
            // An alias is not in any inventory of buckets.
            Some(_) if self.is_alias() => owner,
            Some(resource_type) => world.settles_item(resource_type, owner),
            None => owner,
        }
    }

    /// An access point alias stands where a bucket name could, and does not tell the bucket
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html>).
    pub(crate) fn is_alias(&self) -> bool {
        let suffixes = ["-s3alias", "--ol-s3", ".mrap", "--xa-s3"];
        self.bucket.as_ref().is_some_and(|bucket| suffixes.iter().any(|suffix| bucket.ends_with(suffix)))
    }
}
