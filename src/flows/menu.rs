//! The screens that lead everywhere: home and its sections. By a command they are said; by a button, the message with the
//! button turns into them.
use super::onboarding::PROGRESS;
use super::{Changes, Env, Registered, button, erase, language, link, members, numbers, phrases};
use crate::domain::{Account, AccountState, Action, Browse, Button, FlowTag, Phrase, Role, Section};
use crate::store::UserContext;
use crate::t;

/// A screen: what it says, and its buttons.
type Screen = (Phrase, Vec<Vec<Button>>);

/// Opens a section: in the place of the pressed message, or below everything.
pub fn open(section: Section, user: &UserContext, env: &Env) -> Changes {
    show(user, screen(section, user, env))
}

/// Shows a screen where the person looks.
pub fn show(user: &UserContext, (text, keyboard): Screen) -> Changes {
    Changes::default().show_at(user.pressed_on(), text, keyboard)
}

/// A button that begins a flow, or goes on with it.
pub fn begins(label: Phrase, flow: &str) -> Button {
    button(label, Action::Begin(FlowTag::of(flow)))
}

/// The button that leads home.
pub fn home_button() -> Button {
    button(t!("button-home"), Action::Open(Section::Home))
}

fn screen(section: Section, user: &UserContext, env: &Env) -> Screen {
    let below = |text: Phrase, mut keyboard: Vec<Vec<Button>>| {
        keyboard.push(vec![home_button()]);
        (text, keyboard)
    };
    match section {
        Section::Home if user.accounts().is_empty() => welcome(user, env),
        Section::Home => home(user, env),
        Section::Numbers => numbers::screen(user, None),
        Section::Link => below(link::question(), link::ways()),
        Section::Status => below(numbers::status(user, env), Vec::new()),
        Section::Language => below(t!("language-ask"), language::offers()),
        Section::Help => {
            let erase = begins(t!("button-erase"), erase::NAME);
            below(members::help(env.role), vec![vec![erase]])
        }
        Section::Admin if env.role < Role::Admin => home(user, env),
        Section::Admin => below(t!("admin-home"), members::home()),
    }
}

/// What a person without a number sees first.
fn welcome(user: &UserContext, env: &Env) -> Screen {
    let mut keyboard = link::ways();
    keyboard.extend(attention(user, env).1);
    keyboard.extend(sections(user, env));
    (t!("welcome"), keyboard)
}

fn home(user: &UserContext, env: &Env) -> Screen {
    let (urgent, mut keyboard) = attention(user, env);
    let mut paragraphs = Vec::new();
    if !urgent.is_empty() {
        paragraphs.push(t!("home-attention", lines = Phrase::lines(urgent)));
    }
    let used = user.accounts().iter().filter(|account| account.state.counts()).count();
    paragraphs.push(t!("home", numbers = numbers::lines(user), used = used, allowed = env.rules.max_numbers));
    let next = user.get(PROGRESS).unwrap_or_default().line();
    paragraphs.push(next.unwrap_or_else(|| t!("home-reply")));
    keyboard.extend(sections(user, env));
    (Phrase::paragraphs(paragraphs), keyboard)
}

/// The way to everything that there is.
fn sections(user: &UserContext, env: &Env) -> Vec<Vec<Button>> {
    let open = |label: Phrase, section: Section| button(label, Action::Open(section));
    let mut rows = Vec::new();
    if !user.accounts().is_empty() {
        rows.push(vec![open(t!("button-numbers"), Section::Numbers), open(t!("button-link"), Section::Link)]);
    }
    let begin = |flow: &Registered| Some(begins(flow.flow.button(user)?, flow.flow.name()));
    let flows: Vec<Button> = env.flows.iter().filter_map(begin).collect();
    rows.extend(flows.chunks(2).map(<[Button]>::to_vec));
    rows.push(vec![button(t!("button-people"), Action::People(Browse::Everybody))]);
    rows.push(vec![open(t!("button-status"), Section::Status), open(t!("button-language"), Section::Language)]);
    let mut last = vec![open(t!("button-help"), Section::Help)];
    if env.role >= Role::Admin {
        last.push(open(t!("button-admin"), Section::Admin));
    }
    rows.push(last);
    rows
}

/// What waits for its person, the most urgent first: in words, and what to press.
fn attention(user: &UserContext, env: &Env) -> (Vec<Phrase>, Vec<Vec<Button>>) {
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    let away = |state| numbers::sorted(user).into_iter().filter(move |account: &&Account| account.state == state);
    for account in away(AccountState::Failed) {
        let name = phrases::account_name(account);
        let why = account.reason.map_or_else(|| t!("state-failed"), phrases::reason);
        lines.push(t!("home-failed", number = name.clone(), why = why));
        rows.push(vec![button(t!("button-reconnect-number", number = name), Action::Reconnect(account.id))]);
    }
    if user.unknown_sends() > 0 {
        lines.push(t!("home-unknown", n = user.unknown_sends()));
    }
    for account in away(AccountState::QrScanning) {
        let name = phrases::account_name(account);
        lines.push(t!("home-linking", number = name.clone()));
        rows.push(vec![button(t!("button-cancel-number", number = name), Action::LinkCancel(account.id))]);
    }
    let conversation = user.conversation();
    let mut goes_on = |title: Phrase, action: Action| {
        lines.push(t!("home-unfinished", title = title.clone()));
        rows.push(vec![button(t!("button-keep-flow", title = title), action)]);
    };
    let waiting = conversation.open.as_ref().and_then(|open| env.flow(&open.flow));
    let aside = conversation.aside.as_ref().and_then(|open| env.flow(&open.flow));
    if let Some(flow) = waiting {
        goes_on(flow.title(), Action::Begin(FlowTag::of(flow.name())));
    } else if let Some(flow) = aside {
        goes_on(flow.title(), Action::Resume(conversation.turn));
    }
    // A registration can be taken up again long after its question is gone.
    let registering = env.flow(super::registration::NAME).filter(|_| user.registration().is_some());
    if let Some(flow) = registering.filter(|flow| [waiting, aside].iter().flatten().all(|f| f.name() != flow.name())) {
        goes_on(flow.title(), Action::Begin(FlowTag::of(flow.name())));
    }
    (lines, rows)
}
