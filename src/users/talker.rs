//! Takes what is to be said to a person, and says it, in order and within Telegram's limits.
use super::entry::UserEntry;
use super::port::TelegramError;
use crate::domain::effect::Slot;
use crate::domain::text::{MESSAGE_UNITS, utf16_len};
use crate::domain::{Body, Class, MessageId, Outgoing, Phrase, Timestamp};
use crate::flows::phrases;
use crate::limits::Backoff;
use crate::metrics;
use crate::store::says::{Said, Say};
use crate::store::shows::{Due, Show};
use crate::store::{Result, Tx, Vault, says, shows};
use crate::t;
use crate::words::render;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

/// Waits between tries when Telegram is away. Short, so that people hear soon when it is back; the budget keeps all of
/// them together from storming it.
const AWAY: Backoff = Backoff { first: Duration::from_millis(250), cap: Duration::from_secs(5) };

/// Tries to change a message before a new one takes its place.
const FALL_BACK: u32 = 3;

/// How often the time left of something that expires is told anew: often enough to be believed, and far from Telegram's
/// one message a second.
const TICK: Duration = Duration::from_secs(10);

/// Works until the entry stops.
pub(super) async fn run(entry: Arc<UserEntry>) {
    let Some(vault) = entry.ready_vault().await.cloned() else { return };
    // Left behind by this task when it panicked: what was being said may have been said.
    if let Err(e) = vault.tx_normal(|tx| says::recover(tx).map(drop)).await {
        warn!(user.id = entry.id().0, error.code = e.code(), "cannot look for what was being said");
    }
    entry.lag.is_over();
    let mut talker =
        Talker { entry, vault, trouble: 0, handed: None, last: None, shown: None, countdown: None, ticked: None };
    loop {
        let Some(inside) = talker.entry.enter() else { break };
        let next = match talker.turn().await {
            Ok(Next::More) => continue,
            Ok(next) => next,
            Err(e) => {
                error!(user.id = talker.entry.id().0, error.code = e.code(), "cannot read what is to be said");
                Next::After(AWAY.delay(5, rand::random()))
            }
        };
        drop(inside);
        talker.entry.stir();
        if !talker.wait(next).await {
            break;
        }
    }
    // What was said last is on record before the entry goes; otherwise it would be said again.
    if let Err(e) = talker.put_back().await {
        warn!(user.id = talker.entry.id().0, error.code = e.code(), "cannot record what was said last");
    }
}

enum Next {
    More,
    Idle,
    /// Idle, and something is to be shown after this.
    Within(Duration),
    /// Nothing before this.
    After(Duration),
}

struct Talker {
    entry: Arc<UserEntry>,
    vault: Vault,
    /// Tries since the last success.
    trouble: u32,
    /// What the worker handed over to be said next.
    handed: Option<Say>,
    /// What was said last and is not on record yet: it is recorded in the transaction that takes the next.
    last: Option<(Say, Said)>,
    /// What is on screen with its time left, and when that is told anew.
    countdown: Option<(Show, Instant)>,
    /// What is to be shown again only because its time left has changed: the slot and the version.
    ticked: Option<(Slot, i64)>,
    /// What was shown last and is not on record yet, likewise: shown again it would stand in the chat twice.
    shown: Option<(Show, Option<MessageId>)>,
}

impl Talker {
    /// Waits for the next thing to do. `false`: the entry stops.
    async fn wait(&mut self, next: Next) -> bool {
        let pause = if let Next::After(pause) = next { Some(pause) } else { None };
        if self.last.is_none() && self.shown.is_none() {
            // What failed is not going to be on record.
            self.entry.lag.is_over();
        }
        let due = if let Next::Within(due) = next { Some(due) } else { None };
        if matches!(next, Next::Idle | Next::Within(_)) && !self.entry.is_blocked() {
            self.entry.handover.rest();
        }
        let tick = self.countdown.as_ref().map(|(_, at)| *at).filter(|_| pause.is_none());
        let mut wake = pause.or(due).map(|wait| Instant::now() + wait);
        loop {
            tokio::select! {
                () = self.entry.stop.cancelled() => return false,
                () = self.entry.talk.heard(), if pause.is_none() => return true,
                // What settles earlier than this is looked for then, and what settles later is found then.
                () = self.entry.settling.heard(), if wake.is_none() => wake = Some(Instant::now() + Slot::MOST_SETTLING),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => return true,
                () = sleep_until(tick.unwrap_or_else(Instant::now)), if tick.is_some() => {
                    self.tick().await;
                    return true;
                }
            }
        }
    }

    /// Marks what counts down to be shown again, unless something newer stands there.
    async fn tick(&mut self) {
        let Some((show, _)) = self.countdown.take() else { return };
        self.ticked = Some((show.slot.clone(), show.version));
        if let Err(e) = self.vault.tx_normal(move |tx| shows::again(tx, &show)).await {
            warn!(user.id = self.entry.id().0, error.code = e.code(), "cannot tell the time left");
        }
    }

    /// One thing to say and one to show, where there are any.
    async fn turn(&mut self) -> Result<Next> {
        if self.entry.is_blocked() {
            self.put_back().await?;
            return Ok(Next::Idle);
        }
        self.handed = self.handed.take().or_else(|| self.entry.handover.wake());
        if self.handed.is_some() {
            self.settle().await?;
        }
        if let Some(say) = self.handed.take() {
            return self.say(say).await;
        }
        self.entry.talk.looks();
        self.entry.settling.looks();
        let (last, shown) = (self.last.clone(), self.shown.clone());
        let (say, due) = self
            .vault
            .tx_normal(move |tx| {
                record(tx, last, shown)?;
                Ok((says::take(tx, Timestamp::now())?, shows::next(tx, Timestamp::now())?))
            })
            .await?;
        self.is_recorded();
        let mut next = Next::Idle;
        if let Some(say) = say {
            next = self.say(say).await?;
        }
        match due {
            Due::Now(show) if !matches!(next, Next::After(_)) => {
                // Showing may wait for Telegram's limits; a reply to what was just said must find its way meanwhile.
                self.settle().await?;
                self.show(*show).await
            }
            Due::In(wait) if matches!(next, Next::Idle) => Ok(Next::Within(wait)),
            _ => Ok(next),
        }
    }

    /// Puts on record what was said and shown last, with nothing to be taken after it.
    async fn settle(&mut self) -> Result<()> {
        let (last, shown) = (self.last.clone(), self.shown.clone());
        if last.is_some() || shown.is_some() {
            self.vault.tx_normal(move |tx| record(tx, last, shown)).await?;
            self.is_recorded();
        }
        Ok(())
    }

    fn is_recorded(&mut self) {
        (self.last, self.shown) = (None, None);
        self.entry.lag.is_over();
    }

    /// What was handed over is not said now.
    async fn put_back(&mut self) -> Result<()> {
        self.settle().await?;
        self.last =
            self.handed.take().or_else(|| self.entry.handover.wake()).map(|say| (say, Said::Again { maybe: false }));
        self.settle().await
    }

    async fn say(&mut self, say: Say) -> Result<Next> {
        let mut out = say.out.clone();
        if say.repeated {
            info!(user.id = self.entry.id().0, "a message to Telegram may be a repeat");
            mark_repeated(&mut out);
        }
        if !self.permit(&out, say.class).await {
            self.last = Some((say, Said::Again { maybe: false }));
            return Ok(Next::Idle);
        }
        self.entry.lag.begins();
        let sent = self.entry.shared.telegram.send(&out).await;
        count(say.class, &sent, Some(say.since));
        let next = match sent {
            Ok(message) => {
                self.trouble = 0;
                self.entry.shows(say.class, message);
                self.last = Some((say, Said::Sent(message)));
                Next::More
            }
            Err(e) => {
                // Before anything that can fail: its row must not stay `sending`.
                let maybe = matches!(e, TelegramError::Unreachable(_));
                self.last = Some((say.clone(), Said::Again { maybe }));
                if let Some(next) = self.judge(&out, e).await? {
                    next
                } else {
                    // One of several may be at fault; it is found by saying each by itself.
                    let said = if say.merged.is_empty() { Said::Failed } else { Said::Apart(Timestamp::now()) };
                    self.last = Some((say, said));
                    Next::More
                }
            }
        };
        if matches!(next, Next::After(_) | Next::Idle) {
            self.settle().await?;
        }
        Ok(next)
    }

    async fn show(&mut self, show: Show) -> Result<Next> {
        let stale = show.expires_at.is_some_and(|t| t <= Timestamp::now());
        if stale {
            let message = show.message;
            self.shown = Some((show, message));
            return Ok(Next::More);
        }
        if !self.permit(&show.out, show.slot.class()).await {
            return Ok(Next::Idle);
        }
        let tick = self.ticked.as_ref().is_some_and(|(slot, version)| *slot == show.slot && *version == show.version);
        self.entry.lag.begins();
        let shown = self.put_in_place(&show, tick).await;
        count(show.slot.class(), &shown, None);
        match shown {
            Ok((message, counts)) => {
                (self.trouble, self.ticked) = (0, None);
                self.entry.shows(show.slot.class(), message);
                let left = show.expires_at.map(|t| Timestamp::now().until(t)).filter(|left| counts && *left > TICK);
                self.countdown = left.map(|_| (show.clone(), Instant::now() + TICK));
                self.shown = Some((show, Some(message)));
                Ok(Next::More)
            }
            Err(e) => match self.judge(&show.out, e).await? {
                Some(next) => Ok(next),
                None => {
                    let message = show.message;
                    self.shown = Some((show, message));
                    Ok(Next::More)
                }
            },
        }
    }

    /// Changes the message that stands in the slot, or puts a new one there: a server that cannot change messages must
    /// not keep anybody from seeing what is new. Gives the message, and whether its time left can be told anew: a new
    /// message at each tick would be worse than a time that stands still.
    async fn put_in_place(&self, show: &Show, tick: bool) -> std::result::Result<(MessageId, bool), TelegramError> {
        let telegram = &self.entry.shared.telegram;
        let out = with_time_left(show);
        if let Some(message) = show.message {
            let same_kind = show.picture == show.out.body.is_picture();
            let changed = if same_kind { telegram.edit(message, &out).await } else { Err(TelegramError::Gone) };
            let stands = match changed {
                Ok(()) => return Ok((message, true)),
                Err(TelegramError::Gone) => !same_kind,
                Err(TelegramError::Refused(_)) if tick => return Ok((message, false)),
                Err(TelegramError::Refused(_)) => true,
                // No answer to this, while others may be answered: some servers fall over what they do not know.
                Err(TelegramError::Unreachable(_)) if self.trouble >= FALL_BACK => true,
                Err(e) => return Err(e),
            };
            // Tidiness: where it cannot be done (too old to be deleted, say), what is new still counts.
            if stands && let Err(e) = telegram.delete(show.out.chat, message).await {
                if let TelegramError::RetryAfter(_) = e {
                    return Err(e);
                }
                debug!(user.id = self.entry.id().0, "an outdated message stays: {e}");
            }
        }
        let message = telegram.send(&out).await?;
        if let Some(replaced) = out.replaces
            && let Err(e) = telegram.delete(out.chat, replaced).await
        {
            debug!(user.id = self.entry.id().0, "a question that was asked again below stays: {e}");
        }
        Ok((message, true))
    }

    /// Waits for a share of Telegram's limits. `false`: the entry stops first.
    async fn permit(&self, out: &Outgoing, class: Class) -> bool {
        tokio::select! {
            () = self.entry.stop.cancelled() => false,
            () = self.entry.shared.budget.acquire(self.entry.id(), out.chat, class) => true,
        }
    }

    /// What a failure means: `Some`: try again then; `None`: never.
    async fn judge(&mut self, out: &Outgoing, e: TelegramError) -> Result<Option<Next>> {
        match e {
            TelegramError::RetryAfter(wait) => {
                // It is there: what fails after this is a new trouble.
                self.trouble = 0;
                self.entry.shared.budget.pause_chat(out.chat, wait);
                Ok(Some(Next::After(wait)))
            }
            TelegramError::Unreachable(_) => {
                if self.trouble == 0 {
                    warn!(user.id = self.entry.id().0, "Telegram is away; what is to be said waits: {e}");
                }
                let wait = AWAY.delay(self.trouble, rand::random());
                self.trouble = self.trouble.saturating_add(1);
                Ok(Some(Next::After(wait)))
            }
            TelegramError::Blocked => {
                info!(user.id = self.entry.id().0, "the bot is blocked by its user; what is to be said waits");
                self.vault.tx_normal(|tx| crate::store::flags::set_blocked(tx, true)).await?;
                self.entry.set_blocked(true);
                Ok(Some(Next::Idle))
            }
            TelegramError::Gone | TelegramError::Refused(_) => {
                error!(user.id = self.entry.id().0, "Telegram refuses a message for good: {e}");
                Ok(None)
            }
        }
    }
}

/// Puts on record what was said and shown last.
fn record(tx: &Tx<'_>, said: Option<(Say, Said)>, shown: Option<(Show, Option<MessageId>)>) -> Result<()> {
    if let Some((say, said)) = said {
        says::record(tx, &say, said)?;
    }
    if let Some((show, message)) = shown {
        shows::shown(tx, &show, message)?;
    }
    Ok(())
}

/// `since`: when it was committed, where it is said once and was not shown before.
fn count<T>(class: Class, sent: &std::result::Result<T, TelegramError>, since: Option<Timestamp>) {
    let outcome = match sent {
        Ok(_) => metrics::Said::Sent,
        Err(TelegramError::RetryAfter(_)) => metrics::Said::RetryAfter,
        Err(TelegramError::Unreachable(_)) => metrics::Said::Unreachable,
        Err(TelegramError::Blocked) => metrics::Said::Blocked,
        Err(TelegramError::Gone | TelegramError::Refused(_)) => metrics::Said::Refused,
    };
    metrics::SAID.of(class, outcome).inc();
    if let Some(since) = since.filter(|_| sent.is_ok()) {
        metrics::SAID_WAIT.of(class).observe(since.until(Timestamp::now()));
    }
}

/// The content of a slot, with how long it still holds.
fn with_time_left(show: &Show) -> Outgoing {
    let mut out = show.out.clone();
    if let Some(until) = show.expires_at {
        let left = phrases::time_left(Timestamp::now().until(until), show.since.until(until));
        let left = render(&left, out.language.into());
        let text = out.body.text_mut();
        *text = std::mem::take(text).append(&left);
    }
    out
}

/// Tells that a message may have come before, where there is room to.
fn mark_repeated(out: &mut Outgoing) {
    let mark = render(&Phrase::verbatim("\n\n").and(t!("possibly-repeated")), out.language.into());
    if let Body::Text(text) = &mut out.body
        && utf16_len(&text.text) + utf16_len(&mark.text) <= MESSAGE_UNITS
    {
        *text = std::mem::take(text).append(&mark);
    }
}
