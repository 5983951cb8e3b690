//! The report model: the only thing that a report format or a diff reads.
//!
//! A [`Report`] is a [`Manifest`] (what was asked, over what, how well it is covered) and one [`Table`] of findings, sorted by
//! query and then by row. It is what a run folder stores as `run.json` and `findings.parquet`, so that a saved run can be
//! rendered again without its events.

use serde::{Deserialize, Serialize};

use super::impact::Impact;

/// Version of `run.json` and of the JSON report. Raised when a reader of the previous version would misread a new file.
pub const SCHEMA_VERSION: u32 = 1;

/// A run, complete: what reports are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub manifest: Manifest,
    /// Every finding of the run. Rows are sorted by `query`, then by the descending count, then by every other column.
    pub findings: Table,
}

/// What a run was asked, what it read and what it could not know. Stored as `run.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    pub schema_version: u32,
    /// Stable identifier, derived from the inputs of the run.
    pub run_id: String,
    pub title: String,
    pub tool_version: String,
    /// RFC 3339, UTC.
    pub generated_at: String,
    /// First and last day that the run was asked for; `None` is "all that there is".
    pub window: Window,
    /// The accounts whose calls were judged, sorted by id.
    pub accounts: Vec<AccountSummary>,
    /// In the order of the report.
    pub queries: Vec<QuerySummary>,
    pub coverage: Coverage,
    /// Of a replay: what the logs hold, and what of the change they cannot show, in sentences. The same in every format.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coverage_lines: Vec<CoverageLine>,
    /// What the reader must know before believing the numbers, most severe first.
    pub warnings: Vec<Warning>,
    pub exceptions: Vec<ExceptionStatus>,
    /// What was read: event sources, inventory snapshot, perimeter definition, each with its hash.
    pub inputs: Vec<Input>,
    /// Wall-clock milliseconds by phase, in the order in which they ran. Left out of deterministic comparison.
    pub timings: Vec<Timing>,
    /// Sample records by event id, as compact JSON text with secrets removed. Not every finding has one.
    pub samples: std::collections::BTreeMap<String, String>,
    /// Statements that ran elsewhere, with what they cost. Empty where everything was read here.
    pub statements: Vec<StatementSummary>,
    /// Of a replay: what each change would do, and with several what all of them would. In the order of the queries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub impacts: Vec<Impact>,
}

/// One attempt at a statement that ran on Athena or Trino.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatementSummary {
    /// `athena` or `trino`.
    pub engine: String,
    /// `activity`, or `query`.
    pub purpose: String,
    pub accounts: Vec<String>,
    /// `YYYY-MM-DD`, inclusive.
    pub from: String,
    pub to: String,
    pub execution_id: Option<String>,
    /// `succeeded`, `failed` or `unfinished`.
    pub outcome: String,
    pub reason: Option<String>,
    /// Bytes scanned.
    pub bytes: u64,
    /// Price in millionths of a US dollar, by the price per terabyte of the settings.
    pub micro_dollars: u64,
    pub milliseconds: u64,
    /// An earlier result was reused, which costs nothing.
    pub reused: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// `YYYY-MM-DD`, inclusive.
    pub from: Option<String>,
    /// `YYYY-MM-DD`, inclusive.
    pub to: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountSummary {
    pub account_id: String,
    /// From the inventory; `None` when it does not know the account.
    pub name: Option<String>,
    /// Names from the root to the account's parent, joined by `/`.
    pub organizational_unit: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QuerySummary {
    pub name: String,
    pub title: String,
    /// Markdown.
    pub description: String,
    /// `identity`, `resource`, `network` or `none`.
    pub perimeter: String,
    /// `scp`, `rcp`, `vpce`, `resource`.
    pub policy_types: Vec<String>,
    /// The text of the statement as the query file has it, with named parameters.
    pub sql: String,
    /// Parameter name and bound value, for each account.
    pub parameters: Vec<BoundParameter>,
    /// Findings of this query: rows `first_row .. first_row + rows` of the findings table.
    pub first_row: usize,
    pub rows: usize,
    /// Calls in those rows (the sum of `event_count`).
    pub calls: u64,
    /// Rows that a cap (`--max-rows`) left out. 0 when nothing was left out.
    pub rows_left_out: u64,
    /// Facts that the query needs and nobody provided, each with what it leaves undetermined.
    pub not_provided: Vec<String>,
    pub elapsed_ms: u64,
    /// The query that lists the same calls and counts them: totals leave this one out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_in: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundParameter {
    pub account_id: String,
    pub name: String,
    pub value: String,
}

/// What the logs hold, and so what they cannot answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    pub files: u64,
    pub bytes: u64,
    /// Records after duplicates and replaced records were removed.
    pub records: u64,
    pub duplicates: u64,
    /// Records that an `addendum` replaced.
    pub replaced: u64,
    /// Files and records left out, by reason, sorted by reason.
    pub skipped: Vec<Skipped>,
    /// One row per account, region and category, sorted.
    pub streams: Vec<Stream>,
    /// Days of the window (or between first and last event) for which an account has no file, sorted.
    pub days_without_file: Vec<MissingDays>,
    /// Are there S3, Lambda, DynamoDB … data events at all?
    pub has_data_events: bool,
    /// Data events by event source, sorted by name: which services log them.
    pub data_event_sources: Vec<SourceCount>,
    pub has_network_activity_events: bool,
    pub has_management_events: bool,
    /// The layouts and schemas that were recognised, one sentence each.
    pub recognised: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// A short fixed sentence, such as `digest file` or `not valid JSON`.
    pub reason: String,
    /// `file` or `record`.
    pub unit: String,
    pub count: u64,
    /// The first few, as `path:position`, for the reader to look at.
    pub examples: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub account_id: String,
    pub region: String,
    /// `Management`, `Data`, `NetworkActivity` …
    pub category: String,
    pub records: u64,
    /// RFC 3339, UTC; `None` when no record has a time.
    pub first_event: Option<String>,
    pub last_event: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MissingDays {
    pub account_id: String,
    /// `YYYY-MM-DD`, sorted.
    pub days: Vec<String>,
}

/// One thing that the logs hold or lack, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageLine {
    /// `Period`, `Accounts`, `Events` …
    pub topic: String,
    pub text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceCount {
    pub event_source: String,
    pub records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A verdict may be missing: "nothing found" is not "nothing breaks".
    Blind,
    /// Something was left out or assumed.
    Notice,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    pub severity: Severity,
    /// Stable kebab-case code, such as `no-s3-data-events`.
    pub code: String,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExceptionStatus {
    pub id: String,
    pub owner: String,
    pub reason: String,
    /// `YYYY-MM-DD`; the last day on which it applies.
    pub expires: Option<String>,
    /// `applied`, `expired` or `never_matched`.
    pub status: String,
    /// Findings that it covers (for an expired one: would have covered).
    pub findings: u64,
    pub calls: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// `events`, `inventory`, `perimeter`, `settings`.
    pub kind: String,
    /// As the user wrote it.
    pub location: String,
    /// Lower-case hex; `None` for event sources, which are too large to hash.
    pub sha256: Option<String>,
    /// When the facts were taken (inventory), RFC 3339.
    pub taken_at: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    pub phase: String,
    pub milliseconds: u64,
}

/// The verdict of one finding, in the order in which a reader should look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A policy under replay denies the call.
    Denied,
    /// The call crosses the perimeter as defined: a policy that enforces the definition denies it.
    CrossesPerimeter,
    /// The logs and the inventory do not tell; `settled_by` says what would.
    Undetermined,
    /// The call reaches a resource or network that AWS owns: the policy needs the matching exception.
    ServiceOwned,
    /// An exception of the perimeter definition covers the call, or the definition trusts whom a resource lets in.
    Excepted,
    /// Listed for information; the query judges no perimeter.
    Information,
    /// A policy under replay does not deny the call.
    NotDenied,
    /// The policy under replay does not apply to the call.
    NotApplicable,
}

impl Verdict {
    pub const ALL: [Verdict; 8] = [
        Verdict::Denied,
        Verdict::CrossesPerimeter,
        Verdict::Undetermined,
        Verdict::ServiceOwned,
        Verdict::Excepted,
        Verdict::Information,
        Verdict::NotDenied,
        Verdict::NotApplicable,
    ];

    /// The value in the `verdict` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Denied => "denied",
            Verdict::CrossesPerimeter => "crosses_perimeter",
            Verdict::Undetermined => "undetermined",
            Verdict::ServiceOwned => "service_owned",
            Verdict::Excepted => "excepted",
            Verdict::Information => "information",
            Verdict::NotDenied => "not_denied",
            Verdict::NotApplicable => "not_applicable",
        }
    }
}

/// Which question of the reader a column answers; reports group columns by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnGroup {
    Finding,
    Who,
    DidWhat,
    ToWhat,
    FromWhere,
    HowOften,
}

impl ColumnGroup {
    pub fn title(self) -> &'static str {
        match self {
            ColumnGroup::Finding => "Finding",
            ColumnGroup::Who => "Who",
            ColumnGroup::DidWhat => "Did what",
            ColumnGroup::ToWhat => "To what",
            ColumnGroup::FromWhere => "From where",
            ColumnGroup::HowOften => "How often",
        }
    }
}

/// The type of a finding column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Integer,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time,
}

/// One column of the finding shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    pub name: &'static str,
    pub group: ColumnGroup,
    pub column_type: ColumnType,
    /// Shown before the reader asks for more columns.
    pub shown: bool,
    /// What the values mean, and what null means.
    pub description: &'static str,
}

const fn column(
    name: &'static str,
    group: ColumnGroup,
    column_type: ColumnType,
    shown: bool,
    description: &'static str,
) -> ColumnSpec {
    ColumnSpec { name, group, column_type, shown, description }
}

/// The finding shape: every report has these columns, in this order.
pub const FINDING_COLUMNS: &[ColumnSpec] = {
    use ColumnGroup::*;
    use ColumnType::*;
    &[
        column("finding_id", Finding, Text, false, "Stable identifier: the same call context gives the same id in every run."),
        column("query", Finding, Text, false, "The named query, or the policy replay, that made the finding."),
        column("perimeter", Finding, Text, false, "identity, resource, network or none."),
        column("verdict", Finding, Text, true, "What the finding says; see the list of verdicts."),
        column("reason", Finding, Text, true, "Why, in one sentence, with the fact that decided it."),
        column(
            "outcome",
            Finding,
            Text,
            false,
            "For a replayed call: newly_denied, may_be_newly_denied, newly_allowed, may_be_newly_allowed, still_denied, already_denied, unchanged or not_applicable. Null otherwise.",
        ),
        column(
            "statement",
            Finding,
            Text,
            false,
            "For a replayed call: the policy statement that decides, as file:line and Sid. Null when none does.",
        ),
        column("settled_by", Finding, Text, false, "For an undetermined finding: what would settle it. Null otherwise."),
        column(
            "exception_id",
            Finding,
            Text,
            false,
            "The exception of the perimeter definition that covers the call, or null.",
        ),
        column("account_id", Who, Text, true, "The account whose trail recorded the call."),
        column("account_name", Who, Text, false, "Its name in the inventory; null when unknown."),
        column("organizational_unit", Who, Text, false, "Path of organizational units of that account; null when unknown."),
        column(
            "principal_arn",
            Who,
            Text,
            true,
            "The role (not the session), user or root ARN; null when the record hides it.",
        ),
        column("principal_type", Who, Text, false, "userIdentity.type."),
        column("principal_id", Who, Text, false, "userIdentity.principalId without the session name."),
        column("principal_account_id", Who, Text, true, "The caller's account; null when the record hides it."),
        column(
            "principal_ownership",
            Who,
            Text,
            false,
            "in_organization, outside_organization, aws_service, anonymous or unknown.",
        ),
        column("principal_organizational_unit", Who, Text, false, "Path of organizational units of the caller's account."),
        column(
            "principal_kind",
            Who,
            Text,
            false,
            "service_linked_role, service_role, human_role, role, user, root, aws_service, anonymous, federated or unknown.",
        ),
        column("principal_owner", Who, Text, false, "Owner tag of the role or user; null when untagged or unknown."),
        column(
            "assumable_by",
            Who,
            Text,
            false,
            "Who the trust policy of the role lets in; null when the role is not in the inventory.",
        ),
        column("event_source", DidWhat, Text, true, "The service that was called."),
        column("event_name", DidWhat, Text, true, "The API operation."),
        column("error_code", DidWhat, Text, false, "Null when the call succeeded."),
        column("error_message", DidWhat, Text, false, "Null when the call succeeded or the record has no message."),
        column(
            "denied_by",
            DidWhat,
            Text,
            false,
            "The policy type that the error message names as denying; null when it names none.",
        ),
        column("resource_arn", ToWhat, Text, true, "The resource; null when the record names none."),
        column("resource_type", ToWhat, Text, false, "CloudFormation-style type of the resource."),
        column("resource_account_id", ToWhat, Text, true, "Owner of the resource; null when unknown."),
        column("resource_ownership", ToWhat, Text, false, "in_organization, outside_organization, aws_service or unknown."),
        column("resource_owner", ToWhat, Text, false, "Owner tag of the resource; null when untagged or unknown."),
        column(
            "details",
            ToWhat,
            Text,
            false,
            "Further columns of a query over the inventory, as a JSON object; null for queries over calls.",
        ),
        column("region", FromWhere, Text, true, "awsRegion of the call, or region of the resource."),
        column("source_ip", FromWhere, Text, true, "Address of the caller; null when the call came from an AWS service."),
        column(
            "source_service",
            FromWhere,
            Text,
            false,
            "DNS name of the AWS service that the call came from, or AWS Internal.",
        ),
        column(
            "invoked_by",
            FromWhere,
            Text,
            false,
            "userIdentity.invokedBy: the service that made the call on behalf of the principal.",
        ),
        column("network", FromWhere, Text, true, "expected, public, private, aws_service or unknown."),
        column("network_name", FromWhere, Text, false, "Name of the expected network that the address lies in, or null."),
        column("vpc_endpoint_id", FromWhere, Text, true, "VPC endpoint of the call; null when none."),
        column("vpc_endpoint_account_id", FromWhere, Text, false, "Owner of the VPC endpoint."),
        column("vpc_id", FromWhere, Text, false, "VPC of the endpoint, from the inventory."),
        column("user_agent", FromWhere, Text, false, "Client, as it named itself. Controlled by the caller."),
        column("event_count", HowOften, Integer, true, "Number of calls."),
        column("first_seen", HowOften, Time, false, "First call."),
        column("last_seen", HowOften, Time, true, "Last call."),
        column("sample_event_id", HowOften, Text, false, "eventID of one of the calls."),
    ]
};

/// Findings, column by column. Text is dictionary-encoded, because findings repeat their accounts, roles and reasons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// As [`FINDING_COLUMNS`], in that order.
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub spec: ColumnSpec,
    pub values: Values,
}

/// INVARIANT: all columns of a table have the same number of values; codes index the dictionary.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `codes[row]` indexes `dictionary`; `None` is null. The dictionary has no duplicates and is in order of first use.
    Text {
        dictionary: Vec<String>,
        codes: Vec<Option<u32>>,
    },
    Integer(Vec<Option<i64>>),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(Vec<Option<i64>>),
}

/// One cell of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    Time(i64),
}

impl Column {
    fn len(&self) -> usize {
        match &self.values {
            Values::Text { codes, .. } => codes.len(),
            Values::Integer(values) | Values::Time(values) => values.len(),
        }
    }

    /// The text of a row; `None` for null or another type.
    pub fn text(&self, row: usize) -> Option<&str> {
        match self.get(row) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn get(&self, row: usize) -> Cell<'_> {
        match &self.values {
            Values::Text { dictionary, codes } => codes
                .get(row)
                .copied()
                .flatten()
                .and_then(|code| dictionary.get(code as usize))
                .map_or(Cell::Null, |text| Cell::Text(text)),
            Values::Integer(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Integer),
            Values::Time(values) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Time),
        }
    }
}

impl Table {
    /// Number of findings.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.spec.name == name)
    }

    /// The cell of a named column; `Cell::Null` when there is no such column or row.
    pub fn cell(&self, name: &str, row: usize) -> Cell<'_> {
        self.column(name).map_or(Cell::Null, |column| column.get(row))
    }

    /// The text of a named column; `None` for null or another type.
    pub fn text(&self, name: &str, row: usize) -> Option<&str> {
        match self.cell(name, row) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The calls that a row stands for; null counts as none.
    pub fn calls(&self, row: usize) -> u64 {
        match self.cell("event_count", row) {
            Cell::Integer(count) => u64::try_from(count).unwrap_or(0),
            _ => 0,
        }
    }
}

/// Builds a [`Table`] row by row.
#[derive(Debug)]
pub struct TableBuilder {
    columns: Vec<Column>,
    codes_of: Vec<std::collections::HashMap<String, u32>>,
}

impl Default for TableBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl TableBuilder {
    pub fn new() -> Self {
        let columns: Vec<Column> = FINDING_COLUMNS
            .iter()
            .map(|spec| Column {
                spec: *spec,
                values: match spec.column_type {
                    ColumnType::Text => Values::Text { dictionary: Vec::new(), codes: Vec::new() },
                    ColumnType::Integer => Values::Integer(Vec::new()),
                    ColumnType::Time => Values::Time(Vec::new()),
                },
            })
            .collect();
        let codes_of = columns.iter().map(|_| std::collections::HashMap::new()).collect();
        Self { columns, codes_of }
    }

    /// Appends one row; `cell` gives the value of each column. A value of the wrong type is stored as null.
    pub fn push<'a>(&mut self, cell: impl Fn(&ColumnSpec) -> Cell<'a>) {
        for (column, codes_of) in self.columns.iter_mut().zip(&mut self.codes_of) {
            let value = cell(&column.spec);
            match &mut column.values {
                Values::Text { dictionary, codes } => codes.push(match value {
                    Cell::Text(text) => match codes_of.get(text) {
                        Some(code) => Some(*code),
                        None => u32::try_from(dictionary.len()).ok().inspect(|code| {
                            dictionary.push(text.to_owned());
                            codes_of.insert(text.to_owned(), *code);
                        }),
                    },
                    _ => None,
                }),
                Values::Integer(values) => values.push(match value {
                    Cell::Integer(number) => Some(number),
                    _ => None,
                }),
                Values::Time(values) => values.push(match value {
                    Cell::Time(milliseconds) => Some(milliseconds),
                    _ => None,
                }),
            }
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    pub fn finish(self) -> Table {
        Table { columns: self.columns }
    }
}
