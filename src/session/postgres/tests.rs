//! The engine on a real PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::session::contract::{self, Bed, Hands, SEALED};
use crate::session::servers::{PostgresOptions, PostgresServer};
use crate::session::wire::Trust;

pub(in crate::session) fn config(server: &PostgresServer) -> PostgresConfig {
    at(&server.url())
}

pub(in crate::session) fn at(url: &str) -> PostgresConfig {
    PostgresConfig::parse(url, Trust::new(None).unwrap(), Duration::from_secs(5), true).unwrap()
}

async fn bed(server: &PostgresServer) -> Bed {
    let hands = Hands::new();
    let store = PostgresStore::new(config(server), hands.clock());
    store.stats().await.unwrap();
    server.sql("TRUNCATE sekat_sessions").unwrap();
    Bed { store: Arc::new(store), hands, _holds: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract() {
    let server = PostgresServer::start(PostgresOptions::default()).unwrap();
    contract::suite_of(&SEALED, || bed(&server)).await;
}

#[test]
fn postgres_does_what_a_plain_map_does() {
    let server = PostgresServer::start(PostgresOptions::default()).unwrap();
    contract::play_of(&SEALED, 60, || bed(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_keeps_what_it_answered_and_is_used_again() {
    let mut server = PostgresServer::start(PostgresOptions::default()).unwrap();
    let store = PostgresStore::new(config(&server), Clock::system());
    let (key, put) = (contract::registration_key(1), || contract::registration(1, 1));
    let first = store.put(&key, put(), contract::TTL, Expected::Any).await.unwrap();
    server.kill().unwrap();
    assert_eq!(store.get(&key).await.unwrap_err().code(), "session-away");
    assert!(store.trouble().is_some());
    server.up().unwrap();
    let again = async {
        while store.get(&key).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().map(|record| record.version), Some(first));
    assert!(store.put(&key, put(), contract::TTL, Expected::At(first)).await.unwrap() > first);
    let open = contract::payload(7, 1);
    assert_eq!(
        store.put(&contract::key(7), open, contract::TTL, Expected::Any).await.unwrap_err().code(),
        "session-shape"
    );
}

/// The tables as the first form had them, with two sessions.
const FIRST: &str = r#"
CREATE TABLE sekat_sessions_form (version integer NOT NULL);
INSERT INTO sekat_sessions_form VALUES (1);
CREATE TABLE sekat_sessions (
    key text COLLATE "C" PRIMARY KEY,
    payload text,
    version bigint NOT NULL,
    stamp bigint NOT NULL,
    expires_at bigint NOT NULL,
    changed xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX sekat_sessions_changed ON sekat_sessions (changed);
CREATE INDEX sekat_sessions_ends ON sekat_sessions (expires_at) WHERE payload IS NOT NULL;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_form_are_made_into_those_of_today_with_what_is_in_them() {
    let (older, made_now) =
        (PostgresServer::start(PostgresOptions::default()), PostgresServer::start(PostgresOptions::default()));
    let (older, made_now) = (older.unwrap(), made_now.unwrap());
    let (key, payload, end) = (contract::registration_key(1), contract::registration(1, 7), i64::MAX);
    let row = |key: &SessionKey, payload: &str| format!("('{key}', {payload}, 5, 6, {end})");
    let (there, removed) = (row(&key, &format!("'{}'", payload.as_str())), row(&contract::registration_key(2), "NULL"));
    older.sql(&format!("{FIRST} INSERT INTO sekat_sessions VALUES {there}, {removed}")).unwrap();
    // Of several processes that start at the same moment one does it.
    let starting = (0..4).map(|_| async { PostgresStore::check(&config(&older)).await.unwrap() });
    futures_util::future::join_all(starting).await;
    PostgresStore::check(&config(&made_now)).await.unwrap();
    let store = PostgresStore::new(config(&older), Clock::system());
    let found = store.get(&key).await.unwrap().unwrap();
    assert_eq!((found.version, found.payload), (Version(5), payload));
    assert_eq!(older.sql("SELECT count(*) FROM sekat_sessions WHERE payload IS NULL").unwrap(), "1");
    assert!(store.put(&key, contract::registration(1, 8), contract::TTL, Expected::At(Version(5))).await.is_ok());
    let form = "SELECT (SELECT string_agg(version::text, ',') FROM sekat_sessions_form), reloptions,
        (SELECT string_agg(indexdef, ',' ORDER BY indexdef) FROM pg_indexes WHERE tablename = relname)
        FROM pg_class WHERE relname = 'sekat_sessions'";
    assert_eq!(older.sql(form).unwrap(), made_now.sql(form).unwrap());
    assert!(older.sql(form).unwrap().starts_with("2|{fillfactor=70}|CREATE UNIQUE INDEX sekat_sessions_pkey"));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_write_at_once_are_each_answered_for_their_own() {
    let server = PostgresServer::start(PostgresOptions::default()).unwrap();
    // Two processes, so that rows are locked from two sides.
    let stores: [_; 2] = std::array::from_fn(|_| Arc::new(PostgresStore::new(config(&server), Clock::system())));
    for round in 0..5 {
        let writing = (0..400_u64).map(|n| {
            let (store, of) = (Arc::clone(&stores[usize::try_from(n % 2).unwrap()]), n * 7 % 40);
            // Some have ended at once, for those who clean up meanwhile.
            let ttl = if n % 3 == 0 { Duration::ZERO } else { contract::TTL };
            let mark = round * 1_000 + i64::try_from(n).unwrap();
            tokio::spawn(async move {
                if n % 20 == 0 {
                    store.cleanup().await.unwrap();
                }
                let put = contract::registration(of, mark);
                (of, store.put(&contract::registration_key(of), put, ttl, Expected::Any).await.unwrap(), mark, ttl)
            })
        });
        let mut last = std::collections::BTreeMap::new();
        for done in futures_util::future::join_all(writing).await {
            let (of, version, mark, ttl) = done.unwrap();
            let versions: &mut std::collections::BTreeMap<_, _> = last.entry(of).or_default();
            assert!(versions.insert(version, (mark, ttl)).is_none(), "each writing has its own version");
        }
        for (of, versions) in last {
            let (version, (mark, ttl)) = versions.last_key_value().unwrap();
            let found = stores[0].get(&contract::registration_key(of)).await.unwrap();
            let found = found.map(|record| (record.version, contract::registration_mark(&record)));
            assert_eq!(found, (!ttl.is_zero()).then_some((*version, *mark)));
        }
    }
    assert!(stores.iter().all(|store| store.trouble().is_none()), "nobody has waited for himself");
}
