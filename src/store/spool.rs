//! Updates on their way in: committed here before Telegram hears that we have them.
//!
//! Owns `data/spool.db`, sealed as a whole. A row lives from the listener's commit until its owner's vault has taken it.
//! Rows are read by their owner only. Nothing here knows what an update says.
use super::error::Result;
use super::handle::{Durability, Handle, Tx};
use super::migrate::Migration;
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{TelegramId, UpdateId};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "updates",
    sql: "CREATE TABLE updates (
            bot INTEGER NOT NULL, update_id INTEGER NOT NULL, user INTEGER NOT NULL, payload TEXT NOT NULL,
            PRIMARY KEY (bot, update_id)) WITHOUT ROWID;
          CREATE INDEX updates_by_user ON updates (user, update_id);
          CREATE TABLE cursor (bot INTEGER PRIMARY KEY, next_update INTEGER NOT NULL);",
}];

/// One stored update.
#[derive(Clone)]
pub struct Spooled {
    /// Telegram's id of it.
    pub update: UpdateId,
    /// Whose it is.
    pub user: TelegramId,
    /// Its JSON, as received.
    pub payload: String,
}

/// What a worker asks for: to forget what it has taken, and to be given what waits.
struct Ask {
    user: TelegramId,
    done: Vec<UpdateId>,
    after: Option<UpdateId>,
    limit: usize,
    answer: oneshot::Sender<Vec<Spooled>>,
}

/// The spool of one bot.
#[derive(Clone)]
pub struct Spool {
    handle: Handle,
    bot: i64,
    /// Asked and not looked at yet. Locked for instants only.
    asks: Arc<Mutex<Vec<Ask>>>,
}

impl Spool {
    /// The spool at `path` for the bot with this id; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey, bot: i64) -> Self {
        let turn = Turn { user: 0, lane: 0 };
        Spool { handle: Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS), bot, asks: Arc::default() }
    }

    /// The bot whose updates these are.
    pub fn bot(&self) -> i64 {
        self.bot
    }

    /// Stores a batch and remembers that everything below `next` has been seen. One commit, on disk when it returns: from
    /// then on Telegram may forget the batch. A row that is here already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then nothing of the batch is stored.
    pub async fn commit(&self, batch: Vec<Spooled>, next: UpdateId) -> Result<()> {
        let bot = self.bot;
        self.handle
            .tx(Durability::Full, move |tx| {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO updates (bot, update_id, user, payload) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?;
                for row in &batch {
                    insert.execute(params![bot, row.update.0, row.user.0, row.payload])?;
                }
                tx.prepare_cached("INSERT INTO cursor VALUES (?1, ?2) ON CONFLICT (bot) DO UPDATE SET next_update = ?2")?
                    .execute(params![bot, next.0])?;
                Ok(())
            })
            .await
    }

    /// Where to go on asking Telegram after a start; `None` at the very first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn cursor(&self) -> Result<Option<UpdateId>> {
        let bot = self.bot;
        self.handle
            .read(move |db| {
                let mut query = db.prepare_cached("SELECT next_update FROM cursor WHERE bot = ?1")?;
                Ok(query.query_map([bot], |r| r.get(0).map(UpdateId))?.next().transpose()?)
            })
            .await
    }

    /// The user's waiting rows, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn waiting(&self, user: TelegramId, limit: usize) -> Result<Vec<Spooled>> {
        let bot = self.bot;
        self.handle.read(move |db| waiting(db, bot, user, None, limit)).await
    }

    /// Forgets rows that their owner's vault has taken, and gives the next ones after `after`, oldest first, at most `limit`.
    /// Those who ask at the same time share one transaction: with many users at work it costs each of them next to nothing.
    ///
    /// Needs no flush: a row that comes back meets its key in the vault.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); then nothing is forgotten.
    pub async fn next(
        &self,
        user: TelegramId,
        done: &[UpdateId],
        after: Option<UpdateId>,
        limit: usize,
    ) -> Result<Vec<Spooled>> {
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut asks = self.asks();
            asks.push(Ask { user, done: done.to_vec(), after, limit, answer });
            asks.len() == 1
        };
        if first {
            // Submitted before anything is waited for, so whoever finds an ask already there is served by this one.
            self.serve().await;
        }
        if let Ok(rows) = answered.await {
            return Ok(rows);
        }
        // The shared transaction failed, perhaps by somebody else's doing: alone, with an error of one's own.
        if !done.is_empty() {
            self.done(done.to_vec()).await?;
        }
        let bot = self.bot;
        self.handle.read(move |db| waiting(db, bot, user, after, limit)).await
    }

    fn asks(&self) -> MutexGuard<'_, Vec<Ask>> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers everybody who has asked until the transaction runs. Whoever gets no answer finds their channel closed.
    async fn serve(&self) {
        let (bot, asks) = (self.bot, Arc::clone(&self.asks));
        let served = self.handle.tx(Durability::Normal, move |tx| {
            let asks = std::mem::take(&mut *asks.lock().unwrap_or_else(PoisonError::into_inner));
            let serve = |ask: Ask| {
                forget(tx, bot, &ask.done)?;
                Ok((ask.answer, waiting(tx, bot, ask.user, ask.after, ask.limit)?))
            };
            asks.into_iter().map(serve).collect::<Result<Vec<_>>>()
        });
        match served.await {
            Ok(answers) => {
                for (answer, rows) in answers {
                    // Whoever has gone asks again when they come back.
                    drop(answer.send(rows));
                }
            }
            // Those whom the transaction did not get to see would wait for ever.
            Err(_) => self.asks().clear(),
        }
    }

    /// Everybody who has rows waiting: asked once, at start.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn users(&self) -> Result<Vec<TelegramId>> {
        let bot = self.bot;
        self.handle
            .read(move |db| {
                let mut query = db.prepare("SELECT DISTINCT user FROM updates WHERE bot = ?1")?;
                let rows = query.query_map([bot], |r| r.get(0).map(TelegramId))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// Forgets rows that their owner's vault has taken. Needs no flush: a row that comes back meets its key there.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn done(&self, updates: Vec<UpdateId>) -> Result<()> {
        let bot = self.bot;
        self.handle.tx(Durability::Normal, move |tx| forget(tx, bot, &updates)).await
    }

    /// Forgets what waits for this user, up to and including `until`; everything when there is no bound.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn forget(&self, user: TelegramId, until: Option<UpdateId>) -> Result<usize> {
        let until = until.map_or(i64::MAX, |u| u.0);
        self.handle
            .tx(Durability::Full, move |tx| {
                Ok(tx.execute("DELETE FROM updates WHERE user = ?1 AND update_id <= ?2", params![user.0, until])?)
            })
            .await
    }

    /// Closes the file cleanly.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn close(&self) -> Result<()> {
        self.handle.close().await
    }
}

/// The index is named because SQLite would rather walk the primary key, which has the right order already: past everybody
/// else's rows, decrypting each page of them.
const WAITING: &str = "SELECT update_id, payload FROM updates INDEXED BY updates_by_user
     WHERE user = ?1 AND update_id > ?2 AND bot = ?3 ORDER BY update_id LIMIT ?4";

fn waiting(db: &Connection, bot: i64, user: TelegramId, after: Option<UpdateId>, limit: usize) -> Result<Vec<Spooled>> {
    let mut query = db.prepare_cached(WAITING)?;
    let after = after.map_or(i64::MIN, |update| update.0);
    let rows = query.query_map(params![user.0, after, bot, limit], |r| {
        Ok(Spooled { update: UpdateId(r.get(0)?), user, payload: r.get(1)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn forget(tx: &Tx<'_>, bot: i64, updates: &[UpdateId]) -> Result<()> {
    let mut delete = tx.prepare_cached("DELETE FROM updates WHERE bot = ?1 AND update_id = ?2")?;
    for update in updates {
        delete.execute(params![bot, update.0])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: i64 = 7;

    fn row(update: i64, user: u64) -> Spooled {
        Spooled { update: UpdateId(update), user: TelegramId(user), payload: format!("{{\"update_id\":{update}}}") }
    }

    fn ids(rows: &[Spooled]) -> Vec<i64> {
        rows.iter().map(|row| row.update.0).collect()
    }

    #[tokio::test]
    async fn those_who_ask_together_each_get_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
        let users = 50;
        let rows = (0..200).map(|n| row(n, 1 + u64::try_from(n).unwrap() % users)).collect();
        spool.commit(rows, UpdateId(200)).await.unwrap();
        let drain = |user: u64| {
            let spool = spool.clone();
            async move {
                let mut seen = Vec::new();
                let mut done = Vec::new();
                loop {
                    let rows = spool.next(TelegramId(user), &done, None, 3).await.unwrap();
                    if rows.is_empty() {
                        return seen;
                    }
                    assert!(rows.iter().all(|row| row.user == TelegramId(user)));
                    seen.extend(ids(&rows));
                    done = rows.iter().map(|row| row.update).collect();
                }
            }
        };
        let all = futures_util::future::join_all((1..=users).map(drain)).await;
        for (n, seen) in all.iter().enumerate() {
            let first = i64::try_from(n).unwrap();
            assert_eq!(*seen, [first, first + 50, first + 100, first + 150]);
        }
        assert!(spool.users().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn finding_ones_own_does_not_walk_past_everybody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
        spool.commit((0..5_000).map(|n| row(n, 8)).collect(), UpdateId(5_000)).await.unwrap();
        spool.commit(vec![row(5_000, 7)], UpdateId(5_001)).await.unwrap();
        let steps = spool.handle.read(|db| {
            let mut query = db.prepare(WAITING)?;
            let found: i64 = query.query_row(params![7, i64::MIN, BOT, 32], |r| r.get(0))?;
            assert_eq!(found, 5_000);
            Ok(query.get_status(rusqlite::StatementStatus::VmStep))
        });
        let steps = steps.await.unwrap();
        assert!(steps < 100, "{steps} steps of SQLite for one row");
    }

    #[tokio::test]
    async fn one_who_gives_up_leaves_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let threads = DbThreads::start(1);
        let spool = Spool::new(threads.clone(), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
        spool.commit(vec![row(1, 8), row(2, 9)], UpdateId(3)).await.unwrap();
        // The only thread is busy until it is let go, so nothing is served before the first gives up.
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn(async move { threads.run(Turn { user: 99, lane: 0 }, move || held.recv()).await });
        tokio::task::yield_now().await;
        // The first is polled once and dropped: it was to serve the second, too.
        let mut given_up = Box::pin(spool.next(TelegramId(8), &[], None, 5));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        let second = spool.next(TelegramId(9), &[UpdateId(1)], None, 5);
        drop(given_up);
        let_go.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
        assert_eq!(ids(&second.await.unwrap()), [2]);
        assert!(spool.next(TelegramId(8), &[], None, 5).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn after_the_end_everybody_gets_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let threads = DbThreads::start(1);
        let spool = Spool::new(threads.clone(), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
        threads.stop();
        let asked = (1..5).map(|user| spool.next(TelegramId(user), &[], None, 5));
        assert!(futures_util::future::join_all(asked).await.iter().all(Result::is_err));
    }
}
