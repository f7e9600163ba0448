//! Fetches updates and stores them before Telegram forgets them.
//!
//! Telegram forgets an update when a later request names a higher offset, so the offset is raised only after the commit.
//! Owns the offset. Must not look into an update beyond its id and its owner, and must not wait for anybody's worker.
use super::api::{Api, ApiError};
use super::listener::Feed;
use super::owner::{KINDS, owner, update_id};
use crate::domain::{TelegramId, UpdateId};
use crate::limits::Backoff;
use crate::store::spool::{Spool, Spooled};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most updates that one request gives. Source: Telegram Bot API, `getUpdates.limit`.
const BATCH: u32 = 100;
/// How much longer than the poll itself its answer may take.
const GRACE: Duration = Duration::from_secs(5);
/// An answer with nothing new that comes sooner than this was no long poll.
const HASTY: Duration = Duration::from_millis(20);
/// A server that does not hold requests open must not be asked as fast as it answers.
const UNHURRIED: Duration = Duration::from_millis(200);

/// How to poll.
#[derive(Debug, Clone, Copy)]
pub struct PollConfig {
    /// How long Telegram may hold an empty request open; whole seconds count, at most 50.
    pub timeout: Duration,
    /// The wait after failures.
    pub backoff: Backoff,
}

impl Default for PollConfig {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_millis(250), cap: Duration::from_secs(5) };
        PollConfig { timeout: Duration::from_secs(12), backoff }
    }
}

/// What has come in, for metrics and health.
#[derive(Debug, Default)]
pub struct PollStats {
    received: AtomicU64,
    stored: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
    healthy: AtomicBool,
}

impl PollStats {
    /// Updates fetched; those that had to be fetched again count again.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
    /// Updates committed for their owners.
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }
    /// Updates that have no owner.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
    /// Requests and commits that failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
    /// Whether the last request and the last commit went well.
    pub fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }
}

/// What went wrong, so that it is said once and not at each attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Token,
    Conflict,
    Refused,
    NoMethod,
    Unreachable,
    Spool,
}

/// The loop that fetches.
pub struct Poller {
    api: Api,
    spool: Spool,
    feed: Feed,
    config: PollConfig,
    stats: Arc<PollStats>,
    trouble: Option<Trouble>,
    /// Tried since the last success.
    webhook_ended: bool,
    /// Failures since the last success.
    attempt: u32,
}

/// A batch, sorted out.
struct Batch {
    rows: Vec<Spooled>,
    /// One update of each person in it: a wake-up finds all rows.
    wake: Vec<(TelegramId, String)>,
    next: Option<UpdateId>,
    dropped: u64,
}

impl Poller {
    /// A poller that stores into `spool` and then tells `feed`.
    pub fn new(api: Api, spool: Spool, feed: Feed, config: PollConfig) -> Self {
        Poller { api, spool, feed, config, stats: Arc::default(), trouble: None, webhook_ended: false, attempt: 0 }
    }

    /// What has come in, as it counts on.
    pub fn stats(&self) -> Arc<PollStats> {
        Arc::clone(&self.stats)
    }

    /// Fetches until cancelled; then returns at once, but lets a running commit end. Whatever fails is tried again.
    pub async fn run(mut self, cancel: CancellationToken) {
        let Some(mut offset) = self.cursor(&cancel).await else { return };
        loop {
            let asked = Instant::now();
            let fetched = tokio::select! {
                fetched = self.fetch(offset) => fetched,
                () = cancel.cancelled() => return,
            };
            let wait = match fetched {
                Ok(updates) if updates.is_empty() => {
                    self.well();
                    (asked.elapsed() < HASTY).then_some(UNHURRIED)
                }
                Ok(updates) => match self.store(updates).await {
                    Ok(next) => {
                        self.well();
                        // Also a server that gives what it was told we have.
                        let old = next <= offset && asked.elapsed() < HASTY;
                        offset = next.or(offset);
                        old.then_some(UNHURRIED)
                    }
                    // The offset stays, so Telegram gives the same updates again.
                    Err(wait) => Some(wait),
                },
                Err(ApiError::Conflict) if self.end_webhook(&cancel).await => None,
                Err(error) => Some(self.trouble_with(&error)),
            };
            if let Some(wait) = wait
                && !rest(wait, &cancel).await
            {
                return;
            }
        }
    }

    /// A webhook keeps updates from being fetched, and Telegram calls that a conflict: it is ended. `false`: that was done
    /// already, so something else is the matter, or it cannot be done now.
    async fn end_webhook(&mut self, cancel: &CancellationToken) -> bool {
        if std::mem::replace(&mut self.webhook_ended, true) {
            return false;
        }
        self.stats.failures.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            ended = self.api.delete_webhook() => ended.is_ok(),
            () = cancel.cancelled() => false,
        }
    }

    /// Where to go on. `None`: cancelled.
    async fn cursor(&mut self, cancel: &CancellationToken) -> Option<Option<UpdateId>> {
        loop {
            match self.spool.cursor().await {
                Ok(cursor) => return Some(cursor),
                Err(error) => {
                    let wait = self.spool_trouble(&error);
                    if !rest(wait, cancel).await {
                        return None;
                    }
                }
            }
        }
    }

    async fn fetch(&self, offset: Option<UpdateId>) -> Result<Vec<Value>, ApiError> {
        let timeout = self.config.timeout.min(Duration::from_secs(50));
        let mut request = json!({ "limit": BATCH, "timeout": timeout.as_secs(), "allowed_updates": KINDS });
        if let Some(offset) = offset {
            request["offset"] = offset.0.into();
        }
        self.api.call_within("getUpdates", &request, timeout + GRACE).await
    }

    /// Commits a batch and wakes its people. Gives the next offset, or the wait before the batch is asked for again.
    async fn store(&mut self, updates: Vec<Value>) -> Result<Option<UpdateId>, Duration> {
        self.stats.received.fetch_add(updates.len() as u64, Ordering::Relaxed);
        let batch = sort_out(updates);
        let stored = batch.rows.len() as u64;
        if let Some(next) = batch.next
            && let Err(error) = self.spool.commit(batch.rows, next).await
        {
            return Err(self.spool_trouble(&error));
        }
        self.stats.stored.fetch_add(stored, Ordering::Relaxed);
        self.stats.dropped.fetch_add(batch.dropped, Ordering::Relaxed);
        for (user, payload) in &batch.wake {
            self.feed.committed(*user, payload);
        }
        Ok(batch.next)
    }

    fn well(&mut self) {
        self.attempt = 0;
        self.webhook_ended = false;
        self.stats.healthy.store(true, Ordering::Relaxed);
        if self.trouble.take().is_some() {
            tracing::info!("updates are coming in again");
        }
    }

    /// Notes a failure; says it when it is a new one. Gives the wait before the next attempt.
    fn trouble_with(&mut self, error: &ApiError) -> Duration {
        let (trouble, code) = match error {
            ApiError::Token => (Trouble::Token, "tg-token"),
            ApiError::Conflict => (Trouble::Conflict, "tg-conflict"),
            ApiError::Refused { .. } => (Trouble::Refused, "tg-refused"),
            ApiError::NoMethod(_) => (Trouble::NoMethod, "tg-no-method"),
            ApiError::RetryAfter(_) | ApiError::Unreachable(_) => (Trouble::Unreachable, "tg-unreachable"),
        };
        if self.is_new(trouble) {
            match trouble {
                Trouble::Unreachable => tracing::warn!(error.code = code, "failed to {error}; trying on"),
                _ => tracing::error!(error.code = code, "failed to {error}; trying on"),
            }
        }
        let wait = self.next_wait();
        match error {
            ApiError::RetryAfter(asked) => wait.max(*asked),
            // Asking often would only throw the other program out again and again.
            ApiError::Conflict => wait.max(self.config.backoff.cap / 2),
            _ => wait,
        }
    }

    fn spool_trouble(&mut self, error: &crate::store::StoreError) -> Duration {
        if self.is_new(Trouble::Spool) {
            let why: &dyn std::error::Error = error;
            tracing::error!(error.code = error.code(), error = why, "failed to store updates; Telegram keeps them");
        }
        self.next_wait()
    }

    fn is_new(&mut self, trouble: Trouble) -> bool {
        self.stats.failures.fetch_add(1, Ordering::Relaxed);
        self.stats.healthy.store(false, Ordering::Relaxed);
        self.trouble.replace(trouble) != Some(trouble)
    }

    fn next_wait(&mut self) -> Duration {
        let wait = self.config.backoff.delay(self.attempt, rand::random());
        self.attempt = self.attempt.saturating_add(1);
        wait
    }
}

/// Waits; `false` when cancelled meanwhile.
async fn rest(wait: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        () = cancel.cancelled() => false,
    }
}

fn sort_out(updates: Vec<Value>) -> Batch {
    let mut batch = Batch { rows: Vec::with_capacity(updates.len()), wake: Vec::new(), next: None, dropped: 0 };
    let mut seen = HashSet::new();
    for update in updates {
        let Some(id) = update_id(&update) else {
            batch.dropped += 1;
            continue;
        };
        // Not the offset that was asked with: after a week of silence Telegram goes on with any number.
        batch.next = batch.next.max(Some(UpdateId(id + 1)));
        let Some(user) = owner(&update) else {
            batch.dropped += 1;
            continue;
        };
        let payload = update.to_string();
        if seen.insert(user) {
            batch.wake.push((user, payload.clone()));
        }
        batch.rows.push(Spooled { update: UpdateId(id), user, payload });
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(id: i64, user: u64) -> Value {
        json!({"update_id": id, "message": {"message_id": 5, "date": 1, "text": "x",
            "from": {"id": user, "is_bot": false}, "chat": {"id": user, "type": "private"}}})
    }

    #[test]
    fn a_batch_keeps_owned_rows_and_wakes_each_person_once() {
        let strange = json!({"update_id": 12, "poll": {}});
        let batch = sort_out(vec![update(10, 7), update(11, 8), strange, update(13, 7), json!({"no": "id"})]);
        let rows: Vec<(i64, u64)> = batch.rows.iter().map(|r| (r.update.0, r.user.0)).collect();
        assert_eq!(rows, [(10, 7), (11, 8), (13, 7)]);
        assert_eq!(batch.wake.iter().map(|(u, _)| u.0).collect::<Vec<_>>(), [7, 8]);
        assert_eq!((batch.next, batch.dropped), (Some(UpdateId(14)), 2));
    }

    #[test]
    fn what_has_no_owner_still_moves_the_offset() {
        let batch = sort_out(vec![json!({"update_id": 12, "poll": {}})]);
        assert_eq!((batch.rows.len(), batch.next), (0, Some(UpdateId(13))));
    }
}
