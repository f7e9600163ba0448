//! How do session files reach the disk, and leave it, so that nobody ever meets half of one?
//!
//! Owns no state. It must not know why a file is written, and runs on the writer's own thread only.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::damage::Damage;
use super::name::{self, Name};
use crate::domain::{TelegramId, Timestamp};
use crate::session::key::SessionKey;

/// What is to become of one session's file: these bytes in it, or none.
pub(super) struct Change {
    pub key: SessionKey,
    pub content: Option<Vec<u8>>,
}

/// Makes the folder where it is not there, and keeps everybody but its owner out of it.
pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mode = fs::metadata(dir)?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(dir, Permissions::from_mode(mode & !0o077)) }
}

/// Makes several changes, each at once or not at all: temporary files, fsync of each, renames, one fsync of the folder. First all
/// are written and then all are flushed, so that the file system can flush them together. What became of each, in order.
pub(super) fn apply(dir: &Path, changes: &[Change], now: Timestamp) -> Vec<io::Result<()>> {
    let folder = match open_folder(dir) {
        Ok(folder) => folder,
        Err(e) => return changes.iter().map(|_| Err(again(&e))).collect(),
    };
    // An operator who stands in the way for longer than this was stopped in the middle, and is not waited for.
    lock(&folder, Duration::from_secs(1));
    let begun: Vec<_> = changes.iter().map(|change| begin(dir, change)).collect();
    let mut done: Vec<_> = changes.iter().zip(begun).map(|(change, begun)| finish(dir, change, begun?, now)).collect();
    if done.iter().any(Result::is_ok)
        && let Err(e) = folder.sync_all()
    {
        // What was renamed may be forgotten by a power cut: it has to be done again.
        for one in done.iter_mut().filter(|one| one.is_ok()) {
            *one = Err(again(&e));
        }
    }
    done
}

/// Opens the folder, and makes it where somebody has removed it.
fn open_folder(dir: &Path) -> io::Result<File> {
    match File::open(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make_folder(dir)?;
            File::open(dir)
        }
        other => other,
    }
}

/// Whoever changes the folder holds this lock on it: the daemon for a batch, an operator's clean-up for a file. The kernel frees
/// it when `folder` is closed, however that comes about. `false`: another one held it for all of `limit`.
fn lock(folder: &File, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while let Err(e) = folder.try_lock() {
        match e {
            TryLockError::WouldBlock if Instant::now() < end => {}
            TryLockError::WouldBlock => return false,
            // A file system that knows no locks: nobody holds one.
            TryLockError::Error(_) => return true,
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

fn again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error)
}

type Begun = Option<(PathBuf, File)>;

/// Writes the temporary file, if there is something to write.
fn begin(dir: &Path, change: &Change) -> io::Result<Begun> {
    let Some(content) = &change.content else { return Ok(None) };
    let path = dir.join(name::unfinished(change.key));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    if let Err(e) = file.write_all(content) {
        discard(&path);
        return Err(e);
    }
    Ok(Some((path, file)))
}

/// The disk is probably full: leave nothing half-done on it. If even that fails, the next start does it.
fn discard(path: &Path) {
    drop(fs::remove_file(path));
}

fn finish(dir: &Path, change: &Change, begun: Begun, now: Timestamp) -> io::Result<()> {
    let path = dir.join(name::session(change.key));
    let Some((temp, file)) = begun else { return gone(fs::remove_file(&path)) };
    let renamed = file.sync_all().and_then(|()| match fs::rename(&temp, &path) {
        // Whatever else stands there is replaced; a folder is not.
        Err(e) if e.kind() == io::ErrorKind::IsADirectory => {
            set_aside(dir, change.key, Damage::NotAFile, now)?;
            fs::rename(&temp, &path)
        }
        other => other,
    });
    if renamed.is_err() {
        discard(&temp);
    }
    renamed
}

/// A file that is not there has been removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Puts a session's file out of the way under a name that says why, over nothing that is there; gives that name. Links are moved
/// themselves, and lead where they led.
pub(super) fn set_aside(dir: &Path, key: SessionKey, why: Damage, now: Timestamp) -> io::Result<String> {
    for again in 0..1_000 {
        let name = name::aside(key, why, now, again);
        let target = dir.join(&name);
        // Nobody else makes such names: what is free now stays free.
        if fs::symlink_metadata(&target).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            fs::rename(dir.join(name::session(key)), target)?;
            return Ok(name);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes a file that a crash left unfinished.
pub(super) fn remove_leftover(dir: &Path, name: &str) -> io::Result<()> {
    gone(fs::remove_file(dir.join(name)))
}

/// Removes everything in the folder that bears one person's name: session, set-aside and unfinished files; how many those
/// were. For erasing somebody, also where no store runs on the folder; see to it before that none writes their file again.
///
/// # Errors
/// When the folder cannot be listed, a file not be removed, or the removal not be flushed.
pub fn erase(dir: &Path, user: TelegramId) -> io::Result<usize> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let (Name::Session(whose) | Name::Aside(whose) | Name::Leftover(whose)) = Name::of(&entry.file_name()) else {
            continue;
        };
        if whose != SessionKey::User(user) {
            continue;
        }
        // A folder under such a name is none of our making, but it bears the person's id all the same.
        let is_folder = entry.file_type()?.is_dir();
        gone(if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) })?;
        removed += 1;
    }
    if removed > 0 {
        File::open(dir)?.sync_all()?;
    }
    Ok(removed)
}

/// Removes a session's file if it has expired, also beside a daemon that may write it anew at any moment. Whether it was
/// removed.
///
/// # Errors
/// When the file cannot be removed, or the daemon does not let go of the folder.
pub(super) fn remove_expired(dir: &Path, key: SessionKey, now: Timestamp) -> io::Result<bool> {
    let folder = File::open(dir)?;
    if !lock(&folder, Duration::from_secs(5)) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    // Read again: before the lock was had, it may have been written anew.
    let expired = super::read::file(dir, key).is_ok_and(|found| found.is_some_and(|found| found.expires_at() <= now));
    if expired {
        gone(fs::remove_file(dir.join(name::session(key))))?;
    }
    Ok(expired)
}
