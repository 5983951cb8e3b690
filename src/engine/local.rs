//! The embedded engine: DataFusion over CloudTrail files.
//!
//! One statement streams: the files are decoded while it runs, and only the columns that it reads. Several statements over the
//! same files share one pass ([`LocalEngine::prepare`]), which rolls the records up into the contexts that the statements can tell
//! apart. The engine also answers over rows that were rolled up before ([`LocalEngine::over_activity`]).

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParser, Statement as Parsed};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use polars::prelude::DataFrame;

use super::EngineError;
use super::activity::{ActivityTable, NotAvailable};
use super::frame::from_batches;
use super::functions;
use super::table::{EventsTable, StartScan};
use crate::activity::collect::{Job, regroup, roll_up};
use crate::activity::rollup::Shape;
use crate::activity::rows::ActivityRows;
use crate::catalog::{BoundValue, Statement};
use crate::events::coverage::CoverageBuilder;
use crate::events::duplicates::Duplicates;
use crate::events::files::{Scope, SourceFile};
use crate::events::rows::{RESOURCE_COLUMNS, Relation};
use crate::events::scan::{Progress, RecordFilter, Scan};
use crate::events::schema::{Column, ColumnSet, EVENT_RESOURCES, EVENTS, schema};
use crate::events::time;

/// What the engine may use.
#[derive(Debug, Clone, Copy)]
pub struct Resources {
    /// Threads that decode and compute.
    pub threads: usize,
    /// Bytes that statements may hold; beyond that they spill to temporary files.
    pub memory_limit: usize,
}

impl Resources {
    /// How to roll up with them: contexts may take a quarter of the memory.
    pub fn job(&self, shape: Shape) -> Job {
        Job { shape, threads: self.threads, budget: self.memory_limit / 4, only: None }
    }
}

/// The embedded engine over a set of files, or over rows of activity.
#[derive(Debug)]
pub struct LocalEngine {
    files: Arc<Vec<SourceFile>>,
    scope: Scope,
    resources: Resources,
    progress: Arc<Progress>,
    activity: Option<Activity>,
    coverage: Mutex<Option<CoverageBuilder>>,
    /// The records that others replace, once a pass has found any: the next pass need not find them again.
    learned: Mutex<Option<Arc<Duplicates>>>,
}

/// Rows of activity, with a context that has them as tables.
struct Activity {
    context: SessionContext,
    /// There are records behind the rows, for statements that the rows cannot answer.
    has_records: bool,
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Activity").field("has_records", &self.has_records).finish_non_exhaustive()
    }
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
        LocalEngine { files, scope, resources, progress, activity: None, coverage: Mutex::default(), learned: Mutex::default() }
    }

    /// The engine over rows that have every column of the relation.
    pub fn over_activity(rows: Arc<ActivityRows>, resources: Resources) -> Result<Self, EngineError> {
        let mut engine = Self::new(Arc::default(), Scope::default(), resources, Arc::default());
        engine.activity = Some(engine.activity_of(rows, ColumnSet::all(), false)?);
        Ok(engine)
    }

    fn activity_of(&self, rows: Arc<ActivityRows>, columns: ColumnSet, has_records: bool) -> Result<Activity, EngineError> {
        let context = self.context()?;
        for (name, relation) in RELATIONS {
            let table = ActivityTable::new(relation, Arc::clone(&rows), columns, self.resources.threads);
            context.register_table(name, Arc::new(table))?;
        }
        Ok(Activity { context, has_records })
    }

    /// Reads the files once for all of these statements: later calls of [`LocalEngine::run`] are answered from what the pass rolled
    /// up. They must be statements that give the same over activity ([`super::activity::is_answered_by_activity`]).
    pub async fn prepare(&mut self, statements: &[Statement]) -> Result<(), EngineError> {
        let shape = self.shape_of(statements).await?;
        let rows = Arc::new(self.roll_up(shape).await?);
        self.activity = Some(self.activity_of(rows, shape.columns, true)?);
        Ok(())
    }

    /// The same over a store of activity: what these statements read is taken from its files once.
    pub async fn prepare_from(&mut self, rows: &ActivityRows, statements: &[Statement]) -> Result<(), EngineError> {
        let shape = self.shape_of(statements).await?;
        let job = self.resources.job(shape);
        let rows = Arc::new(regroup(rows.parts(), &job)?.into_rows()?);
        self.activity = Some(self.activity_of(rows, shape.columns, false)?);
        Ok(())
    }

    /// What a roll-up must keep for these statements.
    async fn shape_of(&self, statements: &[Statement]) -> Result<Shape, EngineError> {
        let mut columns = ColumnSet::default();
        let mut with_resources = false;
        for statement in statements {
            for (relation, read) in self.columns_of(statement).await? {
                let of_resources = relation == EVENT_RESOURCES;
                with_resources |= of_resources;
                let is_derived = |column: &Column| of_resources && RESOURCE_COLUMNS.contains(column);
                read.into_iter().filter(|column| !is_derived(column)).for_each(|column| columns.insert(column));
            }
        }
        Ok(Shape::of_columns(columns, with_resources))
    }

    /// Rolls the records up, in as many passes as it takes to know which records others replace.
    pub async fn roll_up(&self, shape: Shape) -> Result<ActivityRows, EngineError> {
        let job = self.resources.job(shape);
        let started = std::time::Instant::now();
        loop {
            let scans = self.scans();
            let scan = scans.start(RecordFilter::default());
            let rolled_up = roll_up(&scan, &job).await?;
            if self.is_done(&scan)? {
                let rows = rolled_up.into_rows()?;
                let milliseconds = time::milliseconds(started);
                tracing::info!(files = self.files.len(), parts = rows.parts().len(), milliseconds, "records rolled up");
                return Ok(rows);
            }
        }
    }

    /// Answers one statement: from the prepared rows, if there are any.
    pub async fn run(&self, statement: &Statement) -> Result<DataFrame, EngineError> {
        let Some(activity) = &self.activity else { return self.run_over_records(statement).await };
        let answer = async {
            let frame = bind(&activity.context, statement).await?;
            let schema = Arc::clone(frame.schema().inner());
            from_batches(&schema, &frame.collect().await?)
        };
        match answer.await {
            Err(EngineError::Statement(error)) if activity.has_records && is_not_available(&error) => {
                tracing::debug!(%error, "the rolled-up rows do not answer this: the records are read");
                self.run_over_records(statement).await
            }
            answer => answer,
        }
    }

    /// Answers one statement from the records, in a pass of its own.
    pub async fn run_over_records(&self, statement: &Statement) -> Result<DataFrame, EngineError> {
        let (schema, batches) = self.batches(statement).await?;
        from_batches(&schema, &batches)
    }

    /// The same, with the rows as they are.
    pub async fn batches(&self, statement: &Statement) -> Result<(SchemaRef, Vec<RecordBatch>), EngineError> {
        loop {
            let scans = Arc::new(self.scans());
            let frame = self.over_records(&scans, statement).await?;
            let schema = Arc::clone(frame.schema().inner());
            let batches = frame.collect().await?;
            if self.is_read(&scans)? {
                return Ok((schema, batches));
            }
        }
    }

    async fn over_records(
        &self,
        scans: &Arc<Scans>,
        statement: &Statement,
    ) -> Result<datafusion::dataframe::DataFrame, EngineError> {
        let context = self.context()?;
        for (name, relation) in RELATIONS {
            let start = Arc::clone(scans) as Arc<dyn StartScan>;
            context.register_table(name, Arc::new(EventsTable::new(relation, start, self.resources.threads)))?;
        }
        bind(&context, statement).await
    }

    /// The statement has read all records; `false`: it must read them again.
    fn is_read(&self, scans: &Scans) -> Result<bool, EngineError> {
        let scan = scans.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        scan.map_or(Ok(true), |scan| self.is_done(&scan))
    }

    fn scans(&self) -> Scans {
        Scans {
            files: Arc::clone(&self.files),
            scope: self.scope.clone(),
            progress: Arc::clone(&self.progress),
            learned: self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            last: Mutex::new(None),
        }
    }

    /// Keeps the coverage of a pass. `false` when records were counted that later ones replace: another pass is needed, with what
    /// was learned.
    fn is_done(&self, scan: &Scan) -> Result<bool, EngineError> {
        if scan.duplicates.must_read_again().map_err(EngineError::Spill)? {
            tracing::debug!("records were read that later ones replace: one more pass");
            let learned = Arc::new(scan.duplicates.read_again());
            *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = Some(learned);
            return Ok(false);
        }
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| scan.coverage());
        Ok(true)
    }

    /// What the files held: of the first pass that read them. `None` before any statement ran.
    pub fn coverage(&self) -> Option<CoverageBuilder> {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// Is the reason that the rows at hand lack a column?
fn is_not_available(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::External(cause) if cause.is::<NotAvailable>())
}

/// Is the text a query? What is more (`COPY`, `CREATE`, `INSERT`, `SET` …) is refused before it is planned. What is no SQL is for the
/// planner to say.
pub fn check_is_query(sql: &str) -> Result<(), EngineError> {
    fn is_query(statement: &Parsed) -> bool {
        match statement {
            Parsed::Statement(statement) => matches!(
                **statement,
                Sql::Query(_)
                    | Sql::Explain { .. }
                    | Sql::ExplainTable { .. }
                    | Sql::ShowVariable { .. }
                    | Sql::ShowColumns { .. }
                    | Sql::ShowTables { .. }
                    | Sql::ShowFunctions { .. }
            ),
            Parsed::Explain(explain) => is_query(&explain.statement),
            _ => false,
        }
    }
    match DFParser::parse_sql(sql) {
        Ok(statements) if !statements.iter().all(is_query) => Err(EngineError::NotAQuery),
        _ => Ok(()),
    }
}

/// Answers a statement from rows in memory, which stand for both relations: what the tests beside queries do.
pub async fn answer_from_rows(rows: RecordBatch, statement: &Statement) -> Result<DataFrame, EngineError> {
    let resources = Resources { threads: 1, memory_limit: 256 << 20 };
    let context = LocalEngine::new(Arc::default(), Scope::default(), resources, Arc::default()).context()?;
    let table = Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?);
    for (name, _) in RELATIONS {
        context.register_table(name, Arc::clone(&table) as _)?;
    }
    let frame = bind(&context, statement).await?;
    let schema = Arc::clone(frame.schema().inner());
    from_batches(&schema, &frame.collect().await?)
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
    // Statements only read. The plan is looked at before anything of it is executed.
    let plan = context.state().create_logical_plan(&statement.sql).await?;
    let only_queries = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_queries.verify_plan(&plan).map_err(|_| EngineError::NotAQuery)?;
    let frame = context.execute_logical_plan(plan).await?;
    Ok(if values.is_empty() { frame } else { frame.with_param_values(values)? })
}
