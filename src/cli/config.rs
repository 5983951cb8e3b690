//! `palisade config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Listing;
use super::run::SettingsArgs;

/// Write, check and convert settings and perimeter definitions
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write commented files to start from: palisade.yaml and perimeter.yaml
    Init {
        /// Where to write them
        #[arg(value_name = "FOLDER", default_value = ".")]
        folder: PathBuf,
        /// Replace files that exist
        #[arg(long)]
        force: bool,
    },
    /// Print every setting, its value, and who set it
    #[command(after_help = "Examples:
  palisade config show
  palisade config show --config palisade.yaml --from -7d
  palisade config show --listing json")]
    Show {
        #[command(flatten)]
        settings: Box<SettingsArgs>,
        /// Form of the output
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        listing: Listing,
    },
    /// Print the JSON Schema of a file, for editors
    #[command(after_help = "Example:
  palisade config schema perimeter > perimeter.schema.json

Then start perimeter.yaml with this line:
  # yaml-language-server: $schema=perimeter.schema.json")]
    Schema {
        #[arg(value_name = "FILE", value_enum)]
        file: SchemaOf,
    },
    /// Convert the data_perimeter.yaml of Data Perimeter Helper
    ///
    /// Writes a perimeter definition and lists every value whose meaning changes: the old file's values are regular expressions that
    /// match anywhere in a name, those of Palisade cover the whole name.
    #[command(after_help = "Examples:
  palisade config import-dph data_perimeter.yaml
      The definition to standard output, the list of changes to standard error.
  palisade config import-dph data_perimeter.yaml --output perimeter.yaml")]
    ImportDph {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// File for the definition; standard output when absent
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace the file if it exists
        #[arg(long, requires = "output")]
        force: bool,
    },
}

/// The files that have a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// perimeter.yaml
    Perimeter,
    /// palisade.yaml
    Settings,
}
