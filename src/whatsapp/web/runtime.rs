//! Where the library's tasks run: on tokio, each of them tracked, stoppable and behind a wall of its own.
//!
//! The library starts tasks that hold its client and key store and may sleep for a minute after the connection is gone.
//! Here each client has a runtime of its own: stopping it drops whatever is left, and waiting for it proves that nothing
//! holds the key store any more. A panic ends its task and is told to the client; it reaches no other.
use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use whatsapp_rust::wacore::runtime::AbortHandle;
use whatsapp_rust::{Runtime, TokioRuntime};

type Boxed = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;
type OnPanic = Box<dyn Fn() + Send + Sync>;

/// The tasks of one client. A clone is another reference to them.
#[derive(Clone)]
pub(super) struct Tasks(Arc<Inner>);

struct Inner {
    handle: tokio::runtime::Handle,
    tracker: TaskTracker,
    stop: CancellationToken,
    on_panic: OnceLock<OnPanic>,
}

impl Tasks {
    /// Must be called on a tokio runtime: the tasks run there.
    pub(super) fn new() -> Self {
        Tasks(Arc::new(Inner {
            handle: tokio::runtime::Handle::current(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            on_panic: OnceLock::new(),
        }))
    }

    /// Who is told that a task panicked. The first call counts.
    pub(super) fn on_panic(&self, tell: impl Fn() + Send + Sync + 'static) {
        self.0.on_panic.get_or_init(|| Box::new(tell));
    }

    /// Runs `task` until it ends or the client is stopped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        let inner = Arc::clone(&self.0);
        let guarded = async move {
            let task = AssertUnwindSafe(task).catch_unwind();
            if let Some(Err(_)) = inner.stop.run_until_cancelled(task).await
                && let Some(tell) = inner.on_panic.get()
            {
                tell();
            }
        };
        self.0.tracker.spawn_on(guarded, &self.0.handle)
    }

    /// Fires when everything of this client has to end.
    pub(super) fn stopped(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Makes [`Tasks::ended`] wait for the caller as for a task.
    pub(super) fn token(&self) -> tokio_util::task::task_tracker::TaskTrackerToken {
        self.0.tracker.token()
    }

    /// Drops every task at its next await, and whatever is still spawned at once.
    pub(super) fn stop(&self) {
        self.0.stop.cancel();
        self.0.tracker.close();
    }

    /// Resolves when no task is left after [`Tasks::stop`].
    pub(super) async fn ended(&self) {
        self.0.tracker.wait().await;
    }
}

impl Runtime for Tasks {
    fn spawn(&self, future: Boxed) -> AbortHandle {
        let task = Tasks::spawn(self, future);
        AbortHandle::new(move || task.abort())
    }

    fn spawn_detached(&self, future: Boxed) {
        drop(Tasks::spawn(self, future));
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // Key derivation while linking, and nothing else that is used here: the library's own way will do.
        TokioRuntime.spawn_blocking(work)
    }

    fn yield_now(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_stopped_client_leaves_no_task_and_nothing_that_tasks_held() {
        let tasks = Tasks::new();
        let held = Arc::new(());
        for _ in 0..10 {
            let held = Arc::clone(&held);
            Runtime::spawn_detached(
                &tasks,
                Box::pin(async move {
                    std::future::pending::<()>().await;
                    drop(held);
                }),
            );
        }
        tasks.stop();
        tasks.ended().await;
        assert_eq!(Arc::strong_count(&held), 1);
        // Late comers end at once.
        let late = Arc::clone(&held);
        Tasks::spawn(&tasks, async move {
            std::future::pending::<()>().await;
            drop(late);
        });
        tasks.ended().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn a_panicking_task_is_told_and_the_others_live_on() {
        let tasks = Tasks::new();
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        tasks.on_panic(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let survivor = Tasks::spawn(&tasks, async { tokio::task::yield_now().await });
        let victim = Tasks::spawn(&tasks, async { panic!("as a test") });
        victim.await.unwrap();
        survivor.await.unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_dropped_handle_ends_its_task_unless_it_was_detached() {
        let tasks = Tasks::new();
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let handle = Runtime::spawn(
            &tasks,
            Box::pin(async move {
                std::future::pending::<()>().await;
                drop(inside);
            }),
        );
        drop(handle);
        tasks.0.tracker.close();
        tasks.ended().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
