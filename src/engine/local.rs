//! The embedded engine: DataFusion over CloudTrail files.
//!
//! One statement streams: the files are decoded while it runs, and only the columns that it reads. Several statements over the
//! same files share one pass where what they need fits into memory ([`LocalEngine::prepare`]); otherwise each makes its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use polars::prelude::DataFrame;

use super::EngineError;
use super::frame::from_batches;
use super::functions;
use super::table::{EventsTable, PreparedTable, StartScan};
use crate::catalog::{BoundValue, Statement};
use crate::events::coverage::CoverageBuilder;
use crate::events::duplicates::Duplicates;
use crate::events::files::{Scope, SourceFile};
use crate::events::rows::Relation;
use crate::events::scan::{Progress, RecordFilter, Scan};
use crate::events::schema::{Column, EVENT_RESOURCES, EVENTS, schema};

/// What the engine may use.
#[derive(Debug, Clone, Copy)]
pub struct Resources {
    /// Threads that decode and compute.
    pub threads: usize,
    /// Bytes that statements may hold; beyond that they spill to temporary files.
    pub memory_limit: usize,
}

/// The embedded engine over a set of files.
#[derive(Debug)]
pub struct LocalEngine {
    files: Arc<Vec<SourceFile>>,
    scope: Scope,
    resources: Resources,
    progress: Arc<Progress>,
    prepared: Option<Prepared>,
    coverage: Mutex<Option<CoverageBuilder>>,
    /// The records that others replace, once a pass has found any: the next pass need not find them again.
    learned: Mutex<Option<Arc<Duplicates>>>,
}

/// Decoded rows, kept for several statements.
#[derive(Debug, Default)]
struct Prepared {
    tables: BTreeMap<&'static str, Arc<PreparedTable>>,
}

const RELATIONS: [(&str, Relation); 2] = [(EVENTS, Relation::Events), (EVENT_RESOURCES, Relation::EventResources)];

/// Starts scans and remembers the last one, to look at its coverage and duplicates when the statement is done.
#[derive(Debug)]
struct Scans {
    files: Arc<Vec<SourceFile>>,
    scope: Scope,
    progress: Arc<Progress>,
    /// Knows the replaced records, if an earlier pass found some too late.
    learned: Option<Arc<Duplicates>>,
    last: Mutex<Option<Arc<Scan>>>,
}

impl StartScan for Scans {
    fn start(&self, filter: RecordFilter) -> Arc<Scan> {
        let duplicates = self.learned.as_ref().map(|learned| learned.read_again()).unwrap_or_default();
        let files = Arc::clone(&self.files);
        let scan = Arc::new(Scan::new(files, self.scope.clone(), filter, duplicates, Arc::clone(&self.progress)));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&scan));
        scan
    }
}

impl LocalEngine {
    pub fn new(files: Arc<Vec<SourceFile>>, scope: Scope, resources: Resources, progress: Arc<Progress>) -> Self {
        LocalEngine { files, scope, resources, progress, prepared: None, coverage: Mutex::default(), learned: Mutex::default() }
    }

    /// Reads the files once for all of these statements, if the columns that they read fit into a third of the memory.
    pub async fn prepare(&mut self, statements: &[Statement]) -> Result<(), EngineError> {
        let mut needed: BTreeMap<&'static str, Vec<Column>> = BTreeMap::new();
        for statement in statements {
            for (relation, columns) in self.columns_of(statement).await? {
                needed.entry(relation).or_default().extend(columns);
            }
        }
        let mut prepared = Prepared::default();
        let mut budget = self.resources.memory_limit / 3;
        for (relation, mut columns) in needed {
            columns.sort();
            columns.dedup();
            let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
            let sql = format!("SELECT {} FROM {relation}", names.join(", "));
            let statement = Statement { sql, values: Vec::new(), parameters: Vec::new(), left_to_later_steps: Vec::new() };
            let Some((schema, partitions)) = self.stream(&statement, Some(&mut budget)).await? else { return Ok(()) };
            let batches = partitions.into_iter().flatten().collect();
            prepared.tables.insert(relation, Arc::new(PreparedTable::new(schema, batches)?));
        }
        self.prepared = Some(prepared);
        Ok(())
    }

    /// Answers one statement.
    pub async fn run(&self, statement: &Statement) -> Result<DataFrame, EngineError> {
        let (schema, batches) = self.answer(statement).await?;
        from_batches(&schema, &batches)
    }

    /// Answers one statement with the rows as they are.
    pub async fn batches(&self, statement: &Statement) -> Result<Vec<RecordBatch>, EngineError> {
        self.answer(statement).await.map(|(_, batches)| batches)
    }

    async fn answer(&self, statement: &Statement) -> Result<(SchemaRef, Vec<RecordBatch>), EngineError> {
        let (schema, partitions) = match &self.prepared {
            Some(prepared) => {
                let context = self.context()?;
                for (relation, table) in &prepared.tables {
                    context.register_table(*relation, Arc::clone(table) as Arc<dyn TableProvider>)?;
                }
                let frame = bind(&context, statement).await?;
                let schema = Arc::clone(frame.schema().inner());
                (schema, vec![frame.collect().await?])
            }
            None => match self.stream(statement, None).await? {
                Some(result) => result,
                None => {
                    return Err(EngineError::Spill(std::io::Error::other("a statement without a memory budget ran out of it")));
                }
            },
        };
        Ok((schema, partitions.into_iter().flatten().collect()))
    }

    /// What the files held: of the first pass that read them. `None` before any statement ran.
    pub fn coverage(&self) -> Option<CoverageBuilder> {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a statement over the files. With a budget, gives up (but reads on, for the coverage) once the result exceeds it.
    async fn stream(
        &self,
        statement: &Statement,
        mut budget: Option<&mut usize>,
    ) -> Result<Option<(SchemaRef, Vec<Vec<RecordBatch>>)>, EngineError> {
        loop {
            let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let scans = Arc::new(Scans {
                files: Arc::clone(&self.files),
                scope: self.scope.clone(),
                progress: Arc::clone(&self.progress),
                learned,
                last: Mutex::new(None),
            });
            let context = self.context()?;
            for (name, relation) in RELATIONS {
                let start = Arc::clone(&scans) as Arc<dyn StartScan>;
                context.register_table(name, Arc::new(EventsTable::new(relation, start, self.resources.threads)))?;
            }
            let frame = bind(&context, statement).await?;
            let schema = Arc::clone(frame.schema().inner());
            let available = budget.as_ref().map_or(usize::MAX, |budget| **budget);
            let (partitions, used) = collect(frame, available).await?;
            let scan = scans.last.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(scan) = scan {
                if scan.duplicates.must_read_again().map_err(EngineError::Spill)? {
                    let learned = Arc::new(scan.duplicates.read_again());
                    *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = Some(learned);
                    continue;
                }
                self.coverage.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| scan.coverage());
            }
            return Ok(partitions.map(|partitions| {
                if let Some(budget) = &mut budget {
                    **budget = budget.saturating_sub(used);
                }
                (schema, partitions)
            }));
        }
    }

    fn context(&self) -> Result<SessionContext, EngineError> {
        let config = SessionConfig::new().with_target_partitions(self.resources.threads.max(1)).with_information_schema(false);
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(self.resources.memory_limit, 1.0).build_arc()?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        for function in functions::all() {
            context.register_udf(function);
        }
        Ok(context)
    }

    /// The columns of each relation that a statement reads, as the optimizer finds them.
    async fn columns_of(&self, statement: &Statement) -> Result<Vec<(&'static str, Vec<Column>)>, EngineError> {
        let context = self.context()?;
        for (name, _) in RELATIONS {
            context.register_table(name, Arc::new(MemTable::try_new(schema(), vec![Vec::new()])?))?;
        }
        let plan = bind(&context, statement).await?.into_optimized_plan()?;
        let mut found = Vec::new();
        plan.apply(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some((name, _)) = RELATIONS.iter().find(|(name, _)| *name == scan.table_name.table())
            {
                let fields = scan.projected_schema.fields().iter();
                found.push((*name, fields.filter_map(|field| Column::from_name(field.name())).collect()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    }
}

/// Answers a statement from rows in memory, which stand for both relations: what the tests beside queries do.
pub async fn answer_from_rows(rows: RecordBatch, statement: &Statement) -> Result<DataFrame, EngineError> {
    let resources = Resources { threads: 1, memory_limit: 256 << 20 };
    let mut engine = LocalEngine::new(Arc::default(), Scope::default(), resources, Arc::default());
    let table = Arc::new(PreparedTable::new(rows.schema(), vec![rows])?);
    let tables = RELATIONS.map(|(name, _)| (name, Arc::clone(&table)));
    engine.prepared = Some(Prepared { tables: tables.into_iter().collect() });
    engine.run(statement).await
}

/// A statement with its values in place of the placeholders.
async fn bind(context: &SessionContext, statement: &Statement) -> Result<datafusion::dataframe::DataFrame, EngineError> {
    let values: Vec<ScalarValue> = statement
        .values
        .iter()
        .map(|value| match value {
            BoundValue::Text(text) => ScalarValue::Utf8(Some(text.clone())),
            BoundValue::Null => ScalarValue::Utf8(None),
        })
        .collect();
    let frame = context.sql(&statement.sql).await?;
    Ok(if values.is_empty() { frame } else { frame.with_param_values(values)? })
}

/// Collects the partitions of a result. `None` when they take more than `available` bytes; the source is read to its end all
/// the same.
async fn collect(
    frame: datafusion::dataframe::DataFrame,
    available: usize,
) -> Result<(Option<Vec<Vec<RecordBatch>>>, usize), EngineError> {
    use futures::StreamExt;
    let used = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let streams = frame.execute_stream_partitioned().await?;
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let used = Arc::clone(&used);
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while let Some(batch) = stream.next().await {
                    let batch = batch?;
                    let bytes = batch.get_array_memory_size();
                    let total = used.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed).saturating_add(bytes);
                    if total > available {
                        kept = Vec::new();
                    } else {
                        kept.push(batch);
                    }
                }
                Ok::<_, datafusion::error::DataFusionError>(kept)
            })
        })
        .collect();
    let mut partitions = Vec::with_capacity(tasks.len());
    for task in tasks {
        let kept = task.await.map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))??;
        partitions.push(kept);
    }
    let used = used.load(std::sync::atomic::Ordering::Relaxed);
    Ok(((used <= available).then_some(partitions), used))
}
