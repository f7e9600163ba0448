//! Sessions in this process, and nowhere else.
//!
//! Owns the map. It does no I/O; the lock is held for the length of one look-up, or of one pass over the keys for what lists or
//! counts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::error::{Result, SessionError};
use super::key::SessionKey;
use super::payload::Payload;
use super::store::{Expected, Page, Query, Record, SessionStore, Stats, Version};
use crate::domain::{Clock, Timestamp};

/// Sessions in memory.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<SessionKey, Slot>,
    /// The largest version given so far, over all keys: so it rises also where a session was removed.
    last: u64,
    closed: bool,
}

#[derive(Debug)]
struct Slot {
    payload: Payload,
    version: Version,
    expires_at: Timestamp,
}

impl Slot {
    fn record(&self, key: &SessionKey) -> Record {
        Record { key: *key, payload: self.payload.clone(), version: self.version, expires_at: self.expires_at }
    }
}

impl State {
    /// The session, unless it has expired.
    fn live(&self, key: &SessionKey, now: Timestamp) -> Option<&Slot> {
        self.sessions.get(key).filter(|slot| now < slot.expires_at)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        MemoryStore { clock, state: Mutex::default() }
    }

    /// Versions given from now on are larger than this one.
    pub(super) fn rise_above(&self, version: Version) {
        let mut state = self.state();
        state.last = state.last.max(version.0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.closed { Err(SessionError::Closed) } else { Ok(state) }
    }

    /// Takes in what another place has kept, unless there is something newer under its key.
    pub(super) fn restore(&self, record: Record) {
        self.rise_above(record.version);
        let mut state = self.state();
        let Record { key, payload, version, expires_at } = record;
        let newer = state.sessions.get(&key).is_some_and(|slot| slot.version > version);
        if !newer {
            state.sessions.insert(key, Slot { payload, version, expires_at });
        }
    }

    /// What is under a key, expired or not, closed or not.
    pub(super) fn peek(&self, key: &SessionKey) -> Option<Record> {
        self.state().sessions.get(key).map(|slot| slot.record(key))
    }

    pub(super) fn get_now(&self, key: &SessionKey) -> Result<Option<Record>> {
        let now = self.clock.now();
        Ok(self.open()?.live(key, now).map(|slot| slot.record(key)))
    }

    pub(super) fn put_now(
        &self,
        key: &SessionKey,
        payload: Payload,
        ttl: Duration,
        expected: Expected,
    ) -> Result<Version> {
        payload.fits(key)?;
        let now = self.clock.now();
        let mut state = self.open()?;
        let found = state.live(key, now).map(|slot| slot.version);
        let met = match expected {
            Expected::Any => true,
            Expected::Absent => found.is_none(),
            Expected::At(version) => found == Some(version),
        };
        if !met {
            return Err(SessionError::Conflict { found });
        }
        state.last += 1;
        let version = Version(state.last);
        state.sessions.insert(*key, Slot { payload, version, expires_at: now.after(ttl) });
        Ok(version)
    }

    pub(super) fn remove_now(&self, key: &SessionKey, at: Option<Version>) -> Result<bool> {
        let now = self.clock.now();
        let mut state = self.open()?;
        let found = state.live(key, now).map(|slot| slot.version);
        match (found, at) {
            (Some(found), Some(at)) if found != at => return Err(SessionError::Conflict { found: Some(found) }),
            _ => {}
        }
        state.sessions.remove(key);
        Ok(found.is_some())
    }

    pub(super) fn renew_now(&self, key: &SessionKey, ttl: Duration) -> Result<bool> {
        let now = self.clock.now();
        let mut state = self.open()?;
        Ok(match state.sessions.get_mut(key) {
            Some(slot) if now < slot.expires_at => {
                slot.expires_at = now.after(ttl);
                true
            }
            _ => false,
        })
    }

    pub(super) fn list_now(&self, query: &Query<'_>) -> Result<Page> {
        let now = self.clock.now();
        let state = self.open()?;
        let limit = query.limit.max(1);
        let from = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = state.sessions.range((from, Bound::Unbounded)).filter(|(key, slot)| {
            now < slot.expires_at && (query.prefix.is_empty() || key.to_string().starts_with(query.prefix))
        });
        let records: Vec<_> = found.by_ref().take(limit).map(|(key, slot)| slot.record(key)).collect();
        let next = found.next().and(records.last()).map(|record| record.key);
        Ok(Page { records, next })
    }

    pub(super) fn stats_now(&self) -> Result<Stats> {
        let now = self.clock.now();
        let state = self.open()?;
        let mut stats = Stats::default();
        for (key, slot) in &state.sessions {
            if now < slot.expires_at {
                *stats.live.entry(key.kind()).or_default() += 1;
            } else {
                stats.expired += 1;
            }
        }
        Ok(stats)
    }

    /// Lets go of what has expired; whose those were.
    pub(super) fn cleanup_now(&self) -> Result<Vec<SessionKey>> {
        let now = self.clock.now();
        let mut state = self.open()?;
        Ok(state.sessions.extract_if(.., |_, slot| now >= slot.expires_at).map(|(key, _)| key).collect())
    }

    /// Takes no more; `false` when it was closed already. What is there can still be peeked at.
    pub(super) fn close_now(&self) -> bool {
        !std::mem::replace(&mut self.state().closed, true)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>> {
        self.get_now(key)
    }

    async fn put(&self, key: &SessionKey, payload: Payload, ttl: Duration, expected: Expected) -> Result<Version> {
        self.put_now(key, payload, ttl, expected)
    }

    async fn remove(&self, key: &SessionKey, at: Option<Version>) -> Result<bool> {
        self.remove_now(key, at)
    }

    async fn renew(&self, key: &SessionKey, ttl: Duration) -> Result<bool> {
        self.renew_now(key, ttl)
    }

    async fn list(&self, query: Query<'_>) -> Result<Page> {
        self.list_now(&query)
    }

    async fn stats(&self) -> Result<Stats> {
        self.stats_now()
    }

    async fn cleanup(&self) -> Result<u64> {
        Ok(self.cleanup_now()?.len() as u64)
    }

    async fn settled(&self, _: &SessionKey) -> Result<()> {
        self.open().map(drop)
    }

    async fn close(&self) -> Result<()> {
        if self.close_now() {
            self.state().sessions.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::contract::{self, Bed, Hands};
    use std::sync::Arc;

    async fn bed() -> Bed {
        let hands = Hands::new();
        Bed { store: Arc::new(MemoryStore::new(hands.clock())), hands, _holds: None }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_keeps_the_contract() {
        contract::suite(bed).await;
    }

    #[test]
    fn memory_does_what_a_plain_map_does() {
        contract::play(200, bed);
    }
}
