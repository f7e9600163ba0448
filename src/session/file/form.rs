//! What does a session file look like, and is this one?
//!
//! Owns the form: one JSON object that a person can read, the session's own fields and, after them, what the store knows about
//! it. Pure: bytes in, a record or the reason against it out.

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::damage::Damage;
use crate::domain::Timestamp;
use crate::session::error::{Result, SessionError};
use crate::session::sealed::{SEALED_SESSION_VERSION, SealedSession};
use crate::session::store::{Record, Version};
use crate::session::user::{USER_SESSION_VERSION, UserRecord, UserSession, utc};
use crate::session::{Payload, SessionKey};

/// No session file is larger; whatever is, was not written by us and is not read. A payload of [`crate::session::MAX_PAYLOAD`]
/// stays below it in spite of the white space.
pub(super) const MAX_FILE: u64 = 64 * 1024;

/// The largest version that is believed: above it, JSON's numbers are no longer exact everywhere.
const MAX_VERSION: u64 = 1 << 53;

/// What every form since the first has in common.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct File<S> {
    #[serde(flatten)]
    session: S,
    #[serde(with = "utc")]
    expires_at: Timestamp,
    revision: Version,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    User(UserRecord),
    /// Of a kind that is sealed.
    Sealed(Record),
}

impl Found {
    pub fn key(&self) -> SessionKey {
        match self {
            Self::User(found) => SessionKey::User(found.session.telegram_id),
            Self::Sealed(record) => record.key,
        }
    }

    pub fn expires_at(&self) -> Timestamp {
        match self {
            Self::User(found) => found.expires_at,
            Self::Sealed(record) => record.expires_at,
        }
    }

    /// As a store keeps it.
    pub fn record(self) -> Result<Record> {
        match self {
            Self::User(found) => Ok(Record {
                key: SessionKey::User(found.session.telegram_id),
                payload: Payload::of(&found.session)?,
                version: found.version,
                expires_at: found.expires_at,
            }),
            Self::Sealed(record) => Ok(record),
        }
    }
}

/// The file of a record.
///
/// # Errors
/// [`SessionError::Shape`].
pub(super) fn encode(record: &Record) -> Result<Vec<u8>> {
    match record.key {
        SessionKey::User(_) => pretty(record, record.payload.read::<UserSession>()?),
        SessionKey::Registration(_) | SessionKey::Client(_) => pretty(record, record.payload.read::<SealedSession>()?),
    }
}

fn pretty<S: Serialize>(record: &Record, session: S) -> Result<Vec<u8>> {
    let file = File { session, expires_at: record.expires_at, revision: record.version };
    let mut bytes = serde_json::to_vec_pretty(&file).map_err(|_| SessionError::Shape)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The session in a file that is named after `key`.
pub(super) fn decode(key: SessionKey, bytes: &[u8]) -> std::result::Result<Found, Damage> {
    let newest = match key {
        SessionKey::User(_) => USER_SESSION_VERSION,
        SessionKey::Registration(_) | SessionKey::Client(_) => SEALED_SESSION_VERSION,
    };
    let head: Head = serde_json::from_slice(bytes).map_err(|e| why(&e))?;
    if head.version > newest {
        return Err(Damage::FutureVersion);
    }
    if head.version != newest {
        return Err(Damage::Shape);
    }
    let found = match key {
        SessionKey::User(_) => {
            let File { session, expires_at, revision } = serde_json::from_slice(bytes).map_err(|e| why(&e))?;
            Found::User(UserRecord { session, expires_at, version: revision })
        }
        SessionKey::Registration(_) | SessionKey::Client(_) => {
            let File::<SealedSession> { session, expires_at, revision } =
                serde_json::from_slice(bytes).map_err(|e| why(&e))?;
            let key = session.key().ok_or(Damage::Shape)?;
            let payload = Payload::of(&session).map_err(|_| Damage::Shape)?;
            payload.fits(&key).map_err(|_| Damage::Shape)?;
            Found::Sealed(Record { key, payload, version: revision, expires_at })
        }
    };
    if found.key() != key {
        return Err(Damage::WrongId);
    }
    let version = match &found {
        Found::User(found) => found.version,
        Found::Sealed(record) => record.version,
    };
    if version.0 > MAX_VERSION { Err(Damage::Shape) } else { Ok(found) }
}

fn why(error: &serde_json::Error) -> Damage {
    match error.classify() {
        Category::Eof => Damage::Truncated,
        Category::Data => Damage::Shape,
        Category::Syntax | Category::Io => Damage::NotJson,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{AccountId, AccountState, TelegramId};
    use crate::session::{MAX_PAYLOAD, NumberState};

    const USER: TelegramId = TelegramId(7);

    fn file(numbers: i64) -> Vec<u8> {
        let mut session = UserSession::new(USER, Timestamp(1_790_000_000_000));
        session.numbers = (0..numbers)
            .map(|n| NumberState { account: AccountId(n), state: AccountState::Failed, reason: None })
            .collect();
        let found = UserRecord { session, expires_at: Timestamp(1_790_000_300_000), version: Version(12) };
        encode(&Found::User(found).record().unwrap()).unwrap()
    }

    #[test]
    fn a_person_can_read_it() {
        let text = String::from_utf8(file(1)).unwrap();
        assert_eq!(
            text,
            "{\n  \"version\": 1,\n  \"telegram_id\": 7,\n  \"created_at\": \"2026-09-21T14:13:20.000Z\",\n  \
             \"last_seen_at\": \"2026-09-21T14:13:20.000Z\",\n  \"flow\": null,\n  \"step\": null,\n  \"numbers\": [\n    {\n      \
             \"account\": 0,\n      \"state\": \"failed\",\n      \"reason\": null\n    }\n  ],\n  \"previous_message\": null,\n  \
             \"expires_at\": \"2026-09-21T14:18:20.000Z\",\n  \"revision\": 12\n}\n"
        );
    }

    #[test]
    fn each_wrong_file_is_told_apart() {
        let good = String::from_utf8(file(2)).unwrap();
        assert!(decode(USER.into(), good.as_bytes()).is_ok());
        for (text, why) in [
            (String::new(), Damage::Truncated),
            (good[..good.len() / 2].to_owned(), Damage::Truncated),
            ("hello".to_owned(), Damage::NotJson),
            ("\0".repeat(300), Damage::NotJson),
            (format!("{good}{good}"), Damage::NotJson),
            (format!("{{\"version\": {}", "[".repeat(5_000)), Damage::Shape),
            (format!("{{\"other\": {}", "[".repeat(5_000)), Damage::Truncated),
            ("[]".to_owned(), Damage::Shape),
            ("[1]".to_owned(), Damage::Shape),
            ("{}".to_owned(), Damage::Shape),
            ("{\"version\": 1}".to_owned(), Damage::Shape),
            (good.replace("\"version\": 1", "\"version\": 0"), Damage::Shape),
            (good.replace("\"version\": 1", "\"version\": 2"), Damage::FutureVersion),
            ("{\"version\": 2, \"new\": {}}".to_owned(), Damage::FutureVersion),
            (good.replace("\"telegram_id\": 7", "\"telegram_id\": 8"), Damage::WrongId),
            (good.replace("\"telegram_id\": 7", "\"telegram_id\": \"7\""), Damage::Shape),
            (good.replace("2026-09-21T14:18", "2026-09-41T14:18"), Damage::Shape),
            (good.replace("\"revision\": 12", "\"revision\": 18446744073709551615"), Damage::Shape),
        ] {
            assert_eq!(decode(USER.into(), text.as_bytes()).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn the_largest_payload_fits_the_largest_file() {
        let mut most = 0;
        for numbers in (0..).step_by(10) {
            let mut session = UserSession::new(USER, Timestamp(0));
            let number = NumberState { account: AccountId(1), state: AccountState::Failed, reason: None };
            session.numbers = vec![number; numbers];
            match Payload::of(&session) {
                Ok(payload) => most = payload.as_str().len(),
                Err(e) => {
                    assert_eq!(e.code(), "session-too-large");
                    break;
                }
            }
            let found = UserRecord { session, expires_at: Timestamp(0), version: Version(1) };
            assert!((encode(&Found::User(found).record().unwrap()).unwrap().len() as u64) < MAX_FILE);
        }
        assert!(most > MAX_PAYLOAD * 9 / 10, "the largest was tried");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode(USER.into(), &bytes).is_err());
        }

        #[test]
        fn a_file_cut_anywhere_or_changed_in_one_byte_is_refused_or_whole(cut in 0_usize..400, byte in any::<u8>()) {
            let good = file(2);
            let cut = cut % good.len();
            if cut + 2 < good.len() {
                prop_assert_eq!(decode(USER.into(), &good[..cut]).unwrap_err(), Damage::Truncated);
            }
            let mut changed = good;
            changed[cut] = byte;
            if let Ok(read) = decode(USER.into(), &changed) {
                prop_assert_eq!(read.key(), USER.into());
            }
        }
    }
}
