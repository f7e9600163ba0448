//! Text from WhatsApp into the chat, and replies back.
use super::onboarding::{self, PROGRESS};
use super::{Changes, Env, button, link, phrases};
use crate::domain::effect::Slot;
use crate::domain::{Account, Action, Class, Content, Effect, InboundMessage, MessageId, Reason, Shown};
use crate::store::UserContext;
use crate::store::sends::{Send, SendState};
use crate::t;

/// The longest text that is sent to WhatsApp in one message, in bytes. WhatsApp takes 65,536 characters; Telegram gives at
/// most 4,096 units, so this is never met by what a person can type.
const WHATSAPP_TEXT_BYTES: usize = 65_536;

/// A text without a question to answer: a reply to a forwarded message goes to its chat.
pub fn answer(user: &UserContext, text: &str, message: MessageId, env: &Env) -> Changes {
    let Some((origin, _)) = user.reply() else {
        return if user.accounts().is_empty() {
            Changes::default().ask(t!("chat-link-first"), link::methods())
        } else {
            Changes::default().reply(message, t!("chat-reply-to-answer"))
        };
    };
    let Some(account) = user.account(origin.account).filter(|a| a.state.is_linked()) else {
        return Changes::default().reply(message, t!("chat-number-gone"));
    };
    if text.len() > WHATSAPP_TEXT_BYTES {
        return Changes::default().reply(message, t!("chat-too-long"));
    }
    let send = Effect::SendWhatsApp {
        account: account.id,
        chat: origin.chat.clone(),
        text: text.to_owned(),
        message_id: env.message_id.clone(),
        asked_by: message,
    };
    Changes::default().effect(send).before(onboarding::answered(user.get(PROGRESS).unwrap_or_default()))
}

/// A message that a number received, as it is shown to its owner. `name`: how the sender is known.
pub fn incoming(account: &Account, name: Option<&str>, message: &InboundMessage) -> Option<Effect> {
    if message.from_me {
        return None;
    }
    let text = match &message.content {
        Content::Text(text) => phrases::incoming(account, name, message, text),
        Content::Other(kind) => phrases::incoming_other(account, name, message, kind),
    };
    Some(Effect::Say {
        text,
        keyboard: Vec::new(),
        reply_to: None,
        class: Class::Forward,
        origin: Some(super::origin(account.id, &message.chat)),
    })
}

/// What became of a message to WhatsApp, shown under the message that asked for it.
pub fn outcome(send: &Send, state: SendState, reason: Option<Reason>) -> Effect {
    let keyboard = match state {
        SendState::Unknown => vec![vec![
            button(t!("button-resend"), Action::Resend(send.id)),
            button(t!("button-forget"), Action::Forget(send.id)),
        ]],
        _ => Vec::new(),
    };
    Effect::Show {
        slot: Slot::outcome(&send.message_id),
        shown: Shown::Text(phrases::outcome(state, reason)),
        keyboard,
        reply_to: Some(send.asked_by),
        expires_at: None,
    }
}

/// The message of unknown fate that the person decides about.
fn undecided(user: &UserContext) -> Option<&Send> {
    user.send().filter(|send| send.state == SendState::Unknown)
}

/// Sends a message of unknown fate once more: the one whose button was pressed, or, by the command, the newest.
pub fn resend(user: &UserContext) -> Option<Changes> {
    let send = undecided(user).filter(|send| user.account(send.account).is_some_and(|a| a.state.is_linked()))?;
    Some(Changes::default().effect(Effect::Resend { effect: send.id }))
}

/// Leaves a message of unknown fate as it is.
pub fn forget(user: &UserContext) -> Option<Changes> {
    Some(Changes::default().effect(Effect::Forget { effect: undecided(user)?.id }))
}
