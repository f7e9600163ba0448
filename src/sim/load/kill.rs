//! What is lost or doubled when the daemon is killed at random moments, and when everything else goes wrong besides?
use super::report::{Better, Figure};
use super::updates::count;
use super::{Options, progress};
use crate::sim::kill::{self, KillReport, Plan};
use std::path::Path;
use std::time::Duration;

/// How often, by default.
const KILLS: u64 = 1_000;
/// How long everything goes wrong, by default, in seconds.
const CHAOS: u64 = 600;

/// Kills so often, through traffic in every direction, and checks what everybody saw against what was sent.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let kills = u32::try_from(options.n.unwrap_or(KILLS))?;
    progress(&format!("{kills} kills"));
    let report = kill::run(binary, kills).await?;
    Ok(figures(&report))
}

/// Lets both simulators misbehave at random, kills twice, and checks the same.
pub async fn chaos(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let long = Duration::from_secs(options.seconds.unwrap_or(CHAOS));
    progress(&format!("{} s in which everything goes wrong", long.as_secs()));
    let report = kill::play(binary, &Plan::chaos(long, rand::random())).await?;
    let mut figures = figures(&report);
    let figure = |name: &str, n: usize| Figure::new(name, count(n as u64), "", Better::Lower);
    figures.push(figure("times that a simulator misbehaved", report.faults));
    figures.push(figure("messages that Telegram took then without saying so", report.ambiguous));
    Ok(figures)
}

fn figures(report: &KillReport) -> Vec<Figure> {
    if !report.is_clean() {
        progress(&format!("not clean; seed {:016x}: {:#?}", report.seed, report.missing));
    }
    let figure = |name: &str, n: usize| Figure::new(name, count(n as u64), "", Better::Lower);
    vec![
        figure("kills", report.kills as usize),
        figure("of these before the daemon was ready", report.kills_while_starting as usize),
        figure("commands, messages and answers", report.updates + report.inbound + report.replies),
        figure("lost", report.lost).hold(0.0),
        figure("doubled, and not marked", report.doubled).hold(0.0),
        figure("in somebody else's chat", report.strayed).hold(0.0),
        figure("doubled and marked: in flight to Telegram at a kill", report.doubled_in_flight),
        figure("of unknown fate, asked about", report.unknown),
        figure("of these left open", report.unknown - report.settled.min(report.unknown)).hold(0.0),
    ]
}
