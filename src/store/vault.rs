//! One person's folder: their key, `user.db`, and one key store for each of their numbers.
//!
//! A vault is opened for one [`TelegramId`] and reaches nothing outside that person's folder.
use super::context::{self, Subject, UserContext};
use super::error::{Result, StoreError};
use super::handle::{Durability, Handle, Tx};
use super::keys::{DataKey, KeyError, MasterKey};
use super::schema;
use super::seal::SealKey;
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{AccountId, TelegramId, Timestamp};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where vaults lie, and what opens them.
#[derive(Clone)]
pub struct Vaults {
    threads: DbThreads,
    master: Arc<MasterKey>,
    root: PathBuf,
}

/// Why a vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Its key.
    #[error("unlock the user's key")]
    Key(#[from] KeyError),
    /// A database.
    #[error("use the user's database")]
    Store(#[from] StoreError),
}

impl VaultError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
}

impl Vaults {
    /// Vaults below `data_dir/users`.
    pub fn new(threads: DbThreads, master: MasterKey, data_dir: &Path) -> Self {
        Vaults { threads, master: Arc::new(master), root: data_dir.join("users") }
    }

    /// The folder of a user, whether it exists or not.
    pub fn folder(&self, user: TelegramId) -> PathBuf {
        self.root.join(user.to_string())
    }

    /// Whether this user has a vault.
    pub fn exists(&self, user: TelegramId) -> bool {
        self.folder(user).join("key").exists()
    }

    /// Everybody who has a folder, and how many entries there belong to nobody.
    ///
    /// # Errors
    /// When the folder of all users cannot be read.
    pub fn list(&self) -> std::io::Result<(Vec<TelegramId>, Vec<PathBuf>)> {
        let (mut users, mut orphans) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((users, orphans)),
            Err(e) => return Err(e),
        };
        for entry in entries {
            let entry = entry?;
            let id = entry.file_name().to_str().and_then(|n| n.parse().ok()).map(TelegramId);
            match id {
                Some(id) if id.to_string() == entry.file_name().to_string_lossy() && self.exists(id) => users.push(id),
                _ => orphans.push(entry.path()),
            }
        }
        Ok((users, orphans))
    }

    /// Unlocks the user's vault, and makes it when there is none. The database itself opens on first use.
    ///
    /// # Errors
    /// [`VaultError`]; a key that is there but cannot be read is never replaced.
    pub async fn open(&self, user: TelegramId) -> std::result::Result<Vault, VaultError> {
        let (master, folder) = (Arc::clone(&self.master), self.folder(user));
        let turn = Turn { user: user.0, lane: 0 };
        let key = self
            .threads
            .run(turn, move || -> std::result::Result<DataKey, VaultError> {
                let path = folder.join("key");
                let owner = i64::try_from(user.0).unwrap_or(i64::MAX);
                if path.exists() {
                    return Ok(DataKey::load(&master, &path, owner)?);
                }
                if folder.join("user.db").exists() {
                    return Err(KeyError::Missing { path }.into());
                }
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(&folder)
                    .map_err(|e| StoreError::io("make the user's folder", e))?;
                Ok(DataKey::create(&master, &path, owner)?)
            })
            .await??;
        Ok(Vault::new(self, user, key))
    }
}

/// One person's open vault.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    user: TelegramId,
    folder: PathBuf,
    threads: DbThreads,
    key: DataKey,
    tokens: SealKey,
    db: Handle,
}

impl Vault {
    fn new(vaults: &Vaults, user: TelegramId, key: DataKey) -> Self {
        let folder = vaults.folder(user);
        let raw = RawKey::new(*key.derive("user.db"));
        let turn = Turn { user: user.0, lane: 0 };
        let db = Handle::new(vaults.threads.clone(), turn, folder.join("user.db"), raw, schema::USER);
        let tokens = key.seal_key("buttons");
        Vault(Arc::new(Inner { user, folder, threads: vaults.threads.clone(), key, tokens, db }))
    }

    /// Whose it is.
    pub fn user(&self) -> TelegramId {
        self.0.user
    }

    /// The key that authenticates this user's buttons.
    pub fn tokens(&self) -> &SealKey {
        &self.0.tokens
    }

    /// The handle of `user.db`.
    pub fn db(&self) -> &Handle {
        &self.0.db
    }

    /// One transaction in `user.db`, on disk when it returns.
    ///
    /// # Errors
    /// [`StoreError`]. Cancellation: once polled it runs to its end.
    pub async fn tx<T: Send + 'static>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        self.0.db.tx(Durability::Full, work).await
    }

    /// One transaction whose loss in a power failure would only repeat harmless work.
    ///
    /// # Errors
    /// [`StoreError`]. Cancellation: once polled it runs to its end.
    pub async fn tx_normal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.db.tx(Durability::Normal, work).await
    }

    /// One step: a transaction, on disk when it returns, whose work is given the person's state. The only source of a
    /// [`UserContext`].
    ///
    /// # Errors
    /// [`StoreError`]. Cancellation: once polled it runs to its end.
    pub async fn step<S: Send + 'static, T: Send + 'static>(
        &self,
        state: S,
        subject: impl for<'s> FnOnce(&'s S) -> Subject<'s> + Send + 'static,
        now: Timestamp,
        work: impl FnOnce(&Tx<'_>, S, UserContext) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let vault = self.clone();
        self.tx(move |tx| {
            let context = context::load(tx, vault.0.user.private_chat(), &vault.0.tokens, &subject(&state), now)?;
            work(tx, state, context)
        })
        .await
    }

    /// A handle on the key store of one number, for one start of its client. It has a lane of its own, so nothing of it
    /// waits for the worker's transactions.
    pub fn wa_handle(&self, account: AccountId) -> Handle {
        let raw = RawKey::new(*self.0.key.derive(&format!("wa-{account}.db")));
        let lane = u64::try_from(account.0).unwrap_or(0).saturating_add(1);
        let turn = Turn { user: self.0.user.0, lane };
        let path = self.0.folder.join(format!("wa-{account}.db"));
        Handle::new(self.0.threads.clone(), turn, path, raw, super::wa::schema::MIGRATIONS)
    }
}
