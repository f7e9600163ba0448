//! What `users/` needs of Telegram, and nothing more. `telegram/` implements it.
use crate::domain::{ChatId, Input, Language, MessageId, Outgoing, TelegramId};
use async_trait::async_trait;
use std::time::Duration;

/// Why Telegram did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TelegramError {
    /// Too many requests; worth trying again after this long.
    #[error("wait {0:?} for Telegram")]
    RetryAfter(Duration),
    /// No answer, or a 5xx: it may or may not have been done. Worth trying again.
    #[error("reach Telegram: {0}")]
    Unreachable(String),
    /// The person blocked the bot, or their account is gone.
    #[error("write to a person who blocked the bot")]
    Blocked,
    /// The message to change is gone, or cannot be changed any more.
    #[error("find the message to change")]
    Gone,
    /// Telegram refuses this for good.
    #[error("have Telegram accept this: {0}")]
    Refused(String),
}

/// Telegram, as senders see it. Each method makes one request, with a deadline of its own, and never repeats it.
#[async_trait]
pub trait Telegram: Send + Sync + 'static {
    /// Sends a message. Its text fits one message already.
    ///
    /// # Errors
    /// [`TelegramError`].
    async fn send(&self, out: &Outgoing) -> Result<MessageId, TelegramError>;

    /// Changes a message to show this instead; "not modified" is success.
    ///
    /// # Errors
    /// [`TelegramError`]; `Gone` when it must be sent anew (also when a text would have to become a picture), `Refused`
    /// also by a server that cannot change messages.
    async fn edit(&self, message: MessageId, out: &Outgoing) -> Result<(), TelegramError>;

    /// Deletes a message; one that is gone already is success.
    ///
    /// # Errors
    /// [`TelegramError`].
    async fn delete(&self, chat: ChatId, message: MessageId) -> Result<(), TelegramError>;

    /// Answers a pressed button.
    ///
    /// # Errors
    /// [`TelegramError`].
    async fn answer_press(&self, callback: &str, text: Option<&str>, alert: bool) -> Result<(), TelegramError>;
}

/// What a stored update says.
#[derive(Clone, PartialEq, Eq)]
pub struct Heard {
    /// What the person did.
    pub input: Input,
    /// In which language they use Telegram, where it tells.
    pub language: Option<Language>,
}

/// Reads a stored update. `None`: nothing in it is for us.
pub trait ReadUpdate: Send + Sync + 'static {
    /// What the person did, from the update's JSON.
    fn read(&self, payload: &str) -> Option<Heard>;

    /// Whether it may be about something that stands in the chat: an answer to it, or a press of its button.
    fn refers(&self, _payload: &str) -> bool {
        false
    }
}

/// Hears that something waits for a person.
pub trait Route: Send + Sync + 'static {
    /// Rows of this person lie in the spool. Must not block and must not wait: it is called on the way in of everybody's
    /// updates. One call may stand for several rows, and a call may come when nothing waits any more.
    fn arrived(&self, user: TelegramId);
}
