//! Codes: made, used, listed, taken back.
use super::Members;
use crate::domain::{Invite, InviteCode, TelegramId, Terms, Timestamp};
use crate::store::error::Result;
use crate::store::handle::{Durability, Tx};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What trying a code came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// It let them in, now.
    Joined,
    /// They were in already; nothing was used.
    Already,
    /// It lets nobody in: there is no such code, it is used up, over or taken back.
    Refused,
}

/// Which code is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Code(InviteCode),
    /// The one with this number.
    Number(i64),
}

const SELECT: &str = "SELECT id, uses, used, note, made_at, made_by, expires_at, revoked_at FROM invites";

fn invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    let moment = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp));
    Ok(Invite {
        id: row.get(0)?,
        uses: row.get(1)?,
        used: row.get(2)?,
        note: row.get(3)?,
        made_at: Timestamp(row.get(4)?),
        made_by: row.get::<_, Option<u64>>(5)?.map(TelegramId),
        expires_at: moment(6)?,
        revoked_at: moment(7)?,
        members: Vec::new(),
    })
}

/// Makes a code; one that is there already stays as it is. Until when it holds.
pub(super) fn create(
    tx: &Tx<'_>,
    digest: [u8; 32],
    terms: &Terms,
    by: Option<TelegramId>,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let expires_at = terms.expires_in.map(|time| now.after(time).0);
    tx.execute(
        "INSERT INTO invites (digest, uses, note, made_at, made_by, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (digest) DO NOTHING",
        params![digest, terms.uses, terms.note, now.0, by.map(|by| by.0), expires_at],
    )?;
    let kept: Option<i64> =
        tx.query_row("SELECT expires_at FROM invites WHERE digest = ?1", [digest], |row| row.get(0))?;
    Ok(kept.map(Timestamp))
}

/// The newest codes, newest first, with whom they let in.
pub(super) fn list(db: &Connection, most: usize) -> Result<Vec<Invite>> {
    let mut query = db.prepare(&format!("{SELECT} ORDER BY id DESC LIMIT ?1"))?;
    let invites = query.query_map([most], invite)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut members = db.prepare("SELECT user, at FROM members WHERE invite = ?1 ORDER BY at, user")?;
    let with_members = invites.into_iter().map(|invite| {
        let rows = members.query_map([invite.id], |r| Ok((TelegramId(r.get(0)?), Timestamp(r.get(1)?))))?;
        Ok(Invite { members: rows.collect::<rusqlite::Result<_>>()?, ..invite })
    });
    with_members.collect()
}

/// Takes a code back. `None`: there is none; else whether it was not taken back before.
pub(super) fn revoke(tx: &Tx<'_>, id: i64, now: Timestamp) -> Result<Option<bool>> {
    let found: Option<Option<i64>> =
        tx.query_row("SELECT revoked_at FROM invites WHERE id = ?1", [id], |r| r.get(0)).optional()?;
    if found == Some(None) {
        tx.execute("UPDATE invites SET revoked_at = ?2 WHERE id = ?1", params![id, now.0])?;
    }
    Ok(found.map(|revoked_at| revoked_at.is_none()))
}

impl Members {
    /// What is kept of a code.
    pub(super) fn digest(&self, code: &InviteCode) -> [u8; 32] {
        self.digest.keyed_digest("invite", code.bytes())
    }

    /// Makes this code on these terms, from the command line. Until when it holds.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn create(&self, code: InviteCode, terms: Terms, now: Timestamp) -> Result<Option<Timestamp>> {
        let digest = self.digest(&code);
        self.handle.tx(Durability::Full, move |tx| create(tx, digest, &terms, None, now)).await
    }

    /// The newest codes, newest first.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn invites(&self, most: usize) -> Result<Vec<Invite>> {
        self.handle.read(move |db| list(db, most)).await
    }

    /// Takes a code back; whom it let in stays in. `None`: there is no such code; else its number, and whether it was not
    /// taken back before.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn revoke(&self, which: Which, now: Timestamp) -> Result<Option<(i64, bool)>> {
        let digest = match which {
            Which::Code(code) => Some(self.digest(&code)),
            Which::Number(_) => None,
        };
        self.handle
            .tx(Durability::Full, move |tx| {
                let id = match which {
                    Which::Number(id) => Some(id),
                    Which::Code(_) => tx
                        .query_row("SELECT id FROM invites WHERE digest = ?1", params![digest], |r| r.get(0))
                        .optional()?,
                };
                let Some(id) = id else { return Ok(None) };
                Ok(revoke(tx, id, now)?.map(|changed| (id, changed)))
            })
            .await
    }

    /// Tries a code. The use is counted and the person let in by one commit, on disk when it returns; asked again after a
    /// kill it finds them in.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError); then nothing has happened.
    pub async fn redeem(&self, user: TelegramId, code: &InviteCode, now: Timestamp) -> Result<Redeemed> {
        let digest = self.digest(code);
        let _writing = self.writing.lock().await;
        let redeem = move |tx: &Tx<'_>| {
            if tx.prepare_cached("SELECT 1 FROM members WHERE user = ?1")?.exists([user.0])? {
                return Ok(Redeemed::Already);
            }
            let mut count = tx.prepare_cached(
                "UPDATE invites SET used = used + 1 WHERE digest = ?1 AND used < uses AND revoked_at IS NULL
                   AND (expires_at IS NULL OR expires_at > ?2) RETURNING id",
            )?;
            let invite: Option<i64> = count.query_row(params![digest, now.0], |r| r.get(0)).optional()?;
            let Some(invite) = invite else { return Ok(Redeemed::Refused) };
            tx.execute("INSERT INTO members VALUES (?1, ?2, ?3)", params![user.0, invite, now.0])?;
            Ok(Redeemed::Joined)
        };
        let redeemed = self.handle.tx(Durability::Full, redeem).await?;
        if redeemed != Redeemed::Refused {
            self.write().members.insert(user);
        }
        Ok(redeemed)
    }
}
