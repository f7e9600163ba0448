//! Brings a person's clients to what their accounts say: starts, stops, logs out, wipes.
//!
//! The account's row is the wish and the truth; a client is its shadow. Whatever is interrupted here is found again at
//! the next look, because the row still says what is wanted.
use super::apply::Applier;
use super::courier;
use super::entry::UserEntry;
use super::room::{Entrance, Place};
use super::sink::AccountSink;
use super::slots::Running;
use super::{line, outside, phones};
use crate::domain::{Account, AccountId, AccountState, ClientEvent, LoginMethod, PhoneNumber, Reason, Timestamp};
use crate::flows::{Changes, account, chat, phrases};
use crate::limits::Backoff;
use crate::metrics::{self, Connect, Linking};
use crate::store::sends::SendState;
use crate::store::{Claim, StoreError, Vault, VaultError, WaStore, accounts, sends};
use crate::whatsapp::{Start, StartError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// Waits between starts of a client that does not come online.
const RESTART: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(300) };

/// How often it is said anew how numbers stand, where others can see that. What is said holds for a day.
const RENEW: Duration = Duration::from_secs(3_600);

/// How often somebody who waits in line learns how that goes on.
const LOOK_AT_LINE: Duration = Duration::from_secs(15);

/// Works until the entry stops.
pub(super) async fn run(entry: Arc<UserEntry>) {
    work(&entry).await;
    entry.shared.room.forget(entry.id());
}

async fn work(entry: &Arc<UserEntry>) {
    let Some(vault) = entry.ready_vault().await.cloned() else { return };
    let (mut resumed, mut phones) = (false, None::<Instant>);
    loop {
        let look = async {
            if !resumed {
                resume(entry, &vault).await?;
                resumed = true;
            }
            look(entry, &vault).await?;
            if phones.is_none_or(|at| at.elapsed() >= phones::every(entry)) {
                phones::look(entry, &vault).await?;
                phones = Some(Instant::now());
            }
            Ok::<_, VaultError>(())
        };
        let Some(inside) = entry.enter() else { return };
        let again = match look.await {
            Ok(()) if !entry.slots.in_line().is_empty() => LOOK_AT_LINE,
            Ok(()) => RENEW.min(phones::every(entry)),
            Err(e) => {
                error!(user.id = entry.id().0, error.code = e.code(), "cannot look after a user's numbers");
                Duration::from_secs(5)
            }
        };
        drop(inside);
        entry.stir();
        tokio::select! {
            () = entry.stop.cancelled() => return,
            () = entry.care.notified() => {}
            () = tokio::time::sleep(again) => {}
        }
    }
}

/// What an account needs.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    Start(Option<LoginMethod>),
    Stop,
    LogOut,
    Wipe,
}

/// What brings the shadow to the wish. `running`: whether a client runs, and whether it has ended by itself.
fn need(account: Option<&Account>, running: Option<bool>, link: impl FnOnce() -> bool) -> Option<Need> {
    let Some(account) = account else { return running.map(|_| Need::Wipe) };
    match (account.state, running) {
        (AccountState::LoggingOut, _) => Some(Need::LogOut),
        (AccountState::Removed, Some(_)) => Some(Need::Wipe),
        (AccountState::Failed, Some(_)) | (_, Some(true)) => Some(Need::Stop),
        (AccountState::QrScanning, None) if link() => Some(Need::Start(Some(account.method.clone()))),
        (state, None) if state.is_linked() => Some(Need::Start(None)),
        _ => None,
    }
}

/// One look at every account; what has to be done is done by a task for each, so that none waits for another.
async fn look(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), VaultError> {
    let list = vault.db().read(accounts::list).await?;
    outside::place_soon(entry);
    let mut ids: Vec<AccountId> = list.iter().map(|a| a.id).collect();
    ids.extend(entry.slots.accounts().into_iter().chain(entry.slots.in_line()));
    ids.sort_unstable();
    ids.dedup();
    let (mut waiting, mut turns) = (Vec::new(), Vec::new());
    for id in ids {
        if !entry.slots.occupy(id) {
            continue;
        }
        let task = Task { entry: Arc::clone(entry), vault: vault.clone(), id, looked: false };
        let account = list.iter().find(|a| a.id == id).cloned();
        let running = entry.slots.get(id).map(|r| r.ended.is_some());
        let need = need(account.as_ref(), running, || entry.slots.link_waits(id));
        let place = match &need {
            Some(Need::Start(_)) => match entry.shared.room.ask(entry.id(), id, &entry.care) {
                Entrance::In(place) => Some(place),
                Entrance::Line(place) => {
                    waiting.extend(account.zip(entry.slots.waits_in_line(id, place)));
                    task.nothing_to_do();
                    continue;
                }
            },
            _ => {
                entry.shared.room.leave(entry.id(), id);
                None
            }
        };
        turns.extend(account.clone().zip(entry.slots.left_line(id)));
        match need {
            None => task.nothing_to_do(),
            Some(need) => entry.spawn(async move {
                task.meet(need, account, place).await;
            }),
        }
    }
    line::tell(entry, vault, waiting, turns).await.map_err(VaultError::from)
}

/// How a login went.
enum Login {
    Online,
    Ended(Reason),
}

/// One account that is being looked after. Lets go of it when dropped, also by a panic.
struct Task {
    entry: Arc<UserEntry>,
    vault: Vault,
    id: AccountId,
    /// Whether it turned out that there is nothing to do.
    looked: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.entry.slots.release(self.id);
        if !self.looked {
            self.entry.care.notify_one();
        }
    }
}

impl Task {
    /// Lets go of the account, and has nobody look again for that.
    fn nothing_to_do(mut self) {
        self.looked = true;
    }

    async fn meet(self, need: Need, account: Option<Account>, place: Option<Place>) {
        let done = match (need, account) {
            (Need::Start(login), _) => self.start(login, place).await,
            (Need::Stop, _) => {
                self.stop().await;
                Ok(())
            }
            (Need::LogOut, Some(account)) => self.log_out(account).await,
            (Need::Wipe | Need::LogOut, _) => {
                self.stop().await;
                self.wipe().await.map_err(VaultError::from)
            }
        };
        if let Err(e) = done {
            error!(user.id = self.entry.id().0, account.id = self.id.0, error.code = e.code(), error = ?e,
                "cannot bring a number to where it should be");
            self.pause(Duration::from_secs(5)).await;
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = self.entry.stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    /// Starts the client. A first login at once; a reconnect in its turn, and later the more often it failed.
    async fn start(&self, login: Option<LoginMethod>, place: Option<Place>) -> Result<(), VaultError> {
        let entry = &self.entry;
        if login.is_some() {
            entry.slots.begin_link(self.id);
        } else {
            let attempt = entry.slots.attempt(self.id);
            if attempt > 0 {
                self.pause(RESTART.delay(attempt - 1, rand::random())).await;
            }
            let Ok(turn) = entry.shared.reconnects.acquire().await else { return Ok(()) };
            self.pause(entry.shared.settings.reconnect_stagger).await;
            drop(turn);
        }
        if entry.stop.is_cancelled() {
            return Ok(());
        }
        let id = self.id;
        let generation = self.vault.tx(move |tx| accounts::next_generation(tx, id)).await?;
        let keys = WaStore::new(self.vault.wa_handle(id));
        let running = Running {
            account: id,
            generation,
            client: None,
            keys: keys.clone(),
            online: watch::Sender::new(false),
            sends: Arc::default(),
            sending: Arc::default(),
            place: place.map(Arc::new),
            stop: entry.stop.child_token(),
            ended: None,
        };
        // In its slot before it starts, so that its very first news are believed.
        entry.slots.insert(running);
        metrics::CONNECTS.of(if login.is_some() { Connect::Link } else { Connect::Login }).inc();
        let linking = entry.slots.asked(id).map(Linking::asked);
        let sink = Arc::new(AccountSink { entry: Arc::clone(entry), account: id, generation, linking });
        match entry.shared.provider.start(Start { account: id, generation, login, keys, sink }).await {
            Ok(client) => match entry.slots.started(id, generation, Arc::clone(&client)) {
                Some(running) => {
                    let (entry, vault) = (Arc::clone(entry), self.vault.clone());
                    self.entry.spawn(async move { courier::run(entry, vault, running).await });
                }
                // Taken away while it started: it would run on unseen.
                None => drop(client.close(entry.shared.settings.close_timeout).await),
            },
            Err(e) => {
                error!(user.id = entry.id().0, account.id = id.0, error = ?e, "a client could not be started");
                let reason = match e {
                    StartError::Keys(_) => Reason::StoreBroken,
                    StartError::Setup(_) => Reason::Internal,
                };
                entry.tell(id, generation, ClientEvent::Ended { reason, until: None });
            }
        }
        Ok(())
    }

    async fn stop(&self) {
        if let Some(running) = self.entry.slots.take(self.id) {
            running.close(self.entry.shared.settings.close_timeout).await;
        }
    }

    /// Wipes the key store. The client is gone by now.
    async fn wipe(&self) -> Result<(), StoreError> {
        self.vault.wa_handle(self.id).destroy().await
    }

    /// Removes the device at WhatsApp where that has not happened already, wipes the keys, frees the number.
    async fn log_out(&self, account: Account) -> Result<(), VaultError> {
        let by_phone = account.reason == Some(Reason::LoggedOut);
        let confirmed = !by_phone && self.remove_device().await?;
        self.stop().await;
        self.wipe().await?;
        self.entry.shared.claims.release(self.entry.id(), self.id).await?;
        let (id, now) = (self.id, Timestamp::now());
        // By the phone, or because the number is taken: that was told already, when it happened.
        let told = account.reason.is_some();
        let mut applied = self
            .vault
            .step(now, move |tx, person| {
                let mut step = Changes::default().account(id, AccountState::Removed, account.reason);
                if !told {
                    step = step.say(phrases::logged_out(&account, confirmed));
                }
                for send in sends::fail_waiting(tx, id, Reason::LoggedOut)? {
                    step = step.effect(chat::outcome(&send, SendState::Failed, Some(Reason::LoggedOut)));
                }
                Applier::new(tx, person, format!("out{id}"))?.apply(step)
            })
            .await?;
        self.entry.moved(&mut applied).await;
        self.entry.tells(applied.talk);
        info!(
            user.id = self.entry.id().0,
            account.id = self.id.0,
            confirmed,
            "a number was logged out and its keys wiped"
        );
        Ok(())
    }

    /// Removes the device at WhatsApp; tells whether WhatsApp confirmed it. One that WhatsApp does not know any more was
    /// removed by an earlier try.
    async fn remove_device(&self) -> Result<bool, VaultError> {
        let limit = self.entry.shared.settings.logout_timeout;
        if self.entry.slots.get(self.id).is_none_or(|r| r.client.is_none() || r.ended.is_some()) {
            self.stop().await;
            if WaStore::new(self.vault.wa_handle(self.id)).is_linked().await?.is_none() {
                return Ok(false);
            }
            self.start(None, None).await?;
        }
        let Some(running) = self.entry.slots.get(self.id) else { return Ok(false) };
        match tokio::time::timeout(limit, self.login(&running)).await {
            Ok(Login::Online) => {}
            Ok(Login::Ended(Reason::LoggedOut)) => return Ok(true),
            Ok(Login::Ended(_)) | Err(_) => {
                warn!(
                    user.id = self.entry.id().0,
                    account.id = self.id.0,
                    "a number to be logged out does not come online"
                );
                return Ok(false);
            }
        }
        match running.client {
            // The provider keeps the limit itself; the second one is for a provider that does not.
            Some(client) => {
                let asked = tokio::time::timeout(limit + Duration::from_secs(1), client.logout(limit));
                Ok(asked.await.unwrap_or(false))
            }
            None => Ok(false),
        }
    }

    /// Waits until this start of the client is online, or over.
    async fn login(&self, running: &Running) -> Login {
        let mut online = running.online.subscribe();
        loop {
            if *online.borrow_and_update() {
                return Login::Online;
            }
            let now = self.entry.slots.get(self.id).filter(|r| r.generation == running.generation);
            match now.map(|r| r.ended) {
                Some(None) => {}
                Some(Some(reason)) => return Login::Ended(reason),
                None => return Login::Ended(Reason::Cancelled),
            }
            if online.changed().await.is_err() {
                return Login::Ended(Reason::Cancelled);
            }
        }
    }
}

/// After a start: a linking that the last process left behind is completed where the phone had confirmed it, else told
/// to have been interrupted.
async fn resume(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), VaultError> {
    // Only what was left: a person's very first message may have begun another linking by now.
    let left_links = entry.left_links.get().map(Vec::as_slice).unwrap_or_default();
    for left in vault.db().read(accounts::list).await? {
        if left.state != AccountState::QrScanning || !left_links.contains(&left.id) {
            continue;
        }
        let keys = WaStore::new(vault.wa_handle(left.id));
        let linked = keys.is_linked().await?;
        keys.handle().fence().await?;
        let proven = linked.and_then(|l| PhoneNumber::parse(&l.pn.user).ok());
        let step = match proven {
            None => {
                vault.wa_handle(left.id).destroy().await?;
                account::link_failed(&left, Reason::Interrupted)
            }
            Some(phone) => match entry.shared.claims.claim(&phone, entry.id(), left.id).await? {
                Claim::Taken => account::taken(&left, Reason::NumberTaken),
                Claim::Yours => account::proven(&left, &phone),
            },
        };
        let now = Timestamp::now();
        let mut applied = vault
            .step(now, move |tx, person| Applier::new(tx, person, format!("r{}:{}", left.id, now.0))?.apply(step))
            .await?;
        entry.moved(&mut applied).await;
        entry.tells(applied.talk);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(state: AccountState) -> Account {
        Account { state, ..Account::new(AccountId(1), LoginMethod::Qr, Timestamp(0)) }
    }

    #[test]
    fn the_row_decides_what_the_client_does() {
        use AccountState::*;
        let need = |state, running| need(Some(&account(state)), running, || true);
        assert_eq!(need(Connected, None), Some(Need::Start(None)));
        assert_eq!(need(Disconnected, Some(false)), None);
        assert_eq!(need(Disconnected, Some(true)), Some(Need::Stop));
        assert_eq!(need(QrScanning, None), Some(Need::Start(Some(LoginMethod::Qr))));
        assert_eq!(need(Failed, None), None);
        assert_eq!(need(Failed, Some(false)), Some(Need::Stop));
        assert_eq!(need(LoggingOut, None), Some(Need::LogOut));
        assert_eq!(need(Removed, Some(false)), Some(Need::Wipe));
        assert_eq!(super::need(None, Some(false), || false), Some(Need::Wipe));
    }
}
