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
