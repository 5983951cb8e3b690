//! `palisade inventory`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Listing;

/// Look at the inventory snapshot
#[derive(Debug, Args)]
pub struct InventoryArgs {
    #[command(subcommand)]
    pub command: InventoryCommand,
}

#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    /// Print what a snapshot holds, what it lacks, and which rows were skipped
    #[command(after_help = "Examples:
  palisade inventory show --inventory inventory/
  palisade inventory show --format json")]
    Show {
        /// Folder of the snapshot [env: PALISADE_INVENTORY]
        #[arg(long, value_name = "FOLDER")]
        inventory: Option<PathBuf>,
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        format: Listing,
    },
}
