//! Resources that AWS owns, for rows that name an object or only its bucket.

use crate::config::aws_owned::{AwsOwnedResources, Evidence, evidence};
use crate::config::perimeter::model::AwsOwnedResource;
use crate::pattern::Pattern;

use super::arn::{Arn, covers};

/// What the list of AWS-owned resources says about a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Match<'a> {
    /// Neither its name nor its ARN looks like AWS's.
    No,
    /// AWS owns it; the entry of the list, where the list has one.
    Owned(Option<&'a AwsOwnedResource>),
    /// The name fits, but an account that is not the service's owns the resource.
    Foreign(&'a AwsOwnedResource),
    /// The name fits, and either the record hides the owner or AWS does not publish it.
    NameOnly(&'a AwsOwnedResource),
}

/// The list, also for rows that name a bucket where the list speaks of objects in it.
pub(crate) struct AwsOwned<'a> {
    list: &'a AwsOwnedResources,
    /// Bucket ARNs of entries for a part of a bucket, such as `arn:aws:s3:::name/components/*`.
    parts_of_buckets: Vec<(Pattern, &'a AwsOwnedResource)>,
}

impl<'a> AwsOwned<'a> {
    pub(crate) fn new(list: &'a AwsOwnedResources) -> AwsOwned<'a> {
        let part_of_bucket = |entry: &'a AwsOwnedResource| {
            let arn = Arn::parse(entry.arn.as_str()).filter(|arn| arn.service == "s3")?;
            let (_, key) = arn.resource.split_once('/')?;
            let bucket_arn = entry.arn.as_str().split('/').next()?;
            (key != "*").then(|| (Pattern::new(bucket_arn), entry))
        };
        AwsOwned { list, parts_of_buckets: list.iter().filter_map(part_of_bucket).collect() }
    }

    /// Judges a resource by its ARN and its owner (`None` where neither record nor inventory nor ARN tell it).
    pub(crate) fn judge(&self, arn: &str, owner: Option<&str>) -> Match<'a> {
        let Some(parsed) = Arn::parse(arn) else { return Match::No };
        let is_whole_bucket = parsed.bucket().is_some() && !parsed.resource.contains('/');
        let entry = match self.list.find(arn) {
            None if is_whole_bucket => self.list.find(&format!("{arn}/")).or_else(|| {
                self.parts_of_buckets.iter().find(|(bucket_arn, _)| covers(bucket_arn, arn)).map(|(_, entry)| *entry)
            }),
            found => found,
        };
        match entry {
            Some(entry) => match evidence(entry, arn, owner) {
                Evidence::Owned => Match::Owned(Some(entry)),
                Evidence::NameOnly => Match::NameOnly(entry),
                Evidence::ForeignOwner => Match::Foreign(entry),
            },
            None if parsed.account == "aws" => Match::Owned(None),
            None => Match::No,
        }
    }
}
