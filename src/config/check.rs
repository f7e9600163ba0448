//! Does a value of the right type also make sense?
//!
//! Owns the rules. It must not read files or repeat secrets.

use std::time::Duration;

use reqwest::Url;

use super::value::Size;
use super::{Config, Secret, UpdateMode};
use crate::domain::TelegramId;
use crate::http::PAGES;
use crate::reach;
use crate::session::MAX_NODE;

/// Tells `report` each key whose value makes no sense, and why.
pub(super) fn check(config: &Config, mut report: impl FnMut(&'static str, String)) {
    telegram(config, &mut report);
    http(config, &mut report);
    access(config, &mut report);
    whatsapp(config, &mut report);
    servers(config, &mut report);
    rest(config, &mut report);
}

/// Whether those that an engine needs are named. What is behind an address is looked at when it is used.
fn servers(config: &Config, report: &mut impl FnMut(&'static str, String)) {
    use super::SessionEngine as Wanted;
    let wanted = config.sessions.engine;
    if matches!(wanted, Wanted::Redis | Wanted::Hybrid) && !config.redis.enabled {
        let engine = wanted.as_str();
        report("sessions.engine", format!("\"{engine}\" needs redis.enabled = true (REDIS_ENABLED=true)"));
    }
    if matches!(wanted, Wanted::Postgres | Wanted::Hybrid) && config.postgres.url.is_none() {
        report("sessions.engine", format!("\"{}\" needs postgres.url (DATABASE_URL)", wanted.as_str()));
    }
    if !(1..=65_535).contains(&config.redis.port) {
        report("redis.port", "must be between 1 and 65535".to_owned());
    }
    if config.redis.database > 65_535 {
        report("redis.database", "is no number of a database: those are small".to_owned());
    }
    if config.redis.connect_timeout == 0 {
        report("redis.connect_timeout", "must be at least 1 (milliseconds)".to_owned());
    }
    if config.session.fallback_deadline < Duration::from_millis(10) {
        report("session.fallback_deadline", "must be at least 10ms: Redis gets two fifths of it".to_owned());
    }
    if config.session.nodes == 0 {
        report("session.nodes", "must be at least 1: this daemon is one".to_owned());
    }
    let node = config.session.node.as_str();
    let letters = node.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if node.is_empty() || node.len() > MAX_NODE || !letters {
        report("session.node", format!("must be 1 to {MAX_NODE} letters, digits, \"-\", \"_\" or \".\""));
    }
}

fn telegram(config: &Config, report: &mut impl FnMut(&'static str, String)) {
    let telegram = &config.telegram;
    if let Err(why) = plain_url(&telegram.api_url, &["https", "http"]) {
        report("telegram.api_url", why);
    }
    if telegram.token.as_ref().is_some_and(|token| !token_has_shape(token)) {
        report("telegram.token", "is no bot token: @BotFather's have the form 123456789:AbC-…".to_owned());
    }
    // teloxide's HTTP client gives up after 17 s; a poll that waits longer would look like an outage.
    if telegram.poll_timeout < Duration::from_secs(1) || telegram.poll_timeout >= Duration::from_secs(17) {
        report("telegram.poll_timeout", "must be at least 1s and below 17s".to_owned());
    }
    for (key, value) in [
        ("telegram.rate_per_second", telegram.rate_per_second),
        ("telegram.chat_per_second", telegram.chat_per_second),
        ("telegram.group_per_minute", telegram.group_per_minute),
    ] {
        if value == 0 {
            report(key, "must be at least 1, or nothing would ever be sent".to_owned());
        }
    }
}

/// What is left of a smaller quota than this, beside the keys of one number, is too little for anything.
const SMALLEST_QUOTA: Size = Size(1_000_000);

/// Shorter ones can be guessed.
const SHORTEST_SECRET: usize = 16;
/// Source: Telegram Bot API, `setWebhook`.
const LONGEST_WEBHOOK_SECRET: usize = 256;
/// Where Telegram's own servers bring updates. Source: the same. A server of one's own brings them to any port.
const WEBHOOK_PORTS: [u16; 4] = [443, 80, 88, 8443];

fn http(config: &Config, report: &mut impl FnMut(&'static str, String)) {
    let (http, webhook) = (&config.http, &config.telegram.webhook);
    if http.token.as_ref().is_some_and(|token| token.expose().len() < SHORTEST_SECRET) {
        report("http.token", format!("is too short: at least {SHORTEST_SECRET} letters"));
    }
    if http.listen.is_some_and(|at| !reach::is_here(at.ip())) && http.token.is_none() {
        let what = "others can reach this address: give a token (http.token_file), or listen on 127.0.0.1";
        report("http.listen", what.to_owned());
    }
    if let Some(secret) = webhook.secret.as_ref().map(Secret::expose) {
        let letters = secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !letters || !(SHORTEST_SECRET..=LONGEST_WEBHOOK_SECRET).contains(&secret.len()) {
            let what = format!(
                "must be {SHORTEST_SECRET} to {LONGEST_WEBHOOK_SECRET} letters, digits, \"_\" or \"-\": openssl rand -hex 32"
            );
            report("telegram.webhook.secret", what);
        }
    }
    if !(1..=100).contains(&webhook.connections) {
        report("telegram.webhook.connections", "must be between 1 and 100".to_owned());
    }
    if let Some(url) = &webhook.url {
        webhook_url(config, url, report);
    }
    if let Some(path) = webhook.local_path()
        && (!path.starts_with('/') || path.contains(['?', '#']) || PAGES.contains(&path.as_str()))
    {
        let key = if webhook.path.is_some() { "telegram.webhook.path" } else { "telegram.webhook.url" };
        report(key, format!("needs a path of its own, beginning with \"/\", and none of {}", PAGES.join(", ")));
    }
    if config.telegram.mode == UpdateMode::Webhook {
        if webhook.url.is_none() {
            report("telegram.mode", "\"webhook\" needs telegram.webhook.url: where Telegram brings updates".to_owned());
        }
        if http.listen.is_none() {
            report("telegram.mode", "\"webhook\" needs http.listen: where they arrive here".to_owned());
        }
    }
}

fn webhook_url(config: &Config, url: &str, report: &mut impl FnMut(&'static str, String)) {
    let url = match plain_url(url, &["https", "http"]) {
        Ok(url) => url,
        Err(why) => return report("telegram.webhook.url", why),
    };
    let local = plain_url(&config.telegram.api_url, &["https", "http"]).is_ok_and(|api| is_loopback(&api));
    if url.scheme() != "https" && !(local && is_loopback(&url)) {
        let what = "must begin with https://: Telegram brings updates over TLS only, to a reverse proxy of yours";
        report("telegram.webhook.url", what.to_owned());
    } else if !local && !url.port_or_known_default().is_some_and(|port| WEBHOOK_PORTS.contains(&port)) {
        report("telegram.webhook.url", "Telegram brings updates to the ports 443, 80, 88 and 8443 only".to_owned());
    }
}

fn token_has_shape(token: &Secret) -> bool {
    token.expose().split_once(':').is_some_and(|(bot, key)| {
        !bot.is_empty()
            && bot.bytes().all(|b| b.is_ascii_digit())
            && key.len() >= 3
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

fn access(config: &Config, report: &mut impl FnMut(&'static str, String)) {
    let named = config.access.allow.iter().map(|id| ("access.allow", *id));
    let named = named.chain(config.access.admins.iter().map(|id| ("access.admins", *id)));
    for (key, id) in named.chain(config.access.owner.map(|id| ("access.owner", id))) {
        if id <= 0 {
            report(key, format!("{id} is no person's id: those are above 0 (groups and channels are below)"));
        } else if u64::try_from(id).is_ok_and(|id| !TelegramId(id).is_person()) {
            report(key, format!("{id} is an account that many people share; a person's own id is needed"));
        }
    }
}

fn whatsapp(config: &Config, report: &mut impl FnMut(&'static str, String)) {
    let whatsapp = &config.whatsapp;
    match plain_url(&whatsapp.web.endpoint, &["wss", "ws"]) {
        Err(why) => report("whatsapp.web.endpoint", why),
        Ok(url) if url.scheme() == "ws" && !is_loopback(&url) => {
            report("whatsapp.web.endpoint", "ws:// is only for this machine (127.0.0.1); use wss://".to_owned());
        }
        Ok(_) => {}
    }
    if let Some(version) = &whatsapp.web.version {
        let parts: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
        if parts.len() != 3 || parts.iter().any(Result::is_err) {
            report("whatsapp.web.version", "must be three numbers such as \"2.3000.1023868176\"".to_owned());
        }
    }
    for (key, value) in [
        ("whatsapp.close_timeout", whatsapp.close_timeout),
        ("whatsapp.shutdown_timeout", whatsapp.shutdown_timeout),
        ("whatsapp.send_timeout", whatsapp.send_timeout),
        ("whatsapp.tell_away_after", whatsapp.tell_away_after),
        ("whatsapp.warn_phone_after", whatsapp.warn_phone_after),
    ] {
        if value.is_zero() {
            report(key, "must be longer than 0".to_owned());
        }
    }
    for (key, value) in [
        ("whatsapp.qr_per_hour", whatsapp.qr_per_hour),
        ("whatsapp.max_numbers", whatsapp.max_numbers),
        ("whatsapp.max_clients", whatsapp.max_clients),
    ] {
        if value == 0 {
            report(key, "must be at least 1, or nobody could link a number".to_owned());
        }
    }
}

fn rest(config: &Config, report: &mut impl FnMut(&'static str, String)) {
    if config.data.dir == config.sessions.dir {
        report("sessions.dir", "must be another folder than data.dir".to_owned());
    }
    for (key, value) in [
        ("limits.create_per_minute", config.limits.create_per_minute),
        ("limits.status_per_minute", config.limits.status_per_minute),
        ("limits.qr_refresh_per_minute", config.limits.qr_refresh_per_minute),
    ] {
        if value == 0 {
            report(key, "must be at least 1".to_owned());
        }
    }
    if !(1..=64).contains(&config.store.threads) {
        report("store.threads", "must be between 1 and 64".to_owned());
    }
    if config.store.quota < SMALLEST_QUOTA {
        report("store.quota", "must be at least 1MB: a linked number's keys alone take up some 100KB".to_owned());
    }
    for (key, value) in [
        ("store.idle_close", config.store.idle_close),
        ("store.quota_every", config.store.quota_every),
        ("session.ttl", config.session.ttl),
        ("session.sweep", config.session.sweep),
    ] {
        if value.is_zero() {
            report(key, "must be longer than 0".to_owned());
        }
    }
}

/// An address without user, password, query or fragment: those would end up in places where addresses are shown.
fn plain_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("is no address: {e}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!(
            "must begin with {}",
            schemes.iter().map(|s| format!("{s}://")).collect::<Vec<_>>().join(" or ")
        ));
    }
    if url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err("must be a server's address, without a user or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a ? or # part".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(reach::is_named_here)
}
