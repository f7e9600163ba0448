//! One number's WhatsApp key store: the library's `Backend` on an encrypted file of its own.
//!
//! Answers whatever the WhatsApp client asks its storage, on a [`Handle`] that opens when it is used: an idle file may
//! close under a living client. Owns `wa-<account>.db`. Must not be shared between clients, hold a connection, or be
//! used for anything else: the client's own caches assume that nobody else writes here.
//!
//! Once the handle is fenced every call fails, so the late flush of a stopping client cannot bring a wiped file back.
//!
//! # What survives a power failure
//!
//! Everything here survives `kill -9`: a commit is in the kernel's hands. What a power failure may take back is chosen
//! per table. SQLite's log is one sequence, so a [`Durability::Full`] commit carries every earlier `Normal` one with it.
//!
//! | what | durability | why |
//! |---|---|---|
//! | sessions, sender keys that lease counters, and new ones; identities | full | written before the bytes go out; a counter that comes twice gives a message away |
//! | sessions, sender keys that lease no more than before | normal, flushed within seconds | what was received is derived anew (`leases`) |
//! | prekeys, signed prekeys | full | the server hands their public halves to strangers |
//! | device row | full | who we are; losing the step after pairing means linking again |
//! | app-state keys | full | the phone sends them once |
//! | sender key status: forgetting (`false`, clear, delete) | full | a group member who must get a new key must get it |
//! | sender key status: having (`true`) | normal | lost, a key is sent once too often |
//! | pending inbound messages, and that they were dealt with | with the next write (`late`) | in the session's own full commit at the latest |
//! | app-state versions and MACs | normal | step back together, in order; the next sync repeats the patches |
//! | LID map, device lists, group metadata, tc tokens, base keys | normal | caches: asked for again |
//! | sent messages | normal | contacts ask again, after a death above all, for what they cannot read |
//! | message secrets | with the next write (`late`) | lost, an edit of the last moment cannot be read |

mod app_sync;
mod device;
mod late;
mod leases;
mod lost;
mod msg_secret;
mod protocol;
mod protocol_rows;
mod recall;
pub mod schema;
mod signal;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, Params, Row};
use tokio::sync::{Notify, SetOnce};
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::store::error::StoreError as WaError;
use whatsapp_rust::wacore::store::traits::{LidPnMappingEntry, TcTokenEntry};

use late::Late;
use leases::Leases;
use lost::Asked;
pub use lost::is_lost;

use super::{Durability, Handle, StoreError, Tx};
use recall::Recall;

type WaResult<T> = std::result::Result<T, WaError>;

/// A row that no other write took along is written after this, or twice this. The client writes its ratchets down 25 ms after
/// they moved.
const LATEST: Duration = Duration::from_millis(50);
/// What was written without a flush is flushed after this.
const FLUSHED: Duration = Duration::from_secs(2);

/// Which WhatsApp account a key store is linked to.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkedAs {
    /// The account's phone-number address, with this device's number.
    pub pn: Jid,
    /// Its LID address, where the server has told it.
    pub lid: Option<Jid>,
}

impl std::fmt::Debug for LinkedAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Addresses are phone numbers: never shown.
        f.debug_struct("LinkedAs").field("has_lid", &self.lid.is_some()).finish_non_exhaustive()
    }
}

/// The WhatsApp client's storage. A clone is another reference to the same file.
#[derive(Clone, Debug)]
pub struct WaStore {
    handle: Handle,
    refused: Arc<Notify>,
    late: Late,
    mappings: Recall<Option<LidPnMappingEntry>>,
    tokens: Recall<Option<TcTokenEntry>>,
    sessions: Leases,
    sender_keys: Leases,
    addresses: Arc<SetOnce<Option<Jid>>>,
    /// Where the client can ask for a message again: what it has asked for.
    asked: Option<Arc<Asked>>,
}

impl WaStore {
    /// Takes the handle of `wa-<account>.db`, made with [`schema::MIGRATIONS`].
    pub fn new(handle: Handle) -> WaStore {
        WaStore {
            handle,
            refused: Arc::default(),
            late: Late::default(),
            mappings: Recall::default(),
            tokens: Recall::default(),
            sessions: Leases::default(),
            sender_keys: Leases::default(),
            addresses: Arc::default(),
            asked: None,
        }
    }

    /// For a client that can ask for a message again: a redelivery that was neither kept nor dealt with is answered with a
    /// mark, see [`is_lost`].
    #[must_use]
    pub fn telling_what_is_lost(mut self) -> WaStore {
        self.asked = Some(Arc::default());
        self
    }

    /// Rung whenever something could not be written: what the client wanted to keep may have to be had again.
    pub fn refused(&self) -> Arc<Notify> {
        Arc::clone(&self.refused)
    }

    /// Set once the client has read which address belongs to which number, with the last one that it was given.
    pub fn addresses_read(&self) -> Arc<SetOnce<Option<Jid>>> {
        Arc::clone(&self.addresses)
    }

    /// The file's handle, to close it when idle or to fence it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Who this store is linked as; `None` before pairing.
    ///
    /// # Errors
    /// Every [`StoreError`] that reading can give.
    pub async fn is_linked(&self) -> super::Result<Option<LinkedAs>> {
        device::linked_as(&self.handle).await
    }

    /// Fences the file and deletes it after the last running job. The client must be stopped as well; what it still
    /// writes fails.
    ///
    /// # Errors
    /// As for [`Handle::destroy`].
    pub async fn wipe(&self) -> super::Result<()> {
        self.handle.destroy().await
    }

    /// Writes down what waits for the next write.
    ///
    /// # Errors
    /// Every error that writing can give; it goes on waiting.
    pub async fn settle(&self) -> WaResult<()> {
        if self.late.is_empty() { Ok(()) } else { self.write(Durability::Normal, |_| Ok(())).await }
    }

    /// Sees to it that nothing waits for long to be written or flushed, while the client runs. Comes to no end.
    pub async fn write_late(&self) {
        let mut flushed = Instant::now();
        loop {
            self.late.added().await;
            tokio::time::sleep(LATEST).await;
            // What has come just now is taken along by its own ratchet.
            match self.late.age() {
                Some(age) if age < LATEST => self.late.look_again(),
                _ => {
                    if let Err(error) = self.settle().await {
                        tracing::debug!("what waits to be written waits on: {error}");
                    }
                }
            }
            if flushed.elapsed() < FLUSHED {
                // Looked at again, also when nothing more comes.
                if self.late.is_to_be_flushed() {
                    self.late.unflushed();
                }
                continue;
            }
            if self.late.is_to_be_flushed()
                && let Err(error) = self.handle.sync().await
            {
                tracing::debug!(error.code = error.code(), "what was written is not flushed");
                self.late.unflushed();
            }
            flushed = Instant::now();
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Tx<'_>) -> super::Result<T> + Send + 'static,
    ) -> WaResult<T> {
        let late = self.late.clone();
        let written = self.handle.tx(durability, move |tx| Ok((late.write(tx)?, work(tx)?))).await;
        if written.as_ref().is_err_and(|e| !matches!(e, StoreError::Fenced | StoreError::ShuttingDown)) {
            self.refused.notify_one();
        }
        let (last, value) = written.map_err(wa_error)?;
        self.late.written(last);
        Ok(value)
    }

    /// Runs one statement in a transaction; gives the number of rows it changed.
    async fn exec(
        &self,
        durability: Durability,
        sql: &'static str,
        params: impl Params + Send + 'static,
    ) -> WaResult<usize> {
        self.write(durability, move |tx| Ok(tx.prepare_cached(sql)?.execute(params)?)).await
    }

    /// Runs one statement once per set of parameters, all in one transaction. The statement stays prepared, so no count
    /// of rows meets SQLite's limit of variables.
    async fn exec_each<P: Params + Send + 'static>(
        &self,
        durability: Durability,
        sql: &'static str,
        rows: Vec<P>,
    ) -> WaResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(durability, move |tx| {
            let mut statement = tx.prepare_cached(sql)?;
            for row in rows {
                statement.execute(row)?;
            }
            Ok(())
        })
        .await
    }

    /// The first row, if there is one.
    async fn find<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: impl Params + Send + 'static,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> WaResult<Option<T>> {
        let read = self.handle.read(move |conn| Ok(conn.prepare_cached(sql)?.query_row(params, map).optional()?));
        read.await.map_err(wa_error)
    }

    /// Every row.
    async fn list<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: impl Params + Send + 'static,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> WaResult<Vec<T>> {
        let read = self.handle.read(move |conn| {
            Ok(conn.prepare_cached(sql)?.query_map(params, map)?.collect::<rusqlite::Result<_>>()?)
        });
        read.await.map_err(wa_error)
    }

    /// Looks each key up with one prepared statement; gives those that exist, in the order they were asked for.
    async fn find_each<K: Clone + Send + 'static, P: Params + 'static, T: Send + 'static>(
        &self,
        sql: &'static str,
        keys: Vec<K>,
        params: fn(K) -> P,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> WaResult<Vec<(K, T)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let read = self.handle.read(move |conn| {
            let mut statement = conn.prepare_cached(sql)?;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                if let Some(value) = statement.query_row(params(key.clone()), map).optional()? {
                    found.push((key, value));
                }
            }
            Ok(found)
        });
        read.await.map_err(wa_error)
    }
}

/// The first column.
fn first<T: rusqlite::types::FromSql>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}

/// The library looks through the chain of causes for "locked" and "busy" and retries then; ours says so in its own
/// words, so the whole error goes in as the cause.
fn wa_error(error: StoreError) -> WaError {
    match error {
        StoreError::NewerSchema { .. } | StoreError::Migration { .. } => WaError::Migration(Box::new(error)),
        StoreError::ShuttingDown | StoreError::WrongKey { .. } => WaError::Connection(Box::new(error)),
        _ => WaError::Database(Box::new(error)),
    }
}

/// A record the library gave as a structure, as it is stored.
fn encode<T: serde::Serialize>(value: &T) -> WaResult<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| WaError::Serialization(Box::new(error)))
}

/// The way back from [`encode`].
fn decode<T: serde::de::DeserializeOwned>(stored: &[u8]) -> WaResult<T> {
    serde_json::from_slice(stored).map_err(|error| WaError::Serialization(Box::new(error)))
}

/// The library counts deleted rows in 32 bits.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
