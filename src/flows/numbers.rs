//! Looking at one's numbers, connecting them again, and letting them go.
use super::{Changes, Env, button, note, phrases};
use crate::domain::{Account, AccountId, AccountState, Action, Button, Effect, Phrase};
use crate::store::UserContext;
use crate::t;
use crate::words::span;

/// One line a number.
pub fn lines(user: &UserContext) -> Phrase {
    Phrase::lines(user.accounts().iter().map(phrases::account_line))
}

/// The numbers, with what can be done about each.
pub fn list(user: &UserContext) -> Changes {
    if user.accounts().is_empty() {
        return Changes::default().ask(t!("no-numbers"), super::link::methods());
    }
    let mut keyboard: Vec<Vec<Button>> = user.accounts().iter().filter_map(buttons).collect();
    keyboard.push(vec![button(t!("button-link"), Action::Link)]);
    Changes::default().ask(t!("numbers", numbers = lines(user)), keyboard)
}

fn buttons(account: &Account) -> Option<Vec<Button>> {
    let name = phrases::account_name(account);
    match account.state {
        AccountState::QrScanning => {
            Some(vec![button(t!("button-cancel-number", number = name), Action::LinkCancel(account.id))])
        }
        AccountState::Connected | AccountState::Authenticated => {
            Some(vec![button(t!("button-logout-number", number = name), Action::Logout(account.id))])
        }
        AccountState::Disconnected | AccountState::Failed => Some(vec![
            button(t!("button-reconnect-number", number = name.clone()), Action::Reconnect(account.id)),
            button(t!("button-logout-number", number = name), Action::Logout(account.id)),
        ]),
        AccountState::LoggingOut | AccountState::Removed => None,
    }
}

/// What is connected and what is under way.
pub fn status(user: &UserContext, env: &Env) -> Changes {
    let used = user.accounts().iter().filter(|a| a.state.counts()).count();
    let mut status = t!("status", used = used, allowed = env.rules.max_numbers);
    if !user.accounts().is_empty() {
        status = t!("status-lines", status = status, numbers = lines(user));
    }
    let conversation = awake_conversation(user, env);
    let databases = t!("awake-databases", keys = env.awake.keys.len(), span = span(env.rules.idle_close));
    let clients = user.accounts().iter().map(|account| {
        let client = env.awake.clients.iter().find(|(id, _)| *id == account.id).map(|(_, online)| *online);
        phrases::awake_number(account, client)
    });
    let awake = Phrase::lines([conversation, databases].into_iter().chain(clients));
    Changes::default().say(t!("status-awake", status = status, awake = awake))
}

/// The conversation on screen, and how long it stays.
fn awake_conversation(user: &UserContext, env: &Env) -> Phrase {
    let ttl = span(env.rules.session_ttl);
    let open = user.conversation().open.as_ref().and_then(|open| env.flow(&open.flow));
    match open {
        Some(flow) => t!("awake-flow", title = flow.title(), span = ttl),
        None => t!("awake-idle", span = ttl),
    }
}

/// Connects a number again.
pub fn reconnect(user: &UserContext, account: AccountId, callback: &str) -> Changes {
    match user.account(account) {
        Some(a) if matches!(a.state, AccountState::Disconnected | AccountState::Failed) => Changes::default()
            .account(account, AccountState::Disconnected, None)
            .effect(Effect::Reconnect(account))
            .effect(note(callback, Some(t!("note-connecting")))),
        _ => Changes::default().effect(note(callback, Some(t!("note-stale")))),
    }
}

/// Asks which number to log out, or whether to, when there is only one.
pub fn choose_logout(user: &UserContext) -> Changes {
    let numbers: Vec<&Account> =
        user.accounts().iter().filter(|a| a.state.is_linked() || a.state == AccountState::Failed).collect();
    match numbers.as_slice() {
        [] => Changes::default().ask(t!("no-numbers"), super::link::methods()),
        [one] => ask(one),
        many => {
            let label = |a: &Account| t!("button-logout-number", number = phrases::account_name(a));
            let keyboard = many.iter().map(|a| vec![button(label(a), Action::Logout(a.id))]).collect();
            Changes::default().ask(t!("logout-which"), keyboard)
        }
    }
}

fn ask(account: &Account) -> Changes {
    let keyboard = vec![vec![
        button(t!("button-logout-yes"), Action::LogoutConfirm(account.id)),
        button(t!("button-keep"), Action::Cancel),
    ]];
    Changes::default().ask(t!("logout-ask", number = phrases::account_name(account)), keyboard)
}

/// Asks whether to log this number out.
pub fn ask_logout(user: &UserContext, account: AccountId, callback: &str) -> Changes {
    match user.account(account).filter(|a| a.state.is_linked() || a.state == AccountState::Failed) {
        Some(account) => ask(account).effect(note(callback, None)),
        None => Changes::default().effect(note(callback, Some(t!("note-stale")))),
    }
}

/// Logs a number out.
pub fn logout(user: &UserContext, account: AccountId, callback: &str) -> Changes {
    match user.account(account).filter(|a| a.state.is_linked() || a.state == AccountState::Failed) {
        Some(a) => Changes::default()
            .account(account, AccountState::LoggingOut, None)
            .say(t!("logging-out", number = phrases::account_name(a)))
            .effect(Effect::Logout(account))
            .effect(note(callback, None)),
        None => Changes::default().effect(note(callback, Some(t!("note-stale")))),
    }
}
