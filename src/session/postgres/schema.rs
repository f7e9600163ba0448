//! Which tables are there?
//!
//! Owns their form, and its version.

use tokio_postgres::Client;

use crate::session::fault::Fault;

/// The newest form that is known here.
const VERSION: i32 = 1;

/// Made within one transaction, one process at a time (the number is of this program's own choosing).
///
/// `stamp` rises with every change of a row; `changed` is the transaction that changed it last, by which a reader finds everything
/// that was committed after a moment, whatever order the transactions ended in. Keys compare by bytes.
const MAKE: &str = r#"
SELECT pg_advisory_xact_lock(5346981);
CREATE TABLE IF NOT EXISTS sekat_sessions_form (version integer NOT NULL);
INSERT INTO sekat_sessions_form SELECT 1 WHERE NOT EXISTS (SELECT FROM sekat_sessions_form);
CREATE TABLE IF NOT EXISTS sekat_sessions (
    key text COLLATE "C" PRIMARY KEY,
    payload text,
    version bigint NOT NULL,
    stamp bigint NOT NULL,
    expires_at bigint NOT NULL,
    changed xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX IF NOT EXISTS sekat_sessions_changed ON sekat_sessions (changed);
CREATE INDEX IF NOT EXISTS sekat_sessions_ends ON sekat_sessions (expires_at) WHERE payload IS NOT NULL;
"#;

/// Makes what is not there, and refuses what a newer program has made.
pub(super) async fn prepare(client: &Client) -> Result<(), Fault> {
    let asked = client.query_opt("SELECT to_regclass('sekat_sessions_form')::text", &[]).await;
    let there = asked.map_err(|e| super::conn::fault(&e))?.and_then(|row| row.get::<_, Option<String>>(0)).is_some();
    if !there {
        let made = client.batch_execute(&format!("BEGIN; {MAKE} COMMIT")).await;
        made.map_err(|e| super::conn::fault(&e))?;
    }
    let asked = client.query_one("SELECT max(version) FROM sekat_sessions_form", &[]).await;
    let found = asked.map_err(|e| super::conn::fault(&e))?.get::<_, Option<i32>>(0).unwrap_or(0);
    if found > VERSION { Err(Fault::Newer { found, known: VERSION }) } else { Ok(()) }
}
