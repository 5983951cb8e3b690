//! Records that are delivered more than once, and records that a later one replaces.
//!
//! CloudTrail delivers at least once: in real logs a quarter of the records came twice, in another file and often under another
//! delivery minute. A record is known by its `eventID`. Ids are kept by the hour of the event in sets of bounded size: the sets
//! that were not touched for longest go to an unnamed temporary file and come back when an event of their hour arrives, so the
//! answer stays exact whatever the size of the input.
//!
//! A record with an `addendum` replaces the one that `originalEventID` names (CloudTrail user guide, "CloudTrail record
//! contents"). If that one was read before, the rows that were made of it cannot be taken back: [`Duplicates::must_read_again`]
//! then says that the scan has to run once more, with what was learned.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::record::{Record, scalar_at};

/// Ids that all sets together keep in memory.
const MEMORY_LIMIT: usize = 2_000_000;
const SHARDS: usize = 16;

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    First,
    Duplicate,
    /// An `addendum` replaces it.
    Replaced,
}

/// The ids seen in one scan.
#[derive(Debug)]
pub struct Duplicates {
    shards: Vec<Mutex<Shard>>,
    limit_of_shard: usize,
    /// Records that carry an addendum, by their own id.
    addenda: Mutex<HashSet<u128>>,
    /// Originals that an addendum replaces, with the hour of the addendum's event.
    replaced: Mutex<HashMap<u128, i64>>,
    replaced_count: AtomicUsize,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::with_memory_limit(MEMORY_LIMIT)
    }
}

impl Duplicates {
    /// `limit` ids are kept in memory, the rest in a temporary file.
    pub fn with_memory_limit(limit: usize) -> Self {
        Duplicates {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            limit_of_shard: limit.div_ceil(SHARDS).max(1),
            addenda: Mutex::default(),
            replaced: Mutex::default(),
            replaced_count: AtomicUsize::new(0),
        }
    }

    /// Starts over for another scan of the same files, knowing which records are replaced.
    pub fn read_again(&self) -> Self {
        let replaced = lock(&self.replaced).clone();
        Duplicates {
            replaced_count: AtomicUsize::new(replaced.len()),
            replaced: Mutex::new(replaced),
            ..Self::with_memory_limit(self.limit_of_shard * SHARDS)
        }
    }

    /// Says whether the record counts. A record without an id always does.
    pub fn occurrence(&self, record: &Record<'_>, event_time: Option<i64>) -> std::io::Result<Occurrence> {
        let Some(text) = record.event_id else { return Ok(Occurrence::First) };
        let id = id_of(text.bytes);
        let hour = hour_of(event_time);
        if let Some(addendum) = record.addendum {
            let original = scalar_at(addendum, &["originalEventID"]).map_or(id, |text| id_of(text.bytes));
            if lock(&self.replaced).insert(original, hour).is_none() {
                self.replaced_count.fetch_add(1, Ordering::Relaxed);
            }
            let is_new = lock(&self.addenda).insert(id);
            return Ok(if is_new { Occurrence::First } else { Occurrence::Duplicate });
        }
        if self.replaced_count.load(Ordering::Relaxed) > 0 && lock(&self.replaced).contains_key(&id) {
            return Ok(Occurrence::Replaced);
        }
        let Some(shard) = self.shards.get(id as usize % SHARDS) else { return Ok(Occurrence::First) };
        let is_new = lock(shard).insert(id, hour, self.limit_of_shard)?;
        Ok(if is_new { Occurrence::First } else { Occurrence::Duplicate })
    }

    /// Was a record counted before the addendum that replaces it was read?
    pub fn must_read_again(&self) -> std::io::Result<bool> {
        for (id, hour) in lock(&self.replaced).iter() {
            if let Some(shard) = self.shards.get(*id as usize % SHARDS)
                && lock(shard).contains(*id, *hour, self.limit_of_shard)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A poisoned lock means that another thread panicked; the sets themselves are still sound.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Events without a time share one set.
fn hour_of(event_time: Option<i64>) -> i64 {
    event_time.map_or(i64::MIN, |microseconds| microseconds.div_euclid(3_600_000_000))
}

/// An `eventID` is a UUID: its 128 bits. Anything else is hashed to as many.
fn id_of(text: &[u8]) -> u128 {
    let mut id: u128 = 0;
    let mut digits = 0;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'-' => continue,
            _ => return hashed(text),
        };
        id = (id << 4) | u128::from(digit);
        digits += 1;
    }
    if digits == 32 && text.len() == 36 { id } else { hashed(text) }
}

fn hashed(text: &[u8]) -> u128 {
    Sha256::digest(text).iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

#[derive(Debug, Default)]
struct Shard {
    hours: HashMap<i64, Hour>,
    in_memory: usize,
    clock: u64,
    spill: Option<File>,
}

#[derive(Debug)]
enum Hour {
    InMemory { ids: HashSet<u128>, touched: u64 },
    /// At this offset of the temporary file, so many ids.
    Spilled { offset: u64, ids: usize },
}

impl Shard {
    fn insert(&mut self, id: u128, hour: i64, limit: usize) -> std::io::Result<bool> {
        let is_new = self.ids_of(hour)?.insert(id);
        if is_new {
            self.in_memory += 1;
            if self.in_memory > limit {
                self.spill_oldest(hour, limit / 2)?;
            }
        }
        Ok(is_new)
    }

    fn contains(&mut self, id: u128, hour: i64, limit: usize) -> std::io::Result<bool> {
        let contains = self.ids_of(hour)?.contains(&id);
        if self.in_memory > limit {
            self.spill_oldest(hour, limit / 2)?;
        }
        Ok(contains)
    }

    /// The ids of an hour, brought back from the temporary file if they are there.
    fn ids_of(&mut self, hour: i64) -> std::io::Result<&mut HashSet<u128>> {
        self.clock += 1;
        let clock = self.clock;
        if let Some(Hour::Spilled { offset, ids }) = self.hours.get(&hour) {
            let (offset, count) = (*offset, *ids);
            let mut bytes = vec![0; count * 16];
            if let Some(file) = &mut self.spill {
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(&mut bytes)?;
            }
            let chunks = bytes.chunks_exact(16).filter_map(|chunk| <[u8; 16]>::try_from(chunk).ok());
            let ids: HashSet<u128> = chunks.map(u128::from_le_bytes).collect();
            self.in_memory += ids.len();
            self.hours.insert(hour, Hour::InMemory { ids, touched: clock });
        }
        let entry =
            self.hours.entry(hour).or_insert_with(|| Hour::InMemory { ids: HashSet::new(), touched: clock });
        match entry {
            Hour::InMemory { ids, touched } => {
                *touched = clock;
                Ok(ids)
            }
            Hour::Spilled { .. } => Err(std::io::Error::other("ids of an hour were not brought back from the temporary file")),
        }
    }

    /// Moves the hours that were not touched for longest to the temporary file, until `keep` ids or only `current` are left.
    fn spill_oldest(&mut self, current: i64, keep: usize) -> std::io::Result<()> {
        let mut hours: Vec<(u64, i64)> = self
            .hours
            .iter()
            .filter_map(|(hour, ids)| match ids {
                Hour::InMemory { touched, .. } if *hour != current => Some((*touched, *hour)),
                _ => None,
            })
            .collect();
        hours.sort_unstable();
        for (_, hour) in hours {
            if self.in_memory <= keep {
                break;
            }
            let Some(Hour::InMemory { ids, .. }) = self.hours.get(&hour) else { continue };
            let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
            let count = ids.len();
            let file = match &mut self.spill {
                Some(file) => file,
                None => self.spill.insert(tempfile::tempfile()?),
            };
            let offset = file.seek(SeekFrom::End(0))?;
            file.write_all(&bytes)?;
            self.in_memory -= count;
            self.hours.insert(hour, Hour::Spilled { offset, ids: count });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::RawString;
    use super::*;

    fn record(id: &str) -> Record<'_> {
        Record { event_id: Some(RawString { bytes: id.as_bytes(), has_escape: false }), ..Record::default() }
    }

    #[test]
    fn a_duplicate_is_found_although_its_hour_left_memory() {
        let duplicates = Duplicates::with_memory_limit(64);
        let ids: Vec<String> = (0..2_000u32).map(|n| format!("{n:08x}-0000-4000-8000-{:012x}", n.wrapping_mul(2_654_435_761))).collect();
        for (n, id) in ids.iter().enumerate() {
            let time = Some((n as i64 % 97) * 3_600_000_000);
            assert_eq!(duplicates.occurrence(&record(id), time).unwrap(), Occurrence::First);
        }
        for (n, id) in ids.iter().enumerate() {
            let time = Some((n as i64 % 97) * 3_600_000_000);
            assert_eq!(duplicates.occurrence(&record(id), time).unwrap(), Occurrence::Duplicate);
        }
    }

    #[test]
    fn an_id_that_is_no_uuid_is_still_an_id_and_a_record_without_one_counts() {
        let duplicates = Duplicates::default();
        assert_eq!(duplicates.occurrence(&record("x"), None).unwrap(), Occurrence::First);
        assert_eq!(duplicates.occurrence(&record("y"), None).unwrap(), Occurrence::First);
        assert_eq!(duplicates.occurrence(&record("x"), None).unwrap(), Occurrence::Duplicate);
        assert_eq!(duplicates.occurrence(&Record::default(), None).unwrap(), Occurrence::First);
        assert_eq!(duplicates.occurrence(&Record::default(), None).unwrap(), Occurrence::First);
    }

    #[test]
    fn a_record_that_was_read_before_its_addendum_asks_for_another_scan() {
        let original = "00000000-0000-4000-8000-000000000001";
        let addendum = Record {
            addendum: Some(br#"{"reason":"UPDATED_DATA","originalEventID":"00000000-0000-4000-8000-000000000001"}"#),
            ..record("00000000-0000-4000-8000-000000000002")
        };
        let first = Duplicates::default();
        assert_eq!(first.occurrence(&record(original), Some(0)).unwrap(), Occurrence::First);
        assert_eq!(first.occurrence(&addendum, Some(0)).unwrap(), Occurrence::First);
        assert!(first.must_read_again().unwrap());
        let second = first.read_again();
        assert_eq!(second.occurrence(&record(original), Some(0)).unwrap(), Occurrence::Replaced);
        assert_eq!(second.occurrence(&addendum, Some(0)).unwrap(), Occurrence::First);
        assert!(!second.must_read_again().unwrap());
    }
}
