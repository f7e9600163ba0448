//! Watches what the machine has only so much of: file handles, memory, disk.
//!
//! When one gets scarce the operator is told, once until it is not any more. When there is none left, what is new is refused,
//! and what is there goes on. While memory is scarce, whoever is idle closes early, the longest idle first. Owns how each
//! stands.
use super::apply::Applier;
use super::store::UserDataStore;
use super::worker;
use crate::domain::{Choice, Phrase, Resource, TelegramId, Timestamp};
use crate::flows::Changes;
use crate::limits::level::{Change, Level, percent};
use crate::metrics::process;
use crate::store::VaultError;
use crate::t;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use tracing::{info, warn};

/// While memory is scarce, whoever was idle for this long closes.
const PRESSED_TTL: Duration = Duration::from_secs(30);
/// And databases that were idle for this long.
const PRESSED_IDLE: Duration = Duration::from_secs(1);
/// How long a vault may take to open for the operator to be told.
const VAULT: Duration = Duration::from_secs(10);
/// Of the handles that the system allows, this share is for work that is there already: each database that is opened needs
/// three for a moment.
const HANDLES_KEPT: u64 = 20;

/// What is watched, and how it stands.
pub struct Guard {
    /// Resident memory, in bytes, beyond which nothing new is taken.
    memory: u64,
    /// Bytes of the disk that are kept free.
    reserve: u64,
    /// A folder on the disk.
    folder: PathBuf,
    every: Duration,
    /// Locked for instants only.
    levels: Mutex<[Level; 3]>,
}

/// How one thing stands.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Which.
    pub resource: Resource,
    /// How much is used, and of how much; `None` where the system does not tell.
    pub used: Option<(u64, u64)>,
    /// What was made of it when it was last watched.
    pub level: Level,
}

impl Guard {
    /// Watches every `every`: resident memory of at most `memory` bytes, and the disk of `folder`, of which `reserve` bytes
    /// are kept free.
    #[must_use]
    pub fn new(memory: u64, reserve: u64, folder: PathBuf, every: Duration) -> Self {
        Guard { memory, reserve, folder, every, levels: Mutex::default() }
    }

    /// How all of it stands. Reads files of the kernel, which takes microseconds.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let levels = *self.levels();
        let all = Resource::OF_THE_MACHINE.into_iter().zip(levels);
        all.map(|(resource, level)| Reading { resource, used: self.read(resource), level }).collect()
    }

    fn levels(&self) -> MutexGuard<'_, [Level; 3]> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is nothing left of for what is new.
    #[must_use]
    pub fn full(&self) -> Option<Resource> {
        let levels = self.levels();
        Resource::OF_THE_MACHINE
            .into_iter()
            .zip(levels.iter())
            .find(|(_, level)| level.is_full())
            .map(|(resource, _)| resource)
    }

    /// Whether memory is scarce.
    fn is_pressed(&self) -> bool {
        self.levels()[1].is_scarce()
    }

    /// After how long of idleness a conversation rests, which is `ttl` where there is memory.
    #[must_use]
    pub fn ttl(&self, ttl: Duration) -> Duration {
        if self.is_pressed() { ttl.min(PRESSED_TTL) } else { ttl }
    }

    /// How much of it is used, and of how much; `None` where the system does not tell. Reads files of the kernel, which takes
    /// microseconds.
    fn read(&self, resource: Resource) -> Option<(u64, u64)> {
        match resource {
            Resource::Handles => {
                let most = process::handle_limit()?;
                Some((process::open_handles()?, most - most / HANDLES_KEPT))
            }
            Resource::Memory => Some((process::resident_bytes()?, self.memory)),
            Resource::Disk => {
                let disk = rustix::fs::statvfs(&self.folder).ok()?;
                // As df counts: what is kept for the superuser is neither used nor free.
                let used = disk.f_blocks.saturating_sub(disk.f_bfree).saturating_mul(disk.f_frsize);
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                Some((used, (used + free).saturating_sub(self.reserve)))
            }
            Resource::Storage => None,
        }
    }

    /// Looks at all; what is new.
    fn look(&self) -> Vec<(Resource, Change, u64, u64)> {
        let mut news = Vec::new();
        for (n, resource) in Resource::OF_THE_MACHINE.into_iter().enumerate() {
            let Some((used, of)) = self.read(resource) else { continue };
            if let Some(change) = self.levels()[n].look(used, of) {
                news.push((resource, change, used, of));
            }
        }
        news
    }
}

impl UserDataStore {
    /// Watches until `stop` is cancelled.
    pub async fn guard(self) {
        let shared = self.shared();
        loop {
            for (resource, change, used, of) in shared.guard.look() {
                self.tell(resource, change, used, of).await;
            }
            if shared.guard.is_pressed() {
                shared.vaults.open_files().close_idle(PRESSED_IDLE).await;
            }
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = tokio::time::sleep(shared.guard.every) => {}
            }
        }
    }

    async fn tell(&self, resource: Resource, change: Change, used: u64, of: u64) {
        let what = resource.code();
        if change == Change::Plenty {
            info!(event = "guard_plenty", resource = what, used, of, "there is enough of it again");
            return;
        }
        warn!(error.code = "guard-scarce", resource = what, used, of, "it gets scarce; beyond it nothing new is taken");
        let text = t!("guard-scarce", what = Choice(what), percent = percent(used, of), code = "guard-scarce");
        self.tell_owner(text).await;
    }

    /// Tells the operator, where there is one.
    pub(super) async fn tell_owner(&self, text: Phrase) {
        let Some(owner) = self.shared().members.owner() else { return };
        if let Err(e) = self.say(owner, text).await {
            warn!(error.code = e.code(), "the operator could not be told");
        }
    }

    /// Says something to somebody who has a world of their own; to nobody else.
    async fn say(&self, user: TelegramId, text: Phrase) -> Result<(), VaultError> {
        if !self.shared().vaults.exists(user) || self.is_being_erased(user) {
            return Ok(());
        }
        let entry = self.entry(user);
        let Some(_inside) = entry.enter() else { return Ok(()) };
        // A vault that does not open keeps nobody from watching.
        let Ok(Some(vault)) = timeout(VAULT, entry.ready_vault()).await else { return Ok(()) };
        let source = format!("guard{:016x}", rand::random::<u64>());
        let applied = vault
            .step(Timestamp::now(), move |tx, person| {
                Applier::new(tx, person, source)?.apply(Changes::default().say(text))
            })
            .await?;
        worker::after(&entry, applied).await;
        Ok(())
    }
}
