//! Writing a run folder, and opening one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::atomic;
use super::format::{Format, Rendered, render};
use crate::report::model::{Manifest, Report, SCHEMA_VERSION};
use crate::report::parquet::{self, ParquetReportError};

const MANIFEST: &str = "run.json";
const FINDINGS: &str = "findings.parquet";
/// Where a run that collects its inventory from AWS puts the snapshot.
pub const INVENTORY: &str = "inventory";

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot create the run folder {}", path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} holds files that are not of a run, `{example}` for one; give an empty folder, a new one or the folder of an earlier run",
        path.display()
    )]
    NotARunFolder { path: PathBuf, example: String },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}", path.display())]
    WriteFindings {
        path: PathBuf,
        #[source]
        source: ParquetReportError,
    },
    #[error("there is no run folder {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} holds no finished run: `{MANIFEST}` is missing, which a run writes last; run it again", path.display())]
    Unfinished { path: PathBuf },
    #[error("the run in {} is incomplete: `{FINDINGS}` is missing; restore the file or run it again", path.display())]
    MissingFindings { path: PathBuf },
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not the manifest of a run; restore the file or run it again", path.display())]
    Manifest {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error(
        "{} has schema version {found}, but this version of Palisade reads versions 1 to {SCHEMA_VERSION}; \
         use the version that wrote it ({tool_version}) or a newer one",
        path.display()
    )]
    SchemaVersion { path: PathBuf, found: u64, tool_version: String },
    #[error("cannot read {}; restore the file or run it again", path.display())]
    Findings {
        path: PathBuf,
        #[source]
        source: ParquetReportError,
    },
    #[error(
        "`{FINDINGS}` in {} has {rows} findings, but `{MANIFEST}` tells of {expected}; \
         the two are not of the same run, or the file was changed; run it again",
        path.display()
    )]
    Mismatch { path: PathBuf, rows: usize, expected: usize },
}

/// A folder that a run writes into.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Takes exactly this folder, and makes it where there is none. A folder of an earlier run is used again: what it holds stays
    /// valid until [`RunFolder::write`] puts the new run in its place.
    ///
    /// # Errors
    /// When the folder cannot be made, or holds files of somebody else.
    pub fn create(path: &Path) -> Result<Self, RunError> {
        let create = |source| RunError::Create { path: path.to_path_buf(), source };
        fs::create_dir_all(path).map_err(create)?;
        let mut foreign = Vec::new();
        for entry in fs::read_dir(path).map_err(create)? {
            let name = entry.map_err(create)?.file_name().to_string_lossy().into_owned();
            if name == MANIFEST {
                return Ok(Self { path: path.to_path_buf() });
            }
            // Hidden files are no obstacle: those of the file manager, and of a run that was killed.
            // So is the snapshot that a run collects from AWS.
            if !name.starts_with('.') && name != INVENTORY && !Format::ALL.iter().any(|format| format.file_name() == name) {
                foreign.push(name);
            }
        }
        foreign.sort();
        match foreign.into_iter().next() {
            Some(example) => Err(RunError::NotARunFolder { path: path.to_path_buf(), example }),
            None => Ok(Self { path: path.to_path_buf() }),
        }
    }

    /// Takes a folder of its own for the run below `parent`, named by the time and the identifier of the run:
    /// `20261101T060000Z-0123456789abcdef`. The same run takes the same folder.
    ///
    /// # Errors
    /// As [`RunFolder::create`].
    pub fn create_in(parent: &Path, manifest: &Manifest) -> Result<Self, RunError> {
        let time: String = manifest.generated_at.chars().filter(char::is_ascii_alphanumeric).collect();
        let parts: Vec<&str> = [time.as_str(), manifest.run_id.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        Self::create(&parent.join(if parts.is_empty() { "run".to_owned() } else { parts.join("-") }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the run: findings, reports and, last, the manifest. A report that fails is told of in the result and leaves none of
    /// its name behind; the run is complete without it.
    ///
    /// # Errors
    /// When the findings or the manifest cannot be written; the folder then holds no finished run.
    pub fn write(&self, report: &Report, formats: &[Format]) -> Result<Rendered, RunError> {
        let (manifest_path, findings_path) = (self.path.join(MANIFEST), self.path.join(FINDINGS));
        // Both are staged before anything of an earlier run is touched, so that a full disk leaves that one as it was.
        let findings =
            atomic::stage(&self.path, FINDINGS, |out| parquet::write(&report.findings, out).map_err(WriteFailure::from))
                .map_err(|failure| failure.at(&findings_path))?;
        let manifest = atomic::stage(&self.path, MANIFEST, |out| {
            serde_json::to_writer_pretty(&mut *out, &report.manifest).map_err(io::Error::from)?;
            io::Write::write_all(out, b"\n")
        })
        .map_err(|source| RunError::Write { path: manifest_path.clone(), source })?;

        // From here to the end the folder is not a finished run. What is left of an earlier one must not pass for a part of it.
        remove(&manifest_path)?;
        for format in Format::ALL {
            remove(&self.path.join(format.file_name()))?;
        }
        findings.publish(&findings_path).map_err(|source| RunError::Write { path: findings_path.clone(), source })?;
        let rendered = self.render(report, formats);
        manifest
            .publish(&manifest_path)
            .and_then(|_| atomic::sync_folder(&self.path))
            .map_err(|source| RunError::Write { path: manifest_path, source })?;
        Ok(rendered)
    }

    fn render(&self, report: &Report, formats: &[Format]) -> Rendered {
        render(report, formats, &self.path)
    }
}

/// Is this the folder of a finished run?
pub fn is_run(path: &Path) -> bool {
    path.join(MANIFEST).is_file() && path.join(FINDINGS).is_file()
}

/// Opens a finished run.
///
/// # Errors
/// When the folder holds no finished run, one of a newer version, or damaged files.
pub fn open(path: &Path) -> Result<Report, RunError> {
    if !path.is_dir() {
        return Err(RunError::Missing { path: path.to_path_buf() });
    }
    let manifest = read_manifest(path)?;
    let findings_path = path.join(FINDINGS);
    let file = File::open(&findings_path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => RunError::MissingFindings { path: path.to_path_buf() },
        _ => RunError::Read { path: findings_path.clone(), source },
    })?;
    let findings = parquet::read(file).map_err(|source| RunError::Findings { path: findings_path, source })?;

    // INVARIANT: queries take consecutive rows from the first to the last.
    let expected = manifest
        .queries
        .iter()
        .try_fold(0_usize, |row, query| (query.first_row == row).then(|| row.checked_add(query.rows)).flatten());
    if expected != Some(findings.rows()) {
        let expected =
            expected.unwrap_or_else(|| manifest.queries.iter().map(|query| query.rows).fold(0, usize::saturating_add));
        return Err(RunError::Mismatch { path: path.to_path_buf(), rows: findings.rows(), expected });
    }
    Ok(Report { manifest, findings })
}

/// The manifest of a finished run, without its findings.
///
/// # Errors
/// As [`open`].
pub fn read_manifest(folder: &Path) -> Result<Manifest, RunError> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => RunError::Unfinished { path: folder.to_path_buf() },
        _ => RunError::Read { path: path.clone(), source },
    })?;
    // The version comes first: a newer file may have another shape, and must not be called damaged for it.
    let version: Version = serde_json::from_slice(&text).map_err(|source| RunError::Manifest { path: path.clone(), source })?;
    if version.schema_version == 0 || version.schema_version > u64::from(SCHEMA_VERSION) {
        let tool_version = version.tool_version.unwrap_or_else(|| "it does not say which".to_owned());
        return Err(RunError::SchemaVersion { path, found: version.schema_version, tool_version });
    }
    serde_json::from_slice(&text).map_err(|source| RunError::Manifest { path, source })
}

#[derive(Deserialize)]
struct Version {
    schema_version: u64,
    tool_version: Option<String>,
}

fn remove(path: &Path) -> Result<(), RunError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(RunError::Write { path: path.to_path_buf(), source }),
        _ => Ok(()),
    }
}

enum WriteFailure {
    File(io::Error),
    Findings(ParquetReportError),
}

impl From<io::Error> for WriteFailure {
    fn from(error: io::Error) -> Self {
        WriteFailure::File(error)
    }
}

impl From<ParquetReportError> for WriteFailure {
    fn from(error: ParquetReportError) -> Self {
        WriteFailure::Findings(error)
    }
}

impl WriteFailure {
    fn at(self, path: &Path) -> RunError {
        match self {
            WriteFailure::File(source) => RunError::Write { path: path.to_path_buf(), source },
            WriteFailure::Findings(source) => RunError::WriteFindings { path: path.to_path_buf(), source },
        }
    }
}
