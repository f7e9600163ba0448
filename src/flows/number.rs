//! One number: its screen, and what can be done with it there.
use super::{Changes, Env, button, link, menu, note, numbers, phrases};
use crate::domain::{
    Account, AccountId, AccountState, Action, Button, Choice, Effect, LoginMethod, MessageId, Phrase, Section,
};
use crate::store::UserContext;
use crate::t;
use crate::words::ago;

/// Shows a number, linked or logged out, in the place of the pressed message. `None`: it is not there.
pub fn open(user: &UserContext, account: AccountId, env: &Env) -> Option<Changes> {
    let account = numbers::all(user).into_iter().find(|a| a.id == account)?;
    Some(menu::show(user, screen(user, account, env)))
}

fn screen(user: &UserContext, account: &Account, env: &Env) -> (Phrase, Vec<Vec<Button>>) {
    let phone = account.phone.as_ref().filter(|_| account.label.is_some());
    let primary = account.is_primary && numbers::are_several(user);
    let lines = [
        Some(phrases::account_line(account)),
        phone.map(|phone| Phrase::verbatim(phone.to_string())),
        primary.then(|| t!("number-primary")),
        account.reason.filter(|_| account.state != AccountState::Connected).map(phrases::reason),
        account.state.has_device().then(|| facts(user, account, env)),
        account.state.has_device().then(|| t!("number-since", at = account.created_at)),
        account.removed.map(|(at, by)| t!("number-removed", at = at, by = Choice(by.code()))),
    ];
    let mut keyboard = buttons(user, account);
    keyboard.push(vec![button(t!("button-numbers"), Action::Open(Section::Numbers)), menu::home_button()]);
    (Phrase::lines(lines.into_iter().flatten()), keyboard)
}

/// When WhatsApp was last heard of, and how much there was today.
pub fn facts(user: &UserContext, account: &Account, env: &Env) -> Phrase {
    let today = user.messages_today(account.id);
    let live = env.awake.client(account.id).and_then(|client| client.heard_at);
    match account.last_round_trip_at.max(live) {
        Some(at) => t!("number-facts", ago = ago(at.until(env.now)), today = today),
        None => t!("number-facts-never", today = today),
    }
}

/// What can be done with a number as it stands.
pub fn buttons(user: &UserContext, account: &Account) -> Vec<Vec<Button>> {
    let name = || phrases::account_name(account);
    let reconnect = || button(t!("button-reconnect-number", number = name()), Action::Reconnect(account.id));
    let anew = match account.method {
        LoginMethod::Qr => t!("button-new-qr"),
        LoginMethod::Code(_) => t!("button-new-code"),
    };
    let mut rows = Vec::new();
    match account.state {
        AccountState::QrScanning => rows.push(vec![
            button(anew, Action::LinkAnew(account.id)),
            button(t!("button-cancel-number", number = name()), Action::LinkCancel(account.id)),
        ]),
        AccountState::Disconnected | AccountState::Failed => rows.push(vec![reconnect()]),
        AccountState::Removed => rows.push(vec![
            button(t!("button-link"), Action::Open(Section::Link)),
            button(t!("button-delete-number"), Action::Delete(account.id)),
        ]),
        AccountState::Connected | AccountState::Authenticated | AccountState::LoggingOut => {}
    }
    if account.state.has_device() {
        let mut row = vec![button(t!("button-rename-number"), Action::Rename(account.id))];
        if !account.is_primary && numbers::are_several(user) {
            row.insert(0, button(t!("button-make-primary"), Action::Primary(account.id)));
        }
        rows.push(row);
        rows.push(vec![button(t!("button-logout-number", number = name()), Action::Logout(account.id))]);
    }
    rows
}

/// Makes a number the primary one, because its button says so.
pub fn make_primary(user: &UserContext, account: AccountId, callback: &str, env: &Env) -> Changes {
    let Some(account) = user.account(account).filter(|a| a.state.has_device()) else {
        return Changes::default().effect(note(callback, Some(t!("note-stale"))));
    };
    let primary = Account { is_primary: true, ..account.clone() };
    menu::show(user, screen(user, &primary, env))
        .effect(Effect::MakePrimary(account.id))
        .effect(note(callback, Some(t!("note-primary"))))
}

/// `/primary`, with a number after it.
pub fn primary_named(user: &UserContext, typed: &str, message: MessageId) -> Changes {
    match numbers::named(user, typed).filter(|account| account.state.has_device()) {
        Some(account) => Changes::default()
            .reply(message, t!("primary-set", number = phrases::account_name(account)))
            .effect(Effect::MakePrimary(account.id)),
        None if typed.is_empty() => Changes::default().reply(message, t!("primary-usage")),
        None => Changes::default().reply(message, t!("number-unknown")),
    }
}

/// Gives up a linking that is under way and begins it anew, in the same way.
pub fn link_anew(user: &UserContext, account: AccountId, callback: &str, env: &Env) -> Changes {
    let linking = user.account(account).filter(|a| a.state == AccountState::QrScanning);
    let Some(account) = linking else {
        return Changes::default().effect(note(callback, Some(t!("note-stale"))));
    };
    let step = match link::qr_wait(user, env).filter(|_| account.method == LoginMethod::Qr) {
        Some(wait) => Changes::default().say(wait),
        None => link::stop(Changes::default(), account.id).effect(Effect::StartLink(account.method.clone())),
    };
    step.effect(note(callback, None))
}
