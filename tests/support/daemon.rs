//! The daemon in the test's own process, with parts of one's choice: what `app.rs` puts together, without the edge.
use sekat::domain::{
    AccessRules, ClientEvent, Clock, Country, InboundMessage, Jid, LoginMethod, LoginStep, TelegramId, Timestamp,
};
use sekat::flows::Rules;
use sekat::flows::rates::Rates;
use sekat::limits::{Budget, BudgetConfig};
use sekat::session::{MemoryStore, SessionStore, UserSessions};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::{RateLimits, SimConfig, TelegramSim};
use sekat::store::keys::{KeySource, MasterKey, StoreKey};
use sekat::store::{Claims, DbThreads, Directory, Members, Profiles, RawKey, Spool, Vaults};
use sekat::telegram::{Api, ApiConfig, Intake, PollConfig, Poller, Sender, dispatcher, listener};
use sekat::users::port::ReadUpdate;
use sekat::users::{Guard, Room, Settings, Shared, Storage, UserDataStore};
use sekat::whatsapp::{Capabilities, Client, EventSink, Provider, SendOutcome, Start, StartError};
use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a message to WhatsApp may take here.
pub const SEND: Duration = Duration::from_millis(500);
/// How long a conversation lives here.
const TTL: Duration = Duration::from_secs(300);

/// The daemon, and the Telegram that it talks to.
pub struct Daemon {
    pub telegram: TelegramSim,
    pub users: UserDataStore,
    pub sessions: Arc<dyn SessionStore>,
    spool: Spool,
    stop: CancellationToken,
    tasks: TaskTracker,
    threads: DbThreads,
}

impl Daemon {
    /// Starts it with this reader and this WhatsApp.
    pub async fn start(
        folder: &Path,
        reader: Arc<dyn ReadUpdate>,
        provider: Arc<dyn Provider>,
        allow: &[u64],
    ) -> anyhow::Result<Daemon> {
        let cfg = SimConfig { limits: RateLimits::off(), ..SimConfig::default() };
        let (token, bot) = (cfg.token.clone(), cfg.bot_id());
        let telegram = TelegramSim::start(cfg).await?;
        let api_url = telegram.api_url().parse()?;
        let api = Api::new(ApiConfig { token, api_url, deadline: Duration::from_secs(15), loopback_only: true })?;
        let (stop, tasks, threads) = (CancellationToken::new(), TaskTracker::new(), DbThreads::start(3));
        let (master, _) = MasterKey::load_or_create(&KeySource::default(), folder)?;
        let store = StoreKey::load_or_create(&master, folder)?;
        let raw = |name: &str| RawKey::new(*store.derive(name));
        let file = |name: &str| folder.join(name);
        let spool = Spool::new(threads.clone(), &file("spool.db"), raw("spool.db"), bot);
        let sessions: Arc<dyn SessionStore> = Arc::new(MemoryStore::new(Clock::system()));
        let shared = Shared {
            vaults: Vaults::new(threads.clone(), master, folder),
            spool: spool.clone(),
            claims: Claims::new(threads.clone(), &file("claims.db"), raw("claims.db"), store.seal_key("claims")),
            profiles: Profiles::new(threads.clone(), &file("profiles.db"), raw("profiles.db")),
            directory: Directory::new(threads.clone(), &file("directory.db"), raw("directory.db")),
            provider,
            telegram: Arc::new(Sender::new(api.clone())),
            reader,
            budget: Budget::new(BudgetConfig {
                per_second: 100_000,
                per_chat_per_second: 10_000,
                ..BudgetConfig::default()
            }),
            members: {
                let allow = allow.iter().copied().map(TelegramId).collect();
                let (key, digest) = (raw("members.db"), store.seal_key("members"));
                let rules = AccessRules { allow, ..AccessRules::default() };
                Members::new(threads.clone(), &file("members.db"), key, digest, rules)
            },
            settings: Settings {
                idle_close: Duration::from_secs(60),
                session_ttl: TTL,
                sweep: Duration::from_secs(60),
                rules: Rules {
                    max_numbers: 3,
                    qr_per_hour: 5,
                    rates: Rates::all(NonZeroU32::MAX),
                    tell_away_after: TTL,
                    warn_phone_after: TTL,
                    session_ttl: TTL,
                    idle_close: Duration::from_secs(60),
                    country: Country::default(),
                },
                send_timeout: SEND,
                close_timeout: SEND,
                shutdown_timeout: SEND,
                logout_timeout: SEND,
                reconnect_stagger: Duration::ZERO,
            },
            sessions: UserSessions::new(Arc::clone(&sessions), TTL),
            clients: None,
            sessions_dir: folder.join("sessions"),
            stop: stop.clone(),
            tasks: tasks.clone(),
            reconnects: Semaphore::new(1),
            guard: Guard::new(u64::MAX, 0, folder.to_owned(), TTL),
            storage: Storage::new(u64::MAX, TTL),
            room: Room::new(NonZeroUsize::MAX, false),
        };
        let users = UserDataStore::new(Arc::new(shared));
        users.resume().await?;
        let route = Arc::new(users.clone());
        let (feed, committed) = listener::feed(route.clone());
        tasks.spawn(dispatcher::run(api.clone(), committed, route, stop.clone()));
        tasks.spawn(Poller::new(api, Intake::new(spool.clone(), feed), PollConfig::default()).run(stop.clone()));
        Ok(Daemon { telegram, users, sessions, spool, stop, tasks, threads })
    }

    pub fn person(&self, id: u64, name: &str) -> SimUser {
        self.telegram.user(i64::try_from(id).unwrap_or(i64::MAX)).named(name)
    }

    /// Updates of this person that wait.
    pub async fn waiting(&self, id: u64) -> anyhow::Result<usize> {
        Ok(self.spool.waiting(TelegramId(id), 100).await?.len())
    }

    pub async fn close(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.users.close().await;
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(20), self.tasks.wait()).await?;
        drop(self.users);
        self.spool.close().await?;
        self.threads.stop();
        self.telegram.shutdown().await?;
        Ok(())
    }
}

/// A WhatsApp on which every number links at once, and which does not always come back from a call.
#[derive(Default)]
pub struct OddWhatsApp(Arc<World>);

#[derive(Default)]
struct World {
    sinks: Mutex<HashMap<String, Arc<dyn EventSink>>>,
    sent: Mutex<Vec<(String, String)>>,
    stuck: AtomicBool,
}

impl OddWhatsApp {
    pub fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(OddProvider(Arc::clone(&self.0)))
    }

    /// From now on closing and logging out never come back either.
    pub fn stick(&self) {
        self.0.stuck.store(true, Ordering::SeqCst);
    }

    /// What was sent from this number.
    pub fn sent(&self, number: &str) -> Vec<String> {
        let sent = self.0.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().filter(|(from, _)| from == number).map(|(_, text)| text.clone()).collect()
    }

    /// The number receives a message.
    pub async fn receive(&self, number: &str, message: InboundMessage) -> anyhow::Result<()> {
        let sink = self.0.sinks.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned();
        let sink = sink.ok_or_else(|| anyhow::anyhow!("nobody listens for this number"))?;
        Ok(sink.messages(vec![message]).await?)
    }
}

struct OddProvider(Arc<World>);

#[async_trait::async_trait]
impl Provider for OddProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities { login_qr: false, login_code: true, receipts: false }
    }

    async fn start(&self, start: Start) -> Result<Arc<dyn Client>, StartError> {
        let Some(LoginMethod::Code(phone)) = start.login else {
            return Err(StartError::Setup("only by code".into()));
        };
        let number = phone.digits().to_owned();
        self.0.sinks.lock().unwrap_or_else(PoisonError::into_inner).insert(number.clone(), Arc::clone(&start.sink));
        start.sink.event(ClientEvent::Login(LoginStep::Paired { phone }));
        start.sink.event(ClientEvent::Online);
        Ok(Arc::new(OddClient { number, world: Arc::clone(&self.0) }))
    }
}

struct OddClient {
    number: String,
    world: Arc<World>,
}

#[async_trait::async_trait]
impl Client for OddClient {
    fn is_online(&self) -> bool {
        true
    }

    fn heard_at(&self) -> Option<Timestamp> {
        None
    }

    async fn send_text(&self, _: &Jid, text: &str, _: &str, _: Duration) -> SendOutcome {
        match text {
            "stick" => std::future::pending().await,
            "panic" => panic!("a provider's bug"),
            _ => {}
        }
        let sent = (self.number.clone(), text.to_owned());
        self.world.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        SendOutcome::Accepted
    }

    async fn logout(&self, _: Duration) -> bool {
        if self.world.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        true
    }

    async fn close(&self, _: Duration) -> bool {
        if self.world.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        true
    }
}
