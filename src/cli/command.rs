//! What can be typed after `sekat invite`, `plan`, `user`, `sessions` and `key`?
//!
//! Owns the arguments. What is asked of a daemon goes to it in this form.

use std::path::PathBuf;

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::{invite, plan};
use crate::domain::{Plan, TelegramId};

/// What can be done with codes that let people in.
#[derive(Debug, Clone, Serialize, Deserialize, Subcommand)]
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
#[derive(Debug, Clone, Serialize, Deserialize, Subcommand)]
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

/// What can be done with people.
#[derive(Debug, Clone, Serialize, Deserialize, Subcommand)]
pub enum UserCommand {
    /// Everybody in a line each
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Everything that is known about one person
    Show {
        /// The person's Telegram id
        #[arg(value_parser = plan::user)]
        id: TelegramId,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Keep somebody out: their numbers go offline, nothing that they send is read, their data stays
    Block {
        /// The person's Telegram id
        #[arg(value_parser = plan::user)]
        id: TelegramId,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Let somebody in again who was blocked
    Unblock {
        /// The person's Telegram id
        #[arg(value_parser = plan::user)]
        id: TelegramId,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// What can be done with the session files.
#[derive(Debug, Clone, Serialize, Deserialize, Subcommand)]
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
