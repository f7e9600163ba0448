//! How a file's schema gets from what it is to what this version needs.
//!
//! Answers "may this program use this file, and what is missing in it?". The version lives in SQLite's `user_version`.
//! Must not step back: a file from a newer program is refused untouched.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{Result, StoreError};

/// One step of a schema. Published steps never change; a mistake is mended by the next one.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// What `user_version` is after it; ascending in a list, from 1.
    pub version: u32,
    /// What it brings, in two or three words.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Applies what is missing, each step in a transaction of its own.
///
/// # Errors
/// [`StoreError::NewerSchema`] when the file is ahead of `list`; [`StoreError::Migration`] when a step fails: the steps
/// before it stay, it leaves nothing behind.
pub fn migrate(conn: &mut Connection, list: &[Migration]) -> Result<()> {
    debug_assert!(list.windows(2).all(|pair| pair[0].version < pair[1].version), "migrations are not in order");
    let found: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = list.last().map_or(0, |last| last.version);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for step in list.iter().filter(|step| step.version > found) {
        apply(conn, step).map_err(|source| StoreError::Migration {
            version: step.version,
            name: step.name,
            source: Box::new(source),
        })?;
    }
    Ok(())
}

fn apply(conn: &mut Connection, step: &Migration) -> Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker since the version was looked at.
    if tx.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))? >= step.version {
        return Ok(());
    }
    tx.execute_batch(step.sql)?;
    tx.pragma_update(None, "user_version", step.version)?;
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests;
