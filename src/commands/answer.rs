//! The answers to queries, wherever the events are: in files, in a store of activity, or behind a remote engine.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use polars::prelude::DataFrame;

use super::Failure;
use super::collect::{accounts_of, collect_from, window_of};
use super::judge::{Findings, World, bind, bind_in, judge};
use super::output::{Terminal, counted};
use super::run::{Clock, block_on, discover_files, engine_resources, scope_of};
use crate::activity::store::{Store, is_store};
use crate::catalog::{QuerySpec, Scope as QueryScope, Statement};
use crate::config::settings::{Accounts, Settings};
use crate::engine::activity::is_answered_by_activity;
use crate::engine::local::LocalEngine;
use crate::engine::remote::NotCollected;
use crate::engine::{EngineError, Part, RemoteEngine};
use crate::events::coverage::{CoverageBuilder, Unit};
use crate::events::files::{Discovery, Outside, Scope, SourceFile};
use crate::events::scan::Progress;
use crate::events::time;
use crate::outcome::Outcome;
use crate::report::model::{BoundParameter, Coverage, Skipped};

/// Under which coverage counts the accounts and days that a remote engine did not give.
pub const NOT_COLLECTED: &str = "accounts and days that the engine did not give";
/// Statements that a remote engine answers at once; the engine may let fewer run.
const CONCURRENT: usize = 8;

/// The answers to one query, from every account.
#[derive(Debug, Default)]
pub struct QueryResult {
    pub findings: Vec<Findings>,
    pub parameters: Vec<BoundParameter>,
    /// What the statement gave, of a query that others are joined with.
    pub rows: Option<DataFrame>,
    pub elapsed_ms: u64,
    pub max_rows: Option<u64>,
}

/// What came back.
#[derive(Debug)]
pub struct Answers {
    /// Accounts that were judged.
    pub accounts: Vec<String>,
    /// One for each query, in their order.
    pub results: Vec<QueryResult>,
    pub coverage: Coverage,
    /// Nobody counted the events where a remote engine answered a statement directly.
    pub coverage_known: bool,
    /// The files with the records, if they are at hand.
    pub files: Arc<Vec<SourceFile>>,
}

/// Answers and judges the queries.
pub fn answers(
    queries: &[&QuerySpec],
    settings: &Settings,
    world: World<'_>,
    remote: Option<&dyn RemoteEngine>,
    terminal: &Terminal,
    clock: &mut Clock,
) -> Result<Answers, Failure> {
    if let Some(engine) = remote {
        return from_engine(engine, queries, settings, world, clock);
    }
    match store_of_events(settings)? {
        Some(store) => from_store(&store, queries, settings, world, clock),
        None => from_files(queries, settings, world, terminal, clock),
    }
}

/// The store that the settings name in place of logs.
pub fn store_of_events(settings: &Settings) -> Result<Option<Store>, Failure> {
    let is_one = |location: &&String| is_store(Path::new(location));
    match (settings.events.iter().find(is_one), settings.events.as_slice()) {
        (None, _) => Ok(None),
        (Some(location), [_]) => {
            let store = Store::open(Path::new(location)).map_err(Failure::usage)?;
            tracing::info!(folder = location, accounts = store.manifest.accounts.len(), "activity of a store is read, no logs");
            Ok(Some(store))
        }
        (Some(location), _) => {
            let message = format!("{location} is a store of activity, which is read alone; leave the other events out");
            Err(Failure::new(Outcome::Usage, message))
        }
    }
}

fn from_files(
    queries: &[&QuerySpec],
    settings: &Settings,
    world: World<'_>,
    terminal: &Terminal,
    clock: &mut Clock,
) -> Result<Answers, Failure> {
    let (mut discovery, scope) = discover_files(settings)?;
    let files = Arc::new(std::mem::take(&mut discovery.files));
    let progress = Arc::new(Progress::default());
    let mut engine = LocalEngine::new(Arc::clone(&files), scope, engine_resources(settings), Arc::clone(&progress));
    clock.end_phase("files");
    let watch = terminal.watch("reading events", files.len(), &progress);
    let known = accounts_of_folders(&files, settings);
    let (accounts, results) = block_on(async {
        let single = match queries {
            [query] => {
                let one_account = known.as_ref().is_some_and(|accounts| accounts.len() <= 1);
                one_account || (known.is_some() && query.scope == QueryScope::Organization)
            }
            _ => false,
        };
        if !single {
            // The values do not matter for what columns are read.
            let statements: Vec<Statement> = queries
                .iter()
                .filter(|query| is_answered_by_activity(query))
                .map(|query| bind(query, "000000000000", world))
                .collect::<Result<_, _>>()?;
            if !statements.is_empty() || known.is_none() {
                engine.prepare(&statements).await.map_err(|error| Failure::new(Outcome::Unexpected, error))?;
            }
        }
        clock.end_phase("events");
        let accounts = match known {
            Some(accounts) => accounts,
            None => accounts_of_records(engine.coverage()),
        };
        let results = judged(&engine, queries, &accounts, settings, world, clock).await?;
        Ok::<_, Failure>((accounts, results))
    })??;
    drop(watch);
    let coverage = coverage_of_files(&engine, &discovery, settings)?;
    Ok(Answers { accounts, results, coverage, coverage_known: true, files })
}

fn from_store(
    store: &Store,
    queries: &[&QuerySpec],
    settings: &Settings,
    world: World<'_>,
    clock: &mut Clock,
) -> Result<Answers, Failure> {
    let unanswered: Vec<&str> =
        queries.iter().filter(|query| !is_answered_by_activity(query)).map(|query| query.name.as_str()).collect();
    if !unanswered.is_empty() {
        let message = format!(
            "a store of activity cannot answer {}: they read what only records have (times or ids of single calls, keys of objects, \
             parameters, messages); give the logs with --events, or choose other queries with --query",
            unanswered.join(", ")
        );
        return Err(Failure::new(Outcome::Usage, message));
    }
    let scope = scope_of(settings);
    let coverage = store.coverage(&scope).map_err(Failure::unexpected)?;
    if coverage.records == 0 {
        let message = format!(
            "the store {} holds no record of the accounts and days that were asked for; check --account, --from and --to, or \
             collect more with `palisade collect`",
            store.folder().display()
        );
        return Err(Failure::new(Outcome::NothingRead, message));
    }
    let (accounts, engine) = engine_over(store, &scope, queries, settings, world)?;
    clock.end_phase("events");
    let results = block_on(judged(&engine, queries, &accounts, settings, world, clock))??;
    Ok(Answers { accounts, results, coverage, coverage_known: true, files: Arc::default() })
}

/// The accounts that a store has, or that are listed, and the engine over it.
fn engine_over(
    store: &Store,
    scope: &Scope,
    queries: &[&QuerySpec],
    settings: &Settings,
    world: World<'_>,
) -> Result<(Vec<String>, LocalEngine), Failure> {
    let rows = Arc::new(store.rows(scope));
    let accounts: Vec<String> = match &settings.accounts {
        Accounts::Listed(ids) => ids.clone(),
        Accounts::All => {
            let accounts: BTreeSet<String> = rows.parts().iter().filter_map(|part| part.account_id.clone()).collect();
            accounts.into_iter().collect()
        }
    };
    let mut engine = LocalEngine::over_activity(Arc::clone(&rows), engine_resources(settings)).map_err(Failure::unexpected)?;
    // The values do not matter for what columns are read.
    let statements: Vec<Statement> = queries
        .iter()
        .filter(|query| is_answered_by_activity(query))
        .map(|query| bind(query, "000000000000", world))
        .collect::<Result<_, _>>()?;
    block_on(engine.prepare_from(&rows, &statements))?.map_err(Failure::unexpected)?;
    Ok((accounts, engine))
}

/// Runs and judges every query for every account.
async fn judged(
    engine: &LocalEngine,
    queries: &[&QuerySpec],
    accounts: &[String],
    settings: &Settings,
    world: World<'_>,
    clock: &mut Clock,
) -> Result<Vec<QueryResult>, Failure> {
    let mut results = Vec::new();
    for query in queries {
        let mut result = QueryResult { max_rows: settings.max_rows, ..QueryResult::default() };
        let over_activity = is_answered_by_activity(query);
        // Over activity the statements of several accounts keep all threads busy; each of the others reads files with all of them.
        let at_once = if over_activity { engine_resources(settings).threads.max(1) } else { 1 };
        let mut answers = futures::stream::iter(accounts_to_ask(query, accounts))
            .map(|account_id| async move {
                let statement = bind(query, account_id, world)?;
                let started = Instant::now();
                let rows = if over_activity { engine.run(&statement).await } else { engine.run_over_records(&statement).await };
                let rows = rows.map_err(|error| failed(query, error))?;
                answered(query, account_id, &rows, started);
                Ok::<_, Failure>((account_id, statement, rows))
            })
            .buffered(at_once);
        while let Some(answer) = answers.next().await {
            let (account_id, statement, rows) = answer?;
            result.add(query, account_id, &statement, rows, world)?;
        }
        drop(answers);
        result.elapsed_ms = clock.lap();
        results.push(result);
    }
    tracing::info!(queries = queries.len(), accounts = accounts.len(), "statements answered");
    clock.end_phase("queries");
    Ok(results)
}

/// Notes an answer in the log. The values of a statement may be anybody's data: they stay out.
fn answered(query: &QuerySpec, account_id: &str, rows: &DataFrame, started: Instant) {
    let account = if account_id.is_empty() { "all" } else { account_id };
    let (rows, milliseconds) = (rows.height(), time::milliseconds(started));
    tracing::debug!(query = query.name, account, rows, milliseconds, "statement answered");
}

fn failed(query: &QuerySpec, error: EngineError) -> Failure {
    Failure::new(Outcome::Unexpected, format!("query {}: {error}", query.name))
}

/// Each account; for a query of the organization one that stands for all.
fn accounts_to_ask<'a>(query: &QuerySpec, accounts: &'a [String]) -> Vec<&'a str> {
    match query.scope {
        QueryScope::Account => accounts.iter().map(String::as_str).collect(),
        QueryScope::Organization => vec![""],
    }
}

impl QueryResult {
    fn add(
        &mut self,
        query: &QuerySpec,
        account_id: &str,
        statement: &Statement,
        rows: DataFrame,
        world: World<'_>,
    ) -> Result<(), Failure> {
        if !query.reported {
            self.rows = Some(rows.clone());
        }
        self.findings.extend(judge(query, account_id, rows, world)?);
        self.parameters.extend(statement.parameters.iter().map(|(name, value)| BoundParameter {
            account_id: account_id.to_owned(),
            name: name.clone(),
            value: value.clone(),
        }));
        Ok(())
    }
}

/// A remote engine: several queries share one roll-up, which is kept; one alone is asked directly, unless the store has its days.
fn from_engine(
    engine: &dyn RemoteEngine,
    queries: &[&QuerySpec],
    settings: &Settings,
    world: World<'_>,
    clock: &mut Clock,
) -> Result<Answers, Failure> {
    let accounts = accounts_of(settings, world.inventory)?;
    let (from, to) = window_of(settings)?;
    let whole = Part { account_ids: accounts.clone(), from, to };
    let scope = Scope { accounts: Some(accounts.iter().cloned().collect()), regions: None, from: Some(from), to: Some(to) };
    let is_there = || {
        Store::open(&settings.activity_folder())
            .is_ok_and(|store| accounts.iter().all(|account| store.missing_days(account, from, to).is_empty()))
    };
    // Asked one by one, accounts that share their scan would each pay for it.
    let shared = queries.len() > 1 || (accounts.len() > 1 && !engine.tells_accounts_apart());
    let of_store = |query: &QuerySpec| is_answered_by_activity(query) && (shared || is_there());
    let over_store: Vec<bool> = queries.iter().map(|query| of_store(query)).collect();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let mut coverage = Coverage::default();
    let coverage_known = over_store.contains(&true);
    let mut local = None;
    if coverage_known {
        let (store, not_collected) = collect_from(engine, settings, &accounts)?;
        tracing::info!(folder = %store.folder().display(), not_collected = not_collected.len(), "queries share the activity store");
        nothing_at_all(&not_collected, &store, &scope)?;
        missing.extend(not_collected.iter().map(ToString::to_string));
        coverage = store.coverage(&scope).map_err(Failure::unexpected)?;
        local = Some(engine_over(&store, &scope, queries, settings, world)?.1);
    }
    if over_store.contains(&false) {
        block_on(engine.check(std::slice::from_ref(&whole)))?.map_err(|error| Failure::new(Outcome::Usage, error))?;
    }
    clock.end_phase("events");
    let mut results = Vec::new();
    for (query, over_store) in queries.iter().zip(over_store) {
        let mut result = QueryResult { max_rows: settings.max_rows, ..QueryResult::default() };
        let asked = accounts_to_ask(query, &accounts);
        if let Some(local) = local.as_ref().filter(|_| over_store) {
            for account_id in asked {
                let statement = bind(query, account_id, world)?;
                let started = Instant::now();
                let rows = block_on(local.run(&statement))?.map_err(|error| failed(query, error))?;
                answered(query, account_id, &rows, started);
                result.add(query, account_id, &statement, rows, world)?;
            }
        } else {
            let count = asked.len();
            let (rows, errors) = block_on(ask(engine, query, asked, &whole, world))??;
            if rows.is_empty() && errors.len() == count {
                let message = errors.into_iter().next().unwrap_or_default();
                return Err(Failure::new(Outcome::Unexpected, format!("query {}: {message}", query.name)));
            }
            missing.extend(errors);
            for (account_id, statement, rows) in rows {
                coverage.records += if coverage_known { 0 } else { calls(&rows) };
                result.add(query, account_id, &statement, rows, world)?;
            }
        }
        result.elapsed_ms = clock.lap();
        results.push(result);
    }
    clock.end_phase("queries");
    note_missing(&mut coverage, missing);
    Ok(Answers { accounts, results, coverage, coverage_known, files: Arc::default() })
}

/// Accounts and days that are missing make a report partial, and a warning names them.
pub(super) fn note_missing(coverage: &mut Coverage, missing: BTreeSet<String>) {
    if !missing.is_empty() {
        coverage.skipped.push(Skipped {
            reason: NOT_COLLECTED.to_owned(),
            unit: "account".to_owned(),
            count: missing.len() as u64,
            examples: missing.into_iter().collect(),
        });
    }
}

/// An engine that gave nothing at all, and a store that had nothing: there is no report then.
pub(super) fn nothing_at_all(not_collected: &[NotCollected], store: &Store, scope: &Scope) -> Result<(), Failure> {
    if !store.rows(scope).parts().is_empty() {
        return Ok(());
    }
    match not_collected.first() {
        Some(first) => Err(Failure::new(Outcome::Unexpected, first)),
        None => {
            let message =
                "the engine gave no record of these accounts and days; check --account, --from and --to, and the table";
            Err(Failure::new(Outcome::NothingRead, message))
        }
    }
}

type Asked<'a> = (Vec<(&'a str, Statement, DataFrame)>, Vec<String>);

/// Asks a remote engine directly, for each account. What fails is told by account, the rest is given.
async fn ask<'a>(
    engine: &dyn RemoteEngine,
    query: &QuerySpec,
    accounts: Vec<&'a str>,
    whole: &Part,
    world: World<'_>,
) -> Result<Asked<'a>, Failure> {
    let mut bound = Vec::new();
    for account_id in accounts {
        let account_ids = if account_id.is_empty() { whole.account_ids.clone() } else { vec![account_id.to_owned()] };
        let part = Part { account_ids, ..whole.clone() };
        bound.push((account_id, bind_in(query, account_id, world, engine.placeholder_style())?, part));
    }
    let mut answers = futures::stream::iter(bound)
        .map(|(account_id, statement, part)| async move {
            let started = Instant::now();
            let rows = engine.run(&statement, &part).await;
            if let Ok(rows) = &rows {
                answered(query, account_id, rows, started);
            }
            (account_id, statement, part, rows)
        })
        .buffered(CONCURRENT);
    let (mut given, mut errors) = (Vec::new(), Vec::new());
    while let Some((account_id, statement, part, rows)) = answers.next().await {
        match rows {
            Ok(rows) => given.push((account_id, statement, rows)),
            Err(error) => errors.push(NotCollected { part, error }.to_string()),
        }
    }
    Ok((given, errors))
}

/// The calls that the rows of a query stand for.
fn calls(rows: &DataFrame) -> u64 {
    let sum =
        rows.column("event_count").ok().and_then(|column| column.i64().ok()?.iter().flatten().reduce(i64::saturating_add));
    sum.and_then(|sum| u64::try_from(sum).ok()).unwrap_or_default()
}

/// The accounts to judge, where they are known before a record is read: the ones that the user listed, or those of the folders
/// if every file lies in one.
fn accounts_of_folders(files: &[SourceFile], settings: &Settings) -> Option<Vec<String>> {
    if let Accounts::Listed(ids) = &settings.accounts {
        return Some(ids.clone());
    }
    let of_files: Option<BTreeSet<&str>> = files.iter().map(|file| file.folder.account_id.as_deref()).collect();
    of_files.filter(|accounts| !accounts.is_empty()).map(|accounts| accounts.into_iter().map(str::to_owned).collect())
}

fn accounts_of_records(coverage: Option<CoverageBuilder>) -> Vec<String> {
    let coverage = coverage.unwrap_or_default().finish((None, None));
    let accounts: BTreeSet<String> =
        coverage.streams.into_iter().map(|stream| stream.account_id).filter(|id| id != "unknown").collect();
    accounts.into_iter().collect()
}

/// What the files held. Fails when that is nothing.
pub(super) fn coverage_of_files(engine: &LocalEngine, discovery: &Discovery, settings: &Settings) -> Result<Coverage, Failure> {
    let mut builder = engine.coverage().unwrap_or_default();
    for (reason, file) in &discovery.skipped {
        builder.skip(Unit::File, reason, || file.clone());
    }
    if discovery.in_layout > 0 {
        builder.recognised("S3 layout: AWSLogs/…/<account>/CloudTrail/<region>/<year>/<month>/<day>");
    }
    let day = |date: Option<jiff::civil::Date>| {
        let midnight = date?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(time::day(midnight.timestamp().as_microsecond()))
    };
    let coverage = builder.finish((day(settings.from), day(settings.to)));
    tracing::info!(
        files = coverage.files,
        bytes = coverage.bytes,
        records = coverage.records,
        duplicates = coverage.duplicates,
        "events read"
    );
    for skipped in &coverage.skipped {
        let example = skipped.examples.first();
        tracing::debug!(reason = skipped.reason, count = skipped.count, unit = skipped.unit, example, "left out");
    }
    if coverage.records == 0 {
        return Err(Failure::new(Outcome::NothingRead, nothing_read(&coverage, &discovery.outside, settings)));
    }
    Ok(coverage)
}

/// Why files gave no record: what was found, and what of it lies outside what was asked for.
pub(super) fn nothing_read(coverage: &Coverage, outside: &Outside, settings: &Settings) -> String {
    let mut message = format!(
        "no record could be read: {} found in {}",
        counted(coverage.files + outside.days.files + outside.accounts.files, "log file"),
        settings.events.join(", ")
    );
    let asked = match (settings.from, settings.to) {
        (Some(from), Some(to)) if from == to => format!("{from}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("{from} and later"),
        (None, Some(to)) => format!("{to} and earlier"),
        (None, None) => "all days".to_owned(),
    };
    if let Some((first, last)) = outside.days.range {
        let days = if first == last { format!("day {first}") } else { format!("days {first} to {last}") };
        message.push_str(&format!(
            "\n  {} of the {days} by their folders: none of them lies in the window asked for ({asked})",
            counted(outside.days.files, "file")
        ));
    }
    if outside.accounts.files > 0 {
        const SHOWN: usize = 5;
        let known: Vec<&str> = outside.account_ids.iter().take(SHOWN).map(AsRef::as_ref).collect();
        let more = match outside.account_ids.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        message.push_str(&format!(
            "\n  {} of the accounts {}{more} by their folders: not asked for ({})",
            counted(outside.accounts.files, "file"),
            known.join(", "),
            settings.accounts
        ));
    }
    for skipped in &coverage.skipped {
        let example = skipped.examples.first().map(|example| format!(", such as {example}")).unwrap_or_default();
        message.push_str(&format!("\n  {}: {}{example}", counted(skipped.count, &skipped.unit), skipped.reason));
    }
    message.push_str("\nName the folder that holds AWSLogs, or files of CloudTrail records; check --account, --from and --to.");
    message
}
