//! A quota over a sliding window: at most so many in so long.
//!
//! Pure: the times of what was granted are handed in, whoever keeps them.
use crate::domain::Timestamp;
use std::time::Duration;

/// Whether one more may be granted at `now`, when `granted` (in any order) were: at most `max` in any `window`.
///
/// A time that lies in the future, because the clock was set back, counts as now, so that it can neither be forgotten
/// nor lock anybody out for longer than one window.
///
/// # Errors
/// The wait until it may be granted, when nothing else is granted meanwhile; never zero.
pub fn allow(granted: &[Timestamp], now: Timestamp, max: usize, window: Duration) -> Result<(), Duration> {
    if max == 0 {
        return Err(window.max(Duration::from_millis(1)));
    }
    let mut ends: Vec<Timestamp> =
        granted.iter().map(|&at| at.min(now).after(window)).filter(|&end| end > now).collect();
    if ends.len() < max {
        return Ok(());
    }
    ends.sort_unstable();
    // When this one leaves the window, max - 1 are left in it.
    Err(now.until(ends[ends.len() - max]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(minutes: i64) -> Timestamp {
        Timestamp(minutes * 60_000)
    }

    #[test]
    fn five_an_hour() {
        let granted = [at(0), at(10), at(20), at(30), at(40)];
        assert_eq!(allow(&granted[..4], at(45), 5, HOUR), Ok(()));
        assert_eq!(allow(&granted, at(45), 5, HOUR), Err(Duration::from_secs(15 * 60)));
        assert_eq!(allow(&granted, at(60), 5, HOUR), Ok(()));
        assert_eq!(allow(&granted, at(45), 0, HOUR), Err(HOUR));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        assert_eq!(allow(&[at(9_999)], at(1), 1, HOUR), Err(HOUR));
    }

    proptest! {
        #[test]
        fn after_the_wait_it_is_granted_and_not_before(
            times in prop::collection::vec(0i64..10_000, 0..20), now in 0i64..12_000, max in 1usize..6, window in 1u64..5_000,
        ) {
            let granted: Vec<Timestamp> = times.into_iter().map(Timestamp).collect();
            let window = Duration::from_millis(window);
            let past = granted.iter().all(|&at| at <= Timestamp(now));
            if let Err(wait) = allow(&granted, Timestamp(now), max, window) {
                prop_assert!(!wait.is_zero());
                if past {
                    let then = Timestamp(now).after(wait);
                    prop_assert_eq!(allow(&granted, then, max, window), Ok(()));
                    prop_assert!(allow(&granted, Timestamp(then.0 - 1), max, window).is_err());
                }
            }
        }
    }
}
