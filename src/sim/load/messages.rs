//! How many messages a second come from WhatsApp into chats and go from chats to WhatsApp, how long one takes, and is each
//! there once?
use super::bed::{Bed, FIRST_NUMBER, FIRST_USER, PATIENCE};
use super::memory::link;
use super::report::{Better, Figure, percentile};
use super::updates::count;
use super::{Options, progress};
use anyhow::{Context as _, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many numbers, by default.
const NUMBERS: u64 = 50;
/// Who writes to them: each to its share.
const CONTACTS: u64 = 50;
/// The first contact's number.
const FIRST_CONTACT: u64 = 628_990_000_001;
/// Messages of one round, each way.
const MESSAGES: u64 = 6_000;
/// Rounds; the middle one counts.
const ROUNDS: usize = 3;
/// How many requests to a simulator are under way at once.
const AT_ONCE: usize = 32;
/// How long a watcher waits for what is new before it asks again.
const WATCH: Duration = Duration::from_secs(2);
/// Between two portions of a steady stream.
const PORTION: Duration = Duration::from_millis(10);

/// What arrived where, and when it did for the first time.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<HashMap<String, (Instant, u64)>>>);

impl Arrived {
    fn all(&self) -> MutexGuard<'_, HashMap<String, (Instant, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each word of a text that is one of ours: several messages may come in one, where many wait.
    fn note(&self, text: &str) {
        let now = Instant::now();
        for word in text.split_whitespace().filter(|word| word.starts_with("load-")) {
            self.all().entry(word.to_owned()).or_insert((now, 0)).1 += 1;
        }
    }

    /// Waits until so many are there, and then a little for what comes twice.
    async fn wait(&self, expected: u64) -> anyhow::Result<Instant> {
        let until = Instant::now() + 3 * PATIENCE;
        while (self.all().len() as u64) < expected {
            ensure!(Instant::now() < until, "{} of {expected} messages came", self.all().len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let last = self.all().values().map(|(at, _)| *at).max().context("nothing came")?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(last)
    }

    fn doubled(&self) -> u64 {
        self.all().values().map(|(_, times)| times - 1).sum()
    }
}

/// The people, their contacts, and what is seen of both.
struct Scene {
    bed: Bed,
    numbers: u64,
    /// For each person a message in their chat that can be answered.
    asked: Vec<i64>,
    chats: Arrived,
    phones: Arrived,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::In => "WhatsApp to chat",
            Way::Out => "chat to WhatsApp",
        }
    }
}

/// Links the numbers, then lets contacts write to them and their people answer: as fast as it goes, then at half of that.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let numbers = options.n.unwrap_or(NUMBERS);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let mut scene = open(binary, numbers, &stop, &tasks).await?;
    let mut figures = Vec::new();
    let mut sent = [0; 2];
    for way in [Way::In, Way::Out] {
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            progress(&format!("{}: {MESSAGES} messages at once, round {}", way.name(), round + 1));
            let cpu = scene.bed.usage()?.cpu;
            let began = Instant::now();
            scene.burst(way, sent[way as usize]).await?;
            sent[way as usize] += MESSAGES;
            let last = scene.seen(way).wait(sent[way as usize]).await?;
            rates.push(count(MESSAGES) / (last - began).as_secs_f64());
            costs.push((scene.bed.usage()?.cpu - cpu).as_secs_f64() * 1e6 / count(MESSAGES));
        }
        let target = if way == Way::In { 1_500.0 } else { 1_000.0 };
        let name = |what: &str| format!("{numbers} numbers, {}: {what}", way.name());
        let rate = Figure::middle(name("rate"), &rates, "1/s", Better::Higher);
        let pace = rate.value / 2.0;
        figures.push(if numbers == NUMBERS { rate.hold(target) } else { rate });
        figures.push(Figure::middle(name("daemon's processor time each"), &costs, "µs", Better::Lower));
        let long = Duration::from_secs(options.seconds.unwrap_or(10));
        let (streamed, waits) = scene.steady(way, sent[way as usize], pace, long).await?;
        sent[way as usize] += streamed;
        figures.push(Figure::new(name("p50 at half of that"), percentile(&waits, 0.5), "ms", Better::Lower));
        figures.push(Figure::new(name("p99 at half of that"), percentile(&waits, 0.99), "ms", Better::Lower));
        let doubled = count(scene.seen(way).doubled());
        let lost = count(sent[way as usize].saturating_sub(scene.seen(way).all().len() as u64));
        figures.push(Figure::new(name("of all: lost"), lost, "", Better::Lower).hold(0.0));
        figures.push(Figure::new(name("of all: doubled"), doubled, "", Better::Lower).hold(0.0));
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    scene.bed.stop().await?;
    Ok(figures)
}

async fn open(binary: &Path, numbers: u64, stop: &CancellationToken, tasks: &TaskTracker) -> anyhow::Result<Scene> {
    let mut bed = Bed::open(binary, "", "").await?;
    bed.phones(FIRST_NUMBER, numbers).await?;
    bed.phones(FIRST_CONTACT, CONTACTS).await?;
    bed.start().await?;
    progress(&format!("{numbers} people link"));
    link(&bed, 0, numbers).await?;
    let mut scene = Scene { bed, numbers, asked: Vec::new(), chats: Arrived::default(), phones: Arrived::default() };
    progress("a first message to each");
    for n in 0..numbers {
        scene.write(n, "Good morning!").await?;
        let person = scene.bed.person(n);
        scene.asked.push(person.wait_text("Good morning!", PATIENCE).await?.message_id);
    }
    for n in 0..numbers {
        let (telegram, chats, stop) = (scene.bed.telegram.clone(), scene.chats.clone(), stop.clone());
        let chat = FIRST_USER + i64::try_from(n)?;
        tasks.spawn(async move {
            let mut after = 0;
            while !stop.is_cancelled() {
                let Ok(new) = telegram.transcript(chat, after, WATCH).await else { continue };
                after = new.cursor;
                new.messages.iter().filter(|m| m.from_bot).for_each(|m| chats.note(&m.text));
            }
        });
    }
    for contact in 0..CONTACTS {
        let (control, phones, stop) = (scene.bed.control(), scene.phones.clone(), stop.clone());
        tasks.spawn(async move {
            let mut after = 0;
            while !stop.is_cancelled() {
                let path = format!("inbox/{}?after={after}&wait={}", FIRST_CONTACT + contact, WATCH.as_millis());
                let Ok(new) = control.ask("GET", &path, None).await else { continue };
                for message in new.as_array().into_iter().flatten() {
                    after = after.max(message["seq"].as_u64().unwrap_or(0));
                    phones.note(message["text"].as_str().unwrap_or_default());
                }
            }
        });
    }
    Ok(scene)
}

impl Scene {
    fn seen(&self, way: Way) -> &Arrived {
        match way {
            Way::In => &self.chats,
            Way::Out => &self.phones,
        }
    }

    /// The contact of the `n`th person writes.
    async fn write(&self, n: u64, text: &str) -> anyhow::Result<()> {
        let from = (FIRST_CONTACT + n % CONTACTS).to_string();
        let message = json!({ "from": from, "to": (FIRST_NUMBER + n).to_string(), "text": text });
        self.bed.whatsapp("POST", "send", Some(message)).await.map(drop)
    }

    /// One message of this number goes this way.
    async fn one(&self, way: Way, id: u64) -> anyhow::Result<()> {
        let n = id % self.numbers;
        let text = format!("load-{id}");
        match way {
            Way::In => self.write(n, &text).await,
            Way::Out => {
                let asked = self.asked[usize::try_from(n)?];
                self.bed.person(n).reply(asked, &text).await?;
                Ok(())
            }
        }
    }

    /// As many messages at once as one round has.
    async fn burst(&self, way: Way, first: u64) -> anyhow::Result<()> {
        let mut sending =
            futures_util::stream::iter(first..first + MESSAGES).map(|id| self.one(way, id)).buffer_unordered(AT_ONCE);
        while let Some(done) = sending.next().await {
            done?;
        }
        Ok(())
    }

    /// Messages at an even pace, whatever becomes of them; how many, and how long each took in milliseconds, sorted.
    async fn steady(&self, way: Way, first: u64, pace: f64, long: Duration) -> anyhow::Result<(u64, Vec<f64>)> {
        progress(&format!("{}: {pace:.0} messages a second", way.name()));
        let mut ticks = interval(PORTION);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (began, mut sent) = (Instant::now(), Vec::new());
        let mut sending = FuturesUnordered::new();
        while began.elapsed() < long {
            tokio::select! {
                _ = ticks.tick() => {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of messages")]
                    let due = (began.elapsed().as_secs_f64() * pace) as usize;
                    while sent.len() < due {
                        let id = first + sent.len() as u64;
                        sent.push(Instant::now());
                        sending.push(self.one(way, id));
                    }
                }
                Some(done) = sending.next(), if !sending.is_empty() => done?,
            }
        }
        while let Some(done) = sending.next().await {
            done?;
        }
        self.seen(way).wait(first + sent.len() as u64).await?;
        let arrived = self.seen(way).all();
        let took = |(n, at): (usize, &Instant)| {
            let (came, _) = arrived.get(&format!("load-{}", first + n as u64))?;
            Some(came.saturating_duration_since(*at).as_secs_f64() * 1_000.0)
        };
        let mut waits: Vec<f64> = sent.iter().enumerate().filter_map(took).collect();
        waits.sort_by(f64::total_cmp);
        Ok((sent.len() as u64, waits))
    }
}
