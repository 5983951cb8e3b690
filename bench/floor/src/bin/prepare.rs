//! Makes the two layouts of the benchmark hold the same records.
//!
//! `prepare FOLDER LARGE FILES`
//!
//! A trail holds some records twice, and some that a later record with an `addendum` replaces. Palisade counts such a call once, the
//! other readers of the benchmark would count it twice unless their question became a slower one. So second copies and replaced
//! records are taken out of `FOLDER`, file by file in the order of the paths. Then the records of all files are written to `FILES`
//! large files in `LARGE`, in the same order.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use palisade_bench_floor::{Inflater, Result, log_files, write_gzip};
use sonic_rs::{JsonValueTrait, get};

const HEAD: &[u8] = b"{\"Records\":[";
const ADDENDUM: &[u8] = b"\"addendum\":{";
const TAIL: &[u8] = b"]}";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, large, count] = arguments.as_slice() else { return Err("usage: prepare FOLDER LARGE FILES".into()) };
    let count: u64 = count.parse()?;
    let files = log_files(Path::new(folder))?;
    std::fs::create_dir_all(large)?;
    let mut inflater = Inflater::default();
    let mut bytes = 0;
    let mut replaced = HashSet::new();
    for path in &files {
        let text = inflater.read(path)?;
        bytes += u64::try_from(text.len())?;
        if text.windows(ADDENDUM.len()).any(|part| part == ADDENDUM) {
            for record in records_of(path, text)? {
                if let (id, Some(original)) = (text_at(path, record, &["eventID"])?, original_of(path, record)?)
                    && id != original
                {
                    replaced.insert(original);
                }
            }
        }
    }

    let mut writer =
        Writer { folder: PathBuf::from(large), size: bytes / count.max(1), text: HEAD.to_vec(), written: 0, largest: 0 };
    let mut ids = HashSet::new();
    let (mut records, mut taken_out, mut largest) = (0_u64, 0_u64, 0);
    for path in &files {
        let text = inflater.read(path)?;
        let mut kept = Vec::new();
        let mut dropped = 0;
        for record in records_of(path, text)? {
            let id = text_at(path, record, &["eventID"])?;
            if !replaced.contains(&id) && ids.insert(id) {
                kept.push(record.as_bytes());
            } else {
                dropped += 1;
            }
        }
        let mut size = text.len();
        if dropped > 0 {
            let text = [HEAD, &kept.join(&b','), TAIL].concat();
            size = text.len();
            write_gzip(path, &text)?;
        }
        for record in &kept {
            writer.add(record)?;
        }
        largest = size.max(largest);
        records += u64::try_from(kept.len())?;
        taken_out += dropped;
    }
    writer.finish()?;
    println!(
        "{{\"files\":{},\"bytes\":{bytes},\"records\":{records},\"taken_out\":{taken_out},\"largest\":{largest},\
         \"large_files\":{},\"large_largest\":{}}}",
        files.len(),
        writer.written,
        writer.largest
    );
    Ok(())
}

/// The text of every record of a file.
fn records_of<'a>(path: &Path, text: &'a [u8]) -> Result<Vec<&'a str>> {
    let failed = |error: sonic_rs::Error| format!("{}: {error}", path.display());
    let start = get(text, ["Records"]).map_err(failed)?;
    let mut records = Vec::new();
    for record in start.into_array_iter().into_iter().flatten() {
        // The value borrows from `text`; its own accessor would borrow from the value.
        match record.map_err(failed)?.as_raw_cow() {
            Cow::Borrowed(record) => records.push(record),
            Cow::Owned(_) => return Err(format!("{}: a record does not borrow from the file", path.display()).into()),
        }
    }
    Ok(records)
}

fn text_at(path: &Path, record: &str, keys: &[&str]) -> Result<Box<str>> {
    let value = get(record, keys).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(value.as_str().ok_or_else(|| format!("{}: {} is no text", path.display(), keys.join(".")))?.into())
}

/// The event that the addendum of a record replaces; none without one.
fn original_of(path: &Path, record: &str) -> Result<Option<Box<str>>> {
    let has_addendum = get(record, ["addendum"]).is_ok_and(|value| value.is_object());
    if has_addendum { text_at(path, record, &["addendum", "originalEventID"]).map(Some) } else { Ok(None) }
}

/// Gathers records into files of about the same size of text.
struct Writer {
    folder: PathBuf,
    size: u64,
    text: Vec<u8>,
    written: usize,
    /// Bytes of text of the largest file.
    largest: usize,
}

impl Writer {
    fn add(&mut self, record: &[u8]) -> Result<()> {
        if self.text.len() > HEAD.len() {
            self.text.push(b',');
        }
        self.text.extend_from_slice(record);
        if u64::try_from(self.text.len())? >= self.size {
            self.finish()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.text.len() > HEAD.len() {
            self.text.extend_from_slice(TAIL);
            write_gzip(&self.folder.join(format!("records-{:02}.json.gz", self.written)), &self.text)?;
            self.written += 1;
            self.largest = self.largest.max(self.text.len());
            self.text.truncate(HEAD.len());
        }
        Ok(())
    }
}
