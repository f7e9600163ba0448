//! Message secrets: what decrypts later reactions, votes and edits of a message.
//!
//! Owns the table `msg_secret`. A window never shrinks when a message comes again: the later deadline wins, and 0 means
//! never; a known time of the message is never replaced by 0.

use async_trait::async_trait;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{MsgSecretEntry, MsgSecretStore};

use super::{WaStore, count, first};
use crate::store::Durability::Normal;
use crate::store::{self, Tx};

const PUT: &str = "INSERT INTO msg_secret (chat, sender, msg_id, secret, expires_at, message_ts)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (chat, sender, msg_id) DO UPDATE SET
        secret = excluded.secret,
        expires_at = iif(expires_at = 0 OR excluded.expires_at = 0, 0, max(expires_at, excluded.expires_at)),
        message_ts = max(message_ts, excluded.message_ts)";

/// Keeps one.
pub(super) fn put(tx: &Tx<'_>, e: &MsgSecretEntry) -> store::Result<()> {
    tx.prepare_cached(PUT)?.execute((&e.chat, &e.sender, &e.msg_id, &e.secret, e.expires_at, e.message_ts))?;
    Ok(())
}

#[async_trait]
impl MsgSecretStore for WaStore {
    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        let stored = entries.len();
        let mut room = true;
        for entry in entries {
            // All are kept, also beyond those after which they are written at once.
            room &= self.late.add(entry);
        }
        if !room {
            self.settle().await?;
        }
        Ok(stored)
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        self.settle().await?;
        let sql = "SELECT secret FROM msg_secret WHERE chat = ?1 AND sender = ?2 AND msg_id = ?3";
        self.find(sql, (chat.to_owned(), sender.to_owned(), msg_id.to_owned()), first).await
    }

    async fn get_msg_secret_with_ts(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<(Vec<u8>, i64)>> {
        self.settle().await?;
        let sql = "SELECT secret, message_ts FROM msg_secret WHERE chat = ?1 AND sender = ?2 AND msg_id = ?3";
        let key = (chat.to_owned(), sender.to_owned(), msg_id.to_owned());
        self.find(sql, key, |row| Ok((row.get(0)?, row.get(1)?))).await
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        let sql = "DELETE FROM msg_secret WHERE expires_at <> 0 AND expires_at <= ?1";
        self.exec(Normal, sql, (cutoff_timestamp,)).await.map(count)
    }
}
