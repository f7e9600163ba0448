//! How often a person may ask for the same thing, on a real vault: what is refused says how long to wait, changes nothing,
//! and stands in nobody's way but their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and its own helpers do so too")]

#[path = "support/desk.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod desk;

use desk::Desk;
use sekat::domain::Body;
use sekat::flows::FLOWS;
use sekat::flows::rates::Rates;
use sekat::limits::Rate;
use sekat::store::accounts;
use std::num::NonZeroU32;
use std::time::Duration;

fn rate(n: u32) -> Rate {
    Rate::per_minute(NonZeroU32::new(n).unwrap())
}

/// The rates of a new installation.
async fn desk() -> Desk {
    let mut desk = Desk::with(FLOWS).await;
    desk.rates = Rates { create: rate(5), status: rate(30), qr_refresh: rate(10) };
    desk
}

/// Whether the chat has this text, or one that begins so.
async fn reads(desk: &Desk, begin: &str) -> bool {
    let chat = desk.chat().await;
    chat.values().any(|out| matches!(&out.body, Body::Text(text) if text.text.starts_with(begin)))
}

async fn linkings(desk: &Desk) -> usize {
    desk.given(|tx| Ok(accounts::list(tx)?.len())).await
}

#[tokio::test]
async fn five_linkings_may_begin_in_a_minute() {
    let desk = desk().await;
    for n in 0..5 {
        desk.commands(&format!("link +62 812 3456 789{n}")).await;
        assert_eq!(linkings(&desk).await, 1);
        desk.commands("cancel").await;
    }
    desk.commands("link +62 812 3456 7896").await;
    assert!(reads(&desk, "That was a little often: 5 a minute. Try again in 12 seconds.").await);
    assert_eq!(linkings(&desk).await, 0, "what was refused changes nothing");
    desk.passes(Duration::from_secs(12));
    desk.commands("link +62 812 3456 7896").await;
    assert_eq!(linkings(&desk).await, 1);
}

#[tokio::test]
async fn looking_is_limited_by_itself_also_by_buttons() {
    let desk = desk().await;
    desk.commands("link +62 812 3456 7890").await;
    for _ in 0..15 {
        desk.commands("menu").await;
        desk.commands("status").await;
        desk.taps("Numbers").await;
    }
    desk.commands("menu").await;
    desk.commands("numbers").await;
    assert!(reads(&desk, "That was a little often: 30 a minute. Try again in 2 seconds").await);
    let applied = desk.taps("Numbers").await;
    let (_, note, alert) = applied.presses.first().unwrap();
    assert!(*alert && note.as_deref().unwrap().contains("30 a minute"), "{note:?}");
    desk.commands("cancel").await;
    desk.commands("link +62 812 3456 7891").await;
    assert_eq!(linkings(&desk).await, 1, "other things go on");
}

#[tokio::test]
async fn a_new_picture_is_counted_by_itself() {
    let mut desk = desk().await;
    desk.rates = Rates { create: rate(1), status: rate(1_000), qr_refresh: rate(2) };
    desk.commands("link qr").await;
    for _ in 0..2 {
        desk.commands("numbers").await;
        let applied = desk.taps("New QR").await;
        assert!(applied.presses.iter().all(|(_, note, _)| note.is_none()), "{:?}", applied.presses);
    }
    desk.commands("numbers").await;
    let before = linkings(&desk).await;
    let applied = desk.taps("New QR").await;
    assert!(applied.presses[0].1.as_deref().unwrap().contains("2 a minute"), "{:?}", applied.presses);
    assert_eq!(linkings(&desk).await, before);
}
