//! The words of the control API about load and counters.
//!
//! Owns no state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Many text messages at once, spread over users in turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// How many updates.
    pub updates: u64,
    /// Over how many users.
    pub users: u64,
    /// The first user's id; the others follow.
    pub first_user_id: i64,
    /// Text; `{n}` becomes a number that no other tracked update has.
    pub text: String,
    /// Which message of the bot counts as the reply.
    #[serde(default)]
    pub matching: Matching,
}

/// Which message of the bot counts as the reply to a tracked update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The next one in the chat: replies come in order, one each.
    #[default]
    Fifo,
    /// The first one in the chat whose text contains the update's number as a whole word.
    Token,
    /// None is expected; only delivery is measured.
    None,
}

/// Spread of durations, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// Half were quicker.
    pub p50_us: u64,
    /// 90 of 100 were quicker.
    pub p90_us: u64,
    /// 99 of 100 were quicker.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
}

/// What came of tracked updates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BulkReport {
    /// Tracked updates that were queued.
    pub enqueued: u64,
    /// Of these, handed to the bot at least once.
    pub delivered: u64,
    /// Of these, replied to.
    pub replied: u64,
    /// From queueing to the reply.
    pub from_enqueue: Spread,
    /// From the first hand-over to the reply.
    pub from_delivery: Spread,
    /// First queueing, microseconds since the server started.
    pub first_us: u64,
    /// Last reply, microseconds since the server started.
    pub last_us: u64,
    /// Each update as `[user id, queued, handed over, replied]`, microseconds since start, 0 for not yet; on request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<[i64; 4]>,
}

/// Counters since start or reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Calls by method.
    pub calls: BTreeMap<String, u64>,
    /// Refusals by code.
    pub refused: BTreeMap<u16, u64>,
    /// Updates queued.
    pub updates_queued: u64,
    /// Updates handed over, repeats included.
    pub updates_handed_over: u64,
    /// Updates not confirmed yet.
    pub updates_pending: u64,
    /// Messages that the bot sent.
    pub bot_messages: u64,
    /// Connections cut by faults.
    pub cut: u64,
    /// Microseconds since the server started.
    pub now_us: u64,
}
