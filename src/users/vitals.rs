//! How everybody's worlds are, in figures: what is true at the moment at which it is asked for.
//!
//! Owns nothing. It adds up and names nobody.
use super::room::RoomLoad;
use super::store::UserDataStore;
use crate::domain::{AccountState, Reason, Resource, Timestamp};
use crate::store::{QueueStats, SpoolLoad, StoreError};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// How long the databases may take to answer before they count as stuck. Generous: they may be busy.
const DEADLINE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// People whose worlds are awake.
    pub open: usize,
    /// People who are known; nothing when the directory does not answer.
    pub known: Option<u64>,
    /// Numbers of those whose worlds are awake, by state.
    pub states: BTreeMap<&'static str, u64>,
    /// Of these, the ones that are not as they should be, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Clients that run, and how many of them are online.
    pub clients: (u64, u64),
    /// How full it is with clients.
    pub room: RoomLoad,
    /// News of clients that wait to be taken.
    pub news: u64,
    /// What waits in the spool, or the code of why nobody knows.
    pub spool: Result<SpoolLoad, &'static str>,
    /// How long the oldest of it has waited.
    pub oldest: Duration,
    /// Whether the data folder takes what is written to it, or the code of why not.
    pub folder: Result<(), &'static str>,
    /// Requests that wait for their share of Telegram's limits.
    pub budget_waiting: usize,
    /// The database threads.
    pub queue: QueueStats,
    /// Open databases of people.
    pub databases: usize,
    /// How much is used of what there is only so much of, and of how much.
    pub used: Vec<(Resource, u64, u64)>,
}

/// What it says, or a code.
async fn asked<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, &'static str> {
    match timeout(DEADLINE, answer).await {
        Ok(answer) => answer.map_err(|e| e.code()),
        Err(_) => Err("db-stuck"),
    }
}

impl UserDataStore {
    /// Looks. Takes a few seconds at most, whatever is stuck.
    pub async fn vitals(&self) -> Vitals {
        let shared = self.shared();
        let (spool, known, folder) =
            tokio::join!(asked(shared.spool.load()), asked(shared.directory.count()), asked(shared.vaults.probe()));
        let zero = |code| (code, 0);
        let mut vitals = Vitals {
            open: self.len(),
            known: known.ok(),
            states: AccountState::ALL.iter().map(|state| zero(state.code())).collect(),
            reasons: Reason::ALL.iter().map(|reason| zero(reason.code())).collect(),
            clients: (0, 0),
            room: shared.room.load(),
            news: 0,
            oldest: spool.ok().and_then(|load| load.oldest).map_or(Duration::ZERO, |at| at.until(Timestamp::now())),
            spool,
            folder,
            budget_waiting: shared.budget.waiting(),
            queue: shared.vaults.queue(),
            databases: shared.vaults.open_files().len(),
            used: shared
                .guard
                .readings()
                .iter()
                .filter_map(|r| r.used.map(|(used, of)| (r.resource, used, of)))
                .collect(),
        };
        self.each(|entry| {
            for number in entry.screen.numbers() {
                *vitals.states.entry(number.state.code()).or_default() += 1;
                if let Some(reason) = number.reason {
                    *vitals.reasons.entry(reason.code()).or_default() += 1;
                }
            }
            let (running, online) = entry.slots.running();
            vitals.clients = (vitals.clients.0 + running, vitals.clients.1 + online);
            vitals.news += entry.news.len() as u64;
        });
        vitals
    }
}
