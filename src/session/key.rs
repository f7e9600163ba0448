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
    /// A registration that can be taken up again.
    Registration,
    /// How a linked number stands, and where its client runs.
    Client,
}

impl SessionKind {
    /// Every kind.
    pub const ALL: &[SessionKind] = &[SessionKind::User, SessionKind::Registration, SessionKind::Client];

    /// What every key of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "user:",
            Self::Registration => "reg:",
            Self::Client => "wa:",
        }
    }

    /// Whether what sessions of this kind hold is sealed under their owner's key. Only such may leave this process.
    pub fn is_sealed(self) -> bool {
        match self {
            Self::User => false,
            Self::Registration | Self::Client => true,
        }
    }
}

/// What stands in a key for what must not be read there: 32 bytes that only the holder of a secret can make.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// From 64 small hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // At once: it is written for every call to a server.
        let mut text = [0; 64];
        for (at, byte) in self.0.iter().enumerate() {
            text[2 * at] = DIGITS[usize::from(byte >> 4)];
            text[2 * at + 1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// The key of one session. Its text (`user:7`) is stable: engines outside this process store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SessionKey {
    /// A person's, by the id that Telegram authenticated.
    User(TelegramId),
    /// A registration's, by a digest over its owner and the number that it is for. Nobody else can make that one.
    Registration(Digest),
    /// A linked number's, by a digest over its owner and the number's small id.
    Client(Digest),
}

impl SessionKey {
    /// Its kind.
    pub fn kind(&self) -> SessionKind {
        match self {
            Self::User(_) => SessionKind::User,
            Self::Registration(_) => SessionKind::Registration,
            Self::Client(_) => SessionKind::Client,
        }
    }

    /// Whose it is, where that can be seen.
    pub fn user(&self) -> Option<TelegramId> {
        match self {
            Self::User(user) => Some(*user),
            Self::Registration(_) | Self::Client(_) => None,
        }
    }

    /// From its text, and no other spelling of it.
    pub fn parse(text: &str) -> Option<Self> {
        let of = |kind: SessionKind| text.strip_prefix(kind.prefix());
        let key = if let Some(id) = of(SessionKind::User) {
            Self::User(TelegramId(id.parse().ok()?))
        } else if let Some(digest) = of(SessionKind::Registration) {
            Self::Registration(Digest::parse(digest)?)
        } else {
            Self::Client(Digest::parse(of(SessionKind::Client)?)?)
        };
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
        f.write_str(self.kind().prefix())?;
        match self {
            Self::User(user) => user.fmt(f),
            Self::Registration(digest) | Self::Client(digest) => digest.fmt(f),
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
        let registration = SessionKey::Registration(Digest([0xa7; 32]));
        assert_eq!(registration.to_string(), format!("reg:{}", "a7".repeat(32)));
        assert_eq!(SessionKey::parse(&registration.to_string()), Some(registration));
        let client = SessionKey::Client(Digest([0xa7; 32]));
        assert_eq!(client.to_string(), format!("wa:{}", "a7".repeat(32)));
        assert_eq!(SessionKey::parse(&client.to_string()), Some(client));
        let (upper, long) = (format!("reg:{}", "A7".repeat(32)), format!("reg:{}", "a7".repeat(33)));
        let accented = format!("reg:{}", "é".repeat(32));
        for wrong in [
            "",
            "user:",
            "user:07",
            "user:+7",
            "user:-7",
            "user: 7",
            "user:18446744073709551616",
            "wa:7",
            "7",
            "reg:",
            "reg:7",
            "reg:+6281234567890",
            &upper,
            &long,
            &accented,
        ] {
            assert_eq!(SessionKey::parse(wrong), None, "{wrong}");
        }
    }
}
