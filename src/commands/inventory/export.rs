//! `palisade inventory export`, and the snapshot that a run collects by itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use crate::aws::Sessions;
use crate::catalog::Catalog;
use crate::cli::Global;
use crate::cli::inventory::ExportArgs;
use crate::commands::output::{Terminal, print, printable};
use crate::commands::{Failure, settings};
use crate::config::settings::{Flags, Settings};
use crate::inventory::aws::cache::{Snapshot, fresh};
use crate::inventory::aws::{ALWAYS, CollectError, FindingsSource, Patience, Record, Request, USUAL, types_of_policy};
use crate::inventory::resource_types::{ACCESS_ANALYZER_FINDING, SECURITY_HUB_FINDING};
use crate::outcome::Outcome;
use crate::run::folder::INVENTORY;

pub(super) fn export(arguments: &ExportArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let folders: Vec<String> = arguments.query_folder.iter().map(|path| path.display().to_string()).collect();
    let flags = Flags::default()
        .list("inventory_types", &arguments.types)
        .list("query_folders", &folders)
        .one("aggregator", arguments.aggregator.as_ref())
        .one("external_access_findings", arguments.external_access_findings.as_ref())
        .one("inventory_max_age", arguments.max_age.as_ref());
    let settings = settings(&flags, global.config.as_deref())?;
    let mut types: BTreeSet<String> = settings.inventory_types.iter().cloned().collect();
    if !arguments.for_queries.is_empty() {
        types.extend(types_of_queries(&settings, &arguments.for_queries)?);
    }
    for path in &arguments.for_policy {
        types.extend(types_of_file(path)?);
    }
    if types.is_empty() {
        types = usual_types(&settings)?;
    }
    let request = Request { types, account_tags: arguments.account_tags, ..request(&settings) };
    // A file is made now unless somebody asked for less.
    let max_age = if arguments.max_age.is_some() { settings.inventory_max_age } else { SignedDuration::ZERO };
    let snapshot = obtain(&settings, &request, &arguments.output, max_age, terminal)?;
    print(&summary(&snapshot))?;
    tell(&snapshot.record, terminal);
    Ok(if snapshot.record.is_complete() { Outcome::Success } else { Outcome::Partial })
}

fn request(settings: &Settings) -> Request {
    Request {
        types: settings.inventory_types.iter().cloned().collect(),
        aggregator: settings.aggregator.clone(),
        findings: settings.external_access_findings,
        account_tags: false,
        patience: Patience::default(),
        now: settings.now,
    }
}

fn obtain(
    settings: &Settings,
    request: &Request,
    folder: &Path,
    max_age: SignedDuration,
    terminal: &Terminal,
) -> Result<Snapshot, Failure> {
    let sessions = Sessions::new(settings.aws.clone()).map_err(Failure::usage)?;
    terminal.note(&format!("inventory: {} types from AWS into {}", request.types.len(), folder.display()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::unexpected)?;
    let snapshot = runtime.block_on(async {
        tokio::select! {
            snapshot = fresh(request, &sessions, folder, max_age) => snapshot.map_err(|error| match error {
                CollectError::Nothing(_) => Failure::new(Outcome::NothingRead, error),
                CollectError::Write(error) => Failure::usage(error),
            }),
            // The folder in the making is removed; an earlier snapshot stays.
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Outcome::Interrupted, "interrupted; no snapshot was written")),
        }
    })?;
    tracing::info!(folder = %snapshot.folder.display(), used_again = snapshot.reused, "inventory snapshot");
    Ok(snapshot)
}

/// What was collected, one line per type.
fn summary(snapshot: &Snapshot) -> String {
    let record = &snapshot.record;
    let organization = record.organization_id.as_deref().unwrap_or("an unknown organization");
    let mut text = match snapshot.reused {
        true => format!("{}: snapshot of {organization} of {} is used again\n", snapshot.folder.display(), record.taken_at),
        false => format!("{}: snapshot of {organization}, {}\n", snapshot.folder.display(), record.taken_at),
    };
    let width = record.types.keys().map(String::len).max().unwrap_or_default();
    for (name, of_type) in &record.types {
        let state = match (of_type.provided, of_type.complete) {
            (true, true) => "",
            (true, false) => "  incomplete",
            (false, _) => "  not collected",
        };
        text.push_str(&format!("  {name:width$}  {:>9} rows{state}\n", of_type.rows));
    }
    text
}

/// What is missing, and what to do about it.
fn tell(record: &Record, terminal: &Terminal) {
    for gap in record.gaps() {
        terminal.warning(&gap);
    }
    let help: BTreeSet<&str> = record.errors.iter().map(|error| error.help.as_str()).filter(|help| !help.is_empty()).collect();
    for help in help {
        terminal.note(&format!("help: {}", printable(help)));
    }
}

/// The types that queries name, and those that decide who is inside.
fn types_of_queries<S: AsRef<str>>(settings: &Settings, names: &[S]) -> Result<BTreeSet<String>, Failure> {
    let catalog = Catalog::load(&settings.query_folders).map_err(Failure::usage)?;
    let queries = catalog.select(names).map_err(Failure::usage)?;
    let named = queries.iter().flat_map(|query| query.inventory.iter().cloned());
    // A source of findings that the settings do not choose is no gap; the queries over it say what they lack.
    let of_another_source = |name: &String| match settings.external_access_findings {
        FindingsSource::AccessAnalyzer => name == SECURITY_HUB_FINDING,
        FindingsSource::SecurityHub => name == ACCESS_ANALYZER_FINDING,
        FindingsSource::None => name == SECURITY_HUB_FINDING || name == ACCESS_ANALYZER_FINDING,
    };
    Ok(named.chain(ALWAYS.map(str::to_owned)).filter(|name| !of_another_source(name)).collect())
}

/// What every perimeter asks for, and what all queries name.
fn usual_types(settings: &Settings) -> Result<BTreeSet<String>, Failure> {
    let mut types = types_of_queries(settings, &["all"])?;
    types.extend(USUAL.map(str::to_owned));
    Ok(types)
}

fn types_of_file(path: &Path) -> Result<BTreeSet<String>, Failure> {
    let usage = |why: String| Failure::new(Outcome::Usage, format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| usage(format!("cannot be read: {error}")))?;
    let document = serde_json::from_str(&text).map_err(|error| usage(format!("is not valid JSON: {error}")))?;
    types_of_policy(&document).map_err(usage)
}

/// Where the snapshot of these settings lies, whether it is there or not.
pub(super) fn folder_of(settings: &Settings) -> Option<PathBuf> {
    if settings.inventory_is_aws() { Some(settings.output.join(INVENTORY)) } else { settings.inventory.clone() }
}

/// The folder of the snapshot that a run reads. Where the settings say `inventory: aws`, it is collected first, below the folder of
/// the run, unless one of the same configuration lies there that is young enough.
///
/// # Errors
/// When no source answers, or when the folder cannot be written. What is missing beside that is a warning, and in the snapshot.
pub fn inventory_folder(settings: &Settings, terminal: &Terminal) -> Result<Option<PathBuf>, Failure> {
    let Some(folder) = folder_of(settings) else { return Ok(None) };
    if settings.inventory_is_aws() {
        let mut request = request(settings);
        request.types.extend(types_of_queries(settings, &settings.queries)?);
        let snapshot = obtain(settings, &request, &folder, settings.inventory_max_age, terminal)?;
        tell(&snapshot.record, terminal);
    }
    Ok(Some(folder))
}
