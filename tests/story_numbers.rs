//! Several numbers of one person: how many they may have, and what they do with each.
#![cfg(feature = "demo")]
mod support;

use anyhow::ensure;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
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
