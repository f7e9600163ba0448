//! App-state synchronisation: keys, collection versions and mutation MACs.
//!
//! Answers "from where does the next patch of a collection go on?". Owns four tables. Versions and MACs step back
//! together when power fails, as the library writes the MACs first.

use std::collections::HashMap;

use async_trait::async_trait;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::{WaStore, decode, encode, first};
use crate::store::Durability::{Full, Normal};

/// A replaced key gets a new, highest `seq`: it is the one stored last again.
const SET_KEY: &str =
    "INSERT OR REPLACE INTO sync_key (key_id, key_data, fingerprint, timestamp) VALUES (?1, ?2, ?3, ?4)";
const GET_MAC: &str = "SELECT value_mac FROM mutation_mac WHERE name = ?1 AND index_mac = ?2";

#[async_trait]
impl AppSyncStore for WaStore {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        let sql = "SELECT key_data, fingerprint, timestamp FROM sync_key WHERE key_id = ?1";
        self.find(sql, (key_id.to_vec(),), |row| {
            Ok(AppStateSyncKey { key_data: row.get(0)?, fingerprint: row.get(1)?, timestamp: row.get(2)? })
        })
        .await
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        self.exec(Full, SET_KEY, (key_id.to_vec(), key.key_data, key.fingerprint, key.timestamp)).await.map(drop)
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        let sql = "SELECT state FROM sync_version WHERE name = ?1";
        match self.find(sql, (name.to_owned(),), first::<Vec<u8>>).await? {
            Some(stored) => decode(&stored),
            None => Ok(HashState::default()),
        }
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        let sql = "INSERT INTO sync_version (name, state) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET state = excluded.state";
        self.exec(Normal, sql, (name.to_owned(), encode(&state)?)).await.map(drop)
    }

    async fn put_mutation_macs(&self, name: &str, version: u64, mutations: &[AppStateMutationMAC]) -> Result<()> {
        if mutations.is_empty() {
            return Ok(());
        }
        let (name, mutations) = (name.to_owned(), mutations.to_vec());
        // SQLite's integers are signed; the version is kept bit for bit and never compared here.
        let version = version.cast_signed();
        self.write(Normal, move |tx| {
            let mut statement = tx.prepare_cached(
                "INSERT INTO mutation_mac (name, index_mac, value_mac, version) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (name, index_mac) DO UPDATE SET value_mac = excluded.value_mac, version = excluded.version",
            )?;
            for mac in &mutations {
                statement.execute((&name, &mac.index_mac, &mac.value_mac, version))?;
            }
            Ok(())
        })
        .await
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        self.find(GET_MAC, (name.to_owned(), index_mac.to_vec()), first).await
    }

    async fn get_mutation_macs(&self, name: &str, index_macs: &[[u8; 32]]) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        let name: std::sync::Arc<str> = name.into();
        let keys = index_macs.iter().map(|index_mac| (std::sync::Arc::clone(&name), *index_mac)).collect();
        let found = self.find_each(GET_MAC, keys, |key| key, first).await?;
        Ok(found.into_iter().map(|((_, index_mac), value_mac)| (index_mac, value_mac)).collect())
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        let rows = index_macs.iter().map(|index_mac| (name.to_owned(), index_mac.clone())).collect();
        self.exec_each(Normal, "DELETE FROM mutation_mac WHERE name = ?1 AND index_mac = ?2", rows).await
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        self.exec(Normal, "DELETE FROM mutation_mac WHERE name = ?1", (name.to_owned(),)).await.map(drop)
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        self.find("SELECT key_id FROM sync_key ORDER BY seq DESC LIMIT 1", (), first).await
    }
}
