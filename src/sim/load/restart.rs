//! How long does a start take with many known people, and until their numbers are connected?
use super::bed::{Bed, FIRST_NUMBER};
use super::memory::link;
use super::report::{Better, Figure};
use super::updates::{burst, count};
use super::{Options, progress};
use std::path::Path;

/// How many people are known.
const PEOPLE: u64 = 10_000;
/// One in so many has a linked number.
const LINKED: u64 = 10;
/// Starts; the middle one counts.
const ROUNDS: usize = 3;

/// Everybody has written once, so has a vault and a session file; some have linked a number. Then stop and start, again and
/// again.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let people = options.n.unwrap_or(PEOPLE);
    let linked = people.div_ceil(LINKED);
    let sizes = "idle_close = \"1s\"";
    let mut bed = Bed::open(binary, sizes, "reconnect_stagger = \"1ms\"").await?;
    bed.phones(FIRST_NUMBER, linked).await?;
    bed.start().await?;
    progress(&format!("{linked} of {people} people link a number"));
    link(&bed, 0, linked).await?;
    progress(&format!("{people} people write once"));
    burst(&bed, people, people).await?;
    let (mut ready, mut connected, mut stops, mut costs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        progress(&format!("stop and start, round {}", round + 1));
        let began = std::time::Instant::now();
        bed.stop().await?;
        stops.push(began.elapsed().as_secs_f64() * 1_000.0);
        let start = bed.start().await?;
        costs.push(bed.usage()?.cpu.as_secs_f64() * 1_000.0);
        let rest = bed.connected(linked).await?;
        ready.push(start.as_secs_f64() * 1_000.0);
        connected.push((start + rest).as_secs_f64() * 1_000.0);
    }
    let usage = bed.usage()?;
    bed.stop().await?;
    let name = |what: &str| format!("{people} known people and session files: {what}");
    let ready = Figure::middle(name("start until ready"), &ready, "ms", Better::Lower);
    Ok(vec![
        if people >= PEOPLE { ready.hold(2_000.0) } else { ready },
        Figure::middle(name("processor time until ready"), &costs, "ms", Better::Lower),
        Figure::middle(name(&format!("start until {linked} numbers are connected")), &connected, "ms", Better::Lower),
        Figure::middle(name("orderly stop"), &stops, "ms", Better::Lower),
        Figure::new(name("resident each"), usage.resident_kib * 1_024.0 / count(people), "bytes", Better::Lower),
    ])
}
