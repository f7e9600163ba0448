//! Looking at one's numbers, connecting them again, and letting them go.
use super::{Env, Step, button, note, words};
use crate::domain::{Account, AccountId, AccountState, Action, Button, Conversation, Effect, RichText};
use crate::store::UserContext;

/// One line a number.
pub fn lines(user: &UserContext) -> Vec<RichText> {
    user.accounts().iter().map(words::account_line).collect()
}

/// The numbers, with what can be done about each.
pub fn list(user: &UserContext) -> Step {
    if user.accounts().is_empty() {
        return Step::default().ask(words::no_numbers(), super::link::methods());
    }
    let mut keyboard: Vec<Vec<Button>> = user.accounts().iter().filter_map(buttons).collect();
    keyboard.push(vec![button(words::LINK_BUTTON, Action::Link)]);
    Step::default().ask(words::numbers(&lines(user)), keyboard)
}

fn buttons(account: &Account) -> Option<Vec<Button>> {
    let name = words::account_name(account);
    match account.state {
        AccountState::QrScanning => {
            Some(vec![button(&format!("{} {name}", words::CANCEL_BUTTON), Action::LinkCancel(account.id))])
        }
        AccountState::Connected | AccountState::Authenticated => {
            Some(vec![button(&format!("{} {name}", words::LOGOUT_BUTTON), Action::Logout(account.id))])
        }
        AccountState::Disconnected | AccountState::Failed => Some(vec![
            button(&format!("{} {name}", words::RECONNECT_BUTTON), Action::Reconnect(account.id)),
            button(&format!("{} {name}", words::LOGOUT_BUTTON), Action::Logout(account.id)),
        ]),
        AccountState::LoggingOut | AccountState::Removed => None,
    }
}

/// What is connected and what is under way.
pub fn status(user: &UserContext, env: &Env) -> Step {
    let used = user.accounts().iter().filter(|a| a.state.counts()).count();
    let numbers = words::status(&lines(user), used, env.rules.max_numbers);
    let conversation = words::awake_conversation(user.conversation(), env.rules.session_ttl);
    let databases = words::awake_databases(env.awake.keys.len(), env.rules.idle_close);
    let clients = user.accounts().iter().map(|account| {
        let client = env.awake.clients.iter().find(|(id, _)| *id == account.id).map(|(_, online)| *online);
        words::awake_number(account, client)
    });
    let awake: Vec<RichText> = [conversation, databases].into_iter().chain(clients).collect();
    Step::default().say(words::with_awake(numbers, &awake))
}

/// Connects a number again.
pub fn reconnect(user: &UserContext, account: AccountId, callback: &str) -> Step {
    match user.account(account) {
        Some(a) if matches!(a.state, AccountState::Disconnected | AccountState::Failed) => Step::default()
            .account(account, AccountState::Disconnected, None)
            .effect(Effect::Reconnect(account))
            .effect(note(callback, Some(words::CONNECTING))),
        _ => Step::default().effect(note(callback, Some(words::stale_button()))),
    }
}

/// Asks which number to log out, or whether to, when there is only one.
pub fn choose_logout(user: &UserContext) -> Step {
    let numbers: Vec<&Account> =
        user.accounts().iter().filter(|a| a.state.is_linked() || a.state == AccountState::Failed).collect();
    match numbers.as_slice() {
        [] => Step::default().ask(words::no_numbers(), super::link::methods()),
        [one] => ask(one),
        many => {
            let label = |a: &Account| format!("{} {}", words::LOGOUT_BUTTON, words::account_name(a));
            let keyboard = many.iter().map(|a| vec![button(&label(a), Action::Logout(a.id))]).collect();
            Step::default().ask(words::which_logout(), keyboard)
        }
    }
}

fn ask(account: &Account) -> Step {
    let keyboard = vec![vec![
        button(words::LOGOUT_YES_BUTTON, Action::LogoutConfirm(account.id)),
        button(words::KEEP_BUTTON, Action::Cancel),
    ]];
    Step::default().ask(words::ask_logout(account), keyboard)
}

/// Asks whether to log this number out.
pub fn ask_logout(user: &UserContext, account: AccountId, callback: &str) -> Step {
    match user.account(account).filter(|a| a.state.is_linked() || a.state == AccountState::Failed) {
        Some(account) => ask(account).effect(note(callback, None)),
        None => Step::default().effect(note(callback, Some(words::stale_button()))),
    }
}

/// Logs a number out.
pub fn logout(user: &UserContext, account: AccountId, callback: &str) -> Step {
    match user.account(account).filter(|a| a.state.is_linked() || a.state == AccountState::Failed) {
        Some(a) => Step::default()
            .account(account, AccountState::LoggingOut, None)
            .say(words::logging_out(a))
            .effect(Effect::Logout(account))
            .effect(note(callback, None))
            .then(Conversation::Idle),
        None => Step::default().effect(note(callback, Some(words::stale_button()))),
    }
}
