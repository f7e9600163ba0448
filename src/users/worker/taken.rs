//! What the vault has taken and the spool still keeps.
//!
//! An update is taken by a commit that survives a kill, but not yet a power failure: flushing the disk for each would be
//! most of its cost. So its row stays in the spool, and is forgotten together with others once the vault is flushed; until
//! then a row that is read again meets its key in the vault.
use crate::domain::UpdateId;
use crate::store::{Result, Spooled, Vault};
use crate::users::entry::UserEntry;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a row may stay in the spool after it was taken.
const LATEST: Duration = Duration::from_secs(1);
/// How many may.
const MOST: usize = 256;

/// Taken updates of one person.
#[derive(Default)]
pub(super) struct Taken {
    updates: HashSet<UpdateId>,
    /// When they have to be forgotten.
    due: Option<Instant>,
}

impl Taken {
    pub(super) fn add(&mut self, updates: impl Iterator<Item = UpdateId>) {
        self.updates.extend(updates);
        self.due = self.due.or_else(|| Some(Instant::now() + LATEST));
    }

    /// How many rows to ask the spool for, to get this many that were not taken.
    pub(super) fn limit(&self, wanted: usize) -> usize {
        wanted + self.updates.len()
    }

    /// Leaves those that were not taken.
    pub(super) fn filter(&self, mut rows: Vec<Spooled>) -> Vec<Spooled> {
        rows.retain(|row| !self.updates.contains(&row.update));
        rows
    }

    /// When they have to be forgotten; `None` when there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn is_full(&self) -> bool {
        self.updates.len() >= MOST
    }

    /// Puts what took them on the disk, and has the spool forget them. What fails is tried again later.
    pub(super) async fn flush(&mut self, entry: &UserEntry, vault: &Vault) -> Result<()> {
        if self.updates.is_empty() {
            return Ok(());
        }
        self.due = Some(Instant::now() + LATEST);
        vault.db().sync().await?;
        let done: Vec<UpdateId> = self.updates.iter().copied().collect();
        entry.shared.spool.next(entry.id(), &done, 0).await?;
        self.updates.clear();
        self.due = None;
        Ok(())
    }
}
