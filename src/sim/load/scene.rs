//! People with linked numbers, contacts who write to them, and what is seen of both.
//!
//! Owns what was sent and what arrived. What is measured is for whoever uses it to say.
use super::bed::{Bed, FIRST_NUMBER, FIRST_USER, PATIENCE};
use super::progress;
use crate::sim::telegram::client::SimUser;
use anyhow::{Context as _, ensure};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Who writes: each to their share of the numbers.
const CONTACTS: u64 = 50;
/// The first contact's number.
const FIRST_CONTACT: u64 = 628_990_000_001;
/// How many requests to a simulator are under way at once.
const AT_ONCE: usize = 32;
/// How many people link at once: more only wait for each other on two cores.
const LINK_AT_ONCE: usize = 6;
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

/// The people, their contacts, and what is seen of both. Close it: its watchers go on otherwise.
pub struct Scene {
    /// The processes.
    pub bed: Bed,
    numbers: u64,
    /// How many numbers each person has.
    each: u64,
    /// For each number a message in its person's chat that can be answered.
    asked: Vec<i64>,
    chats: Arrived,
    phones: Arrived,
    /// Messages sent each way.
    sent: [u64; 2],
    stop: CancellationToken,
    watchers: TaskTracker,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From WhatsApp into chats.
    In,
    /// From chats to WhatsApp.
    Out,
}

impl Way {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Way::In => "WhatsApp to chat",
            Way::Out => "chat to WhatsApp",
        }
    }
}

impl Scene {
    /// Links `numbers` numbers, `each` of them to one person; `store` and `whatsapp` are lines of these sections in
    /// `sekat.toml`.
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn open(binary: &Path, numbers: u64, each: u64, store: &str, whatsapp: &str) -> anyhow::Result<Scene> {
        let mut bed = Bed::open(binary, store, whatsapp).await?;
        bed.phones(FIRST_NUMBER, numbers).await?;
        bed.phones(FIRST_CONTACT, CONTACTS).await?;
        bed.start().await?;
        let people = numbers / each;
        progress(&format!("{people} people link {numbers} numbers"));
        let links = futures_util::stream::iter(0..people).map(|n| link(&bed, n, each)).buffer_unordered(LINK_AT_ONCE);
        links.try_for_each(async |()| Ok(())).await?;
        let (chats, phones) = (Arrived::default(), Arrived::default());
        let (stop, watchers) = (CancellationToken::new(), TaskTracker::new());
        let mut scene = Scene { bed, numbers, each, asked: Vec::new(), chats, phones, sent: [0; 2], stop, watchers };
        progress("a first message to each");
        for n in 0..numbers {
            let text = format!("Good morning, number {n}!");
            scene.write(n, &text).await?;
            scene.asked.push(scene.person(n).wait_text(&text, PATIENCE).await?.message_id);
        }
        for n in 0..people {
            scene.watch_chat(FIRST_USER + i64::try_from(n)?);
        }
        for contact in 0..CONTACTS {
            scene.watch_phone(FIRST_CONTACT + contact);
        }
        Ok(scene)
    }

    /// Ends the watchers and the daemon.
    ///
    /// # Errors
    /// When the daemon does not stop well.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.watchers.close();
        self.watchers.wait().await;
        self.bed.stop().await
    }

    fn watch_chat(&self, chat: i64) {
        let (telegram, chats, stop) = (self.bed.telegram.clone(), self.chats.clone(), self.stop.clone());
        self.watchers.spawn(async move {
            let mut after = 0;
            while !stop.is_cancelled() {
                let Ok(new) = telegram.transcript(chat, after, WATCH).await else { continue };
                after = new.cursor;
                new.messages.iter().filter(|m| m.from_bot).for_each(|m| chats.note(&m.text));
            }
        });
    }

    fn watch_phone(&self, number: u64) {
        let (control, phones, stop) = (self.bed.control(), self.phones.clone(), self.stop.clone());
        self.watchers.spawn(async move {
            let mut after = 0;
            while !stop.is_cancelled() {
                let path = format!("inbox/{number}?after={after}&wait={}", WATCH.as_millis());
                let Ok(new) = control.ask("GET", &path, None).await else { continue };
                for message in new.as_array().into_iter().flatten() {
                    after = after.max(message["seq"].as_u64().unwrap_or(0));
                    phones.note(message["text"].as_str().unwrap_or_default());
                }
            }
        });
    }

    /// Whose number this is.
    fn person(&self, n: u64) -> SimUser {
        self.bed.person(n / self.each)
    }

    /// How many of those that were sent this way are there more than once.
    pub fn doubled(&self, way: Way) -> u64 {
        self.seen(way).doubled()
    }

    /// How many of those that were sent this way are not there.
    pub fn lost(&self, way: Way) -> u64 {
        self.sent[way as usize].saturating_sub(self.seen(way).all().len() as u64)
    }

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
                self.person(n).reply(asked, &text).await?;
                Ok(())
            }
        }
    }

    /// So many messages at once; how long it took until the last of them had arrived.
    ///
    /// # Errors
    /// When one does not arrive.
    pub async fn burst(&mut self, way: Way, messages: u64) -> anyhow::Result<Duration> {
        let (first, began) = (self.sent[way as usize], Instant::now());
        self.sent[way as usize] += messages;
        futures_util::stream::iter(first..first + messages)
            .map(|id| self.one(way, id))
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |()| Ok(()))
            .await?;
        Ok(self.seen(way).wait(self.sent[way as usize]).await? - began)
    }

    /// Messages at an even pace a second, whatever becomes of them; how long each took in milliseconds, sorted.
    ///
    /// # Errors
    /// When one does not arrive.
    pub async fn steady(&mut self, way: Way, pace: f64, long: Duration) -> anyhow::Result<Vec<f64>> {
        let first = self.sent[way as usize];
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
        drop(sending);
        self.sent[way as usize] += sent.len() as u64;
        self.seen(way).wait(self.sent[way as usize]).await?;
        let arrived = self.seen(way).all();
        let took = |(n, at): (usize, &Instant)| {
            let (came, _) = arrived.get(&format!("load-{}", first + n as u64))?;
            Some(came.saturating_duration_since(*at).as_secs_f64() * 1_000.0)
        };
        let mut waits: Vec<f64> = sent.iter().enumerate().filter_map(took).collect();
        waits.sort_by(f64::total_cmp);
        Ok(waits)
    }
}

/// One person links all their numbers, one after the other.
async fn link(bed: &Bed, person: u64, each: u64) -> anyhow::Result<()> {
    let mut chat = bed.person(person);
    for n in person * each..(person + 1) * each {
        bed.link_as(&mut chat, FIRST_NUMBER + n).await?;
    }
    Ok(())
}
