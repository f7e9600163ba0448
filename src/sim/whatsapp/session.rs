//! One connection's life. It answers "what happens after the handshake?"; it owns the connection, its place in the mailbox
//! and the acknowledgements that come late. A client that is not linked is led to the linking desk and nowhere else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use whatsapp_rust::Server;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{JidExt as _, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::account::{Account, Companion, Link, Order};
use super::error::SimError;
use super::faults::{LoginRefusal, SendFate};
use super::hub::{Hub, ack};
use super::iq::{After, Asker, answer};
use super::noise::{Hello, Transport};
use super::pairing::Candidate;
use super::queue::Word;
use super::route::Sender;
use super::wire::{SERVER, children, iq_error, iq_result, now_secs, text_attr};

/// How many orders may wait for one connection's task.
const ORDERS: usize = 64;
/// How many stanzas are taken out of the mailbox before the connection is looked at again.
const BATCH: usize = 64;
/// How long a client may take to answer the WebSocket upgrade and the handshake.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// Serves one accepted connection until it ends.
///
/// # Errors
/// When the client breaks the protocol or the connection.
pub async fn serve(hub: Arc<Hub>, socket: tokio::net::TcpStream) -> Result<(), SimError> {
    let accepted = timeout(HANDSHAKE, Transport::accept(socket, &hub.server_key)).await;
    let (transport, hello) = accepted.map_err(|_| SimError::Timeout("the handshake"))??;
    let (orders, inbox) = mpsc::channel(ORDERS);
    if hello.payload.device_pairing_data.as_option().is_some() {
        let (candidate, invitation) = hub.desk.enter(hello.client_key, orders);
        let served = candidate_session(&hub, transport, inbox, &candidate, &invitation).await;
        hub.desk.leave(&candidate);
        return served;
    }
    let link = Link { id: hub.connection_id(), orders };
    member_session(&hub, transport, inbox, link, &hello).await
}

async fn candidate_session(
    hub: &Arc<Hub>,
    mut transport: Transport,
    mut inbox: mpsc::Receiver<Order>,
    candidate: &Arc<Candidate>,
    invitation: &Node,
) -> Result<(), SimError> {
    transport.feed(invitation).await?;
    loop {
        transport.flush().await?;
        let node = tokio::select! {
            () = hub.cancel.cancelled() => return Ok(()),
            order = inbox.recv() => match order {
                Some(Order::Send(node)) => {
                    transport.feed(&node).await?;
                    continue;
                }
                Some(Order::End(last_word)) => return end(transport, last_word).await,
                None => return Ok(()),
            },
            node = transport.next() => match node? {
                Some(node) => node,
                None => return Ok(()),
            },
        };
        if node.tag != "iq" {
            continue;
        }
        let id = text_attr(&node, "id");
        if matches!(&*text_attr(&node, "type"), "result" | "error") {
            if hub.finish_link(candidate, &node) {
                // The client comes back as the companion that it is now.
                let restart = NodeBuilder::new("stream:error").attr("code", "515").build();
                return end(transport, Some(restart)).await;
            }
            continue;
        }
        let reply = match node.get_optional_child("link_code_companion_reg") {
            Some(registration) => hub.answer_code_request(candidate, &id, registration),
            None if text_attr(&node, "xmlns") == "w:p" => iq_result(&id).build(),
            None => iq_error(&id, 403, "forbidden"),
        };
        transport.feed(&reply).await?;
    }
}

async fn end(mut transport: Transport, last_word: Option<Node>) -> Result<(), SimError> {
    if let Some(node) = last_word {
        transport.feed(&node).await?;
        transport.flush().await?;
        transport.close().await;
    }
    Ok(())
}

/// The companion that a login names, if it may log in.
fn admit(hub: &Hub, hello: &Hello) -> Result<(Arc<Account>, Arc<Companion>), LoginRefusal> {
    let unknown = LoginRefusal::plain(401);
    let number = hello.payload.username.ok_or(unknown)?.to_string();
    let account = hub.account(&number).map_err(|_| unknown)?;
    if let Some(refusal) = account.faults.refuse_login() {
        return Err(refusal);
    }
    let device = hello.payload.device.and_then(|d| u16::try_from(d).ok()).ok_or(unknown)?;
    let companion = account.companion(device).filter(|c| c.noise_key == hello.client_key).ok_or(unknown)?;
    Ok((account, companion))
}

async fn member_session(
    hub: &Arc<Hub>,
    mut transport: Transport,
    mut inbox: mpsc::Receiver<Order>,
    link: Link,
    hello: &Hello,
) -> Result<(), SimError> {
    let (account, companion) = match admit(hub, hello) {
        Ok(admitted) => admitted,
        Err(refusal) => return end(transport, Some(refusal.node())).await,
    };
    let id = link.id;
    let replaced = companion.attach(link);
    if let Some(old) = replaced {
        let conflict = NodeBuilder::new("conflict").attr("type", "replaced").build();
        let last_word = NodeBuilder::new("stream:error").children([conflict]).build();
        if old.orders.try_send(Order::End(Some(last_word))).is_err() {
            tracing::debug!("the replaced connection was busy or gone");
        }
    }
    let mut member = Member {
        hub,
        account,
        companion,
        id,
        reading: false,
        backlog: Backlog::default(),
        late: VecDeque::new(),
        swallowing: false,
    };
    let served = member.run(&mut transport, &mut inbox, &hello.payload).await;
    member.companion.detach(id);
    match served {
        Ok(last_word) => end(transport, last_word).await,
        Err(error) => Err(error),
    }
}

/// What waited when the client came; it is announced, marked and counted down.
#[derive(Debug, Default)]
struct Backlog {
    total: usize,
    left: usize,
    open: bool,
}

struct Member<'a> {
    hub: &'a Arc<Hub>,
    account: Arc<Account>,
    companion: Arc<Companion>,
    id: u64,
    /// Whether the client takes what waits for it.
    reading: bool,
    backlog: Backlog,
    late: VecDeque<(Instant, Node)>,
    /// A connection that has fallen into a black hole stays there: what it lost cannot come back.
    swallowing: bool,
}

impl Member<'_> {
    /// Serves until the connection ends; gives the last word that is still to be said.
    async fn run(
        &mut self,
        transport: &mut Transport,
        inbox: &mut mpsc::Receiver<Order>,
        payload: &wa::ClientPayload,
    ) -> Result<Option<Node>, SimError> {
        if !self.black_hole() {
            self.hub.counters.logins.fetch_add(1, Ordering::Relaxed);
            let lid = self.account.address(Server::Lid).with_device(self.companion.jid.device);
            let success = NodeBuilder::new("success").attr("t", now_secs()).attr("lid", lid).attr("location", "sim");
            transport.feed(&success.build()).await?;
            if !payload.passive.unwrap_or(false) {
                self.start_reading(transport).await?;
            }
        }
        loop {
            if self.reading && !self.black_hole() {
                self.deliver(transport).await?;
            }
            self.send_late(transport).await?;
            transport.flush().await?;
            let next_late = self.late.front().map(|(at, _)| *at);
            let companion = Arc::clone(&self.companion);
            tokio::select! {
                () = self.hub.cancel.cancelled() => return Ok(None),
                order = inbox.recv() => match order {
                    Some(Order::Send(node)) => self.say(transport, &node).await?,
                    Some(Order::End(last_word)) => return Ok(last_word),
                    None => return Ok(None),
                },
                node = transport.next() => match node? {
                    Some(node) if self.black_hole() => drop(node),
                    Some(node) => self.hear(transport, node).await?,
                    None => return Ok(None),
                },
                () = companion.mailbox.arrived(), if self.reading => {}
                () = sleep_until(next_late.unwrap_or_else(Instant::now)), if next_late.is_some() => {}
            }
        }
    }

    fn black_hole(&mut self) -> bool {
        self.swallowing |= self.account.faults.black_hole();
        self.swallowing
    }

    async fn say(&mut self, transport: &mut Transport, node: &Node) -> Result<(), SimError> {
        if self.black_hole() {
            return Ok(());
        }
        transport.feed(node).await
    }

    async fn start_reading(&mut self, transport: &mut Transport) -> Result<(), SimError> {
        if self.reading {
            return Ok(());
        }
        self.reading = true;
        let waiting = self.companion.mailbox.open(self.id);
        self.backlog = Backlog { total: waiting, left: waiting, open: true };
        if waiting > 0 {
            let preview = NodeBuilder::new("offline_preview").attr("count", waiting).attr("message", waiting).build();
            transport.feed(&NodeBuilder::new("ib").attr("from", SERVER).children([preview]).build()).await?;
        }
        Ok(())
    }

    /// Writes what waits, and the end of the backlog when it is reached.
    async fn deliver(&mut self, transport: &mut Transport) -> Result<(), SimError> {
        loop {
            if self.backlog.open && self.backlog.left == 0 {
                self.backlog.open = false;
                let done = NodeBuilder::new("offline").attr("count", self.backlog.total).build();
                transport.feed(&NodeBuilder::new("ib").attr("from", SERVER).children([done]).build()).await?;
            }
            let most = if self.backlog.open { self.backlog.left.min(BATCH) } else { BATCH };
            let Some(batch) = self.companion.mailbox.give(self.id, most) else {
                self.reading = false;
                return Ok(());
            };
            if batch.is_empty() {
                if !self.backlog.open {
                    return Ok(());
                }
                // Fewer than announced: a copy was confirmed over the old connection meanwhile.
                self.backlog.left = 0;
                continue;
            }
            let full = batch.len() == most;
            for node in batch {
                if self.backlog.left > 0 {
                    self.backlog.left -= 1;
                    let mut marked = (*node).clone();
                    marked.attrs.insert("offline", "1");
                    transport.feed(&marked).await?;
                } else {
                    transport.feed(&node).await?;
                }
            }
            if !self.backlog.open && full {
                // The client must be heard between batches; the mailbox has more.
                transport.flush().await?;
                self.companion.mailbox.nudge();
                return Ok(());
            }
        }
    }

    async fn send_late(&mut self, transport: &mut Transport) -> Result<(), SimError> {
        while self.late.front().is_some_and(|(at, _)| *at <= Instant::now()) {
            if let Some((_, node)) = self.late.pop_front() {
                self.say(transport, &node).await?;
            }
        }
        Ok(())
    }

    async fn hear(&mut self, transport: &mut Transport, node: Node) -> Result<(), SimError> {
        match &*node.tag {
            "iq" => self.hear_request(transport, &node).await,
            "message" => self.hear_message(transport, &node).await,
            "receipt" => {
                let sender = Sender { account: &self.account, device: self.companion.jid.device };
                self.hub.route_receipt(sender, &self.companion.mailbox, &node);
                self.say(transport, &ack("receipt", &node, None)).await
            }
            "ack" => {
                self.companion.mailbox.settle(&text_attr(&node, "class"), &text_attr(&node, "id"), Word::Ack);
                Ok(())
            }
            "call" => self.say(transport, &ack("call", &node, None)).await,
            // Presence, typing and telemetry change nothing here.
            _ => Ok(()),
        }
    }

    async fn hear_request(&mut self, transport: &mut Transport, node: &Node) -> Result<(), SimError> {
        if matches!(&*text_attr(node, "type"), "result" | "error") {
            return Ok(());
        }
        let asker = Asker { hub: self.hub, account: &self.account, companion: &self.companion };
        let (reply, after) = answer(asker, node);
        if let After::Unlink(which) = &after {
            // Done before it is confirmed; the order to end this connection is carried out after the reply.
            let own = which.is_same_user_as(&self.companion.jid);
            if own && let Err(error) = self.hub.unlink(&self.account, which.device) {
                tracing::debug!(%error, "a companion could not be unlinked");
            }
        }
        self.say(transport, &reply).await?;
        match after {
            After::Nothing | After::Unlink(_) => {}
            After::Activate => self.start_reading(transport).await?,
            After::ShareKey => {
                if self.companion.claim_key_share()
                    && let Err(error) = self.hub.share_app_state_key(&self.account, &self.companion.jid).await
                {
                    tracing::debug!(%error, "a phone could not share its app-state key");
                }
            }
        }
        Ok(())
    }

    async fn hear_message(&mut self, transport: &mut Transport, node: &Node) -> Result<(), SimError> {
        let fate = self.account.faults.send_fate();
        if let SendFate::Refuse(code) = fate {
            return self.say(transport, &ack("message", node, Some(code))).await;
        }
        let group = text_attr(node, "to").ends_with("@g.us");
        let sender = Sender { account: &self.account, device: self.companion.jid.device };
        let mut error = None;
        if fate != SendFate::Withhold(false) && !group {
            error = match self.hub.route_message(sender, node) {
                Ok(_) => None,
                // Someone who has no device at all, and a message that could not be read.
                Err(SimError::NoRecipient) if !participants(node) => None,
                Err(SimError::NoRecipient) => Some(404),
                Err(_) => Some(400),
            };
        }
        let mut reply = ack("message", node, error);
        if let Some(hash) = self.hub.stale_devices(sender, node) {
            reply.attrs.insert("phash", hash);
        }
        match fate {
            SendFate::Accept(None) => self.say(transport, &reply).await,
            SendFate::Accept(Some(delay)) => {
                self.late.push_back((Instant::now() + delay, reply));
                Ok(())
            }
            SendFate::Withhold(_) | SendFate::Refuse(_) => Ok(()),
        }
    }
}

fn participants(node: &Node) -> bool {
    node.get_optional_child("participants").is_some_and(|p| !children(p).is_empty())
}
