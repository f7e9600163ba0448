//! What a number's news mean for its record and its owner.
use super::away::{self, Absences};
use super::onboarding::{self, Progress};
use super::phone::{self, Phones};
use super::{AccountChange, Changes, Env, button, phrases};
use crate::domain::effect::Slot;
use crate::domain::{
    Account, AccountId, AccountState, Action, ClientEvent, Effect, Key, LoginMethod, LoginStep, PhoneNumber, Reason,
    Shown, Timestamp,
};
use crate::t;
use std::collections::BTreeMap;

/// What is remembered of a person that news of their numbers bear on.
#[derive(Default)]
pub struct Known {
    /// How far a newcomer has come.
    pub progress: Progress,
    /// Which numbers were away.
    pub absences: Absences,
    /// When their phones were last heard of.
    pub phones: Phones,
    /// Until when which numbers may write to nobody new, as their owner was told.
    pub locked: Locks,
}

/// Until when each number may write to nobody new.
pub type Locks = BTreeMap<AccountId, Timestamp>;

/// Where that is kept.
pub const LOCKS: Key<Locks> = Key::new("locks");

/// News of one of the person's numbers. Acks and receipts are not among them: they belong to messages.
pub fn news(account: &Account, event: &ClientEvent, known: Known, env: &Env) -> Changes {
    match event {
        ClientEvent::Login(step) => login(account, step, env),
        ClientEvent::Online => away::back(account, known.absences, env).before(online(account, known.progress)),
        ClientEvent::Offline(reason) if account.state.is_linked() => gone(account, *reason, known.absences, env),
        ClientEvent::Offline(_) => Changes::default(),
        ClientEvent::Ended { reason, until } => ended(account, *reason, *until, known.absences, env),
        ClientEvent::PhoneSeen => phone::seen(account, known.phones, env),
        ClientEvent::Locked { until } => locked(account, *until, known.locked, env),
        ClientEvent::Ack { .. } | ClientEvent::Receipt { .. } => Changes::default(),
    }
}

/// It may write to nobody new until then: told once for each end.
fn locked(account: &Account, until: Timestamp, mut known: Locks, env: &Env) -> Changes {
    if until <= env.now || known.get(&account.id).is_some_and(|told| *told >= until) {
        return Changes::default();
    }
    known.retain(|_, told| *told > env.now);
    known.insert(account.id, until);
    let number = phrases::account_name(account);
    let code = Reason::ReachoutLocked.code();
    Changes::default().say(t!("number-locked", number = number, until = until, code = code)).set(LOCKS, &known)
}

/// It is not online, and comes back by itself.
fn gone(account: &Account, reason: Reason, absences: Absences, env: &Env) -> Changes {
    away::gone(account, absences, reason, env).account(account.id, AccountState::Disconnected, Some(reason))
}

fn login(account: &Account, step: &LoginStep, env: &Env) -> Changes {
    if account.state != AccountState::QrScanning {
        return Changes::default();
    }
    let slot = Slot::linking(account.id);
    let cancel = vec![vec![button(t!("button-cancel"), Action::LinkCancel(account.id))]];
    match step {
        LoginStep::Qr { payload, expires_in } => {
            let shown = Shown::Qr { payload: payload.clone(), caption: t!("link-scan") };
            let expires_at = Some(env.now.after(*expires_in));
            Changes::default().effect(Effect::Show { slot, shown, keyboard: cancel, reply_to: None, expires_at })
        }
        LoginStep::Code { code, expires_in } => {
            let shown = Shown::Text(t!("link-code", code = in_halves(code)));
            let expires_at = Some(env.now.after(*expires_in));
            Changes::default().effect(Effect::Show { slot, shown, keyboard: cancel, reply_to: None, expires_at })
        }
        LoginStep::Paired { phone } => proven(account, phone),
        LoginStep::Refused(reason) => link_failed(account, *reason),
    }
}

/// A code as WhatsApp shows it.
fn in_halves(code: &str) -> String {
    match code.split_at_checked(4) {
        Some((a, b)) if code.len() == 8 => format!("{a}-{b}"),
        _ => code.to_owned(),
    }
}

/// The phone has proven possession of this number.
pub fn proven(account: &Account, phone: &PhoneNumber) -> Changes {
    let mut step =
        Changes::default().show(Slot::linking(account.id), t!("link-paired", phone = phone.to_string()), Vec::new());
    step.accounts.push(AccountChange {
        account: account.id,
        state: AccountState::Authenticated,
        reason: None,
        phone: Some(phone.clone()),
    });
    step
}

/// A linking that came to nothing leaves no number behind.
pub fn link_failed(account: &Account, reason: Reason) -> Changes {
    let again = match account.method {
        LoginMethod::Qr => Action::LinkQr,
        LoginMethod::Code(_) => Action::LinkCode,
    };
    let keyboard = vec![vec![button(t!("button-again"), again), button(t!("button-other-way"), Action::Link)]];
    Changes::default().account(account.id, AccountState::Removed, Some(reason)).show(
        Slot::linking(account.id),
        t!("link-failed", why = phrases::reason(reason), code = reason.code()),
        keyboard,
    )
}

/// The number that was just proven cannot stay: it is linked already, by this or another person, which is told without saying
/// by whom, or WhatsApp does not let the device in.
pub fn taken(account: &Account, reason: Reason) -> Changes {
    let mut step = link_failed(account, reason);
    // The new device exists by now; it has to go from WhatsApp too.
    for change in &mut step.accounts {
        change.state = AccountState::LoggingOut;
    }
    step
}

fn online(account: &Account, progress: Progress) -> Changes {
    match account.state {
        AccountState::Authenticated => {
            let (linked, changes) = onboarding::linked(account, progress);
            changes.account(account.id, AccountState::Connected, None).show(
                Slot::linking(account.id),
                linked,
                Vec::new(),
            )
        }
        AccountState::Disconnected | AccountState::Failed => {
            Changes::default().account(account.id, AccountState::Connected, None)
        }
        AccountState::Connected | AccountState::QrScanning | AccountState::LoggingOut | AccountState::Removed => {
            Changes::default()
        }
    }
}

fn ended(account: &Account, reason: Reason, until: Option<Timestamp>, absences: Absences, env: &Env) -> Changes {
    let by_phone = t!(
        "logged-out-by-phone",
        number = phrases::account_name(account),
        why = phrases::reason(reason),
        code = reason.code(),
    );
    match account.state {
        AccountState::QrScanning => link_failed(account, reason),
        AccountState::LoggingOut | AccountState::Removed => Changes::default(),
        _ if reason == Reason::QrLoop => taken(account, reason),
        _ if reason == Reason::LoggedOut => Changes::default()
            .account(account.id, AccountState::LoggingOut, Some(reason))
            .ask(by_phone, vec![vec![button(t!("button-link"), Action::Link)]]),
        _ if comes_back(reason) => gone(account, reason, absences, env),
        AccountState::Failed if account.reason == Some(reason) => Changes::default(),
        _ => Changes::default().account(account.id, AccountState::Failed, Some(reason)).ask(
            phrases::number_failed(account, reason, until),
            vec![vec![button(t!("button-reconnect"), Action::Reconnect(account.id))]],
        ),
    }
}

/// Whether a stopped client is worth starting again without asking anybody.
fn comes_back(reason: Reason) -> bool {
    matches!(reason, Reason::NetworkAway | Reason::Unavailable | Reason::Internal)
}
