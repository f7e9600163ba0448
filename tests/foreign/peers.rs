//! Which peers the demo build takes: any server of the right kind on this machine, and nothing beyond it.
use super::daemon::Daemon;
use super::http::Framing;
use super::telegram::{Case, Fault, Habits as TelegramHabits, TOKEN, Telegram};
use super::until;
use std::time::Duration;

const ANA: i64 = 1001;

#[tokio::test(flavor = "multi_thread")]
async fn doctor_understands_other_servers() {
    let plain = TelegramHabits::default();
    for habits in [
        plain.clone(),
        TelegramHabits { minimal: true, bare: true, case: Case::Exact, close: true, ..plain.clone() },
        TelegramHabits { prefix: "/tg/", framing: Framing::Chunked, case: Case::Lower, ..plain.clone() },
        TelegramHabits { framing: Framing::Old, ..plain.clone() },
    ] {
        let telegram = Telegram::start(habits).await.unwrap();
        let daemon = Daemon::new(&telegram.url(), "ws://127.0.0.1:9/", TOKEN, &[ANA]);
        let (text, code) = daemon.once(&["doctor"]).await;
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("answers, and knows this bot as"), "{text}");
    }
    let telegram = Telegram::start(plain).await.unwrap();
    telegram.fault("getMe", Fault::Says(404, "<html>not here</html>"));
    let daemon = Daemon::new(&telegram.url(), "ws://127.0.0.1:9/", TOKEN, &[ANA]);
    let (text, code) = daemon.once(&["doctor"]).await;
    assert!(code == Some(1) && text.contains("refuses the token"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_beyond_this_machine_is_talked_to() {
    let (here, ws_here) = ("http://127.0.0.1:9", "ws://127.0.0.1:9/ws");
    let both = "telegram.api_url and whatsapp.web.endpoint";
    for (api_url, endpoint, key) in [
        ("http://192.0.2.1", ws_here, "telegram.api_url"),
        ("https://192.0.2.1:8443/tg/", ws_here, "telegram.api_url"),
        ("http://[2001:db8::1]", ws_here, "telegram.api_url"),
        ("http://0.0.0.0:9", ws_here, "telegram.api_url"),
        ("https://nowhere.invalid", ws_here, "telegram.api_url"),
        (here, "wss://192.0.2.1/ws", "whatsapp.web.endpoint"),
        (here, "wss://[2001:db8::1]/ws", "whatsapp.web.endpoint"),
        (here, "wss://nowhere.invalid/ws/chat", "whatsapp.web.endpoint"),
        ("http://192.0.2.1", "wss://192.0.2.1/ws", both),
    ] {
        let daemon = Daemon::new(api_url, endpoint, TOKEN, &[ANA]);
        for command in ["run", "doctor"] {
            let (text, code) = daemon.once(&[command]).await;
            assert_eq!(code, Some(if command == "run" { 78 } else { 1 }), "{api_url} {endpoint}: {text}");
            let line = text.lines().find(|l| l.contains("demo-not-loopback")).expect(&text);
            assert!(line.contains(&format!("use {key}: ")), "{line}");
            assert!(!text.contains("192.0.2") && !text.contains("2001:db8"), "{text}");
        }
        assert!(!daemon.has("data/spool.db"), "nothing was begun");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_has_several_names() {
    for host in ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"] {
        let (api_url, endpoint) = (format!("http://{host}:9"), format!("ws://{host}:9/ws"));
        Daemon::started(&api_url, &endpoint, TOKEN, &[ANA]).await.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://127.0.0.1:{}/", elsewhere.local_addr().unwrap().port());
    let telegram = Telegram::start(TelegramHabits::default()).await.unwrap();
    for method in ["getMe", "getUpdates"] {
        telegram.fault(method, Fault::Redirects(to.clone()));
    }
    let mut daemon = Daemon::started(&telegram.url(), "ws://127.0.0.1:9/", TOKEN, &[ANA]).await;
    until("it to be told", async || daemon.log().contains("tg-unreachable").then_some(())).await;
    let (text, code) = daemon.once(&["doctor"]).await;
    assert!(code == Some(1) && text.contains("answers by pointing elsewhere"), "{text}");
    let visited = tokio::time::timeout(Duration::from_millis(500), elsewhere.accept()).await;
    assert!(visited.is_err(), "the token went elsewhere");
    daemon.stop().await;
}
