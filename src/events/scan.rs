//! A pass over files: workers take files one after the other and turn them into record batches.
//!
//! All workers share the list of files, the duplicates and the coverage. A worker holds one file at a time and one batch, so
//! memory does not grow with the input.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;

use super::coverage::{CoverageBuilder, Unit};
use super::duplicates::{Duplicates, Occurrence};
use super::files::{Scope, SourceFile};
use super::parquet::ParquetFile;
use super::reader::{Buffers, Format, Problem, Reader, Visitor};
use super::record::Record;
use super::rows::{Facts, Relation, RowBuilder};
use super::schema::{Column, ColumnSet};
use super::time;

/// Rows of a batch, about.
const BATCH_ROWS: usize = 8_192;
/// Bytes of text of a batch, about: JSON columns are large.
const BATCH_BYTES: usize = 4 << 20;
/// Objects read between two looks at the size of the batch.
const STEP: usize = 256;

/// What a statement is known to need of a record before any row is made: a cheap way to leave most records alone. Rows are
/// filtered again by the engine, so it is enough that nothing needed is dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// `event_source` must be one of these, if there are any.
    pub event_sources: Vec<String>,
    /// `account_id` must be one of these, if there are any.
    pub accounts: Vec<String>,
}

impl RecordFilter {
    fn passes(&self, record: &Record<'_>, facts: &Facts<'_>) -> bool {
        let source = self.event_sources.is_empty()
            || record.event_source.is_some_and(|source| {
                source.has_escape || self.event_sources.iter().any(|wanted| wanted.as_bytes() == source.bytes)
            });
        let account = self.accounts.is_empty()
            || facts.account_id.as_ref().is_some_and(|account| self.accounts.iter().any(|wanted| wanted == account));
        source && account
    }
}

/// How far the latest pass has come, for a progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    pub files: AtomicU64,
}

/// Objects of a bucket that are on their way while others are read.
const READ_AHEAD: usize = 64;

/// One pass over files.
#[derive(Debug)]
pub struct Scan {
    files: Arc<Vec<SourceFile>>,
    next: AtomicUsize,
    /// Files that were taken, and those that were fetched ahead, with the next to fetch.
    taken: AtomicUsize,
    fetched: AtomicUsize,
    next_to_fetch: AtomicUsize,
    scope: Scope,
    filter: RecordFilter,
    pub duplicates: Duplicates,
    coverage: Mutex<CoverageBuilder>,
    progress: Arc<Progress>,
}

impl Scan {
    pub fn new(
        files: Arc<Vec<SourceFile>>,
        scope: Scope,
        filter: RecordFilter,
        duplicates: Duplicates,
        progress: Arc<Progress>,
    ) -> Self {
        // Each pass reads all files again.
        progress.files.store(0, Ordering::Relaxed);
        Scan {
            files,
            next: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            fetched: AtomicUsize::new(0),
            next_to_fetch: AtomicUsize::new(0),
            scope,
            filter,
            duplicates,
            coverage: Mutex::default(),
            progress,
        }
    }

    /// The next file that no worker has taken. An account that the statement does not ask for is not opened.
    fn take_file(&self) -> Option<SourceFile> {
        loop {
            let file = self.files.get(self.next.fetch_add(1, Ordering::Relaxed))?;
            if self.may_be_needed(file) {
                self.taken.fetch_add(1, Ordering::Relaxed);
                if file.object().is_some() {
                    self.fetch_ahead();
                }
                return Some(file.clone());
            }
        }
    }

    fn may_be_needed(&self, file: &SourceFile) -> bool {
        let other_account = file.folder.account_id.as_ref().is_some_and(|account| {
            !self.filter.accounts.is_empty() && !self.filter.accounts.iter().any(|wanted| **wanted == **account)
        });
        !other_account
    }

    /// Sends for the objects that come next, so that workers find them when they get there.
    fn fetch_ahead(&self) {
        while self.fetched.load(Ordering::Relaxed) < self.taken.load(Ordering::Relaxed).saturating_add(READ_AHEAD) {
            let Some(file) = self.files.get(self.next_to_fetch.fetch_add(1, Ordering::Relaxed)) else { return };
            if self.may_be_needed(file) {
                self.fetched.fetch_add(1, Ordering::Relaxed);
                if let Some(object) = file.object() {
                    object.fetch();
                }
            }
        }
    }

    /// What all workers saw. Complete once every worker has ended.
    pub fn coverage(&self) -> CoverageBuilder {
        self.coverage.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Why a pass cannot go on. What a file holds never stops it.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("record batch: {0}")]
    Arrow(#[from] ArrowError),
    #[error("temporary file for event ids: {0}; free some space in the temporary folder or set TMPDIR to another")]
    Spill(std::io::Error),
}

enum Open {
    Json(Reader),
    Parquet(Box<ParquetFile>),
}

/// What takes the records of a pass.
pub trait Sink {
    /// The columns that the sink reads of a record.
    fn columns(&self) -> ColumnSet;

    /// Takes a record that counts.
    fn append<'a>(&mut self, record: &Record<'a>, facts: &Facts<'a>);
}

impl Sink for RowBuilder {
    fn columns(&self) -> ColumnSet {
        RowBuilder::columns(self)
    }

    fn append<'a>(&mut self, record: &Record<'a>, facts: &Facts<'a>) {
        RowBuilder::append(self, record, facts);
    }
}

/// One thread's part of a [`Scan`].
pub struct Worker<S = RowBuilder> {
    scan: Arc<Scan>,
    buffers: Buffers,
    open: Option<(SourceFile, String, Open)>,
    sink: S,
    coverage: CoverageBuilder,
    ended: bool,
}

impl Worker {
    pub fn new(scan: Arc<Scan>, relation: Relation, columns: &[Column]) -> Self {
        Self::with_sink(scan, RowBuilder::new(relation, columns))
    }

    /// The next batch, or `None` when no file is left.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, ScanError> {
        while self.step()? {
            if self.sink.rows() >= BATCH_ROWS || self.sink.bytes() >= BATCH_BYTES {
                return Ok(Some(self.sink.finish()?));
            }
        }
        Ok(if self.sink.rows() > 0 { Some(self.sink.finish()?) } else { None })
    }
}

impl<S: Sink> Worker<S> {
    pub fn with_sink(scan: Arc<Scan>, sink: S) -> Self {
        Worker { scan, buffers: Buffers::default(), open: None, sink, coverage: CoverageBuilder::default(), ended: false }
    }

    /// What has taken the records so far.
    pub fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Reads a piece of a file into the sink. `false` when no file is left.
    pub fn step(&mut self) -> Result<bool, ScanError> {
        if self.ended {
            return Ok(false);
        }
        if self.open.is_none() && !self.open_next() {
            self.end();
            return Ok(false);
        }
        self.read_some()?;
        Ok(true)
    }

    fn end(&mut self) {
        self.ended = true;
        let coverage = std::mem::take(&mut self.coverage);
        self.scan.coverage.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(coverage);
    }

    /// Opens the next file that can be read. `false` when none is left.
    fn open_next(&mut self) -> bool {
        while let Some(file) = self.scan.take_file() {
            let name = file.name();
            if let (Some(account), Some(date)) = (&file.folder.account_id, file.folder.date)
                && let Ok(midnight) = date.to_zoned(jiff::tz::TimeZone::UTC)
            {
                self.coverage.day_with_file(account, time::day(midnight.timestamp().as_microsecond()));
            }
            match Reader::open(&file, &mut self.buffers) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.object().is_some() => {
                    self.coverage.skip(Unit::File, "gone since it was listed", || name.clone());
                }
                Err(error) => self.coverage.skip(Unit::File, "cannot be read", || format!("{name}: {error}")),
                Ok((Format::Empty, ..)) => {
                    self.coverage.file(0);
                    self.coverage.skip(Unit::File, "empty file", || name.clone());
                }
                Ok((Format::Json, handle, reader)) => {
                    self.coverage.file(bytes_of(&handle));
                    self.open = Some((file, name, Open::Json(reader)));
                    return true;
                }
                Ok((Format::Parquet, handle, _)) => {
                    self.coverage.file(bytes_of(&handle));
                    match ParquetFile::open(handle, self.sink.columns()) {
                        Ok(parquet) => {
                            self.coverage.recognised(parquet.recognised());
                            self.open = Some((file, name, Open::Parquet(Box::new(parquet))));
                            return true;
                        }
                        Err(error) => {
                            self.coverage.skip(Unit::File, error.reason(), || format!("{name}: {error}"));
                        }
                    }
                }
            }
        }
        false
    }

    /// Reads a piece of the open file into the sink.
    fn read_some(&mut self) -> Result<(), ScanError> {
        let Some((file, name, mut open)) = self.open.take() else { return Ok(()) };
        let mut into = Into {
            scan: &self.scan,
            sink: &mut self.sink,
            coverage: &mut self.coverage,
            file: &file,
            name: &name,
            failed: None,
        };
        let more = match &mut open {
            Open::Json(reader) => reader.read(STEP, &mut into),
            Open::Parquet(parquet) => match parquet.read(&mut into) {
                Ok(more) => more,
                Err(error) => {
                    into.coverage.skip(Unit::File, error.reason(), || format!("{name}: {error}"));
                    false
                }
            },
        };
        let failed = into.failed.take();
        if let Some(error) = failed {
            return Err(ScanError::Spill(error));
        }
        if more {
            self.open = Some((file, name, open));
        } else {
            self.scan.progress.files.fetch_add(1, Ordering::Relaxed);
            if let Open::Json(reader) = open {
                reader.close(&mut self.buffers);
            }
        }
        Ok(())
    }
}

/// Puts what a reader finds into the sink and the coverage.
struct Into<'a, S> {
    scan: &'a Scan,
    sink: &'a mut S,
    coverage: &'a mut CoverageBuilder,
    file: &'a SourceFile,
    name: &'a str,
    failed: Option<std::io::Error>,
}

impl<S: Sink> Visitor for Into<'_, S> {
    fn record(&mut self, record: &Record<'_>, _raw: &[u8]) {
        let facts = Facts::of(record, self.file.folder.account_id.as_deref());
        let scope = &self.scan.scope;
        if !scope.is_everything() {
            let day = facts.event_time.map(time::day);
            if !scope.wants(facts.account_id.as_deref(), facts.region.as_deref(), day) {
                self.coverage.out_of_scope();
                return;
            }
        }
        match self.scan.duplicates.occurrence(record) {
            Ok(Occurrence::First) => {}
            Ok(occurrence) => {
                self.coverage.not_counted(occurrence);
                return;
            }
            Err(error) => {
                self.failed.get_or_insert(error);
                return;
            }
        }
        self.coverage.record(record, &facts);
        if self.scan.filter.passes(record, &facts) {
            self.sink.append(record, &facts);
        }
    }

    fn problem(&mut self, problem: Problem) {
        let (unit, reason, position) = match problem {
            Problem::NotJson(position) => (Unit::Record, "not valid JSON", Some(position)),
            Problem::Truncated(position) => (Unit::Record, "ends in the middle of a record", Some(position)),
            Problem::TooLong(position) => (Unit::Record, "record longer than 16 MiB", Some(position)),
            Problem::NotCloudTrail(position) => (Unit::Record, "not a CloudTrail record", Some(position)),
            Problem::Insight => (Unit::Record, "Insight record", None),
            Problem::Digest => (Unit::File, super::files::DIGEST_FILE, None),
            Problem::Corrupt(position) => (Unit::File, "corrupt or truncated gzip, read up to there", Some(position)),
            Problem::Bomb(position) => (Unit::File, "expands more than 100 times, read up to there", Some(position)),
            Problem::Damaged(position) => (Unit::File, "too damaged to be read on, read up to there", Some(position)),
        };
        self.coverage.skip_at(unit, reason, self.name, position);
    }
}

fn bytes_of(file: &std::fs::File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}
