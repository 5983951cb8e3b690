//! What a reader of the inventory must be told: per file what was skipped or mended, and what contradicts what.

use std::collections::BTreeMap;

/// How many rows of one file, or contradictions of one kind, are named before the rest is counted.
const NAMED: usize = 3;
const NAMED_CONTRADICTIONS: usize = 20;

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Index of the file.
    pub(super) file: usize,
    /// From 1, within the list or table of the file.
    pub(super) row: u64,
}

#[derive(Debug, Default)]
struct OfFile {
    name: String,
    notes: Vec<String>,
    skipped: Vec<String>,
    skipped_count: u64,
    flawed: Vec<String>,
    flawed_count: u64,
    padded: Option<String>,
    padded_count: u64,
}

/// Collects warnings, and the names of the files that they speak of.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    files: Vec<OfFile>,
    contradictions: BTreeMap<&'static str, Vec<String>>,
    general: Vec<String>,
}

impl Warnings {
    /// Begins a file; the number stands for it in every [`Origin`].
    pub(super) fn begin_file(&mut self, name: &str) -> usize {
        self.files.push(OfFile { name: name.to_owned(), ..OfFile::default() });
        self.files.len() - 1
    }

    pub(super) fn file_name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| file.name.as_str())
    }

    /// `file row 3`, for messages.
    pub(super) fn place(&self, origin: Origin) -> String {
        format!("{} row {}", self.file_name(origin.file), origin.row)
    }

    /// Something about a whole file.
    pub(super) fn note(&mut self, file: usize, note: impl Into<String>) {
        if let Some(of_file) = self.files.get_mut(file) {
            of_file.notes.push(note.into());
        }
    }

    /// A row that could not be used.
    pub(super) fn skipped(&mut self, origin: Origin, why: &str) {
        if let Some(of_file) = self.files.get_mut(origin.file) {
            of_file.skipped_count += 1;
            if of_file.skipped.len() < NAMED {
                of_file.skipped.push(format!("row {} is skipped: {why}", origin.row));
            }
        }
    }

    /// A row that is kept, less one value that could not be understood.
    pub(super) fn flawed(&mut self, origin: Origin, why: &str) {
        if let Some(of_file) = self.files.get_mut(origin.file) {
            of_file.flawed_count += 1;
            if of_file.flawed.len() < NAMED {
                of_file.flawed.push(format!("row {}: {why}; it is treated as unknown", origin.row));
            }
        }
    }

    /// An account id that got its leading zero back.
    pub(super) fn padded(&mut self, origin: Origin, written: &str, id: &str) {
        if let Some(of_file) = self.files.get_mut(origin.file) {
            of_file.padded_count += 1;
            of_file.padded.get_or_insert_with(|| format!("row {}, {written} is read as {id}", origin.row));
        }
    }

    /// Two rows that cannot both be true. `kind` groups them, so that thousands of one kind do not hide another.
    pub(super) fn contradiction(&mut self, kind: &'static str, sentence: String) {
        self.contradictions.entry(kind).or_default().push(sentence);
    }

    pub(super) fn general(&mut self, sentence: String) {
        self.general.push(sentence);
    }

    pub(super) fn skipped_rows(&self) -> u64 {
        self.files.iter().map(|file| file.skipped_count).sum()
    }

    pub(super) fn has_skipped(&self, file: usize) -> bool {
        self.files.get(file).is_some_and(|file| file.skipped_count > 0)
    }

    /// One sentence each: the general ones, then file by file, then the contradictions.
    pub(super) fn finish(self) -> Vec<String> {
        let mut sentences = self.general;
        let mut files = self.files;
        files.sort_by(|left, right| left.name.cmp(&right.name));
        for file in files {
            let all = file.notes.iter().chain(&file.skipped).chain(&file.flawed);
            sentences.extend(all.map(|what| format!("{}: {what}", file.name)));
            for (named, count, what) in [
                (file.skipped.len(), file.skipped_count, "more rows are skipped"),
                (file.flawed.len(), file.flawed_count, "more rows have a value that is treated as unknown"),
            ] {
                let more = count.saturating_sub(u64::try_from(named).unwrap_or(u64::MAX));
                if more > 0 {
                    sentences.push(format!("{}: {more} {what}", file.name));
                }
            }
            if let Some(first) = file.padded {
                let count = file.padded_count;
                sentences.push(format!(
                    "{}: {count} account ids had 11 digits and got a leading zero (first: {first}); write them as text",
                    file.name
                ));
            }
        }
        for (kind, mut all) in self.contradictions {
            all.sort_unstable();
            let more = all.len().saturating_sub(NAMED_CONTRADICTIONS);
            all.truncate(NAMED_CONTRADICTIONS);
            sentences.extend(all);
            if more > 0 {
                sentences.push(format!("{more} more contradictions about {kind} are treated as unknown"));
            }
        }
        sentences
    }
}
