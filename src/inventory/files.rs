//! Reads the files of a snapshot: recognises each by its content, and by its name where the content does not tell.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::builder::Builder;
use super::file_name::FileName;
use super::reading::Reading;
use super::{Inventory, InventoryError};

/// A larger file is no inventory.
const MAX_BYTES: u64 = 2 << 30;

/// Reads a folder.
pub(super) fn load(folder: &Path) -> Result<Inventory, InventoryError> {
    let unreadable = |source| InventoryError::Unreadable { folder: folder.to_owned(), source };
    std::fs::read_dir(folder).map_err(unreadable)?;
    let mut reader = Reader::default();
    // Sorted, so that warnings and the hash are the same on every machine. Links are followed: mounted volumes consist of them.
    let visible =
        |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_str().is_some_and(|name| name.starts_with('.'));
    for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                reader.builder.warnings.general(format!("{error}; what it holds is missing"));
                continue;
            }
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path();
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let size = entry.metadata().map_or(0, |metadata| metadata.len());
        if !reader.wants(&name) {
            continue;
        }
        if size > MAX_BYTES {
            reader.unusable(&name, &format!("has {size} bytes, more than {MAX_BYTES}, and is ignored; split it"));
            continue;
        }
        match std::fs::read(path) {
            Ok(bytes) => {
                tracing::debug!(file = name, bytes = bytes.len(), "inventory file");
                reader.read(&name, bytes)?;
            }
            Err(error) => reader.unusable(&name, &format!("cannot be read: {error}; what it holds is missing")),
        }
    }
    let inventory = reader.finish(folder)?;
    tracing::info!(
        folder = %folder.display(),
        types = inventory.types.len(),
        accounts = inventory.accounts.len(),
        warnings = inventory.warnings.len(),
        skipped_rows = inventory.skipped_rows,
        "inventory loaded"
    );
    Ok(inventory)
}

/// Reads files that are in memory, in the order of their names.
pub(super) fn from_texts(files: &[(&str, &str)]) -> Result<Inventory, InventoryError> {
    let mut files = files.to_vec();
    files.sort_unstable();
    let mut reader = Reader::default();
    for (name, text) in files {
        if reader.wants(name) {
            reader.read(name, text.as_bytes().to_vec())?;
        }
    }
    reader.finish(Path::new("(in memory)"))
}

#[derive(Debug, Default)]
struct Reader {
    builder: Builder,
    hash: Sha256,
}

fn extension(name: &str) -> String {
    name.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default()
}

impl Reader {
    /// Read-me files are silently left alone, other unknown endings with a warning.
    fn wants(&mut self, name: &str) -> bool {
        match extension(name).as_str() {
            "json" | "ndjson" | "jsonl" | "csv" => true,
            "md" => false,
            _ => {
                self.unusable(name, "is ignored; expected .json, .ndjson or .csv");
                false
            }
        }
    }

    fn unusable(&mut self, name: &str, why: &str) {
        let file = self.builder.warnings.begin_file(name);
        self.builder.warnings.note(file, why);
        self.builder.incomplete.insert(file);
        // A file that cannot be read still shows what it was meant to hold.
        if let Some(resource_type) = FileName::parse(name).resource_type {
            self.builder.provide(&resource_type, file);
        }
    }

    fn read(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), InventoryError> {
        self.hash.update(name.as_bytes());
        self.hash.update([0]);
        self.hash.update(Sha256::digest(&bytes));
        let file = self.builder.warnings.begin_file(name);
        let text = decode(bytes, |note| self.builder.warnings.note(file, note));
        let reading = Reading::new(&mut self.builder, name, file);
        if extension(name) == "csv" {
            reading.csv(&text)
        } else {
            reading.json(&text)?
        }
        Ok(())
    }

    fn finish(mut self, folder: &Path) -> Result<Inventory, InventoryError> {
        for file in std::mem::take(&mut self.builder.open_pages).into_values() {
            self.builder.warnings.note(file, "ends with a NextToken: more pages exist and are missing");
            self.builder.incomplete.insert(file);
        }
        let mut inventory = self.builder.finish();
        inventory.sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if inventory.types.is_empty() {
            let details = inventory.warnings.first().map(|first| format!(" ({first})")).unwrap_or_default();
            return Err(InventoryError::NothingUseful { folder: folder.to_owned(), details });
        }
        Ok(inventory)
    }
}

/// Text of a file. Windows shells write UTF-16, and spreadsheets a byte order mark.
fn decode(bytes: Vec<u8>, mut note: impl FnMut(String)) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => {
            let mut text = String::from_utf8(bytes).unwrap_or_else(|error| {
                let position = error.utf8_error().valid_up_to();
                note(format!("is not UTF-8 at byte {position}; what is not is replaced by U+FFFD"));
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            });
            if text.starts_with('\u{FEFF}') {
                text.drain(..'\u{FEFF}'.len_utf8());
            }
            text
        }
    }
}
