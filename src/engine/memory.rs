//! Statements over relations that are in memory: those of the inventory.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use polars::prelude::DataFrame;

use super::EngineError;
use super::frame::from_batches;
use super::functions;
use crate::catalog::{BoundValue, Statement};

/// Answers a statement from tables, by their names.
pub async fn answer_from_tables(tables: Vec<(&str, RecordBatch)>, statement: &Statement) -> Result<DataFrame, EngineError> {
    // One partition: the tables are small, and the order of rows is the same in every run.
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    for function in functions::all() {
        context.register_udf(function);
    }
    for (name, rows) in tables {
        context.register_table(name, Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))?;
    }
    let values: Vec<ScalarValue> = statement
        .values
        .iter()
        .map(|value| match value {
            BoundValue::Text(text) => ScalarValue::Utf8(Some(text.clone())),
            BoundValue::Null => ScalarValue::Utf8(None),
        })
        .collect();
    let frame = context.sql(&statement.sql).await?;
    let frame = if values.is_empty() { frame } else { frame.with_param_values(values)? };
    let schema = Arc::clone(frame.schema().inner());
    from_batches(&schema, &frame.collect().await?)
}
