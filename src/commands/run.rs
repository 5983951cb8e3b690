//! `palisade run`: events, inventory and perimeter in; a run folder with findings and reports out.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use super::judge::{Findings, World, bind, judge, organization_accounts};
use super::output::{Terminal, write_out};
use super::warnings::{Observed, is_loss, warnings};
use super::{Failure, settings};
use crate::catalog::{Catalog, QuerySpec, Scope as QueryScope, Statement};
use crate::cli::Global;
use crate::cli::run::RunArgs;
use crate::config::perimeter::Perimeter;
use crate::config::settings::{Accounts, Origin, Settings};
use crate::engine::EngineError;
use crate::engine::local::{LocalEngine, Resources};
use crate::enrich::ExceptionHits;
use crate::events::coverage::CoverageBuilder;
use crate::events::files::{Discovery, Scope, SourceFile, discover};
use crate::events::samples;
use crate::events::scan::Progress;
use crate::events::time;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::report::model::{
    AccountSummary, BoundParameter, ExceptionStatus, FINDING_COLUMNS, Input, Manifest, QuerySummary, Report, SCHEMA_VERSION,
    Table, TableBuilder, Timing, Window,
};
use crate::report::terminal;
use crate::run::{RunFolder, run_id};

/// Sample records that a report holds at most; those of findings with the most calls come first.
const SAMPLES: usize = 2_000;

pub fn run(arguments: &RunArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let settings = settings(&arguments.settings.flags(global), global.config.as_deref())?;
    let terminal = &terminal.at_most_as_loud_as(settings.quiet);
    let report = make_report(&settings, terminal)?;
    let folder = RunFolder::create(&settings.output).map_err(Failure::usage)?;
    let formats: Vec<_> = settings.formats.iter().map(|format| super::report::format(*format)).collect();
    let rendered = folder.write(&report, &formats).map_err(Failure::unexpected)?;
    for failed in &rendered.failed {
        terminal.error(&Failure::unexpected(failed).message);
    }
    if terminal.wants_summary() {
        let paths: Vec<_> = rendered.written.iter().map(|written| written.path.clone()).collect();
        let options = terminal::Options { width: terminal.width(), color: terminal.color() };
        write_out(|mut out| terminal::write(&report, &paths, options, &mut out))?;
    }
    Ok(outcome(&settings, &report).worst(if rendered.failed.is_empty() { Outcome::Success } else { Outcome::Partial }))
}

/// How the run ends, by what was read and found.
fn outcome(settings: &Settings, report: &Report) -> Outcome {
    let lost = report.manifest.coverage.skipped.iter().any(|skipped| is_loss(&skipped.reason));
    let failing = (0..report.findings.rows()).any(|row| {
        let verdict = report.findings.text("verdict", row);
        settings.fail_on.iter().any(|fail_on| Some(fail_on.as_str()) == verdict)
    });
    let found = if failing { Outcome::Findings } else { Outcome::Success };
    found.worst(if lost { Outcome::Partial } else { Outcome::Success })
}

/// Runs a future on a runtime of its own.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().map_err(Failure::unexpected)?;
    Ok(runtime.block_on(future))
}

pub fn engine_resources(settings: &Settings) -> Resources {
    let threads = settings.threads.or_else(|| std::thread::available_parallelism().ok());
    Resources {
        threads: threads.map_or(1, std::num::NonZeroUsize::get),
        memory_limit: usize::try_from(settings.memory_limit).unwrap_or(usize::MAX),
    }
}

/// The files of the events that the settings name, and what of them is wanted.
pub fn discover_files(settings: &Settings) -> Result<(Discovery, Scope), Failure> {
    if settings.events.is_empty() {
        return Err(Failure::new(
            Outcome::Usage,
            "no events are named; give a folder of CloudTrail with --events, or a settings file with --config",
        ));
    }
    let accounts = match &settings.accounts {
        Accounts::All => None,
        Accounts::Listed(ids) => Some(ids.iter().cloned().collect::<BTreeSet<_>>()),
    };
    let scope = Scope { accounts, regions: None, from: settings.from, to: settings.to };
    let discovery = discover(&settings.events, &scope).map_err(Failure::usage)?;
    Ok((discovery, scope))
}

/// Phases of a run, with how long each took. A fixed clock fixes them too.
struct Clock {
    fixed: bool,
    timings: Vec<Timing>,
    started: Instant,
}

impl Clock {
    fn end_phase(&mut self, phase: &str) {
        let milliseconds = self.lap();
        self.timings.push(Timing { phase: phase.to_owned(), milliseconds });
    }

    fn lap(&mut self) -> u64 {
        let elapsed = self.started.elapsed();
        self.started = Instant::now();
        if self.fixed { 0 } else { u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// Everything but writing it down.
pub fn make_report(settings: &Settings, terminal: &Terminal) -> Result<Report, Failure> {
    let fixed = !matches!(settings.origin("today"), Origin::Default);
    let mut clock = Clock { fixed, timings: Vec::new(), started: Instant::now() };
    let catalog = Catalog::load(&settings.query_folders).map_err(Failure::usage)?;
    let queries = catalog.select(&settings.queries).map_err(Failure::usage)?;
    check(&queries)?;
    let perimeter = match &settings.perimeter {
        Some(path) => Perimeter::load(path).map_err(Failure::usage)?,
        None => Perimeter::empty(),
    };
    let inventory = match &settings.inventory {
        Some(folder) => Inventory::load(folder).map_err(Failure::usage)?,
        None => Inventory::empty(),
    };
    let accounts = organization_accounts(&inventory);
    let world =
        World { inventory: &inventory, perimeter: &perimeter, organization_accounts: &accounts, today: settings.today() };
    clock.end_phase("definitions");

    let (mut discovery, scope) = discover_files(settings)?;
    let files = Arc::new(std::mem::take(&mut discovery.files));
    let progress = Arc::new(Progress::default());
    let mut engine = LocalEngine::new(Arc::clone(&files), scope.clone(), engine_resources(settings), Arc::clone(&progress));
    clock.end_phase("files");

    let watch = terminal.watch("reading events", files.len(), &progress);
    let (accounts, results) =
        block_on(answer(&mut engine, &queries, accounts_of_folders(&files, settings), settings, world, &mut clock))??;
    drop(watch);
    let coverage = coverage(&engine, &discovery, settings)?;

    let mut rows_of_report = TableBuilder::new();
    let mut summaries = Vec::new();
    let mut hits: BTreeMap<String, ExceptionHits> = BTreeMap::new();
    for (query, result) in queries.iter().zip(results) {
        let summary = add_query(query, result, &mut rows_of_report, &mut hits);
        summaries.push(summary);
    }
    let findings = rows_of_report.finish();
    clock.end_phase("findings");

    let exceptions = exception_statuses(&perimeter, &hits, settings.today());
    let sample_records = if settings.sample_records { collect_samples(&files, &findings, terminal) } else { BTreeMap::new() };
    clock.end_phase("sample records");
    let observed = Observed {
        coverage: &coverage,
        queries: &queries,
        summaries: &summaries,
        inventory: &inventory,
        has_inventory: settings.inventory.is_some(),
        has_perimeter: settings.perimeter.is_some(),
        exceptions: &exceptions,
        accounts: &accounts,
        all_accounts: matches!(settings.accounts, Accounts::All),
    };
    let inputs = inputs(settings, &perimeter, &inventory);
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        run_id: identify(settings, &queries, &inputs, &coverage),
        title: settings.title.clone().unwrap_or_else(|| "Data perimeter dry run".to_owned()),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_at: settings.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        window: Window { from: settings.from.map(|day| day.to_string()), to: settings.to.map(|day| day.to_string()) },
        accounts: accounts
            .iter()
            .map(|id| AccountSummary {
                account_id: id.clone(),
                name: inventory.account(id).and_then(|account| account.name.clone()),
                organizational_unit: inventory.account(id).and_then(|account| account.organizational_unit_path.clone()),
            })
            .collect(),
        warnings: warnings(observed),
        queries: summaries,
        coverage,
        exceptions,
        inputs,
        timings: if fixed { Vec::new() } else { clock.timings },
        samples: sample_records,
    };
    Ok(Report { manifest, findings })
}

/// A query that breaks the rules of the catalog could give wrong answers: nothing is run then.
fn check(queries: &[&QuerySpec]) -> Result<(), Failure> {
    let found: Vec<String> =
        queries.iter().flat_map(|query| super::queries::lint_findings(query)).map(|finding| finding.to_string()).collect();
    if found.is_empty() { Ok(()) } else { Err(Failure::new(Outcome::Usage, found.join("\n"))) }
}

/// The answers to one query, from every account.
#[derive(Debug, Default)]
struct QueryResult {
    findings: Vec<Findings>,
    parameters: Vec<BoundParameter>,
    elapsed_ms: u64,
    max_rows: Option<u64>,
}

/// Runs and judges every query for every account. Gives the accounts too, which may only be known once the files are read.
async fn answer(
    engine: &mut LocalEngine,
    queries: &[&QuerySpec],
    known: Option<Vec<String>>,
    settings: &Settings,
    world: World<'_>,
    clock: &mut Clock,
) -> Result<(Vec<String>, Vec<QueryResult>), Failure> {
    let failed =
        |query: &QuerySpec, error: EngineError| Failure::new(Outcome::Unexpected, format!("query {}: {error}", query.name));
    let one_account = known.as_ref().is_some_and(|accounts| accounts.len() <= 1);
    let single = match queries {
        [query] => one_account || (known.is_some() && query.scope == QueryScope::Organization),
        _ => false,
    };
    if !single {
        // The values do not matter for what columns are read.
        let statements: Vec<Statement> =
            queries.iter().map(|query| bind(query, "000000000000", world)).collect::<Result<_, _>>()?;
        engine.prepare(&statements).await.map_err(|error| Failure::new(Outcome::Unexpected, error))?;
    }
    clock.end_phase("events");
    let accounts = match known {
        Some(accounts) => accounts,
        None => accounts_of_records(engine.coverage()),
    };
    let mut results = Vec::new();
    for query in queries {
        let mut result = QueryResult { max_rows: settings.max_rows, ..QueryResult::default() };
        let everyone = [String::new()];
        let judged_accounts = if query.scope == QueryScope::Account { accounts.as_slice() } else { &everyone };
        for account_id in judged_accounts {
            let statement = bind(query, account_id, world)?;
            let rows = engine.run(&statement).await.map_err(|error| failed(query, error))?;
            result.findings.extend(judge(query, account_id, rows, world)?);
            result.parameters.extend(statement.parameters.iter().map(|(name, value)| BoundParameter {
                account_id: account_id.clone(),
                name: name.clone(),
                value: value.clone(),
            }));
        }
        result.elapsed_ms = clock.lap();
        results.push(result);
    }
    clock.end_phase("queries");
    Ok((accounts, results))
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
pub(super) fn coverage(
    engine: &LocalEngine,
    discovery: &Discovery,
    settings: &Settings,
) -> Result<crate::report::model::Coverage, Failure> {
    let mut builder = engine.coverage().unwrap_or_default();
    for (reason, file) in &discovery.skipped {
        builder.skip(crate::events::coverage::Unit::File, reason, || file.clone());
    }
    if discovery.in_layout > 0 {
        builder.recognised("S3 layout: AWSLogs/…/<account>/CloudTrail/<region>/<year>/<month>/<day>");
    }
    let day = |date: Option<jiff::civil::Date>| {
        let midnight = date?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(time::day(midnight.timestamp().as_microsecond()))
    };
    let coverage = builder.finish((day(settings.from), day(settings.to)));
    if coverage.records == 0 {
        let mut message =
            format!("no record could be read: {} file(s) were found in {}", coverage.files, settings.events.join(", "));
        for skipped in &coverage.skipped {
            let example = skipped.examples.first().map(|example| format!(", such as {example}")).unwrap_or_default();
            message.push_str(&format!("\n  {} {}(s): {}{example}", skipped.count, skipped.unit, skipped.reason));
        }
        message.push_str(
            "\nName the folder that holds AWSLogs, or files of CloudTrail records; check --account, --from and --to.",
        );
        return Err(Failure::new(Outcome::NothingRead, message));
    }
    Ok(coverage)
}

/// Adds the findings of a query to the table: most calls first, then by every column, whatever the account.
fn add_query(
    query: &QuerySpec,
    result: QueryResult,
    table: &mut TableBuilder,
    hits: &mut BTreeMap<String, ExceptionHits>,
) -> QuerySummary {
    let mut not_provided = BTreeSet::new();
    let mut rows: Vec<(&Table, usize)> = Vec::new();
    let mut rows_left_out = 0;
    for findings in &result.findings {
        not_provided.extend(findings.not_provided.iter().cloned());
        for (id, hit) in &findings.exception_hits {
            let sum = hits.entry(id.clone()).or_default();
            sum.findings += hit.findings;
            sum.calls += hit.calls;
            sum.expired |= hit.expired;
        }
        let all = findings.table.rows();
        let kept = result.max_rows.and_then(|limit| usize::try_from(limit).ok()).map_or(all, |limit| limit.min(all));
        rows_left_out += (all - kept) as u64;
        // Rows of one account are sorted already.
        rows.extend((0..kept).map(|row| (&findings.table, row)));
    }
    rows.sort_by(|a, b| compare(*a, *b));
    let mut calls = 0;
    let first_row = table.rows();
    for (part, row) in &rows {
        calls += part.calls(*row);
        table.push(|spec| part.cell(spec.name, *row));
    }
    QuerySummary {
        name: query.name.clone(),
        title: query.title.clone(),
        description: query.description.clone(),
        perimeter: query.perimeter.as_str().to_owned(),
        policy_types: query.policy_types.iter().map(|policy| policy.as_str().to_owned()).collect(),
        sql: query.sql.trim().to_owned(),
        parameters: result.parameters,
        first_row,
        rows: rows.len(),
        calls,
        rows_left_out,
        not_provided: not_provided.into_iter().collect(),
        elapsed_ms: result.elapsed_ms,
    }
}

fn compare(a: (&Table, usize), b: (&Table, usize)) -> std::cmp::Ordering {
    let calls = b.0.calls(b.1).cmp(&a.0.calls(a.1));
    FINDING_COLUMNS
        .iter()
        .fold(calls, |order, spec| order.then_with(|| a.0.cell(spec.name, a.1).cmp(&b.0.cell(spec.name, b.1))))
}

fn exception_statuses(
    perimeter: &Perimeter,
    hits: &BTreeMap<String, ExceptionHits>,
    today: jiff::civil::Date,
) -> Vec<ExceptionStatus> {
    perimeter
        .exceptions
        .iter()
        .map(|exception| {
            let hit = hits.get(&exception.id).copied().unwrap_or_default();
            let status = if exception.is_expired(today) {
                "expired"
            } else if hit.findings > 0 {
                "applied"
            } else {
                "never_matched"
            };
            ExceptionStatus {
                id: exception.id.clone(),
                owner: exception.owner.clone(),
                reason: exception.reason.clone(),
                expires: exception.expires.map(|day| day.to_string()),
                status: status.to_owned(),
                findings: hit.findings,
                calls: hit.calls,
            }
        })
        .collect()
}

/// Sample records for the findings with the most calls of each query, from the files.
pub(super) fn collect_samples(files: &[SourceFile], findings: &Table, terminal: &Terminal) -> BTreeMap<String, String> {
    let mut by_calls: Vec<(u64, &str)> =
        (0..findings.rows()).filter_map(|row| Some((findings.calls(row), findings.text("sample_event_id", row)?))).collect();
    by_calls.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let mut wanted = BTreeSet::new();
    for (_, id) in by_calls {
        if wanted.len() == SAMPLES {
            break;
        }
        wanted.insert(id.to_owned());
    }
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let progress = Arc::new(Progress::default());
    let _watch = terminal.watch("reading sample records", files.len(), &progress);
    samples::collect(files, &wanted, &progress)
}

fn inputs(settings: &Settings, perimeter: &Perimeter, inventory: &Inventory) -> Vec<Input> {
    let mut inputs: Vec<Input> = settings
        .events
        .iter()
        .map(|location| Input { kind: "events".to_owned(), location: location.clone(), sha256: None, taken_at: None })
        .collect();
    if let Some(folder) = &settings.inventory {
        inputs.push(Input {
            kind: "inventory".to_owned(),
            location: folder.display().to_string(),
            sha256: Some(inventory.sha256.clone()),
            taken_at: inventory.taken_at.clone(),
        });
    }
    if let Some(path) = &settings.perimeter {
        inputs.push(Input {
            kind: "perimeter".to_owned(),
            location: path.display().to_string(),
            sha256: Some(perimeter.sha256.clone()),
            taken_at: None,
        });
    }
    if let Some(path) = &settings.file {
        inputs.push(Input { kind: "settings".to_owned(), location: path.display().to_string(), sha256: None, taken_at: None });
    }
    inputs
}

/// The same inputs give the same id: queries, parameters' sources, files' number and size, and the facts' hashes.
fn identify(
    settings: &Settings,
    queries: &[&QuerySpec],
    inputs: &[Input],
    coverage: &crate::report::model::Coverage,
) -> String {
    let mut parts = vec![
        env!("CARGO_PKG_VERSION").to_owned(),
        format!("{:?}..{:?}", settings.from, settings.to),
        settings.accounts.to_string(),
        settings.today().to_string(),
        format!("{} files, {} bytes, {} records", coverage.files, coverage.bytes, coverage.records),
    ];
    parts.extend(queries.iter().map(|query| query.sql.clone()));
    parts.extend(inputs.iter().map(|input| format!("{} {:?}", input.kind, input.sha256)));
    run_id(parts)
}
