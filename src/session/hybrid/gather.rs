//! How do many who read at the same moment share one question?
//!
//! Owns what waits to be asked. A few ask for themselves, which is quickest; while they do, the keys of all others are put together
//! and asked for with one command, as soon as the one before it is answered. A key is asked for after its reader came, so each is
//! told what would have been told to him alone. What fails is told to all who wait, and ends it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::session::error::Result;
use crate::session::fault::Fault;
use crate::session::key::SessionKey;
use crate::session::redis::epoch::Epoch;
use crate::session::row::Row;

/// How many ask for themselves.
const ALONE: usize = 4;
/// How many keys one command asks for, and how many wait for it.
const TOGETHER: usize = 128;

/// What was found under each key. `None`: Redis is in another epoch.
type All = std::result::Result<Option<Vec<Option<Result<Row>>>>, Fault>;
/// The same of one.
pub(super) type Found = std::result::Result<Option<Option<Result<Row>>>, Fault>;

struct Ask {
    key: SessionKey,
    told: oneshot::Sender<Found>,
}

/// Those who read in one epoch.
#[derive(Debug)]
pub(super) struct Gather {
    epoch: Arc<Epoch>,
    deadline: Duration,
    alone: Semaphore,
    waiting: mpsc::Sender<Ask>,
    _task: AbortOnDropHandle<()>,
}

impl Gather {
    /// `deadline`: how long one command may take. Who reads waits for two of them at most.
    pub fn new(epoch: Arc<Epoch>, deadline: Duration) -> Self {
        let (waiting, asks) = mpsc::channel(TOGETHER);
        let task = AbortOnDropHandle::new(tokio::spawn(answer(Arc::clone(&epoch), deadline, asks)));
        Gather { epoch, deadline, alone: Semaphore::new(ALONE), waiting, _task: task }
    }

    /// What is under a key.
    pub async fn get(&self, key: &SessionKey) -> Found {
        let _alone = match self.alone.try_acquire() {
            Ok(alone) => Some(alone),
            Err(_) => {
                let (told, answer) = oneshot::channel();
                match self.waiting.try_send(Ask { key: *key, told }) {
                    // Dropped unanswered: what came before it failed.
                    Ok(()) => return answer.await.unwrap_or_else(|_| Err(lost())),
                    Err(mpsc::error::TrySendError::Closed(_)) => return Err(lost()),
                    Err(mpsc::error::TrySendError::Full(_)) => None,
                }
            }
        };
        let found = ask(&self.epoch, self.deadline, &[*key]).await?;
        Ok(found.map(|mut rows| rows.pop().flatten()))
    }
}

async fn ask(epoch: &Epoch, deadline: Duration, keys: &[SessionKey]) -> All {
    match timeout(deadline, epoch.get(keys)).await {
        Ok(found) => found.map_err(|e| e.fault),
        Err(_) => Err(Fault::TimedOut),
    }
}

/// Asks for what waits, until that fails or nobody can ask any more.
async fn answer(epoch: Arc<Epoch>, deadline: Duration, mut waiting: mpsc::Receiver<Ask>) {
    let (mut asks, mut keys) = (Vec::with_capacity(TOGETHER), Vec::with_capacity(TOGETHER));
    while waiting.recv_many(&mut asks, TOGETHER).await > 0 {
        keys.clear();
        keys.extend(asks.iter().map(|ask: &Ask| ask.key));
        // Whoever asked may have stopped waiting.
        match ask(&epoch, deadline, &keys).await {
            Ok(Some(rows)) => asks.drain(..).zip(rows).for_each(|(ask, row)| drop(ask.told.send(Ok(Some(row))))),
            Ok(None) => asks.drain(..).for_each(|ask| drop(ask.told.send(Ok(None)))),
            Err(fault) => return asks.drain(..).for_each(|ask| drop(ask.told.send(Err(fault.clone())))),
        }
    }
}

fn lost() -> Fault {
    Fault::Unreachable("the connection was lost".to_owned())
}
