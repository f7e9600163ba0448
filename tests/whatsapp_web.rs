//! The native provider over the simulator: linking, text both ways, restarts, closing.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod whatsapp_web_support;

use sekat::domain::{ClientEvent, Content, Delivery, Jid, LoginMethod, LoginStep, PhoneNumber, Reason};
use sekat::whatsapp::{EventSink, SendOutcome, StartError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use whatsapp_web_support::{Recorder, SOON, World, provider};

const OWNER: &str = "6281111111111";
const OTHER: &str = "6282222222222";
const ANNA: &str = "6283333333333";

fn jid(number: &str) -> Jid {
    Jid(format!("{number}@s.whatsapp.net"))
}

fn phone(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_linked_by_qr_and_text_goes_both_ways_with_its_outcome() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let owner = world.linked(OWNER).await;
    let beside = |e: &ClientEvent| matches!(e, ClientEvent::Login(LoginStep::Qr { .. }) | ClientEvent::PhoneSeen);
    let steps: Vec<_> = owner.sink.events().into_iter().filter(|e| !beside(e)).collect();
    assert_eq!(steps, [ClientEvent::Login(LoginStep::Paired { phone: phone(OWNER) }), ClientEvent::Online]);
    assert!(owner.client.is_online());

    world.sim.send(ANNA, OWNER, "good morning").await.unwrap();
    let said = owner.sink.received(1).await.remove(0);
    assert_eq!((said.chat.clone(), said.sender.clone()), (jid(ANNA), jid(ANNA)));
    assert!(said.content == Content::Text("good morning".into()) && !said.from_me && !said.is_group);
    assert_eq!(said.push_name.as_deref(), Some("Anna"));

    let outcome = owner.client.send_text(&jid(ANNA), "and to you", "OWNID1", SOON).await;
    assert_eq!(outcome, SendOutcome::Accepted);
    let inbox = world.sim.inbox(ANNA, 0, SOON).await.unwrap();
    assert_eq!((inbox[0].text.as_str(), inbox[0].id.as_str(), inbox[0].from.as_str()), ("and to you", "OWNID1", OWNER));
    let receipt = |delivery| ClientEvent::Receipt { chat: jid(ANNA), message_ids: vec!["OWNID1".into()], delivery };
    let delivered = receipt(Delivery::Delivered);
    owner.sink.event("delivery", |event| *event == delivered).await;
    world.sim.mark_read(ANNA, "OWNID1").unwrap();
    let read = receipt(Delivery::Read);
    owner.sink.event("reading", |event| *event == read).await;
    let acked = owner.sink.events().iter().any(|event| matches!(event, ClientEvent::Ack { .. }));
    assert!(!acked, "whoever waits for the ack is told it once");

    // What the owner writes on the phone comes as their own.
    world.sim.send(OWNER, ANNA, "from the phone").await.unwrap();
    let own = owner.sink.received(2).await.remove(1);
    assert_eq!((own.chat.clone(), own.sender.clone(), own.from_me), (jid(ANNA), jid(OWNER), true));
    assert!(own.content == Content::Text("from the phone".into()));
    assert!(owner.client.close(SOON).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_linked_by_code() {
    let world = World::new().await;
    world.sim.register(OWNER, "Owner").unwrap();
    let owner = world.start(OWNER, Some(LoginMethod::Code(phone(OWNER)))).await;
    let code = owner.sink.code().await;
    assert_eq!(code.len(), 8);
    world.sim.enter_code(&code, OWNER).await.unwrap();
    owner.sink.online().await;
    let events = owner.sink.events();
    assert!(events.contains(&ClientEvent::Login(LoginStep::Paired { phone: phone(OWNER) })));
    assert!(
        !events.iter().any(|event| matches!(event, ClientEvent::Login(LoginStep::Qr { .. }))),
        "no QR beside a code"
    );
    assert!(owner.client.close(SOON).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_numbers_hear_only_what_is_theirs() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let (owner, other) = tokio::join!(world.linked(OWNER), world.linked(OTHER));
    world.sim.send_bulk(ANNA, OWNER, "owner ", 20).await.unwrap();
    world.sim.send_bulk(ANNA, OTHER, "other ", 20).await.unwrap();
    for (number, prefix) in [(&owner, "owner "), (&other, "other ")] {
        let texts: Vec<_> = number.sink.received(20).await.into_iter().map(|message| message.content).collect();
        let expected: Vec<_> = (1..=20).map(|n| Content::Text(format!("{prefix}{n}"))).collect();
        assert!(texts == expected, "in order, each once, and no other's");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_client_logs_in_with_its_keys_and_gets_what_came_meanwhile() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let owner = world.linked(OWNER).await;
    world.sim.send(ANNA, OWNER, "before").await.unwrap();
    owner.sink.received(1).await;
    assert!(owner.client.close(SOON).await);
    world.sim.send_bulk(ANNA, OWNER, "meanwhile ", 5).await.unwrap();
    let again = world.again(owner).await;
    let told = again.sink.received(5).await;
    let texts: Vec<_> = told.into_iter().map(|message| message.content).collect();
    assert!(texts == (1..=5).map(|n| Content::Text(format!("meanwhile {n}"))).collect::<Vec<_>>());
    let events = again.sink.events();
    assert!(!events.iter().any(|event| matches!(event, ClientEvent::Login(_))), "{events:?}");
    assert_eq!(again.client.send_text(&jid(ANNA), "after", "OWNID2", SOON).await, SendOutcome::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sink_could_not_store_comes_again() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let owner = world.linked(OWNER).await;
    owner.sink.failing.store(true, Ordering::SeqCst);
    world.sim.send(ANNA, OWNER, "precious").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(owner.sink.messages().is_empty());
    let again = world.again(owner).await;
    let told = again.sink.received(1).await;
    assert!(told[0].content == Content::Text("precious".into()));
    assert_eq!(told.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sink_could_not_store_comes_again_without_a_restart() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let owner = world.linked(OWNER).await;
    owner.sink.failing.store(true, Ordering::SeqCst);
    world.sim.send(ANNA, OWNER, "precious").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    owner.sink.failing.store(false, Ordering::SeqCst);
    let told = owner.sink.received(1).await;
    assert!(told[0].content == Content::Text("precious".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panicking_sink_loses_nothing_and_reaches_no_other_client() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let (owner, other) = tokio::join!(world.linked(OWNER), world.linked(OTHER));
    owner.sink.panicking.store(true, Ordering::SeqCst);
    world.sim.send(ANNA, OWNER, "precious").await.unwrap();
    world.sim.send(ANNA, OTHER, "quiet").await.unwrap();
    other.sink.received(1).await;
    let again = world.again(owner).await;
    assert!(again.sink.received(1).await[0].content == Content::Text("precious".into()));
    assert!(other.client.is_online());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_client_leaves_no_reference_and_says_nothing_more() {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let owner = world.linked(OWNER).await;
    assert_eq!(owner.client.send_text(&jid(ANNA), "hello", "OWNID3", SOON).await, SendOutcome::Accepted);
    let begun = Instant::now();
    assert!(owner.client.close(SOON).await);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(!owner.client.is_online());
    assert_eq!(Arc::strong_count(&owner.sink), 1, "nobody can reach the sink");
    let told = owner.sink.events().len();
    world.sim.send(ANNA, OWNER, "too late").await.unwrap();
    let outcome = owner.client.send_text(&jid(ANNA), "too late", "OWNID4", SOON).await;
    assert_eq!(outcome, SendOutcome::Rejected(Reason::NotConnected));
    assert!(owner.client.close(SOON).await, "again is harmless");
    assert_eq!(owner.sink.events().len(), told);
    assert!(owner.sink.messages().is_empty());
    assert!(!owner.sink.events().iter().any(|event| matches!(event, ClientEvent::Ended { .. })));
    // Whoever drops a client without closing it leaves nothing running either.
    let again = world.again(owner).await;
    let sink = Arc::downgrade(&(Arc::clone(&again.sink) as Arc<dyn EventSink>));
    drop(again);
    let gone = async {
        while sink.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_removes_the_device_and_ends_the_client() {
    let world = World::new().await;
    let owner = world.linked(OWNER).await;
    assert!(owner.client.logout(SOON).await);
    assert!(world.sim.companions(OWNER).unwrap().is_empty());
    let logged_out = ClientEvent::Ended { reason: Reason::LoggedOut, until: None };
    owner.sink.event("the end", |event| *event == logged_out).await;
    assert!(owner.client.close(SOON).await);
    assert!(!owner.client.logout(SOON).await);
    owner.keys.wipe().await.unwrap();
    assert!(!world.folder.path().join(format!("wa-{OWNER}.db")).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_without_a_device_cannot_log_in() {
    let world = World::new().await;
    let start = sekat::whatsapp::Start {
        account: sekat::domain::AccountId(1),
        generation: sekat::domain::Generation(1),
        login: None,
        keys: world.keys(OWNER),
        sink: Arc::new(Recorder::default()),
    };
    let refused = sekat::whatsapp::Provider::start(&world.provider, start).await;
    assert!(matches!(refused, Err(StartError::Setup(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_it_says_so_and_closes_at_once() {
    let mut world = World::new().await;
    world.provider = provider("ws://127.0.0.1:1/ws/chat");
    let owner = world.start(OWNER, Some(LoginMethod::Qr)).await;
    let away = ClientEvent::Offline(Reason::NetworkAway);
    owner.sink.event("no network", |event| *event == away).await;
    let begun = Instant::now();
    assert!(owner.client.close(SOON).await);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(Arc::strong_count(&owner.sink), 1);
}
