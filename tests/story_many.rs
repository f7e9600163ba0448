//! Many people at once: every message is checked for its owner, in both directions.
#![cfg(feature = "demo")]
mod support;

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use std::collections::BTreeSet;
use support::{inbox, inbox_of, said, until};

const PEOPLE: u64 = 30;
const ROUNDS: usize = 4;
/// Many clients log in at once on a machine that may be busy.
const LONG: std::time::Duration = std::time::Duration::from_secs(120);

fn id(person: u64) -> u64 {
    2_000 + person
}

fn number(person: u64) -> String {
    format!("6281100{person:05}")
}

fn contact(person: u64) -> String {
    format!("6282200{person:05}")
}

/// Everybody writes to everybody's contact too: one contact knows all numbers.
const COMMON: &str = "628330000001";

fn question(person: u64, round: usize) -> String {
    format!("question-{round}-for-{person}-end")
}

fn answer(person: u64, round: usize) -> String {
    format!("answer-{round}-of-{person}-end")
}

/// Links a number and chats; gives the chat back.
async fn live(stage: &Stage, person: u64) -> anyhow::Result<SimUser> {
    let mut user = stage.person(id(person), &format!("Person{person}"));
    if person.is_multiple_of(2) {
        link_by_qr(stage, &mut user, &number(person)).await?;
    } else {
        user.send(&format!("/link +{}", number(person))).await?;
        let shown = user.wait_text("Your code:", LONG).await?;
        stage.whatsapp.enter_code(&sekat::sim::stage::code_in(&shown)?, &number(person)).await?;
    }
    user.wait_text("is linked and connected", LONG).await?;
    for round in 0..ROUNDS {
        let from = if round == 1 { COMMON.to_owned() } else { contact(person) };
        stage.whatsapp.send(&from, &number(person), &question(person, round)).await?;
        let asked = user.wait_since(0, "a question", |m| m.text.contains(&question(person, round)), LONG).await?;
        user.reply(asked.message_id, &answer(person, round)).await?;
    }
    user.wait_since(0, "the last answer's fate", |m| m.text.contains("delivered"), LONG).await?;
    Ok(user)
}

async fn link_by_qr(stage: &Stage, user: &mut SimUser, number: &str) -> anyhow::Result<()> {
    user.send("/link").await?;
    user.wait_button(english::QR_BUTTON, LONG).await?;
    user.press_label(english::QR_BUTTON).await?;
    let picture = user.wait_for(|m| m.photo.is_some(), LONG).await?;
    let payload = sekat::sim::scan::scan(&user.file_of(picture.message_id).await?)?;
    stage.whatsapp.scan(&payload, number).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_people_link_and_chat_at_once_and_every_message_finds_its_owner() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let allow: Vec<u64> = (0..PEOPLE).map(id).collect();
    let mut stage = Stage::open(StageConfig::new(env!("CARGO_BIN_EXE_sekat-demo"), folder.path(), &allow)).await?;
    stage.phone(COMMON, "Common")?;
    for person in 0..PEOPLE {
        stage.phone(&number(person), &format!("Person{person}"))?;
        stage.phone(&contact(person), &format!("Contact{person}"))?;
    }
    let users = try_join_all((0..PEOPLE).map(|person| live(&stage, person))).await?;
    for person in 0..PEOPLE {
        let texts = inbox_of(&stage, &contact(person), ROUNDS - 1).await?;
        let own: Vec<String> = (0..ROUNDS).filter(|round| *round != 1).map(|round| answer(person, round)).collect();
        assert_eq!(texts, own, "the contact of {person} hears that person alone, in order");
    }
    check_common(&stage).await?;
    for (person, user) in (0..).zip(&users) {
        owned(person, user).await?;
    }

    // After a restart everybody is who they were.
    stage.stop().await?;
    stage.start().await?;
    try_join_all((0..).zip(users.clone()).map(async |(person, user)| {
        stage.whatsapp.send(&contact(person), &number(person), &question(person, 9)).await?;
        user.wait_since(0, "a question", |m| m.text.contains(&question(person, 9)), LONG).await?;
        owned(person, &user).await
    }))
    .await?;
    stage.close().await
}

/// The contact who knows everybody got one answer from each number, and from that number.
async fn check_common(stage: &Stage) -> anyhow::Result<()> {
    let people = usize::try_from(PEOPLE)?;
    inbox_of(stage, COMMON, people).await?;
    let heard = stage.whatsapp.inbox(COMMON, 0, PATIENCE).await?;
    let heard: BTreeSet<(String, String)> = heard.into_iter().map(|m| (m.from, m.text)).collect();
    let wanted: BTreeSet<(String, String)> = (0..PEOPLE).map(|person| (number(person), answer(person, 1))).collect();
    assert_eq!(heard, wanted);
    Ok(())
}

/// Everything in this chat is this person's.
async fn owned(person: u64, user: &SimUser) -> anyhow::Result<()> {
    for message in user.transcript().await? {
        for word in message.text.split_whitespace() {
            if let Some(owner) = word.strip_prefix("question-").and_then(|w| w.strip_suffix("-end")) {
                ensure!(owner.ends_with(&format!("-for-{person}")), "{person} was shown {word}");
            }
            let digits: String = word.chars().filter(char::is_ascii_digit).collect();
            if digits.starts_with("6281") || digits.starts_with("6282") {
                ensure!([number(person), contact(person)].contains(&digits), "{person} was shown the number {digits}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_press_at_the_same_moment_get_their_own() -> anyhow::Result<()> {
    let (_folder, stage, ana, budi) = support::linked("").await?;
    let two = [(ana, support::ANA_NUMBER, support::CITRA), (budi, support::BUDI_NUMBER, support::DEWI)];
    let mut people = Vec::new();
    for (mut user, own, contact) in two {
        user.send("/numbers").await?;
        let label = format!("🚪 Log out +{own}");
        user.wait_button(&label, PATIENCE).await?;
        people.push((user, own, contact, label));
    }
    // The same button, with the same number of an account in it, many times over.
    for _ in 0..10 {
        let presses = people.iter_mut().map(async |(user, own, _, label)| {
            let press = user.press_label(label).await?;
            user.wait_answer(&press, PATIENCE).await?;
            let asked = user.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
            ensure!(asked.text.starts_with(&format!("Log out +{own}?")), "{}", asked.text);
            Ok(())
        });
        try_join_all(presses).await?;
    }
    // One confirms; the other's number goes on.
    let [(ana, ..), (budi, budi_number, dewi, _)] = people.get_mut(..).context("two people")? else {
        anyhow::bail!("two people")
    };
    let (mut a, mut b) = (ana.clone(), budi.clone());
    tokio::try_join!(a.press_label(english::LOGOUT_YES_BUTTON), b.press_label(english::KEEP_BUTTON))?;
    ana.wait_text(&format!("+{} is logged out", support::ANA_NUMBER), PATIENCE).await?;
    stage.whatsapp.send(dewi, budi_number, "still here?").await?;
    let asked = budi.wait_text("still here?", PATIENCE).await?;
    budi.reply(asked.message_id, "of course").await?;
    assert_eq!(inbox_of(&stage, dewi, 1).await?, ["of course"]);
    assert!(inbox(&stage, support::CITRA).await?.is_empty());
    assert!(said(budi).await?.values().all(|m| !m.text.contains("is logged out")));
    until("Ana's device to go", async || Ok(stage.whatsapp.companions(support::ANA_NUMBER)?.is_empty().then_some(())))
        .await?;
    stage.close().await
}
