//! Two people link their own numbers and chat.
#![cfg(feature = "demo")]
#[macro_use]
mod modes;

use sekat::sim::stage::{PATIENCE, Stage, StageConfig, Updates};

const ANA: u64 = 1001;
const BUDI: u64 = 1002;

in_both_modes! {
    two_people_link_and_chat_and_nothing_crosses,
}

async fn two_people_link_and_chat_and_nothing_crosses(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = StageConfig::new(env!("CARGO_BIN_EXE_sekat-demo"), folder.path(), &[ANA, BUDI]);
    let stage = Stage::open(StageConfig { updates, ..config }).await?;
    for (number, name) in
        [("628110000001", "Ana"), ("628110000002", "Budi"), ("628220000001", "Citra"), ("628220000002", "Dewi")]
    {
        stage.phone(number, name)?;
    }
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    ana.send("/start").await?;
    ana.wait_text("Welcome", PATIENCE).await?;
    stage.link_by_qr(&mut ana, "628110000001").await?;
    stage.link_by_code(&mut budi, "628110000002").await?;

    stage.whatsapp.send("628220000001", "628110000001", "hello Ana").await?;
    stage.whatsapp.send("628220000002", "628110000002", "hello Budi").await?;
    let to_ana = ana.wait_text("hello Ana", PATIENCE).await?;
    let to_budi = budi.wait_text("hello Budi", PATIENCE).await?;
    ana.reply(to_ana.message_id, "hi Citra").await?;
    budi.reply(to_budi.message_id, "hi Dewi").await?;
    let citra = stage.whatsapp.inbox("628220000001", 0, PATIENCE).await?;
    let dewi = stage.whatsapp.inbox("628220000002", 0, PATIENCE).await?;
    assert_eq!(citra.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["hi Citra"]);
    assert_eq!(dewi.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["hi Dewi"]);
    ana.wait_text("delivered", PATIENCE).await?;
    for (person, foreign) in [(&ana, "Budi"), (&budi, "Ana")] {
        assert!(person.transcript().await?.iter().all(|m| !m.text.contains(&format!("hello {foreign}"))));
    }
    stage.close().await
}
