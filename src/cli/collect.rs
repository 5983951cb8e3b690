//! `palisade collect`.

use std::path::PathBuf;

use clap::Args;

/// Roll events up into a store of activity, which later runs read in place of the logs
///
/// Activity is what happened, without what differs from call to call: distinct contexts with a count, and first and last seen. A
/// store holds it by account and day. Collecting again reads only what has changed since; `run` and `sql` take the store as
/// --events. Keys of objects in S3 are not kept, only their prefixes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade collect --events logs/ --output activity/
  palisade run --events activity/ --query 's3_*'
  palisade collect --engine athena --from -14d --to yesterday --account 111122223333 --output activity/")]
pub struct CollectArgs {
    /// CloudTrail file, folder or glob; `-` is standard input. Repeat for more [env: PALISADE_EVENTS]
    #[arg(long, value_name = "PATH")]
    pub events: Vec<String>,

    /// Folder of the store: made, or brought up to date
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,

    /// Where the events are read: local, athena or trino [env: PALISADE_ENGINE] [default: local]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<String>,

    /// How a table of athena or trino is laid out: `[TABLE=]LAYOUT [OPTION=VALUE …]`. Repeat for more [env: PALISADE_TABLE_LAYOUTS]
    #[arg(long, value_name = "LAYOUT")]
    pub table_layout: Vec<String>,

    /// Folder of the inventory snapshot, which names the accounts for athena and trino [env: PALISADE_INVENTORY]
    #[arg(long, value_name = "FOLDER")]
    pub inventory: Option<PathBuf>,

    /// Account, by the folder or the record; all when absent [env: PALISADE_ACCOUNTS]
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub account: Vec<String>,

    /// First day: YYYY-MM-DD, today, yesterday, or back from today such as -14d [env: PALISADE_FROM]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Last day, in the same forms [env: PALISADE_TO]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// Day or moment that counts as now [env: PALISADE_NOW] [default: the clock]
    #[arg(long, value_name = "DAY")]
    pub today: Option<String>,

    /// Segments of the keys of S3 objects that are kept [env: PALISADE_ACTIVITY_PREFIX_DEPTH] [default: 0]
    #[arg(long, value_name = "N")]
    pub prefix_depth: Option<String>,

    /// Threads that read, or `auto` [env: PALISADE_THREADS] [default: auto]
    #[arg(long, value_name = "N")]
    pub threads: Option<String>,

    /// Memory, such as 2GiB; beyond a quarter of it contexts go to temporary files [env: PALISADE_MEMORY_LIMIT] [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<String>,
}
