//! Who has which plan.
//!
//! Asked for every step, so it is in memory. Nobody else changes the file while this process has the data folder.
use super::Members;
use crate::domain::{Plan, TelegramId, Timestamp};
use crate::store::error::Result;
use crate::store::handle::{Durability, Tx};
use crate::store::migrate::Migration;
use crate::store::rows::{from_word, word};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

pub(super) const MIGRATION: Migration = Migration {
    version: 2,
    name: "plans",
    sql: "CREATE TABLE plans (user INTEGER PRIMARY KEY, plan TEXT NOT NULL, at INTEGER NOT NULL);",
};

/// Plans, and since when.
type Rows = Vec<(TelegramId, Plan, Timestamp)>;

pub(super) fn rows(db: &Connection) -> Result<Rows> {
    let mut query = db.prepare("SELECT user, plan, at FROM plans ORDER BY at DESC, user")?;
    let rows = query
        .query_map([], |r| Ok((TelegramId(r.get(0)?), from_word(&r.get::<_, String>(1)?)?, Timestamp(r.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn all(db: &Connection) -> Result<HashMap<TelegramId, Plan>> {
    Ok(rows(db)?.into_iter().map(|(user, plan, _)| (user, plan)).collect())
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
    Ok(had)
}

impl Members {
    /// This person's plan, where they have one. Never waits.
    pub fn plan(&self, user: TelegramId) -> Option<Plan> {
        self.read().plans.get(&user).copied()
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
            Some(plan) => people.plans.insert(user, plan),
            None => people.plans.remove(&user),
        };
    }
}
