//! The tables of one number's key store.
//!
//! Answers "how does `wa-<account>.db` look, and how did older ones?". Published steps never change. Rows that hold a
//! large record live in ordinary tables; small rows keyed by text live in their key's tree (`WITHOUT ROWID`).

use crate::store::Migration;

/// Every step of the key store's schema, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "the key store", sql: V1 },
    Migration { version: 2, name: "sweeps", sql: V2 },
    Migration { version: 3, name: "what was dealt with", sql: V3 },
];

const V1: &str = "
CREATE TABLE device (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pn TEXT,
    lid TEXT,
    record BLOB NOT NULL
) STRICT;

CREATE TABLE identity (address TEXT PRIMARY KEY, key BLOB NOT NULL CHECK (length(key) = 32)) STRICT, WITHOUT ROWID;
CREATE TABLE session (address TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT;
CREATE TABLE sender_key (address TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT;
CREATE TABLE prekey (id INTEGER PRIMARY KEY, record BLOB NOT NULL, uploaded INTEGER NOT NULL) STRICT;
CREATE TABLE signed_prekey (id INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;

CREATE TABLE sync_key (
    seq INTEGER PRIMARY KEY,
    key_id BLOB NOT NULL UNIQUE,
    key_data BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    timestamp INTEGER NOT NULL
) STRICT;
CREATE TABLE sync_version (name TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT;
CREATE TABLE mutation_mac (
    name TEXT NOT NULL,
    index_mac BLOB NOT NULL,
    value_mac BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (name, index_mac)
) STRICT, WITHOUT ROWID;

CREATE TABLE sender_key_device (
    group_jid TEXT NOT NULL,
    device_jid TEXT NOT NULL,
    has_key INTEGER NOT NULL,
    PRIMARY KEY (group_jid, device_jid)
) STRICT, WITHOUT ROWID;
CREATE TABLE lid_map (
    lid TEXT PRIMARY KEY,
    phone TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE phone_map (phone TEXT PRIMARY KEY, lid TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE base_key (
    address TEXT NOT NULL,
    message_id TEXT NOT NULL,
    base_key BLOB NOT NULL,
    PRIMARY KEY (address, message_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE device_list (user TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT;
CREATE TABLE group_metadata (group_jid TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT;
CREATE TABLE tc_token (
    jid TEXT PRIMARY KEY,
    token BLOB NOT NULL,
    token_timestamp INTEGER NOT NULL,
    sender_timestamp INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE sent_message (
    chat TEXT NOT NULL,
    message_id TEXT NOT NULL,
    payload BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message_id)
) STRICT;
CREATE TABLE pending_inbound (
    chat TEXT NOT NULL,
    sender TEXT NOT NULL,
    id TEXT NOT NULL,
    message BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (chat, sender, id)
) STRICT;
CREATE TABLE msg_secret (
    chat TEXT NOT NULL,
    sender TEXT NOT NULL,
    msg_id TEXT NOT NULL,
    secret BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    message_ts INTEGER NOT NULL,
    PRIMARY KEY (chat, sender, msg_id)
) STRICT, WITHOUT ROWID;
";

/// The client sweeps old rows from its keepalive; a full scan each time would read every page of the busiest tables.
const V2: &str = "
CREATE INDEX sender_key_device_by_device ON sender_key_device (device_jid);
CREATE INDEX sent_message_by_age ON sent_message (stored_at);
CREATE INDEX pending_inbound_by_age ON pending_inbound (stored_at);
CREATE INDEX msg_secret_by_expiry ON msg_secret (expires_at) WHERE expires_at <> 0;
";

/// A redelivery of what was dealt with must be told from one of what was lost.
const V3: &str = "
CREATE TABLE inbound_done (
    chat TEXT NOT NULL,
    sender TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (chat, sender, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_done_by_age ON inbound_done (at);
";
