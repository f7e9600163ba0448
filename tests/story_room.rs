//! More numbers than there is room for: who waits, what they are told, and whose turn it is.
#![cfg(feature = "demo")]
mod support;

use sekat::sim::english;
use sekat::sim::stage::PATIENCE;
use support::*;

/// Another number of Ana's.
const SHOP: &str = "628110000011";

#[tokio::test(flavor = "multi_thread")]
async fn who_links_beyond_the_room_waits_in_line_and_is_told_the_place() -> anyhow::Result<()> {
    let (_folder, stage) = stage("[whatsapp]\nmax_clients = 1\n").await?;
    stage.phone(SHOP, "Shop")?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    // Ana's second one came first, and Budi has none yet: his goes before it.
    ana.send(&format!("/link +{SHOP}")).await?;
    ana.wait_text("You are number 1 in line", PATIENCE).await?;
    budi.send(&format!("/link +{BUDI_NUMBER}")).await?;
    budi.wait_text("You are number 1 in line", PATIENCE).await?;
    // In the same message, and what she has goes on working.
    ana.wait_text("You are number 2 in line", PATIENCE).await?;
    let told = ana.transcript().await?.iter().filter(|m| m.text.contains("in line")).count();
    assert_eq!(told, 1);
    stage.whatsapp.send(CITRA, ANA_NUMBER, "are you there?").await?;
    ana.wait_text("are you there?", PATIENCE).await?;
    // Who gives up leaves the line.
    ana.press_label(english::CANCEL_BUTTON).await?;
    ana.wait_text("Linking was cancelled.", PATIENCE).await?;
    // A place is free: his code comes by itself.
    ana.send("/logout").await?;
    ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    ana.press_label(english::LOGOUT_YES_BUTTON).await?;
    budi.wait_text("Your code:", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_each_person_has_one_before_anybody_has_two() -> anyhow::Result<()> {
    let (_folder, mut stage, mut ana, mut budi) = linked("[whatsapp]\nmax_clients = 3\n").await?;
    stage.phone(SHOP, "Shop")?;
    stage.link_by_code(&mut ana, SHOP).await?;
    stage.stop().await?;
    let text = std::fs::read_to_string(stage.config_file())?;
    std::fs::write(stage.config_file(), text.replace("max_clients = 3", "max_clients = 2"))?;
    stage.start().await?;
    ana.wait_text("waits for a free place, as number 1 in line", PATIENCE).await?;
    let list = numbers_say(&mut ana, "1. 🟢 +628110000001 — connected").await?;
    assert!(list.contains("wa-no-place"), "{list}");
    numbers_say(&mut budi, "1. 🟢 +628110000002 — connected").await?;
    // What is sent meanwhile waits at WhatsApp.
    stage.whatsapp.send(CITRA, SHOP, "one loaf please").await?;
    budi.send("/logout").await?;
    budi.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    budi.press_label(english::LOGOUT_YES_BUTTON).await?;
    ana.wait_text("has a place now and connects", PATIENCE).await?;
    ana.wait_text("one loaf please", PATIENCE).await?;
    numbers_say(&mut ana, "2. 🟢 +628110000011 — connected").await?;
    stage.close().await
}
