//! Buttons that only their owner's bot can have made.
//!
//! `1` (the version), eleven characters of authentication, then the action: at most 64 bytes in all. The key comes from
//! the user's own data key, so a token copied from another user fails like a forged one.
use super::seal::SealKey;
use crate::domain::Action;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const VERSION: &str = "1";
/// Eight bytes of HMAC-SHA256: a guess succeeds once in 1.8e19, and each costs a request to Telegram.
const TAG_BYTES: usize = 8;
const TAG_CHARS: usize = 11;

/// The callback data for a button.
pub fn sign(key: &SealKey, action: Action) -> String {
    let action = action.encode();
    format!("{VERSION}{}{action}", tag(key, &action))
}

/// The action of a pressed button; `None` when it was not made for this user, or by another version.
pub fn verify(key: &SealKey, data: &str) -> Option<Action> {
    let rest = data.strip_prefix(VERSION)?;
    let (given, action) = rest.split_at_checked(TAG_CHARS)?;
    // The tag is compared as a whole in constant time.
    let wanted = tag(key, action);
    let same = given.bytes().zip(wanted.bytes()).fold(0u8, |differ, (a, b)| differ | (a ^ b)) == 0;
    if same { Action::decode(action) } else { None }
}

fn tag(key: &SealKey, action: &str) -> String {
    let digest = key.keyed_digest("button", action.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountId;
    use proptest::prelude::*;

    fn key(byte: u8) -> SealKey {
        SealKey::new(zeroize::Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_button_works_for_its_owner_alone() {
        let data = sign(&key(1), Action::Logout(AccountId(7)));
        assert!(data.len() <= 64);
        assert_eq!(verify(&key(1), &data), Some(Action::Logout(AccountId(7))));
        assert_eq!(verify(&key(2), &data), None);
        assert_eq!(verify(&key(1), &data.replace("o7", "o8")), None);
    }

    proptest! {
        #[test]
        fn garbage_is_no_button(data in "\\PC{0,70}") {
            prop_assert_eq!(verify(&key(1), &data), None);
        }
    }
}
