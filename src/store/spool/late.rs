//! Rows that come after rows with higher numbers.
//!
//! Who reads their rows asks for what comes after the last one that they have. By webhook Telegram brings each chat's messages
//! in order, but presses of buttons beside them, so a lower number may come later, and would be passed over. Owns the
//! memory of such rows until they were given out; a start needs none of it, for it asks for everything.
use crate::domain::{TelegramId, UpdateId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lowest late row of a person, and which marking that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(UpdateId, u64);

#[derive(Default)]
struct State {
    /// The highest number that has come.
    highest: Option<UpdateId>,
    marks: HashMap<TelegramId, Mark>,
    markings: u64,
}

/// The late rows of one spool.
#[derive(Default)]
pub(super) struct Late(Mutex<State>);

impl Late {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row comes in. Call it in the job that stores the row: whoever reads next then knows.
    pub fn comes(&self, user: TelegramId, update: UpdateId) {
        let mut state = self.state();
        if state.highest.is_some_and(|highest| update < highest) {
            state.markings += 1;
            let lowest = state.marks.get(&user).map_or(update, |mark| mark.0.min(update));
            let mark = Mark(lowest, state.markings);
            state.marks.insert(user, mark);
        }
        state.highest = state.highest.max(Some(update));
    }

    /// After which row somebody has to read who has everything up to `after`; and what they see by that.
    pub fn after(&self, user: TelegramId, after: Option<UpdateId>) -> (Option<UpdateId>, Option<Mark>) {
        let mark = self.state().marks.get(&user).copied();
        let before = mark.map(|mark| UpdateId(mark.0.0 - 1));
        (after.map(|after| before.map_or(after, |before| before.min(after))), mark)
    }

    /// What was read by this mark was given out; `until`: up to this row, and there may be more.
    pub fn seen(&self, user: TelegramId, mark: Option<Mark>, until: Option<UpdateId>) {
        let mut state = self.state();
        let Some(mark) = mark.filter(|mark| state.marks.get(&user) == Some(mark)) else { return };
        match until {
            Some(until) => {
                state.marks.insert(user, Mark(UpdateId(until.0 + 1), mark.1));
            }
            None => {
                state.marks.remove(&user);
            }
        }
    }

    /// Nothing of this person waits.
    pub fn forget(&self, user: TelegramId) {
        self.state().marks.remove(&user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: TelegramId = TelegramId(7);

    #[test]
    fn a_late_row_is_looked_back_for_until_it_was_seen() {
        let late = Late::default();
        for update in [10, 12] {
            late.comes(ANA, UpdateId(update));
        }
        assert_eq!(late.after(ANA, Some(UpdateId(12))), (Some(UpdateId(12)), None));
        late.comes(ANA, UpdateId(11));
        let (after, mark) = late.after(ANA, Some(UpdateId(12)));
        assert_eq!(after, Some(UpdateId(10)));
        assert_eq!(late.after(ANA, None).0, None, "whoever reads from the beginning reads it anyway");
        // A second one comes before the first was given out.
        late.comes(ANA, UpdateId(9));
        late.seen(ANA, mark, None);
        let (after, mark) = late.after(ANA, Some(UpdateId(12)));
        assert_eq!(after, Some(UpdateId(8)));
        late.seen(ANA, mark, Some(UpdateId(10)));
        let (after, mark) = late.after(ANA, Some(UpdateId(12)));
        assert_eq!(after, Some(UpdateId(10)), "there was more than was asked for");
        late.seen(ANA, mark, None);
        assert_eq!(late.after(ANA, Some(UpdateId(12))), (Some(UpdateId(12)), None));
    }
}
