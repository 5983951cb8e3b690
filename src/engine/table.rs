//! `events` and `event_resources` as tables of the embedded engine: a stream of batches decoded from files as they are asked for.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;

use crate::events::rows::Relation;
use crate::events::scan::{RecordFilter, Scan, Worker};
use crate::events::schema::{Column, schema};

/// Starts a pass over the files for a statement; told what the statement needs of a record.
pub trait StartScan: Send + Sync + fmt::Debug {
    fn start(&self, filter: RecordFilter) -> Arc<Scan>;
}

/// A relation over files.
#[derive(Debug)]
pub struct EventsTable {
    relation: Relation,
    scans: Arc<dyn StartScan>,
    partitions: usize,
}

impl EventsTable {
    /// `partitions` workers decode in parallel.
    pub fn new(relation: Relation, scans: Arc<dyn StartScan>, partitions: usize) -> Self {
        EventsTable { relation, scans, partitions: partitions.max(1) }
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Equality with constants narrows what is decoded; the engine filters again, so everything is inexact.
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
        let full = schema();
        let fields: Vec<_> = columns.iter().filter_map(|column| full.fields().get(*column as usize).cloned()).collect();
        let schema = Arc::new(Schema::new(fields));
        let scan = self.scans.start(record_filter(filters));
        let partitions = (0..self.partitions)
            .map(|_| {
                Arc::new(FilePartition {
                    relation: self.relation,
                    columns: columns.clone(),
                    schema: Arc::clone(&schema),
                    scan: Arc::clone(&scan),
                }) as Arc<dyn PartitionStream>
            })
            .collect();
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, None, None, false, None)?))
    }
}

/// The columns that a plan asks for.
pub(super) fn projected(projection: Option<&Vec<usize>>) -> Vec<Column> {
    match projection {
        Some(indices) => indices.iter().filter_map(|index| Column::ALL.get(*index).copied()).collect(),
        None => Column::ALL.to_vec(),
    }
}

/// What the filters demand of `event_source` and `account_id`.
pub(super) fn record_filter(filters: &[Expr]) -> RecordFilter {
    let mut filter = RecordFilter::default();
    for expression in filters {
        let Some((column, values)) = equals_one_of(expression) else { continue };
        let wanted = match column {
            "event_source" => &mut filter.event_sources,
            "account_id" => &mut filter.accounts,
            _ => continue,
        };
        if wanted.is_empty() {
            *wanted = values;
        } else {
            wanted.retain(|value| values.contains(value));
            if wanted.is_empty() {
                // Contradictory demands: no row passes the engine's own filter, so decoding anything is harmless.
                continue;
            }
        }
    }
    filter
}

/// `column = 'constant'` and `column IN ('constant', …)`.
fn equals_one_of(expression: &Expr) -> Option<(&str, Vec<String>)> {
    fn column(expression: &Expr) -> Option<&str> {
        match expression {
            Expr::Column(column) => Some(column.name()),
            _ => None,
        }
    }
    fn constant(expression: &Expr) -> Option<String> {
        match expression {
            Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text.clone()),
            _ => None,
        }
    }
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => column(left)
            .zip(constant(right))
            .or_else(|| column(right).zip(constant(left)))
            .map(|(column, value)| (column, vec![value])),
        // `column = 'a' OR column = 'b'`, which short lists are rewritten to.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (name, mut values) = equals_one_of(left)?;
            let (other, more) = equals_one_of(right)?;
            values.extend(more);
            (name == other).then_some((name, values))
        }
        Expr::InList(list) if !list.negated => {
            let values: Option<Vec<String>> = list.list.iter().map(constant).collect();
            column(&list.expr).zip(values)
        }
        _ => None,
    }
}

#[derive(Debug)]
struct FilePartition {
    relation: Relation,
    columns: Vec<Column>,
    schema: SchemaRef,
    scan: Arc<Scan>,
}

impl PartitionStream for FilePartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decoding happens in the poll: it is work for a processor, and the thread that asks has nothing else to do.
    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let worker = Worker::new(Arc::clone(&self.scan), self.relation, &self.columns);
        let batches = stream::try_unfold(worker, |mut worker| async move {
            match worker.next_batch() {
                Ok(Some(batch)) => Ok(Some((batch, worker))),
                Ok(None) => Ok(None),
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}
