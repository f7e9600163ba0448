//! How does a value lie sealed outside a sealed database?
//!
//! Owns nothing but a 32-byte key in memory. It must not read files, know what it seals, or log anything about it.
//!
//! Every sealed value has a key and a nonce of its own, both derived by HKDF-SHA256 from 32 random bytes that travel in
//! front of it. A nonce therefore never repeats under one key however many values are sealed (random 96-bit nonces under
//! one long-lived key would stop being safe after some 2^32 values).

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

/// A 32-byte key that is overwritten when dropped.
pub type RawKey32 = Zeroizing<[u8; 32]>;

const VERSION: u8 = 1;
const SALT_LEN: usize = 32;
const TAG_LEN: usize = 16;
const SEAL_INFO: &[u8] = b"sekat/seal/v1";

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// Too short, or of a version this build does not know.
    #[error("read the sealed value: its form is not known")]
    Form,
    /// Changed, sealed under another key, or bound to another place.
    #[error("open the sealed value: it was changed, or belongs to another key or place")]
    Closed,
    /// The operating system gave no random bytes.
    #[error("get random bytes from the operating system")]
    Random,
}

impl SealError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form => "seal-form",
            Self::Closed => "seal-closed",
            Self::Random => "random-failed",
        }
    }
}

/// A key that seals values (AES-256-GCM) and makes keyed digests (HMAC-SHA256).
#[derive(Clone)]
pub struct SealKey(RawKey32);

impl SealKey {
    /// Takes the raw key. Derive it with a label of its own; never use one raw key for two jobs.
    #[must_use]
    pub fn new(key: RawKey32) -> Self {
        Self(key)
    }

    /// Seals `plain`; `aad` says where the value belongs (it is bound in, not stored). The result is
    /// `plain.len() + SealKey::OVERHEAD` bytes long.
    ///
    /// # Errors
    /// [`SealError::Random`] when the operating system has no random bytes.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut salt = [0_u8; SALT_LEN];
        fill_random(&mut salt)?;
        let mut out = Vec::with_capacity(plain.len() + Self::OVERHEAD);
        out.push(VERSION);
        out.extend_from_slice(&salt);
        let (key, nonce) = one_time(&self.0, &salt, SEAL_INFO);
        let mut body = Vec::with_capacity(plain.len() + TAG_LEN);
        body.extend_from_slice(plain);
        // A refusal here means more than 64 GiB in one value: nothing partial leaves this function.
        key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut body).map_err(|_| SealError::Form)?;
        out.append(&mut body);
        Ok(out)
    }

    /// Opens what [`SealKey::seal`] made with the same key and `aad`.
    ///
    /// # Errors
    /// [`SealError::Form`] when it was never a sealed value, [`SealError::Closed`] when it does not open.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        if sealed.len() < Self::OVERHEAD || sealed[0] != VERSION {
            return Err(SealError::Form);
        }
        let (salt, body) = sealed[1..].split_at(SALT_LEN);
        let (key, nonce) = one_time(&self.0, salt, SEAL_INFO);
        let mut body = body.to_vec();
        let plain_len = match key.open_in_place(nonce, Aad::from(aad), &mut body) {
            Ok(plain) => plain.len(),
            Err(_) => return Err(SealError::Closed),
        };
        body.truncate(plain_len);
        Ok(body)
    }

    /// How many bytes a sealed value is longer than what it holds.
    pub const OVERHEAD: usize = 1 + SALT_LEN + TAG_LEN;

    /// A digest of `data` that only the holder of this key can make or test: HMAC-SHA256 under a key of its own per `label`.
    #[must_use]
    pub fn keyed_digest(&self, label: &str, data: &[u8]) -> [u8; 32] {
        let key = derive(&self.0, &["digest", label]);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), data);
        let mut digest = [0_u8; 32];
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(redacted)")
    }
}

/// Fills `bytes` from the operating system's generator.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    SystemRandom::new().fill(bytes).map_err(|_| SealError::Random)
}

/// A new random 32-byte key.
pub(crate) fn random_key() -> Result<RawKey32, SealError> {
    let mut key = RawKey32::default();
    fill_random(key.as_mut_slice())?;
    Ok(key)
}

/// Derives a key for the purpose that `path` names. Parts are length-prefixed, so no two paths run together.
pub(crate) fn derive(key: &RawKey32, path: &[&str]) -> RawKey32 {
    let mut info = b"sekat/derive/v1".to_vec();
    for part in path {
        info.extend_from_slice(&(part.len() as u64).to_be_bytes());
        info.extend_from_slice(part.as_bytes());
    }
    let mut out = RawKey32::default();
    expand(key, b"sekat", &info, out.as_mut_slice());
    out
}

/// The key and nonce of one sealed value.
pub(crate) fn one_time(key: &RawKey32, salt: &[u8], info: &[u8]) -> (LessSafeKey, Nonce) {
    let mut material = Zeroizing::new([0_u8; 44]);
    expand(key, salt, info, material.as_mut_slice());
    let (key_bytes, nonce_bytes) = material.split_at(32);
    let mut nonce = [0_u8; 12];
    nonce.copy_from_slice(nonce_bytes);
    #[expect(clippy::expect_used, reason = "32 bytes are exactly what AES-256 takes")]
    let unbound = UnboundKey::new(&AES_256_GCM, key_bytes).expect("a 32-byte key");
    let made = (LessSafeKey::new(unbound), Nonce::assume_unique_for_key(nonce));
    nonce.zeroize();
    made
}

fn expand(key: &RawKey32, salt: &[u8], info: &[u8], out: &mut [u8]) {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key.as_slice());
    let parts = [info];
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8,160 bytes; every caller asks for at most 44")]
    prk.expand(&parts, Len(out.len())).and_then(|okm| okm.fill(out)).expect("a short output");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealKey {
        SealKey::new(RawKey32::new([byte; 32]))
    }

    #[test]
    fn what_was_sealed_opens_only_with_its_key_and_place() {
        let sealed = key(1).seal(b"inbox", b"hello").unwrap();
        assert_eq!(sealed.len(), 5 + SealKey::OVERHEAD);
        assert_eq!(key(1).open(b"inbox", &sealed).unwrap(), b"hello");
        assert_eq!(key(2).open(b"inbox", &sealed), Err(SealError::Closed));
        assert_eq!(key(1).open(b"outbox", &sealed), Err(SealError::Closed));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealed = key(1).seal(b"", b"hello").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key(1).open(b"", &changed).is_err(), "byte {at}");
            assert!(key(1).open(b"", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_text_never_seals_to_the_same_bytes() {
        assert_ne!(key(1).seal(b"", b"x").unwrap(), key(1).seal(b"", b"x").unwrap());
    }

    #[test]
    fn digests_differ_by_key_label_and_data() {
        let one = key(1).keyed_digest("claim", b"62");
        assert_eq!(one, key(1).keyed_digest("claim", b"62"));
        assert_ne!(one, key(2).keyed_digest("claim", b"62"));
        assert_ne!(one, key(1).keyed_digest("other", b"62"));
        assert_ne!(one, key(1).keyed_digest("claim", b"63"));
    }

    #[test]
    fn derivation_paths_do_not_run_together() {
        let root = RawKey32::new([3; 32]);
        assert_ne!(derive(&root, &["ab", "c"]), derive(&root, &["a", "bc"]));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", key(7)), "SealKey(redacted)");
    }
}
