//! The device row: who this store is on WhatsApp.
//!
//! Answers "is this number linked, and with which credentials?". Owns the one row of `device`. Must not make copies of
//! the file: a copy is a second ratchet, so the library's debugging snapshot stays the no-op it is by default.

use async_trait::async_trait;
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::DeviceStore;
use zeroize::Zeroizing;

use super::{LinkedAs, WaStore, decode, encode, first};
use crate::store::Durability::Full;
use crate::store::{self, Handle};

/// Resident memory of an open handle: measured with 1,000 open ones (cache 256 KiB).
const OPEN_HANDLE_BYTES: u64 = 194 * 1024;

/// A file holds one device, so its number says nothing.
const DEVICE_ID: i32 = 1;

#[async_trait]
impl DeviceStore for WaStore {
    async fn save(&self, device: &Device) -> Result<()> {
        let record = Zeroizing::new(encode(device)?);
        let pn = device.pn.as_ref().map(ToString::to_string);
        let lid = device.lid.as_ref().map(ToString::to_string);
        self.write(Full, move |tx| {
            let sql = "INSERT INTO device (id, pn, lid, record) VALUES (1, ?1, ?2, ?3)
                ON CONFLICT (id) DO UPDATE SET pn = excluded.pn, lid = excluded.lid, record = excluded.record";
            tx.prepare_cached(sql)?.execute((pn, lid, record.as_slice()))?;
            Ok(())
        })
        .await
    }

    async fn load(&self) -> Result<Option<Device>> {
        let stored = self.find("SELECT record FROM device", (), first::<Vec<u8>>).await?.map(Zeroizing::new);
        stored.map(|record| decode(&record)).transpose()
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self.find("SELECT EXISTS (SELECT 1 FROM device)", (), first).await?.unwrap_or(false))
    }

    async fn create(&self) -> Result<i32> {
        // Keys are drawn before the transaction: that takes longer than the transaction. A device that is there stays.
        let record = Zeroizing::new(encode(&Device::new())?);
        self.write(Full, move |tx| {
            let sql = "INSERT INTO device (id, record) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING";
            tx.prepare_cached(sql)?.execute((record.as_slice(),))?;
            Ok(DEVICE_ID)
        })
        .await
    }

    async fn resource_report(&self) -> StorageResourceReport {
        // Asking SQLite would open a closed file only to report that it is open.
        let bytes = if self.handle.is_open() { OPEN_HANDLE_BYTES } else { 0 };
        StorageResourceReport { memory_bytes: Some(bytes), ..StorageResourceReport::default() }
    }
}

/// Who the store is linked as: a device with a phone number has been through pairing.
pub(super) async fn linked_as(handle: &Handle) -> store::Result<Option<LinkedAs>> {
    let read = handle.read(|conn| {
        use rusqlite::OptionalExtension as _;
        let sql = "SELECT pn, lid FROM device WHERE pn IS NOT NULL";
        let row = conn.prepare_cached(sql)?.query_row((), |row| {
            let pn: String = row.get(0)?;
            let lid: Option<String> = row.get(1)?;
            Ok((pn, lid))
        });
        Ok(row.optional()?)
    });
    let Some((pn, lid)) = read.await? else { return Ok(None) };
    let parse = |text: String| text.parse().map_err(|_| store::StoreError::io("read a device's address", "not a JID"));
    Ok(Some(LinkedAs { pn: parse(pn)?, lid: lid.map(parse).transpose()? }))
}
