//! WhatsApp messages as the rest of Sekat sees them.
use super::{PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A WhatsApp chat or person, in canonical form: without device, as a phone-number JID where the number is known.
/// `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jid(pub String);

impl Jid {
    /// The number, when this is a person known by number.
    pub fn phone(&self) -> Option<PhoneNumber> {
        let user = self.0.strip_suffix("@s.whatsapp.net")?;
        PhoneNumber::parse(user).ok()
    }

    /// The JID of a person known by number.
    pub fn of(phone: &PhoneNumber) -> Self {
        Jid(format!("{}@s.whatsapp.net", phone.digits()))
    }
}

impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jid(…)")
    }
}

/// A message that a number received, or that its owner sent from another of their devices.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundMessage {
    /// WhatsApp's id of it: unique for its chat and sender.
    pub id: String,
    /// The chat it belongs to (the person's JID for a direct chat).
    pub chat: Jid,
    /// Who wrote it.
    pub sender: Jid,
    /// The sender's other address (LID or phone number), where the message carries it. Both name the same person.
    pub sender_alt: Option<Jid>,
    /// The sender's name as they set it.
    pub push_name: Option<String>,
    /// Whether the number's owner wrote it on another device.
    pub from_me: bool,
    /// Whether the chat is a group.
    pub is_group: bool,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What it says.
    pub content: Content,
}

impl fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a message holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Something that cannot be shown yet, by its kind (`image`, `sticker`, …).
    Other(String),
}

/// What became of a message that was sent; each is a fact that supersedes the earlier ones in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// WhatsApp took it.
    Sent,
    /// It reached a device of the recipient.
    Delivered,
    /// The recipient has read it.
    Read,
}
