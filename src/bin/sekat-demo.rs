//! The demo build: the daemon with its simulators, the tour and the benchmarks.
//!
//! It does not check the certificate of WhatsApp's server, and therefore talks to this machine only.

use clap::{Parser, Subcommand};
use sekat::cli::{Command, Common, VERSION};
use sekat::sim;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "sekat-demo", version = VERSION, about = "Sekat with simulators instead of Telegram and WhatsApp")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: DemoCommand,
}

#[derive(Subcommand)]
enum DemoCommand {
    #[command(flatten)]
    Daemon(Command),
    #[command(flatten)]
    Sim(sim::command::SimCommand),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        DemoCommand::Daemon(command) => sekat::cli::execute(cli.common, command),
        DemoCommand::Sim(command) => sim::command::execute(command),
    }
}
