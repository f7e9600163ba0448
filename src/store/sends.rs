//! Messages to WhatsApp. A row never goes out twice unasked: it is `sending` before the call, and what became of it is a
//! fact only by an ack or a receipt.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_word, word};
use crate::domain::{AccountId, Delivery, Jid, MessageId, Reason, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// Where a message to WhatsApp stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendState {
    /// Waits for its turn.
    Pending,
    /// Handed to the library.
    Sending,
    /// No answer came in time; the user may decide.
    Unknown,
    /// WhatsApp took it.
    Sent,
    /// It reached the recipient.
    Delivered,
    /// The recipient read it.
    Read,
    /// It was refused, and did not go out.
    Failed,
    /// Of unknown fate, and the user wants to leave it so.
    Forgotten,
}

/// A message to WhatsApp.
#[derive(Clone)]
pub struct Send {
    /// Its row.
    pub id: i64,
    /// The number that sends it.
    pub account: AccountId,
    /// The chat.
    pub chat: Jid,
    /// Its WhatsApp id.
    pub message_id: String,
    /// The text.
    pub text: String,
    /// The Telegram message that asked for it.
    pub asked_by: MessageId,
    /// Where it stands.
    pub state: SendState,
    /// Why it failed.
    pub reason: Option<Reason>,
}

const COLUMNS: &str = "id, account, chat, message_id, text, asked_by, state, reason";

fn send(row: &Row<'_>) -> rusqlite::Result<Send> {
    Ok(Send {
        id: row.get(0)?,
        account: AccountId(row.get(1)?),
        chat: Jid(row.get(2)?),
        message_id: row.get(3)?,
        text: row.get(4)?,
        asked_by: MessageId(row.get(5)?),
        state: from_word(&row.get::<_, String>(6)?)?,
        reason: row.get::<_, Option<String>>(7)?.map(|w| from_word(&w)).transpose()?,
    })
}

/// A message to be added.
pub struct NewSend<'a> {
    /// The number.
    pub account: AccountId,
    /// The chat.
    pub chat: &'a Jid,
    /// Its WhatsApp id.
    pub message_id: &'a str,
    /// The text.
    pub text: &'a str,
    /// The Telegram message that asks for it.
    pub asked_by: MessageId,
}

/// Adds a message, the `n`th effect of `source`; one that is there already stays as it is.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn add(tx: &Tx<'_>, source: &str, n: usize, new: &NewSend<'_>, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO sends (source, n, account, chat, message_id, text, asked_by, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )?
    .execute(params![source, n, new.account.0, new.chat.0, new.message_id, new.text, new.asked_by.0, now.0])?;
    Ok(())
}

/// Takes the account's next pending message. It is `sending` from now on, and on disk before the caller may send it.
///
/// The index is named, and its own condition written out, because SQLite does not see that the one follows from the
/// other: it would read every message ever sent, each time.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn take(tx: &Tx<'_>, account: AccountId) -> Result<Option<Send>> {
    let mut query = tx.prepare_cached(&format!(
        "UPDATE sends SET state = 'sending' WHERE id =
           (SELECT id FROM sends INDEXED BY sends_open
            WHERE account = ?1 AND state IN ('pending', 'sending') AND state = 'pending' ORDER BY id LIMIT 1)
         RETURNING {COLUMNS}"
    ))?;
    Ok(query.query_row([account.0], send).optional()?)
}

/// The accounts that have pending messages.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn waiting(db: &Connection) -> Result<Vec<AccountId>> {
    let mut query = db.prepare_cached(
        "SELECT DISTINCT account FROM sends INDEXED BY sends_open
         WHERE state IN ('pending', 'sending') AND state = 'pending'",
    )?;
    let rows = query.query_map([], |r| r.get(0).map(AccountId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One message by its row.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn get(db: &Connection, id: i64) -> Result<Option<Send>> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM sends WHERE id = ?1"))?;
    Ok(query.query_row([id], send).optional()?)
}

/// How many messages are of unknown fate.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn unknown(db: &Connection) -> Result<usize> {
    let mut query = db.prepare_cached("SELECT count(*) FROM sends INDEXED BY sends_unknown WHERE state = 'unknown'")?;
    let n: i64 = query.query_row([], |r| r.get(0))?;
    Ok(usize::try_from(n).unwrap_or(0))
}

/// The newest message of unknown fate.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn newest_unknown(db: &Connection) -> Result<Option<Send>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sends INDEXED BY sends_unknown WHERE state = 'unknown' ORDER BY id DESC LIMIT 1"
    ))?;
    Ok(query.query_row([], send).optional()?)
}

/// One message by its WhatsApp id.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn by_message(db: &Connection, account: AccountId, message_id: &str) -> Result<Option<Send>> {
    let mut query =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM sends WHERE account = ?1 AND message_id = ?2"))?;
    Ok(query.query_row(params![account.0, message_id], send).optional()?)
}

/// Moves a message to a state, but never back from a fact: what was delivered does not become merely sent, and only what
/// is pending, sending or unknown can fail. Returns whether it changed.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn advance(tx: &Tx<'_>, id: i64, state: SendState, reason: Option<Reason>) -> Result<bool> {
    let allowed: &str = match state {
        SendState::Pending => "state IN ('unknown', 'forgotten')",
        SendState::Sending => "state = 'pending'",
        SendState::Unknown => "state = 'sending'",
        SendState::Sent => "state IN ('pending', 'sending', 'unknown', 'forgotten', 'failed')",
        SendState::Delivered => "state NOT IN ('delivered', 'read')",
        SendState::Read => "state != 'read'",
        SendState::Failed => "state IN ('pending', 'sending', 'unknown', 'forgotten')",
        SendState::Forgotten => "state = 'unknown'",
    };
    let changed = tx
        .prepare_cached(&format!("UPDATE sends SET state = ?2, reason = ?3 WHERE id = ?1 AND {allowed}"))?
        .execute(params![id, word(&state)?, reason.as_ref().map(word).transpose()?])?;
    Ok(changed > 0)
}

/// Puts a message back in line, of which it is certain that nothing went out.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn requeue(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.execute("UPDATE sends SET state = 'pending' WHERE id = ?1 AND state = 'sending'", [id])?;
    Ok(())
}

/// Fails what still waits to leave from an account that is gone. Returns those rows.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn fail_waiting(tx: &Tx<'_>, account: AccountId, reason: Reason) -> Result<Vec<Send>> {
    let mut query = tx.prepare(&format!(
        "UPDATE sends SET state = 'failed', reason = ?2 WHERE account = ?1 AND state = 'pending' RETURNING {COLUMNS}"
    ))?;
    let rows = query.query_map(params![account.0, word(&reason)?], send)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The state that a receipt proves.
pub fn proven(delivery: Delivery) -> SendState {
    match delivery {
        Delivery::Sent => SendState::Sent,
        Delivery::Delivered => SendState::Delivered,
        Delivery::Read => SendState::Read,
    }
}

/// After a start: what was `sending` is of unknown fate. Returns those rows.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn recover(tx: &Tx<'_>) -> Result<Vec<Send>> {
    let mut query = tx.prepare(&format!(
        "UPDATE sends INDEXED BY sends_open SET state = 'unknown'
             WHERE state IN ('pending', 'sending') AND state = 'sending' RETURNING {COLUMNS}"
    ))?;
    let rows = query.query_map([], send)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
