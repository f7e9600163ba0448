//! Everything that the simulated Telegram knows, behind one short lock.
//!
//! Owns all state of the server. No method here waits or does I/O; what has to wait for a change listens to a signal.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    SimConfig,
    chats::{Chat, Stored},
    faults::Faults,
    limits::Gate,
    load::Load,
    media::Files,
    params::Peer,
    profile::Profile,
    reply::Refusal,
    updates::Queue,
    wire::{Call, CallbackReply, RateLimits},
};

/// Presses kept for answers; older ones are "too old", as on Telegram.
const KEPT_QUERIES: usize = 50_000;

/// What wakes those who wait.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// An update was queued, or a poll was overtaken, or an outage began.
    pub(super) poll: Notify,
    /// A call was logged.
    pub(super) calls: Notify,
    /// A press was answered.
    pub(super) answers: Notify,
    /// A chat came to be.
    pub(super) chats: Notify,
    /// A measured update moved on.
    pub(super) load: Notify,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cfg: SimConfig,
    pub(super) signals: Arc<Signals>,
    pub(super) cancel: CancellationToken,
    world: Mutex<World>,
}

impl Shared {
    pub(super) fn new(cfg: SimConfig, cancel: CancellationToken) -> Self {
        let signals = Arc::new(Signals::default());
        let world = Mutex::new(World::new(&cfg, Arc::clone(&signals)));
        Self { cfg, signals, cancel, world }
    }

    /// A panic elsewhere leaves counters at worst, so the state is taken as it is.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bounded log of calls.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    pub(super) kept: VecDeque<Call>,
    pub(super) capacity: usize,
    pub(super) last_seq: u64,
    pub(super) by_method: BTreeMap<&'static str, u64>,
    pub(super) refused: BTreeMap<u16, u64>,
}

/// A press that waits for its answer.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) reply: CallbackReply,
}

/// All state.
#[derive(Debug)]
pub(super) struct World {
    pub(super) me: Map<String, Value>,
    pub(super) users: HashMap<i64, Map<String, Value>>,
    pub(super) chats: HashMap<i64, Chat>,
    pub(super) queue: Queue,
    pub(super) files: Files,
    pub(super) gate: Gate,
    pub(super) faults: Faults,
    pub(super) calls: CallLog,
    pub(super) load: Load,
    pub(super) profile: Profile,
    pub(super) bot_messages: u64,
    pub(super) cut: u64,
    pub(super) signals: Arc<Signals>,
    queries: HashMap<String, Query>,
    query_order: VecDeque<String>,
    next_query: u64,
    seq: u64,
    last_message_id: i64,
    epoch: Instant,
}

impl World {
    fn new(cfg: &SimConfig, signals: Arc<Signals>) -> Self {
        Self {
            me: cfg.me(),
            users: HashMap::new(),
            chats: HashMap::new(),
            queue: Queue::new(cfg.first_update_id),
            files: Files::default(),
            gate: Gate::new(cfg.limits),
            faults: Faults::default(),
            calls: CallLog { capacity: cfg.call_log, ..CallLog::default() },
            load: Load::default(),
            profile: Profile::new(&cfg.bot_name),
            bot_messages: 0,
            cut: 0,
            signals,
            queries: HashMap::new(),
            query_order: VecDeque::new(),
            next_query: 1,
            seq: 0,
            last_message_id: 0,
            epoch: Instant::now(),
        }
    }

    /// Forgets everything but the counts of ids: what a bot has stored must not meet a used id again.
    pub(super) fn reset(&mut self, cfg: &SimConfig) {
        let mut fresh = Self::new(cfg, Arc::clone(&self.signals));
        fresh.queue = Queue::new(self.queue.next_id());
        // A poll that waits goes on waiting: to be overtaken would tell its bot that another program polls.
        fresh.queue.generation = self.queue.generation;
        fresh.queue.settings = self.queue.settings;
        fresh.seq = self.seq;
        fresh.last_message_id = self.last_message_id;
        fresh.next_query = self.next_query;
        fresh.calls.last_seq = self.calls.last_seq;
        fresh.epoch = self.epoch;
        *self = fresh;
        self.signals.poll.notify_waiters();
    }

    pub(super) fn set_limits(&mut self, limits: RateLimits) {
        self.gate = Gate::new(limits);
    }

    /// Microseconds since the server started; never 0, which stands for "not yet".
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    pub(super) fn cursor(&self) -> u64 {
        self.seq
    }

    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(super) fn chat(&self, id: i64) -> Option<&Chat> {
        self.chats.get(&id)
    }

    /// The chat that a call means, whether or not the bot may write there.
    pub(super) fn find_chat(&self, peer: &Peer) -> Result<&Chat, Refusal> {
        let found = match peer {
            Peer::Id(id) => self.chats.get(id),
            Peer::Name(name) => self.chats.values().find(|chat| {
                !chat.is_private()
                    && chat
                        .json
                        .get("username")
                        .and_then(Value::as_str)
                        .is_some_and(|own| own.eq_ignore_ascii_case(name))
            }),
        };
        found.ok_or_else(|| Refusal::bad("chat not found"))
    }

    /// The chat that a call means, if the bot may act there.
    pub(super) fn open_chat(&self, peer: &Peer) -> Result<i64, Refusal> {
        let chat = self.find_chat(peer)?;
        let kind = if chat.kind() == "supergroup" { "supergroup chat" } else { chat.kind() };
        let kind = if kind == "group" { "group chat" } else { kind };
        match (chat.status.as_str(), chat.is_private()) {
            ("kicked", true) => Err(Refusal::forbidden("bot was blocked by the user")),
            ("kicked", false) => Err(Refusal::forbidden(format!("bot was kicked from the {kind}"))),
            ("left", false) => Err(Refusal::forbidden(format!("bot is not a member of the {kind}"))),
            _ => Ok(chat.id),
        }
    }

    /// Takes one message's worth from the budgets.
    pub(super) fn pass_gate(&mut self, chat: i64) -> Result<(), Refusal> {
        let group = self.chats.get(&chat).is_some_and(|chat| !chat.is_private());
        self.gate.pass(chat, group, Instant::now()).map_err(Refusal::too_many)
    }

    /// Adds a message to a chat; `content` is everything but id, chat, date and sender.
    pub(super) fn post(
        &mut self,
        chat_id: i64,
        from: Option<Value>,
        by_bot: bool,
        content: Map<String, Value>,
    ) -> Option<&Stored> {
        let seq = self.next_seq();
        let now_us = self.now_us();
        let chat = self.chats.get_mut(&chat_id)?;
        let id = if chat.counts_alone() {
            chat.next_own_id()
        } else {
            self.last_message_id += 1;
            self.last_message_id
        };
        let mut json = Map::new();
        json.insert("message_id".into(), id.into());
        if let Some(from) = from {
            json.insert("from".into(), from);
        }
        json.insert("chat".into(), Value::Object(chat.json.clone()));
        json.insert("date".into(), unix_now().into());
        json.extend(content);
        let stored = Stored {
            id,
            json,
            by_bot,
            edits: 0,
            deleted: false,
            reaction: None,
            seq,
            created_us: now_us,
            changed_us: now_us,
        };
        chat.insert(stored);
        if by_bot {
            self.bot_messages += 1;
        }
        self.chats.get(&chat_id)?.live(id)
    }

    /// The message as it appears inside an answer to it: without its own `reply_to_message`.
    pub(super) fn quoted(&self, chat_id: i64, message_id: i64) -> Option<Value> {
        let mut json = self.chats.get(&chat_id)?.live(message_id)?.json.clone();
        json.remove("reply_to_message");
        Some(Value::Object(json))
    }

    /// Queues an update and wakes the poll.
    pub(super) fn announce(&mut self, kind: &str, payload: &Value, track: Option<usize>) -> Option<i64> {
        let id = self.queue.push(kind, payload, track);
        if id.is_some() {
            self.signals.poll.notify_waiters();
        }
        id
    }

    /// A new id for a press.
    pub(super) fn open_query(&mut self) -> String {
        // As long as Telegram's own, and never a small number that code could mistake for something else.
        let id = format!("{}", 4_000_000_000_000_000_000_u64 + self.next_query);
        self.next_query += 1;
        self.queries.insert(id.clone(), Query::default());
        self.query_order.push_back(id.clone());
        if self.query_order.len() > KEPT_QUERIES
            && let Some(oldest) = self.query_order.pop_front()
        {
            self.queries.remove(&oldest);
        }
        id
    }

    pub(super) fn query(&mut self, id: &str) -> Option<&mut Query> {
        self.queries.get_mut(id)
    }

    /// Notes a call for the transcript of calls and the counters.
    pub(super) fn log_call(&mut self, method: &'static str, params: Value, outcome: Result<(), (u16, &str)>) {
        self.calls.last_seq += 1;
        *self.calls.by_method.entry(method).or_default() += 1;
        if let Err((code, _)) = outcome {
            *self.calls.refused.entry(code).or_default() += 1;
        }
        if self.calls.capacity == 0 {
            return;
        }
        if self.calls.kept.len() >= self.calls.capacity {
            self.calls.kept.pop_front();
        }
        let (error_code, description) = match outcome {
            Ok(()) => (None, None),
            Err((code, text)) => (Some(code), Some(text.to_owned())),
        };
        let at_us = self.now_us();
        let seq = self.calls.last_seq;
        let ok = outcome.is_ok();
        self.calls.kept.push_back(Call { seq, method: method.to_owned(), params, ok, error_code, description, at_us });
        self.signals.calls.notify_waiters();
    }

    pub(super) fn me_value(&self) -> Value {
        // Inside messages a bot is a plain user; its abilities are told by getMe alone.
        json!({
            "id": self.me["id"], "is_bot": true, "first_name": self.me["first_name"], "username": self.me["username"],
        })
    }
}

/// Seconds, as Telegram dates things.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
