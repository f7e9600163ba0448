//! Questions about other people: who is on WhatsApp, with which devices and which hidden address.

use std::sync::Arc;

use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::{Jid, Server};

use super::super::account::Account;
use super::super::hub::Hub;
use super::super::wire::{children, content, iq_error, iq_result, jid_attr, now_secs, text_attr};
use super::Asker;

pub(super) fn answer(asker: Asker<'_>, id: &str, node: &Node) -> Node {
    let Some(usync) = node.get_optional_child("usync") else { return iq_error(id, 400, "bad-request") };
    let wanted: Vec<&str> =
        usync.get_optional_child("query").map(children).unwrap_or(&[]).iter().map(|q| &*q.tag).collect();
    let list = usync.get_optional_child("list").map(children).unwrap_or(&[]);
    let users = list.iter().filter(|n| n.tag == "user").filter_map(|user| person(asker.hub, &wanted, user));
    let answer = NodeBuilder::new("usync")
        .attr("sid", text_attr(usync, "sid"))
        .attr("mode", text_attr(usync, "mode"))
        .attr("last", "true")
        .attr("index", "0")
        .children([NodeBuilder::new("list").children(users).build()]);
    iq_result(id).children([answer.build()]).build()
}

/// The answer about one person.
fn person(hub: &Hub, wanted: &[&str], user: &Node) -> Option<Node> {
    let typed = user.get_optional_child("contact").and_then(content).and_then(|c| std::str::from_utf8(c).ok());
    let jid = match jid_attr(user, "jid").or_else(|| jid_attr(user, "pn_jid")) {
        Some(jid) => jid.to_non_ad(),
        None => Jid::pn(typed?.trim_start_matches('+')),
    };
    let account = hub.owner(&jid);
    let mut parts = Vec::new();
    if wanted.contains(&"contact") {
        let contact = NodeBuilder::new("contact").attr("type", if account.is_some() { "in" } else { "out" });
        parts.push(match typed {
            Some(typed) => contact.string_content(typed).build(),
            None => contact.build(),
        });
    }
    let mut node = NodeBuilder::new("user").attr("jid", &jid);
    if let Some(account) = &account {
        if jid.is_lid() {
            node = node.attr("pn_jid", account.address(Server::Pn));
        }
        if wanted.contains(&"lid") && !jid.is_lid() {
            parts.push(NodeBuilder::new("lid").attr("val", account.address(Server::Lid)).build());
        }
        if wanted.contains(&"devices") {
            parts.push(devices(hub, account));
        }
        if wanted.contains(&"status") {
            parts.push(NodeBuilder::new("status").attr("t", now_secs()).build());
        }
    }
    Some(node.children(parts).build())
}

fn devices(hub: &Hub, account: &Arc<Account>) -> Node {
    let companions = account.all();
    let phone = NodeBuilder::new("device").attr("id", 0).build();
    let linked =
        companions.iter().map(|c| NodeBuilder::new("device").attr("id", c.jid.device).attr("key-index", c.key_index));
    let list = std::iter::once(phone).chain(linked.map(NodeBuilder::build));
    let mut parts = vec![NodeBuilder::new("device-list").children(list).build()];
    if !companions.is_empty()
        && let Ok(signed) = hub.key_index_list(account)
    {
        parts.push(NodeBuilder::new("key-index-list").attr("ts", now_secs()).bytes(signed).build());
    }
    NodeBuilder::new("devices").children(parts).build()
}
