//! From what a step wants to rows: the second half of a step's transaction.
use crate::domain::effect::{Origin, Placing, Slot};
use crate::domain::text::MESSAGE_UNITS;
use crate::domain::{
    AccountId, Body, Button, Chart, Class, Effect, LoginMethod, MessageId, Outgoing, Phrase, Place, RichText, Shown,
};
use crate::flows::{Changes, chat, phrases};
use crate::session::NumberState;
use crate::store::sends::{NewSend, SendState};
use crate::store::{Person, Result, Tx, accounts, flags, kept, orders, profile, says, sends, shows, tokens};
use crate::words::{Locale, plain, render};

/// What there is to tell Telegram.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// Nothing.
    #[default]
    Nothing,
    /// Something that may still change: it is due once it has [settled](Slot::settles_in).
    Soon,
    /// Something that is due.
    Now,
}

/// What has to happen once the transaction is committed.
#[derive(Default)]
pub struct Applied {
    /// Answers to pressed buttons: callback id, text, whether as a box.
    pub presses: Vec<(String, Option<String>, bool)>,
    /// Whether there is something to tell Telegram.
    pub talk: Talk,
    /// There is something to send to WhatsApp.
    pub send: bool,
    /// An account is not as it should be.
    pub care: bool,
    /// Linkings to begin.
    pub links: Vec<AccountId>,
    /// Whether the person has blocked the bot, when that changed.
    pub blocked: Option<bool>,
    /// Something was ordered.
    pub orders: bool,
    /// What lies outside for others, or for another start, is not as the vault has it.
    pub share: bool,
    /// Everything is to be erased.
    pub erase: bool,
    /// What the conversation waits for, when it moved.
    pub conversation: Option<Option<Place>>,
    /// The numbers, when one of them changed.
    pub numbers: Option<Vec<NumberState>>,
}

impl Applied {
    /// What two steps want together.
    pub fn join(&mut self, other: Applied) {
        self.presses.extend(other.presses);
        self.links.extend(other.links);
        self.talk = self.talk.max(other.talk);
        self.send |= other.send;
        self.care |= other.care;
        self.orders |= other.orders;
        self.share |= other.share;
        self.erase |= other.erase;
        self.blocked = other.blocked.or(self.blocked);
        self.conversation = other.conversation.or(self.conversation.take());
        self.numbers = other.numbers.or(self.numbers.take());
    }
}

/// The person's numbers, as a session shows them.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub fn numbers(tx: &Tx<'_>) -> Result<Vec<NumberState>> {
    Ok(accounts::list(tx)?.iter().map(NumberState::from).collect())
}

/// Where rows are written, and under whose name.
pub struct Applier<'a> {
    /// The transaction.
    pub tx: &'a Tx<'a>,
    /// The person that they belong to.
    pub person: &'a Person<'a>,
    /// How they want things told.
    pub locale: Locale,
    /// What the step was about: with an effect's number, its key.
    pub source: String,
}

impl<'a> Applier<'a> {
    /// Writes for this person, in their language.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub fn new(tx: &'a Tx<'a>, person: &'a Person<'a>, source: String) -> Result<Self> {
        Ok(Applier { tx, person, locale: flags::locale(tx)?, source })
    }

    /// Writes down what a step changes and wants.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError); then the transaction must not be committed.
    pub fn apply(&mut self, step: Changes) -> Result<Applied> {
        let mut applied = Applied { blocked: step.blocked, ..Applied::default() };
        if let Some(conversation) = step.conversation {
            flags::set_conversation(self.tx, &conversation, self.person.now())?;
            applied.conversation = Some(conversation.place());
        }
        if let Some(blocked) = step.blocked {
            flags::set_blocked(self.tx, blocked)?;
            applied.talk = Talk::Now;
        }
        for change in step.accounts {
            accounts::set_state(self.tx, change.account, change.state, change.reason, self.person.now())?;
            if let Some(phone) = &change.phone {
                accounts::set_phone(self.tx, change.account, phone)?;
            }
            applied.care = true;
        }
        let mut n = 0;
        for effect in step.effects {
            self.effect(effect, &mut n, &mut applied)?;
        }
        if applied.care {
            applied.numbers = Some(numbers(self.tx)?);
        }
        Ok(applied)
    }

    fn effect(&mut self, effect: Effect, n: &mut usize, applied: &mut Applied) -> Result<()> {
        match effect {
            Effect::Say { text, keyboard, reply_to, class, origin } => {
                self.say(&render(&text, self.locale), &keyboard, reply_to, class, origin.as_ref())?;
                applied.talk = Talk::Now;
            }
            Effect::Show { slot, shown, keyboard, reply_to, expires_at } => {
                let out = self.outgoing(self.body(shown), &keyboard, reply_to);
                shows::put(self.tx, &slot, &out, expires_at, self.person.now())?;
                applied.talk = applied.talk.max(if slot.settles_in().is_zero() { Talk::Now } else { Talk::Soon });
            }
            Effect::Ask { run, text, keyboard, placing } => {
                let slot = Slot::question(run);
                shows::forget_others(self.tx, &slot)?;
                let mut out = self.outgoing(self.body(Shown::Text(text)), &keyboard, None);
                out.replaces = match placing {
                    Placing::Below => shows::take_message(self.tx, &slot)?,
                    Placing::InPlace => shows::replaced(self.tx, &slot)?,
                };
                shows::put(self.tx, &slot, &out, None, self.person.now())?;
                applied.talk = Talk::Now;
            }
            Effect::Turn { message, text, keyboard } => {
                let slot = Slot::screen(message);
                shows::forget_others(self.tx, &slot)?;
                let out = self.outgoing(self.body(Shown::Text(text)), &keyboard, None);
                shows::put(self.tx, &slot, &out, None, self.person.now())?;
                shows::adopt(self.tx, &slot, message)?;
                applied.talk = Talk::Now;
            }
            Effect::Keep(name, value) => kept::put(self.tx, name, value.as_deref())?,
            Effect::AnswerPress { callback, text, alert } => {
                let text = text.map(|text| plain(&text, self.locale));
                applied.presses.push((callback, text, alert));
            }
            Effect::SendWhatsApp { account, chat, text, message_id, asked_by } => {
                let new = NewSend { account, chat: &chat, message_id: &message_id, text: &text, asked_by };
                sends::add(self.tx, &self.source, *n, &new, self.person.now())?;
                *n += 1;
                applied.send = true;
            }
            Effect::Resend { effect } => {
                if sends::advance(self.tx, effect, SendState::Pending, None)? {
                    self.outcome(effect, SendState::Pending, applied)?;
                    applied.send = true;
                }
            }
            Effect::Forget { effect } => {
                if sends::advance(self.tx, effect, SendState::Forgotten, None)? {
                    self.outcome(effect, SendState::Forgotten, applied)?;
                }
            }
            Effect::Speak(language) => {
                flags::set_language(self.tx, language)?;
                self.locale = flags::locale(self.tx)?;
            }
            Effect::Order(order) => {
                orders::add(self.tx, &self.source, *n, &order)?;
                *n += 1;
                applied.orders = true;
            }
            Effect::SaveProfile(details) => {
                profile::save(self.tx, &details, self.person.now())?;
                self.locale = flags::locale(self.tx)?;
            }
            Effect::Publish(shows) => applied.share |= profile::publish(self.tx, shows)?,
            Effect::Unpublish => applied.share |= profile::unpublish(self.tx)?,
            Effect::KeepRegistration { phone, step, session_data } => {
                profile::keep(self.tx, phone, step, session_data, self.person.now())?;
                applied.share = true;
            }
            Effect::EndRegistration => {
                profile::end_registration(self.tx)?;
                applied.share = true;
            }
            Effect::MakePrimary(account) => accounts::make_primary(self.tx, account)?,
            Effect::Rename(account, label) => accounts::rename(self.tx, account, label.as_ref())?,
            Effect::DeleteNumber(account) => accounts::delete(self.tx, account)?,
            Effect::StartLink(method) => self.start_link(&method, applied)?,
            Effect::CancelLink(_) | Effect::Reconnect(_) | Effect::Logout(_) => applied.care = true,
            // Noted by the worker, which knows the update that asked for it.
            Effect::Erase => applied.erase = true,
        }
        Ok(())
    }

    fn outcome(&mut self, send: i64, state: SendState, applied: &mut Applied) -> Result<()> {
        if let Some(send) = sends::get(self.tx, send)? {
            self.effect(chat::outcome(&send, state, None), &mut 0, applied)?;
        }
        Ok(())
    }

    fn start_link(&self, method: &LoginMethod, applied: &mut Applied) -> Result<()> {
        let account = accounts::create(self.tx, method, self.person.now())?;
        if *method == LoginMethod::Qr {
            accounts::qr_shown(self.tx, self.person.now())?;
        } else {
            let slot = Slot::linking(account);
            let out = self.outgoing(self.body(Shown::Text(phrases::link_started(method))), &[], None);
            shows::put(self.tx, &slot, &out, None, self.person.now())?;
            applied.talk = Talk::Now;
        }
        applied.links.push(account);
        applied.care = true;
        Ok(())
    }

    /// One row for each part that fits a message; the buttons stand under the last.
    fn say(
        &self,
        text: &RichText,
        keyboard: &[Vec<Button>],
        reply_to: Option<MessageId>,
        class: Class,
        origin: Option<&Origin>,
    ) -> Result<()> {
        let parts = text.split(MESSAGE_UNITS);
        let last = parts.len() - 1;
        for (i, part) in parts.into_iter().enumerate() {
            let buttons = if i == last { keyboard } else { &[] };
            let out = self.outgoing(Body::Text(part), buttons, reply_to.filter(|_| i == 0));
            says::add(self.tx, class, &out, origin, self.person.now())?;
        }
        Ok(())
    }

    fn body(&self, shown: Shown) -> Body {
        let text = |phrase: Phrase| render(&phrase, self.locale);
        match shown {
            Shown::Text(phrase) => Body::Text(text(phrase)),
            Shown::Qr { payload, caption } => Body::Qr { payload, caption: text(caption) },
            Shown::Chart { chart, caption } => {
                let ahead = self.locale.minutes_ahead(chart.from);
                Body::Chart { chart: Chart { ahead, ..chart }, caption: text(caption) }
            }
        }
    }

    fn outgoing(&self, body: Body, keyboard: &[Vec<Button>], reply_to: Option<MessageId>) -> Outgoing {
        let sign = |b: &Button| (plain(&b.label, self.locale), tokens::sign(self.person.tokens(), b.action));
        Outgoing {
            chat: self.person.chat(),
            body,
            keyboard: keyboard.iter().map(|row| row.iter().map(sign).collect()).collect(),
            reply_to,
            silent: false,
            replaces: None,
            language: self.locale.language,
        }
    }
}

#[cfg(test)]
mod tests;
