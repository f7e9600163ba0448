//! Wakes a task that looks for what there is to do.
//!
//! Owns at most one ring that nobody has heard. Must not know what there is to do: whoever hears it looks.
use futures_util::FutureExt;
use tokio::sync::Notify;

/// Rung after a commit, heard by the one task that looks for what was committed.
#[derive(Default)]
pub(super) struct Bell(Notify);

impl Bell {
    /// Never waits; heard by the next who listens, where nobody listens now.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits for a ring.
    pub async fn heard(&self) {
        self.0.notified().await;
    }

    /// Forgets what has rung until now. For whoever is about to look: they find what it rang for, and would look a second
    /// time for nothing.
    pub fn looks(&self) {
        self.heard().now_or_never().unwrap_or(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_is_heard_once_and_not_by_who_has_looked() {
        let bell = Bell::default();
        bell.looks();
        bell.ring();
        bell.ring();
        assert!(bell.heard().now_or_never().is_some());
        assert!(bell.heard().now_or_never().is_none());
        bell.ring();
        bell.looks();
        assert!(bell.heard().now_or_never().is_none());
        bell.ring();
        assert!(bell.heard().now_or_never().is_some(), "what rings after the look counts");
    }
}
