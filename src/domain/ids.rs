//! Identifiers. One type for each kind, and no conversion between kinds, so that they cannot be mixed up.
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A person on Telegram, as Telegram authenticated them (`from.id`). The key of everything a user owns.
    TelegramId(u64)
);
id!(
    /// A Telegram chat; for a private chat it equals the person's id.
    ChatId(i64)
);
id!(
    /// A Telegram message, unique within its chat.
    MessageId(i64)
);
id!(
    /// A Telegram update, unique within its bot.
    UpdateId(i64)
);
id!(
    /// One linked WhatsApp number of one user: a small number, unique within that user and never reused.
    AccountId(i64)
);
id!(
    /// Which start of an account's client an event belongs to. A later start has a larger one; what comes from an older
    /// one is no longer believed.
    Generation(u64)
);

impl TelegramId {
    /// Ids that Telegram shares between many people: its service account, the anonymous group administrator, and the
    /// account that stands for channels. They never own anything.
    ///
    /// Source: Telegram Bot API, `Message.sender_chat` and `Message.from`.
    pub const SHARED: [TelegramId; 3] = [TelegramId(777_000), TelegramId(1_087_968_824), TelegramId(136_817_688)];

    /// Whether this id stands for one person.
    pub fn is_person(self) -> bool {
        self.0 != 0 && !Self::SHARED.contains(&self)
    }

    /// The person's private chat with the bot.
    pub fn private_chat(self) -> ChatId {
        ChatId(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}
