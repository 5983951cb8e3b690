//! The settings of a run: one plain struct, resolved from flags, environment, file and defaults, in this order.
//!
//! A layer counts when it says something, whatever it says: `sample_records: false` in the file is not overridden by a default of
//! `true`. A key with nothing after it says nothing. Paths in a settings file are relative to the folder of that file.

pub mod athena;
pub mod aws;
pub mod file;
mod layers;
pub mod trino;
pub mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use super::problems::InvalidFile;
use crate::engine::sources::TableLayout;
use crate::inventory::aws::FindingsSource;
use crate::report::model::Verdict;
pub use layers::Flags;
pub use value::{Accounts, EngineName, Format};

/// The name under which a settings file is found in the working directory.
pub const FILE_NAME: &str = "palisade.yaml";
/// Memory for queries where no setting says otherwise: 512 MiB.
pub const DEFAULT_MEMORY_LIMIT: u64 = 512 << 20;
/// In place of the inventory's folder: collect it from AWS. A folder of this name is written `./aws`.
pub const INVENTORY_FROM_AWS: &str = "aws";
/// The age of a snapshot from AWS that is used again, where no setting says otherwise.
pub const DEFAULT_INVENTORY_MAX_AGE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// The folder for runs where no setting says otherwise.
pub const DEFAULT_OUTPUT: &str = "palisade-report";

/// What a run was asked for, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// CloudTrail files, folders or globs; `-` is standard input. Empty when nobody named any.
    pub events: Vec<String>,
    /// Folder of the inventory snapshot; [`INVENTORY_FROM_AWS`] stands for one that is collected first.
    pub inventory: Option<PathBuf>,
    /// Resource types to collect from AWS beyond those that the queries need.
    pub inventory_types: Vec<String>,
    /// A snapshot from AWS that is younger is used again.
    pub inventory_max_age: jiff::SignedDuration,
    /// Name of the AWS Config aggregator; `None` takes the only one there is.
    pub aggregator: Option<String>,
    /// Where external-access findings come from when a snapshot is collected.
    pub external_access_findings: FindingsSource,
    /// File of the perimeter definition.
    pub perimeter: Option<PathBuf>,
    /// File of service facts, in place of the embedded ones.
    pub service_facts: Option<PathBuf>,
    pub accounts: Accounts,
    /// Names of queries, patterns of names, or `all`. Whether they exist is for the catalog to say.
    pub queries: Vec<String>,
    /// Folders with queries of the user, searched after the built-in ones.
    pub query_folders: Vec<PathBuf>,
    /// First day, inclusive; `None` is the first that there is.
    pub from: Option<Date>,
    /// Last day, inclusive; `None` is the last that there is.
    pub to: Option<Date>,
    /// Without repetitions, in the order asked for.
    pub formats: Vec<Format>,
    /// Folder for the run and its reports.
    pub output: PathBuf,
    pub title: Option<String>,
    /// Most findings kept per query and account; `None` keeps all.
    pub max_rows: Option<u64>,
    /// `None` is one per processor.
    pub threads: Option<NonZeroUsize>,
    /// In bytes.
    pub memory_limit: u64,
    /// Put a sample record beside findings.
    pub sample_records: bool,
    /// Where statements over the events run.
    pub engine: EngineName,
    /// How tables of a remote engine are laid out, where their own columns do not tell.
    pub table_layouts: Vec<TableLayout>,
    /// Folder of the activity that a remote engine collects; `None` is `.activity` below `output`.
    pub activity_store: Option<PathBuf>,
    /// Segments of the keys of S3 objects that a collected activity keeps.
    pub activity_prefix_depth: u8,
    /// Findings with one of these verdicts make the exit code 3. Empty: findings do not change it.
    pub fail_on: Vec<Verdict>,
    pub quiet: u8,
    pub verbose: u8,
    /// Most bytes that statements may scan on Athena; `None` sets no limit.
    pub max_scan: Option<u64>,
    /// Credentials of AWS.
    pub aws: aws::AwsSettings,
    /// Tables on Athena.
    pub athena: athena::AthenaSettings,
    /// Tables on a Trino cluster.
    pub trino: trino::TrinoSettings,
    /// Go on with the statements of an interrupted run. Only a command line says so.
    pub resume: bool,
    /// The moment that counts as now.
    pub now: Timestamp,
    /// The settings file that was read.
    pub file: Option<PathBuf>,
    origins: BTreeMap<&'static str, Origin>,
}

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The flag, with its dashes.
    Flag(String),
    Environment(&'static str),
    File {
        path: PathBuf,
        line: usize,
    },
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(formatter, "flag {flag}"),
            Origin::Environment(name) => write!(formatter, "environment {name}"),
            Origin::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Origin::Default => formatter.write_str("default"),
        }
    }
}

/// One setting as `palisade config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub name: &'static str,
    /// The value as it would be written in the settings file.
    pub value: String,
    pub origin: Origin,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the settings file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the settings file {} is not UTF-8 text: byte {position} starts no character; save it as UTF-8", path.display())]
    NotText { path: PathBuf, position: usize },
    /// Displayed with every mistake, its line and a caret.
    #[error("{0}")]
    Invalid(#[from] InvalidFile),
    /// Every wrong flag and environment variable, one per line.
    #[error("{}", .0.join("\n"))]
    Values(Vec<String>),
}

/// A settings file, read but not yet interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    pub path: PathBuf,
    pub text: String,
}

impl FileText {
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let bytes = std::fs::read(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes)
            .map_err(|error| SettingsError::NotText { path: path.to_owned(), position: error.utf8_error().valid_up_to() })?;
        Ok(Self { path: path.to_owned(), text })
    }
}

/// Where the settings file is: `--config`, else `PALISADE_CONFIG`, else `palisade.yaml` in `folder` if it exists.
pub fn find_file(flag: Option<&Path>, environment: &dyn Fn(&str) -> Option<String>, folder: &Path) -> Option<PathBuf> {
    flag.map(Path::to_owned)
        .or_else(|| environment(super::environment::CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from))
        .or_else(|| Some(folder.join(FILE_NAME)).filter(|path| path.is_file()))
}

impl Settings {
    /// Resolves the layers. `environment` reads one variable; `clock` is the time unless the setting `today` fixes it.
    ///
    /// Every mistake of the file is reported, even in values that a flag overrides: the file is wrong for the next run, too.
    pub fn resolve(
        flags: &Flags,
        environment: &dyn Fn(&str) -> Option<String>,
        file: Option<&FileText>,
        clock: Timestamp,
    ) -> Result<Self, SettingsError> {
        layers::resolve(flags, environment, file, clock)
    }

    /// The day that counts as today, in UTC: CloudTrail's days are days in UTC.
    pub fn today(&self) -> Date {
        value::day_of(self.now)
    }

    /// Is the inventory to be collected from AWS?
    pub fn inventory_is_aws(&self) -> bool {
        self.inventory.as_deref() == Some(Path::new(INVENTORY_FROM_AWS))
    }

    /// Who set a setting.
    pub fn origin(&self, name: &str) -> &Origin {
        self.origins.get(name).unwrap_or(&Origin::Default)
    }

    /// Where a remote engine's activity is kept.
    pub fn activity_folder(&self) -> PathBuf {
        self.activity_store.clone().unwrap_or_else(|| self.output.join(".activity"))
    }

    /// Every setting with its value and who set it, in the order of the settings file.
    pub fn show(&self) -> Vec<Shown> {
        let list = |items: Vec<String>| format!("[{}]", items.join(", "));
        let path = |path: &Option<PathBuf>| path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        let date = |date: Option<Date>| date.map_or_else(|| "none".to_owned(), |date| date.to_string());
        let values = [
            ("events", list(self.events.clone())),
            ("inventory", path(&self.inventory)),
            ("inventory_types", list(self.inventory_types.clone())),
            ("inventory_max_age", value::age_text(self.inventory_max_age)),
            ("aggregator", self.aggregator.clone().unwrap_or_else(|| "none".to_owned())),
            ("external_access_findings", self.external_access_findings.as_str().to_owned()),
            ("perimeter", path(&self.perimeter)),
            ("service_facts", path(&self.service_facts)),
            ("accounts", self.accounts.to_string()),
            ("queries", list(self.queries.clone())),
            ("query_folders", list(self.query_folders.iter().map(|path| path.display().to_string()).collect())),
            ("from", date(self.from)),
            ("to", date(self.to)),
            ("today", if self.now == value::start_of(self.today()) { self.today().to_string() } else { self.now.to_string() }),
            ("formats", list(self.formats.iter().map(|format| format.name().to_owned()).collect())),
            ("output", self.output.display().to_string()),
            ("title", self.title.clone().unwrap_or_else(|| "none".to_owned())),
            ("max_rows", self.max_rows.map_or_else(|| "none".to_owned(), |rows| rows.to_string())),
            ("threads", self.threads.map_or_else(|| "auto".to_owned(), |threads| threads.to_string())),
            ("memory_limit", value::bytes_text(self.memory_limit)),
            ("sample_records", self.sample_records.to_string()),
            ("engine", self.engine.name().to_owned()),
            ("table_layouts", list(self.table_layouts.iter().map(ToString::to_string).collect())),
            ("activity_store", path(&self.activity_store)),
            ("activity_prefix_depth", self.activity_prefix_depth.to_string()),
            ("fail_on", list(self.fail_on.iter().map(|verdict| verdict.as_str().to_owned()).collect())),
            ("quiet", self.quiet.to_string()),
            ("verbose", self.verbose.to_string()),
            ("max_scan", self.max_scan.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string())),
            ("aws", self.aws.show()),
            ("athena", self.athena.show()),
            ("trino", self.trino.show()),
        ];
        values.into_iter().map(|(name, value)| Shown { name, value, origin: self.origin(name).clone() }).collect()
    }
}
