//! The provider contract: how one WhatsApp number is linked, kept online, written from, and let go.
//!
//! A provider knows neither users nor Telegram. It is given a key store and a sink; what it learns it tells the sink.
//! Each method says what it may not do, so that `users/` can rely on it with any provider.
pub mod web;

use crate::domain::{AccountId, ClientEvent, Generation, InboundMessage, Jid, LoginMethod, Reason, Timestamp};
use crate::store::wa::WaStore;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// What a provider cannot do is shown, not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Links by QR picture.
    pub login_qr: bool,
    /// Links by code.
    pub login_code: bool,
    /// Tells delivery and reading of what was sent.
    pub receipts: bool,
}

/// Where a client's news goes: one sink for one start of one account. It knows its owner and generation, so an event
/// cannot end up with anybody else.
#[async_trait]
pub trait EventSink: Send + Sync + 'static {
    /// Stores received messages. The provider acknowledges them to WhatsApp only after `Ok`; after `Err` they come
    /// again. Must be idempotent. Cancellation: a dropped call stores either all or nothing.
    ///
    /// # Errors
    /// When they could not be stored now.
    async fn messages(&self, batch: Vec<InboundMessage>) -> Result<(), SinkError>;

    /// Takes any other event. Must not block: it is called inline, in the order in which WhatsApp told things.
    fn event(&self, event: ClientEvent);
}

/// The sink could not store what it was given.
#[derive(Debug, thiserror::Error)]
#[error("store received messages")]
pub struct SinkError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What a client is started with.
pub struct Start {
    /// The account, for logs.
    pub account: AccountId,
    /// The number of this start.
    pub generation: Generation,
    /// How to link; `None` logs in with the stored keys.
    pub login: Option<LoginMethod>,
    /// The account's own key store.
    pub keys: WaStore,
    /// Where news goes.
    pub sink: Arc<dyn EventSink>,
}

/// Why a client could not be started. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key store does not work.
    #[error("open the number's key store")]
    Keys(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider could not be set up.
    #[error("set up the client: {0}")]
    Setup(String),
}

/// What became of a message when the call came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// WhatsApp's server has acknowledged it.
    Accepted,
    /// It was not sent and never will be.
    Rejected(Reason),
    /// It may or may not have been sent: an ack or receipt may tell later.
    Unknown,
}

/// A kind of WhatsApp access.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Starts a client and returns at once; connecting and linking are told to the sink. Must not wait for the network.
    ///
    /// # Errors
    /// [`StartError`].
    async fn start(&self, start: Start) -> Result<Arc<dyn Client>, StartError>;
}

/// One running client of one account.
#[async_trait]
pub trait Client: Send + Sync + 'static {
    /// Whether it is logged in at this moment.
    fn is_online(&self) -> bool;

    /// When WhatsApp was last heard of on this client's connections; an answered ping counts.
    fn heard_at(&self) -> Option<Timestamp>;

    /// Sends a text under `message_id`, and returns within `deadline`. Never repeats by itself. When it is certain that
    /// nothing went out (not online, refused) the outcome is `Rejected`, else after the deadline `Unknown`.
    /// Cancellation: dropping the call leaves the message's fate unknown.
    async fn send_text(&self, to: &Jid, text: &str, message_id: &str, deadline: Duration) -> SendOutcome;

    /// Removes this device at WhatsApp, within `deadline`. Does not touch the key store and does not close the client.
    /// Returns whether WhatsApp confirmed it.
    async fn logout(&self, deadline: Duration) -> bool;

    /// Stops everything and lets go of the key store: cleanly within `deadline`, else by force. After it returns no event
    /// is told any more and no reference to the key store is left. Returns whether it was clean.
    async fn close(&self, deadline: Duration) -> bool;
}
