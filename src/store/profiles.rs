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
use crate::domain::profile::{Card, CardId};
use rusqlite::{OptionalExtension, params, params_from_iter};
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

/// A published profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub id: CardId,
    /// What stands on it.
    pub card: Card,
}

/// Some of what a search has found, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// They.
    pub found: Vec<Found>,
    /// Which page this is, from 0; the last one where there are fewer than were asked for.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// How many were found in all.
    pub total: usize,
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

    /// Takes a published profile away, until its person publishes anew. `false`: it is not there.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn withdraw(&self, id: CardId) -> Result<bool> {
        let sql = "UPDATE cards SET card = NULL, folded = NULL, sort = NULL WHERE id = ?1 AND card IS NOT NULL";
        self.handle.tx(Durability::Full, move |tx| Ok(tx.execute(sql, [id.0])? > 0)).await
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
    /// before "10". Without a word, all.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub async fn search(&self, text: &str, page: usize) -> Result<Results> {
        let text: String = text.chars().take(LONGEST).collect();
        let mut words: Vec<String> = fold(&text).split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        words.truncate(WORDS);
        self.handle
            .read(move |db| {
                let matching = " AND instr(folded, ?)".repeat(words.len());
                let count = format!("SELECT count(*) FROM cards WHERE card IS NOT NULL{matching}");
                let total: i64 = db.prepare_cached(&count)?.query_row(params_from_iter(&words), |r| r.get(0))?;
                let total = usize::try_from(total).unwrap_or(0);
                let pages = total.div_ceil(PAGE);
                let page = page.min(pages.saturating_sub(1));
                let list = format!(
                    "SELECT id, card FROM cards WHERE card IS NOT NULL{matching}
                     ORDER BY sort, id LIMIT {PAGE} OFFSET {}",
                    page * PAGE
                );
                let mut query = db.prepare(&list)?;
                let rows = query.query_map(params_from_iter(&words), |r| {
                    Ok(Found { id: CardId(r.get(0)?), card: from_json(&r.get::<_, String>(1)?)? })
                })?;
                Ok(Results { found: rows.collect::<rusqlite::Result<_>>()?, page, pages, total })
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
