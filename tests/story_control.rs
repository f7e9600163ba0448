//! What the operator sees and does at the command line while people are served.
#![cfg(feature = "demo")]
mod support;

use anyhow::{Context as _, ensure};
use sekat::sim::stage::{PATIENCE, Stage};
use serde_json::{Value, json};
use std::process::Output;
use support::*;

async fn sekat(stage: &Stage, args: &[&str]) -> anyhow::Result<Output> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sekat-demo"));
    Ok(command.arg("--config").arg(stage.config_file()).args(args).output().await?)
}

/// What is said when it goes well.
async fn told(stage: &Stage, args: &[&str]) -> anyhow::Result<String> {
    let done = sekat(stage, args).await?;
    ensure!(done.status.success(), "sekat {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?)
}

async fn object(stage: &Stage, args: &[&str]) -> anyhow::Result<Value> {
    let text = told(stage, args).await?;
    serde_json::from_str(&text).with_context(|| text)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_a_linked_number_and_never_its_digits() -> anyhow::Result<()> {
    let (_folder, mut stage, mut ana, _budi) = linked("").await?;
    let status = until("updates to come in", async || {
        let status = object(&stage, &["status", "--json"]).await?;
        Ok((status["updates"]["coming_in"] == true).then_some(status))
    })
    .await?;
    assert_eq!((&status["status"], &status["people"]), (&json!("ready"), &json!({ "known": 2, "awake": 2 })));
    assert_eq!([&status["numbers"]["connected"], &status["numbers"]["states"]["connected"]], [2, 2]);

    let shown = object(&stage, &["user", "show", "1001", "--json"]).await?;
    assert_eq!(shown["numbers"], json!([{ "account": 1, "state": "connected", "reason": null }]));
    assert!(shown["awake"] == true && shown["storage_bytes"].as_u64() > Some(10_000), "{shown}");
    let all = told(&stage, &["user", "list"]).await? + &told(&stage, &["user", "show", "1001"]).await?;
    assert!(all.contains("1 connected") && !all.contains("0000001") && !all.contains("Ana"), "{all}");

    // Nothing waits for a file to be written.
    ana.send("/write").await?;
    ana.wait_text("To which number do you want to write?", PATIENCE).await?;
    let session = object(&stage, &["sessions", "show", "1001", "--json"]).await?;
    assert_eq!(session["flow"], "write");
    let listed = told(&stage, &["sessions", "list"]).await?;
    assert!(listed.contains("write/") && listed.contains("1 connected"), "{listed}");

    stage.kill().await?;
    let down = sekat(&stage, &["status"]).await?;
    assert_eq!(down.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&down.stdout).contains("people     2 known"));
    let asleep = object(&stage, &["user", "show", "1001", "--json"]).await?;
    assert_eq!((&asleep["awake"], &asleep["numbers"][0]["account"]), (&json!(false), &json!(1)));
    stage.start().await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ordered_at_the_command_line_counts_at_once() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, _budi) = linked("").await?;
    assert!(told(&stage, &["plan", "set", "1001", "free"]).await?.starts_with("1001 has the plan free"));
    ana.send("/link").await?;
    ana.wait_for(|m| m.from_bot && m.text.starts_with("You have 1 of 1 numbers."), PATIENCE).await?;
    told(&stage, &["user", "block", "1001"]).await?;
    until("her number to go offline", async || {
        let status = object(&stage, &["status", "--json"]).await?;
        Ok((status["numbers"]["connected"] == 1).then_some(()))
    })
    .await?;
    ana.send("/numbers").await?;
    ana.wait_text("You cannot use this bot", PATIENCE).await?;
    // It goes offline first, then it closes.
    let shown = until("her world to close", async || {
        let shown = object(&stage, &["user", "show", "1001", "--json"]).await?;
        Ok((shown["awake"] == false).then_some(shown))
    })
    .await?;
    assert_eq!((&shown["standing"], &shown["linked_numbers"]), (&json!("blocked"), &json!(1)));
    told(&stage, &["user", "unblock", "1001"]).await?;
    until("her number to be back", async || {
        let status = object(&stage, &["status", "--json"]).await?;
        Ok((status["numbers"]["connected"] == 2).then_some(()))
    })
    .await?;
    stage.close().await
}
