//! A phone: the primary device of a number, of a linked user's as of a contact's. It answers "what did people write to this
//! number, and what happened to what it wrote?"; it owns the phone's private keys, its inbox and what it sent. It speaks
//! the same stanzas as every device and never looks into another device's state.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::waproto::whatsapp as wa;

use super::error::SimError;
use super::keys::Bundle;
use super::queue::Mailbox;
use super::ratchets::{PrivateKeys, Ratchets};

/// How many received messages, seen receipts and sent messages one phone remembers, each.
const MEMORY: usize = 20_000;

/// A message that a phone could read.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// Place in the phone's inbox, from 1.
    pub seq: u64,
    /// Message id.
    pub id: String,
    /// The sender's number.
    pub from: String,
    /// The sender's device, 0 for a phone.
    pub device: u16,
    /// When the own companions sent it: to which number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What it says, empty for something that has no text.
    pub text: String,
    /// `text`, `image`, `video`, `audio`, `document`, `sticker`, `reaction`, `revoke` or `other`.
    pub kind: &'static str,
    /// Server time, seconds.
    pub at: u64,
}

/// A receipt that a phone got for something it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenReceipt {
    /// Message id.
    pub id: String,
    /// Whose.
    pub from: String,
    /// The device that sent the receipt.
    pub device: u16,
    /// `delivery`, `inactive`, `read`, `played`, …
    pub kind: String,
}

#[derive(Debug, Default)]
struct Memory {
    inbox: VecDeque<Received>,
    known: HashSet<(String, String)>,
    repeats: u64,
    last: u64,
    receipts: VecDeque<SeenReceipt>,
    sent: HashMap<String, (Jid, Arc<wa::Message>)>,
    sent_order: VecDeque<String>,
    retries: HashMap<(String, u16), u8>,
}

/// A phone.
pub struct Phone {
    /// `number@s.whatsapp.net`.
    pub jid: Jid,
    /// What waits for it.
    pub mailbox: Mailbox,
    pub(super) ratchets: tokio::sync::Mutex<Ratchets>,
    keys: Arc<PrivateKeys>,
    memory: Mutex<Memory>,
    news: watch::Sender<u64>,
    awake: AtomicBool,
}

impl Phone {
    /// A phone with fresh keys.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when keys cannot be made.
    pub fn new(jid: Jid) -> Result<Self, SimError> {
        let keys = Arc::new(PrivateKeys::new()?);
        Ok(Self {
            jid,
            mailbox: Mailbox::default(),
            ratchets: tokio::sync::Mutex::new(Ratchets::new(Arc::clone(&keys))),
            keys,
            memory: Mutex::default(),
            news: watch::Sender::new(0),
            awake: AtomicBool::new(false),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that signs companions and is the phone's identity.
    pub fn account_key(&self) -> &KeyPair {
        &self.keys.identity
    }

    /// The registration id.
    pub fn registration_id(&self) -> u32 {
        self.keys.registration_id
    }

    /// A bundle for a peer.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when a key cannot be made.
    pub fn bundle(&self) -> Result<Bundle, SimError> {
        self.keys.bundle()
    }

    /// Claims the right to work through the mailbox; false when somebody is at it.
    pub(super) fn wake(&self) -> bool {
        !self.awake.swap(true, Ordering::AcqRel)
    }

    /// Gives the right back; true when something arrived meanwhile and it was claimed again.
    pub(super) fn doze(&self) -> bool {
        self.awake.store(false, Ordering::Release);
        self.mailbox.len() > 0 && self.wake()
    }

    /// Notes a message; its place in the inbox is given here. One that is there already, by its sender's number and id, is
    /// not shown again, as on every phone.
    pub(super) fn note_message(&self, mut message: Received) {
        let mut memory = self.memory();
        if !memory.known.insert((message.from.clone(), message.id.clone())) {
            memory.repeats += 1;
            return;
        }
        memory.last += 1;
        message.seq = memory.last;
        memory.inbox.push_back(message);
        if memory.inbox.len() > MEMORY
            && let Some(old) = memory.inbox.pop_front()
        {
            memory.known.remove(&(old.from, old.id));
        }
        self.news.send_replace(memory.last);
    }

    /// Notes a receipt.
    pub(super) fn note_receipt(&self, receipt: SeenReceipt) {
        let mut memory = self.memory();
        memory.receipts.push_back(receipt);
        if memory.receipts.len() > MEMORY {
            memory.receipts.pop_front();
        }
        let last = memory.last;
        self.news.send_replace(last);
    }

    /// Keeps what was sent, for the case that a device asks again.
    pub(super) fn remember(&self, id: &str, to: Jid, message: Arc<wa::Message>) {
        let mut memory = self.memory();
        memory.sent.insert(id.to_owned(), (to, message));
        memory.sent_order.push_back(id.to_owned());
        if memory.sent_order.len() > MEMORY
            && let Some(old) = memory.sent_order.pop_front()
        {
            memory.sent.remove(&old);
        }
    }

    /// What was sent under this id, and to whom.
    pub(super) fn recall(&self, id: &str) -> Option<(Jid, Arc<wa::Message>)> {
        self.memory().sent.get(id).cloned()
    }

    /// Counts how often this message could not be read; the count goes into the retry receipt.
    pub(super) fn count_retry(&self, id: &str, device: u16) -> u8 {
        let mut memory = self.memory();
        if memory.retries.len() > MEMORY {
            memory.retries.clear();
        }
        let count = memory.retries.entry((id.to_owned(), device)).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The message that was received under this id.
    pub fn received(&self, id: &str) -> Option<Received> {
        self.memory().inbox.iter().rev().find(|m| m.id == id).cloned()
    }

    /// How many messages came that were there already.
    pub fn repeats(&self) -> u64 {
        self.memory().repeats
    }

    /// What was received after place `after`.
    pub fn inbox(&self, after: u64) -> Vec<Received> {
        self.memory().inbox.iter().filter(|m| m.seq > after).cloned().collect()
    }

    /// What was received after place `after`; waits for at most `wait` while there is nothing. Cancellation safe.
    pub async fn wait_inbox(&self, after: u64, wait: Duration) -> Vec<Received> {
        let mut news = self.news.subscribe();
        if tokio::time::timeout(wait, news.wait_for(|last| *last > after)).await.is_err() {
            return Vec::new();
        }
        self.inbox(after)
    }

    /// The receipts seen so far, oldest first.
    pub fn receipts(&self) -> Vec<SeenReceipt> {
        self.memory().receipts.iter().cloned().collect()
    }

    /// Waits for at most `wait` until a receipt fits. Cancellation safe.
    pub async fn wait_receipt(
        &self,
        wait: Duration,
        fits: impl Fn(&SeenReceipt) -> bool + Send + Sync,
    ) -> Option<SeenReceipt> {
        let mut news = self.news.subscribe();
        let found = async {
            loop {
                if let Some(found) = self.memory().receipts.iter().find(|r| fits(r)).cloned() {
                    return Some(found);
                }
                if news.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(wait, found).await.ok().flatten()
    }
}
