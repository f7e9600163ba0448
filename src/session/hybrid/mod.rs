//! Sessions in Redis for speed, and in PostgreSQL for good.
//!
//! PostgreSQL has the truth and gives the versions, in its commit. A write goes there first, then to Redis, which takes it only where
//! it is newer. With several nodes it is answered then; a node that is alone answers before, and has what is `underway` to Redis read
//! by whoever asks. Reads go to Redis while the `circuit` says that it has everything else, if not to PostgreSQL, within the same
//! call. While PostgreSQL is away and Redis lives, a write is promised by a line in the `journal`, and PostgreSQL gets it before it is
//! used again; with several nodes it is refused instead, because they could promise different things. With both away every call says
//! so: the vault has what a session is made of.
//!
//! A process that dies leaves a Redis that lacks what was underway: at its start nobody reads there before it has got everything.
//!
//! Owns both connections, the journal, what is underway, and two tasks: the `keeper`, and one that brings rows to Redis while there are
//! any. What a write does it does to its end, whoever waits for it. Holds sealed kinds only.

mod circuit;
mod gather;
mod journal;
mod keeper;
mod to_end;
mod underway;
mod write;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Notify, RwLock};
use tokio::task::coop::consume_budget;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use self::circuit::{Circuit, Warm};
use self::journal::Journal;
use self::to_end::ToEnd;
use self::underway::Underway;
use super::error::{Result, SessionError};
use super::fault::Fault;
use super::key::SessionKey;
use super::payload::Payload;
use super::postgres::{Pool, PostgresConfig};
use super::redis::RedisConfig;
use super::redis::space::Asked;
use super::row::{Change, Outcome, Row};
use super::store::{Expected, Page, Query, Record, SessionStore, Stats, Version};
use crate::domain::Clock;

/// How long closing waits for what is under way.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest name of a node: PostgreSQL knows connections by it, and cuts off what is longer.
pub const MAX_NODE: usize = 32;

/// How the hybrid engine is set up.
#[derive(Debug, Clone)]
pub struct HybridConfig {
    /// Read first.
    pub redis: RedisConfig,
    /// The truth.
    pub postgres: PostgresConfig,
    /// The file of promises.
    pub journal: PathBuf,
    /// Within this a call that Redis fails is served by PostgreSQL. Redis gets two fifths of it.
    pub fallback_deadline: Duration,
    /// How many processes use the same servers.
    pub nodes: u32,
    /// What this one is called among them: at most [`MAX_NODE`] letters.
    pub node: String,
}

/// Sessions in Redis and PostgreSQL. Dropped without being closed, what is under way still ends.
#[derive(Debug)]
pub struct HybridStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: HybridConfig,
    clock: Clock,
    pool: Pool,
    journal: Journal,
    circuit: Circuit,
    underway: Underway,
    /// Shared by writers from before their commit until it is in Redis or underway; taken alone by whoever changes what writers rely
    /// on.
    gate: RwLock<()>,
    /// Whether PostgreSQL is away, and writes are promised. Changed only with the gate taken alone.
    away: AtomicBool,
    /// Whether PostgreSQL may have committed, or may still commit, what nobody was told of and Redis has not. Until that is settled
    /// nothing that is seen of PostgreSQL says what Redis has.
    doubt: AtomicBool,
    /// Held while a promise is made.
    promising: tokio::sync::Mutex<()>,
    closed: AtomicBool,
    /// Something is to be brought back.
    wake: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl HybridStore {
    /// Starts. A server that cannot be used yet is used when it can; look before whether waiting for that helps.
    ///
    /// # Errors
    /// [`SessionError::Disk`]: the journal cannot be used.
    pub async fn open(config: HybridConfig, clock: Clock) -> Result<Self> {
        let journal = Journal::open(config.journal.clone()).await?;
        // Both: a folder may be copied to another machine, and a name be given twice.
        let pool = Pool::new(config.postgres.clone(), format!("{}-{}", config.node, journal.node));
        let is_there = pool.connect().await.is_ok();
        let away = AtomicBool::new(!is_there || journal.len() > 0);
        let inner = Arc::new(Inner {
            config,
            clock,
            pool,
            journal,
            circuit: Circuit::default(),
            underway: Underway::default(),
            gate: RwLock::default(),
            away,
            doubt: AtomicBool::new(false),
            promising: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
            wake: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        inner.tasks.spawn(keeper::keep(Arc::downgrade(&inner), inner.stop.clone()));
        Ok(HybridStore(inner))
    }

    /// Whether reads go to Redis at this moment.
    pub fn reads_redis(&self) -> bool {
        self.0.circuit.warm().is_some()
    }

    /// Whether writes are promised because PostgreSQL is away.
    pub fn promises(&self) -> bool {
        self.0.is_away()
    }

    /// The stable code of what keeps a server from being used, while it lasts.
    pub fn trouble(&self) -> Option<&'static str> {
        self.0.pool.trouble().or(self.0.circuit.trouble())
    }

    async fn change(&self, key: &SessionKey, change: Change) -> Result<Outcome> {
        self.0.open()?;
        change.fits(key)?;
        // Dropped halfway, PostgreSQL would have what Redis has not.
        ToEnd::new(&self.0.tasks, Arc::clone(&self.0).carry_out(*key, change)).await
    }
}

impl Drop for HybridStore {
    fn drop(&mut self) {
        self.0.stop.cancel();
    }
}

impl Inner {
    fn open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) { Err(SessionError::Closed) } else { Ok(()) }
    }

    fn is_in_doubt(&self) -> bool {
        self.doubt.load(Ordering::SeqCst)
    }

    fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    /// How long Redis may take for one command. A reader waits for two at most; PostgreSQL gets the rest.
    fn redis_deadline(&self) -> Duration {
        self.config.fallback_deadline * 2 / 5
    }

    /// Asks Redis within its deadline; what fails opens the circuit.
    async fn ask<T>(&self, warm: &Arc<Warm>, asking: impl Future<Output = Asked<T>>) -> Option<T> {
        let fault = match tokio::time::timeout(self.redis_deadline(), asking).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(e)) => e.fault,
            Err(_) => Fault::TimedOut,
        };
        self.trip(warm, &fault);
        None
    }

    fn trip(&self, warm: &Arc<Warm>, fault: &Fault) {
        if self.circuit.open(warm, fault) {
            self.wake.notify_one();
        }
    }

    /// What Redis has under a key: `None` when it cannot be believed or does not say.
    async fn in_redis(&self, warm: &Arc<Warm>, key: &SessionKey) -> Option<Option<Row>> {
        let fault = match warm.reads.get(key).await {
            // Opened meanwhile: a newer row may have been answered for already.
            Ok(Some(found)) if self.circuit.is(warm) => return found.transpose().ok(),
            Ok(Some(_)) => return None,
            Ok(None) => cold(),
            Err(fault) => fault,
        };
        self.trip(warm, &fault);
        None
    }

    /// What PostgreSQL has under a key. Asked once more where a connection broke over it, which says little about the server.
    async fn in_postgres(&self, key: &SessionKey) -> Result<Option<Row>> {
        let begun = Instant::now();
        let found = self.pool.get(key).await;
        let left = self.config.fallback_deadline.saturating_sub(begun.elapsed());
        if left.is_zero() || !matches!(found, Err(SessionError::Away)) {
            return found;
        }
        tokio::time::timeout(left, self.pool.get(key)).await.unwrap_or(Err(SessionError::Away))
    }

    async fn get(&self, key: &SessionKey) -> Result<Option<Row>> {
        // What lies here takes no wait: who reads it over and over must leave others, and the clock, their turn.
        consume_budget().await;
        if let Some(row) = self.journal.get(key).or_else(|| self.underway.get(key)) {
            return Ok(Some(row));
        }
        let warm = self.circuit.warm();
        let mut is_known_absent = false;
        if let Some(warm) = &warm {
            match self.in_redis(warm, key).await {
                Some(Some(row)) => return Ok(Some(row)),
                Some(None) => is_known_absent = warm.epoch.link.keeps_all,
                None => {}
            }
        }
        if self.is_away() {
            return if is_known_absent { Ok(None) } else { Err(SessionError::Away) };
        }
        match self.in_postgres(key).await {
            Ok(Some(row)) => {
                // Before anybody is told, so that nobody who reads later meets less.
                self.underway.learn(&row);
                self.publish(&row).await;
                Ok(Some(row))
            }
            Err(SessionError::Away) if is_known_absent => Ok(None),
            other => other,
        }
    }

    /// For what only PostgreSQL can answer.
    fn whole(&self) -> Result<&Pool> {
        self.open()?;
        if self.is_away() { Err(SessionError::Away) } else { Ok(&self.pool) }
    }
}

/// Redis answers, and it is not the one that had everything.
fn cold() -> Fault {
    Fault::Refused("it has lost what it had".to_owned())
}

#[async_trait]
impl SessionStore for HybridStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>> {
        self.0.open()?;
        Ok(self.0.get(key).await?.and_then(|row| row.live(self.0.clock.now())))
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
        self.0.whole()?.list(&query, self.0.clock.now()).await
    }

    async fn stats(&self) -> Result<Stats> {
        let (live, expired) = self.0.whole()?.count(self.0.clock.now()).await?;
        Ok(Stats { live, expired, unwritten: self.0.journal.len() as u64, trouble: self.trouble() })
    }

    async fn cleanup(&self) -> Result<u64> {
        self.0.whole()?.cleanup(self.0.clock.now()).await
    }

    async fn settled(&self, _: &SessionKey) -> Result<()> {
        self.0.open()
    }

    async fn close(&self) -> Result<()> {
        if self.0.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.0.stop.cancel();
        self.0.tasks.close();
        let ended = tokio::time::timeout(CLOSE_TIMEOUT, self.0.tasks.wait()).await;
        self.0.pool.drop_all();
        if self.0.journal.len() > 0 {
            warn!(event = "session-journal", rows = self.0.journal.len(), "promised sessions wait for PostgreSQL");
        }
        ended.map_err(|_| SessionError::Timeout)
    }
}
