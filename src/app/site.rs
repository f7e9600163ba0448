//! How updates come in, and what is answered over HTTP, as the configuration has it.
use crate::cli::VERSION;
use crate::config::{Config, UpdateMode};
use crate::http::{Hook, Listener, Mode, Site, Stop};
use crate::lifecycle::{Lifecycle, Shutdown};
use crate::store::Spool;
use crate::telegram::{Api, Intake, PollConfig, Poller, Webhook, WebhookConfig};
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use tracing::info;

/// Answers from now on, where it is set up: that the daemon is coming up, at first.
pub(super) async fn open(config: &Config, lifecycle: &Lifecycle) -> anyhow::Result<Option<Arc<Site>>> {
    let Some(address) = config.http.listen else { return Ok(None) };
    let Shutdown { graceful, hard, tracker, .. } = lifecycle.shutdown.clone();
    let listener = Listener::bind(address).await.with_context(|| format!("listen on {address} (http.listen)"))?;
    let token = config.http.token.as_ref().map(|token| token.expose());
    let site = Arc::new(Site::new(token, VERSION, graceful.clone()));
    let stop = Stop { graceful, hard, tasks: tracker.clone() };
    tracker.spawn(listener.serve(Arc::clone(&site), stop));
    info!(event = "listening", address = %address, "health and figures are answered over HTTP");
    Ok(Some(site))
}

/// Lets updates come in. Gives what takes those that Telegram brings, where it does.
pub(super) fn updates(
    config: &Config,
    api: Api,
    spool: Spool,
    intake: Intake,
    shutdown: &Shutdown,
) -> anyhow::Result<(Mode, Option<Hook>)> {
    let (tasks, stop, telegram) = (&shutdown.tracker, shutdown.graceful.clone(), &config.telegram);
    if telegram.mode == UpdateMode::Polling {
        let poll = PollConfig { timeout: telegram.poll_timeout, ..PollConfig::default() };
        tasks.spawn(Poller::new(api, intake, poll).run(stop));
        return Ok((Mode::Polling, None));
    }
    let path = telegram.webhook.local_path().context("read telegram.webhook.url")?;
    let url = telegram.webhook.url.clone().context("read telegram.webhook.url")?;
    let secret = match &telegram.webhook.secret {
        Some(secret) => secret.expose().to_owned(),
        None => URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
    };
    let stats = intake.stats();
    let hook = Hook::new(path, &secret, intake);
    let wish = WebhookConfig::new(url, secret, telegram.webhook.connections);
    tasks.spawn(Webhook::new(api, spool, stats, wish).run(stop));
    Ok((Mode::Webhook, Some(hook)))
}
