//! Tables of CloudTrail in a catalog of Athena or Trino, and the SQL that makes the relation `events` of them.
//!
//! [`Layout::detect`] tells from a table's own columns, partition keys and parameters how its parts are found. [`statement_over`] puts the
//! mapping in front of a statement, as a `WITH` clause: the partition predicates are inside, every value is a `?`, and a record is read
//! once, however many relations the statement names. [`activity_statement`] is the roll-up of the same records.
//!
//! The texts are `queries/sources/*.sql`; they make the same decisions as `events::rows` does for files.

mod activity;
pub mod by_hand;
pub mod column_type;
mod layout;
mod render;

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use by_hand::{LayoutName, TableLayout};
pub use column_type::ColumnType;
pub use layout::{DayForm, Days, Layout, PartitionColumn, Shape};

use super::Part;
use crate::catalog::{BoundValue, Statement};
use crate::events::schema::{Column as Event, EVENT_RESOURCES, EVENTS};
use render::{Columns, quoted};

/// Longest statement that Athena takes, in bytes (<https://docs.aws.amazon.com/athena/latest/ug/service-limits.html>).
pub const MAX_STATEMENT_BYTES: usize = 262_144;

/// A text of `queries/sources` without its comments: they are for people, and a statement has a longest length.
fn without_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    lines.join("\n")
}

const CLOUDTRAIL: &str = include_str!("../../queries/sources/cloudtrail.sql");
const SECURITY_LAKE: &str = include_str!("../../queries/sources/security_lake.sql");
const EVENTS_CHAIN: &str = include_str!("../../queries/sources/events.sql");
const ONCE: &str = include_str!("../../queries/sources/once.sql");
const ONCE_WITH_ADDENDA: &str = include_str!("../../queries/sources/once_with_addenda.sql");
const RELATION: &str = include_str!("../../queries/sources/relation.sql");
const ACTIVITY: &str = include_str!("../../queries/sources/activity.sql");

/// A column of a table, or a partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub data_type: ColumnType,
}

impl Column {
    /// `data_type` as Glue or Trino writes it.
    pub fn new(name: impl Into<String>, data_type: &str) -> Self {
        Column { name: name.into(), data_type: ColumnType::parse(data_type) }
    }
}

/// A table of a catalog, as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub catalog: String,
    pub database: String,
    pub name: String,
    /// Without the partition keys.
    pub columns: Vec<Column>,
    pub partition_keys: Vec<Column>,
    /// Table properties under their names in Glue (`projection.p_date.format`), where the catalog tells them.
    pub parameters: BTreeMap<String, String>,
}

impl Table {
    /// The name in a statement.
    pub fn quoted_name(&self) -> String {
        format!("{}.{}.{}", quoted(&self.catalog), quoted(&self.database), quoted(&self.name))
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}.{}", self.catalog, self.database, self.name)
    }
}

/// A table and how its parts are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub table: Table,
    pub layout: Layout,
}

impl Source {
    /// A table with the layout that it looks to have.
    pub fn detect(table: Table) -> Result<Source, SourceError> {
        Source::laid_out(table, &[])
    }

    /// A table with the layout that was set for it by hand, else the one that it looks to have.
    pub fn laid_out(table: Table, set: &[TableLayout]) -> Result<Source, SourceError> {
        let layout = by_hand::layout_of(&table, set)?;
        Ok(Source { table, layout })
    }

    /// The table, and its layout if it is another than the table looks to have: what is collected in two ways is not mixed.
    pub fn identity(&self) -> String {
        match Layout::detect(&self.table) {
            Ok(detected) if detected == self.layout => self.table.to_string(),
            _ => format!("{} ({})", self.table, self.layout.describe()),
        }
    }

    /// Relation columns that are null in every row, because the table has no column for them. For the report: what cannot be judged.
    pub fn missing(&self) -> Vec<&'static str> {
        let columns = self.all_columns();
        let mut columns = Columns::new(&columns, self.layout.shape == Shape::SecurityLake);
        let template = self.template();
        let mut missing = Vec::new();
        for line in template.lines() {
            let Some((directive, name)) = line.trim().strip_prefix("${").and_then(|line| line.split_once("} AS ")) else {
                continue;
            };
            let Some((_, path)) = directive.split_once(' ').filter(|(kind, _)| *kind != "folder") else { continue };
            if !columns.has(path) {
                missing.push(name.trim_end_matches(','));
            }
        }
        missing
    }

    /// The same without what only event data stores have: nobody misses it in the table of a trail.
    pub fn lacking(&self) -> Vec<&'static str> {
        let mut missing = self.missing();
        missing.retain(|column| *column != Event::EventContext.name());
        missing
    }

    fn template(&self) -> &'static str {
        match self.layout.shape {
            Shape::CloudTrail => CLOUDTRAIL,
            Shape::SecurityLake => SECURITY_LAKE,
        }
    }

    fn all_columns(&self) -> Vec<Column> {
        // A partition key `region` or `timestamp` must not hide a column of the record.
        let mut columns = self.table.columns.clone();
        columns.retain(|column| !self.table.partition_keys.iter().any(|key| key.name == column.name));
        columns
    }

    /// The query for its records, with the places of the table and the predicates left open.
    fn mapping(&self) -> Result<Mapping, SourceError> {
        let all_columns = self.all_columns();
        let mut columns = Columns::new(&all_columns, self.layout.shape == Shape::SecurityLake);
        let mut by_path = false;
        let select = columns.render(&without_comments(self.template()), |_, directive| {
            Some(match directive {
                "folder account" => match &self.layout.account {
                    Some(account) => format!("CAST({} AS varchar)", quoted(&account.name)),
                    None if self.layout.has_paths => {
                        by_path = true;
                        // In the folders of a trail the path tells the account, as it does for files.
                        r#"regexp_extract("$path", '/([0-9]{12})/CloudTrail(-NetworkActivity)?/', 1)"#.to_owned()
                    }
                    None => "CAST(NULL AS varchar)".to_owned(),
                },
                "table" | "partitions" => format!("${{{directive}}}"),
                _ => return None,
            })
        })?;
        let mut names: Vec<String> = columns.used.iter().map(|name| quoted(name)).collect();
        if let Some(account) = self.layout.account.as_ref().map(|account| quoted(&account.name))
            && !names.contains(&account)
        {
            names.push(account);
        }
        names.extend(by_path.then(|| "\"$path\"".to_owned()));
        Ok(Mapping { select, names: names.join(", ") })
    }

    /// The parts of the table to read, each by a predicate of its own: one, unless the accounts must be named one by one.
    fn branches(&self, dialect: Dialect, part: &Part) -> Vec<Part> {
        let injected = self.layout.account.as_ref().is_some_and(|account| account.injected && dialect == Dialect::Trino);
        if !injected {
            return vec![part.clone()];
        }
        part.account_ids.iter().map(|account_id| Part { account_ids: vec![account_id.clone()], ..part.clone() }).collect()
    }
}

/// How the columns of a table become those of a record. Equal for tables of one generation.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    /// With `${table}` and `${partitions}` to be filled in.
    select: String,
    /// The columns that it reads.
    names: String,
}

/// The records of the part, as a query. The values go to `values` in the order of their placeholders. Tables that are mapped alike share
/// one mapping, so that a statement grows by a line with every further table or account.
fn records(sources: &[Source], dialect: Dialect, part: &Part, values: &mut Vec<BoundValue>) -> Result<String, SourceError> {
    let mut groups: Vec<(Mapping, Vec<&Source>)> = Vec::new();
    for source in sources {
        let mapping = source.mapping()?;
        match groups.iter_mut().find(|(known, _)| *known == mapping) {
            Some((_, alike)) => alike.push(source),
            None => groups.push((mapping, vec![source])),
        }
    }
    let mut queries = Vec::with_capacity(groups.len());
    for (mapping, alike) in groups {
        let branches: Vec<(&Source, Part)> = alike
            .into_iter()
            .flat_map(|source| source.branches(dialect, part).into_iter().map(move |part| (source, part)))
            .collect();
        let (from, predicates) = match branches.as_slice() {
            [(source, part)] => (source.table.quoted_name(), source.layout.predicates(part, values)),
            several => {
                let selects: Vec<String> = several
                    .iter()
                    .map(|(source, part)| {
                        let predicates = source.layout.predicates(part, values);
                        format!("  SELECT {} FROM {} WHERE {predicates}", mapping.names, source.table.quoted_name())
                    })
                    .collect();
                (format!("(\n{}\n)", selects.join("\n  UNION ALL\n")), "true".to_owned())
            }
        };
        queries.push(mapping.select.replace("${table}", &from).replace("${partitions}", &predicates));
    }
    Ok(queries.join("\nUNION ALL\n"))
}

/// Where engines of one family differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Athena,
    /// Injected partition projection takes a single value here, so each account is a branch of a union.
    Trino,
}

/// Why no statement can be made over a table.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(
        "table {table} is no table of CloudTrail that is known: it has {columns}; expected are the columns of CloudTrail (eventname, \
         eventsource, useridentity …) or of Security Lake (api, actor, metadata …)"
    )]
    NotRecognised { table: String, columns: String },
    #[error(
        "table {table}: the partition key `{key}` holds days in the form `{form}`, which is not known; expected one of {expected}"
    )]
    DayForm { table: String, key: String, form: String, expected: String },
    #[error("table {table} has no column `{name}`, which the setting `{set}` names; it has {columns}")]
    NoColumn { table: String, name: String, set: String, columns: String },
    #[error(
        "table {table}: no column has a usual name for what the layout `{layout}` needs; name it with `{option}=COLUMN`: the table has \
         {columns}"
    )]
    LayoutLacks { table: String, layout: &'static str, option: &'static str, columns: String },
    #[error("table {table}: the column `{name}` cannot serve the layout `{layout}`, which needs {expected}")]
    ColumnType { table: String, name: String, layout: &'static str, expected: &'static str },
    #[error(
        "table {table} has not the columns of Security Lake (api, actor, metadata …), which the layout `security_lake` needs"
    )]
    NotSecurityLake { table: String },
    #[error("`table_layouts` sets a layout for `{name}`, which is none of the tables that are read: {tables}")]
    LayoutOfNoTable { name: String, tables: String },
    #[error("no table is named")]
    NoTable,
    #[error("no account is asked for")]
    NoAccount,
    #[error(
        "the statement takes {bytes} bytes with its values, and the engine at most {limit}: ask for fewer accounts at once"
    )]
    TooLong { bytes: usize, limit: usize },
    #[error("mapping of tables: {0}")]
    Template(String),
}

/// A statement of the user or the catalog over `events` and `event_resources` (with `?` for its values), with the relations in front of it.
///
/// A statement that names neither relation is an error of the engine, which knows no such table.
pub fn statement_over(
    sources: &[Source],
    dialect: Dialect,
    part: &Part,
    statement: &Statement,
) -> Result<Statement, SourceError> {
    let relations: Vec<&str> =
        [EVENTS, EVENT_RESOURCES].into_iter().filter(|name| names_relation(&statement.sql, name)).collect();
    let mut values = Vec::new();
    let with = relations_over(sources, dialect, part, &relations, &mut values)?;
    values.extend(statement.values.iter().cloned());
    let sql = match own_with(&statement.sql) {
        // Both clauses become one.
        Some((true, rest)) => format!("WITH RECURSIVE {with},\n{rest}"),
        Some((false, rest)) => format!("WITH {with},\n{rest}"),
        None => format!("WITH\n{with}\n{}", statement.sql.trim_start()),
    };
    checked(Statement { sql, values, ..statement.clone() })
}

/// The roll-up of the part's records, with the columns of the relation: what [`crate::activity`] describes, with `prefix_segments` of the keys
/// of objects kept.
pub fn activity_statement(
    sources: &[Source],
    dialect: Dialect,
    part: &Part,
    prefix_segments: usize,
) -> Result<Statement, SourceError> {
    let mut values = Vec::new();
    let with = relations_over(sources, dialect, part, &[EVENTS], &mut values)?;
    let sql = format!("WITH\n{with},\n{}", activity::roll_up(prefix_segments)?);
    checked(Statement { sql, values, parameters: Vec::new(), left_to_later_steps: Vec::new() })
}

fn checked(statement: Statement) -> Result<Statement, SourceError> {
    let bytes = bytes_of(&statement);
    if bytes > MAX_STATEMENT_BYTES {
        return Err(SourceError::TooLong { bytes, limit: MAX_STATEMENT_BYTES });
    }
    Ok(statement)
}

/// How many of the part's accounts one statement takes, so that it stays under the limit: at least one, or the error.
pub fn accounts_that_fit(
    sources: &[Source],
    dialect: Dialect,
    part: &Part,
    statement: &Statement,
) -> Result<usize, SourceError> {
    let fits = |accounts: usize| {
        let account_ids = part.account_ids.iter().take(accounts).cloned().collect();
        match statement_over(sources, dialect, &Part { account_ids, ..part.clone() }, statement) {
            Ok(_) => Ok(true),
            Err(SourceError::TooLong { .. }) if accounts > 1 => Ok(false),
            Err(error) => Err(error),
        }
    };
    // One always fits, or there is no answer; the statement grows with every account.
    let (mut most, mut too_many) = (1, part.account_ids.len() + 1);
    fits(1)?;
    while too_many - most > 1 {
        let middle = most + (too_many - most) / 2;
        if fits(middle)? { most = middle } else { too_many = middle }
    }
    Ok(most)
}

/// What a statement takes in a request: its text, and each value in quotes.
pub fn bytes_of(statement: &Statement) -> usize {
    let of_value = |value: &BoundValue| match value {
        BoundValue::Text(text) => text.len() + text.matches('\'').count() + 4,
        BoundValue::Null => 6,
    };
    statement.sql.len() + statement.values.iter().map(of_value).sum::<usize>()
}

/// The expressions of a `WITH` clause that define these relations.
fn relations_over(
    sources: &[Source],
    dialect: Dialect,
    part: &Part,
    relations: &[&str],
    values: &mut Vec<BoundValue>,
) -> Result<String, SourceError> {
    if sources.is_empty() {
        return Err(SourceError::NoTable);
    }
    if part.account_ids.is_empty() {
        return Err(SourceError::NoAccount);
    }
    let records = records(sources, dialect, part, values)?;
    let has_addenda = sources.iter().any(|source| !source.missing().contains(&"is_addendum"));
    let knows_accounts = sources.iter().all(|source| source.layout.account.is_some());
    let mut with = format!("palisade_records AS (\n{records}\n),\n");
    let chain = Columns::new(&[], false).render(&without_comments(EVENTS_CHAIN), |_, directive| {
        Some(match directive {
            "from" => placeholder(values, part.from.to_string()),
            "to" => placeholder(values, part.to.to_string()),
            "accounts" if knows_accounts => String::new(),
            "accounts" => format!("AND account_id IN ({})", placeholders(values, &part.account_ids)),
            "once" => without_comments(if has_addenda { ONCE_WITH_ADDENDA } else { ONCE }),
            _ => return None,
        })
    })?;
    with.push_str(chain.trim_end());
    for relation in relations {
        let (resource, join) = match *relation {
            EVENT_RESOURCES => ("resource", ALL_RESOURCES),
            _ => ("primary_resource", ""),
        };
        with.push_str(",\n");
        with.push_str(
            RELATION.replace("${name}", relation).replace("${resource}", resource).replace("${join}", join).trim_end(),
        );
    }
    Ok(with)
}

/// One row for each resource, and one for a record without.
const ALL_RESOURCES: &str = "CROSS JOIN UNNEST(transform(\
     IF(cardinality(resource_rows) > 0, resource_rows, ARRAY[CAST(NULL AS row(arn varchar, account_id varchar, resource_type varchar))]), \
     r -> ROW(r))) AS unnested (resource)";

fn placeholder(values: &mut Vec<BoundValue>, value: String) -> String {
    values.push(BoundValue::Text(value));
    "?".to_owned()
}

fn placeholders(values: &mut Vec<BoundValue>, list: &[String]) -> String {
    values.extend(list.iter().cloned().map(BoundValue::Text));
    vec!["?"; list.len()].join(", ")
}

/// Does the text name the relation, outside literals and comments? What it says inside does no harm but a longer statement.
fn names_relation(sql: &str, name: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    lower.match_indices(name).any(|(at, _)| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let before = lower.get(..at).and_then(|text| text.chars().next_back());
        let after = lower.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// What follows the `WITH` that the statement begins with itself, and whether it is recursive.
fn own_with(sql: &str) -> Option<(bool, &str)> {
    let mut rest = sql.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1.trim_start();
        } else if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n')?.1.trim_start();
        } else {
            break;
        }
    }
    let rest = keyword(rest, "with")?;
    Some(match keyword(rest, "recursive") {
        Some(rest) => (true, rest),
        None => (false, rest),
    })
}

/// What follows the keyword, if the text begins with it.
fn keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (word, rest) = text.split_at_checked(keyword.len())?;
    let ends = rest.starts_with(|c: char| c.is_whitespace() || c == '/' || c == '-');
    (word.eq_ignore_ascii_case(keyword) && ends).then(|| rest.trim_start())
}

/// Days of folders that may hold records of the part: a file holds records of its day and late ones of the day before.
fn folder_days(part: &Part) -> (Date, Date) {
    (part.from, part.to.tomorrow().unwrap_or(part.to))
}
