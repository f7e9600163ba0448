//! Updates on their way in: committed here before Telegram hears that we have them.
//!
//! Owns `data/spool.db`, sealed as a whole. A row lives from the listener's commit until its owner's vault has taken it.
//! The commit survives a kill, so its owner may go on with it at once; Telegram is told only after [`Spool::flush`], for a
//! power failure may take back what was not flushed, and then Telegram has to give it again.
//! Rows are read by their owner only. Nothing here knows what an update says.
mod fresh;
mod late;
mod unreadable;

use super::error::Result;
use super::handle::{Durability, Handle, Tx};
use super::migrate::Migration;
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{TelegramId, Timestamp, UpdateId};
use fresh::Fresh;
use late::{Late, Mark};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "updates",
        sql: "CREATE TABLE updates (
                bot INTEGER NOT NULL, update_id INTEGER NOT NULL, user INTEGER NOT NULL, payload TEXT NOT NULL,
                PRIMARY KEY (bot, update_id)) WITHOUT ROWID;
              CREATE INDEX updates_by_user ON updates (user, update_id);
              CREATE TABLE cursor (bot INTEGER PRIMARY KEY, next_update INTEGER NOT NULL);",
    },
    Migration { version: 2, name: "since when", sql: "ALTER TABLE updates ADD COLUMN received_at INTEGER;" },
    Migration {
        version: 3,
        name: "what is no update",
        sql: "CREATE TABLE unreadable (id INTEGER PRIMARY KEY AUTOINCREMENT, bot INTEGER NOT NULL,
                received_at INTEGER NOT NULL, body BLOB NOT NULL);",
    },
];

/// One stored update.
#[derive(Clone)]
pub struct Spooled {
    /// Telegram's id of it.
    pub update: UpdateId,
    /// Whose it is.
    pub user: TelegramId,
    /// Its JSON, as received.
    pub payload: String,
}

/// What a worker asks for: to forget what it has taken, and to be given what waits.
struct Ask {
    user: TelegramId,
    done: Vec<UpdateId>,
    after: Option<UpdateId>,
    limit: usize,
    answer: oneshot::Sender<Vec<Spooled>>,
}

/// What a worker gets, and by which mark it was read.
struct Answer {
    to: oneshot::Sender<Vec<Spooled>>,
    user: TelegramId,
    rows: Vec<Spooled>,
    mark: Option<Mark>,
    until: Option<UpdateId>,
}

/// A row that is to be kept, and who waits for that.
struct Keep {
    row: Spooled,
    kept: oneshot::Sender<()>,
}

/// How much waits in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLoad {
    /// Rows, those included that a vault has taken and not flushed yet.
    pub rows: u64,
    /// Since when the oldest is here.
    pub oldest: Option<Timestamp>,
    /// How much was ever brought that is no update.
    pub unreadable: u64,
}

/// The spool of one bot.
#[derive(Clone)]
pub struct Spool {
    handle: Handle,
    bot: i64,
    /// Asked and not looked at yet. Locked for instants only.
    asks: Arc<Mutex<Vec<Ask>>>,
    /// To be kept and not written yet. Locked for instants only.
    keeps: Arc<Mutex<Vec<Keep>>>,
    memory: Arc<Memory>,
}

/// What is known of the rows without reading them.
#[derive(Default)]
struct Memory {
    late: Late,
    fresh: Fresh,
}

impl Spool {
    /// The spool at `path` for the bot with this id; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey, bot: i64) -> Self {
        let turn = Turn { user: 0, lane: 0 };
        let handle = Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS);
        Spool { handle, bot, asks: Arc::default(), keeps: Arc::default(), memory: Arc::default() }
    }

    /// The bot whose updates these are.
    pub fn bot(&self) -> i64 {
        self.bot
    }

    /// Stores a batch and remembers that everything below `next` has been seen, in one commit. A row that is here already
    /// stays as it is. Telegram may forget the batch after a [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then nothing of the batch is stored.
    pub async fn commit(&self, batch: Vec<Spooled>, next: UpdateId) -> Result<()> {
        let (bot, memory) = (self.bot, Arc::clone(&self.memory));
        self.handle
            .tx(Durability::Normal, move |tx| {
                insert(tx, bot, &batch, &memory)?;
                tx.prepare_cached(
                    "INSERT INTO cursor VALUES (?1, ?2) ON CONFLICT (bot) DO UPDATE SET next_update = ?2",
                )?
                .execute(params![bot, next.0])?;
                Ok(())
            })
            .await
    }

    /// Puts what was stored on the disk. Holds up nobody who works with it meanwhile; those who ask at the same time share
    /// a flush.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then Telegram must not hear that we have it.
    pub async fn flush(&self) -> Result<()> {
        self.handle.sync().await
    }

    /// Stores one row. A row that is here already stays as it is. What has been seen stays as it was: rows that come one by
    /// one come in no order that a cursor could tell. Those who ask at the same time share a commit. Telegram may forget the
    /// row after a [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then it is not stored.
    pub async fn keep(&self, row: Spooled) -> Result<()> {
        let (kept, was_kept) = oneshot::channel();
        let first = {
            let mut keeps = self.keeps();
            keeps.push(Keep { row: row.clone(), kept });
            keeps.len() == 1
        };
        if first {
            // Submitted before anything is waited for, so whoever finds a row already there is served by this one.
            self.write_kept().await;
        }
        if was_kept.await.is_ok() {
            return Ok(());
        }
        // The shared transaction failed, or whoever made it has gone before it could tell: alone, with an error of one's own.
        let (bot, memory) = (self.bot, Arc::clone(&self.memory));
        self.handle.tx(Durability::Normal, move |tx| insert(tx, bot, &[row], &memory)).await
    }

    fn keeps(&self) -> MutexGuard<'_, Vec<Keep>> {
        self.keeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is to be kept until the transaction runs. Whoever gets no answer finds their channel closed.
    async fn write_kept(&self) {
        let (bot, keeps, memory) = (self.bot, Arc::clone(&self.keeps), Arc::clone(&self.memory));
        let written = self.handle.tx(Durability::Normal, move |tx| {
            let keeps = std::mem::take(&mut *keeps.lock().unwrap_or_else(PoisonError::into_inner));
            let (rows, waiting): (Vec<_>, Vec<_>) = keeps.into_iter().map(|keep| (keep.row, keep.kept)).unzip();
            insert(tx, bot, &rows, &memory)?;
            Ok(waiting)
        });
        match written.await {
            Ok(waiting) => {
                for kept in waiting {
                    if kept.send(()).is_err() {
                        tracing::trace!("who brought an update has gone; it is brought again");
                    }
                }
            }
            // Those whom the transaction did not get to see would wait for ever.
            Err(_) => self.keeps().clear(),
        }
    }

    /// Forgets where to go on asking Telegram. What somebody else fetches or is brought meanwhile has numbers of its own:
    /// asked for by an old one, Telegram would take what waits below it for confirmed.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn forget_cursor(&self) -> Result<()> {
        let bot = self.bot;
        self.handle
            .tx(Durability::Full, move |tx| {
                tx.execute("DELETE FROM cursor WHERE bot = ?1", [bot])?;
                Ok(())
            })
            .await
    }

    /// How much waits.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn load(&self) -> Result<SpoolLoad> {
        let bot = self.bot;
        self.handle
            .read(move |db| {
                let rows = db.prepare_cached("SELECT count(*) FROM updates")?.query_row([], |r| r.get(0))?;
                // The lowest number is as good as the oldest, and found without looking at the others.
                let mut oldest =
                    db.prepare_cached("SELECT received_at FROM updates WHERE bot = ?1 ORDER BY update_id LIMIT 1")?;
                let oldest = oldest.query_row([bot], |r| r.get::<_, Option<i64>>(0)).optional()?.flatten();
                Ok(SpoolLoad { rows, oldest: oldest.map(Timestamp), unreadable: unreadable::count(db, bot)? })
            })
            .await
    }

    /// Where to go on asking Telegram after a start; `None` at the very first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn cursor(&self) -> Result<Option<UpdateId>> {
        let bot = self.bot;
        self.handle
            .read(move |db| {
                let mut query = db.prepare_cached("SELECT next_update FROM cursor WHERE bot = ?1")?;
                Ok(query.query_map([bot], |r| r.get(0).map(UpdateId))?.next().transpose()?)
            })
            .await
    }

    /// The user's waiting rows, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn waiting(&self, user: TelegramId, limit: usize) -> Result<Vec<Spooled>> {
        let bot = self.bot;
        self.handle.read(move |db| waiting(db, bot, user, None, limit)).await
    }

    /// The rows that their owner's worker was not given yet, at most `limit`; `after`: the highest one that it has. A row may
    /// be given twice, and meets its key in the vault then.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn next(&self, user: TelegramId, after: Option<UpdateId>, limit: usize) -> Result<Vec<Spooled>> {
        if let Some(rows) = self.memory.fresh.take(user, limit) {
            return Ok(rows);
        }
        let rows = self.ask(user, &[], after, limit).await?;
        self.memory.fresh.read(user, &rows, rows.len() < limit);
        Ok(rows)
    }

    /// What was given to this person's worker did not come to its end, or nobody works for them any more: what waits is
    /// read from the file.
    pub fn read_again(&self, user: TelegramId) {
        self.memory.fresh.forget(user);
    }

    /// Forgets rows that their owner's vault has taken. Those who ask at the same time share one transaction.
    ///
    /// Needs no flush: a row that comes back meets its key in the vault.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then nothing is forgotten.
    pub async fn done(&self, user: TelegramId, updates: &[UpdateId]) -> Result<()> {
        self.ask(user, updates, None, 0).await.map(drop)
    }

    /// Forgets rows, and reads the next ones after `after`, oldest first, at most `limit`. Those who ask at the same time
    /// share one transaction: with many users at work it costs each of them next to nothing.
    async fn ask(
        &self,
        user: TelegramId,
        done: &[UpdateId],
        after: Option<UpdateId>,
        limit: usize,
    ) -> Result<Vec<Spooled>> {
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut asks = self.asks();
            asks.push(Ask { user, done: done.to_vec(), after, limit, answer });
            asks.len() == 1
        };
        if first {
            // Submitted before anything is waited for, so whoever finds an ask already there is served by this one.
            self.serve().await;
        }
        if let Ok(rows) = answered.await {
            return Ok(rows);
        }
        // The shared transaction failed, perhaps by somebody else's doing: alone, with an error of one's own.
        if !done.is_empty() {
            let (bot, done) = (self.bot, done.to_vec());
            self.handle.tx(Durability::Normal, move |tx| forget(tx, bot, &done)).await?;
        }
        let (bot, (after, mark)) = (self.bot, self.memory.late.after(user, after));
        let rows = self.handle.read(move |db| waiting(db, bot, user, after, limit)).await?;
        self.memory.late.seen(user, mark, last_of_many(&rows, limit));
        Ok(rows)
    }

    fn asks(&self) -> MutexGuard<'_, Vec<Ask>> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers everybody who has asked until the transaction runs. Whoever gets no answer finds their channel closed.
    async fn serve(&self) {
        let (bot, asks, memory) = (self.bot, Arc::clone(&self.asks), Arc::clone(&self.memory));
        let served = self.handle.tx(Durability::Normal, move |tx| {
            let asks = std::mem::take(&mut *asks.lock().unwrap_or_else(PoisonError::into_inner));
            let serve = |ask: Ask| {
                forget(tx, bot, &ask.done)?;
                let (after, mark) = memory.late.after(ask.user, ask.after);
                let rows = waiting(tx, bot, ask.user, after, ask.limit)?;
                // Nobody sees a row of which none was asked for.
                let mark = mark.filter(|_| ask.limit > 0);
                let until = last_of_many(&rows, ask.limit);
                Ok(Answer { to: ask.answer, user: ask.user, rows, mark, until })
            };
            asks.into_iter().map(serve).collect::<Result<Vec<_>>>()
        });
        match served.await {
            Ok(answers) => {
                for Answer { to, user, rows, mark, until } in answers {
                    // Whoever has gone asks again when they come back.
                    if to.send(rows).is_ok() {
                        self.memory.late.seen(user, mark, until);
                    }
                }
            }
            // Those whom the transaction did not get to see would wait for ever.
            Err(_) => self.asks().clear(),
        }
    }

    /// Everybody who has rows waiting: asked once, at start.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn users(&self) -> Result<Vec<TelegramId>> {
        let bot = self.bot;
        self.handle
            .read(move |db| {
                let mut query = db.prepare("SELECT DISTINCT user FROM updates WHERE bot = ?1")?;
                let rows = query.query_map([bot], |r| r.get(0).map(TelegramId))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// Forgets what waits for this user, up to and including `until`; everything when there is no bound.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn forget(&self, user: TelegramId, until: Option<UpdateId>) -> Result<usize> {
        if until.is_none() {
            self.memory.late.forget(user);
        }
        let until = until.map_or(i64::MAX, |u| u.0);
        let forgotten = self.handle.tx(Durability::Full, move |tx| {
            Ok(tx.execute("DELETE FROM updates WHERE user = ?1 AND update_id <= ?2", params![user.0, until])?)
        });
        let forgotten = forgotten.await;
        self.read_again(user);
        forgotten
    }

    /// Closes the file cleanly.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn close(&self) -> Result<()> {
        self.handle.close().await
    }
}

/// The last one of rows beside which there may be more.
fn last_of_many(rows: &[Spooled], limit: usize) -> Option<UpdateId> {
    rows.last().map(|row| row.update).filter(|_| rows.len() >= limit)
}

fn insert(tx: &Tx<'_>, bot: i64, rows: &[Spooled], memory: &Memory) -> Result<()> {
    let now = Timestamp::now();
    let mut insert = tx.prepare_cached(
        "INSERT INTO updates (bot, update_id, user, payload, received_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    for row in rows {
        insert.execute(params![bot, row.update.0, row.user.0, row.payload, now.0])?;
        memory.late.comes(row.user, row.update);
        memory.fresh.comes(row);
    }
    Ok(())
}

/// The index is named because SQLite would rather walk the primary key, which has the right order already: past everybody
/// else's rows, decrypting each page of them.
const WAITING: &str = "SELECT update_id, payload FROM updates INDEXED BY updates_by_user
     WHERE user = ?1 AND update_id > ?2 AND bot = ?3 ORDER BY update_id LIMIT ?4";

fn waiting(db: &Connection, bot: i64, user: TelegramId, after: Option<UpdateId>, limit: usize) -> Result<Vec<Spooled>> {
    let mut query = db.prepare_cached(WAITING)?;
    let after = after.map_or(i64::MIN, |update| update.0);
    let rows = query.query_map(params![user.0, after, bot, limit], |r| {
        Ok(Spooled { update: UpdateId(r.get(0)?), user, payload: r.get(1)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn forget(tx: &Tx<'_>, bot: i64, updates: &[UpdateId]) -> Result<()> {
    let mut delete = tx.prepare_cached("DELETE FROM updates WHERE bot = ?1 AND update_id = ?2")?;
    for update in updates {
        delete.execute(params![bot, update.0])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
