//! Which files are to be written next, and when?
//!
//! Owns the names of what has changed since it was last written, one entry a session however often it changes, and when each may be
//! written again. Pure: time is handed in, and content is nobody's business here: the writer takes the newest.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::session::key::SessionKey;

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Queue {
    /// The least time between two writings of one file.
    pace: Duration,
    due: HashMap<SessionKey, Instant>,
    order: BTreeSet<(Instant, SessionKey)>,
    /// When files were last written, the oldest first; those longer ago than the pace are forgotten.
    written: VecDeque<(Instant, SessionKey)>,
    last: HashMap<SessionKey, Instant>,
}

impl Queue {
    pub fn new(pace: Duration) -> Self {
        Queue { pace, due: HashMap::new(), order: BTreeSet::new(), written: VecDeque::new(), last: HashMap::new() }
    }

    /// This session's file has to be written: now, or when the pace allows, or when it was going to be anyway.
    pub fn mark(&mut self, key: SessionKey, now: Instant) {
        if !self.due.contains_key(&key) {
            let at = self.last.get(&key).map_or(now, |&last| now.max(last + self.pace));
            self.set(key, at);
        }
    }

    /// It has to be written now, whatever the pace: somebody waits for it, or it is to go.
    pub fn urge(&mut self, key: SessionKey, now: Instant) {
        self.set(key, now);
    }

    /// It could not be written: again at `at`, and not before.
    pub fn put_back(&mut self, key: SessionKey, at: Instant) {
        self.set(key, at);
    }

    fn set(&mut self, key: SessionKey, at: Instant) {
        if let Some(before) = self.due.insert(key, at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((at, key));
    }

    /// Takes out at most `most` of those that are due at `now`, the longest overdue first; all of them count as written now.
    pub fn take(&mut self, now: Instant, most: usize) -> Vec<SessionKey> {
        self.forget(now);
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(&(at, key)) = self.order.first()
            && at <= now
        {
            self.order.pop_first();
            self.due.remove(&key);
            self.last.insert(key, now);
            self.written.push_back((now, key));
            taken.push(key);
        }
        taken
    }

    fn forget(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.written.front()
            && at + self.pace <= now
        {
            self.written.pop_front();
            if self.last.get(&key) == Some(&at) {
                self.last.remove(&key);
            }
        }
    }

    /// Makes everything due at `now`.
    pub fn hurry(&mut self, now: Instant) {
        let keys: Vec<_> = self.due.keys().copied().collect();
        for key in keys {
            self.set(key, now);
        }
    }

    /// When there is something to do next.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    pub fn contains(&self, key: SessionKey) -> bool {
        self.due.contains_key(&key)
    }

    pub fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::TelegramId;

    const PACE: Duration = Duration::from_secs(1);
    const A: SessionKey = key(1);
    const B: SessionKey = key(2);

    const fn key(user: u64) -> SessionKey {
        SessionKey::User(TelegramId(user))
    }

    #[test]
    fn the_first_change_is_written_at_once_and_the_next_only_after_the_pace() {
        let (mut queue, start) = (Queue::new(PACE), Instant::now());
        queue.mark(A, start);
        assert_eq!(queue.take(start, 9), [A]);
        for milli in 1..1_000 {
            let now = start + Duration::from_millis(milli);
            queue.mark(A, now);
            assert!(queue.take(now, 9).is_empty(), "{milli}");
        }
        assert_eq!((queue.len(), queue.next()), (1, Some(start + PACE)));
        queue.mark(B, start + PACE);
        assert_eq!(queue.take(start + PACE, 9), [A, B]);
        assert_eq!((queue.len(), queue.next()), (0, None));
    }

    #[test]
    fn what_is_urged_does_not_wait_and_what_failed_does() {
        let (mut queue, start) = (Queue::new(PACE), Instant::now());
        queue.mark(A, start);
        queue.take(start, 9);
        queue.mark(A, start);
        queue.urge(A, start);
        assert_eq!(queue.take(start, 9), [A]);
        queue.put_back(A, start + 9 * PACE);
        queue.mark(A, start + 2 * PACE);
        assert!(queue.take(start + 8 * PACE, 9).is_empty());
        queue.hurry(start + 8 * PACE);
        assert_eq!(queue.take(start + 8 * PACE, 9), [A]);
    }

    #[test]
    fn nothing_is_remembered_of_those_who_have_been_quiet() {
        let (mut queue, start) = (Queue::new(PACE), Instant::now());
        for n in 0..1_000 {
            queue.mark(key(n), start);
        }
        assert_eq!(queue.take(start, 600).len(), 600);
        assert_eq!(queue.take(start, 600).len(), 400);
        queue.mark(A, start + 2 * PACE);
        queue.take(start + 2 * PACE, 1);
        assert_eq!((queue.last.len(), queue.written.len()), (1, 1));
    }

    proptest! {
        /// Whatever happens: nobody's file is written twice within the pace unless urged, and every change is followed by a
        /// writing no later than one pace after it.
        #[test]
        fn the_pace_is_kept_and_nothing_is_left_out(steps in prop::collection::vec((0_u64..4, 0_u64..700), 1..200)) {
            let (mut queue, start) = (Queue::new(PACE), Instant::now());
            let (mut now, mut last, mut waiting) = (start, HashMap::new(), HashMap::new());
            for (user, milli) in steps {
                let until = now + Duration::from_millis(milli);
                while let Some(at) = queue.next().filter(|&at| at <= until) {
                    for user in queue.take(at, 9) {
                        if let Some(before) = last.insert(user, at) {
                            prop_assert!(at - before >= PACE);
                        }
                        let since = waiting.remove(&user).unwrap();
                        prop_assert!(at - since <= PACE);
                    }
                }
                now = until;
                queue.mark(key(user), now);
                waiting.entry(key(user)).or_insert(now);
            }
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert!(queue.next().is_none_or(|at| at <= now + PACE));
        }
    }
}
