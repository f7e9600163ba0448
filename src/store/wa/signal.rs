//! Identities, sessions, prekeys and sender keys.
//!
//! Answers the Signal protocol's questions. A write here is [`Full`]: it happens before bytes that depend on it go out; but for a
//! record on which none do ([`super::leases`]). Must not bring back what was deleted (a used prekey above all).

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::SignalStore;

use super::leases::Leases;
use super::{WaStore, first};
use crate::store::Durability::{Full, Normal};

const PUT_IDENTITY: &str =
    "INSERT INTO identity (address, key) VALUES (?1, ?2) ON CONFLICT (address) DO UPDATE SET key = excluded.key";
const PUT_SESSION: &str = "INSERT INTO session (address, record) VALUES (?1, ?2) ON CONFLICT (address) DO UPDATE SET record = excluded.record";
const PUT_SENDER_KEY: &str = "INSERT INTO sender_key (address, record) VALUES (?1, ?2)
    ON CONFLICT (address) DO UPDATE SET record = excluded.record";
const PUT_PREKEY: &str = "INSERT INTO prekey (id, record, uploaded) VALUES (?1, ?2, ?3)
    ON CONFLICT (id) DO UPDATE SET record = excluded.record, uploaded = excluded.uploaded";
const GET_PREKEY: &str = "SELECT record FROM prekey WHERE id = ?1";
const HAS_STATE: &str = "SELECT EXISTS (SELECT 1 FROM session WHERE address >= ?1 AND address < ?2)
    OR EXISTS (SELECT 1 FROM session WHERE address >= ?3 AND address < ?4)
    OR EXISTS (SELECT 1 FROM identity WHERE address >= ?1 AND address < ?2)
    OR EXISTS (SELECT 1 FROM identity WHERE address >= ?3 AND address < ?4)";

#[async_trait]
impl SignalStore for WaStore {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.exec(Full, PUT_IDENTITY, (address.to_owned(), key)).await.map(drop)
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        self.exec_each(Full, PUT_IDENTITY, identities.to_vec()).await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        self.find("SELECT key FROM identity WHERE address = ?1", (address.to_owned(),), first).await
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.exec(Full, "DELETE FROM identity WHERE address = ?1", (address.to_owned(),)).await.map(drop)
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        let found =
            self.find("SELECT record FROM session WHERE address = ?1", (address.to_owned(),), first::<Vec<u8>>).await?;
        Ok(found.map(Bytes::from))
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        self.sessions.forget(address);
        self.exec(Full, PUT_SESSION, (address.to_owned(), session.to_vec())).await.map(drop)
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        put_records(self, PUT_SESSION, &self.sessions, sessions).await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.sessions.forget(address);
        self.exec(Full, "DELETE FROM session WHERE address = ?1", (address.to_owned(),)).await.map(drop)
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM session WHERE address = ?1)";
        Ok(self.find(sql, (address.to_owned(),), first).await?.unwrap_or(false))
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        // Addresses are `user@server` or `user:device@server`. Keys sort bytewise, so all with the prefix `user@` lie
        // from it up to `userA`, the next byte after `@`; likewise `:` and `;`.
        let bounds = (format!("{user}@"), format!("{user}A"), format!("{user}:"), format!("{user};"));
        Ok(self.find(HAS_STATE, bounds, first).await?.unwrap_or(false))
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        self.exec(Full, PUT_PREKEY, (id, record.to_vec(), uploaded)).await.map(drop)
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys = keys.to_vec();
        self.write(Full, move |tx| {
            let mut statement = tx.prepare_cached(PUT_PREKEY)?;
            for (id, record) in &keys {
                statement.execute((id, &record[..], uploaded))?;
            }
            Ok(())
        })
        .await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        Ok(self.find(GET_PREKEY, (id,), first::<Vec<u8>>).await?.map(Bytes::from))
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let found = self.find_each(GET_PREKEY, ids.to_vec(), |id| (id,), first::<Vec<u8>>).await?;
        Ok(found.into_iter().map(|(id, record)| (id, Bytes::from(record))).collect())
    }

    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        // An update on purpose: a key used up meanwhile stays deleted.
        let rows = ids.iter().map(|id| (*id,)).collect();
        self.exec_each(Full, "UPDATE prekey SET uploaded = 1 WHERE id = ?1", rows).await
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.exec(Full, "DELETE FROM prekey WHERE id = ?1", (id,)).await.map(drop)
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        Ok(self.find("SELECT coalesce(max(id), 0) FROM prekey", (), first).await?.unwrap_or(0))
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        let sql = "INSERT INTO signed_prekey (id, record) VALUES (?1, ?2)
            ON CONFLICT (id) DO UPDATE SET record = excluded.record";
        self.exec(Full, sql, (id, record.to_vec())).await.map(drop)
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        self.find("SELECT record FROM signed_prekey WHERE id = ?1", (id,), first).await
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        self.list("SELECT id, record FROM signed_prekey", (), |row| Ok((row.get(0)?, row.get(1)?))).await
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.exec(Full, "DELETE FROM signed_prekey WHERE id = ?1", (id,)).await.map(drop)
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.sender_keys.forget(address);
        self.exec(Full, PUT_SENDER_KEY, (address.to_owned(), record.to_vec())).await.map(drop)
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        put_records(self, PUT_SENDER_KEY, &self.sender_keys, sender_keys).await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        self.find("SELECT record FROM sender_key WHERE address = ?1", (address.to_owned(),), first).await
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.sender_keys.forget(address);
        self.exec(Full, "DELETE FROM sender_key WHERE address = ?1", (address.to_owned(),)).await.map(drop)
    }
}

/// Writes (address, record) rows in one transaction. The clone shares the addresses and the records.
async fn put_records(store: &WaStore, sql: &'static str, leases: &Leases, records: &[(Arc<str>, Bytes)]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let rows = records.to_vec();
    let _moving = store.late.moves();
    let durability = if leases.raised(records) { Full } else { Normal };
    let written = store.write(durability, move |tx| {
        let mut statement = tx.prepare_cached(sql)?;
        for (address, record) in &rows {
            statement.execute((&**address, &record[..]))?;
        }
        Ok(())
    });
    let written = written.await;
    match &written {
        Ok(()) if durability == Normal => store.late.unflushed(),
        Ok(()) => {}
        Err(_) => records.iter().for_each(|(address, _)| leases.forget(address)),
    }
    written
}
