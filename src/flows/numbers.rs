//! Looking at one's numbers, and connecting them again.
use super::engine::{Given, Question};
use super::paging::Pages;
use super::{Changes, Env, button, logout, menu, note, number, phrases, roster};
use crate::domain::fold::{fold, natural_key};
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

/// The same, and then those that are logged out.
pub fn all(user: &UserContext) -> Vec<&Account> {
    sorted(user).into_iter().chain(user.former()).collect()
}

/// Whether it makes a difference which of them is the primary one.
pub fn are_several(user: &UserContext) -> bool {
    user.accounts().iter().filter(|account| account.state.has_device()).count() > 1
}

/// The number that is meant by what was typed: its place in the list, its name, or its last digits, at least four of them;
/// where that means one number only.
pub fn named<'a>(user: &'a UserContext, typed: &str) -> Option<&'a Account> {
    let all = all(user);
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    if let Ok(place) = typed.trim().parse::<usize>()
        && digits.len() < 4
    {
        return all.get(place.checked_sub(1)?).copied();
    }
    let typed = fold(typed);
    let labelled = |account: &&Account| account.label.as_ref().is_some_and(|label| fold(label.as_str()) == typed);
    only(all.iter().copied().filter(labelled)).or_else(|| {
        let ends = |account: &&Account| {
            let unnamed = Account { label: None, ..(*account).clone() };
            plain(&phrases::account_name(&unnamed), user.locale()).ends_with(&digits)
        };
        only(all.iter().copied().filter(|account| digits.len() >= 4 && ends(account)))
    })
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}

/// A question for one of these.
pub fn question(text: Phrase, offered: &[&Account]) -> Question {
    offered.iter().fold(Question::new(text, t!("number-unknown")), |question, account| {
        question.choice(phrases::account_name(account), account.id.0)
    })
}

/// The one of these that is given for an answer.
pub fn given<'a>(user: &'a UserContext, offered: Vec<&'a Account>, given: Given<'_>) -> Option<&'a Account> {
    let named = match given {
        Given::Text(text) => named(user, text).map(|account| account.id),
        Given::Choice(id) => Some(AccountId(id)),
        Given::Phone(phone) => offered.iter().find(|a| a.phone.as_ref() == Some(phone)).map(|account| account.id),
    };
    offered.into_iter().find(|account| Some(account.id) == named)
}

/// One line a number.
pub fn lines(user: &UserContext) -> Phrase {
    Phrase::lines(sorted(user).into_iter().map(|account| line(user, account)))
}

/// One line about a number among others.
fn line(user: &UserContext, account: &Account) -> Phrase {
    let line = phrases::account_line(account);
    if account.is_primary && are_several(user) { t!("number-line-primary", line = line) } else { line }
}

/// A page of the numbers, each with a button to its own screen: the one that begins with `from`, which had so many before
/// it. A single number has its buttons here.
pub fn screen(user: &UserContext, from: Option<(AccountId, u32)>, env: &Env) -> (Phrase, Vec<Vec<Button>>) {
    let all = all(user);
    if all.is_empty() {
        return (t!("no-numbers"), super::link::methods());
    }
    let pages = Pages::of(&all, PAGE, from.map(|(first, before)| (first.0, before)), |account| account.id.0);
    let mut keyboard: Vec<Vec<Button>> = match all.as_slice() {
        [one] => number::buttons(user, one),
        _ => {
            let open = |account: &&Account| button(phrases::account_name(account), Action::Number(account.id));
            pages.shown.iter().map(open).collect::<Vec<_>>().chunks(2).map(<[Button]>::to_vec).collect()
        }
    };
    let turn = |(first, before)| Action::NumbersFrom { first: AccountId(first), before };
    keyboard.extend(pages.buttons(turn));
    keyboard.push(vec![button(t!("button-link"), Action::Open(Section::Link)), menu::home_button()]);
    let items = pages.shown.iter().zip(pages.before() + 1..).map(|(account, n)| {
        let item = t!("number-item", n = n.to_string(), line = line(user, account));
        if account.state.has_device() {
            t!("number-item-facts", item = item, facts = number::facts(user, account, env))
        } else {
            item
        }
    });
    let lines = Phrase::lines(items);
    let text = match pages.place() {
        Some((page, of)) => t!("numbers-page", numbers = lines, page = page, of = of),
        None => t!("numbers", numbers = lines),
    };
    (text, keyboard)
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
    let clients = sorted(user)
        .into_iter()
        .map(|account| phrases::awake_number(account, env.awake.client(account.id).map(|client| client.online)));
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
