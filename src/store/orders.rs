//! What an owner or admin has ordered, from the step that says so until it is carried out and told.
//!
//! Rows of their own vault. Must not know who may order what: `members` does, when it carries them out.
use super::error::{Result, StoreError};
use super::handle::Tx;
use super::rows::{from_json, json};
use super::seal::fill_random;
use crate::domain::Order;
use rusqlite::{Connection, params};

/// An order that waits.
#[derive(Clone)]
pub struct Waiting {
    /// Its row.
    pub id: i64,
    /// What is ordered.
    pub order: Order,
    /// Random bytes from when it was ordered: what is made of them is the same however often it is tried.
    pub seed: [u8; 10],
}

/// Adds an order, the `n`th effect of `source`; one that is there already stays as it is.
///
/// # Errors
/// [`StoreError`].
pub fn add(tx: &Tx<'_>, source: &str, n: usize, order: &Order) -> Result<()> {
    let mut seed = [0; 10];
    fill_random(&mut seed).map_err(|e| StoreError::io("draw random bytes", e))?;
    tx.execute(
        "INSERT INTO orders (source, n, what, seed) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![source, n, json(order)?, seed],
    )?;
    Ok(())
}

/// Every order that waits, oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn waiting(db: &Connection) -> Result<Vec<Waiting>> {
    let mut query = db.prepare_cached("SELECT id, what, seed FROM orders ORDER BY id")?;
    let rows = query.query_map([], |r| {
        Ok(Waiting { id: r.get(0)?, order: from_json(&r.get::<_, String>(1)?)?, seed: r.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The order is carried out, and its outcome is on record.
///
/// # Errors
/// [`StoreError`].
pub fn done(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.execute("DELETE FROM orders WHERE id = ?1", [id])?;
    Ok(())
}
