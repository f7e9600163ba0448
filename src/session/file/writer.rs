//! Who writes the session files, and what becomes of them while the disk refuses?
//!
//! Owns one thread, the only one that changes the folder while a store runs on it: a slow disk holds up nothing but itself. What
//! it could not write stays marked and is tried again, ever less often; the operator is told when that begins and when it is over.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::disk::{self, Change};
use super::form;
use super::queue::Queue;
use crate::domain::Clock;
use crate::limits::Backoff;
use crate::session::error::{Result, SessionError, disk_code};
use crate::session::key::SessionKey;
use crate::session::memory::MemoryStore;

/// How many files are written with one flush of the folder, at most. As many are open at once.
const BATCH: usize = 64;
/// The least time between two batches. Each costs the file system two flushes of its journal, whatever its size, and those
/// hold up the databases on the same disk: 200 busy people are then 10 batches a second, not 200.
const GATHER: Duration = Duration::from_millis(100);
/// The time after a batch in which nothing is written, as a multiple of the time that it took: files are a mirror, and may
/// have a tenth of the disk's time, however many people are busy.
const REST: u32 = 9;
/// The longest such time.
const LONGEST_REST: Duration = Duration::from_secs(2);
/// How long the disk is left alone after it has refused.
const RETRY: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(30) };

/// The part that both sides see.
pub(super) struct Writer {
    pub dir: PathBuf,
    pub clock: Clock,
    pub memory: MemoryStore,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Queue,
    /// Which files are being written at this moment, outside the lock.
    writing: HashSet<SessionKey>,
    /// How many batches have been taken so far.
    batches: u64,
    /// When the next one may be, unless somebody waits for it.
    gathered: Instant,
    waiting: HashMap<SessionKey, Vec<Waiting>>,
    trouble: Option<Trouble>,
    closing: bool,
    ended: bool,
    close: Option<oneshot::Sender<Result<()>>>,
}

struct Waiting {
    /// The first batch that holds what is waited for.
    batch: u64,
    done: oneshot::Sender<Result<()>>,
}

/// The disk refuses.
struct Trouble {
    code: &'static str,
    /// Which files could not be written.
    failed: HashSet<SessionKey>,
    attempt: u32,
    /// Until then it is left alone.
    rest: Instant,
}

impl Writer {
    pub fn new(dir: PathBuf, clock: Clock, memory: MemoryStore, pace: Duration) -> Arc<Self> {
        let state = State {
            queue: Queue::new(pace),
            writing: HashSet::new(),
            batches: 0,
            gathered: Instant::now(),
            waiting: HashMap::new(),
            trouble: None,
            closing: false,
            ended: false,
            close: None,
        };
        Arc::new(Writer { dir, clock, memory, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session has changed in memory.
    pub fn changed(&self, key: SessionKey) {
        let mut state = self.state();
        let before = state.queue.next();
        state.queue.mark(key, Instant::now());
        // A busy session's file is due later: the thread need not wake up for every change.
        if state.queue.next() != before {
            self.changed.notify_one();
        }
    }

    /// A session has been removed from memory.
    pub fn removed(&self, key: SessionKey) {
        self.state().queue.urge(key, Instant::now());
        self.changed.notify_one();
    }

    /// How many times the disk has been asked for something so far.
    #[cfg(test)]
    pub fn batches(&self) -> u64 {
        self.state().batches
    }

    /// How many files are not as they should be, and why if there is a reason.
    pub fn behind(&self) -> (u64, Option<&'static str>) {
        let state = self.state();
        let behind = state.queue.len() + state.writing.iter().filter(|&&key| !state.queue.contains(key)).count();
        (behind as u64, state.trouble.as_ref().map(|trouble| trouble.code))
    }

    /// Tells when what has changed so far in this session is on disk, or that the disk refuses.
    pub fn settled(&self, key: SessionKey) -> oneshot::Receiver<Result<()>> {
        let (done, told) = oneshot::channel();
        let mut state = self.state();
        let queued = state.queue.contains(key);
        if state.ended || !(queued || state.writing.contains(&key)) {
            tell(done, Ok(()));
            return told;
        }
        if let Some(trouble) = &state.trouble
            && queued
            && (trouble.rest > Instant::now() || trouble.failed.contains(&key))
        {
            tell(done, Err(refused(trouble.code)));
            return told;
        }
        let batch = if queued {
            state.queue.urge(key, Instant::now());
            state.batches + 1
        } else {
            state.batches
        };
        state.waiting.entry(key).or_default().push(Waiting { batch, done });
        self.changed.notify_one();
        told
    }

    /// Lets the thread write what is left, and end. `None`: somebody has asked for that already.
    pub fn close(&self) -> Option<oneshot::Receiver<Result<()>>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.closing, true) {
            return None;
        }
        let (done, told) = oneshot::channel();
        if state.ended {
            tell(done, Ok(()));
        } else {
            state.close = Some(done);
        }
        self.changed.notify_one();
        Some(told)
    }

    /// The thread's work: until the store is closed.
    pub fn run(&self) {
        while let Some(batch) = self.next() {
            let begun = Instant::now();
            let changes: Vec<Change> = batch.iter().map(|&key| self.change(key)).collect();
            let done = disk::apply(&self.dir, &changes, self.clock.now());
            self.record(&batch, done, begun);
        }
    }

    /// What the session's file is to hold, as of now.
    fn change(&self, key: SessionKey) -> Change {
        let record = self.memory.peek(&key);
        // What is in memory was seen to have the form of a session, so it can be written as one; and no file is better than an
        // old one.
        Change { key, content: record.and_then(|record| form::encode(&record).ok()) }
    }

    /// Waits for what is to be written next. `None`: nothing ever again.
    fn next(&self) -> Option<Vec<SessionKey>> {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.closing {
                state.queue.hurry(now);
            }
            let wake = state.wake();
            if wake.is_some_and(|at| at <= now) {
                return Some(state.take(now));
            }
            if state.closing {
                self.end(&mut state);
                return None;
            }
            state = match wake {
                Some(at) => {
                    let wait = at.saturating_duration_since(now);
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Notes what became of a batch.
    fn record(&self, batch: &[SessionKey], done: Vec<io::Result<()>>, begun: Instant) {
        let now = Instant::now();
        let mut state = self.state();
        state.gathered = now + (now.saturating_duration_since(begun) * REST).clamp(GATHER, LONGEST_REST);
        state.writing.clear();
        let (mut good, mut refusal) = (0, None);
        for (&key, done) in batch.iter().zip(done) {
            match done {
                Ok(()) => {
                    good += 1;
                    state.tell_waiting(key, None);
                    if let Some(trouble) = &mut state.trouble {
                        trouble.failed.remove(&key);
                    }
                }
                Err(e) => {
                    let code = disk_code(&e);
                    state.tell_waiting(key, Some(code));
                    state.failed(key, code, &e);
                    refusal = Some(e);
                }
            }
        }
        match refusal {
            Some(_) => state.rest(batch, good, now),
            None => state.recover(),
        }
    }

    /// Tells those who wait how it ended.
    fn end(&self, state: &mut State) {
        state.ended = true;
        let lost = state.trouble.as_ref().filter(|trouble| !trouble.failed.is_empty());
        let result = lost.map_or(Ok(()), |trouble| {
            let (code, files) = (trouble.code, trouble.failed.len());
            warn!(
                event = "session-files",
                error.code = code,
                files,
                "some session files could not be written to the end"
            );
            Err(refused(code))
        });
        if let Some(done) = state.close.take() {
            tell(done, result);
        }
    }
}

impl State {
    /// When there is something to write, and it may be written. `None`: nothing is marked.
    fn wake(&self) -> Option<Instant> {
        let due = self.queue.next()?;
        if self.closing {
            return Some(due);
        }
        let rested = self.trouble.as_ref().map_or(due, |trouble| due.max(trouble.rest));
        Some(if self.waiting.is_empty() { rested.max(self.gathered) } else { rested })
    }

    fn take(&mut self, now: Instant) -> Vec<SessionKey> {
        let batch = self.queue.take(now, BATCH);
        self.batches += 1;
        self.writing = batch.iter().copied().collect();
        batch
    }

    /// Tells those who wait for this session's file.
    fn tell_waiting(&mut self, key: SessionKey, code: Option<&'static str>) {
        let Some(waiting) = self.waiting.remove(&key) else { return };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|waiting| waiting.batch <= self.batches);
        for waiting in now {
            tell(waiting.done, code.map_or(Ok(()), |code| Err(refused(code))));
        }
        if !later.is_empty() {
            self.waiting.insert(key, later);
        }
    }

    /// One file could not be written. The operator hears of the first, and when the reason changes.
    fn failed(&mut self, key: SessionKey, code: &'static str, error: &io::Error) {
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            code: "",
            failed: HashSet::new(),
            attempt: 0,
            rest: Instant::now(),
        });
        trouble.failed.insert(key);
        if trouble.code != code {
            trouble.code = code;
            warn!(
                event = "session-files",
                error.code = code,
                error = %error.kind(),
                "session files cannot be written; sessions are kept in memory, and written when the disk allows it"
            );
        }
    }

    /// Marks again what was not written. A disk that took nothing is left alone for a while; one that took some is not what is
    /// wrong, so only the others wait.
    fn rest(&mut self, batch: &[SessionKey], good: usize, now: Instant) {
        let closing = self.closing;
        let Some(trouble) = &mut self.trouble else { return };
        let again = now + RETRY.delay(trouble.attempt, rand::random());
        trouble.attempt = trouble.attempt.saturating_add(1);
        if good == 0 {
            trouble.rest = again;
        }
        // At the end there is one attempt.
        if !closing {
            for key in batch.iter().filter(|key| trouble.failed.contains(key)) {
                self.queue.put_back(*key, again);
            }
        }
    }

    /// A whole batch was written. The trouble is over when no file is behind because of it.
    fn recover(&mut self) {
        let Some(trouble) = &mut self.trouble else { return };
        trouble.rest = Instant::now();
        if trouble.failed.is_empty() {
            let code = trouble.code;
            self.trouble = None;
            info!(event = "session-files", was = code, "session files are written again, and none is behind");
        } else {
            trouble.attempt = 0;
            let failed: Vec<_> = trouble.failed.iter().copied().collect();
            for key in failed {
                self.queue.urge(key, Instant::now());
            }
        }
    }
}

/// The refusal behind a stable code, for those who wait; the operator has seen the error itself.
fn refused(code: &'static str) -> SessionError {
    SessionError::Disk(match code {
        "session-disk-full" => io::ErrorKind::StorageFull.into(),
        "session-disk-readonly" => io::ErrorKind::ReadOnlyFilesystem.into(),
        "session-disk-denied" => io::ErrorKind::PermissionDenied.into(),
        _ => io::ErrorKind::Other.into(),
    })
}

/// Whoever waited may have stopped waiting: then nobody misses the answer.
fn tell(done: oneshot::Sender<Result<()>>, result: Result<()>) {
    drop(done.send(result));
}
