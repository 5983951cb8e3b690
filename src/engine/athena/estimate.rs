//! What a run would cost, before it costs anything: bytes of the objects that its statements would read.

use std::collections::BTreeMap;

use super::cost;
use crate::aws::AwsError;
use crate::aws::objects::{Object, Objects};
use crate::engine::Part;
use crate::engine::sources::Source;
use crate::events::files::Scope;
use crate::events::s3;

/// Bytes that the statements over a part would scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    pub objects: u64,
    pub bytes: u64,
    /// By account of the folder; objects outside the layout of CloudTrail are under an empty name.
    pub by_account: BTreeMap<String, u64>,
    /// Tables whose objects cannot be counted, with the reason.
    pub unknown: Vec<String>,
}

/// Lists the objects of the part behind every table.
///
/// # Errors
/// When a bucket cannot be listed.
pub async fn estimate(objects: &Objects, sources: &[Source], part: &Part) -> Result<Estimate, AwsError> {
    let mut estimate = Estimate::default();
    let scope = Scope {
        accounts: Some(part.account_ids.iter().cloned().collect()),
        regions: None,
        from: Some(part.from),
        to: Some(part.to),
    };
    for source in sources {
        let Some(location) = super::tables::location(source) else {
            estimate.unknown.push(format!("{}: the catalog does not say where its objects are", source.table));
            continue;
        };
        let folders = super::tables::fixed_folders(source);
        let of_table = |object: &Object| folders.iter().all(|folder| object.key.contains(folder.as_str()));
        for object in s3::list(objects, &location, &scope).await?.into_iter().filter(of_table) {
            let account = s3::account_of(&location.bucket, &object.key).unwrap_or_default();
            estimate.objects += 1;
            estimate.bytes = estimate.bytes.saturating_add(object.size);
            *estimate.by_account.entry(account).or_default() += object.size;
        }
    }
    Ok(estimate)
}

impl Estimate {
    /// Bytes of some accounts.
    pub fn of(&self, accounts: &[String]) -> u64 {
        accounts.iter().filter_map(|account| self.by_account.get(account)).copied().fold(0, u64::saturating_add)
    }

    /// Price of so many statements over it, in millionths of a dollar, each with its minimum.
    pub fn price(&self, statements: &[Vec<String>], micro_dollars_per_terabyte: u64) -> u64 {
        let price = |accounts: &Vec<String>| cost::price(self.of(accounts).max(1), micro_dollars_per_terabyte);
        statements.iter().map(price).fold(0, u64::saturating_add)
    }
}
