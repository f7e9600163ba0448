//! May this entry still work, and may it close?
//!
//! The protocol by which an entry goes without losing what arrives meanwhile, and nothing else: it knows neither vaults
//! nor clients. Whoever works for the entry is [`Inside`] while they do; whoever brings something leaves it where it
//! survives (the spool, the vault, the queue of news) *before* they [`knock`](Life::knock). A closing looks whether
//! anything waits, and begins only if nobody has knocked or gone inside since it began to look. From then on nobody gets
//! inside. The entry leaves the map last, and then its place is looked at once more: whatever arrived during the closing
//! lies there, and gets a fresh entry.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Awake,
    /// Nobody gets inside any more.
    Closing,
    /// Everything of it is shut.
    Closed,
}

#[derive(Default)]
struct State {
    phase: Phase,
    inside: usize,
    /// How often somebody knocked or went inside.
    stirs: u64,
}

/// The life of one entry. A clone is another reference to the same life.
#[derive(Clone, Default)]
pub struct Life(Arc<Mutex<State>>);

/// How much had happened to an entry when a closing began to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen(u64);

/// Somebody who works for the entry. It does not close while this lives.
pub struct Inside(Life);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.state().inside -= 1;
    }
}

impl Life {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was brought, and lies where it survives. `false`: the entry is going and will not look; it lies for the
    /// next one.
    pub fn knock(&self) -> bool {
        let mut state = self.state();
        state.stirs += 1;
        state.phase == Phase::Awake
    }

    /// Goes inside to work. `None`: the entry is going, and what is to be done is for the next one.
    pub fn enter(&self) -> Option<Inside> {
        let mut state = self.state();
        if state.phase != Phase::Awake {
            return None;
        }
        state.stirs += 1;
        state.inside += 1;
        drop(state);
        Some(Inside(self.clone()))
    }

    /// What a closing has to know before it looks whether anything waits.
    pub fn seen(&self) -> Seen {
        Seen(self.state().stirs)
    }

    /// Begins a closing, if nobody is inside and nothing has happened since. `false`: not now.
    pub fn begin_close(&self, seen: Seen) -> bool {
        let mut state = self.state();
        let quiet = state.phase == Phase::Awake && state.inside == 0 && state.stirs == seen.0;
        if quiet {
            state.phase = Phase::Closing;
        }
        quiet
    }

    /// Begins a closing whatever is under way: the daemon stops, or the person is erased. Who is inside finishes. `false`:
    /// somebody else closes it already.
    pub fn begin_anyway(&self) -> bool {
        let mut state = self.state();
        let first = state.phase == Phase::Awake;
        if first {
            state.phase = Phase::Closing;
        }
        first
    }

    /// Everything of the entry is shut.
    pub fn end(&self) {
        self.state().phase = Phase::Closed;
    }
}

/// What a closing needs of the entry. Each is asked once, in this order.
pub trait Closing {
    /// Whether nothing waits and nothing of it needs to stay.
    async fn is_quiet(&self) -> bool;
    /// Ends its tasks; each puts on record what it was at.
    async fn settle(&self);
    /// Disconnects its clients, cleanly within their limit, else by force.
    async fn disconnect(&self);
    /// Shuts its databases for good: what comes late fails.
    async fn shut(&self);
    /// Notes what it leaves in the directory.
    async fn note(&self);
    /// Takes it out of the map, unless another one stands in its place.
    async fn leave(&self);
    /// Gives a fresh entry to whatever arrived meanwhile.
    async fn look_again(&self);
}

/// Closes an entry if nothing keeps it. `false`: something does.
pub async fn close(life: &Life, entry: &impl Closing) -> bool {
    let seen = life.seen();
    if !entry.is_quiet().await || !life.begin_close(seen) {
        return false;
    }
    entry.settle().await;
    entry.disconnect().await;
    entry.shut().await;
    entry.note().await;
    life.end();
    entry.leave().await;
    entry.look_again().await;
    true
}

#[cfg(test)]
mod tests;
