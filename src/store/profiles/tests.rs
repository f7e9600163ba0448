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
    assert_eq!(profiles.search("", None).await.unwrap(), Results::default());
    for _ in 0..2 {
        assert_eq!(profiles.share(ANA, Some(card("Ana")), Edition(1)).await.unwrap(), Sharing::Done);
    }
    let found = profiles.search("ana", None).await.unwrap().found;
    assert_eq!(found.len(), 1);
    assert_eq!(profiles.get(found[0].id).await.unwrap(), Some(found[0].clone()));
    profiles.share(ANA, Some(card("Anna")), Edition(2)).await.unwrap();
    assert_eq!(names(&profiles.search("", None).await.unwrap()), ["Anna"]);
    assert_eq!(profiles.get(found[0].id).await.unwrap().unwrap().card, card("Anna"), "it keeps its id");
    for _ in 0..2 {
        assert_eq!(profiles.share(ANA, None, Edition(3)).await.unwrap(), Sharing::Done);
        assert_eq!(profiles.search("", None).await.unwrap().total, 0);
    }
    profiles.share(ANA, Some(card("Ana")), Edition(4)).await.unwrap();
    assert!(profiles.forget(ANA).await.unwrap() && !profiles.forget(ANA).await.unwrap());
    assert_eq!(profiles.search("", None).await.unwrap().total, 0);
}

#[tokio::test]
async fn what_was_withdrawn_stays_away_until_it_is_published_anew() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    profiles.share(ANA, Some(card("Ana")), Edition(1)).await.unwrap();
    let id = profiles.search("", None).await.unwrap().found[0].id;
    for _ in 0..2 {
        assert_eq!(profiles.withdraw(id).await.unwrap(), Some(ANA), "told again, should it not have got there");
    }
    assert_eq!(profiles.withdraw(CardId(77)).await.unwrap(), None);
    assert_eq!(profiles.get(id).await.unwrap(), None);
    for _ in 0..2 {
        assert_eq!(profiles.share(ANA, Some(card("Ana")), Edition(1)).await.unwrap(), Sharing::Withdrawn);
        assert_eq!(profiles.search("", None).await.unwrap().total, 0);
    }
    assert_eq!(profiles.share(ANA, Some(card("Ana")), Edition(2)).await.unwrap(), Sharing::Done);
    assert_eq!(profiles.search("", None).await.unwrap().total, 1);
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
        assert_eq!(profiles.search(text, None).await.unwrap().total, total, "{text}");
    }
    assert_eq!(profiles.search(&"siti ".repeat(1_000), None).await.unwrap().total, 1);
}

#[tokio::test]
async fn pages_are_in_natural_order_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    for n in 1..=23 {
        profiles.share(TelegramId(n), Some(card(&format!("Toko {}", 24 - n))), Edition(1)).await.unwrap();
    }
    let first = profiles.search("toko", None).await.unwrap();
    assert_eq!((first.found.len(), first.before, first.total, first.previous), (10, 0, 23, None));
    assert_eq!(names(&first)[..3], ["Toko 1", "Toko 2", "Toko 3"]);
    let second = profiles.search("toko", first.next).await.unwrap();
    let last = profiles.search("toko", second.next).await.unwrap();
    assert_eq!((names(&last), last.before, last.next), (vec!["Toko 21", "Toko 22", "Toko 23"], 20, None));
    assert_eq!(profiles.search("toko", last.previous).await.unwrap(), second);
    assert_eq!(profiles.search("toko", second.previous).await.unwrap(), first);
    profiles.close().await.unwrap();
    assert_eq!(profiles.search("toko 7", None).await.unwrap().total, 2, "7 and 17");
}

#[tokio::test]
async fn a_page_goes_on_where_it_did_whatever_came_and_went() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = profiles(folder.path());
    let share = async |n: u64, name: Option<u64>| {
        let shown = name.map(|name| card(&format!("Toko {name}")));
        profiles.share(TelegramId(n), shown, Edition(1)).await.unwrap();
    };
    for n in 1..=30 {
        share(n, Some(10 * n)).await;
    }
    let first = profiles.search("toko", None).await.unwrap();
    // Some of the first page go, others come before it, within it and on the second.
    for n in [1, 4, 5] {
        share(n, None).await;
    }
    for (n, name) in [(101, 1), (102, 2), (103, 55), (104, 115)] {
        share(n, Some(name)).await;
    }
    let second = profiles.search("toko", first.next).await.unwrap();
    assert_eq!(names(&second)[..2], ["Toko 110", "Toko 115"]);
    assert_eq!((second.before, second.total), (10, 31));
    // What it begins with is gone: its old place.
    share(11, None).await;
    let second = profiles.search("toko", first.next).await.unwrap();
    assert_eq!((names(&second)[0], second.before), ("Toko 115", 10));
    // Nearly everybody is gone.
    for n in 2..=30 {
        share(n, None).await;
    }
    let rest = profiles.search("toko", Some((CardId(77), 25))).await.unwrap();
    assert_eq!((names(&rest), rest.total, rest.next), (vec!["Toko 115"], 4, None));
    assert_eq!(rest.previous, profiles.search("toko", None).await.unwrap().found.first().map(|found| (found.id, 0)));
    for n in 101..=104 {
        share(n, None).await;
    }
    assert_eq!(profiles.search("toko", first.next).await.unwrap(), Results::default());
}
