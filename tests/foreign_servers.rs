//! The daemon between servers that are not ours, each with habits of its own: it must do its work with all of them.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and its own helpers do so too")]
mod foreign;

use foreign::contact::Contact;
use foreign::daemon::Daemon;
use foreign::http::Framing;
use foreign::noise::Resume;
use foreign::person::Person;
use foreign::telegram::{Case, Fault, Habits as TelegramHabits, Polling, TOKEN, Telegram};
use foreign::whatsapp::{Habits as WhatsAppHabits, Paired, Unknown, WhatsApp};
use foreign::{PATIENCE, until};
use sekat::domain::{AccountId, ClientEvent, Generation, InboundMessage, LoginMethod, LoginStep, Reason};
use sekat::flows::phrases;
use sekat::sim::english;
use sekat::sim::scan::scan;
use sekat::sim::telegram::{self, TelegramSim};
use sekat::sim::whatsapp::{SimConfig, WhatsAppSim};
use sekat::store::wa::{WaStore, schema::MIGRATIONS};
use sekat::store::{DbThreads, Handle, RawKey, Turn};
use sekat::whatsapp::web::{WebConfig, WebProvider};
use sekat::whatsapp::{EventSink, Provider, SinkError, Start};
use std::sync::{Arc, Mutex};
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
    ana.says(english::ERASE_WORD);
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
    let sure = ana.sees("a question", |m| m.buttons.iter().any(|(l, _)| l == english::LOGOUT_YES_BUTTON)).await;
    ana.presses(&sure, english::LOGOUT_YES_BUTTON);
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

#[tokio::test(flavor = "multi_thread")]
async fn their_telegram_and_our_whatsapp() {
    let telegram = Telegram::start(TelegramHabits { case: Case::Exact, ..TelegramHabits::default() }).await.unwrap();
    let whatsapp = WhatsAppSim::start(SimConfig::default()).await.unwrap();
    whatsapp.register(ANAS, "Ana").unwrap();
    whatsapp.register(CITRA, "Citra").unwrap();
    let mut daemon = Daemon::started(&telegram.url(), &whatsapp.ws_url(), TOKEN, &[ANA]).await;
    let mut ana = Person::new(&telegram, ANA);
    ana.says(&format!("/link +{ANAS}"));
    let shown = ana.reads("Your code:").await;
    let code: String = shown.text.lines().next().unwrap().rsplit(' ').next().unwrap().replace('-', "");
    whatsapp.enter_code(&code, ANAS).await.unwrap();
    ana.reads("is linked and connected").await;
    whatsapp.send(CITRA, ANAS, "hello Ana").await.unwrap();
    let asked = ana.reads("hello Ana").await;
    ana.replies(asked.id, "hello Citra");
    ana.reads("✓✓ delivered").await;
    daemon.stop().await;
    whatsapp.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_telegram_and_their_whatsapp() {
    let telegram = TelegramSim::start(telegram::SimConfig::default()).await.unwrap();
    let whatsapp = WhatsApp::start(WhatsAppHabits { device: 2, ..WhatsAppHabits::default() }).await.unwrap();
    let token = telegram::SimConfig::default().token;
    let mut daemon = Daemon::started(&telegram.api_url(), &whatsapp.url(), &token, &[ANA]).await;
    let mut ana = telegram.user(ANA).named("Ana");
    let linking = async {
        ana.send("/link").await.unwrap();
        ana.wait_button(english::QR_BUTTON, PATIENCE).await.unwrap();
        ana.press_label(english::QR_BUTTON).await.unwrap();
        let picture = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await.unwrap();
        let qr = scan(&ana.file_of(picture.message_id).await.unwrap()).unwrap();
        whatsapp.scan(&qr, ANAS).await;
        ana.wait_text("is linked and connected", PATIENCE).await.unwrap();
    };
    let (citra, ()) = tokio::join!(Contact::new(&whatsapp, CITRA), linking);
    citra.writes(ANAS, "hello Ana").await;
    let asked = ana.wait_text("hello Ana", PATIENCE).await.unwrap();
    ana.reply(asked.message_id, "hello Citra").await.unwrap();
    citra.gets("hello Citra").await;
    ana.wait_text("✓✓ delivered", PATIENCE).await.unwrap();
    daemon.stop().await;
    citra.leaves().await;
    telegram.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_change_pictures_gets_new_ones() {
    for no_edit_media in [400, 404] {
        let habits = TelegramHabits { bare: true, no_edit_media: Some(no_edit_media), ..TelegramHabits::default() };
        let telegram = Telegram::start(habits).await.unwrap();
        let whatsapp = WhatsApp::start(WhatsAppHabits::default()).await.unwrap();
        let mut daemon = Daemon::started(&telegram.url(), &whatsapp.url(), TOKEN, &[ANA]).await;
        let mut ana = Person::new(&telegram, ANA);
        let first = ana.asks_for_qr().await;
        // Connects anew, with another secret in the picture or another reference: either way it is shown.
        whatsapp.interrupts_linking();
        let pictures = until("a second picture", async || {
            let pictures: Vec<_> = ana.chat().into_iter().filter(|m| m.photo.is_some()).collect();
            (pictures.len() == 2).then_some(pictures)
        })
        .await;
        // A tick of its time left brings no third one.
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(ana.chat().iter().filter(|m| m.photo.is_some()).count(), 2);
        let second = scan(pictures[1].photo.as_ref().unwrap()).unwrap();
        assert_eq!(first.split(',').count(), second.split(',').count());
        whatsapp.scan(&second, ANAS).await;
        ana.reads("has confirmed").await;
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_references_change_the_picture_in_its_place() {
    let telegram = Telegram::start(TelegramHabits::default()).await.unwrap();
    let whatsapp = WhatsApp::start(WhatsAppHabits::default()).await.unwrap();
    let mut daemon = Daemon::started(&telegram.url(), &whatsapp.url(), TOKEN, &[ANA]).await;
    let mut ana = Person::new(&telegram, ANA);
    let first = ana.asks_for_qr().await;
    assert!(first.contains("first-0"));
    whatsapp.renews_references();
    let renewed = until("the new picture", async || {
        let pictures: Vec<_> = ana.chat().into_iter().filter_map(|m| m.photo).collect();
        assert_eq!(pictures.len(), 1);
        scan(&pictures[0]).ok().filter(|qr| qr.contains("renewed-0"))
    })
    .await;
    whatsapp.scan(&renewed, ANAS).await;
    ana.reads("has confirmed").await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_in_trouble_is_waited_for() {
    let telegram = Telegram::later(TelegramHabits { close: true, ..TelegramHabits::default() }).await.unwrap();
    let mut daemon = Daemon::started(&telegram.url(), "ws://127.0.0.1:9/", TOKEN, &[ANA]).await;
    let mut ana = Person::new(&telegram, ANA);
    ana.says("/start");
    tokio::time::sleep(Duration::from_millis(300)).await;
    telegram.open().await.unwrap();
    ana.reads("Welcome to Sekat").await;
    for fault in [
        Fault::Says(
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":1}}"#,
        ),
        Fault::Says(500, "<html>Internal Server Error</html>"),
        Fault::Says(502, r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#),
        Fault::Says(200, "not even JSON"),
        Fault::Says(429, "<html>slow down</html>"),
        Fault::Drops,
    ] {
        telegram.fault("getUpdates", fault.clone());
        telegram.fault("sendMessage", fault);
        let before = ana.saying("How it works").len();
        ana.says("/help");
        until("an answer", async || (ana.saying("How it works").len() > before).then_some(())).await;
        assert_eq!(ana.saying("How it works").len(), before + 1, "nothing was sent twice");
    }
    telegram.fault("getUpdates", Fault::Cuts);
    // Taken, and not said so: it may come twice, and says that it may.
    telegram.fault("sendMessage", Fault::Cuts);
    let before = ana.saying("How it works").len();
    ana.says("/help");
    until("its repeat", async || (ana.saying("How it works").len() == before + 2).then_some(())).await;
    assert_eq!(
        ana.saying("possibly a repeat").len(),
        5,
        "after each loss of an answer that said nothing: {:#?}",
        ana.chat()
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_nobody_can_scan_any_more_is_told() {
    let telegram = Telegram::start(TelegramHabits::default()).await.unwrap();
    // The library shows the first reference for a minute; without any, all are over at once.
    let whatsapp = WhatsApp::start(WhatsAppHabits { refs: 0, ..WhatsAppHabits::default() }).await.unwrap();
    let mut daemon = Daemon::started(&telegram.url(), &whatsapp.url(), TOKEN, &[ANA]).await;
    let mut ana = Person::new(&telegram, ANA);
    ana.says("/link");
    let offer = ana.reads("Link a number").await;
    ana.presses(&offer, english::QR_BUTTON);
    let told = ana.reads(&english::text(&phrases::reason(Reason::QrExpired))).await;
    assert!(told.text.contains(Reason::QrExpired.code()), "{}", told.text);
    assert!(told.buttons.iter().any(|(label, _)| label == english::AGAIN_BUTTON));
    // A server that knows nothing of codes, and the other way on the button.
    ana.says(&format!("/link +{ANAS}"));
    let told = ana.reads(&english::text(&phrases::reason(Reason::CodeRefused))).await;
    assert!(told.buttons.iter().any(|(label, _)| label == english::OTHER_WAY_BUTTON));
    ana.says("/numbers");
    ana.reads("You have not linked a number yet").await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_let_somebody_in_may_take_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let threads = DbThreads::start(1);
    let whatsapp = WhatsApp::start(WhatsAppHabits { offline: false, ..WhatsAppHabits::default() }).await.unwrap();
    let silence = Duration::from_millis(500);
    let config = WebConfig { endpoint: whatsapp.url(), loopback_only: true, silence, ..WebConfig::default() };
    let provider = WebProvider::new(config).unwrap();
    let told = Arc::new(Told::default());
    let turn = Turn { user: 1, lane: 1 };
    let handle = Handle::new(threads.clone(), turn, folder.path().join("wa.db"), RawKey::new([7; 32]), MIGRATIONS);
    let start = Start {
        account: AccountId(1),
        generation: Generation(1),
        login: Some(LoginMethod::Qr),
        keys: WaStore::new(handle),
        sink: Arc::clone(&told) as Arc<dyn EventSink>,
    };
    let client = provider.start(start).await.unwrap();
    let qr = until("a QR", async || told.0.lock().unwrap().clone()).await;
    whatsapp.scan(&qr, ANAS).await;
    until("a login", async || (whatsapp.logins(ANAS) == 1).then_some(())).await;
    tokio::time::sleep(silence * 5).await;
    assert!(whatsapp.is_online(ANAS) && whatsapp.logins(ANAS) == 1, "it left a server that had let it in");
    assert!(client.close(PATIENCE).await);
    threads.stop();
}

/// Remembers the newest QR.
#[derive(Default)]
struct Told(Mutex<Option<String>>);

#[async_trait::async_trait]
impl EventSink for Told {
    async fn messages(&self, _: Vec<InboundMessage>) -> Result<(), SinkError> {
        Ok(())
    }

    fn event(&self, event: ClientEvent) {
        if let ClientEvent::Login(LoginStep::Qr { payload, .. }) = event {
            *self.0.lock().unwrap() = Some(payload);
        }
    }
}
