//! Who has linked which number: one owner for each, across all users of this daemon.
//!
//! Owns `data/claims.db`, sealed as a whole; numbers stand in it as keyed digests only. It answers "may I", never "who".
use super::error::Result;
use super::handle::{Durability, Handle};
use super::migrate::Migration;
use super::seal::SealKey;
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{AccountId, PhoneNumber, TelegramId};
use rusqlite::{OptionalExtension, params};
use std::path::Path;
use std::sync::Arc;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "claims",
    sql:
        "CREATE TABLE claims (number BLOB PRIMARY KEY, owner INTEGER NOT NULL, account INTEGER NOT NULL) WITHOUT ROWID;
          CREATE INDEX claims_by_owner ON claims (owner);",
}];

/// What a claim came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The number is this account's, now or already before.
    Yours,
    /// Another account, of this user or of anybody else, has it.
    Taken,
}

/// The claims of this daemon.
#[derive(Clone)]
pub struct Claims {
    handle: Handle,
    digest: Arc<SealKey>,
}

impl Claims {
    /// The claims at `path`; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey, digest: SealKey) -> Self {
        let turn = Turn { user: 0, lane: 1 };
        let handle = Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS);
        Claims { handle, digest: Arc::new(digest) }
    }

    /// Claims a number whose possession the phone has just proven.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn claim(&self, number: &PhoneNumber, owner: TelegramId, account: AccountId) -> Result<Claim> {
        let number = self.digest(number);
        self.handle
            .tx(Durability::Full, move |tx| {
                let holder: Option<(u64, i64)> = tx
                    .query_row("SELECT owner, account FROM claims WHERE number = ?1", [number], |r| {
                        Ok((r.get(0)?, r.get(1)?))
                    })
                    .optional()?;
                match holder {
                    Some(holder) if holder == (owner.0, account.0) => Ok(Claim::Yours),
                    Some(_) => Ok(Claim::Taken),
                    None => {
                        tx.execute("INSERT INTO claims VALUES (?1, ?2, ?3)", params![number, owner.0, account.0])?;
                        Ok(Claim::Yours)
                    }
                }
            })
            .await
    }

    /// Frees what one account has claimed.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn release(&self, owner: TelegramId, account: AccountId) -> Result<usize> {
        self.delete("DELETE FROM claims WHERE owner = ?1 AND account = ?2", owner, Some(account)).await
    }

    /// Frees everything that a user has claimed.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn release_all(&self, owner: TelegramId) -> Result<usize> {
        self.delete("DELETE FROM claims WHERE owner = ?1", owner, None).await
    }

    async fn delete(&self, sql: &'static str, owner: TelegramId, account: Option<AccountId>) -> Result<usize> {
        self.handle
            .tx(Durability::Full, move |tx| {
                Ok(match account {
                    Some(account) => tx.execute(sql, params![owner.0, account.0])?,
                    None => tx.execute(sql, [owner.0])?,
                })
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

    fn digest(&self, number: &PhoneNumber) -> [u8; 32] {
        self.digest.keyed_digest("claim", number.digits().as_bytes())
    }
}
