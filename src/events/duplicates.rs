//! Records that are delivered more than once, and records that a later one replaces.
//!
//! CloudTrail delivers at least once: in real logs a quarter of the records came twice, in another file and often under another
//! delivery minute. A record is known by its `eventID`, and by nothing else: `sharedEventID` links the separate records that two
//! accounts hold of one call. Copies mostly arrive close together, so the latest ids are kept in memory; older ones go to an
//! unnamed temporary file in sorted runs, each behind a small filter, so the answer stays exact whatever the size of the input.
//!
//! A record with an `addendum` replaces the one that `originalEventID` names (CloudTrail user guide, "CloudTrail record
//! contents"). If that one was read before, the rows that were made of it cannot be taken back: [`Duplicates::must_read_again`]
//! then says that the scan has to run once more, with what was learned.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::record::{Record, scalar_at};

/// Ids that all shards together keep in memory.
const MEMORY_LIMIT: usize = 800_000;
const SHARDS: usize = 16;
/// Ids of a run that are read from the file together.
const BLOCK: usize = 256;
/// Size of the filter of a run: at twelve bits one id in 250 that is not there looks as if it were.
const FILTER_BITS: u64 = 12;
const FILTER_PROBES: u64 = 6;

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
    /// Originals that an addendum replaces. `true` if the addendum has another id than the original, so that it replaces even
    /// an earlier addendum.
    replaced: Mutex<HashMap<u128, bool>>,
    replaced_count: AtomicUsize,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::with_memory_limit(MEMORY_LIMIT)
    }
}

impl Duplicates {
    /// About `limit` ids are kept in memory, the rest in temporary files.
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
    pub fn occurrence(&self, record: &Record<'_>) -> std::io::Result<Occurrence> {
        let Some(text) = record.event_id else { return Ok(Occurrence::First) };
        let id = id_of(text.bytes);
        if let Some(addendum) = record.addendum {
            return Ok(self.addendum(id, addendum));
        }
        if self.replaced_count.load(Ordering::Relaxed) > 0 && lock(&self.replaced).contains_key(&id) {
            return Ok(Occurrence::Replaced);
        }
        let Some(shard) = self.shard(id) else { return Ok(Occurrence::First) };
        let is_new = lock(shard).insert(id, self.limit_of_shard)?;
        Ok(if is_new { Occurrence::First } else { Occurrence::Duplicate })
    }

    fn addendum(&self, id: u128, addendum: &[u8]) -> Occurrence {
        let original = scalar_at(addendum, &["originalEventID"]).map_or(id, |text| id_of(text.bytes));
        let mut replaced = lock(&self.replaced);
        *replaced.entry(original).or_default() |= original != id;
        self.replaced_count.store(replaced.len(), Ordering::Relaxed);
        if replaced.get(&id) == Some(&true) {
            return Occurrence::Replaced;
        }
        if lock(&self.addenda).insert(id) { Occurrence::First } else { Occurrence::Duplicate }
    }

    fn shard(&self, id: u128) -> Option<&Mutex<Shard>> {
        self.shards.get(id as usize % SHARDS)
    }

    /// Was a record counted before the addendum that replaces it was read?
    pub fn must_read_again(&self) -> std::io::Result<bool> {
        for (id, even_addenda) in lock(&self.replaced).iter() {
            if *even_addenda && lock(&self.addenda).contains(id) {
                return Ok(true);
            }
            if let Some(shard) = self.shard(*id)
                && lock(shard).contains(*id)?
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

/// An `eventID` is a UUID: its 128 bits. Anything else is hashed to as many.
fn id_of(text: &[u8]) -> u128 {
    uuid(text).unwrap_or_else(|| hashed(text))
}

/// A UUID as CloudTrail writes it: in small letters, with its dashes.
pub fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut id: u128 = 0;
    for (position, byte) in text.iter().enumerate() {
        let is_dash = matches!(position, 8 | 13 | 18 | 23);
        let digit = match byte {
            b'-' if is_dash => continue,
            b'0'..=b'9' if !is_dash => byte - b'0',
            b'a'..=b'f' if !is_dash => byte - b'a' + 10,
            _ => return None,
        };
        id = (id << 4) | u128::from(digit);
    }
    Some(id)
}

fn hashed(text: &[u8]) -> u128 {
    Sha256::digest(text).iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

/// Ids are random already, or were hashed: their bits need no more than folding.
type Ids = HashSet<u128, BuildHasherDefault<Fold>>;

#[derive(Debug, Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = (id as u64 ^ (id >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[derive(Debug, Default)]
struct Shard {
    recent: Ids,
    runs: Vec<Run>,
    file: Option<File>,
}

impl Shard {
    /// Adds an id. `false` if it was there.
    fn insert(&mut self, id: u128, limit: usize) -> std::io::Result<bool> {
        if self.was_written(id)? || !self.recent.insert(id) {
            return Ok(false);
        }
        if self.recent.len() >= limit {
            self.write_recent()?;
        }
        Ok(true)
    }

    fn contains(&mut self, id: u128) -> std::io::Result<bool> {
        Ok(self.recent.contains(&id) || self.was_written(id)?)
    }

    fn was_written(&mut self, id: u128) -> std::io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        for run in self.runs.iter().rev() {
            if run.filter.may_contain(id) && run.contains(id, file)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the recent ids as a run.
    fn write_recent(&mut self) -> std::io::Result<()> {
        let mut ids: Vec<u128> = self.recent.drain().collect();
        ids.sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let offset = file.seek(SeekFrom::End(0))?;
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        file.write_all(&bytes)?;
        let mut filter = Filter::for_ids(ids.len());
        ids.iter().for_each(|id| filter.add(*id));
        let first_of_block = ids.iter().step_by(BLOCK).copied().collect();
        self.runs.push(Run { offset, ids: ids.len(), first_of_block, filter });
        Ok(())
    }
}

/// Sorted ids in the temporary file.
#[derive(Debug)]
struct Run {
    offset: u64,
    ids: usize,
    first_of_block: Vec<u128>,
    filter: Filter,
}

impl Run {
    fn contains(&self, id: u128, file: &mut File) -> std::io::Result<bool> {
        let Some(block) = self.first_of_block.partition_point(|first| *first <= id).checked_sub(1) else { return Ok(false) };
        let start = block * BLOCK;
        let mut bytes = vec![0; self.ids.saturating_sub(start).min(BLOCK) * 16];
        file.seek(SeekFrom::Start(self.offset + start as u64 * 16))?;
        file.read_exact(&mut bytes)?;
        let wanted = id.to_le_bytes();
        Ok(bytes.chunks_exact(16).any(|chunk| chunk == wanted.as_slice()))
    }
}

/// A Bloom filter: says surely that an id is not there, or that it may be.
#[derive(Debug)]
struct Filter {
    words: Vec<u64>,
}

impl Filter {
    fn for_ids(ids: usize) -> Self {
        let words = (ids as u64 * FILTER_BITS).div_ceil(64).max(1);
        Filter { words: vec![0; usize::try_from(words).unwrap_or(1)] }
    }

    /// Word and bit of each probe.
    fn probes(&self, id: u128) -> impl Iterator<Item = (usize, u64)> + use<> {
        // Most ids are random, but not all bits of a UUID are, and ids can be made up: mixed before use.
        let mix = |value: u64| {
            let value = (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
            (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
        };
        let first = mix(id as u64 ^ mix((id >> 64) as u64));
        let step = mix(first) | 1;
        let words = self.words.len() as u128;
        (0..FILTER_PROBES).map(move |probe| {
            let hash = first.wrapping_add(step.wrapping_mul(probe));
            let word = ((u128::from(hash) * words) >> 64) as usize;
            (word, 1 << (hash & 63))
        })
    }

    fn add(&mut self, id: u128) {
        for (word, bit) in self.probes(id) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn may_contain(&self, id: u128) -> bool {
        self.probes(id).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
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
    fn a_duplicate_is_found_although_its_id_left_memory() {
        let duplicates = Duplicates::with_memory_limit(64);
        let ids: Vec<String> = (0..20_000u32).map(|n| format!("{n:08x}-0000-4000-8000-{n:012x}")).collect();
        for expected in [Occurrence::First, Occurrence::Duplicate] {
            for id in &ids {
                assert_eq!(duplicates.occurrence(&record(id)).unwrap(), expected, "{id}");
            }
        }
    }

    #[test]
    fn a_filter_rarely_takes_an_id_for_one_that_it_holds() {
        let mut filter = Filter::for_ids(10_000);
        (0..10_000).for_each(|id| filter.add(id));
        assert!((0..10_000).all(|id| filter.may_contain(id)));
        let mistaken = (10_000..20_000).filter(|id| filter.may_contain(*id)).count();
        assert!(mistaken < 300, "{mistaken} of 10000");
    }

    #[test]
    fn an_id_that_is_no_uuid_is_still_an_id_and_a_record_without_one_counts() {
        let duplicates = Duplicates::default();
        assert_eq!(duplicates.occurrence(&record("x")).unwrap(), Occurrence::First);
        assert_eq!(duplicates.occurrence(&record("y")).unwrap(), Occurrence::First);
        assert_eq!(duplicates.occurrence(&record("x")).unwrap(), Occurrence::Duplicate);
        assert_eq!(duplicates.occurrence(&Record::default()).unwrap(), Occurrence::First);
        assert_eq!(duplicates.occurrence(&Record::default()).unwrap(), Occurrence::First);
    }

    #[test]
    fn a_record_that_was_read_before_its_addendum_asks_for_another_scan() {
        let original = "00000000-0000-4000-8000-000000000001";
        let addendum = Record {
            addendum: Some(br#"{"reason":"UPDATED_DATA","originalEventID":"00000000-0000-4000-8000-000000000001"}"#),
            ..record("00000000-0000-4000-8000-000000000002")
        };
        let first = Duplicates::default();
        assert_eq!(first.occurrence(&record(original)).unwrap(), Occurrence::First);
        assert_eq!(first.occurrence(&addendum).unwrap(), Occurrence::First);
        assert!(first.must_read_again().unwrap());
        let second = first.read_again();
        assert_eq!(second.occurrence(&record(original)).unwrap(), Occurrence::Replaced);
        assert_eq!(second.occurrence(&addendum).unwrap(), Occurrence::First);
        assert!(!second.must_read_again().unwrap());
    }

    #[test]
    fn an_addendum_can_replace_an_addendum_and_one_with_the_original_id_replaces_the_original_only() {
        let with = |id: &'static str, text: &'static [u8]| Record { addendum: Some(text), ..record(id) };
        let first = Duplicates::default();
        assert_eq!(first.occurrence(&with("b", br#"{"originalEventID":"a"}"#)).unwrap(), Occurrence::First);
        assert_eq!(first.occurrence(&with("c", br#"{"originalEventID":"b"}"#)).unwrap(), Occurrence::First);
        assert!(first.must_read_again().unwrap());
        let second = first.read_again();
        for (id, text, expected) in [
            ("b", br#"{"originalEventID":"a"}"#, Occurrence::Replaced),
            ("c", br#"{"originalEventID":"b"}"#, Occurrence::First),
            ("c", br#"{"originalEventID":"b"}"#, Occurrence::Duplicate),
        ] {
            assert_eq!(second.occurrence(&with(id, text)).unwrap(), expected);
        }
        assert!(!second.must_read_again().unwrap());

        let same = Duplicates::default();
        assert_eq!(same.occurrence(&with("a", br#"{"reason":"UPDATED_DATA"}"#)).unwrap(), Occurrence::First);
        assert_eq!(same.occurrence(&record("a")).unwrap(), Occurrence::Replaced);
        assert!(!same.must_read_again().unwrap());
    }
}
