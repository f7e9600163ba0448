//! Telegram is slow, away, or says no: nothing is lost, and every chat keeps its order.
#![cfg(feature = "demo")]
#[macro_use]
mod modes;

use sekat::sim::stage::{PATIENCE, Stage, StageConfig, Updates};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::{Fault, FaultAction, SimMessage};
use std::path::Path;

const ANA: u64 = 1001;
const BUDI: u64 = 1002;
const ANAS: &str = "628110000001";
const CITRA: &str = "628220000001";
const REPEAT: &str = "possibly a repeat";

in_both_modes! {
    a_storm_of_refusals_delays_and_loses_nothing,
    what_telegrams_limits_hold_up_comes_together_and_can_be_answered,
    one_chat_that_must_wait_does_not_hold_up_another,
    an_outage_is_waited_out_on_both_ways,
    what_telegram_took_without_saying_so_comes_again_and_is_marked,
    what_comes_while_the_bot_is_blocked_waits_until_it_is_not,
}

async fn open(folder: &Path, updates: Updates) -> anyhow::Result<(Stage, SimUser)> {
    let binary = env!("CARGO_BIN_EXE_sekat-demo");
    let stage = Stage::open(StageConfig { updates, ..StageConfig::new(binary, folder, &[ANA, BUDI]) }).await?;
    stage.phone(ANAS, "Ana")?;
    stage.phone(CITRA, "Citra")?;
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_qr(&mut ana, ANAS).await?;
    Ok((stage, ana))
}

fn fault(times: u32, action: FaultAction) -> Fault {
    Fault { method: "sendMessage".to_owned(), chat_id: None, times: Some(times), action }
}

fn status(code: u16, retry_after: Option<u64>) -> FaultAction {
    FaultAction::Status { code, retry_after, description: None }
}

/// What Citra wrote, as it stands in the chat, with the mark of a possible repeat cut off.
async fn forwarded(person: &SimUser) -> anyhow::Result<Vec<String>> {
    let text =
        |m: &SimMessage| m.text.split("\n\n").nth(1).filter(|text| text.starts_with("message ")).map(str::to_owned);
    Ok(person.transcript().await?.iter().filter(|m| m.from_bot).filter_map(text).collect())
}

fn numbered(count: u32) -> Vec<String> {
    (1..=count).map(|n| format!("message {n}")).collect()
}

async fn a_storm_of_refusals_delays_and_loses_nothing(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (stage, ana) = open(folder.path(), updates).await?;
    for _ in 0..3 {
        stage.telegram.client().fault(&fault(2, status(429, Some(1)))).await?;
        stage.telegram.client().fault(&fault(1, status(502, None))).await?;
        stage.telegram.client().fault(&fault(1, status(500, None))).await?;
        stage.telegram.client().fault(&fault(1, FaultAction::Drop)).await?;
    }
    stage.whatsapp.send_bulk(CITRA, ANAS, "message ", 20).await?;
    ana.wait_text("message 20", PATIENCE).await?;
    assert_eq!(forwarded(&ana).await?, numbered(20));
    stage.close().await
}

async fn what_telegrams_limits_hold_up_comes_together_and_can_be_answered(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (stage, mut ana) = open(folder.path(), updates).await?;
    // Longer than all of them take to come, also on a busy machine.
    stage.telegram.client().fault(&fault(1, status(429, Some(12)))).await?;
    stage.whatsapp.send_bulk(CITRA, ANAS, "message ", 120).await?;
    let last = ana.wait_text("message 120", PATIENCE).await?;
    let chat = ana.transcript().await?;
    let lines: Vec<&str> = chat.iter().flat_map(|m| m.text.lines()).filter(|l| l.starts_with("message ")).collect();
    assert_eq!(lines, numbered(120), "each once, in order");
    let parts = chat.iter().filter(|m| m.text.contains("message ")).count();
    assert!(parts < 60, "{parts} messages for what was held up");
    ana.reply(last.message_id, "slowly, please").await?;
    let received = stage.whatsapp.inbox(CITRA, 0, PATIENCE).await?;
    assert_eq!(received[0].text, "slowly, please");
    stage.close().await
}

async fn one_chat_that_must_wait_does_not_hold_up_another(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (stage, ana) = open(folder.path(), updates).await?;
    let chat_id = Some(ana.chat_id());
    stage.telegram.client().fault(&Fault { chat_id, times: None, ..fault(1, status(429, Some(3600))) }).await?;
    stage.whatsapp.send(CITRA, ANAS, "message 1").await?;
    let mut budi = stage.person(BUDI, "Budi");
    for _ in 0..5 {
        budi.send("/help").await?;
        budi.wait_text("How it works", PATIENCE).await?;
    }
    assert!(forwarded(&ana).await?.is_empty());
    stage.close().await
}

async fn an_outage_is_waited_out_on_both_ways(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut stage, mut ana) = open(folder.path(), updates).await?;
    stage.telegram.client().outage(true).await?;
    stage.whatsapp.send_bulk(CITRA, ANAS, "message ", 10).await?;
    let mut asked = Vec::new();
    for n in 0..5 {
        asked.push(ana.send(&format!("/nothing{n}")).await?.message_id);
    }
    // Killed and started while Telegram is away: it gets ready all the same.
    stage.kill().await?;
    stage.start().await?;
    stage.telegram.client().outage(false).await?;
    ana.wait_since(0, "the last message", |m| m.text.contains("message 10"), PATIENCE).await?;
    assert_eq!(forwarded(&ana).await?, numbered(10));
    ana.wait_since(0, "the last answer", |m| m.reply_to == asked[4], PATIENCE).await?;
    let chat = ana.transcript().await?;
    let answered: Vec<_> = chat.iter().filter(|m| m.from_bot && m.reply_to.is_some()).map(|m| m.reply_to).collect();
    assert_eq!(answered, asked);
    stage.close().await
}

async fn what_telegram_took_without_saying_so_comes_again_and_is_marked(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (stage, ana) = open(folder.path(), updates).await?;
    stage.telegram.client().fault(&fault(1, FaultAction::AcceptThenDrop)).await?;
    stage.whatsapp.send_bulk(CITRA, ANAS, "message ", 3).await?;
    ana.wait_text("message 3", PATIENCE).await?;
    assert_eq!(forwarded(&ana).await?, ["message 1", "message 1", "message 2", "message 3"]);
    let marked: Vec<_> = ana.transcript().await?.into_iter().filter(|m| m.text.contains(REPEAT)).collect();
    assert_eq!(marked.len(), 1);
    assert!(marked[0].text.contains("message 1"));
    stage.close().await
}

async fn what_comes_while_the_bot_is_blocked_waits_until_it_is_not(updates: Updates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut stage, mut ana) = open(folder.path(), updates).await?;
    ana.block().await?;
    let first = stage.whatsapp.send_bulk(CITRA, ANAS, "message ", 3).await?;
    let taken = stage.whatsapp.wait_receipt(CITRA, &first[2], "delivery", PATIENCE).await?;
    assert!(taken.is_some(), "messages are taken from WhatsApp all the same");
    stage.kill().await?;
    stage.start().await?;
    stage.whatsapp.send(CITRA, ANAS, "message 4").await?;
    ana.unblock().await?;
    ana.wait_text("message 4", PATIENCE).await?;
    assert_eq!(forwarded(&ana).await?, numbered(4));
    stage.close().await
}
