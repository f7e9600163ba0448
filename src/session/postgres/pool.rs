//! Over which connections are statements sent, and what happens when one fails?
//!
//! Owns a few connections, on each of which everybody's statements travel one behind the other; a commit holds up only those behind
//! it, and commits on different connections reach the disk together. More of them would add processes on the server and nothing
//! else. When anything fails all of them are given up, because a server that is frozen or cut off may still carry out what was
//! sent: before anything is sent over new ones, the server ends the old ones' processes and waits until they are gone. Every
//! statement that got no answer has then happened or never will.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row as SqlRow, Statement};
use tracing::{info, warn};

use super::DEADLINE;
use super::conn::{Conn, PostgresConfig, fault};
use super::rows::{Since, Statements, marked, read};
use super::together::{Together, Way, lost};
use crate::domain::Timestamp;
use crate::limits::Backoff;
use crate::session::error::{Result, SessionError};
use crate::session::fault::Fault;
use crate::session::key::{SessionKey, SessionKind};
use crate::session::payload::Payload;
use crate::session::row::{Change, Outcome, Row};
use crate::session::store::{Expected, Page, Query};

/// How many connections.
const CONNECTIONS: usize = 4;
/// How long PostgreSQL is left alone after it could not be reached.
const RETRY: Backoff = Backoff { first: Duration::from_millis(50), cap: Duration::from_secs(5) };
/// Connections that have held for so long and break are made anew at once: it may have been they, not the server.
const STEADY: Duration = Duration::from_millis(100);
/// How long the server may take to end a process of ours.
const END: Duration = Duration::from_secs(5);

/// Connections to PostgreSQL.
pub(in crate::session) struct Pool {
    config: PostgresConfig,
    /// What the server calls connections of this node, over restarts.
    name: String,
    slot: Mutex<Slot>,
    connecting: tokio::sync::Mutex<()>,
    turn: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    conns: Vec<Arc<Conn>>,
    /// Who write over them at the same moment.
    together: Option<Arc<Together>>,
    /// Which set of connections this is.
    round: u64,
    attempt: u32,
    rest: Option<Instant>,
    since: Option<Instant>,
    trouble: Option<&'static str>,
}

impl Slot {
    fn give_up(&mut self) {
        self.conns.clear();
        self.together = None;
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Pool {
    pub fn new(config: PostgresConfig, name: String) -> Self {
        let connecting = tokio::sync::Mutex::default();
        Pool { config, name, slot: Mutex::default(), connecting, turn: AtomicUsize::new(0) }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The code of what keeps it from being used, while it lasts.
    pub fn trouble(&self) -> Option<&'static str> {
        self.slot().trouble
    }

    /// Lets go of every connection.
    pub fn drop_all(&self) {
        self.slot().give_up();
    }

    fn pick(&self) -> Option<(Arc<Conn>, u64)> {
        let mut slot = self.slot();
        // A server that was started anew while nobody asked has hung up. Nothing was sent, so nothing is in doubt.
        if slot.conns.iter().any(|conn| conn.client.is_closed()) {
            slot.give_up();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let conn = slot.conns.get(turn.checked_rem(slot.conns.len())?)?;
        Some((Arc::clone(conn), slot.round))
    }

    /// Which set of connections is used, where there is one that nothing is known against.
    #[cfg(test)]
    pub fn connected(&self) -> Option<u64> {
        let slot = self.slot();
        let whole = !slot.conns.is_empty() && !slot.conns.iter().any(|conn| conn.client.is_closed());
        whole.then_some(slot.round)
    }

    /// Connects, if that is not done and may be tried.
    ///
    /// # Errors
    /// Why not.
    pub async fn connect(&self) -> std::result::Result<(), Fault> {
        let _connecting = self.connecting.lock().await;
        if self.pick().is_some() {
            return Ok(());
        }
        match self.open_all().await {
            Ok(conns) => {
                let mut slot = self.slot();
                if slot.trouble.is_some() {
                    info!(event = "session-postgres", "PostgreSQL is used again");
                }
                let together = conns.last().map(|conn| Arc::new(Together::new(Arc::clone(conn), DEADLINE)));
                let (round, since) = (slot.round + 1, Some(Instant::now()));
                *slot = Slot { conns, together, round, since, ..Slot::default() };
                Ok(())
            }
            Err(fault) => {
                self.note(&fault);
                Err(fault)
            }
        }
    }

    async fn open_all(&self) -> std::result::Result<Vec<Arc<Conn>>, Fault> {
        let first = Conn::open(&self.config, &self.name).await?;
        let old = "SELECT coalesce(bool_and(pg_terminate_backend(pid, $1)), true) FROM pg_stat_activity
                   WHERE application_name = $2 AND pid <> $3 AND usename = current_user";
        let (wait, name) = (i64::try_from(END.as_millis()).unwrap_or(i64::MAX), format!("sekat-{}", self.name));
        let parameters: [&(dyn ToSql + Sync); 3] = [&wait, &name, &first.pid];
        let ended = tokio::time::timeout(2 * END, first.client.query_one(old, &parameters)).await;
        if !ended.map_err(|_| Fault::TimedOut)?.map_err(|e| fault(&e))?.get::<_, bool>(0) {
            return Err(Fault::Refused("a process of an earlier connection does not end".to_owned()));
        }
        let more = (1..CONNECTIONS).map(|_| Conn::open(&self.config, &self.name));
        let mut conns = vec![first];
        conns.extend(futures_util::future::try_join_all(more).await?);
        Ok(conns.into_iter().map(Arc::new).collect())
    }

    /// Leaves PostgreSQL alone for a while.
    fn note(&self, fault: &Fault) {
        let mut slot = self.slot();
        if slot.trouble != Some(fault.code()) {
            warn!(event = "session-postgres", error.code = fault.code(), "PostgreSQL cannot be used: {fault}");
        }
        slot.rest = Some(Instant::now() + RETRY.delay(slot.attempt, rand::random()));
        slot.attempt = slot.attempt.saturating_add(1);
        slot.trouble = Some(fault.code());
    }

    /// Gives up a set of connections.
    fn broken(&self, round: u64, fault: &Fault) -> SessionError {
        let is_this = self.slot().round == round && !self.slot().conns.is_empty();
        if is_this {
            self.note(fault);
            let mut slot = self.slot();
            slot.give_up();
            slot.rest = slot.rest.filter(|_| slot.since.is_none_or(|since| since.elapsed() < STEADY));
        }
        SessionError::Away
    }

    async fn conn(&self) -> Result<(Arc<Conn>, u64)> {
        if let Some(picked) = self.pick() {
            return Ok(picked);
        }
        if self.slot().rest.is_some_and(|rest| rest > Instant::now()) {
            return Err(SessionError::Away);
        }
        self.connect().await.map_err(|_| SessionError::Away)?;
        self.pick().ok_or(SessionError::Away)
    }

    async fn query(
        &self,
        statement: impl Fn(&Statements) -> &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<SqlRow>> {
        let (conn, round) = self.conn().await?;
        match tokio::time::timeout(DEADLINE, conn.client.query(statement(&conn.statements), parameters)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(e)) => Err(self.broken(round, &fault(&e))),
            Err(_) => Err(self.broken(round, &Fault::TimedOut)),
        }
    }

    async fn one(
        &self,
        statement: impl Fn(&Statements) -> &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>> {
        self.query(statement, parameters).await?.first().map(read).transpose()
    }

    /// The row under a key.
    pub async fn get(&self, key: &SessionKey) -> Result<Option<Row>> {
        self.one(|s| &s.get, &[&key.to_string()]).await
    }

    /// Changes a session, on what is there. An error leaves open whether it happened; it will not any more once the next
    /// statement is sent.
    pub async fn change(&self, key: &SessionKey, change: &Change, now: Timestamp) -> Result<Outcome> {
        let name = key.to_string();
        let rows = match change {
            Change::Put { payload, ttl, expected } => {
                let (text, end) = (payload.as_str(), now.after(*ttl).0);
                match expected {
                    Expected::Any => return self.put(key, payload, end).await.map(Outcome::Done),
                    Expected::Absent => self.query(|s| &s.put_absent, &[&name, &text, &end, &now.0]).await?,
                    Expected::At(at) => self.query(|s| &s.put_at, &[&name, &now.0, &text, &end, &whole(at.0)]).await?,
                }
            }
            Change::Remove { at: None } => self.query(|s| &s.remove, &[&name, &now.0]).await?,
            Change::Remove { at: Some(at) } => self.query(|s| &s.remove_at, &[&name, &now.0, &whole(at.0)]).await?,
            Change::Renew { ttl } => self.query(|s| &s.renew, &[&name, &now.0, &now.after(*ttl).0]).await?,
        };
        if let Some(row) = rows.first() {
            return Ok(Outcome::Done(match change {
                Change::Put { payload, .. } => marked(row, 0, *key, Some(payload.clone()))?,
                Change::Remove { .. } => marked(row, 0, *key, None)?,
                Change::Renew { .. } => read(row)?,
            }));
        }
        let there = self.get(key).await?.and_then(|row| row.live(now)).map(|record| record.version);
        Ok(match change {
            Change::Put { .. } => Outcome::Conflict(there),
            Change::Remove { at: Some(_) } if there.is_some() => Outcome::Conflict(there),
            Change::Remove { .. } | Change::Renew { .. } => Outcome::Nothing,
        })
    }

    /// Stores a session, whatever is there: alone, or together with others.
    async fn put(&self, key: &SessionKey, payload: &Payload, end: i64) -> Result<Row> {
        self.conn().await?;
        let (together, round) = {
            let slot = self.slot();
            (slot.together.clone().ok_or(SessionError::Away)?, slot.round)
        };
        match together.way(key, payload, end) {
            Way::Alone(_alone) => {
                let rows = self.query(|s| &s.put, &[&key.to_string(), &payload.as_str(), &end]).await?;
                marked(rows.first().ok_or(SessionError::Shape)?, 0, *key, Some(payload.clone()))
            }
            // Dropped unanswered: what came before it failed.
            Way::Shared(answer) => {
                answer.await.unwrap_or_else(|_| Err(lost())).map_err(|fault| self.broken(round, &fault))
            }
        }
    }

    /// Writes what was promised while PostgreSQL was away; gives the row as it is then.
    pub async fn take(&self, row: &Row) -> Result<Row> {
        let (name, text) = (row.key.to_string(), row.payload.as_ref().map(|payload| payload.as_str()));
        let (version, stamp) = (whole(row.version.0), whole(row.stamp));
        let taken = self.one(|s| &s.take, &[&name, &text, &version, &stamp, &row.expires_at.0]).await?;
        taken.ok_or(SessionError::Away)
    }

    /// Sessions that are there, in the order of their keys' text, which is that of the keys.
    pub async fn list(&self, query: &Query<'_>, now: Timestamp) -> Result<Page> {
        let limit = query.limit.clamp(1, 10_000);
        let after = query.after.map(|key| key.to_string()).unwrap_or_default();
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let rows = self.query(|s| &s.list, &[&after, &query.prefix, &now.0, &most]).await?;
        let found = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        let more = found.len() > limit;
        let records: Vec<_> = found.iter().take(limit).filter_map(|row| row.live(now)).collect();
        let next = records.last().filter(|_| more).map(|record| record.key);
        Ok(Page { records, next })
    }

    /// Rows that were changed from a moment on, removed ones too, in the order of their keys after this one.
    pub async fn changed(&self, since: Since, after: Option<&SessionKey>, limit: i64) -> Result<Vec<Row>> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        let rows = match since {
            Since(0) => self.query(|s| &s.all, &[&after, &limit]).await?,
            Since(change) => self.query(|s| &s.changed, &[&after, &change.to_string(), &limit]).await?,
        };
        rows.iter().map(read).collect()
    }

    /// From which change on everything is still to come, or not yet to be seen.
    pub async fn oldest(&self) -> Result<Since> {
        let rows = self.query(|s| &s.oldest, &[]).await?;
        let text = rows.first().and_then(|row| row.try_get::<_, &str>(0).ok());
        text.and_then(|text| text.parse().ok()).map(Since).ok_or(SessionError::Away)
    }

    /// How many are live, by kind, and how many have ended and wait.
    pub async fn count(&self, now: Timestamp) -> Result<(BTreeMap<SessionKind, u64>, u64)> {
        let (mut live, mut expired) = (BTreeMap::new(), 0);
        for row in self.query(|s| &s.count, &[&now.0]).await? {
            let shape = |_| SessionError::Shape;
            let name: &str = row.try_get(0).map_err(shape)?;
            let (there, ended): (i64, i64) = (row.try_get(1).map_err(shape)?, row.try_get(2).map_err(shape)?);
            let kind = SessionKind::ALL.iter().find(|kind| kind.prefix().strip_suffix(':') == Some(name));
            if let Some(kind) = kind.filter(|_| there > 0) {
                live.insert(*kind, there.unsigned_abs());
            }
            expired += ended.unsigned_abs();
        }
        Ok((live, expired))
    }

    /// Lets go of what has ended; how many those were.
    pub async fn cleanup(&self, now: Timestamp) -> Result<u64> {
        let (conn, round) = self.conn().await?;
        let cleaning = async {
            let gone = conn.client.execute(&conn.statements.cleanup, &[&now.0]).await?;
            conn.client.execute(&conn.statements.purge, &[]).await.map(|_| gone)
        };
        match tokio::time::timeout(2 * DEADLINE, cleaning).await {
            Ok(Ok(gone)) => Ok(gone),
            Ok(Err(e)) => Err(self.broken(round, &fault(&e))),
            Err(_) => Err(self.broken(round, &Fault::TimedOut)),
        }
    }
}

/// As PostgreSQL counts; what is larger than it can count is nobody's version.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
