//! Who may use the bot: the one place that answers it.
//!
//! Owns `data/members.db`, sealed as a whole: whom a code let in, admins, who is blocked, and codes, of which only a keyed
//! digest is kept; and who has which plan. What is asked for every update is answered from memory and never waits; codes are
//! looked up in the file. It must not know why somebody asks.
mod invites;
mod orders;
mod plans;
mod roster;
#[cfg(test)]
mod tests;

use super::error::Result;
use super::handle::{Durability, Handle, Tx};
use super::migrate::Migration;
use super::seal::SealKey;
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::{AccessMode, AccessRules, Plan, Role, Standing, TelegramId};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use invites::{Redeemed, Which};

const MIGRATIONS: &[Migration] = &[Migration { version: 1, name: "members", sql: FIRST }, plans::MIGRATION];

const FIRST: &str = "CREATE TABLE invites (
            id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, uses INTEGER NOT NULL,
            used INTEGER NOT NULL DEFAULT 0 CHECK (used <= uses), note TEXT, made_at INTEGER NOT NULL, made_by INTEGER,
            expires_at INTEGER, revoked_at INTEGER);
          CREATE TABLE members (user INTEGER PRIMARY KEY, invite INTEGER NOT NULL, at INTEGER NOT NULL);
          CREATE INDEX members_by_invite ON members (invite);
          CREATE TABLE admins (user INTEGER PRIMARY KEY, at INTEGER NOT NULL);
          CREATE TABLE blocked (user INTEGER PRIMARY KEY, at INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0);
          CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

/// What the file says about people.
#[derive(Default)]
struct People {
    members: HashSet<TelegramId>,
    admins: HashSet<TelegramId>,
    /// And whether they were told.
    blocked: HashMap<TelegramId, bool>,
    bot: Option<String>,
    plans: HashMap<TelegramId, Plan>,
}

/// Who may use the bot. A clone is another reference to the same file and memory.
#[derive(Clone)]
pub struct Members {
    handle: Handle,
    digest: Arc<SealKey>,
    rules: Arc<AccessRules>,
    /// Locked for instants only.
    people: Arc<RwLock<People>>,
    /// Held over a commit and its entry in memory, so that both happen in the same order.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Members {
    /// The members at `path`; opened on first use. Nobody but those whom `rules` name is admitted before
    /// [`load`](Self::load).
    pub fn new(threads: DbThreads, path: &Path, key: RawKey, digest: SealKey, rules: AccessRules) -> Self {
        let turn = Turn { user: 0, lane: 4 };
        Members {
            handle: Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS),
            digest: Arc::new(digest),
            rules: Arc::new(rules),
            people: Arc::default(),
            writing: Arc::default(),
        }
    }

    /// Takes what the file says about people into memory.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn load(&self) -> Result<()> {
        let _writing = self.writing.lock().await;
        let people = self.handle.read(people).await?;
        *self.write() = people;
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, People> {
        self.people.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, People> {
        self.people.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How this person stands. Never waits.
    pub fn standing(&self, user: TelegramId) -> Standing {
        let by_rule = self.rules.role(user);
        if by_rule == Some(Role::Owner) {
            return Standing::Admitted(Role::Owner);
        }
        let people = self.read();
        if people.blocked.contains_key(&user) {
            return Standing::Blocked;
        }
        let made = people.admins.contains(&user).then_some(Role::Admin);
        let invited = (self.mode() == AccessMode::Invite && people.members.contains(&user)).then_some(Role::Member);
        by_rule.max(made).max(invited).map_or(Standing::Stranger, Standing::Admitted)
    }

    /// Whether this person may use the bot. Never waits.
    pub fn admits(&self, user: TelegramId) -> bool {
        matches!(self.standing(user), Standing::Admitted(_))
    }

    /// As what; whoever may not use the bot at all may do least. Never waits.
    pub fn role(&self, user: TelegramId) -> Role {
        match self.standing(user) {
            Standing::Admitted(role) => role,
            Standing::Blocked | Standing::Stranger => Role::default(),
        }
    }

    /// The operator, where the configuration names one.
    pub fn owner(&self) -> Option<TelegramId> {
        self.rules.owner
    }

    /// Who may besides those who are named.
    pub fn mode(&self) -> AccessMode {
        self.rules.mode
    }

    /// Whether this person is in because of what [`forget`](Self::forget) forgets.
    pub fn is_in_by_record(&self, user: TelegramId) -> bool {
        self.rules.role(user).is_none() && self.admits(user)
    }

    /// Whether this blocked person was told so.
    pub fn was_told(&self, user: TelegramId) -> bool {
        self.read().blocked.get(&user).copied().unwrap_or(true)
    }

    /// Notes that this blocked person was told so.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn note_told(&self, user: TelegramId) -> Result<()> {
        let _writing = self.writing.lock().await;
        let note = move |tx: &Tx<'_>| Ok(tx.execute("UPDATE blocked SET told = 1 WHERE user = ?1", [user.0])?);
        self.handle.tx(Durability::Full, note).await?;
        if let Some(told) = self.write().blocked.get_mut(&user) {
            *told = true;
        }
        Ok(())
    }

    /// Forgets that this person was let in, was an admin, made codes, has a plan. That somebody blocked them is not theirs to have
    /// forgotten; and a code that they used stays used.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn forget(&self, user: TelegramId) -> Result<()> {
        let _writing = self.writing.lock().await;
        let forget = move |tx: &Tx<'_>| {
            tx.execute("DELETE FROM members WHERE user = ?1", [user.0])?;
            tx.execute("DELETE FROM admins WHERE user = ?1", [user.0])?;
            tx.execute("DELETE FROM plans WHERE user = ?1", [user.0])?;
            tx.execute("UPDATE invites SET made_by = NULL WHERE made_by = ?1", [user.0])?;
            Ok(())
        };
        self.handle.tx(Durability::Full, forget).await?;
        let mut people = self.write();
        people.members.remove(&user);
        people.admins.remove(&user);
        people.plans.remove(&user);
        Ok(())
    }

    /// Notes the bot's user name, for the links that codes come with.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn note_bot(&self, name: &str) -> Result<()> {
        let name = name.trim_start_matches('@').to_owned();
        if self.read().bot.as_ref() == Some(&name) {
            return Ok(());
        }
        let _writing = self.writing.lock().await;
        let noted = name.clone();
        let note = move |tx: &Tx<'_>| Ok(tx.execute("INSERT OR REPLACE INTO facts VALUES ('bot', ?1)", [noted])?);
        self.handle.tx(Durability::Full, note).await?;
        self.write().bot = Some(name);
        Ok(())
    }

    /// The bot's user name, if a daemon has ever learnt it.
    pub fn bot(&self) -> Option<String> {
        self.read().bot.clone()
    }

    /// Closes the file cleanly.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn close(&self) -> Result<()> {
        self.handle.close().await
    }
}

fn people(db: &Connection) -> Result<People> {
    let ids = |sql| -> Result<HashSet<TelegramId>> {
        let mut query = db.prepare(sql)?;
        let rows = query.query_map([], |r| r.get(0).map(TelegramId))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let mut query = db.prepare("SELECT user, told FROM blocked")?;
    let blocked = query.query_map([], |r| Ok((TelegramId(r.get(0)?), r.get(1)?)))?;
    Ok(People {
        members: ids("SELECT user FROM members")?,
        admins: ids("SELECT user FROM admins")?,
        blocked: blocked.collect::<rusqlite::Result<_>>()?,
        plans: plans::all(db)?,
        bot: db.query_row("SELECT value FROM facts WHERE name = 'bot'", [], |r| r.get(0)).optional()?,
    })
}
