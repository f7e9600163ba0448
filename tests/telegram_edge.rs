//! What happens between Telegram and the daemon when things go wrong, over the simulated Telegram and a real spool.
#![cfg(feature = "demo")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use sekat::domain::text::{Span, Style};
use sekat::domain::{Body, ChatId, Input, Language, MessageId, Outgoing, RichText, TelegramId, UpdateId};
use sekat::limits::Backoff;
use sekat::sim::telegram::wire::{ChatSpec, Fault, FaultAction, Voice};
use sekat::sim::telegram::{RateLimits, SimConfig, TelegramSim};
use sekat::store::spool::{Spool, Spooled};
use sekat::store::{DbThreads, RawKey};
use sekat::telegram::{
    Api, ApiConfig, ApiError, Intake, IntakeStats, PollConfig, Poller, Reader, Sender, dispatcher, listener,
};
use sekat::users::port::{ReadUpdate, Route, Telegram, TelegramError};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);

async fn sim() -> TelegramSim {
    TelegramSim::start(SimConfig { limits: RateLimits::off(), ..SimConfig::default() }).await.unwrap()
}

fn api_of(url: &str, token: &str) -> Api {
    let deadline = Duration::from_secs(3);
    Api::new(ApiConfig { token: token.into(), api_url: url.parse().unwrap(), deadline, loopback_only: true }).unwrap()
}

fn api(sim: &TelegramSim) -> Api {
    api_of(&sim.api_url(), &SimConfig::default().token)
}

fn spool(path: &Path) -> Spool {
    Spool::new(DbThreads::start(1), path, RawKey::new([7; 32]), 7_000_000_001)
}

/// Counts nothing: who waits for something looks again after each wake-up.
#[derive(Default)]
struct Woken {
    all: std::sync::Mutex<Vec<u64>>,
    more: Notify,
}

impl Route for Woken {
    fn arrived(&self, user: TelegramId) {
        self.all.lock().unwrap().push(user.0);
        self.more.notify_one();
        assert!(user.0 != 13, "a bug in the way of user 13");
    }
}

/// Everything of the way in, running.
struct Edge {
    spool: Spool,
    woken: Arc<Woken>,
    stats: Arc<IntakeStats>,
    cancel: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Edge {
    fn start(api: &Api, spool: Spool) -> Edge {
        let woken = Arc::new(Woken::default());
        let cancel = CancellationToken::new();
        let (feed, committed) = listener::feed(woken.clone());
        let backoff = Backoff { first: Duration::from_millis(20), cap: Duration::from_millis(200) };
        let config = PollConfig { timeout: SOON, backoff };
        let intake = Intake::new(spool.clone(), feed);
        let stats = intake.stats();
        let poller = Poller::new(api.clone(), intake, config);
        let dispatching = dispatcher::run(api.clone(), committed, woken.clone(), cancel.clone());
        let tasks = vec![tokio::spawn(poller.run(cancel.clone())), tokio::spawn(dispatching)];
        Edge { spool, woken, stats, cancel, tasks }
    }

    /// The user's rows, once there are this many.
    async fn rows(&self, user: u64, count: usize) -> Vec<Spooled> {
        let waiting = async {
            loop {
                let rows = self.spool.waiting(TelegramId(user), 1000).await;
                if let Ok(rows) = rows
                    && rows.len() >= count
                {
                    return rows;
                }
                self.woken.more.notified().await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.expect("rows in time")
    }

    /// Waits until the statistics say so.
    async fn until(&self, fits: impl Fn(&IntakeStats) -> bool) {
        let waiting = async {
            while !fits(&self.stats) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.expect("the poller to get there in time");
    }

    async fn stop(self) {
        self.cancel.cancel();
        let began = Instant::now();
        for task in self.tasks {
            tokio::time::timeout(Duration::from_secs(5), task).await.expect("to end in time").expect("no panic");
        }
        assert!(began.elapsed() < Duration::from_secs(1), "stopping took {:?}", began.elapsed());
    }
}

fn fault(method: &str, times: Option<u32>, action: FaultAction) -> Fault {
    Fault { method: method.into(), chat_id: None, times, action }
}

fn status(code: u16, retry_after: Option<u64>) -> FaultAction {
    FaultAction::Status { code, retry_after, description: None }
}

fn text(chat: i64, text: &str) -> Outgoing {
    let body = Body::Text(RichText::plain(text));
    Outgoing {
        chat: ChatId(chat),
        body,
        keyboard: Vec::new(),
        reply_to: None,
        silent: false,
        replaces: None,
        language: Language::default(),
    }
}

fn qr(chat: i64, payload: &str) -> Outgoing {
    let caption = RichText::plain("Scan ").bold("me");
    Outgoing { body: Body::Qr { payload: payload.into(), caption }, ..text(chat, "") }
}

/// The offsets that were asked with so far.
async fn offsets(sim: &TelegramSim) -> Vec<Option<i64>> {
    let calls = sim.client().calls(Some("getUpdates"), 0, Duration::ZERO).await.unwrap();
    calls.calls.iter().map(|call| call.params.get("offset").and_then(|offset| offset.as_i64())).collect()
}

#[tokio::test]
async fn what_people_do_is_stored_for_them_and_wakes_them_and_nobody_else() {
    let (sim, dir) = (sim().await, tempfile::tempdir().unwrap());
    let edge = Edge::start(&api(&sim), spool(&dir.path().join("spool.db")));
    let mut ani = sim.user(42).named("Ani");
    ani.send("/start now").await.unwrap();
    ani.send_sample("photo", None).await.unwrap();
    sim.user(43).send("hello").await.unwrap();
    for voice in [Voice::AnonymousAdmin, Voice::LinkedChannel, Voice::AsChannel, Voice::User] {
        let group = ChatSpec { id: -1001, kind: Some("supergroup".into()), ..ChatSpec::default() };
        sim.user(44).in_chat(group).speaking_as(voice).send("in a group").await.unwrap();
    }
    ani.block().await.unwrap();
    let rows = edge.rows(42, 3).await;
    let reader = Reader::new("sekat_demo_bot");
    let inputs: Vec<_> = rows.iter().map(|row| reader.read(&row.payload).map(|heard| heard.input)).collect();
    assert!(matches!(&inputs[0], Some(Input::Command { name, rest, .. }) if name == "start" && rest == "now"));
    assert!(matches!(&inputs[1], Some(Input::Other { kind, .. }) if kind == "photo"));
    assert!(matches!(&inputs[2], Some(Input::Blocked)));
    edge.rows(43, 1).await;
    assert!(edge.spool.waiting(TelegramId(44), 10).await.unwrap().is_empty());
    assert_eq!(edge.spool.users().await.unwrap(), [TelegramId(42), TelegramId(43)]);
    edge.until(|stats| stats.received() == 8).await;
    assert_eq!((edge.stats.stored(), edge.stats.dropped()), (4, 4));
    let woken = edge.woken.all.lock().unwrap().clone();
    assert!(woken.contains(&42) && woken.contains(&43) && !woken.contains(&44));
    edge.stop().await;
}

#[tokio::test]
async fn a_spool_that_fails_loses_nothing_and_the_offset_waits_for_the_commit() {
    let (sim, dir) = (sim().await, tempfile::tempdir().unwrap());
    let path = dir.path().join("spool.db");
    let edge = Edge::start(&api(&sim), spool(&path));
    let first = sim.user(42).send("first").await.unwrap().update_id.unwrap();
    edge.rows(42, 1).await;
    // A folder where the file should be: every commit fails until it is gone.
    edge.spool.close().await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = dir.path().join(format!("spool.db{suffix}"));
        if file.exists() {
            std::fs::remove_file(file).unwrap();
        }
    }
    std::fs::create_dir(&path).unwrap();
    let second = sim.user(42).send("second").await.unwrap().update_id.unwrap();
    edge.until(|stats| stats.failures() >= 3).await;
    assert!(!edge.stats.healthy());
    // While it fails, Telegram is asked with the same offset again and again, so it keeps the update.
    let offsets = offsets(&sim).await;
    assert!(offsets.iter().flatten().all(|offset| *offset == first + 1) && offsets.len() >= 4, "{offsets:?}");
    std::fs::remove_dir(&path).unwrap();
    let rows = edge.rows(42, 1).await;
    assert_eq!(rows[0].update, UpdateId(second));
    edge.until(IntakeStats::healthy).await;
    assert_eq!(edge.spool.cursor().await.unwrap(), Some(UpdateId(second + 1)));
    edge.stop().await;
}

#[tokio::test]
async fn after_a_restart_it_goes_on_where_it_was() {
    let (sim, dir) = (sim().await, tempfile::tempdir().unwrap());
    let path = dir.path().join("spool.db");
    let first = sim.user(42).send("first").await.unwrap().update_id.unwrap();
    let edge = Edge::start(&api(&sim), spool(&path));
    edge.rows(42, 1).await;
    edge.stop().await;
    let second = sim.user(42).send("second").await.unwrap().update_id.unwrap();
    let edge = Edge::start(&api(&sim), spool(&path));
    let ids: Vec<i64> = edge.rows(42, 2).await.iter().map(|row| row.update.0).collect();
    assert_eq!(ids, [first, second]);
    edge.stop().await;
}

#[tokio::test]
async fn trouble_with_telegram_passes_without_loss() {
    let (sim, dir) = (sim().await, tempfile::tempdir().unwrap());
    let edge = Edge::start(&api(&sim), spool(&dir.path().join("spool.db")));
    edge.until(|stats| stats.failures() == 0).await;
    for (n, action) in
        [status(409, None), status(502, None), status(401, None), FaultAction::Drop].into_iter().enumerate()
    {
        // Before the faults are there: a poll may meet them at once.
        let before = edge.stats.failures();
        sim.client().fault(&fault("getUpdates", Some(2), action)).await.unwrap();
        sim.user(42).send(&format!("number {n}")).await.unwrap();
        edge.rows(42, n + 1).await;
        // The poll that waited may have taken it; then the faults hit the next ones.
        edge.until(|stats| stats.failures() >= before + 2).await;
    }
    sim.client().outage(true).await.unwrap();
    edge.until(|stats| !stats.healthy()).await;
    sim.user(42).send("in the outage").await.unwrap();
    sim.client().outage(false).await.unwrap();
    edge.rows(42, 5).await;
    edge.stop().await;
}

#[tokio::test]
async fn a_wrong_token_is_told_and_asking_goes_on() {
    let (sim, dir) = (sim().await, tempfile::tempdir().unwrap());
    let wrong = api_of(&sim.api_url(), "7000000001:wrong");
    assert!(matches!(wrong.get_me().await, Err(ApiError::Token)));
    let edge = Edge::start(&wrong, spool(&dir.path().join("spool.db")));
    edge.until(|stats| stats.failures() >= 2).await;
    edge.stop().await;
}

#[tokio::test]
async fn what_teloxide_cannot_read_and_a_panicking_route_stop_nobody() {
    let (sim, dir) = (sim().await, tempfile::tempdir().unwrap());
    let edge = Edge::start(&api(&sim), spool(&dir.path().join("spool.db")));
    sim.user(13).send("boom").await.unwrap();
    edge.rows(13, 1).await;
    let strange = json!({"message": {"message_id": 1, "hologram": {}, "entities": "none",
        "from": {"id": 42, "is_bot": false}, "chat": {"id": 42, "type": "private"}}});
    sim.client().update(&strange).await.unwrap();
    edge.rows(42, 1).await;
    sim.user(13).send("boom").await.unwrap();
    sim.user(43).send("still here").await.unwrap();
    edge.rows(43, 1).await;
    edge.stop().await;
}

#[tokio::test]
async fn a_message_arrives_as_it_was_meant() {
    let sim = sim().await;
    let sender = Sender::new(api(&sim));
    let mut ani = sim.user(42);
    let asked = ani.send("hi").await.unwrap().message_id.unwrap();
    let mut out = text(42, "");
    out.body = Body::Text(RichText::plain("😀 <b>& ").bold("bold").push(" ").code("AB-12"));
    out.keyboard = vec![vec![("Go".into(), "x|1".into())], vec![("Stop".into(), "x|2".into())]];
    out.reply_to = Some(MessageId(asked));
    out.silent = true;
    let id = sender.send(&out).await.unwrap();
    let seen = ani.wait_button("Go", SOON).await.unwrap();
    assert_eq!(seen.html, "😀 &lt;b&gt;&amp; <b>bold</b> <code>AB-12</code>");
    assert_eq!((seen.message_id, seen.reply_to), (id.0, Some(asked)));
    assert_eq!(seen.labels(), ["Go", "Stop"]);
    out.reply_to = Some(MessageId(999_999));
    sender.send(&out).await.expect("a reply to a message that is gone is sent all the same");

    let press = ani.press_label("Go").await.unwrap();
    sender.answer_press(press.callback_query_id.as_deref().unwrap(), Some("Done"), true).await.unwrap();
    let answer = ani.wait_answer(&press, SOON).await.unwrap();
    assert_eq!((answer.text.as_deref(), answer.show_alert), (Some("Done"), true));
    assert!(matches!(sender.answer_press("123", None, false).await, Err(TelegramError::Refused(_))));
}

#[tokio::test]
async fn messages_change_in_place_or_are_gone() {
    let sim = sim().await;
    let sender = Sender::new(api(&sim));
    let mut ani = sim.user(42);
    ani.send("hi").await.unwrap();
    let id = sender.send(&text(42, "one")).await.unwrap();
    sender.edit(id, &text(42, "two")).await.unwrap();
    sender.edit(id, &text(42, "two")).await.expect("not modified is as good as modified");
    ani.wait_text("two", SOON).await.unwrap();
    let picture = sender.send(&qr(42, "2@first")).await.unwrap();
    sender.edit(picture, &qr(42, "2@second")).await.unwrap();
    assert!(matches!(sender.edit(picture, &text(42, "a text now")).await, Err(TelegramError::Gone)));
    sender.delete(ChatId(42), picture).await.unwrap();
    sender.delete(ChatId(42), picture).await.expect("gone already is as good as deleted");
    assert!(matches!(sender.edit(picture, &qr(42, "2@third")).await, Err(TelegramError::Gone)));
}

#[tokio::test]
async fn the_qr_picture_is_what_the_simulated_chat_shows() {
    let sim = sim().await;
    let sender = Sender::new(api(&sim));
    sim.user(42).send("hi").await.unwrap();
    let payload = "2@".to_owned() + &"Ab1/+,".repeat(40);
    let id = sender.send(&qr(42, &payload)).await.unwrap();
    let seen = sim.user(42).transcript().await.unwrap().into_iter().find(|m| m.message_id == id.0).unwrap();
    assert_eq!(seen.html, "Scan <b>me</b>");
    let bytes = sim.user(42).file_of(seen.message_id).await.unwrap();
    assert_eq!(bytes, sekat::telegram::qr::picture(&payload).unwrap());
    let photo = seen.photo.unwrap();
    let side = photo.width.unwrap();
    assert_eq!((photo.height, side % 8), (Some(side), 0));
}

#[tokio::test]
async fn refusals_are_told_apart_and_nothing_takes_ten_seconds() {
    let sim = sim().await;
    let sender = Sender::new(api(&sim));
    sim.user(42).send("hi").await.unwrap();
    let began = Instant::now();
    let hit = async |action| {
        sim.client().fault(&fault("sendMessage", Some(1), action)).await.unwrap();
        sender.send(&text(42, "x")).await.unwrap_err()
    };
    let wait = hit(status(429, Some(7))).await;
    assert!(matches!(wait, TelegramError::RetryAfter(wait) if wait.as_secs() == 7));
    for code in [500, 502, 503] {
        assert!(matches!(hit(status(code, None)).await, TelegramError::Unreachable(_)), "{code}");
    }
    for action in [FaultAction::Drop, FaultAction::AcceptThenDrop, FaultAction::AcceptThenStatus { code: 502 }] {
        assert!(matches!(hit(action).await, TelegramError::Unreachable(_)));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(matches!(hit(FaultAction::Delay { ms: 60_000 }).await, TelegramError::Unreachable(_)), "deadline");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());

    assert!(matches!(sender.send(&text(777, "to a stranger")).await, Err(TelegramError::Blocked)));
    let empty = sender.send(&text(42, "")).await.unwrap_err();
    assert!(matches!(empty, TelegramError::Refused(_)), "{empty:?}");
    let mut odd = text(42, "ab");
    odd.body =
        Body::Text(RichText { text: "ab".into(), spans: vec![Span { offset: 1, length: 99, style: Style::Bold }] });
    sender.send(&odd).await.expect("spans are cut to the text");
    sim.user(42).block().await.unwrap();
    assert!(matches!(sender.send(&text(42, "x")).await, Err(TelegramError::Blocked)));
    let token = SimConfig::default().token;
    assert!(!format!("{wait:?} {empty:?} {sender:?}").contains(token.split(':').next_back().unwrap()));
}

#[tokio::test]
async fn commands_are_registered_and_the_bot_knows_itself() {
    let sim = sim().await;
    let api = api(&sim);
    assert_eq!(api.get_me().await.unwrap().username, "sekat_demo_bot");
    api.set_commands(None, &[("start", "Begin".into()), ("help", "What there is".into())]).await.unwrap();
    api.delete_webhook().await.unwrap();
}
