//! `palisade inventory`: collect a snapshot, look at it, compare two.

mod compare;
mod export;
mod show;

pub use export::inventory_folder;

use super::Failure;
use super::output::Terminal;
use crate::cli::Global;
use crate::cli::inventory::{InventoryArgs, InventoryCommand};
use crate::outcome::Outcome;

pub fn inventory(arguments: InventoryArgs, global: &Global, terminal: &Terminal) -> Result<Outcome, Failure> {
    match arguments.command {
        InventoryCommand::Export(arguments) => export::export(&arguments, global, terminal),
        InventoryCommand::Show { id, inventory, format } => show::show(id.as_deref(), inventory, format, global, terminal),
        InventoryCommand::Diff { before, after, format, exit_code } => {
            compare::compare(&before, &after, format, exit_code, terminal)
        }
    }
}
