//! Where database work runs: a few OS threads of its own, in turn per user.
//!
//! Answers "when does this job run, and whom may it hold up?". Jobs of one (user, lane) run in order and one at a time;
//! users are served round robin however many jobs or lanes they have, and one user never holds the last free thread
//! (when there are at least two). Flushes have threads of their own, so that a slow disk holds up only who waits for it.
//! Owns the threads and the queues. Must not know what a job does, and never runs on tokio's threads: a slow disk stops
//! neither timers nor sockets.
//!
//! The queue has no length limit of its own: every job has a caller that waits for it, so what bounds the callers
//! (inbox quotas, flow steps one at a time) bounds the queue.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::{Result, StoreError};
use crate::metrics;

/// How long [`DbThreads::stop`] waits for what is queued: longer than any sound job, shorter than a service manager's
/// patience (systemd kills after 90 s).
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Threads for flushes. All people's files together hold all but one, which is left to what everybody shares.
const FLUSHING: usize = 3;

/// Whose turn a job takes. Jobs of equal turns run in the order they were asked for, one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Turn {
    /// Who is served: each user gets one job per round.
    pub user: u64,
    /// Which of the user's files (or other ordered things) it touches.
    pub lane: u64,
}

/// What the queue looks like at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Threads that serve.
    pub threads: usize,
    /// Jobs that wait.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Users with a job that waits or runs.
    pub users: usize,
    /// Jobs finished since the start, panicked ones included.
    pub finished: u64,
    /// Jobs that panicked since the start.
    pub panicked: u64,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Lane {
    jobs: VecDeque<Job>,
    running: bool,
}

#[derive(Default)]
struct User {
    lanes: HashMap<u64, Lane>,
    /// Lanes with a job and none running, in the order they became so.
    ready: VecDeque<u64>,
    running: usize,
    in_ring: bool,
}

#[derive(Default)]
struct Queue {
    users: HashMap<u64, User>,
    /// Users with a lane that may run now; the front one is served next.
    ring: VecDeque<u64>,
    stopping: bool,
    stats: QueueStats,
}

impl Queue {
    /// At most this many threads serve one user at once.
    fn share(&self) -> usize {
        self.stats.threads.saturating_sub(1).max(1)
    }

    fn push(&mut self, turn: Turn, job: Job) {
        let user = self.users.entry(turn.user).or_default();
        let lane = user.lanes.entry(turn.lane).or_default();
        lane.jobs.push_back(job);
        if lane.jobs.len() == 1 && !lane.running {
            user.ready.push_back(turn.lane);
        }
        self.stats.queued += 1;
        self.enrol(turn.user);
    }

    /// Puts a user at the end of the ring if there is something of theirs to run.
    fn enrol(&mut self, id: u64) {
        let share = self.share();
        if let Some(user) = self.users.get_mut(&id)
            && !user.in_ring
            && !user.ready.is_empty()
            && user.running < share
        {
            user.in_ring = true;
            self.ring.push_back(id);
        }
    }

    fn pop(&mut self) -> Option<(Turn, Job)> {
        while let Some(id) = self.ring.pop_front() {
            let Some(user) = self.users.get_mut(&id) else { continue };
            user.in_ring = false;
            let Some(lane_id) = user.ready.pop_front() else { continue };
            let Some(lane) = user.lanes.get_mut(&lane_id) else { continue };
            let Some(job) = lane.jobs.pop_front() else { continue };
            lane.running = true;
            user.running += 1;
            self.stats.queued -= 1;
            self.stats.running += 1;
            self.enrol(id);
            return Some((Turn { user: id, lane: lane_id }, job));
        }
        None
    }

    fn done(&mut self, turn: Turn) {
        self.stats.running -= 1;
        self.stats.finished += 1;
        let Some(user) = self.users.get_mut(&turn.user) else { return };
        user.running -= 1;
        if let Some(lane) = user.lanes.get_mut(&turn.lane) {
            lane.running = false;
            if lane.jobs.is_empty() {
                user.lanes.remove(&turn.lane);
            } else {
                user.ready.push_back(turn.lane);
            }
        }
        if user.lanes.is_empty() {
            self.users.remove(&turn.user);
        } else {
            self.enrol(turn.user);
        }
    }
}

struct Shared {
    queue: Mutex<Queue>,
    /// A job is ready, or the threads shall stop.
    work: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No job runs under this lock, so a poisoned queue is a whole one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_stop(&self) {
        self.lock().stopping = true;
        self.work.notify_all();
    }

    /// One thread's life.
    fn serve(&self) {
        let mut queue = self.lock();
        loop {
            if let Some((turn, job)) = queue.pop() {
                let more = !queue.ring.is_empty();
                drop(queue);
                // Each thread that takes a job wakes one more while there is something to take; the end of a job readies
                // at most one, and that one this thread takes itself. Waking all at each end costs more than most jobs.
                if more {
                    self.work.notify_one();
                }
                let began = Instant::now();
                let panicked = catch_unwind(AssertUnwindSafe(job)).is_err();
                let took = began.elapsed();
                queue = self.lock();
                queue.stats.panicked += u64::from(panicked);
                queue.done(turn);
                metrics::DB_JOB_TIME.observe(took);
            } else if queue.stopping && queue.stats.queued == 0 {
                break;
            } else {
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
        queue.stats.threads -= 1;
        drop(queue);
        // Another thread may wait for a queue that this one emptied.
        self.work.notify_all();
        self.ended.notify_all();
    }
}

struct Threads {
    shared: Arc<Shared>,
    joins: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    /// Ends the threads after what is queued, and waits for that; not when one of them asks, which cannot wait for
    /// itself.
    fn finish(&self) {
        self.shared.begin_stop();
        let joins = std::mem::take(&mut *self.joins.lock().unwrap_or_else(PoisonError::into_inner));
        let asking = std::thread::current().id();
        if joins.iter().any(|join| join.thread().id() == asking) {
            return;
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut queue = self.shared.lock();
        while queue.stats.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let QueueStats { queued, running, .. } = queue.stats;
                tracing::error!(error.code = "db-closed", queued, running, "database threads did not end in time");
                return;
            }
            queue = self.shared.ended.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(queue);
        for join in joins {
            // Jobs cannot unwind through a thread, so it ends without a panic.
            drop(join.join());
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Threads {
    fn start(count: usize, name: &str) -> Arc<Threads> {
        let shared =
            Arc::new(Shared { queue: Mutex::new(Queue::default()), work: Condvar::new(), ended: Condvar::new() });
        let mut joins = Vec::new();
        for number in 0..count.max(1) {
            // Counted before it runs, so that a thread that ends at once is not counted below zero.
            shared.lock().stats.threads += 1;
            let served = Arc::clone(&shared);
            match std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || served.serve()) {
                Ok(join) => joins.push(join),
                Err(error) => {
                    shared.lock().stats.threads -= 1;
                    tracing::error!(error.code = "db-io", %error, "no thread for database work");
                }
            }
        }
        if joins.is_empty() {
            shared.begin_stop();
        }
        Arc::new(Threads { shared, joins: Mutex::new(joins) })
    }

    fn submit(&self, turn: Turn, job: impl FnOnce() + Send + 'static) -> Result<()> {
        let mut queue = self.shared.lock();
        if queue.stopping {
            return Err(StoreError::ShuttingDown);
        }
        queue.push(turn, Box::new(job));
        drop(queue);
        self.shared.work.notify_one();
        Ok(())
    }

    async fn run<T: Send + 'static>(&self, turn: Turn, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (give, take) = oneshot::channel();
        self.submit(turn, move || match catch_unwind(AssertUnwindSafe(job)) {
            Ok(value) => {
                // The caller may have gone; then nobody wants the value.
                drop(give.send(Ok(value)));
            }
            Err(payload) => {
                drop(give.send(Err(StoreError::Panicked { message: panic_message(payload.as_ref()) })));
                std::panic::resume_unwind(payload);
            }
        })?;
        take.await.unwrap_or(Err(StoreError::ShuttingDown))
    }
}

/// The database threads. A clone is another reference to the same threads; dropping the last one stops them as
/// [`stop`](Self::stop) does.
#[derive(Clone)]
pub struct DbThreads {
    work: Arc<Threads>,
    flushes: Arc<Threads>,
}

impl std::fmt::Debug for DbThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DbThreads").field(&self.stats()).finish()
    }
}

impl DbThreads {
    /// Starts `count` threads (at least one), and those for flushes. When the system grants none, every job fails with
    /// [`StoreError::ShuttingDown`].
    pub fn start(count: usize) -> DbThreads {
        DbThreads { work: Threads::start(count, "db"), flushes: Threads::start(FLUSHING, "flush") }
    }

    /// Runs a job in its turn and gives what it returns.
    ///
    /// # Errors
    /// [`StoreError::Panicked`] when the job panicked, [`StoreError::ShuttingDown`] after [`stop`](Self::stop).
    ///
    /// # Cancellation
    /// The job is queued at the first poll; from then on it runs even when the future is dropped.
    pub async fn run<T: Send + 'static>(&self, turn: Turn, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.work.run(turn, job).await
    }

    /// Runs a job that does nothing but flush a file whose own jobs take this turn. It holds up none of them.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    ///
    /// # Cancellation
    /// As for [`run`](Self::run).
    pub(in crate::store) async fn flush(&self, turn: Turn, job: impl FnOnce() + Send + 'static) -> Result<()> {
        let turn = if turn.user == 0 { turn } else { Turn { user: 1, lane: turn.user } };
        self.flushes.run(turn, job).await
    }

    /// Queues a job nobody waits for. Gives the job up when the threads have stopped.
    pub(in crate::store) fn submit(&self, turn: Turn, job: impl FnOnce() + Send + 'static) -> Result<()> {
        self.work.submit(turn, job)
    }

    /// Takes no more jobs, finishes what is queued, and joins the threads; gives up after 20 s. Blocks: call it from the
    /// last step of a shutdown. No process may end without it: OpenSSL frees what SQLCipher needs when the process exits,
    /// and a thread that closes a file at that moment crashes (seen).
    pub fn stop(&self) {
        self.work.finish();
        self.flushes.finish();
    }

    /// What waits and what runs, but for flushes.
    pub fn stats(&self) -> QueueStats {
        let queue = self.work.shared.lock();
        QueueStats { users: queue.users.len(), ..queue.stats }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".to_owned(),
    }
}

#[cfg(test)]
mod tests;
