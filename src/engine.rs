//! Engines: where a statement runs. The same statement gives the same rows on each.
//!
//! [`local`] is the embedded engine over files, and over rows of [`activity`]. [`functions`] gives it the functions of the Athena
//! dialect that it lacks, under their names there; [`frame`] hands results over to polars. [`remote`] fills a store of activity from
//! the engines that run elsewhere.

pub mod activity;
pub mod athena;
pub mod frame;
pub mod functions;
mod interrupt;
pub mod local;
pub mod memory;
pub mod remote;
pub mod sources;
pub mod table;
pub mod trino;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::civil::Date;
use polars::prelude::DataFrame;

use crate::catalog::{PlaceholderStyle, Statement};
use crate::report::model::StatementSummary;

/// The share of the events that one scan reads: some accounts, some days.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Accounts of the trail folders, sorted. Never empty.
    pub account_ids: Vec<String>,
    /// First day, UTC, inclusive.
    pub from: Date,
    /// Last day, UTC, inclusive.
    pub to: Date,
}

/// Where statements run that do not run here: Athena, or a Trino server.
#[async_trait]
pub trait RemoteEngine: Send + Sync + std::fmt::Debug {
    /// `athena` or `trino`.
    fn name(&self) -> &'static str;

    /// What the engine reads, such as the name of a table: activity of one is never mixed with that of another.
    fn source(&self) -> String {
        self.name().to_owned()
    }

    fn placeholder_style(&self) -> PlaceholderStyle {
        PlaceholderStyle::Question
    }

    /// Answers a statement over `events` or `event_resources` of the part.
    async fn run(&self, statement: &Statement, part: &Part) -> Result<DataFrame, EngineError>;

    /// How many of so many accounts a part that is collected may have. With more than one, the engine makes as many statements of
    /// the part as it needs, and tells which accounts failed ([`EngineError::Accounts`]).
    fn accounts_at_once(&self, _accounts: usize) -> usize {
        1
    }

    /// Does a statement for one account leave the others' events unread? Where it does not, as in an event data store, the accounts share a
    /// scan.
    fn tells_accounts_apart(&self) -> bool {
        true
    }

    /// Was the work stopped from outside? What is not there then is no mistake of an account.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// Rolls the events of the part up into `activity`, as Parquet files in `folder`, which exists and is empty. Gives the files.
    async fn collect_activity(&self, part: &Part, folder: &Path) -> Result<Vec<PathBuf>, EngineError>;

    /// Refuses parts before anything is started, if reading them would cost more than the settings allow.
    async fn check(&self, _: &[Part]) -> Result<(), EngineError> {
        Ok(())
    }

    /// What was run so far, with its cost, for the report.
    fn statements(&self) -> Vec<StatementSummary> {
        Vec::new()
    }
}

/// Accounts of which nothing came, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingAccounts {
    pub account_ids: Vec<String>,
    pub reason: String,
}

impl std::fmt::Display for MissingAccounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.account_ids.join(", "), self.reason)
    }
}

/// Why a statement could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{0}")]
    Statement(#[from] datafusion::error::DataFusionError),
    #[error("only queries are run, which begin with SELECT, WITH, VALUES or EXPLAIN: nothing is written, made, dropped or set")]
    NotAQuery,
    #[error("result of a statement: {0}")]
    Frame(#[from] polars::error::PolarsError),
    #[error("{0}")]
    Scan(#[from] crate::events::scan::ScanError),
    #[error("{0}")]
    Activity(#[from] crate::activity::rows::ActivityError),
    #[error("temporary file for event ids: {0}")]
    Spill(std::io::Error),
    /// A server refused or failed. The message tells what was asked, what came back and what to do.
    #[error("{engine}: {message}")]
    Remote { engine: &'static str, message: String },
    /// Some accounts could not be read. What the others gave is in the files.
    #[error("{engine}: no events of accounts {}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Accounts { engine: &'static str, missing: Vec<MissingAccounts>, files: Vec<PathBuf> },
}
