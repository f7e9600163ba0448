//! One person's whole world, awake: their vault, their clients, and the tasks that work for them.
//!
//! Every task here works for one person. A task that panics is started again; the others do not notice, and neither does
//! anybody else.
use super::handover::Handover;
use super::news::{News, NewsQueue};
use super::slots::Slots;
use super::store::{Shared, UserDataStore};
use super::{care, talker, worker};
use crate::domain::{AccountId, ClientEvent, Generation, TelegramId};
use crate::limits::Backoff;
use crate::store::{Vault, VaultError};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, OnceCell};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// One person's world.
pub struct UserEntry {
    id: TelegramId,
    /// What everybody shares.
    pub(super) shared: Arc<Shared>,
    vault: OnceCell<Vault>,
    /// Ends this entry's tasks: at shutdown, or when the person's world is erased.
    pub(super) stop: CancellationToken,
    /// Cancelled, that is set for good, once what was under way at the last death has been sorted out. Nothing is sent or
    /// connected before.
    pub(super) ready: CancellationToken,
    /// Rows wait in the spool, or news in the queue.
    pub(super) work: Notify,
    /// Rows wait for Telegram.
    pub(super) talk: Notify,
    /// What the worker leaves for an idle talker.
    pub(super) handover: Handover,
    /// Accounts may not be as they should be.
    pub(super) care: Notify,
    /// News of the person's own clients.
    pub(super) news: NewsQueue,
    /// The person's own clients.
    pub(super) slots: Slots,
    /// Whether the person has blocked the bot.
    pub(super) blocked: AtomicBool,
    /// Linkings that the last process left behind. Set before the first step of this one can begin another.
    pub(super) left_links: OnceLock<Vec<AccountId>>,
}

/// How long a task waits before it starts again after a panic.
const RESTART: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(30) };

impl UserEntry {
    pub(super) fn new(id: TelegramId, shared: Arc<Shared>) -> Arc<Self> {
        let stop = shared.stop.child_token();
        Arc::new(UserEntry {
            id,
            shared,
            vault: OnceCell::new(),
            stop,
            ready: CancellationToken::new(),
            work: Notify::new(),
            talk: Notify::new(),
            handover: Handover::default(),
            care: Notify::new(),
            news: NewsQueue::default(),
            slots: Slots::default(),
            blocked: AtomicBool::new(false),
            left_links: OnceLock::new(),
        })
    }

    /// Whose it is.
    pub fn id(&self) -> TelegramId {
        self.id
    }

    /// Starts the tasks. Called once.
    pub(super) fn start(self: &Arc<Self>, store: &UserDataStore) {
        let (entry, users) = (Arc::clone(self), store.clone());
        self.supervise("worker", move || worker::run(Arc::clone(&entry), users.clone()));
        let entry = Arc::clone(self);
        self.supervise("talker", move || talker::run(Arc::clone(&entry)));
        let entry = Arc::clone(self);
        self.supervise("care", move || care::run(Arc::clone(&entry)));
    }

    /// Runs a task until it ends by itself, again after each panic.
    fn supervise<F>(self: &Arc<Self>, task: &'static str, make: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (id, stop) = (self.id, self.stop.clone());
        self.shared.tasks.spawn(async move {
            let mut attempt = 0;
            while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
                error!(user.id = id.0, task, attempt, "a task panicked; it starts again");
                let wait = RESTART.delay(attempt, rand::random());
                attempt = attempt.saturating_add(1);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
    }

    /// Rows of this person lie in the spool.
    pub(super) fn updates_arrived(&self) {
        self.work.notify_one();
    }

    /// Something happened to one of the person's clients.
    pub(super) fn tell(&self, account: AccountId, generation: Generation, event: ClientEvent) {
        self.news.push(News { account, generation, event });
        self.work.notify_one();
    }

    /// The vault, opened by whoever needs it first; the others wait for that one opening.
    pub(super) async fn vault(&self) -> Result<&Vault, VaultError> {
        self.vault.get_or_try_init(|| self.shared.vaults.open(self.id)).await
    }

    /// Whether the vault is unlocked already.
    pub(super) fn vault_is_open(&self) -> bool {
        self.vault.initialized()
    }

    /// Closes every database of this person that nobody has used for `idle`; the next use opens it again.
    pub(super) async fn close_idle(&self, idle: Duration) {
        let keys =
            self.slots.accounts().into_iter().filter_map(|id| self.slots.get(id)).map(|r| r.keys.handle().clone());
        let own = self.vault.get().map(|vault| vault.db().clone());
        for handle in own.into_iter().chain(keys) {
            if let Err(e) = handle.close_if_idle(idle).await {
                warn!(user.id = self.id.0, error.code = e.code(), "an idle database did not close cleanly");
            }
        }
    }

    /// The vault, once the worker has opened it and sorted out what was under way. `None` when the entry stops first.
    pub(super) async fn ready_vault(&self) -> Option<&Vault> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            () = self.ready.cancelled() => self.vault.get(),
        }
    }

    /// Whether the person has blocked the bot.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
        if !blocked {
            self.talk.notify_one();
        }
    }

    /// Closes every client of this person within `limit`.
    pub(super) async fn close_clients(&self, limit: Duration) {
        let running = self.slots.take_all();
        futures_util::future::join_all(running.into_iter().map(|r| async move { r.close(limit).await })).await;
    }
}
