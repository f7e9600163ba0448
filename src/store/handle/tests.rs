//! Tests of the handle.

use std::sync::mpsc;

use super::*;
use crate::store::sqlcipher;
use rusqlite::TransactionBehavior;

const SCHEMA: &[Migration] =
    &[Migration { version: 1, name: "notes", sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)" }];
const NEWER: &[Migration] = &[
    Migration { version: 1, name: "notes", sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)" },
    Migration { version: 2, name: "more", sql: "CREATE TABLE more (x)" },
];
const TURN: Turn = Turn { user: 1, lane: 0 };

struct Bench {
    folder: tempfile::TempDir,
    threads: DbThreads,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), threads: DbThreads::start(2) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("user.db")
    }

    fn with(&self, key: u8, migrations: &'static [Migration]) -> Handle {
        Handle::new(self.threads.clone(), TURN, self.path(), RawKey::new([key; 32]), migrations)
    }

    fn handle(&self) -> Handle {
        self.with(7, SCHEMA)
    }
}

async fn add(handle: &Handle, text: &str) -> Result<()> {
    let text = text.to_owned();
    handle
        .tx(Durability::Normal, move |tx| {
            tx.prepare_cached("INSERT INTO note (text) VALUES (?1)")?.execute((text,))?;
            Ok(())
        })
        .await
}

async fn notes(handle: &Handle) -> Result<u32> {
    handle.read(|conn| Ok(conn.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?)).await
}

#[tokio::test]
async fn a_file_opens_when_it_is_used_and_again_after_it_was_closed() {
    let bench = Bench::new();
    let handle = bench.handle();
    assert!(!handle.is_open() && !bench.path().exists());
    add(&handle, "one").await.unwrap();
    assert!(handle.is_open());
    handle.close().await.unwrap();
    assert!(!handle.is_open());
    assert!(!bench.folder.path().join("user.db-wal").exists(), "the log was not moved into the file");
    add(&handle, "two").await.unwrap();
    assert_eq!(notes(&handle).await.unwrap(), 2);
    handle.close().await.unwrap();
    handle.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_under_use_loses_nothing() {
    let bench = Bench::new();
    let handle = bench.handle();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    add(&handle, "x").await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..60 {
        handle.close().await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(notes(&handle).await.unwrap(), 400);
}

#[tokio::test]
async fn an_error_rolls_back() {
    let bench = Bench::new();
    let handle = bench.handle();
    let result: Result<()> = handle
        .tx(Durability::Full, |tx| {
            tx.execute("INSERT INTO note (text) VALUES ('x')", [])?;
            Err(StoreError::Fenced)
        })
        .await;
    assert_eq!(result.unwrap_err().code(), "db-fenced");
    assert_eq!(notes(&handle).await.unwrap(), 0);
}

#[tokio::test]
async fn a_panic_rolls_back_and_the_file_stays_usable() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    let result: Result<()> = handle
        .tx(Durability::Full, |tx| {
            tx.execute("INSERT INTO note (text) VALUES ('x')", [])?;
            panic!("in the middle of a transaction");
        })
        .await;
    assert_eq!(result.unwrap_err().code(), "db-panic");
    add(&handle, "two").await.unwrap();
    assert_eq!(notes(&handle).await.unwrap(), 2);
}

#[tokio::test]
async fn a_transaction_left_open_by_a_read_is_undone() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    handle.read(|conn| Ok(conn.execute_batch("BEGIN; INSERT INTO note (text) VALUES ('x')")?)).await.unwrap();
    assert_eq!(notes(&handle).await.unwrap(), 1);
}

#[tokio::test]
async fn durability_is_what_was_asked_for() {
    let bench = Bench::new();
    let handle = bench.handle();
    let mut seen = Vec::new();
    for durability in [Durability::Normal, Durability::Full, Durability::Full, Durability::Normal] {
        let level = handle.tx(durability, |tx| Ok(tx.query_row("PRAGMA synchronous", [], |row| row.get::<_, u32>(0))?));
        seen.push(level.await.unwrap());
    }
    assert_eq!(seen, [1, 2, 2, 1]);
}

#[tokio::test]
async fn only_an_idle_file_is_closed() {
    let bench = Bench::new();
    let handle = bench.handle();
    assert!(!handle.close_if_idle(Duration::ZERO).await.unwrap(), "it was not open");
    add(&handle, "one").await.unwrap();
    assert!(!handle.close_if_idle(Duration::from_secs(3600)).await.unwrap());
    assert!(handle.is_open());
    assert!(handle.close_if_idle(Duration::ZERO).await.unwrap());
    assert!(!handle.is_open());
    assert_eq!(notes(&handle).await.unwrap(), 1);
}

#[tokio::test]
async fn a_use_that_was_asked_for_keeps_the_file_open() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let mut slow = Box::pin(handle.read(move |_| Ok(gate.recv().ok())));
    assert!(futures_util::poll!(&mut slow).is_pending());
    assert!(!handle.close_if_idle(Duration::ZERO).await.unwrap());
    drop(slow);
    assert!(!handle.close_if_idle(Duration::ZERO).await.unwrap(), "its job still runs");
    drop(open);
    notes(&handle).await.unwrap();
    assert!(handle.close_if_idle(Duration::ZERO).await.unwrap());
}

#[tokio::test]
async fn a_fence_holds_for_every_clone_and_for_what_was_already_queued() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let (begun, started) = mpsc::channel();
    let running = handle.clone();
    let mut running = Box::pin(running.read(move |_| {
        begun.send(()).unwrap();
        Ok(gate.recv().is_ok())
    }));
    assert!(futures_util::poll!(&mut running).is_pending());
    started.recv().unwrap();
    let clone = handle.clone();
    let mut queued = Box::pin(add(&clone, "late"));
    assert!(futures_util::poll!(&mut queued).is_pending());
    let release = async { open.send(()).unwrap() };
    let (fenced, ()) = tokio::join!(handle.fence(), release);
    fenced.unwrap();
    assert!(running.await.unwrap(), "the job that ran was cut off");
    assert_eq!(queued.await.unwrap_err().code(), "db-fenced");
    assert_eq!(notes(&clone).await.unwrap_err().code(), "db-fenced");
    assert!(!handle.is_open() && handle.is_fenced());
    assert_eq!(notes(&bench.handle()).await.unwrap(), 1, "the next generation has its own handle");
}

#[tokio::test]
async fn a_destroyed_file_is_gone_and_does_not_come_back() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    handle.destroy().await.unwrap();
    assert_eq!(add(&handle, "late").await.unwrap_err().code(), "db-fenced");
    handle.close().await.unwrap();
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 0);
    handle.destroy().await.unwrap();
}

#[tokio::test]
async fn nothing_is_kept_of_a_failed_open() {
    let bench = Bench::new();
    let right = bench.handle();
    add(&right, "one").await.unwrap();
    right.close().await.unwrap();
    let wrong = bench.with(8, SCHEMA);
    for _ in 0..2 {
        assert_eq!(notes(&wrong).await.unwrap_err().code(), "db-key");
        assert!(!wrong.is_open());
    }
    assert_eq!(notes(&right).await.unwrap(), 1);
}

#[tokio::test]
async fn a_file_from_a_newer_program_is_refused() {
    let bench = Bench::new();
    let newer = bench.with(7, NEWER);
    add(&newer, "one").await.unwrap();
    newer.close().await.unwrap();
    let older = bench.handle();
    assert!(matches!(notes(&older).await, Err(StoreError::NewerSchema { found: 2, known: 1 })));
    assert!(!older.is_open());
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_works_again_once_it_is_mended() {
    let bench = Bench::new();
    let handle = bench.handle();
    for _ in 0..100 {
        add(&handle, &"much text ".repeat(50)).await.unwrap();
    }
    handle.close().await.unwrap();
    let sound = std::fs::read(bench.path()).unwrap();
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0);
    std::fs::write(bench.path(), damaged).unwrap();
    let sum = |handle: Handle| async move {
        handle
            .read(|conn| Ok(conn.query_row("SELECT sum(length(text)) FROM note", [], |row| row.get::<_, u32>(0))?))
            .await
    };
    assert_eq!(sum(handle.clone()).await.unwrap_err().code(), "db-corrupt");
    assert!(!handle.is_open(), "a spent connection was kept");
    std::fs::write(bench.path(), sound).unwrap();
    assert_eq!(sum(handle).await.unwrap(), 50_000);
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_keeps_what_was_there() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    handle.read(|conn| Ok(conn.query_row("PRAGMA max_page_count = 4", [], |_| Ok(()))?)).await.unwrap();
    let error = add(&handle, &"x".repeat(100_000)).await.unwrap_err();
    assert_eq!(error.code(), "db-full");
    assert_eq!(notes(&handle).await.unwrap(), 1);
    handle.read(|conn| Ok(conn.query_row("PRAGMA max_page_count = 400", [], |_| Ok(()))?)).await.unwrap();
    add(&handle, &"x".repeat(100_000)).await.unwrap();
}

#[tokio::test]
async fn a_busy_file_is_locked_after_the_time_out() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    handle.read(|conn| Ok(conn.busy_timeout(Duration::from_millis(20))?)).await.unwrap();
    let mut other = sqlcipher::open(&bench.path(), &RawKey::new([7; 32]), Pages::Large, Access::Shared).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    assert_eq!(add(&handle, "two").await.unwrap_err().code(), "db-locked");
    held.rollback().unwrap();
    add(&handle, "two").await.unwrap();
}

#[tokio::test]
async fn the_last_reference_closes_the_file_on_the_database_threads() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    drop(handle);
    bench.threads.run(TURN, || ()).await.unwrap();
    assert!(!bench.folder.path().join("user.db-wal").exists());
}

#[tokio::test]
async fn stopped_threads_are_said_so() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    bench.threads.stop();
    assert_eq!(add(&handle, "two").await.unwrap_err().code(), "db-closed");
}

impl Bench {
    /// A handle of which nobody else ever opens the file.
    fn alone(&self) -> Handle {
        let key = (RawKey::new([7; 32]), Pages::Small);
        Handle::watched(self.threads.clone(), TURN, self.path(), key, SCHEMA, OpenFiles::default())
    }

    fn log(&self) -> PathBuf {
        log::path_of(&self.path())
    }

    /// What a disk that fails does: until it is mended, the log cannot be flushed.
    fn break_log(&self) -> impl FnOnce() + use<> {
        let (log, aside) = (self.log(), self.folder.path().join("aside"));
        std::fs::rename(&log, &aside).unwrap();
        // It takes everything, and knows no flush.
        std::os::unix::fs::symlink("/dev/null", &log).unwrap();
        move || std::fs::rename(aside, log).unwrap()
    }
}

/// How SQLite flushes in a transaction of ours.
async fn level(handle: &Handle, durability: Durability, fail: bool) -> u32 {
    let (seen, see) = mpsc::channel();
    let done: Result<()> = handle
        .tx(durability, move |tx| {
            seen.send(tx.query_row("PRAGMA synchronous", [], |row| row.get(0))?).unwrap();
            tx.execute("INSERT INTO note (text) VALUES ('x')", [])?;
            if fail { Err(StoreError::Fenced) } else { Ok(()) }
        })
        .await;
    assert_eq!(done.is_err(), fail);
    see.recv().unwrap()
}

#[tokio::test]
async fn only_the_first_commit_in_a_new_log_of_a_file_of_ours_alone_does_without_a_flush() {
    let bench = Bench::new();
    let handle = bench.alone();
    // Its tables were made in this log.
    assert_eq!(level(&handle, Durability::Normal, false).await, 1);
    handle.close().await.unwrap();
    assert_eq!(level(&handle, Durability::Normal, false).await, 0);
    let after = handle.read(|conn| Ok(conn.query_row("PRAGMA wal_autocheckpoint", [], |row| row.get::<_, u32>(0))?));
    assert_eq!(after.await.unwrap(), 1_000);
    assert_eq!(level(&handle, Durability::Normal, false).await, 1);
    assert_eq!(level(&handle, Durability::Full, false).await, 2);
    handle.close().await.unwrap();
    assert_eq!(level(&handle, Durability::Full, false).await, 2, "what must be on the disk is flushed");
    assert_eq!(level(&handle, Durability::Normal, false).await, 1);
    handle.close().await.unwrap();
    for durability in [Durability::Full, Durability::Normal] {
        handle.tx(durability, |tx| Ok(tx.query_row("SELECT count(*) FROM note", [], |_| Ok(()))?)).await.unwrap();
    }
    assert_eq!(level(&handle, Durability::Normal, true).await, 0, "nothing was written yet");
    assert_eq!(level(&handle, Durability::Normal, false).await, 0, "what was rolled back neither");
    assert_eq!(level(&handle, Durability::Normal, false).await, 1);
    handle.close().await.unwrap();
    // A log that somebody has left behind may have another round's frames.
    std::fs::write(bench.log(), []).unwrap();
    assert_eq!(level(&handle, Durability::Normal, false).await, 1);
    handle.close().await.unwrap();
    let bench = Bench::new();
    let shared = bench.handle();
    add(&shared, "one").await.unwrap();
    shared.close().await.unwrap();
    assert_eq!(level(&shared, Durability::Normal, false).await, 1, "others may open it");
}

#[tokio::test]
async fn a_log_that_was_never_flushed_survives_a_kill_and_half_of_it_on_the_disk_harms_nothing() {
    let bench = Bench::new();
    let handle = bench.alone();
    add(&handle, "one").await.unwrap();
    handle.close().await.unwrap();
    for text in ["two", "three"] {
        add(&handle, &text.repeat(2_000)).await.unwrap();
    }
    let (file, log) = (std::fs::read(bench.path()).unwrap(), std::fs::read(bench.log()).unwrap());
    // What the disk has after a power failure: any part of the log may be missing, its header first of all.
    for missing in std::iter::once(None).chain((0..log.len().div_ceil(512)).map(Some)) {
        let other = Bench::new();
        let mut log = log.clone();
        if let Some(n) = missing {
            let end = log.len().min((n + 1) * 512);
            log[n * 512..end].fill(0);
        }
        std::fs::write(other.path(), &file).unwrap();
        std::fs::write(other.log(), log).unwrap();
        let found = other.alone();
        let kept = notes(&found).await.unwrap();
        assert!(if missing.is_none() { kept == 3 } else { (1..3).contains(&kept) }, "{kept} without {missing:?}");
        let sound = found.read(|conn| Ok(conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?));
        assert_eq!(sound.await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn a_flush_waits_for_nobody_and_nobody_for_it() {
    let bench = Bench::new();
    let handle = bench.alone();
    handle.sync().await.unwrap();
    add(&handle, "one").await.unwrap();
    assert!(!bench.folder.path().join("user.db-shm").exists(), "somebody else could open it");
    let (open, gate) = mpsc::channel::<()>();
    let mut slow = Box::pin(handle.read(move |_| Ok(gate.recv().ok())));
    assert!(futures_util::poll!(&mut slow).is_pending());
    for synced in futures_util::future::join_all((0..50).map(|_| handle.sync())).await {
        synced.unwrap();
    }
    drop(open);
    slow.await.unwrap();
    handle.close().await.unwrap();
    handle.sync().await.unwrap();
    assert!(!handle.is_open(), "there is nothing to flush");
}

#[tokio::test]
async fn what_could_not_be_flushed_is_moved_into_the_file_before_anybody_is_told() {
    let bench = Bench::new();
    let handle = bench.handle();
    add(&handle, "one").await.unwrap();
    handle.read(|conn| Ok(conn.busy_timeout(Duration::from_millis(20))?)).await.unwrap();
    // Somebody reads, so that it cannot be moved.
    let reader = sqlcipher::open(&bench.path(), &RawKey::new([7; 32]), Pages::Large, Access::Shared).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM note").unwrap();
    let mend = bench.break_log();
    assert_eq!(handle.sync().await.unwrap_err().code(), "db-io");
    mend();
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    add(&handle, "two").await.unwrap();
    // The log could be flushed now, but the kernel may count as written what never was.
    handle.sync().await.unwrap();
    assert!(log::is_empty(&bench.path()), "it was believed");
    add(&handle, "three").await.unwrap();
    handle.sync().await.unwrap();
    assert!(!log::is_empty(&bench.path()), "it is believed again");
    assert_eq!(notes(&handle).await.unwrap(), 3);
}
