//! The test cases of a query: a YAML file beside it, `<name>.test.yaml`.
//!
//! ```yaml
//! defaults:                          # optional; every case and row starts from these
//!   account: "111111111111"
//!   today: 2026-11-01
//!   row: {account_id: "111111111111", event_source: s3.amazonaws.com, region: eu-west-1}
//!   inventory: {accounts.csv: "id,name\n111111111111,app\n"}
//!   perimeter: "version: 1\n"
//! cases:
//!   - name: a bucket of a foreign account crosses
//!     rows:                          # rows of the relation that the statement reads; what is left out is null.
//!                                    # A query over the inventory needs none; with rows it is joined with their calls
//!       - {event_id: e1, event_name: GetObject, resource_account_id: "999999999999"}
//!     expect:                        # every finding, in any order; only the given columns are compared
//!       - {verdict: crosses_perimeter, event_count: 1}
//!     expect_not_provided: []        # optional: inventory types that the case lacks
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{did_you_mean, nearest};
use crate::events::schema::{Column, ColumnType};
use crate::report::model::FINDING_COLUMNS;

/// All cases of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFile {
    pub cases: Vec<TestCase>,
}

/// One case, with the defaults of the file filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCase {
    /// What is promised, as a sentence.
    pub name: String,
    /// The account that is judged.
    pub account: String,
    /// The day on which exceptions are looked at.
    pub today: jiff::civil::Date,
    /// Rows of the relation that the statement reads (`events` or `event_resources`, as they stand there), with every value of
    /// the column's type: text, `true`/`false`, whole numbers, and times and dates as RFC 3339 text. `event_count` is 1, and
    /// `first_seen` and `last_seen` are `event_time`, unless the row says otherwise.
    pub rows: Vec<BTreeMap<String, Value>>,
    /// Does the case give rows, even if none? A query over the inventory runs without events otherwise.
    pub has_rows: bool,
    /// File name and content of the files of the inventory snapshot.
    pub inventory: Vec<(String, String)>,
    /// Text of the perimeter definition.
    pub perimeter: Option<String>,
    /// One entry for each finding; only the columns that an entry gives are compared.
    pub expect: Vec<BTreeMap<String, Value>>,
    /// The inventory types that a run must report as not provided, sorted; `None` when the case does not ask.
    pub expect_not_provided: Option<Vec<String>>,
}

/// Why a file of test cases cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestFileError {
    #[error("{file}:{line}: {message}")]
    Yaml { file: String, line: u64, message: String },
    #[error("{file}: case `{case}`: {message}")]
    Case { file: String, case: String, message: String },
}

type Row = BTreeMap<String, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    defaults: RawDefaults,
    cases: Vec<RawCase>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawDefaults {
    account: Option<String>,
    today: Option<String>,
    row: Row,
    inventory: BTreeMap<String, String>,
    perimeter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    account: Option<String>,
    today: Option<String>,
    rows: Option<Vec<Row>>,
    inventory: Option<BTreeMap<String, String>>,
    perimeter: Option<String>,
    expect: Vec<Row>,
    expect_not_provided: Option<Vec<String>>,
}

impl TestFile {
    /// `file` is only for messages.
    pub fn parse(text: &str, file: &str) -> Result<TestFile, TestFileError> {
        let raw: RawFile = serde_saphyr::from_str(text).map_err(|problem| TestFileError::Yaml {
            file: file.to_owned(),
            line: problem.location().map_or(1, |at| at.line()),
            message: super::front_matter::message(&problem),
        })?;
        let defaults = raw.defaults;
        let cases = raw
            .cases
            .into_iter()
            .map(|case| {
                let name = case.name.clone();
                TestCase::from_raw(case, &defaults).map_err(|message| TestFileError::Case {
                    file: file.to_owned(),
                    case: name,
                    message,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(TestFile { cases })
    }
}

impl TestCase {
    fn from_raw(raw: RawCase, defaults: &RawDefaults) -> Result<TestCase, String> {
        let today = raw.today.or_else(|| defaults.today.clone()).unwrap_or_else(|| "2026-11-01".to_owned());
        let today = today.parse().map_err(|_| format!("`today: {today}` is not a date such as 2026-11-01"))?;
        let account = raw.account.or_else(|| defaults.account.clone()).ok_or("the key `account` is missing")?;
        let has_rows = raw.rows.is_some();
        let rows =
            raw.rows.unwrap_or_default().into_iter().map(|row| complete(row, &defaults.row)).collect::<Result<_, _>>()?;
        for expected in &raw.expect {
            check_expectation(expected)?;
        }
        let expect_not_provided = raw.expect_not_provided.map(|mut types| {
            types.sort();
            types
        });
        Ok(TestCase {
            name: raw.name,
            account,
            today,
            rows,
            has_rows,
            inventory: raw.inventory.unwrap_or_else(|| defaults.inventory.clone()).into_iter().collect(),
            perimeter: raw.perimeter.or_else(|| defaults.perimeter.clone()),
            expect: raw.expect,
            expect_not_provided,
        })
    }

    /// What is wrong with the findings of a run: nothing, or one sentence for each expected finding that no finding fits, each
    /// finding that was not expected, and a difference in what was not provided.
    pub fn differences(&self, findings: &[BTreeMap<String, Value>], not_provided: &[String]) -> Vec<String> {
        let fits: Vec<Vec<usize>> = self
            .expect
            .iter()
            .map(|expected| {
                findings.iter().enumerate().filter(|(_, found)| is_like(expected, found)).map(|(at, _)| at).collect()
            })
            .collect();
        // Which expectation takes which finding: an expectation with few columns must not take what another one needs.
        let mut taken_by: Vec<Option<usize>> = vec![None; findings.len()];
        let mut differences = Vec::new();
        for (at, expected) in self.expect.iter().enumerate() {
            if !assign(at, &fits, &mut taken_by, &mut vec![false; findings.len()]) {
                differences.push(format!("no finding is like {}", text_of(expected)));
            }
        }
        let unexpected = findings.iter().zip(&taken_by).filter(|(_, taken)| taken.is_none());
        differences.extend(unexpected.map(|(found, _)| format!("not expected: {}", text_of(found))));
        if let Some(expected) = &self.expect_not_provided {
            // What a run reports says after the type what it leaves open.
            let mut found: Vec<&str> = not_provided.iter().filter_map(|text| text.split(": ").next()).collect();
            found.sort_unstable();
            if *expected != found {
                differences.push(format!("not provided: expected [{}], found [{}]", expected.join(", "), found.join(", ")));
            }
        }
        differences
    }
}

/// Finds a finding for an expectation, moving others to their alternatives where needed (bipartite matching).
fn assign(expected: usize, fits: &[Vec<usize>], taken_by: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for &found in fits.get(expected).map(Vec::as_slice).unwrap_or_default() {
        match tried.get_mut(found) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let holder = taken_by.get(found).copied().flatten();
        if holder.is_none_or(|holder| assign(holder, fits, taken_by, tried)) {
            if let Some(slot) = taken_by.get_mut(found) {
                *slot = Some(expected);
            }
            return true;
        }
    }
    false
}

/// A column that is left out of a finding is null.
fn is_like(expected: &Row, found: &Row) -> bool {
    expected.iter().all(|(column, value)| found.get(column).unwrap_or(&Value::Null) == value)
}

fn text_of(row: &Row) -> String {
    let cells: Vec<String> =
        row.iter().filter(|(_, value)| !value.is_null()).map(|(column, value)| format!("{column}: {value}")).collect();
    format!("{{{}}}", cells.join(", "))
}

/// Adds the defaults to a row, and checks names and types.
fn complete(row: Row, defaults: &Row) -> Result<Row, String> {
    let mut complete = defaults.clone();
    complete.extend(row);
    for (name, value) in &complete {
        let Some(column) = Column::from_name(name) else {
            let suggestion = did_you_mean(nearest(name, Column::ALL.iter().map(|column| column.name())).as_deref());
            return Err(format!("the relation has no column `{name}`{suggestion}"));
        };
        let (fits, expected) = match column.column_type() {
            ColumnType::Text => (value.is_string(), "text; put it in quotes"),
            ColumnType::Boolean => (value.is_boolean(), "true or false"),
            ColumnType::Integer => (value.is_i64(), "a whole number"),
            ColumnType::Timestamp => (
                value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                "a time such as 2026-11-01T12:00:00Z",
            ),
            ColumnType::Date => {
                (value.as_str().is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok()), "a date such as 2026-11-01")
            }
        };
        if !fits && !value.is_null() {
            return Err(format!("`{name}: {value}` must be {expected}"));
        }
    }
    if let Some(time) = complete.get("event_time").cloned() {
        complete.entry("first_seen".to_owned()).or_insert_with(|| time.clone());
        complete.entry("last_seen".to_owned()).or_insert(time);
    }
    complete.entry("event_count".to_owned()).or_insert(Value::from(1));
    complete.retain(|_, value| !value.is_null());
    Ok(complete)
}

fn check_expectation(expected: &Row) -> Result<(), String> {
    match expected.keys().find(|name| FINDING_COLUMNS.iter().all(|column| column.name != name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let suggestion = did_you_mean(nearest(name, FINDING_COLUMNS.iter().map(|column| column.name)).as_deref());
            Err(format!("findings have no column `{name}`{suggestion}"))
        }
    }
}
