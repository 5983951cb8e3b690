//! `events` and `event_resources` over rows of activity, as tables of the embedded engine; and which queries may be answered so.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
    UInt32Builder, new_null_array,
};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{SchemaRef, UInt32Type};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
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
use crate::events::schema::{Column, ColumnSet, ColumnType, schema};

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

    /// Equality with accounts narrows what is read, and what is asked of one column leaves rows out; the engine filters again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
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
            demands: filters.iter().filter_map(|filter| Demand::new(session, filter, self.relation)).collect(),
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
    demands: Vec<Demand>,
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
            *open = Some(part.open_where(&self.read, |batch| self.chosen(batch))?);
        }
    }

    /// The rows of a batch that meet every demand; `None` for all.
    fn chosen(&self, batch: &RecordBatch) -> Option<BooleanArray> {
        let mut chosen: Option<Vec<bool>> = None;
        for demand in &self.demands {
            let Some(column) = batch.column_by_name(demand.column.name()).and_then(|array| array.as_dictionary_opt()) else {
                continue;
            };
            let Some(met) = demand.met_by(column) else { continue };
            let rows = chosen.get_or_insert_with(|| vec![true; batch.num_rows()]);
            for (row, key) in rows.iter_mut().zip(column.keys()) {
                // The last one is of null.
                let position = key.map_or(met.len().saturating_sub(1), |key| key as usize);
                *row &= met.get(position).copied().unwrap_or(true);
            }
        }
        chosen.map(BooleanArray::from)
    }
}

/// What a statement asks of the value of one column. It is worked out once for each distinct text of an account, however many rows have
/// it.
#[derive(Debug)]
struct Demand {
    column: Column,
    expression: Arc<dyn PhysicalExpr>,
    /// By the address of the texts of a dictionary, which lives as long as the pass: which of them meet the demand, and whether null
    /// does; `None` if that cannot be told here.
    met: Mutex<HashMap<usize, Option<Arc<[bool]>>>>,
}

impl Demand {
    fn new(session: &dyn Session, filter: &Expr, relation: Relation) -> Option<Self> {
        let columns = filter.column_refs();
        let [column] = columns.into_iter().collect::<Vec<_>>()[..] else { return None };
        let column = Column::from_name(column.name())?;
        let is_derived = relation == Relation::EventResources && RESOURCE_COLUMNS.contains(&column);
        if is_derived || column.column_type() != ColumnType::Text || filter.is_volatile() {
            return None;
        }
        let fields = DFSchema::try_from(schema_of(&[column])).ok()?;
        let expression = session.create_physical_expr(filter.clone(), &fields).ok()?;
        Some(Demand { column, expression, met: Mutex::default() })
    }

    fn met_by(&self, dictionary: &DictionaryArray<UInt32Type>) -> Option<Arc<[bool]>> {
        let texts = dictionary.values();
        let address = std::ptr::from_ref(texts.as_ref()).addr();
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.entry(address).or_insert_with(|| self.of_texts(texts).ok()).clone()
    }

    /// An error is the engine's to report, if it meets the value in a row that is left.
    fn of_texts(&self, texts: &ArrayRef) -> Result<Arc<[bool]>> {
        let null = new_null_array(texts.data_type(), 1);
        let values = concat(&[texts.as_ref(), null.as_ref()])?;
        let rows = values.len();
        let batch = RecordBatch::try_new(schema_of(&[self.column]), vec![values])?;
        let met = self.expression.evaluate(&batch)?.into_array(rows)?;
        let met = met.as_boolean_opt().ok_or_else(|| ArrowError::CastError("a filter that is no boolean".to_owned()))?;
        Ok(met.iter().map(|met| met == Some(true)).collect())
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
