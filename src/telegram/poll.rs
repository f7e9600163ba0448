//! Fetches updates and stores them before Telegram forgets them.
//!
//! Telegram forgets an update when a later request names a higher offset, so the offset is raised only after the commit.
//! Owns the offset. What is fetched goes in through the [`Intake`].
use super::api::{Api, ApiError};
use super::intake::Intake;
use super::owner::KINDS;
use crate::domain::UpdateId;
use crate::limits::Backoff;
use serde_json::json;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most updates that one request gives. Source: Telegram Bot API, `getUpdates.limit`.
const BATCH: u32 = 100;
/// How much longer than the poll itself its answer may take.
const GRACE: Duration = Duration::from_secs(5);
/// An answer with nothing new that comes sooner than this was no long poll.
const HASTY: Duration = Duration::from_millis(20);
/// A server that does not hold requests open must not be asked as fast as it answers.
const UNHURRIED: Duration = Duration::from_millis(200);

/// How to poll.
#[derive(Debug, Clone, Copy)]
pub struct PollConfig {
    /// How long Telegram may hold an empty request open; whole seconds count, at most 50.
    pub timeout: Duration,
    /// The wait after failures.
    pub backoff: Backoff,
}

impl Default for PollConfig {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_millis(250), cap: Duration::from_secs(5) };
        PollConfig { timeout: Duration::from_secs(12), backoff }
    }
}

/// What went wrong, so that it is said once and not at each attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Api(&'static str),
    Spool,
}

/// The loop that fetches.
pub struct Poller {
    api: Api,
    intake: Intake,
    config: PollConfig,
    trouble: Option<Trouble>,
    /// Tried since the last success.
    webhook_ended: bool,
    /// Failures since the last success.
    attempt: u32,
}

impl Poller {
    /// A poller that brings in through `intake`.
    pub fn new(api: Api, intake: Intake, config: PollConfig) -> Self {
        Poller { api, intake, config, trouble: None, webhook_ended: false, attempt: 0 }
    }

    /// Fetches until cancelled; then returns at once, but lets a running commit end. Whatever fails is tried again.
    pub async fn run(mut self, cancel: CancellationToken) {
        let Some(mut offset) = self.cursor(&cancel).await else { return };
        loop {
            let asked = Instant::now();
            let fetched = tokio::select! {
                fetched = self.fetch(offset) => fetched,
                () = cancel.cancelled() => return,
            };
            let wait = match fetched {
                Ok(updates) if updates.is_empty() => {
                    self.well();
                    (asked.elapsed() < HASTY).then_some(UNHURRIED)
                }
                Ok(updates) => match self.intake.fetched(&updates).await {
                    Ok(next) => {
                        self.well();
                        // Also a server that gives what it was told we have.
                        let old = next <= offset && asked.elapsed() < HASTY;
                        offset = next.or(offset);
                        old.then_some(UNHURRIED)
                    }
                    // The offset stays, so Telegram gives the same updates again.
                    Err(error) => Some(self.spool_trouble(&error)),
                },
                Err(ApiError::Conflict) if self.end_webhook(&cancel).await => None,
                Err(error) => Some(self.trouble_with(&error)),
            };
            if let Some(wait) = wait
                && !rest(wait, &cancel).await
            {
                return;
            }
        }
    }

    /// A webhook keeps updates from being fetched, and Telegram calls that a conflict: it is ended. `false`: that was done
    /// already, so something else is the matter, or it cannot be done now.
    async fn end_webhook(&mut self, cancel: &CancellationToken) -> bool {
        if std::mem::replace(&mut self.webhook_ended, true) {
            return false;
        }
        self.intake.stats().failed();
        tokio::select! {
            ended = self.api.delete_webhook() => ended.is_ok(),
            () = cancel.cancelled() => false,
        }
    }

    /// Where to go on. `None`: cancelled.
    async fn cursor(&mut self, cancel: &CancellationToken) -> Option<Option<UpdateId>> {
        loop {
            match self.intake.spool().cursor().await {
                Ok(cursor) => return Some(cursor),
                Err(error) => {
                    let wait = self.spool_trouble(&error);
                    if !rest(wait, cancel).await {
                        return None;
                    }
                }
            }
        }
    }

    async fn fetch(&self, offset: Option<UpdateId>) -> Result<Vec<Box<RawValue>>, ApiError> {
        let timeout = self.config.timeout.min(Duration::from_secs(50));
        let mut request = json!({ "limit": BATCH, "timeout": timeout.as_secs(), "allowed_updates": KINDS });
        if let Some(offset) = offset {
            request["offset"] = offset.0.into();
        }
        self.api.call_within("getUpdates", &request, timeout + GRACE).await
    }

    fn well(&mut self) {
        self.attempt = 0;
        self.webhook_ended = false;
        self.intake.stats().went(true);
        if self.trouble.take().is_some() {
            tracing::info!("updates are coming in again");
        }
    }

    /// Notes a failure; says it when it is a new one. Gives the wait before the next attempt.
    fn trouble_with(&mut self, error: &ApiError) -> Duration {
        let code = error.code();
        if self.is_new(Trouble::Api(code)) {
            match error {
                ApiError::RetryAfter(_) | ApiError::Unreachable(_) => {
                    tracing::warn!(error.code = code, "failed to {error}; trying on")
                }
                _ => tracing::error!(error.code = code, "failed to {error}; trying on"),
            }
        }
        let wait = self.next_wait();
        match error {
            ApiError::RetryAfter(asked) => wait.max(*asked),
            // Asking often would only throw the other program out again and again.
            ApiError::Conflict => wait.max(self.config.backoff.cap / 2),
            _ => wait,
        }
    }

    fn spool_trouble(&mut self, error: &crate::store::StoreError) -> Duration {
        if self.is_new(Trouble::Spool) {
            let why: &dyn std::error::Error = error;
            tracing::error!(error.code = error.code(), error = why, "failed to store updates; Telegram keeps them");
        }
        self.next_wait()
    }

    fn is_new(&mut self, trouble: Trouble) -> bool {
        self.intake.stats().went(false);
        self.trouble.replace(trouble) != Some(trouble)
    }

    fn next_wait(&mut self) -> Duration {
        let wait = self.config.backoff.delay(self.attempt, rand::random());
        self.attempt = self.attempt.saturating_add(1);
        wait
    }
}

/// Waits; `false` when cancelled meanwhile.
async fn rest(wait: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        () = cancel.cancelled() => false,
    }
}
