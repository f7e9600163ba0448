//! The words for what is awake, why, and what was put aside.
use super::{ERASE_WORD, account_name, lines, plain};
use crate::domain::{Account, AccountState, Conversation, RichText};
use std::time::Duration;

/// A span of time, in the largest unit that tells it exactly.
fn span(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Nobody sent the number to link.
pub fn parked_link() -> RichText {
    plain(
        "No number came, so I have stopped waiting for it. Nothing was linked; the button begins again where we were.",
    )
}

/// Nobody confirmed erasing.
pub fn parked_erase() -> RichText {
    plain("You did not confirm, so nothing was erased and ")
        .code(ERASE_WORD)
        .push(" alone does nothing any more. /erase asks again.")
}

/// The status, with what is awake.
pub fn with_awake(status: RichText, awake: &[RichText]) -> RichText {
    lines(status.push("\n\n").bold("Awake, and why"), awake)
}

/// The conversation on screen.
pub fn awake_conversation(conversation: Conversation, ttl: Duration) -> RichText {
    let rests = span(ttl);
    plain(&match conversation {
        Conversation::Idle => {
            format!("• This conversation: you have just written. It rests after {rests} without a word.")
        }
        Conversation::LinkNumber => format!(
            "• This conversation: I am waiting for the number to link, and stop waiting {rests} after your last word. /cancel stops."
        ),
        Conversation::EraseConfirm => format!(
            "• This conversation: I am waiting for you to confirm erasing, and stop waiting {rests} after your last word. \
             /cancel stops."
        ),
    })
}

/// The databases. `keys`: how many numbers' key stores are open.
pub fn awake_databases(keys: usize, idle: Duration) -> RichText {
    let open = match keys {
        0 => "no number's keys are".to_owned(),
        1 => "the keys of 1 number are".to_owned(),
        n => format!("the keys of {n} numbers are"),
    };
    plain(&format!("• Databases: yours is open for this answer, {open}; each closes after {} without use.", span(idle)))
}

/// A number's client. `client`: whether it is online, where there is one.
pub fn awake_number(account: &Account, client: Option<bool>) -> RichText {
    let why = match (account.state, client) {
        (AccountState::QrScanning, _) => "is being linked",
        (AccountState::LoggingOut | AccountState::Removed, _) => "is being logged out",
        (AccountState::Failed, _) => "asleep: it waits until you reconnect it",
        (_, Some(true)) => "online, because it is linked and stays connected",
        (_, Some(false)) => "connecting, because it is linked and stays connected",
        (_, None) => "about to connect, because it is linked and stays connected",
    };
    plain("• ").bold(&account_name(account)).push(": ").push(why).push(".")
}
