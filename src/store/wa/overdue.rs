//! Received messages that are not written down yet: which of them must not be forgotten?
//!
//! The client decrypts a message, which can be done once, and then has the store keep it until its owner has it. When
//! the disk is full just then, the message is not acknowledged and comes again, but cannot be decrypted again; without a
//! kept copy the client would take it for one that was dealt with, and acknowledge it. So the copy stays here, and goes
//! into the file with whatever is written next: before the ratchet that has moved on. For the same reason every copy goes
//! through here: the ratchet may stand in the queue before it, and the process may die between the two. Owns memory
//! only. Must not decide when anything is written.
use super::super::{Result, Tx};
use super::protocol_rows::STORE_PENDING;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Chat, sender, id.
pub(super) type Key = (String, String, String);

type Rows = BTreeMap<Key, (Vec<u8>, i64)>;

/// How many are kept. WhatsApp stops sending to who acknowledges nothing long before.
const KEPT: usize = 10_000;

/// The messages, with the second in which they came. A clone is another reference to the same ones.
#[derive(Clone, Default)]
pub(super) struct Overdue(Arc<Mutex<Rows>>);

impl std::fmt::Debug for Overdue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overdue({})", self.rows().len())
    }
}

impl Overdue {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message. `false`: too many are kept already.
    pub(super) fn keep(&self, key: Key, message: Vec<u8>, at: i64) -> bool {
        let mut rows = self.rows();
        let room = rows.len() < KEPT;
        if room {
            rows.insert(key, (message, at));
        }
        room
    }

    /// A kept message.
    pub(super) fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.rows().get(key).map(|(message, _)| message.clone())
    }

    /// Writes down what is kept; which ones.
    pub(super) fn write(&self, tx: &Tx<'_>) -> Result<Vec<Key>> {
        let rows = self.rows();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = tx.prepare_cached(STORE_PENDING)?;
        for ((chat, sender, id), (message, at)) in rows.iter() {
            statement.execute((chat, sender, id, message, at))?;
        }
        Ok(rows.keys().cloned().collect())
    }

    /// These are in the file now.
    pub(super) fn written(&self, keys: &[Key]) {
        if !keys.is_empty() {
            self.rows().retain(|key, _| !keys.contains(key));
        }
    }
}
