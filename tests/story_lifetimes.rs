//! What may sleep, what stays awake, and what survives: conversations, databases, whole worlds.
#![cfg(feature = "demo")]
mod support;

use anyhow::{Context as _, ensure};
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::t;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::{ANA, ANA_NUMBER, BUDI, CITRA, config, inbox_of, linked, phones, stage, until};

/// Everything goes quickly.
const HASTY: &str = "[session]\nttl = \"1s\"\nsweep = \"50ms\"\n\n[store]\nidle_close = \"1h\"\n";
/// Nothing goes by itself.
const PATIENT: &str = "[session]\nttl = \"1h\"\nsweep = \"50ms\"\n";

fn session_file(stage: &Stage, person: u64) -> PathBuf {
    stage.folder().join("sessions").join(format!("user_{person}.json"))
}

/// A person's session, as its file has it.
fn session(stage: &Stage, person: u64) -> anyhow::Result<Option<serde_json::Value>> {
    match std::fs::read(session_file(stage, person)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e.into()),
    }
}

async fn session_is_gone(stage: &Stage, person: u64) -> anyhow::Result<()> {
    until("a session file to go", async || Ok((!session_file(stage, person).exists()).then_some(()))).await
}

/// The step that a session file says is waited for.
fn step(session: &serde_json::Value) -> Option<&str> {
    // Wherever the file's form has it.
    session.get("session").unwrap_or(session)["step"].as_str()
}

/// The databases in a person's folder that the daemon has open.
fn open_databases(stage: &Stage, person: u64) -> anyhow::Result<Vec<String>> {
    let folder = stage.data().join("users").join(person.to_string());
    let mut names = Vec::new();
    for fd in std::fs::read_dir(format!("/proc/{}/fd", stage.pid().context("no daemon")?))? {
        // It may be closed by now.
        let Ok(target) = std::fs::read_link(fd?.path()) else { continue };
        if target.parent() == Some(folder.as_path()) && target.extension().is_some_and(|e| e == "db") {
            names.push(target.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// Waits until nothing of a person is open.
async fn asleep(stage: &Stage, person: u64) -> anyhow::Result<()> {
    until("a world to close", async || Ok(open_databases(stage, person)?.is_empty().then_some(()))).await
}

async fn asks_for_a_number(person: &mut SimUser) -> anyhow::Result<()> {
    person.send("/link").await?;
    person.wait_button(english::CODE_BUTTON, PATIENCE).await?;
    person.press_label(english::CODE_BUTTON).await?;
    person.wait_text("Send me the number", PATIENCE).await?;
    Ok(())
}

/// The field of the line that tells whom a start found.
fn found(stage: &Stage, field: &str) -> anyhow::Result<usize> {
    let log = std::fs::read_to_string(stage.log())?;
    let line = log.lines().rfind(|l| l.contains("known users found")).context("the start found nobody")?;
    let value = line.split_once(&format!("{field}=")).context("the field is not there")?.1;
    Ok(value.chars().take_while(char::is_ascii_digit).collect::<String>().parse()?)
}

/// Lines of the log that tell of trouble.
fn trouble(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let log = std::fs::read_to_string(stage.log())?;
    // How full the disk is depends on the machine.
    let told = log.lines().filter(|l| (l.contains("ERROR") || l.contains("WARN")) && !l.contains("guard-scarce"));
    Ok(told.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_answers_is_put_aside_with_a_note() -> anyhow::Result<()> {
    let (_folder, stage) = stage(HASTY).await?;
    let mut ana = stage.person(ANA, "Ana");
    asks_for_a_number(&mut ana).await?;
    ana.wait_text(&english::text(&t!("parked-link")), PATIENCE).await?;
    session_is_gone(&stage, ANA).await?;
    // The number alone does not link any more; the button goes on where it was.
    ana.send("+62 811-0000-001").await?;
    ana.wait_text("Link a WhatsApp number first", PATIENCE).await?;
    ana.press_label(english::RESUME_BUTTON).await?;
    ana.wait_text("Send me the number", PATIENCE).await?;
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    ana.wait_text(&english::text(&t!("parked-erase", word = english::ERASE_WORD)), PATIENCE).await?;
    ana.send(english::ERASE_WORD).await?;
    ana.wait_text("Link a WhatsApp number first", PATIENCE).await?;
    let notes = ana
        .transcript()
        .await?
        .iter()
        .filter(|m| m.text == english::text(&t!("parked-erase", word = english::ERASE_WORD)))
        .count();
    assert_eq!(notes, 1, "told once");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_is_waited_for() -> anyhow::Result<()> {
    let (_folder, stage) = stage(HASTY).await?;
    let mut ana = stage.person(ANA, "Ana");
    asks_for_a_number(&mut ana).await?;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ana.send("/help").await?;
        ana.wait_text("How it works", PATIENCE).await?;
    }
    ana.send("+62 811-0000-001").await?;
    ana.wait_text("Your code:", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_comes_too_late_erases_nothing_even_before_anybody_looked() -> anyhow::Result<()> {
    let (_folder, stage) = stage("[session]\nttl = \"1s\"\nsweep = \"1h\"\n").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ana.send(english::ERASE_WORD).await?;
    ana.wait_text(&english::text(&t!("parked-erase", word = english::ERASE_WORD)), PATIENCE).await?;
    ana.wait_text("Link a WhatsApp number first", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_number_does_not_keep_the_conversation_and_stays_connected() -> anyhow::Result<()> {
    // Longer than the pace at which one person's file is written.
    let (_folder, stage, ana, _budi) = linked(&HASTY.replace("1s", "2500ms")).await?;
    session_is_gone(&stage, ANA).await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "are you open?").await?;
    let asked = ana.wait_text("are you open?", PATIENCE).await?;
    assert!(!session_file(&stage, ANA).exists(), "a message from WhatsApp is not a conversation with the person");
    ana.clone().reply(asked.message_id, "until six").await?;
    assert_eq!(inbox_of(&stage, CITRA, 1).await?, ["until six"]);
    until("a session for what Ana wrote", async || Ok(session(&stage, ANA)?.map(drop))).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_that_nothing_keeps_closes_and_the_next_word_finds_it_as_it_was() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, mut budi) = linked(HASTY).await?;
    ana.send("/logout").await?;
    ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    ana.press_label(english::LOGOUT_YES_BUTTON).await?;
    ana.wait_text("is logged out and its keys are wiped", PATIENCE).await?;
    asleep(&stage, ANA).await?;
    assert!(!open_databases(&stage, BUDI)?.is_empty(), "Budi's number is connected");
    ana.send("/numbers").await?;
    ana.wait_text("— logged out", PATIENCE).await?;
    // A number of hers lives again in a fresh world.
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello again").await?;
    ana.wait_text("hello again", PATIENCE).await?;
    budi.send("/numbers").await?;
    budi.wait_text("connected", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_while_their_world_closes_is_answered_once() -> anyhow::Result<()> {
    let (_folder, stage) = stage("[session]\nttl = \"20ms\"\nsweep = \"5ms\"\n").await?;
    let mut people = [stage.person(ANA, "Ana"), stage.person(BUDI, "Budi")];
    // Waits of every length between nothing and two lifetimes, so that some words meet a closing at each of its points.
    for wait in 0..60 {
        for person in &mut people {
            person.send(&format!("/nothing{wait}")).await?;
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    for person in &mut people {
        let answers = until("all answers", async || {
            let chat = person.transcript().await?;
            let count = chat.iter().filter(|m| m.from_bot && m.text.contains("don't know that command")).count();
            Ok((count >= 60).then_some(count))
        });
        assert_eq!(answers.await?, 60);
    }
    asleep(&stage, ANA).await?;
    assert_eq!(trouble(&stage)?, Vec::<String>::new());
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_close_under_chatting_clients_and_nobody_notices() -> anyhow::Result<()> {
    let (_folder, stage, ana, budi) =
        linked("[store]\nidle_close = \"1s\"\n\n[session]\nttl = \"1s\"\nsweep = \"100ms\"\n").await?;
    let begin = Instant::now();
    let (mut seen_closed, mut round) = (0, 0);
    let mut origin = None;
    // Pauses shorter and longer than a second, each followed by messages both ways.
    for pause in [300, 1700, 900, 1800, 100, 2300, 1000, 1600] {
        round += 1;
        stage.whatsapp.send(CITRA, ANA_NUMBER, &format!("message {round}")).await?;
        let came = ana.wait_text(&format!("message {round}"), PATIENCE).await?;
        let origin = origin.get_or_insert(came.message_id);
        ana.clone().reply(*origin, &format!("answer {round}")).await?;
        budi.clone().send("/numbers").await?;
        budi.wait_text("connected", PATIENCE).await?;
        let until = Instant::now() + Duration::from_millis(pause);
        while Instant::now() < until {
            seen_closed += usize::from(open_databases(&stage, ANA)?.is_empty());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let texts = inbox_of(&stage, CITRA, round).await?;
    assert_eq!(texts, (1..=round).map(|n| format!("answer {n}")).collect::<Vec<_>>());
    let chat = ana.transcript().await?;
    for n in 1..=round {
        let end = format!("message {n}");
        assert_eq!(chat.iter().filter(|m| m.from_bot && m.text.ends_with(&end)).count(), 1, "{end}");
    }
    assert!(seen_closed > 0, "in {:?} nothing was ever closed", begin.elapsed());
    assert_eq!(trouble(&stage)?, Vec::<String>::new());
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_file_follows_the_vault_also_after_a_kill_between_the_two() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage(PATIENT).await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/link").await?;
    ana.wait_button(english::CODE_BUTTON, PATIENCE).await?;
    let written = until("a session file", async || session(&stage, ANA)).await?;
    assert_eq!(step(&written), None);
    // A file is written once a second at most: the answer is there before it.
    ana.press_label(english::CODE_BUTTON).await?;
    ana.wait_text("Send me the number", PATIENCE).await?;
    stage.kill().await?;
    let old = session(&stage, ANA)?.context("the session file is gone")?;
    ensure!(step(&old).is_none(), "the kill came too late to show anything");
    stage.start().await?;
    until("the file to say what the vault says", async || {
        Ok(session(&stage, ANA)?.filter(|s| step(s) == Some("number")))
    })
    .await?;
    let text = std::fs::read_to_string(session_file(&stage, ANA))?;
    assert!(text.contains("previous_message"), "{text}");
    // And on it goes.
    ana.send("+62 811-0000-001").await?;
    ana.wait_text("Your code:", PATIENCE).await?;
    let text = until("the number in the file", async || {
        let text = std::fs::read_to_string(session_file(&stage, ANA))?;
        Ok(text.contains("qr_scanning").then_some(text))
    });
    assert!(!text.await?.contains("8110000001"), "a number that somebody typed");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_opens_no_vault_of_whoever_has_nothing_to_do() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage(PATIENT).await?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    budi.send("/start").await?;
    budi.wait_text("Welcome", PATIENCE).await?;
    stage.stop().await?;
    stage.start().await?;
    assert_eq!((found(&stage, "users")?, found(&stage, "awake")?), (2, 1));
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello Ana").await?;
    ana.wait_text("hello Ana", PATIENCE).await?;
    assert!(open_databases(&stage, BUDI)?.is_empty());
    // After a crash whoever was awake is looked after.
    budi.send("/help").await?;
    budi.wait_text("How it works", PATIENCE).await?;
    stage.kill().await?;
    stage.start().await?;
    assert_eq!((found(&stage, "users")?, found(&stage, "awake")?), (2, 2));
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_said_at_a_stop_is_said_after_the_next_start() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage(PATIENT).await?;
    let mut budi = stage.person(BUDI, "Budi");
    budi.send("/start").await?;
    budi.wait_text("Welcome", PATIENCE).await?;
    stage.telegram.client().outage(true).await?;
    stage.stop().await?;
    stage.telegram.client().outage(false).await?;
    stage.start().await?;
    assert_eq!(found(&stage, "awake")?, 0);
    let away = sekat::sim::telegram::wire::Fault {
        method: "sendMessage".to_owned(),
        chat_id: Some(budi.chat_id()),
        times: None,
        action: sekat::sim::telegram::wire::FaultAction::Drop,
    };
    let telegram = stage.telegram.client().clone();
    telegram.fault(&away).await?;
    let before = telegram.calls(None, 0, Duration::ZERO).await?.cursor;
    budi.send("/help").await?;
    ensure!(!telegram.calls(Some("sendMessage"), before, PATIENCE).await?.calls.is_empty());
    stage.stop().await?;
    telegram.clear_faults().await?;
    stage.start().await?;
    assert_eq!(found(&stage, "awake")?, 1);
    budi.wait_text("How it works", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_put_aside_in_time_also_while_its_person_sleeps() -> anyhow::Result<()> {
    for files in [true, false] {
        let folder = tempfile::tempdir()?;
        let more = "[session]\nttl = \"3s\"\nsweep = \"50ms\"\n";
        let mut stage = Stage::open(StageConfig { session_files: files, ..config(folder.path(), more) }).await?;
        phones(&stage)?;
        let mut ana = stage.person(ANA, "Ana");
        asks_for_a_number(&mut ana).await?;
        stage.stop().await?;
        stage.start().await?;
        assert_eq!(found(&stage, "awake")?, 0, "a question alone wakes nobody");
        assert_eq!(session_file(&stage, ANA).exists(), files);
        ana.wait_text(&english::text(&t!("parked-link")), PATIENCE).await?;
        session_is_gone(&stage, ANA).await?;
        asleep(&stage, ANA).await?;
        stage.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_the_directory_does_not_know_are_taken_over() -> anyhow::Result<()> {
    let (_folder, mut stage, ana, _budi) = linked(PATIENT).await?;
    stage.stop().await?;
    // As a version without the directory of users left them.
    for name in ["directory.db", "directory.db-wal", "directory.db-shm"] {
        let path = stage.data().join(name);
        if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
    // And what a crash may leave: a key that was never finished, next to something that is nobody's.
    let users = stage.data().join("users");
    std::fs::create_dir(users.join("4711"))?;
    std::fs::write(users.join("4711").join("key.tmp-0011"), "half")?;
    std::fs::create_dir(users.join("old-backup"))?;
    std::fs::write(users.join("old-backup").join("user.db"), "somebody's")?;
    stage.start().await?;
    assert_eq!((found(&stage, "users")?, found(&stage, "awake")?), (2, 2));
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello Ana").await?;
    ana.wait_text("hello Ana", PATIENCE).await?;
    assert!(!users.join("4711").exists(), "nothing but what a crash left half-written");
    assert!(users.join("old-backup").join("user.db").exists(), "what is nobody's is never deleted");
    assert!(trouble(&stage)?.iter().any(|l| l.contains("belongs to no known user") && l.contains("old-backup")));
    stage.stop().await?;
    stage.start().await?;
    let log = std::fs::read_to_string(stage.log())?;
    assert_eq!(log.matches("are taken over").count(), 1, "once");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_what_is_awake_and_why() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, _budi) = linked(PATIENT).await?;
    ana.send("/status").await?;
    let said = ana.wait_text("Awake, and why", PATIENCE).await?.text;
    assert!(said.contains("It rests after 1 hour without a word"), "{said}");
    assert!(said.contains("online, because it is linked and stays connected"), "{said}");
    assert!(said.contains("the keys of 1 number are"), "{said}");
    stage.close().await
}
