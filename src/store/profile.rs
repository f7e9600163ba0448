//! What the person has told of themselves, what of it they have published, and the registration that is under way.
//!
//! The truth about all three. What others may find is brought to it by `users`, which tells here what it has done.
use super::error::Result;
use super::handle::Tx;
use super::rows::{from_json, json};
use crate::domain::profile::{Card, Details, Profile, REGISTRATION_LIFE, Registration, Shows, zone_named};
use crate::domain::{About, Email, PersonName, PhoneNumber, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Which publishing or withdrawing this is, of one person's. It rises with each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edition(pub i64);

/// What others are to find, as the person wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// What they see; nothing.
    pub card: Option<Card>,
    /// Which this is.
    pub edition: Edition,
    /// Whether others find it so already, as far as is known.
    pub is_shared: bool,
}

/// A registration as it is kept for taking it up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// It, unless it has ended.
    pub registration: Option<Registration>,
    /// Under which name a session of it was stored outside.
    pub outside: Option<String>,
}

fn unreadable<E>(_: E) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, "a stored value cannot be read".into())
}

fn profile(row: &Row<'_>) -> rusqlite::Result<Profile> {
    let details = Details {
        phone: PhoneNumber::parse(&row.get::<_, String>(0)?).map_err(unreadable)?,
        name: PersonName::try_from(row.get::<_, String>(1)?).map_err(unreadable)?,
        email: row.get::<_, Option<String>>(2)?.map(Email::try_from).transpose().map_err(unreadable)?,
        zone: zone_named(&row.get::<_, String>(3)?),
        about: row.get::<_, Option<String>>(4)?.map(About::try_from).transpose().map_err(unreadable)?,
    };
    let published = row.get::<_, Option<String>>(6)?.map(|card| from_json(&card)).transpose()?;
    Ok(Profile { details, registered_at: Timestamp(row.get(5)?), published })
}

/// The person's profile, once they have registered.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn get(db: &Connection) -> Result<Option<Profile>> {
    let mut query =
        db.prepare_cached("SELECT phone, name, email, zone, about, registered_at, card FROM profile WHERE one = 1")?;
    Ok(query.query_row([], profile).optional()?)
}

/// Writes what the person has told. The first time they are registered hereby; what is published stays as it is.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn save(tx: &Tx<'_>, details: &Details, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO profile (one, phone, name, email, zone, about, registered_at) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (one) DO UPDATE SET phone = ?1, name = ?2, email = ?3, zone = ?4, about = ?5",
    )?
    .execute(params![
        details.phone.digits(),
        details.name.as_str(),
        details.email.as_ref().map(Email::as_str),
        details.zone.name(),
        details.about.as_ref().map(About::as_str),
        now.0
    ])?;
    Ok(())
}

/// The person publishes their profile as it is now, with this of it. `false`: there is none.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn publish(tx: &Tx<'_>, shows: Shows) -> Result<bool> {
    let Some(profile) = get(tx)? else { return Ok(false) };
    set_card(tx, Some(&profile.details.card(shows)))
}

/// Others shall find nothing of the person any more. `false`: they did not.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn unpublish(tx: &Tx<'_>) -> Result<bool> {
    set_card(tx, None)
}

fn set_card(tx: &Tx<'_>, card: Option<&Card>) -> Result<bool> {
    let card = card.map(json).transpose()?;
    let changed = tx
        .prepare_cached("UPDATE profile SET card = ?1, edition = edition + 1 WHERE one = 1 AND card IS NOT ?1")?
        .execute([card])?;
    Ok(changed > 0)
}

/// What others are to find. `None`: nothing was ever published.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn publication(db: &Connection) -> Result<Option<Publication>> {
    let mut query = db.prepare_cached("SELECT card, edition, shared FROM profile WHERE one = 1 AND edition > 0")?;
    let publication = query.query_row([], |row| {
        let card = row.get::<_, Option<String>>(0)?.map(|card| from_json(&card)).transpose()?;
        let edition = row.get(1)?;
        Ok(Publication { card, edition: Edition(edition), is_shared: row.get::<_, i64>(2)? >= edition })
    });
    Ok(publication.optional()?)
}

/// Notes that others find this edition.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_shared(tx: &Tx<'_>, edition: Edition) -> Result<()> {
    tx.prepare_cached("UPDATE profile SET shared = ?1 WHERE one = 1 AND shared < ?1")?.execute([edition.0])?;
    Ok(())
}

/// Notes that somebody who may has withdrawn this edition. `false`: the person has published another one since.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_withdrawn(tx: &Tx<'_>, edition: Edition) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE profile SET card = NULL, shared = edition WHERE one = 1 AND edition = ?1 AND card IS NOT NULL",
        [edition.0],
    )?;
    Ok(changed > 0)
}

/// The registration that can be taken up again.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn registration(db: &Connection, now: Timestamp) -> Result<Option<Registration>> {
    Ok(kept(db, now)?.registration)
}

/// The same, and what of it lies outside.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn kept(db: &Connection, now: Timestamp) -> Result<Kept> {
    let mut query = db.prepare_cached("SELECT record, outside FROM registration WHERE one = 1")?;
    let row: Option<(Option<String>, Option<String>)> =
        query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (record, outside) = row.unwrap_or_default();
    let registration: Option<Registration> = record.map(|record| from_json(&record)).transpose()?;
    Ok(Kept { registration: registration.filter(|kept| now < kept.expires_at), outside })
}

/// Keeps the registration for taking it up again. One for another number takes the place of the one before.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn keep(
    tx: &Tx<'_>,
    phone: PhoneNumber,
    step: String,
    session_data: serde_json::Value,
    now: Timestamp,
) -> Result<()> {
    let before = registration(tx, now)?.filter(|before| before.phone == phone);
    let created_at = before.map_or(now, |before| before.created_at);
    let expires_at = now.after(REGISTRATION_LIFE);
    let record = json(&Registration { phone, step, session_data, created_at, expires_at })?;
    tx.prepare_cached(
        "INSERT INTO registration (one, record) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET record = ?1",
    )?
    .execute([record])?;
    Ok(())
}

/// The registration is over: done, or given up.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn end_registration(tx: &Tx<'_>) -> Result<()> {
    tx.execute("UPDATE registration SET record = NULL WHERE one = 1", [])?;
    Ok(())
}

/// Notes under which name a session lies outside.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn set_outside(tx: &Tx<'_>, outside: Option<&str>) -> Result<()> {
    tx.execute("UPDATE registration SET outside = ?1 WHERE one = 1", [outside])?;
    tx.execute("DELETE FROM registration WHERE record IS NULL AND outside IS NULL", [])?;
    Ok(())
}

/// Whether something of the person lies outside, or is to.
///
/// # Errors
/// [`StoreError`](super::StoreError).
pub fn is_outside(db: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM profile WHERE card IS NOT NULL OR shared < edition)
                   OR EXISTS (SELECT 1 FROM registration)";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}
