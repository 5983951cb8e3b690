//! `palisade collect`: events in, a store of activity out.

use std::path::Path;
use std::sync::Arc;

use super::answer::nothing_read;
use super::engine::remote_engine;
use super::output::{Terminal, counted};
use super::run::{block_on, discover_files, engine_resources};
use super::warnings::is_loss;
use super::{Failure, settings};
use crate::activity::store::{Origin, Store, is_store};
use crate::activity::update::{Reading, update};
use crate::cli::Global;
use crate::cli::collect::CollectArgs;
use crate::config::settings::{Accounts, Flags, Settings};
use crate::engine::RemoteEngine;
use crate::engine::remote::{self, NotCollected, Wanted};
use crate::events::files::Scope;
use crate::events::scan::Progress;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::run::lock;

pub fn collect(arguments: &CollectArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let flags = Flags::default()
        .list("events", &arguments.events)
        .one("engine", arguments.engine.as_ref())
        .list("table_layouts", &arguments.table_layout)
        .one("inventory", path(&arguments.inventory))
        .list("accounts", &arguments.account)
        .one("from", arguments.from.as_ref())
        .one("to", arguments.to.as_ref())
        .one("today", arguments.today.as_ref())
        .one("activity_prefix_depth", arguments.prefix_depth.as_ref())
        .one("threads", arguments.threads.as_ref())
        .one("memory_limit", arguments.memory_limit.as_ref());
    let mut settings = settings(&flags, global.config.as_deref())?;
    settings.activity_store = Some(arguments.output.clone());
    let terminal = &terminal.at_most_as_loud_as(settings.quiet);
    if let Some(engine) = remote_engine(&settings)? {
        let inventory = match &settings.inventory {
            Some(folder) => Inventory::load(folder).map_err(Failure::usage)?,
            None => Inventory::empty(),
        };
        let accounts = accounts_of(&settings, &inventory)?;
        let (store, failed) = collect_from(engine.as_ref(), &settings, &accounts)?;
        for failed in &failed {
            terminal.warning(&format!("not collected: {failed}"));
        }
        say(&store, terminal, &format!("{} asked for", counted(accounts.len() as u64, "account")))?;
        return Ok(if failed.is_empty() { Outcome::Success } else { Outcome::AccountsMissing });
    }
    collect_from_files(&settings, terminal)
}

fn collect_from_files(settings: &Settings, terminal: &Terminal) -> Result<Outcome, Failure> {
    if let Some(store) = settings.events.iter().find(|location| is_store(Path::new(location))) {
        let message = format!(
            "{store} is a store of activity, which was collected already; give the logs with --events, or judge the store with \
             `palisade run --events {store}`"
        );
        return Err(Failure::new(Outcome::Usage, message));
    }
    let (discovery, scope) = discover_files(settings)?;
    let origin = Origin { kind: "files".to_owned(), locations: settings.events.clone() };
    lock::take(&settings.activity_folder()).map_err(Failure::usage)?;
    let mut store =
        Store::open_or_create(&settings.activity_folder(), origin, settings.activity_prefix_depth).map_err(Failure::usage)?;
    let outside = discovery.outside.clone();
    let progress = Arc::new(Progress::default());
    let resources = engine_resources(settings);
    let reading = Reading {
        scope: &scope,
        threads: resources.threads,
        memory_limit: resources.memory_limit,
        now: settings.now,
        progress: Arc::clone(&progress),
    };
    let watch = terminal.watch("reading events", discovery.files.len(), &progress);
    let updated = block_on(update(&mut store, discovery, &reading))?.map_err(Failure::unexpected)?;
    drop(watch);
    let did = format!(
        "{} read from {}, {} there already",
        counted(updated.days_read, "account-day"),
        counted(updated.files_read, "file"),
        updated.days_kept
    );
    let coverage = store.coverage(&Scope::default()).map_err(Failure::unexpected)?;
    if coverage.records == 0 {
        return Err(Failure::new(Outcome::NothingRead, nothing_read(&coverage, &outside, settings)));
    }
    let lost = say(&store, terminal, &did)?;
    Ok(if lost { Outcome::Partial } else { Outcome::Success })
}

/// Says what the store holds. `true` when something was lost on the way.
fn say(store: &Store, terminal: &Terminal, did: &str) -> Result<bool, Failure> {
    let days = || store.manifest.accounts.values().flat_map(|days| days.values());
    let (records, rows): (u64, u64) = (days().map(|day| day.records).sum(), days().map(|day| day.rows).sum());
    if records == 0 {
        return Err(Failure::new(Outcome::NothingRead, format!("no record could be read: {did}")));
    }
    terminal.note(&format!(
        "{did}; {} holds {} in {} of {}",
        store.folder().display(),
        counted(records, "record"),
        counted(rows, "row"),
        counted(store.manifest.accounts.len() as u64, "account")
    ));
    let coverage = store.coverage(&Scope::default()).map_err(Failure::unexpected)?;
    for skipped in &coverage.skipped {
        let example = skipped.examples.first().map(|example| format!(", such as {example}")).unwrap_or_default();
        terminal.warning(&format!("{} skipped: {}{example}", counted(skipped.count, &skipped.unit), skipped.reason));
    }
    Ok(coverage.skipped.iter().any(|skipped| is_loss(&skipped.reason)))
}

/// The accounts that a remote engine is asked for: the listed ones, or those of the inventory.
pub fn accounts_of(settings: &Settings, inventory: &Inventory) -> Result<Vec<String>, Failure> {
    let mut accounts: Vec<String> = match &settings.accounts {
        Accounts::Listed(ids) => ids.clone(),
        Accounts::All => inventory.accounts().map(|account| account.id.clone()).collect(),
    };
    accounts.sort();
    accounts.dedup();
    if accounts.is_empty() {
        let message = format!(
            "nobody says which accounts {} is to be asked for; list them with --account, or give an inventory with --inventory",
            settings.engine.name()
        );
        return Err(Failure::new(Outcome::Usage, message));
    }
    Ok(accounts)
}

/// The days that a remote engine is asked for.
pub fn window_of(settings: &Settings) -> Result<(jiff::civil::Date, jiff::civil::Date), Failure> {
    let Some(from) = settings.from else {
        let message = "a scan of all days would be paid for; say from which day with --from, such as --from -14d";
        return Err(Failure::new(Outcome::Usage, message));
    };
    Ok((from, settings.to.unwrap_or_else(|| settings.today())))
}

/// The store of a remote engine, filled with what it lacked, and what could not be had.
pub fn collect_from(
    engine: &dyn RemoteEngine,
    settings: &Settings,
    accounts: &[String],
) -> Result<(Store, Vec<NotCollected>), Failure> {
    let (from, to) = window_of(settings)?;
    let origin = Origin { kind: engine.name().to_owned(), locations: vec![engine.source()] };
    lock::take(&settings.activity_folder()).map_err(Failure::usage)?;
    let mut store =
        Store::open_or_create(&settings.activity_folder(), origin, settings.activity_prefix_depth).map_err(Failure::usage)?;
    let memory_limit = usize::try_from(settings.memory_limit).unwrap_or(usize::MAX);
    let wanted = Wanted { account_ids: accounts, from, to, now: settings.now, memory_limit };
    let parts = remote::missing_parts(&store, &wanted, engine);
    block_on(engine.check(&parts))?.map_err(|error| Failure::new(Outcome::Usage, error))?;
    let failed = block_on(remote::collect(engine, &mut store, &wanted))?.map_err(Failure::unexpected)?;
    if engine.is_interrupted() {
        return Err(Failure::new(Outcome::Interrupted, "interrupted; `--resume` goes on with what is finished"));
    }
    Ok((store, failed))
}
