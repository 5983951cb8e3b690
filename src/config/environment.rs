//! Every environment variable that Palisade reads, declared once.

/// One environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// The setting that it sets; `None` for those that steer the program itself.
    pub setting: Option<&'static str>,
    /// One sentence for the documentation.
    pub description: &'static str,
}

/// The settings file, in place of `--config`.
pub const CONFIG: &str = "PALISADE_CONFIG";
/// The day or moment that counts as now: makes a run reproducible.
pub const NOW: &str = "PALISADE_NOW";
/// Which log messages are written, in the syntax of `tracing` filters.
pub const LOG: &str = "PALISADE_LOG";

const fn setting(name: &'static str, setting: &'static str, description: &'static str) -> Variable {
    Variable { name, setting: Some(setting), description }
}

const fn program(name: &'static str, description: &'static str) -> Variable {
    Variable { name, setting: None, description }
}

/// All variables, settings first. Lists are separated by commas; an empty value counts as not set.
pub const VARIABLES: &[Variable] = &[
    setting("PALISADE_EVENTS", "events", "CloudTrail files, folders or globs, separated by commas; `-` is standard input."),
    setting("PALISADE_INVENTORY", "inventory", "Folder of the inventory snapshot, or `aws`."),
    setting("PALISADE_INVENTORY_TYPES", "inventory_types", "Resource types to collect from AWS, separated by commas."),
    setting(
        "PALISADE_INVENTORY_MAX_AGE",
        "inventory_max_age",
        "Use a snapshot from AWS again while it is younger: `90m`, `12h`, `2d`.",
    ),
    setting("PALISADE_AGGREGATOR", "aggregator", "Name of the AWS Config aggregator."),
    setting("PALISADE_EXTERNAL_ACCESS_FINDINGS", "external_access_findings", "`access_analyzer`, `security_hub` or `none`."),
    setting("PALISADE_PERIMETER", "perimeter", "File of the perimeter definition."),
    setting("PALISADE_SERVICE_FACTS", "service_facts", "File of service facts, in place of the embedded ones."),
    setting("PALISADE_ACCOUNTS", "accounts", "Account ids separated by commas, or `all`."),
    setting("PALISADE_QUERIES", "queries", "Names or patterns of queries separated by commas, or `all`."),
    setting("PALISADE_QUERY_FOLDERS", "query_folders", "Folders with queries of your own, separated by commas."),
    setting("PALISADE_FROM", "from", "First day: `YYYY-MM-DD`, `today`, `yesterday` or back from today such as `-14d`."),
    setting("PALISADE_TO", "to", "Last day, in the same forms."),
    setting(NOW, "today", "The day or moment that counts as now, fixed so that a run can be repeated: `2026-11-20`."),
    setting(
        "PALISADE_FORMATS",
        "formats",
        "Report formats separated by commas: html, xlsx, json, ndjson, csv, parquet, sarif.",
    ),
    setting("PALISADE_OUTPUT", "output", "Folder for the run and its reports."),
    setting("PALISADE_TITLE", "title", "Title of the report."),
    setting("PALISADE_MAX_ROWS", "max_rows", "Most findings kept per query and account, or `none`."),
    setting("PALISADE_THREADS", "threads", "Threads that read and query, or `auto`."),
    setting("PALISADE_MEMORY_LIMIT", "memory_limit", "Memory for queries, such as `512MiB` or `2GiB`."),
    setting("PALISADE_SAMPLE_RECORDS", "sample_records", "Put a sample record beside findings: `true` or `false`."),
    setting("PALISADE_ENGINE", "engine", "Where statements over the events run: `local`, `athena` or `trino`."),
    setting(
        "PALISADE_TABLE_LAYOUTS",
        "table_layouts",
        "How tables of Athena or Trino are laid out, separated by commas: `[TABLE=]LAYOUT [OPTION=VALUE …]`.",
    ),
    setting("PALISADE_ACTIVITY_STORE", "activity_store", "Folder of the activity that Athena or Trino collect."),
    setting(
        "PALISADE_ACTIVITY_PREFIX_DEPTH",
        "activity_prefix_depth",
        "Segments of the keys of S3 objects that collected activity keeps.",
    ),
    setting("PALISADE_FAIL_ON", "fail_on", "Verdicts, separated by commas, whose findings make the exit code 3."),
    setting("PALISADE_QUIET", "quiet", "How much quieter than usual: 0, 1 or 2."),
    setting("PALISADE_VERBOSE", "verbose", "How much more talkative than usual: 0, 1 or 2."),
    setting("PALISADE_MAX_SCAN", "max_scan", "Most bytes that statements may scan on Athena, such as `200GB`, or `none`."),
    program(CONFIG, "The settings file, in place of `--config`."),
    program(LOG, "Which log messages are written, such as `info` or `palisade::events=debug`."),
    program("NO_COLOR", "Any value turns colours off."),
    program("CLICOLOR_FORCE", "Any value but 0 turns colours on when the output is not a terminal."),
];

/// The variable of a setting.
pub fn of_setting(name: &str) -> Option<&'static str> {
    VARIABLES.iter().find(|variable| variable.setting == Some(name)).map(|variable| variable.name)
}
