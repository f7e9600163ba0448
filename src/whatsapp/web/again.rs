//! Asks a sender to send a message again that was lost here after it had been decrypted.
//!
//! With the protocol's own retry receipt, which a phone answers by sealing the message anew under the same id. The library
//! sends one for what it cannot decrypt; for this case it has no call.
use whatsapp_rust::wacore::types::message::MessageInfo;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::{Client, Jid};

/// Asks once. When it returns well the server has the request, and the lost delivery may be acknowledged.
///
/// # Errors
/// When it could not be sent; then the delivery must not be acknowledged.
pub(super) async fn ask(client: &Client, info: &MessageInfo) -> anyhow::Result<()> {
    let source = &info.source;
    let registration = client.persistence_manager().get_device_snapshot().registration_id.to_be_bytes().to_vec();
    let retry = NodeBuilder::new("retry")
        .attr("v", "1")
        .attr("id", info.id.clone())
        .attr("t", info.timestamp.timestamp())
        .attr("count", 1u8);
    let to: &Jid = if source.is_group { &source.chat } else { &source.sender };
    let mut receipt = NodeBuilder::new("receipt").attr("to", to).attr("id", info.id.clone()).attr("type", "retry");
    if source.is_group {
        receipt = receipt.attr("participant", &source.sender);
    } else if source.is_from_me {
        receipt = receipt.attr("recipient", source.recipient.as_ref().unwrap_or(&source.chat));
    }
    let children = [retry.build(), NodeBuilder::new("registration").bytes(registration).build()];
    tracing::info!(event = "asked_again", "a message that was lost at a death is asked for again");
    Ok(client.send_node(receipt.children(children).build()).await?)
}
