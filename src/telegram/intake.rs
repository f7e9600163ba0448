//! Updates on their way in, whoever brought them: sorted out, committed, flushed, and only then acknowledged. Their people
//! are woken in between: what they do with an update that a power failure takes back, they do again.
//!
//! Fetched or brought by webhook, an update goes the same way. Owns what has come in so far, for metrics and health. Must
//! not look into an update beyond its id and its owner, and must not wait for anybody's worker.
use super::listener::Feed;
use super::owner::{owner, update_id};
use crate::domain::{TelegramId, UpdateId};
use crate::metrics::{self, Taken};
use crate::store::StoreError;
use crate::store::spool::{Spool, Spooled};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How it goes at the moment.
#[derive(Debug, Clone, Copy)]
struct Course {
    healthy: bool,
    since: Instant,
}

/// What has come in, for metrics and health.
#[derive(Debug)]
pub struct IntakeStats {
    received: AtomicU64,
    stored: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
    /// Updates that wait at Telegram, as it says itself.
    waiting: AtomicU64,
    course: Mutex<Course>,
}

impl Default for IntakeStats {
    fn default() -> Self {
        let (received, stored, dropped) = (AtomicU64::default(), AtomicU64::default(), AtomicU64::default());
        let course = Mutex::new(Course { healthy: false, since: Instant::now() });
        IntakeStats { received, stored, dropped, failures: AtomicU64::default(), waiting: AtomicU64::default(), course }
    }
}

impl IntakeStats {
    /// Updates that came; those that came again count again.
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
    /// Updates that wait at Telegram for the webhook, when it was last asked; nothing where they are fetched.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
    /// Whether the last request and the last commit went well.
    pub fn healthy(&self) -> bool {
        self.course().healthy
    }
    /// For how long that has been so.
    pub fn unchanged_for(&self) -> Duration {
        self.course().since.elapsed()
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn went(&self, healthy: bool) {
        if !healthy {
            self.failed();
        }
        let mut course = self.course();
        if course.healthy != healthy {
            *course = Course { healthy, since: Instant::now() };
        }
    }

    /// Something failed that says nothing of how it goes on.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        metrics::INTAKE_FAILURES.inc();
    }

    pub(super) fn waits(&self, updates: u64) {
        self.waiting.store(updates, Ordering::Relaxed);
    }
}

/// The way in.
pub struct Intake {
    spool: Spool,
    feed: Feed,
    stats: Arc<IntakeStats>,
}

/// What an update is to us.
enum Sorted {
    /// Somebody's.
    Row(Spooled),
    /// Nobody's; but it has a number.
    Nobodys(UpdateId),
    /// No update.
    Unreadable,
}

/// A batch, sorted out.
struct Batch {
    rows: Vec<Spooled>,
    /// One update of each person in it: a wake-up finds all rows.
    wake: Vec<(TelegramId, String)>,
    next: Option<UpdateId>,
    nobodys: u64,
    unreadable: u64,
}

impl Intake {
    /// A way in that stores into `spool` and then tells `feed`.
    pub fn new(spool: Spool, feed: Feed) -> Self {
        Intake { spool, feed, stats: Arc::default() }
    }

    /// What has come in, as it counts on.
    pub fn stats(&self) -> Arc<IntakeStats> {
        Arc::clone(&self.stats)
    }

    pub(super) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Commits what was fetched, wakes its people, and flushes it. Gives where to go on; `None`: nowhere else than before.
    ///
    /// # Errors
    /// [`StoreError`]; then Telegram has to give the same again, whether it is stored or not.
    pub(super) async fn fetched(&self, updates: &[Box<RawValue>]) -> Result<Option<UpdateId>, StoreError> {
        self.stats.received.fetch_add(updates.len() as u64, Ordering::Relaxed);
        let batch = sort_out(updates);
        let stored = batch.rows.len() as u64;
        if let Some(next) = batch.next {
            self.spool.commit(batch.rows, next).await?;
        }
        self.count(stored, batch.nobodys, batch.unreadable);
        for (user, payload) in &batch.wake {
            self.feed.committed(*user, payload);
        }
        if batch.next.is_some() {
            self.spool.flush().await?;
        }
        Ok(batch.next)
    }

    /// Commits one update that was brought, given as its JSON, wakes its person, and flushes it. Once this returns, Telegram
    /// may be told that we have it; also when it is nobody's, and when it is no update.
    ///
    /// # Errors
    /// [`StoreError`]; then Telegram must not be told so.
    ///
    /// # Cancellation
    /// A dropped call may have stored it; brought again it meets itself.
    pub async fn brought(&self, body: &[u8]) -> Result<(), StoreError> {
        self.stats.received.fetch_add(1, Ordering::Relaxed);
        let row = match std::str::from_utf8(body).map_or(Sorted::Unreadable, sort) {
            Sorted::Row(row) => row,
            Sorted::Nobodys(_) => {
                self.count(0, 1, 0);
                return Ok(());
            }
            Sorted::Unreadable => {
                self.spool.set_aside(body.to_vec()).await.inspect_err(|_| self.stats.failed())?;
                self.count(0, 0, 1);
                tracing::warn!(
                    error.code = "tg-update-unreadable",
                    bytes = body.len(),
                    "what was brought is no update"
                );
                return Ok(());
            }
        };
        let (user, payload) = (row.user, row.payload.clone());
        self.spool.keep(row).await.inspect_err(|_| self.stats.failed())?;
        self.count(1, 0, 0);
        self.feed.committed(user, &payload);
        self.spool.flush().await.inspect_err(|_| self.stats.failed())
    }

    fn count(&self, stored: u64, nobodys: u64, unreadable: u64) {
        self.stats.stored.fetch_add(stored, Ordering::Relaxed);
        self.stats.dropped.fetch_add(nobodys + unreadable, Ordering::Relaxed);
        metrics::UPDATES.of(Taken::Stored).add(stored);
        metrics::UPDATES.of(Taken::Nobodys).add(nobodys);
        metrics::UPDATES.of(Taken::Unreadable).add(unreadable);
    }
}

/// What an update is, given as its JSON.
fn sort(json: &str) -> Sorted {
    let Ok(update) = serde_json::from_str::<Value>(json) else { return Sorted::Unreadable };
    let Some(id) = update_id(&update).map(UpdateId) else { return Sorted::Unreadable };
    match owner(&update) {
        Some(user) => Sorted::Row(Spooled { update: id, user, payload: json.to_owned() }),
        None => Sorted::Nobodys(id),
    }
}

fn sort_out(updates: &[Box<RawValue>]) -> Batch {
    let rows = Vec::with_capacity(updates.len());
    let mut batch = Batch { rows, wake: Vec::new(), next: None, nobodys: 0, unreadable: 0 };
    let mut seen = HashSet::new();
    for update in updates {
        let id = match sort(update.get()) {
            Sorted::Row(row) => {
                let id = row.update;
                if seen.insert(row.user) {
                    batch.wake.push((row.user, row.payload.clone()));
                }
                batch.rows.push(row);
                id
            }
            Sorted::Nobodys(id) => {
                batch.nobodys += 1;
                id
            }
            // Without an id nobody can tell Telegram that we have it; it goes with those around it.
            Sorted::Unreadable => {
                batch.unreadable += 1;
                continue;
            }
        };
        // Not the offset that was asked with: after a week of silence Telegram goes on with any number.
        batch.next = batch.next.max(Some(UpdateId(id.0 + 1)));
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DbThreads, RawKey};
    use crate::telegram::listener::feed;
    use crate::users::port::Route;
    use serde_json::json;
    use std::process::Command;
    use tokio::fs::OpenOptions;
    use tokio::sync::Notify;

    fn update(id: i64, user: u64) -> Value {
        json!({"update_id": id, "message": {"message_id": 5, "date": 1, "text": "x",
            "from": {"id": user, "is_bot": false}, "chat": {"id": user, "type": "private"}}})
    }

    fn raw(updates: &[Value]) -> Vec<Box<RawValue>> {
        updates.iter().map(|update| serde_json::value::to_raw_value(update).unwrap()).collect()
    }

    #[test]
    fn a_batch_keeps_owned_rows_and_wakes_each_person_once() {
        let strange = json!({"update_id": 12, "poll": {}});
        let batch = sort_out(&raw(&[update(10, 7), update(11, 8), strange, update(13, 7), json!({"no": "id"})]));
        let rows: Vec<(i64, u64)> = batch.rows.iter().map(|r| (r.update.0, r.user.0)).collect();
        assert_eq!(rows, [(10, 7), (11, 8), (13, 7)]);
        assert_eq!(batch.wake.iter().map(|(u, _)| u.0).collect::<Vec<_>>(), [7, 8]);
        assert_eq!((batch.next, batch.nobodys, batch.unreadable), (Some(UpdateId(14)), 1, 1));
    }

    #[test]
    fn what_has_no_owner_still_moves_the_offset() {
        let batch = sort_out(&raw(&[json!({"update_id": 12, "poll": {}})]));
        assert_eq!((batch.rows.len(), batch.next), (0, Some(UpdateId(13))));
    }

    struct Woken(Notify);

    impl Route for Woken {
        fn arrived(&self, _: TelegramId) {
            self.0.notify_one();
        }
    }

    /// A way in whose spool's disk takes its time: whoever opens the log waits until somebody writes to what lies there.
    #[tokio::test]
    async fn people_are_woken_before_the_flush_and_telegram_hears_of_it_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let spool = Spool::new(DbThreads::start(1), &path("spool.db"), RawKey::new([1; 32]), 7);
        let woken = Arc::new(Woken(Notify::new()));
        let (feed, _listener) = feed(woken.clone());
        let intake = Intake::new(spool, feed);
        intake.fetched(&raw(&[update(1, 7)])).await.unwrap();
        woken.0.notified().await;
        let body = update(2, 7).to_string();
        for brought in [true, false] {
            std::fs::rename(path("spool.db-wal"), path("aside")).unwrap();
            assert!(Command::new("mkfifo").arg(path("spool.db-wal")).status().unwrap().success());
            let mut acknowledged = Box::pin(async {
                if brought {
                    intake.brought(body.as_bytes()).await.unwrap();
                } else {
                    assert_eq!(intake.fetched(&raw(&[update(3, 7)])).await.unwrap(), Some(UpdateId(4)));
                }
            });
            tokio::select! {
                () = &mut acknowledged => panic!("acknowledged before it was flushed"),
                () = woken.0.notified() => {}
            }
            assert!(futures_util::poll!(&mut acknowledged).is_pending());
            // Waits for whoever reads there: the flush.
            let mut writing = OpenOptions::new();
            let slow = tokio::select! {
                () = &mut acknowledged => panic!("acknowledged before it was flushed"),
                slow = writing.write(true).open(path("spool.db-wal")) => slow.unwrap(),
            };
            std::fs::rename(path("aside"), path("spool.db-wal")).unwrap();
            drop(slow);
            acknowledged.await;
        }
    }
}
