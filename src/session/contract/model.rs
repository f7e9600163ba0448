//! Arbitrary sequences, played on an engine and on a plain map that can do nothing wrong.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Bed, CASTS, Cast};
use crate::domain::Timestamp;
use crate::session::{Expected, Payload, Query, SessionError, SessionKey, Version};

#[derive(Debug, Clone)]
enum Op {
    Put { user: u64, mark: i64, ttl: u64, expected: Expect },
    Remove { user: u64, at: Option<bool> },
    Renew { user: u64, ttl: u64 },
    Forward { milli: u64 },
    Cleanup,
    Settle { user: u64 },
}

#[derive(Debug, Clone, Copy)]
enum Expect {
    Any,
    Absent,
    /// What was seen last under this key, by whoever looked.
    Seen,
    Wrong,
}

fn op() -> impl Strategy<Value = Op> {
    let expected = prop_oneof![Just(Expect::Any), Just(Expect::Absent), Just(Expect::Seen), Just(Expect::Wrong)];
    prop_oneof![
        5 => (0_u64..6, 0_i64..100, 0_u64..60, expected)
            .prop_map(|(user, mark, ttl, expected)| Op::Put { user, mark, ttl, expected }),
        1 => (0_u64..6, prop::option::of(any::<bool>())).prop_map(|(user, at)| Op::Remove { user, at }),
        1 => (0_u64..6, 0_u64..60).prop_map(|(user, ttl)| Op::Renew { user, ttl }),
        2 => (0_u64..30).prop_map(|milli| Op::Forward { milli }),
        1 => Just(Op::Cleanup),
        1 => (0_u64..6).prop_map(|user| Op::Settle { user }),
    ]
}

/// Kinds take turns.
#[derive(Clone, Copy)]
struct Casts<'a>(&'a [Cast]);

impl Casts<'_> {
    fn of(&self, n: u64) -> Cast {
        self.0[n as usize % self.0.len()]
    }

    fn key(&self, n: u64) -> SessionKey {
        (self.of(n).key)(n)
    }

    fn payload(&self, n: u64, mark: i64) -> Payload {
        (self.of(n).payload)(n, mark)
    }
}

#[derive(Default)]
struct Model {
    now: i64,
    /// Mark, version, end.
    live: BTreeMap<u64, (i64, Version, i64)>,
    seen: BTreeMap<u64, Version>,
}

/// Plays on engines that `make` gives, and holds them to the model after every operation.
pub(in crate::session) fn play<F: Future<Output = Bed>>(cases: u32, make: impl Fn() -> F) {
    play_of(&CASTS, cases, make);
}

/// The same, with these kinds only.
pub(in crate::session) fn play_of<F: Future<Output = Bed>>(casts: &[Cast], cases: u32, make: impl Fn() -> F) {
    let casts = Casts(casts);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let ran = runner.run(&prop::collection::vec(op(), 1..60), |ops| {
        runtime.block_on(async {
            let bed = make().await;
            let mut model = Model { now: super::START, ..Model::default() };
            for op in ops {
                step(&casts, &bed, &mut model, op).await;
                same(&casts, &bed, &mut model).await;
            }
            bed.store.close().await.unwrap();
        });
        Ok(())
    });
    ran.unwrap();
}

async fn step(casts: &Casts<'_>, bed: &Bed, model: &mut Model, op: Op) {
    let store = &bed.store;
    match op {
        Op::Put { user, mark, ttl, expected } => {
            let there = model.live.get(&user).map(|(_, version, _)| *version);
            let seen = model.seen.get(&user).copied().unwrap_or(Version(0));
            let (expected, fits) = match expected {
                Expect::Any => (Expected::Any, true),
                Expect::Absent => (Expected::Absent, there.is_none()),
                Expect::Seen => (Expected::At(seen), there == Some(seen)),
                Expect::Wrong => (Expected::At(Version(u64::MAX)), false),
            };
            match store.put(&casts.key(user), casts.payload(user, mark), Duration::from_millis(ttl), expected).await {
                Ok(version) => {
                    assert!(fits && version > seen);
                    model.seen.insert(user, version);
                    model.live.insert(user, (mark, version, model.now + ttl as i64));
                }
                Err(SessionError::Conflict { found }) => assert!(!fits && found == there),
                Err(e) => panic!("{e}"),
            }
        }
        Op::Remove { user, at } => {
            let there = model.live.get(&user).map(|(_, version, _)| *version);
            let at = at.map(|right| if right { there.unwrap_or(Version(1)) } else { Version(u64::MAX) });
            match store.remove(&casts.key(user), at).await {
                Ok(was) => {
                    assert_eq!(was, there.is_some());
                    model.live.remove(&user);
                }
                Err(SessionError::Conflict { found }) => assert!(found == there && at != there && there.is_some()),
                Err(e) => panic!("{e}"),
            }
        }
        Op::Renew { user, ttl } => {
            let was = store.renew(&casts.key(user), Duration::from_millis(ttl)).await.unwrap();
            assert_eq!(was, model.live.contains_key(&user));
            if let Some(live) = model.live.get_mut(&user) {
                live.2 = model.now + ttl as i64;
            }
        }
        Op::Forward { milli } => {
            bed.hands.forward(Duration::from_millis(milli));
            model.now += milli as i64;
        }
        Op::Cleanup => {
            let waiting = store.stats().await.unwrap().expired;
            assert_eq!(store.cleanup().await.unwrap(), waiting);
        }
        Op::Settle { user } => store.settled(&casts.key(user)).await.unwrap(),
    }
}

async fn same(casts: &Casts<'_>, bed: &Bed, model: &mut Model) {
    let now = model.now;
    model.live.retain(|_, (_, _, end)| now < *end);
    let page = bed.store.list(Query { limit: 99, ..Query::default() }).await.unwrap();
    let found: Vec<_> = page.records.iter().map(|r| (r.key, r.payload.clone(), r.version, r.expires_at)).collect();
    let mut wanted: Vec<_> = model
        .live
        .iter()
        .map(|(&user, &(mark, version, end))| (casts.key(user), casts.payload(user, mark), version, Timestamp(end)))
        .collect();
    wanted.sort_by_key(|(key, ..)| *key);
    assert_eq!(found, wanted);
    for user in 0..6 {
        let got = bed.store.get(&casts.key(user)).await.unwrap().map(|record| record.version);
        assert_eq!(got, model.live.get(&user).map(|(_, version, _)| *version));
    }
}
