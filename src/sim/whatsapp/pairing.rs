//! Linking a client to a phone. It answers "which open connection shows this QR, or waits for this code?"; it owns the
//! clients that wait to be linked. It hands a phone's signature to a client and never reads what a code protects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dashmap::DashMap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use whatsapp_rust::wacore::adv::{AdvValidation, validate_adv_with_identity_key};
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::pair_code::PairCodeUtils;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::{Jid, Server};

use super::account::{Account, Companion, Order};
use super::adv;
use super::error::SimError;
use super::hub::Hub;
use super::wire::{
    SERVER, child_array, child_content, content, fresh_id, iq_error, iq_result, jid_attr, now_secs, random, text_attr,
};

/// How many refs a client gets: the first QR lasts a minute, the others 20 seconds each.
const REFS: usize = 6;
/// How long a client may take for one step of the linking.
const STEP: Duration = Duration::from_secs(30);

type Done = oneshot::Sender<Result<Jid, SimError>>;

/// A linking that waits for the client's own signature.
struct Pending {
    request: String,
    account: Arc<Account>,
    companion: Jid,
    key_index: u32,
    identity: [u8; 32],
    done: Done,
}

/// A client that is not linked yet, on its connection.
pub struct Candidate {
    noise_key: [u8; 32],
    orders: mpsc::Sender<Order>,
    pending: Mutex<Option<Pending>>,
    refs: Vec<String>,
}

/// What a client sent when it asked for a code, and where its answer to the phone goes.
struct CodeRequest {
    reference: Vec<u8>,
    wrapped_ephemeral: Vec<u8>,
    candidate: Arc<Candidate>,
    finish: Option<oneshot::Sender<Finish>>,
}

struct Finish {
    identity: [u8; 32],
    bundle: Vec<u8>,
}

/// The clients that wait.
#[derive(Default)]
pub struct Desk {
    refs: DashMap<String, Arc<Candidate>>,
    codes: DashMap<String, CodeRequest>,
}

impl Candidate {
    fn pending(&self) -> MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn order(&self, order: Order) -> Result<(), SimError> {
        let sent = timeout(STEP, self.orders.send(order)).await;
        sent.map_err(|_| SimError::Timeout("linking"))?.map_err(|_| SimError::LinkRefused("the client has left"))
    }
}

impl Desk {
    /// Takes a client in and gives it its refs.
    pub fn enter(&self, noise_key: [u8; 32], orders: mpsc::Sender<Order>) -> (Arc<Candidate>, Node) {
        let refs: Vec<String> = (0..REFS).map(|_| format!("2@{}", STANDARD.encode(random::<48>()))).collect();
        let candidate = Arc::new(Candidate { noise_key, orders, pending: Mutex::default(), refs });
        let nodes = candidate.refs.iter().map(|text| {
            self.refs.insert(text.clone(), Arc::clone(&candidate));
            NodeBuilder::new("ref").bytes(text.as_bytes().to_vec()).build()
        });
        let node = NodeBuilder::new("iq")
            .attr("id", fresh_id())
            .attr("type", "set")
            .attr("xmlns", "md")
            .attr("from", SERVER)
            .children([NodeBuilder::new("pair-device").children(nodes).build()])
            .build();
        (candidate, node)
    }

    /// Lets a client go; a linking that waited for it fails.
    pub fn leave(&self, candidate: &Arc<Candidate>) {
        candidate.refs.iter().for_each(|text| drop(self.refs.remove(text)));
        self.codes.retain(|_, request| !Arc::ptr_eq(&request.candidate, candidate));
        if let Some(pending) = candidate.pending().take()
            && pending.done.send(Err(SimError::LinkRefused("the client has left"))).is_err()
        {
            tracing::debug!("nobody waited for a linking that failed");
        }
    }
}

impl Hub {
    /// The phone of `number` scans a QR. Returns the new companion's address.
    ///
    /// # Errors
    /// See [`SimError`]: the QR, the number, the client or the limit.
    pub async fn scan(self: &Arc<Self>, qr: &str, number: &str) -> Result<Jid, SimError> {
        let account = self.account(number)?;
        // The deep-link form carries the same fields after a '#'.
        let text = qr.rsplit('#').next().unwrap_or_default();
        let fields: Vec<&str> = text.split(',').collect();
        let &[reference, noise, identity, secret, ..] = &fields[..] else { return Err(SimError::InvalidQr) };
        let decode = |field: &str| -> Result<[u8; 32], SimError> {
            let bytes = STANDARD.decode(field).map_err(|_| SimError::InvalidQr)?;
            bytes.try_into().map_err(|_| SimError::InvalidQr)
        };
        let (noise, identity, secret) = (decode(noise)?, decode(identity)?, decode(secret)?);
        let candidate = self.desk.refs.get(reference).map(|c| Arc::clone(&c)).ok_or(SimError::UnknownQr)?;
        if candidate.noise_key != noise {
            return Err(SimError::UnknownQr);
        }
        self.link(&candidate, &account, identity, &secret).await
    }

    /// The phone of `number` enters a pair code. Returns the new companion's address.
    ///
    /// # Errors
    /// See [`SimError`]: the code, the number, the client or the limit.
    pub async fn enter_code(self: &Arc<Self>, code: &str, number: &str) -> Result<Jid, SimError> {
        let account = self.account(number)?;
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let code = code.to_ascii_uppercase();
        let (answer, finish) = oneshot::channel();
        let (candidate, reference, wrapped) = {
            let mut request = self.desk.codes.get_mut(&account.number).ok_or(SimError::NoPairCodeRequest)?;
            request.finish = Some(answer);
            (Arc::clone(&request.candidate), request.reference.clone(), request.wrapped_ephemeral.clone())
        };
        let ephemeral = KeyPair::generate(&mut rand::rng());
        let public = ephemeral.public_key.public_key_bytes().try_into().map_err(|_| SimError::Crypto("a curve key"))?;
        let (companion_ephemeral, own_wrapped) = stretch(code, wrapped, public).await?;
        let bytes = |tag, bytes: &[u8]| NodeBuilder::new(tag).bytes(bytes.to_vec()).build();
        let hello = NodeBuilder::new("link_code_companion_reg").attr("stage", "primary_hello").children([
            bytes("link_code_pairing_wrapped_primary_ephemeral_pub", &own_wrapped),
            bytes("primary_identity_pub", account.phone.account_key().public_key.public_key_bytes()),
            bytes("link_code_pairing_ref", &reference),
        ]);
        let notification = NodeBuilder::new("notification")
            .attr("id", fresh_id())
            .attr("type", "link_code_companion_reg")
            .attr("from", SERVER)
            .attr("t", now_secs())
            .children([hello.build()])
            .build();
        candidate.order(Order::Send(notification)).await?;
        let finish = timeout(STEP, finish).await.map_err(|_| SimError::Timeout("the client's key bundle"))?;
        let finish = finish.map_err(|_| SimError::LinkRefused("the client has left"))?;
        let (account_key, identity) = (account.phone.account_key(), finish.identity);
        let secret = adv::open_code_bundle(account_key, &ephemeral, &companion_ephemeral, &identity, &finish.bundle)?;
        self.link(&candidate, &account, identity, &secret).await
    }

    async fn link(
        self: &Arc<Self>,
        candidate: &Arc<Candidate>,
        account: &Arc<Account>,
        identity: [u8; 32],
        secret: &[u8; 32],
    ) -> Result<Jid, SimError> {
        if account.faults.wants_passkey() {
            candidate.order(Order::Send(passkey_request())).await?;
            return Err(SimError::LinkRefused("a passkey is asked for"));
        }
        let (device, key_index) = account.reserve(self.config.max_companions)?;
        let companion = account.address(Server::Pn).with_device(device);
        let hidden = account.address(Server::Lid).with_device(device);
        let secret = if account.faults.forges_links() { &random() } else { secret };
        let signed = adv::sign_companion(account.phone.account_key(), &identity, secret, key_index)?;
        let (done, linked) = oneshot::channel();
        let request = fresh_id();
        let pending = Pending {
            request: request.clone(),
            account: Arc::clone(account),
            companion: companion.clone(),
            key_index,
            identity,
            done,
        };
        *candidate.pending() = Some(pending);
        let success = NodeBuilder::new("pair-success").children([
            NodeBuilder::new("device").attr("jid", &companion).attr("lid", hidden).build(),
            NodeBuilder::new("platform").attr("name", "android").build(),
            NodeBuilder::new("device-identity").bytes(signed).build(),
        ]);
        let node = NodeBuilder::new("iq")
            .attr("id", request)
            .attr("type", "set")
            .attr("xmlns", "md")
            .attr("from", SERVER)
            .attr("t", now_secs())
            .children([success.build()])
            .build();
        candidate.order(Order::Send(node)).await?;
        let linked = timeout(STEP, linked).await.map_err(|_| SimError::Timeout("the client's signature"))?;
        linked.map_err(|_| SimError::LinkRefused("the client has left"))?
    }

    /// Takes a waiting client's answer to `pair-success`. Whether it is linked now.
    pub fn finish_link(self: &Arc<Self>, candidate: &Candidate, node: &Node) -> bool {
        let id = text_attr(node, "id");
        let Some(pending) = candidate.pending().take_if(|p| p.request == id) else { return false };
        let outcome = self.check_link(candidate, &pending, node);
        let linked = outcome.is_ok();
        if pending.done.send(outcome).is_err() {
            tracing::debug!("nobody waited for a linking that is done");
        }
        linked
    }

    fn check_link(self: &Arc<Self>, candidate: &Candidate, pending: &Pending, node: &Node) -> Result<Jid, SimError> {
        if text_attr(node, "type") != "result" {
            return Err(SimError::LinkRefused("the client did not accept the phone's signature"));
        }
        let signed = node.get_optional_child("pair-device-sign").and_then(|n| n.get_optional_child("device-identity"));
        let signed = signed.and_then(content).ok_or(SimError::LinkRefused("the client sent no signature"))?;
        if validate_adv_with_identity_key(signed, &pending.identity, None) != AdvValidation::Valid {
            return Err(SimError::LinkRefused("the client's signature does not fit"));
        }
        let jid = pending.companion.clone();
        let companion = Companion::new(jid.clone(), pending.key_index, candidate.noise_key, signed.to_vec());
        let companion = Arc::new(companion);
        pending.account.add(Arc::clone(&companion));
        self.announce_devices(&pending.account, "add", &companion);
        Ok(jid)
    }

    /// Answers a waiting client's request about pair-code linking.
    pub fn answer_code_request(&self, candidate: &Arc<Candidate>, id: &str, registration: &Node) -> Node {
        let number = jid_attr(registration, "jid").map(|jid| jid.user_base().to_owned()).unwrap_or_default();
        let answer = match &*text_attr(registration, "stage") {
            "companion_hello" => self.companion_hello(candidate, &number, registration),
            "companion_finish" => self.companion_finish(candidate, &number, registration),
            _ => None,
        };
        match answer {
            Some(children) => iq_result(id).children(children).build(),
            None => iq_error(id, 400, "bad-request"),
        }
    }

    fn companion_hello(&self, candidate: &Arc<Candidate>, number: &str, node: &Node) -> Option<Vec<Node>> {
        let account = self.account(number).ok()?;
        let wrapped: [u8; 80] = child_array(node, "link_code_pairing_wrapped_companion_ephemeral_pub")?;
        let key: [u8; 32] = child_array(node, "companion_server_auth_key_pub")?;
        if key != candidate.noise_key {
            return None;
        }
        let reference = random::<16>().to_vec();
        let request = CodeRequest {
            reference: reference.clone(),
            wrapped_ephemeral: wrapped.to_vec(),
            candidate: Arc::clone(candidate),
            finish: None,
        };
        self.desk.codes.insert(account.number.clone(), request);
        let reference = NodeBuilder::new("link_code_pairing_ref").bytes(reference).build();
        Some(vec![NodeBuilder::new("link_code_companion_reg").children([reference]).build()])
    }

    fn companion_finish(&self, candidate: &Arc<Candidate>, number: &str, node: &Node) -> Option<Vec<Node>> {
        let reference = child_content(node, "link_code_pairing_ref")?;
        let identity = child_array(node, "companion_identity_public")?;
        let bundle = child_content(node, "link_code_pairing_wrapped_key_bundle")?.to_vec();
        let mut request = self.desk.codes.get_mut(number)?;
        if request.reference != reference || !Arc::ptr_eq(&request.candidate, candidate) {
            return None;
        }
        request.finish.take()?.send(Finish { identity, bundle }).ok()?;
        Some(Vec::new())
    }
}

/// Asks a client that is to be linked for a passkey.
fn passkey_request() -> Node {
    let options = br#"{"challenge":"AAAAAAAAAAAAAAAAAAAAAA","rpId":"web.whatsapp.com"}"#;
    let options = NodeBuilder::new("passkey_request_options").bytes(options.to_vec()).build();
    NodeBuilder::new("notification")
        .attr("id", fresh_id())
        .attr("type", "passkey_prologue_request")
        .attr("from", SERVER)
        .attr("t", now_secs())
        .children([options])
        .build()
}

/// Opens the client's ephemeral key with the code and wraps the phone's own. The key derivation is made to be slow, so it
/// runs on a thread of its own.
async fn stretch(code: String, wrapped: Vec<u8>, own: [u8; 32]) -> Result<([u8; 32], [u8; 80]), SimError> {
    let (answer, result) = oneshot::channel();
    std::thread::Builder::new().name("sim-pair-code".to_owned()).spawn(move || {
        let opened = PairCodeUtils::decrypt_primary_ephemeral_pub(&wrapped, &code);
        let stretched = opened.map(|opened| (opened, PairCodeUtils::encrypt_ephemeral_pub(&own, &code)));
        if answer.send(stretched).is_err() {
            tracing::debug!("nobody waited for a pair code");
        }
    })?;
    let result = timeout(STEP, result).await.map_err(|_| SimError::Timeout("the pair code"))?;
    let result = result.map_err(|_| SimError::Crypto("a pair code"))?;
    result.map_err(|_| SimError::Crypto("a pair code"))
}
