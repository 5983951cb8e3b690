//! Athena: the scan of an organization's trail where it lies.
//!
//! [`tables`] asks the catalog what the tables look like, [`batch`] decides which accounts share a statement, [`parameters`] makes it
//! fit, [`ledger`] writes down what is started, [`runner`] takes each statement to its end over the few operations of [`service`],
//! [`results`] fetches what came of it; [`cost`] and [`estimate`] say what that costs, and [`interrupt`] cancels what runs.

pub mod batch;
pub mod cost;
pub mod estimate;
pub mod interrupt;
pub mod ledger;
pub mod parameters;
pub mod results;
pub mod runner;
pub mod service;
pub mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_athena::Client;
use futures::future::{BoxFuture, join_all};
use polars::prelude::DataFrame;

use super::sources::{self, Dialect, Source};
use super::{EngineError, MissingAccounts, Part, RemoteEngine, frame};
use crate::aws::objects::Objects;
use crate::aws::{Purpose, Session, Sessions, calls};
use crate::catalog::Statement;
use crate::config::settings::Settings;
use crate::config::settings::athena::AthenaSettings;
use crate::report::model::StatementSummary;
use ledger::{ATTEMPTS, Entry, Kept, Ledger};
use results::ResultError;
use runner::{Done, Failed, Patience, Runner, Stop, Work};

/// A part, and its files or why there are none.
type Collected = (Part, Result<Vec<PathBuf>, Failed>);
/// Up to so many accounts each have statements of their own.
const ACCOUNTS_ONE_BY_ONE: usize = 100;
/// Account days beyond which the rows of a statement are fetched as Parquet rather than page by page.
const PAGED_ACCOUNT_DAYS: u64 = 62;

/// Where statements run on Athena.
#[derive(Debug)]
pub struct AthenaEngine {
    session: Arc<Session>,
    runner: Arc<Runner>,
    /// Reads results.
    results: Objects,
    /// Lists logs.
    logs: Objects,
    sources: Vec<Source>,
    settings: AthenaSettings,
    /// Where UNLOAD writes, ends in `/`.
    unload_below: Option<String>,
    regions: u64,
    prefix_segments: usize,
    max_scan: Option<u64>,
}

/// What a statement gave.
enum Fetched {
    Files(Vec<PathBuf>),
    Frame(DataFrame),
}

/// How a result is fetched.
#[derive(Clone, Copy)]
enum Form<'a> {
    Pages,
    /// As Parquet, into this folder.
    Files(&'a Path),
}

/// One statement that a run would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub part: Part,
    pub fitted: parameters::Fitted,
    pub partitions: u64,
}

impl AthenaEngine {
    /// Asks for the workgroup and the tables. Nothing is started.
    ///
    /// # Errors
    /// When the settings name no table, or AWS refuses.
    pub async fn connect(settings: &Settings, ledger: Kept, prefix_segments: usize) -> Result<Self, EngineError> {
        let sessions = Sessions::new(settings.aws.clone()).map_err(remote)?;
        Self::connect_with(&sessions, settings, ledger, prefix_segments, Patience::default()).await
    }

    /// The same with the sessions and the patience given.
    ///
    /// # Errors
    /// As [`AthenaEngine::connect`].
    pub async fn connect_with(
        sessions: &Sessions,
        settings: &Settings,
        ledger: Kept,
        prefix_segments: usize,
        patience: Patience,
    ) -> Result<Self, EngineError> {
        let session = sessions.of(Purpose::Athena).await;
        let found = tables::sources(&session, &settings.athena, &settings.table_layouts).await.map_err(remote)?;
        let (output_location, unload_below) = output(&session, &settings.athena).await?;
        let service = service::Athena::new(Arc::clone(&session), settings.athena.clone(), output_location);
        let runner = Runner::new(Arc::new(service), Arc::new(ledger), settings.athena.concurrency, settings.max_scan, patience);
        Ok(AthenaEngine {
            results: Objects::new(Arc::clone(&session), false),
            logs: Objects::new(sessions.of(Purpose::S3).await, settings.aws.s3_requester_pays),
            regions: found.iter().map(tables::regions).max().unwrap_or(1),
            sources: found,
            runner: Arc::new(runner),
            session,
            settings: settings.athena.clone(),
            unload_below,
            prefix_segments,
            max_scan: settings.max_scan,
        })
    }

    /// Ctrl-C cancels the statements of this engine from now on.
    pub fn cancel_on_interrupt(&self) {
        interrupt::cancel_on_interrupt(&self.runner);
    }

    /// Ends everything: what runs is cancelled, nothing new is started.
    pub fn stop(&self, why: runner::Stop) {
        self.runner.stop(why);
    }

    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        self.runner.ledger().copy()
    }

    /// The statements that would collect the activity of a part.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn plan(&self, part: &Part) -> Result<Vec<Planned>, EngineError> {
        let plan = |part: Part| {
            let fitted = self.fitted(&self.activity(&part)?)?;
            Ok(Planned { partitions: self.partitions(&part), part, fitted })
        };
        self.parts(part).into_iter().map(plan).collect()
    }

    /// The parts that have a statement each.
    fn parts(&self, part: &Part) -> Vec<Part> {
        if self.tells_accounts_apart() {
            batch::statements(part, self.regions)
        } else {
            batch::statements_over_all(part, self.regions)
        }
    }

    /// Partitions that a statement over the part reads, at most.
    fn partitions(&self, part: &Part) -> u64 {
        let per_account = batch::partitions(part, self.regions);
        if self.tells_accounts_apart() { per_account } else { per_account / (part.account_ids.len() as u64).max(1) }
    }

    /// What the statements over parts would scan, by the sizes of the objects.
    ///
    /// # Errors
    /// When a bucket cannot be listed.
    pub async fn estimate(&self, parts: &[Part]) -> Result<estimate::Estimate, EngineError> {
        let statements: Vec<Part> = parts.iter().flat_map(|part| self.parts(part)).collect();
        estimate::estimate(&self.logs, &self.sources, &statements).await.map_err(remote)
    }

    fn activity(&self, part: &Part) -> Result<Statement, EngineError> {
        sources::activity_statement(&self.sources, Dialect::Athena, part, self.prefix_segments).map_err(remote)
    }

    fn fitted(&self, statement: &Statement) -> Result<parameters::Fitted, EngineError> {
        parameters::fit(&statement.sql, &statement.values).map_err(remote)
    }

    fn work(&self, purpose: &str, part: &Part, statement: &Statement, unload: bool) -> Result<Work, EngineError> {
        let fitted = self.fitted(statement)?;
        if unload && self.unload_below.is_none() {
            return Err(remote(
                "the workgroup keeps results itself, so there is no place for files; set `output_location` in the section `athena` of \
                 the settings",
            ));
        }
        let mut parts: Vec<&[u8]> = vec![
            if unload { b"unload" } else { b"pages" },
            self.settings.workgroup.as_bytes(),
            self.settings.catalog.as_bytes(),
            self.settings.database.as_deref().unwrap_or_default().as_bytes(),
            fitted.sql.as_bytes(),
        ];
        parts.extend(fitted.parameters.iter().map(String::as_bytes));
        Ok(Work {
            key: ledger::hex(&parts),
            description: Entry {
                purpose: purpose.to_owned(),
                accounts: part.account_ids.clone(),
                from: part.from.to_string(),
                to: part.to.to_string(),
                ..Entry::default()
            },
            sql: fitted.sql,
            parameters: fitted.parameters,
            unload_below: if unload { self.unload_below.clone() } else { None },
            // Athena reuses results of SELECT only.
            reuse_minutes: if unload { 0 } else { self.settings.result_reuse },
        })
    }

    /// Runs a statement and fetches its result; once more if the result is lost.
    async fn fetch(&self, work: &Work, form: Form<'_>) -> Result<Fetched, Failed> {
        let mut lost = String::new();
        for _ in 0..ATTEMPTS {
            let done = self.runner.run(work).await?;
            match self.result(work, &done, form).await {
                Ok(fetched) => return Ok(fetched),
                Err(ResultError::Lost(reason)) => {
                    tracing::warn!(reason, "a result is lost, the statement is run again");
                    self.runner.lost(work, &done, &reason)?;
                    lost = reason;
                }
                Err(ResultError::Aws(error)) => return Err(error.into()),
                Err(error) => return Err(Failed::Statement(error.to_string())),
            }
        }
        Err(Failed::Statement(lost))
    }

    async fn result(&self, work: &Work, done: &Done, form: Form<'_>) -> Result<Fetched, ResultError> {
        let unreadable = |error: EngineError| ResultError::Unreadable(error.to_string());
        match form {
            Form::Pages => {
                let (schema, batches) = results::rows(&self.session, &done.execution_id).await?;
                frame::from_batches(&schema, &batches).map(Fetched::Frame).map_err(unreadable)
            }
            Form::Files(folder) => {
                let name = work.key.get(..16).unwrap_or(&work.key);
                let manifest = done.manifest.as_deref();
                results::files(&self.results, &done.execution_id, manifest, folder, name).await.map(Fetched::Files)
            }
        }
    }

    /// Collects a part; where it fails for a reason that may be one account's, its halves.
    fn collect<'a>(&'a self, part: Part, folder: &'a Path) -> BoxFuture<'a, Vec<Collected>> {
        Box::pin(async move {
            let work = match self.activity(&part).and_then(|statement| self.work("activity", &part, &statement, true)) {
                Ok(work) => work,
                Err(error) => return vec![(part, Err(Failed::Statement(error.to_string())))],
            };
            let failed = match self.fetch(&work, Form::Files(folder)).await {
                Ok(Fetched::Files(files)) => return vec![(part, Ok(files))],
                Ok(Fetched::Frame(_)) => Failed::Statement("rows where files were asked for".to_owned()),
                Err(failed) => failed,
            };
            let may_be_one_account = match &failed {
                // Where every statement reads all accounts, a half would fail alike, and be paid for.
                Failed::Statement(reason) => self.tells_accounts_apart() && !is_of_the_text(reason),
                Failed::Aws(_) | Failed::Stopped(_) | Failed::Ledger(_) => false,
            };
            match batch::halves(&part).filter(|_| may_be_one_account && self.runner.stopped().is_none()) {
                None => vec![(part, Err(failed))],
                Some(halves) => {
                    tracing::warn!(%failed, accounts = part.account_ids.len(), "a statement failed, its accounts are split");
                    join_all(halves.map(|half| self.collect(half, folder))).await.into_iter().flatten().collect()
                }
            }
        })
    }
}

#[async_trait]
impl RemoteEngine for AthenaEngine {
    fn name(&self) -> &'static str {
        NAME
    }

    /// One statement: its rows cannot be put together from those of several.
    async fn run(&self, statement: &Statement, part: &Part) -> Result<DataFrame, EngineError> {
        let partitions = self.partitions(part);
        if partitions > batch::MAX_PARTITIONS {
            return Err(remote(format!(
                "a statement over {} account{} from {} to {} reads {partitions} partitions, and Athena at most {}; ask for fewer days \
                 or accounts",
                part.account_ids.len(),
                if part.account_ids.len() == 1 { "" } else { "s" },
                part.from,
                part.to,
                batch::MAX_PARTITIONS
            )));
        }
        let statement = sources::statement_over(&self.sources, Dialect::Athena, part, statement).map_err(remote)?;
        let account_days = (part.account_ids.len() as u64).saturating_mul(batch::days(part));
        let large = account_days > PAGED_ACCOUNT_DAYS && self.unload_below.is_some();
        let work = self.work("query", part, &statement, large)?;
        let folder = tempfile::tempdir().map_err(remote)?;
        let form = if large { Form::Files(folder.path()) } else { Form::Pages };
        match self.fetch(&work, form).await.map_err(remote)? {
            Fetched::Frame(rows) => Ok(rows),
            Fetched::Files(files) => match results::read(&files).map_err(remote)? {
                Some((schema, batches)) => frame::from_batches(&schema, &batches),
                // UNLOAD writes no file without a row, and so no column: the same statement gives an empty page.
                None => {
                    let work = self.work("query", part, &statement, false)?;
                    match self.fetch(&work, Form::Pages).await.map_err(remote)? {
                        Fetched::Frame(rows) => Ok(rows),
                        Fetched::Files(_) => Err(remote("files where rows were asked for")),
                    }
                }
            },
        }
    }

    fn source(&self) -> String {
        let mut tables: Vec<String> = self.sources.iter().map(Source::identity).collect();
        tables.sort();
        tables.join(", ")
    }

    fn is_interrupted(&self) -> bool {
        matches!(self.runner.stopped(), Some(Stop::Interrupted))
    }

    /// One by one, each statement tells what its account costs and is little to repeat. In a large organization the statements
    /// would wait for one another longer than they run.
    fn accounts_at_once(&self, accounts: usize) -> usize {
        if accounts <= ACCOUNTS_ONE_BY_ONE && self.tells_accounts_apart() { 1 } else { accounts }
    }

    fn tells_accounts_apart(&self) -> bool {
        self.sources.iter().all(|source| source.layout.account.is_some())
    }

    async fn collect_activity(&self, part: &Part, folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
        let statements = self.parts(part);
        let collected = join_all(statements.into_iter().map(|part| self.collect(part, folder))).await;
        let (mut files, mut missing, mut stopped) = (Vec::new(), Vec::new(), None);
        for (part, result) in collected.into_iter().flatten() {
            match result {
                Ok(more) => files.extend(more),
                Err(Failed::Stopped(stop)) => stopped = Some(stop),
                Err(failed) => missing.push(MissingAccounts { account_ids: part.account_ids, reason: failed.to_string() }),
            }
        }
        files.sort();
        if let Some(stop) = stopped {
            return Err(remote(format!("{stop}; `--resume` goes on with what is finished")));
        }
        match (files.is_empty(), missing.first()) {
            (_, None) => Ok(files),
            (true, Some(first)) if missing.iter().all(|other| other.reason == first.reason) => Err(remote(&first.reason)),
            _ => Err(EngineError::Accounts { engine: NAME, missing, files }),
        }
    }

    /// Refuses parts whose objects hold more than may be scanned.
    async fn check(&self, parts: &[Part]) -> Result<(), EngineError> {
        let Some(limit) = self.max_scan.filter(|_| !parts.is_empty()) else { return Ok(()) };
        let estimate = self.estimate(parts).await?;
        if estimate.bytes <= limit {
            return Ok(());
        }
        let price = cost::dollars(cost::price(estimate.bytes, self.settings.micro_dollars_per_terabyte));
        let paid = self.ledger().bytes();
        let paid = if paid > 0 { format!(", {} of them scanned already", cost::bytes_text(paid)) } else { String::new() };
        Err(remote(format!(
            "the logs that were asked for hold {} bytes in {} objects{paid} (about {price} US dollars), and --max-scan allows {limit}; ask \
             for fewer days or accounts, or raise the limit. Nothing was started",
            estimate.bytes, estimate.objects,
        )))
    }

    fn statements(&self) -> Vec<StatementSummary> {
        summaries(&self.ledger(), self.settings.micro_dollars_per_terabyte)
    }
}

const NAME: &str = "athena";

fn remote(message: impl std::fmt::Display) -> EngineError {
    EngineError::Remote { engine: NAME, message: message.to_string() }
}

/// What a statement says about where its result goes, and the place for files of UNLOAD. A workgroup that insists is obeyed.
async fn output(session: &Session, settings: &AthenaSettings) -> Result<(Option<String>, Option<String>), EngineError> {
    let answer = session
        .call(&calls::athena::GET_WORK_GROUP, |config| {
            Client::new(&config).get_work_group().work_group(&settings.workgroup).send()
        })
        .await
        .map_err(remote)?;
    let configuration = answer.work_group.and_then(|group| group.configuration);
    let insists =
        configuration.as_ref().is_some_and(|configuration| configuration.enforce_work_group_configuration == Some(true));
    let managed = configuration
        .as_ref()
        .and_then(|configuration| configuration.managed_query_results_configuration.as_ref())
        .is_some_and(|managed| managed.enabled);
    let own = configuration
        .and_then(|configuration| configuration.result_configuration)
        .and_then(|result| result.output_location)
        .map(|location| format!("{}/", location.trim_end_matches('/')));
    let (asked, below) = match (insists, own, &settings.output_location) {
        (true, Some(own), _) => (None, Some(own)),
        (_, _, Some(asked)) => ((!managed).then(|| asked.clone()), Some(asked.clone())),
        (_, own, None) => (None, own),
    };
    if below.is_none() && !managed {
        return Err(remote(format!(
            "workgroup `{}` has no place for results; set `output_location` in the section `athena` of the settings, or in the workgroup",
            settings.workgroup
        )));
    }
    Ok((asked, below))
}

/// Is it the text of the statement that is wrong, and so for every account?
fn is_of_the_text(reason: &str) -> bool {
    const CODES: [&str; 12] = [
        "SYNTAX_ERROR",
        "TYPE_MISMATCH",
        "COLUMN_NOT_FOUND",
        "TABLE_NOT_FOUND",
        "SCHEMA_NOT_FOUND",
        "CATALOG_NOT_FOUND",
        "FUNCTION_NOT_FOUND",
        "INVALID_FUNCTION_ARGUMENT",
        "INVALID_CAST_ARGUMENT",
        "NOT_SUPPORTED",
        "mismatched input",
        "was cancelled",
    ];
    CODES.iter().any(|code| reason.contains(code))
}

/// The statements of a ledger with what they cost, in the order of their accounts.
pub fn summaries(ledger: &Ledger, micro_dollars_per_terabyte: u64) -> Vec<StatementSummary> {
    let mut summaries: Vec<StatementSummary> = ledger
        .statements
        .values()
        .flat_map(|entry| {
            entry.attempts.iter().map(|attempt| StatementSummary {
                engine: NAME.to_owned(),
                purpose: entry.purpose.clone(),
                accounts: entry.accounts.clone(),
                from: entry.from.clone(),
                to: entry.to.clone(),
                execution_id: attempt.execution_id.clone(),
                outcome: match attempt.state {
                    ledger::State::Planned | ledger::State::Started => "unfinished",
                    ledger::State::Succeeded => "succeeded",
                    ledger::State::Interrupted | ledger::State::Failed => "failed",
                }
                .to_owned(),
                reason: attempt.reason.clone(),
                bytes: attempt.bytes,
                micro_dollars: if attempt.reused { 0 } else { cost::price(attempt.bytes, micro_dollars_per_terabyte) },
                milliseconds: attempt.milliseconds,
                reused: attempt.reused,
            })
        })
        .collect();
    summaries.sort_by(|a, b| {
        (&a.accounts, &a.from, &a.purpose, &a.execution_id).cmp(&(&b.accounts, &b.from, &b.purpose, &b.execution_id))
    });
    summaries
}
