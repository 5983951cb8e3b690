//! The findings table as Parquet: what a run folder keeps, and the hand-over to other tools.
//!
//! Text is stored as dictionary-encoded strings, times as UTC timestamps of millisecond precision, all compressed with Zstandard.
//! Writing and reading back gives the same [`Table`].

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use datafusion::arrow;

use arrow::array::{
    Array, ArrayRef, AsArray as _, DictionaryArray, Int64Array, LargeStringArray, RecordBatch, TimestampMillisecondArray,
    UInt32Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::model::{Column, ColumnType, FINDING_COLUMNS, SCHEMA_VERSION, Table, Values};

/// Rows that are turned into Arrow arrays at a time, and rows of one row group.
const SLICE: usize = 1 << 16;

#[derive(Debug, thiserror::Error)]
pub enum ParquetReportError {
    #[error("cannot write the findings as Parquet")]
    Write(#[source] parquet::errors::ParquetError),
    #[error("the column `{column}` cannot be turned into an Arrow array")]
    Array {
        column: &'static str,
        #[source]
        source: arrow::error::ArrowError,
    },
    #[error("cannot open the file")]
    Open(#[source] io::Error),
    #[error("the file is not complete Parquet; it was cut short or changed")]
    Damaged(#[source] parquet::errors::ParquetError),
    #[error("row group of the file cannot be decoded; it was cut short or changed")]
    DamagedRows(#[source] arrow::error::ArrowError),
    #[error("the column `{column}` has type {found}, expected {expected}")]
    ColumnType { column: &'static str, found: DataType, expected: DataType },
    #[error("the file has no column `{column}`; it does not hold findings")]
    NotFindings { column: &'static str },
}

/// Writes the table, [`SLICE`] rows at a time: nothing but the dictionaries is copied as a whole.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(table: &Table, out: impl Write + Send) -> Result<(), ParquetReportError> {
    let fields: Vec<Field> =
        table.columns.iter().map(|column| Field::new(column.spec.name, arrow_type(column.spec.column_type), true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(SLICE))
        .set_key_value_metadata(Some(vec![KeyValue::new("palisade.schema_version".to_owned(), SCHEMA_VERSION.to_string())]))
        .build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(ParquetReportError::Write)?;

    let dictionaries: Vec<Option<Arc<LargeStringArray>>> = table
        .columns
        .iter()
        .map(|column| match &column.values {
            Values::Text { dictionary, .. } => Some(Arc::new(LargeStringArray::from_iter_values(dictionary))),
            _ => None,
        })
        .collect();
    for first in (0..table.rows()).step_by(SLICE) {
        let last = first.saturating_add(SLICE).min(table.rows());
        let arrays = table
            .columns
            .iter()
            .zip(&dictionaries)
            .map(|(column, dictionary)| array(column, dictionary.as_ref(), first..last))
            .collect::<Result<Vec<ArrayRef>, _>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
            .map_err(|source| ParquetReportError::Array { column: "all", source })?;
        writer.write(&batch).map_err(ParquetReportError::Write)?;
    }
    writer.close().map_err(ParquetReportError::Write)?;
    Ok(())
}

/// Reads a table back. A column that this version knows and the file lacks is all null; a column that it does not know is left
/// out.
///
/// # Errors
/// When the file cannot be read, is incomplete, or holds something else than findings.
pub fn read(file: File) -> Result<Table, ParquetReportError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(ParquetReportError::Damaged)?;
    if builder.schema().column_with_name("finding_id").is_none() {
        return Err(ParquetReportError::NotFindings { column: "finding_id" });
    }
    let mut columns: Vec<ColumnReader> = FINDING_COLUMNS.iter().map(ColumnReader::new).collect();
    for batch in builder.with_batch_size(SLICE).build().map_err(ParquetReportError::Damaged)? {
        let batch = batch.map_err(ParquetReportError::DamagedRows)?;
        for column in &mut columns {
            match batch.column_by_name(column.column.spec.name) {
                Some(array) => column.append(array)?,
                None => column.append_nulls(batch.num_rows()),
            }
        }
    }
    Ok(Table { columns: columns.into_iter().map(|reader| reader.column).collect() })
}

fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Text => DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::LargeUtf8)),
        ColumnType::Integer => DataType::Int64,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    }
}

fn array(
    column: &Column,
    dictionary: Option<&Arc<LargeStringArray>>,
    rows: std::ops::Range<usize>,
) -> Result<ArrayRef, ParquetReportError> {
    match &column.values {
        Values::Text { codes, .. } => {
            let keys: UInt32Array = codes.get(rows).unwrap_or_default().iter().copied().collect();
            let values = dictionary.map_or_else(|| Arc::new(LargeStringArray::new_null(0)), Arc::clone);
            DictionaryArray::try_new(keys, values)
                .map(|array| Arc::new(array) as ArrayRef)
                .map_err(|source| ParquetReportError::Array { column: column.spec.name, source })
        }
        Values::Integer(values) => Ok(Arc::new(values.get(rows).unwrap_or_default().iter().copied().collect::<Int64Array>())),
        Values::Time(values) => {
            let array: TimestampMillisecondArray = values.get(rows).unwrap_or_default().iter().copied().collect();
            Ok(Arc::new(array.with_timezone("UTC")))
        }
    }
}

/// Gathers one column over all batches.
struct ColumnReader {
    column: Column,
    code_of: HashMap<String, u32>,
}

impl ColumnReader {
    fn new(spec: &super::model::ColumnSpec) -> Self {
        let values = match spec.column_type {
            ColumnType::Text => Values::Text { dictionary: Vec::new(), codes: Vec::new() },
            ColumnType::Integer => Values::Integer(Vec::new()),
            ColumnType::Time => Values::Time(Vec::new()),
        };
        Self { column: Column { spec: *spec, values }, code_of: HashMap::new() }
    }

    fn append(&mut self, array: &ArrayRef) -> Result<(), ParquetReportError> {
        let expected = arrow_type(self.column.spec.column_type);
        let wrong = || ParquetReportError::ColumnType {
            column: self.column.spec.name,
            found: array.data_type().clone(),
            expected: expected.clone(),
        };
        match &mut self.column.values {
            Values::Text { dictionary, codes } => {
                // Other tools that rewrite the file may store plain strings.
                let array = arrow::compute::cast(array, &expected).map_err(|_| wrong())?;
                let batch = array.as_dictionary_opt::<UInt32Type>().ok_or_else(wrong)?;
                let values = batch.values().as_string_opt::<i64>().ok_or_else(wrong)?;
                // The dictionary of a batch is its own; codes are given anew in order of first use.
                let mut code_of_key: Vec<Option<u32>> = vec![None; values.len()];
                for key in batch.keys() {
                    let code = key.and_then(|key| {
                        let slot = code_of_key.get_mut(key as usize)?;
                        if slot.is_none() && values.is_valid(key as usize) {
                            let text = values.value(key as usize);
                            *slot = match self.code_of.get(text) {
                                Some(code) => Some(*code),
                                None => u32::try_from(dictionary.len()).ok().inspect(|code| {
                                    dictionary.push(text.to_owned());
                                    self.code_of.insert(text.to_owned(), *code);
                                }),
                            };
                        }
                        *slot
                    });
                    codes.push(code);
                }
            }
            Values::Integer(values) => values.extend(array.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?),
            Values::Time(values) => values.extend(array.as_primitive_opt::<TimestampMillisecondType>().ok_or_else(wrong)?),
        }
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        match &mut self.column.values {
            Values::Text { codes, .. } => codes.extend(std::iter::repeat_n(None, count)),
            Values::Integer(values) | Values::Time(values) => values.extend(std::iter::repeat_n(None, count)),
        }
    }
}
