//! Does somebody know a secret?
//!
//! Owns a digest of it under a key that is made for that alone. How long an answer takes tells nothing of where a guess
//! goes wrong: it is not the secret that is compared, but digests that nobody can choose.
use ring::hmac;
use std::fmt;

/// Knows a secret when it is shown.
pub struct Guard {
    key: hmac::Key,
    digest: hmac::Tag,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// For this secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>());
        let digest = hmac::sign(&key, secret.as_bytes());
        Guard { key, digest }
    }

    /// Whether this is it.
    #[must_use]
    pub fn knows(&self, shown: &[u8]) -> bool {
        hmac::verify(&self.key, shown, self.digest.as_ref()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_will_do() {
        let guard = Guard::new("correct-horse");
        assert!(guard.knows(b"correct-horse"));
        for wrong in [&b""[..], b"correct-hors", b"correct-horse ", b"Correct-horse", &[0; 4096]] {
            assert!(!guard.knows(wrong));
        }
    }
}
