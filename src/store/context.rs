//! What a flow step may know: one person's state, and nothing with which to name another person.
//!
//! Only [`Person::context`](super::vault::Person::context) makes one, inside a transaction of that person's own database.
//! Nobody else can, neither by calling the constructor:
//!
//! ```compile_fail,E0603
//! use sekat::store::context::load;
//! ```
//!
//! nor by writing one down:
//!
//! ```compile_fail,E0451
//! let made_up = sekat::store::UserContext { accounts: Vec::new(), ..todo!() };
//! ```
use super::error::Result;
use super::handle::Tx;
use super::seal::SealKey;
use super::{accounts, flags, kept, messages, profile, says, sends, shows, tokens};
use crate::domain::effect::{Origin, Slot};
use crate::domain::{
    Account, AccountId, Action, ChatId, Conversation, Input, Key, MessageId, Profile, Registration, Section, Timestamp,
};
use crate::words::Locale;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The window in which QR pictures are counted.
pub const QR_WINDOW: Duration = Duration::from_hours(1);

/// One person's state at the beginning of a step.
pub struct UserContext {
    chat: ChatId,
    accounts: Vec<Account>,
    conversation: Conversation,
    waits_since: Option<Timestamp>,
    screen: Option<MessageId>,
    blocked: bool,
    locale: Locale,
    qr_shown: Vec<Timestamp>,
    reply: Option<(Origin, String)>,
    pressed: Option<Action>,
    pressed_on: Option<MessageId>,
    send: Option<sends::Send>,
    unknown_sends: usize,
    kept: kept::Kept,
    profile: Option<Profile>,
    registration: Option<Registration>,
}

/// Reads the context of a step; without an input, of one that the person did not ask for.
pub(in crate::store) fn load(
    tx: &Tx<'_>,
    chat: ChatId,
    key: &SealKey,
    input: Option<&Input>,
    now: Timestamp,
) -> Result<UserContext> {
    let (conversation, changed_at) = flags::conversation(tx)?;
    let window = i64::try_from(QR_WINDOW.as_millis()).unwrap_or(0);
    let mut context = UserContext {
        chat,
        accounts: accounts::list(tx)?,
        waits_since: changed_at.filter(|_| conversation.open.is_some()),
        screen: shows::message(tx, &Slot::question(conversation.run))?,
        conversation,
        blocked: flags::blocked(tx)?,
        locale: flags::locale(tx)?,
        qr_shown: accounts::qr_since(tx, Timestamp(now.0 - window))?,
        reply: None,
        pressed: None,
        pressed_on: None,
        send: None,
        unknown_sends: 0,
        kept: kept::all(tx)?,
        profile: profile::get(tx)?,
        registration: profile::registration(tx, now)?,
    };
    match input {
        Some(Input::Text { reply_to: Some(message), .. }) => {
            context.reply = reply(tx, chat, *message)?;
        }
        Some(Input::Press { data, message, .. }) => {
            context.pressed = tokens::verify(key, data);
            context.pressed_on = *message;
            match context.pressed {
                Some(Action::Resend(id) | Action::Forget(id)) => context.send = sends::get(tx, id)?,
                Some(Action::Open(Section::Home)) => context.unknown_sends = sends::unknown(tx)?,
                _ => {}
            }
        }
        Some(Input::Command { name, .. }) => match name.as_str() {
            "start" | "menu" => context.unknown_sends = sends::unknown(tx)?,
            "resend" | "forget" => context.send = sends::newest_unknown(tx)?,
            _ => {}
        },
        _ => {}
    }
    Ok(context)
}

fn reply(tx: &Tx<'_>, chat: ChatId, message: MessageId) -> Result<Option<(Origin, String)>> {
    let Some(origin) = says::origin(tx, chat, message)? else { return Ok(None) };
    let jid = messages::canonical(tx, origin.account, &origin.chat)?;
    let name = messages::name(tx, &jid)?.unwrap_or_default();
    Ok(Some((Origin { account: origin.account, chat: jid }, name)))
}

impl UserContext {
    /// The person's private chat.
    pub fn chat(&self) -> ChatId {
        self.chat
    }
    /// Their numbers, without removed ones.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
    /// One of their numbers. An id that is not theirs is simply not there.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.iter().find(|a| a.id == id)
    }
    /// Where their conversation stands.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }
    /// Since when the conversation waits for an answer: when the person last did something. `None` when it does not.
    pub fn waits_since(&self) -> Option<Timestamp> {
        self.waits_since
    }
    /// The message that shows the question.
    pub fn screen(&self) -> Option<MessageId> {
        self.screen
    }
    /// The conversation stands here from now on, for the rest of the step.
    pub fn moved(&mut self, conversation: Conversation) {
        self.conversation = conversation;
        self.waits_since = None;
    }
    /// Whether they have blocked the bot.
    pub fn blocked(&self) -> bool {
        self.blocked
    }
    /// How they want things told.
    pub fn locale(&self) -> Locale {
        self.locale
    }
    /// When QR pictures were shown within [`QR_WINDOW`], oldest first.
    pub fn qr_shown(&self) -> &[Timestamp] {
        &self.qr_shown
    }
    /// The WhatsApp chat that the answered message stands for, and its name where it has one.
    pub fn reply(&self) -> Option<&(Origin, String)> {
        self.reply.as_ref()
    }
    /// What the pressed button asks for; `None` when it is not a button of this person's.
    pub fn pressed(&self) -> Option<Action> {
        self.pressed
    }
    /// The message that the pressed button stands under, where Telegram tells it.
    pub fn pressed_on(&self) -> Option<MessageId> {
        self.pressed_on
    }
    /// What is kept for them under this key.
    pub fn get<T: DeserializeOwned>(&self, key: Key<T>) -> Option<T> {
        self.kept.get(key)
    }
    /// What they have told of themselves, once they have registered.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }
    /// The registration that they began within the last 24 hours and have not finished.
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }
    /// How many messages to WhatsApp are of unknown fate. Counted only for the home screen.
    pub fn unknown_sends(&self) -> usize {
        self.unknown_sends
    }
    /// The message to WhatsApp that the pressed button is about, or the command.
    pub fn send(&self) -> Option<&sends::Send> {
        self.send.as_ref()
    }
}
