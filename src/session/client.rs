//! How does a linked number stand, and which process runs its client?
//!
//! For those who place people on several machines, and for operators who count. Nothing of it is a secret of the number's: no phone
//! number, no key. It is sealed under its owner's key nevertheless, and even its own key tells nothing. Renewed while the number is
//! linked. Owns the form.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Result, SessionError};
use super::key::{Digest, SessionKey};
use super::sealed::SealedSession;
use super::store::{Expected, SessionStore};
use crate::domain::{Account, AccountId, AccountState, Reason, TelegramId, Timestamp};
use crate::store::seal::SealKey;

/// How long it lives after it was written last.
pub const CLIENT_LIFE: Duration = Duration::from_secs(86_400);

/// How one linked number stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSession {
    /// Whose it is.
    pub owner: TelegramId,
    /// Which of theirs, by its small id.
    pub account: AccountId,
    /// Its state.
    pub state: AccountState,
    /// Why, where there is a reason.
    pub reason: Option<Reason>,
    /// The process that runs its client.
    pub node: String,
    /// Since when it stands so.
    pub since: Timestamp,
    /// When this was last known to be so.
    pub last_seen: Timestamp,
}

/// Sessions of linked numbers in a store, typed. A clone uses the same store.
#[derive(Debug, Clone)]
pub struct Clients {
    store: Arc<dyn SessionStore>,
    node: Arc<str>,
}

impl Clients {
    /// Those in `store`; `node` is what this process is called.
    pub fn new(store: Arc<dyn SessionStore>, node: &str) -> Self {
        Clients { store, node: node.into() }
    }

    /// The key of a number's session. `seal` is its owner's own.
    pub fn key(seal: &SealKey, owner: TelegramId, account: AccountId) -> SessionKey {
        let named = format!("{owner}:{account}");
        SessionKey::Client(Digest(seal.keyed_digest("client", named.as_bytes())))
    }

    /// Says how a number stands now: for a day while it is linked, and not at all otherwise.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn tell(&self, seal: &SealKey, owner: TelegramId, account: &Account, now: Timestamp) -> Result<()> {
        let key = Self::key(seal, owner, account.id);
        if !account.state.is_linked() {
            return self.store.remove(&key, None).await.map(drop);
        }
        // What cannot be read is written anew.
        let was = match self.get(seal, &key).await {
            Err(SessionError::Shape) => None,
            read => read?,
        };
        let same =
            was.filter(|was| (was.state, was.reason, &*was.node) == (account.state, account.reason, &*self.node));
        let session = ClientSession {
            owner,
            account: account.id,
            state: account.state,
            reason: account.reason,
            node: self.node.to_string(),
            since: same.map_or(now, |same| same.since),
            last_seen: now,
        };
        let payload = SealedSession::of(seal, &key, &session)?;
        self.store.put(&key, payload, CLIENT_LIFE, Expected::Any).await.map(drop)
    }

    /// The session under a key.
    ///
    /// # Errors
    /// [`SessionError`]; [`SessionError::Shape`] when it does not open with this seal.
    pub async fn get(&self, seal: &SealKey, key: &SessionKey) -> Result<Option<ClientSession>> {
        let Some(record) = self.store.get(key).await? else { return Ok(None) };
        SealedSession::open(seal, key, &record.payload).map(Some)
    }

    /// Removes a number's session.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn forget(&self, seal: &SealKey, owner: TelegramId, account: AccountId) -> Result<()> {
        let key = Self::key(seal, owner, account);
        self.store.remove(&key, None).await?;
        self.store.settled(&key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Clock, LoginMethod, PhoneNumber};
    use crate::session::{MemoryStore, Query};
    use zeroize::Zeroizing;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[tokio::test]
    async fn a_linked_number_is_told_of_and_only_its_owner_can_read_it() {
        let store = Arc::new(MemoryStore::new(Clock::reading(|| NOW)));
        let clients = Clients::new(store.clone(), "first");
        let (seal, owner) = (SealKey::new(Zeroizing::new([1; 32])), TelegramId(7));
        let mut account = Account {
            state: AccountState::Connected,
            phone: Some(PhoneNumber::parse("+6281234567890").unwrap()),
            ..Account::new(AccountId(3), LoginMethod::Qr, NOW)
        };
        clients.tell(&seal, owner, &account, NOW).await.unwrap();
        let key = Clients::key(&seal, owner, account.id);
        let later = NOW.after(Duration::from_secs(60));
        clients.tell(&seal, owner, &account, later).await.unwrap();
        let found = clients.get(&seal, &key).await.unwrap().unwrap();
        assert_eq!((found.since, found.last_seen, &*found.node), (NOW, later, "first"));
        let page = store.list(Query { prefix: "wa:", limit: 9, ..Query::default() }).await.unwrap();
        let text = page.records[0].payload.as_str();
        for secret in ["81234567890", "connected", "first", ":7", "\"7\""] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!serde_json::to_string(&found).unwrap().contains("81234567890"));
        let other = SealKey::new(Zeroizing::new([2; 32]));
        assert_eq!(clients.get(&other, &key).await.unwrap_err().code(), "session-shape");
        assert_ne!(Clients::key(&seal, TelegramId(8), account.id), key);
        // It moves to another process, and is unlinked there.
        let elsewhere = Clients::new(store.clone(), "second");
        elsewhere.tell(&seal, owner, &account, later).await.unwrap();
        assert_eq!(clients.get(&seal, &key).await.unwrap().unwrap().since, later);
        account.state = AccountState::LoggingOut;
        elsewhere.tell(&seal, owner, &account, later).await.unwrap();
        assert_eq!(clients.get(&seal, &key).await.unwrap(), None);
    }
}
