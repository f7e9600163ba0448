//! Updates on their way in: committed here before Telegram hears that we have them.
//!
//! Owns `data/spool.db`, sealed as a whole. A row lives from the listener's commit until its owner's vault has taken it.
//! Rows are read by their owner only. Nothing here knows what an update says.
use super::error::Result;
use super::handle::{Durability, Handle};
use super::migrate::Migration;
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{TelegramId, UpdateId};
use rusqlite::params;
use std::path::Path;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "updates",
    sql: "CREATE TABLE updates (
            bot INTEGER NOT NULL, update_id INTEGER NOT NULL, user INTEGER NOT NULL, payload TEXT NOT NULL,
            PRIMARY KEY (bot, update_id)) WITHOUT ROWID;
          CREATE INDEX updates_by_user ON updates (user, update_id);
          CREATE TABLE cursor (bot INTEGER PRIMARY KEY, next_update INTEGER NOT NULL);
          CREATE TABLE erasures (user INTEGER PRIMARY KEY, receipt TEXT NOT NULL);",
}];

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

/// The spool of one bot.
#[derive(Clone)]
pub struct Spool {
    handle: Handle,
    bot: i64,
}

impl Spool {
    /// The spool at `path` for the bot with this id; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey, bot: i64) -> Self {
        let turn = Turn { user: 0, lane: 0 };
        Spool { handle: Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS), bot }
    }

    /// The bot whose updates these are.
    pub fn bot(&self) -> i64 {
        self.bot
    }

    /// Stores a batch and remembers that everything below `next` has been seen. One commit, on disk when it returns: from
    /// then on Telegram may forget the batch. A row that is here already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then nothing of the batch is stored.
    pub async fn commit(&self, batch: Vec<Spooled>, next: UpdateId) -> Result<()> {
        let bot = self.bot;
        self.handle
            .tx(Durability::Full, move |tx| {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO updates (bot, update_id, user, payload) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?;
                for row in &batch {
                    insert.execute(params![bot, row.update.0, row.user.0, row.payload])?;
                }
                tx.prepare_cached("INSERT INTO cursor VALUES (?1, ?2) ON CONFLICT (bot) DO UPDATE SET next_update = ?2")?
                    .execute(params![bot, next.0])?;
                Ok(())
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
        self.handle
            .read(move |db| {
                let mut query = db.prepare_cached(
                    "SELECT update_id, payload FROM updates WHERE user = ?1 AND bot = ?2 ORDER BY update_id LIMIT ?3",
                )?;
                let rows = query.query_map(params![user.0, bot, limit], |r| {
                    Ok(Spooled { update: UpdateId(r.get(0)?), user, payload: r.get(1)? })
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
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

    /// Forgets rows that their owner's vault has taken. Needs no flush: a row that comes back meets its key there.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn done(&self, updates: Vec<UpdateId>) -> Result<()> {
        let bot = self.bot;
        self.handle
            .tx(Durability::Normal, move |tx| {
                let mut delete = tx.prepare_cached("DELETE FROM updates WHERE bot = ?1 AND update_id = ?2")?;
                for update in updates {
                    delete.execute(params![bot, update.0])?;
                }
                Ok(())
            })
            .await
    }

    /// Forgets everything that waits for this user.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn forget(&self, user: TelegramId) -> Result<usize> {
        self.handle
            .tx(Durability::Full, move |tx| Ok(tx.execute("DELETE FROM updates WHERE user = ?1", [user.0])?))
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
