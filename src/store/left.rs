//! What would be left undone if this person's world closed now?
//!
//! Reads only; the rows belong to their own modules.
use super::error::Result;
use super::{accounts, flags};
use crate::domain::Timestamp;
use rusqlite::Connection;

/// What waits in a vault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// Numbers that need a client, or a look: linked ones, and those that are being linked or logged out.
    pub numbers: usize,
    /// Whether something is to be said that can be said, to be carried out, others still find what they should not, or
    /// everything is to be erased.
    pub unfinished: bool,
    /// Since when a question waits for its answer.
    pub asked_at: Option<Timestamp>,
}

/// What is left in this vault. What is to be said to a person who has blocked the bot waits for them, not for us.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn of(db: &Connection) -> Result<Left> {
    let open = "SELECT EXISTS (SELECT 1 FROM says)
                    OR EXISTS (SELECT 1 FROM shows INDEXED BY shows_open WHERE shown < version)";
    let ordered: bool = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM orders)")?.query_row([], |r| r.get(0))?;
    let unshared = "SELECT EXISTS (SELECT 1 FROM profile WHERE shared < edition)";
    let unshared: bool = db.prepare_cached(unshared)?.query_row([], |r| r.get(0))?;
    let says: bool = db.prepare_cached(open)?.query_row([], |r| r.get(0))?;
    let (conversation, changed_at) = flags::conversation(db)?;
    Ok(Left {
        numbers: accounts::list(db)?.iter().filter(|a| a.state.needs_care()).count(),
        unfinished: (says && !flags::blocked(db)?) || ordered || unshared || flags::erasing(db)?.is_some(),
        asked_at: changed_at.filter(|_| conversation.open.is_some()),
    })
}
