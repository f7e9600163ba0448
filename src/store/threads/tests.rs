//! Tests of the database threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

/// A job that holds its thread until told to go on.
fn gate(threads: &DbThreads, turn: Turn) -> mpsc::Sender<()> {
    let (open, wait) = mpsc::channel();
    let (begun, started) = mpsc::channel();
    threads
        .submit(turn, move || {
            begun.send(()).unwrap();
            // A closed channel opens the gate as well.
            wait.recv().ok();
        })
        .unwrap();
    started.recv().unwrap();
    open
}

#[tokio::test]
async fn a_job_gives_its_value() {
    let threads = DbThreads::start(2);
    assert_eq!(threads.run(Turn { user: 1, lane: 0 }, || 7).await.unwrap(), 7);
}

#[tokio::test]
async fn jobs_of_a_lane_run_in_order_and_one_at_a_time() {
    let threads = DbThreads::start(4);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::new(AtomicUsize::new(0));
    for number in 0..2_000 {
        let (seen, inside) = (Arc::clone(&seen), Arc::clone(&inside));
        let job = move || {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two jobs of one lane at once");
            seen.lock().unwrap().push(number);
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        threads.submit(Turn { user: 1, lane: 3 }, job).unwrap();
    }
    threads.run(Turn { user: 1, lane: 3 }, || ()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), (0..2_000).collect::<Vec<_>>());
    assert_eq!(threads.stats().panicked, 0);
}

#[tokio::test]
async fn ten_thousand_jobs_of_one_user_hold_nobody_up() {
    let threads = DbThreads::start(1);
    let done = Arc::new(AtomicUsize::new(0));
    let open = gate(&threads, Turn { user: 1, lane: 0 });
    for number in 0..10_000 {
        let done = Arc::clone(&done);
        let turn = Turn { user: 1, lane: number % 16 };
        threads.submit(turn, move || _ = done.fetch_add(1, Ordering::SeqCst)).unwrap();
    }
    let before = Arc::clone(&done);
    let other = threads.run(Turn { user: 2, lane: 0 }, move || before.load(Ordering::SeqCst));
    let release = async {
        // Polled second: by now the other user's job is queued.
        open.send(()).unwrap();
    };
    let (before, ()) = tokio::join!(other, release);
    assert!(before.unwrap() <= 1, "more than one job of the flood went first");
}

#[tokio::test]
async fn many_lanes_do_not_take_the_last_thread() {
    let threads = DbThreads::start(2);
    let _open = gate(&threads, Turn { user: 1, lane: 0 });
    threads.submit(Turn { user: 1, lane: 1 }, || ()).unwrap();
    // The first user's gate is still shut, and their second lane waits for it.
    threads.run(Turn { user: 2, lane: 0 }, || ()).await.unwrap();
    // Who asked hears of the end an instant before the thread is free.
    while threads.stats().running > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(threads.stats().queued, 1);
    assert_eq!(threads.stats().running, 1);
}

#[tokio::test]
async fn a_panic_stays_in_its_job() {
    let threads = DbThreads::start(1);
    let turn = Turn { user: 1, lane: 0 };
    let result = threads.run(turn, || panic!("this job is broken")).await;
    let Err::<(), _>(StoreError::Panicked { message }) = result else { panic!("no panic was reported") };
    assert_eq!(message, "this job is broken");
    assert_eq!(threads.run(turn, || 1).await.unwrap(), 1);
    assert_eq!(threads.stats().panicked, 1);
}

#[tokio::test]
async fn a_dropped_future_does_not_take_its_job_along() {
    let threads = DbThreads::start(1);
    let turn = Turn { user: 1, lane: 0 };
    let open = gate(&threads, turn);
    let ran = Arc::new(AtomicUsize::new(0));
    let job = Arc::clone(&ran);
    let mut asked = Box::pin(threads.run(turn, move || job.fetch_add(1, Ordering::SeqCst)));
    assert!(futures_util::poll!(&mut asked).is_pending());
    drop(asked);
    open.send(()).unwrap();
    threads.run(turn, || ()).await.unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn stopping_finishes_what_is_queued_and_takes_no_more() {
    let threads = DbThreads::start(3);
    let done = Arc::new(AtomicUsize::new(0));
    for number in 0..500 {
        let done = Arc::clone(&done);
        let turn = Turn { user: number % 7, lane: number % 3 };
        threads.submit(turn, move || _ = done.fetch_add(1, Ordering::SeqCst)).unwrap();
    }
    threads.stop();
    assert_eq!(done.load(Ordering::SeqCst), 500);
    assert_eq!(threads.stats(), QueueStats { finished: 500, ..QueueStats::default() });
    let refused = threads.run(Turn { user: 1, lane: 0 }, || ()).await;
    assert_eq!(refused.unwrap_err().code(), "db-closed");
    threads.stop();
}

#[test]
fn the_last_clone_ends_the_threads_after_the_queue() {
    let threads = DbThreads::start(2);
    let shared = Arc::downgrade(&threads.work.shared);
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let done = Arc::clone(&done);
        threads.submit(Turn { user: 1, lane: 0 }, move || _ = done.fetch_add(1, Ordering::SeqCst)).unwrap();
    }
    drop(threads);
    assert_eq!((done.load(Ordering::SeqCst), shared.strong_count()), (100, 0));
}

#[test]
fn a_job_may_drop_the_last_clone() {
    let threads = DbThreads::start(1);
    let turn = Turn { user: 1, lane: 0 };
    let open = gate(&threads, turn);
    let (tell, told) = mpsc::channel();
    let last = threads.clone();
    let job = move || {
        drop(last);
        tell.send(()).unwrap();
    };
    threads.submit(turn, job).unwrap();
    // Its own reference goes while the gate is shut, so the job's is the last.
    drop(threads);
    open.send(()).unwrap();
    told.recv_timeout(Duration::from_secs(10)).unwrap();
}
