//! What holds for every engine, whatever it keeps sessions in.
//!
//! An engine's tests call [`suite`] with a way to make an empty store whose clock they can turn; `model.rs` plays arbitrary
//! sequences against a plain map.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::*;
use crate::domain::{Clock, Timestamp};

mod cast;
mod model;

pub(in crate::session) use cast::*;
pub(in crate::session) use model::{play, play_of};

pub(in crate::session) const TTL: Duration = Duration::from_secs(60);
/// Where the hands stand at first.
pub(in crate::session) const START: i64 = 1_790_000_000_000;

/// A clock that a test turns.
#[derive(Clone)]
pub(in crate::session) struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn new() -> Self {
        Hands(Arc::new(AtomicI64::new(START)))
    }

    pub fn clock(&self) -> Clock {
        let hands = Arc::clone(&self.0);
        Clock::reading(move || Timestamp(hands.load(Ordering::SeqCst)))
    }

    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// An empty store of the engine under test.
pub(in crate::session) struct Bed {
    pub store: Arc<dyn SessionStore>,
    pub hands: Hands,
    /// What has to live as long as the store.
    pub _holds: Option<tempfile::TempDir>,
}

/// Runs everything, each part on a store of its own.
pub(in crate::session) async fn suite<F: Future<Output = Bed>>(make: impl Fn() -> F) {
    suite_of(&CASTS, make).await;
}

/// The same, with these kinds only.
pub(in crate::session) async fn suite_of<F: Future<Output = Bed>>(casts: &[Cast], make: impl Fn() -> F) {
    for cast in casts {
        play_with(*cast, &make).await;
    }
    kinds_do_not_meet(casts, make().await).await;
}

async fn play_with<F: Future<Output = Bed>>(cast: Cast, make: &impl Fn() -> F) {
    what_was_put_is_there(cast, make().await).await;
    a_put_happens_only_on_what_was_expected(cast, make().await).await;
    versions_rise_whatever_happens_in_between(cast, make().await).await;
    only_the_named_version_is_removed(cast, make().await).await;
    a_session_ends_at_its_moment_and_not_before(cast, make().await).await;
    renewing_moves_the_end_and_nothing_else(cast, make().await).await;
    pages_follow_the_order_of_keys(cast, make().await).await;
    what_stays_is_listed_once_while_the_rest_changes(cast, make().await).await;
    what_does_not_fit_is_refused(cast, make().await).await;
    any_person_has_a_key(cast, make().await).await;
    of_many_who_expect_the_same_one_succeeds(cast, make().await).await;
    counting_together_loses_nothing(cast, make().await).await;
    what_is_closed_stays_closed(cast, make().await).await;
}

async fn what_was_put_is_there(cast: Cast, bed: Bed) {
    let store = bed.store;
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), None);
    let version = store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Any).await.unwrap();
    let record = store.get(&(cast.key)(7)).await.unwrap().unwrap();
    let expires_at = Timestamp(START).after(TTL);
    assert_eq!(record, Record { key: (cast.key)(7), payload: (cast.payload)(7, 1), version, expires_at });
    store.put(&(cast.key)(8), (cast.payload)(8, 2), TTL, Expected::Any).await.unwrap();
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), Some(record));
    store.settled(&(cast.key)(7)).await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.live.get(&cast.kind), stats.expired, stats.trouble), (Some(&2), 0, None));
    assert!(store.remove(&(cast.key)(7), None).await.unwrap());
    assert!(!store.remove(&(cast.key)(7), None).await.unwrap());
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), None);
}

fn conflict<T: std::fmt::Debug>(result: Result<T>, expected: Option<Version>) {
    assert!(matches!(&result, Err(SessionError::Conflict { found }) if *found == expected), "{result:?}");
}

async fn a_put_happens_only_on_what_was_expected(cast: Cast, bed: Bed) {
    let store = bed.store;
    conflict(store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::At(Version(1))).await, None);
    let first = store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Absent).await.unwrap();
    conflict(store.put(&(cast.key)(7), (cast.payload)(7, 2), TTL, Expected::Absent).await, Some(first));
    conflict(
        store.put(&(cast.key)(7), (cast.payload)(7, 2), TTL, Expected::At(Version(first.0 + 1))).await,
        Some(first),
    );
    let second = store.put(&(cast.key)(7), (cast.payload)(7, 2), TTL, Expected::At(first)).await.unwrap();
    conflict(store.put(&(cast.key)(7), (cast.payload)(7, 3), TTL, Expected::At(first)).await, Some(second));
    assert_eq!((cast.mark)(&store.get(&(cast.key)(7)).await.unwrap().unwrap()), 2);
    store.put(&(cast.key)(7), (cast.payload)(7, 4), TTL, Expected::Any).await.unwrap();
    conflict(store.put(&(cast.key)(7), (cast.payload)(7, 5), TTL, Expected::At(second)).await.map(|_| ()), {
        store.get(&(cast.key)(7)).await.unwrap().map(|record| record.version)
    });
}

async fn versions_rise_whatever_happens_in_between(cast: Cast, bed: Bed) {
    let store = bed.store;
    let mut last = Version(0);
    for round in 0..20_i64 {
        let version = store.put(&(cast.key)(7), (cast.payload)(7, round), TTL, Expected::Any).await.unwrap();
        assert!(version > last, "{version} after {last}");
        last = version;
        match round % 3 {
            0 => assert!(store.remove(&(cast.key)(7), None).await.unwrap()),
            1 => {
                bed.hands.forward(TTL);
                store.cleanup().await.unwrap();
            }
            _ => {}
        }
        conflict(store.put(&(cast.key)(7), (cast.payload)(7, round), TTL, Expected::At(Version(0))).await, {
            store.get(&(cast.key)(7)).await.unwrap().map(|record| record.version)
        });
    }
}

async fn only_the_named_version_is_removed(cast: Cast, bed: Bed) {
    let store = bed.store;
    let first = store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Any).await.unwrap();
    let second = store.put(&(cast.key)(7), (cast.payload)(7, 2), TTL, Expected::Any).await.unwrap();
    conflict(store.remove(&(cast.key)(7), Some(first)).await, Some(second));
    assert!(store.get(&(cast.key)(7)).await.unwrap().is_some());
    assert!(store.remove(&(cast.key)(7), Some(second)).await.unwrap());
    assert!(!store.remove(&(cast.key)(7), Some(second)).await.unwrap());
}

async fn a_session_ends_at_its_moment_and_not_before(cast: Cast, bed: Bed) {
    let (store, hands) = (bed.store, bed.hands);
    let first = store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Any).await.unwrap();
    store.put(&(cast.key)(8), (cast.payload)(8, 1), 2 * TTL, Expected::Any).await.unwrap();
    hands.forward(TTL - Duration::from_millis(1));
    assert!(store.get(&(cast.key)(7)).await.unwrap().is_some());
    assert_eq!(store.cleanup().await.unwrap(), 0);
    hands.forward(Duration::from_millis(1));
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), None);
    let page = store.list(Query { limit: 9, ..Query::default() }).await.unwrap();
    assert_eq!(page.records.iter().map(|r| r.key).collect::<Vec<_>>(), [(cast.key)(8)]);
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.live.get(&cast.kind), Some(&1));
    assert!(!store.renew(&(cast.key)(7), TTL).await.unwrap());
    assert!(
        !store.remove(&(cast.key)(7), Some(Version(first.0 + 9))).await.unwrap(),
        "what has ended cannot be in the way"
    );
    conflict(store.put(&(cast.key)(7), (cast.payload)(7, 2), TTL, Expected::At(first)).await, None);
    store.put(&(cast.key)(7), (cast.payload)(7, 2), Duration::ZERO, Expected::Absent).await.unwrap();
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), None);
    store.put(&(cast.key)(7), (cast.payload)(7, 2), TTL, Expected::Absent).await.unwrap();
    hands.forward(2 * TTL);
    // An engine that lets sessions go by itself has nothing left to clean up.
    let waited = store.stats().await.unwrap().expired;
    assert_eq!(store.cleanup().await.unwrap(), waited);
    assert_eq!(store.stats().await.unwrap().expired, 0);
    assert_eq!(store.cleanup().await.unwrap(), 0);
}

async fn renewing_moves_the_end_and_nothing_else(cast: Cast, bed: Bed) {
    let (store, hands) = (bed.store, bed.hands);
    assert!(!store.renew(&(cast.key)(7), TTL).await.unwrap());
    store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Any).await.unwrap();
    let before = store.get(&(cast.key)(7)).await.unwrap().unwrap();
    hands.forward(TTL / 2);
    assert!(store.renew(&(cast.key)(7), TTL).await.unwrap());
    let expires_at = before.expires_at.after(TTL / 2);
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), Some(Record { expires_at, ..before }));
    hands.forward(TTL / 2);
    assert!(store.get(&(cast.key)(7)).await.unwrap().is_some());
    assert!(store.renew(&(cast.key)(7), Duration::ZERO).await.unwrap());
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap(), None);
}

async fn pages(store: &dyn SessionStore, prefix: &str, limit: usize) -> Vec<SessionKey> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(Query { prefix, after, limit }).await.unwrap();
        assert!(page.records.len() <= limit.max(1));
        found.extend(page.records.into_iter().map(|record| record.key));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

async fn pages_follow_the_order_of_keys(cast: Cast, bed: Bed) {
    let store = bed.store;
    assert!(pages(&*store, "", 3).await.is_empty());
    let users: BTreeSet<u64> = (0..40).map(|n| n * n * 7).collect();
    for &user in users.iter().rev() {
        store.put(&(cast.key)(user), (cast.payload)(user, 1), TTL, Expected::Any).await.unwrap();
    }
    let all: Vec<_> = users.iter().map(|&user| (cast.key)(user)).collect();
    for limit in [0, 1, 3, 39, 40, 41, usize::MAX] {
        assert_eq!(pages(&*store, "", limit).await, all, "{limit}");
        assert_eq!(pages(&*store, cast.kind.prefix(), limit).await, all, "{limit}");
    }
    let text = all[5].to_string();
    for end in cast.kind.prefix().len()..=text.len() {
        let prefix = &text[..end];
        let some: Vec<_> = all.iter().filter(|key| key.to_string().starts_with(prefix)).copied().collect();
        assert_eq!(pages(&*store, prefix, 2).await, some);
    }
    assert!(pages(&*store, "wa_", 2).await.is_empty());
    assert!(pages(&*store, &cast.kind.prefix().to_uppercase(), 2).await.is_empty());
}

async fn kinds_do_not_meet(casts: &[Cast], bed: Bed) {
    let store = bed.store;
    for cast in casts {
        for n in 0..5 {
            store.put(&(cast.key)(n), (cast.payload)(n, 1), TTL, Expected::Absent).await.unwrap();
        }
    }
    let all: Vec<_> = casts.iter().flat_map(|cast| (0..5).map(cast.key)).collect();
    assert_eq!(pages(&*store, "", 3).await, all);
    assert_eq!(store.stats().await.unwrap().live, casts.iter().map(|cast| (cast.kind, 5)).collect());
    for (one, other) in [(casts[0], casts[1]), (casts[1], casts[0])] {
        assert_eq!(pages(&*store, one.kind.prefix(), 3).await, (0..5).map(one.key).collect::<Vec<_>>());
        let refused = store.put(&(one.key)(1), (other.payload)(1, 1), TTL, Expected::Any).await.unwrap_err();
        assert_eq!(refused.code(), "session-shape");
    }
    for n in 0..5 {
        assert!(store.remove(&(casts[0].key)(n), None).await.unwrap());
        assert!(store.get(&(casts[1].key)(n)).await.unwrap().is_some());
    }
}

async fn what_stays_is_listed_once_while_the_rest_changes(cast: Cast, bed: Bed) {
    let store = bed.store;
    for user in 0..60 {
        store.put(&(cast.key)(user), (cast.payload)(user, 1), TTL, Expected::Any).await.unwrap();
    }
    let (mut found, mut after, mut step) = (Vec::new(), None, 0);
    loop {
        let page = store.list(Query { prefix: "", after, limit: 7 }).await.unwrap();
        found.extend(page.records.into_iter().map(|record| record.key));
        after = page.next;
        if after.is_none() {
            break;
        }
        // Even ones stay; odd ones go, the cursor's own among them, and others come, before and behind it.
        for odd in (1..60).step_by(2).skip(step).take(4) {
            store.remove(&(cast.key)(odd), None).await.unwrap();
        }
        store
            .put(&(cast.key)(step as u64 + 100), (cast.payload)(step as u64 + 100, 1), TTL, Expected::Any)
            .await
            .unwrap();
        store.put(&(cast.key)(10), (cast.payload)(10, step as i64), TTL, Expected::Any).await.unwrap();
        step += 4;
    }
    for even in (0..60).step_by(2) {
        assert_eq!(found.iter().filter(|found| **found == (cast.key)(even)).count(), 1, "{even}");
    }
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "nobody comes twice");
}

async fn what_does_not_fit_is_refused(cast: Cast, bed: Bed) {
    let store = bed.store;
    let most = (cast.large)(7, MAX_PAYLOAD).unwrap();
    store.put(&(cast.key)(7), most.clone(), TTL, Expected::Any).await.unwrap();
    store.settled(&(cast.key)(7)).await.unwrap();
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap().unwrap().payload, most);
    assert!(matches!((cast.large)(7, 2 * MAX_PAYLOAD), Err(SessionError::TooLarge { .. })));
    for wrong in [(cast.payload)(8, 1), Payload::of(&serde_json::json!({"hello": 1})).unwrap()] {
        let refused = store.put(&(cast.key)(7), wrong, TTL, Expected::Any).await.unwrap_err();
        assert_eq!(refused.code(), "session-shape");
    }
    assert!(matches!(Payload::of(&[1, 2]), Err(SessionError::Shape)));
    assert_eq!(store.get(&(cast.key)(7)).await.unwrap().unwrap().payload, most);
}

async fn any_person_has_a_key(cast: Cast, bed: Bed) {
    let store = bed.store;
    let users = [0, 1, 9, 10, u64::from(u32::MAX), i64::MAX as u64, u64::MAX - 1, u64::MAX];
    for user in users {
        store.put(&(cast.key)(user), (cast.payload)(user, 3), TTL, Expected::Absent).await.unwrap();
        store.settled(&(cast.key)(user)).await.unwrap();
    }
    assert_eq!(pages(&*store, "", 3).await, users.map(cast.key));
    for user in users {
        assert_eq!(store.get(&(cast.key)(user)).await.unwrap().unwrap().payload, (cast.payload)(user, 3));
        assert!(store.remove(&(cast.key)(user), None).await.unwrap());
    }
    assert!(pages(&*store, "", 3).await.is_empty());
}

async fn of_many_who_expect_the_same_one_succeeds(cast: Cast, bed: Bed) {
    let store = bed.store;
    for round in 0..30_u64 {
        let expected = match round % 2 {
            0 => Expected::Absent,
            _ => {
                Expected::At(store.put(&(cast.key)(round), (cast.payload)(round, 0), TTL, Expected::Any).await.unwrap())
            }
        };
        let putting = (1..9).map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.put(&(cast.key)(round), (cast.payload)(round, n), TTL, expected).await.map(|v| (n, v))
            })
        });
        let done = futures_util::future::join_all(putting).await;
        let won: Vec<_> = done.into_iter().filter_map(|done| done.unwrap().ok()).collect();
        assert_eq!(won.len(), 1);
        let record = store.get(&(cast.key)(round)).await.unwrap().unwrap();
        assert_eq!(((cast.mark)(&record), record.version), won[0]);
        let removing = (0..8).map(|_| {
            let store = Arc::clone(&store);
            let at = Some(record.version);
            tokio::spawn(async move { store.remove(&(cast.key)(round), at).await.unwrap() })
        });
        let removed = futures_util::future::join_all(removing).await.into_iter().filter(|done| *done.as_ref().unwrap());
        assert_eq!(removed.count(), 1);
    }
}

async fn counting_together_loses_nothing(cast: Cast, bed: Bed) {
    const WORKERS: i64 = 8;
    const EACH: i64 = 100;
    let store = bed.store;
    store.put(&(cast.key)(7), (cast.payload)(7, 0), TTL, Expected::Any).await.unwrap();
    let workers = (0..WORKERS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut versions = Vec::new();
            while versions.len() < EACH as usize {
                let seen = store.get(&(cast.key)(7)).await.unwrap().unwrap();
                let next = (cast.payload)(7, (cast.mark)(&seen) + 1);
                match store.put(&(cast.key)(7), next, TTL, Expected::At(seen.version)).await {
                    Ok(version) => versions.push(version),
                    Err(SessionError::Conflict { found }) => assert_ne!(found, Some(seen.version)),
                    Err(e) => panic!("{e}"),
                }
                tokio::task::yield_now().await;
            }
            versions
        })
    });
    let given: Vec<Version> =
        futures_util::future::join_all(workers).await.into_iter().flat_map(|done| done.unwrap()).collect();
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "no version is given twice");
    assert_eq!((cast.mark)(&store.get(&(cast.key)(7)).await.unwrap().unwrap()), WORKERS * EACH);
}

async fn what_is_closed_stays_closed(cast: Cast, bed: Bed) {
    let store = bed.store;
    store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Any).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let codes = [
        store.get(&(cast.key)(7)).await.unwrap_err().code(),
        store.put(&(cast.key)(7), (cast.payload)(7, 1), TTL, Expected::Any).await.unwrap_err().code(),
        store.remove(&(cast.key)(7), None).await.unwrap_err().code(),
        store.renew(&(cast.key)(7), TTL).await.unwrap_err().code(),
        store.list(Query::default()).await.unwrap_err().code(),
        store.stats().await.unwrap_err().code(),
        store.cleanup().await.unwrap_err().code(),
        store.settled(&(cast.key)(7)).await.unwrap_err().code(),
    ];
    assert_eq!(codes, ["session-closed"; 8]);
}
