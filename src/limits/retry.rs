//! How often a call to a provider is made again: on errors of the network and of the server, twice at most.
//!
//! Pure but for [`Retry::run`], which waits. Calls that must not happen twice do not belong here: a message that was sent
//! is never sent again by itself.
use std::time::Duration;

/// Whether what went wrong may go right the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, no answer, or a 5xx: the server may be there again in a moment.
    Passing,
    /// The server understood and refused: 4xx, or anything else that a repetition does not change.
    Final,
}

/// The waits between one try and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry(&'static [Duration]);

/// For calls to WhatsApp providers: REQUIREMENTS B8.
pub const PROVIDER: Retry = Retry(&[Duration::from_millis(500), Duration::from_secs(1)]);

impl Retry {
    /// How long to wait after failure number `failed`, counted from 0; `None`: it is not tried again.
    pub fn wait(self, failed: usize, failure: Failure) -> Option<Duration> {
        match failure {
            Failure::Passing => self.0.get(failed).copied(),
            Failure::Final => None,
        }
    }

    /// Calls until it succeeds or is not to be tried again. Cancellation: between calls and in them, as the call has it.
    ///
    /// # Errors
    /// That of the last call.
    pub async fn run<T, E, F: Future<Output = Result<T, E>>>(
        self,
        kind: impl Fn(&E) -> Failure,
        mut call: impl FnMut() -> F,
    ) -> Result<T, E> {
        let mut failed = 0;
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let Some(wait) = self.wait(failed, kind(&error)) else { return Err(error) };
            failed += 1;
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::RefCell;

    fn failures() -> impl Strategy<Value = Vec<Option<Failure>>> {
        prop::collection::vec(prop::option::of(prop_oneof![Just(Failure::Passing), Just(Failure::Final)]), 0..8)
    }

    proptest! {
        #[test]
        fn twice_at_most_after_half_a_second_and_one_and_never_after_a_refusal(script in failures()) {
            let mut waits = Vec::new();
            for (failed, answer) in script.iter().enumerate() {
                let Some(wait) = answer.and_then(|failure| PROVIDER.wait(failed, failure)) else { break };
                waits.push(wait.as_millis());
            }
            let passing = script.iter().take_while(|answer| **answer == Some(Failure::Passing)).count();
            prop_assert_eq!(waits.as_slice(), &[500, 1_000][..passing.min(2)]);
        }

        #[test]
        fn calls_follow_the_schedule(script in failures()) {
            const QUICK: Retry = Retry(&[Duration::from_micros(1), Duration::from_micros(2)]);
            let left = RefCell::new(script.iter());
            let calls = RefCell::new(0);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let outcome = runtime.block_on(QUICK.run(|failure: &Failure| *failure, || {
                *calls.borrow_mut() += 1;
                let answer = left.borrow_mut().next().copied().flatten();
                async move { answer.map_or(Ok(()), Err) }
            }));
            let passing = script.iter().take_while(|answer| **answer == Some(Failure::Passing)).count();
            prop_assert_eq!(*calls.borrow(), passing.min(2) + 1);
            prop_assert_eq!(outcome.err(), script.get(passing.min(2)).copied().flatten());
        }
    }
}
