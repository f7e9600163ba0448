//! What is asked of the table, and how do rows come back?
//!
//! Owns the statements. Each change is one statement, and so a transaction of its own with one round trip.

use tokio_postgres::{Client, Error, Row as SqlRow, Statement};

use crate::domain::Timestamp;
use crate::session::error::{Result, SessionError};
use crate::session::key::SessionKey;
use crate::session::payload::Payload;
use crate::session::row::Row;
use crate::session::store::Version;

/// The server's clock in microseconds: where stamps begin.
const CLOCK: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// What every change of a row that is there sets.
const TOUCH: &str = "stamp = greatest(s.stamp + 1, now.clock), changed = pg_current_xact_id()
    FROM (SELECT CLOCK AS clock) AS now";
const COLUMNS: &str = "key, payload, version, stamp, expires_at";

/// From which change on; 0: all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session) struct Since(pub u64);

/// Every statement, prepared.
pub(super) struct Statements {
    pub get: Statement,
    pub put: Statement,
    pub put_all: Statement,
    pub put_absent: Statement,
    pub put_at: Statement,
    pub remove: Statement,
    pub remove_at: Statement,
    pub renew: Statement,
    pub take: Statement,
    pub list: Statement,
    pub all: Statement,
    pub changed: Statement,
    pub count: Statement,
    pub cleanup: Statement,
    pub purge: Statement,
    pub oldest: Statement,
}

/// A put is a new writing: its version is its stamp.
const PUT: &str = "INSERT INTO sekat_sessions AS s (key, payload, version, stamp, expires_at)
    SELECT $1, $2, now.clock, now.clock, $3 FROM (SELECT CLOCK AS clock) AS now OVER";
/// The same of many.
const PUT_ALL: &str = "INSERT INTO sekat_sessions AS s (key, payload, version, stamp, expires_at)
    SELECT put.key, put.payload, now.clock, now.clock, put.expires_at
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS put (key, payload, expires_at), (SELECT CLOCK AS clock) AS now OVER";
/// What becomes of a row that is there.
const OVER: &str = "ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at,
        version = greatest(s.stamp + 1, excluded.stamp), stamp = greatest(s.stamp + 1, excluded.stamp),
        changed = pg_current_xact_id()";
const LIVE: &str = "s.key = $1 AND s.payload IS NOT NULL AND s.expires_at > $2";
const BACK: &str = "RETURNING s.key, s.payload, s.version, s.stamp, s.expires_at";
/// Of a row whose key and payload whoever changed it knows.
const MARK: &str = "RETURNING s.version, s.stamp, s.expires_at";

/// Prepares a statement, with the parts above in the places of their names.
async fn prepare(client: &Client, text: &str) -> std::result::Result<Statement, Error> {
    let parts = [
        ("PUT_ALL", PUT_ALL),
        ("PUT", PUT),
        ("OVER", OVER),
        ("TOUCH", TOUCH),
        ("CLOCK", CLOCK),
        ("COLUMNS", COLUMNS),
        ("LIVE", LIVE),
        ("BACK", BACK),
        ("MARK", MARK),
    ];
    let text = parts.iter().fold(text.to_owned(), |text, (name, part)| text.replace(name, part));
    client.prepare(&text).await
}

impl Statements {
    #[rustfmt::skip]
    pub async fn prepare(client: &Client) -> std::result::Result<Self, Error> {
        let (get, put, put_all, put_absent, put_at, remove, remove_at, renew, take, list, all, changed, count, cleanup, purge, oldest) = tokio::try_join!(
            prepare(client, "SELECT COLUMNS FROM sekat_sessions WHERE key = $1"),
            prepare(client, "PUT MARK"),
            prepare(client, "PUT_ALL RETURNING s.key, s.version, s.stamp, s.expires_at"),
            prepare(client, "PUT WHERE s.payload IS NULL OR s.expires_at <= $4 MARK"),
            prepare(client, "UPDATE sekat_sessions AS s SET payload = $3, expires_at = $4,
                version = greatest(s.stamp + 1, now.clock), TOUCH WHERE LIVE AND s.version = $5 MARK"),
            prepare(client, "UPDATE sekat_sessions AS s SET payload = NULL, TOUCH WHERE LIVE MARK"),
            prepare(client, "UPDATE sekat_sessions AS s SET payload = NULL, TOUCH WHERE LIVE AND s.version = $3 MARK"),
            prepare(client, "UPDATE sekat_sessions AS s SET expires_at = $3, TOUCH WHERE LIVE BACK"),
            // What this process has promised while PostgreSQL was away: nobody else has written meanwhile, so it is newer
            // whatever the clocks say. Taken twice, it is the same.
            prepare(client, "INSERT INTO sekat_sessions AS s (key, payload, version, stamp, expires_at) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at,
                    version = CASE WHEN s.stamp < excluded.stamp OR s.version = excluded.version
                        THEN excluded.version ELSE s.stamp + 1 END,
                    stamp = CASE WHEN s.stamp <= excluded.stamp THEN excluded.stamp ELSE s.stamp + 1 END,
                    changed = pg_current_xact_id() BACK"),
            prepare(client, "SELECT COLUMNS FROM sekat_sessions WHERE key > $1 AND starts_with(key, $2) AND payload IS NOT NULL
                AND expires_at > $3 ORDER BY key LIMIT $4"),
            prepare(client, "SELECT COLUMNS FROM sekat_sessions WHERE key > $1 ORDER BY key LIMIT $2"),
            // Sorted by what no index has: few are found, and looking for them in the order of the index takes ten times as long
            // as reading the table from its beginning to its end.
            prepare(client, "SELECT COLUMNS FROM sekat_sessions WHERE key > $1 AND changed >= $2::text::xid8
                ORDER BY key || '' COLLATE \"C\" LIMIT $3"),
            prepare(client, "SELECT split_part(key, ':', 1), count(*) FILTER (WHERE expires_at > $1),
                count(*) FILTER (WHERE expires_at <= $1) FROM sekat_sessions WHERE payload IS NOT NULL GROUP BY 1"),
            // What somebody writes at this moment has not ended, or another one lets go of it. Not waiting for rows while it
            // holds others, it never waits for one who waits for it.
            prepare(client, "UPDATE sekat_sessions AS s SET payload = NULL, TOUCH WHERE s.key IN (SELECT key FROM sekat_sessions
                WHERE payload IS NOT NULL AND expires_at <= $1 FOR UPDATE SKIP LOCKED)"),
            // Removed for longer than anything else remembers what was there before, be it a Redis that was not reached since.
            prepare(client, "DELETE FROM sekat_sessions WHERE key IN (SELECT key FROM sekat_sessions WHERE payload IS NULL
                AND stamp < CLOCK - 172800000000 AND expires_at < CLOCK / 1000 - 172800000 FOR UPDATE SKIP LOCKED)"),
            // Whatever is not yet visible, or comes later, has this number or a larger one.
            prepare(client, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"),
        )?;
        Ok(Statements {
            get, put, put_all, put_absent, put_at, remove, remove_at, renew, take, list, all, changed, count, cleanup, purge, oldest,
        })
    }
}

/// A row as it came.
///
/// # Errors
/// [`SessionError::Shape`]: it was not written by us.
pub(super) fn read(row: &SqlRow) -> Result<Row> {
    let shape = |_| SessionError::Shape;
    let key: &str = row.try_get(0).map_err(shape)?;
    let key = SessionKey::parse(key).ok_or(SessionError::Shape)?;
    let payload: Option<&str> = row.try_get(1).map_err(shape)?;
    let payload = payload.map(Payload::from_text).transpose()?;
    if let Some(payload) = &payload {
        payload.still_fits(&key)?;
    }
    marked(row, 2, key, payload)
}

/// A row of which the marks came, in the columns from this one on.
///
/// # Errors
/// [`SessionError::Shape`]: it was not written by us.
pub(super) fn marked(row: &SqlRow, from: usize, key: SessionKey, payload: Option<Payload>) -> Result<Row> {
    let number =
        |at: usize| row.try_get::<_, i64>(at).ok().and_then(|n| u64::try_from(n).ok()).ok_or(SessionError::Shape);
    let expires_at = Timestamp(row.try_get(from + 2).map_err(|_| SessionError::Shape)?);
    Ok(Row { key, payload, version: Version(number(from)?), stamp: number(from + 1)?, expires_at })
}
