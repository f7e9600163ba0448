//! What of a person's lies outside their vault, for others or for another start, and is it as the vault has it?
//!
//! The published profile, the session of a registration, and how numbers stand. The vault says what is wanted, in the commit of
//! the step that wanted it; this brings it about afterwards, as often as it takes, and a start looks again. One at a time for
//! each person, so that the newest is what remains.
use super::apply::Applier;
use super::entry::UserEntry;
use crate::domain::Timestamp;
use crate::flows::Changes;
use crate::limits::Backoff;
use crate::session::{Clients, NumberState, Registrations, SessionError, SessionKey};
use crate::store::profiles::Sharing;
use crate::store::{Vault, VaultError, accounts, profile};
use crate::t;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// What was said of numbers is said anew after this: a little less than the time after which `care` looks.
const RENEW: Duration = Duration::from_secs(3_500);
const RETRY: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(60) };

impl UserEntry {
    /// Has what lies outside brought to what the vault says, and goes on until it is.
    pub(super) fn share_soon(self: &Arc<Self>) {
        self.unshared.store(true, Ordering::SeqCst);
        let entry = Arc::clone(self);
        self.spawn(async move {
            let mut attempt = 0;
            while let Err(e) = share(&entry).await {
                if attempt == 0 {
                    let (id, code) = (entry.id().0, e.code());
                    warn!(user.id = id, error.code = code, "what a user has published is not yet as they want it");
                }
                let wait = RETRY.delay(attempt, rand::random());
                attempt = attempt.saturating_add(1);
                tokio::select! {
                    // Their row in the directory says that something is unfinished.
                    () = entry.stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
    }
}

async fn share(entry: &Arc<UserEntry>) -> Result<(), VaultError> {
    let _one_at_a_time = entry.outside.lock().await;
    // Erased meanwhile, or about to be: nothing of theirs goes out any more.
    if entry.stop.is_cancelled() {
        return Ok(());
    }
    // Whatever is committed from here on says so itself.
    entry.unshared.store(false, Ordering::SeqCst);
    let done = bring(entry).await;
    if done.is_err() {
        entry.unshared.store(true, Ordering::SeqCst);
    }
    done
}

async fn bring(entry: &Arc<UserEntry>) -> Result<(), VaultError> {
    let vault = entry.vault().await?;
    publication(entry, vault).await?;
    registration(entry, vault).await
}

async fn publication(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), VaultError> {
    let Some(wanted) = vault.db().read(profile::publication).await? else { return Ok(()) };
    let (edition, is_shared) = (wanted.edition, wanted.is_shared);
    match entry.shared.profiles.share(entry.id(), wanted.card, edition).await? {
        Sharing::Done if is_shared => {}
        Sharing::Done => vault.tx_normal(move |tx| profile::set_shared(tx, edition)).await?,
        Sharing::Withdrawn => {
            let source = format!("withdrawn:{}", edition.0);
            let told = vault
                .step(Timestamp::now(), move |tx, person| {
                    if !profile::set_withdrawn(tx, edition)? {
                        return Ok(false);
                    }
                    let step = Changes::default().say(t!("profile-withdrawn"));
                    Applier::new(tx, person, source)?.apply(step).map(|_| true)
                })
                .await?;
            if told {
                entry.talk.ring();
            }
        }
    }
    Ok(())
}

/// A session can be lost at any time, so what goes wrong here is told and not tried again: the next step writes it anew.
async fn registration(entry: &UserEntry, vault: &Vault) -> Result<(), VaultError> {
    let now = Timestamp::now();
    let kept = vault.db().read(move |db| profile::kept(db, now)).await?;
    let (sessions, seal) = (sessions(entry), vault.session_key());
    let wanted = kept.registration.as_ref().map(|kept| Registrations::key(&seal, entry.id(), &kept.phone));
    let there = kept.outside.as_deref().and_then(SessionKey::parse);
    if let Some(old) = there.filter(|there| wanted != Some(*there)) {
        told(entry, sessions.remove(&old).await.map(drop));
    }
    if there != wanted || (wanted.is_none() && kept.outside.is_some()) {
        // Noted before it is there, so that it is found when everything is erased.
        let name = wanted.map(|key| key.to_string());
        vault.tx_normal(move |tx| profile::set_outside(tx, name.as_deref())).await?;
    }
    let (Some(key), Some(kept)) = (wanted, kept.registration) else { return Ok(()) };
    // What cannot be read is written anew.
    if !matches!(sessions.get(&seal, &key).await, Ok(Some(found)) if found == kept) {
        told(entry, sessions.put(&seal, entry.id(), &kept, now).await.map(drop));
    }
    Ok(())
}

/// Removes what of registrations and numbers lies outside, for good.
pub(super) async fn forget(entry: &UserEntry, vault: &Vault) -> Result<(), VaultError> {
    let kept = vault.db().read(|db| profile::kept(db, Timestamp::now())).await?;
    if let Some(key) = kept.outside.as_deref().and_then(SessionKey::parse) {
        // Without the key that is about to be destroyed nobody can read it, and it expires.
        told(entry, sessions(entry).forget(&key).await);
    }
    if let Some(clients) = &entry.shared.clients {
        let _nothing_is_said_meanwhile = entry.placed.lock().await;
        let seal = vault.session_key();
        for account in vault.db().read(accounts::list).await? {
            told(entry, clients.forget(&seal, entry.id(), account.id).await);
        }
    }
    Ok(())
}

/// What of the numbers was said last, and when.
pub(super) type Placed = tokio::sync::Mutex<Option<(Vec<NumberState>, Instant)>>;

/// Has it said how the person's numbers stand, and that they are here, where other processes can see that; goes on until it was.
/// Nobody waits for it.
pub(super) fn place_soon(entry: &Arc<UserEntry>) {
    let Some(clients) = entry.shared.clients.clone() else { return };
    entry.unplaced.store(true, Ordering::SeqCst);
    let here = Arc::clone(entry);
    entry.spawn(async move {
        let mut attempt = 0;
        while let Err(code) = placed(&here, &clients).await {
            if attempt == 0 {
                warn!(user.id = here.id().0, error.code = code, "how numbers stand could not be said yet");
            }
            let wait = RETRY.delay(attempt, rand::random());
            attempt = attempt.saturating_add(1);
            tokio::select! {
                () = here.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    });
}

/// One attempt, unless another task has said meanwhile what was to be said.
async fn placed(entry: &UserEntry, clients: &Clients) -> Result<(), &'static str> {
    let mut placed = entry.placed.lock().await;
    // Erased meanwhile, or about to be.
    if entry.stop.is_cancelled() || !entry.unplaced.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let done = place(entry, clients, &mut placed).await;
    if done.is_err() {
        entry.unplaced.store(true, Ordering::SeqCst);
    }
    done
}

async fn place(
    entry: &UserEntry,
    clients: &Clients,
    placed: &mut Option<(Vec<NumberState>, Instant)>,
) -> Result<(), &'static str> {
    let vault = entry.vault().await.map_err(|e| e.code())?;
    let accounts = vault.db().read(accounts::list).await.map_err(|e| e.code())?;
    let numbers: Vec<_> = accounts.iter().map(NumberState::from).collect();
    if matches!(placed, Some((said, at)) if *said == numbers && at.elapsed() < RENEW) {
        return Ok(());
    }
    *placed = None;
    let (seal, now) = (vault.session_key(), Timestamp::now());
    for account in &accounts {
        clients.tell(&seal, entry.id(), account, now).await.map_err(|e| e.code())?;
    }
    *placed = Some((numbers, Instant::now()));
    Ok(())
}

fn sessions(entry: &UserEntry) -> Registrations {
    Registrations::new(Arc::clone(entry.shared.sessions.store()))
}

fn told(entry: &UserEntry, done: Result<(), SessionError>) {
    if let Err(e) = done {
        warn!(user.id = entry.id().0, error.code = e.code(), "a session that lies outside could not be changed");
    }
}
