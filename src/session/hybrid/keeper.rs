//! What is to be done before a server that was away is used again?
//!
//! Owns the order. PostgreSQL first gets what was promised; Redis first gets what was committed while it was not read. Both happen with
//! the gate taken alone at their end, so that no write is between two servers at that moment. Tries ever less often.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Inner;
use super::circuit::Warm;
use crate::limits::Backoff;
use crate::session::error::{Result, SessionError};
use crate::session::fault::Fault;
use crate::session::postgres::Since;
use crate::session::redis::epoch::{self, Epoch};
use crate::session::redis::space::{Asked, Space};
use crate::session::redis::{Link, RedisConfig};
use crate::session::row::Row;

/// How long a server is left alone after it could not be used.
const RETRY: Backoff = Backoff { first: Duration::from_millis(50), cap: Duration::from_secs(2) };
/// How often it is looked whether both are still what they were.
const LOOK: Duration = Duration::from_secs(5);
/// How many rows are asked for at once: for each time, those that were changed are looked for in the whole table.
const PAGE: i64 = 2_000;
/// How many are copied with one command.
const BATCH: usize = 500;
/// How long Redis may take for them.
const DEADLINE: Duration = Duration::from_secs(2);

/// What the keeper remembers.
#[derive(Default)]
struct Memory {
    /// The epoch that was read last, and from which change on Redis may not have what PostgreSQL has.
    known: Option<(String, Since)>,
    attempt: u32,
}

/// Works until `stop` is cancelled, or nobody uses the store any more.
pub(super) async fn keep(inner: Weak<Inner>, stop: CancellationToken) {
    let mut memory = Memory::default();
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let done = tokio::select! {
            () = stop.cancelled() => return,
            done = round(&inner, &mut memory) => done,
        };
        let wait = match done {
            Ok(()) => {
                memory.attempt = 0;
                LOOK
            }
            Err(_) => {
                memory.attempt = memory.attempt.saturating_add(1);
                RETRY.delay(memory.attempt - 1, rand::random())
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            // Whoever opens the circuit wants it looked at now; while it is open, its turn comes in time.
            () = inner.wake.notified(), if memory.attempt == 0 => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn round(inner: &Inner, memory: &mut Memory) -> Result<()> {
    if inner.is_away() {
        come_back(inner, memory).await?;
    }
    match inner.circuit.warm() {
        None => warm_up(inner, memory).await,
        Some(warm) => look(inner, &warm, memory).await,
    }
}

/// Gives PostgreSQL what was promised, and Redis what PostgreSQL may have committed without an answer.
async fn come_back(inner: &Inner, memory: &mut Memory) -> Result<()> {
    inner.pool.connect().await.map_err(|_| SessionError::Away)?;
    let _alone = inner.gate.write().await;
    // What is promised is newer, and is about to be read no more from the journal.
    if !has_carried(inner).await {
        return Err(SessionError::Timeout);
    }
    let promised = inner.journal.all();
    for row in &promised {
        inner.pool.take(row).await?;
    }
    if let Some(warm) = inner.circuit.warm() {
        let since =
            memory.known.as_ref().filter(|(name, _)| *name == warm.epoch.name).map_or(Since(0), |known| known.1);
        if let Err(e) = copy(inner, &warm.epoch.link, &warm.epoch.space, since).await {
            inner.trip(&warm, &e);
        }
    }
    // The journal is read first, so nobody meets an older row while both are true.
    inner.away.store(false, Ordering::SeqCst);
    if let Err(e) = inner.journal.empty().await {
        inner.away.store(true, Ordering::SeqCst);
        return Err(e);
    }
    // Processes that could have carried out anything more were ended when it was connected to.
    inner.doubt.store(false, Ordering::SeqCst);
    info!(event = "session-postgres", rows = promised.len(), "PostgreSQL has what was promised, and is used again");
    Ok(())
}

/// Copies to Redis what it lacks, and has it read.
async fn warm_up(inner: &Inner, memory: &mut Memory) -> Result<()> {
    let done = try_warm_up(inner, memory).await;
    if let Err(fault) = &done {
        inner.circuit.note(fault);
    }
    done.map_err(|_| SessionError::Away)
}

async fn try_warm_up(inner: &Inner, memory: &mut Memory) -> std::result::Result<(), Fault> {
    let link = connect(&inner.config.redis).await?;
    let seen = within(epoch::current(&link)).await?;
    // An epoch belongs to one run: a Redis that was started anew, from whatever snapshot, is in none.
    let joined = seen.as_deref().and_then(|epoch| epoch.split_once(':')).filter(|(_, run)| **run == *link.run_id);
    let token = joined.map_or_else(|| format!("{:016x}", rand::random::<u64>()), |(token, _)| token.to_owned());
    let name = format!("{token}:{}", link.run_id);
    let known = memory.known.take().filter(|(known, _)| joined.is_some() && *known == name);
    let space = Space::new(&token);
    let begun = oldest(inner).await?;
    copy(inner, &link, &space, known.map_or(Since(0), |known| known.1)).await?;
    // What is committed from here on waits until it is known that Redis is to have it.
    let _alone = inner.gate.write().await;
    if inner.is_in_doubt() {
        return Err(no_postgres());
    }
    let now = oldest(inner).await?;
    copy(inner, &link, &space, begun).await?;
    let is_ours = if joined.is_some() {
        within(epoch::current(&link)).await?.as_deref() == Some(&name)
    } else {
        within(epoch::begin(&link, seen.as_deref(), &name)).await?
    };
    if !is_ours {
        return Err(Fault::Refused("another node has begun an epoch at the same time".to_owned()));
    }
    let epoch = Epoch { link, space, name: name.clone() };
    inner.circuit.close(Warm::new(epoch, inner.redis_deadline()));
    memory.known = Some((name, now));
    Ok(())
}

/// Looks whether both are still what they were, while nothing is the matter.
async fn look(inner: &Inner, warm: &Arc<Warm>, memory: &mut Memory) -> Result<()> {
    if inner.ask(warm, warm.epoch.is_current()).await != Some(true) {
        inner.trip(warm, &super::cold());
        return Err(SessionError::Away);
    }
    let _alone = inner.gate.write().await;
    // Nobody writes now, and Redis has got whatever was committed, or is not read any more. A PostgreSQL that does not answer has
    // been told of, and is noticed by whoever writes.
    if has_carried(inner).await
        && let Ok(now) = inner.pool.oldest().await
        && inner.circuit.is(warm)
        && !inner.is_in_doubt()
    {
        memory.known = Some((warm.epoch.name.clone(), now));
    }
    Ok(())
}

/// Whether nothing is underway any more, soon. For whoever has the gate alone.
async fn has_carried(inner: &Inner) -> bool {
    tokio::time::timeout(inner.redis_deadline(), inner.underway.empty()).await.is_ok()
}

async fn connect(config: &RedisConfig) -> std::result::Result<Link, Fault> {
    Link::open(config).await
}

async fn oldest(inner: &Inner) -> std::result::Result<Since, Fault> {
    inner.pool.oldest().await.map_err(|_| no_postgres())
}

/// Copies rows that were changed from a moment on.
async fn copy(inner: &Inner, link: &Link, space: &Space, since: Since) -> std::result::Result<(), Fault> {
    let mut last: Option<Row> = None;
    loop {
        let after = last.as_ref().map(|row| &row.key);
        let mut rows = inner.pool.changed(since, after, PAGE).await.map_err(|_| no_postgres())?;
        if rows.is_empty() {
            return Ok(());
        }
        for rows in rows.chunks(BATCH) {
            within(space.take(link, None, rows, inner.clock.now())).await?;
        }
        last = rows.pop();
    }
}

async fn within<T>(asking: impl Future<Output = Asked<T>>) -> std::result::Result<T, Fault> {
    match tokio::time::timeout(DEADLINE, asking).await {
        Ok(done) => done.map_err(|e| e.fault),
        Err(_) => Err(Fault::TimedOut),
    }
}

fn no_postgres() -> Fault {
    Fault::Unreachable("PostgreSQL is away, which has what Redis lacks".to_owned())
}
