//! When is a write answered, and what do those meet who read then?

use tokio::runtime::Runtime;

use super::faults::{House, SOON, get, put, timed};
use super::*;
use crate::domain::{Clock, Timestamp};
use crate::session::contract::{registration_key, registration_mark};
use crate::session::servers::{Path, Proxy};

#[test]
fn what_was_answered_before_redis_had_it_is_there_after_a_death() {
    let (outside, inside) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let mut house = outside.block_on(House::new());
    let config = HybridConfig { fallback_deadline: 100 * SOON, ..house.config() };
    let store = inside.block_on(async {
        let store = HybridStore::open(config, Clock::system()).await.unwrap();
        until(|| store.reads_redis()).await;
        for n in 1..=3 {
            put(&store, n, 1).await.unwrap();
        }
        store.0.underway.empty().await;
        store
    });
    let space = store.0.circuit.warm().unwrap().epoch.space.clone();
    let in_redis = |house: &House| {
        let of = |n| house.servers.redis.command(&["GET", &space.value(&registration_key(n))]).unwrap();
        [1, 2, 3].map(of)
    };
    let before = in_redis(&house);
    house.redis_wire.set(Path::Silent);
    inside.block_on(async {
        put(&store, 1, 2).await.unwrap();
        assert!(store.remove(&registration_key(2), None).await.unwrap());
        assert_eq!((get(&store, 1).await.unwrap(), get(&store, 2).await.unwrap()), (Some(2), None));
        let listed = store.list(Query { limit: 9, ..Query::default() }).await.unwrap();
        assert_eq!(listed.records.iter().map(registration_mark).collect::<Vec<_>>(), [2, 1]);
        assert!(store.reads_redis(), "nobody has waited for Redis");
    });
    // The process dies, and what it has sent with it.
    inside.shutdown_background();
    drop(store);
    house.redis_wire = outside.block_on(Proxy::start(house.servers.redis.port())).unwrap();
    assert_eq!(in_redis(&house), before, "Redis has got none of it");
    outside.block_on(async {
        // Without the one that knows better, what Redis has is not believed.
        house.postgres_wire.set(Path::Cut);
        let store = HybridStore::open(house.config(), Clock::system()).await.unwrap();
        assert_eq!(get(&store, 1).await.unwrap_err().code(), "session-away");
        house.postgres_wire.set(Path::Open);
        until(|| !store.promises()).await;
        let mut seen = 0;
        while seen < 3 {
            seen += usize::from(store.reads_redis());
            assert_eq!((get(&store, 1).await.unwrap(), get(&store, 2).await.unwrap()), (Some(2), None));
            assert_eq!(get(&store, 3).await.unwrap(), Some(1));
        }
        let after = in_redis(&house);
        assert!(after[0] != before[0] && after[1] != before[1] && after[2] == before[2]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn several_nodes_are_answered_when_redis_has_it_or_is_not_read() {
    let house = House::new().await;
    let store = house.store_of(2).await;
    for n in 1..=20 {
        put(&store, 1, n).await.unwrap();
        let warm = store.0.circuit.warm().unwrap();
        let row = warm.reads.get(&registration_key(1)).await.unwrap().unwrap().unwrap().unwrap();
        assert_eq!(registration_mark(&row.live(Timestamp::now()).unwrap()), n);
    }
    house.redis_wire.set(Path::Silent);
    put(&store, 1, 0).await.unwrap();
    assert!(!store.reads_redis());
    assert_eq!(get(&store, 1).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_read_at_once_are_each_told_of_their_own_and_served_when_redis_is_frozen() {
    let house = House::new().await;
    let store = Arc::new(house.store().await);
    for n in 1..=30 {
        put(&store, n, i64::try_from(n).unwrap()).await.unwrap();
    }
    store.0.underway.empty().await;
    for is_frozen in [false, true] {
        if is_frozen {
            house.servers.redis.freeze().unwrap();
        }
        let readers = (0..300).map(|n| {
            let (store, n) = (Arc::clone(&store), n % 40 + 1);
            async move { (n, timed(&store, n).await) }
        });
        for (n, (found, took)) in futures_util::future::join_all(readers).await {
            assert_eq!(found, i64::try_from(n).ok().filter(|n| *n <= 30));
            assert!(took < SOON, "{took:?}");
        }
        assert_eq!(store.reads_redis(), !is_frozen);
    }
    house.servers.redis.thaw().unwrap();
}
