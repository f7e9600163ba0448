//! What does an operator see of the sessions folder, and what may they do to it?
//!
//! Owns nothing. Works without a daemon and beside one: looking changes nothing, and cleaning up removes only what has expired.

use std::io;
use std::path::Path;

use super::disk;
use super::read::look;
use crate::domain::Timestamp;

/// What a clean-up has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Files of expired sessions; they are gone.
    pub removed: u64,
    /// Sessions that are left.
    pub left: u64,
}

/// Removes the files of sessions that have expired.
///
/// # Errors
/// When the folder cannot be listed, or a file not be removed.
pub fn cleanup(dir: &Path, now: Timestamp) -> io::Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    for found in look(dir)?.take() {
        if found.expires_at() <= now && disk::remove_expired(dir, found.key(), now)? {
            cleaned.removed += 1;
        } else {
            cleaned.left += 1;
        }
    }
    Ok(cleaned)
}
