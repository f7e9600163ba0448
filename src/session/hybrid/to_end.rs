//! How is something done to its end, whoever waits for it?
//!
//! Owns the work. Whoever waits does it too, which spares it the way to another thread and back; where nobody waits any more it goes
//! on as a task.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Work that its tracker waits for, also after this was dropped. Only the runtime's end can end it before its own.
pub(super) struct ToEnd<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> ToEnd<T> {
    pub fn new(tasks: &TaskTracker, work: impl Future<Output = T> + Send + 'static) -> Self {
        ToEnd(Some(Box::pin(tasks.track_future(work))))
    }
}

impl<T: Send + 'static> Future for ToEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out while it works: what panics is not taken up again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let done = work.as_mut().poll(cx);
        if done.is_pending() {
            self.0 = Some(work);
        }
        done
    }
}

impl<T: Send + 'static> Drop for ToEnd<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            // Its tracker knows of it already.
            drop(runtime.spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_done_nevertheless() {
        let tasks = TaskTracker::new();
        let ((go, gone), (did, done)) = (oneshot::channel::<()>(), oneshot::channel());
        let mut work = ToEnd::new(&tasks, async move {
            gone.await.unwrap();
            did.send(7).unwrap();
        });
        assert!(futures_util::poll!(&mut work).is_pending());
        drop(work);
        tasks.close();
        assert!(futures_util::poll!(std::pin::pin!(tasks.wait())).is_pending());
        go.send(()).unwrap();
        tasks.wait().await;
        assert_eq!(done.await, Ok(7));
        assert_eq!(ToEnd::new(&tasks, async { 8 }).await, 8);
    }
}
