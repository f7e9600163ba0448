//! What waits for one chat, merged into one message when Telegram's limits hold it up.
//!
//! Only messages of one WhatsApp chat are merged, so that a reply still knows where it goes, and in their order.
use super::{Result, Say, begin};
use crate::domain::text::{MESSAGE_UNITS, utf16_len};
use crate::domain::{Body, Class, Outgoing, RichText, Timestamp};
use crate::store::handle::Tx;
use crate::store::rows::from_json;
use rusqlite::params;
use std::time::Duration;

/// From so many waiting messages on there is pressure: Telegram takes about one a second for a chat, so the last of them
/// would come half a minute late.
const WAITING: i64 = 30;
/// What has just come is not held up yet, however much of it there is.
const HELD_UP: Duration = Duration::from_secs(5);
/// At most so many become one.
const MOST: usize = 50;

/// Adds to a forwarded message what else waits for its chat, as far as it fits, when there is pressure. The rows of what is
/// added are `sending` too; after a death each is sent again by itself.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub(super) fn merge(tx: &Tx<'_>, say: &mut Say, now: Timestamp) -> Result<()> {
    let Some(origin) = say.origin.as_ref().filter(|_| say.class == Class::Forward && !say.repeated) else {
        return Ok(());
    };
    let Body::Text(text) = &mut say.out.body else { return Ok(()) };
    if say.since.until(now) < HELD_UP || !is_under_pressure(tx)? {
        return Ok(());
    }
    // From whom it is stands above the first one; below it, only where that changes.
    let head = text.text.find("\n\n").map(|at| text.text[..at + 2].to_owned());
    let mut query = tx.prepare_cached(
        "SELECT id, payload FROM says WHERE id > ?1 AND id < ?2 AND state = 'pending'
           AND origin_account = ?3 AND origin_chat = ?4 AND repeated = 0 ORDER BY id LIMIT ?5",
    )?;
    let end = begin(Class::Progress);
    let mut rows = query.query(params![say.id, end, origin.account.0, origin.chat.0, MOST - 1])?;
    while let Some(row) = rows.next()? {
        let out: Outgoing = from_json(&row.get::<_, String>(1)?)?;
        let Body::Text(next) = &out.body else { break };
        let next = head.as_ref().and_then(|head| next.without_head(head)).unwrap_or_else(|| next.clone());
        if !out.keyboard.is_empty() || utf16_len(&text.text) + 2 + utf16_len(&next.text) > MESSAGE_UNITS {
            break;
        }
        *text = std::mem::take(text).append(&RichText::plain("\n\n")).append(&next);
        say.merged.push(row.get(0)?);
    }
    for id in &say.merged {
        tx.prepare_cached("UPDATE says SET state = 'sending' WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

fn is_under_pressure(tx: &Tx<'_>) -> Result<bool> {
    let mut query = tx.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM says WHERE id >= ?1 AND id < ?2 AND state = 'pending' LIMIT ?3)",
    )?;
    let (first, end) = (begin(Class::Forward), begin(Class::Progress));
    let waiting: i64 = query.query_row(params![first, end, WAITING], |r| r.get(0))?;
    Ok(waiting >= WAITING)
}
