//! How commands reach the daemon, as the configuration has it.
use crate::cli::live::Live;
use crate::config::Config;
use crate::control::{self, BindError, Bound, Listener};
use crate::lifecycle::Lifecycle;
use std::sync::Arc;
use tracing::{info, warn};

/// Answers commands from now on: that the daemon is coming up, at first. The socket's file goes with what is given. A folder in
/// which no socket can lie, where nobody has asked for one there, keeps no daemon from its work.
pub(super) async fn open(config: &Config, lifecycle: &mut Lifecycle) -> anyhow::Result<(Arc<Live>, Option<Bound>)> {
    let (data, runtime) = (&config.data.dir, std::env::var_os("RUNTIME_DIRECTORY"));
    let live = Arc::new(Live::new(config.clone(), lifecycle.shutdown.graceful.clone()));
    let path = control::place(config.control.socket.as_deref(), runtime.as_deref())?;
    let (listener, bound) = match Listener::bind(&path).await {
        Err(BindError::Io { source, .. }) if config.control.socket.is_none() => {
            let code = "control-socket";
            warn!(error.code = code, socket = %path.display(), "commands do not reach this daemon (control.socket): {source}");
            return Ok((live, None));
        }
        bound => bound?,
    };
    lifecycle.note_socket(&control::note(&path, data))?;
    lifecycle.until_the_end(listener.serve(live.clone(), lifecycle.shutdown.tracker.clone()));
    info!(event = "listening", socket = %path.display(), "commands are answered");
    Ok((live, Some(bound)))
}
