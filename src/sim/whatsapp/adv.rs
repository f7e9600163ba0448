//! What a phone signs. It answers "how does a phone vouch for a companion?"; it owns no state. The formats are those of
//! `whatsapp-rust`'s verifying side (`wacore::pair`, `wacore::adv`).

use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::crypto::hkdf_sha256_into;
use whatsapp_rust::wacore::libsignal::crypto::{aes_256_gcm_decrypt, hmac_sha256};
use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PublicKey};
use whatsapp_rust::waproto::whatsapp as wa;

use super::error::SimError;
use super::wire::now_secs;

/// Prefix of what the account key signs for a companion.
const ACCOUNT_SIGNATURE: [u8; 2] = [6, 0];
/// Prefix of what the account key signs for the list of key indexes.
const KEY_INDEX_SIGNATURE: [u8; 2] = [6, 2];
/// Length of the salt in front of a sealed key bundle.
const SALT: usize = 32;
/// Length of the nonce after it.
const NONCE: usize = 12;

const BUNDLE: SimError = SimError::Crypto("a pair-code bundle");

/// Builds the HMAC-protected identity that `pair-success` carries.
///
/// # Errors
/// [`SimError::Crypto`] when signing fails.
pub fn sign_companion(
    account: &KeyPair,
    identity: &[u8; 32],
    secret: &[u8],
    key_index: u32,
) -> Result<Vec<u8>, SimError> {
    let details = wa::ADVDeviceIdentity {
        raw_id: Some(1),
        timestamp: Some(now_secs()),
        key_index: Some(key_index),
        ..Default::default()
    }
    .encode_to_vec();
    let signed = [&ACCOUNT_SIGNATURE[..], &details, identity].concat();
    let signature = account.calculate_signature(&signed, &mut rand::rng())?;
    let container = wa::ADVSignedDeviceIdentity {
        details: Some(details),
        account_signature_key: Some(account.public_key.public_key_bytes().to_vec()),
        account_signature: Some(signature.to_vec()),
        ..Default::default()
    }
    .encode_to_vec();
    let hmac = hmac_sha256(secret, &container).to_vec();
    let sealed = wa::ADVSignedDeviceIdentityHMAC { details: Some(container), hmac: Some(hmac), ..Default::default() };
    Ok(sealed.encode_to_vec())
}

/// The signed list of key indexes that are still valid.
///
/// # Errors
/// [`SimError::Crypto`] when signing fails.
pub fn key_index_list(account: &KeyPair, valid: Vec<u32>, current: u32, at: u64) -> Result<Vec<u8>, SimError> {
    let details = wa::ADVKeyIndexList {
        raw_id: Some(1),
        timestamp: Some(at),
        current_index: Some(current),
        valid_indexes: valid,
        ..Default::default()
    }
    .encode_to_vec();
    let signed = [&KEY_INDEX_SIGNATURE[..], &details].concat();
    let signature = account.calculate_signature(&signed, &mut rand::rng())?;
    Ok(wa::ADVSignedKeyIndexList {
        details: Some(details),
        account_signature: Some(signature.to_vec()),
        account_signature_key: Some(account.public_key.public_key_bytes().to_vec()),
    }
    .encode_to_vec())
}

/// Opens the bundle with which a companion finishes pair-code linking and derives the secret of its `pair-success`.
///
/// # Errors
/// [`SimError::WrongPairCode`] when the bundle does not open, [`SimError::Crypto`] when it holds other keys.
pub fn open_code_bundle(
    account: &KeyPair,
    ephemeral: &KeyPair,
    companion_ephemeral: &[u8; 32],
    companion_identity: &[u8; 32],
    sealed: &[u8],
) -> Result<[u8; 32], SimError> {
    let companion_ephemeral = PublicKey::from_djb_public_key_bytes(companion_ephemeral)?;
    let shared = ephemeral.calculate_agreement(&companion_ephemeral)?;
    let (salt, rest) = sealed.split_at_checked(SALT).ok_or(BUNDLE)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or(BUNDLE)?;
    let mut key = [0; 32];
    hkdf_sha256_into(&shared, Some(salt), b"link_code_pairing_key_bundle_encryption_key", &mut key)
        .map_err(|_| BUNDLE)?;
    let nonce: &[u8; NONCE] = nonce.try_into().map_err(|_| BUNDLE)?;
    let mut bundle = Vec::with_capacity(96);
    aes_256_gcm_decrypt(&key, nonce, b"", sealed, &mut bundle).map_err(|_| SimError::WrongPairCode)?;
    let own = account.public_key.public_key_bytes();
    if bundle.len() != 96 || bundle[..32] != companion_identity[..] || &bundle[32..64] != own {
        return Err(BUNDLE);
    }
    let identity = PublicKey::from_djb_public_key_bytes(companion_identity)?;
    let identity_shared = account.calculate_agreement(&identity)?;
    let combined = [&shared[..], &identity_shared, &bundle[64..]].concat();
    let mut secret = [0; 32];
    hkdf_sha256_into(&combined, None, b"adv_secret", &mut secret).map_err(|_| BUNDLE)?;
    Ok(secret)
}
