//! Telling a person that a number of theirs waits for a place, and when it is its turn.
use super::{Changes, button, phrases};
use crate::domain::effect::Slot;
use crate::domain::{Account, AccountState, Action, Reason, Timestamp};
use crate::t;

/// It waits, with this place in line; since then.
pub fn waits(account: &Account, place: usize, since: Timestamp) -> Changes {
    if account.state == AccountState::QrScanning {
        let cancel = vec![vec![button(t!("button-cancel"), Action::LinkCancel(account.id))]];
        return Changes::default().show(Slot::linking(account.id), t!("link-waits", place = place), cancel);
    }
    if !account.state.is_linked() {
        return Changes::default();
    }
    let number = phrases::account_name(account);
    Changes::default().account(account.id, AccountState::Disconnected, Some(Reason::NoPlace)).show(
        Slot::in_line(account.id, since),
        t!("number-waits", number = number, place = place),
        Vec::new(),
    )
}

/// It waits no more. A linking goes on in the same message by itself.
pub fn turn(account: &Account, since: Timestamp) -> Changes {
    if account.state == AccountState::QrScanning {
        return Changes::default();
    }
    let number = phrases::account_name(account);
    Changes::default().show(Slot::in_line(account.id, since), t!("number-turn", number = number), Vec::new())
}
