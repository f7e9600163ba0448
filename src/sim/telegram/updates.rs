//! Updates on their way to the bot: the queue, its offset, and what the bot asked for.
//!
//! Owns the queue and the webhook setting. An update stays until an offset above it confirms it, so it is handed
//! over again as often as it is asked for. Must not know what an update means.

use std::collections::{HashSet, VecDeque};

use serde_json::{Value, json};

/// Every field of `Update` in Bot API 10.1 that can be asked for.
pub(super) const KINDS: &[&str] = &[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
];

/// Kinds that come only when they are named.
const ONLY_WHEN_NAMED: &[&str] = &["chat_member", "message_reaction", "message_reaction_count"];

#[derive(Debug)]
struct Entry {
    id: i64,
    body: Box<str>,
    /// The measured update that this is.
    track: Option<usize>,
}

/// The queue of one bot.
#[derive(Debug)]
pub(super) struct Queue {
    next_id: i64,
    entries: VecDeque<Entry>,
    allowed: Option<HashSet<String>>,
    /// Counts `getUpdates` calls; a waiting one that sees a higher number was overtaken.
    pub(super) generation: u64,
    /// Set while a webhook is active: polling is refused then. Nothing is ever sent to it.
    pub(super) webhook: Option<Value>,
    pub(super) queued: u64,
    pub(super) handed_over: u64,
}

/// What one poll gives.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// JSON array.
    pub(super) body: String,
    pub(super) tracks: Vec<usize>,
    pub(super) count: usize,
}

impl Queue {
    pub(super) fn new(next_id: i64) -> Self {
        Self {
            next_id,
            entries: VecDeque::new(),
            allowed: None,
            generation: 0,
            webhook: None,
            queued: 0,
            handed_over: 0,
        }
    }

    /// Where a queue after this one goes on, so that ids never repeat.
    pub(super) fn next_id(&self) -> i64 {
        self.next_id
    }

    pub(super) fn pending(&self) -> usize {
        self.entries.len()
    }

    /// Remembered until the next call that names kinds; an empty list means the default ones.
    pub(super) fn allow(&mut self, kinds: HashSet<String>) {
        self.allowed = if kinds.is_empty() { None } else { Some(kinds) };
    }

    pub(super) fn allowed(&self) -> Option<Vec<&String>> {
        self.allowed.as_ref().map(|kinds| {
            let mut kinds: Vec<_> = kinds.iter().collect();
            kinds.sort();
            kinds
        })
    }

    pub(super) fn wants(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(kinds) => kinds.contains(kind),
            None => !ONLY_WHEN_NAMED.contains(&kind),
        }
    }

    /// Queues an update; `None` when the bot did not ask for its kind.
    pub(super) fn push(&mut self, kind: &str, payload: &Value, track: Option<usize>) -> Option<i64> {
        if !self.wants(kind) {
            return None;
        }
        let body = format!("{{\"update_id\":{},\"{kind}\":{payload}}}", self.next_id);
        Some(self.append(body, track))
    }

    /// Queues any object as an update under the next id, or under its own when it carries a higher one.
    pub(super) fn push_raw(&mut self, mut update: Value) -> Option<i64> {
        let own = update.get("update_id").and_then(Value::as_i64).filter(|id| *id >= self.next_id);
        self.next_id = own.unwrap_or(self.next_id);
        update.as_object_mut()?.insert("update_id".into(), json!(self.next_id));
        Some(self.append(update.to_string(), None))
    }

    fn append(&mut self, body: String, track: Option<usize>) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.queued += 1;
        self.entries.push_back(Entry { id, body: body.into(), track });
        id
    }

    /// Everything below the offset is confirmed; a negative one keeps that many from the end.
    pub(super) fn confirm(&mut self, offset: i64) {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let surplus = self.entries.len().saturating_sub(keep);
            self.entries.drain(..surplus);
            return;
        }
        while self.entries.front().is_some_and(|entry| entry.id < offset) {
            self.entries.pop_front();
        }
    }

    pub(super) fn forget_pending(&mut self) {
        self.entries.clear();
    }

    /// The oldest unconfirmed updates; they stay queued.
    pub(super) fn batch(&mut self, limit: usize) -> Option<Batch> {
        if self.entries.is_empty() {
            return None;
        }
        let mut batch = Batch { body: "[".to_owned(), ..Batch::default() };
        for entry in self.entries.iter().take(limit) {
            if batch.count > 0 {
                batch.body.push(',');
            }
            batch.body.push_str(&entry.body);
            batch.tracks.extend(entry.track);
            batch.count += 1;
        }
        batch.body.push(']');
        self.handed_over += batch.count as u64;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(queue: &mut Queue, limit: usize) -> Vec<i64> {
        let Some(batch) = queue.batch(limit) else { return Vec::new() };
        let updates: Vec<Value> = serde_json::from_str(&batch.body).unwrap();
        updates.iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
    }

    #[test]
    fn an_update_is_handed_over_until_an_offset_above_it_comes() {
        let mut queue = Queue::new(10);
        for _ in 0..4 {
            queue.push("message", &json!({}), None);
        }
        assert_eq!(ids(&mut queue, 2), [10, 11]);
        assert_eq!(ids(&mut queue, 100), [10, 11, 12, 13]);
        queue.confirm(12);
        assert_eq!(ids(&mut queue, 100), [12, 13]);
        queue.confirm(-1);
        assert_eq!(ids(&mut queue, 100), [13]);
        queue.confirm(99);
        assert_eq!(queue.pending(), 0);
    }

    #[test]
    fn kinds_that_were_not_asked_for_never_come() {
        let mut queue = Queue::new(1);
        assert_eq!(queue.push("message_reaction", &json!({}), None), None);
        queue.allow(HashSet::from(["callback_query".to_owned()]));
        assert_eq!(queue.push("message", &json!({}), None), None);
        assert_eq!(queue.push("callback_query", &json!({}), None), Some(1));
        queue.allow(HashSet::new());
        assert_eq!(queue.push("message", &json!({}), None), Some(2));
    }
}
