//! How do many who read at the same moment share one question?
//!
//! Owns what waits to be asked. A few ask for themselves, which is quickest; while they do, the keys of all others are put together
//! and asked for with one command, as soon as one of the two before it is answered: Redis finds one while the other's readers are told. A
//! key is asked for after its reader came, so each is told what would have been told to him alone. What fails is told to all
//! whom it was asked for, and ends the asking; where nobody asks any more, those who still wait are told so.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::session::error::Result;
use crate::session::fault::Fault;
use crate::session::key::SessionKey;
use crate::session::redis::epoch::Epoch;
use crate::session::redis::value;
use crate::session::row::Row;

/// How many ask for themselves.
const ALONE: usize = 2;
/// How many commands are under way for the others.
const COMMANDS: usize = 2;
/// How many keys one command asks for, and how many wait for it.
const TOGETHER: usize = 128;

/// What was found in each place, as it lies there. `None`: Redis is in another epoch.
type All = std::result::Result<Option<Vec<Option<String>>>, Fault>;
/// The same of one.
type One = std::result::Result<Option<Option<String>>, Fault>;
/// What was found under a key.
pub(super) type Found = std::result::Result<Option<Option<Result<Row>>>, Fault>;

struct Ask {
    place: String,
    told: oneshot::Sender<One>,
}

/// Those who read in one epoch.
#[derive(Debug)]
pub(super) struct Gather {
    epoch: Arc<Epoch>,
    deadline: Duration,
    alone: Semaphore,
    waiting: mpsc::Sender<Ask>,
    _tasks: [AbortOnDropHandle<()>; COMMANDS],
}

impl Gather {
    /// `deadline`: how long one command may take. Who reads waits for two of them at most.
    pub fn new(epoch: Arc<Epoch>, deadline: Duration) -> Self {
        let (waiting, asks) = mpsc::channel(TOGETHER);
        let asks = Arc::new(Mutex::new(asks));
        let tasks = std::array::from_fn(|_| {
            AbortOnDropHandle::new(tokio::spawn(answer(Arc::clone(&epoch), deadline, Arc::clone(&asks))))
        });
        Gather { epoch, deadline, alone: Semaphore::new(ALONE), waiting, _tasks: tasks }
    }

    /// What is under a key.
    pub async fn get(&self, key: &SessionKey) -> Found {
        // What is of one reader is done by him, at the same time as others do theirs.
        let found = self.find(self.epoch.space.value(key)).await?;
        Ok(found.map(|text| text.map(|text| value::decode(key, &text))))
    }

    async fn find(&self, place: String) -> One {
        let (_alone, place) = match self.alone.try_acquire() {
            Ok(alone) => (Some(alone), place),
            Err(_) => {
                let (told, answer) = oneshot::channel();
                match self.waiting.try_send(Ask { place, told }) {
                    // Dropped unanswered: what came before it failed.
                    Ok(()) => return answer.await.unwrap_or_else(|_| Err(lost())),
                    Err(mpsc::error::TrySendError::Closed(_)) => return Err(lost()),
                    Err(mpsc::error::TrySendError::Full(ask)) => (None, ask.place),
                }
            }
        };
        let found = ask(&self.epoch, self.deadline, &[&place]).await?;
        Ok(found.map(|mut texts| texts.pop().flatten()))
    }
}

async fn ask(epoch: &Epoch, deadline: Duration, places: &[&str]) -> All {
    match timeout(deadline, epoch.texts(places)).await {
        Ok(found) => found.map_err(|e| e.fault),
        Err(_) => Err(Fault::TimedOut),
    }
}

/// Asks for what waits, until that fails or nobody can ask any more.
async fn answer(epoch: Arc<Epoch>, deadline: Duration, waiting: Arc<Mutex<mpsc::Receiver<Ask>>>) {
    loop {
        let asks = together(&mut *waiting.lock().await).await;
        if asks.is_empty() {
            return;
        }
        let places: Vec<&str> = asks.iter().map(|ask| ask.place.as_str()).collect();
        // Whoever asked may have stopped waiting.
        match ask(&epoch, deadline, &places).await {
            Ok(Some(texts)) => asks.into_iter().zip(texts).for_each(|(ask, text)| drop(ask.told.send(Ok(Some(text))))),
            Ok(None) => asks.into_iter().for_each(|ask| drop(ask.told.send(Ok(None)))),
            Err(fault) => return asks.into_iter().for_each(|ask| drop(ask.told.send(Err(fault.clone())))),
        }
    }
}

/// What waits, once something does. Empty: nobody can ask any more.
async fn together(waiting: &mut mpsc::Receiver<Ask>) -> Vec<Ask> {
    let mut asks = Vec::with_capacity(TOGETHER);
    waiting.recv_many(&mut asks, TOGETHER).await;
    // Whoever was told by the one before is about to come again; a question about one or two costs as much as about all.
    tokio::task::yield_now().await;
    while asks.len() < TOGETHER
        && let Ok(ask) = waiting.try_recv()
    {
        asks.push(ask);
    }
    asks
}

fn lost() -> Fault {
    Fault::Unreachable("the connection was lost".to_owned())
}
