//! A wire that can be cut.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// It arrives.
    Open,
    /// It arrives this much later.
    Slow(Duration),
    /// It waits, and nobody is told.
    Silent,
    /// Connections are cut, and nobody gets through.
    Cut,
}

/// A wire to a server of this machine. Its tasks end with it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    path: watch::Sender<Path>,
    _stop: DropGuard,
}

impl Proxy {
    /// A wire to this port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (path, seen) = watch::channel(Path::Open);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (accepting, stopped) = (tasks.clone(), stop.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((from, _)) = listener.accept().await {
                let seen = seen.clone();
                accepting.spawn(stopped.clone().run_until_cancelled_owned(async move {
                    // A connection that ends is no failure of the wire's.
                    drop(carry(from, to, seen).await);
                }));
            }
        }));
        Ok(Proxy { port, path, _stop: stop.drop_guard() })
    }

    /// Where to connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what becomes of what is sent from now on, on every connection.
    pub fn set(&self, path: Path) {
        self.path.send_replace(path);
    }
}

async fn carry(from: TcpStream, to: u16, path: watch::Receiver<Path>) -> io::Result<()> {
    if *path.borrow() == Path::Cut {
        return Ok(());
    }
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
    let ((mut here, mut out), (mut there, mut back)) = (from.into_split(), server.into_split());
    let mut cut = path.clone();
    tokio::select! {
        done = copy(&mut here, &mut back, path.clone()) => done,
        done = copy(&mut there, &mut out, path) => done,
        _ = cut.wait_for(|path| *path == Path::Cut) => Ok(()),
    }
}

async fn copy(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    mut path: watch::Receiver<Path>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        let now = *path.wait_for(|path| *path != Path::Silent).await.map_err(io::Error::other)?;
        if let Path::Slow(by) = now {
            tokio::time::sleep(by).await;
        }
        to.write_all(&bytes[..count]).await?;
    }
}
