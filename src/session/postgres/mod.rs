//! Sessions in PostgreSQL, for several processes; also the truth behind the hybrid engine.
//!
//! Owns the connections. PostgreSQL gives the versions, in the commit that writes. Holds sealed kinds only.

mod conn;
mod pool;
mod rows;
mod schema;
mod together;

#[cfg(test)]
pub(super) mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

pub use self::conn::PostgresConfig;
pub(super) use self::pool::Pool;
pub(super) use self::rows::Since;
use super::error::{Result, SessionError};
use super::fault::Fault;
use super::key::SessionKey;
use super::payload::Payload;
use super::row::Change;
use super::store::{Expected, Page, Query, Record, SessionStore, Stats, Version};
use crate::domain::Clock;

/// How long one statement may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// Sessions in PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    clock: Clock,
    closed: AtomicBool,
}

impl PostgresStore {
    /// A store that connects when it is used. Look with [`PostgresStore::check`] whether it can.
    pub fn new(config: PostgresConfig, clock: Clock) -> Self {
        let name = format!("{:016x}", rand::random::<u64>());
        PostgresStore { pool: Pool::new(config, name), clock, closed: AtomicBool::new(false) }
    }

    /// Whether PostgreSQL can be reached and used. Makes the tables where they are not there.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(config: &PostgresConfig) -> std::result::Result<(), Fault> {
        conn::Conn::open(config, "check").await.map(drop)
    }

    /// The stable code of what keeps PostgreSQL from being used, while it lasts.
    pub fn trouble(&self) -> Option<&'static str> {
        self.pool.trouble()
    }

    fn open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) { Err(SessionError::Closed) } else { Ok(()) }
    }

    async fn change(&self, key: &SessionKey, change: Change) -> Result<super::row::Outcome> {
        self.open()?;
        change.fits(key)?;
        self.pool.change(key, &change, self.clock.now()).await
    }
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>> {
        self.open()?;
        let now = self.clock.now();
        Ok(self.pool.get(key).await?.and_then(|row| row.live(now)))
    }

    async fn put(&self, key: &SessionKey, payload: Payload, ttl: Duration, expected: Expected) -> Result<Version> {
        self.change(key, Change::Put { payload, ttl, expected }).await?.version()
    }

    async fn remove(&self, key: &SessionKey, at: Option<Version>) -> Result<bool> {
        self.change(key, Change::Remove { at }).await?.happened()
    }

    async fn renew(&self, key: &SessionKey, ttl: Duration) -> Result<bool> {
        self.change(key, Change::Renew { ttl }).await?.happened()
    }

    async fn list(&self, query: Query<'_>) -> Result<Page> {
        self.open()?;
        self.pool.list(&query, self.clock.now()).await
    }

    async fn stats(&self) -> Result<Stats> {
        self.open()?;
        let (live, expired) = self.pool.count(self.clock.now()).await?;
        Ok(Stats { live, expired, unwritten: 0, trouble: self.pool.trouble() })
    }

    async fn cleanup(&self) -> Result<u64> {
        self.open()?;
        self.pool.cleanup(self.clock.now()).await
    }

    async fn settled(&self, _: &SessionKey) -> Result<()> {
        self.open()
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.pool.drop_all();
        Ok(())
    }
}
