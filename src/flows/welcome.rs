//! `/start`: who is new is led to linking; who is not sees where they stand.
use super::{Changes, button, link, numbers};
use crate::domain::Action;
use crate::store::UserContext;
use crate::t;

/// The first screen.
pub fn start(user: &UserContext) -> Changes {
    if user.accounts().is_empty() {
        Changes::default().ask(t!("welcome"), link::methods())
    } else {
        let keyboard = vec![
            vec![button(t!("button-numbers"), Action::Numbers), button(t!("button-link"), Action::Link)],
            vec![button(t!("button-help"), Action::Help)],
        ];
        Changes::default().ask(t!("home", numbers = numbers::lines(user)), keyboard)
    }
}
