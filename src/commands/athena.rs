//! What commands do with Athena: connect, go on with an interrupted run, show the plan.

use std::path::Path;

use super::Failure;
use super::output::Terminal;
use crate::config::settings::{Accounts, Settings};
use crate::engine::Part;
use crate::engine::athena::AthenaEngine;
use crate::engine::athena::ledger::{self, Kept, State};
use crate::inventory::Inventory;
use crate::outcome::Outcome;

/// Connects to Athena. The ledger of statements lies in `folder`; with `resume` it is continued.
///
/// # Errors
/// When there is no ledger to go on with, or AWS refuses.
pub async fn connect(
    settings: &Settings,
    folder: &Path,
    prefix_segments: usize,
    resume: bool,
    terminal: &Terminal,
) -> Result<AthenaEngine, Failure> {
    let ledger = if resume {
        Kept::resume(folder).map_err(Failure::usage)?
    } else {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::new(Outcome::Usage, format!("cannot create {}: {error}", folder.display())))?;
        if let Ok(earlier) = ledger::read(folder)
            && unfinished(&earlier)
        {
            terminal.warning("an earlier run here was interrupted; `--resume` goes on with it without paying again");
        }
        Kept::begin(folder, &settings.now.to_string()).map_err(Failure::usage)?
    };
    let engine =
        AthenaEngine::connect(settings, ledger, prefix_segments).await.map_err(|error| Failure::new(Outcome::Usage, error))?;
    engine.cancel_on_interrupt();
    Ok(engine)
}

fn unfinished(ledger: &ledger::Ledger) -> bool {
    ledger
        .statements
        .values()
        .filter_map(|entry| entry.attempts.last())
        .any(|last| matches!(last.state, State::Planned | State::Started | State::Interrupted))
}

/// The moment that counted as now in the run whose ledger lies in `folder`.
///
/// # Errors
/// When there is no ledger.
pub fn clock_of(folder: &Path) -> Result<jiff::Timestamp, Failure> {
    let ledger = ledger::read(folder).map_err(Failure::usage)?;
    ledger.now.parse().map_err(|_| Failure::new(Outcome::Usage, format!("the ledger in {} has no time", folder.display())))
}

/// The accounts and days that a remote engine is asked for: those of the settings, else all accounts of the organization. The last
/// day is yesterday unless the settings say otherwise: today is not over.
///
/// # Errors
/// When nobody says which accounts or which first day.
pub fn part(settings: &Settings, inventory: &Inventory) -> Result<Part, Failure> {
    let mut account_ids = match &settings.accounts {
        Accounts::Listed(ids) => ids.clone(),
        Accounts::All => super::judge::organization_accounts(inventory).to_vec(),
    };
    account_ids.sort();
    account_ids.dedup();
    if account_ids.is_empty() {
        return Err(Failure::new(
            Outcome::Usage,
            "which accounts? A table cannot be asked for all that it holds: name them with --account, or give an inventory that lists \
             the accounts of the organization",
        ));
    }
    let Some(from) = settings.from else {
        return Err(Failure::new(
            Outcome::Usage,
            "since which day? A scan of everything that a table holds is never meant: give --from, such as `--from -14d`",
        ));
    };
    let yesterday = settings.today().yesterday().unwrap_or_else(|_| settings.today());
    let to = settings.to.unwrap_or_else(|| yesterday.max(from));
    Ok(Part { account_ids, from, to })
}
