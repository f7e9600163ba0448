//! Linking a number: by QR picture or by code.
use super::{Env, Step, button, note, words};
use crate::domain::effect::Slot;
use crate::domain::{AccountId, AccountState, Action, Button, Conversation, Effect, LoginMethod, PhoneNumber, Reason};
use crate::limits::window;
use crate::store::UserContext;
use crate::store::context::QR_WINDOW;

/// The buttons that offer both ways.
pub fn methods() -> Vec<Vec<Button>> {
    vec![
        vec![button(words::QR_BUTTON, Action::LinkQr), button(words::CODE_BUTTON, Action::LinkCode)],
        vec![button(words::CANCEL_BUTTON, Action::Cancel)],
    ]
}

/// Asks which way.
pub fn choose(user: &UserContext, env: &Env) -> Step {
    match hindrance(user, env) {
        Some(step) => step,
        None => Step::default().ask(words::choose_method(), methods()).then(Conversation::Idle),
    }
}

/// Why no linking can begin now.
fn hindrance(user: &UserContext, env: &Env) -> Option<Step> {
    if user.accounts().iter().any(|a| a.state == AccountState::QrScanning) {
        return Some(Step::default().say(words::already_linking()));
    }
    let used = user.accounts().iter().filter(|a| a.state.counts()).count();
    (used >= env.rules.max_numbers)
        .then(|| Step::default().say(words::too_many_numbers(used, env.rules.max_numbers)).then(Conversation::Idle))
}

/// Begins linking by QR picture.
pub fn by_qr(user: &UserContext, env: &Env) -> Step {
    if let Some(step) = hindrance(user, env) {
        return step;
    }
    if let Err(wait) = window::allow(user.qr_shown(), env.now, env.rules.qr_per_hour, QR_WINDOW) {
        return Step::default().say(words::qr_limit(env.rules.qr_per_hour, wait));
    }
    Step::default().effect(Effect::StartLink(LoginMethod::Qr)).then(Conversation::Idle)
}

/// Asks for the number to link by code.
pub fn ask_number(user: &UserContext, env: &Env) -> Step {
    match hindrance(user, env) {
        Some(step) => step,
        None => {
            let keyboard = vec![vec![button(words::CANCEL_BUTTON, Action::Cancel)]];
            Step::default().ask(words::ask_number(), keyboard).then(Conversation::LinkNumber)
        }
    }
}

/// Begins linking by code, for the number that was typed.
pub fn by_code(user: &UserContext, typed: &str, env: &Env) -> Step {
    if let Some(step) = hindrance(user, env) {
        return step;
    }
    match PhoneNumber::parse(typed) {
        Ok(phone) => Step::default().effect(Effect::StartLink(LoginMethod::Code(phone))).then(Conversation::Idle),
        Err(problem) => Step::default().say(words::bad_number(problem)).then(Conversation::LinkNumber),
    }
}

/// Stops a linking because its button says so.
pub fn cancel(user: &UserContext, account: AccountId, callback: &str) -> Step {
    match user.account(account) {
        Some(a) if a.state == AccountState::QrScanning => {
            stop(Step::default(), account).effect(note(callback, Some(words::CANCELLED)))
        }
        _ => Step::default().effect(note(callback, Some(words::stale_button()))),
    }
}

/// Stops a linking.
pub fn stop(step: Step, account: AccountId) -> Step {
    step.account(account, AccountState::Removed, Some(Reason::Cancelled))
        .show(Slot::linking(account), words::link_cancelled(), vec![vec![button(words::LINK_BUTTON, Action::Link)]])
        .effect(Effect::CancelLink(account))
}
