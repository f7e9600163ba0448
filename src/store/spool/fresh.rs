//! Rows that their owner's worker has not been given yet, beside the file.
//!
//! Who works gets what comes in from memory, in the order in which it came, instead of reading it back: for whoever has read
//! the file to its end, every row since then is here. For everybody else, and where there is no room, nothing is, and the
//! file is read. Owns copies only; what is not given out is read again after a start.
use super::Spooled;
use crate::domain::TelegramId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many bytes of updates are kept here at most; 10,000 texts.
const ROOM: usize = 8 * 1024 * 1024;

#[derive(Default)]
struct State {
    queues: HashMap<TelegramId, Queue>,
    bytes: usize,
}

#[derive(Default)]
struct Queue {
    rows: VecDeque<Spooled>,
    /// The file was read to its end since this queue began.
    complete: bool,
}

/// The fresh rows of one spool.
#[derive(Default)]
pub(super) struct Fresh(Mutex<State>);

impl Fresh {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row comes in. Call it in the job that stores the row; whoever is given it before that has ended takes it no less.
    pub fn comes(&self, row: &Spooled) {
        let mut state = self.state();
        let size = row.payload.len();
        if state.bytes + size > ROOM {
            state.drop_queue(row.user);
        } else if let Some(queue) = state.queues.get_mut(&row.user) {
            queue.rows.push_back(row.clone());
            state.bytes += size;
        }
    }

    /// The next rows of a person, at most `limit`. `None`: they are to be read from the file; what comes meanwhile is
    /// kept, and [`Fresh::read`] has to be told what was found.
    pub fn take(&self, user: TelegramId, limit: usize) -> Option<Vec<Spooled>> {
        let mut state = self.state();
        if state.queues.get(&user).is_some_and(|queue| queue.complete) {
            let queue = state.queues.get_mut(&user)?;
            let n = queue.rows.len().min(limit);
            let rows: Vec<_> = queue.rows.drain(..n).collect();
            state.bytes -= rows.iter().map(|row| row.payload.len()).sum::<usize>();
            return Some(rows);
        }
        state.drop_queue(user);
        state.queues.insert(user, Queue::default());
        None
    }

    /// What the file had; `to_the_end`: and it has no more.
    pub fn read(&self, user: TelegramId, found: &[Spooled], to_the_end: bool) {
        let mut state = self.state();
        if !to_the_end {
            state.drop_queue(user);
            return;
        }
        let State { queues, bytes } = &mut *state;
        let Some(queue) = queues.get_mut(&user) else { return };
        queue.complete = true;
        queue.rows.retain(|row| {
            let here_too = found.iter().any(|found| found.update == row.update);
            *bytes -= if here_too { row.payload.len() } else { 0 };
            !here_too
        });
    }

    /// The file is to be read again: what was given out did not come to its end, or nobody works for this person any more.
    pub fn forget(&self, user: TelegramId) {
        self.state().drop_queue(user);
    }
}

impl State {
    fn drop_queue(&mut self, user: TelegramId) {
        if let Some(queue) = self.queues.remove(&user) {
            self.bytes -= queue.rows.iter().map(|row| row.payload.len()).sum::<usize>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UpdateId;

    const ANA: TelegramId = TelegramId(7);
    const BEN: TelegramId = TelegramId(8);

    fn row(user: TelegramId, update: i64, size: usize) -> Spooled {
        Spooled { update: UpdateId(update), user, payload: "x".repeat(size) }
    }

    fn ids(rows: Option<Vec<Spooled>>) -> Option<Vec<i64>> {
        rows.map(|rows| rows.iter().map(|row| row.update.0).collect())
    }

    #[test]
    fn whoever_has_read_to_the_end_gets_what_comes_then() {
        let fresh = Fresh::default();
        fresh.comes(&row(ANA, 1, 5));
        assert_eq!(ids(fresh.take(ANA, 9)), None, "from the file, which has more of theirs");
        // The first of these comes so early that it is read from the file as well.
        for row in [row(ANA, 2, 5), row(BEN, 3, 5), row(ANA, 4, 5)] {
            fresh.comes(&row);
        }
        fresh.read(ANA, &[row(ANA, 1, 5), row(ANA, 2, 5)], true);
        fresh.comes(&row(ANA, 6, 5));
        fresh.comes(&row(ANA, 5, 5));
        assert_eq!(ids(fresh.take(ANA, 2)), Some(vec![4, 6]));
        assert_eq!(ids(fresh.take(ANA, 2)), Some(vec![5]));
        assert_eq!(ids(fresh.take(ANA, 2)), Some(vec![]));
        assert_eq!(fresh.state().bytes, 0);
    }

    #[test]
    fn who_has_not_read_to_the_end_or_did_not_come_to_it_reads_the_file() {
        let fresh = Fresh::default();
        assert_eq!(ids(fresh.take(ANA, 1)), None);
        fresh.read(ANA, &[row(ANA, 1, 5)], false);
        assert_eq!(ids(fresh.take(ANA, 1)), None);
        fresh.read(ANA, &[], true);
        fresh.comes(&row(ANA, 2, 5));
        fresh.forget(ANA);
        assert_eq!(ids(fresh.take(ANA, 1)), None);
        assert_eq!(fresh.state().bytes, 0);
    }

    #[test]
    fn without_room_the_file_is_read() {
        let fresh = Fresh::default();
        for user in [ANA, BEN] {
            fresh.take(user, 1);
            fresh.read(user, &[], true);
        }
        for row in [row(BEN, 1, 5), row(ANA, 2, ROOM - 10), row(ANA, 3, 20)] {
            fresh.comes(&row);
        }
        assert_eq!(ids(fresh.take(ANA, 9)), None, "what came first was dropped with what had no room");
        assert_eq!(ids(fresh.take(BEN, 9)), Some(vec![1]));
        assert_eq!(fresh.state().bytes, 0);
    }
}
