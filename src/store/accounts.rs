//! The user's numbers.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, from_word, json, word};
use super::talked;
use crate::domain::{
    Account, AccountId, AccountState, Generation, Label, LoginMethod, PhoneNumber, Reason, RemovedBy, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

const COLUMNS: &str =
    "id, state, reason, phone, method, generation, created_at, last_connected_at, last_round_trip_at, uuid,
    label, is_primary, removed_at, removed_by";
/// Those of which a device may exist at WhatsApp: see [`AccountState::has_device`].
const WITH_DEVICE: &str = "state IN ('authenticated', 'connected', 'disconnected', 'failed')";

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let phone: Option<String> = row.get(3)?;
    let removed_by = row.get::<_, Option<String>>(13)?.map(|w| from_word::<RemovedBy>(&w)).transpose()?;
    Ok(Account {
        id: AccountId(row.get(0)?),
        state: from_word(&row.get::<_, String>(1)?)?,
        reason: row.get::<_, Option<String>>(2)?.map(|w| from_word(&w)).transpose()?,
        phone: phone.and_then(|p| PhoneNumber::parse(&p).ok()),
        method: from_json(&row.get::<_, String>(4)?)?,
        generation: Generation(row.get(5)?),
        created_at: Timestamp(row.get(6)?),
        last_connected_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        last_round_trip_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        uuid: row.get(9)?,
        label: row.get::<_, Option<String>>(10)?.and_then(|label| Label::parse(&label).ok()),
        is_primary: row.get(11)?,
        removed: row.get::<_, Option<i64>>(12)?.map(Timestamp).zip(removed_by),
    })
}

/// A new account, about to be linked.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn create(tx: &Tx<'_>, method: &LoginMethod, now: Timestamp) -> Result<AccountId> {
    tx.execute(
        "INSERT INTO accounts (state, method, created_at, uuid) VALUES (?1, ?2, ?3, ?4)",
        params![AccountState::QrScanning.code(), json(method)?, now.0, uuid::Uuid::new_v4().to_string()],
    )?;
    Ok(AccountId(tx.last_insert_rowid()))
}

/// One account, also a removed one.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn get(db: &Connection, id: AccountId) -> Result<Option<Account>> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM accounts WHERE id = ?1"))?;
    Ok(query.query_row([id.0], account).optional()?)
}

/// Every account that is not removed, oldest first.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn list(db: &Connection) -> Result<Vec<Account>> {
    let mut query =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM accounts WHERE state != 'removed' ORDER BY id"))?;
    let rows = query.query_map([], account)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Numbers that were linked once and are logged out, newest first; without those that are linked again, and those that never
/// came to anything.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn former(db: &Connection) -> Result<Vec<Account>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM accounts WHERE state = 'removed' AND phone IS NOT NULL AND coalesce(reason, '') NOT IN ('wa-number-taken', 'wa-qr-loop')
           AND NOT EXISTS (SELECT 1 FROM accounts AS newer WHERE newer.phone = accounts.phone
             AND (newer.state != 'removed' OR newer.id > accounts.id)) ORDER BY id DESC"
    ))?;
    let rows = query.query_map([], account)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Moves an account to a state, for a reason. Of those that have a device one is the primary: the oldest takes the place
/// of one that goes.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_state(
    tx: &Tx<'_>,
    id: AccountId,
    state: AccountState,
    reason: Option<Reason>,
    now: Timestamp,
) -> Result<()> {
    let connected = (state == AccountState::Connected).then_some(now.0);
    tx.prepare_cached(
        "UPDATE accounts SET state = ?2, reason = ?3, last_connected_at = coalesce(?4, last_connected_at) WHERE id = ?1",
    )?
    .execute(params![id.0, state.code(), reason.as_ref().map(word).transpose()?, connected])?;
    if state == AccountState::Removed {
        tx.execute(
            "UPDATE accounts SET removed_at = ?2, removed_by = ?3 WHERE id = ?1",
            params![id.0, now.0, RemovedBy::of(reason).code()],
        )?;
    }
    tx.prepare_cached(&format!("UPDATE accounts SET is_primary = 0 WHERE is_primary = 1 AND NOT {WITH_DEVICE}"))?
        .execute([])?;
    tx.prepare_cached(&format!(
        "UPDATE accounts SET is_primary = 1 WHERE id = (SELECT min(id) FROM accounts WHERE {WITH_DEVICE})
           AND NOT EXISTS (SELECT 1 FROM accounts WHERE is_primary = 1)"
    ))?
    .execute([])?;
    Ok(())
}

/// Makes a number that has a device the primary one; for any other it does nothing.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn make_primary(tx: &Tx<'_>, id: AccountId) -> Result<()> {
    let may = tx.prepare(&format!("SELECT 1 FROM accounts WHERE id = ?1 AND {WITH_DEVICE}"))?.exists([id.0])?;
    if may {
        tx.execute("UPDATE accounts SET is_primary = 0 WHERE is_primary = 1", [])?;
        tx.execute("UPDATE accounts SET is_primary = 1 WHERE id = ?1", [id.0])?;
    }
    Ok(())
}

/// Calls a number so, or, without a name, by its digits again.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn rename(tx: &Tx<'_>, id: AccountId, label: Option<&Label>) -> Result<()> {
    tx.execute("UPDATE accounts SET label = ?2 WHERE id = ?1", params![id.0, label.map(Label::as_str)])?;
    Ok(())
}

/// Notes that WhatsApp answered, or brought something, for this number; once a second.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn heard(tx: &Tx<'_>, id: AccountId, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "UPDATE accounts SET last_round_trip_at = ?2 WHERE id = ?1 AND coalesce(last_round_trip_at, 0) <= ?2 - 1000",
    )?
    .execute(params![id.0, now.0])?;
    Ok(())
}

/// How many messages each number has received and sent since `since`.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn messages_since(db: &Connection, since: Timestamp) -> Result<HashMap<AccountId, usize>> {
    let mut query = db.prepare_cached(
        "SELECT id, (SELECT count(*) FROM messages WHERE account = accounts.id AND sent_at >= ?1)
           + (SELECT count(*) FROM sends WHERE account = accounts.id AND created_at >= ?1)
         FROM accounts WHERE state != 'removed'",
    )?;
    let rows = query.query_map([since.0], |r| Ok((AccountId(r.get(0)?), r.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Deletes the record of a number that is logged out, those of its earlier linkings, and all its messages. One that is not
/// logged out stays.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn delete(tx: &Tx<'_>, id: AccountId) -> Result<()> {
    let mut query = tx.prepare(
        "SELECT id FROM accounts WHERE state = 'removed'
           AND phone = (SELECT phone FROM accounts WHERE id = ?1 AND state = 'removed')",
    )?;
    let same: Vec<i64> = query.query_map([id.0], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in same {
        tx.execute(
            "DELETE FROM shows WHERE slot IN (SELECT 'out:' || message_id FROM sends WHERE account = ?1)",
            [id],
        )?;
        tx.execute("DELETE FROM shows WHERE slot = 'link:' || ?1", [id])?;
        talked::forget(tx, id)?;
        for table in ["messages", "sends", "aliases", "origins"] {
            tx.execute(&format!("DELETE FROM {table} WHERE account = ?1"), [id])?;
        }
        tx.execute("DELETE FROM accounts WHERE id = ?1", [id])?;
    }
    Ok(())
}

/// Notes the number that the phone has proven to possess.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_phone(tx: &Tx<'_>, id: AccountId, phone: &PhoneNumber) -> Result<()> {
    // Linked again, it is called as it was.
    tx.execute(
        "UPDATE accounts SET phone = ?2, label = coalesce(label,
           (SELECT label FROM accounts WHERE phone = ?2 AND state = 'removed' ORDER BY id DESC LIMIT 1)) WHERE id = ?1",
        params![id.0, phone.digits()],
    )?;
    Ok(())
}

/// Counts a start of the account's client.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn next_generation(tx: &Tx<'_>, id: AccountId) -> Result<Generation> {
    Ok(tx.query_row(
        "UPDATE accounts SET generation = generation + 1 WHERE id = ?1 RETURNING generation",
        [id.0],
        |r| r.get(0).map(Generation),
    )?)
}

/// Notes that a QR picture was shown.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn qr_shown(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute("INSERT INTO qr_shown VALUES (?1)", [now.0])?;
    Ok(())
}

/// When QR pictures were shown since `since`, oldest first; older notes are dropped by [`forget_qr`].
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn qr_since(db: &Connection, since: Timestamp) -> Result<Vec<Timestamp>> {
    let mut query = db.prepare_cached("SELECT at FROM qr_shown WHERE at > ?1 ORDER BY at")?;
    let rows = query.query_map([since.0], |r| r.get(0).map(Timestamp))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Drops notes of QR pictures from before `until`.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn forget_qr(tx: &Tx<'_>, until: Timestamp) -> Result<()> {
    tx.execute("DELETE FROM qr_shown WHERE at <= ?1", [until.0])?;
    Ok(())
}
