//! What is kept for a person under typed keys, for whoever is not a step: get, set, clear, and the bot's newest message.
//!
//! A step has the same as `UserContext::get` and `Changes::set`, in its own transaction.
use super::entry::UserEntry;
use super::life::Inside;
use super::store::UserDataStore;
use crate::domain::{ChatId, Key, MessageId, TelegramId};
use crate::store::{StoreError, VaultError, kept};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// How soon an entry that is going is looked for again.
const GOING: Duration = Duration::from_millis(10);

impl UserDataStore {
    /// What is kept for this person under `key`. Nothing for somebody who has no vault.
    ///
    /// # Errors
    /// [`VaultError`]: the vault cannot be opened or read, or what is there is not of the key's type.
    pub async fn get<T>(&self, user: TelegramId, key: Key<T>) -> Result<Option<T>, VaultError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let Some((entry, _inside)) = self.inside(user).await? else { return Ok(None) };
        Ok(entry.vault().await?.db().read(move |db| kept::get(db, key)).await?)
    }

    /// Keeps `value` for this person under `key`, in place of what was there; durable when it returns. Dropped earlier, it has
    /// happened or not happened.
    ///
    /// # Errors
    /// [`VaultError`]; [`StoreError::Fenced`] for somebody who has no vault.
    pub async fn set<T>(&self, user: TelegramId, key: Key<T>, value: T) -> Result<(), VaultError>
    where
        T: Serialize + Send + 'static,
    {
        let Some((entry, _inside)) = self.inside(user).await? else { return Err(StoreError::Fenced.into()) };
        Ok(entry.vault().await?.tx(move |tx| kept::set(tx, key, &value)).await?)
    }

    /// Keeps nothing for this person under `key` any more; durable when it returns.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn clear<T: 'static>(&self, user: TelegramId, key: Key<T>) -> Result<(), VaultError> {
        let Some((entry, _inside)) = self.inside(user).await? else { return Ok(()) };
        Ok(entry.vault().await?.tx(move |tx| kept::clear(tx, key)).await?)
    }

    /// The bot's newest message that answers this person, while their session lives: what is edited rather than followed by
    /// another one.
    pub fn previous_message(&self, user: TelegramId) -> Option<(ChatId, MessageId)> {
        self.opened(user)?.screen.previous()
    }

    /// The entry of somebody who has a vault, kept from going. `None`: they have none, or are being erased.
    async fn inside(&self, user: TelegramId) -> Result<Option<(Arc<UserEntry>, Inside)>, VaultError> {
        loop {
            if self.is_being_erased(user) || !self.shared().vaults.exists(user) {
                return Ok(None);
            }
            let entry = self.entry(user);
            if let Some(inside) = entry.enter() {
                entry.note_awake_for_good().await?;
                return Ok(Some((entry, inside)));
            }
            // It goes within bounded time, and the next one lets in.
            tokio::select! {
                () = self.shared().stop.cancelled() => return Err(StoreError::Fenced.into()),
                () = tokio::time::sleep(GOING) => {}
            }
        }
    }
}
