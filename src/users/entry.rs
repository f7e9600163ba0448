//! One person's whole world, awake: their vault, their clients, and the tasks that work for them.
//!
//! Every task here works for one person. A task that panics is started again; the others do not notice, and neither does
//! anybody else.
use super::apply::Talk;
use super::bell::Bell;
use super::handover::Handover;
use super::lag::Lag;
use super::life::{Inside, Life};
use super::looks::Looks;
use super::news::{News, NewsQueue};
use super::outside::Placed;
use super::screen::Screen;
use super::slots::Slots;
use super::store::{Shared, UserDataStore};
use super::{care, talker, worker};
use crate::domain::{AccountId, ClientEvent, Generation, TelegramId, Timestamp};
use crate::limits::Backoff;
use crate::store::{StoreError, Vault, VaultError};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, OnceCell};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

/// One person's world.
pub struct UserEntry {
    id: TelegramId,
    /// What everybody shares.
    pub(super) shared: Arc<Shared>,
    vault: OnceCell<Vault>,
    /// Whether it may still work.
    pub(super) life: Life,
    /// Every task of it.
    pub(super) tasks: TaskTracker,
    /// When it is looked at.
    pub(super) looks: Arc<Looks>,
    /// Whether a look is filed.
    pub(super) filed: AtomicBool,
    /// Whether the directory says that it is awake.
    noted: AtomicBool,
    /// Whether a power failure cannot take that back.
    noted_for_good: AtomicBool,
    /// The conversation.
    pub(super) screen: Screen,
    /// Ends this entry's tasks: at shutdown, or when the person's world is erased.
    pub(super) stop: CancellationToken,
    /// Cancelled, that is set for good, once what was under way at the last death has been sorted out. Nothing is sent or
    /// connected before.
    pub(super) ready: CancellationToken,
    /// Rows wait in the spool, or news in the queue.
    pub(super) work: Notify,
    /// Rows wait for Telegram.
    pub(super) talk: Bell,
    /// Something to be said to the person has come that has to settle first.
    pub(super) settling: Bell,
    /// What the worker leaves for an idle talker.
    pub(super) handover: Handover,
    /// What was said and is not on record yet.
    pub(super) lag: Lag,
    /// Accounts may not be as they should be.
    pub(super) care: Arc<Notify>,
    /// News of the person's own clients.
    pub(super) news: NewsQueue,
    /// The person's own clients.
    pub(super) slots: Slots,
    /// Whether what lies outside the vault may not be as it says.
    pub(super) unshared: AtomicBool,
    /// Held by whoever brings what lies outside the vault to what it says.
    pub(super) outside: tokio::sync::Mutex<()>,
    /// What was said of the numbers where other processes can see it.
    pub(super) placed: Placed,
    /// Whether that may not be so any more.
    pub(super) unplaced: AtomicBool,
    /// Whether the person has blocked the bot.
    pub(super) blocked: AtomicBool,
    /// Whether orders may wait in the vault; at the beginning nobody knows.
    pub(super) orders: AtomicBool,
    /// Linkings that the last process left behind. Set before the first step of this one can begin another.
    pub(super) left_links: OnceLock<Vec<AccountId>>,
}

/// How long a task waits before it starts again after a panic.
const RESTART: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(30) };

impl UserEntry {
    /// `noted`: whether the directory says already that it is awake, on the disk.
    pub(super) fn new(id: TelegramId, shared: Arc<Shared>, looks: Arc<Looks>, noted: bool) -> Arc<Self> {
        let stop = shared.stop.child_token();
        Arc::new(UserEntry {
            id,
            shared,
            vault: OnceCell::new(),
            life: Life::default(),
            tasks: TaskTracker::new(),
            looks,
            filed: AtomicBool::new(false),
            noted: AtomicBool::new(noted),
            noted_for_good: AtomicBool::new(noted),
            screen: Screen::default(),
            stop,
            ready: CancellationToken::new(),
            work: Notify::new(),
            talk: Bell::default(),
            settling: Bell::default(),
            handover: Handover::default(),
            lag: Lag::default(),
            care: Arc::default(),
            news: NewsQueue::default(),
            slots: Slots::default(),
            unshared: AtomicBool::new(false),
            outside: tokio::sync::Mutex::default(),
            placed: Placed::default(),
            unplaced: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            orders: AtomicBool::new(true),
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
        self.spawn(async move {
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

    /// Runs a task of this entry; it is waited for when the entry closes, and when the daemon stops.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.tasks.spawn(self.tasks.track_future(task));
    }

    /// Rows of this person lie in the spool. An entry that is going leaves them to the next one.
    pub(super) fn updates_arrived(&self) {
        if self.life.knock() {
            self.work.notify_one();
        }
    }

    /// Goes inside to work. `None`: the entry is going.
    pub(super) fn enter(&self) -> Option<Inside> {
        self.life.enter()
    }

    /// Something happened to one of the person's clients.
    pub(super) fn tell(&self, account: AccountId, generation: Generation, event: ClientEvent) {
        self.news.push(News { account, generation, event });
        // An entry goes only when none of its numbers needs a client: nothing that is told then counts any more.
        if self.life.knock() {
            self.work.notify_one();
        }
    }

    /// Has the directory say that this person's world is awake. No step of theirs commits before.
    pub(super) async fn note_awake(&self) -> Result<(), StoreError> {
        if !self.noted.load(Ordering::SeqCst) {
            self.shared.directory.wake(self.id, Timestamp::now()).await?;
            self.noted.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The same, on the disk. As long as an update in the spool (or at Telegram) leads back to this person, it need not be
    /// there: whatever else they do waits for it, and so does forgetting the update.
    pub(super) async fn note_awake_for_good(&self) -> Result<(), StoreError> {
        self.note_awake().await?;
        if !self.noted_for_good.load(Ordering::SeqCst) {
            self.shared.directory.flush().await?;
            self.noted_for_good.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The vault, opened by whoever needs it first; the others wait for that one opening.
    pub(super) async fn vault(&self) -> Result<&Vault, VaultError> {
        self.vault.get_or_try_init(|| self.shared.vaults.open(self.id)).await
    }

    /// Whether the vault is unlocked already.
    pub(super) fn vault_is_open(&self) -> bool {
        self.vault.initialized()
    }

    /// The vault, if somebody has opened it.
    pub(super) fn opened_vault(&self) -> Option<&Vault> {
        self.vault.get()
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
            self.talk.ring();
        }
    }

    /// Something was committed that is to be told.
    pub(super) fn tells(&self, talk: Talk) {
        match talk {
            Talk::Nothing => {}
            Talk::Soon => self.settling.ring(),
            Talk::Now => self.talk.ring(),
        }
    }

    /// Closes every client of this person within `limit`.
    pub(super) async fn close_clients(&self, limit: Duration) {
        let running = self.slots.take_all();
        futures_util::future::join_all(running.into_iter().map(|r| async move { r.close(limit).await })).await;
    }
}
