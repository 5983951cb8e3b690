//! The command line: definitions only. What a command does is in `commands`; what a flag means is in `config::settings`.

pub mod collect;
pub mod config;
pub mod doctor;
pub mod inventory;
pub mod policy;
pub mod queries;
pub mod report;
pub mod run;
pub mod sample;
pub mod setup;
pub mod sql;
pub mod whatif;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// The dry run for an AWS data perimeter
///
/// Palisade reads what really happened (CloudTrail) and what exists (an inventory snapshot), compares it with what you trust and
/// expect (a perimeter definition), and reports the calls that cross the line: who makes them, from where, to what, and why. It needs
/// no AWS credentials, and changes nothing.
#[derive(Debug, Parser)]
#[command(
    name = "palisade",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 120,
    after_help = "Start here:
  palisade sample generate --output sample           make an organization to try things on
  palisade run --config sample/palisade.yaml         judge it, and write the report
  palisade config init                               write commented files for your own

Help for one command: palisade help run",
    after_long_help = AFTER_HELP
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  palisade sample generate --output sample
      Make a synthetic organization: CloudTrail, inventory, perimeter definition, settings.
  palisade run --config sample/palisade.yaml
      Judge it; the report is in the folder that the settings name.
  palisade run --events logs/ --query 's3_*' --format html
      The S3 queries over a folder of exported CloudTrail.
  palisade config init
      Write commented files to start from.

Exit codes:
    0  success: findings alone do not change this
    1  unexpected: a mistake of the program or the machine
    2  usage: the command line, a settings file, a perimeter definition or a query is wrong
    3  findings: only with --fail-on
    4  partial: the report is there, but some input was unreadable or some queries failed
    5  nothing-read: no record could be read
    6  accounts-missing: the report is there, but of some accounts nothing could be read
    7  not-ready: a check of doctor failed
  130  interrupted

Data goes to standard output, everything else to standard error.";

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Settings file; palisade.yaml of the working directory if it exists [env: PALISADE_CONFIG]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub config: Option<PathBuf>,

    /// Facts about AWS's services in place of the embedded ones; `--version --verbose` shows those [env: PALISADE_SERVICE_FACTS]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub service_facts: Option<PathBuf>,

    /// Say less: no progress (-q), nothing but errors (-qq) [env: PALISADE_QUIET]
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: u8,

    /// Say more: what is done (-v), and how (-vv) [env: PALISADE_VERBOSE]
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Global options")]
    pub verbose: u8,

    /// Colours; NO_COLOR is respected
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true, help_heading = "Global options")]
    pub color: Color,

    /// Form of the log on standard error
    #[arg(long, value_name = "FORM", value_enum, default_value_t, global = true, help_heading = "Global options")]
    pub log_format: LogFormat,
}

/// When output has colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Even into a file or pipe
    Always,
    Never,
}

/// The form of log messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// The form in which a listing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(Box<run::RunArgs>),
    Whatif(Box<whatif::WhatifArgs>),
    Collect(Box<collect::CollectArgs>),
    Sql(Box<sql::SqlArgs>),
    Queries(queries::QueriesArgs),
    Report(report::ReportArgs),
    Config(config::ConfigArgs),
    Policy(policy::PolicyArgs),
    Inventory(inventory::InventoryArgs),
    Sample(sample::SampleArgs),
    Setup(setup::SetupArgs),
    Doctor(doctor::DoctorArgs),
}

/// The text of a checked value for clap: the message, and below it what to do.
pub(crate) fn parsed<T>(value: Result<T, crate::config::values::Wrong>) -> Result<T, String> {
    value.map_err(|wrong| match wrong.help {
        Some(help) => format!("{}; {help}", wrong.message),
        None => wrong.message,
    })
}

pub(crate) fn format(text: &str) -> Result<crate::config::settings::Format, String> {
    parsed(crate::config::settings::value::format(text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_lists_the_exit_codes_as_they_are() {
        let help = Cli::command().render_long_help().to_string();
        for row in crate::outcome::EXIT_CODES {
            assert!(help.contains(&format!("{:>5}  {}", row.code, row.name)), "{}", row.name);
        }
    }
}
