//! Which files are open, and which of them nobody uses?
//!
//! Owns the order of open files by their last known use. A use costs nothing here: it is noted in the handle, and the file
//! is filed anew when its turn comes too early. So looking costs in proportion to what is closed, not to what is known.
use super::{Handle, Inner};
use crate::domain::expiry::Expiry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// The open files. A clone is another reference to the same list.
#[derive(Clone, Default)]
pub struct OpenFiles(Arc<Mutex<Expiry<Instant, Weak<Inner>>>>);

impl OpenFiles {
    fn list(&self) -> MutexGuard<'_, Expiry<Instant, Weak<Inner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a file is open, unless that is noted.
    pub(super) fn opened(&self, file: &Arc<Inner>) {
        if !file.watched.swap(true, Ordering::SeqCst) {
            self.list().file(Instant::now(), Arc::downgrade(file));
        }
    }

    /// Closes every file that nobody has used for `idle`, one after the other; how many. The next use opens it again.
    pub async fn close_idle(&self, idle: Duration) -> usize {
        let Some(until) = Instant::now().checked_sub(idle) else { return 0 };
        let mut closed = 0;
        loop {
            let Some(file) = self.list().due(&until) else { return closed };
            // Gone with its last user.
            let Some(inner) = file.upgrade() else { continue };
            // Before the look: whoever opens the file from now on files it anew.
            inner.watched.store(false, Ordering::SeqCst);
            let handle = Handle(inner);
            match handle.close_if_idle(idle).await {
                Ok(true) => closed += 1,
                Ok(false) => {}
                Err(e) => tracing::warn!(error.code = e.code(), "an idle database did not close cleanly"),
            }
            self.file_again(&handle.0, until);
        }
    }

    /// Files what is still open, under its last use, and never so that it is due again in the same look.
    fn file_again(&self, file: &Arc<Inner>, until: Instant) {
        if file.is_open.load(Ordering::SeqCst) && !file.watched.swap(true, Ordering::SeqCst) {
            let last_use = *file.last_use.lock().unwrap_or_else(PoisonError::into_inner);
            let at = if last_use > until { last_use } else { Instant::now() };
            self.list().file(at, Arc::downgrade(file));
        }
    }

    /// How many files are noted as open.
    pub fn len(&self) -> usize {
        self.list().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use crate::store::handle::OpenFiles;
    use crate::store::sqlcipher::Pages;
    use crate::store::{DbThreads, Durability, Handle, Migration, RawKey, Turn};
    use std::time::Duration;

    const SCHEMA: &[Migration] = &[Migration { version: 1, name: "notes", sql: "CREATE TABLE note (n INTEGER)" }];

    async fn write(handle: &Handle) {
        handle.tx(Durability::Normal, |tx| Ok(tx.execute("INSERT INTO note VALUES (1)", [])?)).await.unwrap();
    }

    #[tokio::test]
    async fn only_what_nobody_uses_is_closed_and_what_is_used_again_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let (threads, open) = (DbThreads::start(2), OpenFiles::default());
        let handle = |n: u64| {
            let (turn, path) = (Turn { user: n, lane: 0 }, folder.path().join(format!("{n}.db")));
            Handle::watched(threads.clone(), turn, path, (RawKey::new([1; 32]), Pages::Small), SCHEMA, open.clone())
        };
        let (idle, used, gone) = (handle(1), handle(2), handle(3));
        for file in [&idle, &used, &gone] {
            write(file).await;
        }
        assert_eq!(open.len(), 3);
        drop(gone);
        tokio::time::sleep(Duration::from_millis(600)).await;
        write(&used).await;
        assert_eq!(open.close_idle(Duration::from_millis(500)).await, 1);
        assert!(!idle.is_open() && used.is_open());
        assert_eq!(open.len(), 1, "what is closed or gone is forgotten, what is used is kept");
        write(&idle).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(open.close_idle(Duration::from_millis(500)).await, 2);
        assert!(open.is_empty());
    }

    #[tokio::test]
    async fn a_file_that_is_closed_and_reopened_by_others_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let (threads, open) = (DbThreads::start(1), OpenFiles::default());
        let (turn, path) = (Turn { user: 1, lane: 0 }, folder.path().join("user.db"));
        let handle = Handle::watched(threads, turn, path, (RawKey::new([1; 32]), Pages::Small), SCHEMA, open.clone());
        for _ in 0..5 {
            write(&handle).await;
            handle.close().await.unwrap();
        }
        assert_eq!(open.len(), 1);
        assert_eq!(open.close_idle(Duration::ZERO).await, 0);
        assert!(open.is_empty());
    }
}
