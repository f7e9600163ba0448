//! Questions, the choices under them, and what is given for an answer.
use crate::domain::{PhoneNumber, Phrase};

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
