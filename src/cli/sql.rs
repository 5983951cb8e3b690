//! `palisade sql`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Ask your own question of the logs, in SQL
///
/// One query (SELECT, WITH, VALUES or EXPLAIN; nothing else is run) in the Athena dialect over the relations `events` (one row per record) and `event_resources` (one row per record and
/// resource). Only the columns that the statement reads are decoded. `palisade sql --columns` lists the columns.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade sql --events logs/ \"SELECT event_source, event_name, sum(event_count) AS calls FROM events GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20\"
  palisade sql --events logs/ --format csv \"SELECT * FROM events WHERE error_code LIKE '%AccessDenied%'\" > denied.csv
  palisade sql --columns")]
pub struct SqlArgs {
    /// The statement
    #[arg(value_name = "STATEMENT", required_unless_present = "columns")]
    pub statement: Option<String>,

    /// CloudTrail file, folder or glob; `-` is standard input. Repeat for more [env: PALISADE_EVENTS]
    #[arg(long, value_name = "PATH")]
    pub events: Vec<String>,

    /// Account, by the folder or the record; all when absent
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub account: Vec<String>,

    /// First day: YYYY-MM-DD, today, yesterday, or back from today such as -14d
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Last day, in the same forms
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// Form of the result
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: RowsFormat,

    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// List the columns of the relations
    #[arg(long, conflicts_with_all = ["statement", "events"])]
    pub columns: bool,

    /// Threads that read and query, or `auto` [env: PALISADE_THREADS] [default: auto]
    #[arg(long, value_name = "N")]
    pub threads: Option<String>,

    /// Memory for the statement, such as 2GiB [env: PALISADE_MEMORY_LIMIT] [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<String>,
}

/// The form of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RowsFormat {
    /// For programs and spreadsheets
    #[default]
    Csv,
    /// One JSON object per line
    Ndjson,
}
