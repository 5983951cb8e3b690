//! `palisade report`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::settings::Format;

/// Work with the report of a saved run
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(subcommand)]
    pub command: ReportCommand,
}

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Write reports of a saved run again, without reading the logs
    #[command(after_help = "Examples:
  palisade report render palisade-report --format csv,parquet
  palisade report render palisade-report --format html --output public/
  palisade report render palisade-report --format ndjson --output - | jq 'select(.verdict == \"crosses_perimeter\")'")]
    Render {
        /// Folder of the run: the one that holds run.json
        #[arg(value_name = "RUN")]
        run: PathBuf,
        /// Report: html, xlsx, json, ndjson, csv, parquet, sarif
        #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = super::format, required = true)]
        format: Vec<Format>,
        /// Folder for the reports; the folder of the run when absent; `-` writes one report to standard output
        #[arg(short, long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
}
