//! When WhatsApp or the network fails: what the person is told, with which code, and what their list of numbers says.
#![cfg(feature = "demo")]
mod support;

use anyhow::Context as _;
use sekat::domain::Reason;
use sekat::flows::phrases;
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, code_in};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use sekat::sim::whatsapp::Fault;
use sekat::t;
use std::collections::BTreeMap;
use std::time::Duration;
use support::*;
use tempfile::TempDir;

/// Short enough for a test, long enough for an ack on a busy machine.
const SHORT: &str = "[whatsapp]\nsend_timeout = \"2s\"\n";

/// Ana with her number linked, and Citra's message to answer; Budi beside her.
struct Scene {
    _folder: TempDir,
    stage: Stage,
    ana: SimUser,
    budi: SimUser,
    asked: i64,
    ana_saw: BTreeMap<i64, SimMessage>,
    budi_saw: BTreeMap<i64, SimMessage>,
}

impl Scene {
    async fn new() -> anyhow::Result<Scene> {
        Self::with(SHORT).await
    }

    async fn with(settings: &str) -> anyhow::Result<Scene> {
        let (folder, stage, mut ana, mut budi) = linked(settings).await?;
        stage.whatsapp.send(CITRA, ANA_NUMBER, "hello").await?;
        let asked = ana.wait_text("hello", PATIENCE).await?.message_id;
        // What is explained to her once comes after her first message.
        ana.wait_text("Step 3 of 3", PATIENCE).await?;
        settled(&mut budi).await?;
        let (ana_saw, budi_saw) = (said(&ana).await?, said(&budi).await?);
        ana.mark().await?;
        Ok(Scene { _folder: folder, stage, ana, budi, asked, ana_saw, budi_saw })
    }

    fn inject(&self, fault: Fault) -> anyhow::Result<()> {
        Ok(self.stage.whatsapp.inject(ANA_NUMBER, &fault)?)
    }

    /// A message goes out and arrives, as on any good day.
    async fn works(&mut self, text: &str) -> anyhow::Result<()> {
        let sent = self.ana.reply(self.asked, text).await?;
        let outcome = |m: &SimMessage| m.reply_to == sent.message_id && m.text == "✓✓ delivered";
        self.ana.wait_for(outcome, PATIENCE).await?;
        assert_eq!(inbox(&self.stage, CITRA).await?.iter().filter(|t| *t == text).count(), 1);
        Ok(())
    }

    /// Budi has noticed nothing, and everything ends well.
    async fn end(mut self) -> anyhow::Result<()> {
        settled(&mut self.budi).await?;
        assert_eq!(news(&self.budi, &self.budi_saw).await?, Vec::<String>::new(), "Budi noticed something");
        assert!(numbers(&mut self.budi).await?.contains("🟢 +628110000002 — connected"));
        self.stage.close().await
    }

    /// The fault stops the number: told once with words and code, shown in the list, over with the button.
    async fn stops(mut self, fault: Fault, reason: Reason) -> anyhow::Result<()> {
        self.inject(fault)?;
        let told = self.ana.wait_text(reason.code(), PATIENCE).await?;
        let begin = format!("🔴 +{ANA_NUMBER}: {}", english::text(&phrases::reason(reason)));
        assert!(told.text.starts_with(&begin), "{}", told.text);
        assert!(told.text.ends_with(&format!("\nCode: {}", reason.code())), "{}", told.text);
        let list = numbers(&mut self.ana).await?;
        assert!(list.contains(&format!("🔴 +{ANA_NUMBER} — failed ({})", reason.code())), "{list}");
        let waits = self.ana.reply(self.asked, "while it is stopped").await?;
        self.ana.wait_text(&english::text(&t!("chat-number-gone")), PATIENCE).await?;
        assert!(waits.message_id.is_some());
        self.stage.whatsapp.clear_faults(ANA_NUMBER)?;
        self.ana.press_label_of(told.message_id, english::RECONNECT_BUTTON).await?;
        numbers_say(&mut self.ana, "🟢 +628110000001 — connected").await?;
        self.works("back again").await?;
        let codes = news(&self.ana, &self.ana_saw).await?;
        assert_eq!(codes.iter().filter(|t| t.starts_with("🔴")).count(), 1, "told once: {codes:?}");
        self.end().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_let_in_after_the_scan_is_no_number() -> anyhow::Result<()> {
    let (_folder, stage) = stage(SHORT).await?;
    let mut ana = stage.person(ANA, "Ana");
    stage.whatsapp.inject(ANA_NUMBER, &Fault::LoginFailure { reason: 401, times: None })?;
    ana.send(&format!("/link +{ANA_NUMBER}")).await?;
    let shown = ana.wait_text("Your code:", PATIENCE).await?;
    stage.whatsapp.enter_code(&code_in(&shown)?, ANA_NUMBER).await?;
    let failed = ana.wait_text(Reason::QrLoop.code(), PATIENCE).await?;
    assert!(failed.text.contains(&english::text(&phrases::reason(Reason::QrLoop))), "{}", failed.text);
    assert!(failed.button(english::AGAIN_BUTTON).is_some());
    numbers_say(&mut ana, "You have not linked a number yet").await?;
    stage.whatsapp.clear_faults(ANA_NUMBER)?;
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_heals_without_a_word() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    for fault in [Fault::Drop, Fault::StreamUnavailable] {
        scene.inject(fault)?;
        until("the device to be back", async || {
            Ok(scene.stage.whatsapp.companions(ANA_NUMBER)?[0].online.then_some(()))
        })
        .await?;
        settled(&mut scene.ana).await?;
        assert_eq!(news(&scene.ana, &scene.ana_saw).await?, Vec::<String>::new());
    }
    numbers_say(&mut scene.ana, "🟢 +628110000001 — connected").await?;
    scene.works("as if nothing had been").await?;
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_stays_away_is_told_once_and_so_is_its_return() -> anyhow::Result<()> {
    let mut scene = Scene::with("[whatsapp]\nsend_timeout = \"2s\"\ntell_away_after = \"3s\"\n").await?;
    scene.inject(Fault::ServiceUnavailable { times: None })?;
    scene.inject(Fault::Drop)?;
    let away = scene.ana.wait_text("has had no connection since", PATIENCE).await?;
    assert!(away.text.starts_with(&format!("🟠 +{ANA_NUMBER}")), "{}", away.text);
    assert!(
        away.text.ends_with("\nCode: wa-unavailable") || away.text.ends_with("\nCode: wa-network-away"),
        "{}",
        away.text
    );
    assert_eq!(away.labels(), [english::RECONNECT_BUTTON]);
    scene.stage.whatsapp.clear_faults(ANA_NUMBER)?;
    scene.ana.press_label_of(away.message_id, english::RECONNECT_BUTTON).await?;
    let back = |m: &SimMessage| m.message_id == away.message_id && m.text.contains("is connected again");
    assert!(scene.ana.wait_for(back, PATIENCE).await?.buttons.is_empty());
    let told = news(&scene.ana, &scene.ana_saw).await?;
    assert_eq!(
        told.iter().filter(|text| text.contains("connected again") || text.contains("no connection")).count(),
        1
    );
    scene.works("as before").await?;
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_into_a_black_hole_is_unknown_and_sent_again_only_when_asked() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    scene.inject(Fault::BlackHole)?;
    scene.ana.reply(scene.asked, "into the dark").await?;
    scene.ana.reply(scene.asked, "this too").await?;
    let unknown = scene.ana.wait_button(english::RESEND_BUTTON, PATIENCE).await?;
    assert_eq!(unknown.text, english::text(&phrases::outcome(sekat::store::sends::SendState::Unknown, None)));
    assert!(unknown.text.ends_with("Code: wa-send-unknown"));
    assert_eq!(unknown.labels(), [english::RESEND_BUTTON, english::FORGET_BUTTON]);
    let of_second = |m: &SimMessage| m.message_id != unknown.message_id && m.button(english::FORGET_BUTTON).is_some();
    let second = scene.ana.wait_since(0, "the second's fate", of_second, PATIENCE).await?;
    scene.stage.whatsapp.clear_faults(ANA_NUMBER)?;
    // The library's keepalive would find the dead connection in half a minute; the network ends it at once here.
    scene.inject(Fault::Drop)?;
    scene.works("light again").await?;
    assert_eq!(inbox(&scene.stage, CITRA).await?, ["light again"], "nothing is repeated unasked");

    let press = scene.ana.press_label_of(unknown.message_id, english::RESEND_BUTTON).await?;
    assert_eq!(scene.ana.wait_answer(&press, PATIENCE).await?.text.as_deref(), Some(english::SENDING_AGAIN));
    let delivered = |m: &SimMessage| m.message_id == unknown.message_id && m.text == "✓✓ delivered";
    let delivered = scene.ana.wait_for(delivered, PATIENCE).await?;
    assert!(delivered.buttons.is_empty());
    scene.ana.press_label_of(second.message_id, english::FORGET_BUTTON).await?;
    let left = |m: &SimMessage| m.message_id == second.message_id && m.text == "❔ unknown, left as it is";
    assert!(scene.ana.wait_for(left, PATIENCE).await?.buttons.is_empty());
    assert_eq!(inbox(&scene.stage, CITRA).await?, ["light again", "into the dark"]);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_in_use_elsewhere_waits_for_its_person() -> anyhow::Result<()> {
    Scene::new().await?.stops(Fault::Replaced, Reason::Replaced).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_too_old_says_so() -> anyhow::Result<()> {
    Scene::new().await?.stops(Fault::ClientOutdated { times: None }, Reason::ClientOutdated).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_tells_until_when() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    scene.inject(Fault::TemporaryBan { code: 101, expire_secs: 86_400, times: None })?;
    for _ in 0..2 {
        let told = scene.ana.wait_text("wa-banned", PATIENCE).await?;
        let lines: Vec<&str> = told.text.lines().collect();
        let begin =
            format!("🔴 +{ANA_NUMBER}: WhatsApp has banned this number for a while. Wait until the ban is over.");
        assert_eq!((lines[0], lines[2]), (begin.as_str(), "Code: wa-banned"));
        let until = lines[1].strip_prefix("Until: ").and_then(|u| u.strip_suffix(" UTC")).context("an end")?;
        let parts: Vec<&str> = until.split([' ', ',', ':']).filter(|part| !part.is_empty()).collect();
        assert_eq!(parts.len(), 5, "day, month, year, hour, minute: {until}");
        assert!(numbers(&mut scene.ana).await?.contains(&format!("🔴 +{ANA_NUMBER} — failed (wa-banned)")));
        // Trying again before it is over tells the same again.
        scene.ana.press_label_of(told.message_id, english::RECONNECT_BUTTON).await?;
    }
    let again = scene.ana.wait_button(english::RECONNECT_BUTTON, PATIENCE).await?;
    scene.stage.whatsapp.clear_faults(ANA_NUMBER)?;
    scene.ana.press_label_of(again.message_id, english::RECONNECT_BUTTON).await?;
    numbers_say(&mut scene.ana, "🟢 +628110000001 — connected").await?;
    scene.works("the ban is over").await?;
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_removed_on_the_phone_is_wiped_here_at_once() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    assert!(has_keys(&scene.stage, ANA)?);
    let device = scene.stage.whatsapp.companions(ANA_NUMBER)?[0].device;
    scene.stage.whatsapp.remove_companion(ANA_NUMBER, device)?;
    let told = scene.ana.wait_text("wa-logged-out", PATIENCE).await?;
    assert_eq!(
        told.text,
        format!(
            "+{ANA_NUMBER} was logged out: the device was removed on the phone or by WhatsApp. Link the number again. \
             Its keys here are wiped.\nCode: wa-logged-out"
        )
    );
    assert_eq!(told.labels(), [english::LINK_BUTTON]);
    until("the keys to be wiped", async || Ok((!has_keys(&scene.stage, ANA)?).then_some(()))).await?;
    assert!(has_keys(&scene.stage, BUDI)?, "Budi's keys stay");
    numbers_say(&mut scene.ana, "— logged out").await?;
    scene.ana.reply(scene.asked, "anybody?").await?;
    scene
        .ana
        .wait_for(
            |m| m.text == english::text(&t!("chat-link-first")) || m.text == english::text(&t!("chat-number-gone")),
            PATIENCE,
        )
        .await?;
    // The same number can be linked again, and its old chats find their way.
    scene.stage.link_by_code(&mut scene.ana, ANA_NUMBER).await?;
    scene.stage.whatsapp.send(CITRA, ANA_NUMBER, "welcome back").await?;
    let asked = scene.ana.wait_since(0, "a message", |m| m.text.contains("welcome back"), PATIENCE).await?;
    scene.asked = asked.message_id;
    scene.works("thanks").await?;
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_waited_for() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    scene.inject(Fault::ServiceUnavailable { times: None })?;
    numbers_say(&mut scene.ana, &format!("🟠 +{ANA_NUMBER} — disconnected (wa-unavailable)")).await?;
    let waits = scene.ana.reply(scene.asked, "when you are back").await?;
    settled(&mut scene.ana).await?;
    assert_eq!(inbox(&scene.stage, CITRA).await?, Vec::<String>::new());
    scene.stage.whatsapp.clear_faults(ANA_NUMBER)?;
    let delivered = |m: &SimMessage| m.reply_to == waits.message_id && m.text == "✓✓ delivered";
    scene.ana.wait_since(0, "the waiting message to arrive", delivered, PATIENCE * 2).await?;
    assert_eq!(inbox(&scene.stage, CITRA).await?, ["when you are back"], "what waited went once");
    let told = news(&scene.ana, &scene.ana_saw).await?;
    assert!(told.iter().all(|t| !t.contains("🔴")), "nobody had to act: {told:?}");
    numbers_say(&mut scene.ana, "🟢 +628110000001 — connected").await?;
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_says_why() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    scene.inject(Fault::TimeLock { secs: 7_200 })?;
    let locked = (463, Reason::ReachoutLocked);
    for (code, reason) in [locked, locked, (429, Reason::RateLimited), (400, Reason::SendRefused)] {
        scene.inject(Fault::RefuseSends { code, times: Some(1) })?;
        let sent = scene.ana.reply(scene.asked, "hello stranger").await?;
        let expected = format!("❌ failed: {}\nCode: {}", english::text(&phrases::reason(reason)), reason.code());
        let outcome = |m: &SimMessage| m.reply_to == sent.message_id && m.text.starts_with("❌");
        assert_eq!(scene.ana.wait_for(outcome, PATIENCE).await?.text, expected);
    }
    assert_eq!(inbox(&scene.stage, CITRA).await?, Vec::<String>::new());
    until("the lock's end to be told", async || {
        let told = news(&scene.ana, &scene.ana_saw).await?;
        Ok(told.iter().any(|text| text.contains("write to nobody new until")).then_some(()))
    })
    .await?;
    scene.works("now it goes").await?;
    let told = news(&scene.ana, &scene.ana_saw).await?;
    assert_eq!(told.iter().filter(|text| text.starts_with("🔒")).count(), 1, "each end is told once: {told:?}");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_ack_the_receipt_makes_it_a_fact() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    scene.inject(Fault::WithholdAcks { deliver: true, times: Some(1) })?;
    scene.works("never acknowledged").await?;
    // Longer than the time after which a message without an answer is of unknown fate: the fact stands.
    tokio::time::sleep(Duration::from_secs(4)).await;
    settled(&mut scene.ana).await?;
    let told = news(&scene.ana, &scene.ana_saw).await?;
    assert!(told.iter().all(|t| !t.contains("unknown")), "{told:?}");
    // The contact reads it.
    let id = scene.stage.whatsapp.inbox(CITRA, 0, Duration::ZERO).await?[0].id.clone();
    scene.stage.whatsapp.mark_read(CITRA, &id)?;
    scene.ana.wait_since(0, "a read message", |m| m.text == "✓✓ read", PATIENCE).await?;

    // Neither ack nor receipt: unknown, until a resend brings both, under the same id.
    scene.inject(Fault::WithholdAcks { deliver: false, times: Some(1) })?;
    scene.ana.reply(scene.asked, "lost").await?;
    let unknown = scene.ana.wait_button(english::RESEND_BUTTON, PATIENCE).await?;
    scene.ana.press_label_of(unknown.message_id, english::RESEND_BUTTON).await?;
    let delivered = |m: &SimMessage| m.message_id == unknown.message_id && m.text == "✓✓ delivered";
    scene.ana.wait_for(delivered, PATIENCE).await?;
    // A late ack changes nothing of what is known better.
    scene.inject(Fault::DelayAcks { ms: 3_000 })?;
    scene.works("acknowledged late").await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    settled(&mut scene.ana).await?;
    assert!(said(&scene.ana).await?.values().all(|m| m.text != "✓ sent" && !m.text.contains("unknown")));
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_can_be_cancelled_at_each_step() -> anyhow::Result<()> {
    let (_folder, stage) = stage(SHORT).await?;
    let mut ana = stage.person(ANA, "Ana");
    // While choosing.
    ana.send("/link").await?;
    ana.wait_button(english::CANCEL_BUTTON, PATIENCE).await?;
    ana.press_label(english::CANCEL_BUTTON).await?;
    ana.wait_text(&english::text(&t!("cancelled")), PATIENCE).await?;
    // While the number is asked for, by button and by command; a number typed later is not taken for an answer.
    for by_button in [true, false] {
        ana.send("/link").await?;
        ana.wait_button(english::CODE_BUTTON, PATIENCE).await?;
        ana.press_label(english::CODE_BUTTON).await?;
        let asked = ana.wait_text(&english::text(&t!("link-ask-number")), PATIENCE).await?;
        if by_button {
            ana.press_label_of(asked.message_id, english::CANCEL_BUTTON).await?;
        } else {
            ana.send("/cancel").await?;
        }
        ana.wait_text(&english::text(&t!("cancelled")), PATIENCE).await?;
        ana.send(&format!("+{ANA_NUMBER}")).await?;
        ana.wait_text(&english::text(&t!("chat-link-first")), PATIENCE).await?;
    }
    // While the QR picture is shown: it is worth nothing afterwards.
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    let picture = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    let payload = sekat::sim::scan::scan(&ana.file_of(picture.message_id).await?)?;
    let press = ana.press_label_of(picture.message_id, english::CANCEL_BUTTON).await?;
    assert_eq!(ana.wait_answer(&press, PATIENCE).await?.text.as_deref(), Some(english::CANCELLED));
    ana.wait_text(&english::text(&t!("link-cancelled")), PATIENCE).await?;
    until("the picture to be worthless", async || Ok(stage.whatsapp.scan(&payload, ANA_NUMBER).await.err())).await?;
    let gone = ana.transcript().await?.into_iter().find(|m| m.message_id == picture.message_id);
    assert!(gone.is_none_or(|m| m.deleted || m.photo.is_none()), "the picture is gone from the chat");
    // While the code is shown: likewise.
    ana.send(&format!("/link +{ANA_NUMBER}")).await?;
    let code = code_in(&ana.wait_text("Your code:", PATIENCE).await?)?;
    ana.send("/link").await?;
    ana.wait_text(&english::text(&t!("link-already")), PATIENCE).await?;
    ana.send("/cancel").await?;
    ana.wait_text(&english::text(&t!("cancelled")), PATIENCE).await?;
    until("the code to be worthless", async || Ok(stage.whatsapp.enter_code(&code, ANA_NUMBER).await.err())).await?;

    assert_eq!(stage.whatsapp.companions(ANA_NUMBER)?.len(), 0);
    until("all keys to go", async || Ok((!has_keys(&stage, ANA)?).then_some(()))).await?;
    numbers_say(&mut ana, "You have not linked a number yet").await?;
    ana.send("/cancel").await?;
    ana.wait_text(&english::text(&t!("nothing-to-cancel")), PATIENCE).await?;
    stage.link_by_qr(&mut ana, ANA_NUMBER).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_qr_code_of_an_hour_is_told_to_wait() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage(SHORT).await?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    for round in 0..6 {
        ana.send("/link").await?;
        ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
        ana.press_label(english::QR_BUTTON).await?;
        if round < 5 {
            ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
            ana.send("/cancel").await?;
            ana.wait_text(&english::text(&t!("cancelled")), PATIENCE).await?;
        }
        if round == 3 {
            // A restart forgets nothing of it.
            stage.kill().await?;
            stage.start().await?;
        }
    }
    let limit = ana.wait_text("You have used 5 of 5 QR codes this hour", PATIENCE).await?;
    let wait = limit.text.split("Try again in ").nth(1).and_then(|t| t.split(',').next()).context("a wait")?;
    assert!(["1 hour", "59 minutes", "58 minutes"].contains(&wait), "{}", limit.text);
    // The other way is open, and so is everything to others.
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.link_by_qr(&mut budi, BUDI_NUMBER).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linking_that_a_restart_interrupts_says_so() -> anyhow::Result<()> {
    let (_folder, mut stage) = stage(SHORT).await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send(&format!("/link +{ANA_NUMBER}")).await?;
    ana.wait_text("Your code:", PATIENCE).await?;
    stage.kill().await?;
    stage.start().await?;
    let told = ana.wait_text("wa-interrupted", PATIENCE).await?;
    assert_eq!(
        told.text,
        "❌ Linking did not work: the bot was restarted in the middle of it. Please try again.\nCode: wa-interrupted"
    );
    assert_eq!(told.labels(), [english::AGAIN_BUTTON, english::OTHER_WAY_BUTTON]);
    assert!(!has_keys(&stage, ANA)?);
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    stage.close().await
}
