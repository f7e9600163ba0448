//! Whom does a start wake, and what does it put right?
//!
//! Owns nothing. It reads the directory, not the vaults: whoever had closed in an orderly way and has nothing to do stays
//! asleep and costs nothing but their row.
use super::looks::Look;
use super::port::Route;
use super::store::UserDataStore;
use crate::domain::{TelegramId, Timestamp};
use crate::store::Known;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long those who were there before a start are waited for before places are given, where there may not be room for all:
/// enough for everybody's vault to be opened and looked at.
const GATHERING: Duration = Duration::from_secs(2);

impl UserDataStore {
    /// At start: finishes erasings, wakes everybody who was awake at a crash, has updates waiting, numbers to connect or
    /// something unfinished, and reports what belongs to nobody.
    ///
    /// # Errors
    /// When the folders of all users or the shared files cannot be read.
    pub async fn resume(&self) -> anyhow::Result<()> {
        let shared = self.shared();
        for (user, receipt) in shared.directory.erasures().await? {
            info!(user.id = user.0, "an erasing was interrupted; finishing it");
            self.finish_erasing(user, receipt);
        }
        let (known, folders) = self.known().await?;
        let waiting: HashSet<TelegramId> = shared.spool.users().await?.into_iter().collect();
        // Whose erasing goes on gets no world before it is done.
        let allowed = |user: &TelegramId| shared.members.admits(*user) && !self.is_being_erased(*user);
        let work = known.iter().filter(|k| k.has_work() && folders.contains(&k.user)).map(|k| k.user);
        let wake: Vec<TelegramId> =
            work.chain(waiting.iter().copied()).filter(allowed).collect::<HashSet<_>>().into_iter().collect();
        shared.directory.wake_all(wake.clone(), Timestamp::now()).await?;
        info!(users = folders.len(), awake = wake.len(), "known users found");
        // Whoever was awake at a crash may have linked more since it was noted.
        let most = shared.settings.rules.max_numbers;
        let numbers: usize =
            known.iter().map(|k| if k.awake { k.left.numbers.max(most) } else { k.left.numbers }).sum();
        for user in wake {
            self.awaken_noted(user, true);
        }
        self.open_room(numbers > shared.room.load().most);
        // Strangers' too, who are refused.
        waiting.into_iter().for_each(|user| self.arrived(user));
        for one in known.iter().filter(|k| !k.has_work() && folders.contains(&k.user) && allowed(&k.user)) {
            self.file_question(one);
        }
        Ok(())
    }

    /// Everybody who is known, and who of them has a folder. A folder that the directory does not know counts as awake: it
    /// is from before the directory was, or was put there.
    async fn known(&self) -> anyhow::Result<(Vec<Known>, HashSet<TelegramId>)> {
        let shared = self.shared();
        let mut known = shared.directory.users().await?;
        let (folders, others) = shared.vaults.list().await?;
        let folders: HashSet<TelegramId> = folders.into_iter().collect();
        let rows: HashSet<TelegramId> = known.iter().map(|k| k.user).collect();
        let new: Vec<TelegramId> = folders.difference(&rows).copied().collect();
        if !new.is_empty() {
            info!(users = new.len(), "folders of users that the directory did not know are taken over");
            shared.directory.wake_all(new.clone(), Timestamp::now()).await?;
            let now = Timestamp::now();
            known.extend(new.iter().map(|&user| Known { user, seen_at: now, awake: true, left: Default::default() }));
        }
        let gone = rows.difference(&folders).count();
        if gone > 0 {
            warn!(users = gone, "users are known whose folders are gone; `sekat doctor` tells more");
        }
        self.tidy(&known, others).await?;
        Ok((known, folders))
    }

    /// Removes what a crash left half-written: only where somebody was at work, or where it is all there is. Everything else
    /// that is nobody's is reported and stays.
    async fn tidy(&self, known: &[Known], others: Vec<PathBuf>) -> anyhow::Result<()> {
        let vaults = &self.shared().vaults;
        let left_over = known.iter().filter(|k| k.awake).map(|k| vaults.folder(k.user)).chain(others.iter().cloned());
        for folder in left_over {
            if vaults.tidy(folder).await? {
                info!("removed what a crash left half-written in a user's folder");
            }
        }
        for path in others.iter().filter(|path| path.exists()) {
            warn!(folder = %path.display(), "this belongs to no known user; `sekat doctor` tells more");
        }
        Ok(())
    }

    /// Lets clients start: those who come at a start wait for each other where there may not be room for all of them.
    fn open_room(&self, scarce: bool) {
        let shared = Arc::clone(self.shared());
        if !scarce {
            return shared.room.open();
        }
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = shared.stop.cancelled() => {}
                () = tokio::time::sleep(GATHERING) => shared.room.open(),
            }
        });
    }

    /// Somebody who sleeps may have a question waiting; it is put aside in time.
    fn file_question(&self, known: &Known) {
        let Some(asked_at) = known.left.asked_at else { return };
        let due = asked_at.after(self.shared().settings.session_ttl);
        self.looks().file(Instant::now() + Timestamp::now().until(due), Look::Asleep(known.user));
    }
}
