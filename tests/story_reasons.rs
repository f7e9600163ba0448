//! Every reason that the bot can name is one that something leads to: those that no other story is about.
#![cfg(feature = "demo")]
mod support;

use anyhow::Context as _;
use sekat::domain::{Reason, TelegramId};
use sekat::flows::phrases;
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, code_in};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use sekat::sim::whatsapp::Fault;
use sekat::store::keys::{KeySource, MasterKey};
use sekat::store::{DbThreads, Vaults};
use std::path::Path;
use support::*;

/// The words for a reason and its code, in one message.
async fn told(person: &mut SimUser, reason: Reason) -> anyhow::Result<SimMessage> {
    let message = person.wait_text(&format!("Code: {}", reason.code()), PATIENCE).await?;
    let words = english::text(&phrases::reason(reason));
    anyhow::ensure!(message.text.contains(&words), "{} without {words}", message.text);
    Ok(message)
}

/// The phone is shown the picture or given the code, and does not link.
async fn refuses(stage: &Stage, person: &mut SimUser, by_qr: bool) -> anyhow::Result<()> {
    let linked = if by_qr {
        person.send("/link").await?;
        person.wait_button(english::QR_BUTTON, PATIENCE).await?;
        person.press_label(english::QR_BUTTON).await?;
        let picture = person.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
        let qr = sekat::sim::scan::scan(&person.file_of(picture.message_id).await?)?;
        stage.whatsapp.scan(&qr, ANA_NUMBER).await
    } else {
        person.send(&format!("/link +{ANA_NUMBER}")).await?;
        let shown = person.wait_text("Your code:", PATIENCE).await?;
        stage.whatsapp.enter_code(&code_in(&shown)?, ANA_NUMBER).await
    };
    anyhow::ensure!(linked.is_err(), "the phone has linked it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_which_a_passkey_is_wanted_or_that_is_forged_is_none() -> anyhow::Result<()> {
    let (_folder, stage) = stage("").await?;
    let mut ana = stage.person(ANA, "Ana");
    for (fault, reason) in [(Fault::PasskeyWanted, Reason::PasskeyRequired), (Fault::ForgedLink, Reason::PairFailed)] {
        stage.whatsapp.inject(ANA_NUMBER, &fault)?;
        for by_qr in [true, false] {
            refuses(&stage, &mut ana, by_qr).await?;
            let message = told(&mut ana, reason).await?;
            assert!(message.button(english::AGAIN_BUTTON).is_some(), "{reason:?}");
            numbers_say(&mut ana, "You have not linked a number yet").await?;
        }
        stage.whatsapp.clear_faults(ANA_NUMBER)?;
    }
    assert_eq!(stage.whatsapp.companions(ANA_NUMBER)?.len(), 0);
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_whose_keys_are_damaged_says_so_and_its_neighbour_goes_on() -> anyhow::Result<()> {
    let (_folder, mut stage, mut ana, mut budi) = linked("").await?;
    stage.stop().await?;
    let keys = stage.data().join("users").join(ANA.to_string()).join("wa-1.db");
    let mut bytes = std::fs::read(&keys)?;
    // Every page but the first, which would look like another key.
    bytes[4_096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&keys, bytes)?;
    stage.start().await?;
    told(&mut ana, Reason::StoreBroken).await?;
    numbers_say(&mut ana, &format!("🔴 +{ANA_NUMBER} — failed ({})", Reason::StoreBroken.code())).await?;
    numbers_say(&mut budi, "🟢 +628110000002 — connected").await?;
    stage.whatsapp.send(DEWI, BUDI_NUMBER, "hello").await?;
    budi.wait_text("hello", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_nobody_knows_and_a_recipient_whom_nobody_knows() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, _budi) = linked("[whatsapp]\ntell_away_after = \"1s\"\n").await?;
    ana.send("/write +628990000009 Hello?").await?;
    told(&mut ana, Reason::NotOnWhatsApp).await?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::LoginFailure { reason: 400, times: None })?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::Drop)?;
    ana.wait_text(&format!("Code: {}", Reason::Internal.code()), PATIENCE).await?;
    stage.whatsapp.clear_faults(ANA_NUMBER)?;
    numbers_say(&mut ana, "🟢 +628110000001 — connected").await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linking_that_was_cancelled_is_on_record_as_that() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage("").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send(&format!("/link +{ANA_NUMBER}")).await?;
    ana.wait_text("Your code:", PATIENCE).await?;
    ana.send("/cancel").await?;
    ana.wait_text("Linking was cancelled", PATIENCE).await?;
    settled(&mut ana).await?;
    stage.stop().await?;
    let threads = DbThreads::start(1);
    let (master, _) = MasterKey::load_or_create(&KeySource::default(), &stage.data())?;
    let vault = Vaults::new(threads.clone(), master, &stage.data()).open(TelegramId(ANA)).await?;
    // Nothing lists what never came to anything.
    let read = |db: &rusqlite::Connection| Ok(db.query_row("SELECT reason FROM accounts", [], |row| row.get(0))?);
    let reason: String = vault.db().read(read).await?;
    assert_eq!(reason, Reason::Cancelled.code());
    vault.db().close().await?;
    threads.stop();
    stage.close().await
}

#[test]
fn each_reason_is_reached_by_a_test() -> anyhow::Result<()> {
    let mut tests = String::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            tests += &std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        }
    }
    let named = |reason: &&Reason| !tests.contains(&format!("Reason::{reason:?}")) && !tests.contains(reason.code());
    assert_eq!(Reason::ALL.iter().filter(named).collect::<Vec<_>>(), Vec::<&Reason>::new());
    Ok(())
}
