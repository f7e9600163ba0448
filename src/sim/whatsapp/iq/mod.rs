//! Answers to a logged-in client's requests. It answers "what does the server say to this query?", one file per group of
//! namespaces; it owns nothing. A request that nobody knows gets an error at once, never silence.

mod keys;
mod settings;
mod usync;

use std::sync::Arc;

use whatsapp_rust::Jid;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::account::{Account, Companion};
use super::error::SimError;
use super::hub::Hub;
use super::wire::{children, iq_error, iq_result, jid_attr, now_secs, text_attr};

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The shared state.
    pub hub: &'a Arc<Hub>,
    /// The account.
    pub account: &'a Arc<Account>,
    /// The device.
    pub companion: &'a Arc<Companion>,
}

/// What the session has to do after the answer.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// Start to deliver what waits.
    Activate,
    /// Let the phone share its app-state key.
    ShareKey,
    /// Unlink this companion.
    Unlink(Jid),
}

/// Answers a request.
pub fn answer(asker: Asker<'_>, node: &Node) -> (Node, After) {
    let (id, namespace, kind) = (text_attr(node, "id"), text_attr(node, "xmlns"), text_attr(node, "type"));
    let verb = children(node).first().map(|child| child.tag.to_string()).unwrap_or_default();
    let ok = || iq_result(&id).build();
    let mut after = After::Nothing;
    let reply = match (&*namespace, &*kind, &*verb) {
        ("encrypt", ..) => return keys::answer(asker, &id, &kind, &verb, node),
        ("usync", ..) => usync::answer(asker, &id, node),
        ("w:sync:app:state", ..) => settings::app_state(asker, &id, node).unwrap_or_else(|error| refused(&id, &error)),
        ("passive", _, "active") => {
            after = After::Activate;
            ok()
        }
        ("md", _, "remove-companion-device") => {
            let which = children(node).first().and_then(|child| jid_attr(child, "jid"));
            after = After::Unlink(which.unwrap_or_else(|| asker.companion.jid.clone()));
            ok()
        }
        ("w:mex", "get", "query") => settings::query(asker, &id, node),
        ("w:m", ..) => settings::media_hosts(asker, &id),
        ("abt", ..) => settings::properties(&id),
        ("privacy", "get", _) => settings::privacy(&id),
        ("privacy", "set", "tokens") => settings::tokens(&id, node),
        ("blocklist", "get", _) => iq_result(&id).children([NodeBuilder::new("list").build()]).build(),
        ("w:p" | "urn:xmpp:ping", ..) => iq_result(&id).attr("t", now_secs()).build(),
        ("w:profile:picture", "get", _) => iq_error(&id, 404, "item-not-found"),
        ("w:g2", "get", "participating") => iq_result(&id).children([NodeBuilder::new("groups").build()]).build(),
        ("w:g2", ..) => iq_error(&id, 404, "item-not-found"),
        (
            "passive"
            | "privacy"
            | "blocklist"
            | "status"
            | "disappearing_mode"
            | "urn:xmpp:whatsapp:push"
            | "urn:xmpp:whatsapp:dirty"
            | "urn:xmpp:whatsapp:account"
            | "tos"
            | "w:stats"
            | "spam",
            ..,
        ) => ok(),
        _ => {
            tracing::debug!(namespace, kind, verb, "a request that the simulator does not know");
            iq_error(&id, 501, "feature-not-implemented")
        }
    };
    (reply, after)
}

fn refused(id: &str, error: &SimError) -> Node {
    tracing::debug!(%error, "a request was refused");
    iq_error(id, 400, "bad-request")
}
