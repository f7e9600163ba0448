//! What came in Telegram's name and is no update.
//!
//! Telegram brings again whatever is not acknowledged, and holds back what comes after it; so this is taken too, and kept for
//! whoever looks into it. Owns no more than the newest few.
use super::Spool;
use crate::domain::Timestamp;
use crate::store::error::Result;
use crate::store::handle::Durability;
use rusqlite::{Connection, OptionalExtension, params};

/// How many are kept: each may be as large as an update may be (1 MiB), and one or two tell what is wrong.
const KEPT: u64 = 16;

impl Spool {
    /// Keeps what is no update, on disk when it returns: from then on Telegram may forget it. The newest 16 are kept.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError); then it is not kept.
    pub async fn set_aside(&self, body: Vec<u8>) -> Result<()> {
        let bot = self.bot;
        self.handle
            .tx(Durability::Full, move |tx| {
                tx.prepare_cached("INSERT INTO unreadable (bot, received_at, body) VALUES (?1, ?2, ?3)")?
                    .execute(params![bot, Timestamp::now().0, body])?;
                tx.prepare_cached("DELETE FROM unreadable WHERE id <= (SELECT max(id) FROM unreadable) - ?1")?
                    .execute([KEPT])?;
                Ok(())
            })
            .await
    }
}

/// How many there ever were.
pub(super) fn count(db: &Connection, bot: i64) -> Result<u64> {
    let mut newest = db.prepare_cached("SELECT id FROM unreadable WHERE bot = ?1 ORDER BY id DESC LIMIT 1")?;
    Ok(newest.query_row([bot], |row| row.get(0)).optional()?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlcipher::RawKey;
    use crate::store::threads::DbThreads;

    #[tokio::test]
    async fn the_newest_are_kept_and_all_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(DbThreads::start(1), &folder.path().join("spool.db"), RawKey::new([1; 32]), 7);
        assert_eq!(spool.load().await.unwrap().unreadable, 0);
        for n in 0..KEPT + 4 {
            spool.set_aside(vec![0xff, u8::try_from(n).unwrap()]).await.unwrap();
        }
        let load = spool.load().await.unwrap();
        assert_eq!((load.rows, load.unreadable), (0, KEPT + 4));
        let bodies = spool.handle.read(|db| {
            let mut query = db.prepare("SELECT body FROM unreadable ORDER BY id")?;
            let bodies = query.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
            Ok(bodies.collect::<rusqlite::Result<Vec<_>>>()?)
        });
        let bodies = bodies.await.unwrap();
        assert_eq!((bodies.len(), bodies[0][1]), (16, 4));
    }
}
