//! What the daemon answers over HTTP: its health and its figures, and nothing to whoever only tries their luck.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and its own helpers do so too")]
use sekat::sim::stage::{PATIENCE, Stage, StageConfig, Updates};
use sekat::sim::telegram::wire::SimMessage;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ANA: u64 = 1001;
const ANAS: &str = "628110000001";
const CITRA: &str = "628220000001";
const SECRET: &str = "X-Telegram-Bot-Api-Secret-Token";
const KNOWN_SECRET: &str = "a-secret-that-a-test-knows";

fn config(folder: &Path) -> StageConfig {
    StageConfig { http: true, ..StageConfig::new(env!("CARGO_BIN_EXE_sekat-demo"), folder, &[ANA]) }
}

/// One whose webhook's secret is known.
async fn hooked(folder: &Path) -> anyhow::Result<Stage> {
    let stage = StageConfig { updates: Updates::Webhook, ..config(folder) };
    let mut stage = Stage::open(stage).await?;
    stage.stop().await?;
    let text = std::fs::read_to_string(stage.config_file())?;
    let known = format!("[telegram.webhook]\nsecret = \"{KNOWN_SECRET}\"\n");
    std::fs::write(stage.config_file(), text.replace("[telegram.webhook]\n", &known))?;
    stage.start().await?;
    Ok(stage)
}

async fn get(stage: &Stage, page: &str) -> anyhow::Result<(u16, String)> {
    let answer = reqwest::get(format!("{}{page}", stage.http_url())).await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

async fn figures(stage: &Stage) -> anyhow::Result<String> {
    let (status, text) = get(stage, "/metrics").await?;
    assert_eq!(status, 200);
    Ok(text)
}

/// The value of one figure, labels included in its name.
fn figure(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_figures_tell_what_happens_and_nothing_of_anybody() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = Stage::open(config(folder.path())).await?;
    stage.phone(ANAS, "Ana")?;
    stage.phone(CITRA, "Citra")?;
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_qr(&mut ana, ANAS).await?;
    stage.whatsapp.send(CITRA, ANAS, "hello Ana").await?;
    let hello = ana.wait_text("hello Ana", PATIENCE).await?;
    ana.reply(hello.message_id, "hello Citra").await?;
    ana.wait_text("delivered", PATIENCE).await?;

    let (status, health) = get(&stage, "/healthz").await?;
    let health: Value = serde_json::from_str(&health)?;
    assert_eq!((status, &health["status"]), (200, &json!("ok")), "{health}");
    assert_eq!(health["checks"]["telegram"]["mode"], "polling");
    assert_eq!(health["checks"]["sessions"]["engine"], "file");
    for check in ["data_folder", "spool", "telegram", "sessions"] {
        assert_eq!(health["checks"][check]["ok"], true, "{check}: {health}");
    }
    assert_eq!(get(&stage, "/readyz").await?, (200, "{\"status\":\"ready\"}\n".to_owned()));

    tokio::time::sleep(Duration::from_millis(1100)).await;
    let text = figures(&stage).await?;
    for (name, least) in [
        ("sekat_ready", 1.0),
        ("sekat_people_known", 1.0),
        ("sekat_people_open", 1.0),
        ("sekat_numbers{state=\"connected\"}", 1.0),
        ("sekat_whatsapp_clients_online", 1.0),
        ("sekat_telegram_up{mode=\"polling\"}", 1.0),
        ("sekat_session_engine_up{engine=\"file\"}", 1.0),
        ("sekat_telegram_updates_total{outcome=\"stored\"}", 3.0),
        ("sekat_steps_total{outcome=\"done\"}", 3.0),
        ("sekat_telegram_messages_total{class=\"forward\",outcome=\"sent\"}", 1.0),
        ("sekat_telegram_message_wait_seconds_count{class=\"forward\"}", 1.0),
        ("sekat_whatsapp_received_total{outcome=\"stored\"}", 1.0),
        ("sekat_whatsapp_sends_total{outcome=\"accepted\"}", 1.0),
        ("sekat_whatsapp_connects_total{kind=\"link\"}", 1.0),
        ("sekat_link_step_duration_seconds_count{step=\"first_code\"}", 1.0),
        ("sekat_link_step_duration_seconds_count{step=\"confirmed\"}", 1.0),
        ("sekat_link_step_duration_seconds_count{step=\"linked\"}", 1.0),
        ("sekat_telegram_requests_total{outcome=\"ok\"}", 5.0),
        ("sekat_telegram_budget_wait_seconds_count{class=\"answer\"}", 1.0),
        ("sekat_database_job_duration_seconds_count", 10.0),
        ("sekat_process_resident_memory_bytes", 1e6),
        ("sekat_process_open_fds", 5.0),
    ] {
        assert!(figure(&text, name) >= least, "{name} is {} in\n{text}", figure(&text, name));
    }
    for secret in [ANAS, CITRA, "1001", "Ana", "Citra", "hello"] {
        assert!(!text.contains(secret) && !health.to_string().contains(secret), "{secret}");
    }
    assert_eq!(get(&stage, "/telegram").await?.0, 404, "updates are fetched, so nothing takes any");
    assert_eq!(get(&stage, "/").await?.0, 404);
    assert_eq!(reqwest::Client::new().post(format!("{}/metrics", stage.http_url())).send().await?.status(), 405);
    stage.stop().await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_unhealthy_and_a_telegram_that_is_away_is_not() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(config(folder.path())).await?;
    stage.telegram.client().outage(true).await?;
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, health) = get(&stage, "/healthz").await?;
        assert_eq!(status, 200, "{health}");
        let health: Value = serde_json::from_str(&health)?;
        if health["checks"]["telegram"]["ok"] == false {
            break;
        }
        assert!(Instant::now() < until, "an outage is not told: {health}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.telegram.client().outage(false).await?;
    // In the way of the file by which the folder is tried; permissions would not stop a test that runs as root.
    let probe = stage.data().join(format!("probe{}", sekat::store::keys::TEMP_MARK));
    std::fs::create_dir(&probe)?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (status, health) = get(&stage, "/healthz").await?;
    assert_eq!(status, 503, "{health}");
    assert_eq!(serde_json::from_str::<Value>(&health)?["checks"]["data_folder"]["code"], "db-io");
    assert_eq!(get(&stage, "/readyz").await?.0, 503);
    std::fs::remove_dir(&probe)?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_where_there_is_one() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = Stage::open(config(folder.path())).await?;
    stage.stop().await?;
    let token = folder.path().join("http-token");
    std::fs::write(&token, "sixteen-letters-or-more\n")?;
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600))?;
    let text = std::fs::read_to_string(stage.config_file())?;
    let known = format!("[http]\ntoken_file = \"{}\"\n", token.display());
    std::fs::write(stage.config_file(), text.replace("[http]\n", &known))?;
    stage.start().await?;
    for page in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&stage, page).await?.0, 401);
        let url = format!("{}{page}", stage.http_url());
        for (shown, status) in [("sixteen-letters-or-more", 200), ("sixteen-letters-or-mor", 401), ("", 401)] {
            let answer = reqwest::Client::new().get(&url).bearer_auth(shown).send().await?;
            assert_eq!(answer.status().as_u16(), status, "{page} {shown:?}");
        }
    }
    stage.close().await
}

/// Brings something to the webhook; the status of the answer, and its body.
async fn bring(stage: &Stage, secret: Option<&str>, body: impl Into<reqwest::Body>) -> anyhow::Result<(u16, String)> {
    let mut request = reqwest::Client::new().post(format!("{}/telegram", stage.http_url())).body(body);
    if let Some(secret) = secret {
        request = request.header(SECRET, secret);
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

fn update(id: i64, text: &str) -> String {
    json!({"update_id": id, "message": {"message_id": id, "date": 1, "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": text.len()}],
        "from": {"id": ANA, "is_bot": false, "first_name": "Ana"}, "chat": {"id": ANA, "type": "private"}}})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_webhooks_reach_nobody_and_learn_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = hooked(folder.path()).await?;
    let mut ana = stage.person(ANA, "Ana");
    let first = ana.send("/start").await?.update_id.unwrap();
    ana.wait_text("Welcome", PATIENCE).await?;

    let forged = update(first + 1000, "/help");
    for secret in [None, Some(""), Some("a-secret-that-a-test-know"), Some("wrong"), Some(&*"x".repeat(4000))] {
        assert_eq!(bring(&stage, secret, forged.clone()).await?, (403, String::new()));
    }
    let twice = reqwest::Client::new().post(format!("{}/telegram", stage.http_url()));
    let twice = twice.header(SECRET, KNOWN_SECRET).header(SECRET, "other").body(forged.clone()).send().await?;
    assert_eq!(twice.status(), 403);
    assert_eq!(get(&stage, "/telegram").await?.0, 405);
    // Kept, so that Telegram does not bring it for ever, with everything else behind it.
    let garbage = ["", "{", "null", "[]", "{\"update_id\":\"x\"}", "\u{0}\u{ff}"];
    for garbage in garbage {
        assert_eq!(bring(&stage, Some(KNOWN_SECRET), garbage).await?, (200, String::new()), "{garbage:?}");
    }
    assert_eq!(bring(&stage, Some(KNOWN_SECRET), "x".repeat(2_000_000)).await?.0, 413);
    let nobodys = json!({"update_id": first + 1001, "channel_post": {"text": "x"}}).to_string();
    assert_eq!(bring(&stage, Some(KNOWN_SECRET), nobodys).await?.0, 200);
    // What teloxide cannot read has an owner all the same.
    let strange =
        json!({"update_id": first + 1002, "message": {"from": {"id": ANA}, "chat": {"id": ANA, "type": "private"}}});
    assert_eq!(bring(&stage, Some(KNOWN_SECRET), strange.to_string()).await?.0, 200);
    // The true one, twice: taken once. And one with a lower number, as presses of buttons have.
    for id in [first + 1010, first + 1010, first + 1005] {
        assert_eq!(
            bring(&stage, Some(KNOWN_SECRET), update(id, &format!("/nothing{id}"))).await?,
            (200, String::new())
        );
    }
    let unknown = |chat: &[SimMessage]| chat.iter().filter(|m| m.text.contains("don't know that command")).count();
    let until = Instant::now() + PATIENCE;
    while unknown(&ana.transcript().await?) < 2 {
        assert!(Instant::now() < until, "one of them was not answered: {:#?}", ana.transcript().await?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bring(&stage, Some(KNOWN_SECRET), update(first + 1020, "/cancel")).await?;
    ana.wait_text("nothing to cancel", PATIENCE).await?;
    let chat = ana.transcript().await?;
    assert_eq!(unknown(&chat), 2, "each once: {chat:#?}");
    assert!(chat.iter().all(|m| !m.text.contains("How it works")));
    let log = std::fs::read_to_string(stage.log())?;
    assert_eq!(log.matches("tg-webhook-forged").count(), 1, "however many they are");
    assert!(!log.contains(KNOWN_SECRET) && !log.contains("/nothing"));
    let text = figures(&stage).await?;
    let unreadable = figure(&text, "sekat_telegram_updates_total{outcome=\"unreadable\"}");
    assert!((unreadable - garbage.len() as f64).abs() < 0.5, "{unreadable}");
    // At the start Telegram itself may have come with the secret of the start before.
    assert!(figure(&text, "sekat_telegram_webhook_requests_total{outcome=\"forged\"}") >= 6.0);
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_silent_and_many_connections_hold_up_nobody() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = hooked(folder.path()).await?;
    let address = stage.http_url().trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(&address).await?;
        if n % 2 == 0 {
            stream.write_all(b"POST /telegram HTTP/1.1\r\nHost: x\r\n").await?;
        }
        silent.push(stream);
    }
    let mut slow = TcpStream::connect(&address).await?;
    let head =
        format!("POST /telegram HTTP/1.1\r\nHost: x\r\n{SECRET}: {KNOWN_SECRET}\r\nContent-Length: 100\r\n\r\n{{");
    slow.write_all(head.as_bytes()).await?;
    let mut greedy = TcpStream::connect(&address).await?;
    greedy.write_all(b"GET /healthz HTTP/1.1\r\n").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    assert_eq!(get(&stage, "/healthz").await?.0, 200);
    // More headers than anybody needs.
    let many: String = (0..5000).map(|n| format!("X-{n}: y\r\n")).collect();
    if greedy.write_all(many.as_bytes()).await.is_ok() {
        let mut answer = Vec::new();
        // It may be cut off in the middle of saying so.
        greedy.read_to_end(&mut answer).await.unwrap_or_default();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    }
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, slow.read_to_string(&mut answer)).await??;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    for mut stream in silent {
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await??;
    }
    let took = stage.stop().await?;
    assert!(took < Duration::from_secs(5), "stopping took {took:?}");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_between_the_two_ways_loses_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = Stage::open(config(folder.path())).await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    let mut said = Vec::new();
    for round in 0..6 {
        for _ in 0..15 {
            said.push(ana.send("/nothing").await?.message_id.unwrap());
        }
        stage.switch(if round % 2 == 0 { Updates::Webhook } else { Updates::Polling })?;
        stage.kill().await?;
        for _ in 0..15 {
            said.push(ana.send("/nothing").await?.message_id.unwrap());
        }
        stage.launch()?;
        // Killed in the middle of taking over, and then not.
        tokio::time::sleep(Duration::from_millis(150 + 60 * round)).await;
        stage.kill().await?;
        stage.start().await?;
    }
    let last = said.last().copied();
    ana.wait_since(0, "the last answer", |m| m.reply_to.is_some() && m.reply_to == last, PATIENCE).await?;
    let until = Instant::now() + PATIENCE;
    while stage.telegram.client().stats().await?.updates_pending > 0 {
        assert!(Instant::now() < until, "something still waits at Telegram");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let chat = ana.transcript().await?;
    for asked in said {
        let answers = chat.iter().filter(|m| m.from_bot && m.reply_to == Some(asked));
        let (marked, plain): (Vec<_>, Vec<_>) = answers.partition(|m| m.text.contains("possibly a repeat"));
        assert!(plain.len() == 1 || (plain.is_empty() && marked.len() == 1), "{asked}: {plain:?} {marked:?}");
    }
    stage.close().await
}

/// Names of figures in an expression of Prometheus'.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("sekat_")).map(str::to_owned).collect()
}

fn expressions(dashboard: &Value, found: &mut Vec<String>) {
    match dashboard {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_ask_for_figures_that_are_there() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(config(folder.path())).await?;
    let text = figures(&stage).await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(root.join("grafana.json"))?)?;
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 20, "{asked:?}");
    let rules: Value = serde_json::from_str(&std::fs::read_to_string(root.join("alerts.json"))?)?;
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    for rule in rules {
        assert!(rule["annotations"]["summary"].is_string() && rule["labels"]["severity"].is_string(), "{rule}");
        asked.push(rule["expr"].as_str().unwrap().to_owned());
    }
    assert!(rules.len() > 10);
    let here: BTreeSet<String> = text.lines().filter(|line| !line.starts_with('#')).flat_map(named).collect();
    for expression in &asked {
        let names = named(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(here.contains(&name), "{name} in {expression}");
        }
        let pairs = |open, close| expression.matches(open).count() == expression.matches(close).count();
        assert!(pairs('(', ')') && pairs('{', '}') && pairs('[', ']'), "{expression}");
    }
    stage.close().await
}
