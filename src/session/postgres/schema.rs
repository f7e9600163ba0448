//! Which tables are there?
//!
//! Owns their form, and its version.

use tokio_postgres::Client;

use crate::session::fault::Fault;

/// What makes each form of the one before it; a place begins without any.
///
/// `stamp` rises with every change of a row; `changed` is the transaction that changed it last, by which a reader finds everything
/// that was committed after a moment, whatever order the transactions ended in. Keys compare by bytes.
///
/// The second form has no index on what every change changes, and leaves room in its pages: a new version of a row stays in the
/// page of the old one, and no index hears of it. What asks for times or changes reads the whole table, which is seldom.
const FORMS: [&str; 2] = [
    r#"
CREATE TABLE IF NOT EXISTS sekat_sessions_form (version integer NOT NULL);
CREATE TABLE IF NOT EXISTS sekat_sessions (
    key text COLLATE "C" PRIMARY KEY,
    payload text,
    version bigint NOT NULL,
    stamp bigint NOT NULL,
    expires_at bigint NOT NULL,
    changed xid8 NOT NULL DEFAULT pg_current_xact_id()
);
"#,
    "
DROP INDEX IF EXISTS sekat_sessions_changed, sekat_sessions_ends;
ALTER TABLE sekat_sessions SET (fillfactor = 70);
",
];

/// The newest form that is known here.
const KNOWN: i32 = 2;

/// One process makes them at a time. The number is of this program's own choosing.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(5346981)";

/// Makes what is not there, and refuses what a newer program has made.
///
/// # Errors
/// [`Fault::Newer`], or why it cannot be made; the connection is then to be given up.
pub(super) async fn prepare(client: &Client) -> Result<(), Fault> {
    if found(client).await? == FORMS.len() {
        return Ok(());
    }
    let run = async |text: &str| client.batch_execute(text).await.map_err(|e| super::conn::fault(&e));
    run(BEGIN).await?;
    // Another one may have been quicker.
    for form in FORMS.iter().skip(found(client).await?) {
        run(form).await?;
    }
    let note = format!("DELETE FROM sekat_sessions_form; INSERT INTO sekat_sessions_form VALUES ({KNOWN}); COMMIT");
    run(&note).await
}

/// Which form is there: 0 where none is.
async fn found(client: &Client) -> Result<usize, Fault> {
    let asked = client.query_opt("SELECT to_regclass('sekat_sessions_form')::text", &[]).await;
    if asked.map_err(|e| super::conn::fault(&e))?.and_then(|row| row.get::<_, Option<String>>(0)).is_none() {
        return Ok(0);
    }
    let asked = client.query_one("SELECT coalesce(max(version), 0) FROM sekat_sessions_form", &[]).await;
    let found: i32 = asked.map_err(|e| super::conn::fault(&e))?.get(0);
    match usize::try_from(found) {
        Ok(known) if known <= FORMS.len() => Ok(known),
        _ => Err(Fault::Newer { found, known: KNOWN }),
    }
}
