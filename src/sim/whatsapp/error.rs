//! What can go wrong when somebody drives the simulator. It answers "why was this order refused?"; it owns nothing and
//! never carries a number, a code or a message text, so it can be logged as it is.

/// Why an operation on the simulator failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The socket could not be opened or used.
    #[error("use the network: {0}")]
    Io(#[from] std::io::Error),
    /// Only loopback addresses are served.
    #[error("listen on an address that is not loopback")]
    NotLoopback,
    /// The number is not 5 to 20 digits, or starts with a zero.
    #[error("read the phone number")]
    InvalidNumber,
    /// Nobody has registered this number.
    #[error("find the phone number: it is not registered")]
    UnknownNumber,
    /// The QR text has not the five fields of a linking QR.
    #[error("read the QR text")]
    InvalidQr,
    /// The QR's ref is not shown by any open connection, or its keys are another client's.
    #[error("find the client that shows this QR")]
    UnknownQr,
    /// No client asked for a pair code for this number.
    #[error("find a client that waits for a pair code for this number")]
    NoPairCodeRequest,
    /// The typed code does not open the client's key bundle.
    #[error("link with this pair code: it is not the one the client shows")]
    WrongPairCode,
    /// The client refused the linking or left before it was done.
    #[error("link the client: {0}")]
    LinkRefused(&'static str),
    /// The phone already has all the linked devices that it may have.
    #[error("link one more device: the limit is reached")]
    TooManyCompanions,
    /// No such companion.
    #[error("find the companion")]
    UnknownCompanion,
    /// No message with this id was received.
    #[error("find the message")]
    UnknownMessage,
    /// The recipient has no device that could read the message.
    #[error("send: nobody can receive it")]
    NoRecipient,
    /// Something took longer than it may.
    #[error("finish in time: {0}")]
    Timeout(&'static str),
    /// A cryptographic step failed.
    #[error("do the cryptography of {0}")]
    Crypto(&'static str),
    /// A peer said something that the protocol does not allow here.
    #[error("follow the protocol: {0}")]
    Protocol(&'static str),
}

impl From<whatsapp_rust::wacore::libsignal::protocol::SignalProtocolError> for SimError {
    fn from(_: whatsapp_rust::wacore::libsignal::protocol::SignalProtocolError) -> Self {
        Self::Crypto("a Signal message")
    }
}

impl From<whatsapp_rust::wacore::libsignal::protocol::CurveError> for SimError {
    fn from(_: whatsapp_rust::wacore::libsignal::protocol::CurveError) -> Self {
        Self::Crypto("a curve key")
    }
}
