//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// A file that is written but not yet visible under its name.
pub(crate) struct Staged {
    file: NamedTempFile,
}

/// Writes a file under a temporary name in `folder` and flushes it to the disk. Dropping the result removes it.
pub(crate) fn stage<E: From<io::Error>>(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), E>,
) -> Result<Staged, E> {
    let prefix = format!(".{name}.");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // A temporary file is for its owner only; a report is for whom the user's umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    let mut buffered = BufWriter::with_capacity(1 << 16, file.as_file_mut());
    write(&mut buffered)?;
    buffered.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(Staged { file })
}

impl Staged {
    /// Gives the file its name, in place of an older file of that name. Returns its size in bytes.
    pub(crate) fn publish(self, path: &Path) -> io::Result<u64> {
        let file = self.file.persist(path).map_err(|error| error.error)?;
        file.metadata().map(|metadata| metadata.len())
    }
}

/// Makes the names in a folder survive a power failure.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix can open a folder to flush it.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
