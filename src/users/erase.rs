//! Erasing a person: devices unlinked, key destroyed, folder, session file and claims removed, a receipt given.
//!
//! Killed at any point it goes on at the next start: first the vault's own flag says so, and once the devices are gone the
//! directory does, which needs no key. Until the receipt is given the person has no entry but this one, so that no new
//! world begins in the folder that is being removed; what they send waits in the spool.
mod progress;

use super::entry::UserEntry;
use super::outside;
use super::port::TelegramError;
use super::store::{Shared, UserDataStore};
use crate::domain::{Class, Outgoing, Phrase, Reason, TelegramId, UpdateId};
use crate::flows::phrases;
use crate::limits::Backoff;
use crate::store::keys::DataKey;
use crate::store::{Receipt, Vault, VaultError, WaStore, accounts, flags};
use crate::t;
use crate::whatsapp::{Client, Start};
use crate::words::render;
use progress::Progress;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info, warn};

const RETRY: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(60) };

/// Erases the entry's person; `until`: the update that asked for it, the last that belongs to the old world. Runs in the worker's place, which works no more.
pub(super) async fn begin(entry: &Arc<UserEntry>, users: &UserDataStore, until: UpdateId) {
    let shared = Arc::clone(&entry.shared);
    // From here on nobody else works for this entry: no step, no message from WhatsApp, no start of a client.
    entry.life.begin_anyway();
    let mut attempt = 0;
    let receipt = loop {
        match unlink(entry).await {
            Ok(receipt) => break receipt,
            Err(e) => {
                error!(user.id = entry.id().0, error.code = e.code(), "cannot unlink a user's numbers to erase them");
                if !wait(&shared, &mut attempt).await {
                    return;
                }
            }
        }
    };
    entry.stop.cancel();
    // Whatever of theirs is just going out is out before it is looked for; and nothing follows.
    let _nothing_goes_out = entry.outside.lock().await;
    entry.leave_screen().await;
    while let Err(e) = commit(entry, until, &receipt).await {
        error!(user.id = entry.id().0, error.code = e.code(), "cannot note that a user is being erased");
        if !wait(&shared, &mut attempt).await {
            return;
        }
    }
    if finish(users, entry.id(), receipt).await {
        users.retire(entry).await;
    }
}

/// From the note in the directory on, a start needs neither the vault nor its key to go on; so what the vault alone knows,
/// up to which update the old world reached, is done before.
async fn commit(entry: &UserEntry, until: UpdateId, receipt: &Receipt) -> Result<(), VaultError> {
    outside::forget(entry, entry.vault().await?).await?;
    entry.shared.spool.forget(entry.id(), Some(until)).await?;
    entry.shared.directory.note_erasure(entry.id(), receipt.clone()).await?;
    Ok(entry.vault().await?.db().fence().await?)
}

/// Removes every device at WhatsApp, as far as it can be reached.
async fn unlink(entry: &Arc<UserEntry>) -> Result<Receipt, VaultError> {
    let shared = &entry.shared;
    let vault = entry.vault().await?;
    let locale = vault.db().read(flags::locale).await?;
    let mut receipt = Receipt { language: locale.language, ..Receipt::default() };
    let (limit, close) = (shared.settings.logout_timeout, shared.settings.close_timeout);
    let list = vault.db().read(accounts::list).await?;
    let progress = &Progress::begin(entry, locale, list.len()).await?;
    let each = list.iter().map(|account| async move {
        // A client that is just being started would meet the one that removes the device.
        let occupied = tokio::time::timeout(limit, entry.slots.occupy_in_turn(account.id)).await;
        if occupied.is_err() {
            warn!(user.id = entry.id().0, account.id = account.id.0, "a number to be erased is still being started");
        }
        let running = entry.slots.take(account.id);
        let online = running.as_ref().filter(|r| *r.online.borrow()).and_then(|r| r.client.clone());
        let confirmed = match online {
            Some(client) => Some(client.logout(limit).await),
            None => None,
        };
        if let Some(running) = running {
            running.close(close).await;
        }
        let confirmed = match confirmed {
            Some(done) => Some(done),
            None => remove_offline(shared, vault, account.id, limit, close).await,
        };
        progress.advance().await;
        confirmed
    });
    for confirmed in futures_util::future::join_all(each).await.into_iter().flatten() {
        if confirmed {
            receipt.unlinked += 1;
        } else {
            receipt.unconfirmed += 1;
        }
    }
    Ok(receipt)
}

/// Logs in once more just to remove the device. `None`: there is no device to remove. A device that WhatsApp does not know
/// any more counts as removed: an earlier try got that far.
async fn remove_offline(
    shared: &Shared,
    vault: &Vault,
    account: crate::domain::AccountId,
    limit: Duration,
    close: Duration,
) -> Option<bool> {
    let keys = WaStore::new(vault.wa_handle(account));
    match keys.is_linked().await {
        Ok(Some(_)) => {}
        Ok(None) => return None,
        Err(e) => {
            warn!(account.id = account.0, error.code = e.code(), "the keys of a number to be erased cannot be read");
            return Some(false);
        }
    }
    let (sink, mut online) = OnlineSink::new();
    let start = Start { account, generation: crate::domain::Generation(u64::MAX), login: None, keys, sink };
    let client: Arc<dyn Client> = match shared.provider.start(start).await {
        Ok(client) => client,
        Err(e) => {
            warn!(account.id = account.0, error = ?e, "a number to be erased could not be reached");
            return Some(false);
        }
    };
    let met = match tokio::time::timeout(limit, online.wait_for(Option::is_some)).await {
        Ok(Ok(met)) => *met,
        _ => None,
    };
    let confirmed = match met {
        Some(Met::Online) => client.logout(limit).await,
        Some(Met::Gone) => true,
        Some(Met::Refused) | None => false,
    };
    client.close(close).await;
    Some(confirmed)
}

/// How the last login went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Online,
    /// WhatsApp does not know the device any more.
    Gone,
    Refused,
}

/// Hears only how the login went.
struct OnlineSink(tokio::sync::watch::Sender<Option<Met>>);

impl OnlineSink {
    fn new() -> (Arc<Self>, tokio::sync::watch::Receiver<Option<Met>>) {
        let (tx, rx) = tokio::sync::watch::channel(None);
        (Arc::new(OnlineSink(tx)), rx)
    }
}

#[async_trait::async_trait]
impl crate::whatsapp::EventSink for OnlineSink {
    async fn messages(&self, _: Vec<crate::domain::InboundMessage>) -> Result<(), crate::whatsapp::SinkError> {
        // The person wants nothing kept; the device goes, and with it whatever waits for it.
        Ok(())
    }

    fn event(&self, event: crate::domain::ClientEvent) {
        use crate::domain::ClientEvent;
        match event {
            ClientEvent::Online => self.0.send_replace(Some(Met::Online)),
            ClientEvent::Ended { reason: Reason::LoggedOut, .. } => self.0.send_replace(Some(Met::Gone)),
            ClientEvent::Ended { .. } => self.0.send_replace(Some(Met::Refused)),
            _ => return,
        };
    }
}

/// Destroys the key, then everything that it opened, and gives the receipt. Goes on from any point. `false`: the daemon
/// stops before it is done.
pub(super) async fn finish(users: &UserDataStore, user: TelegramId, mut receipt: Receipt) -> bool {
    let shared = users.shared();
    let mut attempt = 0;
    while let Err(e) = remove(shared, user, &mut receipt).await {
        error!(user.id = user.0, error = ?e, "cannot erase a user's files");
        if !wait(shared, &mut attempt).await {
            return false;
        }
    }
    info!(user.id = user.0, "a user was erased");
    attempt = 0;
    while !give(shared, user, &receipt).await {
        if !wait(shared, &mut attempt).await {
            return false;
        }
    }
    // After the receipt, lest they are a stranger before they have it.
    while let Err(e) = shared.members.forget(user).await {
        error!(user.id = user.0, error.code = e.code(), "cannot forget that an erased user was let in");
        if !wait(shared, &mut attempt).await {
            return false;
        }
    }
    while let Err(e) = shared.directory.end_erasure(user).await {
        error!(user.id = user.0, error.code = e.code(), "cannot close an erasing");
        if !wait(shared, &mut attempt).await {
            return false;
        }
    }
    true
}

async fn remove(shared: &Shared, user: TelegramId, receipt: &mut Receipt) -> anyhow::Result<()> {
    let folder = shared.vaults.folder(user);
    if folder.exists() {
        DataKey::destroy(&folder.join("key"))?;
        receipt.files += 1 + delete_folder(&folder)?;
    }
    let written = shared.sessions_dir.join(format!("user_{user}.json")).exists();
    shared.sessions.forget(user).await?;
    // What the store does not know of: files that were set aside, or that lie there from before files were switched off.
    let others = crate::session::file::erase(&shared.sessions_dir, user)?;
    receipt.files += others.max(usize::from(written));
    receipt.claims += shared.claims.release_all(user).await?;
    shared.profiles.forget(user).await?;
    shared.directory.note_erasure(user, receipt.clone()).await?;
    Ok(())
}

/// Deletes a folder; how many files there were.
fn delete_folder(folder: &Path) -> std::io::Result<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files += delete_folder(&entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
            files += 1;
        }
    }
    std::fs::remove_dir(folder)?;
    Ok(files)
}

/// Gives the receipt. `true`: it was given, or never can be.
async fn give(shared: &Shared, user: TelegramId, receipt: &Receipt) -> bool {
    let mut phrase = phrases::erased(receipt.unlinked, receipt.unconfirmed, receipt.files, receipt.claims);
    if shared.members.is_in_by_record(user) {
        phrase = phrase.and(Phrase::verbatim("\n\n")).and(t!("erased-invite"));
    }
    let text = render(&phrase, receipt.language.into());
    let chat = user.private_chat();
    let out = Outgoing::text(chat, text, receipt.language);
    shared.budget.acquire(user, chat, Class::Answer).await;
    match shared.telegram.send(&out).await {
        Ok(_) | Err(TelegramError::Blocked | TelegramError::Refused(_) | TelegramError::Gone) => true,
        Err(e) => {
            warn!(user.id = user.0, "cannot give an erased user their receipt yet: {e}");
            false
        }
    }
}

/// Waits before the next try. `false`: the daemon stops.
async fn wait(shared: &Shared, attempt: &mut u32) -> bool {
    let pause = RETRY.delay(*attempt, rand::random());
    *attempt = attempt.saturating_add(1);
    tokio::select! {
        () = shared.stop.cancelled() => false,
        () = tokio::time::sleep(pause) => true,
    }
}
