//! Several numbers of one person: how many they may have, and what they do with each.
#![cfg(feature = "demo")]
mod support;

use anyhow::ensure;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use support::*;

const OWNER: u64 = 9001;
/// Another number of Ana's.
const SHOP: &str = "628110000011";

/// What `sekat` says, beside the daemon.
async fn sekat(stage: &Stage, args: &[&str]) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sekat-demo"));
    let done = command.arg("--config").arg(stage.config_file()).args(args).output().await?;
    ensure!(done.status.success(), "sekat {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?)
}

async fn status(person: &mut SimUser) -> anyhow::Result<String> {
    person.send("/status").await?;
    Ok(person.wait_text("Awake, and why", PATIENCE).await?.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_how_many_numbers_and_a_smaller_one_logs_nothing_out() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let access = format!("mode = \"allow-list\"\nowner = {OWNER}\n");
    let mut stage = Stage::open(StageConfig { access, ..config(folder.path(), "") }).await?;
    phones(&stage)?;
    stage.phone(SHOP, "Shop")?;
    let (mut ana, mut owner) = (stage.person(ANA, "Ana"), stage.person(OWNER, "Owner"));
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    // While the daemon runs, and it counts at once.
    assert!(sekat(&stage, &["plan", "set", "1001", "free"]).await?.contains("1 number"));
    ana.send("/link +628110000011").await?;
    ana.wait_text("You have 1 of 1 numbers.", PATIENCE).await?;
    assert!(!ana.transcript().await?.iter().any(|m| m.text.contains("Your code:") && m.text.contains("0011")));
    owner.send("/plan 1001 basic").await?;
    owner.wait_text("1001 has the plan Basic: up to 3 numbers.", PATIENCE).await?;
    stage.link_by_code(&mut ana, SHOP).await?;
    assert!(status(&mut ana).await?.contains("Numbers: 2 of 3\nPlan: Basic"));
    owner.send("/member 1001").await?;
    owner.wait_text("Plan: Basic (3 numbers)", PATIENCE).await?;
    owner.press_label("Free").await?;
    owner.wait_text("Plan: Free (1 number)", PATIENCE).await?;
    let over = status(&mut ana).await?;
    assert!(over.contains("Numbers: 2 of 1\nPlan: Free\nThat is more than you may have."), "{over}");
    // Also after a kill: both stay as they were.
    stage.kill().await?;
    stage.start().await?;
    ana.send("/link").await?;
    ana.wait_text("You have 2 of 1 numbers.", PATIENCE).await?;
    for number in [ANA_NUMBER, SHOP] {
        stage.whatsapp.send(CITRA, number, &format!("to {number}")).await?;
        ana.wait_text(&format!("to {number}"), PATIENCE).await?;
    }
    assert!(sekat(&stage, &["plan", "clear", "1001"]).await?.contains("up to 10 numbers"));
    assert!(status(&mut ana).await?.contains("Numbers: 2 of 10\n"));
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_which_nothing_is_heard_is_warned_of_in_time_and_once() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage("[whatsapp]\nwarn_phone_after = \"4s\"\n").await?;
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    let warned = ana.wait_text("Nothing has been heard of the phone of +628110000001 since", PATIENCE).await?;
    assert!(warned.text.ends_with("\nCode: wa-phone-offline"), "{}", warned.text);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(ana.transcript().await?.iter().filter(|m| m.text.contains("wa-phone-offline")).count(), 1);
    stage.kill().await?;
    stage.start().await?;
    numbers_say(&mut ana, "🟢 +628110000001 — connected").await?;
    // The phone writes to somebody, and by that is seen, if it was not before.
    stage.whatsapp.send(ANA_NUMBER, CITRA, "from my phone").await?;
    let back = |m: &SimMessage| m.message_id == warned.message_id && m.text.contains("has been heard of again");
    ana.wait_for(back, PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_numbers_is_the_primary_one_has_a_name_and_is_deleted_in_the_end() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage("").await?;
    stage.phone(SHOP, "Shop")?;
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.link_by_code(&mut ana, SHOP).await?;
    // One contact, two numbers: each answer leaves from the number that was written to.
    for (number, said) in [(ANA_NUMBER, "to her"), (SHOP, "to the shop")] {
        stage.whatsapp.send(CITRA, number, said).await?;
        let asked = ana.wait_text(said, PATIENCE).await?;
        ana.reply(asked.message_id, &format!("{said}, answered")).await?;
    }
    inbox_of(&stage, CITRA, 2).await?;
    let answers = stage.whatsapp.inbox(CITRA, 0, std::time::Duration::ZERO).await?;
    for answer in answers {
        assert_eq!(answer.from, if answer.text.starts_with("to her") { ANA_NUMBER } else { SHOP });
    }
    ana.send("/rename 2 Toko Roti").await?;
    ana.wait_text("+628110000011 is called Toko Roti", PATIENCE).await?;
    let list = numbers(&mut ana).await?;
    let expected = [
        "1. 🟢 +628110000001 — connected ★",
        "WhatsApp heard from just now · 2 messages today",
        "2. 🟢 Toko Roti — connected",
        "WhatsApp heard from just now · 2 messages today",
    ];
    assert_eq!(list.lines().skip(1).collect::<Vec<_>>(), expected);
    ana.press_label("Toko Roti").await?;
    ana.wait_text("+628110000011\nWhatsApp heard from", PATIENCE).await?;
    ana.press_label("★ Make primary").await?;
    ana.wait_text("★ Your primary number", PATIENCE).await?;
    stage.kill().await?;
    stage.start().await?;
    numbers_say(&mut ana, "2. 🟢 Toko Roti — connected ★").await?;
    // A new chat hears from the primary one, by a command or step by step.
    ana.send("/write +628220000002 Hello Dewi").await?;
    ana.wait_text("To +628220000002, from Toko Roti.", PATIENCE).await?;
    ana.send("/write").await?;
    ana.wait_text("To which number", PATIENCE).await?;
    ana.send("+62 822 0000 002").await?;
    ana.wait_text("What do you want to write to +628220000002?", PATIENCE).await?;
    ana.send("It is me again").await?;
    assert_eq!(inbox_of(&stage, DEWI, 2).await?, ["Hello Dewi", "It is me again"]);
    let written = stage.whatsapp.inbox(DEWI, 0, std::time::Duration::ZERO).await?;
    assert!(written.iter().all(|message| message.from == SHOP));
    // When it goes, the other one takes its place; it can be deleted only then.
    ana.send("/delete toko roti").await?;
    ana.wait_text("Toko Roti is not logged out, so it stays.", PATIENCE).await?;
    ana.send("/logout toko roti").await?;
    ana.wait_text("Log out Toko Roti?", PATIENCE).await?;
    ana.send("1").await?;
    ana.wait_text("is logged out and its keys are wiped", PATIENCE).await?;
    let list = numbers(&mut ana).await?;
    assert!(
        list.contains("1. 🟢 +628110000001 — connected\n") && list.ends_with("2. ⚪ Toko Roti — logged out"),
        "{list}"
    );
    ana.send("/delete 2").await?;
    ana.wait_text("Delete Toko Roti? Its record goes, and every message", PATIENCE).await?;
    ana.send("1").await?;
    ana.wait_text("Toko Roti is deleted, with its messages.", PATIENCE).await?;
    let list = numbers(&mut ana).await?;
    assert!(list.contains("🟢 +628110000001 — connected") && !list.contains("Toko"), "{list}");
    stage.whatsapp.send(CITRA, ANA_NUMBER, "still there?").await?;
    ana.wait_text("still there?", PATIENCE).await?;
    stage.close().await
}
