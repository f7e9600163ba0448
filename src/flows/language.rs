//! In which language the bot speaks with somebody.
use super::{Changes, button};
use crate::domain::{Action, Effect, Language, Phrase};
use crate::t;

/// The buttons that offer them.
pub fn offers() -> Vec<Vec<crate::domain::Button>> {
    vec![Language::ALL.into_iter().map(offer).collect()]
}

fn offer(language: Language) -> crate::domain::Button {
    button(Phrase::verbatim(language.name()), Action::Speak(language))
}

/// The one that was named after the command.
pub fn named(name: &str) -> Changes {
    let name = name.trim().to_lowercase();
    let known = |language: &Language| {
        language.code() == name || language.name().to_lowercase().split(' ').any(|word| word == name)
    };
    match Language::ALL.into_iter().find(known) {
        Some(language) => speak(language),
        None => {
            let names: Vec<&str> = Language::ALL.iter().map(|language| language.name()).collect();
            Changes::default().say(t!("language-unknown", languages = names.join(", ")))
        }
    }
}

/// Speaks it from now on.
pub fn speak(language: Language) -> Changes {
    Changes::default().effect(Effect::Speak(language)).say(t!("language-set"))
}
