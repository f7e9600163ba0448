//! What do people let others find of themselves?
//!
//! Owns `data/profiles.db`, sealed as a whole. It holds what was published and nothing else, as it was published; each
//! person's vault is the truth, and brings its part here again whenever they differ. Who searches learns nothing of whose a
//! profile is but what stands on it.
use super::error::Result;
use super::handle::{Durability, Handle, Tx};
use super::migrate::Migration;
use super::profile::Edition;
use super::rows::{from_json, json};
use super::sqlcipher::RawKey;
use super::threads::{DbThreads, Turn};
use crate::domain::TelegramId;
use crate::domain::fold::{fold, natural_key};
use crate::domain::profile::{Anchor, Card, CardId, Found, Results};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use std::path::Path;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "cards",
    // Without a card: somebody who may has withdrawn this edition. `folded` is what a search looks into.
    sql: "CREATE TABLE cards (
            id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL UNIQUE, edition INTEGER NOT NULL,
            card TEXT, folded TEXT, sort TEXT);
          CREATE INDEX cards_sorted ON cards (sort, id) WHERE card IS NOT NULL;",
}];

/// At most this many stand on a page.
pub const PAGE: usize = 10;
/// Longer searches, and those of more words, are cut.
const LONGEST: usize = 100;
const WORDS: usize = 8;

/// What sharing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Others find what the person wants them to.
    Done,
    /// This edition was withdrawn by somebody who may, and stays so.
    Withdrawn,
}

/// The published profiles of this daemon.
#[derive(Clone)]
pub struct Profiles {
    handle: Handle,
}

impl Profiles {
    /// Those at `path`; opened on first use.
    pub fn new(threads: DbThreads, path: &Path, key: RawKey) -> Self {
        let turn = Turn { user: 0, lane: 4 };
        Profiles { handle: Handle::new(threads, turn, path.to_owned(), key, MIGRATIONS) }
    }

    /// Brings what others find of this person to what their vault says. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn share(&self, owner: TelegramId, card: Option<Card>, edition: Edition) -> Result<Sharing> {
        let there = self.handle.read(move |db| {
            let mut query = db.prepare_cached("SELECT edition, card FROM cards WHERE owner = ?1")?;
            let row = query.query_row([owner.0], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Option<String>>(1)?)));
            Ok(row.optional()?)
        });
        let wanted = card.as_ref().map(json).transpose()?;
        match there.await? {
            Some((of, None)) if of == edition.0 && wanted.is_some() => return Ok(Sharing::Withdrawn),
            Some((of, there)) if of == edition.0 && there == wanted => return Ok(Sharing::Done),
            None if wanted.is_none() => return Ok(Sharing::Done),
            _ => {}
        }
        self.handle.tx(Durability::Full, move |tx| write(tx, owner, card.as_ref(), edition)).await
    }

    /// Takes a published profile away, until its person publishes anew. Whose it was, also when it was away already: only
    /// for having them told. `None`: there is no such profile.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn withdraw(&self, id: CardId) -> Result<Option<TelegramId>> {
        let sql = "UPDATE cards SET card = NULL, folded = NULL, sort = NULL WHERE id = ?1 RETURNING owner";
        let withdraw = move |tx: &Tx<'_>| Ok(tx.query_row(sql, [id.0], |r| r.get(0).map(TelegramId)).optional()?);
        self.handle.tx(Durability::Full, withdraw).await
    }

    /// Forgets everything about a person; whether there was something.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn forget(&self, owner: TelegramId) -> Result<bool> {
        self.handle
            .tx(Durability::Full, move |tx| Ok(tx.execute("DELETE FROM cards WHERE owner = ?1", [owner.0])? > 0))
            .await
    }

    /// One published profile.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn get(&self, id: CardId) -> Result<Option<Found>> {
        self.handle
            .read(move |db| {
                let mut query = db.prepare_cached("SELECT card FROM cards WHERE id = ?1 AND card IS NOT NULL")?;
                let card = query.query_row([id.0], |r| from_json(&r.get::<_, String>(0)?)).optional()?;
                Ok(card.map(|card| Found { id, card }))
            })
            .await
    }

    /// Those that have every word of `text` somewhere, in any case and with or without diacritics: one page, by name, "2"
    /// before "10". Without a word, all. As long as the profile that a page begins with is there, nothing is skipped or
    /// shown twice, whatever came or went before it.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn search(&self, text: &str, from: Option<Anchor>) -> Result<Results> {
        let text: String = text.chars().take(LONGEST).collect();
        let mut words: Vec<String> = fold(&text).split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        words.truncate(WORDS);
        self.handle.read(move |db| page(db, &words, from)).await
    }

    /// Closes the file cleanly.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn close(&self) -> Result<()> {
        self.handle.close().await
    }
}

fn page(db: &Connection, words: &[String], from: Option<Anchor>) -> Result<Results> {
    let fitting = format!("FROM cards WHERE card IS NOT NULL{}", " AND instr(folded, ?)".repeat(words.len()));
    let with = |more: Vec<Value>| params_from_iter(words.iter().cloned().map(Value::Text).chain(more));
    let count = |more: &str, params: Vec<Value>| -> Result<usize> {
        let mut query = db.prepare_cached(&format!("SELECT count(*) {fitting}{more}"))?;
        Ok(query.query_row(with(params), |r| r.get(0))?)
    };
    let total = count("", Vec::new())?;
    let start = match from {
        None => 0,
        Some((first, before)) => {
            let mut query = db.prepare_cached(&format!("SELECT sort {fitting} AND id = ?"))?;
            let sort: Option<String> = query.query_row(with(vec![first.0.into()]), |r| r.get(0)).optional()?;
            match sort {
                Some(sort) => count(" AND (sort, id) < (?, ?)", vec![sort.into(), first.0.into()])?,
                // Gone: its old place is as near as one can come.
                None => usize::try_from(before).unwrap_or(usize::MAX).min(total.saturating_sub(1)),
            }
        }
    };
    // With the page before, and with what the next one begins with.
    let begin = start.saturating_sub(PAGE);
    let list = format!("SELECT id, card {fitting} ORDER BY sort, id LIMIT {} OFFSET {begin}", 2 * PAGE + 1);
    let mut query = db.prepare(&list)?;
    let rows = query.query_map(with(Vec::new()), |r| {
        Ok(Found { id: CardId(r.get(0)?), card: from_json(&r.get::<_, String>(1)?)? })
    })?;
    let mut around: Vec<Found> = rows.collect::<rusqlite::Result<_>>()?;
    let anchor = |at: usize| {
        let before = u32::try_from(at).unwrap_or(u32::MAX);
        around.get(at.checked_sub(begin)?).map(|found| (found.id, before))
    };
    let previous = if start > 0 { anchor(begin) } else { None };
    let next = anchor(start + PAGE);
    let found = around.drain(start - begin..).take(PAGE).collect();
    Ok(Results { found, before: start, total, previous, next })
}

fn write(tx: &Tx<'_>, owner: TelegramId, card: Option<&Card>, edition: Edition) -> Result<Sharing> {
    let Some(card) = card else {
        tx.execute("DELETE FROM cards WHERE owner = ?1", [owner.0])?;
        return Ok(Sharing::Done);
    };
    // It may have been withdrawn since it was looked at.
    let withdrawn = tx
        .prepare_cached("SELECT 1 FROM cards WHERE owner = ?1 AND edition = ?2 AND card IS NULL")?
        .exists(params![owner.0, edition.0])?;
    if withdrawn {
        return Ok(Sharing::Withdrawn);
    }
    tx.prepare_cached(
        "INSERT INTO cards (owner, edition, card, folded, sort) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (owner) DO UPDATE SET edition = ?2, card = ?3, folded = ?4, sort = ?5",
    )?
    .execute(params![owner.0, edition.0, json(card)?, searched(card), natural_key(card.name.as_str())])?;
    Ok(Sharing::Done)
}

/// What a search looks into: only what stands on the card. A line for each, so that no word runs over two of them.
fn searched(card: &Card) -> String {
    let about = card.about.as_ref().map(|about| fold(about.as_str()));
    let phone = card.phone.as_ref().map(|phone| phone.to_string());
    let email = card.email.as_ref().map(|email| fold(email.as_str()));
    let all = [Some(fold(card.name.as_str())), about, phone, email];
    all.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
