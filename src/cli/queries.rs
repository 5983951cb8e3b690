//! `palisade queries`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Listing;

/// List, read and test the named queries
#[derive(Debug, Args)]
pub struct QueriesArgs {
    #[command(subcommand)]
    pub command: QueriesCommand,

    /// Folder with queries of your own [env: PALISADE_QUERY_FOLDERS]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub query_folder: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum QueriesCommand {
    /// List the queries: name, perimeter, title
    #[command(after_help = "Examples:
  palisade queries list
  palisade queries list 's3_*'
  palisade queries list --format json | jq -r '.[].name'")]
    List {
        /// Names or patterns; all when none is given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        format: Listing,
    },
    /// Print a query: what it answers, what it needs, its SQL
    #[command(after_help = "Examples:
  palisade queries show s3_scp_resource_perimeter
  palisade queries show s3_scp_resource_perimeter --sql > mine/s3_scp_resource_perimeter.sql")]
    Show {
        #[arg(value_name = "NAME")]
        name: String,
        /// The file itself, to start a query of your own from
        #[arg(long)]
        sql: bool,
    },
    /// Run the tests beside queries: rows in, rows out
    #[command(after_help = "Examples:
  palisade queries test
  palisade queries test --query-folder mine 'my_*'")]
    Test {
        /// Names or patterns; all when none is given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}
