//! Questions, the choices under them, and what is given for an answer.
use crate::domain::fold::fold;
use crate::domain::{PhoneNumber, Phrase};
use crate::words::{Locale, plain};

/// A button under a question.
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    /// What stands on it.
    pub label: Phrase,
    /// What the flow is told when it is pressed.
    pub id: i64,
}

/// What a step asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub text: Phrase,
    /// The choices, in rows.
    pub choices: Vec<Vec<Choice>>,
    /// What is expected, told to who gives something else.
    pub expects: Phrase,
}

impl Question {
    /// A question. `expects`: what is told to who gives something that cannot be an answer.
    pub fn new(text: Phrase, expects: Phrase) -> Self {
        Question { text, choices: Vec::new(), expects }
    }

    /// A button on a row of its own.
    #[must_use]
    pub fn choice(mut self, label: Phrase, id: i64) -> Self {
        self.choices.push(vec![Choice { label, id }]);
        self
    }

    /// A button beside the one before.
    #[must_use]
    pub fn beside(mut self, label: Phrase, id: i64) -> Self {
        let choice = Choice { label, id };
        match self.choices.last_mut() {
            Some(row) => row.push(choice),
            None => self.choices.push(vec![choice]),
        }
        self
    }
}

/// What a person gives for an answer.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// A text, as typed.
    Text(&'a str),
    /// A pressed button.
    Choice(i64),
    /// A shared contact card's number.
    Phone(&'a PhoneNumber),
}

impl Given<'_> {
    /// Which of the offered is meant by a typed text: the one with this label, in any case and without its picture, or with
    /// this place among them, from 1.
    pub fn named<T>(self, offered: impl IntoIterator<Item = (Phrase, T)>, locale: Locale) -> Option<T> {
        let Given::Text(text) = self else { return None };
        let (typed, place) = (words(text), text.trim().parse::<usize>().ok());
        let mut offered: Vec<(String, T)> =
            offered.into_iter().map(|(label, of)| (words(&plain(&label, locale)), of)).collect();
        let labelled = offered.iter().position(|(label, _)| *label == typed).filter(|_| !typed.is_empty());
        let at = labelled.or(place.and_then(|place| place.checked_sub(1)))?;
        (at < offered.len()).then(|| offered.swap_remove(at).1)
    }
}

/// What of a text is letters and digits, as texts are compared.
fn words(text: &str) -> String {
    let kept: String = fold(text).chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_named_by_its_label_or_its_place() {
        let named = |text: &str| {
            let offered = ["✅ Yes, register me", "✏ Name", "2", "4", "🔥"].map(Phrase::verbatim).into_iter().zip(1..);
            Given::Text(text).named(offered, Locale::default())
        };
        for (text, meant) in [
            ("yes register me", Some(1)),
            ("  YES, REGISTER ME! ", Some(1)),
            ("name", Some(2)),
            ("2", Some(3)),
            ("1", Some(1)),
            ("5", Some(5)),
            ("6", None),
            ("0", None),
            ("-1", None),
            ("", None),
            ("🔥", None),
            ("yes", None),
        ] {
            assert_eq!(named(text), meant, "{text:?}");
        }
        let offered = [(Phrase::verbatim("1"), ())];
        assert_eq!(Given::Choice(1).named(offered, Locale::default()), None);
    }
}
