//! How an entry goes: what the protocol of `life` asks for, done on a real one.
//!
//! Owns nothing. Whatever fails on the way leaves the person's row in the directory awake, and the next start looks.
use super::entry::UserEntry;
use super::life::{self, Closing};
use super::store::UserDataStore;
use crate::domain::Timestamp;
use crate::store::says::Said;
use crate::store::{Left, StoreError, VaultError, says};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::{debug, info, warn};

/// An entry that is to go.
struct Going<'a> {
    entry: &'a Arc<UserEntry>,
    users: &'a UserDataStore,
    /// How long its tasks and clients may take.
    limit: Duration,
    /// What it leaves, once that is known.
    left: Mutex<Option<Left>>,
}

impl Going<'_> {
    fn new<'a>(entry: &'a Arc<UserEntry>, users: &'a UserDataStore, limit: Duration) -> Going<'a> {
        Going { entry, users, limit, left: Mutex::default() }
    }

    async fn waits(&self) -> Result<bool, VaultError> {
        let (entry, shared) = (self.entry, &self.entry.shared);
        if !entry.news.is_empty() || entry.slots.is_busy() || entry.screen.needy_numbers() > 0 {
            return Ok(true);
        }
        if entry.screen.used().is_some() || !shared.spool.waiting(entry.id(), 1).await?.is_empty() {
            return Ok(true);
        }
        if !entry.ready.is_cancelled() {
            // Their vault does not open, and somebody has to see when it does again.
            return Ok(shared.vaults.exists(entry.id()));
        }
        let left = left(entry).await?;
        Ok(left.numbers > 0 || left.unfinished)
    }
}

/// What an entry whose tasks have ended leaves. A message that the worker handed over when its talker had gone was not said.
async fn put_back_and_look(entry: &UserEntry) -> Result<Left, StoreError> {
    if let (Some(vault), Some(say)) = (entry.opened_vault(), entry.handover.wake()) {
        vault.tx_normal(move |tx| says::record(tx, &say, Said::Again { maybe: false })).await?;
    }
    left(entry).await
}

/// What the vault of an entry has left.
async fn left(entry: &UserEntry) -> Result<Left, StoreError> {
    let asked_at = entry.screen.asked_at();
    let unshared = entry.unshared.load(Ordering::SeqCst);
    match entry.opened_vault() {
        // Erased meanwhile: nothing of it may be noted any more.
        Some(vault) if vault.db().is_fenced() => Err(StoreError::Fenced),
        Some(vault) if vault.db().is_open() => {
            let left = vault.db().read(crate::store::left::of).await?;
            Ok(Left { asked_at: asked_at.or(left.asked_at), unfinished: left.unfinished || unshared, ..left })
        }
        // Nobody has used it for a while, so nothing is about to be said.
        _ => Ok(Left { numbers: entry.screen.needy_numbers(), unfinished: unshared, asked_at }),
    }
}

impl Closing for Going<'_> {
    async fn is_quiet(&self) -> bool {
        match self.waits().await {
            Ok(waits) => !waits,
            Err(e) => {
                warn!(
                    user.id = self.entry.id().0,
                    error.code = e.code(),
                    "cannot see whether a user's world may close"
                );
                false
            }
        }
    }

    async fn settle(&self) {
        let entry = self.entry;
        entry.stop.cancel();
        entry.tasks.close();
        if tokio::time::timeout(self.limit, entry.tasks.wait()).await.is_err() {
            warn!(user.id = entry.id().0, "a user's tasks do not end in time");
            return;
        }
        if !entry.ready.is_cancelled() {
            return;
        }
        match put_back_and_look(entry).await {
            Ok(left) => *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(left),
            Err(e) => warn!(user.id = entry.id().0, error.code = e.code(), "cannot see what a user's world leaves"),
        }
    }

    async fn disconnect(&self) {
        self.entry.close_clients(self.limit).await;
    }

    async fn shut(&self) {
        let Some(vault) = self.entry.opened_vault() else { return };
        if let Err(e) = vault.db().fence().await {
            warn!(user.id = self.entry.id().0, error.code = e.code(), "a user's database did not close cleanly");
        }
    }

    async fn note(&self) {
        let Some(left) = *self.left.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        let id = self.entry.id();
        if let Err(e) = self.entry.shared.directory.rest(id, left, Timestamp::now()).await {
            warn!(user.id = id.0, error.code = e.code(), "what a user's world leaves could not be noted");
        }
    }

    async fn leave(&self) {
        self.users.remove(self.entry);
    }

    async fn look_again(&self) {
        self.users.look_for_waiting(self.entry.id()).await;
        debug!(user.id = self.entry.id().0, "a user's world has closed");
    }
}

/// Closes an entry, if nothing keeps it.
pub(super) async fn close(entry: &Arc<UserEntry>, users: &UserDataStore) -> bool {
    let going = Going::new(entry, users, entry.shared.settings.close_timeout);
    life::close(&entry.life, &going).await
}

/// Closes an entry because the daemon stops: within `limit`, and with what is left noted for the next start.
pub(super) async fn at_shutdown(entry: &Arc<UserEntry>, users: &UserDataStore, limit: Duration) {
    if !entry.life.begin_anyway() {
        // Being closed or erased already.
        return entry.close_clients(limit).await;
    }
    let going = Going::new(entry, users, limit);
    tokio::join!(going.settle(), going.disconnect());
    // One that a task was just about to start has its place among the others only now. Left running it would take messages
    // when there is no database left to put them in.
    going.disconnect().await;
    entry.project().await;
    going.note().await;
    if going.left.lock().unwrap_or_else(PoisonError::into_inner).is_none() && entry.ready.is_cancelled() {
        info!(user.id = entry.id().0, "a user's world did not close in time; the next start looks after it");
    }
}

/// Closes an entry because its person may not use the bot any more. What is theirs stays as it is; what they send from now
/// on is dealt with at the door.
pub(super) async fn turned_out(entry: &Arc<UserEntry>, users: &UserDataStore) {
    if !entry.life.begin_anyway() {
        // Whoever closes or erases it already sees to what arrives afterwards.
        return;
    }
    let going = Going::new(entry, users, entry.shared.settings.close_timeout);
    tokio::join!(going.settle(), going.disconnect());
    // One that a task was just about to start has its place among the others only now.
    going.disconnect().await;
    entry.leave_screen().await;
    going.shut().await;
    going.note().await;
    entry.life.end();
    going.leave().await;
    going.look_again().await;
    info!(user.id = entry.id().0, "somebody was turned out; their world has closed");
}
