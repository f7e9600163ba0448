//! Where a person stands in a conversation with the bot.
use serde::{Deserialize, Serialize};

/// The step that the next free text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversation {
    /// None.
    #[default]
    Idle,
    /// Asked for the phone number to link by code.
    LinkNumber,
    /// Asked to type the word that confirms erasing.
    EraseConfirm,
}

impl Conversation {
    /// The stable names of the flow and of its step that waits for an answer; `None` when nothing waits.
    pub fn names(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Idle => None,
            Self::LinkNumber => Some(("link", "number")),
            Self::EraseConfirm => Some(("erase", "confirm")),
        }
    }
}
