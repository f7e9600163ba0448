//! One's own profile: changed, published, outdated, published anew and taken back.
use crate::desk::{Desk, TTL};
use sekat::flows::FLOWS;
use sekat::users::apply::Talk;
use std::time::Duration;

/// Somebody who has registered and reads English.
async fn registered() -> Desk {
    let desk = Desk::with(FLOWS).await;
    desk.commands("register").await;
    for answer in ["0812-3456-7890", "Ana Maria", "ana@example.org", "bandung"] {
        desk.says(answer).await;
    }
    desk.presses("English").await;
    desk.presses("Yes, register me").await;
    desk
}

async fn labels(desk: &Desk) -> Vec<String> {
    desk.question().await.unwrap().keyboard.into_iter().flatten().map(|(label, _)| label).collect()
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} in {text:?}");
}

#[tokio::test]
async fn who_has_not_registered_is_told_how() {
    let desk = Desk::with(FLOWS).await;
    assert_eq!(desk.commands("profile").await.talk, Talk::Now);
    assert_eq!(desk.conversation().await.place(), None);
}

#[tokio::test]
async fn each_part_is_changed_in_one_message_and_kept_at_once() {
    let desk = registered().await;
    desk.commands("profile").await;
    let screen = desk.screen().await;
    for part in ["Name: Ana Maria", "+6281234567890", "ana@example.org", "Asia/Jakarta", "About you: —", "Nobody else"]
    {
        has(&desk.sees().await, part);
    }
    for (button, bad, good, seen) in [
        ("Name", "\u{202e}evil", "  Anna   Sari ", "Name: Anna Sari"),
        ("Telephone", "twelve", "+44 20 7946 0958", "Telephone: +442079460958"),
        ("Mail", "anna@", "anna@example.co.id", "Mail: anna@example.co.id"),
        ("City", "xyzzyx qqq", "Makassar", "Time zone: Asia/Makassar"),
        ("About me", "\u{200b}", "Toko roti\nBuka 07–17", "About you: Toko roti\nBuka 07–17"),
    ] {
        desk.presses(button).await;
        let asked = desk.sees().await;
        desk.says(bad).await;
        assert!(desk.sees().await.starts_with("⚠️") && desk.sees().await.ends_with(&asked), "{}", desk.sees().await);
        desk.says(good).await;
        has(&desk.sees().await, "Your profile");
        has(&desk.sees().await, seen);
    }
    assert_eq!(desk.screen().await, screen, "one message");
    // What can be left out is, and Back changes nothing.
    desk.presses("Mail").await;
    desk.presses("Without an address").await;
    desk.presses("About me").await;
    desk.presses("Say nothing").await;
    has(&desk.sees().await, "About you: —");
    desk.presses("About me").await;
    desk.says("Toko").await;
    desk.presses("About me").await;
    desk.says(" - ").await;
    desk.presses("Name").await;
    desk.presses("Back").await;
    let shown = desk.sees().await;
    for part in ["Anna Sari", "Mail: —", "About you: —"] {
        has(&shown, part);
    }
    desk.presses("Done").await;
    assert_eq!(desk.conversation().await.place(), None);
    desk.commands("profile").await;
    assert_eq!(desk.sees().await, shown, "kept");
}

#[tokio::test]
async fn places_of_one_name_are_chosen_from() {
    let desk = registered().await;
    desk.commands("profile").await;
    desk.presses("City").await;
    desk.says("GMT+9").await;
    has(&desk.sees().await, "Which one do you mean?");
    desk.presses("Jayapura").await;
    has(&desk.sees().await, "Asia/Jayapura");
}

#[tokio::test]
async fn what_is_published_is_seen_before_and_stays_until_it_is_published_anew() {
    let desk = registered().await;
    desk.commands("profile").await;
    desk.presses("About me").await;
    desk.says("Toko roti").await;
    assert!(!labels(&desk).await.iter().any(|label| label.contains("Unpublish")));
    desk.presses("Publish").await;
    assert!(desk.sees().await.ends_with("nothing else:\n\nAna Maria\nToko roti"), "{}", desk.sees().await);
    desk.presses("☐ Mail").await;
    desk.presses("☐ Telephone").await;
    has(&desk.sees().await, "Ana Maria\nToko roti\n📞 +6281234567890\n✉ ana@example.org");
    desk.presses("☑ Telephone").await;
    let applied = desk.presses("Publish this").await;
    assert!(applied.share, "others are to find it");
    has(&desk.sees().await, "Others find this:\n\nAna Maria\nToko roti\n✉ ana@example.org");

    desk.commands("profile").await;
    has(&desk.sees().await, "Published. Others see this and nothing else:\n\nAna Maria\nToko roti\n✉ ana@example.org");
    desk.presses("Telephone").await;
    desk.says("+44 20 7946 0958").await;
    has(&desk.sees().await, "Published. Others see this");
    desk.presses("Name").await;
    assert!(!desk.says("Anna").await.share, "nothing is published by a change");
    has(&desk.sees().await, "Name: Anna");
    has(&desk.sees().await, "Others still see this:\n\nAna Maria\n");
    desk.presses("Publish anew").await;
    has(&desk.sees().await, "Anna\nToko roti\n✉ ana@example.org");
    assert!(labels(&desk).await.contains(&"☑ Mail".to_owned()), "as it was chosen before");
    desk.presses("Publish this").await;

    desk.commands("profile").await;
    assert!(desk.presses("Unpublish").await.share);
    has(&desk.sees().await, "Nobody finds your profile any more");
    desk.commands("profile").await;
    has(&desk.sees().await, "Nobody else sees any of this.");
}

#[tokio::test]
async fn left_alone_it_goes_on_with_what_was_changed_and_publishes_nothing() {
    let desk = registered().await;
    desk.commands("profile").await;
    desk.presses("Name").await;
    desk.says("Anna").await;
    desk.presses("Publish").await;
    let old = desk.button("Publish this").await;
    desk.passes(TTL + Duration::from_secs(1));
    desk.commands("help").await;
    assert!(!desk.presses_data(&old).await.share, "the question had gone to rest");
    desk.presses("Continue").await;
    has(&desk.sees().await, "Publish your profile?");
    desk.presses("Cancel").await;
    desk.commands("profile").await;
    has(&desk.sees().await, "Name: Anna");
    has(&desk.sees().await, "Nobody else");
}

#[tokio::test]
async fn an_address_that_is_gone_is_not_offered() {
    let desk = registered().await;
    desk.commands("profile").await;
    desk.presses("Mail").await;
    desk.presses("Without an address").await;
    desk.presses("Publish").await;
    assert!(!labels(&desk).await.iter().any(|label| label.contains("Mail")), "{:?}", labels(&desk).await);
}
