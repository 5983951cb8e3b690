//! `events` and `event_resources` over rows of activity, as tables of the embedded engine; and which queries may be answered so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions, StringArray, StringBuilder, UInt32Builder};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;

use super::table::{projected, record_filter};
use crate::activity::rollup::RESOURCE_SOURCES;
use crate::activity::rows::{ActivityError, ActivityRows, Batches, Part, schema_of};
use crate::catalog::{Origin, QuerySpec};
use crate::events::json::RawString;
use crate::events::record::Record;
use crate::events::rows::{RESOURCE_COLUMNS, Relation, resource_rows};
use crate::events::schema::{Column, ColumnSet, schema};

/// How a statement counts calls; each may stand in it as it is.
const COUNTING: [&str; 4] = [
    "sum(event_count) as event_count",
    "min(first_seen) as first_seen",
    "max(last_seen) as last_seen",
    "min(event_id) as sample_event_id",
];

/// Columns that the roll-up changes: what a statement makes of them may differ.
const CHANGED: [&str; 14] = [
    "event_id",
    "event_time",
    "event_count",
    "first_seen",
    "last_seen",
    "shared_event_id",
    "error_message",
    "resource_arn",
    "resources",
    "request_parameters",
    "additional_event_data",
    "event_context",
    "in_scope_of",
    "federation_attributes",
];

/// Does a query give the same over activity as over events?
///
/// For the queries of the program tests prove it. A query of the user does if it names no column that the roll-up changes, besides
/// counting calls in the way that every query must: reading an object's key, or the time of a single call, needs the records.
pub fn is_answered_by_activity(query: &QuerySpec) -> bool {
    if matches!(query.origin, Origin::BuiltIn(_)) {
        return true;
    }
    let mut sql = query.sql.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    for counting in COUNTING {
        sql = sql.replace(counting, "");
    }
    !sql.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| CHANGED.contains(&word))
}

/// A relation over rows of activity.
#[derive(Debug)]
pub struct ActivityTable {
    relation: Relation,
    rows: Arc<ActivityRows>,
    /// The columns that the rows have.
    available: ColumnSet,
    partitions: usize,
}

/// A statement reads a column that the rows were not rolled up with.
#[derive(Debug, thiserror::Error)]
#[error("the rows of activity at hand have no column `{0}`")]
pub struct NotAvailable(&'static str);

impl ActivityTable {
    /// `partitions` threads read in parallel.
    pub fn new(relation: Relation, rows: Arc<ActivityRows>, available: ColumnSet, partitions: usize) -> Self {
        ActivityTable { relation, rows, available, partitions: partitions.max(1) }
    }
}

#[async_trait]
impl TableProvider for ActivityTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Equality with accounts narrows what is read; the engine filters again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projected(projection);
        let mut read = columns.clone();
        if self.relation == Relation::EventResources {
            read.retain(|column| !RESOURCE_COLUMNS.contains(column));
            read.extend(RESOURCE_SOURCES);
            read.sort_unstable();
            read.dedup();
        }
        if let Some(missing) = read.iter().find(|column| !self.available.contains(**column)) {
            return Err(DataFusionError::External(Box::new(NotAvailable(missing.name()))));
        }
        let accounts = record_filter(filters).accounts;
        let is_asked =
            |part: &&Part| accounts.is_empty() || part.account_id.as_ref().is_none_or(|account| accounts.contains(account));
        let pass = Arc::new(Pass {
            relation: self.relation,
            parts: self.rows.parts().iter().filter(is_asked).cloned().collect(),
            next: AtomicUsize::new(0),
            read,
            schema: schema_of(&columns),
            columns,
            _rows: Arc::clone(&self.rows),
        });
        let partitions = self.partitions.min(pass.parts.len()).max(1);
        let schema = Arc::clone(&pass.schema);
        let streams = (0..partitions).map(|_| Arc::new(PartitionOf(Arc::clone(&pass))) as Arc<dyn PartitionStream>).collect();
        Ok(Arc::new(StreamingTableExec::try_new(schema, streams, None, None, false, None)?))
    }
}

/// One reading of the rows, shared by its partitions.
#[derive(Debug)]
struct Pass {
    relation: Relation,
    parts: Vec<Part>,
    next: AtomicUsize,
    /// The columns that are read of the rows.
    read: Vec<Column>,
    /// The columns that come out.
    columns: Vec<Column>,
    schema: SchemaRef,
    /// Keeps temporary files.
    _rows: Arc<ActivityRows>,
}

impl Pass {
    fn next_batch(&self, open: &mut Option<Batches>) -> Result<Option<RecordBatch>, ActivityError> {
        loop {
            if let Some(batches) = open {
                if let Some(batch) = batches.next() {
                    let batch = batch?;
                    return Ok(Some(match self.relation {
                        Relation::Events => batch,
                        Relation::EventResources => with_resources(&batch, &self.columns, &self.schema)?,
                    }));
                }
                *open = None;
            }
            let Some(part) = self.parts.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return Ok(None) };
            *open = Some(part.open(&self.read)?);
        }
    }
}

struct PartitionOf(Arc<Pass>);

impl fmt::Debug for PartitionOf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PartitionOf({} parts)", self.0.parts.len())
    }
}

impl PartitionStream for PartitionOf {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.0.schema);
        let batches = stream::try_unfold((Arc::clone(&self.0), None), |(pass, mut open)| async move {
            match pass.next_batch(&mut open) {
                Ok(Some(batch)) => Ok(Some((batch, (pass, open)))),
                Ok(None) => Ok(None),
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

/// One row per row and resource, and one for a row without resources: what [`Relation::EventResources`] is of records.
///
/// `columns` are the ones that come out, `schema` is theirs. The batch has the others, and what resources are made of.
pub fn with_resources(batch: &RecordBatch, columns: &[Column], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    fn bytes(array: &StringArray, row: usize) -> Option<&[u8]> {
        (!array.is_null(row)).then(|| array.value(row).as_bytes())
    }
    let text = |column: Column| {
        batch
            .column_by_name(column.name())
            .map(|array| array.as_string::<i32>())
            .ok_or_else(|| ArrowError::SchemaError(format!("activity without the column {}", column.name())))
    };
    let (regions, sources) = (text(Column::Region)?, text(Column::EventSource)?);
    let (resources, parameters) = (text(Column::Resources)?, text(Column::RequestParameters)?);
    let mut rows = UInt32Builder::new();
    let mut arns = StringBuilder::new();
    let mut owners = StringBuilder::new();
    let mut types = StringBuilder::new();
    for (row, index) in (0..batch.num_rows()).zip(0..) {
        let record = Record {
            region: bytes(regions, row).map(|bytes| RawString { bytes, has_escape: false }),
            event_source: bytes(sources, row).map(|bytes| RawString { bytes, has_escape: false }),
            resources: bytes(resources, row),
            request_parameters: bytes(parameters, row),
            ..Record::default()
        };
        let found = resource_rows(&record, true);
        if found.is_empty() {
            rows.append_value(index);
            arns.append_null();
            owners.append_null();
            types.append_null();
        }
        for resource in &found {
            rows.append_value(index);
            arns.append_option(resource.arn.as_deref().filter(|text| !text.is_empty()));
            owners.append_option(resource.owner());
            types.append_option(resource.resource_type.as_deref().filter(|text| !text.is_empty()));
        }
    }
    let rows = rows.finish();
    let (arns, owners, types) = (Arc::new(arns.finish()), Arc::new(owners.finish()), Arc::new(types.finish()));
    let arrays = columns
        .iter()
        .map(|column| match column {
            Column::ResourceArn => Ok(Arc::clone(&arns) as _),
            Column::ResourceAccountId => Ok(Arc::clone(&owners) as _),
            Column::ResourceType => Ok(Arc::clone(&types) as _),
            other => {
                let array = batch
                    .column_by_name(other.name())
                    .ok_or_else(|| ArrowError::SchemaError(format!("activity without the column {}", other.name())))?;
                take(array, &rows, None)
            }
        })
        .collect::<Result<Vec<_>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
}
