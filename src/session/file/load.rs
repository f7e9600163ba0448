//! What does a start make of the files that it finds?
//!
//! Owns nothing. Whatever lies in the folder, the start goes on: what is not to be believed is set aside with one warning each.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{disk, read};
use crate::domain::Clock;
use crate::session::error::disk_code;
use crate::session::memory::MemoryStore;

/// What a start has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Sessions that go on.
    pub sessions: usize,
    /// Those that had expired; their files are gone.
    pub expired: usize,
    /// Files that were set aside.
    pub set_aside: usize,
    /// Unfinished files of a crash; they are gone.
    pub leftovers: usize,
    /// Files that are not ours, left alone.
    pub others: u64,
    /// How long it took.
    pub took: Duration,
}

/// Reads the folder into `memory`, and puts the folder right.
pub(super) fn load(dir: &Path, clock: &Clock, memory: &MemoryStore) -> Loaded {
    let began = Instant::now();
    let mut loaded = Loaded::default();
    let made = disk::make_folder(dir);
    // One that cannot be made private can still be read.
    let trouble = match read::look(dir) {
        Ok(look) => {
            take_in(dir, look, clock, memory, &mut loaded);
            made.err()
        }
        Err(e) => Some(e),
    };
    if let Some(e) = trouble {
        unusable(&e);
    }
    loaded.took = began.elapsed();
    let Loaded { sessions, expired, set_aside, leftovers, others, took } = &loaded;
    let duration_ms = took.as_millis();
    info!(event = "session-files", sessions, expired, set_aside, leftovers, others, duration_ms, "session files read");
    loaded
}

fn unusable(error: &io::Error) {
    warn!(
        event = "session-files",
        error.code = disk_code(error),
        error = %error.kind(),
        "the sessions folder cannot be used as it is; sessions are kept in memory, and written when the disk allows it"
    );
}

fn take_in(dir: &Path, mut look: read::Look, clock: &Clock, memory: &MemoryStore, loaded: &mut Loaded) {
    let now = clock.now();
    for found in look.take() {
        if found.expires_at() <= now {
            loaded.expired += 1;
            removed(disk::remove_expired(dir, found.key(), now).map(drop));
        } else if let Ok(record) = found.record() {
            loaded.sessions += 1;
            memory.restore(record);
        }
    }
    for (key, damage) in look.damaged {
        match disk::set_aside(dir, key, damage, now) {
            Ok(_) => {
                loaded.set_aside += 1;
                warn!(
                    event = "session-file-set-aside",
                    error.code = damage.code(),
                    user.id = key.user().map(|user| user.0),
                    "a session file was set aside: {damage}"
                );
            }
            Err(e) => warn!(
                event = "session-file-ignored",
                error.code = damage.code(),
                user.id = key.user().map(|user| user.0),
                error = %e.kind(),
                "a session file is ignored, and cannot be set aside: {damage}"
            ),
        }
    }
    for name in look.leftovers {
        loaded.leftovers += 1;
        if let Err(e) = disk::remove_leftover(dir, &name) {
            warn!(event = "session-files", error.code = disk_code(&e), error = %e.kind(), "cannot remove an unfinished session file");
        }
    }
    loaded.others = look.others;
}

fn removed(done: io::Result<()>) {
    if let Err(e) = done {
        let code = disk_code(&e);
        warn!(event = "session-files", error.code = code, error = %e.kind(), "cannot remove an expired session file");
    }
}
