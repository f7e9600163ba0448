//! The listening socket of the chat server. It answers "who may connect?"; it owns the listener. Only loopback is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;

use super::error::SimError;
use super::hub::Hub;
use super::session::serve;

/// How long to wait after a failed accept (out of file handles, mostly).
const PAUSE: Duration = Duration::from_millis(50);

/// Opens a listener on a loopback address.
///
/// # Errors
/// [`SimError::NotLoopback`], [`SimError::Io`].
pub async fn bind(address: SocketAddr) -> Result<TcpListener, SimError> {
    if !address.ip().is_loopback() {
        return Err(SimError::NotLoopback);
    }
    Ok(TcpListener::bind(address).await?)
}

/// Accepts connections until the simulator ends.
pub async fn accept(hub: Arc<Hub>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = hub.cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if !peer.ip().is_loopback() {
            continue;
        }
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection could not be made prompt");
        }
        let counters = &hub.counters;
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        counters.connections.fetch_add(1, Ordering::Relaxed);
        let served = Arc::clone(&hub);
        hub.tasks.spawn(async move {
            let ended = Box::pin(serve(Arc::clone(&served), socket));
            let ended = tokio::select! {
                ended = ended => ended,
                // What hangs in a handshake or a write has to end, too.
                () = grace(&served) => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            served.counters.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn grace(hub: &Hub) {
    hub.cancel.cancelled().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
}
