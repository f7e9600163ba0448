//! How soon the next request may go: of the bot, or of one chat.
//!
//! A pace is one point in time, the moment at which it will be as good as new (the virtual scheduling form of a leaky
//! bucket, ITU-T I.371), so it needs no timer and an idle one can be forgotten.
use crate::domain::ChatId;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Below this many chats none is forgotten.
const KEPT: usize = 1024;

/// A rate and its burst.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// Between two requests.
    interval: Duration,
    /// How far ahead of the even pace requests may run.
    ahead: Duration,
}

impl Rate {
    /// `burst` at once, then `rate` in `per`.
    fn new(rate: u32, per: Duration, burst: u32) -> Self {
        let interval = per / rate.max(1);
        Rate { interval, ahead: interval * (burst.max(1) - 1) }
    }

    /// At most `max` in any `window`, one part in `share` of it at once.
    fn in_any(max: u32, window: Duration, share: u32) -> Self {
        let max = max.max(1);
        let burst = (max / share).max(1);
        // Over a window that begins with the burst, burst and pace together make the maximum.
        Rate::new(if max > burst { max - burst } else { max }, window, burst)
    }
}

/// When there is something left.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// When the pace is as good as new.
    whole_at: Instant,
    /// Nothing before this.
    paused_until: Instant,
}

impl Mark {
    fn new(now: Instant) -> Self {
        Mark { whole_at: now, paused_until: now }
    }

    fn ready_at(&self, rate: &Rate) -> Instant {
        let ready = self.whole_at.checked_sub(rate.ahead).unwrap_or(self.paused_until);
        ready.max(self.paused_until)
    }

    fn take(&mut self, rate: &Rate, now: Instant) {
        self.whole_at = self.whole_at.max(now) + rate.interval;
    }

    fn give_back(&mut self, rate: &Rate) {
        self.whole_at = self.whole_at.checked_sub(rate.interval).unwrap_or(self.whole_at);
    }
}

/// The pace of the bot.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    mark: Mark,
}

impl Pace {
    /// At most `max` in any `window`, one part in `share` of it at once.
    pub(super) fn in_any(max: u32, window: Duration, share: u32, now: Instant) -> Self {
        Pace { rate: Rate::in_any(max, window, share), mark: Mark::new(now) }
    }

    pub(super) fn ready_at(&self) -> Instant {
        self.mark.ready_at(&self.rate)
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.mark.take(&self.rate, now);
    }

    pub(super) fn give_back(&mut self) {
        self.mark.give_back(&self.rate);
    }

    pub(super) fn pause(&mut self, until: Instant) {
        self.mark.paused_until = self.mark.paused_until.max(until);
    }
}

/// The paces of all chats that lately had a request.
#[derive(Debug)]
pub(super) struct Chats {
    private: Rate,
    group: Rate,
    marks: HashMap<ChatId, Mark>,
    /// Idle chats are looked for when there are this many.
    sweep_at: usize,
    /// What "long ago" is, for chats that are not remembered.
    start: Instant,
}

impl Chats {
    pub(super) fn new(per_second: u32, burst: u32, group_per_minute: u32, now: Instant) -> Self {
        Chats {
            private: Rate::new(per_second, Duration::from_secs(1), burst),
            group: Rate::in_any(group_per_minute, Duration::from_secs(60), 4),
            marks: HashMap::new(),
            sweep_at: KEPT,
            start: now,
        }
    }

    /// Groups and channels have negative ids. Source: Telegram Bot API, `Chat.id` (Telegram's own convention).
    fn rate(&self, chat: ChatId) -> Rate {
        if chat.0 < 0 { self.group } else { self.private }
    }

    pub(super) fn ready_at(&self, chat: ChatId) -> Instant {
        self.marks.get(&chat).map_or(self.start, |mark| mark.ready_at(&self.rate(chat)))
    }

    pub(super) fn take(&mut self, chat: ChatId, now: Instant) {
        let rate = self.rate(chat);
        self.mark(chat, now).take(&rate, now);
    }

    pub(super) fn give_back(&mut self, chat: ChatId) {
        let rate = self.rate(chat);
        if let Some(mark) = self.marks.get_mut(&chat) {
            mark.give_back(&rate);
        }
    }

    pub(super) fn pause(&mut self, chat: ChatId, until: Instant, now: Instant) {
        let mark = self.mark(chat, now);
        mark.paused_until = mark.paused_until.max(until);
    }

    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    fn mark(&mut self, chat: ChatId, now: Instant) -> &mut Mark {
        if self.marks.len() >= self.sweep_at {
            self.marks.retain(|_, mark| mark.whole_at > now || mark.paused_until > now);
            // Looking again only when it has doubled spreads the cost over as many requests.
            self.sweep_at = KEPT.max(self.marks.len() * 2);
        }
        self.marks.entry(chat).or_insert_with(|| Mark::new(now))
    }
}
