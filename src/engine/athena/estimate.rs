//! What a run would cost, before it costs anything: bytes of the objects that its statements would read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::aws::AwsError;
use crate::aws::objects::{Object, Objects};
use crate::engine::Part;
use crate::engine::sources::Source;
use crate::events::files::Scope;
use crate::events::s3;

/// Bytes that the statements over parts would scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    pub objects: u64,
    pub bytes: u64,
    /// By account and window. Objects outside the layout of CloudTrail are under an empty name.
    by_account: BTreeMap<(String, Date, Date), u64>,
    /// Tables whose objects cannot be counted, with the reason.
    pub unknown: Vec<String>,
}

/// Lists the objects of the parts behind every table.
///
/// # Errors
/// When a bucket cannot be listed.
pub async fn estimate(objects: &Objects, sources: &[Source], parts: &[Part]) -> Result<Estimate, AwsError> {
    let mut estimate = Estimate::default();
    let mut windows: BTreeMap<(Date, Date), BTreeSet<String>> = BTreeMap::new();
    for part in parts {
        windows.entry((part.from, part.to)).or_default().extend(part.account_ids.iter().cloned());
    }
    for source in sources {
        let Some(location) = super::tables::location(source) else {
            estimate.unknown.push(format!("{}: the catalog does not say where its objects are", source.table));
            continue;
        };
        let folders = super::tables::fixed_folders(source);
        let of_table = |object: &Object| folders.iter().all(|folder| object.key.contains(folder.as_str()));
        for ((from, to), accounts) in &windows {
            let scope = Scope { accounts: Some(accounts.clone()), regions: None, from: Some(*from), to: Some(*to) };
            for object in s3::list(objects, &location, &scope).await?.into_iter().filter(of_table) {
                let account = s3::account_of(&location.bucket, &object.key).unwrap_or_default();
                estimate.objects += 1;
                estimate.bytes = estimate.bytes.saturating_add(object.size);
                *estimate.by_account.entry((account, *from, *to)).or_default() += object.size;
            }
        }
    }
    Ok(estimate)
}

impl Estimate {
    /// Bytes of a part that was asked for, or of some of its accounts.
    pub fn of(&self, part: &Part) -> u64 {
        let of_account = |account: &String| self.by_account.get(&(account.clone(), part.from, part.to));
        part.account_ids.iter().filter_map(of_account).copied().fold(0, u64::saturating_add)
    }
}
