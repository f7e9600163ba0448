//! Which concrete parts make up the daemon?
//!
//! The only place that names them all. It holds no logic but the order of coming up and going down.

mod control;
mod site;

use crate::cli::live;
use crate::config::{Config, Engine};
use crate::domain::{Clock, Language};
use crate::flows::rates::Rates;
use crate::flows::{Rules, commands};
use crate::http::{self, Up};
use crate::lifecycle::Lifecycle;
use crate::limits::{Backoff, Budget, BudgetConfig, Rate};
use crate::metrics;
use crate::session::{Clients, FileStore, HybridConfig, HybridStore, MemoryStore, PostgresStore, RedisStore};
use crate::session::{Server, SessionStore, SplitStore, UserSessions};
use crate::store::keys::{KeySource, MasterKey, StoreKey};
use crate::store::{Claims, DbThreads, Directory, Members, Profiles, RawKey, Spool, Vaults};
use crate::telegram::{Api, ApiConfig, ApiError, Intake, Reader, Sender, dispatcher, listener};
use crate::users::{Guard, Roll, Room, Settings, Shared, Storage, UserDataStore};
use crate::whatsapp::web::{WebConfig, WebProvider};
use crate::words;
use anyhow::Context as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A demo build does not check WhatsApp's certificate, and so may talk to this machine only.
const LOOPBACK_ONLY: bool = cfg!(feature = "demo");

/// The longest that one request to Telegram may take. Below teloxide's own 17 s.
const TELEGRAM_DEADLINE: Duration = Duration::from_secs(15);

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub async fn run(config: Config, mut lifecycle: Lifecycle) -> anyhow::Result<()> {
    let threads = DbThreads::start(usize::try_from(config.store.threads)?);
    metrics::process::uptime_seconds();
    let result = up_and_down(&config, &mut lifecycle, &threads).await;
    // Joined before the process may exit: a database that is still being closed then would crash it.
    threads.stop();
    result
}

async fn up_and_down(config: &Config, lifecycle: &mut Lifecycle, threads: &DbThreads) -> anyhow::Result<()> {
    let stop = lifecycle.shutdown.graceful.clone();
    let tasks = lifecycle.shutdown.tracker.clone();
    // Its file goes when all else is down.
    let (live, _socket) = control::open(config, lifecycle).await?;
    let site = site::open(config, lifecycle).await?;
    let api = telegram(config)?;
    let reader = Reader::default();
    let sessions = sessions(config).await?;
    let shared = shared(config, lifecycle, threads, &api, &reader, &sessions)?;
    let Sessions { all: sessions, trouble, engine, .. } = sessions;
    let (spool, claims, directory) = (shared.spool.clone(), shared.claims.clone(), shared.directory.clone());
    let members = shared.members.clone();
    members.load().await.context("read who may use the bot")?;
    let profiles = shared.profiles.clone();
    let users = UserDataStore::new(Arc::new(shared));
    watch(lifecycle, &stop);
    users.resume().await.context("find what was under way")?;

    let route: Arc<UserDataStore> = Arc::new(users.clone());
    let (feed, committed) = listener::feed(route.clone());
    let intake = Intake::new(spool.clone(), feed);
    let stats = intake.stats();
    tasks.spawn(introduce(api.clone(), reader, members.clone(), stop.clone()));
    tasks.spawn(dispatcher::run(api.clone(), committed, route, stop.clone()));
    let (mode, hook) = site::updates(config, api, spool.clone(), intake, &lifecycle.shutdown)?;
    let engine = || http::Engine { name: engine, trouble: trouble.clone() };
    live.is_up(live::Up { users: users.clone(), intake: Arc::clone(&stats), mode, sessions: engine() });
    if let Some(site) = &site {
        site.is_up(Up { users: users.clone(), intake: stats, mode, sessions: engine(), hook });
    }
    tasks.spawn(users.clone().guard());
    tasks.spawn(users.clone().keep_to_quota());
    tasks.spawn(users.clone().keep_statistics());
    tasks.spawn(users.clone().sweep());
    tasks.spawn(users.clone().close_databases());
    tasks.spawn(users.clone().write_sessions());
    lifecycle.ready();
    if let Some(trouble) = trouble {
        lifecycle.tell_trouble(move || trouble());
    }
    info!(event = "ready", "ready");

    stop.cancelled().await;
    live.goes();
    users.close().await;
    let ended = lifecycle.stop(config.whatsapp.shutdown_timeout).await;
    drop((users, site));
    if let Err(e) = sessions.close().await {
        // They are projections: the next start makes them anew from the vaults.
        warn!(error.code = e.code(), "not every session could be written");
    }
    spool.close().await.context("close the spool")?;
    claims.close().await.context("close the claims")?;
    profiles.close().await.context("close the published profiles")?;
    directory.close().await.context("close the directory")?;
    members.close().await.context("close the members")?;
    anyhow::ensure!(ended, "stop in time");
    Ok(())
}

/// The daemon is alive as long as its runtime turns: a task that counts must have counted since the last look.
fn watch(lifecycle: &mut Lifecycle, stop: &CancellationToken) {
    let beats = Arc::new(AtomicU64::new(0));
    let (beating, stop) = (Arc::clone(&beats), stop.clone());
    lifecycle.shutdown.tracker.spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => beating.fetch_add(1, Ordering::Relaxed),
            };
        }
    });
    let seen = AtomicU64::new(u64::MAX);
    lifecycle.watch(move || {
        let now = beats.load(Ordering::Relaxed);
        seen.swap(now, Ordering::Relaxed) != now
    });
}

fn telegram(config: &Config) -> anyhow::Result<Api> {
    let api = ApiConfig {
        token: config.token()?.expose().to_owned(),
        api_url: config.telegram.api_url.parse().context("read telegram.api_url")?,
        deadline: TELEGRAM_DEADLINE,
        loopback_only: LOOPBACK_ONLY,
    };
    Ok(Api::new(api)?)
}

fn shared(
    config: &Config,
    lifecycle: &Lifecycle,
    threads: &DbThreads,
    api: &Api,
    reader: &Reader,
    sessions: &Sessions,
) -> anyhow::Result<Shared> {
    let data = &config.data.dir;
    let source = KeySource::from_env(config.keys.master_key_file.clone());
    let (master, _) = MasterKey::load_or_create(&source, data).context("load the master key")?;
    let store_key = StoreKey::load_or_create(&master, data).context("load the store key")?;
    let raw = |name: &str| RawKey::new(*store_key.derive(name));
    let file = |name: &str| data.join(name);
    let web = WebConfig {
        endpoint: config.whatsapp.web.endpoint.clone(),
        version: config.whatsapp.web.version.as_deref().and_then(version),
        loopback_only: LOOPBACK_ONLY,
        ..WebConfig::default()
    };
    Ok(Shared {
        vaults: Vaults::new(threads.clone(), master, data),
        spool: Spool::new(threads.clone(), &file("spool.db"), raw("spool.db"), bot_id(config)?),
        claims: Claims::new(threads.clone(), &file("claims.db"), raw("claims.db"), store_key.seal_key("claims")),
        profiles: Profiles::new(threads.clone(), &file("profiles.db"), raw("profiles.db")),
        directory: Directory::new(threads.clone(), &file("directory.db"), raw("directory.db")),
        provider: Arc::new(WebProvider::new(web)?),
        telegram: Arc::new(Sender::new(api.clone())),
        reader: Arc::new(reader.clone()),
        budget: Budget::new(BudgetConfig {
            per_second: config.telegram.rate_per_second,
            per_chat_per_second: config.telegram.chat_per_second,
            per_group_per_minute: config.telegram.group_per_minute,
            ..BudgetConfig::default()
        }),
        members: members(config, threads, &store_key),
        settings: settings(config)?,
        sessions: UserSessions::new(Arc::clone(&sessions.all), config.session.ttl),
        clients: sessions.clients.clone(),
        sessions_dir: config.sessions.dir.clone(),
        stop: lifecycle.shutdown.graceful.clone(),
        tasks: lifecycle.shutdown.tracker.clone(),
        reconnects: Semaphore::new(1),
        guard: Guard::new(config.guard.memory.0, config.limits.disk_reserve.0, data.clone(), config.guard.every),
        storage: Storage::new(config.store.quota.0, config.store.quota_every),
        room: Room::new(usize::try_from(config.whatsapp.max_clients)?.try_into()?, true),
    })
}

/// Where sessions are kept.
struct Sessions {
    all: Arc<dyn SessionStore>,
    /// Those of linked numbers, where other processes can see them.
    clients: Option<Clients>,
    /// What keeps their servers from being used.
    trouble: Option<Trouble>,
    /// What the engine is called.
    engine: &'static str,
}

/// The stable code of what is the matter, while something is.
type Trouble = Arc<dyn Fn() -> Option<&'static str> + Send + Sync>;

/// Opens what sessions are kept in. What a start finds in the files is put right before anybody asks for it.
async fn sessions(config: &Config) -> anyhow::Result<Sessions> {
    let here: Arc<dyn SessionStore> = if config.writes_session_files() {
        let opened = FileStore::open(config.sessions.dir.clone(), Clock::system()).await;
        Arc::new(opened.context("open the session files")?.0)
    } else {
        Arc::new(MemoryStore::new(Clock::system()))
    };
    let engine = config.engine()?.as_str();
    let Some((shared, trouble)) = servers(config).await? else {
        return Ok(Sessions { all: here, clients: None, trouble: None, engine });
    };
    let clients = Some(Clients::new(Arc::clone(&shared), &config.session.node));
    Ok(Sessions { all: Arc::new(SplitStore::new(here, shared)), clients, trouble: Some(trouble), engine })
}

/// The engine on servers, where one is set up. A server that is only away is used when it is back; what waiting does not mend
/// ends the start.
async fn servers(config: &Config) -> anyhow::Result<Option<(Arc<dyn SessionStore>, Trouble)>> {
    let engine = config.engine()?;
    let redis = async {
        let Some(redis) = engine.redis() else { return Ok(()) };
        RedisStore::check(redis).await.map_err(|fault| config.blame(Server::Redis, fault))
    };
    let postgres = async {
        let Some(postgres) = engine.postgres() else { return Ok(()) };
        PostgresStore::check(postgres).await.map_err(|fault| config.blame(Server::Postgres, fault))
    };
    let (redis, postgres) = tokio::join!(redis, postgres);
    for found in [redis, postgres].into_iter().filter_map(Result::err) {
        if found.fault.is_permanent() {
            return Err(found.into());
        }
        warn!(event = "session-server", error.code = found.fault.code(), "{found}; it is used when it is back");
    }
    Ok(match engine {
        Engine::Memory | Engine::File => None,
        Engine::Redis(redis) => {
            let store = Arc::new(RedisStore::new(redis, Clock::system()));
            Some((store.clone(), Arc::new(move || store.trouble())))
        }
        Engine::Postgres(postgres) => {
            let store = Arc::new(PostgresStore::new(postgres, Clock::system()));
            Some((store.clone(), Arc::new(move || store.trouble())))
        }
        Engine::Hybrid(redis, postgres) => {
            let (journal, nodes) = (config.data.dir.join("sessions.journal"), config.session.nodes);
            let fallback_deadline = config.session.fallback_deadline;
            let node = config.session.node.clone();
            let hybrid = HybridConfig { redis, postgres, journal, fallback_deadline, nodes, node };
            let opened = HybridStore::open(hybrid, Clock::system()).await;
            let store = Arc::new(opened.context("open the sessions' journal")?);
            Some((store.clone(), Arc::new(move || store.trouble())))
        }
    })
}

/// Who there is, for commands that work without a daemon.
pub fn roll(config: &Config, threads: &DbThreads, master: MasterKey, store_key: &StoreKey) -> Roll {
    let data = &config.data.dir;
    let key = RawKey::new(*store_key.derive("directory.db"));
    Roll {
        members: members(config, threads, store_key),
        directory: Directory::new(threads.clone(), &data.join("directory.db"), key),
        vaults: Vaults::new(threads.clone(), master, data),
    }
}

/// Who may use the bot.
fn members(config: &Config, threads: &DbThreads, store_key: &StoreKey) -> Members {
    let path = config.data.dir.join("members.db");
    let key = RawKey::new(*store_key.derive("members.db"));
    Members::new(threads.clone(), &path, key, store_key.seal_key("members"), config.access.rules())
}

fn settings(config: &Config) -> anyhow::Result<Settings> {
    Ok(Settings {
        rules: Rules {
            max_numbers: usize::try_from(config.whatsapp.max_numbers)?,
            qr_per_hour: usize::try_from(config.whatsapp.qr_per_hour)?,
            rates: Rates {
                create: per_minute(config.limits.create_per_minute)?,
                status: per_minute(config.limits.status_per_minute)?,
                qr_refresh: per_minute(config.limits.qr_refresh_per_minute)?,
            },
            tell_away_after: config.whatsapp.tell_away_after,
            warn_phone_after: config.whatsapp.warn_phone_after,
            session_ttl: config.session.ttl,
            idle_close: config.store.idle_close,
            country: config.registration.country,
        },
        send_timeout: config.whatsapp.send_timeout,
        close_timeout: config.whatsapp.close_timeout,
        shutdown_timeout: config.whatsapp.shutdown_timeout,
        logout_timeout: config.whatsapp.close_timeout,
        reconnect_stagger: config.whatsapp.reconnect_stagger,
        idle_close: config.store.idle_close,
        session_ttl: config.session.ttl,
        sweep: config.session.sweep,
    })
}

fn per_minute(n: u32) -> anyhow::Result<Rate> {
    Ok(Rate::per_minute(NonZeroU32::new(n).context("a rate in [limits] is 0")?))
}

/// The bot's id: the digits before the colon of its token.
fn bot_id(config: &Config) -> anyhow::Result<i64> {
    let token = config.token()?.expose();
    let id = token.split(':').next().and_then(|id| id.parse().ok());
    id.context("read the bot's id from telegram.token")
}

/// `2.3000.1234567` as three numbers.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Ok(a)), Some(Ok(b)), Some(Ok(c)), None) => Some((a, b, c)),
        _ => None,
    }
}

/// Learns the bot's name and registers its commands, as soon as Telegram can be reached. A server that refuses the commands
/// works without them.
async fn introduce(api: Api, reader: Reader, members: Members, stop: CancellationToken) {
    let backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };
    let mut attempt = 0;
    loop {
        match registered(&api, &reader, &members).await {
            Ok(()) => {
                info!(event = "introduced", "the bot's commands are registered with Telegram");
                return;
            }
            Err(e @ (ApiError::Refused { .. } | ApiError::NoMethod(_))) => {
                warn!("the bot's commands are not registered with Telegram: {e}");
                return;
            }
            Err(e) if attempt == 0 => warn!("cannot register the bot's commands yet: {e}"),
            Err(_) => {}
        }
        let wait = backoff.delay(attempt, rand::random());
        attempt = attempt.saturating_add(1);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn registered(api: &Api, reader: &Reader, members: &Members) -> Result<(), ApiError> {
    let name = api.get_me().await?.username;
    reader.named(&name);
    if let Err(e) = members.note_bot(&name).await {
        warn!(error.code = e.code(), "codes come without a link: the bot's name cannot be noted");
    }
    // For whoever's language the bot does not speak, and then for each that it does.
    api.set_commands(None, &in_language(Language::default())).await?;
    for language in Language::ALL {
        api.set_commands(Some(language.code()), &in_language(language)).await?;
    }
    Ok(())
}

fn in_language(language: Language) -> Vec<(&'static str, String)> {
    commands().into_iter().map(|(name, about)| (name, words::plain(&about, language.into()))).collect()
}
