//! What waits for one device. It answers "what must this device still get?"; it owns the stanzas until the device confirms
//! them, across connections. It must never drop a stanza because it was written to a socket.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use whatsapp_rust::wacore_binary::Node;

/// Most stanzas one device may have waiting; the oldest goes first, as a server's retention would have it.
const CAPACITY: usize = 200_000;

/// One waiting stanza.
#[derive(Debug)]
struct Entry {
    class: &'static str,
    id: String,
    node: Arc<Node>,
}

/// How a device says that it has a stanza: for a message it says both, in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// `<ack>`.
    Ack,
    /// `<receipt>`.
    Receipt,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    /// Confirmed messages of which the device has said one word: the other one must not take out a repeat of the same id.
    half_said: HashMap<String, Word>,
    /// How many entries, from the front, the current reader has been given.
    given: usize,
    reader: u64,
}

/// The stanzas that wait for one device.
#[derive(Debug, Default)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    arrived: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a stanza. `class` is what the device will name in its acknowledgement (`message`, `receipt`, `notification`).
    pub fn push(&self, class: &'static str, id: String, node: Arc<Node>) {
        let mut inner = self.lock();
        if inner.entries.len() >= CAPACITY && inner.entries.pop_front().is_some() {
            inner.given = inner.given.saturating_sub(1);
        }
        inner.entries.push_back(Entry { class, id, node });
        drop(inner);
        self.arrived.notify_one();
    }

    /// Makes `reader` the one that is given stanzas, from the first unconfirmed one on. Returns how many wait.
    pub fn open(&self, reader: u64) -> usize {
        let mut inner = self.lock();
        (inner.reader, inner.given) = (reader, 0);
        // Whatever else the last reader would have said will not come.
        inner.half_said.clear();
        let waiting = inner.entries.len();
        drop(inner);
        self.arrived.notify_one();
        waiting
    }

    /// Up to `most` stanzas that `reader` was not given yet; `None` when another reader has taken over.
    pub fn give(&self, reader: u64, most: usize) -> Option<Vec<Arc<Node>>> {
        let mut inner = self.lock();
        if inner.reader != reader {
            drop(inner);
            // The wake-up was meant for the new reader.
            self.arrived.notify_one();
            return None;
        }
        let batch: Vec<_> = inner.entries.iter().skip(inner.given).take(most).map(|e| Arc::clone(&e.node)).collect();
        inner.given += batch.len();
        Some(batch)
    }

    /// Takes a confirmed stanza out. Whether there was one.
    pub fn settle(&self, class: &str, id: &str, word: Word) -> bool {
        let mut inner = self.lock();
        if inner.half_said.get(id).is_some_and(|said| *said != word) {
            inner.half_said.remove(id);
            return false;
        }
        let Some(at) = inner.entries.iter().position(|e| e.class == class && e.id == id) else {
            return false;
        };
        inner.entries.remove(at);
        if class == "message" {
            if inner.half_said.len() >= CAPACITY {
                inner.half_said.clear();
            }
            inner.half_said.insert(id.to_owned(), word);
        }
        if at < inner.given {
            inner.given -= 1;
        }
        true
    }

    /// Takes everything out, in order.
    pub fn drain(&self) -> Vec<Arc<Node>> {
        let mut inner = self.lock();
        inner.given = 0;
        inner.entries.drain(..).map(|e| e.node).collect()
    }

    /// How many stanzas wait for confirmation.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Lets [`arrived`](Self::arrived) resolve once more: there is more to give.
    pub fn nudge(&self) {
        self.arrived.notify_one();
    }

    /// Resolves when something may have arrived. Cancellation safe.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::wacore_binary::builder::NodeBuilder;

    fn push(mailbox: &Mailbox, id: &str) {
        mailbox.push("message", id.to_owned(), Arc::new(NodeBuilder::new("message").attr("id", id).build()));
    }

    #[test]
    fn what_was_given_but_not_confirmed_is_given_again_to_the_next_reader() {
        let mailbox = Mailbox::default();
        push(&mailbox, "a");
        push(&mailbox, "b");
        assert_eq!(mailbox.open(1), 2);
        assert_eq!(mailbox.give(1, 10).unwrap().len(), 2);
        assert!(mailbox.settle("message", "a", Word::Ack));
        assert_eq!(mailbox.open(2), 1);
        assert!(mailbox.give(1, 10).is_none());
        assert_eq!(mailbox.give(2, 10).unwrap().len(), 1);
        assert!(mailbox.give(2, 10).unwrap().is_empty());
    }

    #[test]
    fn a_confirmation_of_another_class_or_id_takes_nothing() {
        let mailbox = Mailbox::default();
        push(&mailbox, "a");
        assert!(!mailbox.settle("receipt", "a", Word::Ack));
        assert!(!mailbox.settle("message", "b", Word::Receipt));
        assert_eq!(mailbox.len(), 1);
    }

    #[test]
    fn the_second_word_about_a_message_does_not_take_out_its_repeat() {
        let mailbox = Mailbox::default();
        push(&mailbox, "a");
        assert!(mailbox.settle("message", "a", Word::Receipt));
        push(&mailbox, "a");
        assert!(!mailbox.settle("message", "a", Word::Ack));
        assert_eq!(mailbox.len(), 1);
        assert!(mailbox.settle("message", "a", Word::Receipt));
        // What a reader that has gone left unsaid is not waited for.
        push(&mailbox, "a");
        mailbox.open(2);
        assert!(mailbox.settle("message", "a", Word::Ack));
    }
}
