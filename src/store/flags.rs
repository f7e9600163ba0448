//! Small facts about the user: where the conversation stands, whether the bot is blocked.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, json};
use crate::domain::{Conversation, Timestamp, UpdateId};
use rusqlite::{Connection, OptionalExtension, params};

/// Where the conversation stands.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn conversation(db: &Connection) -> Result<Conversation> {
    let mut query = db.prepare_cached("SELECT state FROM conversation WHERE one = 1")?;
    let state = query.query_row([], |r| from_json(&r.get::<_, String>(0)?)).optional()?;
    Ok(state.unwrap_or_default())
}

/// Moves the conversation.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_conversation(tx: &Tx<'_>, conversation: Conversation, now: Timestamp) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO conversation VALUES (1, ?1, ?2)")?
        .execute(params![json(&conversation)?, now.0])?;
    Ok(())
}

/// Whether the person has blocked the bot.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn blocked(db: &Connection) -> Result<bool> {
    Ok(db.prepare_cached("SELECT 1 FROM flags WHERE name = 'blocked'")?.exists([])?)
}

/// Notes that the person has blocked the bot, or lets it write again.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_blocked(tx: &Tx<'_>, blocked: bool) -> Result<()> {
    if blocked {
        tx.execute("INSERT OR IGNORE INTO flags VALUES ('blocked', '1')", [])?;
    } else {
        tx.execute("DELETE FROM flags WHERE name = 'blocked'", [])?;
    }
    Ok(())
}

/// Whether erasing was confirmed, and by which update: it and what came before it goes from the spool too.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn erasing(db: &Connection) -> Result<Option<UpdateId>> {
    let mut query = db.prepare_cached("SELECT value FROM flags WHERE name = 'erasing'")?;
    Ok(query.query_row([], |r| from_json(&r.get::<_, String>(0)?).map(UpdateId)).optional()?)
}

/// Notes that erasing was confirmed, by this update. There is no way back.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_erasing(tx: &Tx<'_>, update: UpdateId) -> Result<()> {
    tx.execute("INSERT OR IGNORE INTO flags VALUES ('erasing', ?1)", [json(&update.0)?])?;
    Ok(())
}
