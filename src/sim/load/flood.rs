//! Do neighbours notice when one person floods?
use super::bed::{Bed, FIRST_USER, PATIENCE};
use super::report::{Better, Figure};
use super::updates::{burst, count, rate, stream};
use super::{Options, progress};
use anyhow::ensure;
use std::path::Path;
use std::time::Duration;

/// How many neighbours there are.
const NEIGHBOURS: u64 = 100;
/// How many updates a second they send together.
const PACE: f64 = 200.0;
/// Rounds; the middle one counts.
const ROUNDS: usize = 3;

/// Neighbours alone, then the same with one person who sends half of what the daemon can take from one.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let long = Duration::from_secs(options.seconds.unwrap_or(10));
    let mut bed = Bed::open(binary, "", "").await?;
    bed.start().await?;
    progress("how much one person may send");
    burst(&bed, NEIGHBOURS, NEIGHBOURS).await?;
    let most = rate(&burst(&bed, 10_000, 1).await?);
    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        progress(&format!("neighbours alone, and beside {:.0} updates a second, round {}", most / 2.0, round + 1));
        quiet.push(neighbours(&bed, 0.0, long).await?);
        flooded.push(neighbours(&bed, most / 2.0, long).await?);
    }
    bed.stop().await?;
    let quiet = Figure::middle("neighbours' p99, quiet", &quiet, "ms", Better::Lower);
    let limit = quiet.value + 20.0;
    let name = format!("neighbours' p99 while one person sends {:.0}/s", most / 2.0);
    let flooded = Figure::middle(name, &flooded, "ms", Better::Lower).hold(limit);
    let more = Figure::new("what the flood adds", flooded.value - quiet.value, "ms", Better::Lower).hold(20.0);
    Ok(vec![quiet, flooded, more])
}

/// The neighbours' p99 from receipt, in milliseconds, beside somebody who sends this much.
async fn neighbours(bed: &Bed, flood: f64, long: Duration) -> anyhow::Result<f64> {
    bed.telegram.reset().await?;
    let first = FIRST_USER + 1;
    let ((), sent) = tokio::try_join!(
        async { if flood > 0.0 { stream(bed, FIRST_USER, 1, flood, long).await.map(drop) } else { Ok(()) } },
        stream(bed, first, NEIGHBOURS, PACE, long),
    )?;
    let range = Some((first, first + i64::try_from(NEIGHBOURS)? - 1));
    let begun = std::time::Instant::now();
    loop {
        let report = bed.telegram.bulk_report(range, 0, false, Duration::ZERO).await?;
        let of_range = report.from_delivery;
        if of_range.count >= sent {
            return Ok(count(of_range.p99_us) / 1e3);
        }
        ensure!(begun.elapsed() < PATIENCE, "{} of {sent} neighbours' updates were answered", of_range.count);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
