//! What a person's vault holds of their profile and registration, and how a vault from before comes to hold it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use chrono_tz::Tz;
use sekat::domain::profile::{REGISTRATION_LIFE, Shows};
use sekat::domain::{
    About, AccountId, Details, Email, Language, PersonName, PhoneNumber, Place, TelegramId, Timestamp,
};
use sekat::store::keys::MasterKey;
use sekat::store::profile::{self, Edition};
use sekat::store::{DbThreads, Durability, Handle, Migration, RawKey, Vault, Vaults, accounts, flags, left, schema};
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const PHONE: &str = "+6281234567890";

fn details(name: &str) -> Details {
    Details {
        phone: PhoneNumber::parse(PHONE).unwrap(),
        name: PersonName::parse(name).unwrap(),
        email: Some(Email::parse("ana@example.org").unwrap()),
        zone: Tz::Asia__Makassar,
        about: Some(About::parse("Toko roti\nBuka 07–17").unwrap()),
    }
}

struct Room {
    _folder: tempfile::TempDir,
    vault: Vault,
}

impl Room {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vaults = Vaults::new(DbThreads::start(2), MasterKey::generate().unwrap(), folder.path());
        Room { vault: vaults.open(TelegramId(1001)).await.unwrap(), _folder: folder }
    }
}

#[tokio::test]
async fn a_profile_is_kept_and_its_zone_is_that_of_what_is_told() {
    let room = Room::new().await;
    let (before, after, again, zone) = room
        .vault
        .tx(|tx| {
            let before = (profile::get(tx)?, flags::locale(tx)?.zone);
            profile::save(tx, &details("Ana"), NOW)?;
            flags::set_language(tx, Language::Indonesian)?;
            let (after, zone) = (profile::get(tx)?, flags::locale(tx)?);
            let bare = Details { email: None, about: None, zone: Tz::Europe__London, ..details("Ana Sekar") };
            profile::save(tx, &bare, NOW.after(Duration::from_secs(5)))?;
            Ok((before, after.unwrap(), profile::get(tx)?.unwrap(), zone))
        })
        .await
        .unwrap();
    assert_eq!(before, (None, Tz::UTC));
    assert_eq!((after.details, after.registered_at, after.published), (details("Ana"), NOW, None));
    assert_eq!((zone.language, zone.zone), (Language::Indonesian, Tz::Asia__Makassar));
    assert_eq!((again.registered_at, again.details.email, again.details.zone), (NOW, None, Tz::Europe__London));
}

#[tokio::test]
async fn what_is_published_is_a_copy_that_waits_to_be_shared() {
    let room = Room::new().await;
    room.vault
        .tx(|tx| {
            assert!(!profile::publish(tx, Shows::default())?, "there is nothing to publish yet");
            assert!(!profile::unpublish(tx)? && profile::publication(tx)?.is_none());
            profile::save(tx, &details("Ana"), NOW)?;
            assert!(!left::of(tx)?.unfinished && !profile::is_outside(tx)?);
            assert!(profile::publish(tx, Shows { phone: true, email: false })?);
            assert!(!profile::publish(tx, Shows { phone: true, email: false })?, "the same again is nothing new");
            let first = profile::publication(tx)?.unwrap();
            let card = first.card.unwrap();
            assert_eq!((card.phone.is_some(), card.email.is_some(), first.is_shared), (true, false, false));
            assert!(left::of(tx)?.unfinished, "a start has to look");
            profile::set_shared(tx, first.edition)?;
            assert!(!left::of(tx)?.unfinished && profile::is_outside(tx)?);
            profile::save(tx, &details("Anna"), NOW)?;
            let now = profile::get(tx)?.unwrap();
            assert_eq!((now.published.as_ref(), now.is_outdated()), (Some(&card), true));
            assert!(profile::publish(tx, Shows::default())?);
            assert!(!profile::set_withdrawn(tx, first.edition)?, "another one was published since");
            let second = profile::publication(tx)?.unwrap();
            assert!(second.edition > first.edition && !second.is_shared);
            assert!(profile::set_withdrawn(tx, second.edition)?);
            assert!(profile::get(tx)?.unwrap().published.is_none() && !left::of(tx)?.unfinished);
            assert!(profile::publish(tx, Shows::default())? && profile::unpublish(tx)?);
            let last = profile::publication(tx)?.unwrap();
            assert_eq!((last.card, last.edition, last.is_shared), (None, Edition(4), false));
            profile::set_shared(tx, last.edition)?;
            assert!(!left::of(tx)?.unfinished && !profile::is_outside(tx)?);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_registration_can_be_taken_up_for_a_day() {
    let room = Room::new().await;
    room.vault
        .tx(|tx| {
            let (phone, other) = (PhoneNumber::parse(PHONE).unwrap(), PhoneNumber::parse("+6281234567891").unwrap());
            let keep = |phone: &PhoneNumber, step: &str, at: Timestamp| {
                profile::keep(tx, phone.clone(), step.into(), serde_json::json!({"name": "Ana"}), at)
            };
            assert_eq!(profile::registration(tx, NOW)?, None);
            keep(&phone, "name", NOW)?;
            let later = NOW.after(Duration::from_secs(60));
            keep(&phone, "email", later)?;
            let kept = profile::registration(tx, later)?.unwrap();
            assert_eq!((kept.step.as_str(), kept.created_at), ("email", NOW));
            assert_eq!(
                (kept.expires_at, kept.session_data["name"].as_str()),
                (later.after(REGISTRATION_LIFE), Some("Ana"))
            );
            assert!(profile::registration(tx, Timestamp(kept.expires_at.0 - 1))?.is_some());
            assert_eq!(profile::registration(tx, kept.expires_at)?, None);
            keep(&other, "name", later)?;
            assert_eq!(profile::registration(tx, later)?.unwrap().created_at, later, "another number begins anew");
            profile::set_outside(tx, Some("reg:x"))?;
            profile::end_registration(tx)?;
            let kept = profile::kept(tx, later)?;
            assert_eq!((kept.registration, kept.outside.as_deref()), (None, Some("reg:x")));
            assert!(profile::is_outside(tx)?);
            profile::set_outside(tx, None)?;
            assert!(!profile::is_outside(tx)?);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_vault_from_before_profiles_keeps_everything_and_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    let (threads, path) = (DbThreads::start(1), folder.path().join("user.db"));
    let handle = |list: &'static [Migration]| {
        let turn = sekat::store::Turn { user: 1, lane: 0 };
        Handle::new(threads.clone(), turn, path.clone(), RawKey::new([7; 32]), list)
    };
    let before = handle(&schema::USER[..1]);
    before
        .tx(Durability::Full, |tx| {
            let number = "INSERT INTO accounts (state, method, created_at) VALUES ('qr_scanning', '\"qr\"', ?1)";
            tx.execute(number, [NOW.0])?;
            tx.execute("INSERT INTO conversation VALUES (1, '\"link_number\"', ?1)", [NOW.0])?;
            tx.execute("INSERT INTO flags VALUES ('language', 'id')", [])?;
            tx.execute("INSERT INTO contacts VALUES ('1@s', 'Citra')", [])?;
            Ok(())
        })
        .await
        .unwrap();
    before.close().await.unwrap();
    for _ in 0..2 {
        let now = handle(schema::USER);
        now.tx(Durability::Full, |tx| {
            assert_eq!(accounts::list(tx)?.iter().map(|a| a.id).collect::<Vec<_>>(), [AccountId(1)]);
            let (conversation, since) = flags::conversation(tx)?;
            assert_eq!((conversation.place(), since), (Some(Place::new("link", "number")), Some(NOW)));
            assert_eq!(tx.query_row("SELECT name FROM contacts", [], |r| r.get::<_, String>(0))?, "Citra");
            let (locale, known) = (flags::locale(tx)?, profile::get(tx)?.is_some());
            assert_eq!(locale.language, Language::Indonesian);
            assert_eq!(locale.zone, if known { Tz::Asia__Makassar } else { Tz::UTC });
            assert_eq!(tx.query_row("PRAGMA user_version", [], |r| r.get::<_, usize>(0))?, schema::USER.len());
            profile::save(tx, &details("Ana"), NOW)
        })
        .await
        .unwrap();
        now.close().await.unwrap();
    }
}
