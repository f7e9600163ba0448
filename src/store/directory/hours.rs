//! What was done in each hour, by everybody together.
use super::Directory;
use crate::domain::{Hour, Timestamp};
use crate::store::error::Result;
use crate::store::handle::{Durability, Tx};
use crate::store::migrate::Migration;
use rusqlite::params;

pub(super) const MIGRATION: Migration = Migration {
    version: 3,
    name: "hours",
    sql: "CREATE TABLE hours (at INTEGER PRIMARY KEY, updates INTEGER NOT NULL, received INTEGER NOT NULL,
            sent INTEGER NOT NULL);",
};

/// How many hours are kept: 31 days.
const KEPT: i64 = 31 * 24;

fn add(tx: &Tx<'_>, more: &Hour) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO hours VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
           updates = updates + excluded.updates, received = received + excluded.received, sent = sent + excluded.sent",
    )?
    .execute(params![more.at.0, more.updates, more.received, more.sent])?;
    tx.prepare_cached("DELETE FROM hours WHERE at < ?1")?.execute([more.at.0 - KEPT * Hour::MILLIS])?;
    Ok(())
}

impl Directory {
    /// Adds to what was done in an hour. A power failure may take it back.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError). Cancellation: once polled it happens.
    pub async fn add_to_hour(&self, more: Hour) -> Result<()> {
        self.handle.tx(Durability::Normal, move |tx| add(tx, &more)).await
    }

    /// The hours since `from` in which something was done, oldest first.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn hours(&self, from: Timestamp) -> Result<Vec<Hour>> {
        self.handle
            .read(move |db| {
                let mut query =
                    db.prepare_cached("SELECT at, updates, received, sent FROM hours WHERE at >= ?1 ORDER BY at")?;
                let hours = query.query_map([from.0], |row| {
                    Ok(Hour {
                        at: Timestamp(row.get(0)?),
                        updates: row.get(1)?,
                        received: row.get(2)?,
                        sent: row.get(3)?,
                    })
                })?;
                Ok(hours.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DbThreads, RawKey};

    #[tokio::test]
    async fn an_hour_adds_up_and_a_month_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(DbThreads::start(1), &folder.path().join("directory.db"), RawKey::new([7; 32]));
        let now = Timestamp(1_790_000_000_000);
        let hour = |ago: i64, received| Hour {
            at: Hour::of(Timestamp(now.0 - ago * Hour::MILLIS)),
            received,
            ..Hour::default()
        };
        for more in [hour(KEPT + 1, 9), hour(KEPT, 8), hour(1, 5), hour(0, 2), Hour { sent: 3, ..hour(0, 1) }] {
            directory.add_to_hour(more).await.unwrap();
        }
        let all = directory.hours(Timestamp(0)).await.unwrap();
        assert_eq!(all, [hour(KEPT, 8), hour(1, 5), Hour { sent: 3, ..hour(0, 3) }]);
        assert_eq!(directory.hours(hour(0, 0).at).await.unwrap().len(), 1);
    }
}
