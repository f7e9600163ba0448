//! What can go wrong with a session, told apart by what the caller can do about it.
//!
//! Owns nothing. Must not carry a payload.

use std::io;

use super::store::Version;

/// The session stores' result.
pub type Result<T> = std::result::Result<T, SessionError>;

/// Why a session could not be used. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Somebody else has changed the session: read it again, and decide anew.
    #[error("change a session: it is no longer the one that was read")]
    Conflict {
        /// The version that is there; `None` when there is none.
        found: Option<Version>,
    },
    /// The payload is not what sessions under this key hold. Retrying does not help.
    #[error("store a session: it does not have the form of its kind")]
    Shape,
    /// The payload is larger than any session has to be. Retrying does not help.
    #[error("store a session of {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The disk refused; the session is kept in memory and written later.
    #[error("write a session file")]
    Disk(#[source] io::Error),
    /// No server that has what was asked for can be reached, and nothing was changed. It is tried again by whoever asks again.
    #[error("reach the servers of sessions")]
    Away,
    /// PostgreSQL is away and other nodes may write too, so what this one would note for later could contradict theirs.
    #[error("change a session while PostgreSQL is away and other nodes run")]
    AwayOfMany,
    /// What the store runs on did not answer in time.
    #[error("wait for the session store: it took too long")]
    Timeout,
    /// The store was closed.
    #[error("use a session store that was closed")]
    Closed,
}

impl SessionError {
    /// The stable code, for logs, metrics and people.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "session-conflict",
            Self::Shape => "session-shape",
            Self::TooLarge { .. } => "session-too-large",
            Self::Disk(e) => disk_code(e),
            Self::Away => "session-away",
            Self::AwayOfMany => "session-away-of-many",
            Self::Timeout => "session-timeout",
            Self::Closed => "session-closed",
        }
    }
}

/// The stable code for what a disk refused.
pub(super) fn disk_code(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => "session-disk-full",
        io::ErrorKind::ReadOnlyFilesystem => "session-disk-readonly",
        io::ErrorKind::PermissionDenied => "session-disk-denied",
        _ => "session-disk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_in_which_a_disk_refuses_has_its_code() {
        // ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EIO.
        let codes = [28, 122, 27, 30, 13, 5].map(|code| SessionError::Disk(io::Error::from_raw_os_error(code)).code());
        assert_eq!(
            codes,
            [
                "session-disk-full",
                "session-disk-full",
                "session-disk-full",
                "session-disk-readonly",
                "session-disk-denied",
                "session-disk"
            ]
        );
    }
}
