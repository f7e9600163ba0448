//! Methods about where updates go.
//!
//! Owns no state. While a webhook is set polling is refused; who calls it is `hooks`' business.

use std::collections::HashSet;

use reqwest::Url;
use serde_json::{Value, json};

use crate::reach;
use crate::sim::telegram::{
    params::Params,
    reply::{Answer, Refusal},
    updates::{Hook, KINDS},
    world::World,
};

pub(super) fn set(world: &mut World, params: &Params) -> Answer {
    let url = params.text("url").unwrap_or_default();
    if url.is_empty() {
        return delete(world, params);
    }
    let parsed = Url::parse(url).map_err(|_| Refusal::bad("bad webhook: invalid webhook URL specified"))?;
    // A server on the bot's own machine takes plain addresses there, on any port, as a Bot API server run with --local does.
    if !is_local(&parsed) {
        if parsed.scheme() != "https" {
            return Err(Refusal::bad("bad webhook: An HTTPS URL must be provided for webhook"));
        }
        if !matches!(parsed.port_or_known_default(), Some(80 | 88 | 443 | 8443)) {
            return Err(Refusal::bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"));
        }
    }
    let secret = params.text("secret_token").filter(|secret| !secret.is_empty());
    if secret.is_some_and(|secret| secret.len() > 256) {
        return Err(Refusal::bad("secret token is too long"));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !secret.unwrap_or_default().bytes().all(allowed) {
        return Err(Refusal::bad("secret token contains unallowed characters"));
    }
    // Telegram puts it within its bounds; here whoever is out of them hears of it.
    let connections = params.integer("max_connections").unwrap_or(40);
    if !(1..=100).contains(&connections) {
        return Err(Refusal::bad("max_connections must be between 1 and 100"));
    }
    if let Some(kinds) = allowed_kinds(params)? {
        world.queue.allow(kinds);
    }
    if params.flag("drop_pending_updates") {
        world.queue.forget_pending();
    }
    world.queue.set_webhook(Some(Hook {
        url: url.to_owned(),
        secret: secret.map(str::to_owned),
        max_connections: usize::try_from(connections).unwrap_or(40),
        setting: 0,
        last_error: None,
    }));
    // A waiting poll ends now, and what waits is brought.
    world.signals.poll.notify_waiters();
    Ok(Value::Bool(true))
}

pub(super) fn delete(world: &mut World, params: &Params) -> Answer {
    world.queue.set_webhook(None);
    if params.flag("drop_pending_updates") {
        world.queue.forget_pending();
    }
    Ok(Value::Bool(true))
}

pub(super) fn info(world: &World) -> Value {
    let mut info = json!({ "url": "", "has_custom_certificate": false });
    if let Some(hook) = &world.queue.webhook {
        info["url"] = hook.url.clone().into();
        info["max_connections"] = hook.max_connections.into();
        info["ip_address"] = "127.0.0.1".into();
        if let Some((at, words)) = &hook.last_error {
            info["last_error_date"] = (*at).into();
            info["last_error_message"] = words.clone().into();
        }
    }
    info["pending_update_count"] = world.queue.pending().into();
    if let Some(kinds) = world.queue.allowed() {
        info["allowed_updates"] = json!(kinds);
    }
    info
}

/// Whether an address names this machine.
pub(in crate::sim::telegram) fn is_local(url: &Url) -> bool {
    url.host_str().and_then(reach::literal).is_some_and(reach::is_here)
}

/// The kinds that a call asks for; `None` when it says nothing about them.
pub(in crate::sim::telegram) fn allowed_kinds(params: &Params) -> Result<Option<HashSet<String>>, Refusal> {
    let Some(value) = params.json("allowed_updates") else { return Ok(None) };
    let wrong = || Refusal::bad("can't parse allowed updates: expected an Array of String");
    let mut kinds = HashSet::new();
    for item in value.as_array().ok_or_else(wrong)? {
        let kind = item.as_str().ok_or_else(wrong)?;
        if !KINDS.contains(&kind) {
            return Err(Refusal::bad(format!("unknown kind of update \"{kind}\" in allowed_updates")));
        }
        kinds.insert(kind.to_owned());
    }
    Ok(Some(kinds))
}
