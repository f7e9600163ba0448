//! A rate: so many a minute, all of them at once where the minute before was quiet.
//!
//! Pure: what it knows of the past is one point in time, which is handed in and out and may be kept across restarts. The
//! generic cell rate algorithm is `governor`'s.
use crate::domain::Timestamp;
use governor::Quota;
use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, RateLimiter, StateStore};
use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

/// So many a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(NonZeroU32);

/// What was granted so far, as one point in time: when all of it would be used up at an even pace.
struct Granted(Cell<Option<Nanos>>);

impl StateStore for Granted {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (granted, next) = decide(self.0.get())?;
        self.0.set(Some(next));
        Ok(granted)
    }
}

impl Rate {
    /// At most `n` a minute.
    pub fn per_minute(n: NonZeroU32) -> Self {
        Rate(n)
    }

    /// How many a minute.
    pub fn allowed(self) -> u32 {
        self.0.get()
    }

    /// Takes one at `now`, and tells what to hand in the next time. `before`: what was told the last time.
    ///
    /// # Errors
    /// The wait until one may be taken, when none is taken meanwhile; never zero, and never longer than a minute: also not
    /// where the clock was set back.
    pub fn take(self, before: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Duration> {
        // No state is further ahead than what a minute grants.
        let before = before.map(|before| nanos(before.min(now.after(Duration::from_secs(60)))));
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(
            Quota::per_minute(self.0),
            Granted(Cell::new(before)),
            clock.clone(),
        );
        clock.advance(Duration::from_nanos(nanos(now).as_u64()));
        match limiter.check() {
            // Rounded up: what is kept must not grant more than what was reckoned.
            Ok(()) => Ok(limiter.into_state_store().0.get().map_or(now, |next| at(next.as_u64().div_ceil(1_000_000)))),
            Err(early) => Err(early.wait_time_from(clock.now()).max(Duration::from_millis(1))),
        }
    }
}

fn nanos(at: Timestamp) -> Nanos {
    Nanos::from(u64::try_from(at.0).unwrap_or_default().saturating_mul(1_000_000))
}

fn at(millis: u64) -> Timestamp {
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;

    fn rate(n: u32) -> Rate {
        Rate::per_minute(NonZeroU32::new(n).unwrap())
    }

    #[test]
    fn five_at_once_and_then_one_every_twelve_seconds() {
        let (rate, mut kept) = (rate(5), None);
        for _ in 0..5 {
            kept = Some(rate.take(kept, Timestamp(NOW)).unwrap());
        }
        assert_eq!(rate.take(kept, Timestamp(NOW)), Err(Duration::from_secs(12)));
        assert_eq!(rate.take(kept, Timestamp(NOW + 11_000)), Err(Duration::from_secs(1)));
        let kept = Some(rate.take(kept, Timestamp(NOW + 12_000)).unwrap());
        assert_eq!(rate.take(kept, Timestamp(NOW + 12_000)), Err(Duration::from_secs(12)));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_longer_than_a_minute() {
        assert!(
            rate(5).take(Some(Timestamp(NOW + 86_400_000)), Timestamp(NOW)).unwrap_err() <= Duration::from_secs(60)
        );
        assert!(rate(5).take(Some(Timestamp(NOW)), Timestamp(-1)).is_err());
    }

    proptest! {
        #[test]
        fn never_more_than_allowed_in_any_minute_twice_over_and_granted_after_the_wait(
            n in 1u32..40, gaps in prop::collection::vec(0i64..20_000, 1..200),
        ) {
            let (rate, mut kept, mut now, mut granted) = (rate(n), None, NOW, Vec::new());
            for gap in gaps {
                now += gap;
                match rate.take(kept, Timestamp(now)) {
                    Ok(next) => {
                        kept = Some(next);
                        granted.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(!wait.is_zero() && wait <= Duration::from_secs(60));
                        prop_assert!(rate.take(kept, Timestamp(now).after(wait + Duration::from_millis(1))).is_ok());
                    }
                }
            }
            // A full burst, and then what a minute brings.
            for &from in &granted {
                let within = granted.iter().filter(|&&at| at >= from && at < from + 60_000).count();
                prop_assert!(within <= 2 * n as usize);
            }
        }
    }
}
