//! Rows of activity, in memory or in Parquet files, by account and day: what statements and the replay read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use jiff::civil::Date;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::rollup::AccountDay;
use crate::events::schema::{Column, schema};

/// Rows that are read from a file together.
const BATCH_ROWS: usize = 8_192;
/// Rows of a row group.
const GROUP_ROWS: usize = 128 << 10;

/// Why rows of activity cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ActivityError {
    #[error("{}: {source}; collect these days again", path.display())]
    Read { path: PathBuf, source: parquet::errors::ParquetError },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Write { path: PathBuf, source: parquet::errors::ParquetError },
    #[error("{}: no rows of activity: the column `{column}` is missing", path.display())]
    Column { path: PathBuf, column: &'static str },
    #[error("rows of activity: {0}")]
    Arrow(#[from] ArrowError),
    #[error("{0}")]
    Scan(#[from] crate::events::scan::ScanError),
    #[error("a thread that rolled up events ended early: {0}")]
    Thread(String),
    /// What is wrong with a store, and what to do.
    #[error("{0}")]
    Store(String),
}

/// Some rows of one account and day.
#[derive(Debug, Clone)]
pub struct Part {
    pub account_id: Option<String>,
    /// Days since 1970-01-01.
    pub day: Option<i32>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Memory(RecordBatch),
    /// All of a file, or some of its row groups.
    File {
        path: Arc<Path>,
        row_groups: Option<Vec<usize>>,
    },
}

impl Part {
    pub fn in_memory((account_id, day): AccountDay, batch: RecordBatch) -> Self {
        Part { account_id, day, source: Source::Memory(batch) }
    }

    pub fn in_file((account_id, day): AccountDay, path: &Path, row_groups: Option<Vec<usize>>) -> Self {
        Part { account_id, day, source: Source::File { path: Arc::from(path), row_groups } }
    }

    /// The rows as they are held: in memory texts are dictionaries, and there may be other columns.
    pub fn open_as_held(&self, columns: &[Column]) -> Result<Batches, ActivityError> {
        match &self.source {
            Source::Memory(batch) => Ok(Batches::Memory(Some(batch.clone()))),
            Source::File { .. } => self.open(columns),
        }
    }

    /// The rows with these columns, in this order, in the types of the relation.
    pub fn open(&self, columns: &[Column]) -> Result<Batches, ActivityError> {
        self.open_where(columns, |_| None)
    }

    /// The same without rows that `chosen` leaves out; it is asked of rows in memory, whose texts are dictionaries. Rows of files all
    /// come.
    pub fn open_where(
        &self,
        columns: &[Column],
        chosen: impl FnOnce(&RecordBatch) -> Option<BooleanArray>,
    ) -> Result<Batches, ActivityError> {
        match &self.source {
            Source::Memory(batch) => {
                let chosen = chosen(batch);
                let batch = conform(batch, columns, chosen.as_ref());
                Ok(Batches::Memory(Some(batch.map_err(|column| ActivityError::Column { path: "memory".into(), column })??)))
            }
            Source::File { path, row_groups } => {
                let unreadable = |source| ActivityError::Read { path: path.to_path_buf(), source };
                let file = File::open(path).map_err(|source| ActivityError::Io { path: path.to_path_buf(), source })?;
                let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable)?;
                let wanted: Vec<usize> = builder
                    .schema()
                    .fields()
                    .iter()
                    .enumerate()
                    .filter(|(_, field)| columns.iter().any(|column| column.name() == field.name()))
                    .map(|(index, _)| index)
                    .collect();
                let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
                let mut builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
                if let Some(groups) = row_groups {
                    builder = builder.with_row_groups(groups.clone());
                }
                let reader = builder.build().map_err(unreadable)?;
                Ok(Batches::File { path: Arc::clone(path), reader: Box::new(reader), columns: columns.to_vec() })
            }
        }
    }
}

/// Batches of a part.
pub enum Batches {
    Memory(Option<RecordBatch>),
    File { path: Arc<Path>, reader: Box<ParquetRecordBatchReader>, columns: Vec<Column> },
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ActivityError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Batches::Memory(batch) => batch.take().map(Ok),
            Batches::File { path, reader, columns } => {
                let batch = match reader.next()? {
                    Ok(batch) => batch,
                    Err(error) => {
                        let source = parquet::errors::ParquetError::ArrowError(error.to_string());
                        return Some(Err(ActivityError::Read { path: path.to_path_buf(), source }));
                    }
                };
                Some(match conform(&batch, columns, None) {
                    Ok(batch) => batch.map_err(ActivityError::from),
                    Err(column) => Err(ActivityError::Column { path: path.to_path_buf(), column }),
                })
            }
        }
    }
}

/// The chosen rows of a batch with these columns in the types of the relation: other engines write text and times in other types, and
/// texts in memory are dictionaries. The error is the column that the batch lacks.
fn conform(
    batch: &RecordBatch,
    columns: &[Column],
    chosen: Option<&BooleanArray>,
) -> Result<Result<RecordBatch, ArrowError>, &'static str> {
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
    for column in columns {
        let array = batch.column_by_name(column.name()).ok_or(column.name())?;
        let array = match chosen {
            Some(chosen) => filter(array, chosen),
            None => Ok(Arc::clone(array)),
        };
        match array.and_then(|array| {
            if *array.data_type() == column.data_type() { Ok(array) } else { cast(&array, &column.data_type()) }
        }) {
            Ok(array) => arrays.push(array),
            Err(error) => return Ok(Err(error)),
        }
    }
    let rows = chosen.map_or(batch.num_rows(), BooleanArray::true_count);
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema_of(columns), arrays, &options))
}

/// The Arrow schema of some columns, in their order.
pub fn schema_of(columns: &[Column]) -> SchemaRef {
    let full = schema();
    Arc::new(Schema::new(columns.iter().filter_map(|column| full.fields().get(*column as usize).cloned()).collect::<Vec<_>>()))
}

/// Rows of activity.
#[derive(Debug, Default)]
pub struct ActivityRows {
    parts: Vec<Part>,
    /// Keeps temporary files until nothing reads them.
    temporary: Option<tempfile::TempDir>,
}

impl ActivityRows {
    pub fn new(parts: Vec<Part>, temporary: Option<tempfile::TempDir>) -> Self {
        ActivityRows { parts, temporary }
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The parts, and what keeps their files.
    pub(super) fn into_parts(self) -> (Vec<Part>, Option<tempfile::TempDir>) {
        (self.parts, self.temporary)
    }

    /// The rows of some accounts and days, with these columns, one batch after the other: accounts in order, their days in order.
    ///
    /// `accounts` and days that are `None` ask for all. Rows without account or without day belong to no account or day that is asked
    /// for.
    pub fn batches<'a>(
        &'a self,
        accounts: Option<&'a BTreeSet<String>>,
        (from, to): (Option<Date>, Option<Date>),
        columns: &'a [Column],
    ) -> impl Iterator<Item = Result<RecordBatch, ActivityError>> + 'a {
        let (from, to) = (from.map(day_number), to.map(day_number));
        let wanted = move |part: &&Part| {
            let account = accounts.is_none_or(|accounts| part.account_id.as_ref().is_some_and(|id| accounts.contains(id)));
            let after = from.is_none_or(|from| part.day.is_some_and(|day| day >= from));
            let before = to.is_none_or(|to| part.day.is_some_and(|day| day <= to));
            account && after && before
        };
        self.parts.iter().filter(wanted).flat_map(|part| match part.open(columns) {
            Ok(batches) => OneOrMany::Many(batches),
            Err(error) => OneOrMany::One(Some(error)),
        })
    }
}

enum OneOrMany {
    One(Option<ActivityError>),
    Many(Batches),
}

impl Iterator for OneOrMany {
    type Item = Result<RecordBatch, ActivityError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            OneOrMany::One(error) => error.take().map(Err),
            OneOrMany::Many(batches) => batches.next(),
        }
    }
}

/// Days since 1970-01-01.
pub fn day_number(date: Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    // Dates of four-digit years are at most some three million days apart.
    date.since(epoch).map_or(0, |span| span.get_days())
}

/// The batch with texts written out, for a file: what reads it need not know about dictionaries.
fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<Column> = batch.schema().fields().iter().filter_map(|field| Column::from_name(field.name())).collect();
    match conform(batch, &columns, None) {
        Ok(batch) => batch,
        Err(column) => Err(ArrowError::SchemaError(format!("activity without the column {column}"))),
    }
}

/// Writes rows, one group of row groups after the other.
pub struct RowsWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> RowsWriter<W> {
    /// `for_good`: small rather than fast.
    pub fn new(out: W, schema: SchemaRef, for_good: bool) -> Result<Self, parquet::errors::ParquetError> {
        let compression = if for_good { Compression::ZSTD(ZstdLevel::default()) } else { Compression::SNAPPY };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by(format!("palisade {}", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(RowsWriter { writer: ArrowWriter::try_new(out, schema, Some(properties))? })
    }

    /// Writes batches into row groups of their own. Gives the numbers of these.
    pub fn write(&mut self, batches: &[RecordBatch]) -> Result<Vec<usize>, parquet::errors::ParquetError> {
        let first = self.writer.flushed_row_groups().len();
        for batch in batches {
            self.writer.write(&plain(batch)?)?;
        }
        self.writer.flush()?;
        Ok((first..self.writer.flushed_row_groups().len()).collect())
    }

    /// Ends the file.
    pub fn finish(self) -> Result<W, parquet::errors::ParquetError> {
        self.writer.into_inner()
    }
}
