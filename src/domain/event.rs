//! What a WhatsApp client tells about itself, in the words of the contract and not of any provider.
use super::{Delivery, Jid, PhoneNumber, Reason, Timestamp};
use std::fmt;
use std::time::Duration;

/// An event of one client. Messages are not among them: they come through the durable path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// A step of linking.
    Login(LoginStep),
    /// Logged in and ready to send.
    Online,
    /// The connection is gone; the client tries to come back by itself.
    Offline(Reason),
    /// The client has stopped and will not come back by itself. `until`: when a ban ends, where WhatsApp tells it.
    Ended {
        /// Why.
        reason: Reason,
        /// When trying again makes sense.
        until: Option<Timestamp>,
    },
    /// WhatsApp's server took a sent message, or refused it, when nobody waited for its word any more.
    Ack {
        /// The id it was sent with.
        message_id: String,
        /// Why it was refused; `None` when it was taken.
        refused: Option<Reason>,
    },
    /// Something came from the phone itself; told now and then only.
    PhoneSeen,
    /// WhatsApp lets the number write to nobody new for a while.
    Locked {
        /// How long.
        until: Timestamp,
    },
    /// News of sent messages from their recipient.
    Receipt {
        /// The chat that they were sent to.
        chat: Jid,
        /// The ids they were sent with.
        message_ids: Vec<String>,
        /// How far they came.
        delivery: Delivery,
    },
}

/// A step of linking. `Debug` shows no code and no number.
#[derive(Clone, PartialEq, Eq)]
pub enum LoginStep {
    /// Show this as a QR picture; a later one replaces it.
    Qr {
        /// What the picture encodes.
        payload: String,
        /// How long it can be scanned.
        expires_in: Duration,
    },
    /// Show this code, to be typed on the phone.
    Code {
        /// Eight characters.
        code: String,
        /// How long it can be typed.
        expires_in: Duration,
    },
    /// The phone has proven possession of this number. The client goes on to its first login.
    Paired {
        /// The number.
        phone: PhoneNumber,
    },
    /// Linking ended without success.
    Refused(Reason),
}

impl fmt::Debug for LoginStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qr { .. } => "Qr",
            Self::Code { .. } => "Code",
            Self::Paired { .. } => "Paired",
            Self::Refused(_) => "Refused",
        })
    }
}
