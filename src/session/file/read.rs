//! What lies in the sessions folder?
//!
//! Owns nothing and changes nothing: a start, an operator's look and `doctor` all read through here, beside a running daemon or
//! without one. No link is followed, nothing but an ordinary file of a believable size is opened.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::damage::Damage;
use super::form::{self, Found, MAX_FILE};
use super::name::{self, Name};
use crate::domain::TelegramId;
use crate::session::key::{SessionKey, SessionKind};
use crate::session::store::Record;
use crate::session::user::UserRecord;

/// How many files are read at the same time, at most: more only queue at the disk.
const READERS: usize = 4;
/// Below this many files another thread costs more than it saves.
const WORTH_A_THREAD: usize = 250;

/// What lies in the folder.
#[derive(Debug, Default)]
pub struct Look {
    /// People's sessions, expired ones included, in the order of their ids.
    pub sessions: Vec<UserRecord>,
    /// Registrations that can be taken up again, expired ones included. Sealed.
    pub registrations: Vec<Record>,
    /// How linked numbers stand, expired ones included. Sealed.
    pub clients: Vec<Record>,
    /// Session files that are not to be believed, and why.
    pub damaged: Vec<(SessionKey, Damage)>,
    /// Names of files that were set aside, and which sessions they were by their name.
    pub aside: Vec<(SessionKey, String)>,
    /// Names of files that are being written, or were when the daemon died.
    pub leftovers: Vec<String>,
    /// How many files are not ours.
    pub others: u64,
}

impl Look {
    /// Every session that is believed.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Found> + use<> {
        let users = std::mem::take(&mut self.sessions).into_iter().map(Found::User);
        let sealed = std::mem::take(&mut self.registrations).into_iter().chain(std::mem::take(&mut self.clients));
        users.chain(sealed.map(Found::Sealed))
    }
}

/// Reads the whole folder. One that is not there is empty.
///
/// # Errors
/// When it cannot be listed.
pub fn look(dir: &Path) -> io::Result<Look> {
    let mut look = Look::default();
    let mut keys = Vec::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(look),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let name = entry?.file_name();
        let shown = || name.to_string_lossy().into_owned();
        match Name::of(&name) {
            Name::Session(key) => keys.push(key),
            Name::Aside(key) => look.aside.push((key, shown())),
            Name::Leftover(_) => look.leftovers.push(shown()),
            Name::Ordinary => {}
            Name::Other => look.others += 1,
        }
    }
    keys.sort_unstable();
    for (key, read) in read_all(dir, &keys) {
        match read {
            Ok(Some(Found::User(found))) => look.sessions.push(found),
            Ok(Some(Found::Sealed(record))) if record.key.kind() == SessionKind::Client => look.clients.push(record),
            Ok(Some(Found::Sealed(record))) => look.registrations.push(record),
            Ok(None) => {}
            Err(damage) => look.damaged.push((key, damage)),
        }
    }
    look.aside.sort();
    look.leftovers.sort();
    Ok(look)
}

type Outcome = (SessionKey, Result<Option<Found>, Damage>);

/// Reads these sessions' files, a few at a time, and gives what was found in the same order.
fn read_all(dir: &Path, keys: &[SessionKey]) -> Vec<Outcome> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let readers = READERS.min(cores).min(keys.len() / WORTH_A_THREAD).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(&key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((key, file(dir, key)));
        }
        done
    };
    let mut found: Vec<Outcome> = thread::scope(|scope| {
        let helpers: Vec<_> = (1..readers)
            .filter_map(|_| thread::Builder::new().name("sekat-sessions".to_owned()).spawn_scoped(scope, work).ok())
            .collect();
        let mut found = work();
        for helper in helpers {
            match helper.join() {
                Ok(part) => found.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    found.sort_unstable_by_key(|(key, _)| *key);
    found
}

/// Reads one person's file. `None`: it is not there.
///
/// # Errors
/// Why it is not to be believed.
pub fn read(dir: &Path, user: TelegramId) -> Result<Option<UserRecord>, Damage> {
    Ok(match file(dir, user.into())? {
        Some(Found::User(found)) => Some(found),
        Some(Found::Sealed(_)) | None => None,
    })
}

/// Reads one session's file.
pub(super) fn file(dir: &Path, key: SessionKey) -> Result<Option<Found>, Damage> {
    let path = dir.join(name::session(key));
    let before = match fs::symlink_metadata(&path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(Damage::Unreadable),
    };
    if before.is_symlink() {
        return Err(Damage::Symlink);
    }
    if !before.is_file() {
        return Err(Damage::NotAFile);
    }
    if before.len() > MAX_FILE {
        return Err(Damage::Huge);
    }
    let file = match File::open(&path) {
        Ok(file) => file,
        // The daemon may have removed it since, when somebody looks beside it.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(Damage::Unreadable),
    };
    let after = file.metadata().map_err(|_| Damage::Unreadable)?;
    if !after.is_file() {
        return Err(Damage::NotAFile);
    }
    // A link that was put here in between leads to another file. So does a new session of the daemon's: that one has one name.
    if (after.dev(), after.ino()) != (before.dev(), before.ino())
        && fs::symlink_metadata(&path).is_ok_and(|now| now.is_symlink())
    {
        return Err(Damage::Symlink);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(after.len().min(MAX_FILE)).unwrap_or(0) + 1);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|_| Damage::Unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Damage::Huge);
    }
    form::decode(key, &bytes).map(Some)
}
