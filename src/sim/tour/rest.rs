//! The acts in which nothing happens for a while, and in which the daemon is restarted in the middle of a question.
use super::acts::gone;
use super::cast::{BUDI, BUDI_ID, DEWI, Person};
use super::checks::Check;
use super::show::Show;
use crate::sim::english;
use crate::sim::stage::{PATIENCE, Stage};
use crate::t;
use anyhow::ensure;
use std::path::PathBuf;
use std::time::Duration;

/// How long a conversation lives on the tour; elsewhere it is minutes.
pub const TTL: Duration = Duration::from_secs(6);

fn session_file(stage: &Stage) -> PathBuf {
    stage.folder().join("sessions").join(format!("user_{BUDI_ID}.json"))
}

async fn asked(budi: &mut Person<'_>) -> anyhow::Result<()> {
    budi.says("/link").await?;
    budi.sees(|m| m.button(english::CODE_BUTTON).is_some()).await?;
    budi.presses(english::CODE_BUTTON).await?;
    budi.hears("Send me the number").await.map(drop)
}

/// Budi is asked something and goes away.
pub async fn idle(show: &Show, stage: &Stage, budi: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("Budi is asked for a number and goes away");
    let parked = async {
        asked(budi).await?;
        show.aside(&format!("nothing for {} s (session.ttl on this tour)", TTL.as_secs()));
        budi.hears(&english::text(&t!("parked-link"))).await?;
        gone(&session_file(stage)).await
    };
    show.check(Check::Parked, parked).await?;
    let idle = async {
        let text = "Are you still there?";
        show.phone(DEWI.name, &format!("(to {}'s number) {text}", BUDI.name));
        stage.whatsapp.send(DEWI.number, BUDI.number, text).await?;
        budi.hears(text).await?;
        ensure!(!session_file(stage).exists(), "a message from WhatsApp began a conversation");
        Ok(())
    };
    show.check(Check::Idle, idle).await
}

/// The daemon is stopped in the middle of a question, and started again.
pub async fn resumed(show: &Show, stage: &mut Stage, budi: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("The daemon is restarted in the middle of a question");
    let stopped = async {
        asked(budi).await?;
        stage.stop().await?;
        ensure!(session_file(stage).exists(), "there is no session file");
        show.aside("stopped with SIGTERM; started again");
        stage.start().await
    };
    show.check(Check::Stopped, stopped).await?;
    let resumed = async {
        budi.says("not a number").await?;
        budi.hears("That is not a phone number").await?;
        budi.says("/cancel").await?;
        budi.hears("Cancelled").await?;
        budi.says("/numbers").await?;
        budi.user.wait_for(|m| m.text.contains("🟢"), PATIENCE).await?;
        Ok(())
    };
    show.check(Check::Resumed, resumed).await
}

/// Somebody registers, and the daemon is killed in the middle.
pub async fn registers(show: &Show, stage: &mut Stage, budi: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("Budi registers, and the daemon is killed in the middle");
    let registered = async {
        budi.says("/register").await?;
        budi.hears("What is your telephone number?").await?;
        budi.says("0811-0000-002").await?;
        budi.hears("What are you called?").await?;
        budi.says("Budi Santoso").await?;
        budi.hears("What is your address for mail?").await?;
        stage.kill().await?;
        show.aside("SIGKILL; started again");
        stage.start().await?;
        budi.says("budi@example.com").await?;
        budi.hears("Which city do you live in?").await?;
        budi.says("surabaya").await?;
        budi.hears("Which language do you want to read?").await?;
        budi.presses("English").await?;
        let all = budi.hears("Is this right?").await?;
        ensure!(all.text.contains("+628110000002") && all.text.contains("Surabaya (Asia/Jakarta)"), "{}", all.text);
        budi.presses(english::REGISTER_BUTTON).await?;
        budi.hears("You are registered").await.map(drop)
    };
    show.check(Check::Registered, registered).await
}
