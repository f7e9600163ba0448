//! The key directory's requests: upload, fetch, count, digest, rotation.

use whatsapp_rust::Jid;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::super::hub::Hub;
use super::super::keys::read_signed;
use super::super::wire::{iq_error, iq_result, jid_attr};
use super::{After, Asker, refused};

pub(super) fn answer(asker: Asker<'_>, id: &str, kind: &str, verb: &str, node: &Node) -> (Node, After) {
    let mut after = After::Nothing;
    let reply = match (kind, verb) {
        ("get", "key") => fetch(asker.hub, id, node),
        ("get", "count") => {
            let left = asker.companion.keys().left();
            iq_result(id).children([NodeBuilder::new("count").attr("value", left).build()]).build()
        }
        ("get", "digest") => match asker.companion.keys().digest_node() {
            Some(digest) => iq_result(id).children([digest]).build(),
            None => iq_error(id, 404, "item-not-found"),
        },
        ("set", "rotate") => {
            let key = node.get_optional_child("rotate").and_then(|n| n.get_optional_child("skey"));
            match key.and_then(read_signed) {
                Some(key) => {
                    asker.companion.keys().rotate(key);
                    iq_result(id).build()
                }
                None => iq_error(id, 400, "bad-request"),
            }
        }
        ("set", _) => match asker.companion.keys().upload(node) {
            Ok(()) => {
                after = After::ShareKey;
                iq_result(id).build()
            }
            Err(error) => refused(id, &error),
        },
        _ => iq_error(id, 501, "feature-not-implemented"),
    };
    (reply, after)
}

fn fetch(hub: &Hub, id: &str, node: &Node) -> Node {
    let asked = node.get_optional_child("key").into_iter().flat_map(|key| key.get_children_by_tag("user"));
    let users = asked.filter_map(|user| jid_attr(user, "jid")).map(|jid| bundle(hub, jid));
    iq_result(id).children([NodeBuilder::new("list").children(users).build()]).build()
}

fn bundle(hub: &Hub, jid: Jid) -> Node {
    let user = NodeBuilder::new("user");
    match hub.take_bundle(&jid) {
        Some(bundle) => user.attr("jid", jid).children(bundle.nodes()).build(),
        None => {
            let error = NodeBuilder::new("error").attr("code", 406).attr("text", "not-acceptable").build();
            user.attr("jid", jid).children([error]).build()
        }
    }
}
