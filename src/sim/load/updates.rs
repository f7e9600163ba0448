//! How many updates a second does the daemon take, understand, act on and answer, and how long does one take?
use super::bed::{Bed, FIRST_USER, PATIENCE};
use super::report::{Better, Figure};
use super::{Options, progress};
use crate::sim::telegram::wire::{Bulk, BulkReport, Matching};
use anyhow::ensure;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// Rounds of each kind; the middle one counts.
const ROUNDS: usize = 3;
/// Between two portions of a steady stream.
const PORTION: Duration = Duration::from_millis(10);

/// A stream of updates: a text without a question to answer, to which every person gets one answer.
fn bulk(updates: u64, users: u64, first: i64) -> Bulk {
    Bulk { updates, users, first_user_id: first, text: "hello {n}".into(), matching: Matching::Fifo }
}

/// As fast as it goes, then the same at half the pace; with one person and with many.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let mut bed = Bed::open(binary, "", "").await?;
    bed.start().await?;
    let mut figures = Vec::new();
    for users in [1, options.n.unwrap_or(1_000)] {
        let rate = capacity(&bed, users, options, &mut figures).await?;
        steady(&bed, users, rate / 2.0, options, &mut figures).await?;
    }
    bed.stop().await?;
    Ok(figures)
}

fn who(users: u64) -> String {
    if users == 1 { "1 person".to_owned() } else { format!("{users} people") }
}

/// Everything at once; gives the rate.
async fn capacity(bed: &Bed, users: u64, options: &Options, figures: &mut Vec<Figure>) -> anyhow::Result<f64> {
    // The first word of each makes their vault; that is measured elsewhere.
    burst(bed, users, users).await?;
    let updates = if users == 1 { 10_000 } else { 30_000 } * options.seconds.unwrap_or(10) / 10;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        progress(&format!("{}: {updates} updates at once, round {}", who(users), round + 1));
        let cpu = bed.usage()?.cpu;
        let report = burst(bed, updates, users).await?;
        rates.push(rate(&report));
        costs.push((bed.usage()?.cpu - cpu).as_secs_f64() * 1e6 / count(updates));
    }
    let figure = Figure::middle(format!("{}: rate", who(users)), &rates, "1/s", Better::Higher);
    let middle = figure.value;
    figures.push(if users >= 1_000 { figure.hold(5_000.0) } else { figure });
    figures.push(Figure::middle(format!("{}: daemon's processor time each", who(users)), &costs, "µs", Better::Lower));
    Ok(middle)
}

/// Queues all at once and waits for every answer.
pub(super) async fn burst(bed: &Bed, updates: u64, users: u64) -> anyhow::Result<BulkReport> {
    bed.telegram.reset().await?;
    bed.telegram.bulk(&bulk(updates, users, FIRST_USER)).await?;
    let report = bed.telegram.bulk_report(None, updates, false, 2 * PATIENCE).await?;
    ensure!(report.replied >= updates, "{} of {updates} updates were answered", report.replied);
    Ok(report)
}

/// Answers per second, from the first being queued to the last answer.
pub(super) fn rate(report: &BulkReport) -> f64 {
    count(report.replied) * 1e6 / count((report.last_us - report.first_us).max(1))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(super) fn count(n: u64) -> f64 {
    n as f64
}

async fn steady(bed: &Bed, users: u64, pace: f64, options: &Options, out: &mut Vec<Figure>) -> anyhow::Result<()> {
    let (mut p50, mut p99, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        progress(&format!("{}: {pace:.0} updates a second, round {}", who(users), round + 1));
        bed.telegram.reset().await?;
        let cpu = bed.usage()?.cpu;
        let sent = stream(bed, FIRST_USER, users, pace, Duration::from_secs(options.seconds.unwrap_or(10)) / 2).await?;
        let report = bed.telegram.bulk_report(None, sent, false, PATIENCE).await?;
        ensure!(report.replied >= sent, "{} of {sent} updates were answered", report.replied);
        p50.push(count(report.from_enqueue.p50_us) / 1e3);
        p99.push(count(report.from_enqueue.p99_us) / 1e3);
        costs.push((bed.usage()?.cpu - cpu).as_secs_f64() * 1e6 / count(sent));
    }
    let name = |what: &str| format!("{} at half of that ({pace:.0}/s): {what}", who(users));
    out.push(Figure::middle(name("p50"), &p50, "ms", Better::Lower));
    out.push(Figure::middle(name("p99"), &p99, "ms", Better::Lower));
    out.push(Figure::middle(name("daemon's processor time each"), &costs, "µs", Better::Lower));
    Ok(())
}

/// Updates of these people in turn, at an even pace whatever the answers do; how many there were.
pub(super) async fn stream(bed: &Bed, first: i64, users: u64, pace: f64, long: Duration) -> anyhow::Result<u64> {
    let mut ticks = interval(PORTION);
    // Behind its time it catches up: the pace is what is promised.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < long {
        ticks.tick().await;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of updates")]
        let due = (began.elapsed().as_secs_f64() * pace) as u64;
        // In runs that end where the round of people ends.
        while sent < due {
            let at = sent % users;
            let portion = (due - sent).min(users - at);
            let start = first + i64::try_from(at)?;
            bed.telegram.bulk(&bulk(portion, portion, start)).await?;
            sent += portion;
        }
    }
    Ok(sent)
}
