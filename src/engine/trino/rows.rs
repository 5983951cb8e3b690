//! Typed rows of an answer as Arrow columns and as a frame, with the types that the local engine gives.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use polars::prelude::DataFrame;
use serde_json::Value;

use super::client::{Client, ResultColumn, TrinoError};
use crate::catalog::Statement;
use crate::engine::EngineError;
use crate::engine::frame::from_batches;
use crate::events::time;

/// Runs a statement and reads its whole answer.
pub(super) async fn frame(client: &Client, statement: &Statement) -> Result<DataFrame, EngineError> {
    let mut query = client.start(&statement.sql, &statement.values).await?;
    let mut schema: Option<SchemaRef> = None;
    let mut batches = Vec::new();
    while let Some(rows) = query.next_rows().await? {
        let schema = schema.get_or_insert_with(|| schema_of(query.columns().unwrap_or_default()));
        batches.push(batch(schema, &rows)?);
    }
    let schema = schema.unwrap_or_else(|| schema_of(query.columns().unwrap_or_default()));
    from_batches(&schema, &batches)
}

/// The Arrow type in which a column of the answer is kept: text where nothing else fits.
fn schema_of(columns: &[ResultColumn]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| {
            let name = column.data_type.split('(').next().unwrap_or_default();
            let data_type = match name {
                "boolean" => DataType::Boolean,
                "tinyint" | "smallint" | "integer" | "bigint" => DataType::Int64,
                "date" => DataType::Date32,
                _ if column.data_type.starts_with("timestamp") => {
                    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
                }
                _ => DataType::Utf8,
            };
            Field::new(&column.name, data_type, true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// Rows as columns of a schema. A value that is not of its column's type is an error: null would be a wrong answer.
pub(super) fn batch(schema: &SchemaRef, rows: &[Vec<Value>]) -> Result<RecordBatch, EngineError> {
    let mut arrays = Vec::with_capacity(schema.fields().len());
    for (index, field) in schema.fields().iter().enumerate() {
        let values = rows.iter().map(|row| row.get(index).unwrap_or(&Value::Null));
        let array = array(field.data_type(), values).map_err(|value| {
            TrinoError::Protocol(format!("column `{}` is {}, and one value is `{value}`", field.name(), field.data_type()))
        })?;
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(datafusion::error::DataFusionError::from)?)
}

fn array<'a>(data_type: &DataType, values: impl Iterator<Item = &'a Value>) -> Result<ArrayRef, String> {
    let wrong = |value: &Value| value.to_string().chars().take(80).collect::<String>();
    Ok(match data_type {
        DataType::Boolean => {
            let mut builder = BooleanBuilder::new();
            for value in values {
                builder.append_option(some(value, Value::as_bool).map_err(wrong)?);
            }
            Arc::new(builder.finish())
        }
        DataType::Int64 => {
            let mut builder = Int64Builder::new();
            for value in values {
                builder.append_option(some(value, Value::as_i64).map_err(wrong)?);
            }
            Arc::new(builder.finish())
        }
        DataType::Date32 => {
            let mut builder = Date32Builder::new();
            for value in values {
                let day = |value: &Value| timestamp(&format!("{} 00:00:00", value.as_str()?)).map(time::day);
                builder.append_option(some(value, day).map_err(wrong)?);
            }
            Arc::new(builder.finish())
        }
        DataType::Timestamp(..) => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            for value in values {
                builder.append_option(some(value, |value| timestamp(value.as_str()?)).map_err(wrong)?);
            }
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = StringBuilder::new();
            for value in values {
                match value {
                    Value::Null => builder.append_null(),
                    Value::String(text) => builder.append_value(text),
                    other => builder.append_value(other.to_string()),
                }
            }
            Arc::new(builder.finish())
        }
    })
}

/// The value read; null stays null, and what cannot be read is the error.
fn some<'a, T>(value: &'a Value, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, &'a Value> {
    if value.is_null() { Ok(None) } else { read(value).map(Some).ok_or(value) }
}

/// `2026-10-31 07:08:09.000`, with or without the zone `UTC`, as microseconds.
fn timestamp(text: &str) -> Option<i64> {
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let time = text.parse::<jiff::civil::DateTime>().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_microsecond() {
        assert_eq!(timestamp("1970-01-01 00:00:01.000"), Some(1_000_000));
        assert_eq!(timestamp("1970-01-01 00:00:01.000001 UTC"), Some(1_000_001));
        assert_eq!(timestamp("1970-01-01 00:00:01 Europe/Berlin"), None);
    }

    #[test]
    fn a_value_of_another_type_is_an_error_and_not_null() {
        let columns = [ResultColumn { name: "n".to_owned(), data_type: "bigint".to_owned() }];
        let schema = schema_of(&columns);
        assert_eq!(batch(&schema, &[vec![Value::from(7)], vec![Value::Null]]).unwrap().num_rows(), 2);
        let error = batch(&schema, &[vec![Value::from("x")]]).unwrap_err().to_string();
        assert!(error.contains("column `n`") && error.contains("\"x\""), "{error}");
    }
}
