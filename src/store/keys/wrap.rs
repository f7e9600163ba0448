//! What does a wrapped key look like on disk?
//!
//! Owns the format. It must not touch files.
//!
//! | bytes | meaning |
//! |---|---|
//! | 0..8 | `SEKATKEY` |
//! | 8 | format version, 1 |
//! | 9 | algorithm, 1 = AES-256-GCM with key and nonce by HKDF-SHA256 from the salt |
//! | 10 | kind: what the key is for |
//! | 11..19 | public id of the wrapping key |
//! | 19..27 | subject: the user's Telegram id, big endian; 0 where there is none |
//! | 27..59 | salt |
//! | 59..107 | the key, and the tag over it and everything before it |

use std::path::Path;

use ring::aead::Aad;

use super::KeyError;
use super::master::MasterKey;
use crate::store::seal::{self, RawKey32};

const MAGIC: &[u8; 8] = b"SEKATKEY";
const VERSION: u8 = 1;
const ALGORITHM: u8 = 1;
const HEADER: usize = 27;
const SALT_END: usize = HEADER + 32;
/// How long a wrapped key is.
pub(super) const WRAPPED_LEN: usize = SALT_END + 32 + 16;
const INFO: &[u8] = b"sekat/wrap/v1";

/// What a wrapped key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    User = 1,
    Store = 2,
    /// One master key wrapped by another while a rotation is under way.
    Master = 3,
}

/// The public id of a master key.
pub(super) type KeyId = [u8; 8];

/// Wraps `key` by `by` (whose id is `id`).
pub(super) fn wrap(
    by: &RawKey32,
    id: KeyId,
    kind: Kind,
    subject: i64,
    key: &RawKey32,
) -> Result<[u8; WRAPPED_LEN], KeyError> {
    let mut out = [0_u8; WRAPPED_LEN];
    out[..8].copy_from_slice(MAGIC);
    out[8] = VERSION;
    out[9] = ALGORITHM;
    out[10] = kind as u8;
    out[11..19].copy_from_slice(&id);
    out[19..27].copy_from_slice(&subject.to_be_bytes());
    seal::fill_random(&mut out[HEADER..SALT_END]).map_err(KeyError::Random)?;
    let (one_time, nonce) = seal::one_time(by, &out[HEADER..SALT_END], INFO);
    let (head, body) = out.split_at_mut(SALT_END);
    body[..32].copy_from_slice(key.as_slice());
    #[expect(clippy::expect_used, reason = "AES-GCM refuses only texts of more than 64 GiB")]
    let tag =
        one_time.seal_in_place_separate_tag(nonce, Aad::from(&*head), &mut body[..32]).expect("32 bytes can be sealed");
    body[32..].copy_from_slice(tag.as_ref());
    Ok(out)
}

/// Which master key wrapped these bytes; an error when they are no wrapped key at all.
pub(super) fn wrapped_by(path: &Path, bytes: &[u8]) -> Result<KeyId, KeyError> {
    if bytes.len() != WRAPPED_LEN || &bytes[..8] != MAGIC || bytes[8] != VERSION || bytes[9] != ALGORITHM {
        return Err(KeyError::Damaged { path: path.to_owned() });
    }
    let mut id = KeyId::default();
    id.copy_from_slice(&bytes[11..19]);
    Ok(id)
}

/// Opens a wrapped key that must be of `kind` and for `subject`.
pub(super) fn unwrap(
    master: &MasterKey,
    kind: Kind,
    subject: i64,
    path: &Path,
    bytes: &[u8],
) -> Result<RawKey32, KeyError> {
    let id = wrapped_by(path, bytes)?;
    if bytes[10] != kind as u8 || bytes[19..27] != subject.to_be_bytes() {
        return Err(KeyError::Foreign { path: path.to_owned() });
    }
    let Some(by) = master.by_id(id) else {
        return Err(KeyError::WrongMaster { path: path.to_owned(), wrapped_by: hex(&id), given: master.id() });
    };
    let (head, body) = bytes.split_at(SALT_END);
    let (one_time, nonce) = seal::one_time(by, &head[HEADER..], INFO);
    let mut body = zeroize::Zeroizing::new(body.to_vec());
    let plain = one_time
        .open_in_place(nonce, Aad::from(head), &mut body)
        .map_err(|_| KeyError::Damaged { path: path.to_owned() })?;
    let mut key = RawKey32::default();
    key.copy_from_slice(plain);
    Ok(key)
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}
