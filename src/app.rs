//! Which concrete parts make up the daemon?
//!
//! The only place that names them all. It must hold no logic of its own.

use crate::config::Config;
use crate::lifecycle::Lifecycle;

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub async fn run(config: Config, mut lifecycle: Lifecycle) -> anyhow::Result<()> {
    lifecycle.watch(|| true);
    lifecycle.ready();
    lifecycle.shutdown.graceful.cancelled().await;
    anyhow::ensure!(lifecycle.stop(config.whatsapp.shutdown_timeout).await, "stop in time");
    Ok(())
}
