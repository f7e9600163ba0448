//! Where does the master key come from?
//!
//! Owns the master key in memory and `data/master.key` where no better place is configured. It must never make a new key
//! beside data that an older one protects.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::wrap::{self, KeyId};
use super::{KeyError, disk, rotate};
use crate::store::seal::{self, RawKey32};

/// The name of the systemd credential that holds the master key.
pub const CREDENTIAL_NAME: &str = "sekat-master-key";

/// Where to look for the master key.
#[derive(Debug, Clone, Default)]
pub struct KeySource {
    /// The folder that systemd put credentials in (`$CREDENTIALS_DIRECTORY`).
    pub credentials_dir: Option<PathBuf>,
    /// The configured key file.
    pub key_file: Option<PathBuf>,
}

impl KeySource {
    /// The configured key file, and whatever systemd says in this process's environment.
    #[must_use]
    pub fn from_env(key_file: Option<PathBuf>) -> Self {
        Self { credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from), key_file }
    }
}

/// Where the master key was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOrigin {
    /// A systemd credential.
    Credential(PathBuf),
    /// The configured key file.
    File(PathBuf),
    /// The data folder: key and data lie on one disk.
    DataDir {
        /// The key file.
        path: PathBuf,
        /// Whether this very call made it.
        created: bool,
    },
}

impl KeyOrigin {
    /// The file that the key was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Credential(path) | Self::File(path) | Self::DataDir { path, .. } => path,
        }
    }
}

/// The key that wraps every other key. Overwritten when dropped; shows nothing but its public id.
#[derive(Clone)]
pub struct MasterKey {
    key: RawKey32,
    id: KeyId,
    /// The other key of a rotation that has not ended, so that files wrapped by either can be opened.
    partner: Option<(KeyId, RawKey32)>,
}

impl MasterKey {
    /// Looks for the key: credential, configured file, `data_dir/master.key`; makes the last one where there is neither a
    /// key nor any data yet. `data_dir` must exist.
    ///
    /// # Errors
    /// Every [`KeyError`]; [`KeyError::DataWithoutKey`] rather than a new key beside old data.
    pub fn load_or_create(source: &KeySource, data_dir: &Path) -> Result<(Self, KeyOrigin), KeyError> {
        if let Some(found) = Self::load(source, data_dir)? {
            return Ok(found);
        }
        let path = data_dir.join("master.key");
        if holds_data(data_dir)? {
            return Err(KeyError::DataWithoutKey { data_dir: data_dir.to_owned(), path });
        }
        let key = Self::generate()?;
        key.write_new(&path)?;
        Ok((key, KeyOrigin::DataDir { path, created: true }))
    }

    /// Like [`MasterKey::load_or_create`], but makes nothing: `None` when there is no key anywhere.
    ///
    /// # Errors
    /// Every [`KeyError`] that reading can give. A configured key file that is not there is [`KeyError::Missing`].
    pub fn load(source: &KeySource, data_dir: &Path) -> Result<Option<(Self, KeyOrigin)>, KeyError> {
        let mut found = None;
        if let Some(path) = source.credentials_dir.as_ref().map(|dir| dir.join(CREDENTIAL_NAME)) {
            // systemd decides the mode of a credential (it may be 0440 with an access list), so it is not judged here.
            found = read_key(&path)?.map(|key| (key, KeyOrigin::Credential(path)));
        }
        if found.is_none()
            && let Some(path) = &source.key_file
        {
            let key = Self::read_file(path)?;
            found = Some((key.key.clone(), KeyOrigin::File(path.clone())));
        }
        if found.is_none() {
            let path = data_dir.join("master.key");
            if let Some(key) = read_key(&path)? {
                disk::require_private(&path)?;
                found = Some((key, KeyOrigin::DataDir { path, created: false }));
            }
        }
        let Some((key, origin)) = found else { return Ok(None) };
        let mut master = Self::from_raw(key);
        master.partner = rotate::read_bridge(&master, data_dir)?;
        Ok(Some((master, origin)))
    }

    /// Reads a key file of mode 0600 (or stricter).
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Mode`], [`KeyError::Form`], [`KeyError::Io`].
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        let key = read_key(path)?.ok_or_else(|| KeyError::Missing { path: path.to_owned() })?;
        disk::require_private(path)?;
        Ok(Self::from_raw(key))
    }

    /// A new random key, not stored anywhere.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::from_raw(seal::random_key().map_err(KeyError::Random)?))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_raw(key: RawKey32) -> Self {
        let derived = seal::derive(&key, &["master", "public id"]);
        let mut id = KeyId::default();
        id.copy_from_slice(&derived[..8]);
        Self { key, id, partner: None }
    }

    /// Writes the key as 64 hex digits, mode 0600, fsynced; never over an existing file.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::Io`], [`KeyError::Random`].
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let text = Zeroizing::new(wrap::hex(self.key.as_slice()) + "\n");
        disk::create_private(path, text.as_bytes())
    }

    /// A short id that tells keys apart and says nothing about them (a label hash).
    #[must_use]
    pub fn id(&self) -> String {
        wrap::hex(&self.id)
    }

    /// A key derived from the master key itself. For what dies with the process or this master key; what lies on disk uses
    /// [`StoreKey`](super::StoreKey) or [`DataKey`](super::DataKey), which survive a rotation.
    #[must_use]
    pub fn derive(&self, label: &str) -> RawKey32 {
        seal::derive(&self.key, &["master", label])
    }

    /// The other key of a rotation that has not ended.
    #[must_use]
    pub fn partner(&self) -> Option<Self> {
        self.partner.as_ref().map(|(id, key)| Self { key: key.clone(), id: *id, partner: None })
    }

    pub(super) fn key_id(&self) -> KeyId {
        self.id
    }

    pub(super) fn raw(&self) -> &RawKey32 {
        &self.key
    }

    pub(super) fn by_id(&self, id: KeyId) -> Option<&RawKey32> {
        if id == self.id {
            return Some(&self.key);
        }
        self.partner.as_ref().filter(|(partner, _)| *partner == id).map(|(_, key)| key)
    }

    pub(super) fn with_partner(&self, other: &Self) -> Self {
        Self { key: self.key.clone(), id: self.id, partner: Some((other.id, other.key.clone())) }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, redacted)", self.id())
    }
}

fn read_key(path: &Path) -> Result<Option<RawKey32>, KeyError> {
    let Some(bytes) = disk::read_small(path)? else { return Ok(None) };
    parse(&bytes).map(Some).ok_or_else(|| KeyError::Form { path: path.to_owned() })
}

fn parse(bytes: &[u8]) -> Option<RawKey32> {
    let mut key = RawKey32::default();
    if bytes.len() == 32 {
        key.copy_from_slice(bytes);
        return Some(key);
    }
    let digits = bytes.trim_ascii();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(key)
}

/// Whether anything in the folder would become unreadable with a new key.
fn holds_data(data_dir: &Path) -> Result<bool, KeyError> {
    for name in ["store.key", "spool.db", "claims.db", rotate::BRIDGE] {
        let path = data_dir.join(name);
        if path.try_exists().map_err(KeyError::io("look at", &path))? {
            return Ok(true);
        }
    }
    let users = data_dir.join("users");
    match fs::read_dir(&users) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(KeyError::io("list", &users)(e)),
    }
}
