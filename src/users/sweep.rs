//! What has gone idle, and rests from now on: conversations, whole entries, databases.
//!
//! Owns the rounds in which that is looked for. Each costs in proportion to what is due. It never ends anything that
//! somebody is at: that is `life`'s to decide.
use super::entry::UserEntry;
use super::going;
use super::looks::{Look, SMALL_CHANGES};
use super::store::UserDataStore;
use crate::session::SessionError;
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};

/// How many entries close at a time: each waits for the disk.
const AT_ONCE: usize = 16;

/// What one round found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Looked at.
    pub looked: usize,
    /// Conversations that rest from now on.
    pub expired: usize,
    /// Entries that have closed.
    pub closed: usize,
    /// People without an entry who were woken because their question is overdue.
    pub woken: usize,
}

impl UserDataStore {
    /// Rounds for conversations and entries, until `stop` is cancelled.
    pub async fn sweep(self) {
        let (every, stop) = (self.shared().settings.sweep, self.shared().stop.clone());
        while !waited(&stop, every).await {
            let swept = self.sweep_once(Instant::now()).await;
            if swept != Swept::default() {
                debug!(
                    expired = swept.expired,
                    closed = swept.closed,
                    looked = swept.looked,
                    "idle conversations rest"
                );
            }
        }
    }

    /// Rounds for databases, until `stop` is cancelled: an open one costs memory and file handles, and opening it again
    /// takes a fraction of a millisecond.
    pub async fn close_databases(self) {
        let (idle, stop) = (self.shared().settings.idle_close, self.shared().stop.clone());
        while !waited(&stop, idle / 2).await {
            self.shared().vaults.open_files().close_idle(idle).await;
        }
    }

    /// Writes small changes of sessions, each person's at most once a second, until `stop` is cancelled.
    pub async fn write_sessions(self) {
        let stop = self.shared().stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.looks().listed.notified() => {}
            }
            if waited(&stop, SMALL_CHANGES).await {
                return;
            }
            for entry in self.looks().take_small() {
                if let Some(entry) = entry.upgrade() {
                    entry.project().await;
                }
            }
        }
    }

    /// One round, as of `now`.
    pub async fn sweep_once(&self, now: Instant) -> Swept {
        let ttl = self.shared().ttl();
        // Looks are filed for when there is memory enough.
        let early = self.shared().settings.session_ttl.saturating_sub(ttl);
        let mut swept = Swept::default();
        let (mut idle, mut later) = (Vec::new(), Vec::new());
        while let Some(look) = self.looks().due(now + early) {
            swept.looked += 1;
            let entry = match look {
                Look::Entry(entry) => entry.upgrade(),
                // Their question is put aside a little later than it could be.
                Look::Asleep(user) if !early.is_zero() => {
                    self.looks().file(now + early + ttl, Look::Asleep(user));
                    None
                }
                Look::Asleep(user) => {
                    // Its own beginning finds the question, and that it is overdue.
                    swept.woken += usize::from(self.awaken(user));
                    None
                }
            };
            // Gone meanwhile, or just woken.
            let Some(entry) = entry else { continue };
            entry.filed.store(false, Ordering::SeqCst);
            match entry.screen.used() {
                Some(used) if used + ttl > now => later.push((entry, used + ttl)),
                Some(_) => {
                    entry.screen.ask_to_leave();
                    entry.updates_arrived();
                    swept.expired += 1;
                }
                // It stays for its clients; whatever changes that has it looked at again.
                None if entry.screen.needy_numbers() > 0 => {}
                None => idle.push(entry),
            }
        }
        for (entry, at) in later {
            entry.look_at(at);
        }
        swept.closed = self.close_idle(idle, now + ttl).await;
        // A server that is away has been told of, and keeps what it has until it is back.
        if let Err(e) = self.shared().sessions.store().cleanup().await
            && !matches!(e, SessionError::Away)
        {
            warn!(error.code = e.code(), "cannot let go of sessions that have expired");
        }
        swept
    }

    /// Closes those of these entries that nothing keeps; how many. The others are looked at again.
    async fn close_idle(&self, idle: Vec<Arc<UserEntry>>, again: Instant) -> usize {
        let closing = futures_util::stream::iter(idle).map(|entry| async move {
            let closed = going::close(&entry, self).await;
            if !closed {
                entry.look_at(again);
            }
            usize::from(closed)
        });
        closing.buffer_unordered(AT_ONCE).fold(0, |sum, closed| async move { sum + closed }).await
    }

    /// How many looks are filed.
    pub fn looks_filed(&self) -> usize {
        self.looks().len()
    }
}

/// Waits; `true`: the daemon stops.
async fn waited(stop: &tokio_util::sync::CancellationToken, wait: Duration) -> bool {
    tokio::select! {
        () = stop.cancelled() => true,
        () = tokio::time::sleep(wait) => false,
    }
}
