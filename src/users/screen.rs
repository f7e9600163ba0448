//! The conversation on a person's screen: since when, what it waits for, and its projection in the session store.
//!
//! Owns the memory of one person's session while their entry lives. The vault is the truth: what is written here was
//! committed there before, and after a death it is made anew from there. Only what a person does keeps a session alive;
//! a connected number does not.
use super::apply::Applied;
use super::entry::UserEntry;
use super::slots::Running;
use crate::domain::{ChatId, Class, MessageId, Place, TelegramId, Timestamp};
use crate::flows::{Awake, AwakeClient};
use crate::session::{NumberState, ShownMessage, UserRecord, UserSession};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// A session, as long as it lives.
#[derive(Clone, Copy)]
struct Live {
    created_at: Timestamp,
    seen_at: Timestamp,
    /// The same moment on a clock that nobody sets.
    used: Instant,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    place: Option<Place>,
    numbers: Vec<NumberState>,
    previous: Option<ShownMessage>,
}

/// One person's screen.
#[derive(Default)]
pub(super) struct Screen {
    /// Locked for instants only.
    state: Mutex<State>,
    /// Held while the projection is written, so that the last writing is the newest.
    writing: tokio::sync::Mutex<()>,
    /// Whether small changes wait to be written.
    pub listed: AtomicBool,
    /// Whether the session shall end.
    leaving: AtomicBool,
}

/// What a vault says when its entry begins.
pub(super) struct Found {
    /// What the conversation waits for.
    pub place: Option<Place>,
    /// When the person last had a part in it.
    pub moved_at: Option<Timestamp>,
    pub numbers: Vec<NumberState>,
}

impl Screen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with what the vault says, and what the session store still has. `true`: the projection has to be written.
    pub fn begin(&self, found: Found, record: Option<UserRecord>) -> bool {
        let mut state = self.state();
        let waits = found.place.is_some();
        let was = record.map(|record| record.session);
        let seen_at = was.as_ref().map(|was| was.last_seen_at).max(found.moved_at.filter(|_| waits));
        if let Some(seen_at) = seen_at.filter(|_| state.live.is_none()) {
            let now = Instant::now();
            let used = now.checked_sub(seen_at.until(Timestamp::now())).unwrap_or(now);
            let created_at = was.as_ref().map_or(seen_at, |was| was.created_at);
            state.live = Some(Live { created_at, seen_at, used });
        }
        state.previous = was.as_ref().and_then(|was| was.previous_message).or(state.previous);
        (state.place, state.numbers) = (found.place, found.numbers);
        // The vault wins where they differ.
        let differs = |was: &UserSession| {
            let waiting = was.clone().waiting_for(state.place.clone());
            (was.flow != waiting.flow, was.step != waiting.step) != (false, false) || was.numbers != state.numbers
        };
        state.live.is_some() && was.as_ref().is_none_or(differs)
    }

    /// The person did something.
    pub fn acted(&self, now: Timestamp) {
        let mut state = self.state();
        let created_at = state.live.map_or(now, |live| live.created_at);
        state.live = Some(Live { created_at, seen_at: now, used: Instant::now() });
    }

    /// What a commit has changed. `true`: it is worth writing at once.
    pub fn moved(&self, applied: &mut Applied) -> bool {
        let mut state = self.state();
        let mut changed = false;
        if let Some(place) = applied.conversation.take().filter(|place| *place != state.place) {
            state.place = place;
            changed = true;
        }
        if let Some(numbers) = applied.numbers.take().filter(|n| *n != state.numbers) {
            state.numbers = numbers;
            changed = true;
        }
        changed && state.live.is_some()
    }

    /// The bot's newest message on screen.
    fn shows(&self, message: ShownMessage) -> bool {
        let mut state = self.state();
        state.previous = Some(message);
        state.live.is_some()
    }

    /// The bot's newest message on screen.
    pub fn previous(&self) -> Option<(ChatId, MessageId)> {
        self.state().previous.map(|shown| (shown.chat, shown.message))
    }

    /// Since when the person has done nothing; `None`: there is no session.
    pub fn used(&self) -> Option<Instant> {
        self.state().live.map(|live| live.used)
    }

    /// When the person last did something; `None`: there is no session.
    pub fn seen_at(&self) -> Option<Timestamp> {
        self.state().live.map(|live| live.seen_at)
    }

    /// Since when a question waits, if one does.
    pub fn asked_at(&self) -> Option<Timestamp> {
        let state = self.state();
        state.live.map(|live| live.seen_at).filter(|_| state.place.is_some())
    }

    /// Whether a question waits.
    pub fn waits(&self) -> bool {
        self.state().place.is_some()
    }

    /// The numbers.
    pub fn numbers(&self) -> Vec<NumberState> {
        self.state().numbers.clone()
    }

    /// How many of the numbers keep this person's world awake.
    pub fn needy_numbers(&self) -> usize {
        self.state().numbers.iter().filter(|n| n.state.needs_care()).count()
    }

    /// The session has to end; its worker does that.
    pub fn ask_to_leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    /// Whether the session is to end now: it was asked to, and the person has not come back meanwhile.
    pub fn is_leaving(&self, ttl: Duration) -> bool {
        if !self.leaving.load(Ordering::SeqCst) {
            return false;
        }
        let idle = self.used().is_some_and(|used| used.elapsed() >= ttl);
        if !idle {
            self.leaving.store(false, Ordering::SeqCst);
        }
        idle
    }

    fn session(&self, user: TelegramId) -> Option<UserSession> {
        let state = self.state();
        let live = state.live?;
        let mut session = UserSession::new(user, live.created_at).waiting_for(state.place.clone());
        session.last_seen_at = live.seen_at;
        session.numbers.clone_from(&state.numbers);
        session.previous_message = state.previous;
        Some(session)
    }
}

impl UserEntry {
    /// Begins the session anew from what the vault says. One that has been idle for too long meanwhile ends at once.
    pub(super) async fn begin_screen(self: &Arc<Self>, found: Found) {
        let record = self.shared.sessions.get(self.id()).await.unwrap_or_else(|e| {
            warn!(user.id = self.id().0, error.code = e.code(), "a session could not be read");
            None
        });
        if self.screen.begin(found, record) {
            self.project().await;
        }
        let ttl = self.shared.ttl();
        match self.screen.used() {
            Some(used) if used.elapsed() >= ttl => self.screen.ask_to_leave(),
            Some(used) => self.look_at(used + ttl),
            None => {}
        }
    }

    /// Takes over what a commit of the person's own doing has changed, and writes the projection.
    pub(super) async fn acted(self: &Arc<Self>, applied: &mut Applied, now: Timestamp) {
        let first = self.screen.used().is_none();
        self.screen.acted(now);
        if self.screen.moved(applied) || first {
            self.project().await;
        } else {
            self.project_soon();
        }
    }

    /// Takes over what any other commit has changed.
    pub(super) async fn moved(&self, applied: &mut Applied) {
        if self.screen.moved(applied) {
            self.project().await;
        }
    }

    /// Notes the bot's newest message on screen, where it is one that answers the person.
    pub(super) fn shows(self: &Arc<Self>, class: Class, message: MessageId) {
        let shown = ShownMessage { chat: self.id().private_chat(), message };
        if class == Class::Answer && self.screen.shows(shown) {
            self.project_soon();
        }
    }

    /// Writes the projection: after the commit that it shows, never within.
    pub(super) async fn project(&self) {
        let _writing = self.screen.writing.lock().await;
        self.screen.listed.store(false, Ordering::SeqCst);
        let Some(session) = self.screen.session(self.id()) else { return };
        if let Err(e) = self.shared.sessions.put(&session).await {
            warn!(user.id = self.id().0, error.code = e.code(), "a session could not be written");
        }
    }

    /// Ends the session; its record goes.
    pub(super) async fn leave_screen(&self) {
        let _writing = self.screen.writing.lock().await;
        {
            let mut state = self.screen.state();
            (state.live, state.previous) = (None, None);
        }
        self.screen.leaving.store(false, Ordering::SeqCst);
        if let Err(e) = self.shared.sessions.remove(self.id()).await {
            warn!(user.id = self.id().0, error.code = e.code(), "a session could not be removed");
        }
    }

    /// What of the person's is awake besides the database.
    pub(super) fn awake(&self) -> Awake {
        let running = self.slots.all();
        let client = |r: &Running| {
            let heard_at = r.client.as_ref().and_then(|client| client.heard_at());
            AwakeClient { account: r.account, online: *r.online.borrow(), heard_at }
        };
        let clients = running.iter().map(client).collect();
        let keys = running.iter().filter(|r| r.keys.handle().is_open()).map(|r| r.account).collect();
        Awake { clients, keys }
    }
}
