//! What was the daemon doing for somebody a moment ago, so that it can go on quickly after a restart, and so that an operator
//! can see it?
//!
//! Owns sessions: small, expiring projections of what the vaults hold, in engines of one contract ([`SessionStore`]): in memory,
//! and in memory with a file each. A session can be lost or stale at any time and nothing else is: where it differs from the
//! vault, the vault wins. It must not hold in clear a secret or anything that somebody
//! typed, and must not know who reads it.

pub mod client;
#[cfg(test)]
mod contract;
pub mod error;
pub mod fault;
pub mod file;
pub mod hybrid;
pub mod key;
pub mod memory;
pub mod payload;
pub mod postgres;
pub mod redis;
pub mod registration;
mod row;
mod sealed;
#[cfg(any(test, feature = "demo"))]
pub mod servers;
pub mod split;
pub mod store;
pub mod user;
pub mod wire;

pub use client::{ClientSession, Clients};
pub use error::{Result, SessionError};
pub use fault::{Fault, Server, ServerFault};
pub use file::{FileStore, Loaded};
pub use hybrid::{HybridConfig, HybridStore, MAX_NODE};
pub use key::{Digest, SessionKey, SessionKind};
pub use memory::MemoryStore;
pub use payload::{MAX_PAYLOAD, Payload};
pub use postgres::{PostgresConfig, PostgresStore};
pub use redis::{RedisConfig, RedisStore};
pub use registration::Registrations;
pub use split::SplitStore;
pub use store::{Expected, Page, Query, Record, SessionStore, Stats, Version};
pub use user::{NumberState, ShownMessage, UserRecord, UserSession, UserSessions, Word};
