//! A question that nobody answers for long is put aside, with a note.
use super::{Env, Step, button, phrases};
use crate::domain::{Action, Conversation};
use crate::store::UserContext;
use crate::t;

/// Whether the conversation's question has waited too long for its answer.
pub fn is_overdue(user: &UserContext, env: &Env) -> bool {
    user.waits_since().is_some_and(|since| since.until(env.now) >= env.rules.session_ttl)
}

/// Puts the question aside, if there is one.
pub fn question(user: &mut UserContext) -> Step {
    let step = match user.conversation() {
        Conversation::Idle => return Step::default(),
        Conversation::LinkNumber => {
            Step::default().ask(t!("parked-link"), vec![vec![button(t!("button-code"), Action::LinkCode)]])
        }
        Conversation::EraseConfirm => {
            Step::default().say(t!("parked-erase", word = phrases::erase_word(user.locale())))
        }
    };
    user.drop_question();
    step.then(Conversation::Idle)
}
