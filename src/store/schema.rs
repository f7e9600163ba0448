//! The tables of `user.db`.
use super::migrate::Migration;

/// Every change of the tables, in order. An applied one is never edited.
pub const USER: &[Migration] = &[
    Migration { version: 1, name: "first tables", sql: FIRST },
    Migration { version: 2, name: "orders", sql: ORDERS },
    Migration { version: 3, name: "profile", sql: PROFILE },
    Migration { version: 4, name: "kept", sql: KEPT },
    // Taking somebody's profile down is an order now.
    Migration { version: 5, name: "no withdrawals", sql: "DROP TABLE withdrawals;" },
    Migration { version: 6, name: "several numbers", sql: NUMBERS },
    Migration { version: 7, name: "contacts' numbers", sql: TALKED },
    Migration { version: 8, name: "one line", sql: LINE },
];

const FIRST: &str = "
-- Updates that this vault has taken, so that one that comes again meets its key.
CREATE TABLE inbox (
  bot INTEGER NOT NULL, update_id INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('done', 'failed', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL, payload TEXT,
  PRIMARY KEY (bot, update_id)) WITHOUT ROWID;

CREATE TABLE conversation (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL, changed_at INTEGER NOT NULL);

CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, reason TEXT, phone TEXT, method TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, last_connected_at INTEGER, until INTEGER);

CREATE TABLE qr_shown (at INTEGER NOT NULL);

-- Messages to Telegram that are said once each, in order.
CREATE TABLE says (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, n INTEGER NOT NULL, class INTEGER NOT NULL,
  payload TEXT, origin_account INTEGER, origin_chat TEXT,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'failed')),
  repeated INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, UNIQUE (source, n));
CREATE INDEX says_open ON says (class, id) WHERE state IN ('pending', 'sending');

-- Messages to Telegram of which only the newest counts.
CREATE TABLE shows (
  slot TEXT PRIMARY KEY, payload TEXT NOT NULL, version INTEGER NOT NULL, shown INTEGER NOT NULL DEFAULT 0,
  message INTEGER, picture INTEGER NOT NULL DEFAULT 0, expires_at INTEGER, changed_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX shows_open ON shows (changed_at) WHERE shown < version;

-- Messages to WhatsApp.
CREATE TABLE sends (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, n INTEGER NOT NULL, account INTEGER NOT NULL,
  chat TEXT NOT NULL, message_id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, asked_by INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
    ('pending', 'sending', 'unknown', 'sent', 'delivered', 'read', 'failed', 'forgotten')),
  reason TEXT, created_at INTEGER NOT NULL, UNIQUE (source, n));
CREATE INDEX sends_open ON sends (account, id) WHERE state IN ('pending', 'sending');

-- Messages from WhatsApp; the key is what a redelivery meets.
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, chat TEXT NOT NULL, sender TEXT NOT NULL,
  id TEXT NOT NULL, from_me INTEGER NOT NULL, sent_at INTEGER NOT NULL, content TEXT NOT NULL);
CREATE UNIQUE INDEX messages_key ON messages (account, id, sender, chat);
CREATE TABLE aliases (account INTEGER NOT NULL, other TEXT NOT NULL, jid TEXT NOT NULL,
  PRIMARY KEY (account, other)) WITHOUT ROWID;

CREATE TABLE contacts (jid TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;

-- Which WhatsApp chat a Telegram message stands for.
CREATE TABLE origins (chat INTEGER NOT NULL, message INTEGER NOT NULL, account INTEGER NOT NULL, wa_chat TEXT NOT NULL,
  PRIMARY KEY (chat, message)) WITHOUT ROWID;

CREATE TABLE flags (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

const ORDERS: &str = "
-- What an owner or admin has ordered, until it is carried out and its outcome told. The seed makes what has to be new.
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, n INTEGER NOT NULL, what TEXT NOT NULL,
  seed BLOB NOT NULL, UNIQUE (source, n));
";

const PROFILE: &str = "
-- What the person has told of themselves; `card` is what they have published of it, as others see it. `edition` rises with
-- each publishing and withdrawing, `shared` is the last that others are known to find so.
CREATE TABLE profile (
  one INTEGER PRIMARY KEY CHECK (one = 1), phone TEXT NOT NULL, name TEXT NOT NULL, email TEXT, zone TEXT NOT NULL,
  about TEXT, registered_at INTEGER NOT NULL,
  card TEXT, edition INTEGER NOT NULL DEFAULT 0, shared INTEGER NOT NULL DEFAULT 0);

-- Others' published profiles that this person, who may, wants taken away and that still are there.
CREATE TABLE withdrawals (card INTEGER PRIMARY KEY);

-- The registration that can be taken up again, and the name of its session outside.
CREATE TABLE registration (one INTEGER PRIMARY KEY CHECK (one = 1), record TEXT, outside TEXT);
";

const KEPT: &str = "
-- Small things that flows remember, each under its typed key.
CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX sends_unknown ON sends (id) WHERE state = 'unknown';
";

const NUMBERS: &str = "
ALTER TABLE accounts ADD COLUMN uuid TEXT;
ALTER TABLE accounts ADD COLUMN label TEXT;
ALTER TABLE accounts ADD COLUMN is_primary INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN last_round_trip_at INTEGER;
ALTER TABLE accounts ADD COLUMN removed_at INTEGER;
ALTER TABLE accounts ADD COLUMN removed_by TEXT;
UPDATE accounts SET uuid = lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
  || '-' || substr('89ab', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
  last_round_trip_at = last_connected_at;
UPDATE accounts SET is_primary = 1 WHERE id = (SELECT min(id) FROM accounts
  WHERE state IN ('authenticated', 'connected', 'disconnected', 'failed'));
-- When it was is not known any more.
UPDATE accounts SET removed_at = coalesce(last_connected_at, created_at),
  removed_by = CASE WHEN reason IS NULL OR reason = 'wa-cancelled' THEN 'owner' WHEN reason = 'wa-logged-out' THEN 'phone'
  ELSE 'bot' END WHERE state = 'removed';
CREATE UNIQUE INDEX accounts_uuid ON accounts (uuid);
CREATE UNIQUE INDEX accounts_primary ON accounts (is_primary) WHERE is_primary = 1;
-- For counting those of a day.
CREATE INDEX messages_by_time ON messages (account, sent_at);
CREATE INDEX sends_by_time ON sends (account, created_at);
";

const TALKED: &str = "
-- Which numbers each contact has talked with.
CREATE TABLE contact_numbers (
  jid TEXT NOT NULL, account INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (jid, account)) WITHOUT ROWID;
CREATE INDEX contact_numbers_of ON contact_numbers (account);
INSERT INTO contact_numbers SELECT chat, account, min(at), max(at), count(*) FROM (
    SELECT chat, account, sent_at AS at FROM messages UNION ALL SELECT chat, account, created_at FROM sends)
  WHERE chat NOT LIKE '%@g.us' GROUP BY chat, account;
";

const LINE: &str = "
-- Messages to Telegram that are said once each, in the order of their ids: the class stands in the highest bits, so that the
-- first that waits is the next. An id is never given twice, for it begins with the time. That an effect is there once is
-- held by what its step takes, in the same commit: the update in `inbox`, the message in `messages`.
ALTER TABLE says RENAME TO says_before;
CREATE TABLE says (
  id INTEGER PRIMARY KEY, payload TEXT NOT NULL, origin_account INTEGER, origin_chat TEXT,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending')),
  repeated INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL);
INSERT INTO says SELECT (class << 60) | id, payload, origin_account, origin_chat, state, repeated, created_at
  FROM says_before WHERE state IN ('pending', 'sending');
DROP TABLE says_before;
";
