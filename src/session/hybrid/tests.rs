//! The engine on real servers.

mod faults;
mod history;
mod order;
mod storm;

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::Timestamp;
use crate::session::contract::{self, Bed, Hands, SEALED};
use crate::session::servers::{PostgresOptions, PostgresServer, RedisOptions, RedisServer};
use crate::session::{postgres, redis};

pub(super) struct Servers {
    pub redis: RedisServer,
    pub postgres: PostgresServer,
}

impl Servers {
    fn start() -> Self {
        let redis = RedisServer::start(RedisOptions::default()).unwrap();
        Servers { redis, postgres: PostgresServer::start(PostgresOptions::default()).unwrap() }
    }

    fn config(&self, dir: &TempDir) -> HybridConfig {
        HybridConfig {
            redis: redis::tests::config(&self.redis),
            postgres: postgres::tests::config(&self.postgres),
            journal: dir.path().join("journal"),
            fallback_deadline: Duration::from_millis(250),
            nodes: 1,
            node: "main".to_owned(),
        }
    }

    async fn bed(&self, nodes: u32) -> Bed {
        let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
        let config = HybridConfig { nodes, ..self.config(&dir) };
        postgres::PostgresStore::check(&config.postgres).await.unwrap();
        self.postgres.sql("TRUNCATE sekat_sessions").unwrap();
        self.redis.command(&["FLUSHALL"]).unwrap();
        let store = HybridStore::open(config, hands.clock()).await.unwrap();
        until(|| store.reads_redis()).await;
        Bed { store: Arc::new(store), hands, _holds: Some(dir) }
    }
}

impl Warm {
    /// How many live sessions lie in Redis, and how many that have ended.
    async fn counted(&self) -> (u64, u64) {
        let (live, ended) = self.epoch.space.judge(&self.epoch.link, Timestamp::now(), false).await.unwrap();
        (live.iter().map(|(_, count)| count).sum(), ended)
    }
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hybrid_keeps_the_contract() {
    let servers = Servers::start();
    for nodes in [1, 2] {
        contract::suite_of(&SEALED, || servers.bed(nodes)).await;
    }
}

#[test]
fn hybrid_does_what_a_plain_map_does() {
    let servers = Servers::start();
    for nodes in [1, 2] {
        contract::play_of(&SEALED, 20, || servers.bed(nodes));
    }
}
