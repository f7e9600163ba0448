//! What must every engine that keeps sessions be able to do, and what may its callers rely on?
//!
//! Owns the contract; `contract.rs` holds every engine to it. It must not know any engine.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::key::{SessionKey, SessionKind};
use super::payload::Payload;
use crate::domain::Timestamp;

/// Which writing of a session this is. An engine gives each `put` a larger one than any earlier `put` under the same key had,
/// also when the session was removed or expired in between. Renewing does not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What must be there for a `put` to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is: the newest writing wins.
    Any,
    /// No session, or an expired one.
    Absent,
    /// The session as it was read.
    At(Version),
}

/// A session that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub key: SessionKey,
    /// What it holds.
    pub payload: Payload,
    /// Its last writing.
    pub version: Version,
    /// From this moment on it is not there any more.
    pub expires_at: Timestamp,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct Query<'a> {
    /// Only keys whose text begins so; [`SessionKind::prefix`] for one kind, empty for all.
    pub prefix: &'a str,
    /// Only keys after this one: the last page's [`Page::next`].
    pub after: Option<SessionKey>,
    /// At most this many; at least one is taken.
    pub limit: usize,
}

/// Some of the sessions, in the order of their keys.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// They.
    pub records: Vec<Record>,
    /// Where the next page begins; `None` when this was the last one.
    pub next: Option<SessionKey>,
}

/// How many sessions there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Those that are there, by kind. A kind without any is left out.
    pub live: BTreeMap<SessionKind, u64>,
    /// Those that have expired and wait for [`SessionStore::cleanup`]. Zero with engines that let them go by themselves.
    pub expired: u64,
    /// Changes that only this process knows so far.
    pub unwritten: u64,
    /// The stable code of what keeps them from being written, while it lasts.
    pub trouble: Option<&'static str>,
}

/// Keeps sessions. Safe to be used from many tasks at once: two `put`s that expect the same never both happen.
///
/// A session whose time has come (`expires_at` is now or earlier) is not there for any method but [`stats`](Self::stats) and
/// [`cleanup`](Self::cleanup). Every method is cancel safe: dropped, it has happened or not happened.
///
/// # Errors
/// Every method: [`SessionError::Closed`](super::SessionError::Closed) after [`close`](Self::close), and what the engine runs on.
#[async_trait]
pub trait SessionStore: Send + Sync + fmt::Debug {
    /// The session under a key.
    ///
    /// # Errors
    /// As above.
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>>;

    /// Stores a session for `ttl` from now, if what is `expected` is there. An engine that writes files returns before the file
    /// is written; [`settled`](Self::settled) waits for that.
    ///
    /// # Errors
    /// [`Conflict`](super::SessionError::Conflict), [`Shape`](super::SessionError::Shape); as above.
    async fn put(&self, key: &SessionKey, payload: Payload, ttl: Duration, expected: Expected) -> Result<Version>;

    /// Removes a session; with `at`, only this version of it. `false`: there was none.
    ///
    /// # Errors
    /// [`Conflict`](super::SessionError::Conflict) when another version is there; as above.
    async fn remove(&self, key: &SessionKey, at: Option<Version>) -> Result<bool>;

    /// Lets a session live for `ttl` from now; zero expires it at once. `false`: there was none.
    ///
    /// # Errors
    /// As above.
    async fn renew(&self, key: &SessionKey, ttl: Duration) -> Result<bool>;

    /// Some of the sessions, in the order of their keys. Page after page, each session that is there all the while comes exactly
    /// once, whatever happens to others meanwhile.
    ///
    /// # Errors
    /// As above.
    async fn list(&self, query: Query<'_>) -> Result<Page>;

    /// How many sessions there are.
    ///
    /// # Errors
    /// As above.
    async fn stats(&self) -> Result<Stats>;

    /// Lets go of what has expired; how many those were.
    ///
    /// # Errors
    /// As above.
    async fn cleanup(&self) -> Result<u64>;

    /// Waits until what has been done under this key so far is where it survives this process.
    ///
    /// # Errors
    /// [`Disk`](super::SessionError::Disk) at once when it cannot be written at the moment; it still is, later. As above.
    async fn settled(&self, key: &SessionKey) -> Result<()>;

    /// Writes what is not written yet, and lets go of everything. Bounded in time; a second call does nothing.
    ///
    /// # Errors
    /// [`Disk`](super::SessionError::Disk), [`Timeout`](super::SessionError::Timeout): something was not written.
    async fn close(&self) -> Result<()>;
}
