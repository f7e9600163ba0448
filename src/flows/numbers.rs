//! Looking at one's numbers, and connecting them again.
use super::paging::Pages;
use super::{Changes, Env, button, logout, menu, note, phrases, roster};
use crate::domain::fold::natural_key;
use crate::domain::{Account, AccountId, AccountState, Action, Button, Effect, MessageId, Phrase, Section};
use crate::store::UserContext;
use crate::t;
use crate::words::{plain, span};

/// How many numbers stand on a page.
const PAGE: usize = 6;

/// The numbers, by what they are called.
pub fn sorted(user: &UserContext) -> Vec<&Account> {
    let mut all: Vec<&Account> = user.accounts().iter().collect();
    all.sort_by_cached_key(|account| (natural_key(&plain(&phrases::account_name(account), user.locale())), account.id));
    all
}

/// The number that is meant by what was typed: its place in the list, or its last digits, at least four of them, where they
/// mean one number only.
pub fn named<'a>(user: &'a UserContext, typed: &str) -> Option<&'a Account> {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let all = sorted(user);
    if let Ok(place) = typed.trim().parse::<usize>()
        && digits.len() < 4
    {
        return all.get(place.checked_sub(1)?).copied();
    }
    let ends = |account: &&Account| {
        let number = plain(&phrases::account_name(account), user.locale());
        digits.len() >= 4 && number.ends_with(&digits)
    };
    let mut found = all.into_iter().filter(ends);
    found.next().filter(|_| found.next().is_none())
}

/// One line a number.
pub fn lines(user: &UserContext) -> Phrase {
    Phrase::lines(sorted(user).into_iter().map(phrases::account_line))
}

/// A page of the numbers, with what can be done about each: the one that begins with `from`, which had so many before it.
pub fn screen(user: &UserContext, from: Option<(AccountId, u32)>) -> (Phrase, Vec<Vec<Button>>) {
    let all = sorted(user);
    if all.is_empty() {
        return (t!("no-numbers"), super::link::methods());
    }
    let pages = Pages::of(&all, PAGE, from.map(|(first, before)| (first.0, before)), |account| account.id.0);
    let mut keyboard: Vec<Vec<Button>> = pages.shown.iter().filter_map(|account| buttons(account)).collect();
    let turn = |(first, before)| Action::NumbersFrom { first: AccountId(first), before };
    keyboard.extend(pages.buttons(turn));
    keyboard.push(vec![button(t!("button-link"), Action::Open(Section::Link)), menu::home_button()]);
    let lines = Phrase::lines(pages.shown.iter().map(|account| phrases::account_line(account)));
    let text = match pages.place() {
        Some((page, of)) => t!("numbers-page", numbers = lines, page = page, of = of),
        None => t!("numbers", numbers = lines),
    };
    (text, keyboard)
}

fn buttons(account: &Account) -> Option<Vec<Button>> {
    let name = phrases::account_name(account);
    let logout = button(t!("button-logout-number", number = name.clone()), Action::Logout(account.id));
    match account.state {
        AccountState::QrScanning => {
            Some(vec![button(t!("button-cancel-number", number = name), Action::LinkCancel(account.id))])
        }
        AccountState::Connected | AccountState::Authenticated => Some(vec![logout]),
        AccountState::Disconnected | AccountState::Failed => {
            Some(vec![button(t!("button-reconnect-number", number = name), Action::Reconnect(account.id)), logout])
        }
        AccountState::LoggingOut | AccountState::Removed => None,
    }
}

/// What is connected and what is under way.
pub fn status(user: &UserContext, env: &Env) -> Phrase {
    let used = user.accounts().iter().filter(|a| a.state.counts()).count();
    let mut status = t!("status", used = used, allowed = env.rules.max_numbers);
    if let Some(plan) = env.plan {
        status = t!("status-plan", status = status, plan = roster::plan_name(Some(plan)));
    }
    if used > env.rules.max_numbers {
        status = t!("status-over", status = status);
    }
    if !user.accounts().is_empty() {
        status = t!("status-lines", status = status, numbers = lines(user));
    }
    let conversation = awake_conversation(user, env);
    let databases = t!("awake-databases", keys = env.awake.keys.len(), span = span(env.rules.idle_close));
    let clients = sorted(user).into_iter().map(|account| {
        let client = env.awake.clients.iter().find(|(id, _)| *id == account.id).map(|(_, online)| *online);
        phrases::awake_number(account, client)
    });
    let awake = Phrase::lines([conversation, databases].into_iter().chain(clients));
    t!("status-awake", status = status, awake = awake)
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

/// Whether the number waits for its owner, or for the network.
fn is_away(account: &Account) -> bool {
    matches!(account.state, AccountState::Disconnected | AccountState::Failed)
}

/// Connects a number again.
pub fn reconnect(user: &UserContext, account: AccountId, callback: &str) -> Changes {
    match user.account(account).filter(|account| is_away(account)) {
        Some(account) => again(account).effect(note(callback, Some(t!("note-connecting")))),
        None => Changes::default().effect(note(callback, Some(t!("note-stale")))),
    }
}

/// `/reconnect`, with a number after it; without one, whichever is away.
pub fn reconnect_named(user: &UserContext, typed: &str, message: MessageId) -> Changes {
    let meant: Vec<&Account> = match named(user, typed) {
        Some(account) => vec![account],
        None if typed.is_empty() => sorted(user),
        None => return Changes::default().reply(message, t!("number-unknown")),
    };
    let away: Vec<&Account> = meant.into_iter().filter(|account| is_away(account)).collect();
    if away.is_empty() {
        return Changes::default().reply(message, t!("reconnect-none"));
    }
    let names = Phrase::lines(away.iter().map(|account| phrases::account_name(account)));
    away.into_iter().fold(Changes::default().reply(message, t!("reconnecting", numbers = names)), |step, account| {
        step.before(again(account))
    })
}

fn again(account: &Account) -> Changes {
    Changes::default().account(account.id, AccountState::Disconnected, None).effect(Effect::Reconnect(account.id))
}

/// Asks whether to log a number out, because its button says so.
pub fn ask_logout(user: &UserContext, account: AccountId, callback: &str, env: &Env) -> Changes {
    match logout::of(user, env, account) {
        Some(step) => step.effect(note(callback, None)),
        None => Changes::default().effect(note(callback, Some(t!("note-stale")))),
    }
}
