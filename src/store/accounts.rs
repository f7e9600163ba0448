//! The user's numbers.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, from_word, json, word};
use crate::domain::{Account, AccountId, AccountState, Generation, LoginMethod, PhoneNumber, Reason, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "id, state, reason, phone, method, generation, created_at, last_connected_at";

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let phone: Option<String> = row.get(3)?;
    Ok(Account {
        id: AccountId(row.get(0)?),
        state: from_word(&row.get::<_, String>(1)?)?,
        reason: row.get::<_, Option<String>>(2)?.map(|w| from_word(&w)).transpose()?,
        phone: phone.and_then(|p| PhoneNumber::parse(&p).ok()),
        method: from_json(&row.get::<_, String>(4)?)?,
        generation: Generation(row.get(5)?),
        created_at: Timestamp(row.get(6)?),
        last_connected_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
    })
}

/// A new account, about to be linked.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn create(tx: &Tx<'_>, method: &LoginMethod, now: Timestamp) -> Result<AccountId> {
    tx.execute(
        "INSERT INTO accounts (state, method, created_at) VALUES (?1, ?2, ?3)",
        params![AccountState::QrScanning.code(), json(method)?, now.0],
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

/// Moves an account to a state, for a reason.
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
    Ok(())
}

/// Notes the number that the phone has proven to possess.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_phone(tx: &Tx<'_>, id: AccountId, phone: &PhoneNumber) -> Result<()> {
    tx.execute("UPDATE accounts SET phone = ?2 WHERE id = ?1", params![id.0, phone.digits()])?;
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
