//! What an operator sees of how the bot is used. It names nobody.
use super::{Resource, Timestamp};
use serde::{Deserialize, Serialize};

/// What was done in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    /// When it began.
    pub at: Timestamp,
    /// Updates from Telegram that a step took.
    pub updates: u64,
    /// Messages from WhatsApp.
    pub received: u64,
    /// Messages that WhatsApp took.
    pub sent: u64,
}

impl Hour {
    /// How long it is, in milliseconds.
    pub const MILLIS: i64 = 3_600_000;

    /// When the hour of this moment began.
    #[must_use]
    pub fn of(at: Timestamp) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(Self::MILLIS))
    }

    /// Whether nothing was done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.updates == 0 && self.received == 0 && self.sent == 0
    }
}

/// How the bot is used.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Since when this daemon runs.
    pub since: Timestamp,
    /// People who are known, where the directory answers.
    pub known: Option<u64>,
    /// People whose worlds are awake.
    pub awake: u64,
    /// Numbers that are connected.
    pub connected: u64,
    /// Numbers of those who are awake.
    pub numbers: u64,
    /// Numbers that wait for a place.
    pub waiting: u64,
    /// How much is used, and of how much.
    pub used: Vec<(Resource, u64, u64)>,
    /// The last hours in which something was done, oldest first.
    pub hours: Vec<Hour>,
}

/// Two bars for each hour, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// What was received and what was sent.
    pub bars: Vec<[u64; 2]>,
    /// When the first of these hours began.
    pub from: Timestamp,
    /// What the reader's clocks are ahead of UTC, in minutes.
    pub ahead: i32,
}
