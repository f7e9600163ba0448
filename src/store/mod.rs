//! What is kept, and where: encrypted files, their threads, their schema, and one repository per aggregate.
//!
//! Owns every database file. Must not know Telegram or flows, and must not do database work outside [`DbThreads`].

pub mod accounts;
pub mod claims;
pub mod context;
pub mod directory;
pub mod error;
pub mod flags;
pub mod handle;
pub mod inbox;
pub mod kept;
pub mod keys;
pub mod left;
pub mod members;
pub mod messages;
pub mod migrate;
pub mod orders;
pub mod profile;
pub mod profiles;
pub mod prune;
mod rows;
pub mod says;
pub mod schema;
pub mod seal;
pub mod sends;
pub mod shows;
pub mod spool;
pub mod sqlcipher;
pub mod talked;
pub mod threads;
pub mod tokens;
pub mod vault;
pub mod wa;

pub use claims::{Claim, Claims};
pub use context::UserContext;
pub use directory::{Directory, Known, Receipt};
pub use error::{Result, StoreError};
pub use handle::{Durability, Handle, OpenFiles, Tx};
pub use left::Left;
pub use members::Members;
pub use migrate::Migration;
pub use profiles::Profiles;
pub use spool::{Spool, SpoolLoad, Spooled};
pub use sqlcipher::RawKey;
pub use threads::{DbThreads, QueueStats, Turn};
pub use vault::{Person, Vault, VaultError, Vaults};
pub use wa::WaStore;
