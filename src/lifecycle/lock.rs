//! Who works on a data folder?
//!
//! Owns the lock, and what its file says: whose it is, and where they answer questions. It must not depend on what the file says: a
//! daemon that was killed said it too.
use super::LifecycleError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked whether the lock is free.
const AGAIN: Duration = Duration::from_millis(20);

/// What is read of who has the lock: more than a process id and a path have.
const HOLDER_BYTES: u64 = 4096;

/// The lock of a data folder: an `flock`, which the kernel takes back when the process ends, however it ends.
#[derive(Debug)]
pub struct DataLock {
    file: File,
    path: PathBuf,
}

/// Who has the lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its process id, if it said so.
    pub pid: Option<u32>,
    /// What it noted of where it answers questions, if it does.
    pub socket: Option<String>,
}

impl DataLock {
    /// The file that is locked.
    pub const NAME: &str = ".lock";

    /// Takes the lock, or tells who has it.
    ///
    /// # Errors
    /// [`LifecycleError::Locked`], [`LifecycleError::Io`].
    pub fn take(data_dir: &Path) -> Result<Self, LifecycleError> {
        let path = data_dir.join(Self::NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(LifecycleError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LifecycleError::Locked { pid: read_holder(&mut file).pid, path });
            }
            Err(TryLockError::Error(e)) => return Err(LifecycleError::io("lock", &path)(e)),
        }
        let mut lock = Self { file, path };
        lock.write(None)?;
        Ok(lock)
    }

    /// The same, waiting a moment for whoever has it. Blocks its thread.
    ///
    /// # Errors
    /// The same.
    pub fn take_within(data_dir: &Path, limit: Duration) -> Result<Self, LifecycleError> {
        let until = Instant::now() + limit;
        loop {
            match Self::take(data_dir) {
                Err(LifecycleError::Locked { .. }) if Instant::now() < until => std::thread::sleep(AGAIN),
                taken => return taken,
            }
        }
    }

    /// Notes where whoever has it answers questions.
    ///
    /// # Errors
    /// [`LifecycleError::Io`].
    pub(super) fn note(&mut self, socket: &str) -> Result<(), LifecycleError> {
        self.write(Some(socket))
    }

    /// Says who has it: for people, for `doctor`, and for commands that ask the daemon. The lock itself does not depend on it.
    fn write(&mut self, socket: Option<&str>) -> Result<(), LifecycleError> {
        let text = format!(
            "{}\n{}{}",
            std::process::id(),
            socket.unwrap_or_default(),
            if socket.is_some() { "\n" } else { "" }
        );
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(text.as_bytes()))
            .map_err(LifecycleError::io("write", &self.path))
    }

    /// Who has the lock now, if anybody. Takes nothing and makes no file.
    ///
    /// # Errors
    /// [`LifecycleError::Io`].
    pub fn held_by(data_dir: &Path) -> Result<Option<Holder>, LifecycleError> {
        let path = data_dir.join(Self::NAME);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(LifecycleError::io("open", &path)(e)),
        };
        // Shared: two doctors at once do not take each other for a daemon.
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file))),
            Err(TryLockError::Error(e)) => Err(LifecycleError::io("lock", &path)(e)),
        }
    }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    if file.seek(SeekFrom::Start(0)).and_then(|_| file.take(HOLDER_BYTES).read_to_string(&mut text)).is_err() {
        return Holder::default();
    }
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let pid = lines.next().and_then(|line| line.trim().parse().ok());
    // Half a line is none: it is being written.
    Holder { pid, socket: lines.next().filter(|line| !line.is_empty()).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn a_folder_is_locked_once_and_free_again_when_the_holder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(DataLock::held_by(dir.path()).unwrap(), None);
        let mut lock = DataLock::take(dir.path()).unwrap();
        let error = DataLock::take(dir.path()).unwrap_err();
        let me = std::process::id();
        assert!(error.to_string().ends_with(&format!("another sekat runs on it (process {me})")), "{error}");
        let mut holder = Holder { pid: Some(me), socket: None };
        assert_eq!(DataLock::held_by(dir.path()).unwrap(), Some(holder.clone()));
        lock.write(Some("/run/sekat/control.sock")).unwrap();
        holder.socket = Some("/run/sekat/control.sock".to_owned());
        assert_eq!(DataLock::held_by(dir.path()).unwrap(), Some(holder));
        lock.write(None).unwrap();
        drop(lock);
        assert_eq!(DataLock::held_by(dir.path()).unwrap(), None);
        DataLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_start_waits_for_a_command_that_is_soon_done() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DataLock::take(dir.path()).unwrap();
        assert!(DataLock::take_within(dir.path(), SHORT).is_err());
        let done = std::thread::spawn(move || {
            std::thread::sleep(SHORT);
            drop(lock);
        });
        DataLock::take_within(dir.path(), Duration::from_secs(60)).unwrap();
        done.join().unwrap();
    }
}
