//! Messages that were decrypted just before the process died: which redelivery is one of them?
//!
//! A message can be decrypted once. The library writes the ratchet that has moved on apart from the copy that it keeps for
//! its owner; killed between the two, the redelivery looks like one that was dealt with, and would be acknowledged and
//! gone. So the store remembers what was dealt with. For a redelivery that is neither kept nor dealt with it answers with
//! a mark, which never leaves this process: who finds it asks the sender to send the message again. Owns the mark and
//! what was asked for; must not ask itself.
use super::late::Key;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::waproto::whatsapp as wa;

/// How many are remembered as asked for. Each is a message in flight at a death; there are never many.
const REMEMBERED: usize = 10_000;

/// The mark's text: random, so that nobody can send it.
fn mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| format!("lost {:032x}", rand::random::<u128>()))
}

/// Whether this message is the mark: its content is to be asked for again.
pub fn is_lost(message: &wa::Message) -> bool {
    message.conversation.as_deref() == Some(mark())
}

/// The mark as stored bytes.
pub(super) fn marked() -> Vec<u8> {
    wa::Message { conversation: Some(mark().into()), ..Default::default() }.encode_to_vec()
}

/// The messages that were asked for again and have not come yet.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashSet<Key>>);

impl Asked {
    fn keys(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that this one is lost.
    pub fn add(&self, key: Key) {
        let mut keys = self.keys();
        if keys.len() < REMEMBERED {
            keys.insert(key);
        }
    }

    /// It came after all.
    pub fn came(&self, key: &Key) {
        self.keys().remove(key);
    }

    /// Whether it is still lost: what is dealt with now is only its mark.
    pub fn holds(&self, key: &Key) -> bool {
        self.keys().contains(key)
    }
}
