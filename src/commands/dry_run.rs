//! `palisade run --dry-run`: what would be asked of Athena, and what that would cost. Nothing is started.

use std::fmt::Write as _;

use super::Failure;
use super::collect::{accounts_of, window_of};
use super::output::{Terminal, counted, print};
use super::run::block_on;
use crate::activity::store::Store;
use crate::config::settings::{EngineName, Settings};
use crate::engine::athena::cost::{self, bytes_text};
use crate::engine::athena::ledger::Kept;
use crate::engine::athena::{AthenaEngine, Planned};
use crate::engine::remote::{Wanted, missing_parts};
use crate::engine::{Part, RemoteEngine as _};
use crate::inventory::Inventory;
use crate::outcome::Outcome;

/// Prints the plan of the run that the settings ask for.
///
/// # Errors
/// When the settings ask for another engine, or AWS refuses.
pub fn dry_run(settings: &Settings, terminal: &Terminal) -> Result<Outcome, Failure> {
    if settings.engine != EngineName::Athena {
        let message = format!("--dry-run tells what Athena would cost, and the engine is {}", settings.engine.name());
        return Err(Failure::new(Outcome::Usage, message));
    }
    let inventory = match super::inventory::inventory_folder(settings, terminal)? {
        Some(folder) => Inventory::load(&folder).map_err(Failure::usage)?,
        None => Inventory::empty(),
    };
    let account_ids = accounts_of(settings, &inventory)?;
    let (from, to) = window_of(settings)?;
    let engine = super::athena::connect_with(settings, Kept::for_nothing().map_err(Failure::usage)?)?;
    // What the store has already is not read again.
    let parts = match Store::open(&settings.activity_folder()) {
        Ok(store) => {
            let wanted = Wanted { account_ids: &account_ids, from, to, now: settings.now, memory_limit: 0 };
            missing_parts(&store, &wanted, &engine)
        }
        Err(_) => account_ids
            .chunks(engine.accounts_at_once(account_ids.len()).max(1))
            .map(|account_ids| Part { account_ids: account_ids.to_vec(), from, to })
            .collect(),
    };
    let price = settings.athena.micro_dollars_per_terabyte;
    let (text, outcome) = block_on(plan(&engine, &parts, settings.max_scan, price))??;
    print(&text)?;
    Ok(outcome)
}

/// The plan of a run over parts, as text. The text of statements that differ only in their values stands there once.
///
/// # Errors
/// When a statement cannot be made, or the objects cannot be listed.
pub async fn plan(
    engine: &AthenaEngine,
    parts: &[Part],
    max_scan: Option<u64>,
    price: u64,
) -> Result<(String, Outcome), Failure> {
    let failed = |error: crate::engine::EngineError| Failure::new(Outcome::Unexpected, error);
    let mut statements = Vec::new();
    for part in parts {
        statements.extend(engine.plan(part).map_err(failed)?);
    }
    let mut text = String::new();
    for source in engine.sources() {
        let _ = writeln!(text, "Table {} ({})", source.table, source.layout.name());
        let missing = source.lacking();
        if !missing.is_empty() {
            let _ = writeln!(text, "  has no column for {}", missing.join(", "));
        }
    }
    let estimate = engine.estimate(parts).await.map_err(failed)?;
    let mut shown: Option<&str> = None;
    let mut total: u64 = 0;
    for (number, planned) in statements.iter().enumerate() {
        let bytes = estimate.of(&planned.part);
        let cost = cost::price(bytes.max(1), price);
        total = total.saturating_add(cost);
        let same = shown == Some(planned.fitted.sql.as_str());
        write_statement(&mut text, (number + 1, statements.len()), planned, (bytes, cost), same);
        shown = Some(&planned.fitted.sql);
    }
    let accounts: std::collections::BTreeSet<&String> = parts.iter().flat_map(|part| &part.account_ids).collect();
    let _ = writeln!(
        text,
        "\n{} over {}: about {} in {} objects, about {} US dollars at {} a terabyte",
        counted(statements.len() as u64, "statement"),
        counted(accounts.len() as u64, "account"),
        bytes_text(estimate.bytes),
        estimate.objects,
        cost::dollars(total),
        cost::dollars(price),
    );
    for unknown in &estimate.unknown {
        let _ = writeln!(text, "Not counted: {unknown}");
    }
    let mut outcome = Outcome::Success;
    if let Some(limit) = max_scan {
        let within = estimate.bytes <= limit;
        let verdict = if within { "is within" } else { "is more than" };
        let _ = writeln!(text, "That {verdict} --max-scan {}", bytes_text(limit));
        if !within {
            outcome = Outcome::Usage;
        }
    }
    text.push_str("Nothing was started.\n");
    Ok((text, outcome))
}

fn write_statement(text: &mut String, (number, of): (usize, usize), planned: &Planned, (bytes, price): (u64, u64), same: bool) {
    let part = &planned.part;
    let _ = writeln!(
        text,
        "\nStatement {number} of {of}: {}, {} to {}: at most {} partitions, {} bytes of text and values, about {}, about {} US dollars",
        part.account_ids.join(", "),
        part.from,
        part.to,
        planned.partitions,
        planned.fitted.bytes(),
        bytes_text(bytes),
        cost::dollars(price),
    );
    if same {
        text.push_str("  the same text\n");
    } else {
        for line in planned.fitted.sql.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    let _ = writeln!(text, "  values: {}", planned.fitted.parameters.join(", "));
}
