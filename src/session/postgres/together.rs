//! How do many who write at the same moment share one commit?
//!
//! Owns what waits to be written. A few write for themselves, which is quickest; while they do, what all others put is written
//! by one statement, with one flush, as soon as the one before it is answered. It has each key once, so that everybody gets a
//! version of his own, and in their order, so that two of them never wait for each other. What fails is told to all who wait,
//! and ends it: nothing more is sent over a connection that has failed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_util::task::AbortOnDropHandle;

use super::conn::{Conn, fault};
use super::rows::marked;
use crate::session::fault::Fault;
use crate::session::key::SessionKey;
use crate::session::payload::Payload;
use crate::session::row::Row;

/// How many write for themselves.
const ALONE: usize = 2;
/// How many rows one statement writes, and how many wait for it.
const MOST: usize = 128;

type Told = Result<Row, Fault>;

struct Ask {
    key: SessionKey,
    payload: Payload,
    /// When the session is to end.
    end: i64,
    told: oneshot::Sender<Told>,
}

/// Those who write over one set of connections.
#[derive(Debug)]
pub(super) struct Together {
    alone: Semaphore,
    waiting: mpsc::Sender<Ask>,
    _task: AbortOnDropHandle<()>,
}

/// How somebody writes.
pub(super) enum Way<'a> {
    /// For himself, while he holds this.
    Alone(Option<SemaphorePermit<'a>>),
    /// With others.
    Shared(oneshot::Receiver<Told>),
}

impl Together {
    /// `deadline`: how long one statement may take.
    pub fn new(conn: Arc<Conn>, deadline: Duration) -> Self {
        let (waiting, asks) = mpsc::channel(MOST);
        let task = AbortOnDropHandle::new(tokio::spawn(write_all(conn, deadline, asks)));
        Together { alone: Semaphore::new(ALONE), waiting, _task: task }
    }

    /// How this is to be written. Nobody waits for room: who finds none writes for himself.
    pub fn way(&self, key: &SessionKey, payload: &Payload, end: i64) -> Way<'_> {
        if let Ok(alone) = self.alone.try_acquire() {
            return Way::Alone(Some(alone));
        }
        let (told, answer) = oneshot::channel();
        match self.waiting.try_send(Ask { key: *key, payload: payload.clone(), end, told }) {
            Ok(()) => Way::Shared(answer),
            Err(_) => Way::Alone(None),
        }
    }
}

/// Writes what waits, until that fails or nobody can write any more.
async fn write_all(conn: Arc<Conn>, deadline: Duration, mut waiting: mpsc::Receiver<Ask>) {
    let mut asks = Vec::with_capacity(MOST);
    while !asks.is_empty() || waiting.recv_many(&mut asks, MOST).await > 0 {
        // Whoever was answered by the one before is about to come again.
        tokio::task::yield_now().await;
        while asks.len() < MOST
            && let Ok(ask) = waiting.try_recv()
        {
            asks.push(ask);
        }
        let now = first_of_each(&mut asks);
        match write(&conn, deadline, &now).await {
            // Whoever asked may have stopped waiting.
            Ok(rows) => now.into_iter().zip(rows).for_each(|(ask, row)| drop(ask.told.send(Ok(row)))),
            Err(fault) => return now.into_iter().chain(asks).for_each(|ask| drop(ask.told.send(Err(fault.clone())))),
        }
    }
}

/// Takes out the first of each key, in the order of their keys. What stays is of keys that are among them.
fn first_of_each(asks: &mut Vec<Ask>) -> Vec<Ask> {
    // Those of one key stay in the order in which they came.
    asks.sort_by_key(|ask| ask.key);
    let mut last = None;
    asks.extract_if(.., |ask| last.replace(ask.key) != Some(ask.key)).collect()
}

/// Writes these at once; gives their rows in the same order.
async fn write(conn: &Conn, deadline: Duration, asks: &[Ask]) -> Result<Vec<Row>, Fault> {
    let names: Vec<String> = asks.iter().map(|ask| ask.key.to_string()).collect();
    let texts: Vec<&str> = asks.iter().map(|ask| ask.payload.as_str()).collect();
    let ends: Vec<i64> = asks.iter().map(|ask| ask.end).collect();
    let parameters: [&(dyn ToSql + Sync); 3] = [&names, &texts, &ends];
    let written = match timeout(deadline, conn.client.query(&conn.statements.put_all, &parameters)).await {
        Ok(written) => written.map_err(|e| fault(&e))?,
        Err(_) => return Err(Fault::TimedOut),
    };
    let other = || Fault::Refused("it does not say what it has written".to_owned());
    let mut rows: Vec<Option<Row>> = asks.iter().map(|_| None).collect();
    for row in &written {
        // Nothing says in which order they come back.
        let name: &str = row.try_get(0).map_err(|_| other())?;
        let at = names.binary_search_by(|other| other.as_str().cmp(name)).map_err(|_| other())?;
        let ask = &asks[at];
        rows[at] = Some(marked(row, 1, ask.key, Some(ask.payload.clone())).map_err(|_| other())?);
    }
    rows.into_iter().collect::<Option<_>>().ok_or_else(other)
}

/// The connection is gone, and with it whoever would have answered.
pub(super) fn lost() -> Fault {
    Fault::Unreachable("the connection was lost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::contract::{registration, registration_key};

    fn ask(n: u64, end: i64) -> Ask {
        Ask { key: registration_key(n), payload: registration(n, 1), end, told: oneshot::channel().0 }
    }

    #[test]
    fn each_key_is_written_once_at_a_time_in_the_order_of_arrival() {
        let mut asks: Vec<_> = [(3, 1), (1, 2), (3, 3), (2, 4), (1, 5), (3, 6)].map(|(n, end)| ask(n, end)).into();
        let mut rounds = Vec::new();
        while !asks.is_empty() {
            let now = first_of_each(&mut asks);
            assert!(now.is_sorted_by_key(|ask| ask.key.to_string()), "as the server compares them");
            rounds.push(now.iter().map(|ask| ask.end).collect::<std::collections::BTreeSet<_>>());
        }
        assert_eq!(rounds, [[1, 2, 4].into(), [3, 5].into(), [6].into()]);
    }
}
