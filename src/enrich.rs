//! From the rows of a query to findings: facts are joined, and steps decide what crosses the perimeter.
//!
//! A query's statement selects calls; what they mean is decided here, by the steps that the query names. Facts come from the
//! record first and from the inventory second, and a fact that neither has is unknown. A step says of a row that it belongs out of
//! the report, that it belongs in, or that a fact is missing; only the first removes the row, and the last makes its verdict
//! `undetermined`, with what would settle it. Pure: takes frames and facts, returns frames.

mod arn;
mod aws_owned;
mod case;
mod denied;
mod endpoint;
mod exception;
mod facts;
mod network;
mod output;
mod principal;
mod reason;
mod resource;
mod rows;
mod steps;
mod verdict;
mod world;

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use crate::config::perimeter::Perimeter;
use crate::inventory::Inventory;
use crate::report::model::{Table, Verdict};

/// What is known, from the point of view of one account.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub inventory: &'a Inventory,
    pub perimeter: &'a Perimeter,
    /// The account under judgement.
    pub account_id: &'a str,
    /// Decides which exceptions have expired.
    pub today: jiff::civil::Date,
}

/// What the front matter of a query says about its rows.
#[derive(Debug, Clone, Copy)]
pub struct StepPlan<'a> {
    /// The query's name.
    pub query: &'a str,
    /// `identity`, `resource`, `network` or `none`.
    pub perimeter: &'a str,
    /// Names of enrich steps: their columns are filled.
    pub enrich: &'a [String],
    /// Names of exclude steps.
    pub exclude: &'a [String],
    /// The sentence of the reason, with placeholders.
    pub finding: &'a str,
    /// Resource types that the query wants from the inventory.
    pub inventory: &'a [String],
    /// Does the query look at the organization as a whole? Then a VPC endpoint of one's own is one of any of its accounts.
    pub organization_wide: bool,
}

/// How often an exception covered a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExceptionHits {
    pub findings: u64,
    pub calls: u64,
    /// It would have covered them, but its last day is past.
    pub expired: bool,
}

/// The findings of a query.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The columns of the finding shape, sorted by descending count and then by every other column.
    pub frame: DataFrame,
    /// Facts that the query wants and the inventory does not provide, each with what it leaves undetermined, sorted.
    pub not_provided: Vec<String>,
    /// By exception id, for exceptions that covered a call or would have; one that never did is not here.
    pub exception_hits: BTreeMap<String, ExceptionHits>,
    /// Rows that were left out, by the step that was certain about them.
    pub left_out: BTreeMap<String, u64>,
}

/// What a replay says of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub verdict: Verdict,
    pub reason: String,
    pub settled_by: Option<String>,
    /// The `outcome` column.
    pub outcome: String,
    /// The `statement` column.
    pub statement: Option<String>,
}

/// Why the rows of a query cannot be judged: the query is wrong, not the data.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    #[error("query {query}: column {column:?} is none that findings have; select only columns that queries may return")]
    UnexpectedColumn { query: String, column: String },
    #[error("query {query}: column {column:?} is missing; every query returns it")]
    MissingColumn { query: String, column: &'static str },
    #[error("query {query}: column {column:?} has type {found}, expected {expected}; cast it in the statement")]
    ColumnType { query: String, column: String, found: String, expected: &'static str },
    #[error("query {query}: there is no {kind} step {step:?}; the steps are: {known}")]
    UnknownStep { query: String, kind: &'static str, step: String, known: String },
    #[error(
        "query {query}: the finding text has {placeholder:?} in braces, which is no placeholder; use a column of the query or one of: {known}"
    )]
    Placeholder { query: String, placeholder: String, known: String },
    #[error("cannot build the table of findings: {0}")]
    Frame(#[from] polars::error::PolarsError),
}

/// Names of the enrich steps and of the exclude steps, sorted.
pub fn step_names() -> (&'static [&'static str], &'static [&'static str]) {
    (output::ENRICH_NAMES, steps::STEP_NAMES)
}

/// Names that a finding text may have in braces besides the columns of the query, sorted.
pub fn placeholder_names() -> &'static [&'static str] {
    reason::PLACEHOLDERS
}

/// Checks a finding text. `query` stands in the error.
///
/// # Errors
/// When it has a placeholder that does not exist, or a brace that is not closed.
pub fn check_finding(query: &str, finding: &str) -> Result<(), EnrichError> {
    reason::Template::parse(query, finding).map(|_| ())
}

/// Judges the rows of a query.
///
/// `frame` has any of the columns that queries return; a missing one counts as null, and `event_count` is required.
///
/// # Errors
/// When the query names a step or placeholder that does not exist, or returns a column that findings do not have.
pub fn judge(frame: DataFrame, plan: &StepPlan<'_>, context: &Context<'_>) -> Result<Judged, EnrichError> {
    verdict::judge(&frame, plan, context)
}

/// Makes findings of rows whose verdicts are known: joins the facts that reports show beside them. `said` has one entry for each row.
///
/// # Errors
/// As [`judge`].
pub fn describe(
    frame: &DataFrame,
    plan: &StepPlan<'_>,
    context: &Context<'_>,
    said: Vec<Said>,
) -> Result<DataFrame, EnrichError> {
    verdict::describe(frame, plan, context, said)
}

/// The policy type that the message of a denied call names; `None` when the call was not denied or the message names none.
pub fn denied_by(error_code: Option<&str>, error_message: Option<&str>) -> Option<&'static str> {
    denied::denied_by(error_code, error_message)
}

/// A frame of findings, as [`judge`] returns it or several of them stacked, as the table that reports read.
///
/// # Errors
/// When a column of the finding shape is missing or has another type.
pub fn to_table(frame: &DataFrame) -> Result<Table, EnrichError> {
    output::table(frame)
}
