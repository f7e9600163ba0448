//! What a person did in Telegram, after parsing and before any meaning is given to it.
use super::{MessageId, PhoneNumber};
use serde::{Deserialize, Serialize};

/// One thing that a person did in their private chat with the bot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// `/name rest`; the name in lower case, without slash and without the bot's name.
    Command {
        /// The command's name.
        name: String,
        /// What follows it, trimmed.
        rest: String,
        /// The message.
        message: MessageId,
    },
    /// A text message.
    Text {
        /// What it says.
        text: String,
        /// The message.
        message: MessageId,
        /// The bot's message that it answers.
        reply_to: Option<MessageId>,
    },
    /// A pressed button.
    Press {
        /// What the button carried, as received: not yet authenticated.
        data: String,
        /// The message that the button stands under, where Telegram tells it.
        message: Option<MessageId>,
        /// Telegram's id of this press, for the answer.
        callback: String,
    },
    /// A shared contact card's number.
    Contact {
        /// The number, where it is one.
        phone: Option<PhoneNumber>,
        /// The message.
        message: MessageId,
    },
    /// A message that is not understood yet (sticker, photo, …), by its kind.
    Other {
        /// Its kind, a word for people.
        kind: String,
        /// The message.
        message: MessageId,
    },
    /// An own message was edited; it has been acted on already.
    Edited {
        /// The message.
        message: MessageId,
    },
    /// The person blocked the bot.
    Blocked,
    /// The person lets the bot write again.
    Unblocked,
}

impl Input {
    /// The message, when it is a text or a command.
    pub fn typed(&self) -> Option<MessageId> {
        match self {
            Self::Text { message, .. } | Self::Command { message, .. } => Some(*message),
            _ => None,
        }
    }
}
