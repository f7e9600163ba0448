//! Linking a number: by QR picture or by code.
use super::{Env, Step, button, note, phrases};
use crate::domain::effect::Slot;
use crate::domain::{AccountId, AccountState, Action, Button, Conversation, Effect, LoginMethod, PhoneNumber, Reason};
use crate::limits::window;
use crate::store::UserContext;
use crate::store::context::QR_WINDOW;
use crate::t;
use crate::words::span;
use std::time::Duration;

/// The buttons that offer both ways.
pub fn methods() -> Vec<Vec<Button>> {
    vec![
        vec![button(t!("button-qr"), Action::LinkQr), button(t!("button-code"), Action::LinkCode)],
        vec![button(t!("button-cancel"), Action::Cancel)],
    ]
}

/// Asks which way.
pub fn choose(user: &UserContext, env: &Env) -> Step {
    match hindrance(user, env) {
        Some(step) => step,
        None => Step::default().ask(t!("link-method"), methods()).then(Conversation::Idle),
    }
}

/// Why no linking can begin now.
fn hindrance(user: &UserContext, env: &Env) -> Option<Step> {
    if user.accounts().iter().any(|a| a.state == AccountState::QrScanning) {
        return Some(Step::default().say(t!("link-already")));
    }
    let used = user.accounts().iter().filter(|a| a.state.counts()).count();
    (used >= env.rules.max_numbers).then(|| {
        Step::default().say(t!("link-too-many", used = used, allowed = env.rules.max_numbers)).then(Conversation::Idle)
    })
}

/// Begins linking by QR picture.
pub fn by_qr(user: &UserContext, env: &Env) -> Step {
    if let Some(step) = hindrance(user, env) {
        return step;
    }
    if let Err(wait) = window::allow(user.qr_shown(), env.now, env.rules.qr_per_hour, QR_WINDOW) {
        let minutes = Duration::from_secs(wait.as_secs().div_ceil(60).max(1) * 60);
        return Step::default().say(t!("link-qr-limit", allowed = env.rules.qr_per_hour, wait = span(minutes)));
    }
    Step::default().effect(Effect::StartLink(LoginMethod::Qr)).then(Conversation::Idle)
}

/// Asks for the number to link by code.
pub fn ask_number(user: &UserContext, env: &Env) -> Step {
    match hindrance(user, env) {
        Some(step) => step,
        None => {
            let keyboard = vec![vec![button(t!("button-cancel"), Action::Cancel)]];
            Step::default().ask(t!("link-ask-number"), keyboard).then(Conversation::LinkNumber)
        }
    }
}

/// Begins linking by code, for the number that was typed.
pub fn by_code(user: &UserContext, typed: &str, env: &Env) -> Step {
    if let Some(step) = hindrance(user, env) {
        return step;
    }
    match PhoneNumber::parse_local(typed, env.rules.country) {
        Ok(phone) => Step::default().effect(Effect::StartLink(LoginMethod::Code(phone))).then(Conversation::Idle),
        Err(problem) => {
            let problem = phrases::phone_problem(problem);
            Step::default().say(t!("link-bad-number", problem = problem)).then(Conversation::LinkNumber)
        }
    }
}

/// Stops a linking because its button says so.
pub fn cancel(user: &UserContext, account: AccountId, callback: &str) -> Step {
    match user.account(account) {
        Some(a) if a.state == AccountState::QrScanning => {
            stop(Step::default(), account).effect(note(callback, Some(t!("note-cancelled"))))
        }
        _ => Step::default().effect(note(callback, Some(t!("note-stale")))),
    }
}

/// Stops a linking.
pub fn stop(step: Step, account: AccountId) -> Step {
    step.account(account, AccountState::Removed, Some(Reason::Cancelled))
        .show(Slot::linking(account), t!("link-cancelled"), vec![vec![button(t!("button-link"), Action::Link)]])
        .effect(Effect::CancelLink(account))
}
