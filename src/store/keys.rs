//! Which keys are there, where do they lie, and who can open what?
//!
//! The *master key* comes from outside (a systemd credential, a key file) or lies in the data folder. It only ever wraps
//! other keys: one random *data key* per user (`users/<id>/key`) and one random *store key* (`store.key`) for the few
//! shared files. So changing the master key rewrites small files and never a database.
//!
//! Owns those files. It must not know what the keys protect, and must never put a key into a log line or an error.

mod disk;
mod master;
mod rotate;
mod user;
mod wrap;

use std::io;
use std::path::{Path, PathBuf};

pub use disk::{TEMP_MARK, write_private};
pub use master::{CREDENTIAL_NAME, KeyOrigin, KeySource, MasterKey};
pub use rotate::{RotateReport, end_rotation, finish_rotation, pending_rotation, rotate};
pub use user::{DataKey, StoreKey};

use crate::store::seal::SealError;

/// Why a key could not be used. Each variant has a stable [`code`](KeyError::code); none carries key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such key file.
    #[error("find the key {}", path.display())]
    Missing {
        /// The file that should be there.
        path: PathBuf,
    },
    /// There is data, but the key that wrapped its keys is nowhere; a new one would lock that data away for good.
    #[error("find the master key: {} holds data, but neither a credential, a key file nor {} is there", data_dir.display(), path.display())]
    DataWithoutKey {
        /// The folder with data in it.
        data_dir: PathBuf,
        /// Where the key was looked for last.
        path: PathBuf,
    },
    /// A wrapped key was changed, cut or overwritten.
    #[error("open the key {}: it is damaged", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
    },
    /// A wrapped key that was made for another user or another purpose.
    #[error("open the key {}: it belongs to someone else", path.display())]
    Foreign {
        /// The file in the wrong place.
        path: PathBuf,
    },
    /// Wrapped by a master key that is not the one given.
    #[error("open the key {}: master key {wrapped_by} wrapped it, but {given} was given", path.display())]
    WrongMaster {
        /// The wrapped key.
        path: PathBuf,
        /// Public id of the master key that wrapped it.
        wrapped_by: String,
        /// Public id of the master key at hand.
        given: String,
    },
    /// Others on this machine can read the key.
    #[error("trust the key {}: its mode is {mode:04o}, so others can read it (chmod 600 it)", path.display())]
    Mode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The master key file has another form than 64 hex digits or 32 raw bytes.
    #[error("read the master key {}: it must hold 64 hex digits or 32 raw bytes", path.display())]
    Form {
        /// The key file.
        path: PathBuf,
    },
    /// A key is there already, and would have been replaced.
    #[error("create the key {}: there is one already", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("make a key")]
    Random(#[source] SealError),
    /// The disk said no.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done, as in "read".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl KeyError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::DataWithoutKey { .. } => "key-missing",
            Self::Damaged { .. } => "key-damaged",
            Self::Foreign { .. } => "key-foreign",
            Self::WrongMaster { .. } => "key-wrong-master",
            Self::Mode { .. } => "key-mode",
            Self::Form { .. } => "key-form",
            Self::Exists { .. } => "key-exists",
            Self::Random(_) => "random-failed",
            Self::Io { .. } => "key-io",
        }
    }

    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests;
