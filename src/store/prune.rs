//! What may go from a vault, in which order.
//!
//! First what is of no use any more, which always goes; then, when somebody has more than their share, the oldest of their
//! history. Never what has not been delivered, what its person still decides about, or a key: those lie in other files.
use super::error::Result;
use super::handle::Tx;
use crate::domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// How often a vault is tidied.
pub const EVERY: Duration = Duration::from_hours(24);

/// After this nobody changes any more what a message tells that has come to its end.
const USEFUL: Duration = Duration::from_hours(30 * 24);

/// History younger than this never goes: its keys are what a message that comes again from WhatsApp meets, which happens
/// within minutes of its first time, and after a long time offline within days.
const YOUNG: Duration = Duration::from_hours(7 * 24);

/// Rows of a kind that go in one transaction: some 30 ms of it.
const BATCH: i64 = 1_000;

/// Which Telegram messages stand for which chat is kept of this many at least.
const ORIGINS: i64 = 50_000;

fn before(now: Timestamp, age: Duration) -> i64 {
    now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Removes what is of no use any more, at most once a day: the notes by which a message in the chat could be changed that has
/// come to its end a month ago; updates that Telegram does not give again. Returns how many rows went.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn useless(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    let tidied: Option<String> =
        tx.query_row("SELECT value FROM flags WHERE name = 'tidied'", [], |row| row.get(0)).optional()?;
    if tidied.and_then(|at| at.parse().ok()).is_some_and(|at: i64| at > before(now, EVERY) && at <= now.0) {
        return Ok(0);
    }
    tx.execute("INSERT OR REPLACE INTO flags VALUES ('tidied', ?1)", [now.0.to_string()])?;
    let ended = before(now, USEFUL);
    let shown = tx.execute(
        "DELETE FROM shows WHERE shown >= version AND changed_at < ?1 AND NOT EXISTS (SELECT 1 FROM sends
           WHERE message_id = substr(slot, 5) AND slot LIKE 'out:%' AND state NOT IN ('read', 'failed', 'forgotten'))",
        [ended],
    )?;
    Ok(shown + super::inbox::forget(tx, now)?)
}

/// Removes some of the oldest history: messages both ways, and what is noted of them. Returns how many rows went; none when
/// all that is left is young or not delivered.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn oldest(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    let young = before(now, YOUNG);
    let heard = tx.execute(
        "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages ORDER BY seq LIMIT ?2) AND sent_at < ?1",
        params![young, BATCH],
    )?;
    let old_sends = "SELECT id FROM sends WHERE created_at < ?1 AND state NOT IN ('pending', 'sending', 'unknown')
                     ORDER BY id LIMIT ?2";
    let shown = tx.execute(
        &format!(
            "DELETE FROM shows WHERE shown >= version AND slot IN
               (SELECT 'out:' || message_id FROM sends WHERE id IN ({old_sends}))"
        ),
        params![young, BATCH],
    )?;
    let sent = tx.execute(&format!("DELETE FROM sends WHERE id IN ({old_sends})"), params![young, BATCH])?;
    let origins = tx.execute(
        "DELETE FROM origins WHERE (chat, message) IN (SELECT chat, message FROM origins ORDER BY message DESC
           LIMIT ?2 OFFSET ?1)",
        params![ORIGINS, BATCH],
    )?;
    Ok(heard + shown + sent + origins)
}

/// How many bytes of the file are in use; the rest is free pages, which go when it is [shrunk](super::Handle::shrink).
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn used(db: &Connection) -> Result<u64> {
    super::sqlcipher::room(db).map(|(used, _)| used)
}

#[cfg(test)]
mod tests;
