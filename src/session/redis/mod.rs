//! Sessions in Redis, for several processes; also the part of Redis that the hybrid engine reads from.
//!
//! Owns the connection. Redis gives the versions: they begin at the clock, so that they rise also over a Redis that has lost its
//! last seconds. What a Redis that lost its data has lost is lost; the hybrid engine is for those who want more. Holds sealed kinds
//! only.

pub(super) mod epoch;
mod link;
mod scripts;
pub(super) mod space;
pub(super) mod value;

#[cfg(test)]
pub(super) mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

pub(super) use self::link::Link;
pub use self::link::RedisConfig;
use self::space::{Asked, Space};
use super::error::{Result, SessionError};
use super::fault::Fault;
use super::key::SessionKey;
use super::payload::Payload;
use super::row::{Change, Outcome};
use super::store::{Expected, Page, Query, Record, SessionStore, Stats, Version};
use crate::domain::Clock;
use crate::limits::Backoff;
use tracing::{info, warn};

/// How long one command may take.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long Redis is left alone after it could not be reached.
const RETRY: Backoff = Backoff { first: Duration::from_millis(50), cap: Duration::from_secs(5) };
/// The space of this engine.
const SPACE: &str = "s";

/// Sessions in Redis.
#[derive(Debug)]
pub struct RedisStore {
    config: RedisConfig,
    clock: Clock,
    space: Space,
    slot: Mutex<Slot>,
    /// Held by whoever connects.
    connecting: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    link: Option<Link>,
    attempt: u32,
    /// Until then nobody tries to connect.
    rest: Option<Instant>,
    trouble: Option<&'static str>,
}

impl RedisStore {
    /// A store that connects when it is used. Look with [`RedisStore::check`] whether it can.
    pub fn new(config: RedisConfig, clock: Clock) -> Self {
        let space = Space::new(SPACE);
        RedisStore {
            config,
            clock,
            space,
            slot: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether Redis can be reached and used.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(config: &RedisConfig) -> std::result::Result<(), Fault> {
        Link::open(config).await.map(drop)
    }

    /// How many sessions lie in Redis now; `is_copy`: those that the hybrid engine reads.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub async fn count(
        config: &RedisConfig,
        is_copy: bool,
        now: crate::domain::Timestamp,
    ) -> std::result::Result<Stats, Fault> {
        let link = Link::open(config).await?;
        let counting = async {
            let space = if is_copy {
                let Some(epoch) = epoch::current(&link).await? else { return Ok(Stats::default()) };
                Space::new(epoch.split_once(':').map_or(&*epoch, |(token, _)| token))
            } else {
                Space::new(SPACE)
            };
            let (live, expired) = space.judge(&link, now, false).await?;
            Ok(Stats { live: live.into_iter().collect(), expired, ..Stats::default() })
        };
        match tokio::time::timeout(10 * DEADLINE, counting).await {
            Ok(counted) => counted.map_err(|e: link::CommandError| e.fault),
            Err(_) => Err(Fault::TimedOut),
        }
    }

    /// The stable code of what keeps Redis from being used, while it lasts.
    pub fn trouble(&self) -> Option<&'static str> {
        self.slot().trouble
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_resting(&self) -> bool {
        self.slot().rest.is_some_and(|rest| rest > Instant::now())
    }

    async fn link(&self) -> Result<Link> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(SessionError::Closed);
        }
        if let Some(link) = self.slot().link.clone() {
            return Ok(link);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(link) = self.slot().link.clone() {
            return Ok(link);
        }
        if self.is_resting() {
            return Err(SessionError::Away);
        }
        match Link::open(&self.config).await {
            Ok(link) => {
                let mut slot = self.slot();
                if slot.trouble.is_some() {
                    info!(event = "session-redis", "Redis is used again");
                }
                *slot = Slot { link: Some(link.clone()), ..Slot::default() };
                Ok(link)
            }
            Err(fault) => Err(self.failed(&fault)),
        }
    }

    /// Gives up the connection, if there is one, and leaves Redis alone for a while.
    fn failed(&self, fault: &Fault) -> SessionError {
        let mut slot = self.slot();
        if slot.trouble != Some(fault.code()) {
            warn!(event = "session-redis", error.code = fault.code(), "Redis cannot be used: {fault}");
        }
        let wait = RETRY.delay(slot.attempt, rand::random());
        let attempt = slot.attempt.saturating_add(1);
        *slot = Slot { link: None, attempt, rest: Some(Instant::now() + wait), trouble: Some(fault.code()) };
        SessionError::Away
    }

    /// Asks within the deadline.
    async fn ask<T>(&self, asking: impl AsyncFnOnce(&Link) -> Asked<T>) -> Result<T> {
        let link = self.link().await?;
        match tokio::time::timeout(DEADLINE, asking(&link)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => Err(self.failed(&e.fault)),
            Err(_) => Err(self.failed(&Fault::TimedOut)),
        }
    }

    async fn change(&self, key: &SessionKey, change: Change) -> Result<Outcome> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(SessionError::Closed);
        }
        change.fits(key)?;
        let now = self.clock.now();
        let done = self.ask(async |link| self.space.change(link, key, &change, now).await).await?;
        done.ok_or(SessionError::Shape)
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>> {
        let found = self.ask(async |link| self.space.get(link, key).await).await?;
        Ok(found.transpose()?.and_then(|row| row.live(self.clock.now())))
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
        const MOST: usize = 500;
        let (mut records, mut after, now) = (Vec::new(), query.after, self.clock.now());
        let limit = query.limit.max(1);
        // One more than asked for tells whether another page follows.
        while records.len() <= limit {
            let want = (limit - records.len()).min(MOST).saturating_add(1);
            let keys = self.ask(async |link| self.space.keys(link, query.prefix, after.as_ref(), want).await).await?;
            let Some(last) = keys.last() else { break };
            after = Some(*last);
            let rows = self.ask(async |link| self.space.rows(link, &keys).await).await?;
            records.extend(rows.iter().filter_map(|row| row.live(now)));
        }
        let more = records.len() > limit;
        records.truncate(limit);
        let next = records.last().filter(|_| more).map(|record| record.key);
        Ok(Page { records, next })
    }

    async fn stats(&self) -> Result<Stats> {
        let now = self.clock.now();
        let (live, expired) = self.ask(async |link| self.space.judge(link, now, false).await).await?;
        Ok(Stats { live: live.into_iter().collect(), expired, unwritten: 0, trouble: self.trouble() })
    }

    async fn cleanup(&self) -> Result<u64> {
        let now = self.clock.now();
        Ok(self.ask(async |link| self.space.judge(link, now, true).await).await?.1)
    }

    async fn settled(&self, _: &SessionKey) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) { Err(SessionError::Closed) } else { Ok(()) }
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.slot().link = None;
        Ok(())
    }
}
