//! Where a person stands in a conversation with the bot.
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// A flow under way: which, at which step, with which answers so far. What they mean is the flow's own business.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The flow's stable name.
    pub flow: String,
    /// The stable name of its step that waits for an answer.
    pub step: String,
    /// The answers so far.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub answers: Value,
    /// The steps before, for going back: the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<String>,
}

/// A person's conversation, as their vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Conversation {
    /// Which question this is, counted over all of the person's flows: a button under an older one is known by it.
    pub turn: u32,
    /// The turn at which the message began that shows the questions: one flow, one message.
    pub run: u32,
    /// The flow that waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// The flow that was put aside because no answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aside: Option<Open>,
    /// The flow that was asked for while another one is open, until the person says which one to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
}

/// The forms that lie in vaults: this one, and the name of a question from before there were flows.
#[derive(Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "it lives for an instant")]
enum Stored {
    Now {
        turn: u32,
        #[serde(default)]
        run: u32,
        #[serde(default)]
        open: Option<Open>,
        #[serde(default)]
        aside: Option<Open>,
        #[serde(default)]
        wanted: Option<String>,
    },
    Before(String),
}

impl From<Stored> for Conversation {
    fn from(stored: Stored) -> Self {
        let at = |flow: &str, step: &str| Conversation { open: Some(Open::new(flow, step)), ..Conversation::default() };
        match stored {
            Stored::Now { turn, run, open, aside, wanted } => Conversation { turn, run, open, aside, wanted },
            Stored::Before(name) => match name.as_str() {
                "link_number" => at("link", "number"),
                "erase_confirm" => at("erase", "confirm"),
                _ => Conversation::default(),
            },
        }
    }
}

impl Open {
    /// At this step, without answers.
    pub fn new(flow: &str, step: &str) -> Self {
        Open { flow: flow.to_owned(), step: step.to_owned(), answers: Value::Null, trail: Vec::new() }
    }
}

impl fmt::Debug for Open {
    /// Without what the person has answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Open({} at {})", self.flow, self.step)
    }
}

/// The step that waits for an answer, by its stable names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The flow.
    pub flow: Cow<'static, str>,
    /// Its step.
    pub step: Cow<'static, str>,
}

impl Place {
    /// A step by its names.
    pub fn new(flow: &'static str, step: &'static str) -> Self {
        Place { flow: flow.into(), step: step.into() }
    }
}

impl Conversation {
    /// What waits for an answer, if anything does.
    pub fn place(&self) -> Option<Place> {
        self.open.as_ref().map(|open| Place { flow: open.flow.clone().into(), step: open.step.clone().into() })
    }

    /// The next turn, with nothing open.
    #[must_use]
    pub fn idle(&self) -> Self {
        Conversation { turn: self.turn.wrapping_add(1), run: self.run, ..Conversation::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_before_there_were_flows_is_understood() {
        let read = |text: &str| serde_json::from_str::<Conversation>(text).unwrap();
        assert_eq!(read("\"idle\""), Conversation::default());
        assert_eq!(read("\"link_number\"").place(), Some(Place::new("link", "number")));
        assert_eq!(read("\"erase_confirm\"").place(), Some(Place::new("erase", "confirm")));
        let now = Conversation { turn: 7, wanted: Some("x".into()), ..read("\"link_number\"") };
        assert_eq!(read(&serde_json::to_string(&now).unwrap()), now);
    }

    #[test]
    fn answers_are_not_shown() {
        let open = Open { answers: "secret".into(), ..Open::new("a", "b") };
        assert_eq!(format!("{open:?}"), "Open(a at b)");
    }
}
