//! Which of a person's numbers each contact has talked with.
use super::error::Result;
use super::handle::Tx;
use crate::domain::{AccountId, Jid, Timestamp};
use rusqlite::{Connection, params};

/// A number that a contact has talked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talked {
    /// The number.
    pub account: AccountId,
    /// The first message between them.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
    /// How many there were.
    pub count: u64,
}

/// Notes a message between this contact and this number. A group is nobody in particular: nothing is noted of it.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub(super) fn note(tx: &Tx<'_>, account: AccountId, contact: &Jid, at: Timestamp) -> Result<()> {
    if contact.0.ends_with("@g.us") {
        return Ok(());
    }
    add(tx, account, contact, Talked { account, first_at: at, last_at: at, count: 1 })
}

fn add(tx: &Tx<'_>, account: AccountId, contact: &Jid, more: Talked) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO contact_numbers VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET
           first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
           count = count + excluded.count",
    )?
    .execute(params![contact.0, account.0, more.first_at.0, more.last_at.0, more.count])?;
    Ok(())
}

/// Two addresses turned out to be one contact's: what was noted under `other` is `jid`'s.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub(super) fn join(tx: &Tx<'_>, account: AccountId, other: &Jid, jid: &Jid) -> Result<()> {
    if other == jid {
        return Ok(());
    }
    for talked in numbers(tx, other)?.into_iter().filter(|talked| talked.account == account) {
        add(tx, account, jid, talked)?;
        tx.execute("DELETE FROM contact_numbers WHERE jid = ?1 AND account = ?2", params![other.0, account.0])?;
    }
    Ok(())
}

/// Every number that this contact has talked with, the last one first.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn numbers(db: &Connection, contact: &Jid) -> Result<Vec<Talked>> {
    let mut query = db.prepare_cached(
        "SELECT account, first_at, last_at, count FROM contact_numbers WHERE jid = ?1 ORDER BY last_at DESC, account",
    )?;
    let rows = query.query_map([&contact.0], |r| {
        Ok(Talked {
            account: AccountId(r.get(0)?),
            first_at: Timestamp(r.get(1)?),
            last_at: Timestamp(r.get(2)?),
            count: r.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets a number, and the names of those who have talked with no other one.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub(super) fn forget(tx: &Tx<'_>, account: i64) -> Result<()> {
    tx.execute(
        "DELETE FROM contacts WHERE jid IN (SELECT jid FROM contact_numbers WHERE account = ?1)
           AND jid NOT IN (SELECT jid FROM contact_numbers WHERE account != ?1)",
        [account],
    )?;
    tx.execute("DELETE FROM contact_numbers WHERE account = ?1", [account])?;
    Ok(())
}
