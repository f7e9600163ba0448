//! Erasing everything, after a typed confirmation.
use super::{Step, button, words};
use crate::domain::{Action, Conversation, Effect};
use crate::store::UserContext;

/// Asks to type the word.
pub fn ask() -> Step {
    let keyboard = vec![vec![button(words::KEEP_BUTTON, Action::Cancel)]];
    Step::default().ask(words::ask_erase(), keyboard).then(Conversation::EraseConfirm)
}

/// Erases when the word is right; anything else keeps everything and asks again.
pub fn confirm(_user: &UserContext, text: &str) -> Step {
    if text.trim() == words::ERASE_WORD {
        return Step::default().effect(Effect::Erase).then(Conversation::Idle);
    }
    Step::default().say(words::erase_again())
}
