//! The daemon dies, or is told to stop, and goes on where it was.
#![cfg(feature = "demo")]
#[macro_use]
mod modes;

use sekat::sim::english;
use sekat::sim::scan::scan;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig, Updates, code_in};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::whatsapp::Fault;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const ANA: u64 = 1001;
const BUDI: u64 = 1002;
const ANAS: &str = "628110000001";
const BUDIS: &str = "628110000002";
const CITRA: &str = "628220000001";
const BINARY: &str = env!("CARGO_BIN_EXE_sekat-demo");

in_both_modes! {
    a_half_finished_conversation_goes_on,
    buttons_of_old_messages_still_work,
    linked_numbers_reconnect_and_receive_what_came_meanwhile,
    an_interrupted_linking_is_told_and_can_be_tried_again,
    a_linking_killed_right_after_the_phone_confirmed_is_completed,
    the_quota_of_pictures_outlives_a_kill,
    an_answer_in_flight_is_of_unknown_fate_and_sending_it_again_shows_it_once,
    what_was_unknown_becomes_a_fact_when_the_contact_reads_it,
    told_to_stop_it_stops_in_time_and_loses_and_repeats_nothing,
    a_second_daemon_on_the_same_folder_is_refused,
}

async fn open(folder: &Path, updates: Updates, more: &str) -> anyhow::Result<Stage> {
    let config = StageConfig { updates, more: more.to_owned(), ..StageConfig::new(BINARY, folder, &[ANA, BUDI]) };
    let stage = Stage::open(config).await?;
    for (number, name) in [(ANAS, "Ana"), (BUDIS, "Budi"), (CITRA, "Citra")] {
        stage.phone(number, name)?;
    }
    Ok(stage)
}

async fn kill_and_start(stage: &mut Stage) -> anyhow::Result<()> {
    stage.kill().await?;
    stage.start().await
}

/// Ana with her number linked, and a message of Citra's in her chat.
async fn ana_with_a_message(stage: &Stage) -> anyhow::Result<(SimUser, i64)> {
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_qr(&mut ana, ANAS).await?;
    stage.whatsapp.send(CITRA, ANAS, "hello Ana").await?;
    let hello = ana.wait_text("hello Ana", PATIENCE).await?.message_id;
    Ok((ana, hello))
}

async fn a_half_finished_conversation_goes_on(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    ana.press_label(english::CODE_BUTTON).await?;
    ana.wait_text("Send me the number", PATIENCE).await?;
    kill_and_start(&mut stage).await?;
    ana.send("+62 811-0000-001").await?;
    let shown = ana.wait_text("Your code:", PATIENCE).await?;
    stage.whatsapp.enter_code(&code_in(&shown)?, ANAS).await?;
    ana.wait_text("is linked and connected", PATIENCE).await?;

    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    kill_and_start(&mut stage).await?;
    ana.send("yes please").await?;
    ana.wait_text("Nothing was erased", PATIENCE).await?;
    kill_and_start(&mut stage).await?;
    ana.send("/status").await?;
    ana.wait_text("waiting for your answer (erasing everything)", PATIENCE).await?;
    ana.send("/cancel").await?;
    ana.wait_text("Cancelled", PATIENCE).await?;
    stage.close().await
}

async fn buttons_of_old_messages_still_work(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    let welcome = ana.wait_text("Welcome", PATIENCE).await?.message_id;
    kill_and_start(&mut stage).await?;
    let press = ana.press_label_of(welcome, english::QR_BUTTON).await?;
    ana.wait_answer(&press, PATIENCE).await?;
    let picture = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    let payload = scan(&ana.file_of(picture.message_id).await?)?;
    stage.whatsapp.scan(&payload, ANAS).await?;
    ana.wait_text("is linked and connected", PATIENCE).await?;
    stage.close().await
}

async fn linked_numbers_reconnect_and_receive_what_came_meanwhile(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let (mut ana, hello) = ana_with_a_message(&stage).await?;
    let mut budi = stage.person(BUDI, "Budi");
    stage.link_by_code(&mut budi, BUDIS).await?;
    stage.kill().await?;
    let anas = stage.whatsapp.send_bulk(CITRA, ANAS, "for Ana ", 5).await?;
    stage.whatsapp.send_bulk(CITRA, BUDIS, "for Budi ", 5).await?;
    ana.reply(hello, "written while you were away").await?;
    stage.start().await?;
    for (person, name) in [(&ana, "Ana"), (&budi, "Budi")] {
        person.wait_since(0, "the last message", |m| m.text.contains(&format!("for {name} 5")), PATIENCE).await?;
        let chat = person.transcript().await?;
        let came: Vec<_> = chat.iter().filter_map(|m| m.text.split_once("\n\nfor ")).map(|(_, text)| text).collect();
        let wanted: Vec<_> = (1..=5).map(|n| format!("{name} {n}")).collect();
        assert_eq!(came, wanted);
    }
    let citras = stage.whatsapp.inbox(CITRA, 0, PATIENCE).await?;
    assert_eq!(citras.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["written while you were away"]);
    for id in anas {
        assert!(stage.whatsapp.wait_receipt(CITRA, &id, "delivery", PATIENCE).await?.is_some());
    }
    stage.close().await
}

async fn an_interrupted_linking_is_told_and_can_be_tried_again(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    let old = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    // The answer comes after the picture is on record as shown; one killed in between stays in the chat.
    ana.send("/status").await?;
    ana.wait_text("Numbers:", PATIENCE).await?;
    stage.kill().await?;
    ana.mark().await?;
    stage.start().await?;
    let told = ana.wait_text("wa-interrupted", PATIENCE).await?;
    let gone = ana.transcript().await?.iter().all(|m| m.message_id != old.message_id || m.deleted);
    assert!(gone, "a picture that is worth nothing is still shown");
    ana.press_label_of(told.message_id, english::AGAIN_BUTTON).await?;
    let fresh = ana.wait_for(|m| m.photo.is_some() && !m.deleted, PATIENCE).await?;
    stage.whatsapp.scan(&scan(&ana.file_of(fresh.message_id).await?)?, ANAS).await?;
    ana.wait_text("is linked and connected", PATIENCE).await?;
    ana.send("/status").await?;
    ana.wait_text("Numbers: 1 of", PATIENCE).await?;
    stage.close().await
}

async fn a_linking_killed_right_after_the_phone_confirmed_is_completed(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    let picture = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    let payload = scan(&ana.file_of(picture.message_id).await?)?;
    stage.whatsapp.scan(&payload, ANAS).await?;
    // The library has answered WhatsApp, and writes the device down next: what dies in between has no keys to go on with.
    tokio::time::sleep(Duration::from_millis(100)).await;
    kill_and_start(&mut stage).await?;
    ana.wait_text("is linked and connected", PATIENCE).await?;
    assert_eq!(stage.whatsapp.companions(ANAS)?.len(), 1);
    stage.whatsapp.send(CITRA, ANAS, "hello Ana").await?;
    ana.wait_text("hello Ana", PATIENCE).await?;
    stage.close().await
}

async fn the_quota_of_pictures_outlives_a_kill(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "[whatsapp]\nqr_per_hour = 2\n").await?;
    let mut ana = stage.person(ANA, "Ana");
    for _ in 0..2 {
        ana.send("/link").await?;
        ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
        ana.press_label(english::QR_BUTTON).await?;
        ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
        ana.send("/cancel").await?;
        ana.wait_text("Cancelled", PATIENCE).await?;
    }
    kill_and_start(&mut stage).await?;
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    ana.wait_text("You have used 2 of 2 QR codes this hour", PATIENCE).await?;
    stage.close().await
}

async fn an_answer_in_flight_is_of_unknown_fate_and_sending_it_again_shows_it_once(
    updates: Updates,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let (mut ana, hello) = ana_with_a_message(&stage).await?;
    stage.whatsapp.inject(ANAS, &Fault::WithholdAcks { deliver: true, times: Some(1) })?;
    stage.whatsapp.inject(ANAS, &Fault::LoseReceipts)?;
    let asked = ana.reply(hello, "are you there?").await?.message_id;
    let first = stage.whatsapp.inbox(CITRA, 0, PATIENCE).await?;
    stage.kill().await?;
    stage.whatsapp.clear_faults(ANAS)?;
    stage.start().await?;
    let unknown = ana.wait_text("wa-send-unknown", PATIENCE).await?;
    assert_eq!((unknown.reply_to, unknown.labels()), (asked, vec![english::RESEND_BUTTON, english::FORGET_BUTTON]));
    let press = ana.press_label_of(unknown.message_id, english::RESEND_BUTTON).await?;
    assert_eq!(ana.wait_answer(&press, PATIENCE).await?.text.as_deref(), Some(english::SENDING_AGAIN));
    let told = ana.wait_text("delivered", PATIENCE).await?;
    assert_eq!((told.message_id, told.labels()), (unknown.message_id, Vec::new()));
    let all = stage.whatsapp.inbox(CITRA, 0, PATIENCE).await?;
    assert_eq!(all.iter().map(|m| &m.id).collect::<Vec<_>>(), first.iter().map(|m| &m.id).collect::<Vec<_>>());
    assert_eq!(stage.whatsapp.repeats(CITRA)?, 1, "it was sent again, under the id that it had");
    stage.close().await
}

async fn what_was_unknown_becomes_a_fact_when_the_contact_reads_it(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let (mut ana, hello) = ana_with_a_message(&stage).await?;
    stage.whatsapp.inject(ANAS, &Fault::WithholdAcks { deliver: true, times: Some(1) })?;
    stage.whatsapp.inject(ANAS, &Fault::LoseReceipts)?;
    ana.reply(hello, "are you there?").await?;
    let got = stage.whatsapp.inbox(CITRA, 0, PATIENCE).await?;
    stage.kill().await?;
    stage.whatsapp.clear_faults(ANAS)?;
    stage.start().await?;
    let unknown = ana.wait_text("wa-send-unknown", PATIENCE).await?;
    stage.whatsapp.mark_read(CITRA, &got[0].id)?;
    let told = ana.wait_text("✓✓ read", PATIENCE).await?;
    assert_eq!((told.message_id, told.labels()), (unknown.message_id, Vec::new()));
    stage.close().await
}

async fn told_to_stop_it_stops_in_time_and_loses_and_repeats_nothing(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut stage = open(folder.path(), updates, "").await?;
    let (mut ana, hello) = ana_with_a_message(&stage).await?;
    for round in 0..4 {
        for n in 0..10 {
            ana.send(&format!("/nothing{n}")).await?;
            ana.reply(hello, &format!("answer {round}.{n}")).await?;
            stage.whatsapp.send(CITRA, ANAS, &format!("message {round}.{n}")).await?;
        }
        let took = stage.stop().await?;
        assert!(took < Duration::from_secs(10), "stopping took {took:?}");
        stage.start().await?;
    }
    // What was asked for again comes after later ones.
    for text in (0..40).map(|n| format!("message {}.{}", n / 10, n % 10)) {
        ana.wait_since(0, &text, |m| m.text.ends_with(&text), PATIENCE).await?;
    }
    let mut got = Vec::new();
    while got.len() < 40 {
        let after = got.len() as u64;
        let more = stage.whatsapp.inbox(CITRA, after, PATIENCE).await?;
        anyhow::ensure!(!more.is_empty(), "only {after} answers have come");
        got.extend(more.into_iter().map(|m| m.text));
    }
    let chat = ana.transcript().await?;
    let bots: Vec<_> = chat.iter().filter(|m| m.from_bot).collect();
    for round in 0..4 {
        for n in 0..10 {
            let times = |part: &str| bots.iter().filter(|m| m.text.ends_with(part)).count();
            assert_eq!(times(&format!("message {round}.{n}")), 1);
            assert_eq!(got.iter().filter(|text| **text == format!("answer {round}.{n}")).count(), 1);
        }
    }
    assert_eq!(bots.iter().filter(|m| m.text.contains("don't know that command")).count(), 40);
    assert!(bots.iter().all(|m| !m.text.contains("possibly a repeat")));
    assert!(bots.iter().all(|m| !m.text.contains("wa-send-unknown")), "nobody has to be asked after an orderly stop");
    stage.close().await
}

async fn a_second_daemon_on_the_same_folder_is_refused(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = open(folder.path(), updates, "").await?;
    let mut second = tokio::process::Command::new(BINARY);
    second.arg("--config").arg(stage.config_file()).arg("run").stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, second.output()).await??;
    assert_eq!(ended.status.code(), Some(75), "{}", String::from_utf8_lossy(&ended.stderr));
    // The first one did not notice.
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    stage.close().await
}
