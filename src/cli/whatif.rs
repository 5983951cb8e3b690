//! `palisade whatif`, and the flags that say what to try.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Global;
use super::policy::TypeName;
use super::run::SettingsArgs;
use crate::config::settings::{Flags, Format};

/// Replay recorded calls under policies that are not attached yet: which would be denied, and by which statement
///
/// Every recorded call is judged by what is attached today (from the inventory) and by what would be attached. What neither the logs
/// nor the inventory tell is undetermined, with what would settle it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WhatifArgs {
    #[command(flatten)]
    pub candidates: CandidateArgs,

    /// CloudTrail file, folder or glob; `-` is standard input. Repeat for more [env: PALISADE_EVENTS]
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    pub events: Vec<String>,

    /// Perimeter definition, for the owners and networks that the report shows [env: PALISADE_PERIMETER]
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub perimeter: Option<PathBuf>,

    /// Account whose trail is read, or `all` that the logs hold [env: PALISADE_ACCOUNTS] [default: all]
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "What to judge")]
    pub account: Vec<String>,

    /// First day: YYYY-MM-DD, today, yesterday, or back from today such as -14d [env: PALISADE_FROM]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, help_heading = "What to judge")]
    pub from: Option<String>,

    /// Last day, in the same forms [env: PALISADE_TO]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, help_heading = "What to judge")]
    pub to: Option<String>,

    /// Day or moment that counts as now, so that a run can be repeated [env: PALISADE_NOW] [default: the clock]
    #[arg(long, value_name = "DAY", help_heading = "What to judge")]
    pub today: Option<String>,

    /// Take for granted what no record tells
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',', help_heading = "What to judge")]
    pub assume: Vec<Assumption>,

    /// Facts about AWS services from a file, in the place of the embedded ones
    #[arg(long, value_name = "FILE", help_heading = "What to judge")]
    pub service_facts: Option<PathBuf>,

    /// Report: html, xlsx, json, ndjson, csv, parquet, sarif [env: PALISADE_FORMATS] [default: html,xlsx,json]
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = super::format, help_heading = "Report")]
    pub format: Vec<Format>,

    /// Folder for the run and its reports; where only a settings file names one, that name with `-whatif` appended, so that the
    /// report of `run` stays [env: PALISADE_OUTPUT] [default: palisade-whatif]
    #[arg(short, long, value_name = "FOLDER", help_heading = "Report")]
    pub output: Option<PathBuf>,

    /// Title of the report [env: PALISADE_TITLE]
    #[arg(long, value_name = "TEXT", help_heading = "Report")]
    pub title: Option<String>,

    /// Put a sample record beside findings [env: PALISADE_SAMPLE_RECORDS] [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Report")]
    pub sample_records: Option<bool>,

    /// Exit with code 3 when a call has this verdict: denied, undetermined [env: PALISADE_FAIL_ON]
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', help_heading = "Report")]
    pub fail_on: Vec<String>,

    /// Find the smallest change of the policy that lets the legitimate calls through, and replay it
    #[arg(long, help_heading = "Refinement")]
    pub refine: bool,

    /// Newly denied calls that must go on: all, principal=ARN, account=ID, resource-account=ID, network=CIDR, service=NAME;
    /// `*` is a wildcard. Repeat for more [default: all]
    #[arg(long, value_name = "WHICH", requires = "refine", help_heading = "Refinement")]
    pub legitimate: Vec<String>,

    /// File for the changed policy; nothing is written without it. A file that is there stays, unless the last run in the output
    /// folder wrote it
    #[arg(long, value_name = "FILE", requires = "refine", help_heading = "Refinement")]
    pub refined: Option<PathBuf>,

    /// Replace the file of --refined, whoever wrote it
    #[arg(long, requires = "refined", help_heading = "Refinement")]
    pub force: bool,

    /// Threads that read and judge, or `auto` [env: PALISADE_THREADS] [default: auto]
    #[arg(long, value_name = "N", help_heading = "Resources")]
    pub threads: Option<String>,

    /// Memory for reading, such as 2GiB [env: PALISADE_MEMORY_LIMIT] [default: 512MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Resources")]
    pub memory_limit: Option<String>,
}

/// What to try: policies, where they go, and what gives way.
#[derive(Debug, Clone, Default, Args)]
pub struct CandidateArgs {
    /// Policy to try. Repeat for more: each is judged alone, and all together
    #[arg(long, value_name = "FILE", help_heading = "What to try")]
    pub policy: Vec<PathBuf>,

    /// What the policies are; by name, content and target when absent
    #[arg(long = "type", value_name = "TYPE", value_enum, help_heading = "What to try")]
    pub policy_type: Option<TypeName>,

    /// Where the policies go: root, ou-…, an account id, vpce-…, or the ARN of a resource. Every policy goes to every target that
    /// takes its type; FILE@TARGET is for one policy only
    #[arg(long, value_name = "TARGET", help_heading = "What to try")]
    pub attach: Vec<String>,

    /// Policy of today, by id or name, that is taken away: everywhere, or at one target
    #[arg(long, value_name = "POLICY[@TARGET]", help_heading = "What to try")]
    pub detach: Vec<String>,

    /// Policy of today, by id or name, and the file that takes its place wherever it is attached
    #[arg(long, value_name = "POLICY=FILE", help_heading = "What to try")]
    pub replace: Vec<String>,

    /// Value of a placeholder such as <my-org-id>. Repeat a name for several values
    #[arg(long, value_name = "NAME=VALUE", help_heading = "What to try")]
    pub set: Vec<String>,

    /// Folder of the inventory snapshot [env: PALISADE_INVENTORY]
    #[arg(long, value_name = "FOLDER", help_heading = "Input")]
    pub inventory: Option<PathBuf>,
}

/// What may be taken for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Assumption {
    /// Calls whose record does not tell came over TLS
    SecureTransport,
}

const EXAMPLES: &str = "\
Examples:
  palisade whatif --policy resource_perimeter_scp.json --set my-org-id=o-exampleorgid --attach root \\
      --events logs/ --inventory inventory/
      What would this service control policy break for the whole organization?
  palisade whatif --policy scp.json --policy rcp.json --attach ou-abcd-11111111 --events logs/ --inventory inventory/
      Each policy alone, and both together.
  palisade whatif --replace guard-rails=guard-rails.json --events logs/ --inventory inventory/
      An edited version of a policy that is attached today.
  palisade whatif --policy endpoint.json --attach vpce-0123456789abcdef0 --fail-on denied,undetermined --format sarif …
      For a pipeline: exit code 3 when a call is, or may be, newly denied.
  palisade whatif --policy scp.json --attach root --refine --legitimate resource-account=555500005555 --refined scp.new.json …
      The smallest change that lets these calls through, replayed, and written where you say.

An endpoint and a resource have one policy each: a candidate takes its place there. A resource-based policy without any Allow is
understood as statements that are added to today's.";

impl WhatifArgs {
    /// What the command line says, for the resolution of the settings.
    pub fn flags(&self, global: &Global) -> Flags {
        let settings = SettingsArgs {
            events: self.events.clone(),
            inventory: self.candidates.inventory.clone(),
            perimeter: self.perimeter.clone(),
            account: self.account.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            today: self.today.clone(),
            format: self.format.clone(),
            output: self.output.clone(),
            title: self.title.clone(),
            sample_records: self.sample_records,
            fail_on: self.fail_on.clone(),
            threads: self.threads.clone(),
            memory_limit: self.memory_limit.clone(),
            ..SettingsArgs::default()
        };
        settings.flags(global)
    }
}
