//! What a phone does. It answers stanzas for one number's primary device: reads messages, sends receipts, asks again for
//! what it cannot read, and writes when its owner wants. It owns nothing; the phone's state is in [`super::phone`].

use std::sync::Arc;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::messages::{MessageUtils, decode_plaintext, unwrap_device_sent, wrap_device_sent};
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{JidExt as _, Node};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Jid, Server};

use super::account::Account;
use super::error::SimError;
use super::hub::Hub;
use super::keys::Bundle;
use super::phone::{Received, SeenReceipt};
use super::ratchets::{Ratchets, address};
use super::route::Sender;
use super::wire::{attr, be_u32, child_content, children, content, fresh_id, jid_attr, now_secs, text_attr};

/// How often a phone asks again for one message, as the official clients do.
const MOST_RETRIES: u8 = 5;

/// Version of the padding that phones use.
const PADDING: u8 = 2;

impl Hub {
    /// Works through a phone's mailbox until it is empty.
    pub(super) async fn work(self: &Arc<Self>, account: &Arc<Account>) {
        loop {
            for node in account.phone.mailbox.drain() {
                if self.cancel.is_cancelled() {
                    return;
                }
                match &*node.tag {
                    "message" => self.read_message(account, &node).await,
                    "receipt" => self.read_receipt(account, &node).await,
                    _ => {}
                }
            }
            if !account.phone.doze() {
                return;
            }
        }
    }

    async fn read_message(self: &Arc<Self>, account: &Arc<Account>, node: &Node) {
        let Some(from) = jid_attr(node, "from") else { return };
        let Some(writer) = self.owner(&from) else { return };
        let at = address(&writer.number, from.device);
        let mut failed = false;
        let mut ratchets = account.phone.ratchets.lock().await;
        let mut opened = Vec::new();
        for enc in node.get_children_by_tag("enc") {
            let kind = text_attr(enc, "type");
            match ratchets.open(&at, &kind, content(enc).unwrap_or_default()).await {
                Ok(padded) => opened.extend(decode_plaintext(&padded, PADDING).ok()),
                Err(error) => {
                    tracing::debug!(%error, "a phone could not read a message");
                    failed = true;
                }
            }
        }
        drop(ratchets);
        if failed && opened.is_empty() {
            self.ask_again(account, &from, &text_attr(node, "id"));
            return;
        }
        self.confirm(account, &writer, &from, node);
        for message in opened {
            self.take(account, &writer, &from, node, message).await;
        }
    }

    /// Tells the sender, or the server for an own copy, that a message has arrived.
    fn confirm(self: &Arc<Self>, account: &Arc<Account>, writer: &Account, from: &Jid, node: &Node) {
        let mut receipt = NodeBuilder::new("receipt").attr("to", from).attr("id", text_attr(node, "id"));
        if attr(node, "category").as_deref() == Some("peer") {
            receipt = receipt.attr("type", "peer_msg");
        } else if writer.number == account.number {
            receipt = receipt.attr("type", "sender");
        }
        self.receipt(account, &receipt.build());
    }

    fn receipt(self: &Arc<Self>, account: &Arc<Account>, node: &Node) {
        self.route_receipt(Sender { account, device: 0 }, &account.phone.mailbox, node);
    }

    async fn take(
        self: &Arc<Self>,
        account: &Arc<Account>,
        writer: &Account,
        from: &Jid,
        node: &Node,
        message: wa::Message,
    ) {
        let own = writer.number == account.number;
        let to = message.device_sent_message.as_option().and_then(|sent| sent.destination_jid.clone());
        let message = unwrap_device_sent(message);
        if let Some(protocol) = message.protocol_message.as_option()
            && protocol.app_state_sync_key_request.as_option().is_some()
            && own
        {
            if let Err(error) = self.share_app_state_key(account, from).await {
                tracing::debug!(%error, "a phone could not share its app-state key");
            }
            return;
        }
        let (kind, text) = describe(&message);
        if own && kind == "other" {
            return;
        }
        let to = to.filter(|_| own).map(|to| to.split(['@', ':']).next().unwrap_or_default().to_owned());
        account.phone.note_message(Received {
            seq: 0,
            id: text_attr(node, "id"),
            from: writer.number.clone(),
            device: from.device,
            to,
            text,
            kind,
            at: now_secs(),
        });
    }

    fn ask_again(self: &Arc<Self>, account: &Arc<Account>, from: &Jid, id: &str) {
        let count = account.phone.count_retry(id, from.device);
        let Ok(bundle) = account.phone.bundle() else { return };
        if count > MOST_RETRIES {
            return;
        }
        let retry = NodeBuilder::new("retry").attr("v", "1").attr("id", id).attr("t", now_secs()).attr("count", count);
        let keys = bundle.nodes().into_iter().filter(|n| n.tag != "registration");
        let node = NodeBuilder::new("receipt")
            .attr("to", from)
            .attr("id", id)
            .attr("type", "retry")
            .children([
                retry.build(),
                NodeBuilder::new("registration").bytes(account.phone.registration_id().to_be_bytes().to_vec()).build(),
                NodeBuilder::new("keys").children(keys).build(),
            ])
            .build();
        self.receipt(account, &node);
    }

    async fn read_receipt(self: &Arc<Self>, account: &Arc<Account>, node: &Node) {
        let Some(from) = jid_attr(node, "from") else { return };
        let Some(writer) = self.owner(&from) else { return };
        let kind = attr(node, "type").map_or_else(|| "delivery".to_owned(), |kind| kind.into_owned());
        if kind == "retry" {
            if let Err(error) = self.send_again(account, &writer, &from, node).await {
                tracing::debug!(%error, "a phone could not repeat a message");
            }
            return;
        }
        let items = node.get_optional_child("list").map(children).unwrap_or(&[]);
        for id in std::iter::once(node).chain(items).map(|n| text_attr(n, "id")) {
            let (from, kind) = (writer.number.clone(), kind.clone());
            account.phone.note_receipt(SeenReceipt { id, from, device: node_device(node), kind });
        }
    }

    async fn send_again(
        self: &Arc<Self>,
        account: &Arc<Account>,
        writer: &Account,
        from: &Jid,
        node: &Node,
    ) -> Result<(), SimError> {
        let id = text_attr(node, "id");
        let (to, message) = account.phone.recall(&id).ok_or(SimError::UnknownMessage)?;
        let registration = child_content(node, "registration").and_then(be_u32).unwrap_or_default();
        let sent_keys = node.get_optional_child("keys").and_then(|keys| Bundle::from_retry(keys, registration));
        let bundle = sent_keys.or_else(|| self.take_bundle(from)).ok_or(SimError::NoRecipient)?;
        let own = writer.number == account.number;
        let padded = if own {
            MessageUtils::encode_and_pad(&wrap_device_sent((*message).clone(), to.to_string()))
        } else {
            MessageUtils::encode_and_pad(&message)
        };
        let at = address(&writer.number, from.device);
        let mut ratchets = account.phone.ratchets.lock().await;
        ratchets.start(&at, from.device, &bundle).await?;
        let enc = sealed(&mut ratchets, &at, &padded).await?;
        let mut stanza = NodeBuilder::new("message").attr("to", from).attr("id", id).attr("type", "text");
        if own {
            stanza = stanza.attr("recipient", &to);
        }
        self.route_message(Sender { account, device: 0 }, &stanza.children([enc]).build())?;
        Ok(())
    }

    /// Gives the account's app-state key to a companion.
    ///
    /// # Errors
    /// When the companion has no public keys yet.
    pub(super) async fn share_app_state_key(
        self: &Arc<Self>,
        account: &Arc<Account>,
        to: &Jid,
    ) -> Result<(), SimError> {
        let to = account.address(Server::Pn).with_device(to.device);
        let padded = MessageUtils::encode_and_pad(&account.app_state.key_share());
        let mut ratchets = account.phone.ratchets.lock().await;
        let enc = self.seal_for(&mut ratchets, account, &to, &padded).await?;
        let stanza = NodeBuilder::new("message")
            .attr("to", &to)
            .attr("id", fresh_id())
            .attr("type", "text")
            .attr("category", "peer")
            .attr("push_priority", "high_force")
            .children([enc])
            .build();
        self.route_message(Sender { account, device: 0 }, &stanza)?;
        Ok(())
    }

    async fn seal_for(
        &self,
        ratchets: &mut Ratchets,
        owner: &Account,
        to: &Jid,
        padded: &[u8],
    ) -> Result<Node, SimError> {
        let at = address(&owner.number, to.device);
        if !ratchets.knows(&at) {
            let bundle = self.take_bundle(to).ok_or(SimError::NoRecipient)?;
            ratchets.start(&at, to.device, &bundle).await?;
        }
        sealed(ratchets, &at, padded).await
    }

    /// A phone writes a text. Returns the message id.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::NoRecipient`], [`SimError::Crypto`].
    pub async fn write_text(self: &Arc<Self>, from: &str, to: &str, text: &str) -> Result<String, SimError> {
        let message = wa::Message { conversation: Some(text.to_owned()), ..Default::default() };
        self.write(&self.account(from)?, &self.account(to)?, message).await
    }

    /// A phone writes any message. Returns the message id.
    ///
    /// # Errors
    /// [`SimError::NoRecipient`], [`SimError::Crypto`].
    pub async fn write(
        self: &Arc<Self>,
        account: &Arc<Account>,
        recipient: &Arc<Account>,
        message: wa::Message,
    ) -> Result<String, SimError> {
        let (id, to) = (fresh_id(), recipient.address(Server::Pn));
        let padded = MessageUtils::encode_and_pad(&message);
        let own = wrap_device_sent(message.clone(), to.to_string());
        let own = MessageUtils::encode_and_pad(&own);
        account.phone.remember(&id, to.clone(), Arc::new(message));
        let mut parts = Vec::new();
        let mut ratchets = account.phone.ratchets.lock().await;
        let copies = account.devices(Server::Pn).into_iter().skip(1).map(|d| (d, account, &own));
        for (device, owner, padded) in
            recipient.devices(Server::Pn).into_iter().map(|d| (d, recipient, &padded)).chain(copies)
        {
            if device.is_same_user_as(&account.phone.jid) && device.device == 0 {
                continue;
            }
            match self.seal_for(&mut ratchets, owner, &device, padded).await {
                Ok(enc) => parts.push(NodeBuilder::new("to").attr("jid", device).children([enc]).build()),
                // A device that has not uploaded its keys yet is left out, as a client leaves it out.
                Err(SimError::NoRecipient) => {}
                Err(error) => return Err(error),
            }
        }
        let stanza = NodeBuilder::new("message")
            .attr("to", to)
            .attr("id", id.as_str())
            .attr("type", "text")
            .children([NodeBuilder::new("participants").children(parts).build()])
            .build();
        // Routed under the lock: what was sealed first has to arrive first.
        self.route_message(Sender { account, device: 0 }, &stanza)?;
        drop(ratchets);
        Ok(id)
    }

    /// A phone's owner reads a message: the sender gets a read receipt.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::UnknownMessage`].
    pub fn mark_read(self: &Arc<Self>, number: &str, id: &str) -> Result<(), SimError> {
        let account = self.account(number)?;
        let message = account.phone.received(id).ok_or(SimError::UnknownMessage)?;
        let receipt = NodeBuilder::new("receipt")
            .attr("to", Jid::pn(&*message.from))
            .attr("id", id)
            .attr("type", "read")
            .attr("t", now_secs())
            .build();
        self.receipt(&account, &receipt);
        Ok(())
    }

    /// A phone's owner reacts to a message that was received.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::UnknownMessage`], [`SimError::NoRecipient`].
    pub async fn react(self: &Arc<Self>, number: &str, id: &str, emoji: &str) -> Result<String, SimError> {
        let account = self.account(number)?;
        let message = account.phone.received(id).ok_or(SimError::UnknownMessage)?;
        let recipient = self.account(&message.from)?;
        let key = wa::MessageKey {
            remote_jid: Some(account.address(Server::Pn).to_string()),
            from_me: Some(false),
            id: Some(id.to_owned()),
            ..Default::default()
        };
        let reaction = wa::message::ReactionMessage {
            key: MessageField::some(key),
            text: Some(emoji.to_owned()),
            sender_timestamp_ms: i64::try_from(now_secs() * 1000).ok(),
            ..Default::default()
        };
        let message = wa::Message { reaction_message: MessageField::some(reaction), ..Default::default() };
        self.write(&account, &recipient, message).await
    }
}

fn node_device(node: &Node) -> u16 {
    jid_attr(node, "from").map_or(0, |from| from.device)
}

async fn sealed(
    ratchets: &mut Ratchets,
    to: &whatsapp_rust::wacore::libsignal::protocol::ProtocolAddress,
    padded: &[u8],
) -> Result<Node, SimError> {
    let sealed = ratchets.seal(to, padded).await?;
    Ok(NodeBuilder::new("enc").attr("v", "2").attr("type", sealed.kind).bytes(sealed.data).build())
}

/// What kind of message it is, and its text.
fn describe(message: &wa::Message) -> (&'static str, String) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    if message.conversation.is_some() {
        ("text", text(&message.conversation))
    } else if let Some(extended) = message.extended_text_message.as_option() {
        ("text", text(&extended.text))
    } else if let Some(image) = message.image_message.as_option() {
        ("image", text(&image.caption))
    } else if let Some(video) = message.video_message.as_option() {
        ("video", text(&video.caption))
    } else if let Some(document) = message.document_message.as_option() {
        ("document", text(&document.caption))
    } else if message.audio_message.as_option().is_some() {
        ("audio", String::new())
    } else if message.sticker_message.as_option().is_some() {
        ("sticker", String::new())
    } else if let Some(reaction) = message.reaction_message.as_option() {
        ("reaction", text(&reaction.text))
    } else if message.protocol_message.as_option().is_some_and(|p| p.r#type == Some(REVOKE)) {
        ("revoke", String::new())
    } else {
        ("other", String::new())
    }
}

const REVOKE: wa::message::protocol_message::Type = wa::message::protocol_message::Type::REVOKE;
