//! A shortcut from the worker to an idle talker: the step's own transaction takes the first thing to say, and the talker
//! says it without a transaction to look for it.
//!
//! Owns at most one message, whose row is `sending` already. Must not be where anything is remembered: what is lost here
//! is found in the vault.
use crate::store::says::Say;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where the worker leaves what the talker is to say next.
#[derive(Default)]
pub struct Handover(Mutex<State>);

#[derive(Default)]
struct State {
    /// The talker waits for something to say.
    idle: bool,
    /// A transaction is under way that may bring it something.
    claimed: bool,
    say: Option<Say>,
}

impl Handover {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker asks to hand over what it is about to commit. `None`: the talker is busy and finds it by itself.
    pub fn claim(&self) -> Option<Claim<'_>> {
        let mut state = self.lock();
        let free = state.idle && !state.claimed && state.say.is_none();
        state.claimed |= free;
        // Not `then_some`: a claim that is made and not given away would be dropped here, under the lock.
        free.then(|| Claim(self))
    }

    /// The talker has nothing to do.
    pub fn rest(&self) {
        self.lock().idle = true;
    }

    /// The talker begins to look for something to say; it is given what was handed over.
    pub fn wake(&self) -> Option<Say> {
        let mut state = self.lock();
        state.idle = false;
        state.say.take()
    }
}

/// The right to hand over one message. Dropped, nothing is handed over.
pub struct Claim<'a>(&'a Handover);

impl Claim<'_> {
    /// Hands over a message whose row is `sending`, committed.
    pub fn give(self, say: Say) {
        self.0.lock().say = Some(say);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.lock().claimed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Body, ChatId, Class, Outgoing};

    fn say() -> Say {
        let body = Body::Text(crate::domain::RichText::plain("hello"));
        let out = Outgoing {
            chat: ChatId(1),
            body,
            keyboard: Vec::new(),
            reply_to: None,
            silent: false,
            replaces: None,
            language: crate::domain::Language::default(),
        };
        Say {
            id: 1,
            class: Class::Answer,
            out,
            origin: None,
            repeated: false,
            since: crate::domain::Timestamp(0),
            merged: Vec::new(),
        }
    }

    #[test]
    fn only_an_idle_talker_is_handed_something_and_one_thing_only() {
        let handover = Handover::default();
        assert!(handover.claim().is_none(), "it has not said that it is idle");
        handover.rest();
        let claim = handover.claim();
        assert!(claim.is_some() && handover.claim().is_none(), "one at a time");
        drop(claim);
        handover.claim().unwrap().give(say());
        assert!(handover.claim().is_none(), "what was handed over was not taken yet");
        assert!(handover.wake().is_some() && handover.wake().is_none());
        assert!(handover.claim().is_none(), "busy");
    }

    #[test]
    fn what_is_given_to_one_who_woke_meanwhile_is_found_by_the_next_look() {
        let handover = Handover::default();
        handover.rest();
        let claim = handover.claim().unwrap();
        assert!(handover.wake().is_none());
        claim.give(say());
        assert!(handover.wake().is_some());
    }
}
