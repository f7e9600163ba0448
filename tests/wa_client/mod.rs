//! A real whatsapp-rust client for tests against the simulator: what it is told is kept as events to wait for.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sekat::sim::whatsapp::WhatsAppSim;
use tokio::sync::{Mutex, mpsc};
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::store::traits::Backend;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::types::events::{Event, EventHandler, InboundMessage};
use whatsapp_rust::types::presence::ReceiptType;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::{Client, InboundDurabilityHook, Jid, SendOptions, TokioRuntime};

/// How long any one thing may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// No test fetches anything over HTTP.
struct NoHttp;

#[async_trait::async_trait]
impl HttpClient for NoHttp {
    async fn execute(&self, _: HttpRequest) -> anyhow::Result<HttpResponse> {
        anyhow::bail!("these tests use no HTTP")
    }
}

struct Tell(mpsc::Sender<Arc<Event>>);

impl EventHandler for Tell {
    fn handle_event(&self, event: Arc<Event>) {
        // A client that a test has ended may still have something to say.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.try_send(event) {
            panic!("nobody reads the events");
        }
    }
}

/// A store that takes every message, or none so that none is confirmed.
struct Disk {
    full: bool,
}

#[async_trait::async_trait]
impl InboundDurabilityHook for Disk {
    async fn on_messages(&self, _: Arc<Client>, _: &[InboundMessage]) -> anyhow::Result<()> {
        anyhow::ensure!(!self.full, "the disk is full");
        Ok(())
    }
}

/// A client, running.
pub struct TestClient {
    handle: BotHandle,
    pub backend: Arc<dyn Backend>,
    events: Mutex<Events>,
}

struct Events {
    incoming: mpsc::Receiver<Arc<Event>>,
    /// What nobody has waited for yet, oldest first.
    seen: VecDeque<Arc<Event>>,
}

impl TestClient {
    /// A client with an empty store.
    pub async fn new(sim: &WhatsAppSim) -> Self {
        Self::with_store(sim, Arc::new(InMemoryBackend::new())).await
    }

    /// A client that goes on with a store.
    pub async fn with_store(sim: &WhatsAppSim, backend: Arc<dyn Backend>) -> Self {
        Self::start(sim, backend, None, None).await
    }

    /// A client that asks for a pair code.
    pub async fn with_code(sim: &WhatsAppSim, number: &str) -> Self {
        let options = PairCodeOptions { phone_number: number.to_owned(), ..Default::default() };
        Self::start(sim, Arc::new(InMemoryBackend::new()), Some(options), None).await
    }

    /// A client that stores every message before it confirms it; with a full disk it stores none.
    pub async fn storing(sim: &WhatsAppSim, backend: Arc<dyn Backend>, full: bool) -> Self {
        Self::start(sim, backend, None, Some(Disk { full })).await
    }

    async fn start(
        sim: &WhatsAppSim,
        backend: Arc<dyn Backend>,
        code: Option<PairCodeOptions>,
        disk: Option<Disk>,
    ) -> Self {
        let (tell, incoming) = mpsc::channel(20_000);
        let mut builder = Bot::builder()
            .with_backend_arc(Arc::clone(&backend))
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(sim.ws_url()))
            .with_http_client(NoHttp)
            .with_runtime(TokioRuntime)
            .with_version((2, 3000, 1_030_000_000))
            .skip_history_sync()
            .with_event_handler(Tell(tell));
        if let Some(options) = code {
            builder = builder.with_pair_code(options);
        }
        if let Some(disk) = disk {
            builder = builder.with_inbound_durability_hook(disk);
        }
        let handle = builder.build().await.expect("the client is complete").spawn();
        Self { handle, backend, events: Mutex::new(Events { incoming, seen: VecDeque::new() }) }
    }

    /// A client that is linked to `number` by QR and connected.
    pub async fn linked(sim: &WhatsAppSim, number: &str) -> Self {
        let client = Self::new(sim).await;
        let qr = client.qr().await;
        sim.scan(&qr, number).await.expect("the QR is accepted");
        client.connected().await;
        client
    }

    pub fn client(&self) -> Arc<Client> {
        self.handle.client()
    }

    /// The first event that `pick` takes, of those that nobody has waited for yet.
    pub async fn wait<T>(&self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        let mut events = self.events.lock().await;
        if let Some((at, found)) = events.seen.iter().enumerate().find_map(|(at, e)| Some((at, pick(e)?))) {
            events.seen.remove(at);
            return found;
        }
        let found = async {
            loop {
                let event = events.incoming.recv().await.expect("the client is alive");
                if let Some(found) = pick(&event) {
                    return found;
                }
                events.seen.push_back(event);
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what} did not happen"))
    }

    pub async fn qr(&self) -> String {
        self.wait("a QR", |e| match e {
            Event::PairingQrCode(qr) => Some(qr.code.clone()),
            _ => None,
        })
        .await
    }

    pub async fn code(&self) -> String {
        self.wait("a pair code", |e| match e {
            Event::PairingCode(code) => Some(code.code.clone()),
            _ => None,
        })
        .await
    }

    pub async fn connected(&self) {
        self.wait("a connection", |e| matches!(e, Event::Connected(_)).then_some(())).await;
    }

    /// The next message: id, chat, text.
    pub async fn message(&self) -> (String, String, String) {
        self.wait("a message", |e| match e {
            Event::Messages(batch) => batch.iter().find(|m| m.message.conversation.is_some()).map(read),
            _ => None,
        })
        .await
    }

    /// The texts of the next `count` messages.
    pub async fn texts(&self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            let batch = self
                .wait("a message", |e| match e {
                    Event::Messages(batch) => {
                        let texts = batch.iter().filter(|m| m.message.conversation.is_some());
                        Some(texts.map(|m| read(m).2).collect::<Vec<_>>())
                    }
                    _ => None,
                })
                .await;
            texts.extend(batch);
        }
        texts
    }

    /// Waits for a receipt for a message.
    pub async fn receipt(&self, id: &str, kind: ReceiptType) {
        let what = format!("a receipt {kind:?}");
        self.wait(&what, |e| match e {
            Event::Receipt(r) if r.r#type == kind && r.message_ids.iter().any(|m| m == id) => Some(()),
            _ => None,
        })
        .await;
    }

    /// Waits for the server's acknowledgement of a message; gives its error.
    pub async fn ack(&self, id: &str) -> Option<String> {
        self.wait("an acknowledgement", |e| match e {
            Event::ServerAck(ack) if ack.id == id && ack.class.as_deref() == Some("message") => Some(ack.error.clone()),
            _ => None,
        })
        .await
    }

    /// Whether an event that `pick` takes comes within `time`.
    pub async fn happens(&self, time: Duration, pick: impl Fn(&Event) -> bool) -> bool {
        let mut events = self.events.lock().await;
        let found = async {
            while let Some(event) = events.incoming.recv().await {
                if pick(&event) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(time, found).await.unwrap_or(false)
    }

    /// Writes a text to a number. Gives the message id.
    pub async fn send(&self, to: &str, text: &str) -> String {
        let id = format!("3EB0{}", uuid::Uuid::new_v4().simple().to_string().to_uppercase());
        let message =
            whatsapp_rust::waproto::whatsapp::Message { conversation: Some(text.to_owned()), ..Default::default() };
        let options = SendOptions::default().with_message_id(&id);
        self.client().send_message_with_options(Jid::pn(to), message, options).await.expect("the message is sent");
        id
    }

    /// Ends the client; its store can be used again.
    pub async fn stop(self) -> Arc<dyn Backend> {
        self.handle.shutdown().await;
        self.backend
    }
}

fn read(message: &InboundMessage) -> (String, String, String) {
    let text = message.message.conversation.clone().unwrap_or_default();
    (message.info.id.to_string(), message.info.source.chat.user.to_string(), text)
}
