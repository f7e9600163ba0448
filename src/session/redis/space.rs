//! Where in Redis do the sessions of one keeper lie, and how are they asked for?
//!
//! Owns the names. A space has its values, their index and, for the engine that gives versions itself, the last one given.

use std::time::Duration;

use super::epoch::EPOCH;
use super::link::{CommandError, Link};
use super::scripts;
use super::value;
use crate::domain::Timestamp;
use crate::session::error::Result;
use crate::session::key::{SessionKey, SessionKind};
use crate::session::row::{Change, Outcome, Row};
use crate::session::store::{Expected, Version};

/// A value outlives its session by this much, so that clocks that differ a little never let one go early.
const MARGIN: Duration = Duration::from_secs(60);
/// How long it is remembered that a session was removed: longer than anything older can still be on its way.
const REMOVED: Duration = Duration::from_secs(3_600);
/// How many keys are looked at with one command.
const BATCH: usize = 500;

/// What Redis answered.
pub(in crate::session) type Asked<T> = std::result::Result<T, CommandError>;

/// A part of Redis.
#[derive(Debug, Clone)]
pub(in crate::session) struct Space {
    prefix: String,
}

impl Space {
    pub fn new(name: &str) -> Self {
        Space { prefix: format!("sekat:{name}:") }
    }

    /// Under which name the value of a key lies.
    pub fn value(&self, key: &SessionKey) -> String {
        format!("{}{key}", self.prefix)
    }

    fn index(&self) -> String {
        format!("{}index", self.prefix)
    }

    /// The row under a key.
    pub async fn get(&self, link: &Link, key: &SessionKey) -> Asked<Option<Result<Row>>> {
        let found: Option<String> = link.ask(redis::Cmd::get(self.value(key))).await?;
        Ok(found.map(|text| value::decode(key, &text)))
    }

    /// Changes a session, on what is there.
    pub async fn change(
        &self,
        link: &Link,
        key: &SessionKey,
        change: &Change,
        now: Timestamp,
    ) -> Asked<Option<Outcome>> {
        let mut script = scripts::CHANGE.prepare_invoke();
        script.key(self.value(key)).key(self.index()).key(format!("{}last", self.prefix)).arg(key.to_string());
        let (op, text, ttl, mode, at) = match change {
            Change::Put { payload, ttl, expected: Expected::Any } => ("put", payload.as_str(), *ttl, "any", None),
            Change::Put { payload, ttl, expected: Expected::Absent } => ("put", payload.as_str(), *ttl, "absent", None),
            Change::Put { payload, ttl, expected: Expected::At(at) } => {
                ("put", payload.as_str(), *ttl, "at", Some(*at))
            }
            Change::Remove { at: None } => ("remove", "", Duration::ZERO, "any", None),
            Change::Remove { at: Some(at) } => ("remove", "", Duration::ZERO, "at", Some(*at)),
            Change::Renew { ttl } => ("renew", "", *ttl, "any", None),
        };
        script.arg(op).arg(text).arg(now.after(ttl).0).arg(millis(ttl + MARGIN)).arg(now.0).arg(mode);
        script.arg(at.map_or(0, |at| at.0));
        let (what, text): (String, String) = script.invoke_async(&mut link.handle()).await?;
        Ok(match what.as_str() {
            "done" => value::decode(key, &text).ok().map(Outcome::Done),
            "conflict" => Some(Outcome::Conflict(text.parse().ok().map(Version))),
            _ => Some(Outcome::Nothing),
        })
    }

    /// Takes over rows that PostgreSQL has, but for those of which newer ones are there. `false`: Redis is not in this `epoch`.
    pub async fn take(&self, link: &Link, epoch: Option<&str>, rows: &[Row], now: Timestamp) -> Asked<bool> {
        let mut script = scripts::TAKE.prepare_invoke();
        script.key(self.index()).key(EPOCH).arg(epoch.unwrap_or_default());
        for row in rows {
            script.key(self.value(&row.key)).arg(row.key.to_string());
            script.arg(value::encode(row)).arg(row.stamp).arg(life(row, now));
        }
        let taken: i64 = script.invoke_async(&mut link.handle()).await?;
        Ok(taken >= 0)
    }

    /// Some keys in the order of their text, after this one.
    pub async fn keys(
        &self,
        link: &Link,
        prefix: &str,
        after: Option<&SessionKey>,
        limit: usize,
    ) -> Asked<Vec<SessionKey>> {
        let from = match after.map(ToString::to_string) {
            Some(after) if after.as_str() >= prefix => format!("({after}"),
            _ => format!("[{prefix}"),
        };
        let mut ask = redis::cmd("ZRANGEBYLEX");
        ask.arg(self.index()).arg(from).arg(format!("[{prefix}\u{ff}")).arg("LIMIT").arg(0).arg(limit);
        let names: Vec<String> = link.ask(ask).await?;
        Ok(names.iter().filter_map(|name| SessionKey::parse(name)).collect())
    }

    /// The rows under these keys.
    pub async fn rows(&self, link: &Link, keys: &[SessionKey]) -> Asked<Vec<Row>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::cmd("MGET");
        for key in keys {
            ask.arg(self.value(key));
        }
        let found: Vec<Option<String>> = link.ask(ask).await?;
        let rows = keys.iter().zip(found).filter_map(|(key, text)| value::decode(key, &text?).ok());
        Ok(rows.collect())
    }

    /// How many sessions of each kind are live, and how many keys stand for ones that are not; with `let_go`, those go.
    pub async fn judge(&self, link: &Link, now: Timestamp, let_go: bool) -> Asked<(Vec<(SessionKind, u64)>, u64)> {
        let (mut live, mut ended, mut after) = (std::collections::BTreeMap::new(), 0, None);
        loop {
            let keys = self.keys(link, "", after.as_ref(), BATCH).await?;
            let Some(last) = keys.last().copied() else { return Ok((live.into_iter().collect(), ended)) };
            let mut script = scripts::JUDGE.prepare_invoke();
            script.key(self.index());
            script.arg(now.0).arg(if let_go { "yes" } else { "no" });
            for key in &keys {
                script.key(self.value(key)).arg(key.to_string());
            }
            let judged: Vec<i64> = script.invoke_async(&mut link.handle()).await?;
            for (key, is_live) in keys.iter().zip(judged) {
                if is_live == 1 {
                    *live.entry(key.kind()).or_default() += 1;
                } else {
                    ended += 1;
                }
            }
            after = Some(last);
        }
    }
}

fn life(row: &Row, now: Timestamp) -> i64 {
    let left = if row.payload.is_some() { now.until(row.expires_at) + MARGIN } else { REMOVED };
    millis(left)
}

/// As Redis takes it: it refuses what would end beyond the time that it can count to.
fn millis(time: Duration) -> i64 {
    const MOST: i64 = 1 << 52;
    i64::try_from(time.as_millis()).unwrap_or(MOST).clamp(1, MOST)
}
