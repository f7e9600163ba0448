//! Requests about the account's own settings and the server's: app state, privacy, properties, media hosts.

use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::super::error::SimError;
use super::super::wire::{
    SERVER, attr, child_content, children, fresh_id, iq_error, iq_result, now_secs, random, text_attr,
};
use super::Asker;

/// How long media hosts and their authorisation stay valid, seconds.
const MEDIA_TTL: u32 = 21_600;

/// The persisted query that asks whether new chats are locked.
const TIME_LOCK_QUERY: &str = "23983697327930364";

/// Answers a persisted GraphQL query.
pub(super) fn query(asker: Asker<'_>, id: &str, node: &Node) -> Node {
    let asked = children(node).first().map(|query| text_attr(query, "query_id")).unwrap_or_default();
    if asked != TIME_LOCK_QUERY {
        return iq_error(id, 501, "feature-not-implemented");
    }
    let ends = asker.account.faults.time_lock();
    let lock = match ends {
        Some(ends) => serde_json::json!({
            "enforcement_type": "REACHOUT", "is_active": true, "time_enforcement_ends": ends.to_string(),
        }),
        None => serde_json::json!({ "is_active": false }),
    };
    let answer = serde_json::json!({ "data": { "xwa2_fetch_account_reachout_timelock": lock } });
    let result = NodeBuilder::new("result").bytes(answer.to_string().into_bytes()).build();
    iq_result(id).children([result]).build()
}

pub(super) fn app_state(asker: Asker<'_>, id: &str, node: &Node) -> Result<Node, SimError> {
    let sync = node.get_optional_child("sync").ok_or(SimError::Protocol("an app-state request is malformed"))?;
    let mut answers = Vec::new();
    let mut changed = Vec::new();
    for asked in sync.get_children_by_tag("collection") {
        let name = text_attr(asked, "name");
        let version = attr(asked, "version").and_then(|v| v.parse().ok()).unwrap_or_default();
        let patch = child_content(asked, "patch");
        let changes = asker.account.app_state.sync(&name, version, patch)?;
        let mut answer = NodeBuilder::new("collection").attr("name", name.as_str()).attr("version", changes.version);
        let mut parts = Vec::new();
        if changes.conflict {
            answer = answer.attr("type", "error");
            parts.push(NodeBuilder::new("error").attr("code", 409).attr("text", "conflict").build());
        } else if patch.is_some() {
            changed.push((name, changes.version));
        }
        if !changes.patches.is_empty() {
            let patches = changes.patches.into_iter().map(|patch| NodeBuilder::new("patch").bytes(patch).build());
            parts.push(NodeBuilder::new("patches").children(patches).build());
        }
        answers.push(answer.children(parts).build());
    }
    tell_others(asker, &changed);
    Ok(iq_result(id).children([NodeBuilder::new("sync").children(answers).build()]).build())
}

/// Tells the account's other companions to fetch what has changed.
fn tell_others(asker: Asker<'_>, changed: &[(String, u64)]) {
    if changed.is_empty() {
        return;
    }
    for other in asker.account.all() {
        if other.jid.device == asker.companion.jid.device {
            continue;
        }
        let id = fresh_id();
        let collections = changed.iter().map(|(name, version)| {
            NodeBuilder::new("collection").attr("name", name.as_str()).attr("version", *version).build()
        });
        let node = NodeBuilder::new("notification")
            .attr("id", id.as_str())
            .attr("type", "server_sync")
            .attr("from", SERVER)
            .attr("t", now_secs())
            .children(collections)
            .build();
        asker.hub.deliver(&other.jid, "notification", id, node.into());
    }
}

pub(super) fn media_hosts(asker: Asker<'_>, id: &str) -> Node {
    let hosts = asker.hub.config.media_hosts.iter().map(|host| {
        let parts = [NodeBuilder::new("upload").build(), NodeBuilder::new("download").build()];
        NodeBuilder::new("host").attr("hostname", host.as_str()).attr("type", "primary").children(parts).build()
    });
    let auth: String = random::<16>().iter().map(|b| format!("{b:02x}")).collect();
    let hosts = NodeBuilder::new("media_conn")
        .attr("auth", auth)
        .attr("ttl", MEDIA_TTL)
        .attr("auth_ttl", MEDIA_TTL)
        .attr("max_buckets", 12)
        .children(hosts);
    iq_result(id).children([hosts.build()]).build()
}

pub(super) fn properties(id: &str) -> Node {
    let props =
        NodeBuilder::new("props").attr("protocol", "1").attr("hash", "sim").attr("refresh", 86_400).attr("ab_key", "");
    iq_result(id).children([props.build()]).build()
}

pub(super) fn privacy(id: &str) -> Node {
    const SETTINGS: [(&str, &str); 6] = [
        ("readreceipts", "all"),
        ("last", "all"),
        ("status", "all"),
        ("profile", "all"),
        ("groupadd", "all"),
        ("online", "all"),
    ];
    let categories =
        SETTINGS.map(|(name, value)| NodeBuilder::new("category").attr("name", name).attr("value", value).build());
    iq_result(id).children([NodeBuilder::new("privacy").children(categories).build()]).build()
}

/// Trusted-contact tokens: each one that is asked for is granted.
pub(super) fn tokens(id: &str, node: &Node) -> Node {
    let asked = node.get_optional_child("tokens").map(children).unwrap_or(&[]);
    let granted = asked.iter().map(|token| {
        let mut grant = NodeBuilder::new("token").bytes(random::<16>().to_vec());
        for key in ["jid", "t", "type"] {
            if let Some(value) = token.attrs.get(key) {
                grant = grant.attr(key, value.clone());
            }
        }
        grant.build()
    });
    iq_result(id).children([NodeBuilder::new("tokens").children(granted).build()]).build()
}
