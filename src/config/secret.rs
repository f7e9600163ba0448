//! How is a secret string carried so that it cannot be printed by accident?
//!
//! Owns the string and overwrites it when dropped. It must never implement `Display` or `Serialize`.

use std::fmt;

use zeroize::Zeroizing;

/// A secret: `Debug` shows nothing, and the text is only reached by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text, without blanks and line ends around it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// The text itself. Give it only to what must send it; never to a log line or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
