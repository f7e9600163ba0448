//! What Telegram was told and the vault does not know yet.
//!
//! A person can answer a message, or press its button, before it is on record where it stands; their step waits for that.
//! Owns two counters. Must not hold up a step for long: a server that gives no answer has shown nothing either.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a step waits at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far the record is behind what was said.
#[derive(Default)]
pub(super) struct Lag {
    begun: AtomicU64,
    recorded: AtomicU64,
    moved: Notify,
}

impl Lag {
    /// Something is about to be said or shown.
    pub fn begins(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Everything that was begun is on record, or did not happen.
    pub fn is_over(&self) {
        self.recorded.store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    /// Waits until all that has begun by now is on record, or it is long enough.
    pub async fn over(&self) {
        let begun = self.begun.load(Ordering::SeqCst);
        let over = async {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.recorded.load(Ordering::SeqCst) >= begun {
                    return;
                }
                moved.await;
            }
        };
        // After that the step goes on with what is known.
        timeout(PATIENCE, over).await.unwrap_or(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use tokio::time::Instant;

    #[tokio::test]
    async fn a_step_waits_for_what_had_begun_and_for_no_more() {
        let lag = Lag::default();
        lag.over().await;
        lag.begins();
        let mut step = Box::pin(lag.over());
        assert!(poll!(&mut step).is_pending());
        lag.is_over();
        lag.begins();
        assert!(poll!(&mut step).is_ready(), "what began later is none of its business");
        let began = Instant::now();
        lag.over().await;
        assert!(began.elapsed() >= PATIENCE, "and for no longer than that");
    }
}
