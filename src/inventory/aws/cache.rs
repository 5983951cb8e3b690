//! A snapshot is used again while it is young enough and was collected by the same configuration, from the same organization.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use super::{CollectError, Record, Request, collect, organization};
use crate::aws::Sessions;

/// A snapshot, and whether AWS was asked for it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub folder: PathBuf,
    pub record: Record,
    /// It was there already.
    pub reused: bool,
}

/// The snapshot in `folder` if it may be used again, else a new one in its place.
///
/// # Errors
/// As [`collect`].
pub async fn fresh(
    request: &Request,
    sessions: &Sessions,
    folder: &Path,
    max_age: SignedDuration,
) -> Result<Snapshot, CollectError> {
    if let Some(record) = Record::read(folder).filter(|record| is_young(record, request, max_age))
        && record.configuration == request.configuration(sessions)
        // What failed may work by now.
        && record.errors.is_empty()
        && let Ok(organization_id) = organization::identify(request, sessions).await
        && organization_id == record.organization_id
    {
        return Ok(Snapshot { folder: folder.to_owned(), record, reused: true });
    }
    let record = collect(request, sessions, folder).await?;
    Ok(Snapshot { folder: folder.to_owned(), record, reused: false })
}

/// A snapshot of the future is not young: the clock was wrong, then or now.
fn is_young(record: &Record, request: &Request, max_age: SignedDuration) -> bool {
    let age = request.now.duration_since(record.taken_at);
    !age.is_negative() && age < max_age
}
