//! What a person who reads English looks for: the simulators' people find buttons by what stands on them.

use crate::domain::Phrase;
use crate::words::{Locale, plain};

/// What a phrase says in English.
pub fn text(phrase: &Phrase) -> String {
    plain(phrase, Locale::default())
}

macro_rules! labels {
    ($($name:ident = $key:literal $text:literal;)+) => {
        $(#[doc = concat!("“", $text, "”.")] pub const $name: &str = $text;)+

        /// Each, as (text, key of the catalogue).
        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$(($text, $key)),+];
    };
}

labels! {
    AGAIN_BUTTON = "button-again" "🔄 Try again";
    CANCELLED = "note-cancelled" "Cancelled";
    CANCEL_BUTTON = "button-cancel" "✖ Cancel";
    CODE_BUTTON = "button-code" "🔢 Phone code";
    ERASE_WORD = "erase-word" "ERASE";
    FORGET_BUTTON = "button-forget" "Leave it";
    KEEP_BUTTON = "button-keep" "Keep everything";
    LINK_BUTTON = "button-link" "➕ Link a number";
    LOGOUT_YES_BUTTON = "button-logout-yes" "🚪 Yes, log out";
    OTHER_WAY_BUTTON = "button-other-way" "Another way";
    QR_BUTTON = "button-qr" "📷 QR code";
    RECONNECT_BUTTON = "button-reconnect" "🔄 Reconnect";
    RESEND_BUTTON = "button-resend" "Send again";
    SENDING_AGAIN = "note-sending-again" "Sending again…";
    REGISTER_BUTTON = "button-register" "✅ Yes, register me";
    RESUME_BUTTON = "button-resume" "▶ Continue";
    STALE = "note-stale" "This button is not valid (any more). /start shows where you are.";
}

#[cfg(test)]
mod tests {
    use super::{Phrase, text};

    #[test]
    fn they_are_what_the_catalogue_says() {
        for (label, key) in super::ALL {
            assert_eq!(text(&Phrase::message(key, Vec::new())), *label);
        }
    }
}
