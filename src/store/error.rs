//! What can go wrong with a database file, told apart by what somebody has to do about it.
//!
//! Owns nothing. Must not carry a key, a parameter or a row: SQLite's own texts name tables and columns, never values.

use rusqlite::ErrorCode;

/// The store's result.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why the store could not do what it was asked. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A page does not check out (its seal is broken, or the tree it belongs to is).
    #[error("read a damaged database file")]
    Corrupt {
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The first page cannot be opened with this key: another key, or a file that never was a database of ours.
    #[error("open a database file with its key")]
    WrongKey {
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database is not there, and other things of its owner are: a new one in its place would pass for it.
    #[error("find the database beside its owner's key stores")]
    Missing,
    /// Another connection held the file for longer than the busy time-out.
    #[error("get hold of a busy database file")]
    Locked {
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The disk, or the page limit of the file, is full.
    #[error("write to a full disk")]
    Full {
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file was written by a newer version of this program; nothing was touched.
    #[error("open a database of schema version {found}, {known} is the newest known here")]
    NewerSchema {
        /// The file's `user_version`.
        found: u32,
        /// The newest version in the list of migrations.
        known: u32,
    },
    /// A migration did not apply; the file is as it was before it.
    #[error("apply database migration {version} ({name})")]
    Migration {
        /// The version it would have brought.
        version: u32,
        /// Its name.
        name: &'static str,
        /// Why it failed.
        source: Box<StoreError>,
    },
    /// The handle was fenced off for good: its file is being wiped, or belongs to a generation that is over.
    #[error("use a database that was closed for good")]
    Fenced,
    /// The job panicked; its transaction was rolled back and its thread lives on. The message is not displayed: a panic
    /// may quote what it choked on.
    #[error("finish a database job: it panicked")]
    Panicked {
        /// The panic's message, for a debugger.
        message: String,
    },
    /// The database threads have stopped (or are about to) and take no more work.
    #[error("start a database job: the database threads have stopped")]
    ShuttingDown,
    /// The file system refused.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the file system or SQLite said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else SQLite refuses: a constraint, a statement, a conversion.
    #[error("run a database query")]
    Query(#[source] rusqlite::Error),
}

impl StoreError {
    /// The stable code, for logs, metrics and people.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "db-corrupt",
            Self::WrongKey { .. } => "db-key",
            Self::Missing => "db-missing",
            Self::Locked { .. } => "db-locked",
            Self::Full { .. } => "db-full",
            Self::NewerSchema { .. } => "db-newer",
            Self::Migration { source, .. } => source.code(),
            Self::Fenced => "db-fenced",
            Self::Panicked { .. } => "db-panic",
            Self::ShuttingDown => "db-closed",
            Self::Io { .. } => "db-io",
            Self::Query(_) => "db-query",
        }
    }

    /// An I/O failure while `doing`.
    pub fn io(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Io { doing, source: source.into() }
    }

    /// Whether the connection it came from is spent: SQLCipher stays in its error state once a page failed its check,
    /// and after a failed write or sync nobody knows what the disk holds. The next use opens the file anew.
    pub(in crate::store) fn spoils_connection(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::WrongKey { .. } | Self::Io { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { source },
            Some(ErrorCode::NotADatabase) => Self::WrongKey { source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { source },
            Some(ErrorCode::DiskFull) => Self::Full { source },
            Some(ErrorCode::SystemIoFailure) => Self::io("read or write a database file", source),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::io("open a database file", source)
            }
            _ => Self::Query(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn sqlite(code: i32) -> StoreError {
        StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn each_failure_of_sqlite_gets_the_code_that_says_what_to_do() {
        let codes: Vec<_> = [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_CONSTRAINT,
        ]
        .map(|code| sqlite(code).code())
        .into();
        assert_eq!(codes, ["db-corrupt", "db-key", "db-locked", "db-locked", "db-full", "db-io", "db-io", "db-query"]);
    }

    #[test]
    fn a_failed_migration_keeps_the_code_of_its_cause() {
        let source = Box::new(sqlite(ffi::SQLITE_FULL));
        assert_eq!(StoreError::Migration { version: 2, name: "two", source }.code(), "db-full");
    }

    #[test]
    fn a_panic_message_is_not_displayed() {
        let error = StoreError::Panicked { message: "what it choked on".into() };
        assert!(!error.to_string().contains("choked"));
    }
}
