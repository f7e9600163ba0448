//! In which order do PostgreSQL, Redis and the journal learn of a change, and when is it answered?
//!
//! Owns that order. Alone with its servers, a node answers once PostgreSQL has committed: until Redis has the row, whoever reads
//! meets it among those `underway`. Where several nodes read the same Redis, it has the row before anybody is answered. While
//! PostgreSQL is away a change is promised.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Inner, cold};
use crate::domain::Timestamp;
use crate::session::error::{Result, SessionError};
use crate::session::key::SessionKey;
use crate::session::row::{Change, Outcome, Row, decide};

/// How many rows are brought to Redis with one command: it does nothing else meanwhile.
const BATCH: usize = 64;

impl Inner {
    /// Makes a change; done to its end, whatever it is that its caller does.
    pub(super) async fn carry_out(self: Arc<Self>, key: SessionKey, change: Change) -> Result<Outcome> {
        let now = self.clock.now();
        let writing = self.gate.read().await;
        let writing = if self.is_away() {
            writing
        } else {
            match self.commit(&key, &change, now).await {
                Err(SessionError::Away) => {}
                done => return done,
            }
            // Before anybody else has the gate.
            self.doubt.store(true, Ordering::SeqCst);
            drop(writing);
            // Whoever is at PostgreSQL has to come to an end before anything is promised: two who expect the same must not both
            // be told that they were the one.
            let alone = self.gate.write().await;
            self.away.store(true, Ordering::SeqCst);
            self.wake.notify_one();
            alone.downgrade()
        };
        let done = self.promise(&key, &change, now).await;
        drop(writing);
        done
    }

    async fn commit(self: &Arc<Self>, key: &SessionKey, change: &Change, now: Timestamp) -> Result<Outcome> {
        if self.config.nodes > 1 {
            let done = self.pool.change(key, change, now).await?;
            if let Outcome::Done(row) = &done {
                self.publish(row).await;
            }
            return Ok(done);
        }
        let writer = self.underway.writer(key).await?;
        let done = self.pool.change(key, change, now).await?;
        if let Outcome::Done(row) = &done {
            writer.leave(row);
            if self.underway.begins_to_carry() {
                self.tasks.spawn(Arc::clone(self).carry());
            }
        }
        Ok(done)
    }

    /// Brings to Redis what is on its way, until nothing is.
    async fn carry(self: Arc<Self>) {
        loop {
            self.underway.gathered().await;
            let rows = self.underway.to_carry();
            if rows.is_empty() {
                return;
            }
            for rows in rows.chunks(BATCH) {
                // Failing, it opens the circuit. Looked at after the rows were taken, an open one is not closed before Redis has
                // got them by way of the keeper: either way they need not be here any more.
                self.publish_all(rows).await;
                self.underway.carried(rows);
            }
        }
    }

    /// Brings a row to Redis, or sees to it that nobody reads there.
    pub(super) async fn publish(&self, row: &Row) {
        self.publish_all(std::slice::from_ref(row)).await;
    }

    async fn publish_all(&self, rows: &[Row]) {
        let Some(warm) = self.circuit.warm() else { return };
        if self.ask(&warm, warm.epoch.take(rows, self.clock.now())).await == Some(false) {
            self.trip(&warm, &cold());
        }
    }

    /// Makes a change that PostgreSQL will get later.
    async fn promise(&self, key: &SessionKey, change: &Change, now: Timestamp) -> Result<Outcome> {
        if self.config.nodes > 1 {
            return Err(SessionError::AwayOfMany);
        }
        let _one_at_a_time = self.promising.lock().await;
        let there = match self.journal.get(key).or_else(|| self.underway.get(key)) {
            Some(row) => Some(row),
            None => {
                let warm = self.circuit.warm().ok_or(SessionError::Away)?;
                let found = self.in_redis(&warm, key).await.ok_or(SessionError::Away)?;
                if found.is_none() && !warm.epoch.link.keeps_all {
                    return Err(SessionError::Away);
                }
                found
            }
        };
        // As PostgreSQL's clock counts, which does not know the hands of a test.
        let clock = u64::try_from(Timestamp::now().0).unwrap_or(0).saturating_mul(1_000);
        let outcome = decide(key, there.as_ref(), change, now, clock);
        if let Outcome::Done(row) = &outcome {
            self.journal.promise(row.clone()).await?;
            self.publish(row).await;
        }
        Ok(outcome)
    }
}
