//! What callers notice while servers come and go: nothing, or one clear error.

use std::time::Instant;

use super::*;
use crate::domain::{Clock, Timestamp};
use crate::session::contract::{TTL, registration, registration_key, registration_mark};
use crate::session::servers::{Path, Proxy};
use crate::session::wire::Place;

/// A store over real servers, each behind a wire that can be cut.
pub(super) struct House {
    pub servers: Servers,
    pub redis_wire: Proxy,
    pub postgres_wire: Proxy,
    dir: TempDir,
}

impl House {
    pub async fn new() -> Self {
        let servers = Servers::start();
        let redis_wire = Proxy::start(servers.redis.port()).await.unwrap();
        let postgres_wire = Proxy::start(servers.postgres.port()).await.unwrap();
        House { servers, redis_wire, postgres_wire, dir: tempfile::tempdir().unwrap() }
    }

    pub fn config(&self) -> HybridConfig {
        let mut config = self.servers.config(&self.dir);
        config.redis.place = Place::Tcp("127.0.0.1".to_owned(), self.redis_wire.port());
        config.redis.connect_timeout = Duration::from_millis(500);
        config.postgres = postgres::tests::at(&self.servers.postgres.url_at(self.postgres_wire.port()));
        config
    }

    pub async fn store(&self) -> HybridStore {
        self.store_of(1).await
    }

    /// One of so many nodes; there are no others.
    pub async fn store_of(&self, nodes: u32) -> HybridStore {
        let store = HybridStore::open(HybridConfig { nodes, ..self.config() }, Clock::system()).await.unwrap();
        until(|| store.reads_redis()).await;
        store
    }
}

pub(super) async fn put(store: &HybridStore, n: u64, mark: i64) -> Result<Version> {
    store.put(&registration_key(n), registration(n, mark), 10 * TTL, Expected::Any).await
}

pub(super) async fn get(store: &HybridStore, n: u64) -> Result<Option<i64>> {
    Ok(store.get(&registration_key(n)).await?.as_ref().map(registration_mark))
}

/// A read, and how long it took.
pub(super) async fn timed(store: &HybridStore, n: u64) -> (Option<i64>, Duration) {
    let begun = Instant::now();
    (get(store, n).await.unwrap(), begun.elapsed())
}

/// More than the promise, because tests share their processors; a call that waited for Redis would take far longer.
pub(super) const SOON: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_redis_the_same_call_is_served_by_postgres() {
    let mut house = House::new().await;
    let store = house.store().await;
    put(&store, 1, 1).await.unwrap();
    type Break = fn(&mut House);
    let ways: [(&str, Break, Break); 6] = [
        ("frozen", |h| h.servers.redis.freeze().unwrap(), |h| h.servers.redis.thaw().unwrap()),
        ("killed", |h| h.servers.redis.kill().unwrap(), |h| h.servers.redis.up().unwrap()),
        ("stopped", |h| h.servers.redis.stop().unwrap(), |h| h.servers.redis.up().unwrap()),
        ("cut off", |h| h.redis_wire.set(Path::Cut), |h| h.redis_wire.set(Path::Open)),
        ("silent", |h| h.redis_wire.set(Path::Silent), |h| h.redis_wire.set(Path::Open)),
        ("slow", |h| h.redis_wire.set(Path::Slow(Duration::from_millis(400))), |h| h.redis_wire.set(Path::Open)),
    ];
    for (n, (way, apart, together)) in ways.into_iter().enumerate() {
        let mark = i64::try_from(n).unwrap() * 10;
        put(&store, 1, mark).await.unwrap();
        store.0.underway.empty().await;
        apart(&mut house);
        let (found, took) = timed(&store, 1).await;
        assert_eq!(found, Some(mark), "{way}");
        assert!(took < SOON, "{way}: {took:?}");
        assert!(!store.reads_redis(), "{way}");
        put(&store, 1, mark + 1).await.unwrap();
        assert!(store.remove(&registration_key(2), None).await.is_ok());
        assert_eq!(get(&store, 1).await.unwrap(), Some(mark + 1), "{way}");
        assert!(store.stats().await.unwrap().trouble.is_some(), "{way}");
        together(&mut house);
        until(|| store.reads_redis()).await;
        assert_eq!(get(&store, 1).await.unwrap(), Some(mark + 1), "{way}");
        assert_eq!(store.stats().await.unwrap().trouble, None, "{way}");
        put(&store, 2, mark).await.unwrap();
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_no_writes_is_not_read() {
    let house = House::new().await;
    let store = house.store().await;
    put(&store, 1, 1).await.unwrap();
    let redis = &house.servers.redis;
    for (way, apart, together) in [
        ("full", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
        ("replica", ["REPLICAOF", "127.0.0.1", "1", ""], ["REPLICAOF", "NO", "ONE", ""]),
    ] {
        let words = |words: [&'static str; 4]| words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>();
        assert_eq!(redis.command(&words(apart)).unwrap(), "+OK");
        put(&store, 1, 2).await.unwrap();
        until(|| store.trouble() == Some("session-server-read-only")).await;
        assert!(!store.reads_redis(), "{way}");
        assert_eq!(get(&store, 1).await.unwrap(), Some(2), "{way}");
        assert_eq!(store.stats().await.unwrap().trouble, Some("session-server-read-only"), "{way}");
        assert_eq!(redis.command(&words(together)).unwrap(), "+OK");
        until(|| store.reads_redis()).await;
        assert_eq!(get(&store, 1).await.unwrap(), Some(2), "{way}");
        put(&store, 1, 1).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_lost_is_never_read_as_current() {
    let mut house = House::new().await;
    let store = house.store().await;
    for n in 1..=20 {
        put(&store, n, 1).await.unwrap();
    }
    house.servers.redis.save().unwrap();
    for n in 1..=10 {
        put(&store, n, 2).await.unwrap();
    }
    assert!(store.remove(&registration_key(20), None).await.unwrap());
    // From the snapshot come old values, one that was removed, and the epoch in which they were right.
    house.servers.redis.kill().unwrap();
    house.servers.redis.up().unwrap();
    let mut seen = 0;
    while !store.reads_redis() || seen < 3 {
        seen += usize::from(store.reads_redis());
        for n in 1..=10 {
            assert_eq!(get(&store, n).await.unwrap(), Some(2));
        }
        assert_eq!(get(&store, 20).await.unwrap(), None);
    }
    // All of it gone while the connection stays.
    house.servers.redis.command(&["FLUSHALL"]).unwrap();
    assert_eq!(get(&store, 11).await.unwrap(), Some(1));
    assert!(!store.reads_redis());
    until(|| store.reads_redis()).await;
    assert_eq!(get(&store, 11).await.unwrap(), Some(1));
    let (live, _) = store.0.circuit.warm().unwrap().counted().await;
    assert_eq!(live, 19, "Redis has everything that is live");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_promises_are_kept() {
    let mut house = House::new().await;
    // A busy machine is no Redis that fails.
    let config = HybridConfig { fallback_deadline: 100 * SOON, ..house.config() };
    let store = HybridStore::open(config.clone(), Clock::system()).await.unwrap();
    until(|| store.reads_redis()).await;
    let first = put(&store, 1, 1).await.unwrap();
    put(&store, 2, 1).await.unwrap();
    house.servers.postgres.kill().unwrap();
    let second = store.put(&registration_key(1), registration(1, 2), 10 * TTL, Expected::At(first)).await.unwrap();
    assert!(second > first);
    let again = store.put(&registration_key(1), registration(1, 3), 10 * TTL, Expected::At(first)).await;
    assert!(matches!(again, Err(SessionError::Conflict { found: Some(found) }) if found == second), "{again:?}");
    assert!(store.remove(&registration_key(2), None).await.unwrap());
    put(&store, 3, 3).await.unwrap();
    assert!(store.renew(&registration_key(3), 20 * TTL).await.unwrap());
    assert_eq!((get(&store, 1).await.unwrap(), get(&store, 2).await.unwrap()), (Some(2), None));
    assert_eq!((get(&store, 3).await.unwrap(), get(&store, 4).await.unwrap()), (Some(3), None));
    assert_eq!(store.list(Query::default()).await.unwrap_err().code(), "session-away");
    // A promise survives the process.
    drop(store);
    let store = HybridStore::open(config, Clock::system()).await.unwrap();
    assert_eq!(get(&store, 1).await.unwrap(), Some(2));
    assert_eq!(put(&store, 4, 4).await.unwrap_err().code(), "session-away", "without either there is no promise");
    house.servers.postgres.up().unwrap();
    until(|| !store.promises() && store.reads_redis()).await;
    let page = store.list(Query { limit: 9, ..Query::default() }).await.unwrap();
    let marks: Vec<_> = page.records.iter().map(|record| (record.key, registration_mark(record))).collect();
    assert_eq!(marks, [(registration_key(1), 2), (registration_key(3), 3)]);
    assert_eq!(page.records[0].version, second);
    assert_eq!((get(&store, 1).await.unwrap(), store.0.journal.len()), (Some(2), 0));
    assert!(put(&store, 1, 5).await.unwrap() > second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_postgres_cannot_undo_what_was_promised() {
    let house = House::new().await;
    let store = house.store().await;
    put(&store, 1, 1).await.unwrap();
    house.servers.postgres.freeze().unwrap();
    // Sent to PostgreSQL and not answered; it would be carried out on waking.
    put(&store, 1, 2).await.unwrap();
    put(&store, 1, 3).await.unwrap();
    assert_eq!(get(&store, 1).await.unwrap(), Some(3));
    house.servers.postgres.thaw().unwrap();
    until(|| !store.promises()).await;
    assert_eq!(get(&store, 1).await.unwrap(), Some(3));
    let page = store.list(Query { limit: 9, ..Query::default() }).await.unwrap();
    assert_eq!(registration_mark(&page.records[0]), 3);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_nodes_promise_nothing() {
    let mut house = House::new().await;
    let store = house.store_of(2).await;
    put(&store, 1, 1).await.unwrap();
    house.servers.postgres.kill().unwrap();
    assert_eq!(put(&store, 1, 2).await.unwrap_err().code(), "session-away-of-many");
    assert_eq!(get(&store, 1).await.unwrap(), Some(1));
    house.servers.postgres.up().unwrap();
    until(|| !store.promises()).await;
    put(&store, 1, 3).await.unwrap();
    assert_eq!(get(&store, 1).await.unwrap(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_away_every_call_says_so_and_soon() {
    let mut house = House::new().await;
    let store = house.store().await;
    put(&store, 1, 1).await.unwrap();
    store.0.underway.empty().await;
    house.redis_wire.set(Path::Silent);
    house.postgres_wire.set(Path::Silent);
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(get(&store, 1).await.unwrap_err().code(), "session-away");
        assert_eq!(put(&store, 1, 2).await.unwrap_err().code(), "session-away");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    house.redis_wire.set(Path::Open);
    house.postgres_wire.set(Path::Open);
    until(|| store.reads_redis() && !store.promises()).await;
    put(&store, 1, 3).await.unwrap();
    assert_eq!(get(&store, 1).await.unwrap(), Some(3));
    house.servers.postgres.stop().unwrap();
    house.servers.redis.stop().unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_was_started_anew_while_nobody_asked_is_not_noticed() {
    let mut house = House::new().await;
    let store = house.store_of(2).await;
    put(&store, 1, 1).await.unwrap();
    house.servers.postgres.stop().unwrap();
    house.servers.postgres.up().unwrap();
    // The library learns of the end by itself.
    tokio::time::timeout(Duration::from_secs(30), async {
        while store.0.pool.connected().is_some() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap();
    put(&store, 1, 2).await.unwrap();
    assert_eq!(get(&store, 1).await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_was_told_of_is_on_both_servers_or_on_neither() {
    let house = House::new().await;
    let store = house.store_of(2).await;
    for round in 0..3 {
        put(&store, 1, 10 * round).await.unwrap();
        house.servers.postgres.freeze().unwrap();
        assert_eq!(put(&store, 1, 10 * round + 1).await.unwrap_err().code(), "session-away-of-many");
        assert_eq!(get(&store, 1).await.unwrap(), Some(10 * round), "Redis lives");
        house.servers.postgres.thaw().unwrap();
        until(|| !store.promises() && store.reads_redis()).await;
        let key = registration_key(1);
        let there = store.0.pool.get(&key).await.unwrap().and_then(|row| row.live(Timestamp::now()));
        assert_eq!(store.get(&key).await.unwrap(), there);
        assert!(store.reads_redis());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_postgres_that_breaks_fails_no_read() {
    let house = House::new().await;
    // Time enough to connect anew on a busy machine.
    let config = HybridConfig { fallback_deadline: 100 * SOON, ..house.config() };
    let store = Arc::new(HybridStore::open(config, Clock::system()).await.unwrap());
    put(&store, 1, 1).await.unwrap();
    house.redis_wire.set(Path::Cut);
    assert_eq!(get(&store, 1).await.unwrap(), Some(1));
    let stop = CancellationToken::new();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, stop) = (Arc::clone(&store), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    assert_eq!(get(&store, 1).await.unwrap(), Some(1));
                }
            })
        })
        .collect();
    let mut round = 0;
    for _ in 0..5 {
        // New ones, which the next break meets when they have held for a while.
        until(|| store.0.pool.connected() > Some(round)).await;
        round = store.0.pool.connected().unwrap_or(round);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'sekat-%'";
        house.servers.postgres.sql(end).unwrap();
    }
    stop.cancel();
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(!store.reads_redis());
}
