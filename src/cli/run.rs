//! `palisade run`, and the flags of the settings.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use crate::config::settings::{Flags, Format};

/// Judge recorded calls against the perimeter, and write the report
///
/// Reads CloudTrail, runs the named queries, compares every result with the inventory and the perimeter definition, and writes a run
/// folder with the findings and the reports. What the logs or the inventory cannot tell is reported as undetermined, not left out.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,

    /// Print what Athena would be asked and what that would cost, and start nothing
    #[arg(long, help_heading = "Athena")]
    pub dry_run: bool,

    /// Go on with the interrupted run of this folder: what is finished is not paid again
    #[arg(long, value_name = "RUN", conflicts_with = "output", help_heading = "Athena")]
    pub resume: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  palisade run --config palisade.yaml
      Everything from the settings file.
  palisade run --events logs/ --inventory inventory/ --perimeter perimeter.yaml
      All queries over a folder of exported CloudTrail, in any layout.
  palisade run --events 'logs/**/*.json.gz' --account 111122223333 --from -14d --query 's3_*'
      Two weeks of S3 calls of one account.
  zcat trail.json.gz | palisade run --events - --query common_only_denied --format csv
      Records from standard input.
  palisade run --config palisade.yaml --engine athena --from -14d --dry-run
      What two weeks of the organization's trail would cost on Athena.
  palisade run --config palisade.yaml --fail-on crosses_perimeter
      For a pipeline: exit code 3 when a call crosses the perimeter.

Every flag is also a key of the settings file. Flags win over the environment, the environment over the file.";

/// The settings as flags. A flag that is absent says nothing: the environment, the file or the default decides.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// CloudTrail file, folder or glob, or a store of activity; `-` is standard input. Repeat for more [env: PALISADE_EVENTS]
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    pub events: Vec<String>,

    /// Folder of the inventory snapshot, or `aws` to collect one first [env: PALISADE_INVENTORY]
    #[arg(long, value_name = "FOLDER", help_heading = "Input")]
    pub inventory: Option<PathBuf>,

    /// Resource type to collect beyond those that the queries need [env: PALISADE_INVENTORY_TYPES]
    #[arg(long, value_name = "TYPE", value_delimiter = ',', help_heading = "Inventory from AWS")]
    pub inventory_type: Vec<String>,

    /// Use a snapshot again while it is younger: 90m, 12h, 2d [env: PALISADE_INVENTORY_MAX_AGE] [default: 24h]
    #[arg(long, value_name = "AGE", help_heading = "Inventory from AWS")]
    pub inventory_max_age: Option<String>,

    /// AWS Config aggregator [env: PALISADE_AGGREGATOR] [default: the only one]
    #[arg(long, value_name = "NAME", help_heading = "Inventory from AWS")]
    pub aggregator: Option<String>,

    /// access_analyzer, security_hub or none [env: PALISADE_EXTERNAL_ACCESS_FINDINGS] [default: none]
    #[arg(long, value_name = "SOURCE", help_heading = "Inventory from AWS")]
    pub external_access_findings: Option<String>,

    /// Perimeter definition [env: PALISADE_PERIMETER]
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub perimeter: Option<PathBuf>,

    /// Folder with queries of your own; they may replace built-in ones [env: PALISADE_QUERY_FOLDERS]
    #[arg(long, value_name = "FOLDER", help_heading = "Input")]
    pub query_folder: Vec<PathBuf>,

    /// Where statements run: local, athena or trino [env: PALISADE_ENGINE] [default: local]
    #[arg(long, value_name = "ENGINE", help_heading = "Input")]
    pub engine: Option<String>,

    /// How a table of athena or trino is laid out: `[TABLE=]LAYOUT [OPTION=VALUE …]`. Repeat for more [env: PALISADE_TABLE_LAYOUTS]
    /// [default: auto]
    #[arg(long, value_name = "LAYOUT", help_heading = "Input")]
    pub table_layout: Vec<String>,

    /// Folder of the activity that athena or trino collect [env: PALISADE_ACTIVITY_STORE] [default: OUTPUT/.activity]
    #[arg(long, value_name = "FOLDER", help_heading = "Input")]
    pub activity_store: Option<PathBuf>,

    /// Segments of S3 keys that collected activity keeps [env: PALISADE_ACTIVITY_PREFIX_DEPTH] [default: 0]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub activity_prefix_depth: Option<String>,

    /// Account to judge, or `all` that the logs hold [env: PALISADE_ACCOUNTS] [default: all]
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "What to judge")]
    pub account: Vec<String>,

    /// Query by name or pattern, or `all` [env: PALISADE_QUERIES] [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "What to judge")]
    pub query: Vec<String>,

    /// First day: YYYY-MM-DD, today, yesterday, or back from today such as -14d [env: PALISADE_FROM]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, help_heading = "What to judge")]
    pub from: Option<String>,

    /// Last day, in the same forms [env: PALISADE_TO]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, help_heading = "What to judge")]
    pub to: Option<String>,

    /// Day or moment that counts as now, so that a run can be repeated [env: PALISADE_NOW] [default: the clock]
    #[arg(long, value_name = "DAY", help_heading = "What to judge")]
    pub today: Option<String>,

    /// Report: html, xlsx, json, ndjson, csv, parquet, sarif [env: PALISADE_FORMATS] [default: html,xlsx,json]
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = super::format, help_heading = "Report")]
    pub format: Vec<Format>,

    /// Folder for the run and its reports [env: PALISADE_OUTPUT] [default: palisade-report]
    #[arg(short, long, value_name = "FOLDER", help_heading = "Report")]
    pub output: Option<PathBuf>,

    /// Title of the report [env: PALISADE_TITLE]
    #[arg(long, value_name = "TEXT", help_heading = "Report")]
    pub title: Option<String>,

    /// Most findings kept per query and account, or `none`; what is left out is announced [env: PALISADE_MAX_ROWS] [default: none]
    #[arg(long, value_name = "N", help_heading = "Report")]
    pub max_rows: Option<String>,

    /// Put a sample record beside findings [env: PALISADE_SAMPLE_RECORDS] [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Report")]
    pub sample_records: Option<bool>,

    /// Exit with code 3 when a finding has this verdict: crosses_perimeter, undetermined, service_owned, excepted
    /// [env: PALISADE_FAIL_ON]
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', help_heading = "Report")]
    pub fail_on: Vec<String>,

    /// Threads that read and query, or `auto` [env: PALISADE_THREADS] [default: auto]
    #[arg(long, value_name = "N", help_heading = "Resources")]
    pub threads: Option<String>,

    /// Memory for queries, such as 2GiB [env: PALISADE_MEMORY_LIMIT] [default: 512MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Resources")]
    pub memory_limit: Option<String>,

    /// Most bytes that statements may scan on Athena, such as 200GB, or `none` [env: PALISADE_MAX_SCAN] [default: none]
    #[arg(long, value_name = "SIZE", help_heading = "Resources")]
    pub max_scan: Option<String>,
}

impl SettingsArgs {
    /// What the command line says, for the resolution of the settings.
    pub fn flags(&self, global: &Global) -> Flags {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let folders: Vec<String> = self.query_folder.iter().map(|path| path.display().to_string()).collect();
        Flags::default()
            .list("events", &self.events)
            .one("inventory", path(&self.inventory))
            .list("inventory_types", &self.inventory_type)
            .one("inventory_max_age", self.inventory_max_age.as_ref())
            .one("aggregator", self.aggregator.as_ref())
            .one("external_access_findings", self.external_access_findings.as_ref())
            .one("perimeter", path(&self.perimeter))
            .one("engine", self.engine.as_ref())
            .list("table_layouts", &self.table_layout)
            .one("activity_store", path(&self.activity_store))
            .one("activity_prefix_depth", self.activity_prefix_depth.as_ref())
            .one("service_facts", path(&global.service_facts))
            .list("accounts", &self.account)
            .list("queries", &self.query)
            .list("query_folders", &folders)
            .one("from", self.from.as_ref())
            .one("to", self.to.as_ref())
            .one("today", self.today.as_ref())
            .list("formats", &self.format)
            .one("output", path(&self.output))
            .one("title", self.title.as_ref())
            .one("max_rows", self.max_rows.as_ref())
            .one("threads", self.threads.as_ref())
            .one("memory_limit", self.memory_limit.as_ref())
            .one("max_scan", self.max_scan.as_ref())
            .one("sample_records", self.sample_records)
            .list("fail_on", &self.fail_on)
            .one("quiet", Some(global.quiet).filter(|count| *count > 0))
            .one("verbose", Some(global.verbose).filter(|count| *count > 0))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;
    use crate::config::environment;

    #[test]
    fn every_variable_of_a_setting_is_in_the_help() {
        let mut command = Cli::command();
        command.build();
        let help = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for variable in environment::VARIABLES.iter().filter(|variable| variable.setting.is_some()) {
            assert!(help.contains(&format!("[env: {}]", variable.name)), "{}", variable.name);
        }
    }
}
