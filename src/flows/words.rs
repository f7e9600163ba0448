//! Every text that a person reads, in one place. Builders are pure; what they show was given to them.
mod awake;
mod states;

pub use awake::{awake_conversation, awake_databases, awake_number, parked_erase, parked_link, with_awake};
pub use states::{account_line, account_name, outcome, reason_words};

use crate::domain::phone::PhoneError;
use crate::domain::{Account, Content, InboundMessage, LoginMethod, PhoneNumber, Reason, RichText, Timestamp};
use states::utc;
use std::time::Duration;

/// What a person types to confirm erasing.
pub const ERASE_WORD: &str = "ERASE";

macro_rules! labels {
    ($($name:ident = $text:literal;)+) => { $(#[doc = concat!("“", $text, "”.")] pub const $name: &str = $text;)+ };
}

labels! {
    QR_BUTTON = "📷 QR code";
    CODE_BUTTON = "🔢 Phone code";
    CANCEL_BUTTON = "✖ Cancel";
    LINK_BUTTON = "➕ Link a number";
    NUMBERS_BUTTON = "📱 My numbers";
    HELP_BUTTON = "❔ Help";
    LOGOUT_BUTTON = "🚪 Log out";
    LOGOUT_YES_BUTTON = "🚪 Yes, log out";
    RECONNECT_BUTTON = "🔄 Reconnect";
    KEEP_BUTTON = "Keep everything";
    AGAIN_BUTTON = "🔄 Try again";
    OTHER_WAY_BUTTON = "Another way";
    RESEND_BUTTON = "Send again";
    FORGET_BUTTON = "Leave it";
    CANCELLED = "Cancelled";
    CONNECTING = "Connecting…";
    SENDING_AGAIN = "Sending again…";
    LEFT_AS_IS = "Left as it is";
}

/// A button that does not do anything any more, or never did.
pub fn stale_button() -> &'static str {
    "This button is not valid (any more). /start shows where you are."
}

fn plain(text: &str) -> RichText {
    RichText::plain(text)
}

/// For who is new.
pub fn welcome() -> RichText {
    RichText::default()
        .bold("Welcome to Sekat.")
        .push(
            "\nI connect your own WhatsApp numbers to this chat: what people write to you appears here, and your replies \
             go back from the same number. Everything of yours is kept apart from everybody else's, encrypted with a key \
             of its own.\n\nLink your first number. How do you want to do it?",
        )
}

/// For who has numbers.
pub fn home(numbers: &[RichText]) -> RichText {
    lines(RichText::default().bold("Your numbers").push("\n"), numbers)
        .push("\n\nReply to a message from WhatsApp to answer it.")
}

/// How it works.
pub fn help() -> RichText {
    RichText::default().bold("How it works").push(
        "\n1. /link — link a WhatsApp number, by QR code or by phone code.\n\
             2. Messages to that number appear here, with who wrote and to which of your numbers.\n\
             3. Reply to such a message (swipe it or hold it) and your text goes to that chat, from the same number. \
             Under it you see what became of it: sent, delivered, read.\n\n\
             /numbers shows your numbers · /status what is going on · /logout unlinks one · /cancel stops what you are \
             doing · /erase deletes everything of yours.",
    )
}

/// Who the operator has not let in.
pub fn refused() -> RichText {
    plain(
        "Hello! This bot is private: its operator decides who may use it, and you are not on the list yet. Nothing \
           about you has been stored.",
    )
}

/// The person's data cannot be opened.
pub fn vault_broken(code: &str) -> RichText {
    plain(
        "Your data cannot be opened at the moment. Nothing is lost: what you send waits until the operator has \
           repaired it. Code: ",
    )
    .code(code)
}

/// An update was set aside.
pub fn dead_letter() -> RichText {
    plain(
        "Something went wrong inside while I handled your last message, twice. I have set it aside; please try \
           something else. The operator has the details. Code: ",
    )
    .code("internal")
}

/// Not a command of ours.
pub fn unknown_command() -> RichText {
    plain("I don't know that command. /help shows what I can do.")
}

/// A message was edited after it was acted on.
pub fn edited() -> RichText {
    plain("I have acted on your message already; editing it does not change what was sent.")
}

/// Not text.
pub fn text_only() -> RichText {
    plain("I can handle text only, for now. Reply to a message from WhatsApp with text to answer it.")
}

/// Nothing to stop.
pub fn nothing_to_cancel() -> RichText {
    plain("There is nothing to cancel.")
}

/// Stopped.
pub fn cancelled() -> RichText {
    plain("Cancelled.")
}

/// Which way to link.
pub fn choose_method() -> RichText {
    RichText::default().bold("Link a number").push(
        "\n• QR code: scan a picture with the phone's WhatsApp (you need a second screen).\n\
         • Phone code: type eight characters on the phone; works with one device.",
    )
}

/// A linking is under way.
pub fn already_linking() -> RichText {
    plain("A number is being linked already. Finish it, or /cancel it first.")
}

/// All numbers used.
pub fn too_many_numbers(used: usize, allowed: usize) -> RichText {
    plain(&format!("You have {used} of {allowed} numbers. Log one out first: /logout"))
}

/// Too many QR pictures within the hour.
pub fn qr_limit(allowed: usize, wait: Duration) -> RichText {
    let minutes = wait.as_secs().div_ceil(60).max(1);
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    plain(&format!(
        "You have used {allowed} of {allowed} QR codes this hour. Try again in {minutes} {unit}, or link by phone code: /link"
    ))
}

/// The number to link by code.
pub fn ask_number() -> RichText {
    plain("Send me the number to link, with its country code. For example: ").code("+62 812 3456 7890")
}

/// Something else came than a number.
pub fn send_number() -> RichText {
    plain("I need the phone number as text, with its country code, for example +62 812 3456 7890. /cancel stops.")
}

/// Not a number.
pub fn bad_number(problem: PhoneError) -> RichText {
    plain(&format!(
        "That is not a phone number I can use: {problem}. Try again, for example +62 812 3456 7890, or /cancel."
    ))
}

/// Under the QR picture.
pub fn scan_qr() -> RichText {
    RichText::default().bold("Scan this with WhatsApp").push(
        "\nOn the phone: Settings → Linked devices → Link a device. A new picture follows by itself when this one is over.",
    )
}

/// The code, and what to do with it.
pub fn type_code(code: &str) -> RichText {
    let shown = match code.split_at_checked(4) {
        Some((a, b)) if code.len() == 8 => format!("{a}-{b}"),
        _ => code.to_owned(),
    };
    RichText::default().bold("Your code: ").code(&shown).push(
        "\nOn the phone: Settings → Linked devices → Link a device → Link with phone number instead, and type it.",
    )
}

/// How long something on screen still holds.
pub fn time_left(left: Duration) -> RichText {
    plain(&format!("\n⏳ {} left", seconds(left)))
}

fn seconds(left: Duration) -> String {
    let s = left.as_secs();
    if s >= 60 { format!("{} min {:02} s", s / 60, s % 60) } else { format!("{s} s") }
}

/// Linking was stopped.
pub fn link_cancelled() -> RichText {
    plain("Linking was cancelled.")
}

/// A linking has begun.
pub fn link_started(method: &LoginMethod) -> RichText {
    match method {
        LoginMethod::Qr => plain("Getting a QR code from WhatsApp…"),
        LoginMethod::Code(phone) => plain(&format!("Getting a code from WhatsApp for {phone}…")),
    }
}

/// The phone has proven possession.
pub fn paired(phone: &PhoneNumber) -> RichText {
    plain(&format!("✅ {phone} has confirmed. Logging in…"))
}

/// Linked and online.
pub fn linked(account: &Account) -> RichText {
    RichText::default()
        .push("✅ ")
        .bold(&account_name(account))
        .push(" is linked and connected. What people write to it appears here; reply to a message to answer it.")
}

/// A linking came to nothing.
pub fn link_failed(reason: Reason) -> RichText {
    plain("❌ Linking did not work: ").push(reason_words(reason)).push("\nCode: ").code(reason.code())
}

fn lines(start: RichText, more: &[RichText]) -> RichText {
    more.iter().fold(start, |text, line| text.push("\n").append(line))
}

/// No number is linked.
pub fn no_numbers() -> RichText {
    plain("You have not linked a number yet. How do you want to do it?")
}

/// The numbers.
pub fn numbers(list: &[RichText]) -> RichText {
    lines(RichText::default().bold("Your numbers"), list)
}

/// What is going on.
pub fn status(list: &[RichText], used: usize, allowed: usize) -> RichText {
    let text = RichText::default().bold("Status").push(&format!("\nNumbers: {used} of {allowed}"));
    lines(text, list)
}

/// Which number to log out.
pub fn which_logout() -> RichText {
    plain("Which number do you want to log out?")
}

/// Whether to log out.
pub fn ask_logout(account: &Account) -> RichText {
    RichText::plain("Log out ")
        .bold(&account_name(account))
        .push("? Its device is removed at WhatsApp and its keys are wiped here. Messages already received stay.")
}

/// Logging out.
pub fn logging_out(account: &Account) -> RichText {
    RichText::plain("Logging out ").bold(&account_name(account)).push("…")
}

/// Logged out. `confirmed`: whether WhatsApp confirmed the removal of the device.
pub fn logged_out(account: &Account, confirmed: bool) -> RichText {
    let text = RichText::default().bold(&account_name(account)).push(" is logged out and its keys are wiped.");
    if confirmed {
        text
    } else {
        text.push(" WhatsApp could not be reached to remove the device: remove it on the phone, under Linked devices.")
    }
}

/// The phone logged the number out.
pub fn logged_out_by_phone(account: &Account) -> RichText {
    RichText::default()
        .bold(&account_name(account))
        .push(" was logged out: ")
        .push(reason_words(Reason::LoggedOut))
        .push(" Its keys here are wiped.\nCode: ")
        .code(Reason::LoggedOut.code())
}

/// A number stopped.
pub fn number_failed(account: &Account, reason: Reason, until: Option<Timestamp>) -> RichText {
    let text = RichText::default().push("🔴 ").bold(&account_name(account)).push(": ").push(reason_words(reason));
    let text = match until {
        Some(until) => text.push("\nUntil: ").push(&utc(until)),
        None => text,
    };
    text.push("\nCode: ").code(reason.code())
}

/// What erasing means.
pub fn ask_erase() -> RichText {
    RichText::default()
        .bold("Erase everything?")
        .push(
            "\nYour numbers are logged out, your messages, contacts and settings deleted, and the key that could open them \
             is destroyed. This cannot be undone.\n\nType ",
        )
        .code(ERASE_WORD)
        .push(" to confirm, or /cancel.")
}

/// Not the word.
pub fn erase_again() -> RichText {
    plain("Nothing was erased. Type ").code(ERASE_WORD).push(" to confirm, or /cancel.")
}

/// The receipt.
pub fn erased(unlinked: usize, unconfirmed: usize, files: usize, claims: usize) -> RichText {
    let text = RichText::default().bold("Erased.").push(&format!(
        "\n• devices removed at WhatsApp: {unlinked}\n• files deleted: {files}, and the key that could open them\n• numbers \
         freed: {claims}\n\nNothing of yours is left here. /start begins anew."
    ));
    if unconfirmed == 0 {
        text
    } else {
        text.push(&format!(
            "\n\n{unconfirmed} device(s) could not be removed because WhatsApp was not reachable: remove them on the phone, \
             under Linked devices."
        ))
    }
}

/// A number is needed first.
pub fn link_first() -> RichText {
    plain("Link a WhatsApp number first; then messages to it appear here and you can reply to them.")
}

/// Not a reply.
pub fn reply_to_answer() -> RichText {
    plain(
        "To answer somebody, reply to their message: swipe it (or hold it) and write. I send nothing without knowing to whom.",
    )
}

/// The number that received the message is gone.
pub fn number_gone() -> RichText {
    plain("The number that received this message is not linked any more, so your reply was not sent.")
}

/// Too long for WhatsApp.
pub fn too_long() -> RichText {
    plain("This text is too long for one WhatsApp message and was not sent.")
}

fn header(account: &Account, name: Option<&str>, message: &InboundMessage) -> RichText {
    let number = message.sender.phone().map(|p| p.to_string());
    let text = RichText::default().push("👤 ");
    let text = match (name, &number) {
        (Some(name), Some(number)) => text.bold(name).push(&format!(" ({number})")),
        (Some(name), None) => text.bold(name),
        (None, Some(number)) => text.bold(number),
        (None, None) => text.bold("somebody"),
    };
    let text = if message.is_group { text.push(" in a group") } else { text };
    text.push(&format!(" → 📱 {}\n\n", account_name(account)))
}

/// A text from WhatsApp.
pub fn incoming(account: &Account, name: Option<&str>, message: &InboundMessage, text: &str) -> RichText {
    header(account, name, message).push(text)
}

/// Something from WhatsApp that cannot be shown yet.
pub fn incoming_other(account: &Account, name: Option<&str>, message: &InboundMessage, kind: &str) -> RichText {
    debug_assert!(matches!(message.content, Content::Other(_)));
    header(account, name, message).italic(&format!("[{kind}: see it on the phone]"))
}
