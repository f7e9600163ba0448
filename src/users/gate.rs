//! The door: what becomes of the updates of people who may not use the bot, and how a code lets them in.
//!
//! Owns the memory of whom it has spoken to and who tried codes when: bounded, and gone with the process. Nothing else of a
//! stranger is kept. A code that lets somebody in stays in the spool with what came after it: their new world begins with
//! it, also when a kill comes in between.
use super::port::{Heard, Route, TelegramError};
use super::store::{Shared, UserDataStore};
use crate::domain::{
    AccessMode, Class, Input, InviteCode, Outgoing, Phrase, Standing, TelegramId, Timestamp, UpdateId,
};
use crate::limits::{Backoff, window};
use crate::store::StoreError;
use crate::store::members::Redeemed;
use crate::t;
use crate::words::{Locale, render, span};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tracing::{error, info, warn};

/// How many people are remembered, each for having been spoken to and for the codes that they tried.
const KEPT: usize = 10_000;
/// How many answers wait for Telegram at a time. Beyond this strangers get none: they are many, and members wait too.
const ANSWERS: usize = 256;
/// How many codes a person may try in an hour.
const TRIES: usize = 5;
const HOUR: Duration = Duration::from_hours(1);
/// How many updates are looked at at once.
const BATCH: usize = 32;
/// How often the members' file is asked before what waits is left for the next knock, or the next start.
const ATTEMPTS: u32 = 5;
const RETRY: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// The last so many people of whom something is remembered.
struct Kept<T> {
    known: HashMap<TelegramId, T>,
    order: VecDeque<TelegramId>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { known: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T: Default> Kept<T> {
    /// What is remembered of this person; the oldest are forgotten to make room.
    fn of(&mut self, user: TelegramId) -> &mut T {
        if !self.known.contains_key(&user) {
            self.order.push_back(user);
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        self.known.entry(user).or_default()
    }
}

/// The codes that a person has tried.
#[derive(Default)]
struct Tries {
    at: Vec<Timestamp>,
    /// Whether they were told that these were too many.
    told: bool,
}

impl Tries {
    /// Whether one more may be tried. Else how long that takes, when they have not been told yet.
    fn allow(&mut self, now: Timestamp) -> Result<(), Option<Duration>> {
        match window::allow(&self.at, now, TRIES, HOUR) {
            Ok(()) => {
                self.at.retain(|at| at.after(HOUR) > now);
                self.at.push(now);
                self.told = false;
                Ok(())
            }
            Err(wait) => Err((!std::mem::replace(&mut self.told, true)).then_some(wait)),
        }
    }
}

#[derive(Default)]
struct State {
    /// Who was told that they may not come in.
    told: Kept<bool>,
    tries: Kept<Tries>,
    /// Whose updates are being looked at, and whether more have come meanwhile.
    busy: HashMap<TelegramId, bool>,
}

/// The door's memory.
pub(super) struct Gate {
    /// Locked for instants only.
    state: Mutex<State>,
    answers: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate { state: Mutex::default(), answers: Arc::new(Semaphore::new(ANSWERS)) }
    }
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody knocks. `true`: they are to be looked at; else somebody is at it, and looks once more.
    fn knock(&self, user: TelegramId) -> bool {
        let mut state = self.state();
        let busy = state.busy.contains_key(&user);
        state.busy.insert(user, busy);
        !busy
    }

    /// They were looked at. `true`: they have knocked meanwhile, and are to be looked at again.
    fn looked(&self, user: TelegramId) -> bool {
        let mut state = self.state();
        let again = state.busy.remove(&user).unwrap_or_default();
        if again {
            state.busy.insert(user, false);
        }
        again
    }
}

/// What somebody at the door hears.
enum Answer {
    /// Once: they may not come in.
    Refused,
    /// Once: they may not any more.
    Blocked,
    /// Their code lets nobody in.
    Code,
    /// They have tried too many codes; it takes this long.
    Limit(Duration),
    /// There is no room for anybody new.
    Full,
}

/// What became of a code that somebody gave.
enum Tried {
    /// They are in.
    Joined,
    /// It lets nobody in.
    Refused,
    /// It was not looked at; how long that takes, when they have not been told.
    TooMany(Option<Duration>),
}

impl UserDataStore {
    /// Somebody who may not use the bot has knocked. Does not wait.
    pub(super) fn at_the_door(&self, user: TelegramId) {
        if !self.gate().knock(user) {
            return;
        }
        let users = self.clone();
        self.shared().tasks.spawn(async move {
            users.look_out(user).await;
            while users.gate().looked(user) && !users.shared().stop.is_cancelled() {
                users.look_out(user).await;
            }
        });
    }

    /// Looks at what waits from somebody at the door, until nothing does or they are in.
    async fn look_out(&self, user: TelegramId) {
        let mut failed = 0;
        while failed < ATTEMPTS {
            match self.look_once(user).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(e) => {
                    error!(error.code = e.code(), attempt = failed, "cannot look after somebody at the door");
                    let wait = RETRY.delay(failed, rand::random());
                    failed += 1;
                    tokio::select! {
                        () = self.shared().stop.cancelled() => return,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// `true`: there may be more.
    async fn look_once(&self, user: TelegramId) -> Result<bool, StoreError> {
        let shared = self.shared();
        let rows = shared.spool.waiting(user, BATCH).await?;
        let Some(last) = rows.last().map(|row| row.update) else { return Ok(false) };
        let more = rows.len() == BATCH;
        let heard: Vec<(UpdateId, Option<Heard>)> =
            rows.iter().map(|row| (row.update, shared.reader.read(&row.payload))).collect();
        let language = heard.iter().find_map(|(_, heard)| heard.as_ref()?.language);
        let locale = Locale::from(language.unwrap_or_default());
        let codes = shared.members.mode() == AccessMode::Invite;
        let tried = heard.iter().find_map(|(update, heard)| Some((*update, code_in(&heard.as_ref()?.input)?)));
        let (until, answer) = match (shared.members.standing(user), tried.filter(|_| codes)) {
            // A code is not used up before there is room for whom it would let in.
            (Standing::Admitted(_), _) | (Standing::Stranger, Some(_)) if self.is_full_for(user) => {
                (last, Some(Answer::Full))
            }
            (Standing::Admitted(_), _) => {
                // Whoever let them in may not have known what waits.
                self.arrived(user);
                return Ok(false);
            }
            (Standing::Blocked, _) => (last, Some(Answer::Blocked)),
            (Standing::Stranger, None) => (last, Some(Answer::Refused)),
            (Standing::Stranger, Some((update, code))) => match self.try_code(user, &code).await? {
                Tried::Joined => {
                    // What they said before they were in is nobody's.
                    shared.spool.forget(user, Some(UpdateId(update.0 - 1))).await?;
                    self.arrived(user);
                    return Ok(false);
                }
                Tried::Refused => (update, Some(Answer::Code)),
                // For a while no other code of theirs is looked at either.
                Tried::TooMany(told) => (last, told.map(Answer::Limit)),
            },
        };
        shared.spool.forget(user, Some(until)).await?;
        let left = heard.iter().all(|(_, heard)| matches!(heard, Some(Heard { input: Input::Blocked, .. })));
        if let Some(answer) = answer.filter(|_| user.is_person() && !left) {
            self.answer(user, answer, locale).await;
        }
        Ok(more || until < last)
    }

    async fn try_code(&self, user: TelegramId, code: &InviteCode) -> Result<Tried, StoreError> {
        let now = Timestamp::now();
        let allowed = self.gate().state().tries.of(user).allow(now);
        if let Err(wait) = allowed {
            return Ok(Tried::TooMany(wait));
        }
        Ok(match self.shared().members.redeem(user, code, now).await? {
            Redeemed::Joined | Redeemed::Already => {
                info!(user.id = user.0, event = "joined", "somebody was let in by a code");
                Tried::Joined
            }
            Redeemed::Refused => Tried::Refused,
        })
    }

    async fn answer(&self, user: TelegramId, answer: Answer, locale: Locale) {
        let shared = self.shared();
        let phrase = match answer {
            Answer::Refused if *self.gate().state().told.of(user) => return,
            Answer::Blocked if shared.members.was_told(user) => return,
            Answer::Refused => {
                info!("a stranger was refused");
                if shared.members.mode() == AccessMode::Invite { t!("refused-invite") } else { t!("refused") }
            }
            Answer::Blocked => t!("refused-blocked"),
            Answer::Code => t!("refused-code"),
            Answer::Full => t!("refused-full", code = "guard-full"),
            Answer::Limit(wait) => {
                let minutes = Duration::from_secs(wait.as_secs().div_ceil(60).max(1) * 60);
                t!("refused-code-limit", wait = span(minutes))
            }
        };
        let Ok(_turn) = self.gate().answers.try_acquire() else { return };
        if let Err(e) = say(shared, user, &phrase, locale).await {
            // They are told when they come again: they may have left for a moment only.
            return warn!("cannot answer somebody at the door: {e}");
        }
        match answer {
            Answer::Refused => *self.gate().state().told.of(user) = true,
            Answer::Blocked => {
                if let Err(e) = shared.members.note_told(user).await {
                    error!(error.code = e.code(), "cannot note that a blocked person was told");
                }
            }
            Answer::Code | Answer::Limit(_) | Answer::Full => {}
        }
    }
}

async fn say(shared: &Shared, user: TelegramId, phrase: &Phrase, locale: Locale) -> Result<(), TelegramError> {
    let out = Outgoing::text(user.private_chat(), render(phrase, locale), locale.language);
    tokio::select! {
        () = shared.stop.cancelled() => return Err(TelegramError::Unreachable("the daemon stops".to_owned())),
        () = shared.budget.acquire(user, out.chat, Class::Progress) => {}
    }
    shared.telegram.send(&out).await.map(drop)
}

/// The code that somebody gives: by itself, or with the link that it came in.
fn code_in(input: &Input) -> Option<InviteCode> {
    match input {
        Input::Command { name, rest, .. } if name == "start" => InviteCode::parse(rest),
        Input::Text { text, .. } => InviteCode::parse(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageId;

    fn minutes(n: i64) -> Timestamp {
        Timestamp(n * 60_000)
    }

    #[test]
    fn five_codes_an_hour_and_one_word_about_it() {
        let mut tries = Tries::default();
        for n in 0..5 {
            assert_eq!(tries.allow(minutes(n)), Ok(()));
        }
        assert_eq!(tries.allow(minutes(10)), Err(Some(Duration::from_secs(50 * 60))));
        for n in 11..60 {
            assert_eq!(tries.allow(minutes(n)), Err(None), "told already");
        }
        assert_eq!(tries.allow(minutes(60)), Ok(()), "the first one left the window");
        assert!(matches!(tries.allow(minutes(60)), Err(Some(_))));
        assert!(tries.at.len() <= TRIES);
    }

    #[test]
    fn the_memory_of_strangers_is_bounded() {
        let mut kept: Kept<Tries> = Kept::default();
        for n in 0..3 * KEPT as u64 {
            kept.of(TelegramId(n)).told = true;
        }
        assert!(kept.known.len() <= KEPT && kept.order.len() <= KEPT);
        assert!(kept.of(TelegramId(3 * KEPT as u64 - 1)).told, "the newest are known");
        assert!(!kept.of(TelegramId(0)).told, "the oldest are not");
    }

    #[test]
    fn who_knocks_while_they_are_looked_at_is_looked_at_again() {
        let (gate, user) = (Gate::default(), TelegramId(7));
        assert!(gate.knock(user));
        assert!(!gate.knock(user) && !gate.knock(user));
        assert!(gate.looked(user), "again, and once");
        assert!(!gate.looked(user));
        assert!(gate.state().busy.is_empty() && gate.knock(user));
    }

    #[test]
    fn a_code_comes_alone_or_with_start() {
        let message = MessageId(1);
        let command = |name: &str, rest: &str| Input::Command { name: name.into(), rest: rest.into(), message };
        let text = |text: &str| Input::Text { text: text.into(), message, reply_to: None };
        assert!(code_in(&command("start", "23456789AB")).is_some() && code_in(&text("23456-789ab")).is_some());
        for other in [command("start", ""), command("link", "23456789AB"), text("hello"), text("my code: 23456789AB")] {
            assert!(code_in(&other).is_none());
        }
    }
}
