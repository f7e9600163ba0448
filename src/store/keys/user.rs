//! Which key opens one user's files, and which the few shared ones?
//!
//! Owns `users/<id>/key` and `store.key`. It must not open the databases.

use std::fmt;
use std::path::Path;

use super::master::MasterKey;
use super::wrap::{self, Kind};
use super::{KeyError, disk};
use crate::store::seal::{self, RawKey32, SealKey};

/// One user's random 32-byte key. Overwritten when dropped.
#[derive(Clone)]
pub struct DataKey(RawKey32);

impl DataKey {
    /// Makes a new key for this user and writes it, wrapped, to `path` (mode 0600, fsynced). The folder must exist.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when the user has a key: it is never replaced. Else [`KeyError::Io`], [`KeyError::Random`].
    pub fn create(master: &MasterKey, path: &Path, telegram_id: i64) -> Result<Self, KeyError> {
        create(master, Kind::User, telegram_id, path).map(Self)
    }

    /// Opens this user's key.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Damaged`], [`KeyError::Foreign`] (another user's key lies there),
    /// [`KeyError::WrongMaster`], [`KeyError::Io`].
    pub fn load(master: &MasterKey, path: &Path, telegram_id: i64) -> Result<Self, KeyError> {
        load(master, Kind::User, telegram_id, path).map(Self)
    }

    /// The key for one job, named by `label` (`"user.db"`, `"wa-3.db"`, …).
    #[must_use]
    pub fn derive(&self, label: &str) -> RawKey32 {
        seal::derive(&self.0, &["user", label])
    }

    /// A key that seals values or makes digests, for the job named by `label`.
    #[must_use]
    pub fn seal_key(&self, label: &str) -> SealKey {
        SealKey::new(seal::derive(&self.0, &["user seal", label]))
    }

    /// Destroys the wrapped key at `path`: overwritten, flushed, unlinked, folder flushed. After that nothing of this user
    /// can be opened again. Success when it is gone already.
    ///
    /// # Errors
    /// [`KeyError::Io`], [`KeyError::Random`].
    pub fn destroy(path: &Path) -> Result<(), KeyError> {
        disk::destroy(path)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(redacted)")
    }
}

/// The key of the shared files (`spool.db`, `claims.db`): random, wrapped in `store.key`, so that a new master key never
/// rewrites a database.
#[derive(Clone)]
pub struct StoreKey(RawKey32);

impl StoreKey {
    /// The name of its file in the data folder.
    pub const FILE: &'static str = "store.key";

    /// Opens `data_dir/store.key`, or makes it where neither it nor a shared database is there yet.
    ///
    /// # Errors
    /// As [`DataKey::load`]; [`KeyError::Missing`] when shared databases are there without their key.
    pub fn load_or_create(master: &MasterKey, data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join(Self::FILE);
        match load(master, Kind::Store, 0, &path) {
            Err(KeyError::Missing { .. }) => {}
            other => return other.map(Self),
        }
        for name in ["spool.db", "claims.db", "members.db"] {
            let database = data_dir.join(name);
            if database.try_exists().map_err(KeyError::io("look at", &database))? {
                return Err(KeyError::Missing { path });
            }
        }
        create(master, Kind::Store, 0, &path).map(Self)
    }

    /// The key for one job, named by `label` (`"spool.db"`, `"claims.db"`).
    #[must_use]
    pub fn derive(&self, label: &str) -> RawKey32 {
        seal::derive(&self.0, &["store", label])
    }

    /// A key that seals values or makes digests, for the job named by `label`.
    #[must_use]
    pub fn seal_key(&self, label: &str) -> SealKey {
        SealKey::new(seal::derive(&self.0, &["store seal", label]))
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(redacted)")
    }
}

fn create(master: &MasterKey, kind: Kind, subject: i64, path: &Path) -> Result<RawKey32, KeyError> {
    let key = seal::random_key().map_err(KeyError::Random)?;
    disk::create_private(path, &wrap::wrap(master.raw(), master.key_id(), kind, subject, &key)?)?;
    Ok(key)
}

fn load(master: &MasterKey, kind: Kind, subject: i64, path: &Path) -> Result<RawKey32, KeyError> {
    let bytes = disk::read_small(path)?.ok_or_else(|| KeyError::Missing { path: path.to_owned() })?;
    wrap::unwrap(master, kind, subject, path, &bytes)
}
