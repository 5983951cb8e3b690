//! The activity of the accounts and days that the settings ask for, wherever the events are: what a replay reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Failure;
use super::answer::{coverage_of_files, note_missing, nothing_at_all, store_of_events};
use super::collect::{accounts_of, collect_from, window_of};
use super::output::Terminal;
use super::run::{block_on, discover_files, engine_resources, scope_of};
use crate::activity::rollup::Shape;
use crate::activity::rows::ActivityRows;
use crate::config::settings::Settings;
use crate::engine::RemoteEngine;
use crate::engine::local::LocalEngine;
use crate::events::files::Scope;
use crate::events::scan::Progress;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::report::model::Coverage;

/// Rows with every column, and what they were made of.
#[derive(Debug)]
pub struct Gathered {
    /// [`ActivityRows::batches`] reads them, in memory or from files.
    pub rows: ActivityRows,
    pub coverage: Coverage,
}

/// Gathers activity: from a store that the settings name, from files rolled up here in one scan, or from a remote engine by way of
/// its store.
///
/// # Errors
/// When nothing could be read, and when the settings do not say what to read.
pub fn gather(
    settings: &Settings,
    inventory: &Inventory,
    remote: Option<&dyn RemoteEngine>,
    terminal: &Terminal,
) -> Result<Gathered, Failure> {
    if let Some(engine) = remote {
        let accounts = accounts_of(settings, inventory)?;
        let (from, to) = window_of(settings)?;
        let (store, not_collected) = collect_from(engine, settings, &accounts)?;
        let accounts = Some(accounts.into_iter().collect());
        let scope = Scope { accounts, regions: None, from: Some(from), to: Some(to) };
        nothing_at_all(&not_collected, &store, &scope)?;
        let mut coverage = store.coverage(&scope).map_err(Failure::unexpected)?;
        let missing: BTreeSet<String> = not_collected.iter().map(ToString::to_string).collect();
        note_missing(&mut coverage, missing);
        return Ok(Gathered { rows: store.rows(&scope), coverage });
    }
    if let Some(store) = store_of_events(settings)? {
        let scope = scope_of(settings);
        let coverage = store.coverage(&scope).map_err(Failure::unexpected)?;
        if coverage.records == 0 {
            let message = format!("the store {} holds no record of these accounts and days", store.folder().display());
            return Err(Failure::new(Outcome::NothingRead, message));
        }
        return Ok(Gathered { rows: store.rows(&scope), coverage });
    }
    let (mut discovery, scope) = discover_files(settings)?;
    let files = Arc::new(std::mem::take(&mut discovery.files));
    let progress = Arc::new(Progress::default());
    let watch = terminal.watch("reading events", files.len(), &progress);
    let engine = LocalEngine::new(files, scope, engine_resources(settings), progress);
    let shape = Shape::whole(usize::from(settings.activity_prefix_depth));
    let rows = block_on(engine.roll_up(shape))?.map_err(Failure::unexpected)?;
    drop(watch);
    let coverage = coverage_of_files(&engine, &discovery, settings)?;
    Ok(Gathered { rows, coverage })
}
