//! Answers whoever may ask.
//!
//! Owns the socket and its connections. One that is slow, silent, greedy or senseless costs its own place for a bounded time, and
//! nothing else. What has been begun for somebody is brought to its end, also when they have gone.
use super::own_uid;
use super::place::{reach, unfiled};
use super::wire::{ANSWER_BYTES, ASK_BYTES, Answer, Line, read_line};
use async_trait::async_trait;
use serde_json::Value;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Connections at a time; others wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// That queue.
const BACKLOG: u32 = 64;
/// How long a question may take to come.
const ASK: Duration = Duration::from_secs(5);
/// How long the work on it may take before whoever asked is told that it takes too long. It goes on.
const WORK: Duration = Duration::from_secs(45);
/// How long the answer may take to be read.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a daemon that may have died is waited for before it counts as alive.
const PROBE: Duration = Duration::from_secs(2);
/// Strangers are told of in the log this often, at most.
const TOLD: Duration = Duration::from_secs(60);
/// The wait after a failure to accept: out of file handles, most likely.
const RETRY: Duration = Duration::from_millis(100);
/// `EX_TEMPFAIL` of sysexits.h.
const TEMPORARY: u8 = 75;

/// Whoever knows what questions mean.
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// What is answered. Not dropped before it is done.
    async fn answer(&self, question: Value) -> Answer;
}

/// Why nobody can be listened to.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there already.
    #[error("listen on {}: another process answers there (control.socket)", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// What lies there is no socket, and is left alone.
    #[error("listen on {}: what lies there is no socket (control.socket)", path.display())]
    NoSocket {
        /// What lies there.
        path: PathBuf,
    },
    /// The system said no.
    #[error("listen on {} (control.socket)", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// The socket's file, where it has one. It goes when this is dropped, unless another one has taken its place.
#[derive(Debug)]
pub struct Bound(Option<(PathBuf, (u64, u64))>);

impl Drop for Bound {
    fn drop(&mut self) {
        let Some((path, file)) = &self.0 else { return };
        let is_ours = fs::symlink_metadata(path).is_ok_and(|meta| (meta.dev(), meta.ino()) == *file);
        if is_ours && let Err(e) = fs::remove_file(path) {
            warn!("the control socket stays behind; the next start replaces it: {}", e.kind());
        }
    }
}

/// A socket that is listened on, not answered yet.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    own: u32,
}

impl Listener {
    /// Listens at `path`, as one whom only this user can reach, or under the name that it is. A socket that a dead daemon left is replaced; of a living one, or of
    /// anything else that lies there, nothing is touched.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(path: &Path) -> Result<(Self, Bound), BindError> {
        let io = |source| BindError::Io { path: path.to_owned(), source };
        let own = own_uid().map_err(io)?;
        if unfiled(path).is_some() {
            // Whoever connects is asked who they are either way.
            let socket = UnixSocket::new_stream().map_err(io)?;
            socket.bind(reach(path).map_err(io)?.path).map_err(io)?;
            let listener = socket.listen(BACKLOG).map_err(io)?;
            return Ok((Listener { listener, own }, Bound(None)));
        }
        // Between looking and listening nobody else does either.
        let _one_at_a_time = locked_folder(path).await.map_err(io)?;
        make_room(path).await?;
        let socket = UnixSocket::new_stream().map_err(io)?;
        socket.bind(reach(path).map_err(io)?.path).map_err(io)?;
        let meta = fs::symlink_metadata(path).map_err(io)?;
        let bound = Bound(Some((path.to_owned(), (meta.dev(), meta.ino()))));
        // Before anybody can connect.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(io)?;
        let listener = socket.listen(BACKLOG).map_err(io)?;
        Ok((Listener { listener, own }, bound))
    }

    /// Answers until it is dropped. Work that was begun runs on `tasks`.
    pub async fn serve(self, desk: Arc<dyn Desk>, tasks: TaskTracker) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let (mut connections, mut told) = (JoinSet::new(), None);
        loop {
            while connections.try_join_next().is_some() {}
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(e) => {
                    debug!("the control socket cannot accept: {}", e.kind());
                    sleep(RETRY).await;
                    continue;
                }
            };
            match stream.peer_cred().map(|peer| peer.uid()) {
                Ok(uid) if uid == self.own || uid == 0 => {
                    let (desk, tasks) = (Arc::clone(&desk), tasks.clone());
                    connections.spawn(async move {
                        connection(stream, desk, tasks).await;
                        drop(place);
                    });
                }
                Ok(uid) => tell_of_a_stranger(uid, &mut told),
                Err(e) => debug!("whoever connects to the control socket is not known: {}", e.kind()),
            }
        }
    }
}

fn tell_of_a_stranger(uid: u32, told: &mut Option<Instant>) {
    if told.is_none_or(|at| at.elapsed() >= TOLD) {
        *told = Some(Instant::now());
        warn!(event = "control-refused", uid, "another user of this machine tried the control socket");
    }
}

/// One at a time works on the sockets of a folder.
async fn locked_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (folder, until) = (File::open(folder)?, Instant::now() + PROBE);
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(Duration::from_millis(10)).await,
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
}

/// Removes a socket that nobody listens on any more.
async fn make_room(path: &Path) -> Result<(), BindError> {
    let io = |source| BindError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {}
        Ok(_) => return Err(BindError::NoSocket { path: path.to_owned() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io(e)),
    }
    let way = reach(path).map_err(io)?;
    match timeout(PROBE, UnixStream::connect(&way.path)).await {
        // Nobody listens: only that is sure.
        Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(io),
        Ok(Err(e)) if e.kind() == io::ErrorKind::PermissionDenied => Err(io(e)),
        _ => Err(BindError::Taken { path: path.to_owned() }),
    }
}

/// One connection, from the question to its answer.
async fn connection(mut stream: UnixStream, desk: Arc<dyn Desk>, tasks: TaskTracker) {
    let answer = match timeout(ASK, read_line(&mut stream, ASK_BYTES)).await {
        Ok(Ok(Line::Whole(line))) => match serde_json::from_slice(&line) {
            Ok(question) => worked_on(question, desk, tasks).await,
            Err(_) => Answer::refused(2, "this is no question: it has to be one line of JSON"),
        },
        Ok(Ok(Line::Long)) => Answer::refused(2, &format!("this question is longer than {ASK_BYTES} bytes")),
        // They have gone, or say nothing.
        Ok(Ok(Line::Half) | Err(_)) | Err(_) => return,
    };
    let Ok(mut line) = serde_json::to_vec(&answer) else { return };
    if line.len() as u64 > ANSWER_BYTES {
        let less = Answer::refused(1, &format!("the answer is longer than {ANSWER_BYTES} bytes"));
        line = serde_json::to_vec(&less).unwrap_or_default();
    }
    line.push(b'\n');
    // Whoever does not read it does not need it.
    if !matches!(timeout(ANSWER, stream.write_all(&line)).await, Ok(Ok(()))) {
        debug!("an answer on the control socket was not read");
    }
}

async fn worked_on(question: Value, desk: Arc<dyn Desk>, tasks: TaskTracker) -> Answer {
    // A task of its own: dropped half-way, what is in memory and what is on the disk would differ.
    let work = tasks.spawn(async move { desk.answer(question).await });
    match timeout(WORK, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::refused(1, "something inside failed; the daemon's log has it"),
        Err(_) => Answer::refused(TEMPORARY, "it takes the daemon too long; it goes on"),
    }
}

#[cfg(test)]
mod tests;
