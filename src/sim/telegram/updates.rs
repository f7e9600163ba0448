//! Updates on their way to the bot: the queue, its offset, and what the bot asked for.
//!
//! Owns the queue and the webhook setting. An update stays until an offset above it, or the webhook's answer, confirms it,
//! so it is handed over again as often as it is asked for. Must not know what an update means, beyond the chat it is of.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

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

/// Between two tries to bring an update: doubled with each, as Telegram does, but quicker than Telegram's second, so that a
/// story does not wait.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many waiting updates are looked at for one that can be brought.
const LOOKED_AT: usize = 5_000;

/// What is brought in order: Telegram keeps a chat's messages in order, and presses of buttons beside them.
type Lane = (&'static str, i64);

#[derive(Debug)]
struct Entry {
    id: i64,
    body: Box<str>,
    /// The measured update that this is.
    track: Option<usize>,
    lane: Lane,
    /// Whether it is being brought to the webhook.
    flying: bool,
    tries: u32,
    /// Not before this.
    due: Option<Instant>,
}

/// A webhook that is set.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) max_connections: usize,
    /// Which setting this is: what an earlier one brought does not count.
    pub(super) setting: u64,
    /// The last failure: seconds since 1970, and Telegram's words.
    pub(super) last_error: Option<(u64, String)>,
}

/// An update on its way to the webhook.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: i64,
    pub(super) body: String,
    pub(super) hook: Hook,
    pub(super) track: Option<usize>,
}

/// The queue of one bot.
#[derive(Debug)]
pub(super) struct Queue {
    next_id: i64,
    entries: VecDeque<Entry>,
    allowed: Option<HashSet<String>>,
    /// Counts `getUpdates` calls; a waiting one that sees a higher number was overtaken.
    pub(super) generation: u64,
    /// Set while a webhook is active: polling is refused then.
    pub(super) webhook: Option<Hook>,
    /// Counts settings of webhooks.
    pub(super) settings: u64,
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
            settings: 0,
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
        Some(self.append(body, track, lane(kind, payload)))
    }

    /// Queues any object as an update under the next id, or under its own when it carries a higher one.
    pub(super) fn push_raw(&mut self, mut update: Value) -> Option<i64> {
        let own = update.get("update_id").and_then(Value::as_i64).filter(|id| *id >= self.next_id);
        self.next_id = own.unwrap_or(self.next_id);
        update.as_object_mut()?.insert("update_id".into(), json!(self.next_id));
        let known = KINDS.iter().find_map(|kind| Some(lane(kind, update.get(*kind)?)));
        Some(self.append(update.to_string(), None, known.unwrap_or(("", self.next_id))))
    }

    fn append(&mut self, body: String, track: Option<usize>, lane: Lane) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.queued += 1;
        let body = body.into();
        self.entries.push_back(Entry { id, body, track, lane, flying: false, tries: 0, due: None });
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

    /// Sets a webhook, or with `None` ends it. What is on its way to an earlier one counts as not brought.
    pub(super) fn set_webhook(&mut self, hook: Option<Hook>) {
        self.settings += 1;
        self.webhook = hook.map(|hook| Hook { setting: self.settings, ..hook });
        for entry in &mut self.entries {
            (entry.flying, entry.tries, entry.due) = (false, 0, None);
        }
    }

    /// What can be brought to the webhook now: of each lane the oldest, and no more at once than were asked for. Otherwise
    /// when to look again, where that is known.
    pub(super) fn deliveries(&mut self, now: Instant) -> Result<Vec<Delivery>, Option<Instant>> {
        let Some(hook) = self.webhook.clone() else { return Err(None) };
        let mut room = hook.max_connections.saturating_sub(self.entries.iter().filter(|entry| entry.flying).count());
        let (mut found, mut again, mut taken) = (Vec::new(), None::<Instant>, HashSet::new());
        for entry in self.entries.iter_mut().take(LOOKED_AT) {
            if room == 0 {
                break;
            }
            if !taken.insert(entry.lane) || entry.flying {
                continue;
            }
            if let Some(due) = entry.due.filter(|due| *due > now) {
                again = Some(again.map_or(due, |again| again.min(due)));
                continue;
            }
            (entry.flying, room) = (true, room - 1);
            found.push(Delivery { id: entry.id, body: entry.body.to_string(), hook: hook.clone(), track: entry.track });
        }
        self.handed_over += found.len() as u64;
        if found.is_empty() { Err(again) } else { Ok(found) }
    }

    /// What came of bringing one: `Err` with Telegram's words for it.
    pub(super) fn delivered(&mut self, id: i64, setting: u64, outcome: Result<(), String>, unix: u64, now: Instant) {
        let Some(hook) = self.webhook.as_mut().filter(|hook| hook.setting == setting) else { return };
        let Some(at) = self.entries.iter().position(|entry| entry.id == id) else { return };
        match outcome {
            Ok(()) => {
                self.entries.remove(at);
            }
            Err(words) => {
                hook.last_error = Some((unix, words));
                let entry = &mut self.entries[at];
                let pause = FIRST_PAUSE.saturating_mul(1 << entry.tries.min(10)).min(LONGEST_PAUSE);
                (entry.flying, entry.tries, entry.due) = (false, entry.tries + 1, Some(now + pause));
            }
        }
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

fn lane(kind: &str, payload: &Value) -> Lane {
    let id = |value: &Value| value["id"].as_i64().unwrap_or(0);
    match kind {
        "message" | "edited_message" => ("messages", id(&payload["chat"])),
        "callback_query" => ("presses", id(&payload["from"])),
        _ => ("others", id(&payload["chat"])),
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

    fn hook(max_connections: usize) -> Hook {
        Hook { url: String::new(), secret: None, max_connections, setting: 0, last_error: None }
    }

    fn flying(queue: &mut Queue, now: Instant) -> Vec<i64> {
        queue.deliveries(now).unwrap_or_default().iter().map(|delivery| delivery.id).collect()
    }

    #[test]
    fn a_webhook_gets_each_chat_in_order_and_what_failed_again_later() {
        let (mut queue, now) = (Queue::new(1), Instant::now());
        for chat in [7, 7, 8, 9] {
            queue.push("message", &json!({"chat": {"id": chat}}), None);
        }
        queue.push("callback_query", &json!({"from": {"id": 7}}), None);
        assert!(queue.deliveries(now).is_err());
        queue.set_webhook(Some(hook(3)));
        assert_eq!(flying(&mut queue, now), [1, 3, 4]);
        queue.delivered(3, 1, Ok(()), 0, now);
        assert_eq!(flying(&mut queue, now), [5]);
        queue.delivered(1, 1, Err("503".into()), 0, now);
        assert!(flying(&mut queue, now).is_empty(), "the next of that chat waits behind the one that failed");
        assert_eq!(flying(&mut queue, now + FIRST_PAUSE), [1]);
        assert_eq!(queue.webhook.as_ref().unwrap().last_error.as_ref().unwrap().1, "503");
        queue.set_webhook(None);
        queue.delivered(1, 1, Ok(()), 0, now);
        assert_eq!(ids(&mut queue, 100), [1, 2, 4, 5], "what nobody waits for any more was not brought");
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
