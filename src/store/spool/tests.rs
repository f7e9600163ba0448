//! A real spool, and many who use it at once.

use super::*;

const BOT: i64 = 7;

fn row(update: i64, user: u64) -> Spooled {
    Spooled { update: UpdateId(update), user: TelegramId(user), payload: format!("{{\"update_id\":{update}}}") }
}

fn ids(rows: &[Spooled]) -> Vec<i64> {
    rows.iter().map(|row| row.update.0).collect()
}

#[tokio::test]
async fn those_who_ask_together_each_get_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    let users = 50;
    let rows = (0..200).map(|n| row(n, 1 + u64::try_from(n).unwrap() % users)).collect();
    spool.commit(rows, UpdateId(200)).await.unwrap();
    let drain = |user: u64| {
        let spool = spool.clone();
        async move {
            let mut seen = Vec::new();
            let mut done = Vec::new();
            loop {
                spool.done(TelegramId(user), &done).await.unwrap();
                let rows = spool.ask(TelegramId(user), &[], None, 3).await.unwrap();
                if rows.is_empty() {
                    return seen;
                }
                assert!(rows.iter().all(|row| row.user == TelegramId(user)));
                seen.extend(ids(&rows));
                done = rows.iter().map(|row| row.update).collect();
            }
        }
    };
    let all = futures_util::future::join_all((1..=users).map(drain)).await;
    for (n, seen) in all.iter().enumerate() {
        let first = i64::try_from(n).unwrap();
        assert_eq!(*seen, [first, first + 50, first + 100, first + 150]);
    }
    assert!(spool.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_who_gives_up_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let threads = DbThreads::start(1);
    let spool = Spool::new(threads.clone(), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    spool.commit(vec![row(1, 8), row(2, 9)], UpdateId(3)).await.unwrap();
    // The only thread is busy until it is let go, so nothing is served before the first gives up.
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let busy = tokio::spawn(async move { threads.run(Turn { user: 99, lane: 0 }, move || held.recv()).await });
    tokio::task::yield_now().await;
    // The first is polled once and dropped: it was to serve the second, too.
    let mut given_up = Box::pin(spool.ask(TelegramId(8), &[], None, 5));
    assert!(futures_util::poll!(&mut given_up).is_pending());
    let second = spool.ask(TelegramId(9), &[UpdateId(1)], None, 5);
    drop(given_up);
    let_go.send(()).unwrap();
    busy.await.unwrap().unwrap().unwrap();
    assert_eq!(ids(&second.await.unwrap()), [2]);
    assert!(spool.next(TelegramId(8), None, 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn rows_that_come_one_by_one_share_commits_and_move_no_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    assert_eq!(spool.load().await.unwrap(), SpoolLoad { rows: 0, oldest: None, unreadable: 0 });
    spool.commit(vec![row(1, 8)], UpdateId(2)).await.unwrap();
    let kept = futures_util::future::join_all((2..200).map(|n| spool.keep(row(n, 8)))).await;
    assert!(kept.iter().all(Result::is_ok));
    spool.keep(row(5, 8)).await.unwrap();
    assert_eq!(ids(&spool.waiting(TelegramId(8), 500).await.unwrap()), (1..200).collect::<Vec<_>>());
    let load = spool.load().await.unwrap();
    assert!(load.rows == 199 && load.oldest.is_some_and(|at| at.until(Timestamp::now()).as_secs() < 60));
    assert_eq!(spool.cursor().await.unwrap(), Some(UpdateId(2)));
    spool.forget_cursor().await.unwrap();
    assert_eq!(spool.cursor().await.unwrap(), None);
}

#[tokio::test]
async fn one_who_brings_a_row_and_goes_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let threads = DbThreads::start(1);
    let spool = Spool::new(threads.clone(), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let busy = tokio::spawn(async move { threads.run(Turn { user: 99, lane: 0 }, move || held.recv()).await });
    tokio::task::yield_now().await;
    let mut gone = Box::pin(spool.keep(row(1, 8)));
    assert!(futures_util::poll!(&mut gone).is_pending());
    let mut second = Box::pin(spool.keep(row(2, 8)));
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(gone);
    let_go.send(()).unwrap();
    busy.await.unwrap().unwrap().unwrap();
    second.await.unwrap();
    assert_eq!(ids(&spool.waiting(TelegramId(8), 5).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn a_row_that_comes_after_higher_ones_is_given_out_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    for n in [10, 12] {
        spool.keep(row(n, 8)).await.unwrap();
    }
    assert_eq!(ids(&spool.next(TelegramId(8), None, 5).await.unwrap()), [10, 12]);
    spool.keep(row(11, 8)).await.unwrap();
    spool.done(TelegramId(8), &[UpdateId(10)]).await.unwrap();
    assert_eq!(ids(&spool.ask(TelegramId(8), &[], Some(UpdateId(12)), 5).await.unwrap()), [11, 12]);
    assert_eq!(ids(&spool.next(TelegramId(8), Some(UpdateId(12)), 5).await.unwrap()), [11]);
    assert!(spool.next(TelegramId(8), Some(UpdateId(12)), 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn after_the_end_everybody_gets_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let threads = DbThreads::start(1);
    let spool = Spool::new(threads.clone(), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    threads.stop();
    let asked = (1..5).map(|user| spool.next(TelegramId(user), None, 5));
    assert!(futures_util::future::join_all(asked).await.iter().all(Result::is_err));
    let kept = (1..5).map(|n| spool.keep(row(n, 8)));
    assert!(futures_util::future::join_all(kept).await.iter().all(Result::is_err));
}

#[tokio::test]
async fn finding_ones_own_does_not_walk_past_everybody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    spool.commit((0..5_000).map(|n| row(n, 8)).collect(), UpdateId(5_000)).await.unwrap();
    spool.commit(vec![row(5_000, 7)], UpdateId(5_001)).await.unwrap();
    let steps = spool.handle.read(|db| {
        let mut query = db.prepare(WAITING)?;
        let found: i64 = query.query_row(params![7, i64::MIN, BOT, 32], |r| r.get(0))?;
        assert_eq!(found, 5_000);
        Ok(query.get_status(rusqlite::StatementStatus::VmStep))
    });
    let steps = steps.await.unwrap();
    assert!(steps < 100, "{steps} steps of SQLite for one row");
}

#[tokio::test]
async fn rows_are_given_out_while_they_are_flushed_and_telegram_hears_of_them_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let spool = Spool::new(DbThreads::start(1), &path, RawKey::new([1; 32]), BOT);
    spool.commit(vec![row(1, 8)], UpdateId(2)).await.unwrap();
    // A disk that takes its time: whoever opens this waits until somebody writes there.
    let (log, aside) = (folder.path().join("spool.db-wal"), folder.path().join("aside"));
    std::fs::rename(&log, &aside).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    let mut flushing = Box::pin(spool.flush());
    assert!(futures_util::poll!(&mut flushing).is_pending());
    let next = async |done: &[UpdateId]| {
        spool.done(TelegramId(8), done).await.unwrap();
        ids(&spool.ask(TelegramId(8), &[], None, 5).await.unwrap())
    };
    assert_eq!(next(&[]).await, [1]);
    spool.keep(row(2, 8)).await.unwrap();
    assert_eq!(next(&[UpdateId(1)]).await, [2]);
    assert!(futures_util::poll!(&mut flushing).is_pending());
    // The disk answers: with an error, for there is nothing here to be flushed.
    let slow = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
    std::fs::rename(&aside, &log).unwrap();
    drop(slow);
    flushing.await.unwrap();
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 0, "what could not be flushed was moved into the file");
    assert_eq!(next(&[]).await, [2]);
}

#[tokio::test]
async fn whoever_works_gets_what_comes_without_reading_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(DbThreads::start(2), &folder.path().join("spool.db"), RawKey::new([1; 32]), BOT);
    spool.commit((0..7).map(|n| row(n, 8)).collect(), UpdateId(7)).await.unwrap();
    let next = async |after: Option<i64>| ids(&spool.next(TelegramId(8), after.map(UpdateId), 5).await.unwrap());
    assert_eq!(next(None).await, [0, 1, 2, 3, 4], "there may be more in the file");
    assert_eq!(next(Some(4)).await, [5, 6]);
    spool.commit(vec![row(7, 8), row(8, 9)], UpdateId(9)).await.unwrap();
    spool.keep(row(9, 8)).await.unwrap();
    spool.handle.read(|db| Ok(db.execute_batch("DELETE FROM updates")?)).await.unwrap();
    assert_eq!(next(Some(6)).await, [7, 9], "from memory");
    spool.keep(row(10, 8)).await.unwrap();
    spool.read_again(TelegramId(8));
    assert_eq!(next(None).await, [10], "from the file");
    spool.keep(row(11, 8)).await.unwrap();
    spool.forget(TelegramId(8), None).await.unwrap();
    assert!(next(None).await.is_empty());
}
