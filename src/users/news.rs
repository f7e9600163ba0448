//! News of a person's clients, waiting for the worker.
use crate::domain::{AccountId, ClientEvent, Generation};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// One piece of news, with the start of the client that it belongs to.
#[derive(Clone)]
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

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes up to `limit`, in order.
    pub fn take(&self, limit: usize) -> VecDeque<News> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = queue.len().min(limit);
        queue.drain(..n).collect()
    }

    /// Puts what was taken and could not be used in front again, in its order.
    pub fn put_back(&self, mut news: VecDeque<News>) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        news.append(&mut queue);
        *queue = news;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn online(generation: u64) -> News {
        News { account: AccountId(1), generation: Generation(generation), event: ClientEvent::Online }
    }

    #[test]
    fn what_could_not_be_used_comes_first_again() {
        let queue = NewsQueue::default();
        (1..=3).for_each(|n| queue.push(online(n)));
        let mut taken = queue.take(2);
        queue.push(online(4));
        taken.pop_front();
        queue.put_back(taken);
        let order: Vec<Generation> = queue.take(10).into_iter().map(|n| n.generation).collect();
        assert_eq!(order, [2, 3, 4].map(Generation));
    }
}
