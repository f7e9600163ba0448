//! When is what was committed on the disk, and who waits for that?
//!
//! Owns what is known of one file's log beyond what SQLite knows: whether its entry in the folder is on the disk, whether a
//! flush has failed, and who waits for the next flush. Flushes run beside the file's own jobs, on threads of their own: a
//! slow disk holds up nobody who does not ask for it. Must not touch the connection.
use super::Result;
use crate::store::error::StoreError;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The log of one file.
#[derive(Default)]
pub(super) struct Log {
    /// Who waits for a flush that has not begun. Locked for instants only.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    /// How often the file was opened: each time its log may be a new file.
    opened: AtomicU64,
    /// At which of these openings the folder was flushed last.
    entered: AtomicU64,
    /// A flush has failed. The kernel calls written what it failed to write, so the next one would tell nothing.
    doubted: AtomicBool,
}

impl Log {
    /// The file is being opened. Call it before a log is made.
    pub fn opens(&self) {
        self.opened.fetch_add(1, Ordering::SeqCst);
    }

    /// Everything that was in the log is in the file, flushed.
    pub fn moved(&self) {
        self.doubted.store(false, Ordering::SeqCst);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the next flush that begins. `true`: nobody has asked before, so whoever asks has to see that there is one.
    pub fn ask(&self) -> (oneshot::Receiver<()>, bool) {
        let (flushed, was_flushed) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.push(flushed);
        (was_flushed, waiting.len() == 1)
    }

    /// Flushes, and tells everybody who has asked until now. After a failure they find their channels closed.
    pub fn flush_for_all(&self, database: &Path) {
        let waiting = std::mem::take(&mut *self.waiting());
        if self.doubted.load(Ordering::SeqCst) {
            return;
        }
        match self.flush(database) {
            // Whoever has gone does not need to know.
            Ok(()) => waiting.into_iter().for_each(|flushed| flushed.send(()).unwrap_or(())),
            Err(error) => {
                self.doubted.store(true, Ordering::SeqCst);
                let why: &dyn std::error::Error = &error;
                tracing::warn!(error.code = error.code(), error = why, "failed to flush the log of a database");
            }
        }
    }

    /// Nobody flushes any more: whoever waits would wait for ever.
    pub fn give_up(&self) {
        self.waiting().clear();
    }

    fn flush(&self, database: &Path) -> Result<()> {
        let opened = self.opened.load(Ordering::SeqCst);
        match File::open(path_of(database)).and_then(|log| log.sync_data()) {
            Ok(()) => {}
            // All that was in it was flushed with the file itself.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("flush the log of a database", error)),
        }
        if self.entered.load(Ordering::SeqCst) != opened {
            sync_folder(database)?;
            self.entered.store(opened, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Where the log of this database lies.
pub(super) fn path_of(database: &Path) -> PathBuf {
    let mut name = database.to_owned().into_os_string();
    name.push("-wal");
    name.into()
}

/// Whether a log is there and holds nothing.
pub(super) fn is_empty(database: &Path) -> bool {
    std::fs::metadata(path_of(database)).is_ok_and(|log| log.len() == 0)
}

/// Makes what was made or deleted beside this file outlive a power failure.
pub(super) fn sync_folder(database: &Path) -> Result<()> {
    let Some(folder) = database.parent().filter(|folder| folder.is_dir()) else { return Ok(()) };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::io("flush the folder of a database", error))
}
