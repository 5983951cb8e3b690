//! `palisade policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Listing;
use super::whatif::{Assumption, CandidateArgs};

/// Check IAM policies, and judge single requests by them
#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    pub command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    Check(CheckArgs),
    /// Judge a request that is written down as JSON, with the policies of every layer
    ///
    /// A case holds principal, action, resource, what is known of each condition key, and the policies. The answer says denied, not
    /// denied or undetermined, every statement that matched, and the keys that would settle what is open. The format is described in
    /// docs/policy-case.md.
    #[command(after_help = "Examples:
  palisade policy evaluate --case case.json
  palisade policy evaluate --case - < cases.json")]
    Evaluate {
        /// A case, or a list of cases; `-` is standard input
        #[arg(long, value_name = "FILE")]
        case: PathBuf,
    },
    Explain(Box<ExplainArgs>),
}

/// Say what is wrong or doubtful in policies, with file, line and statement
///
/// Errors are what AWS refuses, and placeholders that are not filled in; they end in exit code 2. Warnings are what does not do what
/// it says, notes what is worth knowing; they change the exit code to 3 only with --fail-on. docs/policy-check.md lists all of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade policy check scp/*.json
  palisade policy check --type rcp --set my-org-id=o-a1b2c3d4e5 identity-perimeter.json
  palisade policy check --least warning --fail-on warning scp/*.json
      For a pipeline: no notes, and exit code 3 when there is a warning.
  palisade policy check --format sarif endpoint.json > findings.sarif")]
pub struct CheckArgs {
    /// Policy files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// What the policies are attached to; by file name and content when absent
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    pub policy_type: Option<TypeName>,

    /// Value of a placeholder such as <my-org-id>. Repeat a name for several values
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,

    /// Show only findings that are at least so bad
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Level::Note)]
    pub least: Level,

    /// Exit with code 3 when there is a finding that is at least so bad; errors are code 2 anyway
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Level::Error)]
    pub fail_on: Level,

    /// Form of the findings
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: CheckFormat,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// AWS refuses the policy
    Error,
    /// It does not do what it says
    Warning,
    /// Worth knowing
    Note,
}

/// The form in which findings are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For code scanning services and editors
    Sarif,
}

/// Show what policies would say of recorded calls, as a tree
///
/// Every policy, statement and condition, with the value that the call has for it and where that value came from.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade policy explain --event record.json --policy scp.json --attach root --inventory inventory/
  palisade policy explain --event trail.json.gz --event-id 0a1b2c3d-… --policy endpoint.json --attach vpce-0123456789abcdef0
  palisade policy explain --event record.json --events logs/ --policy rcp.json --attach root --format json
      With the logs in which the session was issued: who is behind it, and its tags.")]
pub struct ExplainArgs {
    /// File with one CloudTrail record or several; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,

    /// Only the record with this eventID
    #[arg(long, value_name = "ID")]
    pub event_id: Option<String>,

    /// Logs around the record: they tell who issued its session. Repeat for more
    #[arg(long, value_name = "PATH")]
    pub events: Vec<String>,

    #[command(flatten)]
    pub candidates: CandidateArgs,

    /// Take for granted what no record tells
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub assume: Vec<Assumption>,

    /// Form of the answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: Listing,
}

/// The types of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TypeName {
    /// Service control policy
    Scp,
    /// Resource control policy
    Rcp,
    /// VPC endpoint policy
    Endpoint,
    /// Resource-based policy, also of a role or a key
    Resource,
    /// Identity-based policy
    Identity,
    /// Permissions boundary
    Boundary,
    /// Session policy
    Session,
}
