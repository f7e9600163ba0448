//! How long does a person wait for the answer to their first update after everything of theirs was closed?
use super::bed::{Bed, PATIENCE};
use super::report::{Better, Figure, percentile};
use super::updates::{burst, count};
use super::{Options, progress};
use anyhow::ensure;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many people there are.
const PEOPLE: u64 = 1_000;
/// After this an unused database is closed.
const IDLE: Duration = Duration::from_secs(1);

/// A fresh start with many known people, all their databases closed again; then each writes once, one after the other.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let people = options.n.unwrap_or(PEOPLE);
    let mut bed = Bed::open(binary, "idle_close = \"1s\"", "").await?;
    bed.start().await?;
    progress(&format!("{people} people become known"));
    burst(&bed, people, people).await?;
    bed.stop().await?;
    let mut starts = Vec::new();
    for _ in 0..3 {
        starts.push(bed.start().await?.as_secs_f64() * 1_000.0);
        bed.stop().await?;
    }
    bed.start().await?;
    let open = closed(&bed).await?;
    progress(&format!("{people} people write, one after the other"));
    bed.telegram.reset().await?;
    let mut waits = Vec::new();
    for n in 0..people {
        let mut person = bed.person(n);
        let began = Instant::now();
        person.send("hello").await?;
        let answer = person.wait_for(|m| m.from_bot, PATIENCE).await?;
        // By the simulator's own clock: from the text being queued to the answer being there.
        let asked = person.transcript().await?.iter().filter(|m| !m.from_bot).map(|m| m.created_us).max();
        let wait = answer.created_us.saturating_sub(asked.unwrap_or(0));
        ensure!(wait > 0 && u128::from(wait) <= began.elapsed().as_micros(), "the clock of the simulator is off");
        waits.push(count(wait) / 1e3);
    }
    waits.sort_by(f64::total_cmp);
    let handles = bed.usage()?.handles;
    bed.stop().await?;
    let name = format!("first update of each of {people}: ");
    Ok(vec![
        Figure::new(format!("{name}p50"), percentile(&waits, 0.5), "ms", Better::Lower),
        Figure::new(format!("{name}p99"), percentile(&waits, 0.99), "ms", Better::Lower).hold(10.0),
        Figure::new(format!("{name}slowest"), percentile(&waits, 1.0), "ms", Better::Lower),
        Figure::new("handles while all are closed", open, "", Better::Lower),
        Figure::new("handles after all have written", handles, "", Better::Lower),
        Figure::middle(format!("start until ready, {people} known people"), &starts, "ms", Better::Lower),
    ])
}

/// Waits until nothing of anybody is open any more; how many handles are left.
async fn closed(bed: &Bed) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut last = bed.usage()?.handles;
    loop {
        tokio::time::sleep(3 * IDLE).await;
        let now = bed.usage()?.handles;
        if now >= last && began.elapsed() > 3 * IDLE {
            return Ok(now);
        }
        last = now;
    }
}
