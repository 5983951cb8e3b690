//! What a run would cost, before it costs anything: bytes of the objects that its statements would read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::aws::AwsError;
use crate::aws::objects::{Object, Objects};
use crate::engine::Part;
use crate::engine::sources::{Days, Source};
use crate::events::files::Scope;
use crate::events::s3;

/// Bytes that statements would scan. Files in columns are read in parts, so it may be less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    pub objects: u64,
    /// Of all statements together.
    pub bytes: u64,
    /// By account and window, of the tables that tell accounts apart. Objects outside the layout of CloudTrail are under an empty name.
    by_account: BTreeMap<(String, Date, Date), u64>,
    /// By window, of the other tables: each statement reads the objects of all accounts.
    of_all: BTreeMap<(Date, Date), u64>,
    /// Tables whose objects cannot be counted, with the reason.
    pub unknown: Vec<String>,
}

/// Lists the objects that statements, each over one of these parts, would read of every table.
///
/// # Errors
/// When a bucket cannot be listed.
pub async fn estimate(objects: &Objects, sources: &[Source], statements: &[Part]) -> Result<Estimate, AwsError> {
    let mut estimate = Estimate::default();
    let mut windows: BTreeMap<(Date, Date), BTreeSet<String>> = BTreeMap::new();
    for part in statements {
        windows.entry((part.from, part.to)).or_default().extend(part.account_ids.iter().cloned());
    }
    for source in sources {
        let Some(location) = super::tables::location(source) else {
            estimate.unknown.push(format!("{}: the catalog does not say where its objects are", source.table));
            continue;
        };
        let folders = super::tables::fixed_folders(source);
        let of_table = |object: &Object| folders.iter().all(|folder| object.key.contains(folder.as_str()));
        let by_account = source.layout.account.is_some();
        let by_day = matches!(source.layout.days, Days::Key { .. } | Days::Parts { .. });
        for ((from, to), accounts) in &windows {
            let (first, last) = if by_account || by_day { (Some(*from), Some(*to)) } else { (None, None) };
            let scope = Scope { accounts: by_account.then(|| accounts.clone()), regions: None, from: first, to: last };
            for object in s3::list(objects, &location, &scope).await?.into_iter().filter(of_table) {
                estimate.objects += 1;
                let bytes = if by_account {
                    let account = s3::account_of(&location.bucket, &object.key).unwrap_or_default();
                    estimate.by_account.entry((account, *from, *to)).or_default()
                } else {
                    estimate.of_all.entry((*from, *to)).or_default()
                };
                *bytes = bytes.saturating_add(object.size);
            }
        }
    }
    estimate.bytes = statements.iter().map(|part| estimate.of(part)).fold(0, u64::saturating_add);
    // What no account can be told of is read by somebody.
    let unnamed = estimate.by_account.iter().filter(|((account, ..), _)| account.is_empty()).map(|(_, bytes)| *bytes);
    estimate.bytes = unnamed.fold(estimate.bytes, u64::saturating_add);
    Ok(estimate)
}

impl Estimate {
    /// Bytes of a statement over a part, or over some accounts of one.
    pub fn of(&self, part: &Part) -> u64 {
        let of_account = |account: &String| self.by_account.get(&(account.clone(), part.from, part.to));
        let of_accounts = part.account_ids.iter().filter_map(of_account).copied().fold(0, u64::saturating_add);
        of_accounts.saturating_add(self.of_all.get(&(part.from, part.to)).copied().unwrap_or_default())
    }
}
