//! One open connection: how it begins, what each transaction on it flushes, how it ends.
//!
//! Owns the connection. Must not know who uses it, or when it is closed.
use super::{Durability, Tx, log};
use crate::store::error::{Result, StoreError};
use crate::store::migrate::{Migration, migrate};
use crate::store::sqlcipher::{self, Access, Pages, RawKey};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Free pages of a file are given back from this many bytes on,
const SHRINK_FROM: u64 = 512 * 1024;
/// and when they are at least one beside so many that stay, which are all written anew.
const SHRINK_SHARE: u64 = 5;

pub(super) struct Open {
    conn: Connection,
    /// What `PRAGMA synchronous` is set to.
    durability: Durability,
    /// The log is a new file, in which nothing is yet as far as is known.
    log_is_new: bool,
}

impl Open {
    /// Opens the file and brings its tables up to date.
    pub fn file(path: &Path, key: (&RawKey, Pages), migrations: &'static [Migration], access: Access) -> Result<Open> {
        // Somebody else might put something into the log that SQLite would write over.
        let log_is_new = access == Access::Alone && !log::path_of(path).exists();
        let mut conn = sqlcipher::open(path, key.0, key.1, access)?;
        migrate(&mut conn, migrations)?;
        Ok(Open { conn, durability: Durability::Full, log_is_new })
    }

    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// One transaction in the file at `path`.
    pub fn tx<T>(&mut self, path: &Path, durability: Durability, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        // One that only reads begins no log, and one that must be on the disk flushes the log that it begins.
        if durability == Durability::Normal && self.log_is_new {
            self.log_is_new = log::is_empty(path);
            if self.log_is_new {
                let unflushed = Unflushed::begin(self)?;
                return commit(&mut unflushed.0.conn, work);
            }
        }
        if self.durability != durability {
            let level = match durability {
                Durability::Full => "FULL",
                Durability::Normal => "NORMAL",
            };
            self.conn.pragma_update(None, "synchronous", level)?;
            self.durability = durability;
        }
        commit(&mut self.conn, work)
    }

    /// Moves the log into the file, which is flushed, and empties it.
    pub fn move_log(&self) -> Result<()> {
        let whole = checkpoint(&self.conn)?;
        let busy = || StoreError::io("move the log of a database into its file", "somebody else reads it");
        if whole { Ok(()) } else { Err(busy()) }
    }

    /// Gives free pages back to the file system, where they are worth it; whether it did. The file is written anew, in one
    /// transaction: killed in the middle it is as it was.
    pub fn shrink(&self) -> Result<bool> {
        let (used, free) = sqlcipher::room(&self.conn)?;
        let worth = free >= SHRINK_FROM && free * SHRINK_SHARE >= used;
        if worth {
            self.conn.execute_batch("VACUUM")?;
            self.move_log()?;
        }
        Ok(worth)
    }

    /// Moves the log into the file and closes it. Where somebody else has it open, the log is left to them.
    pub fn close(self) -> Result<()> {
        let moved = checkpoint(&self.conn);
        self.conn.close().map_err(|(_, error)| error)?;
        moved.map(drop)
    }
}

/// `true`: everything that was in the log is in the file.
fn checkpoint(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0).map(|busy: bool| !busy))?)
}

fn commit<T>(conn: &mut Connection, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
    let tx = Tx::new(conn.transaction_with_behavior(TransactionBehavior::Immediate)?);
    // Dropping it, by an error or by a panic, rolls back.
    let value = work(&tx)?;
    tx.inner.commit()?;
    Ok(value)
}

/// The first transaction in a new log, while it lasts: it is not flushed at all.
///
/// SQLite flushes the header of a log that it begins, and the folder, whatever was asked for: frames of the last round,
/// found below a header that never reached the disk, would bring old pages back. A new log has no last round. Each frame
/// in it is sealed with all that came before it, header included, and what is not whole counts as never written.
/// [`Handle::sync`](super::Handle::sync) and SQLite's own next flush see to the folder.
struct Unflushed<'a>(&'a mut Open);

impl<'a> Unflushed<'a> {
    fn begin(open: &'a mut Open) -> Result<Self> {
        // Nothing may go from the log into the file meanwhile: that must not happen without a flush.
        open.conn.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;")?;
        Ok(Unflushed(open))
    }
}

impl Drop for Unflushed<'_> {
    fn drop(&mut self) {
        // Nothing refuses this but a transaction that could not be rolled back: then the connection is given up, and its
        // log has nothing that could go into the file.
        match self.0.conn.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000;") {
            Ok(()) => self.0.durability = Durability::Normal,
            Err(error) => tracing::error!(error.code = "db-io", "a database is not set back to be flushed: {error}"),
        }
    }
}
