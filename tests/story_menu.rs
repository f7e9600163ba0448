//! A newcomer is led to the first answered chat, and finds everything from one message that turns in its place.
#![cfg(feature = "demo")]
mod support;

use anyhow::Context as _;
use sekat::domain::Phrase;
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage};
use sekat::sim::telegram::client::SimUser;
use sekat::t;
use support::*;

fn says(phrase: &Phrase) -> String {
    english::text(phrase)
}

/// How many messages the bot has in this chat.
async fn messages(person: &SimUser) -> anyhow::Result<usize> {
    Ok(person.transcript().await?.iter().filter(|m| m.from_bot && !m.deleted).count())
}

/// Presses a button of the menu and waits until that very message says something.
async fn turns(person: &mut SimUser, menu: i64, label: &Phrase, into: &str) -> anyhow::Result<()> {
    let press = person.press_label_of(menu, &says(label)).await?;
    person.wait_since(0, into, |m| m.message_id == menu && m.text.contains(into), PATIENCE).await?;
    person.wait_answer(&press, PATIENCE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_turns_into_every_section_also_after_a_kill() -> anyhow::Result<()> {
    let (_folder, mut stage, mut ana, _budi) = linked("").await?;
    ana.send("/menu").await?;
    let menu = ana.wait_button(&says(&t!("button-numbers")), PATIENCE).await?.message_id;
    let before = messages(&ana).await?;
    for round in 0..2 {
        for (label, into) in [
            (t!("button-numbers"), "Your numbers\n"),
            (t!("button-home"), "Your numbers (1 of"),
            (t!("button-status"), "Awake, and why"),
            (t!("button-home"), "Your numbers (1 of"),
            (t!("button-language"), "Which language"),
            (t!("button-home"), "Your numbers (1 of"),
            (t!("button-help"), "How it works"),
            (t!("button-home"), "Your numbers (1 of"),
        ] {
            turns(&mut ana, menu, &label, into).await?;
        }
        if round == 0 {
            stage.kill().await?;
            stage.start().await?;
        }
    }
    assert_eq!(messages(&ana).await?, before, "nothing new was said");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_led_to_the_first_answered_chat_and_once_only() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage("").await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    ana.wait_text("Step 1 of 3", PATIENCE).await?;
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    ana.wait_text("Step 2 of 3", PATIENCE).await?;
    ana.send("/menu").await?;
    ana.wait_since(0, "the step", |m| m.text.contains("Step 2 of 3") && m.text.contains("Your numbers"), PATIENCE)
        .await?;
    stage.kill().await?;
    stage.start().await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "are you open?").await?;
    let asked = ana.wait_text("are you open?", PATIENCE).await?;
    let hint = ana.wait_text("Step 3 of 3", PATIENCE).await?;
    assert!(hint.message_id > asked.message_id, "the hint stands below the message that it is about");
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello?").await?;
    let again = ana.wait_text("hello?", PATIENCE).await?;
    ana.reply(again.message_id, "until nine").await?;
    ana.wait_text("That was all", PATIENCE).await?;
    ana.reply(asked.message_id, "yes").await?;
    assert_eq!(inbox_of(&stage, CITRA, 2).await?, ["until nine", "yes"]);
    settled(&mut ana).await?;
    let all = ana.transcript().await?;
    for once in ["Step 3 of 3", "That was all"] {
        assert_eq!(all.iter().filter(|m| m.text.contains(once)).count(), 1, "{once}");
    }
    linked_again(&stage, &mut ana).await?;
    stage.close().await
}

/// Whoever knows how it works is not told again.
async fn linked_again(stage: &Stage, ana: &mut SimUser) -> anyhow::Result<()> {
    stage.phone("628110000003", "Ana's other phone")?;
    stage.link_by_code(ana, "628110000003").await?;
    let last = ana.transcript().await?;
    let linked = last.iter().rev().find(|m| m.text.contains("is linked and connected")).context("a linked number")?;
    assert!(!linked.text.contains("Step"), "{}", linked.text);
    Ok(())
}
