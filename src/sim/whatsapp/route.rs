//! Where stanzas go. It answers "which devices get this message or this receipt?"; it owns nothing. Ciphertexts pass
//! through unread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use whatsapp_rust::Jid;
use whatsapp_rust::wacore::messages::MessageUtils;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{JidExt as _, Node};

use super::account::Account;
use super::error::SimError;
use super::hub::Hub;
use super::queue::{Mailbox, Word};
use super::wire::{attr, children, jid_attr, now_secs, text_attr};

/// The device that sends a stanza.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// Its account.
    pub account: &'a Arc<Account>,
    /// Its device id, 0 for the phone.
    pub device: u16,
}

impl Sender<'_> {
    /// The sender as the receiver addresses it, in the address space of `to`.
    fn address(&self, to: &Jid) -> Jid {
        self.account.address(to.server).with_device(self.device)
    }
}

impl Hub {
    /// Brings a message to every device it was sealed for. Returns to how many.
    ///
    /// # Errors
    /// [`SimError::Protocol`] when it has no id or no recipient, [`SimError::NoRecipient`] when no device exists.
    pub fn route_message(self: &Arc<Self>, sender: Sender<'_>, node: &Node) -> Result<usize, SimError> {
        self.counters.messages.fetch_add(1, Ordering::Relaxed);
        let to = jid_attr(node, "to").ok_or(SimError::Protocol("a message has no recipient"))?;
        let id = text_attr(node, "id");
        if id.is_empty() {
            return Err(SimError::Protocol("a message has no id"));
        }
        let shared = |tag: &str| node.get_optional_child(tag).cloned();
        let common: Vec<Node> =
            ["device-identity", "reporting", "meta", "biz"].into_iter().filter_map(shared).collect();
        let mut delivered = 0;
        if let Some(participants) = node.get_optional_child("participants") {
            for part in participants.get_children_by_tag("to") {
                let Some(device) = jid_attr(part, "jid") else { continue };
                let inside = children(part).iter().chain(&common).cloned();
                let stanza = envelope(sender, node, &id, &to, &device).children(inside).build();
                delivered += usize::from(self.deliver(&device, "message", id.clone(), Arc::new(stanza)));
            }
        } else {
            let inside = node.get_children_by_tag("enc").chain(&common).cloned();
            let stanza = envelope(sender, node, &id, &to, &to).children(inside).build();
            delivered += usize::from(self.deliver(&to, "message", id, Arc::new(stanza)));
        }
        self.counters.deliveries.fetch_add(delivered as u64, Ordering::Relaxed);
        if delivered == 0 {
            return Err(SimError::NoRecipient);
        }
        Ok(delivered)
    }

    /// The hash of the devices that a message should have been sealed for, when it was sealed for others: the sender's
    /// list of devices is out of date.
    pub fn stale_devices(&self, sender: Sender<'_>, node: &Node) -> Option<String> {
        let to = jid_attr(node, "to")?;
        let recipient = self.owner(&to)?;
        let parts = node.get_optional_child("participants")?.get_children_by_tag("to");
        let sealed_for: Vec<Jid> = parts.filter_map(|part| jid_attr(part, "jid")).collect();
        let space = sealed_for.first()?.server;
        let own = sender.account.devices(space).into_iter().filter(|d| d.device != sender.device);
        let mut due: Vec<Jid> = own.collect();
        if recipient.number != sender.account.number {
            due.extend(recipient.devices(space));
        }
        let sealed = MessageUtils::participant_list_hash(&sealed_for).ok()?;
        let due = MessageUtils::participant_list_hash(&due).ok()?;
        (sealed != due).then_some(due)
    }

    /// Brings a receipt to those whom it concerns and takes the confirmed messages out of the sender's own mailbox.
    pub fn route_receipt(self: &Arc<Self>, sender: Sender<'_>, own: &Mailbox, node: &Node) {
        self.counters.receipts.fetch_add(1, Ordering::Relaxed);
        let id = text_attr(node, "id");
        own.settle("message", &id, Word::Receipt);
        for item in node.get_optional_child("list").map(children).unwrap_or(&[]) {
            own.settle("message", &text_attr(item, "id"), Word::Receipt);
        }
        let Some(to) = jid_attr(node, "to") else { return };
        let kind = attr(node, "type").unwrap_or_default();
        let Some(account) = self.owner(&to) else { return };
        let targets = match &*kind {
            // Only the device that sealed the message can seal it again.
            "retry" => vec![account.address(to.server).with_device(to.device)],
            // These only tell the server that a copy of an own message has arrived.
            "sender" | "peer_msg" | "hist_sync" => Vec::new(),
            "read-self" | "played-self" => {
                let own = sender.account.devices(to.server);
                own.into_iter().filter(|d| d.device != sender.device).collect()
            }
            _ if account.number == sender.account.number || account.faults.loses_receipts() => Vec::new(),
            _ => account.devices(to.server),
        };
        let mut receipt = NodeBuilder::new("receipt").attr("from", sender.address(&to)).attr("t", now_secs());
        for key in ["id", "type", "participant", "recipient", "category"] {
            if let Some(value) = node.attrs.get(key) {
                receipt = receipt.attr(key, value.clone());
            }
        }
        let receipt = Arc::new(receipt.children(children(node).iter().cloned()).build());
        for target in targets {
            self.deliver(&target, "receipt", id.clone(), Arc::clone(&receipt));
        }
    }
}

/// The head of a message as one device gets it.
fn envelope(sender: Sender<'_>, node: &Node, id: &str, to: &Jid, device: &Jid) -> NodeBuilder {
    let mut stanza = NodeBuilder::new("message")
        .attr("id", id)
        .attr("from", sender.address(to))
        .attr("t", now_secs())
        .attr("notify", sender.account.name.as_str());
    for key in ["type", "category", "edit", "push_priority"] {
        if let Some(value) = node.attrs.get(key) {
            stanza = stanza.attr(key, value.clone());
        }
    }
    let own = device.user == sender.account.number || device.user == sender.account.lid;
    match node.attrs.get("recipient") {
        Some(recipient) => stanza.attr("recipient", recipient.clone()),
        // An own device has to learn to whom the other one wrote.
        None if own && !to.is_same_user_as(device) => stanza.attr("recipient", to.to_non_ad()),
        None => stanza,
    }
}
