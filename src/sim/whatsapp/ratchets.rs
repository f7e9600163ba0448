//! A phone's end-to-end cryptography. It answers "what does this ciphertext say?" and "how is this said to that device?";
//! it owns one device's private keys and Signal sessions, in memory only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rand::rngs::StdRng;
use whatsapp_rust::wacore::libsignal::protocol as signal;
use whatsapp_rust::wacore::libsignal::protocol::{
    CiphertextMessage, Direction, GenericSignedPreKey as _, IdentityChange, IdentityKey, IdentityKeyPair,
    IdentityKeyStore, KeyPair, PreKeyId, PreKeyRecord, PreKeySignalMessage, PreKeyStore, ProtocolAddress,
    SessionRecord, SessionStore, SignalMessage, SignalProtocolError, SignedPreKeyId, SignedPreKeyRecord,
    SignedPreKeyStore, Timestamp, UsePQRatchet,
};

use super::error::SimError;
use super::keys::{Bundle, SignedKey};
use super::wire::random;

/// Id of the one signed pre-key of a phone.
const SIGNED_KEY_ID: u32 = 1;

type Result<T> = std::result::Result<T, SignalProtocolError>;

/// The private keys that do not change, and the one-time keys that were handed out.
pub struct PrivateKeys {
    /// Identity; for an account it is also the key that signs companions.
    pub identity: KeyPair,
    /// Registration id, 14 bits.
    pub registration_id: u32,
    signed: (SignedPreKeyRecord, SignedKey),
    one_time: Mutex<(u32, HashMap<u32, KeyPair>)>,
}

impl PrivateKeys {
    /// Fresh keys.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when signing fails.
    pub fn new() -> std::result::Result<Self, SimError> {
        let (identity, signed) = (KeyPair::generate(&mut rand::rng()), KeyPair::generate(&mut rand::rng()));
        let signature = identity.calculate_signature(&signed.public_key.serialize(), &mut rand::rng())?;
        let at = Timestamp::from_epoch_millis(0);
        let record = SignedPreKeyRecord::new(SIGNED_KEY_ID.into(), at, &signed, &signature);
        let bad = SimError::Crypto("a signed pre-key");
        let value = signed.public_key.public_key_bytes().try_into().map_err(|_| bad)?;
        let public = SignedKey { id: SIGNED_KEY_ID, value, signature };
        let registration_id = u32::from(u16::from_be_bytes(random::<2>()) & 0x3FFF).max(1);
        Ok(Self { identity, registration_id, signed: (record, public), one_time: Mutex::new((1, HashMap::new())) })
    }

    fn one_time(&self) -> MutexGuard<'_, (u32, HashMap<u32, KeyPair>)> {
        self.one_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bundle for a peer, with a one-time key made for it.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when a key has the wrong size.
    pub fn bundle(&self) -> std::result::Result<Bundle, SimError> {
        let bad = |_| SimError::Crypto("a public key");
        let fresh = KeyPair::generate(&mut rand::rng());
        let value = fresh.public_key.public_key_bytes().try_into().map_err(bad)?;
        let mut keys = self.one_time();
        let id = keys.0;
        // Ids are three bytes on the wire.
        keys.0 = (id + 1) & 0x00FF_FFFF;
        keys.1.insert(id, fresh);
        drop(keys);
        Ok(Bundle {
            registration_id: self.registration_id,
            identity: self.identity.public_key.public_key_bytes().try_into().map_err(bad)?,
            signed: self.signed.1.clone(),
            one_time: Some((id, value)),
            device_identity: None,
        })
    }
}

/// The view of the private keys that the Signal library writes through.
struct Keys(Arc<PrivateKeys>);

#[async_trait]
impl PreKeyStore for Keys {
    async fn get_pre_key(&self, id: PreKeyId) -> Result<PreKeyRecord> {
        let keys = self.0.one_time();
        let pair = keys.1.get(&id.into()).ok_or(SignalProtocolError::InvalidPreKeyId)?;
        Ok(PreKeyRecord::new(id, pair))
    }

    async fn save_pre_key(&mut self, id: PreKeyId, record: &PreKeyRecord) -> Result<()> {
        self.0.one_time().1.insert(id.into(), record.key_pair()?);
        Ok(())
    }

    async fn remove_pre_key(&mut self, id: PreKeyId) -> Result<()> {
        self.0.one_time().1.remove(&id.into());
        Ok(())
    }
}

#[async_trait]
impl SignedPreKeyStore for Keys {
    async fn get_signed_pre_key(&self, id: SignedPreKeyId) -> Result<SignedPreKeyRecord> {
        if u32::from(id) == SIGNED_KEY_ID {
            return Ok(self.0.signed.0.clone());
        }
        Err(SignalProtocolError::InvalidSignedPreKeyId)
    }

    async fn save_signed_pre_key(&mut self, _: SignedPreKeyId, _: &SignedPreKeyRecord) -> Result<()> {
        Err(SignalProtocolError::InvalidSignedPreKeyId)
    }
}

/// Who is behind which address.
struct Identities {
    keys: Arc<PrivateKeys>,
    known: HashMap<ProtocolAddress, IdentityKey>,
}

#[async_trait]
impl IdentityKeyStore for Identities {
    async fn get_identity_key_pair(&self) -> Result<IdentityKeyPair> {
        let pair = &self.keys.identity;
        Ok(IdentityKeyPair::new(IdentityKey::new(pair.public_key), pair.private_key.clone()))
    }

    async fn get_local_registration_id(&self) -> Result<u32> {
        Ok(self.keys.registration_id)
    }

    async fn save_identity(&mut self, address: &ProtocolAddress, identity: &IdentityKey) -> Result<IdentityChange> {
        let old = self.known.insert(address.clone(), *identity);
        Ok(IdentityChange::from_changed(old.is_some_and(|old| old != *identity)))
    }

    async fn is_trusted_identity(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> Result<bool> {
        // A phone follows its contacts to new devices, as the real one does.
        Ok(true)
    }

    async fn get_identity(&self, address: &ProtocolAddress) -> Result<Option<IdentityKey>> {
        Ok(self.known.get(address).copied())
    }
}

/// The sessions with other devices.
#[derive(Default)]
struct Sessions(HashMap<ProtocolAddress, SessionRecord>);

#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, address: &ProtocolAddress) -> Result<Option<SessionRecord>> {
        Ok(self.0.get(address).cloned())
    }

    async fn has_session(&self, address: &ProtocolAddress) -> Result<bool> {
        Ok(self.0.contains_key(address))
    }

    async fn store_session(&mut self, address: &ProtocolAddress, record: SessionRecord) -> Result<()> {
        self.0.insert(address.clone(), record);
        Ok(())
    }
}

/// All ratchets of one phone. Its methods take it mutably: a ratchet has one turn at a time.
pub struct Ratchets {
    keys: Keys,
    identities: Identities,
    sessions: Sessions,
}

/// A ciphertext and the `type` it goes out with.
pub struct Sealed {
    /// `msg` or `pkmsg`.
    pub kind: &'static str,
    /// The ciphertext.
    pub data: Vec<u8>,
}

/// A device as the ratchets know it.
pub fn address(user: &str, device: u16) -> ProtocolAddress {
    ProtocolAddress::new(user, u32::from(device).into())
}

impl Ratchets {
    /// No session yet.
    pub fn new(keys: Arc<PrivateKeys>) -> Self {
        let identities = Identities { keys: Arc::clone(&keys), known: HashMap::new() };
        Self { keys: Keys(keys), identities, sessions: Sessions::default() }
    }

    /// Whether a first message to this device was prepared already.
    pub fn knows(&self, to: &ProtocolAddress) -> bool {
        self.sessions.0.contains_key(to)
    }

    /// Starts a session from a device's public keys, replacing the old one's sending side.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when the keys do not fit together.
    pub async fn start(
        &mut self,
        to: &ProtocolAddress,
        device: u16,
        bundle: &Bundle,
    ) -> std::result::Result<(), SimError> {
        let bundle = bundle.to_signal(device)?;
        let mut rng: StdRng = rand::make_rng();
        let (sessions, identities) = (&mut self.sessions, &mut self.identities);
        signal::process_prekey_bundle(to, sessions, identities, &bundle, &mut rng, UsePQRatchet::No).await?;
        Ok(())
    }

    /// Seals a padded message for a device with which there is a session.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when there is none.
    pub async fn seal(&mut self, to: &ProtocolAddress, padded: &[u8]) -> std::result::Result<Sealed, SimError> {
        match signal::message_encrypt(padded, to, &mut self.sessions, &mut self.identities).await? {
            CiphertextMessage::SignalMessage(m) => Ok(Sealed { kind: "msg", data: m.serialized().to_vec() }),
            CiphertextMessage::PreKeySignalMessage(m) => Ok(Sealed { kind: "pkmsg", data: m.serialized().to_vec() }),
            _ => Err(SimError::Crypto("a Signal message")),
        }
    }

    /// Opens a ciphertext; the result is still padded.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when it cannot be opened.
    pub async fn open(
        &mut self,
        from: &ProtocolAddress,
        kind: &str,
        data: &[u8],
    ) -> std::result::Result<Vec<u8>, SimError> {
        let message = match kind {
            "msg" => CiphertextMessage::SignalMessage(SignalMessage::try_from(data)?),
            "pkmsg" => CiphertextMessage::PreKeySignalMessage(PreKeySignalMessage::try_from(data)?),
            _ => return Err(SimError::Crypto("a kind of ciphertext that phones do not read")),
        };
        let mut rng: StdRng = rand::make_rng();
        let mut one_time = Keys(Arc::clone(&self.keys.0));
        let opened = signal::message_decrypt(
            &message,
            from,
            &mut self.sessions,
            &mut self.identities,
            &mut one_time,
            &self.keys,
            &mut rng,
            UsePQRatchet::No,
        )
        .await?;
        if let Some(id) = opened.consumed_prekey_id {
            self.keys.remove_pre_key(id).await?;
        }
        Ok(opened.plaintext)
    }
}
