//! Which engine keeps sessions of which kind, where servers are used?
//!
//! What the daemon is doing for people stays in this process: it is read and written with every update, and is not sealed. What is
//! sealed goes to the servers. Owns nothing but the choice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::error::Result;
use super::key::{SessionKey, SessionKind};
use super::payload::Payload;
use super::store::{Expected, Page, Query, Record, SessionStore, Stats, Version};

/// Two engines as one.
#[derive(Debug)]
pub struct SplitStore {
    here: Arc<dyn SessionStore>,
    shared: Arc<dyn SessionStore>,
}

impl SplitStore {
    /// `here` keeps what is not sealed, `shared` the rest.
    pub fn new(here: Arc<dyn SessionStore>, shared: Arc<dyn SessionStore>) -> Self {
        SplitStore { here, shared }
    }

    fn of(&self, key: &SessionKey) -> &Arc<dyn SessionStore> {
        if key.kind().is_sealed() { &self.shared } else { &self.here }
    }
}

/// The longer of two beginnings, if one begins with the other: what has both has that one.
fn common<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    if one.starts_with(other) {
        Some(one)
    } else if other.starts_with(one) {
        Some(other)
    } else {
        None
    }
}

#[async_trait]
impl SessionStore for SplitStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Record>> {
        self.of(key).get(key).await
    }

    async fn put(&self, key: &SessionKey, payload: Payload, ttl: Duration, expected: Expected) -> Result<Version> {
        self.of(key).put(key, payload, ttl, expected).await
    }

    async fn remove(&self, key: &SessionKey, at: Option<Version>) -> Result<bool> {
        self.of(key).remove(key, at).await
    }

    async fn renew(&self, key: &SessionKey, ttl: Duration) -> Result<bool> {
        self.of(key).renew(key, ttl).await
    }

    async fn list(&self, query: Query<'_>) -> Result<Page> {
        let limit = query.limit.max(1);
        let mut page = Page::default();
        // Keys of people come first. Whatever else may still lie here, from before there were servers, is not in use.
        if !query.after.is_some_and(|after| after.kind().is_sealed())
            && let Some(prefix) = common(SessionKind::User.prefix(), query.prefix)
        {
            page = self.here.list(Query { prefix, ..query.clone() }).await?;
        }
        let wants_shared =
            SessionKind::ALL.iter().any(|kind| kind.is_sealed() && common(kind.prefix(), query.prefix).is_some());
        if page.next.is_some() || !wants_shared {
            return Ok(page);
        }
        let (left, after) = (limit - page.records.len(), query.after.filter(|after| after.kind().is_sealed()));
        let more = self.shared.list(Query { after, limit: left.max(1), ..query }).await?;
        if left == 0 {
            // Full already; whether something follows decides whether there is another page.
            page.next = page.records.last().filter(|_| !more.records.is_empty()).map(|record| record.key);
            return Ok(page);
        }
        page.records.extend(more.records);
        Ok(Page { records: page.records, next: more.next })
    }

    async fn stats(&self) -> Result<Stats> {
        let (here, shared) = tokio::try_join!(self.here.stats(), self.shared.stats())?;
        let mut live = here.live;
        live.retain(|kind, _| !kind.is_sealed());
        live.extend(shared.live);
        Ok(Stats {
            live,
            expired: here.expired + shared.expired,
            unwritten: here.unwritten + shared.unwritten,
            trouble: here.trouble.or(shared.trouble),
        })
    }

    async fn cleanup(&self) -> Result<u64> {
        // Both, whatever becomes of the other.
        let (here, shared) = tokio::join!(self.here.cleanup(), self.shared.cleanup());
        Ok(here? + shared?)
    }

    async fn settled(&self, key: &SessionKey) -> Result<()> {
        self.of(key).settled(key).await
    }

    async fn close(&self) -> Result<()> {
        let (here, shared) = tokio::join!(self.here.close(), self.shared.close());
        here.and(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::MemoryStore;
    use crate::session::contract::{self, Bed, Hands};

    async fn bed() -> Bed {
        let hands = Hands::new();
        let engine = || Arc::new(MemoryStore::new(hands.clock()));
        Bed { store: Arc::new(SplitStore::new(engine(), engine())), hands: hands.clone(), _holds: None }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_engines_keep_the_contract_as_one() {
        contract::suite(bed).await;
    }

    #[tokio::test]
    async fn what_lies_here_from_before_there_were_servers_is_not_in_use() {
        let hands = Hands::new();
        let here = Arc::new(MemoryStore::new(hands.clock()));
        let (key, payload) = (contract::registration_key(1), contract::registration(1, 1));
        here.put(&key, payload.clone(), contract::TTL, Expected::Any).await.unwrap();
        here.put(&contract::key(7), contract::payload(7, 1), contract::TTL, Expected::Any).await.unwrap();
        let split = SplitStore::new(here, Arc::new(MemoryStore::new(hands.clock())));
        assert_eq!(split.get(&key).await.unwrap(), None);
        let page = split.list(Query { limit: 9, ..Query::default() }).await.unwrap();
        assert_eq!(page.records.iter().map(|record| record.key).collect::<Vec<_>>(), [contract::key(7)]);
        assert_eq!(split.stats().await.unwrap().live, [(SessionKind::User, 1)].into());
    }

    #[test]
    fn two_engines_do_what_a_plain_map_does() {
        contract::play(100, bed);
    }
}
