//! What is kept for a person under typed keys: small things that flows remember.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, json};
use crate::domain::Key;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Everything that is kept for one person, as it was read.
#[derive(Default)]
pub struct Kept(BTreeMap<String, String>);

impl Kept {
    /// What is kept under `key`. What an older version kept there and this one cannot read is not there.
    pub fn get<T: DeserializeOwned>(&self, key: Key<T>) -> Option<T> {
        serde_json::from_str(self.0.get(key.name())?).ok()
    }
}

/// Everything that is kept.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn all(db: &Connection) -> Result<Kept> {
    let mut query = db.prepare_cached("SELECT name, value FROM kept")?;
    let rows = query.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(Kept(rows.collect::<rusqlite::Result<_>>()?))
}

/// What is kept under `key`.
///
/// # Errors
/// [`StoreError`](super::StoreError), also when it is not of the key's type.
pub fn get<T: DeserializeOwned>(db: &Connection, key: Key<T>) -> Result<Option<T>> {
    let mut query = db.prepare_cached("SELECT value FROM kept WHERE name = ?1")?;
    Ok(query.query_row([key.name()], |r| from_json(&r.get::<_, String>(0)?)).optional()?)
}

/// Keeps `value` under `key`, in place of what was there.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set<T: Serialize>(tx: &Tx<'_>, key: Key<T>, value: &T) -> Result<()> {
    put(tx, key.name(), Some(&json(value)?))
}

/// Keeps nothing under `key` any more.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn clear<T>(tx: &Tx<'_>, key: Key<T>) -> Result<()> {
    put(tx, key.name(), None)
}

/// Keeps this JSON text under a key's name, or nothing.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn put(tx: &Tx<'_>, name: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => tx
            .prepare_cached("INSERT INTO kept VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?
            .execute([name, value])?,
        None => tx.prepare_cached("DELETE FROM kept WHERE name = ?1")?.execute([name])?,
    };
    Ok(())
}
