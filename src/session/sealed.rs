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

    /// Whether a text begins as those that belong under this key do, as they are spelled here.
    pub(super) fn begins(key: &SessionKey, text: &str) -> bool {
        let rest = text.strip_prefix("{\"version\":1,\"key\":\"");
        rest.and_then(|rest| rest.strip_prefix(key.to_string().as_str())).is_some_and(|rest| rest.starts_with('"'))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::key::Digest;

    #[test]
    fn what_is_written_here_is_known_by_its_beginning() {
        let (key, other) = (SessionKey::Client(Digest([7; 32])), SessionKey::Client(Digest([8; 32])));
        let payload = Payload::of(&SealedSession::new(&key, &[1; 60])).unwrap();
        assert!(SealedSession::begins(&key, payload.as_str()) && !SealedSession::begins(&other, payload.as_str()));
        payload.still_fits(&key).unwrap();
        assert_eq!(payload.still_fits(&other).unwrap_err().code(), "session-shape");
        let newer = SealedSession { version: SEALED_SESSION_VERSION + 1, ..SealedSession::new(&key, &[1; 60]) };
        assert!(Payload::of(&newer).unwrap().still_fits(&key).is_err());
    }
}
