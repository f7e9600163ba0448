//! The statements behind [`super::protocol`] that carry a rule, and the rows they give.
//!
//! Owns no state. What has to happen in one step (take a sent message, move a LID, keep the newer token) is one
//! statement or one closure over the transaction here.

use rusqlite::{OptionalExtension, Row};
use whatsapp_rust::wacore::store::traits::{LidPnMappingEntry, TcTokenEntry};

use crate::store::{Result, Tx};

pub(super) const SET_SENDER_KEY_STATUS: &str =
    "INSERT INTO sender_key_device (group_jid, device_jid, has_key) VALUES (?1, ?2, ?3)
    ON CONFLICT (group_jid, device_jid) DO UPDATE SET has_key = excluded.has_key";

pub(super) const LID_MAPPING: &str = "SELECT lid, phone, created_at, updated_at, source FROM lid_map WHERE lid = ?1";
pub(super) const PHONE_MAPPING: &str = "SELECT lid, lid_map.phone, created_at, updated_at, source
    FROM phone_map JOIN lid_map USING (lid) WHERE phone_map.phone = ?1";
pub(super) const ALL_LID_MAPPINGS: &str = "SELECT lid, phone, created_at, updated_at, source FROM lid_map";

pub(super) const SAVE_BASE_KEY: &str = "INSERT INTO base_key (address, message_id, base_key) VALUES (?1, ?2, ?3)
    ON CONFLICT (address, message_id) DO UPDATE SET base_key = excluded.base_key";

pub(super) const UPDATE_DEVICE_LIST: &str = "INSERT INTO device_list (user, record) VALUES (?1, ?2)
    ON CONFLICT (user) DO UPDATE SET record = excluded.record";

pub(super) const PUT_GROUP_METADATA: &str = "INSERT INTO group_metadata (group_jid, record) VALUES (?1, ?2)
    ON CONFLICT (group_jid) DO UPDATE SET record = excluded.record";

pub(super) const TC_TOKEN: &str = "SELECT token, token_timestamp, sender_timestamp FROM tc_token WHERE jid = ?1";
pub(super) const PUT_TC_TOKEN: &str =
    "INSERT INTO tc_token (jid, token, token_timestamp, sender_timestamp) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (jid) DO UPDATE SET token = excluded.token, token_timestamp = excluded.token_timestamp,
        sender_timestamp = excluded.sender_timestamp";
/// Our own side only moves forward; a token that is there stays.
pub(super) const TOUCH_TC_TOKEN: &str =
    "INSERT INTO tc_token (jid, token, token_timestamp, sender_timestamp) VALUES (?1, x'', ?2, ?2)
    ON CONFLICT (jid) DO UPDATE SET
        sender_timestamp = max(coalesce(sender_timestamp, excluded.sender_timestamp), excluded.sender_timestamp)";
/// The newer token wins, and any wins over a placeholder; our own side stays.
pub(super) const RECEIVE_TC_TOKEN: &str =
    "INSERT INTO tc_token (jid, token, token_timestamp, sender_timestamp) VALUES (?1, ?2, ?3, NULL)
    ON CONFLICT (jid) DO UPDATE SET token = excluded.token, token_timestamp = excluded.token_timestamp
        WHERE length(token) = 0 OR excluded.token_timestamp >= token_timestamp";
/// A row goes when neither side of it is alive.
pub(super) const EXPIRE_TC_TOKENS: &str = "DELETE FROM tc_token
    WHERE NOT (length(token) > 0 AND token_timestamp >= ?1)
        AND NOT (sender_timestamp IS NOT NULL AND sender_timestamp >= ?2)";

pub(super) const STORE_SENT: &str =
    "INSERT INTO sent_message (chat, message_id, payload, stored_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (chat, message_id) DO UPDATE SET payload = excluded.payload, stored_at = excluded.stored_at";

pub(super) const STORE_PENDING: &str =
    "INSERT INTO pending_inbound (chat, sender, id, message, stored_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (chat, sender, id) DO UPDATE SET message = excluded.message, stored_at = excluded.stored_at";
/// Notes that a received message was dealt with.
pub(super) const NOTE_DONE: &str = "INSERT OR REPLACE INTO inbound_done (chat, sender, id, at) VALUES (?1, ?2, ?3, ?4)";
pub(super) const DELETE_PENDING: &str = "DELETE FROM pending_inbound WHERE chat = ?1 AND sender = ?2 AND id = ?3";

pub(super) fn lid_mapping(row: &Row<'_>) -> rusqlite::Result<LidPnMappingEntry> {
    Ok(LidPnMappingEntry {
        lid: row.get(0)?,
        phone_number: row.get(1)?,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
        learning_source: row.get(4)?,
    })
}

pub(super) fn tc_token(row: &Row<'_>) -> rusqlite::Result<TcTokenEntry> {
    Ok(TcTokenEntry { token: row.get(0)?, token_timestamp: row.get(1)?, sender_timestamp: row.get(2)? })
}

/// Stores a mapping and makes its LID the one its phone number leads to. A phone number that the LID left leads nowhere,
/// unless another LID has taken it meanwhile.
pub(super) fn put_lid_mapping(tx: &Tx<'_>, entry: &LidPnMappingEntry) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM phone_map
        WHERE phone = (SELECT phone FROM lid_map WHERE lid = ?1) AND lid = ?1 AND phone <> ?2",
    )?
    .execute((&entry.lid, &entry.phone_number))?;
    tx.prepare_cached(
        "INSERT INTO lid_map (lid, phone, created_at, updated_at, source) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (lid) DO UPDATE SET phone = excluded.phone, created_at = excluded.created_at,
            updated_at = excluded.updated_at, source = excluded.source",
    )?
    .execute((&entry.lid, &entry.phone_number, entry.created_at, entry.updated_at, &entry.learning_source))?;
    tx.prepare_cached(
        "INSERT INTO phone_map (phone, lid) VALUES (?1, ?2) ON CONFLICT (phone) DO UPDATE SET lid = excluded.lid",
    )?
    .execute((&entry.phone_number, &entry.lid))?;
    Ok(())
}

/// Gives a sent message and forgets it, so that one retry receipt is answered once.
pub(super) fn take_sent(tx: &Tx<'_>, chat: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
    let payload = tx
        .prepare_cached("SELECT payload FROM sent_message WHERE chat = ?1 AND message_id = ?2")?
        .query_row((chat, message_id), |row| row.get(0))
        .optional()?;
    if payload.is_some() {
        tx.prepare_cached("DELETE FROM sent_message WHERE chat = ?1 AND message_id = ?2")?
            .execute((chat, message_id))?;
    }
    Ok(payload)
}
