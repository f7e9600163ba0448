//! How fast a bot may send: Telegram's budgets per bot, per chat and per group.
//!
//! Owns the buckets. Must not know what is sent.

use std::{collections::HashMap, time::Instant};

use super::wire::RateLimits;

/// Above this many chats the full buckets are dropped: a full bucket says nothing.
const SWEEP_ABOVE: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(burst: f64, now: Instant) -> Self {
        Self { tokens: burst, at: now }
    }

    fn refill(&mut self, rate: f64, burst: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.at = now;
    }

    /// Seconds until one token is there.
    fn wait(&self, rate: f64) -> f64 {
        if self.tokens >= 1.0 { 0.0 } else { (1.0 - self.tokens) / rate }
    }
}

/// All budgets of one bot.
#[derive(Debug)]
pub(super) struct Gate {
    limits: RateLimits,
    bot: Option<Bucket>,
    chats: HashMap<i64, Bucket>,
}

impl Gate {
    pub(super) fn new(limits: RateLimits) -> Self {
        Self { limits, bot: None, chats: HashMap::new() }
    }

    pub(super) fn limits(&self) -> RateLimits {
        self.limits
    }

    /// Takes one message's worth, or tells the whole seconds to wait. A refused call costs nothing.
    pub(super) fn pass(&mut self, chat: i64, group: bool, now: Instant) -> Result<(), u64> {
        let limits = self.limits;
        let (rate, burst) = if group {
            (limits.group_per_minute / 60.0, limits.group_per_minute.max(1.0))
        } else {
            (limits.chat_per_second, limits.chat_burst.max(1.0))
        };
        let mut wait = 0.0_f64;
        if limits.bot_per_second > 0.0 {
            let burst = limits.bot_burst.max(1.0);
            let bucket = self.bot.get_or_insert_with(|| Bucket::full(burst, now));
            bucket.refill(limits.bot_per_second, burst, now);
            wait = wait.max(bucket.wait(limits.bot_per_second));
        }
        if rate > 0.0 {
            let bucket = self.chats.entry(chat).or_insert_with(|| Bucket::full(burst, now));
            bucket.refill(rate, burst, now);
            wait = wait.max(bucket.wait(rate));
        }
        if wait > 0.0 {
            return Err(whole_seconds(wait));
        }
        if limits.bot_per_second > 0.0
            && let Some(bucket) = &mut self.bot
        {
            bucket.tokens -= 1.0;
        }
        if rate > 0.0
            && let Some(bucket) = self.chats.get_mut(&chat)
        {
            bucket.tokens -= 1.0;
        }
        self.sweep(now);
        Ok(())
    }

    fn sweep(&mut self, now: Instant) {
        if self.chats.len() > SWEEP_ABOVE {
            self.chats.retain(|_, bucket| now.saturating_duration_since(bucket.at).as_secs() < 60);
        }
    }
}

/// Telegram tells whole seconds, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below a minute")]
fn whole_seconds(wait: f64) -> u64 {
    (wait.ceil() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_chat_gets_its_burst_then_one_a_second() {
        let limits = RateLimits { chat_burst: 2.0, ..RateLimits::default() };
        let mut gate = Gate::new(limits);
        let start = Instant::now();
        assert_eq!(gate.pass(1, false, start), Ok(()));
        assert_eq!(gate.pass(1, false, start), Ok(()));
        assert_eq!(gate.pass(1, false, start), Err(1));
        assert_eq!(gate.pass(2, false, start), Ok(()), "another chat has its own budget");
        assert_eq!(gate.pass(1, false, start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_group_gets_twenty_a_minute_and_a_bot_thirty_a_second() {
        let mut gate = Gate::new(RateLimits::default());
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(gate.pass(-5, true, start), Ok(()));
        }
        assert_eq!(gate.pass(-5, true, start), Err(3));
        for chat in 1..=10 {
            assert_eq!(gate.pass(chat, false, start), Ok(()));
        }
        assert_eq!(gate.pass(11, false, start), Err(1));
    }
}
