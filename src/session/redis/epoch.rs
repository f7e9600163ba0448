//! Is Redis still the one that had everything?
//!
//! Owns the name under which Redis keeps its epoch. A Redis that has lost anything has lost it too, or is another run than it names;
//! what is read is believed only together with it.

use super::link::Link;
use super::scripts;
use super::space::{Asked, Space};
use crate::domain::Timestamp;
use crate::session::row::Row;

/// The name of the epoch.
pub(super) const EPOCH: &str = "sekat:epoch";

/// One epoch of one Redis.
#[derive(Debug, Clone)]
pub(in crate::session) struct Epoch {
    pub link: Link,
    pub space: Space,
    /// What Redis says its epoch is, for as long as it has lost nothing.
    pub name: String,
}

impl Epoch {
    /// What lies in these places of its space, in their order. The outer `None`: Redis is in another epoch.
    pub async fn texts(&self, places: &[&str]) -> Asked<Option<Vec<Option<String>>>> {
        let mut ask = redis::cmd("MGET");
        ask.arg(EPOCH).arg(places);
        let mut found = self.link.ask::<Vec<Option<String>>>(ask).await?.into_iter();
        if found.next().flatten().as_ref() != Some(&self.name) {
            return Ok(None);
        }
        Ok(Some(found.collect()))
    }

    /// Takes over rows that PostgreSQL has, but for those of which newer ones are there. `false`: Redis is in another epoch.
    pub async fn take(&self, rows: &[Row], now: Timestamp) -> Asked<bool> {
        self.space.take(&self.link, Some(&self.name), rows, now).await
    }

    /// Whether Redis is in it.
    pub async fn is_current(&self) -> Asked<bool> {
        Ok(current(&self.link).await?.as_ref() == Some(&self.name))
    }
}

/// The epoch that Redis says it is in.
pub(in crate::session) async fn current(link: &Link) -> Asked<Option<String>> {
    link.ask(redis::Cmd::get(EPOCH)).await
}

/// Begins an epoch, if what is there is still what was seen. `false`: somebody else was faster.
pub(in crate::session) async fn begin(link: &Link, seen: Option<&str>, new: &str) -> Asked<bool> {
    let mut script = scripts::BEGIN.key(EPOCH);
    script.arg(seen.unwrap_or_default()).arg(new);
    let begun: i64 = script.invoke_async(&mut link.handle()).await?;
    Ok(begun == 1)
}
