//! What every flow has in common: its place in the vault, its one message, back, cancel, time-outs, and what does not fit.
//!
//! A flow is one file that implements [`Flow`] and one line in [`FLOWS`](super::FLOWS). It owns nothing: its step and its
//! answers lie in the person's vault and change in the transaction that takes the input, so that it goes on after a kill
//! where it was. The person sees one message, which shows the question that waits, and is changed in its place.
mod choice;
mod erased;
mod turns;

pub use choice::{Choice, Given, Question};
pub use erased::{AnyFlow, Of};
pub use turns::{
    at_press, back, begin, begin_again, begin_at, cancel, keep, replace, resume, set_aside, stale, take, unexpected,
};

use super::{Changes, Env};
use crate::domain::Phrase;
use crate::store::UserContext;
use crate::t;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that is done in several steps.
///
/// All functions are pure: the same person, question and answer lead to the same place.
pub trait Flow: Send + Sync + 'static {
    /// Its stable name: small letters, digits and `-`, at most 16 of them. It lies in vaults and session files.
    const NAME: &'static str;

    /// Its steps: an enum without fields, whose variants serde writes as stable names like [`NAME`](Self::NAME).
    type Step: Copy + PartialEq + Serialize + DeserializeOwned;

    /// What has been answered so far.
    type Answers: Default + Serialize + DeserializeOwned;

    /// What it is about, as in “You are in the middle of: …”.
    fn title() -> Phrase;

    /// Where it begins.
    ///
    /// # Errors
    /// What is said and done instead when it cannot begin now.
    fn begin(user: &UserContext, env: &Env) -> Result<(Self::Step, Self::Answers), Changes>;

    /// What a step asks.
    fn ask(step: Self::Step, answers: &Self::Answers, user: &UserContext, env: &Env) -> Question;

    /// Where an answer leads.
    fn answer(step: Self::Step, answers: Self::Answers, given: Given<'_>, user: &UserContext, env: &Env) -> Next<Self>;

    /// What else changes whenever a step is reached: something to keep elsewhere, say.
    fn reached(_step: Self::Step, _answers: &Self::Answers) -> Changes {
        Changes::default()
    }

    /// What else changes when the person stops it.
    fn stopped() -> Changes {
        Changes::default()
    }

    /// What its button on the home screen says. `None`: it has none there, or not now.
    fn button(_user: &UserContext) -> Option<Phrase> {
        None
    }

    /// What is told when the person stops it.
    fn left() -> Phrase {
        t!("cancelled")
    }

    /// What is told when no answer came for long.
    fn aside(_user: &UserContext) -> Phrase {
        t!("flow-aside", title = Self::title())
    }
}

/// Where an answer leads.
pub enum Next<F: Flow + ?Sized> {
    /// To this step, with these answers.
    Go(F::Step, F::Answers),
    /// Nowhere: this is wrong with it, and the question stays.
    Again(Phrase),
    /// To the end: this is shown in the question's place, and these changes are made.
    Done(Phrase, Changes),
}
