//! Who may ask Telegram next: one budget for the whole bot, shared fairly.
//!
//! Owns the pace of the bot and of each chat, and the line of those who wait. It has no task of its own: among those who
//! wait, one keeps the clock for all and passes that on when it leaves. Must not know what is sent.
mod line;
mod pace;
#[cfg(test)]
mod tests;

use crate::domain::effect::Class;
use crate::domain::{ChatId, TelegramId};
use crate::metrics;
use line::{Lines, Place};
use pace::{Chats, Pace};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// No pause is believed to be longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// How fast is fast enough for Telegram. Each number is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetConfig {
    /// Requests in any second, of the whole bot. Source: Telegram Bots FAQ, about 30.
    pub per_second: u32,
    /// Requests a second to one chat, after its burst. Source: the same, about 1.
    pub per_chat_per_second: u32,
    /// Requests to one chat that may come at once.
    pub chat_burst: u32,
    /// Requests in any minute to one group. Source: the same, 20.
    pub per_group_per_minute: u32,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        BudgetConfig { per_second: 30, per_chat_per_second: 1, chat_burst: 3, per_group_per_minute: 20 }
    }
}

/// One who waits.
struct Waiter {
    granted: AtomicBool,
    /// Told when granted, and when it is to keep the clock.
    told: Notify,
}

struct State {
    bot: Pace,
    chats: Chats,
    lines: Lines,
    /// The waiter that keeps the clock.
    clock: Option<Arc<Waiter>>,
    /// When the clock is to ring; `None` while nobody waits.
    rings: Option<Instant>,
}

impl State {
    fn new(config: BudgetConfig, now: Instant) -> Self {
        State {
            // A tenth may come at once and the rest follows evenly, so that no second ever sees more than it may.
            bot: Pace::in_any(config.per_second, Duration::from_secs(1), 10, now),
            chats: Chats::new(config.per_chat_per_second, config.chat_burst, config.per_group_per_minute, now),
            lines: Lines::default(),
            clock: None,
            rings: None,
        }
    }

    /// Takes at once where that is nobody else's turn; else takes a place in the line.
    fn ask(&mut self, user: TelegramId, chat: ChatId, class: Class, now: Instant) -> Option<(Place, Arc<Waiter>)> {
        let ready = self.chats.ready_at(chat);
        if self.lines.is_empty() && self.bot.ready_at() <= now && ready <= now {
            self.bot.take(now);
            self.chats.take(chat, now);
            return None;
        }
        let waiter = Arc::new(Waiter { granted: AtomicBool::new(false), told: Notify::new() });
        let place = self.lines.push(user, chat, class, Arc::clone(&waiter), ready);
        Some((place, waiter))
    }

    /// Grants the next request, or says when to try again: `Err(None)` when nobody waits.
    fn grant(&mut self, now: Instant) -> Result<Arc<Waiter>, Option<Instant>> {
        let ready = self.bot.ready_at();
        if ready > now && !self.lines.is_empty() {
            return Err(Some(ready));
        }
        let (chat, waiter) = self.lines.next(now, &self.chats)?;
        self.bot.take(now);
        self.chats.take(chat, now);
        waiter.granted.store(true, Ordering::Release);
        waiter.told.notify_one();
        if self.clock.as_ref().is_some_and(|clock| Arc::ptr_eq(clock, &waiter)) {
            self.clock = None;
        }
        Ok(waiter)
    }

    /// Grants what can be granted now and sees to it that somebody keeps the clock for the rest.
    fn settle(&mut self, now: Instant) {
        let rings = loop {
            if let Err(later) = self.grant(now) {
                break later;
            }
        };
        let sooner = rings.is_some_and(|new| self.rings.is_none_or(|old| new < old));
        self.rings = rings;
        match &self.clock {
            Some(clock) if sooner => clock.told.notify_one(),
            Some(_) => {}
            None => {
                self.clock = self.lines.anyone();
                if let Some(clock) = &self.clock {
                    clock.told.notify_one();
                }
            }
        }
    }
}

/// The budget. A clone is the same budget.
#[derive(Clone)]
pub struct Budget(Arc<Mutex<State>>);

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("waiting", &self.waiting()).finish()
    }
}

impl Budget {
    /// A full budget.
    pub fn new(config: BudgetConfig) -> Self {
        Budget(Arc::new(Mutex::new(State::new(config, Instant::now()))))
    }

    /// Waits for the turn of one request of `user` to `chat`. Answers go before forwarded messages before progress, but
    /// one grant in ten at least goes to each kind that waits; within a kind users take turns, whoever waits with however
    /// much; a user's requests to one chat keep their order within a kind.
    ///
    /// # Cancellation
    /// A dropped call leaves the line, or gives back what it was granted and did not see.
    pub async fn acquire(&self, user: TelegramId, chat: ChatId, class: Class) {
        let Some(turn) = self.line_up(user, chat, class) else {
            metrics::BUDGET_WAIT.of(class).observe(Duration::ZERO);
            return;
        };
        let since = Instant::now();
        loop {
            let rings = {
                let state = self.lock();
                if turn.waiter.granted.load(Ordering::Acquire) {
                    drop(state);
                    turn.seen();
                    metrics::BUDGET_WAIT.of(class).observe(since.elapsed());
                    return;
                }
                let mine = state.clock.as_ref().is_some_and(|clock| Arc::ptr_eq(clock, &turn.waiter));
                state.rings.filter(|_| mine)
            };
            match rings {
                Some(at) => {
                    tokio::select! {
                        () = turn.waiter.told.notified() => {}
                        () = sleep_until(at) => self.lock().settle(Instant::now()),
                    }
                }
                None => turn.waiter.told.notified().await,
            }
        }
    }

    fn line_up(&self, user: TelegramId, chat: ChatId, class: Class) -> Option<Turn<'_>> {
        let now = Instant::now();
        let mut state = self.lock();
        let (place, waiter) = state.ask(user, chat, class, now)?;
        state.settle(now);
        drop(state);
        Some(Turn { budget: self, place, waiter, seen: false })
    }

    /// Nobody may ask anything for this long: Telegram has asked the whole bot to wait.
    pub fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_PAUSE);
        self.lock().bot.pause(until);
    }

    /// Nobody may ask anything in this chat for this long.
    pub fn pause_chat(&self, chat: ChatId, wait: Duration) {
        let now = Instant::now();
        self.lock().chats.pause(chat, now + wait.min(LONGEST_PAUSE), now);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.lock().lines.len()
    }

    /// How many chats are remembered: those that lately had a request, and as many again at most.
    pub fn chats(&self) -> usize {
        self.lock().chats.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics, so a poisoned one is whole too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, left when dropped.
struct Turn<'a> {
    budget: &'a Budget,
    place: Place,
    waiter: Arc<Waiter>,
    seen: bool,
}

impl Turn<'_> {
    fn seen(mut self) {
        self.seen = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.seen {
            return;
        }
        let mut state = self.budget.lock();
        if self.waiter.granted.load(Ordering::Acquire) {
            state.bot.give_back();
            state.chats.give_back(self.place.chat);
        } else {
            state.lines.remove(&self.place);
        }
        if state.clock.as_ref().is_some_and(|clock| Arc::ptr_eq(clock, &self.waiter)) {
            state.clock = None;
        }
        state.settle(Instant::now());
    }
}
