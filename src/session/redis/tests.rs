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

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_everything_is_used_again_and_versions_still_rise() {
    let mut server = RedisServer::start(RedisOptions::default()).unwrap();
    let store = RedisStore::new(config(&server), crate::domain::Clock::system());
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
    assert_eq!((store.get(&key).await.unwrap(), store.trouble()), (None, None));
    assert!(store.put(&key, put(), contract::TTL, Expected::Absent).await.unwrap() > first);
    // What is not sealed never gets here.
    let open = contract::payload(7, 1);
    assert_eq!(
        store.put(&contract::key(7), open, contract::TTL, Expected::Any).await.unwrap_err().code(),
        "session-shape"
    );
}
