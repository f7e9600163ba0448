//! Sessions in memory for speed, and in a file each for restarts and for operators.
//!
//! Owns the folder: `user_<telegram id>.json` for people's sessions, `reg_<digest>.json` for sealed registrations, mode 0600, one
//! JSON object each. Memory is what everybody reads; one
//! thread of its own brings the files to it, at most once a second for each ([`PACE`]). A disk that refuses makes it memory only
//! until the disk works again. What lies under names of other forms is left alone.

mod damage;
mod disk;
mod form;
mod load;
mod name;
mod queue;
mod read;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::writer::Writer;
use super::error::{Result, SessionError};
use super::key::SessionKey;
use super::memory::MemoryStore;
use super::payload::Payload;
use super::store::{Expected, Page, Query, Record, SessionStore, Stats, Version};
use crate::domain::Clock;

pub use damage::Damage;
pub use disk::erase;
pub use load::Loaded;
pub use name::session as file_name;
pub use read::{Look, look, read};
pub use view::{Cleaned, cleanup};

/// The least time between two writings of one person's file.
pub const PACE: Duration = Duration::from_secs(1);
/// How long closing waits for the disk.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sessions in memory and in files. Dropped without being closed, it still writes what is left, and nobody waits for that.
pub struct FileStore(Arc<Writer>);

impl FileStore {
    /// Reads the folder, makes it where it is not there, puts right what a crash left in it, and keeps sessions in it from
    /// now on. A folder that cannot be used does not fail it: sessions are then in memory only, until it can. One daemon at a
    /// time: hold the lock of the data folder.
    ///
    /// # Errors
    /// [`SessionError::Disk`] when no thread can be started.
    pub async fn open(dir: PathBuf, clock: Clock) -> Result<(Self, Loaded)> {
        Self::with_pace(dir, clock, PACE).await
    }

    pub(super) async fn with_pace(dir: PathBuf, clock: Clock, pace: Duration) -> Result<(Self, Loaded)> {
        let memory = MemoryStore::new(clock.clone());
        // Versions rise over restarts too, also where the session that had the largest is gone: they begin at the clock's
        // microseconds, which no rate of changes overtakes.
        memory.rise_above(Version(u64::try_from(clock.now().0).unwrap_or(0).saturating_mul(1_000)));
        let writer = Writer::new(dir, clock, memory, pace);
        let (done, told) = oneshot::channel();
        let working = Arc::clone(&writer);
        let log = tracing::dispatcher::get_default(Clone::clone);
        let work = move || {
            tracing::dispatcher::with_default(&log, || {
                let loaded = load::load(&working.dir, &working.clock, &working.memory);
                // Whoever opened it may have gone; closing then ends the work below.
                drop(done.send(loaded));
                working.run();
            });
        };
        let thread = thread::Builder::new().name("sekat-sessions".to_owned());
        drop(thread.spawn(work).map_err(SessionError::Disk)?);
        let store = FileStore(writer);
        let loaded = told.await.map_err(|_| SessionError::Disk(io::ErrorKind::Other.into()))?;
        Ok((store, loaded))
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FileStore").field(&self.0.dir).finish()
    }
}

#[async_trait]
impl SessionStore for FileStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>> {
        self.0.memory.get_now(key)
    }

    async fn put(&self, key: &SessionKey, payload: Payload, ttl: Duration, expected: Expected) -> Result<Version> {
        let version = self.0.memory.put_now(key, payload, ttl, expected)?;
        self.0.changed(*key);
        Ok(version)
    }

    async fn remove(&self, key: &SessionKey, at: Option<Version>) -> Result<bool> {
        let was = self.0.memory.remove_now(key, at)?;
        self.0.removed(*key);
        Ok(was)
    }

    async fn renew(&self, key: &SessionKey, ttl: Duration) -> Result<bool> {
        let was = self.0.memory.renew_now(key, ttl)?;
        if was {
            self.0.changed(*key);
        }
        Ok(was)
    }

    async fn list(&self, query: Query<'_>) -> Result<Page> {
        self.0.memory.list_now(&query)
    }

    async fn stats(&self) -> Result<Stats> {
        let (unwritten, trouble) = self.0.behind();
        Ok(Stats { unwritten, trouble, ..self.0.memory.stats_now()? })
    }

    async fn cleanup(&self) -> Result<u64> {
        let gone = self.0.memory.cleanup_now()?;
        for key in gone.iter() {
            self.0.removed(*key);
        }
        Ok(gone.len() as u64)
    }

    async fn settled(&self, key: &SessionKey) -> Result<()> {
        self.0.memory.get_now(key)?;
        self.0.settled(*key).await.map_err(|_| SessionError::Closed)?
    }

    async fn close(&self) -> Result<()> {
        self.0.memory.close_now();
        let Some(told) = self.0.close() else { return Ok(()) };
        match tokio::time::timeout(CLOSE_TIMEOUT, told).await {
            Ok(told) => told.map_err(|_| SessionError::Closed)?,
            Err(_) => Err(SessionError::Timeout),
        }
    }
}
