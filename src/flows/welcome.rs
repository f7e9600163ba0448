//! `/start`: who is new is led to linking; who is not sees where they stand.
use super::{Step, button, link, numbers, words};
use crate::domain::{Action, Conversation};
use crate::store::UserContext;

/// The first screen.
pub fn start(user: &UserContext) -> Step {
    let step = if user.accounts().is_empty() {
        Step::default().ask(words::welcome(), link::methods())
    } else {
        let keyboard = vec![
            vec![button(words::NUMBERS_BUTTON, Action::Numbers), button(words::LINK_BUTTON, Action::Link)],
            vec![button(words::HELP_BUTTON, Action::Help)],
        ];
        Step::default().ask(words::home(&numbers::lines(user)), keyboard)
    };
    step.then(Conversation::Idle)
}
