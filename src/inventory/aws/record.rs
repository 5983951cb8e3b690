//! `snapshot.json`: what a snapshot is about, when it was taken, and what it lacks.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::writing::RECORD;

/// What `snapshot.json` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub schema_version: u64,
    /// `palisade 0.1.0`: only a folder with this is ever replaced.
    pub collected_by: String,
    pub organization_id: Option<String>,
    pub management_account_id: Option<String>,
    /// When the collection began: what changed later may be missing.
    pub taken_at: Timestamp,
    /// SHA-256 of what decides the content: sources, aggregator, types, regions, profiles.
    pub configuration: String,
    pub aggregator: Option<AggregatorRecord>,
    /// Regions that are enabled for the account that asked, sorted; empty when they could not be listed.
    #[serde(default)]
    pub enabled_regions: Vec<String>,
    /// By resource type.
    pub types: BTreeMap<String, TypeRecord>,
    pub external_access_findings: Option<FindingsRecord>,
    /// Requests that failed for good, each once, in the order of sources and operations.
    #[serde(default)]
    pub errors: Vec<ErrorRecord>,
}

/// What was collected of one resource type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeRecord {
    /// False when no file speaks of the type.
    pub provided: bool,
    /// Are all resources of the type here? If not, what is not found may exist all the same.
    pub complete: bool,
    /// As received: rows that say the same are counted twice.
    pub rows: u64,
    /// Why it is not provided or not complete, sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

impl TypeRecord {
    pub(super) fn lacks(&mut self, why: impl Into<String>) {
        self.complete = false;
        let why = why.into();
        if !self.why.contains(&why) {
            self.why.push(why);
        }
    }
}

/// The AWS Config aggregator that was asked, and what it covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregatorRecord {
    pub name: String,
    pub region: Option<String>,
    /// Accounts with at least one resource; `None` when the aggregator did not tell.
    pub account_count: Option<u64>,
    /// Active accounts of the organization that have no resource in the aggregator, sorted.
    #[serde(default)]
    pub missing_account_ids: Vec<String>,
    /// Enabled regions that the aggregator does not collect, sorted.
    #[serde(default)]
    pub missing_regions: Vec<String>,
    /// Sources whose last update failed: `222222222222 eu-west-1: reason`.
    #[serde(default)]
    pub failed_sources: Vec<String>,
}

/// External-access findings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingsRecord {
    /// `access_analyzer` or `security_hub`.
    pub source: String,
    /// By region. How much of it is whole is told beside the resource types.
    pub regions: BTreeMap<String, FindingsOfRegion>,
}

/// External-access findings of one region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingsOfRegion {
    /// Names of the analyzers whose zone of trust is the organization, sorted.
    pub analyzers: Vec<String>,
    pub findings: u64,
    pub complete: bool,
}

/// A request that failed for good.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ErrorRecord {
    pub service: String,
    pub operation: String,
    pub code: Option<String>,
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub help: String,
}

impl Record {
    /// The record of a folder that Palisade collected. `None` for every other folder.
    pub fn read(folder: &Path) -> Option<Record> {
        let text = std::fs::read_to_string(folder.join(RECORD)).ok()?;
        serde_json::from_str::<Record>(&text).ok().filter(|record| record.collected_by.starts_with("palisade "))
    }

    /// Is everything that was asked for here, and whole?
    pub fn is_complete(&self) -> bool {
        self.types.values().all(|of_type| of_type.provided && of_type.complete)
    }

    /// What is missing and why, one sentence each.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for (name, of_type) in &self.types {
            let state = match (of_type.provided, of_type.complete) {
                (true, true) => continue,
                (true, false) => "is incomplete",
                (false, _) => "was not collected",
            };
            gaps.push(format!("{name} {state}: {}", of_type.why.join("; ")));
        }
        gaps
    }
}

impl std::fmt::Display for ErrorRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} failed", self.service, self.operation)?;
        if let Some(code) = &self.code {
            write!(formatter, " with {code}")?;
        }
        write!(formatter, ": {}; {}", self.message.trim_end_matches('.'), self.help)
    }
}
