//! The WhatsApp simulator against real clients: what a client of the real service meets, it meets here.
#![cfg(feature = "demo")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what a test expects, it says")]

mod wa_client;

use std::sync::Arc;
use std::time::Duration;

use sekat::sim::whatsapp::{Fault, SimConfig, SimError, WhatsAppSim};
use wa_client::{PATIENCE, TestClient};
use whatsapp_rust::Jid;
use whatsapp_rust::types::events::Event;
use whatsapp_rust::types::presence::ReceiptType;
use whatsapp_rust::wacore::store::InMemoryBackend;

const SHOP: &str = "628110000001";
const SCHOOL: &str = "628110000002";
const ANI: &str = "628120000001";

async fn world() -> WhatsAppSim {
    let sim = WhatsAppSim::start(SimConfig::default()).await.unwrap();
    for (number, name) in [(SHOP, "Shop"), (SCHOOL, "School"), (ANI, "Ani")] {
        sim.register(number, name).unwrap();
    }
    sim
}

/// The texts in a phone's inbox, once there are `count`.
async fn inbox(sim: &WhatsAppSim, number: &str, count: usize) -> Vec<String> {
    let all = async {
        loop {
            let inbox = sim.inbox(number, 0, Duration::ZERO).await.unwrap();
            if inbox.len() >= count {
                return inbox.into_iter().map(|m| m.text).collect();
            }
            let last = inbox.last().map_or(0, |m| m.seq);
            sim.inbox(number, last, PATIENCE).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the phone gets its messages")
}

/// Waits until every companion has confirmed everything.
async fn confirmed(sim: &WhatsAppSim) {
    let emptied = async {
        while sim.stats().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied).await.expect("every message is confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_links_by_qr_and_texts_go_both_ways() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    let id = sim.send(ANI, SHOP, "is it open?").await.unwrap();
    assert_eq!(shop.message().await, (id, ANI.to_owned(), "is it open?".to_owned()));
    let id = shop.send(ANI, "yes").await;
    let got = sim.inbox(ANI, 0, PATIENCE).await.unwrap();
    assert_eq!((got[0].id.as_str(), got[0].from.as_str(), got[0].text.as_str()), (id.as_str(), SHOP, "yes"));
    // The user's own phone sees what the companion wrote.
    let own = sim.inbox(SHOP, 0, PATIENCE).await.unwrap();
    assert!(own.iter().any(|m| m.text == "is it open?" && m.to.is_none()));
    assert_eq!(inbox(&sim, SHOP, 2).await.len(), 2);
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_links_by_pair_code() {
    let sim = world().await;
    let shop = TestClient::with_code(&sim, SHOP).await;
    let code = shop.code().await;
    assert!(matches!(sim.enter_code(&code, SCHOOL).await, Err(SimError::NoPairCodeRequest)));
    sim.enter_code(&format!("{}-{}", &code[..4], &code[4..]), SHOP).await.unwrap();
    shop.connected().await;
    sim.send(ANI, SHOP, "hello").await.unwrap();
    assert_eq!(shop.message().await.2, "hello");
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pair_code_links_nothing() {
    let sim = world().await;
    let shop = TestClient::with_code(&sim, SHOP).await;
    let code = shop.code().await;
    let wrong = if code == "ABCD1234" { "ABCD1235" } else { "ABCD1234" };
    assert!(matches!(sim.enter_code(wrong, SHOP).await, Err(SimError::WrongPairCode)));
    assert!(sim.companions(SHOP).unwrap().is_empty());
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_client_is_away_waits_for_it() {
    let sim = world().await;
    let store = TestClient::linked(&sim, SHOP).await.stop().await;
    let texts: Vec<String> = (1..=300).map(|n| format!("t{n}")).collect();
    assert_eq!(sim.send_bulk(ANI, SHOP, "t", 300).await.unwrap().len(), 300);
    let shop = TestClient::with_store(&sim, store).await;
    assert_eq!(shop.texts(300).await, texts);
    confirmed(&sim).await;
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_go_both_ways() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    let sent = shop.send(ANI, "your parcel is here").await;
    assert_eq!(shop.ack(&sent).await, None);
    shop.receipt(&sent, ReceiptType::Delivered).await;
    sim.mark_read(ANI, &sent).unwrap();
    shop.receipt(&sent, ReceiptType::Read).await;

    let asked = sim.send(ANI, SHOP, "thanks").await.unwrap();
    shop.message().await;
    let delivered = sim.wait_receipt(ANI, &asked, "delivery", PATIENCE).await.unwrap();
    assert_eq!(delivered.map(|r| r.from), Some(SHOP.to_owned()));
    shop.client().mark_as_read(&Jid::pn(ANI), None, &[&asked]).await.unwrap();
    assert!(sim.wait_receipt(ANI, &asked, "read", PATIENCE).await.unwrap().is_some());
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_confirmed_comes_again() {
    let sim = world().await;
    let store = TestClient::linked(&sim, SHOP).await.stop().await;
    let id = sim.send(ANI, SHOP, "keep this").await.unwrap();
    let refusing = TestClient::storing(&sim, store, true).await;
    refusing.connected().await;
    assert_eq!(sim.companions(SHOP).unwrap()[0].waiting, 1);
    let store = refusing.stop().await;
    assert_eq!(sim.companions(SHOP).unwrap()[0].waiting, 1);
    let shop = TestClient::storing(&sim, store, false).await;
    assert_eq!(shop.message().await, (id, ANI.to_owned(), "keep this".to_owned()));
    confirmed(&sim).await;
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_numbers_do_not_see_each_others_messages() {
    let sim = world().await;
    let (shop, school) = (TestClient::linked(&sim, SHOP).await, TestClient::linked(&sim, SCHOOL).await);
    sim.send(ANI, SHOP, "for the shop").await.unwrap();
    sim.send(ANI, SCHOOL, "for the school").await.unwrap();
    assert_eq!(shop.texts(1).await, ["for the shop"]);
    assert_eq!(school.texts(1).await, ["for the school"]);
    // They can write to each other, companion to companion.
    shop.send(SCHOOL, "neighbour?").await;
    assert_eq!(school.message().await.2, "neighbour?");
    assert!(!shop.happens(Duration::from_millis(300), |e| matches!(e, Event::Messages(_))).await);
    for client in [shop, school] {
        client.stop().await;
    }
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_companions_of_a_number_both_get_everything() {
    let sim = world().await;
    let first = TestClient::linked(&sim, SHOP).await;
    let second = TestClient::linked(&sim, SHOP).await;
    sim.send(ANI, SHOP, "hello all").await.unwrap();
    assert_eq!(first.message().await.2, "hello all");
    assert_eq!(second.message().await.2, "hello all");
    first.send(ANI, "from the first").await;
    let (_, chat, text) = second.message().await;
    assert_eq!((chat.as_str(), text.as_str()), (ANI, "from the first"));
    for client in [first, second] {
        client.stop().await;
    }
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_learns_of_a_companion_that_was_linked_after_its_first_message() {
    let sim = world().await;
    let (shop, school) = (TestClient::linked(&sim, SHOP).await, TestClient::linked(&sim, SCHOOL).await);
    shop.send(SCHOOL, "one").await;
    assert_eq!(school.message().await.2, "one");
    let tablet = TestClient::linked(&sim, SCHOOL).await;
    let id = shop.send(SCHOOL, "two").await;
    assert_eq!(shop.ack(&id).await, None);
    let reached = async {
        for n in 3.. {
            shop.send(SCHOOL, &n.to_string()).await;
            if tablet.happens(Duration::from_millis(200), |e| matches!(e, Event::Messages(_))).await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("the new companion gets messages");
    for client in [shop, school, tablet] {
        client.stop().await;
    }
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_companion_that_the_phone_removes_is_logged_out_for_good() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    sim.remove_companion(SHOP, 1).unwrap();
    shop.wait("a logout", |e| matches!(e, Event::LoggedOut(_)).then_some(())).await;
    let shop = TestClient::with_store(&sim, shop.stop().await).await;
    let on_connect = shop.wait("a logout", |e| match e {
        Event::LoggedOut(out) => Some(out.on_connect),
        _ => None,
    });
    assert!(on_connect.await);
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_logs_out_is_unlinked_on_the_phone() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    shop.client().logout().await;
    assert!(sim.companions(SHOP).unwrap().is_empty());
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_comes_back() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    sim.inject(SHOP, &Fault::Drop).unwrap();
    shop.wait("a disconnect", |e| matches!(e, Event::Disconnected(_)).then_some(())).await;
    sim.send(ANI, SHOP, "still there?").await.unwrap();
    assert_eq!(shop.message().await.2, "still there?");
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_stream_and_an_unavailable_one_are_told() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    sim.inject(SHOP, &Fault::StreamUnavailable).unwrap();
    shop.connected().await;
    sim.inject(SHOP, &Fault::Replaced).unwrap();
    shop.wait("a replacement", |e| matches!(e, Event::StreamReplaced(_)).then_some(())).await;
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_logins_have_the_reason_that_the_fault_names() {
    let sim = world().await;
    let mut store = TestClient::linked(&sim, SHOP).await.stop().await;
    type Check = fn(&Event) -> bool;
    let faults: [(Fault, Check); 4] = [
        (
            Fault::TemporaryBan { code: 101, expire_secs: 3600, times: None },
            |e| matches!(e, Event::TemporaryBan(ban) if ban.expire.num_seconds() == 3600),
        ),
        (Fault::ClientOutdated { times: None }, |e| matches!(e, Event::ClientOutdated(_))),
        (Fault::LoginFailure { reason: 403, times: None }, |e| matches!(e, Event::LoggedOut(_))),
        (Fault::LoginFailure { reason: 418, times: None }, |e| matches!(e, Event::ConnectFailure(_))),
    ];
    for (fault, check) in faults {
        sim.inject(SHOP, &fault).unwrap();
        let shop = TestClient::with_store(&sim, store).await;
        shop.wait(&format!("{fault:?}"), |e| check(e).then_some(())).await;
        store = shop.stop().await;
    }
    // Service unavailable is the one that a client tries again after.
    sim.clear_faults(SHOP).unwrap();
    sim.inject(SHOP, &Fault::ServiceUnavailable { times: Some(1) }).unwrap();
    let shop = TestClient::with_store(&sim, store).await;
    shop.wait("a failure", |e| matches!(e, Event::ConnectFailure(_)).then_some(())).await;
    shop.connected().await;
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_come_late_or_never_or_refuse() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    sim.inject(SHOP, &Fault::RefuseSends { code: 463, times: Some(1) }).unwrap();
    let id = shop.send(ANI, "first").await;
    assert_eq!(shop.ack(&id).await.as_deref(), Some("463"));
    sim.inject(SHOP, &Fault::DelayAcks { ms: 300 }).unwrap();
    let before = std::time::Instant::now();
    let id = shop.send(ANI, "second").await;
    assert_eq!(shop.ack(&id).await, None);
    assert!(before.elapsed() >= Duration::from_millis(300));
    sim.clear_faults(SHOP).unwrap();
    sim.inject(SHOP, &Fault::WithholdAcks { deliver: true, times: Some(1) }).unwrap();
    let stuck = shop.send(ANI, "third").await;
    let id = shop.send(ANI, "fourth").await;
    let acked = shop.wait("an acknowledgement", |e| match e {
        Event::ServerAck(ack) if ack.id == stuck || ack.id == id => Some(ack.id.clone()),
        _ => None,
    });
    assert_eq!(acked.await, id);
    assert_eq!(inbox(&sim, ANI, 3).await, ["second", "third", "fourth"]);
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_swallows_until_it_is_healed() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    sim.inject(SHOP, &Fault::BlackHole).unwrap();
    sim.send(ANI, SHOP, "into the dark").await.unwrap();
    assert!(!shop.happens(Duration::from_millis(500), |e| matches!(e, Event::Messages(_))).await);
    assert!(sim.companions(SHOP).unwrap()[0].online);
    let store = shop.stop().await;
    let shop = TestClient::with_store(&sim, store).await;
    assert!(!shop.happens(Duration::from_millis(500), |e| matches!(e, Event::Connected(_))).await);
    let store = shop.stop().await;
    sim.clear_faults(SHOP).unwrap();
    let shop = TestClient::with_store(&sim, store).await;
    assert_eq!(shop.message().await.2, "into the dark");
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_client_cannot_read_is_sent_again_readably() {
    let sim = world().await;
    let shop = TestClient::linked(&sim, SHOP).await;
    sim.send(ANI, SHOP, "one").await.unwrap();
    shop.message().await;
    confirmed(&sim).await;
    // The client loses its sessions, as after a restored backup.
    let store = shop.stop().await;
    for at in [format!("{ANI}.0"), format!("{ANI}@c.us.0"), format!("{ANI}@s.whatsapp.net.0")] {
        store.delete_session(&at).await.unwrap();
    }
    let shop = TestClient::with_store(&sim, store).await;
    shop.connected().await;
    sim.send(ANI, SHOP, "two").await.unwrap();
    assert_eq!(shop.message().await.2, "two");
    shop.stop().await;
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_loopback_is_served_and_wrong_orders_are_refused() {
    let config = SimConfig { listen: ([0, 0, 0, 0], 0).into(), ..SimConfig::default() };
    assert!(matches!(WhatsAppSim::start(config).await.err(), Some(SimError::NotLoopback)));
    let sim = world().await;
    assert!(matches!(sim.register("08123", "x"), Err(SimError::InvalidNumber)));
    assert!(matches!(sim.scan("1,2", SHOP).await, Err(SimError::InvalidQr)));
    assert!(matches!(sim.send(ANI, "628199", "x").await, Err(SimError::UnknownNumber)));
    let client = TestClient::with_store(&sim, Arc::new(InMemoryBackend::new())).await;
    let qr = client.qr().await;
    assert!(matches!(sim.scan(&qr, "628199").await, Err(SimError::UnknownNumber)));
    let stranger = TestClient::new(&sim).await;
    let other = stranger.qr().await;
    let mixed = qr.split(',').take(1).chain(other.split(',').skip(1)).collect::<Vec<_>>().join(",");
    assert!(matches!(sim.scan(&mixed, SHOP).await, Err(SimError::UnknownQr)));
    for client in [client, stranger] {
        client.stop().await;
    }
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_api_does_what_the_methods_do() {
    let sim = world().await;
    let http = reqwest::Client::new();
    let url = |path: &str| format!("{}{path}", sim.control_url());
    let post = async |path: &str, body: serde_json::Value| {
        let answer = http.post(url(path)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let get = async |path: &str| http.get(url(path)).send().await.unwrap().json::<serde_json::Value>().await.unwrap();
    assert_eq!(get("/health").await["ws_url"], sim.ws_url());
    let budi = "628120000002";
    assert_eq!(post("/contacts", serde_json::json!({"number": budi, "name": "Budi"})).await.0, 200);
    let shop = TestClient::new(&sim).await;
    let linked = post("/scan", serde_json::json!({"qr": shop.qr().await, "number": SHOP})).await;
    assert_eq!((linked.0, &linked.1["device"]), (200, &serde_json::json!(1)));
    shop.connected().await;
    let sent = post("/send", serde_json::json!({"from": budi, "to": SHOP, "text": "hi"})).await.1;
    assert_eq!(sent["id"], shop.message().await.0);
    let id = shop.send(budi, "hi too").await;
    let inbox = get(&format!("/inbox/{budi}?wait=20000")).await;
    assert_eq!((&inbox[0]["text"], &inbox[0]["id"]), (&serde_json::json!("hi too"), &serde_json::json!(id)));
    assert_eq!(post("/read", serde_json::json!({"number": budi, "id": id})).await.0, 200);
    shop.receipt(&id, ReceiptType::Read).await;
    let bulk = serde_json::json!({"from": budi, "to": SHOP, "prefix": "n", "count": 5});
    assert_eq!(post("/send/bulk", bulk).await.1["ids"].as_array().unwrap().len(), 5);
    assert_eq!(shop.texts(5).await, ["n1", "n2", "n3", "n4", "n5"]);
    let fault = serde_json::json!({"number": SHOP, "fault": "refuse_sends", "code": 463, "times": 1});
    assert_eq!(post("/faults", fault).await.0, 200);
    let id = shop.send(budi, "no").await;
    assert_eq!(shop.ack(&id).await.as_deref(), Some("463"));
    assert_eq!(get(&format!("/phones/{SHOP}/companions")).await[0]["online"], true);
    let removed = http.delete(url(&format!("/phones/{SHOP}/companions/1"))).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    shop.wait("a logout", |e| matches!(e, Event::LoggedOut(_)).then_some(())).await;
    assert_eq!(post("/send", serde_json::json!({"from": "628199", "to": SHOP, "text": "x"})).await.0, 404);
    shop.stop().await;
    sim.shutdown().await;
}
