//! The file engine on a real folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::TelegramId;
use crate::session::contract::{self, Bed, Hands, TTL, key, payload};
use crate::session::{UserSession, UserSessions};

mod bad;
mod killed;
mod sealed;

/// Longer than any test: what is written later than at once is written when it is urged or closed, or not at all.
const NEVER: Duration = Duration::from_secs(100_000);

async fn open(dir: &Path, hands: &Hands, pace: Duration) -> (FileStore, Loaded) {
    FileStore::with_pace(dir.to_owned(), hands.clock(), pace).await.unwrap()
}

async fn bed() -> Bed {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, loaded) = open(dir.path(), &hands, Duration::from_millis(2)).await;
    assert_eq!(loaded.sessions, 0);
    Bed { store: Arc::new(store), hands, _holds: Some(dir) }
}

async fn put(store: &FileStore, user: u64, mark: i64) -> Version {
    store.put(&key(user), payload(user, mark), TTL, Expected::Any).await.unwrap()
}

/// The mark in a person's file.
fn on_disk(dir: &Path, user: u64) -> Option<i64> {
    read(dir, TelegramId(user)).unwrap().map(|found| found.session.numbers[0].account.0)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_the_contract() {
    contract::suite(bed).await;
}

#[test]
fn files_do_what_a_plain_map_does() {
    contract::play(40, bed);
}

#[tokio::test]
async fn a_session_is_a_private_file_that_the_next_start_reads() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let folder = dir.path().join("made/here");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let (store, _) = open(&folder, &hands, PACE).await;
    let first = put(&store, 7, 1).await;
    put(&store, 8, 2).await;
    let gone = put(&store, 9, 3).await;
    store.remove(&key(9), None).await.unwrap();
    let kept = store.get(&key(7)).await.unwrap();
    store.close().await.unwrap();
    hands.forward(Duration::from_millis(1));
    assert_eq!(names(&folder), ["user_7.json", "user_8.json"]);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(folder.join("user_7.json")).unwrap().permissions().mode() & 0o777, 0o600);

    let (store, loaded) = open(&folder, &hands, PACE).await;
    assert_eq!((loaded.sessions, loaded.set_aside, loaded.leftovers), (2, 0, 0));
    assert_eq!(store.get(&key(7)).await.unwrap(), kept);
    assert!(put(&store, 9, 4).await > gone, "versions rise over restarts");
    store.put(&key(7), payload(7, 5), TTL, Expected::At(first)).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(on_disk(&folder, 7), Some(5));
}

#[tokio::test]
async fn a_busy_person_costs_one_writing_in_a_pace_and_the_newest_wins() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, NEVER).await;
    put(&store, 7, 0).await;
    store.settled(&key(7)).await.unwrap();
    for mark in 1..1_000 {
        put(&store, 7, mark).await;
    }
    put(&store, 8, 1).await;
    store.settled(&key(8)).await.unwrap();
    assert_eq!((on_disk(dir.path(), 7), store.stats().await.unwrap().unwritten), (Some(0), 1));
    store.close().await.unwrap();
    assert_eq!(on_disk(dir.path(), 7), Some(999));
}

#[tokio::test]
async fn many_busy_people_share_the_flushes_of_the_disk() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, NEVER).await;
    put(&store, 0, 1).await;
    store.settled(&key(0)).await.unwrap();
    let (before, began) = (store.0.batches(), std::time::Instant::now());
    for user in 1..50 {
        put(&store, user, 1).await;
        // As when each comes on its own.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until(&store, |stats| stats.unwritten == 0).await;
    let most = 2 + began.elapsed().as_millis() / 100;
    assert!(u128::from(store.0.batches() - before) <= most, "{} batches", store.0.batches() - before);
}

#[tokio::test]
async fn a_removal_cancels_what_waits_to_be_written() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, NEVER).await;
    put(&store, 7, 0).await;
    store.settled(&key(7)).await.unwrap();
    put(&store, 7, 1).await;
    assert!(store.remove(&key(7), None).await.unwrap());
    store.settled(&key(7)).await.unwrap();
    assert!(names(dir.path()).is_empty());
    assert_eq!(store.stats().await.unwrap().unwritten, 0);
    store.close().await.unwrap();
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn what_expires_loses_its_file_now_or_at_the_next_start() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, PACE).await;
    put(&store, 7, 1).await;
    hands.forward(TTL / 2);
    put(&store, 8, 1).await;
    hands.forward(TTL / 2);
    assert_eq!(store.cleanup().await.unwrap(), 1);
    store.settled(&key(7)).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(names(dir.path()), ["user_8.json"]);
    hands.forward(TTL / 2);
    let (store, loaded) = open(dir.path(), &hands, PACE).await;
    assert_eq!((loaded.sessions, loaded.expired), (0, 1));
    assert!(store.get(&key(8)).await.unwrap().is_none());
    assert!(names(dir.path()).is_empty());
}

/// What the operator would have been told by this thread and those it starts.
fn listen() -> (tracing::subscriber::DefaultGuard, Arc<Mutex<Vec<u8>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&said);
    let make = move || Said(Arc::clone(&writer));
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(make).finish();
    (tracing::subscriber::set_default(subscriber), said)
}

struct Said(Arc<Mutex<Vec<u8>>>);

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(said: &Mutex<Vec<u8>>, what: &str) -> usize {
    String::from_utf8(said.lock().unwrap().clone()).unwrap().lines().filter(|line| line.contains(what)).count()
}

/// A folder with a file in its place cannot be written to, whoever tries.
fn break_folder(folder: &Path) {
    fs::rename(folder, folder.with_extension("away")).unwrap();
    fs::write(folder, "").unwrap();
}

fn mend_folder(folder: &Path) {
    fs::remove_file(folder).unwrap();
    fs::rename(folder.with_extension("away"), folder).unwrap();
}

async fn until(store: &FileStore, what: impl Fn(&Stats) -> bool) {
    let waiting = async {
        while !what(&store.stats().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn a_disk_that_refuses_means_memory_only_until_it_recovers() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let folder = dir.path().join("sessions");
    let (_listening, said) = listen();
    let (store, _) = open(&folder, &hands, Duration::from_millis(1)).await;
    put(&store, 6, 1).await;
    put(&store, 7, 1).await;
    store.settled(&key(7)).await.unwrap();
    store.settled(&key(6)).await.unwrap();
    for episode in 1..=2 {
        break_folder(&folder);
        for user in 7..107 {
            put(&store, user, 1 + episode).await;
        }
        store.remove(&key(6), None).await.unwrap();
        until(&store, |stats| stats.trouble == Some("session-disk")).await;
        let refused = store.settled(&key(50)).await.unwrap_err();
        assert_eq!(refused.code(), "session-disk");
        put(&store, 7, 10 * episode).await;
        assert_eq!(store.get(&key(7)).await.unwrap().unwrap().payload, payload(7, 10 * episode));
        // Long enough for another attempt: the operator is not told again.
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(lines(&said, "WARN") as i64, episode);
        mend_folder(&folder);
        until(&store, |stats| stats.trouble.is_none() && stats.unwritten == 0).await;
        assert_eq!(lines(&said, "written again") as i64, episode);
        assert_eq!(on_disk(&folder, 7), Some(10 * episode));
        assert_eq!((on_disk(&folder, 106), on_disk(&folder, 6)), (Some(1 + episode), None));
        assert_eq!(names(&folder).len(), 100, "no temporary file is left");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_start_without_a_usable_folder_works_in_memory_and_recovers() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let folder = dir.path().join("sessions");
    fs::write(&folder, "").unwrap();
    let (_listening, said) = listen();
    let (store, loaded) = open(&folder, &hands, PACE).await;
    assert_eq!((loaded.sessions, lines(&said, "WARN")), (0, 1));
    put(&store, 7, 1).await;
    until(&store, |stats| stats.trouble.is_some()).await;
    fs::remove_file(&folder).unwrap();
    until(&store, |stats| stats.trouble.is_none()).await;
    assert_eq!(on_disk(&folder, 7), Some(1));
    fs::remove_dir_all(&folder).unwrap();
    put(&store, 8, 1).await;
    store.settled(&key(8)).await.unwrap();
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700,
        "a folder that is gone is made again"
    );
    break_folder(&folder);
    put(&store, 9, 1).await;
    assert_eq!(store.close().await.unwrap_err().code(), "session-disk");
}

#[tokio::test]
async fn whatever_comes_into_a_files_place_is_replaced_and_never_followed() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let folder = dir.path().join("sessions");
    let (store, _) = open(&folder, &hands, Duration::ZERO).await;
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.join("user_7.json")).unwrap();
    fs::create_dir_all(folder.join("user_8.json/inside")).unwrap();
    for user in [7, 8] {
        put(&store, user, 1).await;
        store.settled(&key(user)).await.unwrap();
        assert_eq!(on_disk(&folder, user), Some(1));
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(names(&folder).iter().any(|name| name.starts_with("user_8.json.damaged-not-a-file-")));
    assert_eq!(store.stats().await.unwrap().trouble, None);
}

#[tokio::test]
async fn an_erased_person_leaves_no_name_behind() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let store = Arc::new(open(dir.path(), &hands, PACE).await.0);
    let sessions = UserSessions::new(Arc::clone(&store) as Arc<dyn SessionStore>, TTL);
    for user in [7, 77] {
        sessions.put(&UserSession::new(TelegramId(user), hands.clock().now())).await.unwrap();
    }
    store.settled(&key(77)).await.unwrap();
    assert_eq!(sessions.all().await.unwrap().len(), 2);
    let asides = ["user_7.json.damaged-huge-1", "user_7.json.tmp-00", "user_77.json.damaged-huge-1"];
    for name in asides {
        fs::write(dir.path().join(name), "").unwrap();
    }
    assert!(sessions.forget(TelegramId(7)).await.unwrap());
    assert_eq!(names(dir.path()).len(), 4);
    assert_eq!(erase(dir.path(), TelegramId(7)).unwrap(), 2);
    assert_eq!(erase(dir.path(), TelegramId(7)).unwrap(), 0);
    assert_eq!(erase(&dir.path().join("nowhere"), TelegramId(7)).unwrap(), 0);
    assert_eq!(names(dir.path()), ["user_77.json", "user_77.json.damaged-huge-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_cleans_up_beside_the_daemon_and_takes_nothing_that_lives() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, Duration::ZERO).await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (folder, clock, stopped) = (dir.path().to_owned(), hands.clock(), Arc::clone(&stop));
    let operator = thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
            cleanup(&folder, clock.now()).unwrap();
        }
    });
    for round in 0..200 {
        store.put(&key(7), payload(7, round), Duration::from_millis(1), Expected::Any).await.unwrap();
        store.settled(&key(7)).await.unwrap();
        hands.forward(Duration::from_millis(1));
        put(&store, 7, round).await;
        store.settled(&key(7)).await.unwrap();
        assert_eq!(on_disk(dir.path(), 7), Some(round), "it lives, and so does its file");
        put(&store, 8, round).await;
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    operator.join().unwrap();
    assert_eq!(on_disk(dir.path(), 7), Some(199));
    store.close().await.unwrap();
    assert_eq!((on_disk(dir.path(), 8), names(dir.path()).len()), (Some(199), 2), "{:?}", names(dir.path()));
    hands.forward(TTL);
    assert_eq!(cleanup(dir.path(), hands.clock().now()).unwrap(), Cleaned { removed: 2, left: 0 });
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn an_operator_who_was_stopped_in_the_middle_holds_up_nobody() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, PACE).await;
    let stuck = fs::File::open(dir.path()).unwrap();
    stuck.lock().unwrap();
    put(&store, 7, 1).await;
    assert_eq!((on_disk(dir.path(), 7), store.stats().await.unwrap().unwritten), (None, 1));
    for mark in 2..1_000 {
        put(&store, 7, mark).await;
        assert!(store.get(&key(7)).await.unwrap().is_some());
    }
    // After a second the writer goes on without the lock.
    tokio::time::timeout(Duration::from_secs(30), store.settled(&key(7))).await.unwrap().unwrap();
    assert!(on_disk(dir.path(), 7).is_some());
    drop(stuck);
    store.close().await.unwrap();
    assert_eq!(on_disk(dir.path(), 7), Some(999));
}

#[tokio::test]
async fn a_store_that_is_dropped_writes_what_is_left() {
    let (hands, dir): (Hands, TempDir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, NEVER).await;
    put(&store, 7, 1).await;
    store.settled(&key(7)).await.unwrap();
    put(&store, 7, 2).await;
    drop(store);
    let written = async {
        while on_disk(dir.path(), 7) != Some(2) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written).await.unwrap();
}
