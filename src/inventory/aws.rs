//! The inventory from AWS, written as a snapshot folder.
//!
//! [`collect`] asks AWS Organizations, the AWS Config aggregator and IAM Access Analyzer (or Security Hub), and writes what they
//! answer in the shapes that [`super::Inventory::load`] reads anyway: lists as the AWS command line prints them. A folder appears
//! whole or not at all. A source that fails leaves the others; `snapshot.json` ([`Record`]) says of every type whether it is there
//! and whether it is whole, and why not, so that what is missing is never taken for what does not exist.

mod aggregator;
pub mod cache;
mod calls;
mod findings;
mod organization;
mod pace;
mod record;
mod selection;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use calls::CallError;
pub use calls::Patience;
pub use record::{AggregatorRecord, ErrorRecord, FindingsOfRegion, FindingsRecord, Record, TypeRecord};
pub use selection::{ALWAYS, USUAL, is_resource_type, types_of_policy};
use sha2::{Digest as _, Sha256};
use writing::Staging;
pub use writing::WriteError;

use crate::aws::Sessions;

/// What IAM Access Analyzer found, as a resource type of the snapshot.
const ACCESS_ANALYZER_FINDING: &str = "AWS::AccessAnalyzer::Finding";
/// The same as Security Hub keeps it.
const SECURITY_HUB_FINDING: &str = "AWS::SecurityHub::Finding";

fn is_finding(resource_type: &str) -> bool {
    matches!(resource_type, ACCESS_ANALYZER_FINDING | SECURITY_HUB_FINDING)
}

/// Where external-access findings come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingsSource {
    /// IAM Access Analyzer, in every enabled region.
    AccessAnalyzer,
    /// Security Hub, in every enabled region.
    SecurityHub,
    #[default]
    None,
}

impl FindingsSource {
    pub const ALL: [FindingsSource; 3] = [FindingsSource::AccessAnalyzer, FindingsSource::SecurityHub, FindingsSource::None];

    /// As the settings name it.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingsSource::AccessAnalyzer => "access_analyzer",
            FindingsSource::SecurityHub => "security_hub",
            FindingsSource::None => "none",
        }
    }
}

/// What to collect.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Resource types, such as `AWS::IAM::Role`. Accounts and the tree are always among them.
    pub types: BTreeSet<String>,
    /// Name of the AWS Config aggregator; `None` takes the only one there is.
    pub aggregator: Option<String>,
    pub findings: FindingsSource,
    /// Tags of accounts take one request per account.
    pub account_tags: bool,
    pub patience: Patience,
    /// The moment that counts as now.
    pub now: jiff::Timestamp,
}

impl Request {
    /// SHA-256 of everything that decides what a snapshot holds, the credentials' names included.
    pub fn configuration(&self, sessions: &Sessions) -> String {
        let settings = sessions.settings();
        let mut types = self.types.clone();
        types.extend(ALWAYS.map(str::to_owned));
        let parts = [
            format!("{types:?}"),
            format!("{:?}", self.aggregator),
            self.findings.as_str().to_owned(),
            self.account_tags.to_string(),
            format!("{:?}", crate::aws::Purpose::ALL.map(|purpose| settings.session(purpose).clone())),
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error(transparent)]
    Write(#[from] WriteError),
    /// No source answered.
    #[error("nothing could be collected: {}", .0.join("\n  "))]
    Nothing(Vec<String>),
}

/// What the sources report while they work at the same time.
#[derive(Debug, Default)]
struct Gathered(Mutex<(BTreeMap<String, TypeRecord>, BTreeSet<ErrorRecord>)>);

impl Gathered {
    fn state(&self) -> MutexGuard<'_, (BTreeMap<String, TypeRecord>, BTreeSet<ErrorRecord>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, error: &CallError) {
        self.state().1.insert(error.record());
    }

    fn of_type(&self, resource_type: &str, of_type: TypeRecord) {
        self.state().0.insert(resource_type.to_owned(), of_type);
    }

    /// The type could not be read at all.
    fn missing(&self, resource_type: &str, error: &CallError) {
        self.error(error);
        self.of_type(resource_type, TypeRecord { why: vec![error.to_string()], ..TypeRecord::default() });
    }

    fn each(&self, mut change: impl FnMut(&str, &mut TypeRecord)) {
        self.state().0.iter_mut().for_each(|(name, of_type)| change(name, of_type));
    }
}

/// Collects a snapshot into `output`, in place of an earlier one.
///
/// # Errors
/// When no source answered, or when the folder cannot be written. Sources that fail beside others are told in the record.
pub async fn collect(request: &Request, sessions: &Sessions, output: &Path) -> Result<Record, CollectError> {
    let mut request = request.clone();
    request.types.extend(ALWAYS.map(str::to_owned));
    let request = &request;
    let staging = Staging::begin(output)?;
    let folder = staging.folder();
    let gathered = Gathered::default();
    let with_regions = async {
        let regions = findings::enabled_regions(request, sessions).await;
        if let Err(error) = &regions {
            gathered.error(error);
        }
        let told = findings::collect(request, sessions, folder, regions.as_deref(), &gathered).await;
        told.map(|told| (regions.unwrap_or_default(), told))
    };
    let (organization, coverage, with_regions) = tokio::join!(
        organization::collect(request, sessions, folder, &gathered),
        aggregator::collect(request, sessions, folder, &gathered),
        with_regions,
    );
    let (organization, mut coverage, (enabled_regions, external_access_findings)) = (organization?, coverage?, with_regions?);
    coverage.judge(organization.active_accounts.as_deref(), &enabled_regions, &gathered);
    let (mut types, errors) = gathered.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    for name in &request.types {
        types.entry(name.clone()).or_insert_with(|| {
            let why = is_finding(name).then(|| "external_access_findings names another source, or none".to_owned());
            TypeRecord { why: why.into_iter().collect(), ..TypeRecord::default() }
        });
    }
    if types.values().all(|of_type| !of_type.provided) {
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(CollectError::Nothing(said));
    }
    let record = Record {
        schema_version: 1,
        collected_by: format!("palisade {}", env!("CARGO_PKG_VERSION")),
        organization_id: organization.id,
        management_account_id: organization.management_account_id,
        taken_at: request.now,
        configuration: request.configuration(sessions),
        aggregator: Some(coverage.record).filter(|aggregator| !aggregator.name.is_empty()),
        enabled_regions,
        types,
        external_access_findings,
        errors: errors.into_iter().collect(),
    };
    let text = serde_json::to_value(&record)
        .map_err(|source| WriteError::Write { path: output.to_owned(), source: std::io::Error::other(source) })?;
    staging.publish(&text)?;
    Ok(record)
}
