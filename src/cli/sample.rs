//! `palisade sample`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Make data to try things on
#[derive(Debug, Args)]
pub struct SampleArgs {
    #[command(subcommand)]
    pub command: SampleCommand,
}

#[derive(Debug, Subcommand)]
pub enum SampleCommand {
    /// Make a synthetic organization: CloudTrail, inventory, perimeter definition, settings
    ///
    /// The same numbers and seed give the same bytes on every machine.
    #[command(after_help = "Examples:
  palisade sample generate --output sample
  palisade sample generate --events 1000000 --accounts 50 --seed 7 --output large")]
    Generate {
        /// How many records
        #[arg(long, value_name = "N", default_value_t = 20_000)]
        events: u64,
        /// How many accounts
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        accounts: u32,
        /// Another seed gives other data of the same kind
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
        /// Folder to write to; it must be empty or absent
        #[arg(short, long, value_name = "FOLDER")]
        output: PathBuf,
    },
}
