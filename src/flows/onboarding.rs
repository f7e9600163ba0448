//! From `/start` to the first answered chat in three steps: a number is linked, somebody writes, their message is answered.
//!
//! How far a newcomer has come is kept in their vault; each step is explained once, when the one before it is done.
use super::{Changes, phrases};
use crate::domain::{Account, Class, Effect, Key, Phrase};
use crate::t;
use serde::{Deserialize, Serialize};

/// What a newcomer does next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Link a number.
    #[default]
    Linking,
    /// Have somebody write to it.
    Receiving,
    /// Answer what they wrote.
    Answering,
    /// Nothing: they know how it works.
    Done,
}

/// Where it is kept.
pub const PROGRESS: Key<Progress> = Key::new("onboarding");

impl Progress {
    /// The step that waits, in a line for the home screen.
    pub fn line(self) -> Option<Phrase> {
        match self {
            // Without a number the home screen is the welcome, which says so.
            Progress::Linking | Progress::Done => None,
            Progress::Receiving => Some(t!("onboarding-receive")),
            Progress::Answering => Some(t!("onboarding-answer")),
        }
    }
}

/// What is said of a number that has just been linked, and what follows from it.
pub fn linked(account: &Account, progress: Progress) -> (Phrase, Changes) {
    let linked = t!("linked", number = phrases::account_name(account));
    match progress {
        Progress::Linking => {
            let next = linked.and(Phrase::verbatim("\n\n")).and(t!("onboarding-receive"));
            (next, Changes::default().set(PROGRESS, &Progress::Receiving))
        }
        _ => (linked, Changes::default()),
    }
}

/// A message has come. The hint stands below the message that it is about.
pub fn received(progress: Progress) -> Changes {
    if progress != Progress::Receiving {
        return Changes::default();
    }
    let hint = Effect::Say {
        text: t!("onboarding-answer"),
        keyboard: Vec::new(),
        reply_to: None,
        class: Class::Forward,
        origin: None,
    };
    Changes::default().effect(hint).set(PROGRESS, &Progress::Answering)
}

/// A message was answered.
pub fn answered(progress: Progress) -> Changes {
    match progress {
        Progress::Receiving | Progress::Answering => {
            Changes::default().say(t!("onboarding-done")).set(PROGRESS, &Progress::Done)
        }
        Progress::Linking | Progress::Done => Changes::default(),
    }
}
