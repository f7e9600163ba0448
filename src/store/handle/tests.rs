//! Tests of the handle.

use std::sync::mpsc;

use super::*;

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
    let mut other = sqlcipher::open(&bench.path(), &RawKey::new([7; 32]), Pages::Large).unwrap();
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
