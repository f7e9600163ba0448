//! `sekat run`: how does the daemon come up and go down?
//!
//! Owns the runtime. What runs on it is `app`'s business.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tracing::{error, info, warn};

use super::{Exit, VERSION, peers};
use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::store::keys::{self, KeySource, MasterKey};
use crate::{app, logging};

/// Threads for what blocks (name lookups, files). Database work has its own; tokio's default of 512 costs memory after bursts.
const BLOCKING_THREADS: usize = 16;
/// A runtime that does not let go is left behind after this.
const RUNTIME_GRACE: Duration = Duration::from_secs(1);

/// Runs the daemon until it is told to stop; gives the process's exit code.
#[must_use]
pub fn execute(config: Option<PathBuf>) -> ExitCode {
    match prepare(config) {
        Ok(config) => match daemon(config) {
            Ok(exit) => exit.into(),
            Err(error) => {
                // Both: the log may go elsewhere than the person who has just typed `sekat run` looks.
                error!(event = "failed", error = format!("{error:#}"), "the daemon failed");
                super::finish(Err(error))
            }
        },
        Err(error) => super::finish(Err(error)),
    }
}

fn prepare(config: Option<PathBuf>) -> anyhow::Result<Config> {
    let config = super::load(config)?;
    config.token()?;
    logging::init(&config.log).context("start the log")?;
    Ok(config)
}

fn daemon(config: Config) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("sekat")
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("start the runtime")?;
    let result = runtime.block_on(run(config));
    runtime.shutdown_timeout(RUNTIME_GRACE);
    result
}

async fn run(config: Config) -> anyhow::Result<Exit> {
    peers::check(&config).await?;
    let lifecycle = Lifecycle::start(&config.data.dir)?;
    end_rotation(&config)?;
    info!(event = "starting", version = VERSION, "starting");
    let shutdown = lifecycle.shutdown.clone();
    // The application drains its own tasks within the same limit; the second bounds the application itself.
    let limit = config.whatsapp.shutdown_timeout + Duration::from_secs(5);
    // Boxed: the future of the whole daemon is large, and is made once.
    match shutdown.bounded(limit, Box::pin(app::run(config, lifecycle))).await {
        Some(Ok(())) => {
            info!(event = "stopped", "stopped");
            Ok(Exit::Done)
        }
        Some(Err(error)) => Err(error),
        None => {
            warn!(event = "stopped", error.code = "shutdown-timeout", "stopped without waiting for all to close");
            Ok(Exit::Failed)
        }
    }
}

/// A rotation may have been cut off, or have waited for this start with the new key. Refuses to go on when the master key is
/// there but wrong; makes no key.
fn end_rotation(config: &Config) -> anyhow::Result<()> {
    let source = KeySource::from_env(config.keys.master_key_file.clone());
    let dir = &config.data.dir;
    let Some((master, _)) = MasterKey::load(&source, dir)? else { return Ok(()) };
    if let Some(report) = keys::finish_rotation(dir, &master)? {
        info!(event = "key-rotated", rewrapped = report.rewrapped, "the change of the master key is complete");
    } else if keys::pending_rotation(dir)?.is_some() {
        warn!(event = "key-rotation-pending", "a change of the master key was cut off: run sekat key rotate again");
    }
    Ok(())
}
