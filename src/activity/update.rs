//! Bringing a store up to date with the files that it was made of: what has not changed is not read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::collect::{Job, Only, RolledUp, roll_up};
use super::rollup::{AccountDay, Shape};
use super::rows::{ActivityError, Part, day_number};
use super::store::{Collection, Day, Loose, Store, is_settled};
use crate::events::coverage::{CoverageBuilder, Unit};
use crate::events::duplicates::Duplicates;
use crate::events::files::{Discovery, Scope, SourceFile};
use crate::events::scan::{Progress, RecordFilter, Scan, ScanError};
use crate::events::time;

/// Bytes of files that are read before what they gave is put into the store: what a collection that is killed has to read again.
const STEP_BYTES: u64 = 1 << 30;

/// How to read.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    pub scope: &'a Scope,
    pub threads: usize,
    pub memory_limit: usize,
    pub now: Timestamp,
    pub progress: Arc<Progress>,
}

/// What an update did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updated {
    /// Accounts and days that were read, and those that were there already.
    pub days_read: u64,
    pub days_kept: u64,
    pub files_read: u64,
}

/// Number and bytes of files.
type Size = (u64, u64);

/// The days of an account's folders.
type Folders = BTreeMap<i32, Size>;

/// What is to be read of an account.
struct Wanted {
    account_id: String,
    /// With what the folders of the day and of the next have.
    days: BTreeMap<i32, (Size, Size)>,
    /// All days of the account: records without a time cannot be told by day.
    whole: bool,
    bytes: u64,
}

/// Reads what is new of the files into the store.
pub async fn update(store: &mut Store, discovery: Discovery, reading: &Reading<'_>) -> Result<Updated, ActivityError> {
    let mut folders: BTreeMap<String, Folders> = BTreeMap::new();
    let mut loose: Vec<(String, u64)> = Vec::new();
    let mut all = Vec::with_capacity(discovery.files.len());
    for file in &discovery.files {
        let bytes = file.size();
        all.push(bytes);
        match (&file.folder.account_id, file.folder.date) {
            (Some(account_id), Some(date)) => {
                let size = folders.entry(account_id.to_string()).or_default().entry(day_number(date)).or_default();
                size.0 += 1;
                size.1 += bytes;
            }
            _ => loose.push((file.name(), bytes)),
        }
    }
    let mut skipped = CoverageBuilder::default();
    for (reason, file) in &discovery.skipped {
        skipped.skip(Unit::File, reason, || file.clone());
    }
    if discovery.in_layout > 0 {
        skipped.recognised("S3 layout: AWSLogs/…/<account>/CloudTrail/<region>/<year>/<month>/<day>");
    }
    let mut run = Run { store, reading, skipped, updated: Updated::default() };
    if loose.is_empty() && run.store.manifest.loose_files.is_none() {
        run.by_account(discovery.files, &folders).await?;
    } else {
        run.everything(discovery.files, loose, &folders).await?;
    }
    let updated = run.updated;
    tracing::info!(
        days_read = updated.days_read,
        days_kept = updated.days_kept,
        files_read = updated.files_read,
        "store of activity brought up to date"
    );
    Ok(updated)
}

struct Run<'a> {
    store: &'a mut Store,
    reading: &'a Reading<'a>,
    /// What discovery left out; goes to the first collection that is made.
    skipped: CoverageBuilder,
    updated: Updated,
}

impl Run<'_> {
    /// Files in the folders of accounts and days: only the days that changed.
    async fn by_account(&mut self, files: Vec<SourceFile>, folders: &BTreeMap<String, Folders>) -> Result<(), ActivityError> {
        let mut wanted = Vec::new();
        for (account_id, folders) in folders {
            let found = self.wanted(account_id, folders);
            if !found.days.is_empty() {
                wanted.push(found);
            }
        }
        let mut files_of: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
        for file in files {
            if let Some(account_id) = file.folder.account_id.as_deref()
                && wanted.iter().any(|wanted| wanted.account_id == account_id)
            {
                files_of.entry(account_id.to_owned()).or_default().push(file);
            }
        }
        let mut rest = wanted.into_iter().peekable();
        while rest.peek().is_some() {
            let mut step = Vec::new();
            let mut bytes = 0;
            while let Some(account) = rest.next_if(|_| bytes < STEP_BYTES) {
                bytes += account.bytes;
                step.push(account);
            }
            self.step(step, &mut files_of).await?;
        }
        // What is complete by now, though nothing of it changed.
        self.settle();
        self.store.save()
    }

    /// The days of an account that are not in the store as their folders have them.
    fn wanted(&mut self, account_id: &str, folders: &Folders) -> Wanted {
        let scope = self.reading.scope;
        let candidates: BTreeSet<i32> = folders
            .keys()
            .flat_map(|day| [*day, *day - 1])
            .filter(|day| scope.wants(Some(account_id), None, Some(*day)))
            .collect();
        let size = |day: i32| folders.get(&day).copied().unwrap_or_default();
        let all = candidates.into_iter().map(|day| (day, (size(day), size(day + 1))));
        let (kept, mut days): (BTreeMap<_, _>, BTreeMap<_, _>) = all
            .partition(|(day, sizes)| self.store.manifest.day(account_id, *day).is_some_and(|entry| entry.sizes() == *sizes));
        let has_timeless =
            self.store.manifest.accounts.get(account_id).is_some_and(|days| days.contains_key(super::store::UNKNOWN));
        let mut whole = kept.is_empty();
        let mut kept_days = kept.len() as u64;
        if has_timeless && !days.is_empty() {
            days.extend(kept);
            whole = true;
            kept_days = 0;
        }
        self.updated.days_kept += kept_days;
        let bytes = days.values().map(|((_, own), _)| *own).sum();
        Wanted { account_id: account_id.to_owned(), days, whole, bytes }
    }

    /// Reads some accounts into the store.
    async fn step(
        &mut self,
        mut step: Vec<Wanted>,
        files_of: &mut BTreeMap<String, Vec<SourceFile>>,
    ) -> Result<(), ActivityError> {
        loop {
            let mut only = Only::new();
            let mut files = Vec::new();
            for account in &step {
                only.extend(account.days.keys().map(|day| (account.account_id.clone(), Some(*day))));
                only.insert((account.account_id.clone(), None));
                let may_hold = |file: &&SourceFile| {
                    file.folder.date.is_some_and(|date| {
                        let day = day_number(date);
                        account.days.contains_key(&day) || account.days.contains_key(&(day - 1))
                    })
                };
                files.extend(files_of.get(&account.account_id).into_iter().flatten().filter(may_hold).cloned());
            }
            let (rolled_up, coverage) = self.read(files, Some(only)).await?;
            let (mut days, folder) = rolled_up.into_days()?;
            // Records without a time belong to no day, so that an account that has any is read as a whole.
            let mut again = false;
            for account in step.iter_mut().filter(|account| !account.whole) {
                if days.contains_key(&(Some(account.account_id.clone()), None)) {
                    account.whole = true;
                    again = true;
                }
            }
            if again {
                for account in step.iter_mut().filter(|account| account.whole) {
                    let mut folders = Folders::new();
                    for file in files_of.get(&account.account_id).into_iter().flatten() {
                        if let Some(date) = file.folder.date {
                            let size = folders.entry(day_number(date)).or_default();
                            size.0 += 1;
                            size.1 += file.size();
                        }
                    }
                    let size = |day: i32| folders.get(&day).copied().unwrap_or_default();
                    let scope = self.reading.scope;
                    account.days = folders
                        .keys()
                        .flat_map(|day| [*day, *day - 1])
                        .filter(|day| scope.wants(Some(&account.account_id), None, Some(*day)))
                        .map(|day| (day, (size(day), size(day + 1))))
                        .collect();
                }
                continue;
            }
            for account in &step {
                for (day, (own, late)) in &account.days {
                    let account_day = (Some(account.account_id.clone()), Some(*day));
                    let parts = days.remove(&account_day).unwrap_or_default();
                    self.put(&account_day, &parts, *own, *late)?;
                }
                let timeless = (Some(account.account_id.clone()), None);
                if let Some(parts) = days.remove(&timeless) {
                    self.put(&timeless, &parts, (0, 0), (0, 0))?;
                }
                files_of.remove(&account.account_id);
            }
            drop(folder);
            self.note(coverage);
            return self.store.save();
        }
    }

    /// Files of which some lie in no such folder: any record may be in them, so a change of one is a change of all.
    async fn everything(
        &mut self,
        files: Vec<SourceFile>,
        loose: Vec<(String, u64)>,
        folders: &BTreeMap<String, Folders>,
    ) -> Result<(), ActivityError> {
        let mut hash = Sha256::new();
        for file in &files {
            hash.update(format!("{} {} {:?}\n", file.name(), file.size(), file.modified()));
        }
        hash.update(format!("{:?}", self.reading.scope));
        let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        if self.store.manifest.loose_files.as_ref().is_some_and(|known| known.hash == hash) {
            self.updated.days_kept = self.store.manifest.accounts.values().map(|days| days.len() as u64).sum();
            self.settle();
            return self.store.save();
        }
        let (rolled_up, coverage) = self.read(files, None).await?;
        let (days, folder) = rolled_up.into_days()?;
        self.store.clear()?;
        for (account_day, parts) in &days {
            let size = |day: Option<i32>| {
                let day = day?;
                folders.get(account_day.0.as_deref()?)?.get(&day).copied()
            };
            let (own, late) = (size(account_day.1), size(account_day.1.map(|day| day + 1)));
            self.put(account_day, parts, own.unwrap_or_default(), late.unwrap_or_default())?;
        }
        drop(folder);
        self.store.manifest.loose_files = (!loose.is_empty()).then(|| Loose {
            hash,
            files: loose.len() as u64,
            bytes: loose.iter().map(|(_, bytes)| bytes).sum(),
        });
        self.note(coverage);
        self.store.save()
    }

    /// Rolls files up, in as many passes as it takes to know which records others replace.
    async fn read(&mut self, files: Vec<SourceFile>, only: Option<Only>) -> Result<(RolledUp, CoverageBuilder), ActivityError> {
        self.updated.files_read += files.len() as u64;
        let job = Job {
            shape: Shape::whole(usize::from(self.store.manifest.prefix_depth)),
            threads: self.reading.threads,
            budget: self.reading.memory_limit / 4,
            only: only.map(Arc::new),
        };
        let files = Arc::new(files);
        let mut duplicates = Duplicates::default();
        loop {
            let (scope, progress) = (self.reading.scope.clone(), Arc::clone(&self.reading.progress));
            let scan = Arc::new(Scan::new(Arc::clone(&files), scope, RecordFilter::default(), duplicates, progress));
            let rolled_up = roll_up(&scan, &job).await?;
            if !scan.duplicates.must_read_again().map_err(ScanError::Spill)? {
                return Ok((rolled_up, scan.coverage()));
            }
            duplicates = scan.duplicates.read_again();
        }
    }

    fn put(&mut self, account_day: &AccountDay, parts: &[Part], own: Size, late: Size) -> Result<(), ActivityError> {
        let complete = account_day.1.is_some_and(|day| is_settled(day, self.reading.now));
        let entry = Day { complete, files: own.0, bytes: own.1, late_files: late.0, late_bytes: late.1, ..Day::default() };
        self.updated.days_read += 1;
        self.store.put(account_day, parts, entry, self.reading.memory_limit / 4)
    }

    fn note(&mut self, coverage: CoverageBuilder) {
        let mut all = std::mem::take(&mut self.skipped);
        all.merge(coverage);
        let coverage = all.finish((None, None));
        self.store.manifest.collections.push(Collection {
            collected_at: time::format(self.reading.now.as_microsecond()).unwrap_or_default(),
            duplicates: coverage.duplicates,
            replaced: coverage.replaced,
            // Counted by the day, not by the collection.
            skipped: coverage
                .skipped
                .into_iter()
                .filter(|skipped| !skipped.reason.starts_with("outside the accounts"))
                .collect(),
            recognised: coverage.recognised,
        });
    }

    /// Marks what has become complete with time.
    fn settle(&mut self) {
        for (date, entry) in self.store.manifest.accounts.values_mut().flatten() {
            if let Ok(date) = date.parse() {
                entry.complete |= is_settled(day_number(date), self.reading.now);
            }
        }
    }
}
