//! When the machine runs short: the operator is told, what is new is refused, what is there goes on.
#![cfg(feature = "demo")]
mod support;

use sekat::domain::{AccountId, Content, InboundMessage, Jid, TelegramId, Timestamp};
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::store::keys::{KeySource, MasterKey};
use sekat::store::{DbThreads, Vaults, messages};
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
    budi.wait_text("The bot is at its limits at the moment and takes nobody new", PATIENCE).await?;
    assert!(!stage.data().join("users").join(BUDI.to_string()).exists(), "nothing is stored of somebody new");
    ana.send("/link").await?;
    ana.wait_text("Code: guard-full", PATIENCE).await?;
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

/// Puts messages from somebody into the vault, while no daemon runs.
async fn fill(stage: &Stage, user: u64, prefix: &'static str, at: Timestamp) -> anyhow::Result<()> {
    let threads = DbThreads::start(1);
    let data = stage.data();
    let (master, _) = MasterKey::load_or_create(&KeySource::default(), &data)?;
    let vault = Vaults::new(threads.clone(), master, &data).open(TelegramId(user)).await?;
    let content = Content::Text("words that take up room ".repeat(10));
    vault
        .tx(move |tx| {
            let citra = Jid(format!("{CITRA}@s.whatsapp.net"));
            for n in 0..5_000 {
                let message = InboundMessage {
                    id: format!("{prefix}{n}"),
                    chat: citra.clone(),
                    sender: citra.clone(),
                    sender_alt: None,
                    push_name: None,
                    from_me: false,
                    is_group: false,
                    sent_at: at,
                    content: content.clone(),
                };
                messages::add(tx, AccountId(1), &message)?;
            }
            Ok(())
        })
        .await?;
    vault.db().close().await?;
    threads.stop();
    Ok(())
}

/// What a person's files take up.
fn stored(stage: &Stage, user: u64) -> anyhow::Result<u64> {
    let files = std::fs::read_dir(stage.data().join("users").join(user.to_string()))?;
    files.map(|file| Ok(file?.metadata()?.len())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_quota_the_oldest_history_goes_and_what_may_not_go_is_told() -> anyhow::Result<()> {
    const QUOTA: u64 = 1_500_000;
    let folder = tempfile::tempdir()?;
    let access = format!("mode = \"allow-list\"\nowner = {OWNER}\n");
    let mut stage = Stage::open(StageConfig { access, ..config(folder.path(), "") }).await?;
    phones(&stage)?;
    let mut ana = stage.person(ANA, "Ana");
    let mut owner = stage.person(OWNER, "Owner");
    owner.send("/start").await?;
    owner.wait_text("Welcome", PATIENCE).await?;
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "of today").await?;
    ana.wait_text("of today", PATIENCE).await?;
    stage.stop().await?;
    let text = std::fs::read_to_string(stage.config_file())?;
    let limited = format!("{text}\n[store]\nquota = \"{QUOTA}B\"\nquota_every = \"200ms\"\n");
    std::fs::write(stage.config_file(), limited)?;
    fill(&stage, ANA, "OLD", Timestamp(Timestamp::now().0 - 30 * 86_400_000)).await?;
    anyhow::ensure!(stored(&stage, ANA)? > QUOTA, "{}", stored(&stage, ANA)?);
    stage.start().await?;
    until("the oldest history to go", async || Ok((stored(&stage, ANA)? < QUOTA * 8 / 10).then_some(()))).await?;
    // What there is goes on, and what is young stays.
    stage.whatsapp.send(CITRA, ANA_NUMBER, "still there?").await?;
    let asked = ana.wait_text("still there?", PATIENCE).await?;
    ana.reply(asked.message_id, "as always").await?;
    assert_eq!(inbox_of(&stage, CITRA, 1).await?, ["as always"]);
    stage.stop().await?;
    let all = owner.transcript().await?;
    assert!(!all.iter().any(|m| m.text.contains("storage-scarce")), "nothing to be told of");
    fill(&stage, ANA, "YOUNG", Timestamp::now()).await?;
    stage.start().await?;
    let told = owner.wait_text("Code: storage-scarce", PATIENCE).await?;
    assert!(told.text.contains(&ANA.to_string()), "{}", told.text);
    until("no room to be left", async || {
        ana.send("/link").await?;
        settled(&mut ana).await?;
        Ok(ana.transcript().await?.iter().any(|m| m.text.contains("Code: storage-full")).then_some(()))
    })
    .await?;
    anyhow::ensure!(stored(&stage, ANA)? > QUOTA, "what is young stays");
    numbers_say(&mut ana, "🟢 +628110000001 — connected").await?;
    let mut budi = stage.person(BUDI, "Budi");
    stage.link_by_code(&mut budi, BUDI_NUMBER).await?;
    stage.close().await
}
