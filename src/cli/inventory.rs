//! `palisade inventory`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Listing;

/// Collect an inventory snapshot from AWS, look at it, and compare two
#[derive(Debug, Args)]
pub struct InventoryArgs {
    #[command(subcommand)]
    pub command: InventoryCommand,
}

#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    Export(Box<ExportArgs>),
    /// Print what a snapshot holds, what it lacks, which rows were skipped, and the organization as a tree
    #[command(after_help = "Examples:
  palisade inventory show --inventory inventory/
  palisade inventory show 111122223333
  palisade inventory show arn:aws:iam::111122223333:role/app --format json")]
    Show {
        /// Only this account, organizational unit, policy (also by name), role, VPC endpoint, bucket or other resource, by id or ARN
        #[arg(value_name = "ID")]
        id: Option<String>,
        /// Folder of the snapshot [env: PALISADE_INVENTORY]
        #[arg(long, value_name = "FOLDER")]
        inventory: Option<PathBuf>,
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        format: Listing,
    },
    /// Compare two snapshots: accounts, moves, policies, roles, endpoints, resources
    ///
    /// What one of the two does not know is not compared. What is missing from a snapshot that is not whole is `not_seen`, not
    /// removed.
    #[command(after_help = "Examples:
  palisade inventory diff october/ november/
  palisade inventory diff october/ november/ --format markdown > changes.md
  palisade inventory diff october/ november/ --exit-code
      For a pipeline: exit code 3 when anything differs.")]
    Diff {
        /// Folder of the earlier snapshot
        #[arg(value_name = "BEFORE")]
        before: PathBuf,
        /// Folder of the later snapshot
        #[arg(value_name = "AFTER")]
        after: PathBuf,
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        format: DiffForm,
        /// Exit with code 3 when anything differs
        #[arg(long)]
        exit_code: bool,
    },
}

/// Collect a snapshot from AWS Organizations, AWS Config, and IAM Access Analyzer or Security Hub
///
/// The folder appears whole or not at all. A source that fails leaves the others; the snapshot says what is missing, and what
/// depends on it is undetermined. Exit code 4 tells that something is missing, 5 that no source answered. Nothing in AWS is changed;
/// docs/aws-calls.md lists every call.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade inventory export --output inventory/
      What every perimeter asks for, and what the built-in queries read.
  palisade inventory export --output inventory/ --for-queries 's3_*' --external-access-findings access_analyzer
      Only what these queries read, and what is open to the outside.
  palisade inventory export --output inventory/ --types AWS::SQS::Queue,AWS::SNS::Topic --aggregator organization
  palisade inventory export --output inventory/ --max-age 12h
      Only if the folder has no snapshot of the same configuration that is younger.

Credentials, roles and regions come from the section `aws` of the settings file, and from the environment.")]
pub struct ExportArgs {
    /// Folder of the snapshot; an earlier snapshot in it is replaced
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,

    /// Resource types, such as AWS::SQS::Queue; accounts and the tree are always collected [env: PALISADE_INVENTORY_TYPES]
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,

    /// The types that these queries need, by name or pattern
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub for_queries: Vec<String>,

    /// The types that judging calls against this policy document needs. Repeat for more
    #[arg(long, value_name = "FILE")]
    pub for_policy: Vec<PathBuf>,

    /// Folder with queries of your own [env: PALISADE_QUERY_FOLDERS]
    #[arg(long, value_name = "FOLDER")]
    pub query_folder: Vec<PathBuf>,

    /// Name of the AWS Config aggregator; the only one when none is named [env: PALISADE_AGGREGATOR]
    #[arg(long, value_name = "NAME")]
    pub aggregator: Option<String>,

    /// access_analyzer, security_hub or none [env: PALISADE_EXTERNAL_ACCESS_FINDINGS] [default: none]
    #[arg(long, value_name = "SOURCE")]
    pub external_access_findings: Option<String>,

    /// Read the tags of accounts: one request per account
    #[arg(long)]
    pub account_tags: bool,

    /// Keep a snapshot of the same configuration that is younger, such as 90m, 12h or 2d
    #[arg(long, value_name = "AGE")]
    pub max_age: Option<String>,
}

/// The form of a comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffForm {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For tickets
    Markdown,
}
