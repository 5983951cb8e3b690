//! `palisade whatif`: events, inventory and candidate policies in; a run folder with what they would break out.

mod coverage;
mod describe;
mod impact;
mod open;
mod refined;
mod summary;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering as AtomicOrdering};
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::{coverage_of_files, store_of_events};
use super::candidates::read_plan;
use super::output::{Terminal, write_out};
use super::run::{Clock, block_on, collect_samples, discover_files, engine_resources, inputs, scope_of};
use super::warnings::{Observed, is_loss, outcome_of_accounts, warnings};
use super::{Failure, check_fail_on, check_output, settings};
use crate::activity::collect::{RolledUp, regroup};
use crate::activity::rollup::Shape;
use crate::activity::rows::{ActivityRows, Part};
use crate::cli::Global;
use crate::cli::whatif::{Assumption, WhatifArgs};
use crate::config::perimeter::Perimeter;
use crate::config::settings::{Origin, Settings};
use crate::engine::local::LocalEngine;
use crate::enrich::{self, Context, StepPlan};
use crate::events::files::SourceFile;
use crate::events::scan::Progress;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::policy::check::check_services;
use crate::policy::diagnostic::Severity as FindingSeverity;
use crate::replay::candidate::{Plan, Scenario};
use crate::replay::outcome::Outcome as Fate;
use crate::replay::recorded::{NotRecorded, not_recorded};
use crate::replay::refine::select::Legitimate;
use crate::replay::refine::{Denied, Refinement, refine};
use crate::replay::rows::{Key, Sum, frame};
use crate::replay::sweep::{Swept, sweep};
use crate::replay::{Assumptions, Call, Lineage, ServiceFacts, World};
use crate::report::model::{
    AccountSummary, BoundParameter, ColumnSpec, Coverage, FINDING_COLUMNS, Input, Manifest, QuerySummary, Report,
    SCHEMA_VERSION, Severity, Table, TableBuilder, Verdict, Warning, Window,
};
use crate::report::summary::verdict_of;
use crate::run::{RunFolder, run_id};

/// The folder for runs where no setting says otherwise.
const DEFAULT_OUTPUT: &str = "palisade-whatif";

pub fn whatif(arguments: &WhatifArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut settings = settings(&arguments.flags(global), global.config.as_deref())?;
    match settings.origin("output") {
        Origin::Default => settings.output = DEFAULT_OUTPUT.into(),
        // The settings file is shared with `run`, whose report must stay.
        Origin::File { .. } => settings.output = beside(&settings.output),
        Origin::Flag(_) | Origin::Environment(_) => {}
    }
    check_output(&settings)?;
    check_fail_on(&settings, "whatif", &[Verdict::Denied, Verdict::Undetermined])?;
    let terminal = &terminal.at_most_as_loud_as(settings.quiet);
    let inventory = match &settings.inventory {
        Some(folder) => Inventory::load(folder).map_err(Failure::usage)?,
        None => Inventory::empty(),
    };
    // What is wrong with the policies shows before a log is read.
    let plan = read_plan(&arguments.candidates, &inventory)?;
    // Newer facts may know what these call unknown.
    note_doubts(&plan, arguments.service_facts.is_none().then(ServiceFacts::embedded), terminal);
    legitimate(arguments)?;
    if let Some(path) = &arguments.refined {
        refined::may_write(path, arguments.force, &settings.output)?;
    }
    let replayed = replay(arguments, &settings, &inventory, &plan, terminal)?;
    if let Some(path) = &arguments.refined {
        refined::write(path, replayed.refinements.values(), terminal)?;
    }
    let folder = RunFolder::create(&settings.output).map_err(Failure::usage)?;
    let formats: Vec<_> = settings.formats.iter().map(|format| super::report::format(*format)).collect();
    let rendered = folder.write(&replayed.report, &formats).map_err(Failure::unexpected)?;
    for failed in &rendered.failed {
        terminal.error(&Failure::unexpected(failed).message);
    }
    if terminal.wants_summary() {
        let paths: Vec<_> = rendered.written.iter().map(|written| written.path.clone()).collect();
        write_out(|out| summary::write(&replayed.report.manifest, &paths, terminal.color(), terminal.width(), out))?;
    }
    let outcome = outcome(&settings, &replayed);
    Ok(outcome.worst(if rendered.failed.is_empty() { Outcome::Success } else { Outcome::Partial }))
}

/// The folder beside that of `run`: `palisade-report-whatif` for `palisade-report`.
fn beside(output: &Path) -> PathBuf {
    match output.file_name() {
        Some(name) => {
            let mut name = name.to_owned();
            name.push("-whatif");
            output.with_file_name(name)
        }
        None => output.join(DEFAULT_OUTPUT),
    }
}

/// Says what is doubtful in the policies, such as an action that there is not: it denies nothing. What is only worth knowing is left
/// to `palisade policy check`.
pub fn note_doubts(plan: &Plan, facts: Option<&ServiceFacts>, terminal: &Terminal) {
    for candidate in plan.scenarios.iter().take(plan.changes()).flat_map(Scenario::candidates) {
        let of_services = facts.map(|facts| check_services(&candidate.document, facts)).unwrap_or_default();
        let doubts = candidate.doubts.iter().chain(&of_services);
        for doubt in doubts.filter(|doubt| doubt.severity != FindingSeverity::Note) {
            terminal.note(&doubt.display(&candidate.document.source).to_string());
        }
    }
}

/// What a replay gives.
pub struct Replayed {
    pub report: Report,
    pub swept: Vec<Swept>,
    /// By the number of the scenario.
    pub refinements: BTreeMap<usize, Refinement>,
}

/// How the run ends, by what was read and found. With several changes only all of them together count.
fn outcome(settings: &Settings, replayed: &Replayed) -> Outcome {
    let lost = replayed.report.manifest.coverage.skipped.iter().any(|skipped| is_loss(&skipped.reason));
    let failing = replayed
        .swept
        .last()
        .is_some_and(|swept| swept.calls.iter().any(|(fate, calls)| *calls > 0 && settings.fail_on.contains(&fate.verdict())));
    let found = if failing { Outcome::Findings } else { Outcome::Success };
    found
        .worst(if lost { Outcome::Partial } else { Outcome::Success })
        .worst(outcome_of_accounts(&replayed.report.manifest.warnings))
}

fn replay(
    arguments: &WhatifArgs,
    settings: &Settings,
    inventory: &Inventory,
    plan: &Plan,
    terminal: &Terminal,
) -> Result<Replayed, Failure> {
    let fixed = !matches!(settings.origin("today"), Origin::Default);
    let mut clock = Clock::new(fixed);
    let perimeter = match &settings.perimeter {
        Some(path) => Perimeter::load(path).map_err(Failure::usage)?,
        None => Perimeter::empty(),
    };
    let loaded;
    let facts = match &arguments.service_facts {
        Some(path) => {
            loaded = ServiceFacts::load(path).map_err(Failure::usage)?;
            &loaded
        }
        None => ServiceFacts::embedded(),
    };
    clock.end_phase("definitions");

    let Loaded { calls, coverage, files } = load(settings, terminal)?;
    let calls = in_order(&calls);
    clock.end_phase("events");

    let lineage = Lineage::of(calls.iter().copied());
    let mut world = World::new(facts, inventory, &lineage);
    world.assumptions = Assumptions { secure_transport: arguments.assume.contains(&Assumption::SecureTransport) };
    let threads = engine_resources(settings).threads;
    let legitimate = legitimate(arguments)?;
    let denied: Mutex<Vec<(usize, Denied)>> = Mutex::default();
    let swept = sweep(plan, &calls, &world, threads, &|number, call, judged| {
        if arguments.refine
            && let Some(found) = Denied::of(call, judged, &legitimate)
        {
            denied.lock().unwrap_or_else(PoisonError::into_inner).push((number, found));
        }
    });
    clock.end_phase("replay");
    let mut denied = denied.into_inner().unwrap_or_else(PoisonError::into_inner);
    denied.sort_by(|a, b| (a.0, &a.1.call.event_id).cmp(&(b.0, &b.1.call.event_id)));
    let refinements = refinements(plan, denied, &world, inventory);
    if arguments.refine {
        clock.end_phase("refinement");
    }

    let mut table = TableBuilder::new();
    let mut summaries = Vec::new();
    let mut impacts = Vec::new();
    let last = plan.scenarios.len().saturating_sub(1);
    for (number, (scenario, swept)) in plan.scenarios.iter().zip(&swept).enumerate() {
        let context = Described { settings, inventory, perimeter: &perimeter };
        let (denied, rest): (Vec<_>, Vec<_>) =
            swept.rows.sorted().into_iter().partition(|(key, _)| key.outcome == Fate::AlreadyDenied);
        let mut summary = add_rows(&query_name(scenario), &rest, scenario, context, &mut table)?;
        summary.title = scenario.title.clone();
        let mut impact = impact::impact(&summary.name, scenario, swept, inventory, &coverage, facts, refinements.get(&number));
        impact.in_totals = number == last;
        summary.description = describe::scenario(scenario, &impact);
        impacts.push(impact);
        // The last scenario is all changes together: it lists the calls of each alone once more.
        let all = plan.scenarios.last().map(query_name);
        summary.counted_in = all.filter(|_| number != last);
        summary.sql = describe::policies(scenario);
        summary.parameters = arguments
            .candidates
            .set
            .iter()
            .filter_map(|set| set.split_once('='))
            .map(|(name, value)| BoundParameter { account_id: String::new(), name: name.to_owned(), value: value.to_owned() })
            .collect();
        summaries.push(summary);
        if number == last && !denied.is_empty() {
            let name = format!("whatif:{}:denied-already", scenario.name);
            let mut summary = add_rows(&name, &denied, scenario, context, &mut table)?;
            summary.title = "Calls that were denied already".to_owned();
            summary.description = describe::denied_already(&denied);
            summaries.push(summary);
        }
    }
    let findings = table.finish();
    clock.end_phase("findings");

    let samples =
        if settings.sample_records { collect_samples(&files, &interesting(&findings), terminal) } else { BTreeMap::new() };
    clock.end_phase("sample records");
    let unrecorded: Vec<NotRecorded> = plan
        .scenarios
        .iter()
        .take(plan.changes())
        .flat_map(|scenario| scenario.candidates().map(move |candidate| (scenario, candidate)))
        .flat_map(|(scenario, candidate)| not_recorded(candidate, scenario, inventory, &coverage, facts))
        .collect();
    let accounts: Vec<String> = coverage
        .streams
        .iter()
        .map(|stream| stream.account_id.clone())
        .filter(|id| id != "unknown")
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut warned = warnings(Observed {
        coverage: &coverage,
        coverage_known: true,
        queries: &[],
        summaries: &summaries,
        inventory,
        has_inventory: settings.inventory.is_some(),
        has_perimeter: settings.perimeter.is_some(),
        exceptions: &[],
        accounts: &accounts,
        asked: &settings.accounts,
        has_events: true,
    });
    warned.extend(own_warnings(plan));
    coverage::warnings(&unrecorded, &mut warned, plan);
    warned.sort_by_key(|warning| warning.severity);
    let inputs = inputs(settings, &perimeter, inventory, policies_of(plan));
    let window = Window { from: settings.from.map(|day| day.to_string()), to: settings.to.map(|day| day.to_string()) };
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        run_id: identify(settings, &inputs, &coverage, plan),
        title: settings.title.clone().unwrap_or_else(|| describe::title(plan)),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_at: settings.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        coverage_lines: coverage::lines(&coverage, &window, inventory, &unrecorded),
        window,
        accounts: accounts
            .iter()
            .map(|id| AccountSummary {
                account_id: id.clone(),
                name: inventory.account(id).and_then(|account| account.name.clone()),
                organizational_unit: inventory.account(id).and_then(|account| account.organizational_unit_path.clone()),
            })
            .collect(),
        warnings: warned,
        queries: summaries,
        coverage,
        exceptions: Vec::new(),
        inputs,
        timings: if fixed { Vec::new() } else { clock.timings },
        samples,
        statements: Vec::new(),
        impacts,
    };
    Ok(Replayed { report: Report { manifest, findings }, swept, refinements })
}

/// The query that holds the findings of a scenario.
fn query_name(scenario: &Scenario) -> String {
    format!("whatif:{}", scenario.name)
}

/// The marks of `--legitimate`; without any, every newly denied call.
fn legitimate(arguments: &WhatifArgs) -> Result<Vec<Legitimate>, Failure> {
    if arguments.legitimate.is_empty() {
        return Ok(vec![Legitimate::All]);
    }
    arguments.legitimate.iter().map(|given| Legitimate::parse(given)).collect::<Result<_, _>>().map_err(Failure::usage)
}

/// The best change of each policy that is attached, by the number of its scenario.
fn refinements(
    plan: &Plan,
    denied: Vec<(usize, Denied)>,
    world: &World<'_>,
    inventory: &Inventory,
) -> BTreeMap<usize, Refinement> {
    let mut of_scenario: BTreeMap<usize, Vec<Denied>> = BTreeMap::new();
    for (number, denied) in denied {
        of_scenario.entry(number).or_default().push(denied);
    }
    let mut found = BTreeMap::new();
    for (number, scenario) in plan.scenarios.iter().enumerate() {
        let denied = of_scenario.remove(&number).unwrap_or_default();
        if let Some(refinement) = refine(plan, scenario, &denied, world, inventory) {
            found.insert(number, refinement);
        }
    }
    found
}

/// The distinct calls among rows, in no order.
fn calls_of(rows: &ActivityRows, threads: usize) -> Result<Vec<Vec<Call>>, Failure> {
    let next = AtomicUsize::new(0);
    let of_part = |part: &Part| -> Result<Vec<Vec<Call>>, Failure> {
        let batches = part.open_as_held(Call::COLUMNS).map_err(Failure::unexpected)?;
        batches.map(|batch| Call::from_batch(&batch.map_err(Failure::unexpected)?).map_err(Failure::unexpected)).collect()
    };
    let calls: Mutex<Vec<Result<Vec<Vec<Call>>, Failure>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(part) = rows.parts().get(next.fetch_add(1, AtomicOrdering::Relaxed)) {
                    let of_part = of_part(part);
                    calls.lock().unwrap_or_else(PoisonError::into_inner).push(of_part);
                }
            });
        }
    });
    let calls: Result<Vec<_>, Failure> = calls.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
    Ok(calls?.into_iter().flatten().collect())
}

/// The first made first: the same calls in the same order, whatever the order in which they were read.
fn in_order(calls: &[Vec<Call>]) -> Vec<&Call> {
    let mut calls: Vec<&Call> = calls.iter().flatten().collect();
    calls.sort_unstable_by(|a, b| (a.first_seen, &a.event_id).cmp(&(b.first_seen, &b.event_id)).then_with(|| a.cmp(b)));
    calls
}

/// The calls, what they were read from, and how well it covers the window.
struct Loaded {
    /// Some by some, in no order.
    calls: Vec<Vec<Call>>,
    coverage: Coverage,
    files: Arc<Vec<SourceFile>>,
}

/// Reads the calls, from logs or from a store of activity.
fn load(settings: &Settings, terminal: &Terminal) -> Result<Loaded, Failure> {
    if let Some(store) = store_of_events(settings)? {
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
        let job = engine_resources(settings).job(Shape::exact(Call::COLUMNS));
        let rows = regroup(store.rows(&scope).parts(), &job).and_then(RolledUp::into_rows).map_err(Failure::unexpected)?;
        return Ok(Loaded { calls: calls_of(&rows, job.threads)?, coverage, files: Arc::default() });
    }
    let (mut discovery, scope) = discover_files(settings)?;
    let files = Arc::new(std::mem::take(&mut discovery.files));
    let progress = Arc::new(Progress::default());
    let engine = LocalEngine::new(Arc::clone(&files), scope, engine_resources(settings), Arc::clone(&progress));
    let watch = terminal.watch("reading events", files.len(), &progress);
    // Records are dropped as they are read, so that only what differs is held.
    let rows = block_on(engine.roll_up(Shape::exact(Call::COLUMNS)))?.map_err(Failure::unexpected)?;
    drop(watch);
    let calls = calls_of(&rows, engine_resources(settings).threads)?;
    let coverage = coverage_of_files(&engine, &discovery, settings)?;
    Ok(Loaded { calls, coverage, files })
}

/// What joins facts to rows.
#[derive(Clone, Copy)]
struct Described<'a> {
    settings: &'a Settings,
    inventory: &'a Inventory,
    perimeter: &'a Perimeter,
}

/// Adds rows to the table of findings: what breaks first, then most calls, then by every column.
fn add_rows(
    query: &str,
    rows: &[(&Key, &Sum)],
    scenario: &Scenario,
    context: Described<'_>,
    table: &mut TableBuilder,
) -> Result<QuerySummary, Failure> {
    let fallback = describe::perimeter(scenario);
    let mut parts: BTreeMap<(&str, &str), Vec<(&Key, &Sum)>> = BTreeMap::new();
    for (key, sum) in rows {
        let account = key.field("account_id").unwrap_or_default();
        // A statement that asks about no perimeter is about none, also when the other changes are about one.
        let otherwise = if key.statement.is_some() { "none" } else { fallback };
        parts.entry((sum.perimeter.unwrap_or(otherwise), account)).or_default().push((key, sum));
    }
    let every: Vec<String> = enrich::step_names().0.iter().map(|name| (*name).to_owned()).collect();
    let mut tables: Vec<Table> = Vec::new();
    for ((perimeter, account_id), rows) in &parts {
        let plan = StepPlan {
            query,
            perimeter,
            enrich: &every,
            exclude: &[],
            finding: "",
            inventory: &[],
            organization_wide: true,
            over_inventory: false,
        };
        let (frame, said) = frame(rows).map_err(Failure::unexpected)?;
        let today = context.settings.today();
        let context = Context { inventory: context.inventory, perimeter: context.perimeter, account_id, today };
        let described = enrich::describe(&frame, &plan, &context, said).map_err(Failure::unexpected)?;
        tables.push(enrich::to_table(&described).map_err(Failure::unexpected)?);
    }
    let mut order: Vec<(&Table, usize)> =
        tables.iter().flat_map(|table| (0..table.rows()).map(move |row| (table, row))).collect();
    order.sort_by(|a, b| {
        let columns = FINDING_COLUMNS.iter().filter(|spec| spec.name != "finding_id");
        let by_cell = |spec: &ColumnSpec| a.0.cell(spec.name, a.1).cmp(&b.0.cell(spec.name, b.1));
        let verdict = |(table, row): (&Table, usize)| verdict_of(table.text("verdict", row));
        verdict(*a)
            .cmp(&verdict(*b))
            .then_with(|| b.0.calls(b.1).cmp(&a.0.calls(a.1)))
            .then_with(|| columns.map(by_cell).find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
    });
    let first_row = table.rows();
    let mut calls = 0_u64;
    for (part, row) in &order {
        calls = calls.saturating_add(part.calls(*row));
        table.push(|spec| part.cell(spec.name, *row));
    }
    Ok(QuerySummary {
        name: query.to_owned(),
        perimeter: fallback.to_owned(),
        policy_types: describe::policy_types(scenario),
        first_row,
        rows: order.len(),
        calls,
        ..QuerySummary::default()
    })
}

/// The findings that deserve a sample record.
fn interesting(findings: &Table) -> Table {
    let mut table = TableBuilder::new();
    for row in 0..findings.rows() {
        if matches!(findings.text("verdict", row), Some("denied" | "undetermined" | "information")) {
            table.push(|spec| findings.cell(spec.name, row));
        }
    }
    table.finish()
}

fn own_warnings(plan: &Plan) -> Vec<Warning> {
    let mut own: Vec<Warning> = plan
        .notes
        .iter()
        .map(|note| Warning {
            severity: Severity::Notice,
            code: "baseline-not-known".to_owned(),
            message: format!("{note}."),
            help: Some("Add it to the inventory; docs/inventory.md lists the AWS CLI commands that fill it.".to_owned()),
        })
        .collect();
    for candidate in plan.scenarios.iter().take(plan.changes()).flat_map(Scenario::candidates) {
        let refused = candidate.doubts.iter().filter(|doubt| doubt.severity == FindingSeverity::Error);
        own.extend(refused.map(|doubt| Warning {
            severity: Severity::Blind,
            code: "policy-refused".to_owned(),
            message: format!("AWS refuses {}: {}.", candidate.document.source.name(), doubt.message),
            help: doubt.help.clone(),
        }));
    }
    own
}

fn policies_of(plan: &Plan) -> impl Iterator<Item = Input> {
    plan.scenarios.iter().take(plan.changes()).flat_map(Scenario::candidates).map(|candidate| Input {
        kind: "policy".to_owned(),
        location: candidate.document.source.name().to_owned(),
        sha256: Some(describe::sha256(candidate.document.source.text())),
        taken_at: None,
    })
}

/// The same inputs give the same id.
fn identify(settings: &Settings, inputs: &[Input], coverage: &Coverage, plan: &Plan) -> String {
    let mut parts = vec![
        env!("CARGO_PKG_VERSION").to_owned(),
        "whatif".to_owned(),
        format!("{:?}..{:?}", settings.from, settings.to),
        settings.accounts.to_string(),
        settings.today().to_string(),
        format!("{} files, {} bytes, {} records", coverage.files, coverage.bytes, coverage.records),
    ];
    parts.extend(plan.scenarios.iter().map(|scenario| format!("{} {}", scenario.name, scenario.title)));
    parts.extend(inputs.iter().map(|input| format!("{} {:?}", input.kind, input.sha256)));
    run_id(parts)
}
