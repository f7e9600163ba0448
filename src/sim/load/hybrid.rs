//! How fast are sessions on Redis and PostgreSQL, beside their raw drivers, and how soon is a broken Redis made up for?
//!
//! Both servers are private and of this machine; PostgreSQL waits for the disk at each commit. Raw calls and the engines' take turns,
//! in this process, over as many connections.
use super::report::{Better, Figure, percentile};
use super::{Options, progress};
use crate::domain::Clock;
use crate::session::servers::{PostgresOptions, PostgresServer, RedisOptions, RedisServer};
use crate::session::wire::Trust;
use crate::session::{
    Digest, Expected, HybridConfig, HybridStore, Payload, PostgresConfig, PostgresStore, RedisConfig, RedisStore,
    SessionKey, SessionStore,
};
use anyhow::ensure;
use base64::Engine as _;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many sessions there are.
const SESSIONS: u64 = 1_000;
/// How often raw calls and engines take turns; the middle counts.
const TURNS: usize = 9;
/// How long a turn takes, where nothing else is asked for. Short, so that whatever else goes on meets all of them.
const TURN: Duration = Duration::from_millis(600);
/// How often Redis is killed.
const KILLS: usize = 5;
const TTL: Duration = Duration::from_secs(86_400);
const LIMIT: Duration = Duration::from_secs(5);
/// As many connections to PostgreSQL as the engine has.
const CONNECTIONS: u64 = 4;

/// One call, about the session of this number.
type Call = Arc<dyn Fn(u64) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// Something that can be called, and what was found of it in each turn.
struct Runner {
    name: &'static str,
    call: Call,
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Runner {
    fn new<F: Future<Output = anyhow::Result<()>> + Send + 'static>(
        name: &'static str,
        call: impl Fn(u64) -> F + Send + Sync + 'static,
    ) -> Self {
        let call: Call = Arc::new(move |n| Box::pin(call(n)));
        Runner { name, call, rates: Vec::new(), p50: Vec::new(), p99: Vec::new() }
    }

    /// Calls from so many tasks for a while.
    async fn turn(&mut self, tasks: u64, lasts: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for task in 0..tasks {
            let call = Arc::clone(&self.call);
            running.spawn(async move {
                let (mut took, mut n) = (Vec::new(), task * 37);
                while begun.elapsed() < lasts {
                    let called = Instant::now();
                    call(n % SESSIONS).await?;
                    took.push(called.elapsed().as_secs_f64() * 1_000_000.0);
                    n += 1;
                }
                anyhow::Ok(took)
            });
        }
        let mut took = Vec::new();
        while let Some(done) = running.join_next().await {
            took.extend(done??);
        }
        took.sort_by(f64::total_cmp);
        self.rates.push(rate(took.len(), begun.elapsed()));
        self.p50.push(percentile(&took, 0.5));
        self.p99.push(percentile(&took, 0.99));
        Ok(())
    }

    fn figures(&self, what: &str, tasks: u64) -> Vec<Figure> {
        let name = |of: &str| format!("{what}, {tasks} task{}, {}{of}", if tasks == 1 { "" } else { "s" }, self.name);
        vec![
            Figure::middle(name(""), &self.rates, "1/s", Better::Higher),
            Figure::middle(name(": p50"), &self.p50, "µs", Better::Lower),
            Figure::middle(name(": p99"), &self.p99, "µs", Better::Lower),
        ]
    }
}

/// Measures reads, writes, and what a killed Redis costs.
pub async fn run(options: &Options) -> anyhow::Result<Vec<Figure>> {
    let lasts = options.seconds.map_or(TURN, Duration::from_secs);
    progress("private servers are started");
    let mut house = House::start().await?;
    let mut figures = Vec::new();
    for tasks in [1, 64] {
        progress(&format!("reads from {tasks} at once"));
        let found = in_turns(house.reads().await?, tasks, lasts).await?;
        figures.extend(compare(&found, "reads", tasks, "raw Redis"));
        progress(&format!("writes from {tasks} at once"));
        let found = in_turns(house.writes().await?, tasks, lasts).await?;
        figures.extend(compare(&found, "writes", tasks, "raw PostgreSQL"));
    }
    progress("Redis is killed and comes back");
    figures.extend(house.kills().await?);
    house.close().await?;
    Ok(figures)
}

async fn in_turns(mut runners: Vec<Runner>, tasks: u64, lasts: Duration) -> anyhow::Result<Vec<Runner>> {
    for _ in 0..TURNS {
        for runner in &mut runners {
            runner.turn(tasks, lasts).await?;
        }
    }
    Ok(runners)
}

/// All figures, and the hybrid engine's beside the raw ones of the same turns.
fn compare(runners: &[Runner], what: &str, tasks: u64, raw: &str) -> Vec<Figure> {
    let mut figures: Vec<_> = runners.iter().flat_map(|runner| runner.figures(what, tasks)).collect();
    let of = |name: &str| runners.iter().find(|runner| runner.name == name);
    if let (Some(hybrid), Some(raw_runner)) = (of("hybrid"), of(raw)) {
        let ratios: Vec<_> = hybrid.p50.iter().zip(&raw_runner.p50).map(|(hybrid, raw)| hybrid / raw).collect();
        let name = format!("{what}, {tasks} task{}: hybrid costs, times {raw}", if tasks == 1 { "" } else { "s" });
        figures.push(Figure::middle(name, &ratios, "×", Better::Lower).hold(1.3));
        if what == "reads" && tasks > 1 {
            figures.push(Figure::middle("reads a second, hybrid", &hybrid.rates, "1/s", Better::Higher).hold(10_000.0));
        }
    }
    figures
}

/// Both servers, the engines on them, and the raw drivers.
struct House {
    redis: RedisServer,
    postgres: PostgresServer,
    hybrid: Arc<HybridStore>,
    redis_store: Arc<RedisStore>,
    postgres_store: Arc<PostgresStore>,
    _folder: tempfile::TempDir,
}

fn key(n: u64) -> SessionKey {
    let mut digest = [7; 32];
    digest[..8].copy_from_slice(&n.to_be_bytes());
    SessionKey::Client(Digest(digest))
}

/// As large as a linked number's session is.
fn payload(n: u64) -> anyhow::Result<Payload> {
    let sealed = base64::engine::general_purpose::STANDARD_NO_PAD.encode([1; 240]);
    Ok(Payload::of(&Sealed { version: 1, key: key(n).to_string(), sealed })?)
}

/// The form of one.
#[derive(serde::Serialize)]
struct Sealed {
    version: u32,
    key: String,
    sealed: String,
}

impl House {
    async fn start() -> anyhow::Result<Self> {
        let redis = RedisServer::start(RedisOptions::default())?;
        let postgres = PostgresServer::start(PostgresOptions { flush: true, ..PostgresOptions::default() })?;
        let (trust, folder) = (Trust::new(None)?, tempfile::Builder::new().prefix("sekat-load-").tempdir()?);
        let url = format!("redis://127.0.0.1:{}", redis.port());
        let redis_config = RedisConfig::parse(&url, trust.clone(), LIMIT, true)?;
        let postgres_config = PostgresConfig::parse(&postgres.url(), trust, LIMIT, true)?;
        let config = HybridConfig {
            redis: redis_config.clone(),
            postgres: postgres_config.clone(),
            journal: folder.path().join("journal"),
            fallback_deadline: Duration::from_millis(250),
            nodes: 1,
            node: "main".to_owned(),
        };
        let hybrid = Arc::new(HybridStore::open(config, Clock::system()).await?);
        until_read(&hybrid).await;
        let redis_store = Arc::new(RedisStore::new(redis_config, Clock::system()));
        let postgres_store = Arc::new(PostgresStore::new(postgres_config, Clock::system()));
        let house = House { redis, postgres, hybrid, redis_store, postgres_store, _folder: folder };
        for n in 0..SESSIONS {
            house.hybrid.put(&key(n), payload(n)?, TTL, Expected::Any).await?;
            house.redis_store.put(&key(n), payload(n)?, TTL, Expected::Any).await?;
        }
        Ok(house)
    }

    async fn raw_redis(&self) -> anyhow::Result<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.redis.port()))?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    /// As many connections as the engine has, each with the statement that the text is.
    async fn raw_postgres(
        &self,
        text: &str,
    ) -> anyhow::Result<Arc<Vec<(tokio_postgres::Client, tokio_postgres::Statement)>>> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(&self.postgres.url(), tokio_postgres::NoTls).await?;
            // It ends with its client.
            drop(tokio::spawn(connection));
            let statement = client.prepare(text).await?;
            clients.push((client, statement));
        }
        Ok(Arc::new(clients))
    }

    async fn reads(&self) -> anyhow::Result<Vec<Runner>> {
        let raw = self.raw_redis().await?;
        for n in 0..SESSIONS {
            redis::Cmd::set(format!("raw:{}", key(n)), payload(n)?.as_str()).exec_async(&mut raw.clone()).await?;
        }
        let rows = self.raw_postgres("SELECT payload, version FROM sekat_sessions WHERE key = $1").await?;
        let mut runners = vec![
            Runner::new("raw Redis", move |n| {
                let mut raw = raw.clone();
                async move {
                    let found: Option<String> =
                        redis::Cmd::get(format!("raw:{}", key(n))).query_async(&mut raw).await?;
                    ensure!(found.is_some(), "a value is gone");
                    Ok(())
                }
            }),
            Runner::new("raw PostgreSQL", move |n| {
                let rows = Arc::clone(&rows);
                async move {
                    let (client, statement) = &rows[usize::try_from(n % CONNECTIONS)?];
                    ensure!(client.query_opt(statement, &[&key(n).to_string()]).await?.is_some(), "a row is gone");
                    Ok(())
                }
            }),
        ];
        for (name, store) in self.engines() {
            runners.push(Runner::new(name, move |n| {
                let store = Arc::clone(&store);
                async move {
                    ensure!(store.get(&key(n)).await?.is_some(), "a session is gone");
                    Ok(())
                }
            }));
        }
        Ok(runners)
    }

    async fn writes(&self) -> anyhow::Result<Vec<Runner>> {
        let raw = self.raw_redis().await?;
        self.postgres.sql("CREATE TABLE IF NOT EXISTS raw (key text PRIMARY KEY, payload text, version bigint)")?;
        let text = "INSERT INTO raw VALUES ($1, $2, 1) ON CONFLICT (key) DO UPDATE
                    SET payload = excluded.payload, version = raw.version + 1 RETURNING version";
        let rows = self.raw_postgres(text).await?;
        let mut runners = vec![
            Runner::new("raw Redis", move |n| {
                let mut raw = raw.clone();
                async move {
                    let text = payload(n)?;
                    Ok(redis::Cmd::set(format!("raw:{}", key(n)), text.as_str()).exec_async(&mut raw).await?)
                }
            }),
            Runner::new("raw PostgreSQL", move |n| {
                let rows = Arc::clone(&rows);
                async move {
                    let (client, statement) = &rows[usize::try_from(n % CONNECTIONS)?];
                    let text = payload(n)?;
                    client.query_one(statement, &[&key(n).to_string(), &text.as_str()]).await?;
                    Ok(())
                }
            }),
        ];
        for (name, store) in self.engines() {
            runners.push(Runner::new(name, move |n| {
                let store = Arc::clone(&store);
                async move {
                    store.put(&key(n), payload(n)?, TTL, Expected::Any).await?;
                    Ok(())
                }
            }));
        }
        Ok(runners)
    }

    fn engines(&self) -> [(&'static str, Arc<dyn SessionStore>); 3] {
        [
            ("redis", Arc::clone(&self.redis_store) as Arc<dyn SessionStore>),
            ("postgres", Arc::clone(&self.postgres_store) as Arc<dyn SessionStore>),
            ("hybrid", Arc::clone(&self.hybrid) as Arc<dyn SessionStore>),
        ]
    }

    /// How long the first read after a kill takes, and how long it takes until reads are back.
    async fn kills(&mut self) -> anyhow::Result<Vec<Figure>> {
        let (mut first, mut frozen, mut back) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..KILLS {
            until_read(&self.hybrid).await;
            self.redis.kill()?;
            first.push(self.one_read().await?);
            self.redis.up()?;
            let up = Instant::now();
            until_read(&self.hybrid).await;
            back.push(millis(up.elapsed()));
            self.redis.freeze()?;
            frozen.push(self.one_read().await?);
            self.redis.thaw()?;
        }
        Ok(vec![
            Figure::middle("Redis killed → first read served", &first, "ms", Better::Lower).hold(250.0),
            Figure::middle("Redis frozen → first read served", &frozen, "ms", Better::Lower).hold(250.0),
            Figure::middle("Redis back → reads are back", &back, "ms", Better::Lower),
        ])
    }

    async fn one_read(&self) -> anyhow::Result<f64> {
        let begun = Instant::now();
        ensure!(self.hybrid.get(&key(1)).await?.is_some(), "a session is gone");
        Ok(millis(begun.elapsed()))
    }

    async fn close(self) -> anyhow::Result<()> {
        for (_, store) in self.engines() {
            store.close().await?;
        }
        Ok(())
    }
}

async fn until_read(store: &HybridStore) {
    while !store.reads_redis() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
