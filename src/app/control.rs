//! How commands reach the daemon, as the configuration has it.
use crate::cli::live::Live;
use crate::config::Config;
use crate::control::{self, Bound, Listener};
use crate::lifecycle::Lifecycle;
use std::sync::Arc;
use tracing::info;

/// Answers commands from now on: that the daemon is coming up, at first. The socket's file goes with what is given.
pub(super) async fn open(config: &Config, lifecycle: &mut Lifecycle) -> anyhow::Result<(Arc<Live>, Bound)> {
    let (data, runtime) = (&config.data.dir, std::env::var_os("RUNTIME_DIRECTORY"));
    let path = control::place(config.control.socket.as_deref(), runtime.as_deref(), data)?;
    let (listener, bound) = Listener::bind(&path).await?;
    lifecycle.note_socket(&control::note(&path, data))?;
    let live = Arc::new(Live::new(config.clone(), lifecycle.shutdown.graceful.clone()));
    lifecycle.until_the_end(listener.serve(live.clone(), lifecycle.shutdown.tracker.clone()));
    info!(event = "listening", socket = %path.display(), "commands are answered");
    Ok((live, bound))
}
