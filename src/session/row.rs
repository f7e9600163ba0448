//! What do servers keep of a session, and what may a change make of it?
//!
//! Owns nothing. Pure: every engine that cannot leave the decision to its server asks here.

use std::time::Duration;

use super::error::{Result, SessionError};
use super::key::SessionKey;
use super::payload::Payload;
use super::store::{Expected, Record, Version};
use crate::domain::Timestamp;

/// The largest number that is exact wherever it passes through: above it, those of Redis' scripts are not.
pub(super) const LARGEST: u64 = 1 << 53;

/// A session as a server keeps it, or the mark that it was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub key: SessionKey,
    /// Rises with every change of the row, renewing and removing too. Of two rows under a key the one with the larger is newer.
    pub stamp: u64,
    /// Its last writing.
    pub version: Version,
    pub expires_at: Timestamp,
    /// `None`: it was removed.
    pub payload: Option<Payload>,
}

impl Row {
    /// As callers see it, while it is there.
    pub fn live(&self, now: Timestamp) -> Option<Record> {
        let payload = self.payload.as_ref().filter(|_| now < self.expires_at)?.clone();
        Some(Record { key: self.key, payload, version: self.version, expires_at: self.expires_at })
    }
}

/// What somebody wants done to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Put { payload: Payload, ttl: Duration, expected: Expected },
    Remove { at: Option<Version> },
    Renew { ttl: Duration },
}

impl Change {
    /// Whether a session under `key` may be changed so, by an engine outside this process.
    ///
    /// # Errors
    /// [`SessionError::Shape`]: its kind is not sealed, or the payload is not of its form.
    pub fn fits(&self, key: &SessionKey) -> Result<()> {
        if !key.kind().is_sealed() {
            return Err(SessionError::Shape);
        }
        match self {
            Self::Put { payload, .. } => payload.fits(key),
            Self::Remove { .. } | Self::Renew { .. } => Ok(()),
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Done; this is there now.
    Done(Row),
    /// There was nothing to be changed.
    Nothing,
    /// Something else is there than was expected.
    Conflict(Option<Version>),
}

impl Outcome {
    /// Whether it was done, as those answer who remove and renew.
    ///
    /// # Errors
    /// [`SessionError::Conflict`].
    pub fn happened(self) -> Result<bool> {
        match self {
            Self::Done(_) => Ok(true),
            Self::Nothing => Ok(false),
            Self::Conflict(found) => Err(SessionError::Conflict { found }),
        }
    }

    /// The version that was written, as those answer who put.
    ///
    /// # Errors
    /// [`SessionError::Conflict`].
    pub fn version(self) -> Result<Version> {
        match self {
            Self::Done(row) => Ok(row.version),
            Self::Nothing => Err(SessionError::Conflict { found: None }),
            Self::Conflict(found) => Err(SessionError::Conflict { found }),
        }
    }
}

/// What a change makes of what is there. `clock`: a number that rises with time, in microseconds.
pub(super) fn decide(key: &SessionKey, there: Option<&Row>, change: &Change, now: Timestamp, clock: u64) -> Outcome {
    let live = there.and_then(|row| row.live(now));
    let found = live.as_ref().map(|record| record.version);
    let stamp = there.map_or(clock, |row| clock.max(row.stamp + 1)).min(LARGEST);
    match change {
        Change::Put { payload, ttl, expected } => {
            let met = match expected {
                Expected::Any => true,
                Expected::Absent => found.is_none(),
                Expected::At(version) => found == Some(*version),
            };
            if !met {
                return Outcome::Conflict(found);
            }
            let (version, expires_at) = (Version(stamp), now.after(*ttl));
            Outcome::Done(Row { key: *key, stamp, version, expires_at, payload: Some(payload.clone()) })
        }
        Change::Remove { at } => match (live, at) {
            (None, _) => Outcome::Nothing,
            (Some(record), Some(at)) if record.version != *at => Outcome::Conflict(found),
            (Some(record), _) => {
                let (version, expires_at) = (record.version, record.expires_at);
                Outcome::Done(Row { key: *key, stamp, version, expires_at, payload: None })
            }
        },
        Change::Renew { ttl } => match live {
            None => Outcome::Nothing,
            Some(Record { payload, version, .. }) => {
                Outcome::Done(Row { key: *key, stamp, version, expires_at: now.after(*ttl), payload: Some(payload) })
            }
        },
    }
}
