//! Events in S3: which objects hold them, and a store that downloads ahead of the workers.
//!
//! Keys of CloudTrail tell account, region and day. Accounts and regions are listed by folder; below a region the listing starts at
//! the first day and ends after the last, so that what is not asked for is not listed. Objects are downloaded to temporary files,
//! some ahead of the workers, and kept for the next pass as long as there is room.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use tempfile::TempDir;

use super::files::Scope;
use super::rows::is_account_id;
use crate::aws::objects::{DownloadError, Location, Object, Objects};
use crate::aws::{AwsError, AwsSettings, EndpointError, Kind, Purpose, Sessions, calls};

/// Listings at the same time.
const LISTINGS: usize = 16;
/// Bytes of downloaded objects that are kept for another pass.
const KEPT: u64 = 8 << 30;

/// The objects behind the locations in S3, and how to read them.
pub struct ObjectStore {
    /// `None` only while the store is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    objects: Objects,
    folder: TempDir,
    /// Sorted by bucket and key.
    list: Vec<(Arc<str>, Object)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Of objects that were asked for.
    downloads: BTreeMap<usize, Download>,
    kept: u64,
}

enum Download {
    Running,
    Ready,
    Failed(io::ErrorKind, String),
}

impl Drop for ObjectStore {
    /// The last owner may be a thread of a runtime, which must not wait for one.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for ObjectStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ObjectStore").field("objects", &self.list.len()).finish_non_exhaustive()
    }
}

/// Why events in S3 cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{location}` is no place in S3; expected `s3://bucket/prefix/`")]
    Location { location: String },
    #[error("`{location}`: {source}")]
    List { location: String, source: Box<AwsError> },
    #[error("`{location}` holds no object; check the bucket and the prefix, and that it names a folder to its end")]
    Nothing { location: String },
    #[error("{0}")]
    Endpoint(#[from] EndpointError),
    #[error("cannot prepare the reading of objects: {0}")]
    Machine(#[from] io::Error),
}

impl ObjectStore {
    /// Lists the objects of the scope behind `locations`.
    ///
    /// # Errors
    /// When a location is none, cannot be listed, or holds nothing at all.
    pub fn open(settings: &AwsSettings, locations: &[String], scope: &Scope) -> Result<Arc<Self>, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let sessions = Sessions::new(settings.clone())?;
        let listed = std::thread::scope(|threads| {
            // Not on this thread: it may belong to another runtime.
            let listing = threads.spawn(|| {
                runtime.block_on(async {
                    let objects = Objects::new(sessions.of(Purpose::S3).await, settings.s3_requester_pays);
                    let mut list: Vec<(Arc<str>, Object)> = Vec::new();
                    for text in locations {
                        let location = Location::parse(text).ok_or_else(|| StoreError::Location { location: text.clone() })?;
                        let found = find(&objects, &location, scope)
                            .await
                            .map_err(|source| StoreError::List { location: text.clone(), source: Box::new(source) })?;
                        if found.objects.is_empty() && !found.pruned {
                            return Err(StoreError::Nothing { location: text.clone() });
                        }
                        let bucket: Arc<str> = location.bucket.into();
                        list.extend(found.objects.into_iter().map(|object| (Arc::clone(&bucket), object)));
                    }
                    list.sort();
                    list.dedup();
                    Ok((objects, list))
                })
            });
            listing.join().unwrap_or_else(|_| Err(StoreError::Machine(io::Error::other("the listing ended abruptly"))))
        });
        let (objects, list) = listed?;
        let folder = tempfile::Builder::new().prefix("palisade-s3-").tempdir()?;
        Ok(Arc::new(ObjectStore {
            runtime: Some(runtime),
            objects,
            folder,
            list,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `bucket/key`: as a path it tells what folders of local files tell.
    pub fn path(&self, index: usize) -> Option<PathBuf> {
        self.list.get(index).map(|(bucket, object)| PathBuf::from(format!("{bucket}/{}", object.key)))
    }

    fn name(&self, index: usize) -> String {
        self.list.get(index).map_or_else(String::new, |(bucket, object)| format!("s3://{bucket}/{}", object.key))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, index: usize) -> PathBuf {
        self.folder.path().join(index.to_string())
    }

    /// Begins to download an object, unless that was done before.
    fn fetch(self: &Arc<Self>, index: usize) {
        let mut state = self.state();
        if state.downloads.contains_key(&index) {
            return;
        }
        let Some((bucket, object)) = self.list.get(index).cloned() else { return };
        state.downloads.insert(index, Download::Running);
        drop(state);
        let (objects, path) = (self.objects.clone(), self.file(index));
        // A download does not keep the store alive that nobody reads any more.
        let store = Arc::downgrade(self);
        let Some(runtime) = &self.runtime else { return };
        runtime.spawn(async move {
            let outcome = download(&objects, &bucket, &object.key, &path).await;
            let Some(store) = store.upgrade() else { return };
            let mut state = store.state();
            let download = match outcome {
                Ok(size) => {
                    state.kept += size;
                    Download::Ready
                }
                Err((kind, message)) => Download::Failed(kind, message),
            };
            state.downloads.insert(index, download);
            store.changed.notify_all();
        });
    }

    /// The downloaded object. Waits for it.
    fn open_object(self: &Arc<Self>, index: usize) -> io::Result<File> {
        self.fetch(index);
        let mut state = self.state();
        loop {
            match state.downloads.get(&index) {
                Some(Download::Ready) => break,
                Some(Download::Failed(kind, message)) => return Err(io::Error::new(*kind, message.clone())),
                Some(Download::Running) | None => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        let file = File::open(self.file(index))?;
        if state.kept > KEPT {
            // The open file stays readable without its name; another pass downloads it again.
            let size = file.metadata().map_or(0, |metadata| metadata.len());
            std::fs::remove_file(self.file(index))?;
            state.kept = state.kept.saturating_sub(size);
            state.downloads.remove(&index);
        }
        Ok(file)
    }
}

async fn download(objects: &Objects, bucket: &str, key: &str, path: &PathBuf) -> Result<u64, (io::ErrorKind, String)> {
    let outcome = match File::create(path) {
        Ok(mut file) => objects.download(&calls::s3::GET_OBJECT, bucket, key, &mut file).await,
        Err(error) => Err(error.into()),
    };
    outcome.map_err(|error| {
        let kind = match &error {
            DownloadError::Aws(aws) if aws.kind == Kind::NotFound => io::ErrorKind::NotFound,
            DownloadError::Aws(aws) if aws.kind == Kind::AccessDenied => io::ErrorKind::PermissionDenied,
            DownloadError::Aws(_) => io::ErrorKind::Other,
            DownloadError::File(file) => file.kind(),
        };
        (kind, error.to_string())
    })
}

/// One object of a store.
#[derive(Debug, Clone)]
pub struct ObjectPlace {
    store: Arc<ObjectStore>,
    index: usize,
}

impl ObjectPlace {
    /// All objects of a store.
    pub fn all(store: &Arc<ObjectStore>) -> impl Iterator<Item = ObjectPlace> {
        (0..store.len()).map(|index| ObjectPlace { store: Arc::clone(store), index })
    }

    /// Bytes of the object.
    pub fn size(&self) -> u64 {
        self.store.list.get(self.index).map_or(0, |(_, object)| object.size)
    }

    /// How messages name it.
    pub fn name(&self) -> String {
        self.store.name(self.index)
    }

    /// `bucket/key` as a path.
    pub fn path(&self) -> PathBuf {
        self.store.path(self.index).unwrap_or_default()
    }

    /// Begins to download it, without waiting.
    pub fn fetch(&self) {
        self.store.fetch(self.index);
    }

    /// Waits until it is there, and opens it.
    pub fn open(&self) -> io::Result<File> {
        self.store.open_object(self.index)
    }
}

impl PartialEq for ObjectPlace {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ObjectPlace {}

impl PartialOrd for ObjectPlace {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectPlace {
    /// Within the one store of a run; the list of a store is sorted by key.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.index.cmp(&other.index)
    }
}

/// The objects of the scope behind a location.
///
/// # Errors
/// When the bucket cannot be listed.
pub async fn list(objects: &Objects, location: &Location, scope: &Scope) -> Result<Vec<Object>, AwsError> {
    find(objects, location, scope).await.map(|found| found.objects)
}

/// The account of the folder that an object lies in.
pub fn account_of(bucket: &str, key: &str) -> Option<String> {
    let path = PathBuf::from(format!("{bucket}/{key}"));
    super::files::account_of_folder(path.parent()?)
}

#[derive(Debug, Default)]
struct Found {
    objects: Vec<Object>,
    /// There was something that the scope excludes.
    pruned: bool,
}

/// A prefix that is still to be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The folders below it are looked at.
    Folders(String),
    /// Everything below it, within the days if the keys right below it begin with `yyyy/mm/dd/`.
    Everything { prefix: String, dated: bool },
    /// Left out.
    Pruned,
}

/// What to do with a prefix, by what its folders tell.
fn step(prefix: &str, scope: &Scope) -> Step {
    let parts: Vec<&str> = prefix.trim_end_matches('/').split('/').collect();
    let of_trail = parts.iter().rposition(|part| part.starts_with("CloudTrail"));
    if let Some(position) = of_trail
        && let Some(account) = position.checked_sub(1).and_then(|before| parts.get(before))
        && is_account_id(account.as_bytes())
    {
        let wanted = scope.accounts.as_ref().is_none_or(|accounts| accounts.contains(*account));
        let kind = parts.get(position).copied().unwrap_or_default();
        if !wanted || !matches!(kind, "CloudTrail" | "CloudTrail-NetworkActivity") {
            return Step::Pruned;
        }
        return match parts.len() - position {
            1 => Step::Folders(prefix.to_owned()),
            2 => Step::Everything { prefix: prefix.to_owned(), dated: true },
            _ => Step::Everything { prefix: prefix.to_owned(), dated: false },
        };
    }
    let last = parts.last().copied().unwrap_or_default();
    let below_logs = parts.iter().rposition(|part| *part == "AWSLogs");
    if let Some(position) = below_logs {
        let depth = parts.len() - position;
        if is_account_id(last.as_bytes()) {
            let wanted = scope.accounts.as_ref().is_none_or(|accounts| accounts.contains(last));
            return if wanted { Step::Folders(prefix.to_owned()) } else { Step::Pruned };
        }
        // `AWSLogs` itself and an organization below it; anything else there is of another service.
        return match depth {
            1 => Step::Folders(prefix.to_owned()),
            2 if last.starts_with("o-") => Step::Folders(prefix.to_owned()),
            _ => Step::Pruned,
        };
    }
    Step::Folders(prefix.to_owned())
}

/// Deepest folders that are looked into one by one, outside the layout of CloudTrail.
const DEEPEST: usize = 4;

async fn find(objects: &Objects, location: &Location, scope: &Scope) -> Result<Found, AwsError> {
    let mut found = Found::default();
    // Wherever the user starts, what lies above is known from the path.
    let mut open = vec![(Step::Folders(location.prefix.clone()), 0)];
    if !location.prefix.is_empty() {
        let start = step(&location.prefix, &Scope { accounts: None, ..scope.clone() });
        open = vec![(
            if start == Step::Pruned { Step::Everything { prefix: location.prefix.clone(), dated: false } } else { start },
            0,
        )];
        if !location.prefix.ends_with('/') {
            // One object, or the beginning of several.
            open = vec![(Step::Everything { prefix: location.prefix.clone(), dated: false }, 0)];
        }
    }
    while !open.is_empty() {
        let results: Vec<(Found, Vec<(Step, usize)>)> = stream::iter(std::mem::take(&mut open))
            .map(|(step, depth)| look(objects, &location.bucket, step, depth, scope))
            .buffer_unordered(LISTINGS)
            .try_collect()
            .await?;
        for (part, steps) in results {
            found.objects.extend(part.objects);
            found.pruned |= part.pruned;
            open.extend(steps);
        }
    }
    Ok(found)
}

async fn look(
    objects: &Objects,
    bucket: &str,
    step_here: Step,
    depth: usize,
    scope: &Scope,
) -> Result<(Found, Vec<(Step, usize)>), AwsError> {
    match step_here {
        Step::Pruned => Ok((Found { pruned: true, ..Found::default() }, Vec::new())),
        Step::Everything { prefix, dated } => {
            let (after, until) = if dated { days(&prefix, scope) } else { (None, None) };
            let mut pruned = after.is_some();
            let mut goes_on = |key: &str| {
                let inside = until.as_deref().is_none_or(|until| key < until);
                pruned |= !inside;
                inside
            };
            let list = objects.list(bucket, &prefix, after.as_deref(), &mut goes_on).await?;
            Ok((Found { objects: list, pruned }, Vec::new()))
        }
        Step::Folders(prefix) => {
            let level = objects.level(bucket, &prefix).await?;
            let steps = level.folders.into_iter().map(|folder| {
                let next = if depth >= DEEPEST && !folder.contains("AWSLogs/") {
                    Step::Everything { prefix: folder, dated: false }
                } else {
                    step(&folder, scope)
                };
                (next, depth + 1)
            });
            Ok((Found { objects: level.objects, pruned: false }, steps.collect()))
        }
    }
}

/// The keys between which a region's days lie: after the one, before the other. Late records of a day lie in the folder of the next.
fn days(prefix: &str, scope: &Scope) -> (Option<String>, Option<String>) {
    let folder = |date: Date| format!("{prefix}{}", date.strftime("%Y/%m/%d/"));
    let after = scope.from.map(folder);
    // `0` follows `/`, so that this is behind everything of the last day.
    let until = scope.to.map(|to| folder(to.tomorrow().unwrap_or(to))).map(|mut last| {
        last.pop();
        last.push('0');
        last
    });
    (after, until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn only_folders_that_may_hold_wanted_events_are_looked_into() {
        let scope = Scope { accounts: Some(["111111111111".to_owned()].into()), ..Scope::default() };
        let folders = |prefix: &str| Step::Folders(prefix.to_owned());
        for prefix in
            ["logs/", "logs/AWSLogs/", "AWSLogs/o-abc/", "AWSLogs/o-abc/111111111111/", "AWSLogs/111111111111/CloudTrail/"]
        {
            assert_eq!(step(prefix, &scope), folders(prefix), "{prefix}");
        }
        for prefix in [
            "AWSLogs/o-abc/222222222222/",
            "AWSLogs/222222222222/CloudTrail/",
            "AWSLogs/111111111111/CloudTrail-Digest/",
            "AWSLogs/111111111111/CloudTrail-Insight/eu-west-1/",
            "AWSLogs/111111111111/Config/",
            "AWSLogs/o-abc/111111111111/Config/",
            "AWSLogs/aws-waf-logs/",
        ] {
            assert_eq!(step(prefix, &scope), Step::Pruned, "{prefix}");
        }
        let region = "x/AWSLogs/o-abc/111111111111/CloudTrail-NetworkActivity/eu-west-1/";
        assert_eq!(step(region, &scope), Step::Everything { prefix: region.to_owned(), dated: true });
    }

    #[test]
    fn a_listing_runs_from_the_first_day_to_the_day_after_the_last() {
        let scope = Scope { from: Some(date(2026, 10, 30)), to: Some(date(2026, 10, 31)), ..Scope::default() };
        let (after, until) = days("r/", &scope);
        let (after, until) = (after.unwrap(), until.unwrap());
        for (key, inside) in [
            ("r/2026/10/29/z.json.gz", false),
            ("r/2026/10/30/a.json.gz", true),
            ("r/2026/11/01/z.json.gz", true),
            ("r/2026/11/02/a.json.gz", false),
        ] {
            assert_eq!(key > after.as_str() && key < until.as_str(), inside, "{key}");
        }
        assert_eq!(days("r/", &Scope::default()), (None, None));
    }
}
