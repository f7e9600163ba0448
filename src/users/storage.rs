//! Watches how much each person stores, and keeps it within their share.
//!
//! Owns whose share runs out. Looks at those who are awake, since nobody else's files grow; once a day what is of no use any
//! more goes, and beyond the share the oldest history, as [`prune`] says. Where that does not suffice, the person links
//! nothing new, and what is there goes on.
use super::entry::UserEntry;
use super::store::UserDataStore;
use crate::domain::{TelegramId, Timestamp};
use crate::limits::level::{Change, Level, percent};
use crate::store::{StoreError, Vault, prune};
use crate::t;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Whoever has more than their share keeps this part of it, in percent: so it is not cut by each message.
const KEPT: u64 = 70;

/// Between two pieces of history that go, so that the person's own updates come in between.
const PAUSE: Duration = Duration::from_millis(20);

/// What people store.
pub struct Storage {
    /// Bytes that each may.
    quota: u64,
    every: Duration,
    /// Those who are awake. Locked for instants only.
    people: Mutex<HashMap<TelegramId, Stored>>,
}

/// How one person's storage stands.
#[derive(Default)]
struct Stored {
    level: Level,
    /// When this daemon last saw to what is of no use.
    tidied: Option<Instant>,
}

impl Storage {
    /// Looks every `every` whether somebody stores more than `quota` bytes.
    #[must_use]
    pub fn new(quota: u64, every: Duration) -> Self {
        Storage { quota, every, people: Mutex::default() }
    }

    fn people(&self) -> MutexGuard<'_, HashMap<TelegramId, Stored>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this person's share is used up.
    #[must_use]
    pub fn is_full(&self, user: TelegramId) -> bool {
        self.people().get(&user).is_some_and(|stored| stored.level.is_full())
    }

    fn look(&self, user: TelegramId, size: u64) -> Option<Change> {
        self.people().entry(user).or_default().level.look(size, self.quota)
    }

    /// Whether this person's vault is to be tidied now, which counts as done.
    fn tidies(&self, user: TelegramId) -> bool {
        let mut people = self.people();
        let stored = people.entry(user).or_default();
        let due = stored.tidied.is_none_or(|at| at.elapsed() >= prune::EVERY);
        if due {
            stored.tidied = Some(Instant::now());
        }
        due
    }
}

impl UserDataStore {
    /// Watches until `stop` is cancelled.
    pub async fn keep_to_quota(self) {
        let shared = self.shared();
        loop {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = tokio::time::sleep(shared.storage.every) => {}
            }
            let mut awake = HashSet::new();
            self.each(|entry| {
                awake.insert(entry.id());
            });
            shared.storage.people().retain(|user, _| awake.contains(user));
            for user in awake {
                if shared.stop.is_cancelled() {
                    return;
                }
                let Some(entry) = self.opened(user) else { continue };
                if let Err(e) = self.look_at_storage(&entry).await {
                    warn!(user.id = user.0, error.code = e.code(), "somebody's storage could not be looked after");
                }
            }
        }
    }

    async fn look_at_storage(&self, entry: &Arc<UserEntry>) -> Result<(), StoreError> {
        let Some(_inside) = entry.enter() else { return Ok(()) };
        // Somebody whose vault does not open holds up nobody.
        if !entry.ready.is_cancelled() {
            return Ok(());
        }
        let Some(vault) = entry.ready_vault().await else { return Ok(()) };
        let storage = &self.shared().storage;
        let was_open = vault.db().is_open();
        if storage.tidies(entry.id()) {
            let now = Timestamp::now();
            vault.tx_normal(move |tx| prune::useless(tx, now)).await?;
            vault.db().shrink().await?;
        }
        let mut size = self.shared().vaults.size(entry.id()).await?;
        if size >= storage.quota {
            let pruned = prune_history(entry, vault, storage.quota / 100 * KEPT, size).await?;
            info!(event = "storage_pruned", user.id = entry.id().0, rows = pruned, "the oldest history has gone");
            size = self.shared().vaults.size(entry.id()).await?;
        }
        if !was_open {
            // Nobody else uses it: it would only take up memory.
            vault.db().close_if_idle(Duration::ZERO).await?;
        }
        if storage.look(entry.id(), size) == Some(Change::Scarce) {
            let (user, quota) = (entry.id(), storage.quota);
            warn!(error.code = "storage-scarce", user.id = user.0, size, quota, "somebody's storage gets scarce");
            let text =
                t!("storage-scarce", user = user.to_string(), percent = percent(size, quota), code = "storage-scarce");
            self.tell_owner(text).await;
        }
        Ok(())
    }
}

/// Removes the oldest history until what is left fits `goal` bytes or must stay, and gives the room back. How many rows.
async fn prune_history(entry: &UserEntry, vault: &Vault, goal: u64, size: u64) -> Result<usize, StoreError> {
    let begun_with = vault.db().read(prune::used).await?;
    let others = size.saturating_sub(begun_with);
    let mut rows = 0;
    loop {
        let now = Timestamp::now();
        let (pruned, used) = vault.tx_normal(move |tx| Ok((prune::oldest(tx, now)?, prune::used(tx)?))).await?;
        rows += pruned;
        if pruned == 0 || used.saturating_add(others) <= goal || entry.stop.is_cancelled() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    vault.db().shrink().await?;
    for running in entry.slots.all() {
        match running.keys.handle().shrink().await {
            // Its client has stopped meanwhile.
            Ok(_) | Err(StoreError::Fenced) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(rows)
}
