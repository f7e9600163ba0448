//! When does the daemon start, when must it stop, and who may run on this data folder?
//!
//! Owns the signals, the two stages of stopping, the words to systemd and the lock of the data folder. It must not know what
//! the daemon does.
//!
//! Stopping: the first SIGINT or SIGTERM cancels `graceful` (take nothing new, finish, close); a second one, or the end of the
//! time allowed, cancels `hard` (drop what you hold). What has not returned then is abandoned: every path is made to survive
//! that (DESIGN, what happens when it is killed anywhere).

mod lock;

use std::fs::{self, DirBuilder, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::store::keys::TEMP_MARK;

pub use lock::{DataLock, Holder};

/// How long may pass between `hard` and giving up on what still runs.
const HARD_GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether there is trouble to tell of.
const TROUBLE: Duration = Duration::from_secs(1);

/// How long a start waits for a command that works on the data folder.
const SHORT_WORK: Duration = Duration::from_secs(1);
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
        self.lock.note(note)
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
