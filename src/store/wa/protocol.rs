//! What the WhatsApp Web protocol needs remembered beside the ratchets.
//!
//! Answers "which devices have our group key, which LID is this phone number, what did we send, what came in and is not
//! yet committed?". The rows' own logic is in [`super::protocol_rows`]; here each question meets its statement and its
//! durability (the table in [`super`] says why).

use async_trait::async_trait;
use rusqlite::Params;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry,
};
use whatsapp_rust::wacore::time::now_secs;

use super::protocol_rows as rows;
use super::{WaStore, count, decode, encode, first, lost};
use crate::store::Durability::{Full, Normal};

#[async_trait]
impl ProtocolStore for WaStore {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let sql = "SELECT device_jid, has_key FROM sender_key_device WHERE group_jid = ?1";
        self.list(sql, (group_jid.to_owned(),), |row| Ok((row.get(0)?, row.get(1)?))).await
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        let durability = if entries.iter().all(|(_, has_key)| *has_key) { Normal } else { Full };
        let rows = entries.iter().map(|(device, has)| (group_jid.to_owned(), (*device).to_owned(), *has)).collect();
        self.exec_each(durability, rows::SET_SENDER_KEY_STATUS, rows).await
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        let sql = "DELETE FROM sender_key_device WHERE group_jid = ?1";
        self.exec(Full, sql, (group_jid.to_owned(),)).await.map(drop)
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        let rows = device_jids.iter().map(|jid| ((*jid).to_owned(),)).collect();
        self.exec_each(Full, "DELETE FROM sender_key_device WHERE device_jid = ?1", rows).await
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        self.exec(Full, "DELETE FROM sender_key_device", ()).await.map(drop)
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.find(rows::LID_MAPPING, (lid.to_owned(),), rows::lid_mapping).await
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        self.mappings.of(phone, self.find(rows::PHONE_MAPPING, (phone.to_owned(),), rows::lid_mapping)).await
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        self.put_lid_mappings(std::slice::from_ref(entry)).await
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (entries, known) = (entries.to_vec(), self.mappings.clone());
        self.write(Normal, move |tx| {
            known.changes();
            entries.iter().try_for_each(|entry| rows::put_lid_mapping(tx, entry))
        })
        .await
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        let all: Vec<LidPnMappingEntry> = self.list(rows::ALL_LID_MAPPINGS, (), rows::lid_mapping).await?;
        // Set already when it is read a second time.
        self.addresses.set(all.last().map(|entry| whatsapp_rust::Jid::lid(&*entry.lid))).unwrap_or(());
        Ok(all)
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        let row = (address.to_owned(), message_id.to_owned(), base_key.to_vec());
        self.exec(Normal, rows::SAVE_BASE_KEY, row).await.map(drop)
    }

    async fn has_same_base_key(&self, address: &str, message_id: &str, current_base_key: &[u8]) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM base_key WHERE address = ?1 AND message_id = ?2 AND base_key = ?3)";
        let key = (address.to_owned(), message_id.to_owned(), current_base_key.to_vec());
        Ok(self.find(sql, key, first).await?.unwrap_or(false))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        let sql = "DELETE FROM base_key WHERE address = ?1 AND message_id = ?2";
        self.exec(Normal, sql, (address.to_owned(), message_id.to_owned())).await.map(drop)
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        let row = (record.user.clone(), encode(&record)?);
        self.exec(Normal, rows::UPDATE_DEVICE_LIST, row).await.map(drop)
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        let rows: Result<Vec<_>> =
            records.into_iter().map(|record| Ok((record.user.clone(), encode(&record)?))).collect();
        self.exec_each(Normal, rows::UPDATE_DEVICE_LIST, rows?).await
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        let sql = "SELECT record FROM device_list WHERE user = ?1";
        let stored = self.find(sql, (user.to_owned(),), first::<Vec<u8>>).await?;
        stored.map(|record| decode(&record)).transpose()
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.exec(Normal, "DELETE FROM device_list WHERE user = ?1", (user.to_owned(),)).await.map(drop)
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        self.find("SELECT record FROM group_metadata WHERE group_jid = ?1", (group_jid.to_owned(),), first).await
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.exec(Normal, rows::PUT_GROUP_METADATA, (group_jid.to_owned(), blob.to_vec())).await.map(drop)
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.exec(Normal, "DELETE FROM group_metadata WHERE group_jid = ?1", (group_jid.to_owned(),)).await.map(drop)
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        self.tokens.of(jid, self.find(rows::TC_TOKEN, (jid.to_owned(),), rows::tc_token)).await
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        let row = (jid.to_owned(), entry.token.clone(), entry.token_timestamp, entry.sender_timestamp);
        self.change_tokens(rows::PUT_TC_TOKEN, row).await.map(drop)
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.change_tokens("DELETE FROM tc_token WHERE jid = ?1", (jid.to_owned(),)).await.map(drop)
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        self.list("SELECT jid FROM tc_token", (), first).await
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        self.change_tokens(rows::EXPIRE_TC_TOKENS, (token_cutoff, sender_cutoff)).await.map(count)
    }

    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        self.change_tokens(rows::TOUCH_TC_TOKEN, (jid.to_owned(), sender_timestamp)).await.map(drop)
    }

    async fn store_received_tc_token(&self, jid: &str, token: &[u8], token_timestamp: i64) -> Result<()> {
        let row = (jid.to_owned(), token.to_vec(), token_timestamp);
        self.change_tokens(rows::RECEIVE_TC_TOKEN, row).await.map(drop)
    }

    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        // At once: after a death contacts ask again for what they cannot read, and only here is it found.
        let row = (chat_jid.to_owned(), message_id.to_owned(), payload.to_vec(), now_secs());
        self.exec(Normal, rows::STORE_SENT, row).await.map(drop)
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        let (chat, id) = (chat_jid.to_owned(), message_id.to_owned());
        self.write(Normal, move |tx| rows::take_sent(tx, &chat, &id)).await
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.exec(Normal, "DELETE FROM sent_message WHERE stored_at < ?1", (cutoff_timestamp,)).await.map(count)
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        self.store_pending_inbound_batch(&[PendingInboundRow { chat, sender, id, message }]).await
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let key = (chat.to_owned(), sender.to_owned(), id.to_owned());
        if let Some(known) = self.late.get(&key) {
            return Ok(known);
        }
        let sql = "SELECT message FROM pending_inbound WHERE chat = ?1 AND sender = ?2 AND id = ?3";
        if let Some(kept) = self.find(sql, key.clone(), first).await? {
            return Ok(Some(kept));
        }
        let Some(asked) = &self.asked else { return Ok(None) };
        let sql = "SELECT 1 FROM inbound_done WHERE chat = ?1 AND sender = ?2 AND id = ?3";
        let done: Option<i64> = self.find(sql, key.clone(), first).await?;
        if done.is_some() {
            return Ok(None);
        }
        asked.add(key);
        Ok(Some(lost::marked()))
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        self.delete_pending_inbound_batch(&[PendingInboundKey { chat, sender, id }]).await
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.exec(Normal, "DELETE FROM inbound_done WHERE at < ?1", (cutoff_timestamp,)).await?;
        self.exec(Normal, "DELETE FROM pending_inbound WHERE stored_at < ?1", (cutoff_timestamp,)).await.map(count)
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        let now = now_secs();
        let owned: Vec<_> = rows
            .iter()
            .filter(|r| self.asked.is_none() || r.message != lost::marked())
            .map(|r| (r.chat.to_owned(), r.sender.to_owned(), r.id.to_owned(), r.message.to_vec(), now))
            .collect();
        let keep = |(chat, sender, id, message, at): &(String, String, String, Vec<u8>, i64)| {
            self.late.keep((chat.clone(), sender.clone(), id.clone()), message.clone(), *at)
        };
        if let Some(asked) = &self.asked {
            owned.iter().for_each(|(chat, sender, id, ..)| asked.came(&(chat.clone(), sender.clone(), id.clone())));
        }
        // The ratchet that has moved on may stand in the queue already: whichever write comes first carries what is kept.
        // Where it may be in the file, that write is not waited for.
        if owned.iter().all(keep) {
            return if self.late.may_have_moved() { self.settle().await } else { Ok(()) };
        }
        self.exec_each(Normal, rows::STORE_PENDING, owned).await
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        let owned: Vec<_> = keys.iter().map(|k| (k.chat.to_owned(), k.sender.to_owned(), k.id.to_owned())).collect();
        let Some(asked) = self.asked.clone() else {
            return self.exec_each(Normal, rows::DELETE_PENDING, owned).await;
        };
        let now = now_secs();
        for key in owned.into_iter().filter(|key| !asked.holds(key)) {
            if !self.late.done(key.clone(), now) {
                self.settle().await?;
                self.late.done(key, now);
            }
        }
        Ok(())
    }
}

impl WaStore {
    /// Runs a statement that changes tokens.
    async fn change_tokens(&self, sql: &'static str, params: impl Params + Send + 'static) -> Result<usize> {
        let known = self.tokens.clone();
        self.write(Normal, move |tx| {
            known.changes();
            Ok(tx.prepare_cached(sql)?.execute(params)?)
        })
        .await
    }
}
