//! The words for states: of a number, of a message, and why.
use crate::domain::{Account, AccountState, LoginMethod, Reason, RichText, Timestamp};
use crate::store::sends::SendState;

/// What a reason means, and what can be done.
pub fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::LoggedOut => "the device was removed on the phone or by WhatsApp. Link the number again.",
        Reason::Replaced => "this device is in use from somewhere else. Reconnect to take it back.",
        Reason::Banned => "WhatsApp has banned this number for a while. Wait until the ban is over.",
        Reason::ClientOutdated => "WhatsApp wants a newer version of this bot. The operator has to update it.",
        Reason::Unavailable => "WhatsApp is not available at the moment. It connects again by itself.",
        Reason::NetworkAway => "there is no connection to WhatsApp. It connects again by itself.",
        Reason::PasskeyRequired => {
            "WhatsApp asks this number for a passkey before it links a device, which cannot be given from here."
        }
        Reason::QrExpired => "no phone scanned the QR code in time. Try again when the phone is at hand.",
        Reason::CodeRefused => "the code was not accepted or not typed in time. Try again, or use a QR code.",
        Reason::Cancelled => "it was cancelled.",
        Reason::Interrupted => "the bot was restarted in the middle of it. Please try again.",
        Reason::NumberTaken => {
            "this number is linked in this bot already. Remove the old device on the phone (Linked devices), then link it \
             again. The new device was removed."
        }
        Reason::PairFailed => "the phone and WhatsApp did not agree. Try again.",
        Reason::ReachoutLocked => "WhatsApp does not let this number write to new contacts at the moment.",
        Reason::SendRefused => "WhatsApp refused the message.",
        Reason::SendUnknown => "no answer came in time.",
        Reason::NotConnected => "the number is not connected.",
        Reason::NotOnWhatsApp => "the recipient is not on WhatsApp.",
        Reason::StoreBroken => "the keys of this number cannot be used. Log it out and link it again.",
        Reason::Internal => "something went wrong inside. The operator has the details.",
    }
}

/// How a number is called: itself, once it is known.
pub fn account_name(account: &Account) -> String {
    match (&account.phone, &account.method) {
        (Some(phone), _) | (None, LoginMethod::Code(phone)) => phone.to_string(),
        (None, LoginMethod::Qr) => "new number".to_owned(),
    }
}

/// One line about a number.
pub fn account_line(account: &Account) -> RichText {
    let (mark, state) = match account.state {
        AccountState::QrScanning => ("🟡", "waiting for the phone"),
        AccountState::Authenticated => ("🟡", "logging in"),
        AccountState::Connected => ("🟢", "connected"),
        AccountState::Disconnected => ("🟠", "disconnected"),
        AccountState::Failed => ("🔴", "failed"),
        AccountState::LoggingOut => ("⚪", "logging out"),
        AccountState::Removed => ("⚪", "removed"),
    };
    let line = RichText::default().push(mark).push(" ").bold(&account_name(account)).push(" — ").push(state);
    match account.reason.filter(|_| account.state != AccountState::Connected) {
        Some(reason) => line.push(" (").code(reason.code()).push(")"),
        None => line,
    }
}

/// What became of a message.
pub fn outcome(state: SendState, reason: Option<Reason>) -> RichText {
    match state {
        SendState::Pending | SendState::Sending => RichText::plain("🕓 sending…"),
        SendState::Sent => RichText::plain("✓ sent"),
        SendState::Delivered => RichText::plain("✓✓ delivered"),
        SendState::Read => RichText::plain("✓✓ read"),
        SendState::Failed => {
            let reason = reason.unwrap_or(Reason::SendRefused);
            RichText::plain("❌ failed: ").push(reason_words(reason)).push("\nCode: ").code(reason.code())
        }
        SendState::Unknown => RichText::plain(
            "❔ unknown: no answer came from WhatsApp in time, so it may or may not have been sent. If you send it again, it \
             carries the same id, so nobody gets it twice.\nCode: ",
        )
        .code(Reason::SendUnknown.code()),
        SendState::Forgotten => RichText::plain("❔ unknown, left as it is"),
    }
}

/// A moment, to the minute, in UTC.
pub(super) fn utc(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {} UTC", &text[..10], &text[11..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(utc(Timestamp(0)), "1970-01-01 00:00 UTC");
        assert_eq!(utc(Timestamp(1_790_000_000_000)), "2026-09-21 14:13 UTC");
        assert_eq!(utc(Timestamp(1_709_164_800_000)), "2024-02-29 00:00 UTC");
    }
}
