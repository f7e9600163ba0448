//! The map from a Telegram id to that person's entry.
use super::entry::UserEntry;
use super::gate::Gate;
use super::going;
use super::guard::Guard;
use super::looks::Looks;
use super::port::{ReadUpdate, Route, Telegram};
use super::room::Room;
use super::storage::Storage;
use crate::domain::{Resource, TelegramId, Timestamp};
use crate::flows::Rules;
use crate::limits::Budget;
use crate::session::{Clients, UserSessions};
use crate::store::{Claims, Directory, Members, Profiles, Receipt, Spool, Vaults};
use crate::whatsapp::Provider;
use crate::words::Locale;
use dashmap::DashMap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

/// Settings that entries obey.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What flows obey.
    pub rules: Rules,
    /// How long one message to WhatsApp may take.
    pub send_timeout: Duration,
    /// How long a client may take to close.
    pub close_timeout: Duration,
    /// The same at shutdown.
    pub shutdown_timeout: Duration,
    /// How long removing a device at WhatsApp may take, login included.
    pub logout_timeout: Duration,
    /// The time between two reconnects at start.
    pub reconnect_stagger: Duration,
    /// After this a database that nobody uses is closed.
    pub idle_close: Duration,
    /// After this a conversation in which its person does nothing rests.
    pub session_ttl: Duration,
    /// How often idle ones are looked for.
    pub sweep: Duration,
}

/// What all entries share; nothing in it belongs to one person.
pub struct Shared {
    /// Where vaults are opened.
    pub vaults: Vaults,
    /// Updates on their way in.
    pub spool: Spool,
    /// Who has linked which number.
    pub claims: Claims,
    /// What people let others find of themselves.
    pub profiles: Profiles,
    /// What is known without a vault.
    pub directory: Directory,
    /// WhatsApp.
    pub provider: Arc<dyn Provider>,
    /// Telegram.
    pub telegram: Arc<dyn Telegram>,
    /// Reads stored updates.
    pub reader: Arc<dyn ReadUpdate>,
    /// Telegram's limits, shared fairly.
    pub budget: Budget,
    /// Who may use the bot.
    pub members: Members,
    /// Settings.
    pub settings: Settings,
    /// What the daemon was doing for whom.
    pub sessions: UserSessions,
    /// How linked numbers stand, where other processes can see it.
    pub clients: Option<Clients>,
    /// Where session files lie, also those that the store does not know of.
    pub sessions_dir: PathBuf,
    /// Stops everything, in an orderly way.
    pub stop: CancellationToken,
    /// Every task of every entry.
    pub tasks: TaskTracker,
    /// One at a time, so that a start does not storm WhatsApp.
    pub reconnects: Semaphore,
    /// Who may have a client.
    pub room: Room,
    /// What there is only so much of.
    pub guard: Guard,
    /// What each may store.
    pub storage: Storage,
}

impl Shared {
    /// After how long a conversation in which its person does nothing rests.
    pub(super) fn ttl(&self) -> Duration {
        self.guard.ttl(self.settings.session_ttl)
    }

    /// What there is nothing left of for what is new of this person.
    pub(super) fn full_for(&self, user: TelegramId) -> Option<Resource> {
        self.guard.full().or_else(|| self.storage.is_full(user).then_some(Resource::Storage))
    }

    /// How somebody whose vault is not open wants things told, as far as what waits from them tells.
    pub(super) async fn locale_of_waiting(&self, user: TelegramId) -> Locale {
        let rows = self.spool.waiting(user, 1).await.unwrap_or_default();
        let language = rows.first().and_then(|row| self.reader.read(&row.payload)).and_then(|heard| heard.language);
        language.unwrap_or_default().into()
    }
}

/// Every person's entry, by Telegram id. A clone is another reference to the same map.
#[derive(Clone)]
pub struct UserDataStore(Arc<Inner>);

struct Inner {
    entries: DashMap<TelegramId, Arc<UserEntry>>,
    looks: Arc<Looks>,
    shared: Arc<Shared>,
    gate: Gate,
    /// Whose erasing goes on from before the last start: they get no entry until it is done.
    erasing: Mutex<HashSet<TelegramId>>,
    /// Since when there is this map.
    since: Timestamp,
}

impl Route for UserDataStore {
    fn arrived(&self, user: TelegramId) {
        if self.is_being_erased(user) {
            return;
        }
        if self.is_full_for(user) || !self.awaken(user) {
            self.at_the_door(user);
        }
    }
}

impl UserDataStore {
    /// An empty map.
    pub fn new(shared: Arc<Shared>) -> Self {
        UserDataStore(Arc::new(Inner {
            entries: DashMap::new(),
            looks: Arc::default(),
            shared,
            gate: Gate::default(),
            erasing: Mutex::default(),
            since: Timestamp::now(),
        }))
    }

    /// The person's entry, looked up or made. Making one does no I/O: the shard is locked for an instant only, and the
    /// vault opens once, later, in the entry's own tasks.
    pub fn entry(&self, user: TelegramId) -> Arc<UserEntry> {
        self.entry_noted(user, false)
    }

    fn entry_noted(&self, user: TelegramId, noted: bool) -> Arc<UserEntry> {
        if let Some(entry) = self.0.entries.get(&user) {
            return Arc::clone(&entry);
        }
        let mut made = None;
        let entry = Arc::clone(&self.0.entries.entry(user).or_insert_with(|| {
            let entry = UserEntry::new(user, Arc::clone(&self.0.shared), Arc::clone(&self.0.looks), noted);
            made = Some(Arc::clone(&entry));
            entry
        }));
        if let Some(made) = made {
            made.start(self);
        }
        entry
    }

    /// The person's entry, where there is one.
    pub(super) fn opened(&self, user: TelegramId) -> Option<Arc<UserEntry>> {
        self.0.entries.get(&user).map(|entry| Arc::clone(&entry))
    }

    /// Since when there are worlds in this process.
    pub(super) fn since(&self) -> Timestamp {
        self.0.since
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// Looks at each entry. Nothing may wait in there: a part of the map is locked meanwhile.
    pub(super) fn each(&self, mut look: impl FnMut(&UserEntry)) {
        self.0.entries.iter().for_each(|entry| look(&entry));
    }

    /// Takes an entry out, unless another one stands in its place already. What has arrived for the person meanwhile gets
    /// a fresh one.
    pub(super) async fn retire(&self, entry: &Arc<UserEntry>) {
        entry.life.end();
        self.remove(entry);
        self.look_for_waiting(entry.id()).await;
    }

    /// Takes an entry out, unless another one stands in its place already.
    pub(super) fn remove(&self, entry: &Arc<UserEntry>) {
        self.0.entries.remove_if(&entry.id(), |_, now| Arc::ptr_eq(now, entry));
    }

    /// Gives a fresh entry to somebody whose updates wait.
    pub(super) async fn look_for_waiting(&self, user: TelegramId) {
        match self.0.shared.spool.waiting(user, 1).await {
            Ok(rows) if rows.is_empty() => {}
            Ok(_) => self.arrived(user),
            Err(e) => {
                error!(user.id = user.0, error.code = e.code(), "cannot look for waiting updates");
                // An entry looks again and again.
                self.arrived(user);
            }
        }
    }

    fn erasing(&self) -> MutexGuard<'_, HashSet<TelegramId>> {
        self.0.erasing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_being_erased(&self, user: TelegramId) -> bool {
        self.erasing().contains(&user)
    }

    /// Finishes an erasing that the directory knew of at the last start.
    pub(super) fn finish_erasing(&self, user: TelegramId, receipt: Receipt) {
        self.erasing().insert(user);
        let store = self.clone();
        self.0.shared.tasks.spawn(async move {
            if super::erase::finish(&store, user, receipt).await {
                store.erasing().remove(&user);
                store.look_for_waiting(user).await;
            }
        });
    }

    /// Closes every entry, cleanly where time allows, and notes what each leaves. Call after `stop` was cancelled.
    pub async fn close(&self) {
        let limit = self.0.shared.settings.shutdown_timeout;
        let entries: Vec<_> = self.0.entries.iter().map(|e| Arc::clone(&e)).collect();
        let closing = entries.iter().map(|entry| going::at_shutdown(entry, self, limit));
        futures_util::future::join_all(closing).await;
    }

    /// When who is looked at.
    pub(super) fn looks(&self) -> &Looks {
        &self.0.looks
    }

    /// What entries share.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Who stands at the door.
    pub(super) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Has the person's entry look whether something waits, if they may use the bot. `false`: they may not.
    pub(super) fn awaken(&self, user: TelegramId) -> bool {
        self.awaken_noted(user, false)
    }

    /// The same; `noted`: whether the directory says already that the person's world is awake.
    pub(super) fn awaken_noted(&self, user: TelegramId, noted: bool) -> bool {
        let members = &self.0.shared.members;
        if !members.admits(user) {
            return false;
        }
        self.entry_noted(user, noted).updates_arrived();
        // Whoever was turned out meanwhile may have had no entry when that was looked for.
        if !members.admits(user) {
            self.turn_out(user);
        }
        true
    }

    /// Whether there is nothing left for a world that this person would be the first to need. The operator, who has to be
    /// told of it, always has one.
    pub(super) fn is_full_for(&self, user: TelegramId) -> bool {
        let shared = &self.0.shared;
        shared.guard.full().is_some()
            && shared.members.owner() != Some(user)
            && self.opened(user).is_none()
            && !shared.vaults.exists(user)
    }

    /// Somebody decided whether this person may use the bot: their world closes, or goes on.
    pub(super) fn access_changed(&self, user: TelegramId) {
        if !self.0.shared.members.admits(user) {
            self.turn_out(user);
        } else if self.0.shared.vaults.exists(user) && !self.is_being_erased(user) {
            self.awaken(user);
        }
    }

    /// Somebody who may has taken this person's published profile away: their world learns of it, and tells them.
    pub(super) fn profile_withdrawn(&self, owner: TelegramId) {
        let entry = self.0.entries.get(&owner).map(|entry| Arc::clone(&entry));
        match entry {
            Some(entry) => entry.share_soon(),
            // It compares when it wakes.
            None => self.access_changed(owner),
        }
    }

    fn turn_out(&self, user: TelegramId) {
        let Some(entry) = self.opened(user) else { return };
        let users = self.clone();
        self.0.shared.tasks.spawn(async move {
            going::turned_out(&entry, &users).await;
            if users.0.shared.members.admits(user) {
                // Let in again while that was under way.
                users.access_changed(user);
            }
        });
    }
}
