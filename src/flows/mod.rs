//! What a person can do: one file a flow, each a pure function from a person's state and an input to what changes.
//!
//! A flow does no I/O, draws no random number and reads no clock: [`Env`] carries those. It cannot name another person:
//! [`UserContext`] is all it knows.
pub mod account;
pub mod chat;
pub mod erase;
pub mod language;
pub mod link;
pub mod numbers;
pub mod park;
pub mod phrases;
pub mod welcome;

use crate::domain::effect::{Origin, Slot};
use crate::domain::{
    AccountId, AccountState, Action, Button, Class, Conversation, Country, Effect, Input, MessageId, PhoneNumber,
    Phrase, Reason, Shown, Timestamp,
};
use crate::store::UserContext;
use crate::t;
use std::time::Duration;

/// What a step may use besides the person's state.
#[derive(Clone)]
pub struct Env {
    /// The time of the step.
    pub now: Timestamp,
    /// A fresh WhatsApp message id, used by at most one effect of the step.
    pub message_id: String,
    /// The settings that flows obey.
    pub rules: Rules,
    /// What of the person's is awake.
    pub awake: Awake,
}

/// What of a person's is awake besides the database that a step works on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Awake {
    /// The numbers that have a client, and whether it is online.
    pub clients: Vec<(AccountId, bool)>,
    /// The numbers whose keys are open.
    pub keys: Vec<AccountId>,
}

/// Settings that flows obey.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many numbers a person may link.
    pub max_numbers: usize,
    /// How many QR linkings a person may begin within an hour.
    pub qr_per_hour: usize,
    /// How long a question waits for its answer.
    pub session_ttl: Duration,
    /// After this a database that nobody uses is closed.
    pub idle_close: Duration,
    /// Whose numbers people type without a calling code.
    pub country: Country,
}

/// A change of an account's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// Which.
    pub account: AccountId,
    /// Its new state.
    pub state: AccountState,
    /// Why.
    pub reason: Option<Reason>,
    /// Its number, when it has just become known.
    pub phone: Option<PhoneNumber>,
}

/// What a step changes and wants done.
#[derive(Default)]
pub struct Step {
    /// Where the conversation stands from now on, when it moves.
    pub conversation: Option<Conversation>,
    /// Whether the person has blocked the bot, when that changes.
    pub blocked: Option<bool>,
    /// Changes of accounts.
    pub accounts: Vec<AccountChange>,
    /// What is to be done, in order.
    pub effects: Vec<Effect>,
}

impl Step {
    /// Does this too.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Says this too, as an answer.
    #[must_use]
    pub fn say(self, text: Phrase) -> Self {
        self.ask(text, Vec::new())
    }

    /// Says this too, with buttons.
    #[must_use]
    pub fn ask(self, text: Phrase, keyboard: Vec<Vec<Button>>) -> Self {
        self.effect(Effect::Say { text, keyboard, reply_to: None, class: Class::Answer, origin: None })
    }

    /// Says this too, as an answer to a message.
    #[must_use]
    pub fn reply(self, to: MessageId, text: Phrase) -> Self {
        self.effect(Effect::Say { text, keyboard: Vec::new(), reply_to: Some(to), class: Class::Answer, origin: None })
    }

    /// Shows this in a slot too.
    #[must_use]
    pub fn show(self, slot: Slot, text: Phrase, keyboard: Vec<Vec<Button>>) -> Self {
        self.effect(Effect::Show { slot, shown: Shown::Text(text), keyboard, reply_to: None, expires_at: None })
    }

    /// Moves the conversation too.
    #[must_use]
    pub fn then(mut self, conversation: Conversation) -> Self {
        self.conversation = Some(conversation);
        self
    }

    /// Does this first, and then that; where both move the same, that counts.
    #[must_use]
    pub fn before(mut self, that: Step) -> Self {
        self.accounts.extend(that.accounts);
        self.effects.extend(that.effects);
        Step {
            conversation: that.conversation.or(self.conversation),
            blocked: that.blocked.or(self.blocked),
            accounts: self.accounts,
            effects: self.effects,
        }
    }

    /// Changes an account's state too.
    #[must_use]
    pub fn account(mut self, account: AccountId, state: AccountState, reason: Option<Reason>) -> Self {
        self.accounts.push(AccountChange { account, state, reason, phone: None });
        self
    }
}

/// A button.
pub fn button(label: Phrase, action: Action) -> Button {
    Button { label, action }
}

/// The commands that clients show, with what they do.
pub fn commands() -> Vec<(&'static str, Phrase)> {
    vec![
        ("start", t!("command-start")),
        ("link", t!("command-link")),
        ("numbers", t!("command-numbers")),
        ("status", t!("command-status")),
        ("logout", t!("command-logout")),
        ("language", t!("command-language")),
        ("cancel", t!("command-cancel")),
        ("erase", t!("command-erase")),
        ("help", t!("command-help")),
    ]
}

/// One step: what the person did, and what follows from it. A question that has waited too long does not count any more,
/// whoever notices it first.
pub fn step(user: &mut UserContext, input: &Input, env: &Env) -> Step {
    let parked = if park::is_overdue(user, env) { park::question(user) } else { Step::default() };
    let mut step = answer(user, input, env);
    // Who can do something here has not blocked the bot, whatever was heard before.
    if user.blocked() && !matches!(input, Input::Blocked) {
        step.blocked = Some(false);
    }
    parked.before(step)
}

fn answer(user: &UserContext, input: &Input, env: &Env) -> Step {
    match input {
        Input::Command { name, rest, message } => command(user, name, rest, *message, env),
        Input::Text { text, message, .. } => text_step(user, text, *message, env),
        Input::Contact { phone: Some(phone), .. } if user.conversation() == Conversation::LinkNumber => {
            link::by_code(user, phone.digits(), env)
        }
        Input::Contact { message, .. } | Input::Other { message, .. } => unexpected(user, *message),
        Input::Press { callback, .. } => press(user, callback, env),
        Input::Edited { message } => Step::default().reply(*message, t!("edited")),
        Input::Blocked => Step { blocked: Some(true), ..Step::default() },
        Input::Unblocked => Step { blocked: Some(false), ..Step::default() },
    }
}

fn command(user: &UserContext, name: &str, rest: &str, message: MessageId, env: &Env) -> Step {
    match name {
        "start" => welcome::start(user),
        "help" => Step::default().say(t!("help")),
        "link" if rest.is_empty() => link::choose(user, env),
        "link" => link::by_code(user, rest, env),
        "numbers" => numbers::list(user),
        "status" => numbers::status(user, env),
        "logout" => numbers::choose_logout(user),
        "erase" => erase::ask(user),
        "language" if rest.is_empty() => language::ask(),
        "language" => language::named(rest),
        "cancel" => cancel(user, false),
        _ => Step::default().reply(message, t!("unknown-command")),
    }
}

fn text_step(user: &UserContext, text: &str, message: MessageId, env: &Env) -> Step {
    match user.conversation() {
        Conversation::LinkNumber => link::by_code(user, text, env),
        Conversation::EraseConfirm => erase::confirm(user, text),
        Conversation::Idle => chat::answer(user, text, message, env),
    }
}

fn unexpected(user: &UserContext, message: MessageId) -> Step {
    let expected = match user.conversation() {
        Conversation::LinkNumber => t!("link-send-number"),
        Conversation::EraseConfirm => erase::again(user),
        Conversation::Idle => t!("text-only"),
    };
    Step::default().reply(message, expected)
}

fn press(user: &UserContext, callback: &str, env: &Env) -> Step {
    let Some(action) = user.pressed() else {
        // Forged, copied from somebody else, or older than this version: told in the same words.
        return Step::default().effect(note(callback, Some(t!("note-stale"))));
    };
    let step = match action {
        Action::Link => link::choose(user, env),
        Action::LinkQr => link::by_qr(user, env),
        Action::LinkCode => link::ask_number(user, env),
        Action::LinkCancel(account) => return link::cancel(user, account, callback),
        Action::Numbers => numbers::list(user),
        Action::Reconnect(account) => return numbers::reconnect(user, account, callback),
        Action::Logout(account) => return numbers::ask_logout(user, account, callback),
        Action::LogoutConfirm(account) => return numbers::logout(user, account, callback),
        Action::Resend(_) => return chat::resend(user, callback),
        Action::Forget(_) => return chat::forget(user, callback),
        Action::Cancel => cancel(user, true),
        Action::Speak(language) => language::speak(language),
        Action::Help => Step::default().say(t!("help")),
    };
    step.effect(note(callback, None))
}

/// The answer to a pressed button.
fn note(callback: &str, text: Option<Phrase>) -> Effect {
    Effect::AnswerPress { callback: callback.to_owned(), text, alert: false }
}

/// Stops what is under way. `offered`: by a button that offered to, so there was a question that is hereby answered.
fn cancel(user: &UserContext, offered: bool) -> Step {
    let mut step = Step::default();
    let mut stopped = offered || user.conversation() != Conversation::Idle;
    for account in user.accounts().iter().filter(|a| a.state == AccountState::QrScanning) {
        step = link::stop(step, account.id);
        stopped = true;
    }
    let said = if stopped { t!("cancelled") } else { t!("nothing-to-cancel") };
    step.say(said).then(Conversation::Idle)
}

/// Where a message from WhatsApp comes from, for its replies.
pub fn origin(account: AccountId, chat: &crate::domain::Jid) -> Origin {
    Origin { account, chat: chat.clone() }
}
