//! Kills the daemon at random moments, many times, while people and contacts write, and counts what was lost or doubled.
//!
//! The stories play it with some dozens of kills, the benchmark with a thousand. It owns the plan and the clock of the
//! killing; who writes is in `traffic`, what may have happened is judged in `history`. Nothing in it helps the daemon: what
//! is counted is what people see in their chats and contacts on their phones.
mod history;
mod mischief;
mod traffic;

use super::stage::{Stage, StageConfig, Updates};
use anyhow::ensure;
use history::History;
use mischief::Mischief;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant};
use traffic::{Cast, Share};

/// What is played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often the daemon is killed.
    pub kills: u32,
    /// How updates come in.
    pub way: Updates,
    /// Commands that people send the bot.
    pub updates: usize,
    /// Messages from contacts to people's numbers.
    pub inbound: usize,
    /// Answers of people to their contacts.
    pub replies: usize,
    /// Milliseconds from the start of a daemon to its kill.
    pub life_ms: RangeInclusive<u64>,
    /// Whether both simulators misbehave besides.
    pub chaos: bool,
    /// Where chance begins: the same seed makes the same choices (the machine's own timing stays its own).
    pub seed: u64,
    /// How long the last daemon may take to set everything right.
    pub patience: Duration,
}

impl Plan {
    /// So many kills, with a few messages of each kind for each of them.
    pub fn new(kills: u32, seed: u64) -> Self {
        let each = kills as usize * 4;
        Plan {
            kills,
            way: Updates::default(),
            updates: each,
            inbound: each,
            replies: each,
            life_ms: 20..=700,
            chaos: false,
            seed,
            patience: Duration::from_secs(25),
        }
    }

    /// About so long everything goes wrong at random, with a kill after each third but the last; about ten messages of each
    /// kind a second.
    pub fn chaos(long: Duration, seed: u64) -> Self {
        let each = usize::try_from(long.as_secs() * 10).unwrap_or(usize::MAX).max(20);
        let moment = u64::try_from(long.as_millis() / 3).unwrap_or(u64::MAX);
        let written = Plan { updates: each, inbound: each, replies: each, ..Plan::new(2, seed) };
        Plan { chaos: true, life_ms: moment..=moment + 500, patience: Duration::from_secs(90), ..written }
    }

    /// How many lives there are in which people write. Where there is more than kills, so that it is seen how a daemon takes that
    /// after a kill as well, the last of them is not ended by one.
    fn lives(&self) -> u32 {
        self.kills + u32::from(self.chaos)
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KillReport {
    /// Where chance began.
    pub seed: u64,
    /// How often the daemon was killed.
    pub kills: u32,
    /// Kills that met a daemon that had not said yet that it is ready.
    pub kills_while_starting: u32,
    /// Commands sent to the bot.
    pub updates: usize,
    /// Messages from contacts.
    pub inbound: usize,
    /// Answers to contacts.
    pub replies: usize,
    /// Of all these, without any trace where they should have led to one.
    pub lost: usize,
    /// The first of these, in words.
    pub missing: Vec<String>,
    /// Seen more than once, and not marked as possibly repeated.
    pub doubled: usize,
    /// Seen more than once, each repeat marked: the row was on its way to Telegram when the daemon was killed.
    pub doubled_in_flight: usize,
    /// The most messages of one person of which something came again: what Telegram's limits hold up comes together, so one
    /// message on its way at a kill may bring several repeats.
    pub doubled_in_flight_of_one: usize,
    /// Messages marked as possible repeats, whether they were or not.
    pub marked: usize,
    /// Answers of unknown fate, which people were asked about.
    pub unknown: usize,
    /// Of these, delivered all the same, or after "Send again"; under the same id.
    pub settled: usize,
    /// Messages in the chat of somebody whom they were not for.
    pub strayed: usize,
    /// How often a simulator misbehaved.
    pub faults: usize,
    /// How many messages Telegram took then without saying so: each may come again, and is marked.
    pub ambiguous: usize,
    /// The whole run, milliseconds.
    pub took_ms: u64,
}

impl KillReport {
    /// Whether everything is as it should be: nothing lost, nothing doubled but what was in flight to Telegram at a kill
    /// (at most one message a person and kill), or taken by it without a word, and is marked so.
    pub fn is_clean(&self) -> bool {
        self.lost == 0
            && self.doubled == 0
            && self.strayed == 0
            && self.settled == self.unknown
            && self.doubled_in_flight_of_one <= self.kills as usize + self.ambiguous
    }
}

/// Kills so many times, from a fresh seed.
///
/// # Errors
/// When a simulator or the daemon fails by itself.
pub async fn run(binary: &Path, kills: u32) -> anyhow::Result<KillReport> {
    play(binary, &Plan::new(kills, rand::random())).await
}

/// Plays a plan. The folder of the daemon is temporary.
///
/// # Errors
/// When a simulator or the daemon fails by itself: a daemon that ends without having been killed is an error, not a figure.
pub async fn play(binary: &Path, plan: &Plan) -> anyhow::Result<KillReport> {
    let mut folder = tempfile::Builder::new().prefix("sekat-kill-").tempdir()?;
    let done = play_in(binary, plan, folder.path()).await;
    // Kept for a look when something went wrong.
    folder.disable_cleanup(!done.as_ref().is_ok_and(KillReport::is_clean));
    done
}

async fn play_in(binary: &Path, plan: &Plan, folder: &Path) -> anyhow::Result<KillReport> {
    ensure!(plan.kills > 0, "kill at least once");
    let begin = Instant::now();
    let mut config = StageConfig::new(binary, folder, &Cast::ids());
    config.updates = plan.way;
    // What is not sent within this is of unknown fate; no link is that slow here.
    config.more = "[whatsapp]\nsend_timeout = \"10s\"\nreconnect_stagger = \"1ms\"\n".to_owned();
    let mut stage = Stage::open(config).await?;
    let mut cast = Cast::gather(&stage).await?;
    let mut chance = StdRng::seed_from_u64(plan.seed);
    let mut report = KillReport {
        seed: plan.seed,
        kills: plan.kills,
        updates: plan.updates,
        inbound: plan.inbound,
        replies: plan.replies,
        ..KillReport::default()
    };
    let mut mischief = plan.chaos.then(|| Mischief::new(&stage, cast.linked(&stage), plan.seed));
    let total = Share { updates: plan.updates, inbound: plan.inbound, replies: plan.replies };
    for life in 0..plan.lives() {
        let moment = Duration::from_millis(chance.random_range(plan.life_ms.clone()));
        // Those who write do not stop when the daemon dies; some of it finds it dead.
        let writing = moment + Duration::from_millis(50);
        let breaking = async {
            match &mut mischief {
                Some(mischief) => mischief.play(writing).await,
                None => Ok(()),
            }
        };
        let share = total.part(life, plan.lives());
        let seed = chance.random();
        let whatsapp = stage.whatsapp.clone();
        let living = async {
            let was_ready = live(&mut stage, life > 0, moment).await?;
            if life < plan.kills {
                stage.kill().await?;
                report.kills_while_starting += u32::from(!was_ready);
            }
            anyhow::Ok(())
        };
        let (written, broken, lived) = tokio::join!(cast.write(&whatsapp, share, writing, seed), breaking, living);
        written.and(broken).and(lived)?;
    }
    if plan.lives() == plan.kills {
        stage.start().await?;
    }
    if let Some(mut mischief) = mischief {
        mischief.end().await?;
        (report.faults, report.ambiguous) = (mischief.done, mischief.ambiguous);
    }
    settle(&stage, &mut cast, plan, &mut report).await?;
    stage.close().await?;
    report.took_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// One life: started (but for the first, which runs already), until its moment has come. Whether it was ready by then.
async fn live(stage: &mut Stage, start: bool, moment: Duration) -> anyhow::Result<bool> {
    if start {
        stage.launch()?;
    }
    let ready = match tokio::time::timeout(moment, stage.ready()).await {
        Ok(ready) => {
            ready?;
            true
        }
        Err(_) => false,
    };
    if ready {
        // `moment` counts from the start of the process; a daemon that is ready lives on for the same time again.
        tokio::time::sleep(moment).await;
    }
    Ok(ready)
}

/// Lets the last daemon set things right, presses "Send again" under everything of unknown fate, and judges.
async fn settle(stage: &Stage, cast: &mut Cast, plan: &Plan, report: &mut KillReport) -> anyhow::Result<()> {
    let mut until = Instant::now() + plan.patience;
    let mut history = History::read(stage, cast, plan.chaos).await?;
    while !history.is_complete() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(300)).await;
        history = History::read(stage, cast, plan.chaos).await?;
    }
    let unknown = history.unknown();
    report.unknown = unknown.len();
    cast.send_again(&unknown).await?;
    until += plan.patience;
    while !(history.is_complete() && history.is_settled(&unknown)) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(300)).await;
        history = History::read(stage, cast, plan.chaos).await?;
    }
    report.settled = unknown.iter().filter(|asked| history.arrived(asked)).count();
    history.judge(report);
    report.missing = history.missing(20);
    Ok(())
}
