//! Many callers at once while servers break: whatever they were told must be consistent.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::faults::House;
use super::history::{Call, Told, check};
use super::*;
use crate::domain::Timestamp;
use crate::session::contract::{TTL, registration, registration_key, registration_mark};
use crate::session::servers::Path;

const KEYS: u64 = 6;
const CALLERS: u64 = 8;

/// What callers do and were told.
struct Load {
    store: Arc<HybridStore>,
    calls: Mutex<Vec<Call>>,
    /// Codes of what failed, and how often.
    failed: Mutex<std::collections::BTreeMap<&'static str, u64>>,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    fn begin(store: HybridStore) -> (Arc<Self>, Vec<tokio::task::JoinHandle<()>>) {
        let load = Arc::new(Load {
            store: Arc::new(store),
            calls: Mutex::default(),
            failed: Mutex::default(),
            next: AtomicU64::new(1),
            stop: AtomicBool::new(false),
        });
        let callers = (0..CALLERS).map(|_| tokio::spawn(Arc::clone(&load).call_and_call())).collect();
        (load, callers)
    }

    async fn call_and_call(self: Arc<Self>) {
        while !self.stop.load(Ordering::SeqCst) {
            let chance = rand::random::<u64>();
            let key = chance % KEYS;
            match (chance >> 32) % 10 {
                0..=1 => self.write(key, Expected::Any).await,
                2 => {
                    let seen = self.read(key).await;
                    self.write(key, seen.map_or(Expected::Absent, |version| Expected::At(Version(version)))).await;
                }
                3 => {
                    if let Some(version) = self.read(key).await {
                        self.remove(key, version).await;
                    }
                }
                _ => drop(self.read(key).await),
            }
            // Callers of this engine do other things too.
            tokio::time::sleep(Duration::from_micros(chance >> 48 & 0x7ff)).await;
        }
    }

    fn note(&self, key: u64, begun: Instant, told: Told) {
        let call = Call { key, begun, ended: Instant::now(), told };
        self.calls.lock().unwrap().push(call);
    }

    async fn read(&self, key: u64) -> Option<u64> {
        let begun = Instant::now();
        match self.store.get(&registration_key(key)).await {
            Ok(found) => {
                let found = found.map(|record| (registration_mark(&record).unsigned_abs(), record.version.0));
                self.note(key, begun, Told::Read(found));
                found.map(|(_, version)| version)
            }
            Err(e) => {
                *self.failed.lock().unwrap().entry(e.code()).or_default() += 1;
                None
            }
        }
    }

    async fn write(&self, key: u64, expected: Expected) {
        let (begun, value) = (Instant::now(), self.next.fetch_add(1, Ordering::SeqCst));
        let payload = registration(key, i64::try_from(value).unwrap());
        let told = match self.store.put(&registration_key(key), payload, 100 * TTL, expected).await {
            Ok(version) => {
                let expected = if let Expected::At(version) = expected { Some(version.0) } else { None };
                Told::Wrote { value, version: version.0, expected }
            }
            Err(SessionError::Conflict { .. }) => return,
            Err(e) => {
                *self.failed.lock().unwrap().entry(e.code()).or_default() += 1;
                Told::MayHaveWritten { value }
            }
        };
        self.note(key, begun, told);
    }

    async fn remove(&self, key: u64, version: u64) {
        let begun = Instant::now();
        let told = match self.store.remove(&registration_key(key), Some(Version(version))).await {
            Ok(true) => Told::Removed { version },
            Ok(false) | Err(SessionError::Conflict { .. }) => return,
            Err(e) => {
                *self.failed.lock().unwrap().entry(e.code()).or_default() += 1;
                Told::MayHaveRemoved { version }
            }
        };
        self.note(key, begun, told);
    }

    /// Ends the load, reads everything once more, and judges.
    async fn judge(
        self: Arc<Self>,
        callers: Vec<tokio::task::JoinHandle<()>>,
    ) -> (usize, std::collections::BTreeMap<&'static str, u64>) {
        let store = Arc::clone(&self.store);
        until(|| store.reads_redis() && !store.promises()).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.stop.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.await.unwrap();
        }
        for key in 0..KEYS {
            self.read(key).await;
            // PostgreSQL says the same.
            let (row, found) = (store.0.pool.get(&registration_key(key)).await.unwrap(), Instant::now());
            let live = row.and_then(|row| row.live(Timestamp::now()));
            let row = live.map(|record| (registration_mark(&record).unsigned_abs(), record.version.0));
            self.calls.lock().unwrap().push(Call { key, begun: found, ended: found, told: Told::Read(row) });
        }
        let calls = self.calls.lock().unwrap();
        let wrong = check(&calls);
        assert!(wrong.is_empty(), "{} of {}: {:#?}", wrong.len(), calls.len(), &wrong[..wrong.len().min(10)]);
        (calls.len(), self.failed.lock().unwrap().clone())
    }
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(150 + rand::random::<u64>() % 500)).await;
}

type Break = fn(&mut House);

/// Ways for Redis to fail and to come back.
const REDIS: [(Break, Break); 6] = [
    (|h| h.servers.redis.freeze().unwrap(), |h| h.servers.redis.thaw().unwrap()),
    (|h| h.servers.redis.kill().unwrap(), |h| h.servers.redis.up().unwrap()),
    // Back with what it had some time ago.
    (
        |h| {
            h.servers.redis.save().unwrap();
            std::thread::sleep(Duration::from_millis(300));
            h.servers.redis.kill().unwrap();
        },
        |h| h.servers.redis.up().unwrap(),
    ),
    (
        |h| drop(h.servers.redis.command(&["CONFIG", "SET", "maxmemory", "1"]).unwrap()),
        |h| drop(h.servers.redis.command(&["CONFIG", "SET", "maxmemory", "0"]).unwrap()),
    ),
    (|h| h.redis_wire.set(Path::Silent), |h| h.redis_wire.set(Path::Open)),
    (|h| drop(h.servers.redis.command(&["FLUSHALL"]).unwrap()), |h| h.redis_wire.set(Path::Cut)),
];

/// The same for PostgreSQL.
const POSTGRES: [(Break, Break); 4] = [
    (|h| h.servers.postgres.kill().unwrap(), |h| h.servers.postgres.up().unwrap()),
    (|h| h.servers.postgres.freeze().unwrap(), |h| h.servers.postgres.thaw().unwrap()),
    (|h| h.postgres_wire.set(Path::Silent), |h| h.postgres_wire.set(Path::Open)),
    (|h| h.postgres_wire.set(Path::Cut), |h| h.postgres_wire.set(Path::Open)),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_nothing_is_lost_while_redis_breaks_in_every_way() {
    redis_breaks(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_nothing_is_lost_while_redis_breaks_in_every_way_with_several_nodes() {
    redis_breaks(2).await;
}

async fn redis_breaks(nodes: u32) {
    let mut house = House::new().await;
    let (load, callers) = Load::begin(house.store_of(nodes).await);
    for _ in 0..2 {
        for (apart, together) in REDIS {
            a_while().await;
            apart(&mut house);
            a_while().await;
            together(&mut house);
            house.redis_wire.set(Path::Open);
            until(|| load.store.reads_redis()).await;
        }
    }
    let (calls, failed) = load.judge(callers).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert!(calls > 500, "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_while_postgres_breaks_in_every_way() {
    postgres_breaks(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_while_postgres_breaks_in_every_way_with_several_nodes() {
    postgres_breaks(2).await;
}

async fn postgres_breaks(nodes: u32) {
    let mut house = House::new().await;
    let (load, callers) = Load::begin(house.store_of(nodes).await);
    for (apart, together) in POSTGRES.into_iter().cycle().take(6) {
        a_while().await;
        apart(&mut house);
        // Long enough for what waits for an answer to be promised instead.
        tokio::time::sleep(Duration::from_secs(3)).await;
        together(&mut house);
        until(|| load.store.reads_redis() && !load.store.promises()).await;
    }
    let (calls, _) = load.judge(callers).await;
    assert!(calls > 500, "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_while_both_break_at_random() {
    both_break(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_while_both_break_at_random_with_several_nodes() {
    both_break(2).await;
}

async fn both_break(nodes: u32) {
    let mut house = House::new().await;
    let (load, callers) = Load::begin(house.store_of(nodes).await);
    for _ in 0..6 {
        let one = REDIS[usize::from(rand::random::<u8>()) % REDIS.len()];
        let other = POSTGRES[usize::from(rand::random::<u8>()) % POSTGRES.len()];
        let (first, second) = if rand::random() { (one, other) } else { (other, one) };
        a_while().await;
        first.0(&mut house);
        a_while().await;
        second.0(&mut house);
        tokio::time::sleep(Duration::from_secs(1)).await;
        first.1(&mut house);
        a_while().await;
        second.1(&mut house);
        house.redis_wire.set(Path::Open);
        until(|| load.store.reads_redis() && !load.store.promises()).await;
    }
    load.judge(callers).await;
}
