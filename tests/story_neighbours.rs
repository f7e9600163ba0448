//! One person's trouble stays theirs: a step that panics, a flood, a call that never comes back, a broken vault, a full
//! disk. The neighbours are as they were.
#![cfg(feature = "demo")]
mod support;
#[path = "support/daemon.rs"]
#[allow(dead_code, reason = "no story needs all of it")]
mod support_daemon;

use anyhow::{Context as _, ensure};
use sekat::domain::{Content, InboundMessage, Jid, Key, PhoneNumber, TelegramId, Timestamp};
use sekat::flows::phrases;
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::store::sends::SendState;
use sekat::t;
use sekat::telegram::Reader;
use sekat::users::port::{Heard, ReadUpdate};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::*;
use support_daemon::{Daemon, OddWhatsApp};

/// Chokes on some updates.
#[derive(Default)]
struct Choking {
    reader: Reader,
    always: AtomicUsize,
    once: AtomicUsize,
}

impl ReadUpdate for Choking {
    fn read(&self, payload: &str) -> Option<Heard> {
        if payload.contains("choke-always") {
            self.always.fetch_add(1, Ordering::SeqCst);
            panic!("choked");
        }
        if payload.contains("choke-once") && self.once.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("choked");
        }
        self.reader.read(payload)
    }
}

/// A log whose disk takes its time: whoever opens it waits until somebody writes to what lies there.
struct Stuck {
    log: PathBuf,
    aside: PathBuf,
}

impl Stuck {
    fn new(database: &Path) -> anyhow::Result<Stuck> {
        let (log, aside) = (database.with_extension("db-wal"), database.with_extension("aside"));
        std::fs::rename(&log, &aside)?;
        ensure!(std::process::Command::new("mkfifo").arg(&log).status()?.success(), "make a pipe");
        Ok(Stuck { log, aside })
    }

    /// The disk answers: with an error, for a pipe has nothing to be flushed.
    async fn end(self) -> anyhow::Result<()> {
        let slow = tokio::fs::OpenOptions::new().write(true).open(&self.log).await?;
        std::fs::rename(self.aside, self.log)?;
        drop(slow);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_wait_for_no_flush_and_updates_are_forgotten_only_after_all_of_them() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (reader, provider) = (Arc::new(Reader::default()), OddWhatsApp::default().provider());
    let daemon = Daemon::start(folder.path(), reader, provider, &[ANA]).await?;
    let mut ana = daemon.person(ANA, "Ana");
    let mut asks = async || -> anyhow::Result<()> {
        ana.send("/status").await?;
        ana.wait_text("Numbers: 0 of 3", PATIENCE).await?;
        Ok(())
    };
    asks().await?;
    let vault = Stuck::new(&folder.path().join("users").join(ANA.to_string()).join("user.db"))?;
    let directory = Stuck::new(&folder.path().join("directory.db"))?;
    for _ in 0..3 {
        asks().await?;
    }
    // By now both should have been flushed.
    tokio::time::sleep(Duration::from_secs(6)).await;
    asks().await?;
    assert_eq!(daemon.waiting(ANA).await?, 5);
    vault.end().await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    asks().await?;
    assert_eq!(daemon.waiting(ANA).await?, 6, "nothing would lead a start to them");
    directory.end().await?;
    until("the updates are forgotten", async || Ok((daemon.waiting(ANA).await? < 2).then_some(()))).await?;
    daemon.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_under_a_key_is_its_persons_alone() -> anyhow::Result<()> {
    const PLATES: Key<u32> = Key::new("plates");
    let folder = tempfile::tempdir()?;
    let (reader, provider) = (Arc::new(Reader::default()), OddWhatsApp::default().provider());
    let daemon = Daemon::start(folder.path(), reader, provider, &[ANA, BUDI]).await?;
    let [ana, budi, eve] = [ANA, BUDI, EVE].map(TelegramId);
    for id in [ANA, BUDI] {
        let mut person = daemon.person(id, "A person");
        person.send("/status").await?;
        let shown = person.wait_text("Numbers: 0 of 3", PATIENCE).await?;
        let previous = until("the newest message", async || Ok(daemon.users.previous_message(TelegramId(id)))).await?;
        assert_eq!((previous.0, previous.1.0), (TelegramId(id).private_chat(), shown.message_id));
    }
    daemon.users.set(ana, PLATES, 3).await?;
    assert_eq!(daemon.users.get(ana, PLATES).await?, Some(3));
    assert_eq!(daemon.users.get(budi, PLATES).await?, None);
    daemon.users.set(ana, PLATES, 4).await?;
    daemon.users.clear(budi, PLATES).await?;
    assert_eq!(daemon.users.get(ana, PLATES).await?, Some(4));
    // What is there and is not of the key's type is an error, and stays.
    assert!(daemon.users.get(ana, Key::<String>::new("plates")).await.is_err());
    daemon.users.clear(ana, PLATES).await?;
    assert_eq!(daemon.users.get(ana, PLATES).await?, None);
    // Nobody gets a world by being asked about.
    assert_eq!(daemon.users.get(eve, PLATES).await?, None);
    assert!(daemon.users.set(eve, PLATES, 1).await.is_err());
    assert!(
        !folder.path().join("users").join(EVE.to_string()).exists() && daemon.users.previous_message(eve).is_none()
    );
    daemon.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_panics_twice_is_set_aside_with_a_word() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let reader = Arc::new(Choking::default());
    let daemon = Daemon::start(folder.path(), reader.clone(), OddWhatsApp::default().provider(), &[ANA, BUDI]).await?;
    let (mut ana, mut budi) = (daemon.person(ANA, "Ana"), daemon.person(BUDI, "Budi"));
    ana.send("choke-always").await?;
    ana.send("/status").await?;
    budi.send("/status").await?;
    budi.wait_text("Numbers: 0 of 3", PATIENCE).await?;
    ana.wait_since(0, "the notice", |m| m.text == english::text(&t!("dead-letter")), PATIENCE).await?;
    ana.wait_since(0, "the next answer", |m| m.text.contains("Numbers: 0 of 3"), PATIENCE).await?;
    // Twice alone; before that perhaps once with others in one batch, which is then taken apart.
    let tries = reader.always.load(Ordering::SeqCst);
    assert!((2..=3).contains(&tries), "tried {tries} times");
    // What panics once only is answered like anything else.
    ana.send("choke-once").await?;
    ana.wait_text(&english::text(&t!("chat-link-first")), PATIENCE).await?;
    settled(&mut ana).await?;
    until("all rows to go", async || Ok((daemon.waiting(ANA).await? == 0).then_some(()))).await?;
    let notices = said(&ana).await?.into_values().filter(|m| m.text == english::text(&t!("dead-letter"))).count();
    assert_eq!((notices, reader.always.load(Ordering::SeqCst)), (1, tries));
    assert_eq!(said(&budi).await?.len(), 1);
    daemon.close().await
}

fn message(id: &str, text: &str) -> anyhow::Result<InboundMessage> {
    let chat = Jid::of(&PhoneNumber::parse(CITRA).context("a number")?);
    Ok(InboundMessage {
        id: id.to_owned(),
        chat: chat.clone(),
        sender: chat,
        sender_alt: None,
        push_name: Some("Citra".to_owned()),
        from_me: false,
        is_group: false,
        sent_at: Timestamp::now(),
        content: Content::Text(text.to_owned()),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_whatsapp_that_never_comes_back_holds_up_nobody() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let whatsapp = OddWhatsApp::default();
    let daemon = Daemon::start(folder.path(), Arc::new(Reader::default()), whatsapp.provider(), &[ANA, BUDI]).await?;
    let (mut ana, mut budi) = (daemon.person(ANA, "Ana"), daemon.person(BUDI, "Budi"));
    for (user, number) in [(&mut ana, ANA_NUMBER), (&mut budi, BUDI_NUMBER)] {
        user.send(&format!("/link +{number}")).await?;
        user.wait_text("is linked and connected", PATIENCE).await?;
        whatsapp.receive(number, message(&format!("M{number}"), "hello")?).await?;
    }
    let hello_ana = ana.wait_since(0, "hello", |m| m.text.contains("hello"), PATIENCE).await?.message_id;
    let hello_budi = budi.wait_since(0, "hello", |m| m.text.contains("hello"), PATIENCE).await?.message_id;
    // Stuck for longer than it may be, then a panic, then what waits behind them; the neighbour passes by.
    for text in ["stick", "panic", "behind them"] {
        ana.reply(hello_ana, text).await?;
    }
    for n in 0..5 {
        let sent = budi.reply(hello_budi, &format!("passing {n}")).await?;
        budi.wait_for(|m| m.reply_to == sent.message_id && m.text == "✓ sent", PATIENCE).await?;
    }
    ana.wait_since(0, "what waits behind", |m| m.text == "✓ sent", PATIENCE).await?;
    assert_eq!(whatsapp.sent(ANA_NUMBER), ["behind them"]);
    assert_eq!(whatsapp.sent(BUDI_NUMBER).len(), 5);
    let unknown = english::text(&phrases::outcome(SendState::Unknown, None));
    until("both fates to be asked about", async || {
        Ok((said(&ana).await?.values().filter(|m| m.text == unknown).count() == 2).then_some(()))
    })
    .await?;
    // A client that cannot even be closed or logged out: everything else of its owner works on.
    whatsapp.stick();
    ana.send("/logout").await?;
    ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    ana.press_label(english::LOGOUT_YES_BUTTON).await?;
    ana.wait_text("Logging out", PATIENCE).await?;
    settled(&mut ana).await?;
    settled(&mut budi).await?;
    ana.wait_text("is logged out and its keys are wiped", PATIENCE).await?;
    daemon.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_waits_behind_the_neighbours() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // Telegram's real limits, as daemon and server keep them.
    let stage = Stage::open(StageConfig { telegram_limits: true, ..config(folder.path(), "") }).await?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    const FLOOD: usize = 300;
    for _ in 0..FLOOD {
        ana.send("/help").await?;
    }
    for _ in 0..3 {
        budi.send("/status").await?;
        budi.wait_text("Numbers: 0 of 10", PATIENCE).await?;
    }
    let answers = ana.transcript().await?.into_iter().filter(|m| m.from_bot).count();
    ensure!(answers < FLOOD / 3, "Budi's answers came only after {answers} of the flood's");
    let refused = stage.telegram.client().stats().await?.refused;
    ensure!(!refused.iter().any(|(code, _)| format!("{code:?}").contains("429")), "limits were broken: {refused:?}");
    // The rest of the flood waits in rows; stopping does not wait for it.
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_whatsapp_reaches_its_owner_alone() -> anyhow::Result<()> {
    let (_folder, stage, ana, budi) = linked("").await?;
    let flood = stage.whatsapp.send_bulk(CITRA, ANA_NUMBER, "flood-", 400);
    let calm = async {
        for n in 0..5 {
            stage.whatsapp.send(DEWI, BUDI_NUMBER, &format!("calm-{n}-end")).await?;
            budi.wait_since(0, "a calm message", |m| m.text.contains(&format!("calm-{n}-end")), PATIENCE).await?;
        }
        anyhow::Ok(())
    };
    let (sent, calm) = tokio::join!(flood, calm);
    calm?;
    assert_eq!(sent?.len(), 400);
    let texts = until("the whole flood", async || {
        // On a slow machine some come together.
        let all: Vec<String> = ana.transcript().await?.into_iter().map(|m| m.text).collect();
        let lines = all.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("flood-"));
        let texts: Vec<String> = lines.map(str::to_owned).collect();
        Ok((texts.len() >= 400).then_some(texts))
    })
    .await?;
    assert_eq!(texts, (1..=400).map(|n| format!("flood-{n}")).collect::<Vec<_>>(), "each once, in order");
    assert!(said(&budi).await?.values().all(|m| !m.text.contains("flood-")));
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_host_that_never_answers_stops_nothing() -> anyhow::Result<()> {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let host = silent.local_addr()?.to_string();
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(StageConfig { media_hosts: vec![host], ..config(folder.path(), "") }).await?;
    phones(&stage)?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    tokio::try_join!(stage.link_by_qr(&mut ana, ANA_NUMBER), stage.link_by_code(&mut budi, BUDI_NUMBER))?;
    for (user, number, contact) in [(&mut ana, ANA_NUMBER, CITRA), (&mut budi, BUDI_NUMBER, DEWI)] {
        stage.whatsapp.send(contact, number, "hello").await?;
        let asked = user.wait_since(0, "hello", |m| m.text.ends_with("\nhello"), PATIENCE).await?;
        user.reply(asked.message_id, "hi").await?;
        assert_eq!(inbox_of(&stage, contact, 1).await?, ["hi"]);
    }
    stage.close().await
}

/// Something that happens to a folder, and the code that its owner is told.
struct Damage {
    what: &'static str,
    code: &'static str,
    harm: fn(&Path) -> std::io::Result<()>,
}

fn overwrite(path: &Path, from: usize, count: usize) -> std::io::Result<()> {
    let mut bytes = std::fs::read(path)?;
    let end = bytes.len().min(from.saturating_add(count));
    bytes[from.min(end)..end].iter_mut().for_each(|b| *b ^= 0x5a);
    std::fs::write(path, bytes)
}

const DAMAGES: [Damage; 7] = [
    Damage { what: "first page", code: "db-key", harm: |f| overwrite(&f.join("user.db"), 100, 64) },
    Damage { what: "later pages", code: "db-corrupt", harm: |f| overwrite(&f.join("user.db"), 4096, usize::MAX) },
    Damage {
        what: "no database but a folder",
        code: "db-io",
        harm: |f| std::fs::remove_file(f.join("user.db")).and_then(|()| std::fs::create_dir(f.join("user.db"))),
    },
    Damage { what: "database lost", code: "db-missing", harm: |f| std::fs::remove_file(f.join("user.db")) },
    Damage { what: "key changed", code: "key-", harm: |f| overwrite(&f.join("key"), 40, 8) },
    Damage { what: "key cut", code: "key-", harm: |f| std::fs::write(f.join("key"), b"short") },
    Damage { what: "key lost", code: "key-missing", harm: |f| std::fs::remove_file(f.join("key")) },
];

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_vault_is_told_once_and_its_rows_wait_for_the_repair() -> anyhow::Result<()> {
    let (_folder, mut stage, mut ana, mut budi) = linked("").await?;
    let vault: PathBuf = stage.data().join("users").join(ANA.to_string());
    let good = stage.folder().join("good");
    for (round, damage) in DAMAGES.iter().enumerate() {
        stage.stop().await?;
        copy_folder(&vault, &good)?;
        (damage.harm)(&vault)?;
        stage.start().await?;
        let before = said(&ana).await?;
        ana.send("/status").await?;
        ana.send("/help").await?;
        let told = ana.wait_since(
            before_cursor(&before),
            "the notice",
            |m| m.text.contains("Your data cannot be opened"),
            PATIENCE,
        );
        let told = told.await.with_context(|| damage.what)?;
        ensure!(told.text.contains(&format!("Code: {}", damage.code)), "{}: {}", damage.what, told.text);
        chat_goes_on(&stage, &mut budi, round).await?;
        // The operator puts the folder back, while the daemon runs.
        std::fs::remove_dir_all(&vault)?;
        copy_folder(&good, &vault)?;
        ana.wait_text("How it works", PATIENCE).await.with_context(|| damage.what)?;
        let told: Vec<String> = news(&ana, &before).await?;
        assert_eq!(told.iter().filter(|t| t.contains("Your data cannot be opened")).count(), 1, "{}", damage.what);
        assert_eq!(
            told.iter().filter(|t| t.starts_with("Status")).count(),
            1,
            "{}: what waited is served",
            damage.what
        );
        numbers_say(&mut ana, "🟢 +628110000001 — connected").await.with_context(|| damage.what)?;
    }
    stage.close().await
}

fn before_cursor(before: &std::collections::BTreeMap<i64, sekat::sim::telegram::wire::SimMessage>) -> u64 {
    before.values().map(|m| m.seq).max().unwrap_or(0)
}

async fn chat_goes_on(stage: &Stage, budi: &mut SimUser, round: usize) -> anyhow::Result<()> {
    let text = format!("round-{round}-end");
    stage.whatsapp.send(DEWI, BUDI_NUMBER, &text).await?;
    let asked = budi.wait_since(0, "Dewi's message", |m| m.text.contains(&text), PATIENCE).await?;
    budi.reply(asked.message_id, &text).await?;
    assert_eq!(inbox_of(stage, DEWI, round + 1).await?[round], text);
    Ok(())
}

/// A small disk of its own under the daemon's data, gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Needs the right to mount: as root, or by sudo without a password (as CI has).
    fn mount(at: &Path) -> anyhow::Result<SmallDisk> {
        std::fs::create_dir_all(at)?;
        let uid = std::process::Command::new("id").arg("-u").output()?;
        let own = String::from_utf8_lossy(&uid.stdout).trim().to_owned();
        let options = format!("size=24m,mode=0700,uid={own}");
        ensure!(
            as_root(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &at.display().to_string()])?,
            "cannot mount"
        );
        Ok(SmallDisk(at.to_owned()))
    }

    /// Leaves not one byte.
    fn fill(&self) -> anyhow::Result<()> {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("filler"))?;
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.0.join("filler"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !as_root(&["umount", "-l", &self.0.display().to_string()]).unwrap_or(false) {
            eprintln!("the small disk stays mounted");
        }
    }
}

fn as_root(command: &[&str]) -> anyhow::Result<bool> {
    let root = String::from_utf8_lossy(&std::process::Command::new("id").arg("-u").output()?.stdout).trim() == "0";
    let full: Vec<&str> = if root { command.to_vec() } else { [&["sudo", "-n"], command].concat() };
    let (program, args) = full.split_first().context("a command")?;
    Ok(std::process::Command::new(program).args(args).status()?.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = SmallDisk::mount(&folder.path().join("data"))?;
    let stage = Stage::open(config(folder.path(), "")).await?;
    phones(&stage)?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    tokio::try_join!(stage.link_by_code(&mut ana, ANA_NUMBER), stage.link_by_code(&mut budi, BUDI_NUMBER))?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "before").await?;
    let asked = ana.wait_text("before", PATIENCE).await?.message_id;

    disk.fill()?;
    let long = "y".repeat(3_900);
    for n in 0..40 {
        ana.reply(asked, &format!("out-{n}-{long}")).await?;
    }
    for n in 0..40 {
        stage.whatsapp.send(CITRA, ANA_NUMBER, &format!("in-{n}-{long}")).await?;
    }
    budi.send("/status").await?;
    until("the disk to be felt", async || Ok(std::fs::read_to_string(stage.log())?.contains("db-full").then_some(())))
        .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    disk.free()?;

    budi.wait_text("Numbers: 1 of", PATIENCE * 2).await?;
    let sent = inbox_of(&stage, CITRA, 40).await?;
    let numbers: Vec<&str> = sent.iter().filter_map(|t| t.split('-').nth(1)).collect();
    assert_eq!(numbers, (0..40).map(|n| n.to_string()).collect::<Vec<_>>(), "each once and in order");
    until("everything that came", async || {
        let texts: String = ana.transcript().await?.into_iter().map(|m| m.text).collect();
        let missing: Vec<i32> = (0..40).filter(|n| !texts.contains(&format!("in-{n}-"))).collect();
        Ok(missing.is_empty().then_some(()))
    })
    .await?;
    stage.close().await
}
