//! What a person can do: one file a flow, each a pure function from a person's state and an input to what changes.
//!
//! A flow does no I/O, draws no random number and reads no clock: [`Env`] carries those. It cannot name another person:
//! [`UserContext`] is all it knows.
pub mod account;
pub mod away;
pub mod chat;
pub mod delete;
pub mod details;
pub mod engine;
pub mod erase;
pub mod language;
pub mod line;
pub mod link;
pub mod logout;
pub mod members;
pub mod menu;
pub mod number;
pub mod numbers;
pub mod onboarding;
mod ordered;
pub mod paging;
pub mod people;
pub mod phone;
pub mod phrases;
pub mod profile;
pub mod rates;
pub mod registration;
pub mod rename;
pub mod roster;
mod stats;
pub mod write;

pub use ordered::told;

use crate::domain::effect::{Origin, Placing, Slot};
use crate::domain::{
    AccountId, AccountState, Action, Button, Class, Conversation, Country, Effect, FlowTag, Input, InviteCode, Key,
    MessageId, Order, PhoneNumber, Phrase, Plan, Reason, Resource, Role, Section, Shown, Timestamp,
};
use crate::store::UserContext;
use crate::t;
use engine::{AnyFlow, Given, Of};
use serde::Serialize;
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
    /// The flows that there are.
    pub flows: &'static [Registered],
    /// As what the person uses the bot.
    pub role: Role,
    /// The person's plan, where they have one: the rules are as it has them.
    pub plan: Option<Plan>,
    /// What the machine has nothing left of for what is new.
    pub full: Option<Resource>,
}

impl Env {
    /// The flow of this name.
    pub fn flow(&self, name: &str) -> Option<&'static dyn AnyFlow> {
        self.flows.iter().find(|registered| registered.flow.name() == name).map(|registered| registered.flow)
    }
}

/// What of a person's is awake besides the database that a step works on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Awake {
    /// The numbers that have a client.
    pub clients: Vec<AwakeClient>,
    /// The numbers whose keys are open.
    pub keys: Vec<AccountId>,
}

/// A number's client that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwakeClient {
    /// Whose it is.
    pub account: AccountId,
    /// Whether it is logged in.
    pub online: bool,
    /// When WhatsApp was last heard of; an answered ping counts.
    pub heard_at: Option<Timestamp>,
}

impl Awake {
    /// The number's client, where one runs.
    #[must_use]
    pub fn client(&self, account: AccountId) -> Option<&AwakeClient> {
        self.clients.iter().find(|client| client.account == account)
    }
}

/// Settings that flows obey.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many numbers a person may link: as their plan says, or, without one, the configuration.
    pub max_numbers: usize,
    /// How many QR linkings a person may begin within an hour.
    pub qr_per_hour: usize,
    /// How often things may be asked for.
    pub rates: rates::Rates,
    /// How long a number may be without a connection before its owner is told.
    pub tell_away_after: Duration,
    /// After how long without a sign of its phone a number's owner is warned.
    pub warn_phone_after: Duration,
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
pub struct Changes {
    /// Where the conversation stands from now on, when it moves.
    pub conversation: Option<Box<Conversation>>,
    /// Whether the person has blocked the bot, when that changes.
    pub blocked: Option<bool>,
    /// Changes of accounts.
    pub accounts: Vec<AccountChange>,
    /// What is to be done, in order.
    pub effects: Vec<Effect>,
}

impl Changes {
    /// Does this too.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Orders this too.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        self.effect(Effect::Order(order))
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

    /// Keeps this under `key` too. What serde cannot write as JSON is not kept.
    #[must_use]
    pub fn set<T: Serialize>(self, key: Key<T>, value: &T) -> Self {
        self.effect(Effect::Keep(key.name(), serde_json::to_string(value).ok()))
    }

    /// Keeps nothing under `key` any more, too.
    #[must_use]
    pub fn clear<T>(self, key: Key<T>) -> Self {
        self.effect(Effect::Keep(key.name(), None))
    }

    /// Turns this message of ours into something else too.
    #[must_use]
    pub fn turn(self, message: MessageId, text: Phrase, keyboard: Vec<Vec<Button>>) -> Self {
        self.effect(Effect::Turn { message, text, keyboard })
    }

    /// Shows this too: in the place of this message of ours, or below everything.
    #[must_use]
    pub fn show_at(self, at: Option<MessageId>, text: Phrase, keyboard: Vec<Vec<Button>>) -> Self {
        match at {
            Some(message) => self.turn(message, text, keyboard),
            None => self.ask(text, keyboard),
        }
    }

    /// Moves the conversation too.
    #[must_use]
    pub fn then(mut self, conversation: Conversation) -> Self {
        self.conversation = Some(Box::new(conversation));
        self
    }

    /// Does this first, and then that; where both move the same, that counts.
    #[must_use]
    pub fn before(mut self, that: Changes) -> Self {
        self.accounts.extend(that.accounts);
        self.effects.extend(that.effects);
        Changes {
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
    let mut all = vec![
        ("menu", t!("command-menu")),
        ("numbers", t!("command-numbers")),
        ("people", t!("command-people")),
        ("status", t!("command-status")),
        ("reconnect", t!("command-reconnect")),
        ("primary", t!("command-primary")),
        ("language", t!("command-language")),
        ("cancel", t!("command-cancel")),
        ("help", t!("command-help")),
    ];
    all.extend(FLOWS.iter().map(|registered| (registered.command, (registered.about)())));
    all
}

/// A flow, and the command that begins it.
pub struct Registered {
    /// The command's name.
    pub command: &'static str,
    /// What it does, as clients show it.
    pub about: fn() -> Phrase,
    /// The flow.
    pub flow: &'static dyn AnyFlow,
}

/// Every flow.
pub const FLOWS: &[Registered] = &[
    Registered { command: "link", about: || t!("command-link"), flow: &Of::<link::Link>::new() },
    Registered { command: "register", about: || t!("command-register"), flow: &Of::<registration::Registering>::new() },
    Registered { command: "profile", about: || t!("command-profile"), flow: &Of::<profile::Profiling>::new() },
    Registered { command: "logout", about: || t!("command-logout"), flow: &Of::<logout::Logout>::new() },
    Registered { command: "write", about: || t!("command-write"), flow: &Of::<write::Write>::new() },
    Registered { command: "rename", about: || t!("command-rename"), flow: &Of::<rename::Rename>::new() },
    Registered { command: "delete", about: || t!("command-delete"), flow: &Of::<delete::Delete>::new() },
    Registered { command: "erase", about: || t!("command-erase"), flow: &Of::<erase::Erase>::new() },
];

/// One step: what the person did, and what follows from it. A question that has waited too long does not count any more,
/// whoever notices it first.
pub fn step(user: &mut UserContext, input: &Input, env: &Env) -> Changes {
    let mut aside = Changes::default();
    if is_overdue(user, env) {
        aside = engine::set_aside(user, env);
        user.moved(aside.conversation.as_deref().cloned().unwrap_or_default());
    }
    let mut step = rates::charged(user, input, env, answer(user, input, env));
    // Who can do something here has not blocked the bot, whatever was heard before.
    if user.blocked() && !matches!(input, Input::Blocked) {
        step.blocked = Some(false);
    }
    aside.before(step)
}

/// Whether the conversation's question has waited too long for its answer.
fn is_overdue(user: &UserContext, env: &Env) -> bool {
    user.waits_since().is_some_and(|since| since.until(env.now) >= env.rules.session_ttl)
}

fn answer(user: &UserContext, input: &Input, env: &Env) -> Changes {
    match input {
        Input::Command { name, rest, message } => command(user, name, rest, *message, env),
        // A reply to a message from WhatsApp is never an answer to a question of ours.
        Input::Text { text, message, .. } if user.reply().is_some() => chat::answer(user, text, *message, env),
        Input::Text { text, message, .. } => engine::take(user, env, Given::Text(text), Some(*message))
            .unwrap_or_else(|| unasked_text(user, text, *message, env)),
        Input::Contact { phone: Some(phone), message } => engine::take(user, env, Given::Phone(phone), Some(*message))
            .unwrap_or_else(|| Changes::default().reply(*message, t!("text-only"))),
        Input::Contact { message, .. } | Input::Other { message, .. } => engine::unexpected(user, env, *message)
            .unwrap_or_else(|| Changes::default().reply(*message, t!("text-only"))),
        Input::Press { callback, .. } => press(user, callback, env),
        Input::Edited { message } => Changes::default().reply(*message, t!("edited")),
        Input::Blocked => Changes { blocked: Some(true), ..Changes::default() },
        Input::Unblocked => Changes { blocked: Some(false), ..Changes::default() },
    }
}

/// A text that answers nothing.
fn unasked_text(user: &UserContext, text: &str, message: MessageId, env: &Env) -> Changes {
    if InviteCode::parse(text).is_some() {
        // The code that has just let them in, or another one that does nothing more for them.
        menu::open(Section::Home, user, env)
    } else {
        chat::answer(user, text, message, env)
    }
}

fn command(user: &UserContext, name: &str, rest: &str, message: MessageId, env: &Env) -> Changes {
    match name {
        "start" | "menu" => menu::open(Section::Home, user, env),
        "help" => menu::open(Section::Help, user, env),
        "link" if rest.is_empty() => link::choose(user, env),
        "link" if rest.eq_ignore_ascii_case("qr") => link::by_qr(user, env),
        "link" => link::by_code(user, rest, env),
        "numbers" => menu::open(Section::Numbers, user, env),
        "status" => menu::open(Section::Status, user, env),
        "logout" => logout::command(user, rest, env),
        "primary" => number::primary_named(user, rest, message),
        "write" => write::command(user, rest, env),
        "rename" => rename::command(user, rest, env),
        "delete" => delete::command(user, rest, env),
        "reconnect" => numbers::reconnect_named(user, rest, message),
        "language" if rest.is_empty() => menu::open(Section::Language, user, env),
        "language" => language::named(rest),
        "resend" => chat::resend(user).unwrap_or_else(|| Changes::default().reply(message, t!("resend-none"))),
        "forget" => chat::forget(user).unwrap_or_else(|| Changes::default().reply(message, t!("resend-none"))),
        "back" => engine::back(user, env, Placing::Below)
            .unwrap_or_else(|| Changes::default().reply(message, t!("back-nowhere"))),
        "cancel" => cancel(user, env, Some(message)),
        _ => match env.flows.iter().find(|registered| registered.command == name) {
            Some(registered) => engine::begin(user, env, registered.flow.name()),
            None => people::command(user, name, rest, env)
                .or_else(|| members::command(name, rest, env))
                .unwrap_or_else(|| Changes::default().reply(message, t!("unknown-command"))),
        },
    }
}

fn press(user: &UserContext, callback: &str, env: &Env) -> Changes {
    let stale = || Changes::default().effect(note(callback, Some(t!("note-stale"))));
    // Forged, copied from somebody else, or older than this version: told in the same words.
    let Some(action) = user.pressed() else { return stale() };
    let turn = action.turn();
    if turn.is_some_and(|turn| engine::stale(user, turn)) {
        return stale();
    }
    let step = match action {
        Action::Choose { choice, .. } => engine::take(user, env, Given::Choice(choice), None),
        Action::Back(_) => engine::back(user, env, engine::at_press(user)),
        Action::Stop(_) => engine::cancel(user, env, None),
        Action::Resume(_) => engine::resume(user, env, engine::at_press(user)),
        Action::KeepFlow(_) => engine::keep(user, env, engine::at_press(user)),
        Action::OtherFlow(_) => engine::replace(user, env, engine::at_press(user)),
        Action::Begin(tag) => {
            let flow = env.flows.iter().find(|registered| FlowTag::of(registered.flow.name()) == tag);
            flow.map(|registered| engine::begin(user, env, registered.flow.name()))
        }
        Action::Open(section) => Some(menu::open(section, user, env)),
        Action::NumbersFrom { first, before } => {
            Some(menu::show(user, numbers::screen(user, Some((first, before)), env)))
        }
        Action::Link => Some(link::choose(user, env)),
        Action::LinkQr => Some(link::by_qr(user, env)),
        Action::LinkCode => Some(engine::begin(user, env, link::NAME)),
        Action::LinkCancel(account) => return link::cancel(user, account, callback),
        Action::Reconnect(account) => return numbers::reconnect(user, account, callback),
        Action::Number(account) => number::open(user, account, env),
        Action::Rename(account) => rename::of(user, env, account),
        Action::Delete(account) => delete::of(user, env, account),
        Action::Primary(account) => return number::make_primary(user, account, callback, env),
        Action::LinkAnew(account) => return number::link_anew(user, account, callback, env),
        Action::Logout(account) => return numbers::ask_logout(user, account, callback, env),
        Action::Resend(_) => {
            return chat::resend(user)
                .map_or_else(stale, |step| step.effect(note(callback, Some(t!("note-sending-again")))));
        }
        Action::Forget(_) => {
            return chat::forget(user).map_or_else(stale, |step| step.effect(note(callback, Some(t!("note-left")))));
        }
        Action::Cancel => Some(cancel(user, env, None)),
        Action::Speak(language) => Some(language::speak(language)),
        Action::Invite { uses, days } => Some(members::make(uses, days, env)),
        Action::Manage(what) => members::manage(what, env),
        Action::Revoke(id) => Some(members::revoke(id)),
        Action::People(what) => return people::press(user, what, callback, env),
        Action::Members(what) => Some(roster::press(user, what, env)),
    };
    step.map_or_else(stale, |step| step.effect(note(callback, None)))
}

/// The answer to a pressed button.
fn note(callback: &str, text: Option<Phrase>) -> Effect {
    Effect::AnswerPress { callback: callback.to_owned(), text, alert: false }
}

/// Stops what is under way. `message`: the command; without, a button that offered to stop was pressed, so there was a
/// question that is hereby answered.
fn cancel(user: &UserContext, env: &Env, message: Option<MessageId>) -> Changes {
    let mut step = Changes::default();
    let linking: Vec<AccountId> =
        user.accounts().iter().filter(|a| a.state == AccountState::QrScanning).map(|a| a.id).collect();
    for account in &linking {
        step = link::stop(step, *account);
    }
    match engine::cancel(user, env, message) {
        Some(stopped) => step.before(stopped),
        None if message.is_none() || !linking.is_empty() => step.say(t!("cancelled")),
        None => step.say(t!("nothing-to-cancel")),
    }
}

/// Where a message from WhatsApp comes from, for its replies.
pub fn origin(account: AccountId, chat: &crate::domain::Jid) -> Origin {
    Origin { account, chat: chat.clone() }
}
