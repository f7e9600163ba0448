//! Has Telegram bring updates, and sees to it that it goes on doing so.
//!
//! Owns the wish: this address, with this secret. What is brought comes in through `http` and [`Intake`](super::Intake).
//! Stopping leaves the webhook as it is: what comes meanwhile waits at Telegram.
use super::api::{Api, ApiError, WebhookInfo};
use super::intake::IntakeStats;
use crate::limits::Backoff;
use crate::store::spool::Spool;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The wait after failures.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(250), cap: Duration::from_secs(30) };
/// How often Telegram is asked whether it still knows where to bring updates. Others can set that with the same token.
const CHECK: Duration = Duration::from_secs(60);

/// What Telegram is told.
#[derive(Clone)]
pub struct WebhookConfig {
    /// Where updates are to be brought.
    pub url: String,
    /// What each request has to carry.
    pub secret: String,
    /// How many requests may come at once, 1 to 100.
    pub connections: u32,
    /// How often it is looked whether that is still so.
    pub check: Duration,
}

impl WebhookConfig {
    /// To this address, with this secret.
    #[must_use]
    pub fn new(url: String, secret: String, connections: u32) -> Self {
        WebhookConfig { url, secret, connections, check: CHECK }
    }
}

impl fmt::Debug for WebhookConfig {
    /// Without address and secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// What is the matter, so that it is said once and not at each attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Api(&'static str),
    Spool,
    /// Telegram could not bring something at this time.
    Deliveries(i64),
}

/// The task that keeps a webhook set.
pub struct Webhook {
    api: Api,
    spool: Spool,
    stats: Arc<IntakeStats>,
    config: WebhookConfig,
    trouble: Option<Trouble>,
    attempt: u32,
    /// The last failure of a delivery that Telegram told of.
    last_error: Option<i64>,
}

impl Webhook {
    /// One that is not set yet. `stats` are those of the [`Intake`](super::Intake) that takes what is brought.
    pub fn new(api: Api, spool: Spool, stats: Arc<IntakeStats>, config: WebhookConfig) -> Self {
        Webhook { api, spool, stats, config, trouble: None, attempt: 0, last_error: None }
    }

    /// Sets the webhook, and again whenever it is not as it was set, until cancelled. Whatever fails is tried again.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            let wait = tokio::select! {
                wait = self.turn() => wait,
                () = cancel.cancelled() => return,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Sets it where it is not set. Gives when to look again.
    async fn turn(&mut self) -> Duration {
        match self.look().await {
            Ok(()) => {
                self.attempt = 0;
                self.config.check
            }
            Err(wait) => wait,
        }
    }

    async fn look(&mut self) -> Result<(), Duration> {
        // The first time it is set whatever Telegram says: it does not tell the secret.
        let known = if self.attempt == 0 && self.stats.healthy() { Some(self.ask().await?) } else { None };
        if known.as_ref().is_some_and(|info| info.url == self.config.url) {
            return Ok(());
        }
        if known.is_some() {
            tracing::error!(
                error.code = "tg-webhook-moved",
                "another program has changed where Telegram brings updates; it is set again"
            );
        }
        if let Err(error) = self.spool.forget_cursor().await {
            let why: &dyn std::error::Error = &error;
            if self.is_new(Trouble::Spool) {
                tracing::error!(
                    error.code = error.code(),
                    error = why,
                    "failed to prepare the spool for a webhook; trying on"
                );
            }
            return Err(self.wait(None));
        }
        let WebhookConfig { url, secret, connections, .. } = &self.config;
        let set = self.api.set_webhook(url, secret, *connections).await;
        set.map_err(|error| self.trouble_with(&error))?;
        self.stats.went(true);
        self.trouble = None;
        tracing::info!(event = "webhook", "Telegram brings updates by webhook");
        Ok(())
    }

    /// What Telegram says of it.
    async fn ask(&mut self) -> Result<WebhookInfo, Duration> {
        let info = self.api.webhook_info().await.map_err(|error| self.trouble_with(&error))?;
        self.stats.waits(info.pending_update_count);
        if let Some(at) = info.last_error_date.filter(|at| self.last_error != Some(*at)) {
            self.last_error = Some(at);
            if self.is_new(Trouble::Deliveries(at)) {
                let why = info.last_error_message.as_deref().unwrap_or("it does not say why");
                let waiting = info.pending_update_count;
                tracing::warn!(
                    error.code = "tg-webhook-delivery",
                    waiting,
                    "Telegram failed to bring an update: {why}"
                );
            }
        } else if self.trouble.take().is_some() {
            tracing::info!("updates are coming in again");
        }
        Ok(info)
    }

    fn trouble_with(&mut self, error: &ApiError) -> Duration {
        self.stats.went(false);
        let code = error.code();
        if self.is_new(Trouble::Api(code)) {
            match error {
                ApiError::RetryAfter(_) | ApiError::Unreachable(_) => {
                    tracing::warn!(error.code = code, "failed to {error}; trying on");
                }
                _ => tracing::error!(error.code = code, "failed to {error}; trying on"),
            }
        }
        self.wait(if let ApiError::RetryAfter(asked) = error { Some(*asked) } else { None })
    }

    fn is_new(&mut self, trouble: Trouble) -> bool {
        self.trouble.replace(trouble.clone()) != Some(trouble)
    }

    fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let wait = BACKOFF.delay(self.attempt, rand::random());
        self.attempt = self.attempt.saturating_add(1);
        wait.max(asked.unwrap_or_default())
    }
}
