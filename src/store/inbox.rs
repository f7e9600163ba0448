//! Updates that this vault has taken.
use super::error::Result;
use super::handle::Tx;
use crate::domain::{Timestamp, UpdateId};
use rusqlite::{OptionalExtension, params};
use std::time::Duration;

/// How long a taken update is remembered. Source: Telegram Bot API, "incoming updates are stored for 24 hours".
const REMEMBERED: Duration = Duration::from_hours(25);

/// How often an update may kill its step before it is set aside.
const ATTEMPTS: i64 = 2;

/// Takes an update. `false`: it has been taken before (or set aside), and nothing is to be done.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn take(tx: &Tx<'_>, bot: i64, update: UpdateId, now: Timestamp) -> Result<bool> {
    let taken = tx
        .prepare_cached(
            "INSERT INTO inbox (bot, update_id, state, at) VALUES (?1, ?2, 'done', ?3)
             ON CONFLICT (bot, update_id) DO UPDATE SET state = 'done', at = ?3, payload = NULL WHERE state = 'failed'",
        )?
        .execute(params![bot, update.0, now.0])?;
    if update.0 % 256 == 0 {
        forget_first(tx, bot, now)?;
    }
    Ok(taken > 0)
}

/// Forgets those that Telegram does not give again. Returns how many.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn forget(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    Ok(tx.execute("DELETE FROM inbox WHERE state = 'done' AND at < ?1", [forgotten_before(now)])?)
}

/// The same, up to the first one that Telegram may give again, which is found without reading those after it.
fn forget_first(tx: &Tx<'_>, bot: i64, now: Timestamp) -> Result<()> {
    let before = forgotten_before(now);
    let first: Option<i64> = tx
        .prepare_cached("SELECT update_id FROM inbox WHERE bot = ?1 AND at >= ?2 ORDER BY update_id LIMIT 1")?
        .query_row(params![bot, before], |r| r.get(0))
        .optional()?;
    tx.prepare_cached("DELETE FROM inbox WHERE bot = ?1 AND update_id < ?2 AND state = 'done' AND at < ?3")?
        .execute(params![bot, first.unwrap_or(i64::MAX), before])?;
    Ok(())
}

fn forgotten_before(now: Timestamp) -> i64 {
    now.0 - i64::try_from(REMEMBERED.as_millis()).unwrap_or(0)
}

/// Notes that the step of this update failed. `true`: it has now failed too often and lies with the dead letters.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn failed(tx: &Tx<'_>, bot: i64, update: UpdateId, payload: &str, now: Timestamp) -> Result<bool> {
    tx.prepare_cached(
        "INSERT INTO inbox (bot, update_id, state, attempts, at, payload) VALUES (?1, ?2, 'failed', 1, ?3, ?4)
         ON CONFLICT (bot, update_id) DO UPDATE SET attempts = attempts + 1, at = ?3",
    )?
    .execute(params![bot, update.0, now.0, payload])?;
    let attempts: Option<i64> = tx
        .query_row("SELECT attempts FROM inbox WHERE bot = ?1 AND update_id = ?2", params![bot, update.0], |r| r.get(0))
        .optional()?;
    let dead = attempts.is_some_and(|n| n >= ATTEMPTS);
    if dead {
        tx.execute("UPDATE inbox SET state = 'dead' WHERE bot = ?1 AND update_id = ?2", params![bot, update.0])?;
    }
    Ok(dead)
}
