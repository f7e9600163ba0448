//! Messages to Telegram of which only the newest counts: one row a slot.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, json};
use crate::domain::effect::Slot;
use crate::domain::{MessageId, Outgoing, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// What a slot should show now.
#[derive(Clone)]
pub struct Show {
    /// The slot.
    pub slot: Slot,
    /// Which of its contents this is.
    pub version: i64,
    /// What to show.
    pub out: Outgoing,
    /// The message that shows an older content, where there is one.
    pub message: Option<MessageId>,
    /// Whether that message is a picture.
    pub picture: bool,
    /// Since when that is what it should show: once it had settled.
    pub since: Timestamp,
    /// After this it is not worth showing.
    pub expires_at: Option<Timestamp>,
}

/// What is to be shown next.
pub enum Due {
    /// This.
    Now(Box<Show>),
    /// Something that may still change until then.
    In(Duration),
    /// Nothing.
    Never,
}

/// Puts a new content into a slot, over what was to be shown before. It is due once it has [settled](Slot::settles_in).
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn put(tx: &Tx<'_>, slot: &Slot, out: &Outgoing, expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO shows (slot, payload, version, expires_at, changed_at) VALUES (?1, ?2, 1, ?3, ?4)
         ON CONFLICT (slot) DO UPDATE SET payload = ?2, version = version + 1, expires_at = ?3, changed_at = ?4",
    )?
    .execute(params![slot.0, json(out)?, expires_at.map(|t| t.0), now.after(slot.settles_in()).0])?;
    Ok(())
}

/// Forgets which messages showed the other slots of the same kind (what stands before the `:`), where nothing waits to be
/// shown: the questions of earlier flows, say.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn forget_others(tx: &Tx<'_>, but: &Slot) -> Result<()> {
    let kind = but.0.split(':').next().unwrap_or_default();
    // `;` follows `:`.
    tx.prepare_cached("DELETE FROM shows WHERE slot > ?1 AND slot < ?2 AND slot <> ?3 AND shown >= version")?
        .execute([format!("{kind}:"), format!("{kind};"), but.0.clone()])?;
    Ok(())
}

/// Gives a slot the message that shows it, when it has none yet.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn adopt(tx: &Tx<'_>, slot: &Slot, message: MessageId) -> Result<()> {
    tx.prepare_cached("UPDATE shows SET message = ?2 WHERE slot = ?1 AND version = 1")?
        .execute(params![slot.0, message.0])?;
    Ok(())
}

/// The message that shows the slot, which it gives up: the next content gets a new one.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn take_message(tx: &Tx<'_>, slot: &Slot) -> Result<Option<MessageId>> {
    let message = message(tx, slot)?;
    tx.prepare_cached("UPDATE shows SET message = NULL, picture = 0 WHERE slot = ?1")?.execute([&slot.0])?;
    Ok(message)
}

/// The message that shows the slot, or the one that it is about to replace.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn message(db: &Connection, slot: &Slot) -> Result<Option<MessageId>> {
    let mut query = db.prepare_cached("SELECT message FROM shows WHERE slot = ?1")?;
    let message: Option<Option<i64>> = query.query_row([&slot.0], |r| r.get(0)).optional()?;
    match message {
        Some(Some(message)) => Ok(Some(MessageId(message))),
        Some(None) => replaced(db, slot),
        None => Ok(None),
    }
}

/// The message that the slot is about to replace with a new one.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn replaced(db: &Connection, slot: &Slot) -> Result<Option<MessageId>> {
    let mut query = db.prepare_cached("SELECT payload FROM shows WHERE slot = ?1 AND message IS NULL")?;
    let out = query.query_row([&slot.0], |r| from_json::<Outgoing>(&r.get::<_, String>(0)?)).optional()?;
    Ok(out.and_then(|out| out.replaces))
}

/// The content that has been due for longest.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn next(tx: &Tx<'_>, now: Timestamp) -> Result<Due> {
    // What lies further ahead than anything settles was written before the clock was set back.
    let mut query = tx.prepare_cached(
        "SELECT slot, version, payload, message, picture, expires_at, changed_at FROM shows INDEXED BY shows_open
         WHERE shown < version AND (changed_at <= ?1 OR changed_at > ?2) ORDER BY changed_at LIMIT 1",
    )?;
    let show = query
        .query_row([now.0, now.after(Slot::MOST_SETTLING).0], |r| {
            Ok(Show {
                slot: Slot(r.get(0)?),
                version: r.get(1)?,
                out: from_json(&r.get::<_, String>(2)?)?,
                message: r.get::<_, Option<i64>>(3)?.map(MessageId),
                picture: r.get(4)?,
                expires_at: r.get::<_, Option<i64>>(5)?.map(Timestamp),
                since: Timestamp(r.get(6)?),
            })
        })
        .optional()?;
    if let Some(show) = show {
        return Ok(Due::Now(Box::new(show)));
    }
    let mut query = tx.prepare_cached(
        "SELECT changed_at FROM shows INDEXED BY shows_open WHERE shown < version ORDER BY changed_at LIMIT 1",
    )?;
    let first = query.query_row([], |r| r.get(0)).optional()?;
    Ok(first.map_or(Due::Never, |first| Due::In(now.until(Timestamp(first)))))
}

/// Records what shows the slot now: this message, or none any more.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn shown(tx: &Tx<'_>, show: &Show, message: Option<MessageId>) -> Result<()> {
    let picture = message.is_some() && show.out.body.is_picture();
    tx.prepare_cached("UPDATE shows SET shown = max(shown, ?2), message = ?3, picture = ?4 WHERE slot = ?1")?
        .execute(params![show.slot.0, show.version, message.map(|m| m.0), picture])?;
    Ok(())
}

/// Marks what a slot shows to be shown once more, unless it has another content by now.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn again(tx: &Tx<'_>, show: &Show) -> Result<()> {
    tx.execute(
        "UPDATE shows SET shown = version - 1 WHERE slot = ?1 AND version = ?2 AND shown = version",
        params![show.slot.0, show.version],
    )?;
    Ok(())
}
