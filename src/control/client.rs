//! Asks a daemon that runs.
//!
//! Owns one connection at a time. It believes whoever answers only if that is the data folder's owner, or root.
use super::place::{PlaceError, fits};
use super::wire::{ANSWER_BYTES, Answer, Line, read_line};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long connecting and asking may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the answer may take: longer than the daemon gives itself.
const ANSWER: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answers at the socket.
    #[error("ask the daemon at {}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else answers there.
    #[error("trust what answers at {}: user {uid} runs it, who is neither root nor the owner of the data folder", path.display())]
    Stranger {
        /// The socket.
        path: PathBuf,
        /// Who runs it.
        uid: u32,
    },
    /// It says nothing in time.
    #[error("get an answer at {} in time", path.display())]
    Silent {
        /// The socket.
        path: PathBuf,
    },
    /// What it says makes no sense.
    #[error("understand the answer at {}: is the daemon of another version?", path.display())]
    Garbled {
        /// The socket.
        path: PathBuf,
    },
    /// The path is none for a socket.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Asks the daemon that listens at `path`, whose data folder belongs to `owner`. Takes a little over a minute at most.
///
/// # Errors
/// [`AskError`]. Unless nobody could be reached, what was asked for may have been done.
pub async fn ask(path: &Path, owner: u32, question: &(impl Serialize + Sync)) -> Result<Answer, AskError> {
    fits(path)?;
    let unreachable = |source| AskError::Unreachable { path: path.to_owned(), source };
    let garbled = || AskError::Garbled { path: path.to_owned() };
    let silent = || AskError::Silent { path: path.to_owned() };
    let mut line = serde_json::to_vec(question).map_err(|_| garbled())?;
    line.push(b'\n');
    let asking = async {
        let mut stream = UnixStream::connect(path).await.map_err(unreachable)?;
        let uid = stream.peer_cred().map_err(unreachable)?.uid();
        if uid != owner && uid != 0 {
            return Err(AskError::Stranger { path: path.to_owned(), uid });
        }
        stream.write_all(&line).await.map_err(unreachable)?;
        Ok(stream)
    };
    let mut stream = timeout(CONNECT, asking).await.map_err(|_| silent())??;
    match timeout(ANSWER, read_line(&mut stream, ANSWER_BYTES)).await {
        Ok(Ok(Line::Whole(line))) => serde_json::from_slice(&line).map_err(|_| garbled()),
        Ok(Ok(Line::Half | Line::Long)) => Err(garbled()),
        Ok(Err(source)) => Err(unreachable(source)),
        Err(_) => Err(silent()),
    }
}
