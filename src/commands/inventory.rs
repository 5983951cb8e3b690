//! `palisade inventory`: what a snapshot holds.

use std::io::Write;

use super::output::{Terminal, write_out};
use super::{Failure, settings};
use crate::cli::inventory::{InventoryArgs, InventoryCommand};
use crate::cli::{Global, Listing};
use crate::config::settings::Flags;
use crate::inventory::Inventory;
use crate::outcome::Outcome;

pub fn inventory(arguments: InventoryArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    let InventoryCommand::Show { inventory, format } = arguments.command;
    let flags = Flags::default().one("inventory", inventory.map(|folder| folder.display().to_string()));
    let settings = settings(&flags, global.config.as_deref())?;
    let Some(folder) = &settings.inventory else {
        return Err(Failure::new(Outcome::Usage, "no snapshot is named; give its folder with --inventory"));
    };
    let inventory = Inventory::load(folder).map_err(Failure::usage)?;
    match format {
        Listing::Text => write_out(|out| text(&inventory, out))?,
        Listing::Json => write_out(|out| json(&inventory, out))?,
    }
    for warning in &inventory.warnings {
        terminal.warning(warning);
    }
    Ok(Outcome::Success)
}

fn taken(from: Option<&String>, to: Option<&String>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => from.clone(),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        _ => "unknown".to_owned(),
    }
}

fn text(inventory: &Inventory, out: &mut dyn Write) -> std::io::Result<()> {
    let organization = inventory.organization_id.as_deref().unwrap_or("unknown");
    let management = inventory.management_account_id.as_deref().unwrap_or("unknown");
    writeln!(out, "organization {organization}, management account {management}")?;
    let types = inventory.describe();
    let width = types.iter().map(|summary| summary.resource_type.len()).max().unwrap_or_default().max(4);
    writeln!(out, "{:width$}  {:>9}  {:8}  taken", "type", "rows", "complete")?;
    for summary in types {
        let complete = if summary.complete { "yes" } else { "no" };
        let taken = taken(summary.taken_from.as_ref(), summary.taken_to.as_ref());
        writeln!(out, "{:width$}  {:>9}  {complete:8}  {taken}", summary.resource_type, summary.count)?;
    }
    Ok(())
}

fn json(inventory: &Inventory, out: &mut dyn Write) -> std::io::Result<()> {
    let types: Vec<serde_json::Value> = inventory
        .describe()
        .iter()
        .map(|summary| {
            serde_json::json!({
                "resource_type": summary.resource_type,
                "rows": summary.count,
                "complete": summary.complete,
                "taken_from": summary.taken_from,
                "taken_to": summary.taken_to,
                "files": summary.files,
            })
        })
        .collect();
    let document = serde_json::json!({
        "organization_id": inventory.organization_id,
        "management_account_id": inventory.management_account_id,
        "taken_at": inventory.taken_at,
        "sha256": inventory.sha256,
        "types": types,
        "warnings": inventory.warnings,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
