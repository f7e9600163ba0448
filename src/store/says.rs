//! Messages to Telegram that are said once each, in order.
//!
//! Telegram has no idempotency key. A row found `sending` after a crash may have been sent; it is sent again, marked.
mod digest;

use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, json};
use crate::domain::effect::Origin;
use crate::domain::{AccountId, ChatId, Class, Jid, MessageId, Outgoing, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

/// A message to be said.
#[derive(Clone)]
pub struct Say {
    /// Its row.
    pub id: i64,
    /// Its urgency.
    pub class: Class,
    /// What to send.
    pub out: Outgoing,
    /// Where a reply to it goes.
    pub origin: Option<Origin>,
    /// Whether an earlier try may have succeeded.
    pub repeated: bool,
    /// Since when it waits.
    pub since: Timestamp,
    /// Other rows that are said with it, in the same message.
    pub merged: Vec<i64>,
}

fn class_number(class: Class) -> i64 {
    match class {
        Class::Answer => 0,
        Class::Forward => 1,
        Class::Progress => 2,
    }
}

fn class_of(number: i64) -> Class {
    match number {
        0 => Class::Answer,
        1 => Class::Forward,
        _ => Class::Progress,
    }
}

/// Where the ids of a class begin.
fn begin(class: Class) -> i64 {
    class_number(class) << CLASS_BIT
}

/// The classes stand above this bit of an id, the time in milliseconds below it, and a count of [`COUNT_BITS`] below that.
const CLASS_BIT: u32 = 60;
const COUNT_BITS: u32 = 12;

/// Adds a message behind all others of its class.
///
/// Without a counter or an index of its own: each is a page more to be encrypted with each message, and again when it is
/// said. So the id is made from the time, and nobody else ever had it.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn add(tx: &Tx<'_>, class: Class, out: &Outgoing, origin: Option<&Origin>, now: Timestamp) -> Result<()> {
    let first = begin(class);
    tx.prepare_cached(
        "INSERT INTO says (id, payload, origin_account, origin_chat, created_at) VALUES (
           max(?2, 1 + coalesce((SELECT max(id) FROM says WHERE id BETWEEN ?1 AND ?3), 0)), ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        first,
        first | (now.0 << COUNT_BITS),
        first | ((1 << CLASS_BIT) - 1),
        json(out)?,
        origin.map(|o| o.account.0),
        origin.map(|o| &o.chat.0),
        now.0
    ])?;
    Ok(())
}

/// Takes the next message: the oldest of the most urgent class. It is `sending` from now on. A forwarded one that Telegram's
/// limits have held up brings others of its chat with it.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn take(tx: &Tx<'_>, now: Timestamp) -> Result<Option<Say>> {
    let mut query = tx.prepare_cached(
        "UPDATE says SET state = 'sending' WHERE id = (SELECT id FROM says WHERE state = 'pending' ORDER BY id LIMIT 1)
         RETURNING id, payload, origin_account, origin_chat, repeated, created_at",
    )?;
    let mut row = query
        .query_row([], |r| {
            let id = r.get(0)?;
            let account: Option<i64> = r.get(2)?;
            let chat: Option<String> = r.get(3)?;
            Ok(Say {
                id,
                class: class_of(id >> CLASS_BIT),
                out: from_json(&r.get::<_, String>(1)?)?,
                origin: account.zip(chat).map(|(a, c)| Origin { account: AccountId(a), chat: Jid(c) }),
                repeated: r.get(4)?,
                since: Timestamp(r.get(5)?),
                merged: Vec::new(),
            })
        })
        .optional()?;
    if let Some(say) = &mut row {
        digest::merge(tx, say, now)?;
    }
    Ok(row)
}

/// How a try ended.
#[derive(Debug, Clone, Copy)]
pub enum Said {
    /// Telegram took it as this message.
    Sent(MessageId),
    /// Not yet; `maybe` says that it may have been taken all the same.
    Again {
        /// Whether Telegram may have taken it.
        maybe: bool,
    },
    /// Never merged like this: each by itself, waiting since now.
    Apart(Timestamp),
    /// Never.
    Failed,
}

/// Records how a try ended. What was sent, or never will be, is forgotten.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn record(tx: &Tx<'_>, say: &Say, said: Said) -> Result<()> {
    for id in std::iter::once(say.id).chain(say.merged.iter().copied()) {
        match said {
            Said::Sent(_) | Said::Failed => tx.prepare_cached("DELETE FROM says WHERE id = ?1")?.execute([id])?,
            Said::Again { maybe } => tx
                .prepare_cached("UPDATE says SET state = 'pending', repeated = max(repeated, ?2) WHERE id = ?1")?
                .execute(params![id, maybe])?,
            Said::Apart(now) => tx
                .prepare_cached("UPDATE says SET state = 'pending', created_at = ?2 WHERE id = ?1")?
                .execute(params![id, now.0])?,
        };
    }
    if let (Said::Sent(message), Some(origin)) = (said, &say.origin) {
        set_origin(tx, say.out.chat, message, origin)?;
    }
    Ok(())
}

/// After a start: what was `sending` is pending again, marked as possibly sent. Returns how many there were.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn recover(tx: &Tx<'_>) -> Result<usize> {
    Ok(tx.execute("UPDATE says SET state = 'pending', repeated = 1 WHERE state = 'sending'", [])?)
}

/// Notes that a Telegram message stands for a WhatsApp chat.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_origin(tx: &Tx<'_>, chat: ChatId, message: MessageId, origin: &Origin) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO origins VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        chat.0,
        message.0,
        origin.account.0,
        origin.chat.0
    ])?;
    Ok(())
}

/// The WhatsApp chat that a Telegram message stands for.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn origin(db: &Connection, chat: ChatId, message: MessageId) -> Result<Option<Origin>> {
    let mut query = db.prepare_cached("SELECT account, wa_chat FROM origins WHERE chat = ?1 AND message = ?2")?;
    let row = query
        .query_row(params![chat.0, message.0], |r| Ok(Origin { account: AccountId(r.get(0)?), chat: Jid(r.get(1)?) }));
    Ok(row.optional()?)
}

#[cfg(test)]
mod tests;
