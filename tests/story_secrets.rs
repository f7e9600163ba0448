//! What may never be written in clear: not into the log at any level, not into the folders of data and sessions.
#![cfg(feature = "demo")]
mod support;

use anyhow::{Context as _, ensure};
use sekat::sim::english;
use sekat::sim::scan::scan;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig, code_in};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use sekat::sim::whatsapp::Fault;
use sekat::t;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use support::*;

// Names and texts that stand nowhere by accident.
const ANA_NAME: &str = "Anastazjya";
const BUDI_NAME: &str = "Budhiyanto";
const CITRA_NAME: &str = "Zcitradewi";
const DEWI_NAME: &str = "Qdewianti";
/// A number that was only typed, never linked.
const TYPED: &str = "628119876543";
const TEXTS: [&str; 7] = [
    "xylophone-inbound",
    "quixotic-reply",
    "zephyr-second",
    "jabberwock-lost",
    "bandersnatch-refused",
    "frumious-smalltalk",
    "vorpal-long-",
];

/// Everything secret that the scene used, gathered while it was played.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        // Shorter ones would be found by chance.
        assert!(secret.len() >= 5 && secret.is_ascii(), "it could not be looked for");
        self.0.insert(secret);
    }

    /// Data of buttons and their signatures.
    fn buttons(&mut self, messages: &[SimMessage]) {
        for data in messages.iter().flat_map(|m| m.buttons.iter().flatten()).filter_map(|b| b.data.as_ref()) {
            self.add(&data[1..12]);
        }
    }

    /// Those that stand in these bytes, as they are or as UTF-16. All are ASCII, so bytes may be taken for characters.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let wide = |secret: &str| secret.chars().flat_map(|c| [c, '\0']).collect::<String>();
        self.0.iter().filter(|s| text.contains(s.as_str()) || text.contains(&wide(s))).map(String::as_str).collect()
    }
}

fn files(folder: &Path, into: &mut Vec<std::path::PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, into)?;
        }
        into.push(path);
    }
    Ok(())
}

/// The whole scene: linking in both ways, chats, faults, refusals, hostile input, a kill, logging out, erasing.
async fn play(stage: &mut Stage, secrets: &mut Secrets) -> anyhow::Result<()> {
    let (mut ana, mut budi) = (stage.person(ANA, ANA_NAME), stage.person(BUDI, BUDI_NAME));
    for (number, name) in
        [(ANA_NUMBER, ANA_NAME), (BUDI_NUMBER, BUDI_NAME), (CITRA, CITRA_NAME), (DEWI, DEWI_NAME), (TYPED, "Nobody")]
    {
        stage.phone(number, name)?;
    }
    ana.send("/start").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    let picture = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    let payload = scan(&ana.file_of(picture.message_id).await?)?;
    secrets.buttons(&ana.transcript().await?);
    payload.split(',').filter(|part| part.len() > 8).for_each(|part| secrets.add(part));
    secrets.add(&payload);
    stage.whatsapp.scan(&payload, ANA_NUMBER).await?;
    ana.wait_text("is linked and connected", PATIENCE).await?;

    budi.send(&format!("/link +{BUDI_NUMBER}")).await?;
    let code = code_in(&budi.wait_text("Your code:", PATIENCE).await?)?;
    secrets.add(format!("{}-{}", &code[..4], &code[4..]));
    secrets.add(&code);
    stage.whatsapp.enter_code(&code, BUDI_NUMBER).await?;
    budi.wait_text("is linked and connected", PATIENCE).await?;

    chat(stage, &mut ana).await?;
    hostile(stage, &mut ana, &mut budi).await?;
    secrets.buttons(&ana.transcript().await?);
    secrets.buttons(&budi.transcript().await?);

    stage.whatsapp.send(DEWI, BUDI_NUMBER, TEXTS[2]).await?;
    stage.kill().await?;
    stage.start().await?;
    budi.wait_since(0, "the message across the kill", |m| m.text.contains(TEXTS[2]), PATIENCE).await?;
    let long = TEXTS[6].repeat(600);
    stage.whatsapp.send(DEWI, BUDI_NUMBER, &long).await?;
    budi.wait_since(0, "the long message", |m| m.text.contains(TEXTS[6]), PATIENCE).await?;
    settled(&mut budi).await
}

async fn chat(stage: &Stage, ana: &mut SimUser) -> anyhow::Result<()> {
    stage.whatsapp.send(CITRA, ANA_NUMBER, TEXTS[0]).await?;
    let asked = ana.wait_text(TEXTS[0], PATIENCE).await?.message_id;
    ana.reply(asked, TEXTS[1]).await?;
    ana.wait_text("delivered", PATIENCE).await?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::WithholdAcks { deliver: false, times: Some(1) })?;
    ana.reply(asked, TEXTS[3]).await?;
    ana.wait_button(english::RESEND_BUTTON, PATIENCE).await?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::RefuseSends { code: 463, times: Some(1) })?;
    ana.reply(asked, TEXTS[4]).await?;
    ana.wait_text("wa-reachout-locked", PATIENCE).await?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::Replaced)?;
    ana.wait_button(english::RECONNECT_BUTTON, PATIENCE).await?;
    ana.press_label(english::RECONNECT_BUTTON).await?;
    numbers_say(ana, "🟢").await?;
    ana.send(TEXTS[5]).await?;
    ana.wait_text(&english::text(&t!("chat-reply-to-answer")), PATIENCE).await?;
    Ok(())
}

async fn hostile(stage: &Stage, ana: &mut SimUser, budi: &mut SimUser) -> anyhow::Result<()> {
    let button = ana
        .transcript()
        .await?
        .into_iter()
        .rev()
        .find_map(|m| Some((m.message_id, m.buttons.first()?.first()?.data.clone()?)));
    let (message, data) = button.context("a button of Ana's")?;
    budi.press_data(message, &data).await?;
    budi.press_data(message, &format!("{data}1")).await?;
    stage.person(EVE, "Evelyngton").send("/start").await?;
    budi.send(&format!("/link +{TYPED}")).await?;
    budi.wait_text("Your code:", PATIENCE).await?;
    budi.send("/cancel").await?;
    budi.wait_text(&english::text(&t!("cancelled")), PATIENCE).await?;
    budi.send(&format!("/link {TYPED}{TYPED}")).await?;
    budi.wait_text("not a phone number", PATIENCE).await?;
    budi.send("/cancel").await?;
    budi.wait_text(&english::text(&t!("cancelled")), PATIENCE).await?;
    Ok(())
}

fn check_folders(stage: &Stage, secrets: &Secrets) -> anyhow::Result<usize> {
    let mut all = vec![stage.data(), stage.folder().join("sessions")];
    for folder in all.clone() {
        files(&folder, &mut all)?;
    }
    let mut databases = 0;
    for path in &all {
        let meta = std::fs::metadata(path).with_context(|| format!("look at {}", path.display()))?;
        let mode = meta.permissions().mode() & 0o777;
        let expected = if meta.is_dir() { 0o700 } else { 0o600 };
        ensure!(mode == expected, "{} has mode {mode:o}", path.display());
        if !meta.is_file() {
            continue;
        }
        let bytes = std::fs::read(path)?;
        let found = secrets.found_in(&bytes);
        ensure!(found.is_empty(), "{} holds in clear: {found:?}", path.display());
        if path.extension().is_some_and(|e| e == "db") {
            databases += 1;
            ensure!(!bytes.starts_with(b"SQLite format 3"), "{} is not encrypted", path.display());
            ensure!(!bytes.windows(12).any(|w| w == b"CREATE TABLE"), "{} is not encrypted", path.display());
        }
    }
    Ok(databases)
}

/// What an operator is told at the command line.
async fn check_commands(stage: &Stage, secrets: &Secrets) -> anyhow::Result<()> {
    let ana = ANA.to_string();
    for args in [&["status"][..], &["user", "list"], &["user", "show", &ana], &["sessions", "list"]] {
        for json in [false, true] {
            let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sekat-demo"));
            command.arg("--config").arg(stage.config_file()).args(args).args(json.then_some("--json"));
            let told = command.output().await?;
            ensure!(told.stderr.is_empty() && told.stdout.len() > 20, "{}", String::from_utf8_lossy(&told.stderr));
            let found = secrets.found_in(&told.stdout);
            ensure!(found.is_empty(), "sekat {args:?} tells {found:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_in_clear_on_the_disk() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let more = "[whatsapp]\nsend_timeout = \"1s\"\n";
    let config = StageConfig { log_level: "trace", ..config(folder.path(), more) };
    let mut stage = Stage::open(config).await?;
    let mut secrets = Secrets::default();
    let token = std::fs::read_to_string(folder.path().join("token"))?;
    secrets.add(token.trim());
    secrets.add(token.trim().split(':').nth(1).context("a token")?);
    for secret in [ANA_NAME, BUDI_NAME, CITRA_NAME, DEWI_NAME, "Evelyngton", TYPED].into_iter().chain(TEXTS) {
        secrets.add(secret);
    }
    for number in [ANA_NUMBER, BUDI_NUMBER, CITRA, DEWI] {
        secrets.add(number);
    }
    play(&mut stage, &mut secrets).await?;
    assert!(secrets.0.len() > 30, "the scene used {} secrets only", secrets.0.len());

    // While it runs, with logs of databases that are not yet moved; then at rest.
    check_folders(&stage, &secrets)?;
    check_commands(&stage, &secrets).await?;
    stage.stop().await?;
    assert!(check_folders(&stage, &secrets)? >= 7, "spool, claims, directory, two vaults, two key stores");
    let master = std::fs::read(stage.data().join("master.key"))?;
    stage.start().await?;
    let (mut ana, mut budi) = (stage.person(ANA, ANA_NAME), stage.person(BUDI, BUDI_NAME));
    ana.send("/logout").await?;
    ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    ana.press_label(english::LOGOUT_YES_BUTTON).await?;
    ana.wait_text("keys are wiped", PATIENCE).await?;
    budi.send("/erase").await?;
    budi.wait_text("Erase everything?", PATIENCE).await?;
    budi.send(english::ERASE_WORD).await?;
    budi.wait_text("Erased.", PATIENCE).await?;
    stage.stop().await?;
    check_folders(&stage, &secrets)?;
    assert_eq!(folders(&stage)?, [ANA.to_string()]);

    let log = std::fs::read(stage.log())?;
    secrets.add(master.iter().map(|b| format!("{b:02x}")).collect::<String>());
    if let Ok(text) = String::from_utf8(master) {
        secrets.add(text.trim());
    }
    let found = secrets.found_in(&log);
    assert!(found.is_empty(), "the log tells {found:?}");
    let text = String::from_utf8_lossy(&log);
    assert!(!text.contains("@s.whatsapp.net") && !text.contains("@lid"), "the log tells an address of WhatsApp's");
    assert!(text.contains("TRACE") || text.contains("DEBUG"), "the log was as talkative as it can be");
    stage.close().await
}
