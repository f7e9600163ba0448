//! What was promised while PostgreSQL was away?
//!
//! Owns one file, a line for each promise, and the thread that writes it: a promise is given when its line is on the disk. The
//! newest line of a key is what holds. When PostgreSQL has everything, the file is emptied. Its first line names this node, so that
//! PostgreSQL knows its connections again after a restart.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tracing::warn;

use crate::domain::Timestamp;
use crate::session::error::{Result, SessionError};
use crate::session::key::SessionKey;
use crate::session::payload::Payload;
use crate::session::row::Row;
use crate::session::store::Version;

/// More is not promised: PostgreSQL has then been away for so long that somebody has to look.
const MOST: u64 = 64 * 1024 * 1024;
/// How many writings wait for the thread, at most.
const QUEUE: usize = 64;
/// How long the disk may take.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
struct Head {
    node: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    payload: Option<String>,
    version: u64,
    stamp: u64,
    expires_at: i64,
}

impl Line {
    fn of(row: &Row) -> Self {
        Line {
            key: row.key.to_string(),
            payload: row.payload.as_ref().map(|payload| payload.as_str().to_owned()),
            version: row.version.0,
            stamp: row.stamp,
            expires_at: row.expires_at.0,
        }
    }

    fn row(self) -> Option<Row> {
        let key = SessionKey::parse(&self.key)?;
        let payload = self.payload.map(|text| Payload::from_text(&text)).transpose().ok()?;
        if payload.as_ref().is_some_and(|payload| payload.fits(&key).is_err()) {
            return None;
        }
        let (version, expires_at) = (Version(self.version), Timestamp(self.expires_at));
        Some(Row { key, stamp: self.stamp, version, expires_at, payload })
    }
}

enum Job {
    Append(Vec<u8>),
    Empty,
}

struct Order {
    job: Job,
    done: oneshot::Sender<io::Result<()>>,
}

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    /// Which node this is.
    pub node: String,
    rows: Mutex<HashMap<SessionKey, Row>>,
    /// How many those are: nearly always none, and every read asks.
    count: AtomicUsize,
    orders: mpsc::SyncSender<Order>,
}

impl Journal {
    /// Opens the file, or makes it, and reads what it holds. A last line that was not written to its end was never promised.
    ///
    /// # Errors
    /// [`SessionError::Disk`].
    pub async fn open(path: PathBuf) -> Result<Self> {
        let (orders, given) = mpsc::sync_channel::<Order>(QUEUE);
        let (opened, told) = oneshot::channel();
        let work = move || {
            let mut disk = match Disk::open(&path) {
                Ok((disk, found)) => {
                    drop(opened.send(Ok(found)));
                    disk
                }
                Err(e) => return drop(opened.send(Err(e))),
            };
            while let Ok(order) = given.recv() {
                let done = match order.job {
                    Job::Append(line) => disk.append(&line),
                    Job::Empty => disk.empty(),
                };
                // Whoever asked may have stopped waiting.
                drop(order.done.send(done));
            }
        };
        let thread = thread::Builder::new().name("sekat-journal".to_owned());
        drop(thread.spawn(work).map_err(SessionError::Disk)?);
        let (node, rows) = told.await.map_err(|_| SessionError::Closed)?.map_err(SessionError::Disk)?;
        let count = AtomicUsize::new(rows.len());
        Ok(Journal { node, rows: Mutex::new(rows), count, orders })
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<SessionKey, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was promised last for a key.
    pub fn get(&self, key: &SessionKey) -> Option<Row> {
        if self.len() == 0 { None } else { self.rows().get(key).cloned() }
    }

    /// All promises that PostgreSQL may not have.
    pub fn all(&self) -> Vec<Row> {
        self.rows().values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Promises a row: returns when it is on the disk.
    ///
    /// # Errors
    /// [`SessionError::Disk`], [`SessionError::Timeout`]. It may be on the disk nevertheless, as with every write whose answer is lost.
    pub async fn promise(&self, row: Row) -> Result<()> {
        let mut line = serde_json::to_vec(&Line::of(&row)).map_err(|_| SessionError::Shape)?;
        line.push(b'\n');
        self.order(Job::Append(line)).await?;
        let mut rows = self.rows();
        rows.insert(row.key, row);
        self.count.store(rows.len(), Ordering::SeqCst);
        Ok(())
    }

    /// PostgreSQL has everything.
    ///
    /// # Errors
    /// [`SessionError::Disk`], [`SessionError::Timeout`]; then everything is still there.
    pub async fn empty(&self) -> Result<()> {
        self.order(Job::Empty).await?;
        let mut rows = self.rows();
        rows.clear();
        self.count.store(0, Ordering::SeqCst);
        Ok(())
    }

    async fn order(&self, job: Job) -> Result<()> {
        let (done, told) = oneshot::channel();
        self.orders.try_send(Order { job, done }).map_err(|_| SessionError::Timeout)?;
        match tokio::time::timeout(DEADLINE, told).await {
            Ok(Ok(done)) => done.map_err(SessionError::Disk),
            Ok(Err(_)) | Err(_) => Err(SessionError::Timeout),
        }
    }
}

/// The file. `length` is where the next line begins; what lies behind it is not ours.
struct Disk {
    file: File,
    head: u64,
    length: u64,
}

/// What a journal holds: the node's name, and what was promised last for each key.
type Found = (String, HashMap<SessionKey, Row>);

impl Disk {
    fn open(path: &Path) -> io::Result<(Self, Found)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut disk = Disk { file, head: 0, length: 0 };
        let found = disk.read()?;
        // The file's own entry in its folder has to survive too.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok((disk, found))
    }

    fn read(&mut self) -> io::Result<Found> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
        let first = lines.next();
        let Some(head) = first.and_then(|line| serde_json::from_slice::<Head>(line).ok()) else {
            if whole > 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the journal does not begin as one"));
            }
            let node = format!("{:016x}", rand::random::<u64>());
            let mut line = serde_json::to_vec(&Head { node: node.clone() })?;
            line.push(b'\n');
            self.append(&line)?;
            self.head = self.length;
            return Ok((node, HashMap::new()));
        };
        self.head = first.map_or(0, <[u8]>::len) as u64;
        self.length = whole as u64;
        let (mut rows, mut lost) = (HashMap::new(), 0_u64);
        for line in lines {
            match serde_json::from_slice::<Line>(line).ok().and_then(Line::row) {
                Some(row) => drop(rows.insert(row.key, row)),
                None => lost += 1,
            }
        }
        if lost > 0 {
            warn!(event = "session-journal", lines = lost, "lines of the sessions' journal cannot be read");
        }
        Ok((head.node, rows))
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.length + line.len() as u64 > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // Over whatever an attempt that failed has left there.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(line)?;
        self.file.sync_data()?;
        self.length += line.len() as u64;
        Ok(())
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(self.head)?;
        self.file.sync_data()?;
        self.length = self.head;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::contract::{registration, registration_key};
    use std::fs;

    fn row(n: u64, mark: i64) -> Row {
        let payload = Some(registration(n, mark));
        Row { key: registration_key(n), stamp: 5, version: Version(5), expires_at: Timestamp(9), payload }
    }

    #[tokio::test]
    async fn what_was_promised_is_there_after_a_restart_and_what_was_torn_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let journal = Journal::open(path.clone()).await.unwrap();
        let node = journal.node.clone();
        for (n, mark) in [(1, 1), (2, 2), (1, 3)] {
            journal.promise(row(n, mark)).await.unwrap();
        }
        let removed = Row { payload: None, ..row(3, 0) };
        journal.promise(removed.clone()).await.unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for cut in 0..40 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let journal = Journal::open(path.clone()).await.unwrap();
            assert_eq!(journal.node, node);
            assert_eq!(journal.get(&registration_key(1)), Some(row(1, 3)));
            assert_eq!(journal.get(&registration_key(3)), (cut == 0).then(|| removed.clone()));
            // The next promise is not lost in what was torn.
            journal.promise(row(4, 4)).await.unwrap();
            drop(journal);
            assert_eq!(Journal::open(path.clone()).await.unwrap().get(&registration_key(4)), Some(row(4, 4)));
        }
        let journal = Journal::open(path.clone()).await.unwrap();
        journal.empty().await.unwrap();
        assert_eq!(journal.len(), 0);
        drop(journal);
        let journal = Journal::open(path.clone()).await.unwrap();
        assert_eq!((journal.len(), &journal.node), (0, &node));
        assert_eq!(fs::metadata(&path).unwrap().len(), serde_json::to_vec(&Head { node }).unwrap().len() as u64 + 1);
    }

    #[tokio::test]
    async fn a_file_that_is_no_journal_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        fs::write(&path, "my notes\n").unwrap();
        assert_eq!(Journal::open(path.clone()).await.unwrap_err().code(), "session-disk");
        assert_eq!(fs::read(&path).unwrap(), b"my notes\n");
    }
}
