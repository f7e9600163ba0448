//! What the vault has taken and the spool still keeps.
//!
//! An update is taken by a commit that survives a kill, but not yet a power failure: flushing the disk for each would be
//! most of its cost. So its row stays in the spool, and is forgotten together with others once the vault is flushed; until
//! then a row that is read again meets its key in the vault.
use crate::domain::UpdateId;
use crate::store::{Result, Vault};
use crate::users::entry::UserEntry;
use std::time::Duration;
use tokio::time::Instant;

/// How long a row may stay in the spool after it was taken. Each flush costs the disk as much as hundreds of steps, and
/// everybody has a vault of their own to flush; what is longer makes more to read again after a kill.
const LATEST: Duration = Duration::from_secs(5);
/// How many may.
const MOST: usize = 1024;

/// Taken updates of one person, oldest first.
#[derive(Default)]
pub(super) struct Taken {
    updates: Vec<UpdateId>,
    /// When they have to be forgotten.
    due: Option<Instant>,
}

impl Taken {
    pub(super) fn add(&mut self, updates: impl Iterator<Item = UpdateId>) {
        self.updates.extend(updates);
        self.due = self.due.or_else(|| Some(Instant::now() + LATEST));
    }

    /// The one with the highest number: what waits comes after it, but for what the spool knows to have come late.
    pub(super) fn last(&self) -> Option<UpdateId> {
        self.updates.iter().max().copied()
    }

    /// When they have to be forgotten; `None` when there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time to forget them.
    pub(super) fn is_due(&self) -> bool {
        self.updates.len() >= MOST || self.due.is_some_and(|due| due <= Instant::now())
    }

    /// Puts what took them on the disk, and has the spool forget them. What fails is tried again later.
    pub(super) async fn flush(&mut self, entry: &UserEntry, vault: &Vault) -> Result<()> {
        if self.updates.is_empty() {
            return Ok(());
        }
        self.due = Some(Instant::now() + LATEST);
        vault.db().sync().await?;
        entry.shared.spool.next(entry.id(), &self.updates, None, 0).await?;
        *self = Self::default();
        Ok(())
    }
}
