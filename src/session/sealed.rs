//! What do engines see of a session that only its owner may read?
//!
//! Owns the sealed form, and its version.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Result, SessionError};
use super::key::SessionKey;
use super::payload::Payload;
use crate::store::seal::SealKey;

/// The newest form that is known here.
pub const SEALED_SESSION_VERSION: u32 = 1;

/// A session that engines cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SealedSession {
    version: u32,
    /// Under which key it belongs.
    key: String,
    /// What it holds: sealed, in base64 without padding.
    sealed: String,
}

impl SealedSession {
    pub(super) fn new(key: &SessionKey, sealed: &[u8]) -> Self {
        SealedSession { version: SEALED_SESSION_VERSION, key: key.to_string(), sealed: BASE64.encode(sealed) }
    }

    /// Whether it has the form, and belongs under this key.
    pub(super) fn fits(&self, key: &SessionKey) -> bool {
        self.version == SEALED_SESSION_VERSION
            && self.key == key.to_string()
            && self.bytes().is_some_and(|bytes| bytes.len() >= SealKey::OVERHEAD)
    }

    /// Under which key it says that it belongs.
    pub(super) fn key(&self) -> Option<SessionKey> {
        SessionKey::parse(&self.key)
    }

    /// Seals a value for under this key.
    ///
    /// # Errors
    /// [`SessionError::Shape`] when it could not be sealed, [`SessionError::TooLarge`].
    pub(super) fn of<T: Serialize>(seal: &SealKey, key: &SessionKey, value: &T) -> Result<Payload> {
        let plain = serde_json::to_vec(value).map_err(|_| SessionError::Shape)?;
        let sealed = seal.seal(key.to_string().as_bytes(), &plain).map_err(|_| SessionError::Shape)?;
        Payload::of(&Self::new(key, &sealed))
    }

    /// Opens what is kept under this key.
    ///
    /// # Errors
    /// [`SessionError::Shape`] when it does not open with this seal.
    pub(super) fn open<T: DeserializeOwned>(seal: &SealKey, key: &SessionKey, payload: &Payload) -> Result<T> {
        let session: Self = payload.read()?;
        let sealed = session.bytes().ok_or(SessionError::Shape)?;
        let plain = seal.open(key.to_string().as_bytes(), &sealed).map_err(|_| SessionError::Shape)?;
        serde_json::from_slice(&plain).map_err(|_| SessionError::Shape)
    }

    /// What is sealed, as it is.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        BASE64.decode(&self.sealed).ok()
    }
}
