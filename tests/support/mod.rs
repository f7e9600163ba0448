//! What stories about trouble share: a set stage, ways to look at a chat as a whole, and waits for what is not a message.
#![allow(dead_code, reason = "each story uses a part of it")]
use anyhow::{Context as _, ensure};
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const ANA: u64 = 1001;
pub const BUDI: u64 = 1002;
/// Not on the list.
pub const EVE: u64 = 6666;

pub const ANA_NUMBER: &str = "628110000001";
pub const BUDI_NUMBER: &str = "628110000002";
/// Who writes to Ana.
pub const CITRA: &str = "628220000001";
/// Who writes to Budi.
pub const DEWI: &str = "628220000002";

/// A stage with phones for everybody. `more`: lines for the configuration.
pub async fn stage(more: &str) -> anyhow::Result<(TempDir, Stage)> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(config(folder.path(), more)).await?;
    phones(&stage)?;
    Ok((folder, stage))
}

/// How such a stage is set up.
pub fn config(folder: &Path, more: &str) -> StageConfig {
    let config = StageConfig::new(env!("CARGO_BIN_EXE_sekat-demo"), folder, &[ANA, BUDI]);
    StageConfig { more: more.to_owned(), ..config }
}

/// Everybody's phones.
pub fn phones(stage: &Stage) -> anyhow::Result<()> {
    for (number, name) in [(ANA_NUMBER, "Ana"), (BUDI_NUMBER, "Budi"), (CITRA, "Citra"), (DEWI, "Dewi")] {
        stage.phone(number, name)?;
    }
    Ok(())
}

/// A stage on which Ana and Budi have linked their numbers.
pub async fn linked(more: &str) -> anyhow::Result<(TempDir, Stage, SimUser, SimUser)> {
    let (folder, stage) = stage(more).await?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    tokio::try_join!(stage.link_by_code(&mut ana, ANA_NUMBER), stage.link_by_code(&mut budi, BUDI_NUMBER))?;
    Ok((folder, stage, ana, budi))
}

/// Waits until everything that this person did before has been answered: answers come in order.
pub async fn settled(person: &mut SimUser) -> anyhow::Result<()> {
    person.send("/help").await?;
    person.wait_text("How it works", PATIENCE).await?;
    Ok(())
}

/// What the bot has written to a person, as it stands, without the answers to [`settled`].
pub async fn said(person: &SimUser) -> anyhow::Result<BTreeMap<i64, SimMessage>> {
    let all = person.transcript().await?.into_iter();
    let kept = all.filter(|m| m.from_bot && !m.text.starts_with("How it works"));
    Ok(kept.map(|m| (m.message_id, m)).collect())
}

/// The texts of what the bot has written to a person since.
pub async fn news(person: &SimUser, before: &BTreeMap<i64, SimMessage>) -> anyhow::Result<Vec<String>> {
    let now = said(person).await?;
    let changed = now.into_values().filter(|m| before.get(&m.message_id) != Some(m));
    Ok(changed.map(|m| m.text).collect())
}

/// Asks for the numbers until the list says this.
pub async fn numbers_say(person: &mut SimUser, part: &str) -> anyhow::Result<String> {
    until(&format!("/numbers to say {part:?}"), async || {
        let list = numbers(person).await?;
        Ok(list.contains(part).then_some(list))
    })
    .await
}

/// What `/numbers` says.
pub async fn numbers(person: &mut SimUser) -> anyhow::Result<String> {
    person.send("/numbers").await?;
    let list = person.wait_for(|m| m.text.starts_with("Your numbers") || m.text.starts_with("You have not"), PATIENCE);
    Ok(list.await?.text)
}

/// Looks again and again until there is something, for what no event tells.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(begun.elapsed() < PATIENCE * 2, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// The texts that arrived on a phone.
pub async fn inbox(stage: &Stage, number: &str) -> anyhow::Result<Vec<String>> {
    Ok(stage.whatsapp.inbox(number, 0, Duration::ZERO).await?.into_iter().map(|m| m.text).collect())
}

/// Waits until so many texts have arrived on a phone.
pub async fn inbox_of(stage: &Stage, number: &str, count: usize) -> anyhow::Result<Vec<String>> {
    until(&format!("{count} messages on a phone"), async || {
        let texts = inbox(stage, number).await?;
        Ok((texts.len() >= count).then_some(texts))
    })
    .await
}

/// Whether a number's key store lies in a person's folder.
pub fn has_keys(stage: &Stage, person: u64) -> anyhow::Result<bool> {
    let folder = stage.data().join("users").join(person.to_string());
    for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        if entry?.file_name().to_string_lossy().starts_with("wa-") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids of people who have a folder.
pub fn folders(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(stage.data().join("users"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
