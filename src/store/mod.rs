//! What is kept, and where: encrypted files, their threads, their schema, and one repository per aggregate.
//!
//! Owns every database file. Must not know Telegram or flows, and must not do database work outside [`DbThreads`].

pub mod error;
pub mod handle;
pub mod keys;
pub mod migrate;
pub mod seal;
pub mod spool;
pub mod sqlcipher;
pub mod threads;
pub mod wa;

pub use error::{Result, StoreError};
pub use handle::{Durability, Handle, Tx};
pub use migrate::Migration;
pub use sqlcipher::RawKey;
pub use threads::{DbThreads, QueueStats, Turn};
