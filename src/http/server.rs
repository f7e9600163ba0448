//! Connections: how many, how long, and how they end.
//!
//! Owns the socket and every connection's task. A connection that is slow, silent or greedy costs its own place and no
//! more: heads have a size and a deadline, whole connections a lifetime. Must not know what is asked for.
use super::site::Site;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time; others wait in the kernel's queue. Telegram uses 100 at most.
const CONNECTIONS: usize = 256;
/// How long a head may take to come, and a connection may be silent.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// The largest head.
const HEAD_BYTES: usize = 16 * 1024;
/// How many headers it may have.
const HEADERS: usize = 64;
/// After this a connection ends with the answer under way: one whose other end takes no answer would stay for ever.
const LIFETIME: Duration = Duration::from_secs(120);
/// How long that answer may take then: as long as a body.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// The same when the daemon stops: others have their time to end in, too.
const LAST_AT_STOP: Duration = Duration::from_secs(3);
/// The wait after a failure to accept: out of file handles, most likely.
const RETRY: Duration = Duration::from_millis(100);

/// The two stages of stopping, and where tasks are tracked.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Accept nothing new, finish the answers under way.
    pub graceful: CancellationToken,
    /// Drop everything.
    pub hard: CancellationToken,
    /// Every connection runs on this.
    pub tasks: TaskTracker,
}

/// A bound address, not served yet.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Binds.
    ///
    /// # Errors
    /// What the system said.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Listener(TcpListener::bind(address).await?))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system said.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until told to stop.
    pub async fn serve(self, site: Arc<Site>, stop: Stop) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (self.0.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                accepted = accepted => accepted,
                () = stop.graceful.cancelled() => return,
            };
            match (accepted, place) {
                (Ok((stream, _)), Ok(place)) => {
                    let (site, own) = (Arc::clone(&site), stop.clone());
                    stop.tasks.spawn(async move {
                        connection(stream, site, own).await;
                        drop(place);
                    });
                }
                (Err(e), _) => {
                    tracing::warn!(error.code = "http-accept", "a connection could not be accepted: {}", e.kind());
                    sleep(RETRY).await;
                }
                // Nobody closes the places.
                (_, Err(_)) => return,
            }
        }
    }
}

/// One connection, from its first request to its end.
async fn connection(stream: TcpStream, site: Arc<Site>, stop: Stop) {
    if let Err(e) = stream.set_nodelay(true) {
        tracing::debug!("small answers may take longer: {}", e.kind());
    }
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { site.answer(request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = serving.as_mut() => return note(ended),
        () = stop.graceful.cancelled() => {}
        () = sleep(LIFETIME) => {}
    }
    serving.as_mut().graceful_shutdown();
    let stopping = async {
        stop.graceful.cancelled().await;
        sleep(LAST_AT_STOP).await;
    };
    tokio::select! {
        ended = timeout(LAST_ANSWER, serving) => note(ended.unwrap_or(Ok(()))),
        () = stopping => {}
        () = stop.hard.cancelled() => {}
    }
}

/// How a connection ended is the other end's business, and its words are not logged.
fn note(ended: Result<(), hyper::Error>) {
    if let Err(e) = ended {
        tracing::trace!(timeout = e.is_timeout(), parse = e.is_parse(), "a connection ended early");
    }
}
