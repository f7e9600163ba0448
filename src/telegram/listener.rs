//! Committed updates on their way into teloxide's dispatcher.
//!
//! Owns a bounded queue, open while somebody reads from its other end. What does not fit it, what teloxide cannot read, and
//! what comes while teloxide does not dispatch (it first asks the server who the bot is, in its own spelling, which not
//! every server understands) takes the short way to the same place, so a stored row always leads to a wake-up and nothing
//! here can hold up the next person's updates.
use crate::domain::TelegramId;
use crate::users::port::Route;
use futures_util::Stream;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use teloxide::stop::{StopFlag, StopToken, mk_stop_token};
use teloxide::types::{Update, UpdateKind};
use teloxide::update_listeners::{AsUpdateStream, UpdateListener};
use tokio::sync::mpsc;

/// How many updates may lie between the commit and the dispatcher. Its handler never waits, so the queue is as good as
/// empty; ten full batches are more than it ever sees.
const QUEUE: usize = 1024;

/// Calls the route, and survives it.
pub(super) fn wake(route: &dyn Route, user: TelegramId) {
    if catch_unwind(AssertUnwindSafe(|| route.arrived(user))).is_err() {
        tracing::error!(user.id = user.0, error.code = "route-panicked", "waking a user's worker panicked");
    }
}

/// The way in of committed updates.
pub struct Feed {
    queue: mpsc::Sender<Update>,
    read: Arc<AtomicBool>,
    route: Arc<dyn Route>,
}

impl Feed {
    /// Hands over a committed update of this user, given as its JSON. Never waits.
    pub fn committed(&self, user: TelegramId, payload: &str) {
        if !self.read.load(Ordering::Acquire) {
            return wake(self.route.as_ref(), user);
        }
        // From text and not from a `Value`: teloxide reads the kind's name as a borrowed string, which only text has.
        let understood = serde_json::from_str::<Update>(payload).ok().filter(|update| {
            // The dispatcher logs what teloxide could not read, with everything it says: such an update must not get
            // there. Nor may one whose person teloxide sees differently.
            !matches!(update.kind, UpdateKind::Error(_)) && person(update) == Some(user)
        });
        let sent = understood.is_some_and(|update| self.queue.try_send(update).is_ok());
        if !sent {
            wake(self.route.as_ref(), user);
        }
    }
}

/// Who did what an update tells, as teloxide sees it.
pub(super) fn person(update: &Update) -> Option<TelegramId> {
    update.from().map(|user| TelegramId(user.id.0))
}

/// The listener that teloxide's dispatcher reads from: it gives out what was committed, and fetches nothing.
pub struct Committed {
    queue: mpsc::Receiver<Update>,
    /// Whether somebody reads.
    read: Arc<AtomicBool>,
    route: Arc<dyn Route>,
    token: StopToken,
    flag: StopFlag,
}

/// A feed and the listener at its other end.
pub fn feed(route: Arc<dyn Route>) -> (Feed, Committed) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let (token, flag) = mk_stop_token();
    let read = Arc::new(AtomicBool::new(false));
    let committed = Committed { queue, read: Arc::clone(&read), route: Arc::clone(&route), token, flag };
    (Feed { queue: sender, read, route }, committed)
}

impl Drop for Committed {
    /// Nobody reads any more: what lies in the queue still wakes its people.
    fn drop(&mut self) {
        self.read.store(false, Ordering::Release);
        self.queue.close();
        while let Ok(update) = self.queue.try_recv() {
            if let Some(user) = person(&update) {
                wake(self.route.as_ref(), user);
            }
        }
    }
}

impl UpdateListener for Committed {
    type Err = Infallible;

    fn stop_token(&mut self) -> StopToken {
        self.token.clone()
    }
}

impl<'a> AsUpdateStream<'a> for Committed {
    type StreamErr = Infallible;
    type Stream = Updates<'a>;

    fn as_stream(&'a mut self) -> Updates<'a> {
        self.read.store(true, Ordering::Release);
        Updates { queue: &mut self.queue, flag: self.flag.clone() }
    }
}

/// The updates of a [`Committed`] listener, until it is stopped and its queue is empty.
pub struct Updates<'a> {
    queue: &'a mut mpsc::Receiver<Update>,
    flag: StopFlag,
}

impl Stream for Updates<'_> {
    type Item = Result<Update, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if Pin::new(&mut self.flag).poll(cx).is_ready() {
            // From here on the feed takes the short way; what is queued already still goes out.
            self.queue.close();
        }
        self.queue.poll_recv(cx).map(|update| update.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use serde_json::json;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Woken(Mutex<Vec<u64>>);

    impl Route for Woken {
        fn arrived(&self, user: TelegramId) {
            self.0.lock().unwrap().push(user.0);
            assert!(user.0 != 13, "a bug");
        }
    }

    fn update(id: i64) -> String {
        json!({"update_id": id, "message": {"message_id": 5, "date": 1, "text": "hi",
            "from": {"id": 7, "is_bot": false, "first_name": "A"}, "chat": {"id": 7, "type": "private"}}})
        .to_string()
    }

    #[tokio::test]
    async fn what_teloxide_reads_goes_through_it_and_the_rest_around_it() {
        let woken = Arc::new(Woken::default());
        let (feed, mut listener) = feed(woken.clone());
        let mut stream = listener.as_stream();
        feed.committed(TelegramId(7), &update(1));
        assert!(woken.0.lock().unwrap().is_empty());
        let got = stream.next().await.unwrap().unwrap();
        assert_eq!(person(&got), Some(TelegramId(7)));
        feed.committed(TelegramId(7), r#"{"update_id": 2, "message": {"from": {"id": 7}}}"#);
        // An id for which teloxide has no room, and an update of somebody else.
        feed.committed(TelegramId(7), &update(i64::MAX - 1));
        feed.committed(TelegramId(8), &update(3));
        assert_eq!(*woken.0.lock().unwrap(), [7, 7, 8]);
    }

    #[tokio::test]
    async fn while_nobody_reads_everybody_is_woken_directly_and_nobody_is_left_in_the_queue() {
        let woken = Arc::new(Woken::default());
        let (feed, mut listener) = feed(woken.clone());
        feed.committed(TelegramId(7), &update(1));
        assert_eq!(*woken.0.lock().unwrap(), [7], "teloxide does not dispatch yet");
        listener.as_stream();
        feed.committed(TelegramId(7), &update(2));
        assert_eq!(*woken.0.lock().unwrap(), [7]);
        drop(listener);
        assert_eq!(*woken.0.lock().unwrap(), [7, 7], "it was in the queue when teloxide ended");
        feed.committed(TelegramId(7), &update(3));
        assert_eq!(*woken.0.lock().unwrap(), [7, 7, 7]);
    }

    #[tokio::test]
    async fn a_full_or_stopped_queue_wakes_directly_and_a_panic_stays_there() {
        let woken = Arc::new(Woken::default());
        let (feed, mut listener) = feed(woken.clone());
        listener.as_stream();
        for id in 0..QUEUE as i64 + 3 {
            feed.committed(TelegramId(7), &update(id));
        }
        assert_eq!(woken.0.lock().unwrap().len(), 3);
        listener.stop_token().stop();
        let mut drained = 0;
        let mut stream = listener.as_stream();
        while stream.next().await.is_some() {
            drained += 1;
        }
        assert_eq!(drained, QUEUE, "what was queued is not lost");
        feed.committed(TelegramId(13), "{}");
        feed.committed(TelegramId(14), "{}");
        assert_eq!(woken.0.lock().unwrap().last(), Some(&14));
    }
}
