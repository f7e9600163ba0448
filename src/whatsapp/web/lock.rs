//! Asks WhatsApp until when a number may write to nobody new, once it has refused a message for that.
//!
//! Owns no state. That the message was refused is told without it; this only adds the end, where WhatsApp tells it.
use super::send;
use super::shared::Shared;
use crate::domain::{ClientEvent, Timestamp};
use crate::limits::{Failure, retry};
use std::sync::Arc;
use std::time::Duration;
use whatsapp_rust::{MexError, ReachoutTimelock};

/// How long the answer may take, with everything that is tried again.
const ANSWER: Duration = Duration::from_secs(20);

/// Asks, and tells the sink when there is an end to tell.
pub(super) async fn ask(shared: Arc<Shared>) {
    let Some(client) = shared.client() else { return };
    let mex = client.mex();
    let again = |error: &MexError| match error {
        MexError::Request(error) => send::failure(error),
        _ => Failure::Final,
    };
    let asking = retry::PROVIDER.run(again, || mex.fetch_reachout_timelock());
    match tokio::time::timeout(ANSWER, asking).await {
        Ok(Ok(lock)) => {
            if let Some(until) = end(&lock) {
                shared.tell(ClientEvent::Locked { until });
            }
        }
        Ok(Err(error)) => tracing::info!(account.id = %shared.account, event = "lock_unknown", error = %error,
            "WhatsApp does not tell how long a number is locked"),
        Err(_) => {
            tracing::info!(account.id = %shared.account, event = "lock_unknown", "asking for a lock's end took too long")
        }
    }
}

/// When the lock ends: seconds since 1970, as text.
fn end(lock: &ReachoutTimelock) -> Option<Timestamp> {
    let seconds: i64 = lock.time_enforcement_ends.as_deref()?.trim().parse().ok()?;
    (lock.is_active != Some(false) && seconds > 0).then(|| Timestamp(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lock_that_holds_has_an_end() {
        let lock = |active, ends: Option<&str>| ReachoutTimelock {
            is_active: active,
            time_enforcement_ends: ends.map(str::to_owned),
            ..ReachoutTimelock::default()
        };
        assert_eq!(end(&lock(Some(true), Some("1800000000"))), Some(Timestamp(1_800_000_000_000)));
        assert_eq!(end(&lock(None, Some("1800000000"))), Some(Timestamp(1_800_000_000_000)));
        for none in [lock(Some(false), Some("1800000000")), lock(Some(true), None), lock(Some(true), Some("soon"))] {
            assert_eq!(end(&none), None);
        }
    }
}
