//! What a number's news mean for its record and its owner.
use super::onboarding::{self, Progress};
use super::{AccountChange, Changes, Env, button, phrases};
use crate::domain::Timestamp;
use crate::domain::effect::Slot;
use crate::domain::{
    Account, AccountState, Action, ClientEvent, Effect, LoginMethod, LoginStep, PhoneNumber, Reason, Shown,
};
use crate::t;

/// News of one of the person's numbers. Acks and receipts are not among them: they belong to messages. `progress`: how far
/// a newcomer has come.
pub fn news(account: &Account, event: &ClientEvent, progress: Progress, env: &Env) -> Changes {
    match event {
        ClientEvent::Login(step) => login(account, step, env),
        ClientEvent::Online => online(account, progress),
        ClientEvent::Offline(reason) => {
            if account.state.is_linked() {
                Changes::default().account(account.id, AccountState::Disconnected, Some(*reason))
            } else {
                Changes::default()
            }
        }
        ClientEvent::Ended { reason, until } => ended(account, *reason, *until),
        ClientEvent::Ack { .. } | ClientEvent::Receipt { .. } => Changes::default(),
    }
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

/// The number that was just proven is linked already, by this or another person: told without saying by whom.
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

fn ended(account: &Account, reason: Reason, until: Option<Timestamp>) -> Changes {
    let by_phone = t!(
        "logged-out-by-phone",
        number = phrases::account_name(account),
        why = phrases::reason(reason),
        code = reason.code(),
    );
    match account.state {
        AccountState::QrScanning => link_failed(account, reason),
        AccountState::LoggingOut | AccountState::Removed => Changes::default(),
        _ if reason == Reason::LoggedOut => Changes::default()
            .account(account.id, AccountState::LoggingOut, Some(reason))
            .ask(by_phone, vec![vec![button(t!("button-link"), Action::Link)]]),
        _ if comes_back(reason) => Changes::default().account(account.id, AccountState::Disconnected, Some(reason)),
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
