//! The front matter of a query: YAML in the block comment that the file begins with.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Origin, did_you_mean, nearest};

/// A named query: what it answers, what it needs, and its statement.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySpec {
    /// The file name without `.sql`.
    pub name: String,
    /// The name of the folder that the file lies in, such as `common`.
    pub folder: String,
    pub title: String,
    /// Markdown.
    pub description: String,
    pub perimeter: Perimeter,
    /// The kinds of policy that would enforce the perimeter where this query looks.
    pub policy_types: Vec<PolicyType>,
    pub scope: Scope,
    /// What the statement reads.
    pub over: Over,
    /// Names of the queries over events whose calls a query over findings is joined with.
    pub activity: Vec<String>,
    /// The resource types that a query over findings is about; empty: all.
    pub resource_types: Vec<String>,
    /// Does the query make findings of its own? If not, it is there for others to be joined with, and patterns do not choose it.
    pub reported: bool,
    /// By name, as the statement writes it after the colon.
    pub parameters: BTreeMap<String, Parameter>,
    /// Types of the inventory that the steps need. One that the snapshot does not have leaves findings undetermined.
    pub inventory: Vec<String>,
    /// Names of steps that add columns, in the order in which they run.
    pub enrich: Vec<String>,
    /// Names of steps that drop rows or leave them undetermined, in the order in which they run.
    pub exclude: Vec<String>,
    /// Template of the reason of a finding, with columns in braces.
    pub finding: String,
    /// Addresses of the pages that the rules come from.
    pub references: Vec<String>,
    /// The statement, without the front matter.
    pub sql: String,
    /// The line of the file on which `sql` begins; the first line is 1.
    pub sql_line: usize,
    /// The whole file, to start another query from.
    pub text: String,
    /// The line of the file on which the value of each key begins.
    pub key_lines: BTreeMap<String, usize>,
    pub origin: Origin,
    /// The query of the same name that this one took the place of.
    pub replaces: Option<Origin>,
    /// Path and text of the test cases beside the query.
    pub test: Option<(String, String)>,
}

/// Which perimeter a query judges (<https://docs.aws.amazon.com/whitepapers/latest/building-a-data-perimeter-on-aws/perimeter-overview.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Perimeter {
    Identity,
    Resource,
    Network,
    /// The query lists calls and judges none.
    None,
}

impl Perimeter {
    pub fn as_str(self) -> &'static str {
        match self {
            Perimeter::Identity => "identity",
            Perimeter::Resource => "resource",
            Perimeter::Network => "network",
            Perimeter::None => "none",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// Service control policy.
    Scp,
    /// Resource control policy.
    Rcp,
    /// VPC endpoint policy.
    Vpce,
    /// Resource-based policy, such as a bucket policy.
    Resource,
}

impl PolicyType {
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyType::Scp => "scp",
            PolicyType::Rcp => "rcp",
            PolicyType::Vpce => "vpce",
            PolicyType::Resource => "resource",
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            PolicyType::Scp => "service control policy",
            PolicyType::Rcp => "resource control policy",
            PolicyType::Vpce => "VPC endpoint policy",
            PolicyType::Resource => "resource-based policy",
        }
    }
}

/// How often a query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Once per selected account, over the calls that its trail recorded.
    Account,
    /// Once for all selected accounts together.
    Organization,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Account => "account",
            Scope::Organization => "organization",
        }
    }
}

/// What a statement reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// `events` and `event_resources`, on whichever engine has them.
    #[default]
    Events,
    /// The relations of the inventory, on the embedded engine.
    Inventory,
}

impl Over {
    pub fn as_str(self) -> &'static str {
        match self {
            Over::Events => "events",
            Over::Inventory => "inventory",
        }
    }
}

/// A value that the statement takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    #[serde(rename = "type")]
    pub parameter_type: ParameterType,
    /// `account`, `organization_accounts`, or a key of what the account trusts, such as `trusted_resources.accounts`. Without
    /// it the caller has to give a value.
    pub from: Option<String>,
    /// The statement uses the value only to leave rows out early, and a later step decides again: a list that is too long for a
    /// statement may then be replaced by one that matches nothing.
    #[serde(default)]
    pub prefilter: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    String,
    /// For `IN (:name)`.
    StringList,
    /// For `regexp_like(column, :name)`: one anchored regular expression.
    Patterns,
}

impl ParameterType {
    pub fn as_str(self) -> &'static str {
        match self {
            ParameterType::String => "string",
            ParameterType::StringList => "string_list",
            ParameterType::Patterns => "patterns",
        }
    }
}

/// What is wrong with the front matter of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct FrontMatterError {
    pub file: String,
    /// The first line of the file is 1.
    pub line: usize,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    description: String,
    perimeter: Perimeter,
    #[serde(default)]
    policy_types: Vec<PolicyType>,
    scope: Scope,
    #[serde(default)]
    over: Over,
    #[serde(default)]
    activity: Vec<String>,
    #[serde(default)]
    resource_types: Vec<String>,
    #[serde(default = "yes")]
    reported: bool,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    inventory: Vec<String>,
    #[serde(default)]
    enrich: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    finding: String,
    #[serde(default)]
    references: Vec<String>,
}

fn yes() -> bool {
    true
}

impl QuerySpec {
    /// Reads a query file. The name comes from the origin.
    pub fn parse(text: &str, origin: Origin) -> Result<QuerySpec, FrontMatterError> {
        let file = origin.to_string();
        let error = |line: usize, message: String| FrontMatterError { file: file.clone(), line, message };
        let blank = text.len() - text.trim_start().len();
        let Some(comment) = text.trim_start().strip_prefix("/*") else {
            return Err(error(1, "the file must begin with a block comment `/* … */` that holds the front matter".to_owned()));
        };
        let Some((yaml, sql)) = comment.split_once("*/") else {
            return Err(error(1, "the block comment of the front matter does not end: `*/` is missing".to_owned()));
        };
        let first_line = 1 + newlines(text.get(..blank).unwrap_or_default());
        let raw: Raw = serde_saphyr::from_str(yaml).map_err(|problem| {
            let line = problem.location().map_or(first_line, |at| first_line + line_index(at.line()));
            error(line, message(&problem))
        })?;
        let after_comment = first_line + newlines(yaml);
        let leading = sql.len() - sql.trim_start().len();
        let (folder, name) = folder_and_name(&origin);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            let expected = "a query's file name is its name: lower-case letters, digits and `_`, then `.sql`";
            return Err(error(1, format!("`{name}` cannot name a query; {expected}")));
        }
        Ok(QuerySpec {
            name,
            folder,
            title: raw.title,
            description: raw.description.trim_end().to_owned(),
            perimeter: raw.perimeter,
            policy_types: raw.policy_types,
            scope: raw.scope,
            over: raw.over,
            activity: raw.activity,
            resource_types: raw.resource_types,
            reported: raw.reported,
            parameters: raw.parameters,
            inventory: raw.inventory,
            enrich: raw.enrich,
            exclude: raw.exclude,
            finding: raw.finding,
            references: raw.references,
            sql: sql.trim().to_owned(),
            sql_line: after_comment + newlines(sql.get(..leading).unwrap_or_default()),
            text: text.to_owned(),
            key_lines: key_lines(yaml, first_line),
            origin,
            replaces: None,
            test: None,
        })
    }

    /// The line of a front-matter key, or of the file's beginning when the key is left out.
    pub fn key_line(&self, key: &str) -> usize {
        self.key_lines.get(key).copied().unwrap_or(1)
    }
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

fn line_index(line: u64) -> usize {
    usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// The lines of the top-level keys.
fn key_lines(yaml: &str, first_line: usize) -> BTreeMap<String, usize> {
    yaml.lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|(index, line)| Some((line.split_once(':')?.0.to_owned(), first_line + index)))
        .collect()
}

fn folder_and_name(origin: &Origin) -> (String, String) {
    let path = match origin {
        Origin::BuiltIn(path) => std::path::Path::new(path),
        Origin::File(path) => path.as_path(),
    };
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
    (text(path.parent().and_then(|parent| parent.file_name())), text(path.file_stem()))
}

/// The parser's problem in one sentence, with the nearest allowed word for an unknown one.
pub(super) fn message(problem: &serde_saphyr::Error) -> String {
    let unknown = |what: &str, found: &str, expected: &[&'static str]| {
        let suggestion = did_you_mean(nearest(found, expected.iter().copied()).as_deref());
        format!("unknown {what} `{found}`{suggestion} (expected one of: {})", expected.join(", "))
    };
    match problem.without_snippet() {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        serde_saphyr::Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is given twice"),
        other => other.to_string().lines().next().unwrap_or("not valid YAML").to_owned(),
    }
}
