//! Erasing everything, after a typed confirmation.
use super::{Step, button, phrases};
use crate::domain::{Action, Conversation, Effect, Phrase};
use crate::store::UserContext;
use crate::t;

/// Asks to type the word.
pub fn ask(user: &UserContext) -> Step {
    let keyboard = vec![vec![button(t!("button-keep"), Action::Cancel)]];
    Step::default()
        .ask(t!("erase-ask", word = phrases::erase_word(user.locale())), keyboard)
        .then(Conversation::EraseConfirm)
}

/// Something else came than the word.
pub fn again(user: &UserContext) -> Phrase {
    t!("erase-again", word = phrases::erase_word(user.locale()))
}

/// Erases when the word is right; anything else keeps everything and asks again.
pub fn confirm(user: &UserContext, text: &str) -> Step {
    if phrases::is_erase_word(text) {
        return Step::default().effect(Effect::Erase).then(Conversation::Idle);
    }
    Step::default().say(again(user))
}
