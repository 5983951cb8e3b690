//! Results of statements as polars frames.
//!
//! Both libraries lay columns out alike, but each has its own Arrow, and handing memory over takes unsafe code. Results are
//! grouped and small, so the values are copied.

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef, TimeUnit, TimestampMillisecondType};
use polars::prelude::{
    BooleanChunked, Column, DataFrame, Int64Chunked, IntoColumn, NewChunkedArray, PlSmallStr, StringChunked,
    TimeUnit as PolarsTimeUnit,
};

use super::EngineError;

/// Text stays text, whole numbers become Int64, times become Datetime in milliseconds (UTC), and anything else becomes text.
pub fn from_batches(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<DataFrame, EngineError> {
    let mut columns: Vec<Column> = Vec::with_capacity(schema.fields().len());
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    for (index, field) in schema.fields().iter().enumerate() {
        let parts: Vec<&ArrayRef> = batches.iter().filter_map(|batch| batch.columns().get(index)).collect();
        let name = PlSmallStr::from_str(field.name());
        columns.push(match field.data_type() {
            DataType::Boolean => {
                let values = parts.iter().flat_map(|part| part.as_boolean().iter());
                BooleanChunked::from_iter_options(name, values).into_column()
            }
            data_type if data_type.is_integer() => {
                let parts = cast_all(&parts, &DataType::Int64)?;
                let values = parts.iter().flat_map(|part| part.as_primitive::<Int64Type>().iter());
                Int64Chunked::from_iter_options(name, values).into_column()
            }
            DataType::Timestamp(_, _) | DataType::Date32 => {
                let parts = cast_all(&parts, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
                let values = parts.iter().flat_map(|part| part.as_primitive::<TimestampMillisecondType>().iter());
                Int64Chunked::from_iter_options(name, values).into_datetime(PolarsTimeUnit::Milliseconds, None).into_column()
            }
            _ => {
                let parts = cast_all(&parts, &DataType::Utf8)?;
                let values = parts.iter().flat_map(|part| part.as_string::<i32>().iter());
                StringChunked::from_iter_options(name, values).into_column()
            }
        });
    }
    Ok(DataFrame::new(rows, columns)?)
}

fn cast_all(parts: &[&ArrayRef], data_type: &DataType) -> Result<Vec<ArrayRef>, EngineError> {
    let cast = |part: &&ArrayRef| cast(part, data_type).map_err(datafusion::error::DataFusionError::from);
    Ok(parts.iter().map(cast).collect::<Result<_, _>>()?)
}
