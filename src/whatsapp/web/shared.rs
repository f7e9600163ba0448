//! What the parts of one running client share: its place in life, its sink, its tasks, the answers it waits for.
//!
//! The only place that calls the sink. Holds the library's client weakly, because the library holds this. After
//! [`Shared::silence`] the sink hears nothing any more.
use super::again;
use super::convert::{self, Directory};
use super::events::{Act, CodeGone, Link};
use super::lock;
use super::runtime::Tasks;
use super::send::{Waiters, refusal};
use super::transport::Attempts;
use crate::domain::{AccountId, ClientEvent, Delivery, InboundMessage, Reason, Timestamp};
use crate::store::wa::is_lost;
use crate::whatsapp::EventSink;
use async_trait::async_trait;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use whatsapp_rust::store::commands::DeviceCommand;
use whatsapp_rust::types::durability_hook::InboundDurabilityHook;
use whatsapp_rust::wacore::types::events::{
    Event, EventHandler, EventInterest, InboundMessage as Received, MessageBatch, Receipt, ServerAck,
};
use whatsapp_rust::wacore::types::presence::ReceiptType;
use whatsapp_rust::{Client, Jid as WaJid};

/// The phone's number among the devices of its owner.
const PHONE: u16 = 0;
/// How often it is told that something came from the phone.
const PHONE_TOLD_EVERY: Duration = Duration::from_secs(3_600);

/// One client's shared part.
pub(super) struct Shared {
    pub(super) account: AccountId,
    pub(super) tasks: Tasks,
    pub(super) waiters: Arc<Waiters>,
    /// News for whoever keeps a pair code on screen.
    pub(super) code: CodeNews,
    /// Rung when something that came in could not be stored.
    pub(super) unstored: Arc<Notify>,
    /// How long the server may say nothing at all.
    silence: Duration,
    client: OnceLock<Weak<Client>>,
    leaving: CancellationToken,
    state: Mutex<State>,
}

struct State {
    link: Link,
    /// `None` once the client is closed.
    sink: Option<Arc<dyn EventSink>>,
    /// When the phone was last told of.
    phone_told: Option<Instant>,
    /// Being closed on request: that it ends is no news.
    closing: bool,
    ended: bool,
}

/// The last reason why a pair code is worth nothing, and a bell.
#[derive(Default)]
pub(super) struct CodeNews {
    last: Mutex<Option<CodeGone>>,
    bell: Notify,
}

impl CodeNews {
    fn ring(&self, news: CodeGone) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A refusal is not taken back by the disconnect that follows it.
        if *last != Some(CodeGone::Refused) {
            *last = Some(news);
        }
        drop(last);
        self.bell.notify_one();
    }

    /// Forgets what was told of an earlier code.
    pub(super) fn forget(&self) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits for news. Cancel safe.
    pub(super) async fn next(&self) -> CodeGone {
        loop {
            if let Some(news) = self.last.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return news;
            }
            self.bell.notified().await;
        }
    }
}

impl Shared {
    pub(super) fn new(
        account: AccountId,
        link: Link,
        sink: Arc<dyn EventSink>,
        tasks: Tasks,
        unstored: Arc<Notify>,
        silence: Duration,
    ) -> Arc<Self> {
        let state = State { link, sink: Some(sink), phone_told: None, closing: false, ended: false };
        Arc::new(Shared {
            account,
            tasks,
            waiters: Arc::default(),
            code: CodeNews::default(),
            unstored,
            silence,
            client: OnceLock::new(),
            leaving: CancellationToken::new(),
            state: Mutex::new(state),
        })
    }

    /// Makes the library's client known.
    pub(super) fn attach(self: &Arc<Self>, client: &Arc<Client>) {
        self.client.get_or_init(|| Arc::downgrade(client));
        let me = Arc::downgrade(self);
        self.tasks.on_panic(move || {
            if let Some(me) = me.upgrade() {
                tracing::error!(account.id = %me.account, event = "client_panicked", "a task of a WhatsApp client panicked");
                me.apply(Link::broken);
            }
        });
    }

    /// The library's client, while it lives.
    pub(super) fn client(&self) -> Option<Arc<Client>> {
        self.client.get().and_then(Weak::upgrade)
    }

    /// Whether it is logged in.
    pub(super) fn is_online(&self) -> bool {
        self.lock().link.is_online()
    }

    /// Whether the phone has proven possession.
    pub(super) fn is_linked(&self) -> bool {
        self.lock().link.is_linked()
    }

    /// Whether WhatsApp has said that this device is no more.
    pub(super) fn is_logged_out(&self) -> bool {
        self.lock().link.verdict().0 == Reason::LoggedOut
    }

    /// Changes the client's place in life and does what follows.
    pub(super) fn apply(self: &Arc<Self>, change: impl FnOnce(&mut Link) -> Vec<Act>) {
        let mut state = self.lock();
        let acts = change(&mut state.link);
        // Told under the lock, so that the sink hears things in the order in which they happened.
        for act in &acts {
            if let Act::Tell(event) = act {
                state.tell(self.account, event.clone());
            }
        }
        drop(state);
        for act in acts {
            match act {
                Act::Tell(_) => {}
                Act::Lost => self.waiters.lost(),
                Act::CodeGone(news) => self.code.ring(news),
                Act::Stop => self.stop(),
            }
        }
    }

    /// Tells the sink something that changes nothing here.
    pub(super) fn tell(&self, event: ClientEvent) {
        self.lock().tell(self.account, event);
    }

    /// The library's run loop is over: told once, unless it was closed on request.
    pub(super) fn ended(&self) {
        let mut state = self.lock();
        if !state.closing && !std::mem::replace(&mut state.ended, true) {
            let (reason, until) = state.link.verdict();
            state.tell(self.account, ClientEvent::Ended { reason, until });
        }
    }

    /// From now on the end is no news.
    pub(super) fn closing(&self) {
        self.lock().closing = true;
        self.leaving.cancel();
    }

    /// Fires when it is being closed on request.
    pub(super) fn leaving(&self) -> &CancellationToken {
        &self.leaving
    }

    /// Lets go of the sink.
    pub(super) fn silence(&self) {
        let sink = self.lock().sink.take();
        drop(sink);
    }

    /// Whether the last connection came to nothing.
    fn is_silent(&self) -> bool {
        self.lock().link.is_silent()
    }

    /// Forgets the server's key, so that the next connection begins with the whole handshake, which learns and checks it
    /// anew. The library does so by itself only when the server answers wrongly; one that has another key now, or takes
    /// the whole handshake only, may simply hang up.
    async fn forget_server(&self) {
        let Some(client) = self.client() else { return };
        let store = client.persistence_manager();
        if store.get_device_snapshot().server_cert_chain.is_some() {
            tracing::debug!(account.id = %self.account, event = "handshake_anew", "the short handshake came to nothing");
            store.process_command(DeviceCommand::ClearServerCertChain).await;
        }
    }

    /// Ends the run loop: what it would go on for is out of reach.
    fn stop(self: &Arc<Self>) {
        if let Some(client) = self.client() {
            self.tasks.spawn(async move { client.disconnect().await });
        }
    }

    /// Gives a connection up on which the server says nothing at all. The library would wait for its keepalive, which
    /// takes up to a minute to find that out. Once it has let the client in, the rest is the library's: it waits a minute for
    /// a server that does not say how much lies there, and much longer for single answers.
    fn watch_login(self: &Arc<Self>) {
        let attempt = self.lock().link.attempts();
        let me = Arc::downgrade(self);
        let silence = self.silence;
        self.tasks.spawn(async move {
            tokio::time::sleep(silence).await;
            let Some(me) = me.upgrade() else { return };
            if me.lock().link.is_unheard(attempt)
                && let Some(client) = me.client().filter(|client| !client.is_logged_in())
            {
                tracing::info!(account.id = %me.account, event = "login_silent", "WhatsApp does not answer; connecting anew");
                client.reconnect_immediately().await;
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores received messages; what the sink has not stored is not acknowledged.
    async fn store(&self, batch: &[Received]) -> anyhow::Result<()> {
        let mut told: Vec<InboundMessage> = Vec::with_capacity(batch.len());
        for received in batch {
            if received.info.source.is_from_me {
                self.saw(&received.info.source.sender);
            }
            told.extend(convert::message(received, self).await);
        }
        if told.is_empty() {
            return Ok(());
        }
        let Some(sink) = self.lock().sink.clone() else {
            anyhow::bail!("the client is closed");
        };
        match AssertUnwindSafe(sink.messages(told)).catch_unwind().await {
            Ok(stored) => Ok(stored?),
            Err(_) => {
                tracing::error!(account.id = %self.account, event = "sink_panicked", "storing received messages panicked");
                anyhow::bail!("storing received messages panicked")
            }
        }
    }

    /// Messages that came past the durability hook: what the phone sent again because it could not be decrypted. They
    /// are acknowledged already, so this is all that can be done for them.
    fn unhooked(self: &Arc<Self>, batch: &MessageBatch) {
        if batch.hook_committed {
            return;
        }
        let (me, messages) = (Arc::clone(self), Arc::clone(&batch.messages));
        self.tasks.spawn(async move {
            if let Err(error) = me.store(&messages).await {
                tracing::warn!(account.id = %me.account, event = "recovered_message_lost", error = format!("{error:#}"),
                    "a message that the phone sent again could not be stored");
            }
        });
    }

    /// One of our own devices was heard of. That it was the phone is told, not more often than anybody needs it.
    fn saw(&self, device: &WaJid) {
        if device.device != PHONE {
            return;
        }
        let mut state = self.lock();
        if state.phone_told.is_none_or(|at| at.elapsed() >= PHONE_TOLD_EVERY) {
            state.phone_told = Some(Instant::now());
            state.tell(self.account, ClientEvent::PhoneSeen);
        }
    }

    fn acked(self: &Arc<Self>, ack: &ServerAck) {
        if ack.class.as_deref().is_some_and(|class| class != "message") {
            return;
        }
        let refused = ack.error.as_deref().map(refusal);
        let heard = self.waiters.answered(&ack.id, refused);
        if refused == Some(Reason::ReachoutLocked) {
            self.tasks.spawn(lock::ask(Arc::clone(self)));
        }
        if !heard {
            self.tell(ClientEvent::Ack { message_id: ack.id.clone(), refused });
        }
    }

    fn receipt(self: &Arc<Self>, receipt: &Receipt) {
        let source = &receipt.source;
        let from_us = |jid: &WaJid| {
            self.client().is_some_and(|client| {
                client.pn().is_some_and(|own| jid.matches_user_or_lid(&own, client.lid().as_ref()))
            })
        };
        if source.is_from_me || from_us(&source.sender) {
            return self.saw(&source.sender);
        }
        let delivery = match receipt.r#type {
            // From a device that nobody looks at, as linked devices mostly are: it has arrived all the same.
            ReceiptType::Delivered | ReceiptType::Inactive => Delivery::Delivered,
            ReceiptType::Read | ReceiptType::Played => Delivery::Read,
            _ => return,
        };
        let (chat, alt) = (source.chat.clone(), source.sender_alt.clone());
        let (me, message_ids) = (Arc::clone(self), receipt.message_ids.clone());
        let mut telling = Box::pin(async move {
            let (chat, _) = convert::person(&chat, alt.as_ref(), me.as_ref()).await;
            me.tell(ClientEvent::Receipt { chat: convert::jid(&chat), message_ids, delivery });
        });
        // Nearly always the address is known at once; a look into the key store must not hold up what comes next, and
        // receipts may pass each other.
        if telling.as_mut().now_or_never().is_none() {
            self.tasks.spawn(telling);
        }
    }
}

impl State {
    fn tell(&self, account: AccountId, event: ClientEvent) {
        if let Some(sink) = &self.sink
            && std::panic::catch_unwind(AssertUnwindSafe(|| sink.event(event))).is_err()
        {
            tracing::error!(account.id = %account, event = "sink_panicked", "taking a client's event panicked");
        }
    }
}

#[async_trait]
impl Directory for Shared {
    async fn counterpart(&self, of: &WaJid) -> Option<WaJid> {
        let client = self.client()?;
        match client.get_lid_pn_entry(of).await {
            Ok(entry) => {
                entry.map(|known| if of.is_lid() { WaJid::pn(&*known.phone_number) } else { WaJid::lid(&*known.lid) })
            }
            Err(error) => {
                tracing::warn!(account.id = %self.account, event = "lid_lookup_failed", error = format!("{error:#}"),
                    "the number behind an address could not be looked up");
                None
            }
        }
    }

    fn own(&self) -> Option<WaJid> {
        self.client()?.pn()
    }
}

/// The library's event handler: inline, in the order of arrival.
pub(super) struct Listener(pub(super) Arc<Shared>);

impl EventHandler for Listener {
    fn handle_event(&self, event: Arc<Event>) {
        match &*event {
            Event::ServerAck(ack) => self.0.acked(ack),
            Event::Receipt(receipt) => self.0.receipt(receipt),
            Event::Messages(batch) => self.0.unhooked(batch),
            other => self.0.apply(|link| link.on(other, Timestamp::now())),
        }
    }

    fn interest(&self) -> EventInterest {
        super::events::interest()
    }
}

/// The library's durability hook.
pub(super) struct Hook(pub(super) Arc<Shared>);

#[async_trait]
impl InboundDurabilityHook for Hook {
    async fn on_messages(&self, client: Arc<Client>, batch: &[Received]) -> anyhow::Result<()> {
        let mut here = Vec::with_capacity(batch.len());
        for received in batch {
            if is_lost(&received.message) {
                again::ask(&client, &received.info).await?;
            } else {
                here.push(received.clone());
            }
        }
        let stored = self.0.store(&here).await;
        if stored.is_err() {
            self.0.unstored.notify_one();
        }
        stored
    }
}

/// Hears of connections that are tried.
pub(super) struct Watch(pub(super) Arc<Shared>);

#[async_trait]
impl Attempts for Watch {
    async fn connecting(&self) {
        if self.0.is_silent() {
            self.0.forget_server().await;
        }
        self.0.apply(Link::connecting);
        self.0.watch_login();
    }

    fn failed(&self) {
        self.0.apply(Link::not_connected);
    }
}
