//! Where does a registration stand that somebody may take up again, and who can read that?
//!
//! Only its owner can: the session is sealed under a key of theirs before an engine sees it, and even its own key tells nothing
//! but to them. Owns nothing.

use std::sync::Arc;

use super::error::Result;
use super::key::{Digest, SessionKey};
use super::sealed::SealedSession;
use super::store::{Expected, SessionStore};
use crate::domain::{PhoneNumber, Registration, TelegramId, Timestamp};
use crate::store::seal::SealKey;

/// Registrations in a store, typed. A clone uses the same store.
#[derive(Debug, Clone)]
pub struct Registrations {
    store: Arc<dyn SessionStore>,
}

impl Registrations {
    /// Registrations in `store`.
    pub fn new(store: Arc<dyn SessionStore>) -> Self {
        Registrations { store }
    }

    /// The key of this owner's registration for this number. `seal` is the owner's own.
    pub fn key(seal: &SealKey, owner: TelegramId, phone: &PhoneNumber) -> SessionKey {
        let named = format!("{owner}:{}", phone.digits());
        SessionKey::Registration(Digest(seal.keyed_digest("registration", named.as_bytes())))
    }

    /// Stores a registration until it expires, over whatever there is; gives its key. One that has expired is removed.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError); [`SessionError::Shape`](super::SessionError::Shape) also when it could not be sealed.
    pub async fn put(
        &self,
        seal: &SealKey,
        owner: TelegramId,
        registration: &Registration,
        now: Timestamp,
    ) -> Result<SessionKey> {
        let key = Self::key(seal, owner, &registration.phone);
        let payload = SealedSession::of(seal, &key, registration)?;
        let ttl = now.until(registration.expires_at);
        if ttl.is_zero() {
            self.store.remove(&key, None).await?;
        } else {
            self.store.put(&key, payload, ttl, Expected::Any).await?;
        }
        Ok(key)
    }

    /// The registration under a key.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError); [`SessionError::Shape`](super::SessionError::Shape) when it does not open with this key.
    pub async fn get(&self, seal: &SealKey, key: &SessionKey) -> Result<Option<Registration>> {
        let Some(record) = self.store.get(key).await? else { return Ok(None) };
        SealedSession::open(seal, key, &record.payload).map(Some)
    }

    /// Removes the registration under a key. `false`: there was none.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn remove(&self, key: &SessionKey) -> Result<bool> {
        self.store.remove(key, None).await
    }

    /// Removes the registration under a key, and returns when it is gone from wherever it survives this process.
    ///
    /// # Errors
    /// [`SessionError`](super::SessionError).
    pub async fn forget(&self, key: &SessionKey) -> Result<()> {
        self.store.remove(key, None).await?;
        self.store.settled(key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Clock;
    use crate::domain::profile::REGISTRATION_LIFE;
    use crate::session::{MemoryStore, Payload, Query};
    use zeroize::Zeroizing;

    const ANA: TelegramId = TelegramId(7);
    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn seal(byte: u8) -> SealKey {
        SealKey::new(Zeroizing::new([byte; 32]))
    }

    fn registration(phone: &str) -> Registration {
        Registration {
            phone: PhoneNumber::parse(phone).unwrap(),
            step: "email".into(),
            session_data: serde_json::json!({"name": "Ana Sekar"}),
            created_at: NOW,
            expires_at: NOW.after(REGISTRATION_LIFE),
        }
    }

    fn registrations() -> Registrations {
        Registrations::new(Arc::new(MemoryStore::new(Clock::reading(|| NOW))))
    }

    #[tokio::test]
    async fn only_its_owner_finds_and_reads_a_registration() {
        let all = registrations();
        let record = registration("+6281234567890");
        let key = all.put(&seal(1), ANA, &record, NOW).await.unwrap();
        assert_eq!(all.get(&seal(1), &key).await.unwrap(), Some(record.clone()));
        assert_eq!(key, Registrations::key(&seal(1), ANA, &record.phone));
        let page = all.store.list(Query { prefix: "reg:", limit: 9, ..Query::default() }).await.unwrap();
        let (text, expires_at) = (page.records[0].payload.as_str().to_owned(), page.records[0].expires_at);
        assert_eq!((page.records.len(), expires_at), (1, record.expires_at));
        for secret in ["81234567890", "Ana", "email", "\"7\"", ":7"] {
            assert!(!text.contains(secret), "{text}");
        }
        // Another one's has another key, and their own seal does not open this one.
        assert_ne!(Registrations::key(&seal(2), ANA, &record.phone), key);
        assert_ne!(Registrations::key(&seal(1), TelegramId(8), &record.phone), key);
        assert_eq!(all.get(&seal(2), &key).await.unwrap_err().code(), "session-shape");
        let other = all.put(&seal(2), TelegramId(8), &record, NOW).await.unwrap();
        assert_eq!(all.get(&seal(1), &key).await.unwrap(), Some(record));
        assert!(all.remove(&other).await.unwrap() && !all.remove(&other).await.unwrap());
        all.forget(&key).await.unwrap();
        assert_eq!(all.get(&seal(1), &key).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_sealed_session_opens_only_where_it_was_put() {
        let all = registrations();
        let first = all.put(&seal(1), ANA, &registration("+6281234567890"), NOW).await.unwrap();
        let second = Registrations::key(&seal(1), ANA, &PhoneNumber::parse("+6281234567891").unwrap());
        let session: SealedSession = all.store.get(&first).await.unwrap().unwrap().payload.read().unwrap();
        let stolen = Payload::of(&session).unwrap();
        let refused = all.store.put(&second, stolen, REGISTRATION_LIFE, Expected::Any).await.unwrap_err();
        assert_eq!(refused.code(), "session-shape");
        let moved = SealedSession::new(&second, &session.bytes().unwrap());
        let moved = Payload::of(&moved).unwrap();
        all.store.put(&second, moved, REGISTRATION_LIFE, Expected::Any).await.unwrap();
        assert_eq!(all.get(&seal(1), &second).await.unwrap_err().code(), "session-shape");
    }

    #[tokio::test]
    async fn an_expired_one_is_not_kept() {
        let all = registrations();
        let mut record = registration("+6281234567890");
        let key = all.put(&seal(1), ANA, &record, NOW).await.unwrap();
        record.expires_at = NOW;
        all.put(&seal(1), ANA, &record, NOW).await.unwrap();
        assert_eq!(all.get(&seal(1), &key).await.unwrap(), None);
    }
}
