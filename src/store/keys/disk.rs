//! How do small secret files reach the disk, and leave it, so that a crash never shows half of one?
//!
//! Owns no state. It must not know what the bytes mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::KeyError;
use crate::store::seal;

/// What every unfinished file of ours has in its name; such files are left-overs of a crash and may be deleted at start.
pub const TEMP_MARK: &str = ".tmp-";

/// No key file is longer; whatever is, is not one of ours.
const MAX_KEY_FILE: u64 = 4096;

/// Writes a file of mode 0600 at once or not at all: temporary file, fsync, rename, fsync of the folder. Replaces what
/// was there.
///
/// # Errors
/// [`KeyError::Io`] or [`KeyError::Random`]; the old file is then untouched.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let temp = write_temp(path, bytes)?;
    fs::rename(&temp, path).map_err(KeyError::io("replace", path))?;
    sync_parent(path)
}

/// Like [`write_private`], but refuses with [`KeyError::Exists`] when there is a file already.
pub(super) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let temp = write_temp(path, bytes)?;
    // A hard link, unlike a rename, never replaces: of two makers exactly one wins.
    let linked = fs::hard_link(&temp, path);
    fs::remove_file(&temp).map_err(KeyError::io("remove", &temp))?;
    match linked {
        Ok(()) => sync_parent(path),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists { path: path.to_owned() }),
        Err(e) => Err(KeyError::io("create", path)(e)),
    }
}

/// Reads a small file, `None` when it is not there.
pub(super) fn read_small(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(KeyError::io("open", path)(e)),
    };
    // Reserved in full: a buffer that grows leaves copies of the key behind it.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE as usize + 1));
    file.take(MAX_KEY_FILE + 1).read_to_end(&mut bytes).map_err(KeyError::io("read", path))?;
    Ok(Some(bytes))
}

/// Refuses a secret that others on this machine can read.
pub(super) fn require_private(path: &Path) -> Result<(), KeyError> {
    let mode = fs::metadata(path).map_err(KeyError::io("look at", path))?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Mode { path: path.to_owned(), mode }) }
}

/// Overwrites, flushes, unlinks and flushes the folder. A file that is not there is a success: an erasure that was cut
/// off is simply run again.
pub(super) fn destroy(path: &Path) -> Result<(), KeyError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(KeyError::io("open", path)(e)),
    };
    let len = file.metadata().map_err(KeyError::io("look at", path))?.len().min(MAX_KEY_FILE);
    let mut noise = vec![0_u8; usize::try_from(len).unwrap_or(0)];
    seal::fill_random(&mut noise).map_err(KeyError::Random)?;
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.write_all(&noise))
        .and_then(|()| file.sync_all())
        .map_err(KeyError::io("overwrite", path))?;
    fs::remove_file(path).map_err(KeyError::io("remove", path))?;
    sync_parent(path)
}

/// Flushes the folder that `path` lies in, so that its name survives a power cut.
pub(super) fn sync_parent(path: &Path) -> Result<(), KeyError> {
    let folder = parent(path);
    File::open(folder).and_then(|f| f.sync_all()).map_err(KeyError::io("flush", folder))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn write_temp(path: &Path, bytes: &[u8]) -> Result<PathBuf, KeyError> {
    let mut mark = [0_u8; 8];
    seal::fill_random(&mut mark).map_err(KeyError::Random)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temp = parent(path).join(format!("{name}{TEMP_MARK}{:016x}", u64::from_be_bytes(mark)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temp)
        .map_err(KeyError::io("create", &temp))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(e) = written {
        // The disk is probably full: leave nothing of ours on it. That this may fail too changes nothing.
        drop(fs::remove_file(&temp));
        return Err(KeyError::io("write", path)(e));
    }
    Ok(temp)
}
