//! The shape of `palisade.yaml`, declared once: the known keys and the JSON Schema come from this type.

use schemars::JsonSchema;
use serde::Deserialize;

use super::athena::AthenaSection;
use super::aws::AwsSection;
use super::trino::TrinoSection;
use super::value::{EngineName, Format};
use crate::config::perimeter::file::AccountId;

/// The settings of a run. Every setting is also a flag and an environment variable, which take precedence. Paths are relative to
/// the folder of this file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Palisade settings", rename = "Settings")]
pub struct SettingsFile {
    /// CloudTrail files, folders or globs; `-` is standard input.
    pub events: Option<OneOrMore<String>>,
    /// Folder of the inventory snapshot, or `aws` to collect one below the folder of the run.
    pub inventory: Option<String>,
    /// Resource types to collect from AWS beyond those that the queries need, such as `AWS::SQS::Queue`.
    pub inventory_types: Option<OneOrMore<String>>,
    /// A snapshot from AWS that is younger is used again: `90m`, `12h`, `2d`; `0` collects every time. Default: 24h.
    pub inventory_max_age: Option<NumberOr>,
    /// Name of the AWS Config aggregator. Default: the only one there is, or the only one of an organization.
    pub aggregator: Option<String>,
    /// Where external-access findings come from when a snapshot is collected. Default: none.
    pub external_access_findings: Option<FindingsEntry>,
    /// File of the perimeter definition.
    pub perimeter: Option<String>,
    /// File of service facts that are newer than the embedded ones.
    pub service_facts: Option<String>,
    /// Accounts whose calls are judged, or `all` that the logs hold. Default: all.
    pub accounts: Option<AccountsEntry>,
    /// Names of queries, patterns with `*`, or `all`. Default: all.
    pub queries: Option<OneOrMore<String>>,
    /// Folders with queries of your own; they may override built-in ones by name.
    pub query_folders: Option<OneOrMore<String>>,
    /// First day: `YYYY-MM-DD`, `today`, `yesterday`, or back from today such as `-14d`, `-2w`, `-3m`, `-1y`.
    pub from: Option<String>,
    /// Last day, in the same forms.
    pub to: Option<String>,
    /// The day or moment that counts as now, fixed so that a run can be repeated: `2026-11-20` or `2026-11-20T12:00:00Z`. It decides
    /// which exceptions have expired. Default: the clock.
    pub today: Option<String>,
    /// Default: html, xlsx, json.
    pub formats: Option<OneOrMore<Format>>,
    /// Folder for the run and its reports. Default: palisade-report.
    pub output: Option<String>,
    /// Title of the report.
    pub title: Option<String>,
    /// Most findings kept per query and account, or `none`. What is left out is announced. Default: none.
    pub max_rows: Option<NumberOr>,
    /// Threads that read and query, or `auto`. Default: auto.
    pub threads: Option<NumberOr>,
    /// Memory for queries, such as `512MiB` or `2GiB`. Default: 512MiB.
    pub memory_limit: Option<NumberOr>,
    /// Put a sample record beside findings. Default: true.
    pub sample_records: Option<bool>,
    /// Where statements over the events run: `local`, `athena` or `trino`. Default: local.
    pub engine: Option<EngineName>,
    /// How a table of Athena or Trino is laid out, where its own columns and partition keys do not tell: `[TABLE=]LAYOUT [OPTION=VALUE …]`,
    /// such as `trail=account_and_day account=acct day=dt form=yyyy-MM-dd`. Layouts: auto, account_and_day, day, year_month_day,
    /// event_data_store, security_lake, unpartitioned. Default: auto.
    pub table_layouts: Option<OneOrMore<String>>,
    /// Folder of the activity that Athena or Trino collect, so that no day is scanned twice. Default: `.activity` in
    /// the folder of the run.
    pub activity_store: Option<String>,
    /// Segments of the keys of S3 objects that collected activity keeps: 0 keeps the bucket only. Default: 0.
    pub activity_prefix_depth: Option<u8>,
    /// Verdicts whose findings make the exit code 3. Default: none.
    pub fail_on: Option<OneOrMore<FailOn>>,
    /// How much quieter than usual: 0, 1 or 2. Default: 0.
    pub quiet: Option<u8>,
    /// How much more talkative than usual: 0, 1 or 2. Default: 0.
    pub verbose: Option<u8>,
    /// Most bytes that the statements of a run may scan on Athena, such as `200GB`, or `none`. Default: none.
    pub max_scan: Option<NumberOr>,
    /// Credentials of AWS.
    pub aws: Option<AwsSection>,
    /// Tables on Athena.
    pub athena: Option<AthenaSection>,
    /// Tables on a Trino cluster.
    pub trino: Option<TrinoSection>,
}

/// Settings that are mappings of their own: they have neither a flag nor a variable.
pub const SECTIONS: &[&str] = &["aws", "athena", "trino"];

/// Where external-access findings come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingsEntry {
    AccessAnalyzer,
    SecurityHub,
    None,
}

/// One value, or a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

/// `all`, one account or a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AccountsEntry {
    All(All),
    One(AccountId),
    More(Vec<AccountId>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum All {
    All,
}

/// A number, or a word or size in its place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NumberOr {
    Number(u64),
    Text(String),
}

/// A verdict that can fail a run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailOn {
    Denied,
    CrossesPerimeter,
    Undetermined,
    ServiceOwned,
    Excepted,
}
