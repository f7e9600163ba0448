//! May Redis be read at this moment?
//!
//! Owns the answer. It is closed, in the sense of a circuit, while Redis has everything that PostgreSQL has committed. One failure
//! opens it: a writer that could not bring its row to Redis must not be answered while anybody may still read the older one there, and
//! a reader that was served by PostgreSQL must not meet an older row in Redis afterwards. Only the keeper closes it, after it has
//! copied what changed meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::gather::Gather;
use crate::session::fault::Fault;
use crate::session::redis::epoch::Epoch;

/// A Redis that has everything.
#[derive(Debug)]
pub(super) struct Warm {
    pub epoch: Arc<Epoch>,
    pub reads: Gather,
}

impl Warm {
    /// `deadline`: how long it may take for an answer.
    pub fn new(epoch: Epoch, deadline: Duration) -> Self {
        let epoch = Arc::new(epoch);
        Warm { reads: Gather::new(Arc::clone(&epoch), deadline), epoch }
    }
}

/// The circuit.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    warm: Option<Arc<Warm>>,
    trouble: Option<&'static str>,
    since: Option<Instant>,
}

impl Circuit {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redis, if it may be read.
    pub fn warm(&self) -> Option<Arc<Warm>> {
        self.state().warm.clone()
    }

    /// Whether it still is what it was.
    pub fn is(&self, warm: &Arc<Warm>) -> bool {
        self.state().warm.as_ref().is_some_and(|now| Arc::ptr_eq(now, warm))
    }

    /// Why it is open, once it was used.
    pub fn trouble(&self) -> Option<&'static str> {
        self.state().trouble
    }

    /// Opens it, if it is still the one that failed. `true`: this call did.
    pub fn open(&self, failed: &Arc<Warm>, fault: &Fault) -> bool {
        let mut state = self.state();
        if !state.warm.as_ref().is_some_and(|now| Arc::ptr_eq(now, failed)) {
            return false;
        }
        state.warm = None;
        state.since = Some(Instant::now());
        drop(state);
        self.note(fault);
        true
    }

    /// Notes why it cannot be closed; the operator is told once.
    pub fn note(&self, fault: &Fault) {
        if self.state().trouble.replace(fault.code()) != Some(fault.code()) {
            warn!(
                event = "session-redis",
                error.code = fault.code(),
                "Redis cannot be used; PostgreSQL serves: {fault}"
            );
        }
    }

    /// Closes it.
    pub fn close(&self, warm: Warm) {
        let mut state = self.state();
        let was = state.since.take().map(|since| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        state.trouble = None;
        state.warm = Some(Arc::new(warm));
        drop(state);
        info!(event = "session-redis", duration_ms = was, "Redis has everything and is read again");
    }
}
