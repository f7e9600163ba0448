//! How an encrypted database file is opened.
//!
//! Answers "what does every connection of ours agree on?": the raw key, the journal, the limits, the file mode. Owns
//! nothing that lasts. Must not put a key into an error, a log line or a statement that outlives the call.

use std::fmt::Write as _;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use zeroize::{Zeroize, Zeroizing};

use super::error::{Result, StoreError};

/// How long SQLite itself waits for another connection's lock; nobody else retries, but for the [switch](switch_to_log) of
/// a new file. Only a backup or an operator's tool is ever a second connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// And how long between two tries to switch a new file to its log.
const SWITCH_AGAIN: Duration = Duration::from_millis(2);

/// Statements kept prepared per connection: the hot ones of a store, at about 2 KiB each.
const STATEMENTS: usize = 32;

/// How large the pages of a new file are. Each page that is read or written is encrypted and authenticated as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// 1 KiB: for a file in which each commit changes a few short rows in many tables. A step costs a third less processor time
    /// than with [`Large`](Self::Large), and an open file a third less memory.
    Small,
    /// 4 KiB, which is SQLCipher's own choice: for longer rows, which would not fit a small page.
    Large,
}

impl Pages {
    fn bytes(self) -> u32 {
        match self {
            Pages::Small => 1024,
            Pages::Large => 4096,
        }
    }
}

/// Who else may open a file meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody: one of the many files of people. Its locks are taken once instead of with each transaction, and what its log holds
    /// is noted in memory instead of a file that would be made with each opening. Anybody else finds it locked.
    Alone,
    /// Other connections: one of the few files of the daemon itself.
    Shared,
}

impl Access {
    /// How many KiB of its pages are kept in memory at most. What everybody writes to has to hold the updates of a busy moment:
    /// a page that does not fit is decrypted again to be used, and encrypted twice to be changed.
    fn cache_kib(self) -> u32 {
        match self {
            Access::Alone => 256,
            Access::Shared => 8 * 1024,
        }
    }
}

/// What a page is authenticated with. Processors have instructions for SHA-256: it takes 2.5 µs for 4 KiB here, SHA-512, which is
/// SQLCipher's own choice, 5.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mac {
    Sha256,
    Sha512,
}

impl Mac {
    fn name(self) -> &'static str {
        match self {
            Mac::Sha256 => "HMAC_SHA256",
            Mac::Sha512 => "HMAC_SHA512",
        }
    }
}

/// A 32-byte key as SQLCipher takes it, without a derivation of its own. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct RawKey([u8; 32]);

impl RawKey {
    /// Takes the bytes.
    pub fn new(bytes: [u8; 32]) -> RawKey {
        RawKey(bytes)
    }
}

impl Drop for RawKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for RawKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawKey(..)")
    }
}

/// Opens (and makes, when there is none) the database file at `path`. The folder must exist.
///
/// A file that is there but empty opens as a new one: that is what a crash at its birth leaves behind. One that was made in an
/// earlier form, with large pages or another authentication of them, keeps it.
///
/// # Errors
/// [`StoreError::WrongKey`] when the first page cannot be read with `key`, [`StoreError::Corrupt`], [`StoreError::Io`].
pub fn open(path: &Path, key: &RawKey, pages: Pages, access: Access) -> Result<Connection> {
    let mut opened = open_with(path, key, (pages, Mac::Sha256), access);
    for (pages, mac) in [(pages, Mac::Sha512), (Pages::Large, Mac::Sha512)] {
        // Read in the wrong form the first page looks as if the key were wrong.
        if let Err(StoreError::WrongKey { .. }) = opened {
            opened = open_with(path, key, (pages, mac), access);
        }
    }
    opened
}

/// Prepares the library, once.
///
/// SQLite counts itself as prepared before SQLCipher, which it calls last and without a lock, is: a second thread that
/// opened its first file meanwhile would have its key refused.
fn prepare() -> Result<()> {
    static PREPARED: Mutex<bool> = Mutex::new(false);
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*prepared {
        drop(Connection::open_in_memory()?);
        *prepared = true;
    }
    Ok(())
}

fn open_with(path: &Path, key: &RawKey, (pages, mac): (Pages, Mac), access: Access) -> Result<Connection> {
    prepare()?;
    guard_mode(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    // SQLCipher writes to stderr on its own otherwise, past our log; what it would say comes back as an error anyway.
    conn.query_row("PRAGMA cipher_log_level = NONE", [], |_| Ok(())).optional()?;
    apply_key(&conn, key)?;
    conn.pragma_update(None, "cipher_page_size", pages.bytes())?;
    conn.pragma_update(None, "cipher_hmac_algorithm", mac.name())?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    if access == Access::Alone {
        // Before anything that reads: after it the index of the log would lie in its file already.
        conn.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    }
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // A statement is planned once, whatever values it is given: planned anew for each limit that comes with it, the search
    // for a person's updates took two fifths of its time.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "cache_size", -i64::from(access.cache_kib()))?;
    conn.execute_batch(
        "PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA cell_size_check = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA foreign_keys = ON;",
    )?;
    // A read: at the latest now a wrong key shows.
    conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    switch_to_log(&conn)?;
    // The log is cut back to this after a checkpoint, so that a burst does not keep its disk space for ever.
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 1048576;")?;
    Ok(conn)
}

/// Makes the file one with a write-ahead log, if it is not yet.
///
/// Two connections that switch one new file at the same moment stand in each other's way; SQLite then tells one of them at
/// once that it is locked, whatever its timeout is.
fn switch_to_log(conn: &Connection) -> Result<()> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        let switched = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match switched.map_err(StoreError::from) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(StoreError::io("switch a database file to its write-ahead log", mode)),
            Err(StoreError::Locked { .. }) if Instant::now() < until => std::thread::sleep(SWITCH_AGAIN),
            Err(error) => return Err(error),
        }
    }
}

/// How many bytes of the file are in use, and how many lie in free pages.
///
/// # Errors
/// [`StoreError`].
pub fn room(conn: &Connection) -> Result<(u64, u64)> {
    let count = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
    // SQLCipher answers this one, with a text.
    let size = conn.pragma_query_value(None, "cipher_page_size", |row| row.get::<_, String>(0))?;
    let size: u64 = size.parse().map_err(|e| StoreError::io("read the size of a database's pages", e))?;
    let (pages, free) = (count("page_count")?, count("freelist_count")?);
    Ok((pages.saturating_sub(free).saturating_mul(size), free.saturating_mul(size)))
}

/// Makes the file with mode 0600 before SQLite does; its `-wal` and `-shm` inherit the mode.
fn guard_mode(path: &Path) -> Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError::io("make a database file", error))?;
    let mode = file.metadata().map_err(|error| StoreError::io("look at a database file", error))?.permissions().mode();
    if mode & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| StoreError::io("make a database file private", error))?;
    }
    Ok(())
}

fn apply_key(conn: &Connection, key: &RawKey) -> Result<()> {
    let mut pragma = Zeroizing::new(String::with_capacity(96));
    pragma.push_str("PRAGMA key = \"x'");
    for byte in &key.0 {
        // Writing to a string cannot fail.
        write!(pragma, "{byte:02x}").map_err(|error| StoreError::io("write out a key", error))?;
    }
    pragma.push_str("'\";");
    // The cause is dropped on purpose: rusqlite quotes the statement in its error, and the statement is the key.
    conn.execute_batch(&pragma).map_err(|_| StoreError::io("set a database key", "the library refused the key"))
}

#[cfg(test)]
mod tests;
