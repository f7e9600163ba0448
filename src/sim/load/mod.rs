//! Benchmarks: how fast is it, and what does it cost?
//!
//! Each is a file; all run the real daemon over the simulators, every one of them a process of its own. A benchmark is
//! never a test: it reports beside a target, and fails only when it could not measure.
mod bed;
mod cold;
mod fleet;
mod flood;
mod hybrid;
mod kill;
mod link;
mod memory;
mod messages;
mod report;
mod restart;
mod scene;
pub mod sessions;
mod sweep;
mod updates;
mod usage;

pub use report::{Better, Figure, Report};

use clap::{Args, ValueEnum};
use std::path::Path;
use std::process::ExitCode;

/// A benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bench {
    /// Memory and handles of linked, connected, idle people
    Memory,
    /// Updates a second, and how long one takes
    Updates,
    /// The first update after everything was closed
    Cold,
    /// From /link to the QR picture
    Link,
    /// What neighbours notice of one who floods
    Flood,
    /// Messages a second from WhatsApp into chats, and from chats to WhatsApp
    Messages,
    /// A thousand numbers of five hundred people: what each costs, and whether that grows while they chat
    Fleet,
    /// Random kills: what is lost, what is doubled
    Kill,
    /// Ten minutes in which everything goes wrong at random, and two kills: what is lost, what is doubled
    Chaos,
    /// Session files: written, read at a start, used meanwhile
    Sessions,
    /// A start with many known people and their numbers
    Restart,
    /// A round of looking for who has gone idle
    Sweep,
    /// Sessions on Redis and PostgreSQL, beside the raw drivers
    Hybrid,
    /// All of them
    All,
}

/// What `all` measures, in this order.
const ALL: [Bench; 13] = [
    Bench::Updates,
    Bench::Cold,
    Bench::Link,
    Bench::Flood,
    Bench::Messages,
    Bench::Fleet,
    Bench::Memory,
    Bench::Kill,
    Bench::Chaos,
    Bench::Sessions,
    Bench::Restart,
    Bench::Sweep,
    Bench::Hybrid,
];

/// What to measure, and how.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// What to measure
    pub bench: Bench,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How many people (kills), in place of the benchmark's own number
    #[arg(long)]
    pub n: Option<u64>,
    /// How long one round of a load takes, about
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Leave out the filled sessions of `memory`
    #[arg(long)]
    pub no_fill: bool,
}

/// Measures, and prints what was found.
///
/// # Errors
/// When it could not measure.
pub async fn execute(options: Options) -> anyhow::Result<ExitCode> {
    let binary = std::env::current_exe()?;
    let found = match options.bench {
        Bench::All => {
            let mut figures = Vec::new();
            for bench in ALL {
                for mut figure in one(bench, &binary, &options).await? {
                    figure.name = format!("{}: {}", name(bench), figure.name);
                    figures.push(figure);
                }
            }
            figures
        }
        bench => one(bench, &binary, &options).await?,
    };
    let report = Report { bench: name(options.bench), figures: found };
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.table());
    }
    Ok(ExitCode::SUCCESS)
}

fn name(bench: Bench) -> String {
    bench.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

async fn one(bench: Bench, binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    // Boxed: each is a whole program's future.
    match bench {
        Bench::Fleet => Box::pin(fleet::run(binary, options)).await,
        Bench::Memory => Box::pin(memory::run(binary, options)).await,
        Bench::Updates => Box::pin(updates::run(binary, options)).await,
        Bench::Cold => Box::pin(cold::run(binary, options)).await,
        Bench::Link => Box::pin(link::run(binary, options)).await,
        Bench::Flood => Box::pin(flood::run(binary, options)).await,
        Bench::Messages => Box::pin(messages::run(binary, options)).await,
        Bench::Kill => Box::pin(kill::run(binary, options)).await,
        Bench::Chaos => Box::pin(kill::chaos(binary, options)).await,
        Bench::Restart => Box::pin(restart::run(binary, options)).await,
        Bench::Sweep => Box::pin(sweep::run(options)).await,
        Bench::Sessions => Box::pin(sessions::run(options)).await,
        Bench::Hybrid => Box::pin(hybrid::run(options)).await,
        Bench::All => Ok(Vec::new()),
    }
}

/// Tells people how far it is; programs read standard output only.
fn progress(what: &str) {
    eprintln!("… {what}");
}

fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
