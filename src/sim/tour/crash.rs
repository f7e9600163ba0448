//! The crash: the daemon is killed in mid-conversation, with messages in flight both ways, and comes back.
use super::cast::{ANA, CITRA, Person};
use super::checks::Check;
use super::show::Show;
use crate::sim::english;
use crate::sim::stage::{PATIENCE, Stage};
use crate::sim::telegram::client::SimUser;
use crate::sim::telegram::wire::SimMessage;
use crate::sim::whatsapp::{Received, WhatsAppSim};
use anyhow::ensure;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// What every message of this act has in common.
pub const COMMON: &str = "order number";
/// How many messages are written each way before the kill, and again while the daemon is dead.
const BEFORE: usize = 12;
const WHILE_DEAD: usize = 4;
const ALL: usize = BEFORE + WHILE_DEAD;
/// How long a reply of unknown fate is left to settle by itself before Ana decides.
const SETTLES: Duration = Duration::from_secs(3);

fn inward(n: usize) -> String {
    format!("{COMMON} {n} please")
}

fn outward(n: usize) -> String {
    format!("{COMMON} {n} is ready")
}

/// Kills the daemon while both sides write, starts it again, and counts.
pub async fn killed_in_conversation(
    show: &Show,
    stage: &mut Stage,
    ana: &mut Person<'_>,
    answered: &SimMessage,
) -> anyhow::Result<()> {
    show.section("The daemon is killed in mid-conversation");
    let whatsapp = stage.whatsapp.clone();
    let before = whatsapp.inbox(CITRA.number, 0, Duration::ZERO).await?.last().map_or(0, |m| m.seq);
    show.phone(CITRA.name, &format!("“{}” … “{}”, as fast as she can", inward(1), inward(BEFORE)));
    show.person(ANA.name, &format!("(reply) “{}” … “{}”, at the same time", outward(1), outward(BEFORE)));
    let mut asked = Vec::new();
    let killed = async {
        let mut writer = ana.user.clone();
        let (wrote_in, wrote_out, killed) = tokio::join!(
            write_in(&whatsapp, 1..=BEFORE),
            write_out(&mut writer, answered.message_id, 1..=BEFORE, &mut asked),
            async {
                // The moment at which the first reply has come through: others are under way.
                whatsapp.inbox(CITRA.number, before, PATIENCE).await?;
                stage.kill().await
            }
        );
        wrote_in.and(wrote_out).and(killed)
    };
    show.check(Check::Killed, Box::pin(killed)).await?;
    let (got_in, got_out) = (shown(&ana.user).await?, received(&whatsapp, before).await?);
    show.aside(&format!(
        "dead: {} of {BEFORE} messages are in the chat, {} of {BEFORE} replies have reached Citra",
        distinct(&got_in, inward),
        got_out.len()
    ));
    write_in(&whatsapp, BEFORE + 1..=ALL).await?;
    write_out(&mut ana.user.clone(), answered.message_id, BEFORE + 1..=ALL, &mut asked).await?;
    show.aside(&format!("meanwhile both write on: {WHILE_DEAD} more each"));

    show.check(Check::Restart, stage.start()).await?;
    let (lost_in, lost_out) = tokio::join!(
        show.check(Check::LostIn, all_in(show, &ana.user)),
        show.check(Check::LostOut, all_out(show, ana, &whatsapp, before))
    );
    lost_in.and(lost_out)?;
    show.check(Check::Told, all_told(show, ana, &asked)).await?;
    show.check(Check::DoubledOut, async {
        let got = received(&whatsapp, before).await?;
        // What Ana sent again carries the same id: a phone shows one message for one id, however often it comes.
        let ids: HashSet<&str> = got.iter().map(|m| m.id.as_str()).collect();
        ensure!(ids.len() == ALL, "{} replies for {ALL}", ids.len());
        if got.len() > ALL {
            show.aside(&format!("{} came again under its own id, and is shown once", got.len() - ALL));
        }
        Ok(())
    })
    .await
}

async fn write_in(whatsapp: &WhatsAppSim, numbers: std::ops::RangeInclusive<usize>) -> anyhow::Result<()> {
    for n in numbers {
        whatsapp.send(CITRA.number, ANA.number, &inward(n)).await?;
    }
    Ok(())
}

async fn write_out(
    ana: &mut SimUser,
    to: i64,
    numbers: std::ops::RangeInclusive<usize>,
    asked: &mut Vec<i64>,
) -> anyhow::Result<()> {
    for n in numbers {
        asked.extend(ana.reply(to, &outward(n)).await?.message_id);
    }
    Ok(())
}

/// What the bot has shown in the chat.
async fn shown(ana: &SimUser) -> anyhow::Result<Vec<String>> {
    let all = ana.transcript().await?;
    Ok(all.into_iter().filter(|m| m.from_bot && !m.deleted).map(|m| m.text).collect())
}

async fn received(whatsapp: &WhatsAppSim, after: u64) -> anyhow::Result<Vec<Received>> {
    Ok(whatsapp.inbox(CITRA.number, after, Duration::ZERO).await?)
}

/// How many of the messages are among these texts.
fn distinct(texts: &[String], message: fn(usize) -> String) -> usize {
    (1..=ALL).filter(|n| texts.iter().any(|text| text.contains(&message(*n)))).count()
}

async fn all_in(show: &Show, ana: &SimUser) -> anyhow::Result<()> {
    let texts = until(|| async {
        let texts = shown(ana).await?;
        Ok((distinct(&texts, inward) == ALL).then_some(texts))
    })
    .await?;
    let forwarded = texts.iter().filter(|text| text.contains(COMMON)).count();
    let repeats = texts.iter().filter(|text| text.contains("possibly a repeat")).count();
    show.aside(&format!("all {ALL} are in the chat; {} twice, {repeats} marked as possibly a repeat", forwarded - ALL));
    Ok(())
}

/// Waits for every reply.
async fn all_out(show: &Show, ana: &Person<'_>, whatsapp: &WhatsAppSim, after: u64) -> anyhow::Result<()> {
    let mut doubts = Doubts::new(show, ana);
    loop {
        let got: HashSet<String> = received(whatsapp, after).await?.into_iter().map(|m| m.text).collect();
        if (1..=ALL).all(|n| got.contains(&outward(n))) {
            return Ok(());
        }
        ensure!(doubts.since.elapsed() < PATIENCE, "only {} of {ALL} replies have come", got.len());
        doubts.settle().await?;
    }
}

/// Waits until each reply's outcome is a fact. It may be less than the truth: a receipt that the daemon had taken from
/// WhatsApp but not yet written down when it was killed does not come again.
async fn all_told(show: &Show, ana: &Person<'_>, asked: &[i64]) -> anyhow::Result<()> {
    ensure!(asked.len() == ALL, "{} replies were written", asked.len());
    let mut doubts = Doubts::new(show, ana);
    loop {
        let chat = ana.user.transcript().await?;
        let told = |id: i64| chat.iter().rfind(|m| m.reply_to == Some(id) && !m.deleted).map_or("nothing", |m| &m.text);
        let other: Vec<&str> = asked.iter().map(|id| told(*id)).filter(|text| !text.starts_with('✓')).collect();
        if other.is_empty() {
            return Ok(());
        }
        ensure!(doubts.since.elapsed() < PATIENCE, "{} replies are shown otherwise: {other:?}", other.len());
        doubts.settle().await?;
    }
}

/// Replies whose fate is unknown after the crash. Those that do not settle by themselves are Ana's to decide: she sends
/// them again, under the same id.
struct Doubts<'a> {
    show: &'a Show,
    user: SimUser,
    since: Instant,
    decided: HashSet<i64>,
}

impl<'a> Doubts<'a> {
    fn new(show: &'a Show, ana: &Person<'_>) -> Self {
        Doubts { show, user: ana.user.clone(), since: Instant::now(), decided: HashSet::new() }
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        if self.since.elapsed() > SETTLES {
            for m in self.user.transcript().await?.iter().filter(|m| m.button(english::RESEND_BUTTON).is_some()) {
                if self.decided.insert(m.message_id) {
                    self.show.bot(ANA.name, m);
                    self.show.person(ANA.name, &format!("[{}]", english::RESEND_BUTTON));
                    self.user.press_label_of(m.message_id, english::RESEND_BUTTON).await?;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }
}

/// Looks again and again until there is something to see.
async fn until<T, F: Future<Output = anyhow::Result<Option<T>>>>(look: impl Fn() -> F) -> anyhow::Result<T> {
    let begin = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        ensure!(begin.elapsed() < PATIENCE, "not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
