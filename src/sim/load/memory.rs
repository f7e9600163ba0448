//! How much memory and how many handles does a linked, connected, idle person cost?
use super::bed::{Bed, FIRST_NUMBER};
use super::report::{Better, Figure};
use super::{Options, progress};
use anyhow::ensure;
use futures_util::StreamExt;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many people, by default.
const PEOPLE: [u64; 3] = [1, 100, 1_000];
/// How many contacts have written to each person whose session is filled.
const CONTACTS: u64 = 200;
/// The first contact's number.
const FIRST_CONTACT: u64 = 628_990_000_001;
/// How many link at once: more only wait for each other on two cores.
const AT_ONCE: usize = 6;
/// Between two looks at whether the daemon has settled.
const APART: Duration = Duration::from_secs(3);

/// Links ever more people, and looks at a freshly started daemon each time; then lets contacts write, and looks again.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let mut sizes: Vec<u64> = PEOPLE.into_iter().filter(|&n| options.n.is_none_or(|most| n < most)).collect();
    sizes.extend(options.n);
    let mut bed = Bed::open(binary, "idle_close = \"1s\"", "reconnect_stagger = \"1ms\"").await?;
    bed.phones(FIRST_NUMBER, sizes.last().copied().unwrap_or(1)).await?;
    let mut figures = Vec::new();
    bed.start().await?;
    let empty = bed.settled(APART).await?.resident_kib;
    figures.push(Figure::new("nobody: resident", empty / 1024.0, "MiB", Better::Lower));
    let (mut linked, mut last) = (0, (0.0, empty));
    for n in sizes {
        progress(&format!("linking {} more", n - linked));
        link(&bed, linked, n).await?;
        linked = n;
        let (resident, mut found) = look(&mut bed, n, "empty sessions").await?;
        if n >= 1_000 {
            found.push(per_user("empty sessions", n, resident).hold(600.0));
        }
        if n > 1 {
            let more = (resident - last.1) / (count(n) - last.0);
            found.push(Figure::new(format!("each of {n} beyond the first: resident"), more, "KiB", Better::Lower));
        }
        last = (count(n), resident);
        figures.extend(found);
    }
    if !options.no_fill {
        fill(&bed, linked).await?;
        let (resident, found) = look(&mut bed, linked, "200 contacts, no groups").await?;
        figures.extend(found);
        let figure = per_user("200 contacts, no groups", linked, resident);
        figures.push(if linked >= 1_000 { figure.hold(1_024.0) } else { figure });
    }
    bed.stop().await?;
    Ok(figures)
}

/// The whole process, shared among its people: so the fixed part counts too.
fn per_user(what: &str, n: u64, resident: f64) -> Figure {
    Figure::new(format!("{n} people, {what}: resident each"), resident / count(n), "KiB", Better::Lower)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(n: u64) -> f64 {
    n as f64
}

pub(super) async fn link(bed: &Bed, from: u64, to: u64) -> anyhow::Result<()> {
    let mut linking = futures_util::stream::iter(from..to).map(|n| bed.link(n)).buffer_unordered(AT_ONCE);
    while let Some(done) = linking.next().await {
        done?;
    }
    Ok(())
}

/// A fresh start with these people, connected and settled.
async fn look(bed: &mut Bed, n: u64, what: &str) -> anyhow::Result<(f64, Vec<Figure>)> {
    bed.stop().await?;
    let ready = bed.start().await?;
    let connected = bed.connected(n).await?;
    let usage = bed.settled(APART).await?;
    let before = usage.cpu;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = (bed.usage()?.cpu - before).as_secs_f64() * 1_000.0 / 5.0;
    let figure =
        |name: &str, value, unit| Figure::new(format!("{n} people, {what}: {name}"), value, unit, Better::Lower);
    let figures = vec![
        figure("resident", usage.resident_kib / 1024.0, "MiB"),
        figure("handles each", usage.handles / count(n), ""),
        figure("threads", usage.threads, ""),
        figure("start until ready", ready.as_secs_f64() * 1_000.0, "ms"),
        figure("ready until all connected", connected.as_secs_f64() * 1_000.0, "ms"),
        figure("processor time while idle, per second", idle, "ms"),
    ];
    Ok((usage.resident_kib, figures))
}

/// Lets every contact write to everybody once.
async fn fill(bed: &Bed, people: u64) -> anyhow::Result<()> {
    bed.phones(FIRST_CONTACT, CONTACTS).await?;
    let before = bed.telegram.stats().await?.bot_messages;
    let began = Instant::now();
    for contact in 0..CONTACTS {
        if contact % 20 == 0 {
            progress(&format!("contact {contact} of {CONTACTS} writes to {people} people"));
        }
        let from = (FIRST_CONTACT + contact).to_string();
        let texts = futures_util::stream::iter(0..people).map(|n| {
            let text = json!({ "from": from, "to": (FIRST_NUMBER + n).to_string(), "text": "Good morning!" });
            bed.whatsapp("POST", "send", Some(text))
        });
        let mut writing = texts.buffer_unordered(AT_ONCE);
        while let Some(written) = writing.next().await {
            written?;
        }
    }
    let expected = before + CONTACTS * people;
    loop {
        let came = bed.telegram.stats().await?.bot_messages;
        if came >= expected {
            progress(&format!("filled in {:.0} s", began.elapsed().as_secs_f64()));
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(1_200), "{came} of {expected} messages came");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
