//! `palisade policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Listing;

/// Check IAM policies, and judge single requests by them
#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    pub command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what is wrong or doubtful in policies, with file, line and statement
    ///
    /// Errors are what AWS refuses, and placeholders that are not filled in; they end in exit code 2. Warnings are what cannot mean
    /// what it says; they do not change the exit code.
    #[command(after_help = "Examples:
  palisade policy check scp/*.json
  palisade policy check --type rcp identity-perimeter.json
  palisade policy check --format json endpoint.json")]
    Check {
        /// Policy files; `-` is standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,

        /// What the policies are attached to; by file name and content when absent
        #[arg(long = "type", value_name = "TYPE", value_enum)]
        policy_type: Option<TypeName>,

        /// Form of the findings
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        format: Listing,
    },
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
