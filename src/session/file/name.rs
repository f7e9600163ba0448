//! What does the name of a file in the sessions folder say?
//!
//! Owns the names. Pure.

use std::ffi::OsStr;

use super::damage::Damage;
use crate::domain::{TelegramId, Timestamp};
use crate::store::keys::TEMP_MARK;

/// What a file was set aside with, in its name.
const ASIDE_MARK: &str = ".damaged-";

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A person's session: `user_7.json`.
    Session(TelegramId),
    /// One that was not believed: `user_7.json.damaged-truncated-1790000000`.
    Aside(TelegramId),
    /// One that was being written: `user_7.json.tmp-0123456789abcdef`.
    Leftover(TelegramId),
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
        let parts = name.strip_prefix("user_").and_then(|rest| rest.split_once(".json"));
        let Some((digits, rest)) = parts else { return Self::Other };
        let Some(user) = digits.parse().ok().map(TelegramId).filter(|user| user.to_string() == digits) else {
            return Self::Other;
        };
        if rest.is_empty() {
            Self::Session(user)
        } else if rest.starts_with(ASIDE_MARK) {
            Self::Aside(user)
        } else if rest.strip_prefix(TEMP_MARK).is_some_and(|mark| u64::from_str_radix(mark, 16).is_ok()) {
            Self::Leftover(user)
        } else {
            Self::Other
        }
    }
}

/// The name of a person's session file.
pub(super) fn session(user: TelegramId) -> String {
    format!("user_{user}.json")
}

/// A name for a file that is being written.
pub(super) fn unfinished(user: TelegramId) -> String {
    format!("{}{TEMP_MARK}{:016x}", session(user), rand::random::<u64>())
}

/// The name that a file is set aside under; `again` tells apart what would have the same.
pub(super) fn aside(user: TelegramId, why: Damage, now: Timestamp, again: u32) -> String {
    let name = format!("{}{ASIDE_MARK}{}-{}", session(user), why.word(), now.0.div_euclid(1_000));
    if again == 0 { name } else { format!("{name}-{again}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let user = TelegramId(7);
        for (name, meaning) in [
            (session(user), Name::Session(user)),
            (session(TelegramId(u64::MAX)), Name::Session(TelegramId(u64::MAX))),
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
        ] {
            assert_eq!(Name::of(OsStr::new(other)), Name::Other, "{other}");
        }
    }
}
