//! One file per subcommand: settings in, outcome out.

pub mod activity;
pub mod answer;
pub mod athena;
pub mod candidates;
pub mod collect;
pub mod config;
pub mod doctor;
pub mod dry_run;
pub mod engine;
pub mod explain;
pub mod inventory;
pub mod inventory_queries;
pub mod judge;
pub mod output;
pub mod policy;
mod policy_check;
pub mod queries;
pub mod report;
pub mod run;
pub mod samples;
pub mod setup;
pub mod sql;
pub mod version;
pub mod warnings;
pub mod whatif;

use std::path::PathBuf;

use crate::cli::{Cli, Command};
use crate::config::settings::{FileText, Flags, Origin, Settings, SettingsError, find_file};
use crate::outcome::Outcome;
use crate::report::model::Verdict;
use output::Terminal;

/// A command that could not do its work: what to say, and how the program ends.
#[derive(Debug)]
pub struct Failure {
    pub outcome: Outcome,
    pub message: String,
}

impl Failure {
    pub fn new(outcome: Outcome, message: impl std::fmt::Display) -> Self {
        Failure { outcome, message: message.to_string() }
    }

    /// The command line or a file of the user is wrong.
    pub fn usage(error: impl std::error::Error) -> Self {
        Failure::new(Outcome::Usage, Chain(&error))
    }

    /// Something that should not happen on a healthy machine.
    pub fn unexpected(error: impl std::error::Error) -> Self {
        Failure::new(Outcome::Unexpected, Chain(&error))
    }
}

/// An error with what caused it, on one line. Causes whose text is part of the message already are not repeated.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut said = self.0.to_string();
        formatter.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said.push_str(&text);
            }
            cause = error.source();
        }
        Ok(())
    }
}

/// Runs what the command line asks for.
pub fn dispatch(cli: Cli) -> Outcome {
    let terminal = Terminal::new(&cli.global);
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments, &cli.global, &terminal),
        Command::Whatif(arguments) => whatif::whatif(&arguments, &cli.global, &terminal),
        Command::Collect(arguments) => collect::collect(&arguments, &cli.global, &terminal),
        Command::Sql(arguments) => sql::sql(&arguments, &cli.global, &terminal),
        Command::Queries(arguments) => queries::queries(arguments, &cli.global, &terminal),
        Command::Report(arguments) => report::report(arguments, &terminal),
        Command::Config(arguments) => config::config(arguments, &cli.global, &terminal),
        Command::Policy(arguments) => policy::policy(arguments, &cli.global, &terminal),
        Command::Inventory(arguments) => inventory::inventory(arguments, &cli.global, &terminal),
        Command::Doctor(arguments) => doctor::doctor(&arguments, &cli.global, &terminal),
        Command::Setup(arguments) => setup::setup(arguments, &cli.global, &terminal),
        Command::Sample(arguments) => samples::samples(arguments, &terminal),
    };
    match result {
        Ok(outcome) => outcome,
        Err(failure) => {
            terminal.error(&failure.message);
            failure.outcome
        }
    }
}

/// Resolves the settings from flags, environment and settings file.
pub fn settings(flags: &Flags, config: Option<&std::path::Path>) -> Result<Settings, Failure> {
    settings_at(flags, config, jiff::Timestamp::now())
}

/// The same with the time of another moment.
pub fn settings_at(flags: &Flags, config: Option<&std::path::Path>, clock: jiff::Timestamp) -> Result<Settings, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let file =
        find_file(config, &environment, &folder).map(|path| FileText::read(&path)).transpose().map_err(Failure::usage)?;
    Settings::resolve(flags, &environment, file.as_ref(), clock).map_err(|error: SettingsError| Failure::usage(error))
}

/// Refuses verdicts that a command never gives: `--fail-on` would be silently without effect. A settings file is shared by commands
/// that give different ones, so that what it lists for the others is left alone.
pub fn check_fail_on(settings: &Settings, command: &str, given: &[Verdict]) -> Result<(), Failure> {
    if matches!(settings.origin("fail_on"), Origin::File { .. } | Origin::Default) {
        return Ok(());
    }
    let Some(never) = settings.fail_on.iter().find(|verdict| !given.contains(verdict)) else { return Ok(()) };
    let place = match settings.origin("fail_on") {
        Origin::Environment(name) => (*name).to_owned(),
        _ => "--fail-on".to_owned(),
    };
    let accepted: Vec<String> = given.iter().map(|verdict| format!("`{}`", verdict.as_str())).collect();
    Err(Failure::new(
        Outcome::Usage,
        format!(
            "{place}: `{}` is no verdict of `palisade {command}`, so that it would never fail; expected one of {}",
            never.as_str(),
            accepted.join(", ")
        ),
    ))
}

/// A report is several files: it cannot go to standard output, which `-` means elsewhere.
pub fn check_output(settings: &Settings) -> Result<(), Failure> {
    if settings.output != std::path::Path::new("-") {
        return Ok(());
    }
    Err(Failure::new(
        Outcome::Usage,
        "the output `-` is no folder: a report has several files and cannot go to standard output; name a folder (`./-` for one of \
         this name), then print one report with `palisade report render FOLDER --format json --output -`",
    ))
}
