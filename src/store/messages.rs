//! Messages from WhatsApp, and the people who wrote them.
use super::error::Result;
use super::handle::Tx;
use super::rows::json;
use super::talked;
use crate::domain::{AccountId, InboundMessage, Jid};
use rusqlite::{Connection, OptionalExtension, params};

/// Stores a message. `None`: it is here already; a redelivery met its key, under either of its sender's addresses.
/// Otherwise its sequence number.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn add(tx: &Tx<'_>, account: AccountId, message: &InboundMessage) -> Result<Option<i64>> {
    if let Some(alt) = &message.sender_alt {
        let learnt = tx.prepare_cached(
            "INSERT INTO aliases VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET jid = excluded.jid WHERE jid != excluded.jid",
        )?
        .execute(params![account.0, alt.0, message.sender.0])?;
        if learnt > 0 {
            talked::join(tx, account, alt, &message.sender)?;
        }
    }
    let sender = canonical(tx, account, &message.sender)?;
    let chat = canonical(tx, account, &message.chat)?;
    let alt = message.sender_alt.as_ref().map_or("", |j| j.0.as_str());
    let known = tx
        .prepare_cached("SELECT 1 FROM messages WHERE account = ?1 AND id = ?2 AND sender IN (?3, ?4)")?
        .exists(params![account.0, message.id, sender.0, alt])?;
    if known {
        return Ok(None);
    }
    tx.prepare_cached(
        "INSERT INTO messages (account, chat, sender, id, from_me, sent_at, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        account.0,
        chat.0,
        sender.0,
        message.id,
        message.from_me,
        message.sent_at.0,
        json(&message.content)?
    ])?;
    let seq = tx.last_insert_rowid();
    talked::note(tx, account, &chat, message.sent_at)?;
    if let Some(name) = message.push_name.as_deref().filter(|n| !n.is_empty() && !message.from_me) {
        tx.prepare_cached("INSERT INTO contacts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET name = ?2 WHERE name != ?2")?
            .execute(params![sender.0, name])?;
    }
    Ok(Some(seq))
}

/// The address under which a person is kept: where two are known, the phone number.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn canonical(db: &Connection, account: AccountId, jid: &Jid) -> Result<Jid> {
    let mut query = db.prepare_cached("SELECT jid FROM aliases WHERE account = ?1 AND other = ?2")?;
    let known = query.query_row(params![account.0, jid.0], |r| r.get(0).map(Jid)).optional()?;
    Ok(known.unwrap_or_else(|| jid.clone()))
}

/// The name that a person gave themselves.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn name(db: &Connection, jid: &Jid) -> Result<Option<String>> {
    let mut query = db.prepare_cached("SELECT name FROM contacts WHERE jid = ?1")?;
    Ok(query.query_row([&jid.0], |r| r.get(0)).optional()?)
}
