//! How long to wait before the next attempt: longer each time, up to a cap, and never in step with others.
//!
//! Pure: the attempt and the random number are handed in.
use std::time::Duration;

/// An exponential wait between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after failure number `attempt`, counted from 0: between half of and the whole of `first · 2^attempt`,
    /// but at most `cap`. `random` is any number; it chooses within that range.
    pub fn delay(&self, attempt: u32, random: u64) -> Duration {
        let doubled = 2u32.checked_pow(attempt).and_then(|times| self.first.checked_mul(times));
        let whole = doubled.unwrap_or(self.cap).min(self.cap);
        let half = whole / 2;
        let spread = u64::try_from((whole - half).as_nanos()).unwrap_or(u64::MAX);
        // A multiplication in twice the width maps the number onto the range without the bias of a remainder.
        let part = (u128::from(random) * u128::from(spread)) >> 64;
        half + Duration::from_nanos(u64::try_from(part).unwrap_or(spread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(5) };

    #[test]
    fn it_doubles_up_to_its_cap() {
        let longest: Vec<u128> = (0..8).map(|n| BACKOFF.delay(n, u64::MAX).as_millis()).collect();
        assert_eq!(longest, [99, 199, 399, 799, 1599, 3199, 4999, 4999]);
        assert_eq!(BACKOFF.delay(0, 0), Duration::from_millis(50));
    }

    proptest! {
        #[test]
        fn it_stays_in_its_bounds(attempt: u32, random: u64, first in 0u64..u64::MAX, cap in 0u64..u64::MAX) {
            let backoff = Backoff { first: Duration::from_millis(first), cap: Duration::from_millis(cap) };
            let delay = backoff.delay(attempt, random);
            prop_assert!(delay <= backoff.cap);
            prop_assert!(delay >= backoff.first.min(backoff.cap) / 2);
        }
    }
}
