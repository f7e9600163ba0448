//! Puts on record what everybody together does in each hour, and sums it up for an operator.
//!
//! Owns how much of what is counted is on record already. It names nobody. A kill takes back what was not on record yet: a
//! minute at most.
use super::store::UserDataStore;
use crate::domain::{Hour, Statistics, Timestamp};
use crate::metrics::{RECEIVED, Received, SENDS, STEPS, Sent, Stepped};
use std::time::Duration;
use tracing::warn;

/// How often it is put on record.
const EVERY: Duration = Duration::from_secs(60);

/// How far back an operator sees.
const SHOWN: i64 = 7 * 24 * Hour::MILLIS;

/// What this process has counted until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    updates: u64,
    received: u64,
    sent: u64,
}

impl Counted {
    fn now() -> Self {
        let (updates, received) = (STEPS.of(Stepped::Done).get(), RECEIVED.of(Received::Stored).get());
        Counted { updates, received, sent: SENDS.of(Sent::Accepted).get() }
    }

    /// What has come since `earlier`, as done in the hour of `at`.
    fn since(self, earlier: Self, at: Timestamp) -> Hour {
        Hour {
            at: Hour::of(at),
            updates: self.updates - earlier.updates,
            received: self.received - earlier.received,
            sent: self.sent - earlier.sent,
        }
    }
}

impl UserDataStore {
    /// Keeps the record until `stop` is cancelled, and once more then.
    pub async fn keep_statistics(self) {
        let mut recorded = Counted::now();
        loop {
            let last = tokio::select! {
                () = self.shared().stop.cancelled() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            let counted = Counted::now();
            let more = counted.since(recorded, Timestamp::now());
            if !more.is_empty() {
                match self.shared().directory.add_to_hour(more).await {
                    Ok(()) => recorded = counted,
                    Err(e) => warn!(error.code = e.code(), "what was done in this hour is not on record yet"),
                }
            }
            if last {
                return;
            }
        }
    }

    /// How the bot is used. What is not on record yet is a minute old at most.
    pub(super) async fn statistics(&self, now: Timestamp) -> Statistics {
        let (shared, vitals) = (self.shared(), self.vitals().await);
        let hours = shared.directory.hours(Hour::of(Timestamp(now.0 - SHOWN))).await.unwrap_or_else(|e| {
            warn!(error.code = e.code(), "what was done before is not known");
            Vec::new()
        });
        Statistics {
            since: self.since(),
            known: vitals.known,
            awake: vitals.open as u64,
            connected: vitals.clients.1,
            numbers: vitals.states.values().sum(),
            waiting: vitals.room.waiting as u64,
            used: vitals.used,
            hours,
        }
    }
}
