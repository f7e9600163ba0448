//! One person's folder: their key, `user.db`, and one key store for each of their numbers.
//!
//! A vault is opened for one [`TelegramId`] and reaches nothing outside that person's folder.
use super::context::{self, UserContext};
use super::error::{Result, StoreError};
use super::handle::{Durability, Handle, OpenFiles, Tx};
use super::keys::{DataKey, KeyError, MasterKey, TEMP_MARK};
use super::schema;
use super::seal::SealKey;
use super::sqlcipher::{Pages, RawKey};
use super::threads::{DbThreads, QueueStats, Turn};
use crate::domain::{AccountId, ChatId, Input, TelegramId, Timestamp};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose turn work on all folders together takes.
const SHARED: Turn = Turn { user: 0, lane: 3 };
/// Nobody else waits behind a disk that does not answer to the question whether it does.
const PROBE: Turn = Turn { user: u64::MAX, lane: 0 };

/// Where vaults lie, and what opens them.
#[derive(Clone)]
pub struct Vaults {
    threads: DbThreads,
    master: Arc<MasterKey>,
    root: PathBuf,
    open: OpenFiles,
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
        Vaults { threads, master: Arc::new(master), root: data_dir.join("users"), open: OpenFiles::default() }
    }

    /// Every open database of every vault.
    pub fn open_files(&self) -> &OpenFiles {
        &self.open
    }

    /// The folder of a user, whether it exists or not.
    pub fn folder(&self, user: TelegramId) -> PathBuf {
        self.root.join(user.to_string())
    }

    /// Whether this user has a vault.
    pub fn exists(&self, user: TelegramId) -> bool {
        self.folder(user).join("key").exists()
    }

    /// Whether the data folder takes what is written to it. Makes a file there and removes it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it does not.
    pub async fn probe(&self) -> Result<()> {
        let folder = self.root.parent().unwrap_or(&self.root);
        // A start removes what carries this mark.
        let file = folder.join(format!("probe{TEMP_MARK}"));
        let write = move || fs::write(&file, b"1").and_then(|()| fs::remove_file(&file));
        self.threads.run(PROBE, write).await?.map_err(|e| StoreError::io("write to the data folder", e))
    }

    /// How much this user stores, in bytes; nothing when there is no folder. Opens nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn size(&self, user: TelegramId) -> Result<u64> {
        let folder = self.folder(user);
        match self.threads.run(Turn { user: user.0, lane: 0 }, move || folder_size(&folder)).await? {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
            size => size.map_err(|e| StoreError::io("look how much is stored", e)),
        }
    }

    /// How busy the database threads are.
    pub fn queue(&self) -> QueueStats {
        self.threads.stats()
    }

    /// Everybody who has a folder, and what else lies between the folders.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder of all users cannot be read.
    pub async fn list(&self) -> Result<(Vec<TelegramId>, Vec<PathBuf>)> {
        let vaults = self.clone();
        self.threads.run(SHARED, move || vaults.read_folders()).await?.map_err(|e| StoreError::io("list all users", e))
    }

    fn read_folders(&self) -> std::io::Result<(Vec<TelegramId>, Vec<PathBuf>)> {
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

    /// Removes what a crash left half-written in a user's folder, and the folder with it when there is nothing else in it.
    /// Call it only while nobody works there. `true`: there was something.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn tidy(&self, folder: PathBuf) -> Result<bool> {
        let tidied = self.threads.run(SHARED, move || remove_unfinished(&folder)).await?;
        tidied.map_err(|e| StoreError::io("tidy a user's folder", e))
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
                    let key = DataKey::load(&master, &path, owner)?;
                    // A death at its birth leaves a key alone behind; later there is more.
                    if !folder.join("user.db").exists() && has_key_stores(&folder)? {
                        return Err(StoreError::Missing.into());
                    }
                    return Ok(key);
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

/// Whether a number's key store lies in a user's folder.
fn has_key_stores(folder: &Path) -> Result<bool> {
    let names = fs::read_dir(folder).map_err(|e| StoreError::io("look into a user's folder", e))?;
    Ok(names.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("wa-")))
}

/// Deletes unfinished files; `true` when there was one. What is left empty goes too.
fn remove_unfinished(folder: &Path) -> std::io::Result<bool> {
    let (mut found, mut kept) = (false, false);
    if !folder.is_dir() {
        return Ok(false);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().contains(TEMP_MARK)) && path.is_file() {
            fs::remove_file(&path)?;
            found = true;
        } else {
            kept = true;
        }
    }
    if found && !kept {
        fs::remove_dir(folder)?;
    }
    Ok(found)
}

/// A person, within one of their own transactions.
pub struct Person<'a> {
    tx: &'a Tx<'a>,
    vault: &'a Inner,
    now: Timestamp,
}

impl Person<'_> {
    /// Their state, as far as a step on `input` needs it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn context(&self, input: &Input) -> Result<UserContext> {
        context::load(self.tx, self.chat(), self.tokens(), Some(input), self.now)
    }

    /// Their state, for a step that they did not ask for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unasked(&self) -> Result<UserContext> {
        context::load(self.tx, self.chat(), self.tokens(), None, self.now)
    }

    /// Their private chat.
    pub fn chat(&self) -> ChatId {
        self.vault.user.private_chat()
    }

    /// The key that authenticates their buttons.
    pub fn tokens(&self) -> &SealKey {
        &self.vault.tokens
    }

    /// The time of the step.
    pub fn now(&self) -> Timestamp {
        self.now
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
    open: OpenFiles,
}

impl Vault {
    fn new(vaults: &Vaults, user: TelegramId, key: DataKey) -> Self {
        let folder = vaults.folder(user);
        let raw = RawKey::new(*key.derive("user.db"));
        let turn = Turn { user: user.0, lane: 0 };
        let (threads, open) = (vaults.threads.clone(), vaults.open.clone());
        let db = Handle::watched(
            threads.clone(),
            turn,
            folder.join("user.db"),
            (raw, Pages::Small),
            schema::USER,
            open.clone(),
        );
        let tokens = key.seal_key("buttons");
        Vault(Arc::new(Inner { user, folder, threads, key, tokens, db, open }))
    }

    /// Whose it is.
    pub fn user(&self) -> TelegramId {
        self.0.user
    }

    /// The key under which what is kept of this person in sessions is sealed.
    pub fn session_key(&self) -> SealKey {
        self.0.key.seal_key("sessions")
    }

    /// The handle of `user.db`.
    pub fn db(&self) -> &Handle {
        &self.0.db
    }

    /// How many bytes all files of this person take up.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn size(&self) -> Result<u64> {
        let vault = self.clone();
        let turn = Turn { user: self.0.user.0, lane: 0 };
        let size = self.0.threads.run(turn, move || folder_size(&vault.0.folder)).await?;
        size.map_err(|e| StoreError::io("look how much is stored", e))
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

    /// One step: a transaction, on disk when it returns, whose work is given this person. With
    /// [`step_normal`](Self::step_normal) the only way to a [`UserContext`].
    ///
    /// # Errors
    /// [`StoreError`]. Cancellation: once polled it runs to its end.
    pub async fn step<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&Tx<'_>, &Person<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let vault = self.clone();
        self.tx(move |tx| work(tx, &Person { tx, vault: &vault.0, now })).await
    }

    /// One step that a power failure may undo: what asked for it is kept elsewhere until [`Handle::sync`].
    ///
    /// # Errors
    /// [`StoreError`]. Cancellation: once polled it runs to its end.
    pub async fn step_normal<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&Tx<'_>, &Person<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let vault = self.clone();
        self.tx_normal(move |tx| work(tx, &Person { tx, vault: &vault.0, now })).await
    }

    /// A handle on the key store of one number, for one start of its client. It has a lane of its own, so nothing of it
    /// waits for the worker's transactions.
    pub fn wa_handle(&self, account: AccountId) -> Handle {
        let raw = RawKey::new(*self.0.key.derive(&format!("wa-{account}.db")));
        let lane = u64::try_from(account.0).unwrap_or(0).saturating_add(1);
        let turn = Turn { user: self.0.user.0, lane };
        let path = self.0.folder.join(format!("wa-{account}.db"));
        let (threads, open) = (self.0.threads.clone(), self.0.open.clone());
        Handle::watched(threads, turn, path, (raw, Pages::Large), super::wa::schema::MIGRATIONS, open)
    }
}

fn folder_size(folder: &Path) -> std::io::Result<u64> {
    let mut size = 0;
    for file in fs::read_dir(folder)? {
        match file?.metadata() {
            Ok(file) => size += file.len(),
            // A log that has just been moved into its file.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(size)
}
