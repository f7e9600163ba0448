//! Somebody wants everything of theirs erased.
#![cfg(feature = "demo")]
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::{Fault as TelegramFault, FaultAction, SimMessage};
use sekat::sim::whatsapp::Fault;
use std::path::Path;
use std::time::Duration;

const ANA: u64 = 1001;
const BUDI: u64 = 1002;
const ANAS: &str = "628110000001";
const BUDIS: &str = "628110000002";
const CITRA: &str = "628220000001";

/// Ana and Budi, each with a number and a message from Citra.
async fn open(folder: &Path, more: &str) -> anyhow::Result<(Stage, SimUser, SimUser)> {
    let config = StageConfig {
        more: more.to_owned(),
        ..StageConfig::new(env!("CARGO_BIN_EXE_sekat-demo"), folder, &[ANA, BUDI])
    };
    let stage = Stage::open(config).await?;
    for (number, name) in [(ANAS, "Ana"), (BUDIS, "Budi"), (CITRA, "Citra")] {
        stage.phone(number, name)?;
    }
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    stage.link_by_qr(&mut ana, ANAS).await?;
    stage.link_by_qr(&mut budi, BUDIS).await?;
    for (person, number) in [(&mut ana, ANAS), (&mut budi, BUDIS)] {
        stage.whatsapp.send(CITRA, number, "hello from Citra").await?;
        let hello = person.wait_text("hello from Citra", PATIENCE).await?;
        person.reply(hello.message_id, "hello Citra").await?;
        person.wait_text("delivered", PATIENCE).await?;
    }
    Ok((stage, ana, budi))
}

async fn say_the_word(person: &mut SimUser) -> anyhow::Result<()> {
    person.send("/erase").await?;
    person.wait_text("Erase everything?", PATIENCE).await?;
    person.send(english::ERASE_WORD).await?;
    Ok(())
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

/// Nothing on the disk names Ana or her number, and WhatsApp knows no device of hers.
fn assert_ana_is_gone(stage: &Stage) -> anyhow::Result<()> {
    assert!(!stage.data().join("users").join(ANA.to_string()).exists());
    let mut found = Vec::new();
    files(&stage.data(), &mut found)?;
    files(&stage.folder().join("sessions"), &mut found)?;
    let (id, number) = (ANA.to_string(), ANAS.as_bytes());
    for file in found {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert!(!name.contains(&id), "{name}");
        let bytes = std::fs::read(&file)?;
        assert!(!bytes.windows(number.len()).any(|part| part == number), "{}", file.display());
    }
    assert!(stage.whatsapp.companions(ANAS)?.is_empty(), "her phone still has a device of ours");
    Ok(())
}

async fn assert_budi_is_well(stage: &Stage, budi: &mut SimUser) -> anyhow::Result<()> {
    stage.whatsapp.send(CITRA, BUDIS, "still there?").await?;
    let asked = budi.wait_text("still there?", PATIENCE).await?;
    budi.reply(asked.message_id, "yes").await?;
    budi.wait_text("delivered", PATIENCE).await?;
    assert_eq!(stage.whatsapp.companions(BUDIS)?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_and_a_receipt_says_what() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (stage, mut ana, mut budi) = open(folder.path(), "").await?;
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    ana.send("erase").await?;
    ana.wait_text("Nothing was erased", PATIENCE).await?;
    ana.send(english::ERASE_WORD).await?;
    let receipt = ana.wait_text("Erased.", PATIENCE).await?;
    assert!(receipt.text.contains("devices removed at WhatsApp: 1"), "{}", receipt.text);
    assert!(receipt.text.contains("numbers freed: 1"), "{}", receipt.text);
    assert!(!receipt.text.contains("could not be removed"), "{}", receipt.text);
    // How far it had come stands where she confirmed it.
    assert!(ana.transcript().await?.iter().any(|m| m.text.ends_with("▰▰▰▰▰▰▰▰▰▰ 1 of 1 devices")));
    assert_ana_is_gone(&stage)?;
    assert_budi_is_well(&stage, &mut budi).await?;

    // Her old chat leads nowhere, and a new world begins.
    ana.send("hello?").await?;
    ana.wait_text("Link a WhatsApp number first", PATIENCE).await?;
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    // Her number is free: Budi may link it.
    stage.link_by_code(&mut budi, ANAS).await?;
    stage.whatsapp.send(CITRA, ANAS, "whose is it now?").await?;
    budi.wait_text("whose is it now?", PATIENCE).await?;
    assert!(ana.transcript().await?.iter().all(|m| !m.text.contains("whose is it now?")));
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_whatsapp_is_away_it_erases_and_says_what_is_left_to_do() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (stage, mut ana, mut budi) = open(folder.path(), "[whatsapp]\nclose_timeout = \"2s\"\n").await?;
    stage.whatsapp.inject(ANAS, &Fault::ServiceUnavailable { times: None })?;
    say_the_word(&mut ana).await?;
    let receipt = ana.wait_text("Erased.", PATIENCE).await?;
    assert!(receipt.text.contains("1 device could not be removed"), "{}", receipt.text);
    // What is left is removed on the phone, as the receipt says.
    let left = stage.whatsapp.companions(ANAS)?;
    stage.whatsapp.remove_companion(ANAS, left[0].device)?;
    stage.whatsapp.clear_faults(ANAS)?;
    assert_ana_is_gone(&stage)?;
    stage.link_by_code(&mut budi, ANAS).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_it_is_completed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut stage, mut ana, mut budi) = open(folder.path(), "").await?;
    for after_ms in [0, 3, 6, 10, 15, 25, 40, 80] {
        say_the_word(&mut ana).await?;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        stage.kill().await?;
        stage.start().await?;
        let receipt = ana.wait_text("Erased.", PATIENCE).await?;
        assert!(!receipt.text.contains("could not be removed"), "killed after {after_ms} ms: {}", receipt.text);
        // An answer would say that an update of the old world was acted on in a new one.
        let answered = |m: &SimMessage| m.message_id > receipt.message_id && m.from_bot && !m.text.contains("Erased.");
        assert!(!ana.transcript().await?.iter().any(answered), "killed after {after_ms} ms");
        assert_ana_is_gone(&stage)?;
        ana.send("/start").await?;
        ana.wait_text("Welcome", PATIENCE).await?;
        stage.link_by_qr(&mut ana, ANAS).await?;
    }
    assert_budi_is_well(&stage, &mut budi).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_whatsapp_answered_it_is_completed_and_the_word_is_not_taken_twice() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut stage, mut ana, mut budi) = open(folder.path(), "").await?;
    stage.whatsapp.inject(ANAS, &Fault::BlackHole)?;
    say_the_word(&mut ana).await?;
    // The word is taken and the vault says so; WhatsApp answers nothing.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.kill().await?;
    // WhatsApp had removed the device all the same: the answer was lost.
    let device = stage.whatsapp.companions(ANAS)?[0].device;
    stage.whatsapp.clear_faults(ANAS)?;
    stage.whatsapp.remove_companion(ANAS, device)?;
    stage.start().await?;
    let receipt = ana.wait_text("Erased.", PATIENCE).await?;
    assert!(receipt.text.contains("devices removed at WhatsApp: 1"), "{}", receipt.text);
    assert_ana_is_gone(&stage)?;
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    let chat = ana.transcript().await?;
    assert!(!chat.iter().any(|m| m.text.contains("Link a WhatsApp number first")), "the word began a new world");
    assert_budi_is_well(&stage, &mut budi).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_world_begins_only_when_the_old_one_has_its_receipt() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut stage, mut ana, mut budi) = open(folder.path(), "").await?;
    let away = TelegramFault {
        method: "sendMessage".to_owned(),
        chat_id: Some(ana.chat_id()),
        times: None,
        action: FaultAction::Drop,
    };
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    let telegram = stage.telegram.client().clone();
    telegram.fault(&away).await?;
    let before = telegram.calls(None, 0, Duration::ZERO).await?.cursor;
    ana.send(english::ERASE_WORD).await?;
    // The next message is the receipt, which comes last.
    let tries = telegram.calls(Some("sendMessage"), before, PATIENCE).await?.calls;
    assert!(!tries.is_empty() && tries.iter().all(|call| !call.ok));
    assert_ana_is_gone(&stage)?;
    // The receipt cannot be given; she has begun to talk again; and the daemon dies, twice: while it overwrites the key,
    // and later.
    ana.send("/start").await?;
    let hers = stage.data().join("users").join(ANA.to_string());
    for half_destroyed in [true, false] {
        stage.kill().await?;
        if half_destroyed {
            std::fs::create_dir(&hers)?;
            std::fs::write(hers.join("key"), [0x5A; 96])?;
        }
        stage.start().await?;
        assert_budi_is_well(&stage, &mut budi).await?;
        assert_ana_is_gone(&stage)?;
    }
    telegram.clear_faults().await?;
    let receipt = ana.wait_text("Erased.", PATIENCE).await?;
    let welcome = ana.wait_text("Welcome", PATIENCE).await?;
    assert!(receipt.message_id < welcome.message_id);
    assert!(hers.join("key").exists(), "the new world was removed with the old one");
    stage.link_by_qr(&mut ana, ANAS).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_whose_answer_was_lost_is_completed_and_told_rightly() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut stage, mut ana, mut budi) = open(folder.path(), "").await?;
    ana.send("/logout").await?;
    ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    stage.whatsapp.inject(ANAS, &Fault::BlackHole)?;
    ana.press_label(english::LOGOUT_YES_BUTTON).await?;
    ana.wait_text("Logging out", PATIENCE).await?;
    stage.kill().await?;
    let device = stage.whatsapp.companions(ANAS)?[0].device;
    stage.whatsapp.clear_faults(ANAS)?;
    stage.whatsapp.remove_companion(ANAS, device)?;
    stage.start().await?;
    let told = ana.wait_text("is logged out and its keys are wiped", PATIENCE).await?;
    assert!(!told.text.contains("could not be reached"), "{}", told.text);
    stage.link_by_code(&mut budi, ANAS).await?;
    stage.close().await
}
