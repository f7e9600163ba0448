//! A database file that opens when it is used and may close under anyone who holds it.
//!
//! Answers "is this file open, and may it still be used?". Owns the one connection of one file; only jobs on
//! [`DbThreads`] touch it. A client may hold a [`Handle`] for weeks while the file behind it is closed and reopened.
//! Must not outlive a fence: once fenced, nothing opens the file through this handle (or its clones) again, so what
//! comes late cannot bring a wiped file back.

mod idle;
mod log;
mod open;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::time::Instant;

use super::error::{Result, StoreError};
use super::migrate::Migration;
use super::sqlcipher::{Access, Pages, RawKey};
use super::threads::{DbThreads, Turn};
pub use idle::OpenFiles;
use log::{Log, sync_folder};
use open::Open;

/// What a commit survives. Either survives `kill -9`: the log is in the kernel's hands then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The commit is on the disk before it is told: it survives a power failure. For what is acknowledged to the
    /// outside. About 0.2 ms.
    Full,
    /// A power failure may take the last commits back, in order. For what can be had again. About 0.03 ms.
    Normal,
}

/// A transaction in which the closure of [`Handle::tx`] works. Commits when the closure gives `Ok`.
pub struct Tx<'a> {
    inner: Transaction<'a>,
}

impl<'a> Tx<'a> {
    /// Only the store begins transactions, so only it decides on which thread and file.
    pub(in crate::store) fn new(inner: Transaction<'a>) -> Tx<'a> {
        Tx { inner }
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

struct Inner {
    threads: DbThreads,
    turn: Turn,
    path: PathBuf,
    key: RawKey,
    pages: Pages,
    migrations: &'static [Migration],
    /// Locked by jobs only; they run one at a time in this handle's turn, so nobody waits for it.
    open: Mutex<Option<Open>>,
    /// Follows `open`, for those who may not lock.
    is_open: AtomicBool,
    fenced: AtomicBool,
    /// Uses asked for and not yet finished.
    in_flight: AtomicUsize,
    /// Uses ever asked for.
    uses: AtomicU64,
    /// Locked for a copy only.
    last_use: Mutex<Instant>,
    /// Where it is noted as open, so that it is closed when nobody uses it any more.
    watch: Option<OpenFiles>,
    /// Whether it is noted there now.
    watched: AtomicBool,
    log: Log,
}

/// Counts a use from the moment it is asked for until its job ends, also when the asking future is dropped.
struct Use(Arc<Inner>);

impl Use {
    fn begin(inner: &Arc<Inner>) -> Result<Use> {
        inner.check_fence()?;
        inner.in_flight.fetch_add(1, Ordering::SeqCst);
        inner.uses.fetch_add(1, Ordering::SeqCst);
        inner.touch();
        Ok(Use(Arc::clone(inner)))
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        // However long it took, it is idle from now on.
        self.0.touch();
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Inner {
    fn check_fence(&self) -> Result<()> {
        if self.fenced.load(Ordering::SeqCst) { Err(StoreError::Fenced) } else { Ok(()) }
    }

    fn touch(&self) {
        *self.last_use.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Gives the connection to `work`, opening the file first where it is closed.
    fn with_open<T>(self: &Arc<Self>, work: impl FnOnce(&mut Open) -> Result<T>) -> Result<T> {
        // Poisoned by a panicking job: its transaction was rolled back while it unwound.
        let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_fence()?;
        if slot.as_ref().is_some_and(|open| !open.conn().is_autocommit()) {
            // Somebody left a transaction behind; closing the connection rolls it back.
            *slot = None;
            self.is_open.store(false, Ordering::SeqCst);
        }
        let open = match slot.as_mut() {
            Some(open) => open,
            None => slot.insert(self.open_file()?),
        };
        self.is_open.store(true, Ordering::SeqCst);
        if let Some(watch) = &self.watch {
            watch.opened(self);
        }
        let result = work(open);
        if result.as_ref().is_err_and(StoreError::spoils_connection) {
            *slot = None;
            self.is_open.store(false, Ordering::SeqCst);
        }
        result
    }

    fn open_file(&self) -> Result<Open> {
        self.log.opens();
        let access = if self.watch.is_some() { Access::Alone } else { Access::Shared };
        Open::file(&self.path, (&self.key, self.pages), self.migrations, access)
    }

    /// Moves the log into the file and closes it. The file is closed also when this fails; the log stays then, and the
    /// next open reads it.
    fn close_file(&self) -> Result<()> {
        let taken = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.is_open.store(false, Ordering::SeqCst);
        match taken {
            Some(open) => open.close(),
            None => Ok(()),
        }
    }

    fn delete_files(&self) -> Result<()> {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("delete a database file", error)),
            }
        }
        sync_folder(&self.path)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The last reference may go on a thread of tokio's; closing does I/O, so it goes to where I/O is done.
        let slot = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = slot.take() {
            let closing = self.threads.submit(self.turn, move || {
                if let Err(error) = open.close() {
                    tracing::warn!(error.code = error.code(), "a database file did not close cleanly");
                }
            });
            // When the threads have stopped, dropping the refused job has closed the connection right here.
            if closing.is_err() {
                tracing::debug!("a database file was closed after the database threads stopped");
            }
        }
    }
}

/// One encrypted database file. A clone is another reference to the same file and connection.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("turn", &self.0.turn)
            .field("is_open", &self.is_open())
            .field("is_fenced", &self.is_fenced())
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// Takes what is needed to open the file, and does not touch it yet. There must be one handle per file.
    pub fn new(threads: DbThreads, turn: Turn, path: PathBuf, key: RawKey, migrations: &'static [Migration]) -> Handle {
        Self::build(threads, turn, path, (key, Pages::Large), migrations, None)
    }

    /// The same, for a file that [`OpenFiles::close_idle`] closes when nobody uses it.
    pub fn watched(
        threads: DbThreads,
        turn: Turn,
        path: PathBuf,
        (key, pages): (RawKey, Pages),
        migrations: &'static [Migration],
        watch: OpenFiles,
    ) -> Handle {
        Self::build(threads, turn, path, (key, pages), migrations, Some(watch))
    }

    fn build(
        threads: DbThreads,
        turn: Turn,
        path: PathBuf,
        (key, pages): (RawKey, Pages),
        migrations: &'static [Migration],
        watch: Option<OpenFiles>,
    ) -> Handle {
        Handle(Arc::new(Inner {
            threads,
            turn,
            path,
            key,
            pages,
            migrations,
            open: Mutex::new(None),
            is_open: AtomicBool::new(false),
            fenced: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            uses: AtomicU64::new(0),
            last_use: Mutex::new(Instant::now()),
            watch,
            watched: AtomicBool::new(false),
            log: Log::default(),
        }))
    }

    /// Runs `work` in one transaction that holds the write lock from its start; commits when it gives `Ok`, rolls back
    /// when it gives `Err` or panics. Opens the file where it is closed.
    ///
    /// # Errors
    /// What `work` gives, and every [`StoreError`] that opening or committing can give.
    ///
    /// # Cancellation
    /// Once polled the transaction runs and commits even when the future is dropped.
    pub async fn tx<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.0);
        self.job(move |open| open.tx(&inner.path, durability, work)).await
    }

    /// Runs `work` on the connection without a transaction. For reading: what it writes is committed statement by
    /// statement with whatever durability was set last.
    ///
    /// # Errors
    /// As for [`tx`](Self::tx).
    ///
    /// # Cancellation
    /// Once polled it runs to its end even when the future is dropped.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.job(move |open| work(open.conn())).await
    }

    async fn job<T: Send + 'static>(&self, work: impl FnOnce(&mut Open) -> Result<T> + Send + 'static) -> Result<T> {
        let used = Use::begin(&self.0)?;
        self.0.threads.run(self.0.turn, move || used.0.with_open(work)).await?
    }

    /// Puts every commit that was told before on the disk, also those with [`Durability::Normal`]. Holds up no transaction
    /// meanwhile; those who ask at the same time share a flush.
    ///
    /// # Errors
    /// Those of [`tx`](Self::tx): a log that could not be flushed has to be moved into the file, and that failed as well.
    ///
    /// # Cancellation
    /// Once polled it happens even when the future is dropped.
    pub async fn sync(&self) -> Result<()> {
        let (flushed, first) = self.0.log.ask();
        if first {
            let inner = Arc::clone(&self.0);
            // Submitted before anything is waited for, so whoever finds somebody waiting already is served by this one.
            let flush = move || inner.log.flush_for_all(&inner.path);
            if self.0.threads.flush(self.0.turn, flush).await.is_err() {
                self.0.log.give_up();
            }
        }
        if flushed.await.is_ok() {
            return Ok(());
        }
        let inner = Arc::clone(&self.0);
        self.job(move |open| open.move_log().map(|()| inner.log.moved())).await
    }

    /// Gives free pages back to the file system, where there are many; whether it did. Takes some 10 ms a megabyte that stays,
    /// and as much memory, meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like: the file is as it was.
    ///
    /// # Cancellation
    /// Once polled it happens even when the future is dropped.
    pub async fn shrink(&self) -> Result<bool> {
        let inner = Arc::clone(&self.0);
        self.job(move |open| {
            let shrunk = open.shrink()?;
            if shrunk {
                inner.log.moved();
            }
            Ok(shrunk)
        })
        .await
    }

    /// Moves the log into the file and closes it, after what was asked for earlier. The next use opens it again.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Io`] and the like; the file is closed nevertheless and nothing is lost.
    ///
    /// # Cancellation
    /// Once polled it happens even when the future is dropped.
    pub async fn close(&self) -> Result<()> {
        let inner = Arc::clone(&self.0);
        self.0.threads.run(self.0.turn, move || inner.close_file()).await?
    }

    /// Closes the file if nobody has used it for `idle` and nobody asks for it meanwhile; tells whether it did.
    ///
    /// # Errors
    /// As for [`close`](Self::close).
    pub async fn close_if_idle(&self, idle: Duration) -> Result<bool> {
        let uses = self.0.uses.load(Ordering::SeqCst);
        let last_use = *self.0.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_open() || self.0.in_flight.load(Ordering::SeqCst) > 0 || last_use.elapsed() < idle {
            return Ok(false);
        }
        let inner = Arc::clone(&self.0);
        let job = move || {
            if inner.uses.load(Ordering::SeqCst) != uses {
                return Ok(false);
            }
            inner.close_file().map(|()| true)
        };
        self.0.threads.run(self.0.turn, job).await?
    }

    /// Shuts the file for good: every use that has not begun by now, through any clone, fails with
    /// [`StoreError::Fenced`]. Returns when the job that runs has ended and the file is closed.
    ///
    /// # Errors
    /// As for [`close`](Self::close); the fence stands nevertheless.
    ///
    /// # Cancellation
    /// The fence stands from the first poll.
    pub async fn fence(&self) -> Result<()> {
        self.0.fenced.store(true, Ordering::SeqCst);
        self.close().await
    }

    /// Fences, and deletes the file with its `-wal` and `-shm` after the last job that runs.
    ///
    /// # Errors
    /// [`StoreError::Io`] when something could not be deleted; asking again tries again.
    ///
    /// # Cancellation
    /// The fence stands from the first poll, and the deletion happens even when the future is dropped.
    pub async fn destroy(&self) -> Result<()> {
        self.0.fenced.store(true, Ordering::SeqCst);
        let inner = Arc::clone(&self.0);
        let job = move || {
            // A damaged or full file does not close cleanly; it shall go all the more.
            if let Err(error) = inner.close_file() {
                tracing::debug!(error.code = error.code(), "a database file to be deleted did not close cleanly");
            }
            inner.delete_files()
        };
        self.0.threads.run(self.0.turn, job).await?
    }

    /// Whether the file is open now.
    pub fn is_open(&self) -> bool {
        self.0.is_open.load(Ordering::SeqCst)
    }

    /// Whether the file was shut for good.
    pub fn is_fenced(&self) -> bool {
        self.0.fenced.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests;
