//! Methods about where updates go.
//!
//! Owns no state. A webhook can be set, told about and deleted, and while it is set polling is refused; updates are
//! never sent to it, they wait.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::sim::telegram::{
    params::Params,
    reply::{Answer, Refusal},
    updates::KINDS,
    world::World,
};

pub(super) fn set(world: &mut World, params: &Params) -> Answer {
    let url = params.text("url").unwrap_or_default();
    if url.is_empty() {
        return delete(world, params);
    }
    let parsed = reqwest::Url::parse(url).map_err(|_| Refusal::bad("bad webhook: invalid webhook URL specified"))?;
    if parsed.scheme() != "https" {
        return Err(Refusal::bad("bad webhook: HTTPS url must be provided for webhook"));
    }
    if !matches!(parsed.port_or_known_default(), Some(80 | 88 | 443 | 8443)) {
        return Err(Refusal::bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"));
    }
    if let Some(kinds) = allowed_kinds(params)? {
        world.queue.allow(kinds);
    }
    if params.flag("drop_pending_updates") {
        world.queue.forget_pending();
    }
    let connections = params.integer("max_connections").unwrap_or(40).clamp(1, 100);
    world.queue.webhook = Some(json!({ "url": url, "max_connections": connections }));
    // A waiting poll ends now.
    world.signals.poll.notify_waiters();
    Ok(Value::Bool(true))
}

pub(super) fn delete(world: &mut World, params: &Params) -> Answer {
    world.queue.webhook = None;
    if params.flag("drop_pending_updates") {
        world.queue.forget_pending();
    }
    Ok(Value::Bool(true))
}

pub(super) fn info(world: &World) -> Value {
    let mut info = world.queue.webhook.clone().unwrap_or_else(|| json!({ "url": "" }));
    info["has_custom_certificate"] = false.into();
    info["pending_update_count"] = world.queue.pending().into();
    if let Some(kinds) = world.queue.allowed() {
        info["allowed_updates"] = json!(kinds);
    }
    info
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
