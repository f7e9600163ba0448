//! Rows that are written with whatever is written next: which are they?
//!
//! A message costs this file one commit, the one in which its ratchet moves on; what else is to be kept of it waits here for
//! that commit instead of having its own. A received message above all: it can be decrypted once, and must be in the file
//! before the ratchet that has moved on, or be dealt with; without a copy the client would take it, when it comes again, for
//! one that was dealt with, and acknowledge it. So every copy goes through here, and stays while the disk is full. That it was
//! dealt with is written down no earlier than its ratchet, either: killed before, it comes again and its owner knows it
//! already. Owns memory only. Must not decide when anything is written.
use super::super::{Result, Tx};
use super::protocol_rows::{DELETE_PENDING, NOTE_DONE, STORE_PENDING};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use whatsapp_rust::wacore::store::traits::MsgSecretEntry;

/// Chat, sender, id.
pub(super) type Key = (String, String, String);

/// How many received messages wait at most. WhatsApp stops sending to who acknowledges nothing long before.
const RECEIVED: usize = 10_000;
/// And how many secrets. A number that takes 100 messages a second has some three waiting.
const SECRETS: usize = 64;

/// What is to be kept of a received message, and the second in which that was known.
enum Received {
    /// The message itself: its owner does not have it yet.
    Kept(Vec<u8>, i64),
    /// That it was dealt with.
    Done(i64),
}

/// A message that was decrypted before its ratchet was written down has come here after that long at most.
const JUST: Duration = Duration::from_millis(10);

/// A ratchet is being written down until this is dropped.
pub(super) struct Moving(Arc<Inner>);

impl Drop for Moving {
    fn drop(&mut self) {
        *self.0.moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.moving.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All of it, each row with its number.
#[derive(Default)]
struct Rows {
    last: u64,
    received: BTreeMap<Key, (u64, Received)>,
    secrets: BTreeMap<u64, MsgSecretEntry>,
    /// Since when something waits, at most.
    since: Option<Instant>,
}

impl Rows {
    fn is_empty(&self) -> bool {
        self.received.is_empty() && self.secrets.is_empty()
    }

    /// The number of a row that is about to come.
    fn next(&mut self) -> u64 {
        self.since = self.since.or_else(|| Some(Instant::now()));
        self.last += 1;
        self.last
    }
}

/// What waits. A clone is another reference to the same rows.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<Inner>);

#[derive(Default)]
struct Inner {
    rows: Mutex<Rows>,
    added: Notify,
    unflushed: AtomicBool,
    /// How many ratchets are being written down, and when that ended last.
    moving: AtomicUsize,
    moved: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.rows();
        write!(f, "Late({}, {})", rows.received.len(), rows.secrets.len())
    }
}

impl Late {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A ratchet is about to be written down.
    pub(super) fn moves(&self) -> Moving {
        self.0.moving.fetch_add(1, Ordering::SeqCst);
        Moving(Arc::clone(&self.0))
    }

    /// Whether the ratchet of a message that comes just now may be in the file already: then it must not wait for that.
    pub(super) fn may_have_moved(&self) -> bool {
        let moved = *self.0.moved.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.moving.load(Ordering::SeqCst) > 0 || moved.is_some_and(|at| at.elapsed() < JUST)
    }

    /// Keeps a message. `false`: too many wait already.
    pub(super) fn keep(&self, key: Key, message: Vec<u8>, at: i64) -> bool {
        self.received(key, Received::Kept(message, at))
    }

    /// Notes that a message was dealt with. `false`: too many wait already.
    pub(super) fn done(&self, key: Key, at: i64) -> bool {
        self.received(key, Received::Done(at))
    }

    fn received(&self, key: Key, what: Received) -> bool {
        let mut rows = self.rows();
        let room = rows.received.len() < RECEIVED || rows.received.contains_key(&key);
        if room {
            let number = rows.next();
            rows.received.insert(key, (number, what));
            self.0.added.notify_one();
        }
        room
    }

    /// Keeps what decrypts later reactions, votes and edits of a message. `false`: so many wait that they had better be
    /// written.
    pub(super) fn add(&self, secret: MsgSecretEntry) -> bool {
        let mut rows = self.rows();
        let number = rows.next();
        rows.secrets.insert(number, secret);
        self.0.added.notify_one();
        rows.secrets.len() < SECRETS
    }

    /// What is known here of a message: `Some(None)`: it was dealt with.
    pub(super) fn get(&self, key: &Key) -> Option<Option<Vec<u8>>> {
        self.rows().received.get(key).map(|(_, what)| match what {
            Received::Kept(message, _) => Some(message.clone()),
            Received::Done(_) => None,
        })
    }

    /// How long something has waited, where something does.
    pub(super) fn age(&self) -> Option<Duration> {
        self.rows().since.map(|since| since.elapsed())
    }

    /// Has it looked at again.
    pub(super) fn look_again(&self) {
        self.0.added.notify_one();
    }

    /// Something was written and not flushed.
    pub(super) fn unflushed(&self) {
        self.0.unflushed.store(true, Ordering::SeqCst);
        self.0.added.notify_one();
    }

    /// Whether that was since this was asked last.
    pub(super) fn is_to_be_flushed(&self) -> bool {
        self.0.unflushed.swap(false, Ordering::SeqCst)
    }

    /// Waits until there is something to be written or flushed that was not when this was asked last.
    pub(super) async fn added(&self) {
        self.0.added.notified().await;
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// Writes down what waits; up to which row.
    pub(super) fn write(&self, tx: &Tx<'_>) -> Result<u64> {
        let rows = self.rows();
        for ((chat, sender, id), (_, what)) in &rows.received {
            match what {
                Received::Kept(message, at) => {
                    tx.prepare_cached(STORE_PENDING)?.execute((chat, sender, id, message, at))?;
                }
                Received::Done(at) => {
                    tx.prepare_cached(DELETE_PENDING)?.execute((chat, sender, id))?;
                    tx.prepare_cached(NOTE_DONE)?.execute((chat, sender, id, at))?;
                }
            }
        }
        for secret in rows.secrets.values() {
            super::msg_secret::put(tx, secret)?;
        }
        Ok(rows.last)
    }

    /// Everything up to this row is in the file now.
    pub(super) fn written(&self, last: u64) {
        let mut rows = self.rows();
        rows.received.retain(|_, (number, _)| *number > last);
        rows.secrets = rows.secrets.split_off(&(last + 1));
        rows.since = (!rows.is_empty()).then(Instant::now);
    }
}
