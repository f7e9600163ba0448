//! Phrases that several flows say: about numbers, messages and what became of them. What only one flow says stands there.
use crate::domain::email::EmailError;
use crate::domain::name::NameError;
use crate::domain::phone::PhoneError;
use crate::domain::{
    Account, AccountState, Choice, InboundMessage, Language, LoginMethod, Phrase, Reason, RichText, Timestamp,
};
use crate::store::sends::SendState;
use crate::t;
use crate::words::{Locale, bar, plain, span};
use std::time::Duration;

/// What a person types to confirm erasing, in their language.
pub fn erase_word(locale: Locale) -> String {
    plain(&t!("erase-word"), locale)
}

/// Whether this is the word that confirms erasing, in any language: who has just changed theirs knows the other one.
pub fn is_erase_word(text: &str) -> bool {
    Language::ALL.iter().any(|&language| text.trim() == erase_word(language.into()))
}

/// Why a text is not a phone number.
pub fn phone_problem(problem: PhoneError) -> Phrase {
    match problem {
        PhoneError::Character => t!("phone-character"),
        PhoneError::Length => t!("phone-length"),
        PhoneError::CountryCode => t!("phone-country"),
        PhoneError::National => t!("phone-national"),
    }
}

/// Why a text is not an address for mail.
pub fn email_problem(problem: EmailError) -> Phrase {
    match problem {
        EmailError::Form => t!("email-form"),
        EmailError::Space => t!("email-space"),
        EmailError::Local => t!("email-local"),
        EmailError::Domain => t!("email-domain"),
        EmailError::Length => t!("email-length"),
    }
}

/// Why a text is no name, or cannot be what somebody says of themselves. `most`: how many characters it may have.
pub fn text_problem(problem: NameError, most: usize) -> Phrase {
    match problem {
        NameError::Empty => t!("text-empty"),
        NameError::Long => t!("text-long", most = most),
        NameError::Character => t!("text-character"),
    }
}

/// What a reason means, and what can be done.
pub fn reason(reason: Reason) -> Phrase {
    match reason {
        Reason::LoggedOut => t!("reason-logged-out"),
        Reason::Replaced => t!("reason-replaced"),
        Reason::Banned => t!("reason-banned"),
        Reason::ClientOutdated => t!("reason-client-outdated"),
        Reason::Unavailable => t!("reason-unavailable"),
        Reason::NetworkAway => t!("reason-network-away"),
        Reason::PhoneOffline => t!("reason-phone-offline"),
        Reason::NoPlace => t!("reason-no-place"),
        Reason::PasskeyRequired => t!("reason-passkey-required"),
        Reason::QrExpired => t!("reason-qr-expired"),
        Reason::QrLoop => t!("reason-qr-loop"),
        Reason::CodeRefused => t!("reason-code-refused"),
        Reason::Cancelled => t!("reason-cancelled"),
        Reason::Interrupted => t!("reason-interrupted"),
        Reason::NumberTaken => t!("reason-number-taken"),
        Reason::PairFailed => t!("reason-pair-failed"),
        Reason::ReachoutLocked => t!("reason-reachout-locked"),
        Reason::RateLimited => t!("reason-rate-limited"),
        Reason::SendRefused => t!("reason-send-refused"),
        Reason::SendUnknown => t!("reason-send-unknown"),
        Reason::NotConnected => t!("reason-not-connected"),
        Reason::NotOnWhatsApp => t!("reason-not-on-whatsapp"),
        Reason::StoreBroken => t!("reason-store-broken"),
        Reason::Internal => t!("reason-internal"),
    }
}

/// How a number is called: by the name that its owner gave it, else itself, once it is known.
pub fn account_name(account: &Account) -> Phrase {
    if let Some(label) = &account.label {
        return Phrase::verbatim(label.as_str());
    }
    match (&account.phone, &account.method) {
        (Some(phone), _) | (None, LoginMethod::Code(phone)) => Phrase::verbatim(phone.to_string()),
        (None, LoginMethod::Qr) => t!("number-new"),
    }
}

/// One line about a number.
pub fn account_line(account: &Account) -> Phrase {
    let (mark, state) = match account.state {
        AccountState::QrScanning => ("🟡", t!("state-waiting")),
        AccountState::Authenticated => ("🟡", t!("state-logging-in")),
        AccountState::Connected => ("🟢", t!("state-connected")),
        AccountState::Disconnected => ("🟠", t!("state-disconnected")),
        AccountState::Failed => ("🔴", t!("state-failed")),
        AccountState::LoggingOut => ("⚪", t!("state-logging-out")),
        AccountState::Removed => ("⚪", t!("state-removed")),
    };
    let line = t!("number-line", mark = mark, number = account_name(account), state = state);
    match account.reason.filter(|_| account.state != AccountState::Connected) {
        Some(reason) => t!("number-line-why", line = line, code = reason.code()),
        None => line,
    }
}

/// What became of a message.
pub fn outcome(state: SendState, why: Option<Reason>) -> Phrase {
    match state {
        SendState::Pending | SendState::Sending => t!("outcome-sending"),
        SendState::Sent => t!("outcome-sent"),
        SendState::Delivered => t!("outcome-delivered"),
        SendState::Read => t!("outcome-read"),
        SendState::Failed => {
            let why = why.unwrap_or(Reason::SendRefused);
            t!("outcome-failed", why = reason(why), code = why.code())
        }
        SendState::Unknown => t!("outcome-unknown", code = Reason::SendUnknown.code()),
        SendState::Forgotten => t!("outcome-forgotten"),
    }
}

/// How long something on screen still holds, and how much of its time that is, on a line of its own.
pub fn time_left(left: Duration, of: Duration) -> Phrase {
    let seconds = |time: Duration| usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    let bar = bar(seconds(left), seconds(of));
    Phrase::verbatim("\n").and(t!("time-left", bar = bar, span = span(Duration::from_secs(left.as_secs()))))
}

/// A linking has begun.
pub fn link_started(method: &LoginMethod) -> Phrase {
    match method {
        LoginMethod::Qr => t!("link-getting-qr"),
        LoginMethod::Code(phone) => t!("link-getting-code", phone = phone.to_string()),
    }
}

/// Logged out. `confirmed`: whether WhatsApp confirmed the removal of the device.
pub fn logged_out(account: &Account, confirmed: bool) -> Phrase {
    if confirmed {
        t!("logged-out", number = account_name(account))
    } else {
        t!("logged-out-unconfirmed", number = account_name(account))
    }
}

/// A number stopped.
pub fn number_failed(account: &Account, why: Reason, until: Option<Timestamp>) -> Phrase {
    let (number, words, code) = (account_name(account), reason(why), why.code());
    match until {
        Some(until) => t!("number-failed-until", number = number, why = words, until = until, code = code),
        None => t!("number-failed", number = number, why = words, code = code),
    }
}

/// The receipt of an erasing.
pub fn erased(unlinked: usize, unconfirmed: usize, files: usize, claims: usize) -> Phrase {
    let receipt = t!("erased", unlinked = unlinked, files = files, claims = claims);
    match unconfirmed {
        0 => receipt,
        n => receipt.and(Phrase::verbatim("\n\n")).and(t!("erased-unconfirmed", n = n)),
    }
}

/// A number's client. `client`: whether it is online, where there is one.
pub fn awake_number(account: &Account, client: Option<bool>) -> Phrase {
    let why = match (account.state, client) {
        (AccountState::QrScanning, _) => "linking",
        (AccountState::LoggingOut | AccountState::Removed, _) => "logging-out",
        (AccountState::Failed, _) => "failed",
        (_, Some(true)) => "online",
        (_, Some(false)) => "connecting",
        (_, None) => "soon",
    };
    t!("awake-number", number = account_name(account), why = Choice(why))
}

/// The first line of a message from WhatsApp: from whom, to which number.
fn from(account: &Account, name: Option<&str>, message: &InboundMessage) -> Phrase {
    let number = account_name(account);
    let phone = message.sender.phone().map(|phone| phone.to_string());
    match (name, phone, message.is_group) {
        (Some(name), Some(phone), false) => t!("chat-from-named", name = name, phone = phone, number = number),
        (Some(name), Some(phone), true) => t!("chat-from-named-group", name = name, phone = phone, number = number),
        (name, phone, is_group) => {
            let name = name.map(str::to_owned).or(phone).map_or_else(|| t!("chat-somebody"), Phrase::verbatim);
            if is_group {
                t!("chat-from-group", name = name, number = number)
            } else {
                t!("chat-from", name = name, number = number)
            }
        }
    }
}

/// A text from WhatsApp.
pub fn incoming(account: &Account, name: Option<&str>, message: &InboundMessage, text: &str) -> Phrase {
    let text = Phrase::Verbatim(RichText::plain(text));
    from(account, name, message).and(Phrase::verbatim("\n\n")).and(text)
}

/// Something from WhatsApp that cannot be shown yet.
pub fn incoming_other(account: &Account, name: Option<&str>, message: &InboundMessage, kind: &str) -> Phrase {
    from(account, name, message).and(Phrase::verbatim("\n\n")).and(t!("chat-other", kind = kind))
}
