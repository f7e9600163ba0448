//! What must be known without opening anybody's vault: who there is, what of theirs was left undone, whose erasing is
//! under way.
//!
//! Owns `data/directory.db`, sealed as a whole. It holds nobody's content. A person's row says `awake` from before their
//! first step commits until an orderly close has noted what is left: so a start finds unfinished work without looking for
//! it, and a row that says too much costs no more than one look.
mod hours;

use super::error::Result;
use super::handle::{Durability, Handle, Tx};
use super::left::Left;
use super::migrate::Migration;
use super::rows::{from_json, json};
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{Language, TelegramId, Timestamp};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "erasures",
        sql: "CREATE TABLE erasures (user INTEGER PRIMARY KEY, receipt TEXT NOT NULL);",
    },
    Migration {
        version: 2,
        name: "known users",
        sql: "CREATE TABLE users (
                user INTEGER PRIMARY KEY, seen_at INTEGER NOT NULL, awake INTEGER NOT NULL,
                numbers INTEGER NOT NULL DEFAULT 0, unfinished INTEGER NOT NULL DEFAULT 0, asked_at INTEGER);",
    },
    hours::MIGRATION,
];

/// What an erasing has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Devices removed at WhatsApp.
    pub unlinked: usize,
    /// Devices whose removal WhatsApp did not confirm.
    pub unconfirmed: usize,
    /// Files deleted.
    pub files: usize,
    /// Numbers freed.
    pub claims: usize,
    /// The language in which its person wants to read it.
    #[serde(default)]
    pub language: Language,
}

/// A known person, as their last orderly close left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub user: TelegramId,
    /// When their world last woke or closed.
    pub seen_at: Timestamp,
    /// Whether it did not close in an orderly way.
    pub awake: bool,
    /// What that close left.
    pub left: Left,
}

impl Known {
    /// Whether a start has to wake them.
    pub fn has_work(&self) -> bool {
        self.awake || self.left.numbers > 0 || self.left.unfinished
    }
}

/// A change of one row; those that are asked for together share a commit.
struct Note {
    user: TelegramId,
    now: Timestamp,
    /// `None`: awake.
    left: Option<Left>,
    answer: oneshot::Sender<()>,
}

/// The directory.
#[derive(Clone)]
pub struct Directory {
    handle: Handle,
    /// Asked for and not written yet. Locked for instants only.
    notes: Arc<Mutex<Vec<Note>>>,
}

impl Directory {
    /// The directory at `path`; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey) -> Self {
        let turn = Turn { user: 0, lane: 2 };
        Directory { handle: Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS), notes: Arc::default() }
    }

    /// Everybody who is known.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn users(&self) -> Result<Vec<Known>> {
        self.handle
            .read(|db| {
                let mut query = db.prepare("SELECT user, seen_at, awake, numbers, unfinished, asked_at FROM users")?;
                let rows = query.query_map([], |r| {
                    let asked_at = r.get::<_, Option<i64>>(5)?.map(Timestamp);
                    let left = Left { numbers: r.get(3)?, unfinished: r.get(4)?, asked_at };
                    Ok(Known { user: TelegramId(r.get(0)?), seen_at: Timestamp(r.get(1)?), awake: r.get(2)?, left })
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// How many people are known.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn count(&self) -> Result<u64> {
        self.handle.read(|db| Ok(db.prepare_cached("SELECT count(*) FROM users")?.query_row([], |r| r.get(0))?)).await
    }

    /// Notes that these people's worlds are awake, all in one commit, on disk when it returns.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn wake_all(&self, users: Vec<TelegramId>, now: Timestamp) -> Result<()> {
        if users.is_empty() {
            return Ok(());
        }
        let write = move |tx: &Tx<'_>| users.iter().try_for_each(|&user| write(tx, user, now, None));
        self.handle.tx(Durability::Full, write).await
    }

    /// Notes that this person's world is awake: no step of theirs may commit before. Those who ask at the same time share a
    /// commit. It survives a kill; a power failure may take it back until [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn wake(&self, user: TelegramId, now: Timestamp) -> Result<()> {
        self.note(user, now, None).await
    }

    /// Puts what was noted on the disk. Those who ask at the same time share a flush.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn flush(&self) -> Result<()> {
        self.handle.sync().await
    }

    /// Notes that this person's world has closed, and what it left. Shares commits as [`wake`](Self::wake) does, and needs
    /// no flush: a row that still says awake costs a look.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then they count as awake, and the next start looks for itself.
    pub async fn rest(&self, user: TelegramId, left: Left, now: Timestamp) -> Result<()> {
        self.note(user, now, Some(left)).await
    }

    async fn note(&self, user: TelegramId, now: Timestamp, left: Option<Left>) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut notes = self.notes();
            notes.push(Note { user, now, left, answer });
            notes.len() == 1
        };
        if first {
            // Submitted before anything is waited for, so whoever finds a note already there is served by this one.
            self.serve().await;
        }
        if answered.await.is_ok() {
            return Ok(());
        }
        // The shared transaction failed: alone, with an error of one's own.
        self.handle.tx(Durability::Normal, move |tx| write(tx, user, now, left)).await
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes every note that was asked for until the transaction runs. Whoever gets no answer finds their channel closed.
    async fn serve(&self) {
        let notes = Arc::clone(&self.notes);
        let written = self.handle.tx(Durability::Normal, move |tx| {
            let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
            let one = |note: Note| write(tx, note.user, note.now, note.left).map(|()| note.answer);
            notes.into_iter().map(one).collect::<Result<Vec<_>>>()
        });
        match written.await {
            // Whoever has gone does not need to know.
            Ok(answers) => answers.into_iter().for_each(|answer| answer.send(()).unwrap_or(())),
            // Those whom the transaction did not get to see would wait for ever.
            Err(_) => self.notes().clear(),
        }
    }

    /// Notes how far an erasing has come.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn note_erasure(&self, user: TelegramId, receipt: Receipt) -> Result<()> {
        self.handle
            .tx(Durability::Full, move |tx| {
                tx.execute("INSERT OR REPLACE INTO erasures VALUES (?1, ?2)", params![user.0, json(&receipt)?])?;
                Ok(())
            })
            .await
    }

    /// The erasings that are under way.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn erasures(&self) -> Result<Vec<(TelegramId, Receipt)>> {
        self.handle
            .read(|db| {
                let mut query = db.prepare("SELECT user, receipt FROM erasures")?;
                let rows = query.query_map([], |r| Ok((TelegramId(r.get(0)?), from_json(&r.get::<_, String>(1)?)?)))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// Notes that an erasing is done and its receipt given: nothing is known of the person any more.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn end_erasure(&self, user: TelegramId) -> Result<()> {
        self.handle
            .tx(Durability::Full, move |tx| {
                tx.execute("DELETE FROM erasures WHERE user = ?1", [user.0])?;
                tx.execute("DELETE FROM users WHERE user = ?1", [user.0])?;
                Ok(())
            })
            .await
    }

    /// Closes the file cleanly.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn close(&self) -> Result<()> {
        self.handle.close().await
    }
}

fn write(tx: &Tx<'_>, user: TelegramId, now: Timestamp, left: Option<Left>) -> Result<()> {
    match left {
        // What was left before is not known to be done.
        None => tx
            .prepare_cached(
                "INSERT INTO users (user, seen_at, awake) VALUES (?1, ?2, 1)
                 ON CONFLICT (user) DO UPDATE SET awake = 1, seen_at = ?2",
            )?
            .execute(params![user.0, now.0])?,
        Some(left) => tx
            .prepare_cached("INSERT OR REPLACE INTO users VALUES (?1, ?2, 0, ?3, ?4, ?5)")?
            .execute(params![user.0, now.0, left.numbers, left.unfinished, left.asked_at.map(|t| t.0)])?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(folder: &Path, threads: &DbThreads) -> Directory {
        Directory::new(threads.clone(), &folder.join("directory.db"), RawKey::new([3; 32]))
    }

    #[tokio::test]
    async fn a_row_is_awake_until_an_orderly_close_says_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let threads = DbThreads::start(2);
        let (ana, budi) = (TelegramId(1), TelegramId(2));
        let left = Left { numbers: 2, unfinished: true, asked_at: Some(Timestamp(7)) };
        let first = directory(folder.path(), &threads);
        first.wake(ana, Timestamp(1)).await.unwrap();
        first.wake(budi, Timestamp(2)).await.unwrap();
        first.rest(ana, left, Timestamp(3)).await.unwrap();
        first.close().await.unwrap();
        let again = directory(folder.path(), &threads);
        let users = again.users().await.unwrap();
        let known = |user, seen, awake, left| Known { user, seen_at: Timestamp(seen), awake, left };
        assert_eq!(users, [known(ana, 3, false, left), known(budi, 2, true, Left::default())]);
        assert!(users.iter().all(Known::has_work));
        again.rest(budi, Left { asked_at: Some(Timestamp(1)), ..Left::default() }, Timestamp(4)).await.unwrap();
        again.note_erasure(ana, Receipt::default()).await.unwrap();
        again.end_erasure(ana).await.unwrap();
        let users = again.users().await.unwrap();
        assert_eq!(users.iter().map(|k| (k.user, k.has_work())).collect::<Vec<_>>(), [(budi, false)]);
    }

    #[tokio::test]
    async fn those_who_ask_together_share_commits_and_each_is_on_record() {
        let folder = tempfile::tempdir().unwrap();
        let threads = DbThreads::start(2);
        let directory = directory(folder.path(), &threads);
        let wake = (1..=500).map(|n| directory.wake(TelegramId(n), Timestamp(1)));
        for woken in futures_util::future::join_all(wake).await {
            woken.unwrap();
        }
        assert_eq!(directory.users().await.unwrap().len(), 500);
        assert!(threads.stats().finished < 50, "{:?}", threads.stats());
        threads.stop();
        let after = (1..5).map(|n| directory.wake(TelegramId(n), Timestamp(1)));
        assert!(futures_util::future::join_all(after).await.iter().all(Result::is_err));
    }
}
