//! Writes a snapshot folder that is seen whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The file that a folder of ours always has, written last.
pub(super) const RECORD: &str = "snapshot.json";
/// A file that grows beyond this is continued in another one: who reads a snapshot holds one file at a time.
const FILE_BYTES: u64 = 64 << 20;

/// Why a snapshot cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot write the snapshot {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} holds files that are not of a snapshot that Palisade collected, `{example}` for one; give an empty folder or a new one",
        path.display()
    )]
    NotOurs { path: PathBuf, example: String },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WriteError + use<> {
    let path = path.to_owned();
    |source| WriteError::Write { path, source }
}

/// A folder in the making, beside the place where it will be. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    output: PathBuf,
    published: bool,
}

impl Staging {
    /// # Errors
    /// When the folder cannot be made, or when `output` holds files of somebody else.
    pub(super) fn begin(output: &Path) -> Result<Staging, WriteError> {
        may_replace(output)?;
        let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| "snapshot".to_owned());
        let parent = match output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(failed(&parent))?;
        remove_left_overs(&parent, &name);
        let folder = parent.join(format!(".{name}.{}.partial", std::process::id()));
        // Of an earlier try of this very process.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).map_err(failed(&folder))?;
        Ok(Staging { folder, output: output.to_owned(), published: false })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the record and puts the folder in its place.
    pub(super) fn publish(mut self, record: &Value) -> Result<(), WriteError> {
        let path = self.folder.join(RECORD);
        let text = format!("{record:#}\n");
        let written = File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(failed(&path))?;
        let aside = self.folder.with_extension("replaced");
        if self.output.exists() {
            fs::rename(&self.output, &aside).map_err(failed(&self.output))?;
        }
        if let Err(source) = fs::rename(&self.folder, &self.output) {
            // The earlier snapshot is better than none.
            let _ = fs::rename(&aside, &self.output);
            return Err(WriteError::Write { path: self.output.clone(), source });
        }
        self.published = true;
        let _ = fs::remove_dir_all(&aside);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed is removed by the next export.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// An empty folder, or one that was collected before.
fn may_replace(output: &Path) -> Result<(), WriteError> {
    let entries = match fs::read_dir(output) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(WriteError::Write { path: output.to_owned(), source }),
    };
    if super::record::Record::read(output).is_some() {
        return Ok(());
    }
    let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    match names.into_iter().next() {
        Some(example) => Err(WriteError::NotOurs { path: output.to_owned(), example }),
        None => Ok(()),
    }
}

/// Folders of exports that were killed. Those of processes that still run are left alone.
fn remove_left_overs(parent: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        let process = found.strip_prefix(&format!(".{name}.")).and_then(|rest| rest.strip_suffix(".partial"));
        let runs = |process: &str| Path::new("/proc/self").exists() && Path::new("/proc").join(process).exists();
        if process.is_some_and(|process| process.parse::<u32>().is_ok() && !runs(process)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A list in the form in which the AWS command line prints it, written row by row: `{"Accounts": [ … ]}`.
#[derive(Debug)]
pub(super) struct List {
    folder: PathBuf,
    stem: String,
    list: &'static str,
    out: BufWriter<File>,
    path: PathBuf,
    part: u32,
    bytes: u64,
    rows_of_file: u64,
    rows: u64,
}

impl List {
    /// `stem` is the file's name without its ending.
    pub(super) fn create(folder: &Path, stem: &str, list: &'static str) -> Result<List, WriteError> {
        let (path, out) = List::open(folder, stem, list)?;
        Ok(List {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            list,
            out,
            path,
            part: 1,
            bytes: 0,
            rows_of_file: 0,
            rows: 0,
        })
    }

    fn open(folder: &Path, stem: &str, list: &str) -> Result<(PathBuf, BufWriter<File>), WriteError> {
        let path = folder.join(format!("{stem}.json"));
        let file = File::create(&path).map_err(failed(&path))?;
        let mut out = BufWriter::with_capacity(1 << 16, file);
        writeln!(out, "{{{}: [", Value::from(list)).map_err(failed(&path))?;
        Ok((path, out))
    }

    /// Adds the rows of a page.
    pub(super) fn rows(&mut self, rows: &[Value]) -> Result<(), WriteError> {
        for row in rows {
            if self.bytes > FILE_BYTES {
                self.next_file()?;
            }
            let text = row.to_string();
            let separator = if self.rows_of_file == 0 { "" } else { ",\n" };
            write!(self.out, "{separator}{text}").map_err(failed(&self.path))?;
            self.bytes += text.len() as u64 + 2;
            self.rows_of_file += 1;
            self.rows += 1;
        }
        Ok(())
    }

    fn next_file(&mut self) -> Result<(), WriteError> {
        self.close(None)?;
        self.part += 1;
        let (path, out) = List::open(&self.folder, &format!("{}-{}", self.stem, self.part), self.list)?;
        (self.path, self.out) = (path, out);
        (self.bytes, self.rows_of_file) = (0, 0);
        Ok(())
    }

    fn close(&mut self, broken_off: Option<&str>) -> Result<(), WriteError> {
        let end = match broken_off {
            // Read as the token of a page that nobody fetched, even where this file lies alone.
            Some(why) => format!("\n],\n\"NextToken\": {}}}\n", Value::from(why)),
            None => "\n]}\n".to_owned(),
        };
        self.out.write_all(end.as_bytes()).and_then(|()| self.out.flush()).map_err(failed(&self.path))
    }

    /// Ends the list. `broken_off` says why rows are missing at its end. Returns the number of rows.
    pub(super) fn finish(mut self, broken_off: Option<&str>) -> Result<u64, WriteError> {
        self.close(broken_off)?;
        Ok(self.rows)
    }

    /// Removes the list, all its files included.
    pub(super) fn discard(self) -> Result<(), WriteError> {
        drop(self.out);
        for part in 1..=self.part {
            let stem = if part == 1 { self.stem.clone() } else { format!("{}-{part}", self.stem) };
            let path = self.folder.join(format!("{stem}.json"));
            fs::remove_file(&path).map_err(failed(&path))?;
        }
        Ok(())
    }
}

/// Writes one document to a file of its own.
pub(super) fn document(folder: &Path, stem: &str, value: &Value) -> Result<(), WriteError> {
    let path = folder.join(format!("{stem}.json"));
    fs::write(&path, format!("{value:#}\n")).map_err(failed(&path))
}

/// Documents one after the other, one per line.
#[derive(Debug)]
pub(super) struct Lines {
    out: BufWriter<File>,
    path: PathBuf,
}

impl Lines {
    pub(super) fn create(folder: &Path, stem: &str) -> Result<Lines, WriteError> {
        let path = folder.join(format!("{stem}.ndjson"));
        let file = File::create(&path).map_err(failed(&path))?;
        Ok(Lines { out: BufWriter::with_capacity(1 << 16, file), path })
    }

    pub(super) fn line(&mut self, value: &Value) -> Result<(), WriteError> {
        writeln!(self.out, "{value}").map_err(failed(&self.path))
    }

    pub(super) fn finish(mut self) -> Result<(), WriteError> {
        self.out.flush().map_err(failed(&self.path))
    }
}

/// The text as part of a file's name: what could leave the folder or confuse a shell is replaced.
pub(super) fn file_name_part(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
