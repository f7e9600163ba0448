//! Published profiles, on a real SQLCipher file.
use super::*;
use crate::domain::{About, Email, PersonName, PhoneNumber};

fn profiles(folder: &Path) -> Profiles {
    Profiles::new(DbThreads::start(2), &folder.join("profiles.db"), RawKey::new([5; 32]))
}

fn card(name: &str) -> Card {
    Card { name: PersonName::parse(name).unwrap(), about: None, phone: None, email: None }
}

fn names(results: &Results) -> Vec<&str> {
    results.found.iter().map(|found| found.card.name.as_str()).collect()
}

const ANA: TelegramId = TelegramId(1);

#[tokio::test]
async fn a_profile_is_found_as_it_was_published_until_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    assert_eq!(profiles.search("", 0).await.unwrap(), Results::default());
    for _ in 0..2 {
        assert_eq!(profiles.share(ANA, Some(card("Ana")), Edition(1)).await.unwrap(), Sharing::Done);
    }
    let found = profiles.search("ana", 0).await.unwrap().found;
    assert_eq!(found.len(), 1);
    assert_eq!(profiles.get(found[0].id).await.unwrap(), Some(found[0].clone()));
    profiles.share(ANA, Some(card("Anna")), Edition(2)).await.unwrap();
    assert_eq!(names(&profiles.search("", 0).await.unwrap()), ["Anna"]);
    assert_eq!(profiles.get(found[0].id).await.unwrap().unwrap().card, card("Anna"), "it keeps its id");
    for _ in 0..2 {
        assert_eq!(profiles.share(ANA, None, Edition(3)).await.unwrap(), Sharing::Done);
        assert_eq!(profiles.search("", 0).await.unwrap().total, 0);
    }
    profiles.share(ANA, Some(card("Ana")), Edition(4)).await.unwrap();
    assert!(profiles.forget(ANA).await.unwrap() && !profiles.forget(ANA).await.unwrap());
    assert_eq!(profiles.search("", 0).await.unwrap().total, 0);
}

#[tokio::test]
async fn what_was_withdrawn_stays_away_until_it_is_published_anew() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    profiles.share(ANA, Some(card("Ana")), Edition(1)).await.unwrap();
    let id = profiles.search("", 0).await.unwrap().found[0].id;
    assert!(profiles.withdraw(id).await.unwrap() && !profiles.withdraw(id).await.unwrap());
    assert!(!profiles.withdraw(CardId(77)).await.unwrap());
    assert_eq!(profiles.get(id).await.unwrap(), None);
    for _ in 0..2 {
        assert_eq!(profiles.share(ANA, Some(card("Ana")), Edition(1)).await.unwrap(), Sharing::Withdrawn);
        assert_eq!(profiles.search("", 0).await.unwrap().total, 0);
    }
    assert_eq!(profiles.share(ANA, Some(card("Ana")), Edition(2)).await.unwrap(), Sharing::Done);
    assert_eq!(profiles.search("", 0).await.unwrap().total, 1);
}

#[tokio::test]
async fn a_search_sees_only_what_was_published() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    let shown = Card {
        about: Some(About::parse("Toko roti di Bandung\nBuka 07–17").unwrap()),
        phone: Some(PhoneNumber::parse("+6281234567890").unwrap()),
        email: Some(Email::parse("siti@example.org").unwrap()),
        ..card("Siti Élodie")
    };
    profiles.share(ANA, Some(shown), Edition(1)).await.unwrap();
    profiles.share(TelegramId(2), Some(card("Budi 100% _x_")), Edition(1)).await.unwrap();
    for (text, total) in [
        ("SITI elodie", 1),
        ("bandung  roti", 1),
        ("roti budi", 0),
        ("+62812", 1),
        ("siti@example", 1),
        ("bandung\nbuka", 1),
        ("100%", 1),
        ("%", 1),
        ("'; DROP TABLE cards", 0),
        ("name", 0),
        ("…", 2),
    ] {
        assert_eq!(profiles.search(text, 0).await.unwrap().total, total, "{text}");
    }
    assert_eq!(profiles.search(&"siti ".repeat(1_000), 0).await.unwrap().total, 1);
}

#[tokio::test]
async fn pages_are_in_natural_order_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    for n in 1..=23 {
        profiles.share(TelegramId(n), Some(card(&format!("Toko {}", 24 - n))), Edition(1)).await.unwrap();
    }
    let first = profiles.search("toko", 0).await.unwrap();
    assert_eq!((first.found.len(), first.page, first.pages, first.total), (10, 0, 3, 23));
    assert_eq!(names(&first)[..3], ["Toko 1", "Toko 2", "Toko 3"]);
    let last = profiles.search("toko", 99).await.unwrap();
    assert_eq!((names(&last), last.page), (vec!["Toko 21", "Toko 22", "Toko 23"], 2));
    profiles.close().await.unwrap();
    assert_eq!(profiles.search("toko 7", 0).await.unwrap().total, 2, "7 and 17");
}
