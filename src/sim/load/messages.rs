//! How many messages a second come from WhatsApp into chats and go from chats to WhatsApp, how long one takes, and is each
//! there once?
use super::report::{Better, Figure, percentile};
use super::scene::{Scene, Way};
use super::updates::count;
use super::{Options, progress};
use std::path::Path;
use std::time::Duration;

/// How many numbers the rates are to be held with.
const HELD: u64 = 50;
/// How many numbers, by default: one size after the other.
const NUMBERS: [u64; 2] = [HELD, 1_000];
/// Messages of one round, each way.
const MESSAGES: u64 = 6_000;
/// Between two looks at whether the daemon has settled.
const APART: Duration = Duration::from_millis(500);
/// Rounds; the middle one counts.
const ROUNDS: usize = 3;

/// With 50 numbers, then with 1,000 (or with `--n` of them alone).
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for numbers in options.n.map_or_else(|| NUMBERS.to_vec(), |n| vec![n]) {
        figures.extend(size(binary, numbers, options).await?);
    }
    Ok(figures)
}

/// Links the numbers, then lets contacts write to them and their people answer: as fast as it goes, then at half of that.
async fn size(binary: &Path, numbers: u64, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let mut scene = Scene::open(binary, numbers, 1, "", "").await?;
    let mut figures = Vec::new();
    for way in [Way::In, Way::Out] {
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            progress(&format!("{}: {MESSAGES} messages at once, round {}", way.name(), round + 1));
            let cpu = scene.bed.usage()?.cpu;
            let took = scene.burst(way, MESSAGES).await?;
            rates.push(count(MESSAGES) / took.as_secs_f64());
            costs.push((scene.bed.usage()?.cpu - cpu).as_secs_f64() * 1e6 / count(MESSAGES));
        }
        let target = if way == Way::In { 1_500.0 } else { 1_000.0 };
        let name = |what: &str| format!("{numbers} numbers, {}: {what}", way.name());
        let rate = Figure::middle(name("rate"), &rates, "1/s", Better::Higher);
        let pace = rate.value / 2.0;
        figures.push(if numbers == HELD { rate.hold(target) } else { rate });
        figures.push(Figure::middle(name("daemon's processor time each"), &costs, "µs", Better::Lower));
        let long = Duration::from_secs(options.seconds.unwrap_or(10));
        // What became of the last of them is still being told.
        scene.bed.settled(APART).await?;
        progress(&format!("{}: {pace:.0} messages a second", way.name()));
        let waits = scene.steady(way, pace, long).await?;
        figures.push(Figure::new(name("p50 at half of that"), percentile(&waits, 0.5), "ms", Better::Lower));
        figures.push(Figure::new(name("p99 at half of that"), percentile(&waits, 0.99), "ms", Better::Lower));
        let (lost, doubled) = (count(scene.lost(way)), count(scene.doubled(way)));
        figures.push(Figure::new(name("of all: lost"), lost, "", Better::Lower).hold(0.0));
        figures.push(Figure::new(name("of all: doubled"), doubled, "", Better::Lower).hold(0.0));
    }
    scene.close().await?;
    Ok(figures)
}
