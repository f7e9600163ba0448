//! What all connections share. It answers "who has this number?" and brings stanzas to devices; it owns the accounts, the
//! linking desk and the counters. It reads no content and waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::{Jid, Server};

use super::SimConfig;
use super::account::{Account, Companion};
use super::error::SimError;
use super::faults::{Fault, interruption};
use super::keys::Bundle;
use super::pairing::Desk;
use super::wire::{SERVER, fresh_id, now_secs};

/// First hidden address; they are counted up from here.
const FIRST_LID: u64 = 200_000_000_000_001;

/// Running counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open now.
    pub connections: AtomicU64,
    /// Connections accepted so far.
    pub accepted: AtomicU64,
    /// Logins accepted so far.
    pub logins: AtomicU64,
    /// Messages taken from senders so far.
    pub messages: AtomicU64,
    /// Messages put into mailboxes so far, one per device.
    pub deliveries: AtomicU64,
    /// Receipts taken so far.
    pub receipts: AtomicU64,
}

/// A reading of the counters.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    /// Connections open now.
    pub connections: u64,
    /// Connections accepted so far.
    pub accepted: u64,
    /// Logins accepted so far.
    pub logins: u64,
    /// Messages taken from senders so far.
    pub messages: u64,
    /// Messages put into mailboxes so far, one per device.
    pub deliveries: u64,
    /// Receipts taken so far.
    pub receipts: u64,
    /// Registered numbers.
    pub accounts: usize,
    /// Linked companions.
    pub companions: usize,
    /// Companions on a connection now.
    pub online: usize,
    /// Stanzas that companions have not confirmed.
    pub waiting: usize,
}

/// The simulator's shared state.
pub struct Hub {
    /// What it was started with.
    pub config: SimConfig,
    /// The server's Noise key.
    pub server_key: KeyPair,
    /// Clients that want to be linked.
    pub desk: Desk,
    /// Running counters.
    pub counters: Counters,
    /// Ends everything.
    pub cancel: CancellationToken,
    /// Every task of the simulator.
    pub tasks: TaskTracker,
    accounts: DashMap<String, Arc<Account>>,
    lids: DashMap<String, String>,
    next_lid: AtomicU64,
    next_connection: AtomicU64,
}

impl Hub {
    /// An empty world.
    pub fn new(config: SimConfig, cancel: CancellationToken) -> Self {
        Self {
            config,
            server_key: KeyPair::generate(&mut rand::rng()),
            desk: Desk::default(),
            counters: Counters::default(),
            cancel,
            tasks: TaskTracker::new(),
            accounts: DashMap::new(),
            lids: DashMap::new(),
            next_lid: AtomicU64::new(FIRST_LID),
            next_connection: AtomicU64::new(1),
        }
    }

    /// A connection's name.
    pub fn connection_id(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Registers a number with a phone; a number that exists keeps its phone and its name.
    ///
    /// # Errors
    /// [`SimError::InvalidNumber`], [`SimError::Crypto`].
    pub fn register(&self, number: &str, name: &str) -> Result<Arc<Account>, SimError> {
        let number = number.trim_start_matches('+');
        let digits = number.bytes().all(|b| b.is_ascii_digit());
        if !digits || !(5..=20).contains(&number.len()) || number.starts_with('0') {
            return Err(SimError::InvalidNumber);
        }
        if let Ok(account) = self.account(number) {
            return Ok(account);
        }
        let lid = self.next_lid.fetch_add(1, Ordering::Relaxed).to_string();
        let made = Arc::new(Account::new(number, lid.clone(), name)?);
        let account = Arc::clone(&self.accounts.entry(number.to_owned()).or_insert(made));
        self.lids.insert(account.lid.clone(), number.to_owned());
        Ok(account)
    }

    /// The account of a number.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn account(&self, number: &str) -> Result<Arc<Account>, SimError> {
        let account = self.accounts.get(number.trim_start_matches('+')).map(|a| Arc::clone(&a));
        account.ok_or(SimError::UnknownNumber)
    }

    /// The account behind an address, by number or hidden address.
    pub fn owner(&self, jid: &Jid) -> Option<Arc<Account>> {
        if jid.server.is_pn_family() {
            return self.account(jid.user_base()).ok();
        }
        if jid.server.is_lid_family() {
            let number = self.lids.get(jid.user_base()).map(|n| n.clone())?;
            return self.account(&number).ok();
        }
        None
    }

    /// Hands out a device's public keys.
    pub fn take_bundle(&self, jid: &Jid) -> Option<Bundle> {
        let account = self.owner(jid)?;
        if jid.device == 0 {
            return account.phone.bundle().ok();
        }
        let companion = account.companion(jid.device)?;
        companion.keys().take(Some(companion.device_identity.clone()))
    }

    /// Puts a stanza into a device's mailbox. Whether there is such a device.
    pub fn deliver(self: &Arc<Self>, to: &Jid, class: &'static str, id: String, node: Arc<Node>) -> bool {
        let Some(account) = self.owner(to) else { return false };
        if to.device != 0 {
            let Some(companion) = account.companion(to.device) else { return false };
            companion.mailbox.push(class, id, node);
            return true;
        }
        account.phone.mailbox.push(class, id, node);
        if account.phone.wake() {
            let hub = Arc::clone(self);
            self.tasks.spawn(async move { hub.work(&account).await });
        }
        true
    }

    /// Ends a companion for good: its keys and its mailbox are gone, later logins get 401.
    ///
    /// # Errors
    /// [`SimError::UnknownCompanion`].
    pub fn unlink(self: &Arc<Self>, account: &Arc<Account>, device: u16) -> Result<(), SimError> {
        let companion = account.remove(device).ok_or(SimError::UnknownCompanion)?;
        companion.interrupt(interruption(&Fault::DeviceRemoved).flatten());
        self.announce_devices(account, "remove", &companion);
        Ok(())
    }

    /// Tells the account's other companions that its devices have changed.
    pub fn announce_devices(self: &Arc<Self>, account: &Arc<Account>, change: &'static str, which: &Companion) {
        for other in account.all() {
            if other.jid.device == which.jid.device {
                continue;
            }
            let id = fresh_id();
            let device = NodeBuilder::new("device").attr("jid", &which.jid).attr("key-index", which.key_index).build();
            let mut inside = vec![device];
            if let Ok(list) = self.key_index_list(account) {
                inside.push(NodeBuilder::new("key-index-list").attr("ts", now_secs()).bytes(list).build());
            }
            let node = NodeBuilder::new("notification")
                .attr("id", id.as_str())
                .attr("type", "devices")
                .attr("from", account.address(Server::Pn))
                .attr("t", now_secs())
                .children([NodeBuilder::new(change).children(inside).build()])
                .build();
            self.deliver(&other.jid, "notification", id, Arc::new(node));
        }
    }

    /// The account's signed list of valid key indexes.
    ///
    /// # Errors
    /// [`SimError::Crypto`].
    pub fn key_index_list(&self, account: &Account) -> Result<Vec<u8>, SimError> {
        let valid = account.all().iter().map(|c| c.key_index).collect();
        super::adv::key_index_list(account.phone.account_key(), valid, account.last_index(), now_secs())
    }

    /// Makes a fault happen to a number.
    ///
    /// # Errors
    /// [`SimError::UnknownNumber`].
    pub fn inject(self: &Arc<Self>, number: &str, fault: &Fault) -> Result<(), SimError> {
        let account = self.account(number)?;
        account.faults.set(fault);
        for companion in account.all() {
            if matches!(fault, Fault::DeviceRemoved) {
                self.unlink(&account, companion.jid.device)?;
            } else if let Some(last_word) = interruption(fault) {
                companion.interrupt(last_word);
            }
        }
        Ok(())
    }

    /// A reading of the counters.
    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let accounts: Vec<_> = self.accounts.iter().map(|a| Arc::clone(&a)).collect();
        let companions: Vec<_> = accounts.iter().flat_map(|a| a.all()).collect();
        let counters = &self.counters;
        Stats {
            connections: read(&counters.connections),
            accepted: read(&counters.accepted),
            logins: read(&counters.logins),
            messages: read(&counters.messages),
            deliveries: read(&counters.deliveries),
            receipts: read(&counters.receipts),
            accounts: accounts.len(),
            companions: companions.len(),
            online: companions.iter().filter(|c| c.link().is_some()).count(),
            waiting: companions.iter().map(|c| c.mailbox.len()).sum(),
        }
    }
}

/// The server's acknowledgement of a stanza.
pub fn ack(class: &'static str, node: &Node, error: Option<u16>) -> Node {
    let mut ack = NodeBuilder::new("ack").attr("class", class).attr("t", now_secs());
    for key in ["id", "type", "participant"] {
        if let Some(value) = node.attrs.get(key)
            && (key != "type" || class != "message")
        {
            ack = ack.attr(key, value.clone());
        }
    }
    ack = match node.attrs.get("to") {
        Some(to) => ack.attr("from", to.clone()),
        None => ack.attr("from", SERVER),
    };
    match error {
        Some(code) => ack.attr("error", code).build(),
        None => ack.build(),
    }
}
