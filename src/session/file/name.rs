//! What does the name of a file in the sessions folder say?
//!
//! Owns the names. Pure.

use std::ffi::OsStr;

use super::damage::Damage;
use crate::domain::Timestamp;
use crate::session::key::{Digest, SessionKey};
use crate::store::keys::TEMP_MARK;

/// What a file was set aside with, in its name.
const ASIDE_MARK: &str = ".damaged-";

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A session: `user_7.json`, `reg_<64 hexadecimal digits>.json`, `wa_<64 hexadecimal digits>.json`.
    Session(SessionKey),
    /// One that was not believed: `user_7.json.damaged-truncated-1790000000`.
    Aside(SessionKey),
    /// One that was being written: `user_7.json.tmp-0123456789abcdef`.
    Leftover(SessionKey),
    /// The page that explains the folder, and what begins with a dot.
    Ordinary,
    /// Not ours.
    Other,
}

impl Name {
    /// Reads a name.
    pub fn of(name: &OsStr) -> Self {
        let Some(name) = name.to_str() else { return Self::Other };
        if name == "README.md" || name.starts_with('.') {
            return Self::Ordinary;
        }
        let Some((stem, rest)) = name.split_once(".json") else { return Self::Other };
        let key = match stem.split_once('_') {
            Some(("user", digits)) => SessionKey::parse(&format!("user:{digits}")),
            Some(("reg", digest)) => Digest::parse(digest).map(SessionKey::Registration),
            Some(("wa", digest)) => Digest::parse(digest).map(SessionKey::Client),
            _ => None,
        };
        let Some(key) = key else { return Self::Other };
        if rest.is_empty() {
            Self::Session(key)
        } else if rest.starts_with(ASIDE_MARK) {
            Self::Aside(key)
        } else if rest.strip_prefix(TEMP_MARK).is_some_and(|mark| u64::from_str_radix(mark, 16).is_ok()) {
            Self::Leftover(key)
        } else {
            Self::Other
        }
    }
}

/// The name of a session's file.
pub fn session(key: SessionKey) -> String {
    match key {
        SessionKey::User(user) => format!("user_{user}.json"),
        SessionKey::Registration(digest) => format!("reg_{digest}.json"),
        SessionKey::Client(digest) => format!("wa_{digest}.json"),
    }
}

/// A name for a file that is being written.
pub(super) fn unfinished(key: SessionKey) -> String {
    format!("{}{TEMP_MARK}{:016x}", session(key), rand::random::<u64>())
}

/// The name that a file is set aside under; `again` tells apart what would have the same.
pub(super) fn aside(key: SessionKey, why: Damage, now: Timestamp, again: u32) -> String {
    let name = format!("{}{ASIDE_MARK}{}-{}", session(key), why.word(), now.0.div_euclid(1_000));
    if again == 0 { name } else { format!("{name}-{again}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TelegramId;

    #[test]
    fn names_are_told_apart() {
        let user = SessionKey::User(TelegramId(7));
        let registration = SessionKey::Registration(Digest([0x7e; 32]));
        for (name, meaning) in [
            (session(user), Name::Session(user)),
            (session(TelegramId(u64::MAX).into()), Name::Session(TelegramId(u64::MAX).into())),
            (session(registration), Name::Session(registration)),
            (format!("reg_{}.json", "7e".repeat(32)), Name::Session(registration)),
            (session(SessionKey::Client(Digest([9; 32]))), Name::Session(SessionKey::Client(Digest([9; 32])))),
            (unfinished(registration), Name::Leftover(registration)),
            (aside(registration, Damage::Shape, Timestamp(0), 1), Name::Aside(registration)),
            (unfinished(user), Name::Leftover(user)),
            (aside(user, Damage::Huge, Timestamp(1_790_000_000_000), 0), Name::Aside(user)),
            ("user_7.json.damaged-huge-1790000000-2".into(), Name::Aside(user)),
            ("README.md".into(), Name::Ordinary),
            (".gitignore".into(), Name::Ordinary),
        ] {
            assert_eq!(Name::of(OsStr::new(&name)), meaning, "{name}");
        }
        assert_eq!(aside(user, Damage::Huge, Timestamp(1_790_000_000_999), 2), "user_7.json.damaged-huge-1790000000-2");
        for other in [
            "user_007.json",
            "user_+7.json",
            "user_.json",
            "user_18446744073709551616.json",
            "user_7.json~",
            "user_7.json.bak",
            "user_7.json.tmp-",
            "user_7.json.tmp-mine",
            "user_7.JSON",
            "User_7.json",
            "notes.tmp-1",
            "reg_7.json",
            "reg_.json",
            "user:7.json",
        ] {
            assert_eq!(Name::of(OsStr::new(other)), Name::Other, "{other}");
        }
    }
}
