//! The native provider: each number is a linked device of its own, on the library whatsapp-rust.
//!
//! Owns what all its clients share: where to connect, the HTTP connections, the version it says it is. Each client has
//! its own tasks, caches and key store; nothing of one is reachable from another. The only home of whatsapp-rust's client.
//! Must not know users, and must not keep anything that a client leaves behind.
//!
//! Its logs name accounts and messages by id only. The library itself logs numbers, addresses and pair codes through the
//! `log` facade: whoever sets up logging must not collect from `log`, at any level.
mod again;
mod cache;
mod client;
mod convert;
mod events;
mod http;
mod link;
mod lock;
mod pulse;
mod runtime;
mod send;
mod shared;
mod transport;

use super::{Capabilities, Client, Provider, Start, StartError};
use async_trait::async_trait;
use client::{Setup, Signs, WebClient};
use std::sync::Arc;
use std::time::Duration;
use whatsapp_rust::wacore::store::Device;

/// How the native provider reaches WhatsApp.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// The web socket to connect to, `wss://` or, for a simulator, `ws://`.
    pub endpoint: String,
    /// The WhatsApp Web version to say; by default the one that the library was made for. It is never fetched.
    pub version: Option<(u32, u32, u32)>,
    /// Refuse every peer that is not on this machine, media hosts included.
    pub loopback_only: bool,
    /// How long linking may take as a whole, all QR pictures or codes together.
    pub login_timeout: Duration,
    /// How long the server may say nothing before it is connected to anew. The library itself waits 20 s for a connection.
    pub silence: Duration,
    /// The name under which the phone lists this device.
    pub device_name: String,
}

impl Default for WebConfig {
    fn default() -> Self {
        WebConfig {
            endpoint: whatsapp_rust::wacore::net::WHATSAPP_WEB_WS_URL.to_owned(),
            version: None,
            loopback_only: false,
            login_timeout: Duration::from_secs(600),
            silence: Duration::from_secs(25),
            device_name: "Sekat".to_owned(),
        }
    }
}

/// The native provider.
pub struct WebProvider {
    setup: Setup,
}

impl WebProvider {
    /// Checks the configuration; connects to nothing.
    ///
    /// # Errors
    /// [`StartError::Setup`] when the endpoint is no web socket address or TLS cannot be set up.
    pub fn new(config: WebConfig) -> Result<WebProvider, StartError> {
        let setup = |error: &dyn std::error::Error| StartError::Setup(error.to_string());
        let endpoint =
            transport::Endpoint::new(&config.endpoint, config.loopback_only).map_err(|error| setup(&error))?;
        let http = http::Http::new(config.loopback_only).map_err(|error| setup(&error))?;
        let version = config.version.unwrap_or_else(|| {
            let fresh = Device::new();
            (fresh.app_version_primary, fresh.app_version_secondary, fresh.app_version_tertiary)
        });
        let WebConfig { device_name, login_timeout, silence, .. } = config;
        let setup = Setup { endpoint, http, version, device_name, login_timeout, silence };
        Ok(WebProvider { setup })
    }
}

#[async_trait]
impl Provider for WebProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities { login_qr: true, login_code: true, receipts: true }
    }

    async fn start(&self, start: Start) -> Result<Arc<dyn Client>, StartError> {
        let signs = Signs { unstored: start.keys.refused(), addresses: start.keys.addresses_read() };
        let keys = Arc::new(start.keys.telling_what_is_lost());
        tracing::debug!(account.id = %start.account, generation = %start.generation, provider = "web",
            "starting a WhatsApp client");
        let client = WebClient::start(&self.setup, start.account, start.login, keys, signs, start.sink).await?;
        Ok(client)
    }
}
