//! What is lost or doubled when the daemon is killed at random moments?
use super::report::{Better, Figure};
use super::updates::count;
use super::{Options, progress};
use crate::sim::kill;
use std::path::Path;

/// How often, by default.
const KILLS: u64 = 1_000;

/// Kills so often, through traffic in every direction, and checks what everybody saw against what was sent.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let kills = u32::try_from(options.n.unwrap_or(KILLS))?;
    progress(&format!("{kills} kills"));
    let report = kill::run(binary, kills).await?;
    if !report.is_clean() {
        progress(&format!("not clean; seed {:016x}", report.seed));
    }
    let figure = |name: &str, n: usize| Figure::new(name, count(n as u64), "", Better::Lower);
    Ok(vec![
        figure("kills", report.kills as usize),
        figure("of these before the daemon was ready", report.kills_while_starting as usize),
        figure("commands, messages and answers", report.updates + report.inbound + report.replies),
        figure("lost", report.lost).hold(0.0),
        figure("doubled, and not marked", report.doubled).hold(0.0),
        figure("in somebody else's chat", report.strayed).hold(0.0),
        figure("doubled and marked: in flight to Telegram at a kill", report.doubled_in_flight),
        figure("of unknown fate, asked about", report.unknown),
        figure("of these left open", report.unknown - report.settled.min(report.unknown)).hold(0.0),
    ])
}
