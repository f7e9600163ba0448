//! Who has which plan.
//!
//! Asked for every step, so it is in memory. Another process may change the file (`sekat plan`), so each change raises an
//! edition there. Who is about to act looks, a few times a second at most, whether the file was written to at all; only then
//! is it read.
use super::Members;
use crate::domain::{Plan, TelegramId, Timestamp};
use crate::store::error::Result;
use crate::store::handle::{Durability, Tx};
use crate::store::migrate::Migration;
use crate::store::rows::{from_word, word};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

pub(super) const MIGRATION: Migration = Migration {
    version: 2,
    name: "plans",
    sql: "CREATE TABLE plans (user INTEGER PRIMARY KEY, plan TEXT NOT NULL, at INTEGER NOT NULL);",
};

/// What was looked at so long ago may be older than what another process has changed.
const FRESH: Duration = Duration::from_millis(50);
/// A file that could not be read is left alone for so long.
const BROKEN: Duration = Duration::from_secs(60);

/// What was written so short a time ago may hold more than could be read: a commit is seen only after its flush, which changes
/// nothing that can be seen from outside, and the file system's clock has coarse ticks.
const SETTLES: Duration = Duration::from_secs(10);

/// Plans, and since when.
type Rows = Vec<(TelegramId, Plan, Timestamp)>;

/// When the file, and the log beside it, were last written to, and how long they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written([Option<(SystemTime, u64)>; 2]);

impl Written {
    /// As it is now.
    fn of(path: &Path) -> Written {
        let mut log = path.to_owned().into_os_string();
        log.push("-wal");
        let look = |path: &Path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        Written([look(path), look(Path::new(&log))])
    }

    /// Whether all that was written could be read.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now();
        self.0.iter().flatten().all(|(at, _)| now.duration_since(*at).is_ok_and(|age| age > SETTLES))
    }
}

/// When it was last looked whether another process has changed the plans.
#[derive(Default)]
pub(super) struct Looked {
    /// Before this nobody looks again.
    pub(super) next: Option<Instant>,
    /// What the file was like before it was last read.
    read: Option<Written>,
}

/// The plans as they are in memory.
#[derive(Default)]
pub(super) struct Plans {
    pub(super) of: HashMap<TelegramId, Plan>,
    edition: i64,
}

fn edition(db: &Connection) -> Result<i64> {
    let mut query = db.prepare_cached("SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'plans'")?;
    Ok(query.query_row([], |r| r.get(0)).optional()?.unwrap_or_default())
}

pub(super) fn rows(db: &Connection) -> Result<Rows> {
    let mut query = db.prepare("SELECT user, plan, at FROM plans ORDER BY at DESC, user")?;
    let rows = query
        .query_map([], |r| Ok((TelegramId(r.get(0)?), from_word(&r.get::<_, String>(1)?)?, Timestamp(r.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn all(db: &Connection) -> Result<Plans> {
    let of = rows(db)?.into_iter().map(|(user, plan, _)| (user, plan)).collect();
    Ok(Plans { of, edition: edition(db)? })
}

/// Gives this plan, or takes it away; what they had before.
pub(super) fn set(tx: &Tx<'_>, user: TelegramId, plan: Option<Plan>, now: Timestamp) -> Result<Option<Plan>> {
    let had = tx.query_row("SELECT plan FROM plans WHERE user = ?1", [user.0], |r| r.get::<_, String>(0)).optional()?;
    let had = had.map(|plan| from_word(&plan)).transpose()?;
    if had == plan {
        return Ok(had);
    }
    match plan {
        Some(plan) => {
            let values = params![user.0, word(&plan)?, now.0];
            tx.execute("INSERT OR REPLACE INTO plans (user, plan, at) VALUES (?1, ?2, ?3)", values)?
        }
        None => tx.execute("DELETE FROM plans WHERE user = ?1", [user.0])?,
    };
    tx.execute(
        "INSERT INTO facts VALUES ('plans', '1') ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
        [],
    )?;
    Ok(had)
}

impl Members {
    /// This person's plan, where they have one. Never waits.
    pub fn plan(&self, user: TelegramId) -> Option<Plan> {
        self.read().plans.of.get(&user).copied()
    }

    /// Everybody's plans, with since when they have them, the newest first.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn plans(&self) -> Result<Vec<(TelegramId, Plan, Timestamp)>> {
        self.handle.read(rows).await
    }

    /// Gives this person a plan, or takes it away, from the command line; what they had before.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn set_plan(&self, user: TelegramId, plan: Option<Plan>, now: Timestamp) -> Result<Option<Plan>> {
        let _writing = self.writing.lock().await;
        let had = self.handle.tx(Durability::Full, move |tx| set(tx, user, plan, now)).await?;
        self.remember_plan(user, plan);
        Ok(had)
    }

    pub(super) fn remember_plan(&self, user: TelegramId, plan: Option<Plan>) {
        let mut people = self.write();
        match plan {
            Some(plan) => people.plans.of.insert(user, plan),
            None => people.plans.of.remove(&user),
        };
    }

    /// Takes over what another process has changed of the plans, unless that was looked for just now. Waits only where the file
    /// was written to.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError); then the plans are as they were, and the next look is a while later.
    pub async fn look_at_plans(&self) -> Result<()> {
        let written = {
            let (mut looked, now) = (self.looked.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
            if looked.next.is_some_and(|next| now < next) {
                return Ok(());
            }
            looked.next = Some(now + FRESH);
            let written = Written::of(self.handle.path());
            if looked.read == Some(written) {
                return Ok(());
            }
            written
        };
        let taken = self.take_over_plans().await;
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        match taken {
            Ok(()) => looked.read = Some(written).filter(Written::is_settled),
            Err(_) => looked.next = Some(Instant::now() + BROKEN),
        }
        taken
    }

    async fn take_over_plans(&self) -> Result<()> {
        let _writing = self.writing.lock().await;
        let known = self.read().plans.edition;
        let changed = self.handle.read(move |db| if edition(db)? == known { Ok(None) } else { all(db).map(Some) });
        if let Some(plans) = changed.await? {
            self.write().plans = plans;
        }
        Ok(())
    }
}
