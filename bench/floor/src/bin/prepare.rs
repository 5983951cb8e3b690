//! Makes the two layouts of the benchmark hold the same records.
//!
//! `prepare FOLDER LARGE FILES`
//!
//! A trail holds some records twice. Palisade counts such a call once, the other readers of the benchmark would count it twice
//! unless their question became a slower one. So the second copies are taken out of `FOLDER`, file by file in the order of the
//! paths. Then the records of all files are written to `FILES` large files in `LARGE`, in the same order.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use palisade_bench_floor::{Inflater, Result, log_files, write_gzip};
use sonic_rs::{JsonValueTrait, get};

const HEAD: &[u8] = b"{\"Records\":[";
const TAIL: &[u8] = b"]}";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, large, count] = arguments.as_slice() else { return Err("usage: prepare FOLDER LARGE FILES".into()) };
    let count: u64 = count.parse()?;
    let files = log_files(Path::new(folder))?;
    std::fs::create_dir_all(large)?;
    let mut inflater = Inflater::default();
    let mut bytes = 0;
    for path in &files {
        bytes += u64::try_from(inflater.read(path)?.len())?;
    }

    let mut writer =
        Writer { folder: PathBuf::from(large), size: bytes / count.max(1), text: HEAD.to_vec(), written: 0, largest: 0 };
    let mut ids = HashSet::new();
    let (mut records, mut duplicates, mut largest) = (0_u64, 0_u64, 0);
    for path in &files {
        let text = inflater.read(path)?;
        let failed = |error: sonic_rs::Error| format!("{}: {error}", path.display());
        let array = get(text, ["Records"]).map_err(failed)?;
        let mut kept = Vec::new();
        let mut dropped = 0;
        for record in array.into_array_iter().into_iter().flatten() {
            let record = record.map_err(failed)?;
            let id = get(record.as_raw_str(), ["eventID"]).map_err(failed)?;
            let id = id.as_str().ok_or_else(|| format!("{}: an eventID is no text", path.display()))?;
            if ids.insert(Box::<str>::from(id)) {
                kept.push(record);
            } else {
                dropped += 1;
            }
        }
        let mut size = text.len();
        if dropped > 0 {
            let texts: Vec<&[u8]> = kept.iter().map(|record| record.as_raw_str().as_bytes()).collect();
            let text = [HEAD, &texts.join(&b','), TAIL].concat();
            size = text.len();
            write_gzip(path, &text)?;
        }
        for record in &kept {
            writer.add(record.as_raw_str().as_bytes())?;
        }
        largest = size.max(largest);
        records += u64::try_from(kept.len())?;
        duplicates += dropped;
    }
    writer.finish()?;
    println!(
        "{{\"files\":{},\"bytes\":{bytes},\"records\":{records},\"duplicates\":{duplicates},\"largest\":{largest},\
         \"large_files\":{},\"large_largest\":{}}}",
        files.len(),
        writer.written,
        writer.largest
    );
    Ok(())
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
