//! What can be typed after `sekat`, and what does each exit code mean?
//!
//! Owns the arguments and the exit codes. A command's work is in its own file. No secret is ever an argument: `ps` shows those to
//! everybody.

pub mod doctor;
pub mod invite;
pub mod key;
mod members;
mod peers;
pub mod plan;
pub mod run;
pub mod sessions;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, SettingFault, Sources, reference};
use crate::domain::{Plan, TelegramId};
use crate::lifecycle::LifecycleError;
use crate::store::StoreError;
use crate::store::keys::KeyError;

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
  1   failed; the last line says why
  2   the command line was wrong
  75  try again later: another sekat runs on this data folder
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

/// What can be done with codes that let people in.
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Make a code and print it, this once
    Create {
        /// How many people it lets in (1 to 1000)
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// For how long: 90s, 30m, 12h, 7d (at most 366d), or "never" for until it is revoked
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = invite::expiry)]
        expires: invite::Expiry,
        /// What you want to remember about it (at most 100 characters)
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Every code, newest first: what has become of it, and whom it let in when
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Take a code back. Those it let in stay
    Revoke {
        /// The code, or its number in the list
        #[arg(value_name = "CODE")]
        code: String,
    },
}

/// What can be done with plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Give a person a plan
    Set {
        /// The person's Telegram id
        #[arg(value_parser = plan::user)]
        id: TelegramId,
        /// free, basic, pro or enterprise
        #[arg(value_parser = plan::plan)]
        plan: Plan,
    },
    /// A person's plan, and how many numbers they may link
    Show {
        /// The person's Telegram id
        #[arg(value_parser = plan::user)]
        id: TelegramId,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Everybody who has a plan
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Take a person's plan away
    Clear {
        /// The person's Telegram id
        #[arg(value_parser = plan::user)]
        id: TelegramId,
    },
}

/// What can be done with the session files.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// Everybody's session in a line each
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Everything about one person's session
    Show {
        /// The person's Telegram id
        id: u64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// How many there are, what they wait for, and what else lies in the folder
    Stats {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Whether Redis and PostgreSQL answer, and how soon; exit code 1 when one that is used does not
    Health {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove sessions that have expired
    Cleanup {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// What can be done with the master key.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Wrap every user's key by a new master key. Stop the daemon first. Killed in the middle, run it again
    Rotate {
        /// Use the key in this file rather than make one; you then put it where the old one was
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
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
        Command::Plan(command) => finish(plan::execute(config, command)),
        Command::Invite(command) => finish(invite::execute(config, command)),
        Command::Sessions(command) => finish(sessions::execute(config, &command)),
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
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Temporary => 75,
            Exit::Config => 78,
        })
    }
}

impl Exit {
    /// What an error that reached the edge means.
    fn of(error: &anyhow::Error) -> Self {
        if error.is::<ConfigError>() || error.is::<peers::NotHere>() {
            return Self::Config;
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
    match error.downcast_ref::<ConfigError>() {
        Some(config) => {
            for problem in &config.problems {
                eprintln!("sekat: {problem}");
            }
        }
        None => match error.downcast_ref::<SettingFault>() {
            Some(fault) => eprintln!("sekat: {fault}"),
            None => eprintln!("sekat: failed to {error:#}"),
        },
    }
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
