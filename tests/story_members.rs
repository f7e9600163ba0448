//! Who may use the bot: strangers, codes, admins, and people who are blocked.
#![cfg(feature = "demo")]
mod support;

use anyhow::{Context as _, ensure};
use sekat::domain::{Language, Phrase};
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use sekat::t;
use sekat::words::plain;
use serde_json::Value;
use std::time::Duration;
use support::*;
use tempfile::TempDir;

const OWNER: u64 = 9001;
const ADMIN: u64 = 9002;
const WELCOME: &str = "Welcome to Sekat.";

/// By invitation, with an owner and an admin; Ana and Budi are on the list.
async fn by_invitation(level: &'static str) -> anyhow::Result<(TempDir, Stage)> {
    let folder = tempfile::tempdir()?;
    let access = format!("mode = \"invite\"\nowner = {OWNER}\nadmins = [{ADMIN}]\n");
    let stage = Stage::open(StageConfig { access, log_level: level, ..config(folder.path(), "") }).await?;
    phones(&stage)?;
    Ok((folder, stage))
}

/// What `sekat` says, beside the daemon.
async fn sekat(stage: &Stage, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sekat-demo"));
    let done = command.arg("--config").arg(stage.config_file()).args(args).output().await?;
    ensure!(done.status.success(), "sekat {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(done.stdout)
}

/// A new code.
async fn code(stage: &Stage, more: &[&str]) -> anyhow::Result<String> {
    let args = [&["invite", "create", "--json"], more].concat();
    let made: Value = serde_json::from_slice(&sekat(stage, &args).await?)?;
    Ok(made["code"].as_str().context("a code")?.to_owned())
}

/// The codes, newest first, as the operator sees them.
async fn invites(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let listed: Value = serde_json::from_slice(&sekat(stage, &["invite", "list", "--json"]).await?)?;
    Ok(listed["invites"].as_array().context("codes")?.clone())
}

fn in_both(phrase: &Phrase) -> [String; 2] {
    Language::ALL.map(|language| plain(phrase, language.into()))
}

fn count(chat: &[SimMessage], part: &str) -> usize {
    chat.iter().filter(|m| m.from_bot && m.text.contains(part)).count()
}

/// Waits until the bot has said this so many times in all.
async fn said_times(person: &SimUser, part: &str, times: usize) -> anyhow::Result<()> {
    until(&format!("{part:?} {times} times"), async || {
        Ok((count(&person.transcript().await?, part) >= times).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_comes_in_by_the_link_and_another_by_the_code_itself() -> anyhow::Result<()> {
    let (_folder, mut stage) = by_invitation("trace").await?;
    let code = code(&stage, &["--uses", "2", "--note", "tetangga"]).await?;
    let (mut eve, mut fitri) = (stage.person(EVE, "Eve"), stage.person(6667, "Fitri").language("id"));
    let [refused, ditolak] = in_both(&t!("refused-invite"));
    eve.send("hello").await?;
    eve.wait_text(&refused, PATIENCE).await?;
    fitri.send("halo").await?;
    fitri.wait_text(&ditolak, PATIENCE).await?;
    eve.send("anybody there?").await?;
    eve.send("assalamual").await?;
    eve.send("/numbers").await?;
    eve.send(&format!("/start {code}")).await?;
    eve.wait_text(WELCOME, PATIENCE).await?;
    fitri.send(&code.to_lowercase()).await?;
    fitri.wait_text("Selamat datang di Sekat.", PATIENCE).await?;
    // What she said before she was in was not kept, and said to her once.
    let chat = eve.transcript().await?;
    assert_eq!((count(&chat, &refused), count(&chat, "")), (1, 2), "the refusal and the welcome");
    let mut late = stage.person(6668, "Late").language("id");
    late.send(&format!("/start {code}")).await?;
    late.wait_text(&in_both(&t!("refused-code"))[1], PATIENCE).await?;
    assert_eq!(folders(&stage)?, ["6666", "6667"]);
    let listed = invites(&stage).await?;
    assert_eq!((listed[0]["state"].as_str(), listed[0]["used"].as_u64()), (Some("used-up"), Some(2)));
    assert_eq!(listed[0]["members"][0]["telegram_id"].as_u64(), Some(EVE));

    // In for good; and the code does nothing more for those who are in.
    stage.kill().await?;
    stage.start().await?;
    eve.send(&code).await?;
    eve.wait_text(WELCOME, PATIENCE).await?;
    stage.link_by_code(&mut eve, ANA_NUMBER).await?;
    // A reply that could be a code goes where it is meant to go.
    stage.whatsapp.send(CITRA, ANA_NUMBER, "apa kabar?").await?;
    let asked = eve.wait_text("apa kabar?", PATIENCE).await?;
    eve.reply(asked.message_id, "23456789ab").await?;
    assert_eq!(inbox_of(&stage, CITRA, 1).await?, ["23456789ab"]);
    assert_eq!(invites(&stage).await?[0]["used"].as_u64(), Some(2));
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/start").await?;
    ana.wait_text(WELCOME, PATIENCE).await?;
    stage.stop().await?;
    no_code_is_kept(&stage, &code)?;
    stage.close().await
}

/// Neither the log nor any file knows the code.
fn no_code_is_kept(stage: &Stage, code: &str) -> anyhow::Result<()> {
    let mut folders = vec![stage.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path)?;
                let found = bytes.windows(code.len()).any(|part| part.eq_ignore_ascii_case(code.as_bytes()));
                ensure!(!found, "{} knows the code", path.display());
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_a_code_at_once_as_many_get_in_as_it_is_for() -> anyhow::Result<()> {
    let (_folder, stage) = by_invitation("info").await?;
    let code = code(&stage, &["--uses", "3"]).await?;
    let mut people: Vec<SimUser> = (1..=12).map(|n| stage.person(5000 + n, "Somebody")).collect();
    let text = format!("/start {code}");
    futures_util::future::try_join_all(people.iter_mut().map(|person| person.send(&text))).await?;
    let refused = english::text(&t!("refused-code"));
    let answers = people.iter().map(|p| p.wait_for(|m| m.text == refused || m.text.contains(WELCOME), PATIENCE));
    let answers = futures_util::future::try_join_all(answers).await?;
    assert_eq!(answers.iter().filter(|m| m.text.contains(WELCOME)).count(), 3);
    assert_eq!(folders(&stage)?.len(), 3);
    let invite = invites(&stage).await?.remove(0);
    assert_eq!((invite["used"].as_u64(), invite["members"].as_array().map(Vec::len)), (Some(3), Some(3)));
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_a_code_is_used_once_and_its_user_is_in() -> anyhow::Result<()> {
    let (_folder, mut stage) = by_invitation("info").await?;
    let delays = [0, 2, 4, 6, 9, 12, 16, 24, 40];
    let code = code(&stage, &["--uses", "9"]).await?;
    for (n, delay) in (0..).zip(delays) {
        let mut person = stage.person(5100 + n, "Somebody");
        person.send(&format!("/start {code}")).await?;
        tokio::time::sleep(Duration::from_millis(delay)).await;
        stage.kill().await?;
        stage.start().await?;
        person.wait_text(WELCOME, PATIENCE).await?;
        assert_eq!(invites(&stage).await?[0]["used"].as_u64(), Some(n + 1), "killed after {delay} ms");
        assert_eq!(count(&person.transcript().await?, "lets nobody in"), 0, "killed after {delay} ms");
    }
    let mut last = stage.person(5200, "Last");
    last.send(&code).await?;
    last.wait_text(&english::text(&t!("refused-code")), PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_code_says_no_more_than_a_guess_and_guesses_are_limited() -> anyhow::Result<()> {
    let (_folder, stage) = by_invitation("info").await?;
    let (good, revoked) = (code(&stage, &[]).await?, code(&stage, &[]).await?);
    let (expired, used) = (code(&stage, &["--expires", "1s"]).await?, code(&stage, &["--expires", "never"]).await?);
    sekat(&stage, &["invite", "revoke", &revoked]).await?;
    let mut first = stage.person(5301, "First");
    first.send(&used).await?;
    first.wait_text(WELCOME, PATIENCE).await?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut eve = stage.person(EVE, "Eve");
    let refused = english::text(&t!("refused-code"));
    let tries = [expired.as_str(), revoked.as_str(), used.as_str(), "23456789AB", "2ZZZZZZZZZ"];
    for (n, dead) in tries.iter().enumerate() {
        eve.send(&format!("/start {dead}")).await?;
        said_times(&eve, &refused, n + 1).await?;
    }
    eve.send("2ZZZZZZZZA").await?;
    let limit = eve.wait_text("one code too many", PATIENCE).await?;
    assert!(limit.text.contains("minute") || limit.text.contains("hour"), "{}", limit.text);
    // Too late, too: neither a good one nor more words.
    eve.send(&good).await?;
    eve.send("2ZZZZZZZZC").await?;
    // Somebody else is not held up by her.
    let mut second = stage.person(5302, "Second");
    second.send(&good).await?;
    second.wait_text(WELCOME, PATIENCE).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count(&eve.transcript().await?, ""), tries.len() + 1);
    assert_eq!(folders(&stage)?, ["5301", "5302"]);
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_admins_invite_in_the_chat_and_nobody_else_does() -> anyhow::Result<()> {
    let (_folder, stage) = by_invitation("info").await?;
    let (mut owner, mut eve) = (stage.person(OWNER, "Owner"), stage.person(EVE, "Eve"));
    owner.send("/help").await?;
    owner.wait_text("As an admin", PATIENCE).await?;
    owner.send("/invite").await?;
    owner.wait_button("1 person, 7 days", PATIENCE).await?;
    owner.press_label("1 person, 7 days").await?;
    let made = owner.wait_text("A new invitation", PATIENCE).await?.text;
    let link = made.lines().last().context("a link")?;
    let code =
        link.strip_prefix("https://t.me/").and_then(|l| l.split_once("?start=")).context("a link with a code")?.1;
    assert!(made.contains(&format!("Code: {code}\n")) && made.contains("It lets in 1 person, until "), "{made}");
    eve.send(&format!("/start {code}")).await?;
    eve.wait_text(WELCOME, PATIENCE).await?;

    // A member is told of no such command.
    for command in ["/invite", "/invites", "/block 1001", "/unblock 1001", "/admin add 6666", "/admins"] {
        eve.send(command).await?;
        eve.wait_text(&english::text(&t!("unknown-command")), PATIENCE).await?;
    }
    eve.send("/help").await?;
    assert!(!eve.wait_text("How it works", PATIENCE).await?.text.contains("admin"));
    // The owner makes an admin, who makes codes too, but no admins.
    owner.send("/admin add 6666").await?;
    owner.wait_text("6666 is an admin", PATIENCE).await?;
    eve.send("/invite 30 12h chess club").await?;
    eve.wait_text("It lets in 30 people", PATIENCE).await?;
    for (command, answer) in [
        ("/admin add 1001", "That is not for you to do."),
        ("/admin remove 9002", "That is not for you to do."),
        ("/block 9001", "That is the owner"),
        ("/block 9002", "That is an admin"),
        ("/block 6666", "That is you"),
        ("/block", "Whom?"),
        ("/block 777000", "Whom?"),
        ("/invite 0", "A code is for 1 to 1,000 people."),
        ("/admin promote 5", "Say it like this"),
    ] {
        eve.send(command).await?;
        eve.wait_text(answer, PATIENCE).await?;
    }
    eve.send("/admins").await?;
    let admins = eve.wait_text("Owner and admins", PATIENCE).await?.text;
    assert!(admins.ends_with("• 9001, owner\n• 9002, admin by configuration\n• 6666, admin"), "{admins}");
    eve.send("/members").await?;
    let all = eve.wait_text("5 people", PATIENCE).await?.text;
    assert!(all.contains("1. 6666 — admin, came ") && all.contains(" by invitation #1\n2. 1001 — member\n"), "{all}");
    assert!(all.ends_with("\n4. 9001 — owner\n5. 9002 — admin"), "{all}");
    eve.send("/invites").await?;
    let list = eve.wait_text("Invitations", PATIENCE).await?;
    assert!(list.text.contains("#2: 0 of 30 used, open until") && list.text.contains("— chess club"), "{}", list.text);
    assert!(list.text.contains("#1: 1 of 1 used, used up\n• 6666, "), "{}", list.text);
    assert_eq!(list.labels(), ["🗑 Revoke #2"]);
    eve.press_label("🗑 Revoke #2").await?;
    eve.wait_text("Invitation #2 lets nobody in any more.", PATIENCE).await?;
    assert_eq!(invites(&stage).await?[0]["state"].as_str(), Some("revoked"));

    // No admin any more: a member by her code again, whose old buttons do nothing.
    owner.send("/admin remove 6666").await?;
    owner.wait_text("6666 is not an admin", PATIENCE).await?;
    eve.press_label("🗑 Revoke #2").await?;
    eve.wait_text("That is not for you to do.", PATIENCE).await?;
    eve.send("/admins").await?;
    eve.wait_text(&english::text(&t!("unknown-command")), PATIENCE).await?;
    owner.send("/admin remove 9002").await?;
    owner.wait_text("named in the configuration", PATIENCE).await?;
    stage.close().await
}

/// Whether Ana's number is online at WhatsApp.
async fn online(stage: &Stage, wanted: bool) -> anyhow::Result<()> {
    until(&format!("Ana's number online: {wanted}"), async || {
        let devices = stage.whatsapp.companions(ANA_NUMBER)?;
        ensure!(devices.len() == 1, "her device stays");
        Ok((devices[0].online == wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_blocked_is_out_with_all_that_is_theirs_kept_until_they_are_let_in_again() -> anyhow::Result<()> {
    let (_folder, mut stage) = by_invitation("info").await?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana").language("id"), stage.person(BUDI, "Budi"));
    let (mut admin, mut owner) = (stage.person(ADMIN, "Admin"), stage.person(OWNER, "Owner"));
    stage.link_by_code(&mut budi, BUDI_NUMBER).await?;
    ana.send("/language english").await?;
    ana.wait_text("I speak English", PATIENCE).await?;
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    ana.send("/link").await?;
    ana.wait_button(english::CODE_BUTTON, PATIENCE).await?;
    ana.press_label(english::CODE_BUTTON).await?;
    ana.wait_text("Send me the number", PATIENCE).await?;
    admin.send("/block 1001").await?;
    admin.wait_text("1001 is blocked", PATIENCE).await?;
    online(&stage, false).await?;
    let before = said(&ana).await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "are you there?").await?;
    ana.send("+62 811 0000 009").await?;
    let [_, refused] = in_both(&t!("refused-blocked"));
    ana.wait_text(&refused, PATIENCE).await?;
    for text in ["/start", "/numbers", "hello?"] {
        ana.send(text).await?;
    }

    // A kill changes nothing of it, and neither does Budi notice.
    stage.kill().await?;
    stage.start().await?;
    ana.send("/erase").await?;
    settled(&mut budi).await?;
    online(&stage, false).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // One refusal; a kill that came right after it may have it said again.
    let told = news(&ana, &before).await?;
    assert!((1..=2).contains(&told.len()) && told.iter().all(|text| *text == refused), "{told:?}");
    assert!(has_keys(&stage, ANA)?, "her data stays");

    admin.send("/unblock 1001").await?;
    admin.wait_text("1001 is not blocked", PATIENCE).await?;
    ana.wait_text("are you there?", PATIENCE).await?;
    online(&stage, true).await?;
    ana.send("/cancel").await?;
    ana.wait_text("Cancelled", PATIENCE).await?;
    let asked = ana.wait_since(0, "the message", |m| m.text.contains("are you there?"), PATIENCE).await?;
    ana.reply(asked.message_id, "back again").await?;
    ana.wait_text("delivered", PATIENCE).await?;

    // The owner may block an admin, and is obeyed by nobody else.
    owner.send("/block 9002").await?;
    owner.wait_text("9002 is blocked", PATIENCE).await?;
    admin.send("/unblock 9002").await?;
    admin.wait_text(&english::text(&t!("refused-blocked")), PATIENCE).await?;
    owner.send("/block 9001").await?;
    owner.wait_text("That is you", PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ordered_is_done_and_told_across_a_kill() -> anyhow::Result<()> {
    let (_folder, mut stage) = by_invitation("info").await?;
    let (mut owner, mut ana) = (stage.person(OWNER, "Owner"), stage.person(ANA, "Ana"));
    stage.link_by_code(&mut ana, ANA_NUMBER).await?;
    let mut codes = 0;
    for delay in [0, 3, 6, 10, 15, 25, 40] {
        let asked = owner.send("/invite 2").await?;
        owner.send("/block 1001").await?;
        tokio::time::sleep(Duration::from_millis(delay)).await;
        stage.kill().await?;
        stage.start().await?;
        owner.wait_text("1001 is blocked", PATIENCE).await?;
        // It may have been told before she sent the second one.
        let made = |m: &SimMessage| m.text.contains("A new invitation");
        let shown = owner.wait_since(asked.cursor, "the invitation", made, PATIENCE).await?.text;
        online(&stage, false).await?;
        codes += 1;
        let listed = invites(&stage).await?;
        assert_eq!(listed.len(), codes, "killed after {delay} ms: one order, one code");
        let code = shown.lines().find_map(|line| line.strip_prefix("Code: ")).context("a code")?;
        let mut guest = stage.person(5400 + codes as u64, "Guest");
        guest.send(code).await?;
        guest.wait_text(WELCOME, PATIENCE).await?;
        owner.send("/unblock 1001").await?;
        owner.wait_text("1001 is not blocked", PATIENCE).await?;
        online(&stage, true).await?;
    }
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_erases_everything_needs_a_new_invitation() -> anyhow::Result<()> {
    let (_folder, stage) = by_invitation("info").await?;
    let (code, mut eve) = (code(&stage, &["--uses", "2"]).await?, stage.person(EVE, "Eve"));
    eve.send(&code).await?;
    eve.wait_text(WELCOME, PATIENCE).await?;
    eve.send("/erase").await?;
    eve.wait_text("Erase everything?", PATIENCE).await?;
    eve.send(english::ERASE_WORD).await?;
    let receipt = eve.wait_text("Erased.", PATIENCE).await?;
    assert!(receipt.text.ends_with(&english::text(&t!("erased-invite"))), "{}", receipt.text);
    // The receipt comes before the very last of it is forgotten.
    until("nothing names her", async || {
        let invite = invites(&stage).await?.remove(0);
        let none = invite["members"].as_array().is_some_and(Vec::is_empty);
        Ok((none && invite["used"].as_u64() == Some(1)).then_some(()))
    })
    .await?;
    eve.send("/start").await?;
    eve.wait_text(&english::text(&t!("refused-invite")), PATIENCE).await?;
    assert!(folders(&stage)?.is_empty());
    eve.send(&code).await?;
    eve.wait_text(WELCOME, PATIENCE).await?;

    // Who is on the list comes back as they were.
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    ana.send(english::ERASE_WORD).await?;
    let receipt = ana.wait_text("Erased.", PATIENCE).await?;
    assert!(!receipt.text.contains("invitation"), "{}", receipt.text);
    ana.send("/start").await?;
    ana.wait_text(WELCOME, PATIENCE).await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_let_nobody_in_unless_the_bot_is_by_invitation() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(StageConfig { access: format!("owner = {OWNER}\n"), ..config(folder.path(), "") }).await?;
    let (code, mut eve) = (code(&stage, &[]).await?, stage.person(EVE, "Eve"));
    eve.send(&format!("/start {code}")).await?;
    eve.wait_text(&english::text(&t!("refused")), PATIENCE).await?;
    let mut owner = stage.person(OWNER, "Owner");
    owner.send("/invite 1").await?;
    owner.wait_text("set access.mode", PATIENCE).await?;
    assert_eq!(invites(&stage).await?[0]["used"].as_u64(), Some(0));
    assert_eq!(folders(&stage)?, [OWNER.to_string()]);
    stage.close().await
}
