//! What has PostgreSQL committed that Redis may not have yet?
//!
//! Owns those rows, of a node that is alone with its servers: there a writer is answered once its row lies here, and whoever reads
//! looks here before Redis. Under a key lies the newest row that this process knows of, and it stays until Redis has it and nobody
//! is writing that key: one who is slow to come back from PostgreSQL would else put an older row where a newer one was answered for.
//! It must not ask a server anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::session::error::{Result, SessionError};
use crate::session::key::SessionKey;
use crate::session::row::Row;

/// How many rows may be on their way. Who comes when there are as many waits, and so for Redis.
const MOST: u32 = 1_024;
/// How long rows gather before they are brought to Redis. One by one they would compete with the commits that come after them.
const GATHER: Duration = Duration::from_millis(5);

/// The rows on their way.
#[derive(Debug)]
pub(super) struct Underway {
    places: Mutex<HashMap<SessionKey, Place>>,
    /// How many those are: while nobody writes there are none, and every read asks.
    count: AtomicUsize,
    room: Arc<Semaphore>,
    /// Whether somebody brings them to Redis.
    is_carried: AtomicBool,
    /// Somebody waits for that.
    hurry: Notify,
}

#[derive(Debug, Default)]
struct Place {
    row: Option<Row>,
    /// What was read of PostgreSQL while nobody had left a row yet. It may be long outdone, so it counts only beside one.
    seen: Option<Row>,
    /// Held while Redis may lack the row.
    owed: Option<OwnedSemaphorePermit>,
    /// How many are between asking PostgreSQL and leaving what it said.
    writers: usize,
}

impl Place {
    /// Takes what PostgreSQL has committed, or the newer one that is there or was seen.
    fn meet(&mut self, row: &Row) {
        newer(&mut self.row, row);
        if let Some(seen) = self.seen.take() {
            newer(&mut self.row, &seen);
        }
    }
}

fn newer(there: &mut Option<Row>, row: &Row) {
    if there.as_ref().is_none_or(|there| there.stamp < row.stamp) {
        *there = Some(row.clone());
    }
}

impl Default for Underway {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(MOST as usize));
        let (count, is_carried) = (AtomicUsize::new(0), AtomicBool::new(false));
        Underway { places: Mutex::default(), count, room, is_carried, hurry: Notify::new() }
    }
}

impl Underway {
    fn places(&self) -> MutexGuard<'_, HashMap<SessionKey, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a place that is there, and gives it up where nothing holds it any more.
    fn with(&self, key: &SessionKey, change: impl FnOnce(&mut Place)) {
        let mut places = self.places();
        let Some(place) = places.get_mut(key) else { return };
        change(place);
        if place.writers == 0 && place.owed.is_none() {
            places.remove(key);
            self.count.store(places.len(), Ordering::SeqCst);
        }
    }

    /// What is newer than in Redis, or as new.
    pub fn get(&self, key: &SessionKey) -> Option<Row> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.places().get(key)?.row.clone()
    }

    /// Keeps a place for what is about to be asked of PostgreSQL. Waits while too much is on its way.
    ///
    /// # Errors
    /// [`SessionError::Closed`], were there no room any more, which does not happen.
    pub async fn writer(&self, key: &SessionKey) -> Result<Writer<'_>> {
        let room = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => {
                self.hurry.notify_one();
                Arc::clone(&self.room).acquire_owned().await.map_err(|_| SessionError::Closed)?
            }
        };
        let mut places = self.places();
        places.entry(*key).or_default().writers += 1;
        self.count.store(places.len(), Ordering::SeqCst);
        drop(places);
        Ok(Writer { underway: self, key: *key, room: Some(room) })
    }

    /// Notes what was read of PostgreSQL, where somebody is writing, before it is told: what that one leaves may be older.
    pub fn learn(&self, row: &Row) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.with(&row.key, |place| newer(if place.row.is_some() { &mut place.row } else { &mut place.seen }, row));
        }
    }

    /// Whether the caller is the one to bring rows to Redis from now on.
    pub fn begins_to_carry(&self) -> bool {
        !self.is_carried.swap(true, Ordering::SeqCst)
    }

    /// Waits until rows are to be brought to Redis: a moment, or until somebody waits for it.
    pub async fn gathered(&self) {
        tokio::select! {
            () = self.hurry.notified() => {}
            () = tokio::time::sleep(GATHER) => {}
        }
    }

    /// The rows that Redis may lack. With none the caller is no longer the one who brings them.
    pub fn to_carry(&self) -> Vec<Row> {
        let places = self.places();
        let owed = places.values().filter(|place| place.owed.is_some());
        let rows: Vec<Row> = owed.filter_map(|place| place.row.clone()).collect();
        if rows.is_empty() {
            // With the rows held: whoever leaves one after this finds nobody at it.
            self.is_carried.store(false, Ordering::SeqCst);
        }
        rows
    }

    /// Redis has these, or is not read any more.
    pub fn carried(&self, rows: &[Row]) {
        for row in rows {
            self.with(&row.key, |place| {
                if place.row.as_ref().is_some_and(|there| there.stamp == row.stamp) {
                    place.owed = None;
                }
            });
        }
    }

    /// Waits until Redis lacks nothing. For whoever sees to it that nobody writes meanwhile.
    pub async fn empty(&self) {
        self.hurry.notify_one();
        // An error is nothing to wait for: the room is not closed.
        drop(self.room.acquire_many(MOST).await);
    }
}

/// Somebody who writes under a key.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    underway: &'a Underway,
    key: SessionKey,
    room: Option<OwnedSemaphorePermit>,
}

impl Writer<'_> {
    /// Leaves what PostgreSQL has committed: whoever reads from now on meets it, or something newer.
    pub fn leave(mut self, row: &Row) {
        let room = self.room.take();
        self.underway.with(&self.key, |place| {
            place.meet(row);
            // Also where a newer one is there: whoever has left that may not have brought it to Redis yet.
            place.owed = room;
        });
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.underway.with(&self.key, |place| place.writers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::session::contract::registration_key;
    use crate::session::store::Version;

    fn row(n: u64, stamp: u64) -> Row {
        let (key, expires_at) = (registration_key(n), Timestamp(0));
        Row { key, stamp, version: Version(stamp), expires_at, payload: None }
    }

    fn stamp(underway: &Underway, n: u64) -> Option<u64> {
        underway.get(&registration_key(n)).map(|row| row.stamp)
    }

    #[tokio::test]
    async fn the_newest_stays_until_redis_has_it_and_nobody_writes() {
        let (underway, key) = (Underway::default(), registration_key(1));
        let slow = underway.writer(&key).await.unwrap();
        assert_eq!(stamp(&underway, 1), None);
        underway.writer(&key).await.unwrap().leave(&row(1, 5));
        assert_eq!(stamp(&underway, 1), Some(5));
        let rows = underway.to_carry();
        underway.writer(&key).await.unwrap().leave(&row(1, 6));
        // What Redis has got is older than what is here.
        underway.carried(&rows);
        assert_eq!((stamp(&underway, 1), underway.to_carry()), (Some(6), vec![row(1, 6)]));
        underway.carried(&[row(1, 6)]);
        assert_eq!((stamp(&underway, 1), underway.to_carry()), (Some(6), vec![]), "somebody is still writing");
        // Committed before, and told of after.
        slow.leave(&row(1, 4));
        assert_eq!((stamp(&underway, 1), underway.to_carry()), (Some(6), vec![row(1, 6)]));
        underway.carried(&[row(1, 6)]);
        assert_eq!((stamp(&underway, 1), underway.count.load(Ordering::SeqCst)), (None, 0));
        underway.empty().await;
    }

    #[tokio::test]
    async fn what_was_read_of_postgres_is_not_covered_by_what_is_older() {
        let (underway, key) = (Underway::default(), registration_key(1));
        underway.learn(&row(1, 3));
        assert_eq!(stamp(&underway, 1), None, "nobody writes");
        let (slow, slower) = (underway.writer(&key).await.unwrap(), underway.writer(&key).await.unwrap());
        underway.learn(&row(1, 6));
        assert_eq!(stamp(&underway, 1), None, "Redis may have a newer one by now");
        slow.leave(&row(1, 5));
        assert_eq!(stamp(&underway, 1), Some(6));
        underway.learn(&row(1, 4));
        assert_eq!(stamp(&underway, 1), Some(6));
        // Whoever read it may not have brought it to Redis before this one is answered.
        drop(slower);
        assert_eq!(underway.to_carry(), [row(1, 6)]);
        underway.carried(&[row(1, 6)]);
        // Who fails leaves nothing.
        drop(underway.writer(&key).await.unwrap());
        assert_eq!(underway.count.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn rows_gather_unless_somebody_waits_for_redis_to_have_them() {
        let (underway, key) = (Underway::default(), registration_key(1));
        underway.writer(&key).await.unwrap().leave(&row(1, 1));
        let (mut gathered, mut empty) = (std::pin::pin!(underway.gathered()), std::pin::pin!(underway.empty()));
        assert!(futures_util::poll!(&mut gathered).is_pending());
        assert!(futures_util::poll!(&mut empty).is_pending());
        assert!(futures_util::poll!(&mut gathered).is_ready(), "no time has passed");
        underway.carried(&underway.to_carry());
        empty.await;
        // Nobody is in a hurry any more.
        let mut gathered = std::pin::pin!(underway.gathered());
        assert!(futures_util::poll!(&mut gathered).is_pending());
        gathered.await;
    }

    #[tokio::test]
    async fn more_than_the_most_wait_for_redis() {
        let underway = Underway::default();
        for n in 0..u64::from(MOST) {
            underway.writer(&registration_key(n)).await.unwrap().leave(&row(n, 1));
        }
        assert!(underway.begins_to_carry() && !underway.begins_to_carry());
        let another = registration_key(u64::from(MOST));
        let mut waiting = std::pin::pin!(underway.writer(&another));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let rows = underway.to_carry();
        assert_eq!(rows.len(), MOST as usize);
        underway.carried(&rows[..1]);
        drop(waiting.await.unwrap());
        underway.carried(&rows);
        underway.empty().await;
        assert!(underway.to_carry().is_empty() && underway.begins_to_carry());
    }
}
