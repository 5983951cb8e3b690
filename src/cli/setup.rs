//! `palisade setup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Prepare AWS: tables on Athena, and permissions
///
/// Prints what it would take. Only `setup athena --apply` changes anything, and nothing is ever changed or dropped that exists.
#[derive(Debug, Args)]
pub struct SetupArgs {
    #[command(subcommand)]
    pub command: SetupCommand,
}

#[derive(Debug, Subcommand)]
pub enum SetupCommand {
    Athena(Box<AthenaArgs>),
    Permissions(PermissionsArgs),
}

/// Make a workgroup, a database and tables over the trail
///
/// The tables have every column of today's records and find their objects by account, region and day, so a statement pays only for what
/// it asks for. Prints the statements and the settings that use them; no call to AWS is made without --apply or --detect.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade setup athena --logs s3://org-trail --organization o-exampleorgid --results s3://athena-results/palisade/
      Print everything for the trail of an organization.
  palisade setup athena --logs s3://org-trail --organization o-exampleorgid --results s3://athena-results/palisade/ --apply
      Create what is missing.
  palisade setup athena --detect --database logs
      Which tables of the database hold CloudTrail, and which settings use them.")]
pub struct AthenaArgs {
    /// The place that holds AWSLogs/, such as s3://bucket/prefix/
    #[arg(long, value_name = "PLACE", required_unless_present = "detect")]
    pub logs: Option<String>,

    /// The same of a second trail with data events only: makes one table for each
    #[arg(long, value_name = "PLACE")]
    pub data_logs: Option<String>,

    /// Id of the organization whose trail it is; leave it out for the trail of an account
    #[arg(long, value_name = "ID")]
    pub organization: Option<String>,

    /// Account that the tables know, repeated or with commas; without any, each statement names its accounts
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub account: Vec<String>,

    /// Region that the tables know, repeated or with commas [default: `regions` of the settings, else all of the partition aws]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,

    /// First day that the tables know
    #[arg(long, value_name = "DAY", default_value = "2020-01-01")]
    pub since: String,

    /// No table for network activity events
    #[arg(long)]
    pub without_network_activity: bool,

    /// Where results are written, such as s3://bucket/prefix/ [default: `output_location` of the settings]
    #[arg(long, value_name = "PLACE", required_unless_present = "detect")]
    pub results: Option<String>,

    /// ARN of a KMS key for the results; without it S3 encrypts them
    #[arg(long, value_name = "ARN")]
    pub results_key: Option<String>,

    /// Most that one statement may scan, or `none`
    #[arg(long, value_name = "SIZE", default_value = "1TB")]
    pub cutoff: String,

    /// Workgroup [default: that of the settings, else palisade]
    #[arg(long, value_name = "NAME")]
    pub workgroup: Option<String>,

    /// Database [default: that of the settings, else palisade]
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,

    /// Table; others are named after it
    #[arg(long, value_name = "NAME", default_value = "cloudtrail")]
    pub table: String,

    /// Create what is missing
    #[arg(long, conflicts_with_all = ["detect", "output"])]
    pub apply: bool,

    /// Look at the tables that exist, and say which settings use them
    #[arg(long, conflicts_with = "output")]
    pub detect: bool,

    /// Write the statements and the settings into a folder
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Print the least-privilege policies of the roles that the program uses
///
/// They are made of the calls that the program makes (docs/aws-calls.md), for the buckets, tables and accounts of the settings. What the
/// settings do not say is a placeholder in angle brackets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade setup permissions --config palisade.yaml --output policies
  palisade setup permissions --role scan --account-id 111122223333 --trail-bucket org-trail --results-bucket athena-results")]
pub struct PermissionsArgs {
    /// Only this role, as a policy to attach: scan, organizations, config, access-analyzer, security-hub, setup, caller
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,

    /// Account of the workgroup and of every role that the settings do not place
    #[arg(long, value_name = "ID")]
    pub account_id: Option<String>,

    /// Bucket of the trail, repeated or with commas [default: those of `events` in the settings]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub trail_bucket: Vec<String>,

    /// Bucket of the results [default: that of `output_location` in the settings]
    #[arg(long, value_name = "NAME")]
    pub results_bucket: Option<String>,

    /// ARN of a KMS key of the trail or of the results, repeated or with commas
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    pub key: Vec<String>,

    /// Write one file per role into a folder
    #[arg(short, long, value_name = "FOLDER", conflicts_with = "role")]
    pub output: Option<PathBuf>,
}
