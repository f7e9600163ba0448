//! The daemon between servers that are not ours, each with habits of its own: it must do its work with all of them.
#![cfg(feature = "demo")]
mod foreign;

use foreign::contact::Contact;
use foreign::daemon::Daemon;
use foreign::http::Framing;
use foreign::noise::Resume;
use foreign::person::Person;
use foreign::telegram::{Case, Habits as TelegramHabits, Polling, TOKEN, Telegram};
use foreign::whatsapp::{Habits as WhatsAppHabits, Paired, Unknown, WhatsApp};
use sekat::flows::words;
use std::sync::Arc;
use std::time::Duration;

const ANA: i64 = 1001;
const ANAS: &str = "628110000001";
const CITRA: &str = "628220000001";

/// Everything a person does, from the first word to the last.
async fn journey(telegram: TelegramHabits, whatsapp: WhatsAppHabits) {
    let telegram = Telegram::start(telegram).await.unwrap();
    let whatsapp = WhatsApp::start(whatsapp).await.unwrap();
    let mut daemon = Daemon::started(&telegram.url(), &whatsapp.url(), TOKEN, &[ANA]).await;
    let mut ana = Person::new(&telegram, ANA);
    let (citra, ()) = tokio::join!(Contact::new(&whatsapp, CITRA), link(&mut ana, &whatsapp));

    let hello = citra.writes(ANAS, "hello Ana").await;
    let asked = ana.reads("hello Ana").await;
    citra.hears_of(&hello).await;
    ana.replies(asked.id, "hello Citra");
    citra.gets("hello Citra").await;
    ana.reads("✓✓ delivered").await;

    killed_and_started(&mut daemon, &mut ana, &citra, &whatsapp).await;
    let again = ana.replies(asked.id, "still here");
    citra.gets("still here").await;
    ana.sees("its outcome", |m| m.reply_to == Some(again) && m.text.starts_with("✓✓")).await;
    assert_eq!(citra.texts(), ["hello Citra", "written to nobody", "still here"], "each once, in order");

    logged_out(&mut ana, &whatsapp).await;
    ana.says("/erase");
    ana.reads("Erase everything?").await;
    ana.says(words::ERASE_WORD);
    ana.reads("Nothing of yours is left here").await;
    assert!(!daemon.has(format!("data/users/{ANA}")));
    daemon.stop().await;
    citra.leaves().await;
}

/// `/start`, `/link`, the picture, the phone.
async fn link(person: &mut Person, whatsapp: &Arc<WhatsApp>) {
    person.says("/start");
    person.reads("Welcome to Sekat").await;
    let qr = person.asks_for_qr().await;
    whatsapp.scan(&qr, ANAS).await;
    person.reads("is linked and connected").await;
}

/// Killed; both sides go on without it; started again, it gives everybody what is theirs, once.
async fn killed_and_started(daemon: &mut Daemon, ana: &mut Person, citra: &Contact, whatsapp: &Arc<WhatsApp>) {
    daemon.kill().await;
    let (first, asked) = (citra.writes(ANAS, "are you there?").await, ana.saying("hello Ana")[0].id);
    let second = citra.writes(ANAS, "hello again").await;
    ana.replies(asked, "written to nobody");
    ana.says("/help");
    if whatsapp.habits.fresh_key {
        whatsapp.takes_a_new_key();
    }
    daemon.start().await;
    ana.reads("How it works").await;
    ana.reads("are you there?").await;
    ana.reads("hello again").await;
    citra.hears_of(&first).await;
    citra.hears_of(&second).await;
    citra.gets("written to nobody").await;
    for text in ["hello Ana", "are you there?", "hello again", "How it works"] {
        assert_eq!(ana.saying(text).len(), 1, "{text:?}, once");
    }
}

async fn logged_out(ana: &mut Person, whatsapp: &Arc<WhatsApp>) {
    ana.says("/logout");
    let sure = ana.sees("a question", |m| m.buttons.iter().any(|(l, _)| l == words::LOGOUT_YES_BUTTON)).await;
    ana.presses(&sure, words::LOGOUT_YES_BUTTON);
    let told = ana.reads("is logged out and its keys are wiped").await;
    assert!(!told.text.contains("could not be reached"), "{}", told.text);
    assert!(whatsapp.is_removed(ANAS));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_servers() {
    journey(TelegramHabits::default(), WhatsAppHabits::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_with_no_more_than_they_need() {
    let telegram = TelegramHabits {
        bare: true,
        minimal: true,
        case: Case::Exact,
        close: true,
        no_edit_media: Some(404),
        ..TelegramHabits::default()
    };
    let whatsapp = WhatsAppHabits {
        device: 5,
        bare_acks: true,
        digest: Some("404"),
        paired: Paired::HangUp,
        resume: Resume::WholeOnly,
        ..WhatsAppHabits::default()
    };
    journey(telegram, whatsapp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_with_more_than_anybody_needs() {
    let telegram = TelegramHabits {
        nulls: true,
        chatter: true,
        case: Case::Lower,
        prefix: "/telegram/api/",
        framing: Framing::Chunked,
        polling: Polling::Hasty,
        redelivers: true,
        first_update: 9_000_000_000,
        gap: 40,
        first_message: 5_000_000_000,
        ..TelegramHabits::default()
    };
    let whatsapp =
        WhatsAppHabits { device: 3, lids: true, digest: None, paired: Paired::Error, ..WhatsAppHabits::default() };
    journey(telegram, whatsapp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_old_school() {
    let telegram = TelegramHabits {
        bare: true,
        unknown: Some((404, "<html><h1>404</h1></html>")),
        framing: Framing::Old,
        polling: Polling::Endless,
        no_edit_media: Some(400),
        ..TelegramHabits::default()
    };
    let whatsapp = WhatsAppHabits {
        resume: Resume::HangsUp,
        unknown: Unknown::Refused,
        pace: Duration::from_millis(30),
        ..WhatsAppHabits::default()
    };
    journey(telegram, whatsapp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_say_nothing_to_what_they_do_not_know() {
    let telegram = TelegramHabits {
        bare: true,
        unknown: Some((500, "<html>Internal Server Error</html>")),
        prefix: "/tg",
        ..TelegramHabits::default()
    };
    let whatsapp = WhatsAppHabits { unknown: Unknown::Ignored, fresh_key: true, ..WhatsAppHabits::default() };
    journey(telegram, whatsapp).await;
}
