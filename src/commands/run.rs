//! `palisade run`: events, inventory and perimeter in; a run folder with findings and reports out.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::answer::{Answers, NOT_COLLECTED, QueryResult, answers};
use super::engine::remote_engine;
use super::inventory_queries::{self, Calls};
use super::judge::{World, organization_accounts};
use super::output::{Terminal, write_out};
use super::warnings::{Observed, is_loss, outcome_of_accounts, warnings};
use super::{Failure, check_fail_on, check_output};
use crate::catalog::{Catalog, Over, QuerySpec};
use crate::cli::Global;
use crate::cli::run::RunArgs;
use crate::config::perimeter::Perimeter;
use crate::config::settings::{Accounts, Origin, Settings};
use crate::engine::RemoteEngine;
use crate::engine::local::Resources;
use crate::enrich::ExceptionHits;
use crate::events::files::{Discovery, Scope, SourceFile, discover};
use crate::events::s3::ObjectStore;
use crate::events::samples;
use crate::events::scan::Progress;
use crate::events::time;
use crate::inventory::Inventory;
use crate::inventory::resource_types::{ACCESS_ANALYZER_FINDING, SECURITY_HUB_FINDING};
use crate::outcome::Outcome;
use crate::report::model::{
    AccountSummary, ExceptionStatus, FINDING_COLUMNS, Input, Manifest, QuerySummary, Report, SCHEMA_VERSION, StatementSummary,
    Table, TableBuilder, Timing, Verdict, Window,
};
use crate::report::terminal;
use crate::run::{RunFolder, is_run, run_id};

/// Sample records that a report holds at most; those of findings with the most calls come first.
const SAMPLES: usize = 2_000;

/// The verdicts of `run` that `--fail-on` may name.
const GIVEN: [Verdict; 4] = [Verdict::CrossesPerimeter, Verdict::Undetermined, Verdict::ServiceOwned, Verdict::Excepted];

pub fn run(arguments: &RunArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let settings = super::athena::settings_of_run(arguments, global)?;
    let terminal = &terminal.at_most_as_loud_as(settings.quiet);
    check_output(&settings)?;
    check_fail_on(&settings, "run", &GIVEN)?;
    if arguments.dry_run {
        return super::dry_run::dry_run(&settings, terminal);
    }
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
    let missing = report.manifest.coverage.skipped.iter().any(|skipped| skipped.reason == NOT_COLLECTED);
    let found = if failing { Outcome::Findings } else { Outcome::Success };
    found
        .worst(if lost { Outcome::Partial } else { Outcome::Success })
        .worst(if missing { Outcome::AccountsMissing } else { Outcome::Success })
        .worst(outcome_of_accounts(&report.manifest.warnings))
}

/// Runs a future on the runtime of the program. There is one: what a remote engine has started goes on between two calls.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = match RUNTIME.get() {
        Some(runtime) => runtime,
        None => {
            let made = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::unexpected)?;
            RUNTIME.get_or_init(|| made)
        }
    };
    Ok(runtime.block_on(future))
}

pub fn engine_resources(settings: &Settings) -> Resources {
    let threads = settings.threads.or_else(|| std::thread::available_parallelism().ok());
    Resources {
        threads: threads.map_or(1, std::num::NonZeroUsize::get),
        memory_limit: usize::try_from(settings.memory_limit).unwrap_or(usize::MAX),
    }
}

/// The accounts and days that the settings ask for.
pub fn scope_of(settings: &Settings) -> Scope {
    let accounts = match &settings.accounts {
        Accounts::All => None,
        Accounts::Listed(ids) => Some(ids.iter().cloned().collect::<BTreeSet<_>>()),
    };
    Scope { accounts, regions: None, from: settings.from, to: settings.to }
}

/// The files of the events that the settings name, and what of them is wanted.
pub fn discover_files(settings: &Settings) -> Result<(Discovery, Scope), Failure> {
    if settings.events.is_empty() {
        return Err(Failure::new(
            Outcome::Usage,
            "no events are named; give a folder of CloudTrail with --events, or a settings file with --config",
        ));
    }
    let scope = scope_of(settings);
    let (in_buckets, local): (Vec<String>, Vec<String>) =
        settings.events.iter().cloned().partition(|location| location.starts_with("s3://"));
    if let Some(run) = local.iter().find(|location| is_run(Path::new(location))) {
        let message = format!(
            "{run} is the folder of a run, which holds a report and no events; give the logs that it was made of with --events, or make \
             its reports again with `palisade report render {run}`"
        );
        return Err(Failure::new(Outcome::Usage, message));
    }
    let mut discovery = discover(&local, &scope).map_err(Failure::usage)?;
    if !in_buckets.is_empty() {
        let store = ObjectStore::open(&settings.aws, &in_buckets, &scope).map_err(Failure::usage)?;
        discovery.add_objects(&store, &scope);
    }
    tracing::info!(
        files = discovery.files.len(),
        other_accounts = discovery.outside.accounts.files,
        other_days = discovery.outside.days.files,
        skipped = discovery.skipped.len(),
        "files of events found"
    );
    for (reason, file) in &discovery.skipped {
        tracing::debug!(file, reason, "file skipped");
    }
    Ok((discovery, scope))
}

/// Phases of a run, with how long each took. A fixed clock fixes them too.
#[derive(Debug)]
pub struct Clock {
    fixed: bool,
    pub(super) timings: Vec<Timing>,
    started: Instant,
    /// When the phase began: a fixed clock does not fix the log.
    phase_started: Instant,
}

impl Clock {
    pub(super) fn new(fixed: bool) -> Self {
        let now = Instant::now();
        Clock { fixed, timings: Vec::new(), started: now, phase_started: now }
    }

    pub fn end_phase(&mut self, phase: &str) {
        tracing::info!(phase, milliseconds = time::milliseconds(self.phase_started), "phase done");
        self.phase_started = Instant::now();
        let milliseconds = self.lap();
        self.timings.push(Timing { phase: phase.to_owned(), milliseconds });
    }

    /// Milliseconds since the last phase or lap; 0 for a fixed clock.
    pub fn lap(&mut self) -> u64 {
        let elapsed = time::milliseconds(self.started);
        self.started = Instant::now();
        if self.fixed { 0 } else { elapsed }
    }
}

/// Everything but writing it down.
pub fn make_report(settings: &Settings, terminal: &Terminal) -> Result<Report, Failure> {
    let remote = remote_engine(settings)?;
    make_report_on(remote.as_deref(), settings, terminal)
}

/// The same with an engine that is at hand; `None` is the embedded one.
pub fn make_report_on(remote: Option<&dyn RemoteEngine>, settings: &Settings, terminal: &Terminal) -> Result<Report, Failure> {
    let fixed = !matches!(settings.origin("today"), Origin::Default);
    let mut clock = Clock::new(fixed);
    let catalog = Catalog::load(&settings.query_folders).map_err(Failure::usage)?;
    let queries = catalog.select(&settings.queries).map_err(Failure::usage)?;
    // What others are joined with is read where there are events, and makes no findings of its own.
    let joined = catalog.joined_with(&queries).map_err(Failure::usage)?;
    check(&queries)?;
    check(&joined)?;
    let (of_inventory, mut of_events): (Vec<&QuerySpec>, Vec<&QuerySpec>) =
        queries.iter().copied().partition(|query| query.over == Over::Inventory);
    let perimeter = match &settings.perimeter {
        Some(path) => Perimeter::load(path).map_err(Failure::usage)?,
        None => Perimeter::empty(),
    };
    let inventory = match super::inventory::inventory_folder(settings, terminal)? {
        Some(folder) => Inventory::load(&folder).map_err(Failure::usage)?,
        None => Inventory::empty(),
    };
    // Without findings there is nothing to join calls with, and a pass to save.
    let has_findings = [ACCESS_ANALYZER_FINDING, SECURITY_HUB_FINDING].iter().any(|of| inventory.provides(of));
    if has_findings && (remote.is_some() || !settings.events.is_empty()) {
        of_events.extend(&joined);
    }
    let accounts = organization_accounts(&inventory);
    let world =
        World { inventory: &inventory, perimeter: &perimeter, organization_accounts: &accounts, today: settings.today() };
    tracing::info!(
        queries = queries.len(),
        over_events = of_events.len(),
        accounts_of_inventory = accounts.len(),
        perimeter = settings.perimeter.is_some(),
        "what to judge"
    );
    clock.end_phase("definitions");

    if of_events.is_empty() {
        return report_of_inventory(settings, &of_inventory, world, clock);
    }
    let Answers { accounts, results, coverage, coverage_known, files } =
        answers(&of_events, settings, world, remote, terminal, &mut clock)?;

    let mut results: BTreeMap<&str, QueryResult> = of_events.iter().map(|query| query.name.as_str()).zip(results).collect();
    let rows = results.iter_mut().filter_map(|(name, result)| Some(((*name).to_owned(), result.rows.take()?))).collect();
    let calls = Calls { rows, coverage: &coverage };
    for query in &of_inventory {
        results.insert(&query.name, answer_over_inventory(query, settings, world, Some(&calls), &mut clock)?);
    }
    let mut rows_of_report = TableBuilder::new();
    let mut summaries = Vec::new();
    let mut hits: BTreeMap<String, ExceptionHits> = BTreeMap::new();
    for query in &queries {
        let result = results.remove(query.name.as_str()).unwrap_or_default();
        let summary = add_query(query, result, &mut rows_of_report, &mut hits);
        summaries.push(summary);
    }
    let findings = rows_of_report.finish();
    tracing::info!(accounts = accounts.len(), findings = findings.rows(), records = coverage.records, "judged");
    clock.end_phase("findings");

    let exceptions = exception_statuses(&perimeter, &hits, settings.today());
    let sample_records = if settings.sample_records { collect_samples(&files, &findings, terminal) } else { BTreeMap::new() };
    clock.end_phase("sample records");
    let observed = Observed {
        coverage: &coverage,
        coverage_known,
        queries: &queries,
        summaries: &summaries,
        inventory: &inventory,
        has_inventory: settings.inventory.is_some(),
        has_perimeter: settings.perimeter.is_some(),
        exceptions: &exceptions,
        accounts: &accounts,
        asked: &settings.accounts,
        has_events: true,
    };
    let warnings = warnings(observed);
    let statements = remote.map(RemoteEngine::statements).unwrap_or_default();
    let parts = Parts { accounts, summaries, coverage, exceptions, warnings, samples: sample_records, statements };
    Ok(Report { manifest: manifest(settings, &queries, world, parts, clock), findings })
}

/// What a manifest is made of, besides what the user asked for.
struct Parts {
    accounts: Vec<String>,
    summaries: Vec<QuerySummary>,
    coverage: crate::report::model::Coverage,
    exceptions: Vec<ExceptionStatus>,
    warnings: Vec<crate::report::model::Warning>,
    samples: BTreeMap<String, String>,
    /// What a remote engine was asked, and what it cost.
    statements: Vec<StatementSummary>,
}

/// A run that needs no events: all of its queries are over the inventory.
fn report_of_inventory(
    settings: &Settings,
    queries: &[&QuerySpec],
    world: World<'_>,
    mut clock: Clock,
) -> Result<Report, Failure> {
    if world.inventory.describe().is_empty() {
        let message = "these queries are over the inventory; give the folder of a snapshot with --inventory";
        return Err(Failure::new(Outcome::Usage, message));
    }
    let accounts = match &settings.accounts {
        Accounts::All => world.organization_accounts.to_vec(),
        Accounts::Listed(ids) => ids.clone(),
    };
    let mut rows_of_report = TableBuilder::new();
    let mut hits: BTreeMap<String, ExceptionHits> = BTreeMap::new();
    let mut summaries = Vec::new();
    for query in queries {
        let result = answer_over_inventory(query, settings, world, None, &mut clock)?;
        summaries.push(add_query(query, result, &mut rows_of_report, &mut hits));
    }
    let coverage = crate::report::model::Coverage::default();
    let exceptions = exception_statuses(world.perimeter, &hits, settings.today());
    let observed = Observed {
        coverage: &coverage,
        coverage_known: true,
        queries,
        summaries: &summaries,
        inventory: world.inventory,
        has_inventory: true,
        has_perimeter: settings.perimeter.is_some(),
        exceptions: &exceptions,
        accounts: &accounts,
        asked: &settings.accounts,
        has_events: false,
    };
    let warnings = warnings(observed);
    let (samples, statements) = (BTreeMap::new(), Vec::new());
    let parts = Parts { accounts, summaries, coverage, exceptions, warnings, samples, statements };
    let findings = rows_of_report.finish();
    Ok(Report { manifest: manifest(settings, queries, world, parts, clock), findings })
}

fn answer_over_inventory(
    query: &QuerySpec,
    settings: &Settings,
    world: World<'_>,
    calls: Option<&Calls<'_>>,
    clock: &mut Clock,
) -> Result<QueryResult, Failure> {
    let accounts: Option<BTreeSet<String>> = match &settings.accounts {
        Accounts::All => None,
        Accounts::Listed(ids) => Some(ids.iter().cloned().collect()),
    };
    let started = Instant::now();
    let findings = inventory_queries::answer(query, world, accounts.as_ref(), calls)?;
    let rows: usize = findings.iter().map(|findings| findings.table.rows()).sum();
    tracing::debug!(query = query.name, rows, milliseconds = time::milliseconds(started), "answered over the inventory");
    Ok(QueryResult { findings, elapsed_ms: clock.lap(), max_rows: settings.max_rows, ..QueryResult::default() })
}

fn manifest(settings: &Settings, queries: &[&QuerySpec], world: World<'_>, parts: Parts, clock: Clock) -> Manifest {
    let Parts { accounts, summaries, coverage, exceptions, warnings, samples, statements } = parts;
    let inventory = world.inventory;
    let inputs = inputs(settings, world.perimeter, inventory, []);
    Manifest {
        schema_version: SCHEMA_VERSION,
        run_id: identify(settings, queries, &inputs, &coverage),
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
        warnings,
        queries: summaries,
        coverage,
        coverage_lines: Vec::new(),
        exceptions,
        inputs,
        timings: if clock.fixed { Vec::new() } else { clock.timings },
        samples,
        statements,
        impacts: Vec::new(),
    }
}

/// A query that breaks the rules of the catalog could give wrong answers: nothing is run then.
fn check(queries: &[&QuerySpec]) -> Result<(), Failure> {
    let found: Vec<String> =
        queries.iter().flat_map(|query| super::queries::lint_findings(query)).map(|finding| finding.to_string()).collect();
    if found.is_empty() { Ok(()) } else { Err(Failure::new(Outcome::Usage, found.join("\n"))) }
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
        counted_in: None,
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

/// What was read, with its hashes; `further` is what a command reads besides.
pub(super) fn inputs(
    settings: &Settings,
    perimeter: &Perimeter,
    inventory: &Inventory,
    further: impl IntoIterator<Item = Input>,
) -> Vec<Input> {
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
    inputs.extend(further);
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
