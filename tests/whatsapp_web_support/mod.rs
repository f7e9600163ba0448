//! A world for the native provider: the simulator, key stores on disk, and a sink that remembers what it was told.
use async_trait::async_trait;
use sekat::domain::{AccountId, ClientEvent, Generation, InboundMessage, LoginMethod, LoginStep};
use sekat::sim::whatsapp::{SimConfig, WhatsAppSim};
use sekat::store::wa::{WaStore, schema};
use sekat::store::{DbThreads, Handle, RawKey, Turn};
use sekat::whatsapp::web::{WebConfig, WebProvider};
use sekat::whatsapp::{Client, EventSink, Provider, SinkError, Start};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// Longer than anything honest takes here, shorter than a person waits for a test.
pub const SOON: Duration = Duration::from_secs(40);

#[derive(Default)]
pub struct Recorder {
    events: Mutex<Vec<ClientEvent>>,
    messages: Mutex<Vec<InboundMessage>>,
    bell: Notify,
    pub failing: AtomicBool,
    pub panicking: AtomicBool,
}

#[async_trait]
impl EventSink for Recorder {
    async fn messages(&self, batch: Vec<InboundMessage>) -> Result<(), SinkError> {
        self.bell.notify_waiters();
        assert!(!self.panicking.load(Ordering::SeqCst), "as a test");
        if self.failing.load(Ordering::SeqCst) {
            return Err(SinkError("as a test".into()));
        }
        self.messages.lock().unwrap().extend(batch);
        self.bell.notify_waiters();
        Ok(())
    }

    fn event(&self, event: ClientEvent) {
        self.events.lock().unwrap().push(event);
        self.bell.notify_waiters();
        assert!(!self.panicking.load(Ordering::SeqCst), "as a test");
    }
}

impl Recorder {
    pub fn events(&self) -> Vec<ClientEvent> {
        self.events.lock().unwrap().clone()
    }

    pub fn messages(&self) -> Vec<InboundMessage> {
        self.messages.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.events.lock().unwrap().clear();
    }

    async fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let waiting = async {
            loop {
                let rung = self.bell.notified();
                tokio::pin!(rung);
                rung.as_mut().enable();
                if let Some(found) = look() {
                    return found;
                }
                rung.await;
            }
        };
        match tokio::time::timeout(SOON, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; told: {:?}", self.events()),
        }
    }

    pub async fn event(&self, what: &str, wanted: impl Fn(&ClientEvent) -> bool) -> ClientEvent {
        self.until(what, || self.events.lock().unwrap().iter().find(|event| wanted(event)).cloned()).await
    }

    pub async fn online(&self) {
        self.event("online", |event| *event == ClientEvent::Online).await;
    }

    pub async fn received(&self, count: usize) -> Vec<InboundMessage> {
        self.until("messages", || Some(self.messages()).filter(|messages| messages.len() >= count)).await
    }

    pub async fn qr(&self) -> String {
        let is_qr = |event: &ClientEvent| matches!(event, ClientEvent::Login(LoginStep::Qr { .. }));
        match self.event("a QR picture", is_qr).await {
            ClientEvent::Login(LoginStep::Qr { payload, expires_in }) => {
                assert!(expires_in > Duration::from_secs(1) && expires_in <= Duration::from_secs(60));
                payload
            }
            _ => unreachable!(),
        }
    }

    pub async fn code(&self) -> String {
        let is_code = |event: &ClientEvent| matches!(event, ClientEvent::Login(LoginStep::Code { .. }));
        match self.event("a code", is_code).await {
            ClientEvent::Login(LoginStep::Code { code, expires_in }) => {
                assert!(expires_in > Duration::from_secs(100) && expires_in <= Duration::from_secs(180));
                code
            }
            _ => unreachable!(),
        }
    }
}

pub struct World {
    pub sim: WhatsAppSim,
    pub provider: WebProvider,
    pub threads: DbThreads,
    pub folder: tempfile::TempDir,
}

/// One running client and what it is made of.
pub struct Number {
    pub client: Arc<dyn Client>,
    pub sink: Arc<Recorder>,
    pub keys: WaStore,
    pub number: String,
}

impl Drop for World {
    fn drop(&mut self) {
        // Clients of a test that has ended may go on for a moment; no process may end while a thread works on a file.
        self.threads.stop();
    }
}

impl World {
    pub async fn new() -> World {
        let sim = WhatsAppSim::start(SimConfig::default()).await.unwrap();
        let provider = provider(&sim.ws_url());
        World { sim, provider, threads: DbThreads::start(2), folder: tempfile::tempdir().unwrap() }
    }

    pub fn keys(&self, number: &str) -> WaStore {
        keys(&self.threads, self.folder.path(), number)
    }

    pub async fn start(&self, number: &str, login: Option<LoginMethod>) -> Number {
        self.start_on(number, login, self.keys(number), Arc::new(Recorder::default())).await
    }

    pub async fn start_on(
        &self,
        number: &str,
        login: Option<LoginMethod>,
        keys: WaStore,
        sink: Arc<Recorder>,
    ) -> Number {
        let start = Start {
            account: AccountId(1),
            generation: Generation(1),
            login,
            keys: keys.clone(),
            sink: Arc::clone(&sink) as Arc<dyn EventSink>,
        };
        let client = self.provider.start(start).await.unwrap();
        Number { client, sink, keys, number: number.to_owned() }
    }

    /// A number that is linked by QR and online.
    pub async fn linked(&self, number: &str) -> Number {
        self.sim.register(number, "Owner").unwrap();
        let linked = self.start(number, Some(LoginMethod::Qr)).await;
        let qr = linked.sink.qr().await;
        self.sim.scan(&qr, number).await.unwrap();
        linked.sink.online().await;
        linked
    }

    /// The same number again, as after a restart.
    pub async fn again(&self, before: Number) -> Number {
        assert!(before.client.close(SOON).await);
        let number = before.number;
        drop(before.client);
        before.keys.handle().close().await.unwrap();
        let again = self.start(&number, None).await;
        again.sink.online().await;
        again
    }
}

pub fn provider(endpoint: &str) -> WebProvider {
    let config = WebConfig { endpoint: endpoint.to_owned(), loopback_only: true, ..WebConfig::default() };
    WebProvider::new(config).unwrap()
}

pub fn keys(threads: &DbThreads, folder: &Path, number: &str) -> WaStore {
    let path = folder.join(format!("wa-{number}.db"));
    let turn = Turn { user: number.parse().unwrap(), lane: 1 };
    WaStore::new(Handle::new(threads.clone(), turn, path, RawKey::new([7; 32]), schema::MIGRATIONS))
}
