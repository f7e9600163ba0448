//! How far the erasing of a person has come, told in the message in which they confirmed it.
//!
//! Best effort: nothing depends on it, and the receipt comes in any case.
use crate::domain::effect::Slot;
use crate::domain::{Class, MessageId, Outgoing};
use crate::store::{VaultError, flags, shows};
use crate::t;
use crate::users::entry::UserEntry;
use crate::words::{Locale, bar, render};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tracing::debug;

/// How long the erasing waits for it to be told.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells how many of so many devices are dealt with.
pub(super) struct Progress<'a> {
    entry: &'a UserEntry,
    message: Option<MessageId>,
    locale: Locale,
    total: usize,
    done: AtomicUsize,
    /// Held while it is told, so that the newest is told last.
    telling: tokio::sync::Mutex<()>,
}

impl<'a> Progress<'a> {
    /// Of so many devices none is dealt with yet.
    pub async fn begin(entry: &'a UserEntry, locale: Locale, total: usize) -> Result<Self, VaultError> {
        let asked = entry.vault().await?.db().read(|db| {
            let (conversation, _) = flags::conversation(db)?;
            shows::message(db, &Slot::question(conversation.run))
        });
        let message = asked.await?;
        let (done, telling) = (AtomicUsize::new(0), tokio::sync::Mutex::default());
        let progress = Progress { entry, message, locale, total, done, telling };
        progress.tell().await;
        Ok(progress)
    }

    /// One more is dealt with.
    pub async fn advance(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
        self.tell().await;
    }

    async fn tell(&self) {
        let Some(message) = self.message.filter(|_| self.total > 0) else { return };
        if tokio::time::timeout(PATIENCE, self.tell_in(message)).await.is_err() {
            debug!(user.id = self.entry.id().0, "telling how far an erasing has come would hold it up");
        }
    }

    async fn tell_in(&self, message: MessageId) {
        let _newest_last = self.telling.lock().await;
        let done = self.done.load(Ordering::SeqCst);
        let text = t!("erasing-progress", bar = bar(done, self.total), done = done, total = self.total);
        let chat = self.entry.id().private_chat();
        let out = Outgoing::text(chat, render(&text, self.locale), self.locale.language);
        self.entry.shared.budget.acquire(self.entry.id(), chat, Class::Answer).await;
        if let Err(e) = self.entry.shared.telegram.edit(message, &out).await {
            debug!(user.id = self.entry.id().0, "cannot tell how far an erasing has come: {e}");
        }
    }
}
