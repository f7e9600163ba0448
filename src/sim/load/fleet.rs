//! A thousand numbers of five hundred people in one process: what each costs, and does it grow while they chat?
use super::report::{Better, Figure, percentile};
use super::scene::{Scene, Way};
use super::updates::count;
use super::{Options, progress};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many numbers, by default.
const NUMBERS: u64 = 1_000;
/// How many of them one person has.
const EACH: u64 = 2;
/// How long they chat, by default.
const CHATTER: Duration = Duration::from_secs(600);
/// Messages a second, each way in turn: three times the old ambition of 1,000 a minute, at which each number has one in 20 s.
const PACE: f64 = 50.0;
/// How long one way has its turn.
const TURN: Duration = Duration::from_secs(10);
/// Between two looks at whether the daemon has settled; longer than idle databases stay open.
const APART: Duration = Duration::from_secs(10);
/// For so long it is only warming up: a part of the whole time.
const WARM_UP: u32 = 5;

/// Links them, starts afresh, looks at what they cost, and lets them chat.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let numbers = options.n.unwrap_or(NUMBERS) / EACH * EACH;
    let chatter = options.seconds.map_or(CHATTER, Duration::from_secs);
    let mut scene = Scene::open(binary, numbers, EACH, "idle_close = \"5s\"", "reconnect_stagger = \"1ms\"").await?;
    scene.bed.stop().await?;
    let ready = scene.bed.start().await?;
    let connected = scene.bed.connected(numbers).await?;
    let idle = scene.bed.settled(APART).await?;
    let cpu = scene.bed.usage()?.cpu;
    tokio::time::sleep(TURN).await;
    let idle_cpu = (scene.bed.usage()?.cpu - cpu).as_secs_f64() * 1_000.0 / TURN.as_secs_f64();
    let figure = |name: &str, value, unit| {
        Figure::new(format!("{numbers} numbers of {} people: {name}", numbers / EACH), value, unit, Better::Lower)
    };
    let each = idle.resident_kib / count(numbers);
    let resident = figure("idle: resident a number, the process shared among them", each, "KiB");
    let mut figures = vec![
        figure("start until ready", ready.as_secs_f64() * 1_000.0, "ms"),
        figure("ready until all connected", connected.as_secs_f64(), "s"),
        if numbers >= NUMBERS { resident.hold(600.0) } else { resident },
        figure("idle: handles a number", idle.handles / count(numbers), ""),
        figure("idle: processor time a second", idle_cpu, "ms"),
    ];
    progress(&format!("they chat for {} s", chatter.as_secs()));
    let (mut began, mut resident, mut waits) = (Instant::now(), Vec::new(), [Vec::new(), Vec::new()]);
    let (until, warm) = (began + chatter, began + chatter / WARM_UP);
    let (mut cpu, mut chatted) = (scene.bed.usage()?.cpu, 0);
    while Instant::now() < until || resident.len() < 2 {
        for way in [Way::In, Way::Out] {
            let took = scene.steady(way, PACE, TURN).await?;
            if Instant::now() < warm {
                (began, cpu, chatted) = (Instant::now(), scene.bed.usage()?.cpu, 0);
                continue;
            }
            chatted += took.len() as u64;
            waits[way as usize].extend(took);
            resident.push(scene.bed.usage()?.resident_kib);
        }
    }
    let each = (scene.bed.usage()?.cpu - cpu).as_secs_f64() * 1e6 / count(chatted.max(1));
    let (early, late) = resident.split_at(resident.len() / 2);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    figures.push(figure("chatting: resident a number", middle(late) / count(numbers), "KiB"));
    let growth = (middle(late) - middle(early)) / middle(early) * 100.0;
    figures.push(
        figure(&format!("chatting: growth from the first to the second half of {minutes:.1} min"), growth, "%")
            .hold(2.0),
    );
    figures.push(figure("chatting: daemon's processor time a message", each, "µs"));
    for way in [Way::In, Way::Out] {
        let waits = &mut waits[way as usize];
        waits.sort_by(f64::total_cmp);
        figures.push(figure(&format!("chatting, {}: p50", way.name()), percentile(waits, 0.5), "ms"));
        figures.push(figure(&format!("chatting, {}: p99", way.name()), percentile(waits, 0.99), "ms"));
        figures.push(figure(&format!("chatting, {}: lost", way.name()), count(scene.lost(way)), "").hold(0.0));
        figures.push(figure(&format!("chatting, {}: doubled", way.name()), count(scene.doubled(way)), "").hold(0.0));
    }
    scene.close().await?;
    Ok(figures)
}

fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}
