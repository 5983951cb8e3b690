//! What commands do with Athena: connect, and go on with an interrupted run.

use super::run::block_on;
use super::{Failure, settings, settings_at};
use crate::cli::Global;
use crate::cli::run::RunArgs;
use crate::config::settings::Settings;
use crate::engine::athena::AthenaEngine;
use crate::engine::athena::ledger::{self, Kept, Ledger, State};
use crate::outcome::Outcome;
use crate::run::lock;

/// The settings of a run. One that is continued has the folder and the clock of the run that was interrupted, so that relative days
/// mean the same.
///
/// # Errors
/// When the settings are wrong, or there is no run to continue.
pub fn settings_of_run(arguments: &RunArgs, global: &Global) -> Result<Settings, Failure> {
    let flags = arguments.settings.flags(global);
    let Some(run) = &arguments.resume else { return settings(&flags, global.config.as_deref()) };
    let flags = flags.one("output", Some(run.display()));
    let first = settings(&flags, global.config.as_deref())?;
    let earlier = ledger::read(&first.activity_folder()).map_err(Failure::usage)?;
    let clock = earlier.now.parse().map_err(|_| {
        Failure::new(Outcome::Usage, format!("the ledger in {} has no time", first.activity_folder().display()))
    })?;
    let mut settings = settings_at(&flags, global.config.as_deref(), clock)?;
    settings.resume = true;
    Ok(settings)
}

/// Connects to Athena. The ledger of statements lies with the activity that they collect.
///
/// # Errors
/// When there is no ledger to go on with, another program works with it, or AWS refuses.
pub fn connect(settings: &Settings) -> Result<AthenaEngine, Failure> {
    let folder = settings.activity_folder();
    lock::take(&folder).map_err(Failure::usage)?;
    let ledger = if settings.resume {
        Kept::resume(&folder).map_err(Failure::usage)?
    } else {
        if ledger::read(&folder).is_ok_and(|earlier| is_unfinished(&earlier)) {
            tracing::warn!("an earlier run in {} was interrupted; `--resume` goes on with it", folder.display());
        }
        Kept::begin(&folder, &settings.now.to_string()).map_err(Failure::usage)?
    };
    let engine = connect_with(settings, ledger)?;
    engine.cancel_on_interrupt();
    Ok(engine)
}

/// The same with a ledger at hand.
///
/// # Errors
/// When AWS refuses.
pub fn connect_with(settings: &Settings, ledger: Kept) -> Result<AthenaEngine, Failure> {
    let depth = usize::from(settings.activity_prefix_depth);
    block_on(AthenaEngine::connect(settings, ledger, depth))?.map_err(|error| Failure::new(Outcome::Usage, error))
}

fn is_unfinished(ledger: &Ledger) -> bool {
    let last = ledger.statements.values().filter_map(|entry| entry.attempts.last());
    last.into_iter().any(|last| matches!(last.state, State::Planned | State::Started | State::Interrupted))
}
