//! What must be known without opening anybody's vault: whose erasing is under way.
//!
//! Owns `data/directory.db`, sealed as a whole. It holds nobody's content.
use super::error::Result;
use super::handle::{Durability, Handle};
use super::migrate::Migration;
use super::rows::{from_json, json};
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::TelegramId;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::path::Path;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "erasures",
    sql: "CREATE TABLE erasures (user INTEGER PRIMARY KEY, receipt TEXT NOT NULL);",
}];

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
}

/// The directory.
#[derive(Clone)]
pub struct Directory {
    handle: Handle,
}

impl Directory {
    /// The directory at `path`; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey) -> Self {
        let turn = Turn { user: 0, lane: 2 };
        Directory { handle: Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS) }
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

    /// Notes that an erasing is done and its receipt given.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn end_erasure(&self, user: TelegramId) -> Result<()> {
        self.handle
            .tx(Durability::Full, move |tx| {
                tx.execute("DELETE FROM erasures WHERE user = ?1", [user.0])?;
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
