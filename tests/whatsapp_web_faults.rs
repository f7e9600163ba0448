//! The native provider when WhatsApp or the network does not do what one hopes for: each fault and the word for it.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod whatsapp_web_support;

use sekat::domain::{ClientEvent, Jid, LoginMethod, PhoneNumber, Reason, Timestamp};
use sekat::sim::whatsapp::Fault;
use sekat::whatsapp::SendOutcome;
use std::sync::Arc;
use std::time::{Duration, Instant};
use whatsapp_web_support::{Number, SOON, World};

const OWNER: &str = "6281111111111";
const ANNA: &str = "6283333333333";

fn anna() -> Jid {
    Jid(format!("{ANNA}@s.whatsapp.net"))
}

async fn world() -> (World, Number) {
    let world = World::new().await;
    world.sim.register(ANNA, "Anna").unwrap();
    let owner = world.linked(OWNER).await;
    owner.sink.forget();
    (world, owner)
}

async fn ended(owner: &Number) -> (Reason, Option<Timestamp>) {
    match owner.sink.event("the end", |event| matches!(event, ClientEvent::Ended { .. })).await {
        ClientEvent::Ended { reason, until } => (reason, until),
        _ => unreachable!(),
    }
}

/// The client ended for `reason`, told it once, and lets go of everything when closed.
async fn ends_with(owner: Number, reason: Reason) {
    assert_eq!(ended(&owner).await.0, reason);
    assert!(!owner.client.is_online());
    let outcome = owner.client.send_text(&anna(), "x", "LATE", SOON).await;
    assert_eq!(outcome, SendOutcome::Rejected(Reason::NotConnected));
    assert!(owner.client.close(SOON).await);
    let ends = owner.sink.events().into_iter().filter(|event| matches!(event, ClientEvent::Ended { .. })).count();
    assert_eq!(ends, 1);
    assert_eq!(Arc::strong_count(&owner.sink), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_connection_is_told_and_comes_back_by_itself() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::Drop).unwrap();
    owner.sink.online().await;
    let told = owner.sink.events();
    assert_eq!(told, [ClientEvent::Offline(Reason::NetworkAway), ClientEvent::Online]);
    assert_eq!(owner.client.send_text(&anna(), "back", "ID1", SOON).await, SendOutcome::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_down_is_unavailable_and_not_the_network() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::StreamUnavailable).unwrap();
    owner.sink.online().await;
    // That the connection is gone may be heard before why; what counts is what stands in the end.
    let events = owner.sink.events();
    let last = [ClientEvent::Offline(Reason::Unavailable), ClientEvent::Online];
    assert!(events.ends_with(&last) && events.len() <= 3, "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_refused_for_a_moment_is_tried_again() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::ServiceUnavailable { times: Some(1) }).unwrap();
    world.sim.inject(OWNER, &Fault::Drop).unwrap();
    owner.sink.online().await;
    let unavailable = ClientEvent::Offline(Reason::Unavailable);
    assert!(owner.sink.events().contains(&unavailable), "{:?}", owner.sink.events());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_connection_of_the_same_device_ends_this_one() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::Replaced).unwrap();
    ends_with(owner, Reason::Replaced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_removed_on_the_phone_is_logged_out() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::DeviceRemoved).unwrap();
    ends_with(owner, Reason::LoggedOut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_removed_while_away_is_logged_out_at_its_next_login() {
    let (world, owner) = world().await;
    assert!(owner.client.close(SOON).await);
    let device = world.sim.companions(OWNER).unwrap()[0].device;
    world.sim.remove_companion(OWNER, device).unwrap();
    let again = world.start(OWNER, None).await;
    ends_with(again, Reason::LoggedOut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_tells_when_it_ends() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::TemporaryBan { code: 101, expire_secs: 3_600, times: None }).unwrap();
    world.sim.inject(OWNER, &Fault::Drop).unwrap();
    let (reason, until) = ended(&owner).await;
    assert_eq!(reason, Reason::Banned);
    let left = Timestamp::now().until(until.unwrap());
    assert!(left > Duration::from_secs(3_500) && left <= Duration::from_secs(3_600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outdated_client_is_told_so() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::ClientOutdated { times: None }).unwrap();
    world.sim.inject(OWNER, &Fault::Drop).unwrap();
    ends_with(owner, Reason::ClientOutdated).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_message_is_rejected_with_its_reason() {
    let (world, owner) = world().await;
    for (code, reason) in [(463, Reason::ReachoutLocked), (400, Reason::SendRefused)] {
        world.sim.inject(OWNER, &Fault::RefuseSends { code, times: Some(1) }).unwrap();
        let id = format!("REFUSED{code}");
        let outcome = owner.client.send_text(&anna(), "hello", &id, SOON).await;
        assert_eq!(outcome, SendOutcome::Rejected(reason));
    }
    let acked = owner.sink.events().iter().any(|event| matches!(event, ClientEvent::Ack { .. }));
    assert!(!acked, "whoever waits for the refusal is told it once");
    assert_eq!(owner.client.send_text(&anna(), "hello", "ID2", SOON).await, SendOutcome::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_ack_the_fate_is_unknown_until_a_late_one_tells() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::DelayAcks { ms: 1_500 }).unwrap();
    let deadline = Duration::from_millis(500);
    let begun = Instant::now();
    assert_eq!(owner.client.send_text(&anna(), "slow", "ID3", deadline).await, SendOutcome::Unknown);
    assert!(begun.elapsed() < Duration::from_millis(1_200), "{:?}", begun.elapsed());
    let ack = ClientEvent::Ack { message_id: "ID3".into(), refused: None };
    owner.sink.event("the late ack", |event| *event == ack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_black_hole_every_send_ends_at_its_deadline_and_closing_too() {
    let (world, owner) = world().await;
    assert_eq!(owner.client.send_text(&anna(), "warm", "ID4", SOON).await, SendOutcome::Accepted);
    world.sim.inject(OWNER, &Fault::BlackHole).unwrap();
    let deadline = Duration::from_millis(700);
    let client = &owner.client;
    let sends = ["ID5", "ID6", "ID7"].map(|id| async move {
        let begun = Instant::now();
        (client.send_text(&anna(), "lost", id, deadline).await, begun.elapsed())
    });
    for (outcome, took) in futures_util::future::join_all(sends).await {
        assert_eq!(outcome, SendOutcome::Unknown);
        assert!(took < deadline + Duration::from_millis(500), "{took:?}");
    }
    let begun = Instant::now();
    owner.client.close(Duration::from_secs(8)).await;
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(Arc::strong_count(&owner.sink), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healed_black_hole_brings_the_client_back() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::BlackHole).unwrap();
    world.sim.send(ANNA, OWNER, "meanwhile").await.unwrap();
    // The library's keepalive finds it, 15 to 30 s idle and then a lost ping.
    let away = ClientEvent::Offline(Reason::NetworkAway);
    tokio::time::timeout(Duration::from_secs(60), async {
        while !owner.sink.events().contains(&away) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert!(!owner.client.is_online());
    world.sim.clear_faults(OWNER).unwrap();
    owner.sink.online().await;
    owner.sink.received(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_answers_pings_and_takes_no_message_is_replaced() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::WithholdAcks { deliver: false, times: None }).unwrap();
    let heard = owner.client.heard_at().expect("it is online");
    assert_eq!(owner.client.send_text(&anna(), "x", "ID9", Duration::from_secs(21)).await, SendOutcome::Unknown);
    owner.sink.event("the end of that connection", |event| matches!(event, ClientEvent::Offline(_))).await;
    world.sim.clear_faults(OWNER).unwrap();
    tokio::time::timeout(SOON, async {
        while !owner.client.is_online() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(owner.client.send_text(&anna(), "y", "ID10", SOON).await, SendOutcome::Accepted);
    assert!(owner.client.heard_at() > Some(heard));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_during_a_send_tells_unknown_and_waits_for_nobody() {
    let (world, owner) = world().await;
    world.sim.inject(OWNER, &Fault::WithholdAcks { deliver: false, times: None }).unwrap();
    let client = Arc::clone(&owner.client);
    let sending = tokio::spawn(async move { client.send_text(&anna(), "x", "ID8", SOON).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    assert!(owner.client.close(SOON).await);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(sending.await.unwrap(), SendOutcome::Unknown);
    assert_eq!(Arc::strong_count(&owner.sink), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_code_links_nothing_and_the_right_one_still_does() {
    let world = World::new().await;
    world.sim.register(OWNER, "Owner").unwrap();
    let phone = PhoneNumber::parse(OWNER).unwrap();
    let owner = world.start(OWNER, Some(LoginMethod::Code(phone))).await;
    let first = owner.sink.code().await;
    let other = world.sim.enter_code("ZZZZZZZZ", OWNER).await;
    assert!(other.is_err(), "a wrong code links nothing");
    world.sim.enter_code(&first, OWNER).await.unwrap();
    owner.sink.online().await;
}
