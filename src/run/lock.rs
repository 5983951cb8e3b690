//! One program at a time works in a folder that several runs share: a store of activity with the ledger of its statements. Two that
//! went on with the same run would each start what the other has not noted yet, and the later one would take the other's days away.
//!
//! The system lets go of a lock when its program ends, however it ends, so none is ever left behind.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Hidden, so that it is no obstacle to whoever owns the folder.
const FILE_NAME: &str = ".lock";

/// Why a folder cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another run works in {} at this moment{}: wait until it ends, or name another folder; nothing was started",
        folder.display(),
        by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default()
    )]
    Taken { folder: PathBuf, by: Option<String> },
    #[error("cannot work in {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
}

/// Takes the folder for this program until it ends, and makes it where there is none. Taking it again does nothing.
///
/// # Errors
/// When another program has it, or nothing can be written there.
pub fn take(folder: &Path) -> Result<(), LockError> {
    static HELD: Mutex<BTreeMap<PathBuf, File>> = Mutex::new(BTreeMap::new());
    let failed = |source| LockError::Folder { folder: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let place = folder.canonicalize().map_err(failed)?;
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if held.contains_key(&place) {
        return Ok(());
    }
    let path = place.join(FILE_NAME);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the message that others get.
            if let Err(error) = sign(&mut file) {
                tracing::debug!(%error, "the lock does not say whose it is");
            }
            held.insert(place, file);
            Ok(())
        }
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            let by = file.read_to_string(&mut by).ok().map(|_| by.trim().to_owned()).filter(|by| !by.is_empty());
            Err(LockError::Taken { folder: folder.to_owned(), by })
        }
        Err(TryLockError::Error(error)) => {
            // Some network file systems have no locks. That is no reason not to work.
            tracing::warn!(%error, "{} cannot be locked: do not start a second run in it", folder.display());
            Ok(())
        }
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}, since {}", std::process::id(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"))?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        take(&inside).unwrap();
        take(&inside.join("../b")).unwrap();
        // What another program would see.
        let other = File::open(inside.join(FILE_NAME)).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        let signed = fs::read_to_string(inside.join(FILE_NAME)).unwrap();
        assert!(signed.starts_with(&format!("process {}, since 20", std::process::id())), "{signed}");
    }

    #[test]
    fn one_that_another_has_is_refused_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "process 7, since yesterday\n").unwrap();
        let other = File::open(folder.path().join(FILE_NAME)).unwrap();
        other.lock().unwrap();
        let refused = take(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("(process 7, since yesterday)"), "{refused}");
        drop(other);
        take(folder.path()).unwrap();
    }
}
