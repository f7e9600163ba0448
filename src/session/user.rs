//! What was the daemon doing for one person?
//!
//! Owns the form of that projection, and its version. There is no field for anything that somebody typed, for a phone number or a
//! name: flow and step are words of this program ([`Word`] is made of nothing else), numbers are their small ids.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::Result;
use super::key::{SessionKey, SessionKind};
use super::payload::Payload;
use super::store::{Expected, Query, Record, SessionStore, Version};
use crate::domain::{Account, AccountId, AccountState, ChatId, MessageId, Place, Reason, TelegramId, Timestamp};

/// The newest form that is known here. A change that an older program would misread makes it larger.
pub const USER_SESSION_VERSION: u32 = 1;

/// A stable name: small letters, digits, `-` and `_`, at most 32 of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Word(Cow<'static, str>);

impl Word {
    /// A word of this program. One that is not of the form is refused when it is stored.
    pub const fn new(word: &'static str) -> Self {
        Word(Cow::Borrowed(word))
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if letters && (1..=32).contains(&text.len()) {
            Ok(Word(Cow::Owned(text)))
        } else {
            Err(D::Error::custom("is no stable name"))
        }
    }
}

/// Where one of the person's numbers stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberState {
    /// Which: its small id, never its phone number.
    pub account: AccountId,
    /// Its state.
    pub state: AccountState,
    /// Why, where there is a reason.
    pub reason: Option<Reason>,
}

impl From<&Account> for NumberState {
    fn from(account: &Account) -> Self {
        NumberState { account: account.id, state: account.state, reason: account.reason }
    }
}

/// A message of the bot's that is on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownMessage {
    /// The chat.
    pub chat: ChatId,
    /// The message in it.
    pub message: MessageId,
}

/// What the daemon was doing for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSession {
    version: u32,
    /// Who.
    pub telegram_id: TelegramId,
    /// When the session began.
    #[serde(with = "utc")]
    pub created_at: Timestamp,
    /// When the person was last seen.
    #[serde(with = "utc")]
    pub last_seen_at: Timestamp,
    /// The flow that waits for an answer.
    pub flow: Option<Word>,
    /// Its step that waits.
    pub step: Option<Word>,
    /// The person's numbers.
    pub numbers: Vec<NumberState>,
    /// The bot's previous message, which is edited rather than followed by another.
    pub previous_message: Option<ShownMessage>,
}

impl UserSession {
    /// A session that begins now, with nothing under way.
    pub fn new(telegram_id: TelegramId, now: Timestamp) -> Self {
        UserSession {
            version: USER_SESSION_VERSION,
            telegram_id,
            created_at: now,
            last_seen_at: now,
            flow: None,
            step: None,
            numbers: Vec::new(),
            previous_message: None,
        }
    }

    /// Notes which step waits for an answer, if any does.
    #[must_use]
    pub fn waiting_for(mut self, place: Option<Place>) -> Self {
        let (flow, step) = place.map(|place| (Word(place.flow), Word(place.step))).unzip();
        (self.flow, self.step) = (flow, step);
        self
    }

    /// The version of its form.
    pub fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn is_current(&self) -> bool {
        self.version == USER_SESSION_VERSION
    }
}

/// A person's session with what its store knows about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserRecord {
    /// It.
    #[serde(flatten)]
    pub session: UserSession,
    /// From this moment on it is not there any more.
    #[serde(with = "utc")]
    pub expires_at: Timestamp,
    /// Its last writing.
    #[serde(rename = "revision")]
    pub version: Version,
}

impl UserRecord {
    fn of(record: &Record) -> Result<Self> {
        let session = record.payload.read()?;
        Ok(UserRecord { session, expires_at: record.expires_at, version: record.version })
    }
}

/// People's sessions in a store, typed. A clone uses the same store.
#[derive(Debug, Clone)]
pub struct UserSessions {
    store: Arc<dyn SessionStore>,
    ttl: Duration,
}

/// How many sessions are taken from a store at once.
const PAGE: usize = 500;

impl UserSessions {
    /// Sessions in `store`, each living for `ttl` from its last writing or renewing.
    pub fn new(store: Arc<dyn SessionStore>, ttl: Duration) -> Self {
        UserSessions { store, ttl }
    }

    /// The person's session.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn get(&self, user: TelegramId) -> Result<Option<UserRecord>> {
        let record = self.store.get(&SessionKey::User(user)).await?;
        record.as_ref().map(UserRecord::of).transpose()
    }

    /// Stores the session of the person named in it, over whatever there is.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn put(&self, session: &UserSession) -> Result<Version> {
        self.put_if(session, Expected::Any).await
    }

    /// Stores the session of the person named in it, if what is expected is there.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn put_if(&self, session: &UserSession, expected: Expected) -> Result<Version> {
        let key = SessionKey::User(session.telegram_id);
        self.store.put(&key, Payload::of(session)?, self.ttl, expected).await
    }

    /// Lets the session live on from now. `false`: there is none.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn renew(&self, user: TelegramId) -> Result<bool> {
        self.store.renew(&SessionKey::User(user), self.ttl).await
    }

    /// Removes the session; its file goes soon after. `false`: there was none.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn remove(&self, user: TelegramId) -> Result<bool> {
        self.store.remove(&SessionKey::User(user), None).await
    }

    /// Removes the session, and returns when its file is gone too.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn forget(&self, user: TelegramId) -> Result<bool> {
        let key = SessionKey::User(user);
        let was = self.store.remove(&key, None).await?;
        self.store.settled(&key).await?;
        Ok(was)
    }

    /// Everybody's sessions, for a start.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn all(&self) -> Result<Vec<UserRecord>> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let query = Query { prefix: SessionKind::User.prefix(), after, limit: PAGE };
            let page = self.store.list(query).await?;
            for record in &page.records {
                found.push(UserRecord::of(record)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn SessionStore> {
        &self.store
    }
}

/// Moments as people read them.
pub(super) mod utc {
    use super::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text: std::borrow::Cow<'de, str> = serde::Deserialize::deserialize(from)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom("is no moment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_stable() {
        let mut session = UserSession::new(TelegramId(7), Timestamp(0)).waiting_for(Some(Place::new("link", "number")));
        session.last_seen_at = Timestamp(1_790_000_000_000);
        let reason = Some(Reason::LoggedOut);
        session.numbers.push(NumberState { account: AccountId(1), state: AccountState::Failed, reason });
        session.previous_message = Some(ShownMessage { chat: ChatId(7), message: MessageId(12) });
        let text = "{\"version\":1,\"telegram_id\":7,\"created_at\":\"1970-01-01T00:00:00.000Z\",\
                    \"last_seen_at\":\"2026-09-21T14:13:20.000Z\",\"flow\":\"link\",\"step\":\"number\",\
                    \"numbers\":[{\"account\":1,\"state\":\"failed\",\"reason\":\"wa-logged-out\"}],\
                    \"previous_message\":{\"chat\":7,\"message\":12}}";
        assert_eq!(Payload::of(&session).unwrap().as_str(), text);
        assert_eq!(serde_json::from_str::<UserSession>(text).unwrap(), session);
        let idle = session.waiting_for(None);
        assert_eq!((idle.flow, idle.step), (None, None));
    }

    #[test]
    fn nothing_that_somebody_typed_passes_for_a_name() {
        for wrong in ["", "Hello", "a b", "+62", "käse", "x".repeat(33).as_str()] {
            assert!(serde_json::from_value::<Word>(wrong.into()).is_err(), "{wrong}");
        }
        let mut session = UserSession::new(TelegramId(7), Timestamp(0));
        session.flow = Some(Word::new("No name"));
        assert!(Payload::of(&session).unwrap().fits(&SessionKey::User(TelegramId(7))).is_err());
    }

    #[test]
    fn a_session_fits_its_own_key_only() {
        let payload = Payload::of(&UserSession::new(TelegramId(7), Timestamp(0))).unwrap();
        payload.fits(&SessionKey::User(TelegramId(7))).unwrap();
        assert_eq!(payload.fits(&SessionKey::User(TelegramId(8))).unwrap_err().code(), "session-shape");
    }
}
