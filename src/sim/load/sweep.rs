//! What does a round of looking for idle people cost, by how many there are and how many of them have gone idle?
//!
//! In this process, without Telegram and WhatsApp: their entries, workers, databases and rounds are the real ones.
use super::report::{Better, Figure};
use super::updates::count;
use super::{Options, progress, usage};
use crate::domain::{
    AccessMode, AccessRules, ChatId, Clock, Country, Input, MessageId, Outgoing, TelegramId, Timestamp, UpdateId,
};
use crate::flows::Rules;
use crate::flows::rates::Rates;
use crate::limits::{Budget, BudgetConfig};
use crate::session::{MemoryStore, UserSessions};
use crate::store::keys::{KeySource, MasterKey, StoreKey};
use crate::store::{Claims, DbThreads, Directory, Left, Members, Profiles, RawKey, Spool, Spooled, Vaults};
use crate::users::port::{Heard, ReadUpdate, Route as _, Telegram, TelegramError};
use crate::users::{Guard, Room, Settings, Shared, Storage, UserDataStore};
use crate::whatsapp::{Capabilities, Client, Provider, Start, StartError};
use anyhow::ensure;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many people are idle.
const IDLE: [u64; 3] = [1_000, 10_000, 100_000];
/// How many are known and asleep.
const KNOWN: u64 = 100_000;
/// How many have a vault and a conversation that ends.
const TALKED: u64 = 1_000;
/// Looks that find nothing due.
const LOOKS: u32 = 1_000;
/// A time to live that does not end while one measures.
const LONG: Duration = Duration::from_secs(3_600);
/// One that does.
const SHORT: Duration = Duration::from_secs(2);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures all of it.
pub async fn run(options: &Options) -> anyhow::Result<Vec<Figure>> {
    let mut figures = vec![known(options.n.unwrap_or(KNOWN)).await?];
    for n in IDLE.into_iter().filter(|n| options.n.is_none_or(|most| *n <= most)) {
        figures.extend(idle(n).await?);
    }
    figures.extend(talked(options.n.unwrap_or(TALKED).min(TALKED)).await?);
    Ok(figures)
}

/// People whom only the directory knows: what they cost after a start.
async fn known(people: u64) -> anyhow::Result<Figure> {
    progress(&format!("{people} people are known and asleep"));
    let house = House::open(LONG)?;
    for first in (1..=people).step_by(1_000) {
        let some = (first..=people.min(first + 999)).map(TelegramId);
        for user in some.clone() {
            let folder = house.folder.path().join("users").join(user.to_string());
            std::fs::create_dir_all(&folder)?;
            // Nobody opens it.
            std::fs::write(folder.join("key"), "")?;
        }
        let rest = some.map(|user| house.shared.directory.rest(user, Left::default(), Timestamp(1)));
        futures_util::future::try_join_all(rest).await?;
    }
    let resident = || usage::of(std::process::id()).map(|usage| usage.resident_kib * 1_024.0);
    let before = resident()?;
    house.users.resume().await?;
    let after = resident()?;
    ensure!(house.users.is_empty(), "somebody was woken");
    house.close().await?;
    let each = (after - before).max(0.0) / count(people);
    Ok(Figure::new(format!("{people} known people asleep: resident each"), each, "bytes", Better::Lower).hold(200.0))
}

/// People who are awake and not yet idle, and then all idle at once; they have no vault.
async fn idle(people: u64) -> anyhow::Result<Vec<Figure>> {
    progress(&format!("{people} people are idle"));
    let house = House::open(LONG)?;
    (1..=people).map(TelegramId).for_each(|user| drop(house.users.entry(user)));
    house.until(|users| users.looks_filed() as u64 >= people).await?;
    let (now, began) = (Instant::now(), Instant::now());
    for _ in 0..LOOKS {
        ensure!(house.users.sweep_once(now).await.looked == 0, "somebody was looked at too early");
    }
    let nothing_due = began.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKS);
    let began = Instant::now();
    let swept = house.users.sweep_once(Instant::now() + LONG).await;
    let took = began.elapsed().as_secs_f64() * 1e6;
    ensure!(swept.closed as u64 == people, "{} of {people} have closed", swept.closed);
    house.close().await?;
    Ok(vec![
        Figure::new(
            format!("{people} idle, nobody due: a round, per idle person"),
            nothing_due / count(people),
            "ns",
            Better::Lower,
        ),
        Figure::new(
            format!("{people} due at once: each looked at and closed"),
            took / count(people),
            "µs",
            Better::Lower,
        ),
    ])
}

/// People with a vault and a conversation: it ends, and then their world closes.
async fn talked(people: u64) -> anyhow::Result<Vec<Figure>> {
    progress(&format!("{people} people have written once"));
    let house = House::open(SHORT)?;
    let row = |n: u64| Spooled {
        update: UpdateId(i64::try_from(n).unwrap_or(i64::MAX)),
        user: TelegramId(n),
        payload: "{}".to_owned(),
    };
    house.shared.spool.commit((1..=people).map(row).collect(), UpdateId(i64::MAX)).await?;
    (1..=people).for_each(|n| house.users.arrived(TelegramId(n)));
    house.sessions(people).await?;
    // Each is looked at a moment after its last word has gone idle.
    tokio::time::sleep(SHORT + SHORT / 2).await;
    let began = Instant::now();
    let expired = house.users.sweep_once(Instant::now()).await.expired as u64;
    ensure!(expired == people, "{expired} of {people} conversations have ended");
    house.sessions(0).await?;
    let ended = began.elapsed().as_secs_f64() * 1e6 / count(people);
    let (began, mut closed) = (Instant::now(), 0);
    while closed < people {
        closed += house.users.sweep_once(Instant::now()).await.closed as u64;
        ensure!(began.elapsed() < PATIENCE, "{closed} of {people} worlds have closed");
    }
    let took = began.elapsed().as_secs_f64() * 1e6 / count(people);
    house.close().await?;
    let name = |what: &str| format!("{people} conversations idle at once: {what}");
    Ok(vec![
        Figure::new(name("each ended"), ended, "µs", Better::Lower),
        Figure::new(name("each world closed, database and directory"), took, "µs", Better::Lower),
    ])
}

/// The entries of one daemon, without its edge.
struct House {
    folder: TempDir,
    shared: Arc<Shared>,
    users: UserDataStore,
    threads: DbThreads,
}

impl House {
    fn open(session_ttl: Duration) -> anyhow::Result<House> {
        let folder = tempfile::Builder::new().prefix("sekat-load-").tempdir()?;
        let threads = DbThreads::start(4);
        let (master, _) = MasterKey::load_or_create(&KeySource::default(), folder.path())?;
        let store = StoreKey::load_or_create(&master, folder.path())?;
        let raw = |name: &str| RawKey::new(*store.derive(name));
        let file = |name: &str| folder.path().join(name);
        let limit = Duration::from_secs(10);
        let shared = Arc::new(Shared {
            vaults: Vaults::new(threads.clone(), master, folder.path()),
            spool: Spool::new(threads.clone(), &file("spool.db"), raw("spool.db"), 1),
            claims: Claims::new(threads.clone(), &file("claims.db"), raw("claims.db"), store.seal_key("claims")),
            profiles: Profiles::new(threads.clone(), &file("profiles.db"), raw("profiles.db")),
            directory: Directory::new(threads.clone(), &file("directory.db"), raw("directory.db")),
            provider: Arc::new(Nobody),
            telegram: Arc::new(Nobody),
            reader: Arc::new(Nobody),
            budget: Budget::new(BudgetConfig {
                per_second: 1_000_000,
                per_chat_per_second: 1_000,
                ..BudgetConfig::default()
            }),
            members: {
                let rules = AccessRules { mode: AccessMode::Open, ..AccessRules::default() };
                let (key, digest) = (raw("members.db"), store.seal_key("members"));
                Members::new(threads.clone(), &file("members.db"), key, digest, rules)
            },
            settings: Settings {
                rules: Rules {
                    max_numbers: 1,
                    qr_per_hour: 1,
                    rates: Rates::all(NonZeroU32::MIN),
                    tell_away_after: LONG,
                    warn_phone_after: LONG,
                    session_ttl,
                    idle_close: LONG,
                    country: Country::default(),
                },
                send_timeout: limit,
                close_timeout: limit,
                shutdown_timeout: limit,
                logout_timeout: limit,
                reconnect_stagger: Duration::ZERO,
                idle_close: LONG,
                session_ttl,
                sweep: LONG,
            },
            sessions: UserSessions::new(Arc::new(MemoryStore::new(Clock::system())), 2 * LONG),
            clients: None,
            sessions_dir: file("sessions"),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            reconnects: Semaphore::new(1),
            guard: Guard::new(u64::MAX, 0, file("data"), LONG),
            storage: Storage::new(u64::MAX, LONG),
            room: Room::new(NonZeroUsize::MIN, false),
        });
        Ok(House { folder, users: UserDataStore::new(Arc::clone(&shared)), shared, threads })
    }

    async fn until(&self, there: impl Fn(&UserDataStore) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        while !there(&self.users) {
            ensure!(began.elapsed() < PATIENCE, "it takes too long");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Waits until there are so many sessions.
    async fn sessions(&self, people: u64) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let live = self.shared.sessions.store().stats().await?.live.values().sum::<u64>();
            if live == people {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{live} sessions for {people}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn close(self) -> anyhow::Result<()> {
        self.shared.stop.cancel();
        self.users.close().await;
        self.shared.tasks.close();
        tokio::time::timeout(PATIENCE, self.shared.tasks.wait()).await?;
        drop((self.users, self.shared));
        self.threads.stop();
        Ok(())
    }
}

/// Telegram that takes everything, WhatsApp that is not there, and a reader to whom every update asks for help.
struct Nobody;

#[async_trait::async_trait]
impl Telegram for Nobody {
    async fn send(&self, _: &Outgoing) -> Result<MessageId, TelegramError> {
        Ok(MessageId(1))
    }
    async fn edit(&self, _: MessageId, _: &Outgoing) -> Result<(), TelegramError> {
        Ok(())
    }
    async fn delete(&self, _: ChatId, _: MessageId) -> Result<(), TelegramError> {
        Ok(())
    }
    async fn answer_press(&self, _: &str, _: Option<&str>, _: bool) -> Result<(), TelegramError> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl Provider for Nobody {
    fn capabilities(&self) -> Capabilities {
        Capabilities { login_qr: false, login_code: false, receipts: false }
    }
    async fn start(&self, _: Start) -> Result<Arc<dyn Client>, StartError> {
        Err(StartError::Setup("there is no WhatsApp here".into()))
    }
}

impl ReadUpdate for Nobody {
    fn read(&self, _: &str) -> Option<Heard> {
        let input = Input::Command { name: "help".to_owned(), rest: String::new(), message: MessageId(1) };
        Some(Heard { input, language: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_house_can_be_swept() {
        let known = known(50).await.unwrap();
        assert_eq!(known.unit, "bytes");
        assert_eq!(idle(50).await.unwrap().len(), 2);
        assert_eq!(talked(20).await.unwrap().len(), 2);
    }
}
