//! Resources that AWS services own, found by their ARN.
//!
//! A name is never proof of ownership. Whoever takes a free bucket name that fits the list owns that bucket, so a match says "this
//! is what AWS calls it", and [`Evidence`] says how far that goes for one call.
//!
//! The built-in list is data (`config/aws_owned_resources.yaml`, with its sources and date). Its templates are expanded against
//! the regions that exist: `repo.<region>.amazonaws.com` covers `repo.eu-west-1.amazonaws.com` but not
//! `repo.evil.amazonaws.com`.

mod matcher;
mod template;

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use matcher::Matcher;

use super::perimeter::model::AwsOwnedResource;

/// The built-in data, parsed and indexed once.
static BUILT_IN: LazyLock<Index> = LazyLock::new(|| template::expand_built_in().into_iter().collect());

/// The list in force: the additional entries of a perimeter definition, then the built-in ones unless it turns them off.
#[derive(Debug, Clone, Default)]
pub struct AwsOwnedResources {
    additional: Index,
    built_in: bool,
}

impl AwsOwnedResources {
    /// Additional entries come first, so that one with owners takes precedence over a built-in one without.
    pub fn new(additional: Vec<AwsOwnedResource>, built_in: bool) -> Self {
        let additional = additional
            .into_iter()
            .map(|resource| {
                let matcher = Matcher::of_pattern(resource.arn.as_str());
                (resource, matcher)
            })
            .collect();
        Self { additional, built_in }
    }

    /// The built-in list only.
    pub fn built_in() -> Self {
        Self::new(Vec::new(), true)
    }

    /// The first entry that covers `arn`. Looks up the literal beginning of the ARN, whatever the length of the list.
    ///
    /// Wildcards stay within one part of the ARN and, for S3, within the bucket name: a pattern for buckets does not cover an
    /// object of that name in another bucket. This is stricter than matching [`AwsOwnedResource::arn`] by hand.
    pub fn find(&self, arn: &str) -> Option<&AwsOwnedResource> {
        self.additional.find(arn).or_else(|| self.built_in.then(|| BUILT_IN.find(arn)).flatten())
    }

    /// All entries, in order of precedence.
    pub fn iter(&self) -> impl Iterator<Item = &AwsOwnedResource> {
        let built_in: &[(AwsOwnedResource, Matcher)] = if self.built_in { &BUILT_IN.entries } else { &[] };
        self.additional.entries.iter().chain(built_in).map(|(resource, _)| resource)
    }
}

impl FromIterator<AwsOwnedResource> for AwsOwnedResources {
    /// A list of these entries only.
    fn from_iter<I: IntoIterator<Item = AwsOwnedResource>>(resources: I) -> Self {
        Self::new(resources.into_iter().collect(), false)
    }
}

/// How far the name of an AWS-owned resource proves who owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// AWS owns it: the ARN names an account of AWS, or the owner is one that AWS publishes.
    Owned,
    /// Only the name says so. The owner is hidden, or AWS publishes no accounts to compare it with.
    NameOnly,
    /// The owner is not one of the accounts that AWS publishes for it: somebody took the name.
    ForeignOwner,
}

/// The evidence that `arn`, which `resource` covers, is AWS's. `owner` is the account that owns it, `None` when the record hides it.
pub fn evidence(resource: &AwsOwnedResource, arn: &str, owner: Option<&str>) -> Evidence {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, account) = (parts.next(), parts.nth(1).unwrap_or_default());
    // `aws` in place of an account is reserved, and parameters, documents and runbooks of customers always name their account.
    let reserved = account == "aws" || (service == Some("ssm") && account.is_empty());
    let owner = if account.is_empty() || account == "aws" { owner } else { Some(account) };
    match owner {
        _ if reserved => Evidence::Owned,
        Some(owner) if resource.owners.iter().any(|known| known == owner) => Evidence::Owned,
        Some("aws" | "amazon") => Evidence::Owned,
        Some(_) if !resource.owners.is_empty() => Evidence::ForeignOwner,
        _ => Evidence::NameOnly,
    }
}

/// Entries by the literal beginning of their ARN.
#[derive(Debug, Clone, Default)]
struct Index {
    entries: Vec<(AwsOwnedResource, Matcher)>,
    by_prefix: HashMap<String, Vec<usize>>,
    /// The lengths that occur among the prefixes: few, while entries are thousands.
    lengths: BTreeSet<usize>,
}

impl Index {
    fn find(&self, arn: &str) -> Option<&AwsOwnedResource> {
        self.lengths
            .iter()
            .filter_map(|length| arn.get(..*length))
            .filter_map(|prefix| self.by_prefix.get(prefix))
            .flatten()
            .filter_map(|position| self.entries.get(*position).map(|entry| (position, entry)))
            .filter(|(_, (_, matcher))| matcher.matches(arn))
            .min_by_key(|(position, _)| **position)
            .map(|(_, (resource, _))| resource)
    }
}

impl FromIterator<(AwsOwnedResource, Matcher)> for Index {
    fn from_iter<I: IntoIterator<Item = (AwsOwnedResource, Matcher)>>(entries: I) -> Self {
        let mut index = Self::default();
        for (position, (resource, matcher)) in entries.into_iter().enumerate() {
            let prefix = matcher.literal_prefix();
            index.lengths.insert(prefix.len());
            index.by_prefix.entry(prefix).or_default().push(position);
            index.entries.push((resource, matcher));
        }
        index
    }
}
