//! What can be typed after `sekat`, and what does each exit code mean?
//!
//! Owns the arguments and the exit codes. A command's work is in its own file. No secret is ever an argument: `ps` shows those to
//! everybody.

mod command;
mod desk;
pub mod doctor;
mod folder;
pub mod invite;
pub mod key;
pub(crate) mod live;
mod members;
mod peers;
pub mod plan;
pub mod run;
pub mod sessions;
mod status;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, SettingFault, Sources, reference};
use crate::control::{BindError, PlaceError};
use crate::lifecycle::LifecycleError;
use crate::store::StoreError;
use crate::store::keys::KeyError;
use desk::Ask;

pub use command::{InviteCommand, KeyCommand, PlanCommand, SessionsCommand, UserCommand};

/// What `--version` says. A demo build must never be taken for the real one: it does not check WhatsApp's certificate, and
/// so talks to this machine only.
pub const VERSION: &str = if cfg!(feature = "demo") {
    concat!(env!("CARGO_PKG_VERSION"), " (demo build: does not check WhatsApp's certificate, talks to loopback only)")
} else {
    env!("CARGO_PKG_VERSION")
};

const AFTER_HELP: &str = "\
First steps:
  1. Ask @BotFather on Telegram for a bot; put its token into a file that only you can read (chmod 600).
  2. Copy sekat.example.toml to sekat.toml; set telegram.token_file and access.owner (your own Telegram id).
  3. sekat doctor        says what is missing, and what to do about it
  4. sekat run           then write /start to your bot

Exit codes:
  0   done
  1   failed; the last line says why. Of sekat status: something is the matter, or no daemon runs
  2   the command line was wrong
  75  try again later: another sekat runs on this data folder, or the daemon does not answer
  78  the configuration was wrong; each problem is told with its file and line";

#[derive(Debug, Parser)]
#[command(
    name = "sekat",
    version = VERSION,
    about = "One Telegram bot, many people, each with their own WhatsApp numbers and their own encrypted world",
    after_help = AFTER_HELP,
    after_long_help = long_help(),
    arg_required_else_help = true,
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file [default: $SEKAT_CONFIG, else sekat.toml if it is there]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until SIGINT or SIGTERM (a second one stops at once)
    Run,
    /// Check configuration, folders, keys, Telegram, clock and limits; say what to do about each finding
    Doctor {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say how the daemon is; exit code 1 when something is the matter, or none runs
    #[command(long_about = status::ABOUT)]
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Look at people: standing, plan, numbers; keep somebody out, let them in again
    #[command(subcommand, long_about = user::ABOUT, after_help = user::EXAMPLES)]
    User(UserCommand),
    /// Work on the master key
    #[command(subcommand)]
    Key(KeyCommand),
    /// Let people in by codes, when access.mode is "invite"
    #[command(subcommand, long_about = invite::ABOUT, after_help = invite::EXAMPLES)]
    Invite(InviteCommand),
    /// Say how many numbers each person may link
    #[command(subcommand, long_about = plan::ABOUT, after_help = plan::EXAMPLES)]
    Plan(PlanCommand),
    /// Look at the session files: what the daemon is doing for whom; clean up after it
    #[command(subcommand, long_about = sessions::ABOUT, after_help = sessions::EXAMPLES)]
    Sessions(SessionsCommand),
}

fn long_help() -> String {
    format!("{AFTER_HELP}\n\nVariables, each over the file's key of the same name (default):\n{}", reference())
}

/// Reads the process's arguments, does what they say, and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    execute(cli.common, cli.command)
}

/// Does what was asked, and gives the process's exit code.
#[must_use]
pub fn execute(common: Common, command: Command) -> ExitCode {
    let config = common.config;
    match command {
        Command::Run => run::execute(config),
        Command::Doctor { json } => doctor::execute(config, json),
        Command::Key(KeyCommand::Rotate { new_key_file }) => finish(key::rotate(config, new_key_file.as_deref())),
        Command::Status { json } => desk::execute(config, &Ask::Status { json }),
        Command::User(command) => desk::execute(config, &Ask::User(command)),
        Command::Plan(command) => desk::execute(config, &Ask::Plan(command)),
        Command::Invite(command) => desk::execute(config, &Ask::Invite(command)),
        Command::Sessions(command) => desk::execute(config, &Ask::Sessions(command)),
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The command line was wrong.
    Usage,
    /// Something passing was in the way (`EX_TEMPFAIL` of sysexits.h).
    Temporary,
    /// The configuration was wrong (`EX_CONFIG` of sysexits.h).
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Exit {
    /// The number for it.
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Temporary => 75,
            Self::Config => 78,
        }
    }

    /// What an error that reached the edge means.
    fn of(error: &anyhow::Error) -> Self {
        if error.is::<ConfigError>() || error.is::<peers::NotHere>() || error.is::<PlaceError>() {
            return Self::Config;
        }
        if error.is::<desk::NoAnswer>() || matches!(error.downcast_ref(), Some(BindError::Taken { .. })) {
            return Self::Temporary;
        }
        if let Some(found) = error.downcast_ref::<SettingFault>() {
            return if found.fault.is_permanent() { Self::Config } else { Self::Temporary };
        }
        if error.is::<WrongUsage>() {
            return Self::Usage;
        }
        match error.downcast_ref::<LifecycleError>() {
            Some(LifecycleError::Locked { .. }) => return Self::Temporary,
            Some(_) => return Self::Failed,
            None => {}
        }
        if let Some(StoreError::Locked { .. }) = error.downcast_ref::<StoreError>() {
            return Self::Temporary;
        }
        match error.downcast_ref::<KeyError>() {
            // A wrong or missing master key is a matter of configuration: starting again would not help.
            Some(KeyError::Missing { .. } | KeyError::DataWithoutKey { .. } | KeyError::WrongMaster { .. })
            | Some(KeyError::Mode { .. } | KeyError::Form { .. }) => Self::Config,
            _ => Self::Failed,
        }
    }
}

/// The arguments do not fit together; the text says what to type.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(String);

/// Says how a command ended, on standard error when it went wrong.
fn finish(result: anyhow::Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            report(&error);
            Exit::of(&error).into()
        }
    }
}

fn report(error: &anyhow::Error) {
    eprint!("{}", told(error));
}

/// What is said of an error, each line with its end.
fn told(error: &anyhow::Error) -> String {
    if let Some(config) = error.downcast_ref::<ConfigError>() {
        return config.problems.iter().map(|problem| format!("sekat: {problem}\n")).collect();
    }
    if let Some(fault) = error.downcast_ref::<SettingFault>() {
        return format!("sekat: {fault}\n");
    }
    let remedy = match error.downcast_ref::<KeyError>() {
        Some(KeyError::DataWithoutKey { .. } | KeyError::Missing { .. }) => folder::KEY_REMEDY,
        _ => "",
    };
    format!("sekat: failed to {error:#}\n{remedy}")
}

fn load(config: Option<PathBuf>) -> Result<Config, ConfigError> {
    Config::load(&Sources::from_process(config))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_takes_no_secret() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        assert!(
            help.contains("SEKAT_TELEGRAM__TOKEN_FILE") && help.contains("SEKAT_WHATSAPP__WEB__ENDPOINT"),
            "{help}"
        );
        assert!(!help.contains("--token"));
    }
}
