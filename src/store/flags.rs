//! Small facts about the user: where the conversation stands, whether the bot is blocked, how they want things told.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, json};
use crate::domain::profile::zone_named;
use crate::domain::{Conversation, Language, Timestamp, UpdateId};
use crate::words::Locale;
use rusqlite::{Connection, OptionalExtension, params};

/// Where the conversation stands, and when its person last had a part in it; no time before it first moved.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn conversation(db: &Connection) -> Result<(Conversation, Option<Timestamp>)> {
    let mut query = db.prepare_cached("SELECT state, changed_at FROM conversation WHERE one = 1")?;
    let row =
        query.query_row([], |r| Ok((from_json(&r.get::<_, String>(0)?)?, Some(Timestamp(r.get(1)?))))).optional()?;
    Ok(row.unwrap_or_default())
}

/// Moves the conversation.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_conversation(tx: &Tx<'_>, conversation: &Conversation, now: Timestamp) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO conversation VALUES (1, ?1, ?2)")?
        .execute(params![json(conversation)?, now.0])?;
    Ok(())
}

/// Notes that the person is there while a question waits: it waits on from now.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn touch_conversation(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    tx.prepare_cached("UPDATE conversation SET changed_at = ?1 WHERE one = 1")?.execute([now.0])?;
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

/// How the person wants things told: in the language that they chose, else in Telegram's; in
/// the time zone of their profile.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn locale(db: &Connection) -> Result<Locale> {
    let mut query = db.prepare_cached(
        "SELECT (SELECT value FROM flags WHERE name IN ('language', 'telegram_language') ORDER BY name LIMIT 1),
                (SELECT zone FROM profile WHERE one = 1)",
    )?;
    let (code, zone): (Option<String>, Option<String>) = query.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let language = code.and_then(|code| Language::from_code(&code)).unwrap_or_default();
    Ok(zone.map_or(language.into(), |zone| Locale { language, zone: zone_named(&zone) }))
}

/// The person chooses a language.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_language(tx: &Tx<'_>, language: Language) -> Result<()> {
    set(tx, "language", language.code())
}

/// Notes in which language the person uses Telegram.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_telegram_language(tx: &Tx<'_>, language: Language) -> Result<()> {
    set(tx, "telegram_language", language.code())
}

/// Writes only what is new.
fn set(tx: &Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO flags VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value <> ?2",
    )?
    .execute([name, value])?;
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
