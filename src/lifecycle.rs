//! When does the daemon start, when must it stop, and who may run on this data folder?
//!
//! Owns the signals, the two stages of stopping, the words to systemd and the lock of the data folder. It must not know what
//! the daemon does.
//!
//! Stopping: the first SIGINT or SIGTERM cancels `graceful` (take nothing new, finish, close); a second one, or the end of the
//! time allowed, cancels `hard` (drop what you hold). What has not returned then is abandoned: every path is made to survive
//! that (DESIGN, what happens when it is killed anywhere).

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::future::Future;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::store::keys::TEMP_MARK;

/// How long may pass between `hard` and giving up on what still runs.
const HARD_GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether there is trouble to tell of.
const TROUBLE: Duration = Duration::from_secs(1);

/// How long a start waits for a command that works on the data folder.
const SHORT_WORK: Duration = Duration::from_secs(1);
/// How often it looks whether that is done.
const AGAIN: Duration = Duration::from_millis(20);

/// What is read of who has the lock: more than a process id and a path have.
const HOLDER_BYTES: u64 = 4096;

/// Why the daemon cannot start here.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// Another daemon runs on this folder.
    #[error("lock {}: another sekat runs on it ({})", path.display(), holder(*pid))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Its process id, if it said so.
        pid: Option<u32>,
    },
    /// The operating system said no.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be listened to.
    #[error("listen for signals")]
    Signals(#[source] io::Error),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "it has not said its process id yet".to_owned(), |pid| format!("process {pid}"))
}

impl LifecycleError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The two stages of stopping, and the tasks that are waited for.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// Take nothing new, finish what is at hand, close.
    pub graceful: CancellationToken,
    /// Drop everything now. Cancelled only after `graceful`.
    pub hard: CancellationToken,
    /// Every task of the daemon runs on this.
    pub tracker: TaskTracker,
    hard_grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            graceful: CancellationToken::new(),
            hard: CancellationToken::new(),
            tracker: TaskTracker::new(),
            hard_grace: HARD_GRACE,
        }
    }
}

impl Shutdown {
    /// Nothing cancelled, nothing tracked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until every tracked task has ended: up to `limit`, then cancels `hard` and waits a little longer. Gives whether
    /// all ended. Cancels `graceful` first. Cancel safe.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.graceful.cancel();
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => return true,
            () = self.hard.cancelled() => {}
            () = tokio::time::sleep(limit) => self.hard.cancel(),
        }
        tokio::time::timeout(self.hard_grace, self.tracker.wait()).await.is_ok()
    }

    /// Runs the daemon's main future: to its end, or, once stopping has begun, at most `limit` and then a little longer with
    /// `hard` cancelled. `None` when it had to be abandoned.
    pub async fn bounded<F: Future>(&self, limit: Duration, run: F) -> Option<F::Output> {
        let mut run = pin!(run);
        tokio::select! {
            out = &mut run => return Some(out),
            () = self.graceful.cancelled() => {}
        }
        tokio::select! {
            out = &mut run => return Some(out),
            () = self.hard.cancelled() => {}
            () = tokio::time::sleep(limit) => self.hard.cancel(),
        }
        tokio::time::timeout(self.hard_grace, run).await.ok()
    }
}

/// What the daemon holds while it runs.
#[derive(Debug)]
pub struct Lifecycle {
    /// Stopping.
    pub shutdown: Shutdown,
    /// Held until the process ends, however it ends.
    lock: DataLock,
    /// Signals, watchdog, and whatever else answers until the end: not on the tracker, which they must outlive.
    own: JoinSet<()>,
}

impl Lifecycle {
    /// Makes the data folder (mode 0700), takes the lock, removes what a crash left half-written in it, and listens to signals.
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// [`LifecycleError::Locked`] when another daemon runs here; else what the disk said.
    pub fn start(data_dir: &Path) -> Result<Self, LifecycleError> {
        private_dir(data_dir)?;
        // A command at work there, or one that looks who is, is done in a moment.
        let lock = DataLock::take_within(data_dir, SHORT_WORK)?;
        private_dir(&data_dir.join("users"))?;
        remove_stale(data_dir)?;
        let shutdown = Shutdown::new();
        let mut own = JoinSet::new();
        let interrupt = signal(SignalKind::interrupt()).map_err(LifecycleError::Signals)?;
        let terminate = signal(SignalKind::terminate()).map_err(LifecycleError::Signals)?;
        own.spawn(listen(shutdown.clone(), interrupt, terminate));
        Ok(Self { shutdown, lock, own })
    }

    /// Notes beside the lock where the daemon answers questions: whoever finds the lock held finds it there.
    ///
    /// # Errors
    /// [`LifecycleError::Io`].
    pub fn note_socket(&mut self, note: &str) -> Result<(), LifecycleError> {
        self.lock.write(Some(note))
    }

    /// Runs this until the daemon has ended everything else.
    pub fn until_the_end(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.own.spawn(task);
    }

    /// Tells systemd that the daemon is up.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// Tells systemd, and so whoever asks `systemctl status`, what is the matter; again when that changes. `None`: nothing.
    pub fn tell_trouble(&mut self, trouble: impl Fn() -> Option<&'static str> + Send + 'static) {
        let mut every = tokio::time::interval(TROUBLE);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.own.spawn(async move {
            let mut told = None;
            loop {
                every.tick().await;
                let now = trouble();
                if now == told {
                    continue;
                }
                told = now;
                let text = now.map_or_else(|| "all is well".to_owned(), |code| format!("up, with trouble: {code}"));
                tell(&[NotifyState::Status(&text)]);
            }
        });
    }

    /// Feeds systemd's watchdog at half its interval for as long as `alive` says so. `alive` must be quick and must not wait;
    /// once it says no, the feeding pauses and systemd will start the daemon anew. Does nothing without a watchdog.
    pub fn watch(&mut self, alive: impl Fn() -> bool + Send + 'static) {
        let mut micros = 0;
        if !sd_notify::watchdog_enabled(false, &mut micros) || micros == 0 {
            return;
        }
        let mut half = tokio::time::interval(Duration::from_micros(micros) / 2);
        half.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.own.spawn(async move {
            loop {
                half.tick().await;
                if alive() {
                    tell(&[NotifyState::Watchdog]);
                } else {
                    warn!(event = "watchdog", "not alive: the watchdog is not fed");
                }
            }
        });
    }

    /// Stops: see [`Shutdown::drain`]. Gives whether every task ended in time.
    pub async fn stop(&self, limit: Duration) -> bool {
        tell(&[NotifyState::Stopping]);
        self.shutdown.drain(limit).await
    }
}

fn tell(words: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(false, words) {
        warn!(error = %e, "systemd was not told");
    }
}

async fn listen(shutdown: Shutdown, mut interrupt: Signal, mut terminate: Signal) {
    next(&mut interrupt, &mut terminate).await;
    info!(event = "stopping", "stopping; a second signal stops at once");
    tell(&[NotifyState::Stopping]);
    shutdown.graceful.cancel();
    next(&mut interrupt, &mut terminate).await;
    warn!(event = "stopping", "stopping at once");
    shutdown.hard.cancel();
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

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

    /// Says who has it: for people, for `doctor`, and for commands that ask the daemon. The lock itself does not depend on it.
    fn write(&mut self, socket: Option<&str>) -> Result<(), LifecycleError> {
        let text = format!("{}\n{}{}", std::process::id(), socket.unwrap_or_default(), if socket.is_some() { "\n" } else { "" });
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

fn private_dir(dir: &Path) -> Result<(), LifecycleError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(LifecycleError::io("create", dir))?;
    let mode = fs::metadata(dir).map_err(LifecycleError::io("look at", dir))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(mode & !0o077))
            .map_err(LifecycleError::io("make private", dir))?;
    }
    Ok(())
}

/// Unfinished files of ours, left by a crash: under the lock nobody is writing them.
fn remove_stale(dir: &Path) -> Result<(), LifecycleError> {
    for entry in fs::read_dir(dir).map_err(LifecycleError::io("list", dir))? {
        let path = entry.map_err(LifecycleError::io("list", dir))?.path();
        let stale = path.file_name().is_some_and(|name| name.to_string_lossy().contains(TEMP_MARK));
        if stale && path.is_file() {
            fs::remove_file(&path).map_err(LifecycleError::io("remove", &path))?;
            debug!(event = "cleanup", "removed a file that a crash left unfinished");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn impatient() -> Shutdown {
        Shutdown { hard_grace: SHORT, ..Shutdown::new() }
    }

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

    #[tokio::test]
    async fn starting_makes_private_folders_and_clears_what_a_crash_left() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir_all(&data).unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
        let (leftover, other) = (data.join(format!("store.key{TEMP_MARK}00")), data.join("other"));
        fs::write(&leftover, b"{").unwrap();
        fs::write(&other, b"{}").unwrap();
        let _running = Lifecycle::start(&data).unwrap();
        for folder in [&data, &data.join("users")] {
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert!(!leftover.exists() && other.exists());
        assert!(matches!(Lifecycle::start(&data), Err(LifecycleError::Locked { .. })));
    }

    #[tokio::test]
    async fn tasks_that_heed_the_first_stage_end_in_time() {
        let shutdown = Shutdown::new();
        let token = shutdown.graceful.clone();
        shutdown.tracker.spawn(async move { token.cancelled().await });
        assert!(shutdown.drain(Duration::from_secs(10)).await);
        assert!(!shutdown.hard.is_cancelled());
    }

    #[tokio::test]
    async fn tasks_that_heed_only_the_second_stage_are_waited_for_until_then() {
        let shutdown = Shutdown::new();
        let token = shutdown.hard.clone();
        shutdown.tracker.spawn(async move { token.cancelled().await });
        assert!(shutdown.drain(SHORT).await);
        assert!(shutdown.hard.is_cancelled());
    }

    #[tokio::test]
    async fn what_never_returns_is_abandoned() {
        let shutdown = impatient();
        shutdown.tracker.spawn(std::future::pending::<()>());
        assert!(!shutdown.drain(SHORT).await);
        let shutdown = impatient();
        shutdown.graceful.cancel();
        assert!(shutdown.bounded(SHORT, std::future::pending::<()>()).await.is_none());
        assert!(shutdown.hard.is_cancelled());
    }

    #[tokio::test]
    async fn a_second_signal_cuts_the_wait_short() {
        let shutdown = impatient();
        shutdown.graceful.cancel();
        shutdown.hard.cancel();
        // With a limit of days this ends only because the second signal is heeded.
        assert!(shutdown.bounded(Duration::from_secs(1_000_000), std::future::pending::<()>()).await.is_none());
    }
}
