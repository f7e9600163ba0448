//! Warning a person in time that a number's phone has been offline for long: WhatsApp logs linked devices out whose phone it
//! has not seen for 14 days.
use super::{Changes, Env, phrases};
use crate::domain::effect::Slot;
use crate::domain::{Account, AccountId, Key, Reason, Timestamp};
use crate::t;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A number's phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// When something last came from it; when that is not known, since when it is looked for.
    seen_at: Timestamp,
    /// Whether its owner was warned since.
    warned: bool,
}

/// Every number's phone.
pub type Phones = BTreeMap<AccountId, Phone>;

/// Where they are kept.
pub const PHONES: Key<Phones> = Key::new("phones");

/// Something came from the phone.
pub fn seen(account: &Account, mut known: Phones, env: &Env) -> Changes {
    let before = known.insert(account.id, Phone { seen_at: env.now, warned: false });
    let step = match before.filter(|phone| phone.warned) {
        Some(phone) => {
            let back = t!("phone-back", number = phrases::account_name(account));
            Changes::default().show(Slot::phone(account.id, phone.seen_at), back, Vec::new())
        }
        None => Changes::default(),
    };
    step.set(PHONES, &known)
}

/// Looks at all phones; `None`: all is as it was.
pub fn look(accounts: &[Account], known: &Phones, env: &Env) -> Option<Changes> {
    let linked: Vec<&Account> = accounts.iter().filter(|account| account.state.has_device()).collect();
    let mut now: Phones = known.clone();
    now.retain(|id, _| linked.iter().any(|account| account.id == *id));
    let mut step = Changes::default();
    for account in linked {
        let phone = now.entry(account.id).or_insert(Phone { seen_at: env.now, warned: false });
        if !phone.warned && phone.seen_at.until(env.now) >= env.rules.warn_phone_after {
            phone.warned = true;
            let code = Reason::PhoneOffline.code();
            let (number, why) = (phrases::account_name(account), phrases::reason(Reason::PhoneOffline));
            let text = t!("phone-offline", number = number, since = phone.seen_at, why = why, code = code);
            step = step.show(Slot::phone(account.id, phone.seen_at), text, Vec::new());
        }
    }
    (now != *known).then(|| step.set(PHONES, &now))
}
