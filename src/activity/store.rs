//! A store of activity: Parquet files by account and day, and a manifest that says which days are complete.
//!
//! ```text
//! manifest.json
//! account=111122223333/date=2026-11-01.parquet
//! account=111122223333/date=unknown.parquet        records without a time
//! ```
//!
//! Files are staged under temporary names and renamed; the manifest is written last, so a day that is listed is there. A day that is
//! complete is never read again, unless the files that it was made of have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::definition::definition;
use super::rollup::{AccountDay, Order, RollUp, Shape};
use super::rows::{ActivityError, ActivityRows, Part, RowsWriter, day_number};
use crate::events::files::Scope;
use crate::events::schema::Column;
use crate::events::time;
use crate::report::model;

/// The file that makes a folder a store.
pub const MANIFEST: &str = "manifest.json";
/// What the manifest says it is.
const FORMAT: &str = "palisade-activity";
/// Of the manifest and the files.
const VERSION: u32 = 1;
/// A day is complete this long after its end: CloudTrail delivers within minutes, and late files lie in the folder of the next day.
const SETTLED_AFTER_HOURS: i64 = 24;
/// Stands for a missing account or day in names of files and in the manifest.
pub(super) const UNKNOWN: &str = "unknown";

/// What a store was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `files`, `athena` or `trino`.
    pub kind: String,
    /// Folders and patterns, or tables.
    pub locations: Vec<String>,
}

/// What is known of one account and day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Nothing more is to be expected of the day.
    pub complete: bool,
    /// Calls that its rows stand for.
    pub records: u64,
    pub rows: u64,
    /// Number and bytes of the files in the folder of the day; 0 where another engine read them.
    #[serde(default)]
    pub files: u64,
    #[serde(default)]
    pub bytes: u64,
    /// The same of the next day's folder, which holds late records of this one.
    #[serde(default)]
    pub late_files: u64,
    #[serde(default)]
    pub late_bytes: u64,
}

impl Day {
    /// What the folders of the day and of the next had, to know whether they changed.
    pub fn sizes(&self) -> ((u64, u64), (u64, u64)) {
        ((self.files, self.bytes), (self.late_files, self.late_bytes))
    }
}

/// The files that lie in no folder of an account and day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loose {
    /// Of names, sizes and times of all files.
    pub hash: String,
    pub files: u64,
    pub bytes: u64,
}

/// What one collection left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Collection {
    pub collected_at: String,
    #[serde(default)]
    pub duplicates: u64,
    #[serde(default)]
    pub replaced: u64,
    #[serde(default)]
    pub skipped: Vec<model::Skipped>,
    #[serde(default)]
    pub recognised: Vec<String>,
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    /// The columns of the rows.
    pub columns: Vec<String>,
    /// Hash of the rules that the rows were rolled up by.
    pub rules: String,
    pub prefix_depth: u8,
    pub origin: Origin,
    /// The files that lie in no folder of an account and day, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loose_files: Option<Loose>,
    pub collections: Vec<Collection>,
    /// By account and day (`YYYY-MM-DD`, or `unknown`).
    pub accounts: BTreeMap<String, BTreeMap<String, Day>>,
}

impl Manifest {
    fn new(origin: Origin, prefix_depth: u8) -> Self {
        Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            columns: Column::ALL.iter().map(|column| column.name().to_owned()).collect(),
            rules: rules(),
            prefix_depth,
            origin,
            loose_files: None,
            collections: Vec::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// The entry of an account and day.
    pub fn day(&self, account_id: &str, day: i32) -> Option<&Day> {
        self.accounts.get(account_id)?.get(&time::format_day(day)?)
    }
}

/// The hash of what decides how rows come out.
fn rules() -> String {
    // The names are what changes; the code is told apart by the version.
    let text = format!("{VERSION} {:?}", definition());
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with activity.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    pub manifest: Manifest,
}

/// Is the folder a store?
pub fn is_store(folder: &Path) -> bool {
    fs::read(folder.join(MANIFEST)).is_ok_and(|bytes| {
        serde_json::from_slice::<serde_json::Value>(&bytes)
            .is_ok_and(|manifest| manifest.get("format").is_some_and(|format| format == FORMAT))
    })
}

impl Store {
    /// Opens a store to read it.
    pub fn open(folder: &Path) -> Result<Self, ActivityError> {
        let path = folder.join(MANIFEST);
        let bytes = fs::read(&path).map_err(|source| ActivityError::Io { path: path.clone(), source })?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
            ActivityError::Store(format!(
                "{}: not the manifest of a store of activity: {error}; collect into another folder",
                path.display()
            ))
        })?;
        let columns = Column::ALL.iter().map(|column| column.name());
        if manifest.format != FORMAT || manifest.version != VERSION || !manifest.columns.iter().map(String::as_str).eq(columns)
        {
            return Err(ActivityError::Store(format!(
                "{}: the store was made by another version of palisade (its version is {}, {VERSION} is expected); collect again into a new folder",
                path.display(),
                manifest.version
            )));
        }
        Ok(Store { folder: folder.to_owned(), manifest })
    }

    /// Opens a store to add to it, or makes one in an empty folder.
    pub fn open_or_create(folder: &Path, origin: Origin, prefix_depth: u8) -> Result<Self, ActivityError> {
        let io = |source| ActivityError::Io { path: folder.to_owned(), source };
        if !folder.join(MANIFEST).exists() {
            fs::create_dir_all(folder).map_err(io)?;
            let mut entries = fs::read_dir(folder).map_err(io)?.flatten();
            // What a collection that was killed has left is no obstacle: it had no manifest, so nothing refers to it.
            let foreign = entries.find(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                !name.starts_with('.') && !name.starts_with("account=")
            });
            if let Some(foreign) = foreign {
                return Err(ActivityError::Store(format!(
                    "{} is no store of activity, and holds {}; name an empty folder",
                    folder.display(),
                    foreign.file_name().to_string_lossy()
                )));
            }
            return Ok(Store { folder: folder.to_owned(), manifest: Manifest::new(origin, prefix_depth) });
        }
        let store = Self::open(folder)?;
        let problem = if store.manifest.origin != origin {
            format!(
                "holds activity of {} ({}), not of {} ({})",
                store.manifest.origin.locations.join(", "),
                store.manifest.origin.kind,
                origin.locations.join(", "),
                origin.kind
            )
        } else if store.manifest.prefix_depth != prefix_depth {
            format!("keeps {} segments of the keys of objects, not {prefix_depth}", store.manifest.prefix_depth)
        } else if store.manifest.rules != rules() {
            "was rolled up by the rules of another version of palisade".to_owned()
        } else {
            return Ok(store);
        };
        Err(ActivityError::Store(format!("the store {} {problem}; name another folder", folder.display())))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The days from `from` to `to` that are still to be read of an account, as ranges of neighbours.
    pub fn missing_days(&self, account_id: &str, from: Date, to: Date) -> Vec<(Date, Date)> {
        let days = self.manifest.accounts.get(account_id);
        let is_complete = |date: Date| days.and_then(|days| days.get(&date.to_string())).is_some_and(|day| day.complete);
        let mut ranges: Vec<(Date, Date)> = Vec::new();
        for date in from.series(Span::new().days(1)).take_while(|date| *date <= to).filter(|date| !is_complete(*date)) {
            match ranges.last_mut() {
                Some((_, last)) if last.tomorrow().is_ok_and(|next| next == date) => *last = date,
                _ => ranges.push((date, date)),
            }
        }
        ranges
    }

    /// Writes the rows of one account and day in place of what was there, and notes it in the manifest, which is not written yet.
    ///
    /// Rows of one context become one. `budget` bounds what is held in memory for that; a day beyond it keeps its rows as they are.
    pub fn put(&mut self, account_day: &AccountDay, parts: &[Part], entry: Day, budget: usize) -> Result<(), ActivityError> {
        let path = self.path_of(account_day);
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        let io = |source| ActivityError::Io { path: path.clone(), source };
        let mut entry = Day { records: 0, rows: 0, ..entry };
        if parts.is_empty() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
        } else {
            fs::create_dir_all(&folder).map_err(io)?;
            let shape = Shape::whole(usize::from(self.manifest.prefix_depth));
            let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(io)?;
            let failed = |source| ActivityError::Write { path: path.clone(), source };
            let mut writer =
                RowsWriter::new(std::io::BufWriter::new(file.as_file_mut()), shape.schema(), true).map_err(failed)?;
            let mut contexts = RollUp::new(shape);
            let mut out = |contexts: &mut RollUp| -> Result<(), ActivityError> {
                entry.records += contexts.records();
                for (_, batches) in contexts.drain(Order::EveryColumn)? {
                    writer.write(&batches).map_err(failed)?;
                    entry.rows += batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
                }
                Ok(())
            };
            for part in parts {
                for batch in part.open(Column::ALL)? {
                    contexts.add_rows(&batch?)?;
                    if contexts.bytes() > budget {
                        out(&mut contexts)?;
                    }
                }
            }
            out(&mut contexts)?;
            let mut buffer = writer.finish().map_err(failed)?;
            buffer.flush().map_err(io)?;
            drop(buffer);
            file.as_file().sync_all().map_err(io)?;
            file.persist(&path).map_err(|error| io(error.error))?;
        }
        let (account, day) = names_of(account_day);
        self.manifest.accounts.entry(account).or_default().insert(day, entry);
        Ok(())
    }

    /// Takes everything out. The folder is no store then, until the manifest is written.
    pub fn clear(&mut self) -> Result<(), ActivityError> {
        let remove = |path: PathBuf| match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(ActivityError::Io { path, source }),
            _ => Ok(()),
        };
        remove(self.folder.join(MANIFEST))?;
        for (account, days) in std::mem::take(&mut self.manifest.accounts) {
            for (day, _) in days {
                remove(self.folder.join(format!("account={account}")).join(format!("date={day}.parquet")))?;
            }
        }
        self.manifest.collections.clear();
        Ok(())
    }

    /// Writes the manifest.
    pub fn save(&self) -> Result<(), ActivityError> {
        let path = self.folder.join(MANIFEST);
        let io = |source| ActivityError::Io { path: path.clone(), source };
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(io)?;
        serde_json::to_writer(file.as_file_mut(), &self.manifest).map_err(|error| io(error.into()))?;
        file.as_file_mut().write_all(b"\n").map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(&path).map_err(|error| io(error.error))?;
        Ok(())
    }

    fn path_of(&self, account_day: &AccountDay) -> PathBuf {
        let (account, day) = names_of(account_day);
        self.folder.join(format!("account={account}")).join(format!("date={day}.parquet"))
    }

    /// The rows of the accounts and days of a scope.
    pub fn rows(&self, scope: &Scope) -> ActivityRows {
        let parts = self.entries(scope).filter(|(_, entry)| entry.rows > 0);
        ActivityRows::new(parts.map(|(day, _)| Part::in_file(day.clone(), &self.path_of(&day), None)).collect(), None)
    }

    fn entries(&self, scope: &Scope) -> impl Iterator<Item = (AccountDay, &Day)> {
        self.manifest
            .accounts
            .iter()
            .flat_map(|(account, days)| days.iter().map(move |(date, entry)| (account, date, entry)))
            .filter_map(|(account, date, entry)| {
                let account = (account != UNKNOWN).then(|| account.clone());
                let date: Option<Date> = if date == UNKNOWN { None } else { Some(date.parse().ok()?) };
                let day = date.map(day_number);
                scope.wants(account.as_deref(), None, day).then_some(((account, day), entry))
            })
    }

    /// What a report says of the events behind the rows: counted in the rows, and noted when they were collected.
    pub fn coverage(&self, scope: &Scope) -> Result<model::Coverage, ActivityError> {
        let mut coverage = streams(&self.rows(scope))?;
        let mut days: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        for ((account, day), entry) in self.entries(scope) {
            coverage.files += entry.files;
            coverage.bytes += entry.bytes;
            if let (Some(account), Some(day)) = (account, day)
                && (entry.files > 0 || entry.records > 0)
            {
                days.entry(account).or_default().insert(day);
            }
        }
        if let Some(loose) = &self.manifest.loose_files {
            coverage.files += loose.files;
            coverage.bytes += loose.bytes;
        }
        let all = || days.values().flatten().copied();
        let first = scope.from.map(day_number).or_else(|| all().min());
        let last = scope.to.map(day_number).or_else(|| all().max());
        if let (Some(first), Some(last)) = (first, last) {
            for account in scope.accounts.iter().flatten() {
                days.entry(account.clone()).or_default();
            }
            coverage.days_without_file = crate::events::coverage::missing_days(&days, first, last);
        }
        let mut skipped: BTreeMap<(String, String), model::Skipped> = BTreeMap::new();
        for collection in &self.manifest.collections {
            coverage.duplicates += collection.duplicates;
            coverage.replaced += collection.replaced;
            coverage.recognised.extend(collection.recognised.iter().cloned());
            for of_collection in &collection.skipped {
                let key = (of_collection.reason.clone(), of_collection.unit.clone());
                let sum = skipped.entry(key).or_insert_with(|| model::Skipped {
                    count: 0,
                    examples: Vec::new(),
                    ..of_collection.clone()
                });
                sum.count += of_collection.count;
                sum.examples.extend(of_collection.examples.iter().cloned());
                sum.examples.sort();
                sum.examples.dedup();
                sum.examples.truncate(5);
            }
        }
        coverage.skipped = skipped.into_values().collect();
        coverage.recognised.push("activity: events rolled up by account and day".to_owned());
        coverage.recognised.sort();
        coverage.recognised.dedup();
        Ok(coverage)
    }
}

fn names_of((account, day): &AccountDay) -> (String, String) {
    let day = day.and_then(time::format_day);
    (account.clone().unwrap_or_else(|| UNKNOWN.to_owned()), day.unwrap_or_else(|| UNKNOWN.to_owned()))
}

/// Has a day ended long enough before `now`?
pub fn is_settled(day: i32, now: Timestamp) -> bool {
    let end = (i64::from(day) + 1) * 86_400 + SETTLED_AFTER_HOURS * 3_600;
    now.as_second() >= end
}

/// Counts the calls that rows stand for, by account, region and category.
fn streams(rows: &ActivityRows) -> Result<model::Coverage, ActivityError> {
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
    const COLUMNS: [Column; 7] = [
        Column::AccountId,
        Column::Region,
        Column::EventCategory,
        Column::EventSource,
        Column::EventCount,
        Column::FirstSeen,
        Column::LastSeen,
    ];
    type Key = (String, String, String);
    let mut streams: BTreeMap<Key, (u64, Option<i64>, Option<i64>)> = BTreeMap::new();
    let mut sources: BTreeMap<String, u64> = BTreeMap::new();
    for batch in rows.batches(None, (None, None), &COLUMNS) {
        let batch = batch?;
        let [account, region, category, source, count, first, last] = batch.columns() else { continue };
        let (accounts, regions) = (account.as_string::<i32>(), region.as_string::<i32>());
        let (categories, event_sources) = (category.as_string::<i32>(), source.as_string::<i32>());
        let counts = count.as_primitive::<Int64Type>();
        let (firsts, lasts) =
            (first.as_primitive::<TimestampMicrosecondType>(), last.as_primitive::<TimestampMicrosecondType>());
        for row in 0..batch.num_rows() {
            let text = |array: &datafusion::arrow::array::StringArray| {
                if array.is_null(row) { UNKNOWN.to_owned() } else { array.value(row).to_owned() }
            };
            let count = u64::try_from(counts.value(row)).unwrap_or_default();
            let category = text(categories);
            if category == "Data" && !event_sources.is_null(row) {
                *sources.entry(event_sources.value(row).to_owned()).or_default() += count;
            }
            let stream = streams.entry((text(accounts), text(regions), category)).or_default();
            stream.0 += count;
            stream.1 = [stream.1, (!firsts.is_null(row)).then(|| firsts.value(row))].into_iter().flatten().min();
            stream.2 = [stream.2, (!lasts.is_null(row)).then(|| lasts.value(row))].into_iter().flatten().max();
        }
    }
    let has = |name: &str| streams.keys().any(|(_, _, category)| category == name);
    Ok(model::Coverage {
        records: streams.values().map(|stream| stream.0).sum(),
        has_data_events: has("Data"),
        has_management_events: has("Management"),
        has_network_activity_events: has("NetworkActivity"),
        data_event_sources: sources
            .into_iter()
            .map(|(event_source, records)| model::SourceCount { event_source, records })
            .collect(),
        streams: streams
            .into_iter()
            .map(|((account_id, region, category), (records, first, last))| model::Stream {
                account_id,
                region,
                category,
                records,
                first_event: first.and_then(time::format),
                last_event: last.and_then(time::format),
            })
            .collect(),
        ..model::Coverage::default()
    })
}
