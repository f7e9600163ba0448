//! What does the running daemon answer to commands?
//!
//! Owns what it needs for that while it is up. Each command is carried out here as it would be without a daemon, on what the daemon has
//! open; so it counts at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::desk::{self, Ask, Said};
use super::{Exit, VERSION, invite, plan, sessions, status, user};
use crate::config::Config;
use crate::control::{Answer, Desk};
use crate::domain::Timestamp;
use crate::http::{Engine, Mode};
use crate::telegram::IntakeStats;
use crate::users::{Roll, UserDataStore};

/// What there is once the daemon is up.
pub struct Up {
    /// Everybody.
    pub users: UserDataStore,
    /// What has come in.
    pub intake: Arc<IntakeStats>,
    /// How.
    pub mode: Mode,
    /// Where sessions are kept.
    pub sessions: Engine,
}

/// The daemon, as commands meet it.
pub struct Live {
    pub(super) config: Config,
    pub(super) since: Timestamp,
    pub(super) stopping: CancellationToken,
    /// Locked for instants only.
    up: Mutex<Option<Arc<Up>>>,
}

impl Live {
    /// A daemon that is coming up.
    #[must_use]
    pub fn new(config: Config, stopping: CancellationToken) -> Self {
        Live { config, since: Timestamp::now(), stopping, up: Mutex::default() }
    }

    fn up(&self) -> MutexGuard<'_, Option<Arc<Up>>> {
        self.up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on commands are carried out.
    pub fn is_up(&self, up: Up) {
        *self.up() = Some(Arc::new(up));
    }

    /// From now on none is begun any more. What is under way goes on, and is waited for with the daemon's other tasks.
    pub fn goes(&self) {
        self.up().take();
    }

    async fn carry_out(&self, ask: Ask) -> anyhow::Result<Said> {
        let up = self.up().clone();
        let Some(up) = up.filter(|_| !self.stopping.is_cancelled()) else {
            return Ok(self.not_up(&ask));
        };
        let (config, users) = (&self.config, Some(&up.users));
        let roll: Roll = up.users.roll();
        match ask {
            Ask::Status { json } => Ok(status::of_daemon(self, &up, json).await),
            Ask::User(command) => user::perform(config, &roll, users, &command).await,
            Ask::Plan(command) => plan::perform(config, &roll.members, command).await,
            Ask::Invite(command) => invite::perform(config, &roll.members, command).await,
            Ask::Sessions(command) => sessions::perform(config, &command, users).await,
        }
    }

    fn not_up(&self, ask: &Ask) -> Said {
        let what = if self.stopping.is_cancelled() { "stopping" } else { "starting" };
        if let Ask::Status { json } = ask {
            return status::not_up(self, what, *json);
        }
        Said {
            exit: Exit::Temporary,
            out: String::new(),
            err: format!("sekat: the daemon is {what}; try again soon\n"),
        }
    }
}

#[async_trait]
impl Desk for Live {
    async fn answer(&self, question: Value) -> Answer {
        let Ok(ask) = serde_json::from_value::<Ask>(question) else {
            let why = format!(
                "the daemon that runs (version {VERSION}) does not know this; start it anew as the same version"
            );
            return Answer::refused(Exit::Usage.code(), &why);
        };
        let changes = ask.changes();
        let answer = desk::answer(Box::pin(self.carry_out(ask)).await);
        if changes {
            info!(event = "commanded", exit = answer.exit, "the operator changed something at the command line");
        }
        answer
    }
}
