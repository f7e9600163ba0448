//! When is somebody to be looked at again?
//!
//! Owns the order in which entries may have gone idle, and the list of projections with small changes. An access only
//! stores its time in the entry; an item that comes due too early is filed anew. So a sweep costs in proportion to what
//! is due, however many people there are.
use super::entry::UserEntry;
use crate::domain::TelegramId;
use crate::domain::expiry::Expiry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Small changes of one session are written at most this often.
pub(super) const SMALL_CHANGES: Duration = Duration::from_secs(1);

/// Who is to be looked at.
pub(super) enum Look {
    /// This entry.
    Entry(Weak<UserEntry>),
    /// A person without an entry, whose vault has a question that is overdue then.
    Asleep(TelegramId),
}

/// All looks, and all small changes.
#[derive(Default)]
pub(super) struct Looks {
    order: Mutex<Expiry<Instant, Look>>,
    small: Mutex<Vec<Weak<UserEntry>>>,
    /// Told when the first small change is listed.
    pub listed: Notify,
}

impl Looks {
    fn order(&self) -> MutexGuard<'_, Expiry<Instant, Look>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn file(&self, at: Instant, look: Look) {
        self.order().file(at, look);
    }

    /// The next one that is due.
    pub fn due(&self, now: Instant) -> Option<Look> {
        self.order().due(&now)
    }

    /// How many looks are filed.
    pub fn len(&self) -> usize {
        self.order().len()
    }

    /// Takes the entries with small changes.
    pub fn take_small(&self) -> Vec<Weak<UserEntry>> {
        std::mem::take(&mut self.small.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl UserEntry {
    /// Something has happened after which this entry may be idle: it is looked at in time, unless that is filed already.
    pub(super) fn stir(self: &Arc<Self>) {
        self.look_at(Instant::now() + self.shared.settings.session_ttl);
    }

    /// Files a look, unless one is filed.
    pub(super) fn look_at(self: &Arc<Self>, at: Instant) {
        if !self.filed.swap(true, Ordering::SeqCst) {
            self.looks.file(at, Look::Entry(Arc::downgrade(self)));
        }
    }

    /// Small changes of the session are written soon, with whatever else changes until then.
    pub(super) fn project_soon(self: &Arc<Self>) {
        if self.screen.listed.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut small = self.looks.small.lock().unwrap_or_else(PoisonError::into_inner);
        small.push(Arc::downgrade(self));
        let first = small.len() == 1;
        drop(small);
        if first {
            self.looks.listed.notify_one();
        }
    }
}
