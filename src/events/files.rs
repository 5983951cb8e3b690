//! Where events lie: the files behind the locations that the user names, and what their paths tell about them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;

use super::rows::is_account_id;
use super::s3::{ObjectPlace, ObjectStore};

/// Which records are wanted. `None` asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub accounts: Option<BTreeSet<String>>,
    pub regions: Option<BTreeSet<String>>,
    /// First and last day of the events, inclusive.
    pub from: Option<Date>,
    pub to: Option<Date>,
}

impl Scope {
    /// May a file of this folder hold wanted records? A file holds records of its day and late ones of the day before.
    fn may_hold(&self, folder: &Folder) -> bool {
        // The region of a folder tells nothing: it also holds records of global services, whose awsRegion differs.
        let accounts = self.wants_account_of(folder);
        let after = match (self.from, folder.date) {
            (Some(from), Some(date)) => date >= from,
            _ => true,
        };
        let before = match (self.to, folder.date) {
            (Some(to), Some(date)) => date <= to.tomorrow().unwrap_or(to),
            _ => true,
        };
        accounts && after && before
    }

    fn wants_account_of(&self, folder: &Folder) -> bool {
        match (&self.accounts, &folder.account_id) {
            (Some(accounts), Some(account_id)) => accounts.contains(account_id.as_ref()),
            _ => true,
        }
    }

    /// Is a record of this account, region and day (days since 1970-01-01) wanted? What a record does not tell excludes it only
    /// where something is asked for.
    pub fn wants(&self, account_id: Option<&str>, region: Option<&str>, day: Option<i32>) -> bool {
        let wanted = |set: &Option<BTreeSet<String>>, value: Option<&str>| match set {
            Some(set) => value.is_some_and(|value| set.contains(value)),
            None => true,
        };
        let days = |date: Date| {
            date.to_zoned(jiff::tz::TimeZone::UTC).map(|midnight| midnight.timestamp().as_second().div_euclid(86_400))
        };
        let after = self.from.is_none_or(|from| day.is_some_and(|day| days(from).is_ok_and(|from| i64::from(day) >= from)));
        let before = self.to.is_none_or(|to| day.is_some_and(|day| days(to).is_ok_and(|to| i64::from(day) <= to)));
        wanted(&self.accounts, account_id) && wanted(&self.regions, region) && after && before
    }

    pub fn is_everything(&self) -> bool {
        *self == Scope::default()
    }
}

/// What the folders of the S3 layout `AWSLogs/[o-…/]<account>/CloudTrail…/<region>/<yyyy>/<mm>/<dd>/` tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    pub account_id: Option<Arc<str>>,
    /// The day of delivery.
    pub date: Option<Date>,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    pub place: Place,
    pub folder: Folder,
    /// The delivery time in the file name, as the number `YYYYMMDDhhmm`; 0 without one. Files are read in the order of delivery,
    /// which keeps duplicates close together.
    delivered: u64,
    /// Can be read only once: standard input, a pipe.
    is_stream: bool,
}

/// Where a file lies. There may be hundreds of thousands, most of them beside others: a folder is kept once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    File {
        folder: Arc<Path>,
        name: Box<OsStr>,
    },
    /// In a bucket.
    Object(ObjectPlace),
    StandardInput,
}

impl Place {
    /// The path of a file; `None` for anything else.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Place::File { folder, name } => Some(folder.join(&**name)),
            Place::Object(_) | Place::StandardInput => None,
        }
    }
}

impl SourceFile {
    /// How messages name it.
    pub fn name(&self) -> String {
        match &self.place {
            Place::File { folder, name } => folder.join(&**name).display().to_string(),
            Place::Object(object) => object.name(),
            Place::StandardInput => "standard input".to_owned(),
        }
    }

    /// Is it an object of a bucket, which takes time to come?
    pub fn object(&self) -> Option<&ObjectPlace> {
        match &self.place {
            Place::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Bytes of the file as it lies there; 0 where nobody knows before it is read.
    pub fn size(&self) -> u64 {
        if let Some(object) = self.object() {
            return object.size();
        }
        self.place.path().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |metadata| metadata.len())
    }

    /// When the file was last changed, where that is known.
    pub fn modified(&self) -> Option<std::time::SystemTime> {
        self.place.path().and_then(|path| std::fs::metadata(path).ok()?.modified().ok())
    }

    /// Opens the file at its beginning. What can be read only once is copied to an unnamed temporary file first, since several
    /// statements may read it, and sample records are looked for in it.
    pub fn open(&self) -> std::io::Result<File> {
        /// Sources that can be read only once in a process, and their copies.
        static COPIES: Mutex<BTreeMap<Place, File>> = Mutex::new(BTreeMap::new());
        if let Some(object) = self.object() {
            return object.open();
        }
        let path = self.place.path();
        if let (false, Some(path)) = (self.is_stream, &path) {
            return File::open(path);
        }
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copy = match copies.get(&self.place) {
            Some(copy) => copy.try_clone()?,
            None => {
                let mut copy = tempfile::tempfile()?;
                match &path {
                    None => std::io::copy(&mut std::io::stdin().lock(), &mut copy)?,
                    Some(path) => std::io::copy(&mut File::open(path)?, &mut copy)?,
                };
                copies.insert(self.place.clone(), copy.try_clone()?);
                copy
            }
        };
        copy.rewind()?;
        Ok(copy)
    }
}

/// The files of all locations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovery {
    pub files: Vec<SourceFile>,
    /// Reason and file, of files that are not read.
    pub skipped: Vec<(&'static str, String)>,
    /// Files that the scope excludes by their path.
    pub outside: Outside,
    /// Layouts that were recognised.
    pub in_layout: u64,
    /// The folder of the file before.
    parent: Option<(Arc<Path>, Folder, FolderKind)>,
}

/// Files that are not read because their folders say that nobody asked for them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outside {
    /// Of other accounts.
    pub accounts: OfFiles,
    pub account_ids: BTreeSet<Arc<str>>,
    /// Of the accounts asked for, and of other days.
    pub days: OfFiles,
}

/// So many files, and the first and last day of their folders.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OfFiles {
    pub files: u64,
    pub range: Option<(Date, Date)>,
}

impl Outside {
    /// All files that the scope excludes.
    pub fn files(&self) -> u64 {
        self.accounts.files + self.days.files
    }

    fn add(&mut self, folder: &Folder, scope: &Scope) {
        let of_files = if scope.wants_account_of(folder) {
            &mut self.days
        } else {
            self.account_ids.extend(folder.account_id.clone());
            &mut self.accounts
        };
        of_files.files += 1;
        if let Some(date) = folder.date {
            of_files.range = Some(of_files.range.map_or((date, date), |(first, last)| (first.min(date), last.max(date))));
        }
    }
}

/// Why no location could be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("`{location}`: {source}; name a file, a folder, a pattern such as `logs/**/*.json.gz`, or `-` for standard input")]
    Unreadable { location: String, source: std::io::Error },
    #[error("`{location}` is not a pattern that can be read: {reason}")]
    Pattern { location: String, reason: String },
    #[error("`{location}` matches no file; check the path, or quote the pattern so that the shell does not expand it")]
    NoMatch { location: String },
}

pub const DIGEST_FILE: &str = "digest file";
pub const INSIGHT_FILE: &str = "Insight file";
pub const AGGREGATED_FILE: &str = "aggregated events file";
pub const OTHER_FILE: &str = "not a log file by its name";

/// Finds the files behind locations: a path, a folder (with everything below it), a glob pattern, or `-`.
pub fn discover(locations: &[String], scope: &Scope) -> Result<Discovery, DiscoveryError> {
    let mut discovery = Discovery::default();
    // One location cannot name a file twice.
    let mut seen = (locations.len() > 1).then(BTreeSet::new);
    for location in locations {
        if location == "-" {
            if !discovery.files.iter().any(|file| file.place == Place::StandardInput) {
                discovery.files.push(SourceFile {
                    place: Place::StandardInput,
                    folder: Folder::default(),
                    delivered: 0,
                    is_stream: true,
                });
            }
            continue;
        }
        let path = Path::new(location);
        if path.exists() || !location.contains(['*', '?', '[']) {
            discovery.add(path, location, scope, &mut seen)?;
            continue;
        }
        let matches = glob::glob(location)
            .map_err(|error| DiscoveryError::Pattern { location: location.clone(), reason: error.msg.to_owned() })?;
        let mut any = false;
        for path in matches.flatten() {
            any = true;
            if path.is_file() {
                discovery.add_file(&path, scope, &mut seen, false);
            } else {
                discovery.add(&path, location, scope, &mut seen)?;
            }
        }
        if !any {
            return Err(DiscoveryError::NoMatch { location: location.clone() });
        }
    }
    discovery.sort();
    Ok(discovery)
}

impl Discovery {
    /// Adds the objects of a store.
    pub fn add_objects(&mut self, store: &Arc<ObjectStore>, scope: &Scope) {
        for object in ObjectPlace::all(store) {
            let path = object.path();
            let (folder, kind) = self.folder(&path);
            if let Some(reason) = kind.reason_to_skip() {
                self.skipped.push((reason, object.name()));
            } else if !looks_like_a_log(&path) {
                self.skipped.push((OTHER_FILE, object.name()));
            } else if !scope.may_hold(&folder) {
                self.outside.add(&folder, scope);
            } else {
                self.in_layout += u64::from(folder.account_id.is_some() && folder.date.is_some());
                let delivered = delivery_of(&path).unwrap_or_default();
                self.files.push(SourceFile { place: Place::Object(object), folder, delivered, is_stream: false });
            }
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.files.sort_by(|a, b| (&a.delivered, &a.place).cmp(&(&b.delivered, &b.place)));
        self.skipped.sort();
    }
}

impl Discovery {
    fn add(
        &mut self,
        path: &Path,
        location: &str,
        scope: &Scope,
        seen: &mut Option<BTreeSet<PathBuf>>,
    ) -> Result<(), DiscoveryError> {
        let unreadable = |source| DiscoveryError::Unreadable { location: location.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_dir() {
            self.add_file(path, scope, seen, false);
            return Ok(());
        }
        // Links are not followed by the walk, which would look every file up: a link is rare, and looked up here.
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => self.add_file(entry.path(), scope, seen, true),
                Ok(entry) if entry.path_is_symlink() && entry.depth() > 0 => self.add_link(entry.path(), scope, seen),
                Ok(_) => {}
                Err(error) => self.unreadable(error.path().unwrap_or(path)),
            }
        }
        Ok(())
    }

    /// Adds what a link in a folder leads to. The walk below a linked folder notices when links lead in a circle.
    fn add_link(&mut self, link: &Path, scope: &Scope, seen: &mut Option<BTreeSet<PathBuf>>) {
        for entry in walkdir::WalkDir::new(link).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => self.add_file(entry.path(), scope, seen, true),
                Ok(_) => {}
                Err(error) => self.unreadable(error.path().unwrap_or(link)),
            }
        }
    }

    fn unreadable(&mut self, path: &Path) {
        self.skipped.push(("file or folder that cannot be read", path.display().to_string()));
    }

    /// `found` by walking a folder: then the name decides whether it is a log file. A file that the user named is always read.
    fn add_file(&mut self, path: &Path, scope: &Scope, seen: &mut Option<BTreeSet<PathBuf>>, found: bool) {
        if seen.as_mut().is_some_and(|seen| !seen.insert(path.to_owned())) {
            return;
        }
        let (folder, kind) = self.folder(path);
        if let Some(reason) = kind.reason_to_skip() {
            self.skipped.push((reason, path.display().to_string()));
            return;
        }
        if found && !looks_like_a_log(path) {
            self.skipped.push((OTHER_FILE, path.display().to_string()));
            return;
        }
        if !scope.may_hold(&folder) {
            self.outside.add(&folder, scope);
            return;
        }
        self.in_layout += u64::from(folder.account_id.is_some() && folder.date.is_some());
        // A walk finds files only.
        let is_stream = !found && std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        let delivered = delivery_of(path).unwrap_or_default();
        let parent = self.parent.as_ref().map_or_else(|| Arc::from(Path::new("")), |(parent, ..)| Arc::clone(parent));
        let place = Place::File { folder: parent, name: path.file_name().unwrap_or_default().into() };
        self.files.push(SourceFile { place, folder, delivered, is_stream });
    }
}

impl Discovery {
    /// What the folder of a file tells. Files of a folder come one after the other, so it is worked out once.
    fn folder(&mut self, path: &Path) -> (Folder, FolderKind) {
        let parent = path.parent().unwrap_or(Path::new(""));
        if let Some((known, folder, kind)) = &self.parent
            && known.as_ref() == parent
        {
            return (folder.clone(), kind_of_file(path).unwrap_or(*kind));
        }
        let (folder, kind) = folder_of(parent);
        // Accounts repeat too: one text for all folders of an account that lie side by side.
        let account_id = folder.account_id.map(|account_id| {
            let before = self.parent.as_ref().and_then(|(_, folder, _)| folder.account_id.as_ref());
            before.filter(|before| **before == account_id).map_or(account_id, Arc::clone)
        });
        let folder = Folder { account_id, ..folder };
        self.parent = Some((Arc::from(parent), folder.clone(), kind));
        (folder, kind_of_file(path).unwrap_or(kind))
    }
}

/// By extension; files without one are read, since Athena's UNLOAD writes such.
fn looks_like_a_log(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return true };
    if name.starts_with(['.', '_']) {
        return false;
    }
    match name.rsplit_once('.') {
        None => true,
        Some((_, extension)) => {
            ["json", "gz", "ndjson", "jsonl", "parquet", "log"].contains(&extension.to_ascii_lowercase().as_str())
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FolderKind {
    Events,
    Digest,
    Insight,
    Aggregated,
}

impl FolderKind {
    fn reason_to_skip(self) -> Option<&'static str> {
        match self {
            FolderKind::Events => None,
            FolderKind::Digest => Some(DIGEST_FILE),
            FolderKind::Insight => Some(INSIGHT_FILE),
            FolderKind::Aggregated => Some(AGGREGATED_FILE),
        }
    }

    fn of(name: &str) -> Option<Self> {
        match name {
            "CloudTrail" | "CloudTrail-NetworkActivity" => Some(FolderKind::Events),
            "CloudTrail-Digest" => Some(FolderKind::Digest),
            "CloudTrail-Insight" => Some(FolderKind::Insight),
            "CloudTrail-Aggregated" => Some(FolderKind::Aggregated),
            _ => None,
        }
    }
}

/// Reads a folder: the S3 layout of CloudTrail, or Hive-style `account=…/region=…/dt=…`.
fn folder_of(path: &Path) -> (Folder, FolderKind) {
    let parts: Vec<&str> = path.components().filter_map(|part| part.as_os_str().to_str()).collect();
    let part = |index: usize| parts.get(index).copied();
    for (index, name) in parts.iter().enumerate().rev() {
        let Some(kind) = FolderKind::of(name) else { continue };
        let account = index.checked_sub(1).and_then(part).filter(|account| is_account_id(account.as_bytes()));
        let Some(account) = account else { continue };
        let date = match (part(index + 2), part(index + 3), part(index + 4)) {
            (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}").parse().ok(),
            _ => None,
        };
        return (Folder { account_id: Some(account.into()), date }, kind);
    }
    let mut folder = Folder::default();
    for (key, value) in parts.iter().filter_map(|part| part.split_once('=')) {
        match key.to_ascii_lowercase().as_str() {
            "account" | "accountid" | "account_id" | "p_account" if is_account_id(value.as_bytes()) => {
                folder.account_id = Some(value.into());
            }
            "dt" | "date" | "p_date" | "eventday" | "event_date" => {
                folder.date = value.replace('/', "-").parse().ok();
            }
            _ => {}
        }
    }
    (folder, FolderKind::Events)
}

/// The account that a folder tells.
pub(super) fn account_of_folder(path: &Path) -> Option<String> {
    folder_of(path).0.account_id.map(|account| account.to_string())
}

/// The names of digest and Insight files say what they are, wherever they lie.
fn kind_of_file(path: &Path) -> Option<FolderKind> {
    let name = path.file_name()?.to_str()?;
    if name.contains("_CloudTrail-Digest_") {
        Some(FolderKind::Digest)
    } else if name.contains("_CloudTrail-Insight_") {
        Some(FolderKind::Insight)
    } else {
        None
    }
}

/// The delivery time in a name such as `111111111111_CloudTrail_us-east-1_20261031T0705Z_abcdefghijklmnop.json.gz`.
fn delivery_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let time = name.split('_').find(|part| {
        part.len() == 14
            && part.ends_with('Z')
            && part.bytes().enumerate().all(|(index, byte)| match index {
                8 => byte == b'T',
                13 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            })
    })?;
    time.replace(['T', 'Z'], "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_organization_trail_tells_account_region_and_day() {
        let path = Path::new(
            "bucket/prefix/AWSLogs/o-abc/111111111111/CloudTrail-NetworkActivity/eu-west-1/2026/10/31/111111111111_CloudTrail_eu-west-1_20261031T0705Z_abcdefghijklmnop.json.gz",
        );
        let (folder, kind) = folder_of(path);
        assert_eq!(kind, FolderKind::Events);
        assert_eq!(folder.account_id.as_deref(), Some("111111111111"));
        assert_eq!(folder.date, Some(jiff::civil::date(2026, 10, 31)));
        assert_eq!(delivery_of(path), Some(202_610_310_705));
    }

    #[test]
    fn a_late_file_of_the_next_day_is_read_and_one_of_the_day_after_is_not() {
        let day = jiff::civil::date(2026, 10, 31);
        let scope = Scope { from: Some(day), to: Some(day), ..Scope::default() };
        let folder = |date| Folder { date: Some(date), ..Folder::default() };
        assert!(!scope.may_hold(&folder(jiff::civil::date(2026, 10, 30))));
        assert!(scope.may_hold(&folder(day)));
        assert!(scope.may_hold(&folder(jiff::civil::date(2026, 11, 1))));
        assert!(!scope.may_hold(&folder(jiff::civil::date(2026, 11, 2))));
        assert!(scope.wants(None, None, Some(20_757)));
        assert!(!scope.wants(None, None, Some(20_758)));
        assert!(!scope.wants(None, None, None));
    }
}
