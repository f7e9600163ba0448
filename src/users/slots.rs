//! A person's own clients: at most one for each of their numbers.
use super::bell::Bell;
use super::room::Place;
use crate::domain::{AccountId, Generation, Reason, Timestamp};
use crate::store::WaStore;
use crate::whatsapp::Client;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long a client that is being closed waits for the answer to the message that it has just sent.
pub(super) const LAST_ANSWER: Duration = Duration::from_secs(4);
/// What a provider may need on top of a limit to end by force what did not end by itself.
const OVERTIME: Duration = Duration::from_secs(6);

/// A client that runs, with what belongs to this start of it.
#[derive(Clone)]
pub(super) struct Running {
    pub account: AccountId,
    pub generation: Generation,
    pub client: Option<Arc<dyn Client>>,
    pub keys: WaStore,
    pub online: watch::Sender<bool>,
    pub sends: Arc<Bell>,
    /// Held while a message is with the client and until its outcome is on record.
    pub sending: Arc<tokio::sync::Mutex<()>>,
    /// What it runs on; free again once nobody holds this start any more. A number to be logged out needs none.
    pub place: Option<Arc<Place>>,
    /// Ends the courier of this start.
    pub stop: CancellationToken,
    /// Why the client has stopped by itself and will not come back.
    pub ended: Option<Reason>,
}

impl Running {
    /// Stops the client and lets go of its keys, cleanly within `limit`, else by force. A late write of it fails. A message
    /// that has just been handed over gets a moment for its answer, lest its sender be asked about it.
    pub async fn close(self, limit: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(limit.min(LAST_ANSWER), self.sending.lock()).await.is_err() {
            info!(account.id = self.account.0, "a client is closed while an answer from WhatsApp is awaited");
        }
        // The provider keeps the limit itself; the second one is for a provider that does not.
        if let Some(client) = &self.client
            && !timeout(limit + OVERTIME, client.close(limit)).await.unwrap_or(false)
        {
            warn!(account.id = self.account.0, "a client did not close in time and was stopped by force");
        }
        if let Err(e) = self.keys.handle().fence().await {
            info!(account.id = self.account.0, error.code = e.code(), "a key store did not close cleanly");
        }
        drop(self.place);
    }
}

/// What the owner of a number that waits for a place was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InLine {
    /// Since when it waits.
    pub since: Timestamp,
    /// Which place it has.
    pub place: usize,
}

#[derive(Default)]
struct State {
    running: HashMap<AccountId, Running>,
    /// Linkings that were asked for in this process and have not begun.
    links: HashSet<AccountId>,
    /// When linkings whose client has not started were asked for.
    asked: HashMap<AccountId, Instant>,
    /// Accounts that a task is busy with.
    busy: HashSet<AccountId>,
    /// Accounts that somebody waits beside because their connection is gone.
    absences: HashSet<AccountId>,
    /// Accounts that wait for a place: since when, and which place in line their owner was told.
    in_line: HashMap<AccountId, InLine>,
    /// Starts since the account was last online.
    attempts: HashMap<AccountId, u32>,
}

/// The clients.
#[derive(Default)]
pub(super) struct Slots {
    /// Locked for instants only.
    state: Mutex<State>,
    /// Told whenever an account is let go.
    released: Notify,
}

/// An account that one task is busy with.
pub(super) struct Occupied<'a>(&'a Slots, AccountId);

impl Drop for Occupied<'_> {
    fn drop(&mut self) {
        self.0.release(self.1);
    }
}

impl Slots {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation of the account's running client.
    pub fn generation(&self, account: AccountId) -> Option<Generation> {
        self.state().running.get(&account).map(|r| r.generation)
    }

    /// The account's running client.
    pub fn get(&self, account: AccountId) -> Option<Running> {
        self.state().running.get(&account).cloned()
    }

    /// Every account that has a running client.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.state().running.keys().copied().collect()
    }

    /// Every running client.
    pub fn all(&self) -> Vec<Running> {
        self.state().running.values().cloned().collect()
    }

    /// How many clients run, and how many of them are online.
    pub fn running(&self) -> (u64, u64) {
        let state = self.state();
        let online = state.running.values().filter(|r| *r.online.borrow()).count();
        (state.running.len() as u64, online as u64)
    }

    /// Whether a task is at work for an account, or a linking is about to begin.
    pub fn is_busy(&self) -> bool {
        let state = self.state();
        !state.busy.is_empty() || !state.links.is_empty()
    }

    /// Begins to wait beside an account whose connection is gone. `false`: somebody does already.
    pub fn watch_absence(&self, account: AccountId) -> bool {
        self.state().absences.insert(account)
    }

    /// Nobody waits beside it any more.
    pub fn absence_watched(&self, account: AccountId) {
        self.state().absences.remove(&account);
    }

    pub fn insert(&self, running: Running) {
        self.state().running.insert(running.account, running);
    }

    /// The client of this start runs. `None`: nobody wants it any more.
    pub fn started(&self, account: AccountId, generation: Generation, client: Arc<dyn Client>) -> Option<Running> {
        let mut state = self.state();
        let running = state.running.get_mut(&account).filter(|r| r.generation == generation)?;
        running.client = Some(client);
        Some(running.clone())
    }

    pub fn take(&self, account: AccountId) -> Option<Running> {
        self.state().running.remove(&account)
    }

    pub fn take_all(&self) -> Vec<Running> {
        self.state().running.drain().map(|(_, r)| r).collect()
    }

    /// The client has stopped by itself.
    pub fn ended(&self, account: AccountId, generation: Generation, reason: Reason) {
        if let Some(r) = self.state().running.get_mut(&account).filter(|r| r.generation == generation) {
            r.ended = Some(reason);
            r.online.send_replace(false);
        }
    }

    /// The client went on or off line.
    pub fn set_online(&self, account: AccountId, online: bool) {
        let mut state = self.state();
        if online {
            state.attempts.remove(&account);
        }
        if let Some(r) = state.running.get(&account) {
            r.online.send_replace(online);
        }
    }

    /// Counts a start; how many came before it since the account was last online.
    pub fn attempt(&self, account: AccountId) -> u32 {
        let mut state = self.state();
        let count = state.attempts.entry(account).or_default();
        let before = *count;
        *count = count.saturating_add(1);
        before
    }

    /// Messages to WhatsApp wait.
    pub fn sends_wait(&self) {
        for r in self.state().running.values() {
            r.sends.ring();
        }
    }

    /// A linking was asked for.
    pub fn request_link(&self, account: AccountId) {
        let mut state = self.state();
        state.links.insert(account);
        state.asked.insert(account, Instant::now());
    }

    /// When the linking that starts now was asked for.
    pub fn asked(&self, account: AccountId) -> Option<Instant> {
        self.state().asked.remove(&account)
    }

    /// Whether a linking was asked for and has not begun.
    pub fn link_waits(&self, account: AccountId) -> bool {
        self.state().links.contains(&account)
    }

    /// A linking begins.
    pub fn begin_link(&self, account: AccountId) {
        self.state().links.remove(&account);
    }

    /// An account has this place in line. Gives what is to be told, when that is not what was.
    pub fn waits_in_line(&self, account: AccountId, place: usize) -> Option<InLine> {
        let mut state = self.state();
        let told = state.in_line.get(&account).copied();
        if told.is_some_and(|told| told.place == place) {
            return None;
        }
        let news = InLine { since: told.map_or_else(Timestamp::now, |told| told.since), place };
        state.in_line.insert(account, news);
        Some(news)
    }

    /// An account waits in line no more. Gives what its owner was told.
    pub fn left_line(&self, account: AccountId) -> Option<InLine> {
        self.state().in_line.remove(&account)
    }

    /// Every account that waits in line.
    pub fn in_line(&self) -> Vec<AccountId> {
        self.state().in_line.keys().copied().collect()
    }

    /// Takes an account for one task. `false`: another one is busy with it.
    pub fn occupy(&self, account: AccountId) -> bool {
        self.state().busy.insert(account)
    }

    /// Takes an account once no other task is busy with it, until what is given is dropped.
    pub async fn occupy_in_turn(&self, account: AccountId) -> Occupied<'_> {
        loop {
            let mut released = std::pin::pin!(self.released.notified());
            released.as_mut().enable();
            if self.occupy(account) {
                return Occupied(self, account);
            }
            released.await;
        }
    }

    pub fn release(&self, account: AccountId) {
        self.state().busy.remove(&account);
        self.released.notify_waiters();
    }
}
