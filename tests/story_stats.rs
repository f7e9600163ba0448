//! An operator looks at how the bot is used; nobody else can.
#![cfg(feature = "demo")]
mod support;

use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use support::*;

const OWNER: u64 = 9001;

async fn statistics(owner: &mut SimUser) -> anyhow::Result<SimMessage> {
    owner.mark().await?;
    owner.send("/stats").await?;
    Ok(owner.wait_for(|m| m.photo.is_some(), PATIENCE).await?)
}

/// How many pixels of a picture are of each color of its palette.
fn colors(png: &[u8]) -> anyhow::Result<[usize; 5]> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or(0)];
    reader.next_frame(&mut pixels)?;
    Ok(std::array::from_fn(|color| pixels.iter().filter(|pixel| usize::from(**pixel) == color).count()))
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_a_chart_for_operators_across_a_restart() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let access = format!("mode = \"allow-list\"\nowner = {OWNER}\n");
    let mut stage = Stage::open(StageConfig { access, ..config(folder.path(), "") }).await?;
    phones(&stage)?;
    let (mut ana, mut owner) = (stage.person(ANA, "Ana"), stage.person(OWNER, "Owner"));
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    let nothing = statistics(&mut owner).await?;
    assert!(nothing.text.contains("Numbers: 1 connected of 1, 0 waiting"), "{}", nothing.text);
    assert!(nothing.text.contains("Last 24 hours: 0 messages from WhatsApp, 0 to it, 0 updates"), "{}", nothing.text);
    let [.., received, sent] = colors(&owner.file_of(nothing.message_id).await?)?;
    assert_eq!((received, sent), (0, 0), "no bars of nothing");
    for text in ["one", "two", "three"] {
        stage.whatsapp.send(CITRA, ANA_NUMBER, text).await?;
    }
    let asked = ana.wait_text("three", PATIENCE).await?;
    ana.reply(asked.message_id, "yes").await?;
    assert_eq!(inbox_of(&stage, CITRA, 1).await?, ["yes"]);
    ana.wait_text("✓✓ delivered", PATIENCE).await?;
    // What was not on record yet is put there at an orderly end.
    stage.stop().await?;
    stage.start().await?;
    numbers_say(&mut ana, "🟢 +628110000001 — connected").await?;
    let shown = statistics(&mut owner).await?;
    for part in ["People: 2 known, 2 awake", "Last 24 hours: 3 messages from WhatsApp, 1 to it,", "Disk: ", "Memory: "]
    {
        assert!(shown.text.contains(part), "{part}: {}", shown.text);
    }
    let [.., received, sent] = colors(&owner.file_of(shown.message_id).await?)?;
    assert!(received > 0 && sent > 0 && received > 2 * sent, "{received} and {sent} pixels for 3 and 1");
    ana.mark().await?;
    ana.send("/stats").await?;
    settled(&mut ana).await?;
    let heard = ana.transcript().await?;
    assert!(heard.iter().all(|m| m.photo.is_none() && !m.text.contains("Statistics")), "for operators only");
    stage.close().await
}
