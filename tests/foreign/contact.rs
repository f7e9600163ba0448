//! Somebody on the foreign WhatsApp: a real client of the library, linked there like any other device.
use super::whatsapp::WhatsApp;
use super::{PATIENCE, until};
use std::sync::{Arc, Mutex};
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::types::events::{Event, EventHandler};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Jid, TokioRuntime};

struct NoHttp;

#[async_trait::async_trait]
impl HttpClient for NoHttp {
    async fn execute(&self, _: HttpRequest) -> anyhow::Result<HttpResponse> {
        anyhow::bail!("nothing is fetched here")
    }
}

#[derive(Default)]
struct Diary {
    qr: Option<String>,
    connected: bool,
    texts: Vec<String>,
    receipts: Vec<String>,
}

#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Diary>>);

impl EventHandler for Ears {
    fn handle_event(&self, event: Arc<Event>) {
        let mut diary = self.0.lock().unwrap();
        match &*event {
            Event::PairingQrCode(qr) => diary.qr = Some(qr.code.clone()),
            Event::Connected(_) => diary.connected = true,
            Event::Receipt(receipt) => diary.receipts.extend(receipt.message_ids.iter().map(ToString::to_string)),
            Event::Messages(batch) => {
                let text = |m: &wa::Message| {
                    let long = m.extended_text_message.as_option().and_then(|long| long.text.clone());
                    m.conversation.clone().or(long)
                };
                diary.texts.extend(batch.iter().filter_map(|m| text(&m.message)));
            }
            _ => {}
        }
    }
}

pub struct Contact {
    pub number: String,
    handle: BotHandle,
    ears: Ears,
}

impl Contact {
    /// Linked and connected.
    pub async fn new(server: &Arc<WhatsApp>, number: &str) -> Contact {
        let ears = Ears::default();
        let bot = Bot::builder()
            .with_backend_arc(Arc::new(InMemoryBackend::new()))
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(server.url()))
            .with_http_client(NoHttp)
            .with_runtime(TokioRuntime)
            .with_version((2, 3000, 1_030_000_000))
            .skip_history_sync()
            .with_event_handler(ears.clone());
        let handle = bot.build().await.expect("the client is complete").spawn();
        let qr = until("a contact's QR", async || ears.0.lock().unwrap().qr.clone()).await;
        server.scan(&qr, number).await;
        until("a contact to be connected", async || ears.0.lock().unwrap().connected.then_some(())).await;
        Contact { number: number.to_owned(), handle, ears }
    }

    pub async fn writes(&self, to: &str, text: &str) -> String {
        let message = wa::Message { conversation: Some(text.to_owned()), ..Default::default() };
        let client = self.handle.client();
        let sending = client.send_message(Jid::pn(to), message);
        let sent = tokio::time::timeout(PATIENCE, sending).await.expect("it is sent in time");
        sent.expect("it is sent").message_id.to_string()
    }

    pub fn texts(&self) -> Vec<String> {
        self.ears.0.lock().unwrap().texts.clone()
    }

    pub async fn gets(&self, text: &str) {
        let what = format!("{text:?} at a contact's");
        until(&what, async || self.texts().iter().any(|t| t == text).then_some(())).await;
    }

    /// Waits until the other side has confirmed a message.
    pub async fn hears_of(&self, id: &str) {
        until("a receipt", async || self.ears.0.lock().unwrap().receipts.iter().any(|r| r == id).then_some(())).await;
    }

    pub async fn leaves(self) {
        self.handle.shutdown().await;
    }
}
