//! A WhatsApp server that somebody else might have written: it speaks the protocol, routes what it cannot read, and answers
//! what it knows. Its people are real clients; each number has one device.
use super::noise::{Identity, Resume, Wire};
use super::stanza::{attr, below, bytes, children, node, user};
use super::until;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sekat::session::servers::HeldPort;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

/// What follows a linking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paired {
    /// The stream's error 515, and the end of the connection.
    #[default]
    Restart,
    /// The end of the connection.
    HangUp,
    /// Error 515, and the connection stays as it is.
    Error,
}

/// What it does about requests that it does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    #[default]
    Empty,
    Refused,
    Ignored,
}

/// What makes one server different from another.
#[derive(Clone, Debug)]
pub struct Habits {
    /// The device number of who links: 0 as a phone's own, or higher.
    pub device: u16,
    pub lids: bool,
    pub resume: Resume,
    pub paired: Paired,
    pub unknown: Unknown,
    /// Acks have an id and a class only.
    pub bare_acks: bool,
    /// Says how much waits, also when nothing does.
    pub offline: bool,
    /// What it says to the question for the uploaded keys.
    pub digest: Option<&'static str>,
    /// How long it thinks before each answer.
    pub pace: Duration,
    pub refs: usize,
    /// Has another key when a client comes back.
    pub fresh_key: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Habits {
            device: 0,
            lids: false,
            resume: Resume::default(),
            paired: Paired::default(),
            unknown: Unknown::default(),
            bare_acks: false,
            offline: true,
            digest: Some("503"),
            pace: Duration::ZERO,
            refs: 6,
            fresh_key: false,
        }
    }
}

/// A number with its one device.
#[derive(Default)]
pub(super) struct Line {
    online: Option<mpsc::Sender<Node>>,
    pub(super) bundle: Vec<Node>,
    pub(super) keys: Vec<Node>,
    /// Delivered and not confirmed yet, or not delivered at all.
    due: Vec<Node>,
    logins: usize,
    pub(super) removed: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) lines: HashMap<String, Line>,
    /// Clients that show a QR, by their identity.
    linking: HashMap<Vec<u8>, mpsc::Sender<Node>>,
    pub(super) asked: Vec<String>,
}

pub struct WhatsApp {
    pub habits: Habits,
    port: HeldPort,
    identity: Mutex<Arc<Identity>>,
    phones: KeyPair,
    state: Mutex<State>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl WhatsApp {
    pub async fn start(habits: Habits) -> anyhow::Result<Arc<WhatsApp>> {
        let port = HeldPort::take()?;
        let server = Arc::new(WhatsApp {
            habits,
            port,
            identity: Mutex::new(Arc::new(Identity::new())),
            phones: KeyPair::generate(&mut rand::rng()),
            state: Mutex::default(),
            serving: Mutex::default(),
        });
        server.open().await?;
        Ok(server)
    }

    pub async fn open(self: &Arc<Self>) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.port.address()).await?;
        let me = Arc::clone(self);
        let serving = tokio::spawn(async move {
            let mut peers = JoinSet::new();
            while let Ok((peer, _)) = listener.accept().await {
                let me = Arc::clone(&me);
                peers.spawn(async move { me.serve(peer).await.ok() });
            }
        });
        *self.serving.lock().unwrap() = Some(serving);
        Ok(())
    }

    /// Goes away, with all connections.
    pub async fn shut(&self) {
        let serving = self.serving.lock().unwrap().take();
        if let Some(serving) = serving {
            serving.abort();
            serving.await.ok();
        }
        self.state().lines.values_mut().for_each(|line| line.online = None);
    }

    pub fn url(&self) -> String {
        format!("ws://{}/ws/chat", self.port.address())
    }

    /// Has another key from now on; who is connected stays so.
    pub fn takes_a_new_key(&self) {
        *self.identity.lock().unwrap() = Arc::new(Identity::new());
    }

    pub fn is_online(&self, number: &str) -> bool {
        self.state().lines.get(number).is_some_and(|line| line.online.is_some())
    }

    pub fn logins(&self, number: &str) -> usize {
        self.state().lines.get(number).map_or(0, |line| line.logins)
    }

    pub fn is_removed(&self, number: &str) -> bool {
        self.state().lines.get(number).is_some_and(|line| line.removed)
    }

    /// The requests that came, as `namespace/type/child`.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// Hangs up on everybody who shows a QR.
    pub fn interrupts_linking(&self) {
        for (_, client) in self.state().linking.drain() {
            client.try_send(node("stream:error", &[("code", "515")], vec![])).unwrap();
        }
    }

    /// Gives everybody who shows a QR something new to show.
    pub fn renews_references(&self) {
        for client in self.state().linking.values() {
            client.try_send(order("link-2", vec![references("renewed", self.habits.refs)])).unwrap();
        }
    }

    /// A phone scans what a QR picture says.
    pub async fn scan(&self, qr: &str, number: &str) {
        let fields: Vec<&str> = qr.rsplit('#').next().unwrap().split(',').collect();
        let (identity, secret) = (STANDARD.decode(fields[2]).unwrap(), STANDARD.decode(fields[3]).unwrap());
        let client = until("who shows this picture", async || self.state().linking.get(&identity).cloned()).await;
        let details = wa::ADVDeviceIdentity {
            raw_id: Some(77),
            timestamp: Some(1_790_000_000),
            key_index: Some(u32::from(self.habits.device.max(1))),
            ..Default::default()
        };
        let details = details.encode_to_vec();
        let signed = [&[6, 0], &details[..], &identity].concat();
        let signature = self.phones.private_key.calculate_signature(&signed, &mut rand::rng()).unwrap();
        let identity = wa::ADVSignedDeviceIdentity {
            details: Some(details),
            account_signature_key: Some(self.phones.public_key.public_key_bytes().to_vec()),
            account_signature: Some(signature.to_vec()),
            ..Default::default()
        };
        let identity = identity.encode_to_vec();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &identity);
        let sealed = wa::ADVSignedDeviceIdentityHMAC {
            hmac: Some(tag.as_ref().to_vec()),
            details: Some(identity),
            ..Default::default()
        };
        let jid = self.address(number, "s.whatsapp.net");
        let lid = self.address(&lid_of(number), "lid");
        let mut device = vec![("jid", jid.as_str())];
        if self.habits.lids {
            device.push(("lid", &lid));
        }
        let inside = vec![
            node("device", &device, vec![]),
            node("platform", &[("name", "android")], vec![]),
            bytes("device-identity", sealed.encode_to_vec()),
        ];
        let success = node("pair-success", &[], inside);
        client.send(order("linked-1", vec![success])).await.unwrap();
    }

    fn address(&self, user: &str, server: &str) -> String {
        match self.habits.device {
            0 => format!("{user}@{server}"),
            device => format!("{user}:{device}@{server}"),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(self: Arc<Self>, peer: TcpStream) -> anyhow::Result<()> {
        let identity = Arc::clone(&self.identity.lock().unwrap());
        let (mut wire, client) = Wire::accept(peer, &identity, self.habits.resume).await?;
        let (mailbox, mut letters) = mpsc::channel(10_000);
        let mut number = None;
        if let Some(device) = client.device_pairing_data.into_option() {
            let identity = device.e_ident.context("a device without identity")?.to_vec();
            self.state().linking.insert(identity, mailbox.clone());
            wire.say(&order("link-1", vec![references("first", self.habits.refs)])).await?;
        } else {
            let user = client.username.context("a login without number")?.to_string();
            if self.state().lines.get(&user).is_some_and(|line| line.removed) {
                wire.say(&node("failure", &[("reason", "401")], vec![])).await?;
                wire.close().await;
                return Ok(());
            }
            self.welcome(&mut wire, &user, &mailbox).await?;
            number = Some(user);
        }
        let talked = self.talk(&mut wire, number.as_deref(), &mut letters).await;
        if let Some(number) = number
            && let Some(line) = self.state().lines.get_mut(&number)
        {
            line.online.take_if(|online| online.same_channel(&mailbox));
        }
        wire.close().await;
        talked
    }

    async fn welcome(&self, wire: &mut Wire, user: &str, mailbox: &mpsc::Sender<Node>) -> anyhow::Result<()> {
        let due = {
            let mut state = self.state();
            let line = state.lines.entry(user.to_owned()).or_default();
            line.online = Some(mailbox.clone());
            line.logins += 1;
            line.due.clone()
        };
        let lid = self.address(&lid_of(user), "lid");
        let mut success = vec![("t", "1790000000")];
        if self.habits.lids {
            success.push(("lid", &lid));
        }
        wire.say(&node("success", &success, vec![])).await?;
        let count = due.len().to_string();
        for mut letter in due {
            letter.attrs.insert("offline", "1");
            wire.say(&letter).await?;
        }
        if self.habits.offline {
            let offline = node("offline", &[("count", &count)], vec![]);
            wire.say(&node("ib", &[("from", "s.whatsapp.net")], vec![offline])).await?;
        }
        Ok(())
    }

    async fn talk(&self, wire: &mut Wire, me: Option<&str>, letters: &mut mpsc::Receiver<Node>) -> anyhow::Result<()> {
        loop {
            let said = tokio::select! {
                letter = letters.recv() => match letter {
                    Some(letter) => {
                        wire.say(&letter).await?;
                        if letter.tag == "stream:error" {
                            return Ok(());
                        }
                        continue;
                    }
                    None => return Ok(()),
                },
                said = wire.hear() => said?,
            };
            let Some(said) = said else { return Ok(()) };
            tokio::time::sleep(self.habits.pace).await;
            match (&*said.tag, me) {
                ("iq", _) if attr(&said, "type") == "result" => {
                    if said.get_optional_child("pair-device-sign").is_none() {
                        continue;
                    }
                    if self.habits.paired != Paired::HangUp {
                        wire.say(&node("stream:error", &[("code", "515")], vec![])).await?;
                    }
                    if self.habits.paired != Paired::Error {
                        return Ok(());
                    }
                }
                ("iq", _) => {
                    if let Some(answer) = self.answer(&said, me) {
                        wire.say(&answer).await?;
                    }
                }
                ("message", Some(me)) => {
                    self.deliver(me, &said);
                    wire.say(&self.ack(&said, "message")).await?;
                }
                ("receipt", Some(me)) => {
                    self.confirm(me, &said);
                    wire.say(&self.ack(&said, "receipt")).await?;
                }
                ("ack", Some(me)) => self.settle(me, &attr(&said, "id")),
                _ => {}
            }
        }
    }

    fn ack(&self, of: &Node, class: &str) -> Node {
        let (id, from) = (attr(of, "id"), attr(of, "to"));
        let mut attrs = vec![("id", id.as_str()), ("class", class)];
        if !self.habits.bare_acks {
            attrs.extend([("from", from.as_str()), ("t", "1790000001")]);
        }
        node("ack", &attrs, vec![])
    }

    /// Brings a message to the devices that it is sealed for, as far as those are other people's.
    fn deliver(&self, me: &str, message: &Node) {
        let direct: Vec<Node> = message.get_children_by_tag("enc").cloned().collect();
        let mut sealed: Vec<(String, Vec<Node>)> = Vec::new();
        for to in below(message, "participants") {
            sealed.push((attr(&to, "jid"), children(&to)));
        }
        if sealed.is_empty() {
            sealed.push((attr(message, "to"), direct));
        }
        let identity = message.get_optional_child("device-identity").cloned();
        for (to, mut inside) in sealed {
            let to = self.number_of(&user(&to));
            if to == me {
                continue;
            }
            inside.extend(identity.clone());
            let (id, kind, from) = (attr(message, "id"), attr(message, "type"), self.address(me, "s.whatsapp.net"));
            let attrs =
                [("id", id.as_str()), ("from", &from), ("type", &kind), ("t", "1790000002"), ("notify", "Somebody")];
            let letter = node("message", &attrs, inside);
            let mut state = self.state();
            let line = state.lines.entry(to).or_default();
            line.due.push(letter.clone());
            if let Some(online) = &line.online {
                online.try_send(letter).ok();
            }
        }
    }

    /// Passes a receipt on, and does not deliver again what it is for.
    fn confirm(&self, me: &str, receipt: &Node) {
        let id = attr(receipt, "id");
        let kind = attr(receipt, "type");
        if kind != "retry" {
            self.settle(me, &id);
        }
        let (to, from) = (self.number_of(&user(&attr(receipt, "to"))), self.address(me, "s.whatsapp.net"));
        let attrs = [("id", id.as_str()), ("from", &from), ("t", "1790000003"), ("type", &kind)];
        let state = self.state();
        if let Some(online) = state.lines.get(&to).filter(|_| to != me).and_then(|line| line.online.as_ref()) {
            online.try_send(node("receipt", &attrs, children(receipt))).ok();
        }
    }

    fn settle(&self, me: &str, id: &str) {
        if let Some(line) = self.state().lines.get_mut(me) {
            line.due.retain(|letter| attr(letter, "id") != id);
        }
    }

    pub(super) fn number_of(&self, user: &str) -> String {
        user.strip_prefix("99").filter(|_| self.habits.lids).unwrap_or(user).to_owned()
    }
}

impl Drop for WhatsApp {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.lock().unwrap().take() {
            serving.abort();
        }
    }
}

pub(super) fn lid_of(number: &str) -> String {
    format!("99{number}")
}

/// What QR pictures are made of, one after the other.
fn references(name: &str, count: usize) -> Node {
    node("pair-device", &[], (0..count).map(|n| bytes("ref", format!("{name}-{n}"))).collect())
}

fn order(id: &str, inside: Vec<Node>) -> Node {
    node("iq", &[("id", id), ("type", "set"), ("xmlns", "md"), ("from", "s.whatsapp.net")], inside)
}
