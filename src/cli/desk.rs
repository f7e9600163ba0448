//! Where is a command carried out: by the daemon that runs, or here?
//!
//! A daemon that has the data folder is asked. Without one the work is done here, under the data folder's lock, by whom the folder
//! belongs to. Owns that choice, and prints what comes of it: either way the same.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Exit, InviteCommand, PlanCommand, SessionsCommand, UserCommand};
use super::{folder, invite, members, plan, sessions, status, user};
use crate::config::Config;
use crate::control::{self, Answer, AskError};
use crate::lifecycle::{DataLock, Holder, LifecycleError};

/// How long a daemon that comes up or goes down, or a command at work, is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked again.
const AGAIN: Duration = Duration::from_millis(50);

/// What is asked of a daemon.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// How it is.
    Status {
        /// For programs.
        json: bool,
    },
    /// People.
    User(UserCommand),
    /// Plans.
    Plan(PlanCommand),
    /// Codes.
    Invite(InviteCommand),
    /// Sessions.
    Sessions(SessionsCommand),
}

impl Ask {
    /// Whether it changes something, and does not merely look.
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Status { .. } => false,
            Self::User(command) => matches!(command, UserCommand::Block { .. } | UserCommand::Unblock { .. }),
            Self::Plan(command) => matches!(command, PlanCommand::Set { .. } | PlanCommand::Clear { .. }),
            Self::Invite(command) => matches!(command, InviteCommand::Create { .. } | InviteCommand::Revoke { .. }),
            Self::Sessions(command) => matches!(command, SessionsCommand::Cleanup { .. }),
        }
    }
}

/// What came of a command.
#[derive(Debug)]
pub(super) struct Said {
    pub exit: Exit,
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
}

impl From<String> for Said {
    fn from(out: String) -> Self {
        Said { exit: Exit::Done, out, err: String::new() }
    }
}

/// What a command comes to, with its failures.
pub(super) fn answer(done: anyhow::Result<Said>) -> Answer {
    match done {
        Ok(said) => Answer { exit: said.exit.code(), out: said.out, err: said.err },
        Err(error) => Answer { exit: Exit::of(&error).code(), out: String::new(), err: super::told(&error) },
    }
}

/// The daemon has the data folder, and does not answer.
#[derive(Debug, thiserror::Error)]
#[error("reach the daemon{}: it has the data folder, and does not answer", pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
pub(super) struct NoAnswer {
    pid: Option<u32>,
    #[source]
    source: AskError,
}

/// Has it carried out, prints what came of it, and gives the process's exit code.
pub(super) fn execute(config: Option<PathBuf>, ask: &Ask) -> ExitCode {
    let answer = match reached(config, ask) {
        Ok(answer) => answer,
        Err(error) => self::answer(Err(error)),
    };
    eprint!("{}", answer.err);
    match io::stdout().write_all(answer.out.as_bytes()) {
        // Whoever read (`| head`) has seen enough.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => super::finish(Err(e).context("write what was found")),
        _ => answer.exit.into(),
    }
}

fn reached(config: Option<PathBuf>, ask: &Ask) -> anyhow::Result<Answer> {
    let config = super::load(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        match daemon(&config.data.dir, ask).await? {
            Reached::Answer(answer) => Ok(answer),
            Reached::Nobody(_lock) => Ok(answer(here(&config, ask).await)),
        }
    })
}

/// Who was found.
enum Reached {
    /// A daemon, which answered.
    Answer(Answer),
    /// Nobody: from now on the folder is ours, if there is one.
    Nobody(Option<DataLock>),
}

/// Asks the daemon that has the data folder, or takes its place.
async fn daemon(dir: &Path, ask: &Ask) -> anyhow::Result<Reached> {
    let until = Instant::now() + PATIENCE;
    let Some(owner) = folder::owner(dir)? else { return Ok(Reached::Nobody(None)) };
    if control::own_uid().context("see who I am")? != 0 {
        // Root may ask everybody's daemon; nobody else may even look.
        folder::ours(dir, owner)?;
    }
    loop {
        let is_late = Instant::now() >= until;
        match DataLock::held_by(dir)? {
            None => match free(dir, ask, owner) {
                Err(e) if !is_late && matches!(e.downcast_ref(), Some(LifecycleError::Locked { .. })) => {}
                free => return free,
            },
            Some(Holder { pid, socket: Some(noted) }) => {
                match control::ask(&control::found(&noted, dir), owner, ask).await {
                    Ok(answer) => return Ok(Reached::Answer(answer)),
                    // It may have just died, or stopped.
                    Err(AskError::Unreachable { .. }) if !is_late => {}
                    Err(source) => return Err(NoAnswer { pid, source }.into()),
                }
            }
            // It has only just begun, or is another command.
            Some(Holder { pid, socket: None }) if is_late => {
                return Err(LifecycleError::Locked { path: dir.join(DataLock::NAME), pid }.into());
            }
            Some(_) => {}
        }
        sleep(AGAIN).await;
    }
}

/// What may be done where no daemon runs.
fn free(dir: &Path, ask: &Ask, owner: u32) -> anyhow::Result<Reached> {
    if matches!(ask, Ask::Status { .. }) {
        // It only looks.
        return Ok(Reached::Nobody(None));
    }
    folder::ours(dir, owner)?;
    Ok(Reached::Nobody(Some(DataLock::take(dir)?)))
}

/// Carries it out without a daemon.
async fn here(config: &Config, ask: &Ask) -> anyhow::Result<Said> {
    match ask.clone() {
        Ask::Status { json } => status::without_daemon(config, json),
        Ask::Sessions(command) => {
            if let Some(owner) = folder::owner(&config.sessions.dir)? {
                folder::ours(&config.sessions.dir, owner)?;
            }
            sessions::perform(config, &command, None).await
        }
        Ask::User(command) => {
            members::with(config, async |roll| user::perform(config, roll, None, &command).await).await
        }
        Ask::Plan(command) => {
            members::with(config, async |roll| plan::perform(config, &roll.members, command).await).await
        }
        Ask::Invite(command) => {
            members::with(config, async |roll| invite::perform(config, &roll.members, command).await).await
        }
    }
}
