//! Can health, figures and the webhook be answered where they are set up, and does Telegram bring updates there?
//!
//! Owns nothing. It asks; it sets no webhook and ends none. What Telegram says about it holds no secret.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::net::TcpListener;

use super::Findings;
use crate::config::{Config, UpdateMode};
use crate::lifecycle::DataLock;

/// A failure that is longer ago than this is history.
const LATELY: Duration = Duration::from_secs(3600);
/// How long the daemon may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How much of Telegram's words is shown, in characters.
const WORDS: usize = 160;

pub(super) async fn listener(config: &Config, findings: &mut Findings) {
    let Some(address) = config.http.listen else { return };
    let running = runs(config);
    if running {
        return match tokio::time::timeout(ANSWER, answers(config, address)).await {
            Ok(Ok(status)) => findings.ok("http", format!("{address} answers ({status})")),
            _ => {
                let advice =
                    "is it the daemon on this data folder that listens there? It has to be started anew after a change";
                findings.fail("http", format!("a daemon runs, but {address} does not answer"), advice);
            }
        };
    }
    match TcpListener::bind(address).await {
        Ok(_) => findings.ok("http", format!("{address} is free to listen on")),
        Err(e) => {
            let advice = "name another address in http.listen, or end what listens there";
            findings.fail("http", format!("{address} cannot be listened on: {}", e.kind()), advice);
        }
    }
}

fn runs(config: &Config) -> bool {
    matches!(DataLock::held_by(&config.data.dir), Ok(Some(_)))
}

/// The status of the page of health.
async fn answers(config: &Config, address: SocketAddr) -> reqwest::Result<u16> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    // Who listens everywhere is reached at home.
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    };
    let mut request = client.get(format!("http://{host}/healthz"));
    if let Some(token) = &config.http.token {
        request = request.bearer_auth(token.expose());
    }
    Ok(request.send().await?.status().as_u16())
}

/// What Telegram's `getWebhookInfo` means for a daemon that is set up like this.
pub(super) fn webhook(config: &Config, info: &Value, findings: &mut Findings) {
    let url = info["url"].as_str().unwrap_or_default();
    let waiting = info["pending_update_count"].as_u64().unwrap_or(0);
    if config.telegram.mode == UpdateMode::Polling {
        if !url.is_empty() {
            let what = format!("one is set, and {waiting} updates wait for it; telegram.mode is \"polling\"");
            let advice =
                "the daemon ends it when it starts and loses nothing; unless another program needs it, all is well";
            findings.warn("webhook", what, advice);
        }
        return;
    }
    let ours = config.telegram.webhook.url.as_deref() == Some(url);
    match (ours, runs(config)) {
        (true, _) => findings.ok("webhook", format!("set to telegram.webhook.url; {waiting} updates wait")),
        (false, false) => findings.ok("webhook", "not set to telegram.webhook.url; sekat run sets it"),
        (false, true) => {
            let advice = "the log says why (telegram.webhook.url, the token); another program may use the same token";
            findings.fail(
                "webhook",
                "a daemon runs, but Telegram does not bring updates to telegram.webhook.url",
                advice,
            );
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    if let Some(at) = info["last_error_date"].as_u64().filter(|at| ours && now.saturating_sub(*at) < LATELY.as_secs()) {
        let words: String =
            info["last_error_message"].as_str().unwrap_or("no reason told").chars().take(WORDS).collect();
        let advice =
            "does the reverse proxy pass this path on to http.listen, with its headers, and is its certificate valid?";
        let what = format!("Telegram last failed to bring an update {} s ago: {words}", now.saturating_sub(at));
        findings.warn("webhook", what, advice);
    }
}
