//! What does a session hold, as far as engines care?
//!
//! Owns nothing. A payload is the JSON text of one object, in one canonical spelling, so that what an engine gives back
//! equals what it was given.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Result, SessionError};
use super::key::SessionKey;
use super::sealed::SealedSession;
use super::user::UserSession;

/// The largest payload, in bytes. A person with 50 numbers needs about 3 KiB.
pub const MAX_PAYLOAD: usize = 16 * 1024;

/// A session's content. A clone is another reference to the same text. `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

impl Payload {
    /// From anything that is written as an object.
    ///
    /// # Errors
    /// [`SessionError::Shape`], [`SessionError::TooLarge`].
    pub fn of<T: Serialize>(value: &T) -> Result<Self> {
        let text = serde_json::to_string(value).map_err(|_| SessionError::Shape)?;
        if text.len() > MAX_PAYLOAD {
            return Err(SessionError::TooLarge { bytes: text.len() });
        }
        if text.starts_with('{') { Ok(Self(text.into())) } else { Err(SessionError::Shape) }
    }

    /// As what it was made of.
    ///
    /// # Errors
    /// [`SessionError::Shape`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|_| SessionError::Shape)
    }

    /// From the text of one, as another place has kept it.
    ///
    /// # Errors
    /// [`SessionError::Shape`], [`SessionError::TooLarge`].
    pub(super) fn from_text(text: &str) -> Result<Self> {
        if text.len() > MAX_PAYLOAD {
            return Err(SessionError::TooLarge { bytes: text.len() });
        }
        if text.starts_with('{') { Ok(Self(text.into())) } else { Err(SessionError::Shape) }
    }

    /// Whether it is what sessions under `key` hold, where it was written by [`Payload::fits`]' leave: then its beginning tells.
    ///
    /// # Errors
    /// [`SessionError::Shape`].
    pub(super) fn still_fits(&self, key: &SessionKey) -> Result<()> {
        if SealedSession::begins(key, &self.0) { Ok(()) } else { self.fits(key) }
    }

    /// Its JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is what sessions under `key` hold. Every engine asks this before it stores: what is written can then be
    /// read again, and nobody's session lands under another one's key.
    ///
    /// # Errors
    /// [`SessionError::Shape`].
    pub fn fits(&self, key: &SessionKey) -> Result<()> {
        match key {
            SessionKey::User(user) => {
                let session: UserSession = self.read()?;
                if session.telegram_id == *user && session.is_current() { Ok(()) } else { Err(SessionError::Shape) }
            }
            SessionKey::Registration(_) | SessionKey::Client(_) => {
                let session: SealedSession = self.read()?;
                if session.fits(key) { Ok(()) } else { Err(SessionError::Shape) }
            }
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}
