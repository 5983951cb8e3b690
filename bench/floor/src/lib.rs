//! What both programs of the benchmark share: the log files below a folder, and inflating one.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use libdeflater::{CompressionLvl, Compressor, Decompressor};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Folders of an organization trail that hold no records of calls.
const WITHOUT_RECORDS: [&str; 2] = ["CloudTrail-Digest", "CloudTrail-Insight"];

/// The `.json.gz` files below a folder, in the order of their paths.
pub fn log_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if !WITHOUT_RECORDS.iter().any(|skipped| name == *skipped) {
                    folders.push(entry.path());
                }
            } else if name.to_string_lossy().ends_with(".json.gz") {
                files.push(entry.path());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads and inflates files one after the other into the same memory.
pub struct Inflater {
    decompressor: Decompressor,
    compressed: Vec<u8>,
    text: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { decompressor: Decompressor::new(), compressed: Vec::new(), text: Vec::new() }
    }
}

impl Inflater {
    /// The text of a gzip file of one member. The size stands in its last four bytes (RFC 1952).
    pub fn read(&mut self, path: &Path) -> Result<&[u8]> {
        self.compressed.clear();
        File::open(path)?.read_to_end(&mut self.compressed)?;
        let trailer = self.compressed.last_chunk::<4>().ok_or_else(|| format!("{}: too short for gzip", path.display()))?;
        let size = usize::try_from(u32::from_le_bytes(*trailer))?;
        if self.text.len() < size {
            self.text.resize(size, 0);
        }
        let length = self
            .decompressor
            .gzip_decompress(&self.compressed, &mut self.text)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(&self.text[..length])
    }
}

/// Writes a gzip file of one member, compressed as CloudTrail's files are.
pub fn write_gzip(path: &Path, text: &[u8]) -> Result<()> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut compressed = vec![0; compressor.gzip_compress_bound(text.len())];
    let length = compressor.gzip_compress(text, &mut compressed)?;
    std::fs::write(path, &compressed[..length]).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}
