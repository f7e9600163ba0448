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
