//! The engine on a real Redis.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::session::contract::{self, Bed, Hands, SEALED};
use crate::session::servers::{RedisOptions, RedisServer};
use crate::session::wire::Place;

pub(in crate::session) fn config(server: &RedisServer) -> RedisConfig {
    RedisConfig {
        place: Place::Tcp("127.0.0.1".to_owned(), server.port()),
        trust: None,
        username: None,
        password: None,
        database: 0,
        connect_timeout: Duration::from_secs(5),
        here_only: true,
    }
}

async fn bed(server: &RedisServer) -> Bed {
    server.command(&["FLUSHALL"]).unwrap();
    let hands = Hands::new();
    Bed { store: Arc::new(RedisStore::new(config(server), hands.clock())), hands, _holds: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_contract() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    contract::suite_of(&SEALED, || bed(&server)).await;
}

#[test]
fn redis_does_what_a_plain_map_does() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    contract::play_of(&SEALED, 60, || bed(&server));
}
