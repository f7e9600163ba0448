//! News of a person's clients, waiting for the worker.
use crate::domain::{AccountId, ClientEvent, Generation};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// One piece of news, with the start of the client that it belongs to.
pub struct News {
    /// Whose.
    pub account: AccountId,
    /// Of which start.
    pub generation: Generation,
    /// What.
    pub event: ClientEvent,
}

/// How many receipts may wait. WhatsApp tells them once; beyond this the oldest knowledge is given up: a receipt is best
/// effort, and a later one proves the earlier.
const RECEIPTS: usize = 10_000;

/// The queue. Pushing never waits, as a client's event handler must not.
#[derive(Default)]
pub struct NewsQueue(Mutex<VecDeque<News>>);

impl NewsQueue {
    /// Adds news. Receipts beyond the bound are dropped; anything else always has room, because a client tells it at most
    /// a few times a minute.
    pub fn push(&self, news: News) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= RECEIPTS && matches!(news.event, ClientEvent::Receipt { .. }) {
            return;
        }
        queue.push_back(news);
    }

    /// Takes up to `limit`, in order.
    pub fn take(&self, limit: usize) -> Vec<News> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = queue.len().min(limit);
        queue.drain(..n).collect()
    }
}
