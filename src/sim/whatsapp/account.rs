//! One phone number and its devices. It answers "which devices has this number, and which keys do they show?"; it owns the
//! phone, the linked companions and the standing faults. It must not know what connections say.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::{Jid, Server};

use super::appstate::AppState;
use super::error::SimError;
use super::faults::Faults;
use super::keys::KeyDirectory;
use super::phone::Phone;
use super::queue::Mailbox;

/// An order to the task that serves a connection.
#[derive(Debug)]
pub enum Order {
    /// Write this stanza.
    Send(Node),
    /// Write this stanza, when there is one, and end the connection.
    End(Option<Node>),
}

/// A way to the task that serves a connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which connection; unique in the simulator's life.
    pub id: u64,
    /// The task's orders, bounded.
    pub orders: mpsc::Sender<Order>,
}

/// A linked companion device.
#[derive(Debug)]
pub struct Companion {
    /// `number:device@s.whatsapp.net`.
    pub jid: Jid,
    /// Its place in the account's signed key-index list.
    pub key_index: u32,
    /// The Noise key with which it has to log in.
    pub noise_key: [u8; 32],
    /// `ADVSignedDeviceIdentity` with both signatures.
    pub device_identity: Vec<u8>,
    /// Its public keys.
    pub keys: Mutex<KeyDirectory>,
    /// What waits for it.
    pub mailbox: Mailbox,
    link: Mutex<Option<Link>>,
    key_shared: AtomicBool,
}

impl Companion {
    /// A companion that has just been linked.
    pub fn new(jid: Jid, key_index: u32, noise_key: [u8; 32], device_identity: Vec<u8>) -> Self {
        Self {
            jid,
            key_index,
            noise_key,
            device_identity,
            keys: Mutex::default(),
            mailbox: Mailbox::default(),
            link: Mutex::default(),
            key_shared: AtomicBool::new(false),
        }
    }

    /// Its key directory.
    pub fn keys(&self) -> MutexGuard<'_, KeyDirectory> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection it is on.
    pub fn link(&self) -> Option<Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts it on a connection; gives the one it was on.
    pub fn attach(&self, link: Link) -> Option<Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).replace(link)
    }

    /// Takes it off a connection, if it is still on that one.
    pub fn detach(&self, id: u64) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.as_ref().is_some_and(|l| l.id == id) {
            *link = None;
        }
    }

    /// Whether the app-state keys still have to be shared with it; true only once.
    pub fn claim_key_share(&self) -> bool {
        !self.key_shared.swap(true, Ordering::AcqRel)
    }

    /// Lets its connection, if there is one, end.
    pub fn interrupt(&self, last_word: Option<Node>) {
        if let Some(link) = self.link()
            && link.orders.try_send(Order::End(last_word)).is_err()
        {
            tracing::debug!("a connection was busy or gone when it should have ended");
        }
    }
}

#[derive(Debug, Default)]
struct Companions {
    last_device: u16,
    last_index: u32,
    live: BTreeMap<u16, Arc<Companion>>,
}

/// A registered phone number.
pub struct Account {
    /// Digits only.
    pub number: String,
    /// The user part of the number's hidden address (`…@lid`).
    pub lid: String,
    /// The name that others see.
    pub name: String,
    /// The phone itself, device 0.
    pub phone: Phone,
    /// What goes wrong for it.
    pub faults: Faults,
    /// The settings that its devices share.
    pub app_state: AppState,
    companions: Mutex<Companions>,
}

impl Account {
    /// A number with a phone and no companion.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when keys cannot be made.
    pub fn new(number: &str, lid: String, name: &str) -> Result<Self, SimError> {
        let phone = Phone::new(Jid::pn(number))?;
        let app_state = AppState::new(name)?;
        let (number, name) = (number.to_owned(), name.to_owned());
        Ok(Self { number, lid, name, phone, faults: Faults::default(), app_state, companions: Mutex::default() })
    }

    fn companions(&self) -> MutexGuard<'_, Companions> {
        self.companions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a device id and a key index.
    ///
    /// # Errors
    /// [`SimError::TooManyCompanions`] when `limit` companions are linked.
    pub fn reserve(&self, limit: usize) -> Result<(u16, u32), SimError> {
        let mut companions = self.companions();
        if companions.live.len() >= limit {
            return Err(SimError::TooManyCompanions);
        }
        companions.last_device += 1;
        companions.last_index += 1;
        Ok((companions.last_device, companions.last_index))
    }

    /// Adds a companion.
    pub fn add(&self, companion: Arc<Companion>) {
        self.companions().live.insert(companion.jid.device, companion);
    }

    /// Takes a companion away.
    pub fn remove(&self, device: u16) -> Option<Arc<Companion>> {
        self.companions().live.remove(&device)
    }

    /// One companion.
    pub fn companion(&self, device: u16) -> Option<Arc<Companion>> {
        self.companions().live.get(&device).cloned()
    }

    /// All companions, by device id.
    pub fn all(&self) -> Vec<Arc<Companion>> {
        self.companions().live.values().cloned().collect()
    }

    /// The highest key index ever given.
    pub fn last_index(&self) -> u32 {
        self.companions().last_index
    }

    /// Every device's address, the phone's first, in the address space that `server` asks for.
    pub fn devices(&self, server: Server) -> Vec<Jid> {
        let base = self.address(server);
        let companions = self.all();
        std::iter::once(base.clone()).chain(companions.iter().map(|c| base.with_device(c.jid.device))).collect()
    }

    /// The number's address without a device.
    pub fn address(&self, server: Server) -> Jid {
        if server.is_lid_family() { Jid::lid(&*self.lid) } else { Jid::pn(&*self.number) }
    }
}
