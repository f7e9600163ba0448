//! The flow engine: what every flow gets from it, tried on a real vault.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and its own helpers do so too")]

#[path = "support/desk.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod desk;
mod flows {
    pub mod lunch;
    mod profile;
}

use desk::{Desk, TTL};
use flows::lunch::Lunch;
use proptest::prelude::*;
use sekat::domain::{Conversation, Input, Open, PhoneNumber, Phrase, Timestamp};
use sekat::flows::engine::Of;
use sekat::flows::{FLOWS, Registered, erase, link};
use sekat::store::flags;
use sekat::users::apply::Talk;
use std::time::Duration;

static THREE: [Registered; 3] = [
    Registered { command: "lunch", about: || Phrase::verbatim("Order lunch"), flow: &Of::<Lunch>::new() },
    Registered { command: "erase", about: || Phrase::verbatim("Erase"), flow: &Of::<erase::Erase>::new() },
    Registered { command: "link", about: || Phrase::verbatim("Link"), flow: &Of::<link::Link>::new() },
];

async fn desk() -> Desk {
    Desk::with(&THREE).await
}

#[tokio::test]
async fn a_flow_of_three_steps_takes_less_than_a_hundred_lines_and_edits_one_message() {
    assert!(include_str!("flows/lunch.rs").lines().count() < 100);
    let desk = desk().await;
    desk.commands("lunch").await;
    assert_eq!(desk.sees().await, "What would you like?");
    let screen = desk.screen().await;
    desk.says("nasi goreng").await;
    desk.says("many").await;
    assert_eq!(desk.sees().await, "⚠️ That is no number from 1 to 9.\n\nHow many portions?");
    desk.says("2").await;
    assert_eq!(desk.sees().await, "2 × nasi goreng. Right?");
    assert_eq!(desk.screen().await, screen, "one message");
    desk.presses("Order").await;
    assert_eq!(desk.sees().await, "Ordered!");
    assert!(desk.question().await.unwrap().keyboard.is_empty());
    assert_eq!(desk.conversation().await.place(), None);
    // The next one has a message of its own: what was said stays.
    desk.commands("lunch").await;
    assert_ne!(desk.screen().await, screen);
}

#[tokio::test]
async fn back_goes_back_with_what_was_answered() {
    let desk = desk().await;
    desk.commands("lunch").await;
    assert!(desk.question().await.unwrap().keyboard.iter().flatten().all(|(label, _)| !label.contains("Back")));
    desk.says("soto").await;
    desk.says("3").await;
    desk.presses("Back").await;
    assert_eq!(desk.sees().await, "How many portions?");
    desk.presses("Back").await;
    assert_eq!(desk.sees().await, "What would you like?");
    desk.says("rawon").await;
    desk.says("3").await;
    assert_eq!(desk.sees().await, "3 × rawon. Right?");
}

#[tokio::test]
async fn a_button_of_an_older_question_changes_nothing_and_two_presses_count_once() {
    let desk = desk().await;
    desk.commands("lunch").await;
    desk.says("soto").await;
    let old = desk.button("Back").await;
    desk.says("3").await;
    let applied = desk.presses_data(&old).await;
    assert!(applied.presses[0].1.as_ref().unwrap().contains("not valid"), "{:?}", applied.presses);
    assert_eq!(desk.sees().await, "3 × soto. Right?");
    let order = desk.button("Order").await;
    assert_eq!(desk.presses_data(&order).await.presses[0].1, None);
    assert!(desk.presses_data(&order).await.presses[0].1.is_some(), "once");
    let forged = format!("{}A", &order[..order.len() - 1]);
    assert!(desk.presses_data(&forged).await.presses[0].1.is_some());
    assert_eq!(desk.sees().await, "Ordered!");
}

#[tokio::test]
async fn a_second_flow_in_the_middle_asks_which_one_to_keep() {
    let desk = desk().await;
    desk.commands("lunch").await;
    desk.says("soto").await;
    desk.commands("erase").await;
    assert!(desk.sees().await.contains("ordering lunch"), "{}", desk.sees().await);
    desk.says("3").await;
    assert!(desk.sees().await.contains("ordering lunch"), "it asks on");
    desk.presses("Continue").await;
    assert_eq!(desk.sees().await, "How many portions?");
    desk.commands("erase").await;
    desk.presses("Begin").await;
    assert!(desk.sees().await.contains("Erase everything?"));
    assert_eq!(desk.conversation().await.place().unwrap().flow, "erase");
    // At its first question nothing is lost by another one.
    desk.commands("lunch").await;
    assert_eq!(desk.sees().await, "What would you like?");
}

#[tokio::test]
async fn what_nobody_answers_is_put_aside_and_can_be_taken_up_again() {
    let desk = desk().await;
    desk.commands("lunch").await;
    desk.says("soto").await;
    desk.passes(TTL + Duration::from_secs(1));
    let said = desk.says("3").await;
    assert_eq!(said.talk, Talk::Now);
    assert!(desk.sees().await.contains("put this aside: ordering lunch"), "{}", desk.sees().await);
    assert_eq!(desk.conversation().await.place(), None);
    let resume = desk.button("Continue").await;
    desk.passes(TTL * 100);
    desk.presses_data(&resume).await;
    assert_eq!(desk.sees().await, "How many portions?");
    assert!(desk.presses_data(&resume).await.presses[0].1.is_some(), "once");
    desk.says("3").await;
    assert_eq!(desk.sees().await, "3 × soto. Right?");
}

#[tokio::test]
async fn a_flow_that_this_version_does_not_know_any_more_goes_by_itself() {
    let desk = desk().await;
    desk.given(|tx| {
        let open = Some(Open::new("picnic", "basket"));
        flags::set_conversation(tx, &Conversation { turn: 7, open, ..Conversation::default() }, Timestamp(0))
    })
    .await;
    desk.says("bread").await;
    assert_eq!(desk.conversation().await, Conversation { turn: 8, ..Conversation::default() });
    desk.commands("lunch").await;
    assert_eq!(desk.sees().await, "What would you like?");
}

#[tokio::test]
async fn cancel_ends_it_from_the_command_and_from_the_button() {
    let desk = desk().await;
    for by_button in [true, false] {
        desk.commands("lunch").await;
        desk.says("soto").await;
        if by_button {
            desk.presses("Cancel").await;
        } else {
            desk.commands("cancel").await;
        }
        assert_eq!(desk.sees().await, "Cancelled.");
        assert_eq!(desk.conversation().await.place(), None);
    }
}

#[tokio::test]
async fn a_question_that_has_scrolled_away_is_asked_below() {
    let desk = desk().await;
    desk.commands("lunch").await;
    let screen = desk.screen().await;
    for _ in 0..20 {
        desk.next_message();
    }
    desk.says("soto").await;
    let question = desk.question().await.unwrap();
    assert_eq!(question.replaces, screen, "the old one goes");
    assert_ne!(desk.screen().await, screen);
}

/// Registers up to the question whether all is right.
async fn nearly_registered(desk: &Desk) {
    desk.commands("register").await;
    for answer in ["0812-3456-7890", "  Ana   Maria ", "ana@example.org", "bandung"] {
        desk.says(answer).await;
    }
    assert!(desk.sees().await.contains("Which language"), "{}", desk.sees().await);
    desk.presses("Bahasa Indonesia").await;
}

#[tokio::test]
async fn somebody_registers_and_changes_an_answer_before_confirming() {
    let desk = Desk::with(FLOWS).await;
    nearly_registered(&desk).await;
    let all = desk.sees().await;
    for part in ["+6281234567890", "Ana Maria", "ana@example.org", "Bandung (Asia/Jakarta)", "Bahasa Indonesia"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    desk.presses("Name").await;
    desk.says("\u{202e}evil").await;
    assert!(desk.sees().await.contains("cannot be shown"), "{}", desk.sees().await);
    desk.says("Anna").await;
    assert!(desk.sees().await.contains("Anna"), "back to the end, not on to the next question");
    desk.presses("Yes, register me").await;
    // The last words are in the language that was chosen.
    assert!(desk.sees().await.contains("Selamat datang, Anna"), "{}", desk.sees().await);
    desk.commands("register").await;
    assert_eq!(desk.conversation().await.place(), None, "once");
}

#[tokio::test]
async fn wrong_answers_are_told_and_places_of_one_name_are_chosen_from() {
    let desk = Desk::with(FLOWS).await;
    desk.commands("register").await;
    for (bad, good) in [("twelve", "+44 20 7946 0958"), ("\u{200b}", "Budi"), ("budi@", "budi@example.co.id")] {
        let asked = desk.sees().await;
        desk.says(bad).await;
        assert!(desk.sees().await.starts_with("⚠️") && desk.sees().await.ends_with(&asked), "{}", desk.sees().await);
        desk.says(good).await;
    }
    desk.says("xyzzyx qqq").await;
    assert!(desk.sees().await.contains("do not know this city"));
    desk.says("GMT+7").await;
    let places: Vec<String> = desk.question().await.unwrap().keyboard.into_iter().flatten().map(|b| b.0).collect();
    assert!(places.len() > 2, "{places:?}");
    desk.presses("Jakarta").await;
    assert!(desk.sees().await.contains("Which language"));
}

#[tokio::test]
async fn a_registration_is_taken_up_again_within_a_day_and_not_after() {
    let desk = Desk::with(FLOWS).await;
    nearly_registered(&desk).await;
    desk.passes(Duration::from_secs(23 * 3600));
    // The question has gone to rest long ago; another flow was tried meanwhile.
    desk.commands("link").await;
    desk.commands("cancel").await;
    desk.commands("register").await;
    assert!(desk.sees().await.contains("Ana Maria"), "{}", desk.sees().await);
    desk.passes(Duration::from_secs(25 * 3600));
    desk.commands("help").await;
    desk.commands("register").await;
    assert!(desk.sees().await.contains("telephone number"), "{}", desk.sees().await);
    // Whoever stops it wants nothing kept.
    desk.says("0812-3456-7890").await;
    desk.commands("cancel").await;
    desk.commands("register").await;
    assert!(desk.sees().await.contains("(1 of 5)"));
}

/// Something that a person may do at any time.
#[derive(Debug, Clone)]
enum Act {
    Command(&'static str),
    Text(String),
    Phone,
    Sticker,
    Edit,
    Button(usize),
    OldButton(usize),
    Garbage(String),
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let commands = [
        "link",
        "erase",
        "start",
        "help",
        "numbers",
        "status",
        "logout",
        "language",
        "cancel",
        "nonsense",
        "menu",
        "back",
        "reconnect",
        "resend",
        "register",
        "profile",
        "people",
        "people roti",
        "more",
        "person 1",
        "takedown 1 yes",
        "members",
        "member 1001",
        "plan 1001 free",
    ];
    let texts = prop_oneof![
        Just("+62 812 3456 7890".to_owned()),
        Just("7".to_owned()),
        Just("soto".to_owned()),
        Just("😀".repeat(2_048)),
        "\\PC{0,60}",
    ];
    let act = prop_oneof![
        3 => prop::sample::select(commands.to_vec()).prop_map(Act::Command),
        6 => texts.prop_map(Act::Text),
        1 => Just(Act::Phone),
        1 => Just(Act::Sticker),
        1 => Just(Act::Edit),
        6 => (0usize..6).prop_map(Act::Button),
        2 => (0usize..40).prop_map(Act::OldButton),
        1 => "\\PC{0,64}".prop_map(Act::Garbage),
        1 => (0u64..900).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..60)
}

async fn act(desk: &Desk, act: Act, seen: &mut Vec<String>) {
    if let Some(question) = desk.question().await {
        seen.extend(question.keyboard.into_iter().flatten().map(|(_, data)| data));
    }
    match act {
        // Everything goes: that is tried elsewhere.
        Act::Text(text) if text.trim() == "ERASE" || text.trim() == "HAPUS" => {}
        Act::Command(name) => drop(desk.commands(name).await),
        Act::Text(text) => drop(desk.says(&text).await),
        Act::Phone => {
            let (phone, message) = (PhoneNumber::parse("+628123456789").ok(), desk.next_message());
            drop(desk.does(Input::Contact { phone, message }).await);
        }
        Act::Sticker => {
            let message = desk.next_message();
            drop(desk.does(Input::Other { kind: "sticker".to_owned(), message }).await);
        }
        Act::Edit => {
            let message = desk.next_message();
            drop(desk.does(Input::Edited { message }).await);
        }
        Act::Button(n) => {
            let buttons: Vec<_> = desk.question().await.into_iter().flat_map(|q| q.keyboard).flatten().collect();
            if let Some((_, data)) = buttons.get(n) {
                drop(desk.presses_data(data).await);
            }
        }
        Act::OldButton(n) => {
            if let Some(data) = seen.get(n).cloned() {
                drop(desk.presses_data(&data).await);
            }
        }
        Act::Garbage(data) => {
            let before = desk.conversation().await;
            let applied = desk.presses_data(&data).await;
            assert!(applied.presses[0].1.is_some(), "{data:?} was taken for a button");
            if before.open.is_none() {
                assert_eq!(desk.conversation().await, before);
            }
        }
        Act::Wait(seconds) => desk.passes(Duration::from_secs(seconds)),
    }
}

async fn whatever(flows: &'static [Registered], begin: &str, all: Vec<Act>) {
    let desk = Desk::with(flows).await;
    if begin == "profile" {
        nearly_registered(&desk).await;
        desk.presses("Yes, register me").await;
    }
    desk.commands(begin).await;
    let mut seen = Vec::new();
    let mut most = 0;
    for one in all {
        act(&desk, one, &mut seen).await;
        desk.question().await;
        most = most.max(desk.rows().await);
    }
    assert!(most <= 40, "{most} rows: they grow");
    // There is always a way out, and a way on.
    desk.commands("cancel").await;
    assert_eq!(desk.conversation().await.place(), None);
    desk.commands("help").await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_every_flow_can_be_left_and_nothing_grows(flow in 0..FLOWS.len(), all in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(whatever(FLOWS, FLOWS[flow].command, all));
    }

    #[test]
    fn the_same_holds_for_a_flow_of_several_steps(all in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(whatever(&THREE, "lunch", all));
    }
}
