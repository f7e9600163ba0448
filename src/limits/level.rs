//! Whether something of which there is only so much runs out: said once when it gets scarce, and once when it does not any
//! more, however much it goes to and fro.
//!
//! Pure. Owns what was said last.

/// From this share on something is scarce. Source: REQUIREMENTS H4.
const SCARCE: f64 = 0.80;
/// Below this share it is not any more.
const PLENTY: f64 = 0.75;
/// From this share on there is nothing left for what is new.
const FULL: f64 = 1.0;
/// Below this share there is again.
const ROOM: f64 = 0.95;

/// What a look found to be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It gets scarce.
    Scarce,
    /// It is not scarce any more.
    Plenty,
}

/// How one thing stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    scarce: bool,
    full: bool,
}

impl Level {
    /// Looks at how much is used, and of how much.
    pub fn look(&mut self, used: u64, of: u64) -> Option<Change> {
        let share = share(used, of);
        self.full = share >= if self.full { ROOM } else { FULL };
        let scarce = share >= if self.scarce { PLENTY } else { SCARCE };
        let was = std::mem::replace(&mut self.scarce, scarce);
        match (was, scarce) {
            (false, true) => Some(Change::Scarce),
            (true, false) => Some(Change::Plenty),
            _ => None,
        }
    }

    /// Whether it is scarce.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.scarce
    }

    /// Whether there is nothing left for what is new.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }
}

/// Which share is used; of nothing, all of it.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 15 digits")]
pub fn share(used: u64, of: u64) -> f64 {
    if of == 0 { 1.0 } else { used as f64 / of as f64 }
}

/// The same in whole percent for people to read: rounded down, 999 at most.
#[must_use]
pub fn percent(used: u64, of: u64) -> String {
    format!("{}", (share(used, of) * 100.0).floor().clamp(0.0, 999.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_an_episode() {
        let mut level = Level::default();
        let said: Vec<_> =
            [50, 79, 80, 90, 78, 76, 81, 74, 76, 85].into_iter().map(|used| level.look(used, 100)).collect();
        let expected = [
            None,
            None,
            Some(Change::Scarce),
            None,
            None,
            None,
            None,
            Some(Change::Plenty),
            None,
            Some(Change::Scarce),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_full_needs_some_room_before_it_is_not() {
        let mut level = Level::default();
        let full: Vec<bool> = [99, 100, 97, 95, 94, 99]
            .into_iter()
            .map(|used| {
                level.look(used, 100);
                level.is_full()
            })
            .collect();
        assert_eq!(full, [false, true, true, true, false, false]);
        assert_eq!(Level::default().look(0, 0), Some(Change::Scarce), "of nothing all is used");
    }
}
