//! Linking a number: by QR picture or by code.
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, button, engine, note, phrases};
use crate::domain::effect::Slot;
use crate::domain::{
    AccountId, AccountState, Action, Button, Effect, LoginMethod, PhoneNumber, Phrase, Reason, Resource,
};
use crate::limits::window;
use crate::store::UserContext;
use crate::store::context::QR_WINDOW;
use crate::t;
use crate::words::span;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The buttons that offer both ways.
pub fn ways() -> Vec<Vec<Button>> {
    vec![vec![button(t!("button-qr"), Action::LinkQr), button(t!("button-code"), Action::LinkCode)]]
}

/// Which way.
pub fn question() -> Phrase {
    Phrase::lines([t!("link-method"), t!("link-typed")])
}

/// The same, and neither.
pub fn methods() -> Vec<Vec<Button>> {
    let mut keyboard = ways();
    keyboard.push(vec![button(t!("button-cancel"), Action::Cancel)]);
    keyboard
}

/// Asks which way.
pub fn choose(user: &UserContext, env: &Env) -> Changes {
    match hindrance(user, env) {
        Some(step) => step,
        None => Changes::default().ask(question(), methods()),
    }
}

/// Why no linking can begin now.
fn hindrance(user: &UserContext, env: &Env) -> Option<Changes> {
    if user.accounts().iter().any(|a| a.state == AccountState::QrScanning) {
        return Some(Changes::default().say(t!("link-already")));
    }
    match env.full {
        None => {}
        Some(Resource::Storage) => return Some(Changes::default().say(t!("link-storage-full", code = "storage-full"))),
        Some(_) => return Some(Changes::default().say(t!("link-full", code = "guard-full"))),
    }
    let used = user.accounts().iter().filter(|a| a.state.counts()).count();
    (used >= env.rules.max_numbers)
        .then(|| Changes::default().say(t!("link-too-many", used = used, allowed = env.rules.max_numbers)))
}

/// Begins linking by QR picture.
pub fn by_qr(user: &UserContext, env: &Env) -> Changes {
    if let Some(step) = hindrance(user, env) {
        return step;
    }
    if let Some(wait) = qr_wait(user, env) {
        return Changes::default().say(wait);
    }
    let begun = Changes::default().effect(Effect::StartLink(LoginMethod::Qr));
    // Whoever was asked for the number has chosen the other way.
    match &user.conversation().open {
        Some(open) if open.flow == NAME => begun.then(user.conversation().idle()),
        _ => begun,
    }
}

/// That there were too many QR codes within the hour, when there were.
pub fn qr_wait(user: &UserContext, env: &Env) -> Option<Phrase> {
    let wait = window::allow(user.qr_shown(), env.now, env.rules.qr_per_hour, QR_WINDOW).err()?;
    let minutes = Duration::from_secs(wait.as_secs().div_ceil(60).max(1) * 60);
    Some(t!("link-qr-limit", allowed = env.rules.qr_per_hour, wait = span(minutes)))
}

/// Asking for the number to link by code.
pub struct Link;

/// The flow's name.
pub const NAME: &str = Link::NAME;

/// Its steps.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Send the number.
    Number,
}

impl Flow for Link {
    const NAME: &'static str = "link";
    type Step = Step;
    type Answers = ();

    fn title() -> Phrase {
        t!("link-title")
    }

    fn begin(user: &UserContext, env: &Env) -> Result<(Step, ()), Changes> {
        hindrance(user, env).map_or(Ok((Step::Number, ())), Err)
    }

    fn ask(_: Step, (): &(), _: &UserContext, _: &Env) -> Question {
        Question::new(t!("link-ask-number"), t!("link-send-number"))
    }

    fn answer(_: Step, (): (), given: Given<'_>, user: &UserContext, env: &Env) -> Next<Self> {
        let phone = match given {
            Given::Text(text) => PhoneNumber::parse_local(text, env.rules.country),
            Given::Phone(phone) => Ok(phone.clone()),
            Given::Choice(_) => return Next::Again(t!("link-send-number")),
        };
        let phone = match phone {
            Ok(phone) => phone,
            Err(problem) => return Next::Again(t!("link-bad-number", problem = phrases::phone_problem(problem))),
        };
        match hindrance(user, env) {
            Some(instead) => Next::Done(t!("cancelled"), instead),
            None => {
                let started = t!("link-by-code", phone = phone.to_string());
                Next::Done(started, Changes::default().effect(Effect::StartLink(LoginMethod::Code(phone))))
            }
        }
    }

    fn aside(_: &UserContext) -> Phrase {
        t!("parked-link")
    }
}

/// Begins linking by code, for the number that was typed.
pub fn by_code(user: &UserContext, typed: &str, env: &Env) -> Changes {
    if let Some(step) = hindrance(user, env) {
        return step;
    }
    match PhoneNumber::parse_local(typed, env.rules.country) {
        Ok(phone) => Changes::default().effect(Effect::StartLink(LoginMethod::Code(phone))),
        Err(problem) => {
            let problem = phrases::phone_problem(problem);
            engine::begin_again(user, env, NAME, t!("link-bad-number", problem = problem))
        }
    }
}

/// Stops a linking because its button says so.
pub fn cancel(user: &UserContext, account: AccountId, callback: &str) -> Changes {
    match user.account(account) {
        Some(a) if a.state == AccountState::QrScanning => {
            stop(Changes::default(), account).effect(note(callback, Some(t!("note-cancelled"))))
        }
        _ => Changes::default().effect(note(callback, Some(t!("note-stale")))),
    }
}

/// Stops a linking.
pub fn stop(step: Changes, account: AccountId) -> Changes {
    step.account(account, AccountState::Removed, Some(Reason::Cancelled))
        .show(Slot::linking(account), t!("link-cancelled"), vec![vec![button(t!("button-link"), Action::Link)]])
        .effect(Effect::CancelLink(account))
}
