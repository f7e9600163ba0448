//! One running client: sends, logs out, and lets go of everything when it is closed.
//!
//! Owns the only strong reference to the library's client outside the client's own tasks, and those tasks. Must not touch
//! the key store itself.
use super::cache;
use super::events::Link;
use super::http::Http;
use super::link;
use super::pulse;
use super::runtime::Tasks;
use super::send;
use super::shared::{Hook, Listener, Shared, Watch};
use super::transport::{Dialer, Endpoint};
use crate::domain::{AccountId, ClientEvent, Jid, LoginMethod, LoginStep, Reason, Timestamp};
use crate::limits::{Backoff, Failure, retry};
use crate::store::WaStore;
use crate::whatsapp::{Client, EventSink, SendOutcome, StartError};
use async_trait::async_trait;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, SetOnce};
use whatsapp_rust::bot::{Bot, BotBuilderError};
use whatsapp_rust::wacore::iq::devices::RemoveCompanionDeviceSpec;
use whatsapp_rust::wacore::proto_helpers::MessageBuilderExt;
use whatsapp_rust::wacore::store::DevicePropsOverride;
use whatsapp_rust::wacore::store::traits::{Backend, DeviceStore};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::device_props::PlatformType;
use whatsapp_rust::{IqError, Jid as WaJid, NodeFilter, SendError, SendOptions};

/// How long a client may take to read its chats' addresses before it connects all the same.
const ADDRESSES: Duration = Duration::from_secs(10);
/// Waits before what could not be stored is asked for again.
const REDELIVERY: Backoff = Backoff { first: Duration::from_secs(3), cap: Duration::from_secs(120) };
/// For tasks that were told to end: they do at their next await.
const FORCED: Duration = Duration::from_secs(5);

/// What every client of a provider is made with.
pub(super) struct Setup {
    pub(super) endpoint: Endpoint,
    pub(super) http: Http,
    pub(super) version: (u32, u32, u32),
    pub(super) device_name: String,
    pub(super) login_timeout: Duration,
    pub(super) silence: Duration,
}

/// What a client's key store tells.
pub(super) struct Signs {
    /// Something could not be written.
    pub unstored: Arc<Notify>,
    /// Which address belongs to which number was read.
    pub addresses: Arc<SetOnce<Option<WaJid>>>,
}

/// A client on whatsapp-rust.
pub(super) struct WebClient {
    shared: Arc<Shared>,
    keys: Arc<WaStore>,
    client: Mutex<Option<Arc<whatsapp_rust::Client>>>,
    run: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl WebClient {
    /// Builds the client on `keys` and lets it run. `unstored` is rung when something could not be written there.
    pub(super) async fn start(
        setup: &Setup,
        account: AccountId,
        login: Option<LoginMethod>,
        keys: Arc<WaStore>,
        signs: Signs,
        sink: Arc<dyn EventSink>,
    ) -> Result<Arc<WebClient>, StartError> {
        let stored = keys.load().await.map_err(|error| StartError::Keys(Box::new(error)))?;
        let linked = stored.and_then(|device| device.pn.clone());
        if linked.is_none() && login.is_none() {
            return Err(StartError::Setup("the key store holds no linked device".into()));
        }
        let tasks = Tasks::new();
        let shared = Shared::new(
            account,
            Link::new(login.clone(), linked.is_some()),
            sink,
            tasks.clone(),
            signs.unstored,
            setup.silence,
        );
        let bot = match build(setup, &shared, Arc::clone(&keys) as Arc<dyn Backend>).await {
            Ok(bot) => bot,
            Err(error) => {
                tasks.stop();
                return Err(error);
            }
        };
        let client = bot.client();
        shared.attach(&client);
        if let (Some(pn), Some(_)) = (&linked, &login)
            && let Some(phone) = super::convert::phone(pn)
        {
            // Paired in an earlier run that ended before its first login.
            shared.apply(|_| vec![super::events::Act::Tell(ClientEvent::Login(LoginStep::Paired { phone }))]);
        }
        let run = spawn_run(&shared, bot, signs.addresses);
        spawn_unavailable_watch(&shared);
        shared.tasks.spawn(redeliver(Arc::clone(&shared)));
        shared.tasks.spawn(pulse::watch(Arc::clone(&shared)));
        let late = Arc::clone(&keys);
        shared.tasks.spawn(async move { late.write_late().await });
        if let (None, Some(method)) = (linked, login) {
            tasks.spawn(link::watch(Arc::clone(&shared), method, setup.login_timeout));
        }
        Ok(Arc::new(WebClient { shared, keys, client: Mutex::new(Some(client)), run: Mutex::new(Some(run)) }))
    }

    fn client(&self) -> Option<Arc<whatsapp_rust::Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn online(&self) -> Option<Arc<whatsapp_rust::Client>> {
        self.client().filter(|client| self.shared.is_online() && client.is_connected() && client.is_logged_in())
    }

    /// Tells the library to stop, and waits until its run loop has.
    async fn leave(client: &Arc<whatsapp_rust::Client>, run: Option<tokio::task::JoinHandle<()>>) {
        client.disconnect().await;
        if let Some(run) = run
            && run.await.is_err()
        {
            tracing::debug!(event = "run_loop_lost", "the run loop ended by force");
        }
    }
}

async fn build(setup: &Setup, shared: &Arc<Shared>, keys: Arc<dyn Backend>) -> Result<Bot, StartError> {
    let dialer = Dialer { endpoint: setup.endpoint.clone(), attempts: Watch(Arc::clone(shared)) };
    let props = DevicePropsOverride::new().with_os(setup.device_name.clone()).with_platform_type(PlatformType::CHROME);
    let built = Bot::builder()
        .with_backend_arc(keys)
        .with_transport_factory(dialer)
        .with_http_client(setup.http.clone())
        .with_runtime(shared.tasks.clone())
        .with_version(setup.version)
        .with_device_props(props)
        .with_cache_config(cache::bounded())
        .skip_history_sync()
        .with_event_handler(Listener(Arc::clone(shared)))
        .with_inbound_durability_hook(Hook(Arc::clone(shared)))
        .build()
        .await;
    built.map_err(|error| match error {
        BotBuilderError::Store(error) => StartError::Keys(Box::new(error)),
        other => StartError::Setup(other.to_string()),
    })
}

/// Runs the library until it ends for good, and tells that it has.
fn spawn_run(shared: &Arc<Shared>, bot: Bot, addresses: Arc<SetOnce<Option<WaJid>>>) -> tokio::task::JoinHandle<()> {
    let me = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let client = bot.client();
        tokio::select! {
            biased;
            // Closed before it began: what it waits for may never come.
            () = me.leaving().cancelled() => return me.ended(),
            () = know_addresses(&client, &addresses) => {}
        }
        drop(client);
        if AssertUnwindSafe(bot.run()).catch_unwind().await.is_err() {
            tracing::error!(account.id = %me.account, event = "client_panicked", "the run loop of a WhatsApp client panicked");
            me.apply(|link| link.over(Reason::Internal, None));
        }
        me.ended();
    })
}

/// Waits until the client knows which address belongs to which number. The library reads that beside everything else: a
/// message that came earlier would be looked for under its sender's number, where no session is, and be asked for again
/// after it was acknowledged; and whoever dies in between has lost it.
async fn know_addresses(client: &whatsapp_rust::Client, addresses: &SetOnce<Option<WaJid>>) {
    let Ok(last) = tokio::time::timeout(ADDRESSES, addresses.wait()).await else {
        tracing::warn!(event = "addresses_unread", "a client connects before it knows its chats' addresses");
        return;
    };
    // They are taken in order, under a lock that looking for a missing one waits for.
    if let Some(last) = last
        && let Err(error) = client.get_lid_pn_entry(last).await
    {
        tracing::warn!(event = "addresses_unread", error = format!("{error:#}"), "a chat's address could not be read");
    }
}

/// The library keeps it to itself when the server says that it is about to go down.
fn spawn_unavailable_watch(shared: &Arc<Shared>) {
    let me = Arc::clone(shared);
    shared.tasks.spawn(async move {
        while let Some(said) =
            me.client().map(|client| client.wait_for_node(NodeFilter::tag("stream:error").attr("code", "503")))
        {
            if said.await.is_err() {
                break;
            }
            me.apply(Link::unavailable);
        }
    });
}

/// What could not be stored was not acknowledged, and WhatsApp gives it again on the next connection only: so there is
/// another one a while later.
async fn redeliver(shared: Arc<Shared>) {
    let mut attempt = 0;
    let mut last = Instant::now();
    loop {
        shared.unstored.notified().await;
        if last.elapsed() > REDELIVERY.cap * 2 {
            attempt = 0;
        }
        tokio::time::sleep(REDELIVERY.delay(attempt, rand::random())).await;
        attempt = attempt.saturating_add(1);
        last = Instant::now();
        // One connection serves for everything that was not stored until now.
        shared.unstored.notified().now_or_never();
        if shared.is_online()
            && let Some(client) = shared.client()
        {
            tracing::info!(account.id = %shared.account, event = "redelivery", "asking WhatsApp again for what could not be stored");
            client.reconnect_immediately().await;
        }
    }
}

#[async_trait]
impl Client for WebClient {
    fn is_online(&self) -> bool {
        self.online().is_some()
    }

    fn heard_at(&self) -> Option<Timestamp> {
        pulse::heard_at(&*self.client()?)
    }

    async fn send_text(&self, to: &Jid, text: &str, message_id: &str, deadline: Duration) -> SendOutcome {
        let Some(client) = self.online() else { return SendOutcome::Rejected(Reason::NotConnected) };
        let Ok(to) = to.0.parse::<whatsapp_rust::Jid>() else {
            return SendOutcome::Rejected(Reason::NotOnWhatsApp);
        };
        if message_id.is_empty() {
            return SendOutcome::Rejected(Reason::Internal);
        }
        // The same message again while its answer is awaited: not sent twice, and the first call tells what became of it.
        let Some(mut waiting) = self.shared.waiters.register(message_id) else { return SendOutcome::Unknown };
        let options = SendOptions::default().with_message_id(message_id);
        let message = wa::Message::text(text);
        // Closing waits for this call as for the client's own tasks, because it holds the client.
        let token = self.shared.tasks.token();
        let sending = async move {
            // What fails in asking the server has not written the message yet, so that it may be asked again.
            let again = |error: &SendError| match error {
                SendError::Iq(error) => send::failure(error),
                _ => Failure::Final,
            };
            if send::is_nobody(&client, &to).await {
                return SendOutcome::Rejected(Reason::NotOnWhatsApp);
            }
            let send = || client.send_message_with_options(to.clone(), message.clone(), options.clone());
            let sent = retry::PROVIDER.run(again, send).await;
            drop((client, token));
            match sent {
                Ok(_) => std::future::pending().await,
                Err(error) => {
                    let outcome = send::failed(&error);
                    tracing::info!(event = "send_failed", message.id = message_id, outcome = ?outcome,
                        "a message was not handed over");
                    outcome
                }
            }
        };
        let outcome = tokio::time::timeout(deadline, async {
            tokio::select! {
                biased;
                outcome = waiting.outcome() => outcome,
                () = self.shared.tasks.stopped().cancelled() => SendOutcome::Unknown,
                outcome = sending => outcome,
            }
        });
        let begun = Instant::now();
        let outcome = outcome.await.unwrap_or(SendOutcome::Unknown);
        if outcome == SendOutcome::Unknown && begun.elapsed() >= pulse::UNANSWERED {
            let shared = Arc::clone(&self.shared);
            self.shared.tasks.spawn(async move {
                pulse::give_up(&shared, "WhatsApp does not answer a message; connecting anew").await;
            });
        }
        outcome
    }

    async fn logout(&self, deadline: Duration) -> bool {
        let Some(client) = self.client().filter(|client| client.is_connected() && client.is_logged_in()) else {
            return false;
        };
        let Some(own) = client.pn() else { return false };
        let token = self.shared.tasks.token();
        let asking = async move {
            let again = |error: &IqError| match self.shared.is_logged_out() {
                true => Failure::Final,
                false => send::failure(error),
            };
            let remove = || client.execute(RemoveCompanionDeviceSpec::new(&own));
            let answer = retry::PROVIDER.run(again, remove).await;
            drop((client, token));
            // Some servers close the stream with the news that the device is gone, before they answer.
            answer.is_ok() || self.shared.is_logged_out()
        };
        let answer = tokio::time::timeout(deadline, async {
            tokio::select! {
                biased;
                confirmed = asking => confirmed,
                () = self.shared.tasks.stopped().cancelled() => false,
            }
        });
        answer.await.unwrap_or(false)
    }

    async fn close(&self, deadline: Duration) -> bool {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.shared.closing();
        let tasks = &self.shared.tasks;
        let mut clean = true;
        if let Some(client) = client {
            clean = tokio::time::timeout(deadline, Self::leave(&client, run)).await.is_ok();
        }
        tasks.stop();
        if tokio::time::timeout(FORCED, tasks.ended()).await.is_err() {
            tracing::error!(account.id = %self.shared.account, event = "client_stuck",
                "a task of a closed WhatsApp client does not end");
            clean = false;
        }
        if let Err(error) = self.keys.settle().await {
            tracing::debug!(account.id = %self.shared.account, "what waits to be written stays so: {error}");
        }
        self.shared.silence();
        clean
    }
}

impl Drop for WebClient {
    fn drop(&mut self) {
        // Not closed: nothing may go on without anybody to close it.
        self.shared.closing();
        self.shared.tasks.stop();
    }
}
