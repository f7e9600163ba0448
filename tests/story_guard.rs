//! When the machine runs short: the operator is told, what is new is refused, what is there goes on.
#![cfg(feature = "demo")]
mod support;

use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use support::*;

const OWNER: u64 = 9001;

#[tokio::test(flavor = "multi_thread")]
async fn scarce_memory_is_told_to_the_operator_and_what_is_there_goes_on() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let access = format!("mode = \"allow-list\"\nowner = {OWNER}\n");
    let mut stage = Stage::open(StageConfig { access, ..config(folder.path(), "") }).await?;
    phones(&stage)?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    let mut owner = stage.person(OWNER, "Owner");
    owner.send("/start").await?;
    owner.wait_text("Welcome", PATIENCE).await?;
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.stop().await?;
    // Any process uses more than a megabyte.
    let text = std::fs::read_to_string(stage.config_file())?;
    std::fs::write(stage.config_file(), format!("{text}\n[guard]\nmemory = \"1MiB\"\nevery = \"200ms\"\n"))?;
    stage.start().await?;
    let told = owner.wait_text("Code: guard-scarce", PATIENCE).await?;
    assert!(told.text.contains("Memory: 999 %"), "{}", told.text);
    budi.send(&format!("/link +{BUDI_NUMBER}")).await?;
    budi.wait_text("Code: guard-full", PATIENCE).await?;
    numbers_say(&mut ana, "🟢 +628110000001 — connected").await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "still there?").await?;
    let asked = ana.wait_text("still there?", PATIENCE).await?;
    ana.reply(asked.message_id, "as always").await?;
    assert_eq!(inbox_of(&stage, CITRA, 1).await?, ["as always"]);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let times = owner.transcript().await?.iter().filter(|m| m.text.contains("guard-scarce")).count();
    assert_eq!(times, 1, "once an episode");
    assert!(std::fs::read_to_string(stage.log())?.contains("guard-scarce"));
    stage.close().await
}
