//! Whose session is it?
//!
//! Owns the kinds of sessions and the stable text of their keys. It must not know what a session holds.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::TelegramId;

/// The kinds of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionKind {
    /// What the daemon was doing for a person.
    User,
}

impl SessionKind {
    /// Every kind.
    pub const ALL: &[SessionKind] = &[SessionKind::User];

    /// What every key of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "user:",
        }
    }
}

/// The key of one session. Its text (`user:7`) is stable: engines outside this process store it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SessionKey {
    /// A person's, by the id that Telegram authenticated.
    User(TelegramId),
}

impl SessionKey {
    /// Its kind.
    pub fn kind(&self) -> SessionKind {
        match self {
            Self::User(_) => SessionKind::User,
        }
    }

    /// From its text, and no other spelling of it.
    pub fn parse(text: &str) -> Option<Self> {
        let key = Self::User(TelegramId(text.strip_prefix(SessionKind::User.prefix())?.parse().ok()?));
        (key.to_string() == text).then_some(key)
    }
}

impl From<TelegramId> for SessionKey {
    fn from(user: TelegramId) -> Self {
        Self::User(user)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "{}{user}", SessionKind::User.prefix()),
        }
    }
}

impl Serialize for SessionKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_its_own_text_only() {
        for id in [0, 7, u64::MAX] {
            let key = SessionKey::User(TelegramId(id));
            assert_eq!(SessionKey::parse(&key.to_string()), Some(key));
        }
        for wrong in ["", "user:", "user:07", "user:+7", "user:-7", "user: 7", "user:18446744073709551616", "wa:7", "7"]
        {
            assert_eq!(SessionKey::parse(wrong), None, "{wrong}");
        }
    }
}
