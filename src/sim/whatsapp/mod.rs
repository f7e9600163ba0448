//! A stand-in for WhatsApp's servers and for the phones of everybody who writes to them.
//!
//! It speaks the real protocol (Noise XX and IK, linking by QR and by code, key directory, end-to-end encrypted routing to
//! every device, receipts, the offline queue, app state) to real clients, and hosts a real primary device for each number:
//! a user's phone and a contact are the same thing. All state is in memory and outlives the clients. It listens on
//! loopback only and knows no client by name: nothing here is special to this project's daemon.
//!
//! # Control API
//!
//! Plain HTTP with JSON on the control address. Errors are `{"error": "…"}` with 4xx.
//!
//! | request | body or query | answer |
//! |---|---|---|
//! | `GET /health` | | `{"ok": true, "ws_url": "ws://…"}` |
//! | `GET /stats` | | counters, see [`Stats`] |
//! | `POST /phones`, `POST /contacts` | `{"number", "name"}` | `{"number"}`; the same for both, again is harmless |
//! | `POST /phones/bulk` | `{"first", "count", "name"}` | registers consecutive numbers |
//! | `POST /scan` | `{"qr", "number"}` | `{"jid", "device"}` when the client is linked |
//! | `POST /code` | `{"code", "number"}` | `{"jid", "device"}`; the phone enters a pair code |
//! | `GET /phones/{number}/companions` | | `[{"jid", "device", "online", "waiting"}]` |
//! | `DELETE /phones/{number}/companions/{device}` | | unlinks: the client is logged out |
//! | `POST /send` | `{"from", "to", "text"}` | `{"id"}`; a phone writes |
//! | `POST /send/bulk` | `{"from", "to", "prefix", "count"}` | `{"ids": […]}`; texts are prefix and running number |
//! | `POST /react` | `{"number", "id", "emoji"}` | `{"id"}`; the phone reacts to a message it received |
//! | `POST /read` | `{"number", "id"}` | the phone's owner reads a message it received |
//! | `GET /inbox/{number}` | `?after=seq&wait=ms` | what the phone could read, see [`Received`] |
//! | `GET /receipts/{number}` | | receipts for what the phone wrote, see [`SeenReceipt`] |
//! | `POST /faults` | `{"number", "fault": "black_hole", …}` | see [`Fault`] for names and fields |
//! | `DELETE /faults/{number}` | | ends every standing fault |

mod account;
mod adv;
mod appstate;
mod control;
mod error;
mod faults;
mod handset;
mod hub;
mod iq;
mod keys;
mod noise;
mod pairing;
mod phone;
mod queue;
mod ratchets;
mod route;
mod server;
mod session;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use whatsapp_rust::Jid;

pub use error::SimError;
pub use faults::Fault;
pub use hub::Stats;
pub use phone::{Received, SeenReceipt};

use hub::Hub;

/// How long a shutdown waits for its tasks.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// How to start the simulator.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Where clients connect; loopback. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the control API listens; loopback. Port 0 takes a free one.
    pub control: SocketAddr,
    /// How many companions a phone may have linked at once.
    pub max_companions: usize,
    /// `host[:port]` of the media servers that clients are told.
    pub media_hosts: Vec<String>,
}

impl Default for SimConfig {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen: free, control: free, max_companions: 4, media_hosts: vec!["127.0.0.1".to_owned()] }
    }
}

/// A companion as the control API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct CompanionInfo {
    /// `number:device@s.whatsapp.net`.
    pub jid: String,
    /// Device id.
    pub device: u16,
    /// Whether it is on a connection now.
    pub online: bool,
    /// How many stanzas it has not confirmed.
    pub waiting: usize,
}

/// A running simulator. Dropping it stops nothing; see [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct WhatsAppSim {
    hub: Arc<Hub>,
    listen: SocketAddr,
    control: SocketAddr,
}

impl WhatsAppSim {
    /// Starts listening.
    ///
    /// # Errors
    /// [`SimError::NotLoopback`], [`SimError::Io`].
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        Self::start_until(config, CancellationToken::new()).await
    }

    async fn start_until(config: SimConfig, cancel: CancellationToken) -> Result<Self, SimError> {
        let (clients, control) = (server::bind(config.listen).await?, server::bind(config.control).await?);
        let (listen, control_address) = (clients.local_addr()?, control.local_addr()?);
        let hub = Arc::new(Hub::new(config, cancel));
        let sim = Self { hub: Arc::clone(&hub), listen, control: control_address };
        hub.tasks.spawn(server::accept(Arc::clone(&hub), clients));
        hub.tasks.spawn(control::serve(sim.clone(), control));
        Ok(sim)
    }

    /// Where clients connect.
    pub fn ws_url(&self) -> String {
        format!("ws://{}/ws/chat", self.listen)
    }

    /// Where the control API is.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// Ends every connection and waits for every task, a few seconds at most.
    pub async fn shutdown(self) {
        self.hub.cancel.cancel();
        self.hub.tasks.close();
        if tokio::time::timeout(SHUTDOWN, self.hub.tasks.wait()).await.is_err() {
            tracing::warn!("some of the simulator's tasks did not end");
        }
    }

    /// Registers a number with a phone. A number that exists stays as it is.
    ///
    /// # Errors
    /// [`SimError::InvalidNumber`].
    pub fn register(&self, number: &str, name: &str) -> Result<(), SimError> {
        self.hub.register(number, name).map(drop)
    }

    /// The phone of `number` scans the QR that a client shows. Resolves when the client is linked.
    ///
    /// # Errors
    /// The QR, the number, the client or the limit; see [`SimError`].
    pub async fn scan(&self, qr: &str, number: &str) -> Result<Jid, SimError> {
        self.hub.scan(qr, number).await
    }

    /// The phone of `number` enters the code that a client shows. Resolves when the client is linked.
    ///
    /// # Errors
    /// The code, the number, the client or the limit; see [`SimError`].
    pub async fn enter_code(&self, code: &str, number: &str) -> Result<Jid, SimError> {
        self.hub.enter_code(code, number).await
    }

    /// The linked companions of a number.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn companions(&self, number: &str) -> Result<Vec<CompanionInfo>, SimError> {
        let companions = self.hub.account(number)?.all();
        Ok(companions
            .iter()
            .map(|c| CompanionInfo {
                jid: c.jid.to_string(),
                device: c.jid.device,
                online: c.link().is_some(),
                waiting: c.mailbox.len(),
            })
            .collect())
    }

    /// Unlinks a companion on the phone: it is told, and logged out.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::UnknownCompanion`].
    pub fn remove_companion(&self, number: &str, device: u16) -> Result<(), SimError> {
        self.hub.unlink(&self.hub.account(number)?, device)
    }

    /// The phone of `from` writes a text. Returns the message id.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::NoRecipient`].
    pub async fn send(&self, from: &str, to: &str, text: &str) -> Result<String, SimError> {
        self.hub.write_text(from, to, text).await
    }

    /// The phone of `from` writes `count` texts, `prefix` and a running number from 1. Returns the message ids.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::NoRecipient`]; what was written before stays written.
    pub async fn send_bulk(&self, from: &str, to: &str, prefix: &str, count: u32) -> Result<Vec<String>, SimError> {
        let mut ids = Vec::new();
        for n in 1..=count {
            ids.push(self.hub.write_text(from, to, &format!("{prefix}{n}")).await?);
        }
        Ok(ids)
    }

    /// The phone's owner reads a message; the sender gets a read receipt.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::UnknownMessage`].
    pub fn mark_read(&self, number: &str, id: &str) -> Result<(), SimError> {
        self.hub.mark_read(number, id)
    }

    /// The phone's owner reacts to a message. Returns the reaction's id.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`], [`SimError::UnknownMessage`].
    pub async fn react(&self, number: &str, id: &str, emoji: &str) -> Result<String, SimError> {
        self.hub.react(number, id, emoji).await
    }

    /// What a phone received after place `after`; waits for at most `wait` while there is nothing. Cancellation safe.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub async fn inbox(&self, number: &str, after: u64, wait: Duration) -> Result<Vec<Received>, SimError> {
        Ok(self.hub.account(number)?.phone.wait_inbox(after, wait).await)
    }

    /// How often a phone got a message, under its id, that it had already, and showed nothing.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn repeats(&self, number: &str) -> Result<u64, SimError> {
        Ok(self.hub.account(number)?.phone.repeats())
    }

    /// The receipts that a phone got.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn receipts(&self, number: &str) -> Result<Vec<SeenReceipt>, SimError> {
        Ok(self.hub.account(number)?.phone.receipts())
    }

    /// Waits for at most `wait` until the phone has a receipt of `kind` for message `id`. Cancellation safe.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub async fn wait_receipt(
        &self,
        number: &str,
        id: &str,
        kind: &str,
        wait: Duration,
    ) -> Result<Option<SeenReceipt>, SimError> {
        let account = self.hub.account(number)?;
        Ok(account.phone.wait_receipt(wait, |r| r.id == id && r.kind == kind).await)
    }

    /// Makes something go wrong for a number's companions.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn inject(&self, number: &str, fault: &Fault) -> Result<(), SimError> {
        self.hub.inject(number, fault)
    }

    /// Ends a number's standing faults.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn clear_faults(&self, number: &str) -> Result<(), SimError> {
        self.hub.account(number)?.faults.clear();
        Ok(())
    }

    /// A reading of the counters.
    pub fn stats(&self) -> Stats {
        self.hub.stats()
    }
}

/// Runs a simulator until `cancel`.
///
/// # Errors
/// When an address is not loopback or cannot be listened on.
pub async fn serve(listen: SocketAddr, control: SocketAddr, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = SimConfig { listen, control, ..SimConfig::default() };
    let sim = WhatsAppSim::start_until(config, cancel.clone()).await?;
    tracing::info!(ws_url = sim.ws_url(), control_url = sim.control_url(), "the WhatsApp simulator listens");
    cancel.cancelled().await;
    sim.shutdown().await;
    Ok(())
}
