//! What the vault has taken and the spool still keeps.
//!
//! An update is taken by a commit that survives a kill, but not yet a power failure: flushing the disk for each would be
//! most of its cost. So its row stays in the spool, and is forgotten together with others once the vault is flushed; until
//! then a row that is read again meets its key in the vault. Whoever writes meanwhile does not wait for that.
use crate::domain::UpdateId;
use crate::store::{Result, Vault};
use crate::users::entry::UserEntry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::Instant;
use tracing::warn;

/// How long a row may stay in the spool after it was taken. Each flush costs the disk as much as hundreds of steps, and
/// everybody has a vault of their own to flush; what is longer makes more to read again after a kill.
const LATEST: Duration = Duration::from_secs(5);
/// How many may.
const MOST: usize = 1024;

/// Taken updates of one person.
#[derive(Default)]
pub(super) struct Taken {
    updates: Vec<UpdateId>,
    /// When they have to be forgotten, or looked after.
    due: Option<Instant>,
    going: Option<Going>,
}

/// Updates that are being forgotten.
struct Going {
    updates: Vec<UpdateId>,
    /// Told when they are; closed when that failed.
    gone: oneshot::Receiver<()>,
}

impl Taken {
    pub(super) fn add(&mut self, updates: impl Iterator<Item = UpdateId>) {
        self.updates.extend(updates);
        self.due = self.due.or_else(|| Some(Instant::now() + LATEST));
    }

    /// The one with the highest number: what waits comes after it, but for what the spool knows to have come late.
    pub(super) fn last(&self) -> Option<UpdateId> {
        self.updates.iter().chain(self.going.iter().flat_map(|going| &going.updates)).max().copied()
    }

    /// When they have to be forgotten; `None` when there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time to forget them.
    pub(super) fn is_due(&self) -> bool {
        self.updates.len() >= MOST || self.due.is_some_and(|due| due <= Instant::now())
    }

    /// Begins to put on the disk what took them, and to have the spool forget them. What fails is tried again later.
    pub(super) fn forget_soon(&mut self, entry: &Arc<UserEntry>, vault: &Vault) {
        self.look();
        self.due = (self.going.is_some() || !self.updates.is_empty()).then(|| Instant::now() + LATEST);
        if self.going.is_some() || self.updates.is_empty() {
            return;
        }
        // An entry that is going does it at its end.
        let Some(inside) = entry.enter() else { return };
        let updates = std::mem::take(&mut self.updates);
        let (me, vault, list) = (Arc::clone(entry), vault.clone(), updates.clone());
        let (tell, gone) = oneshot::channel();
        self.going = Some(Going { updates, gone });
        entry.spawn(async move {
            let _inside = inside;
            match forget(&me, &vault, &list).await {
                // Whoever has gone has no use for it.
                Ok(()) => tell.send(()).unwrap_or(()),
                Err(e) => stay(&me, &e),
            }
        });
    }

    /// What has become of those that are being forgotten.
    fn look(&mut self) {
        let Some(mut going) = self.going.take() else { return };
        match going.gone.try_recv() {
            Ok(()) => {}
            Err(TryRecvError::Empty) => self.going = Some(going),
            Err(TryRecvError::Closed) => self.updates.append(&mut going.updates),
        }
    }

    /// Forgets all of them, at the end.
    pub(super) async fn forget_all(mut self, entry: &UserEntry, vault: &Vault) {
        if let Some(mut going) = self.going.take()
            && (&mut going.gone).await.is_err()
        {
            self.updates.append(&mut going.updates);
        }
        if let Err(e) = forget(entry, vault, &self.updates).await {
            stay(entry, &e);
        }
    }
}

/// Puts what took these updates on the disk, and how its person is found there, and then has the spool forget them.
async fn forget(entry: &UserEntry, vault: &Vault, updates: &[UpdateId]) -> Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let (noted, flushed) = tokio::join!(entry.note_awake_for_good(), vault.db().sync());
    noted.and(flushed)?;
    entry.shared.spool.done(entry.id(), updates).await
}

fn stay(entry: &UserEntry, e: &crate::store::StoreError) {
    warn!(user.id = entry.id().0, error.code = e.code(), "taken updates stay in the spool");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: impl IntoIterator<Item = i64>) -> impl Iterator<Item = UpdateId> {
        ids.into_iter().map(UpdateId)
    }

    #[tokio::test]
    async fn what_is_being_forgotten_is_known_until_it_is_and_again_when_that_fails() {
        let mut taken = Taken::default();
        assert!(taken.due().is_none() && taken.last().is_none());
        for succeeds in [false, true] {
            let (tell, gone) = oneshot::channel();
            taken.going = Some(Going { updates: ids([1, 9]).collect(), gone });
            taken.add(ids([4, 5]));
            taken.look();
            assert_eq!((taken.last(), taken.updates.len()), (Some(UpdateId(9)), 2), "not known yet");
            if succeeds {
                tell.send(()).unwrap();
            } else {
                drop(tell);
            }
            taken.look();
            assert!(taken.going.is_none());
            let left = if succeeds { Some(UpdateId(5)) } else { Some(UpdateId(9)) };
            assert_eq!(taken.last(), left);
            taken.updates.clear();
        }
        assert!(taken.due().is_some_and(|due| due > Instant::now()) && !taken.is_due());
    }
}
