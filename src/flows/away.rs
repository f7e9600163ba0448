//! Telling a person of a number that has been away for a while: one message an episode, however often the connection comes
//! and goes. It tells in its place when the number is back.
use super::{Changes, Env, button, phrases};
use crate::domain::effect::Slot;
use crate::domain::{Account, AccountId, AccountState, Action, Key, Reason, Timestamp};
use crate::t;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A number's last absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    since: Timestamp,
    /// When it came back.
    until: Option<Timestamp>,
    /// Whether the person was told.
    told: bool,
}

/// Every number's last absence that may still matter.
pub type Absences = BTreeMap<AccountId, Absence>;

/// Where they are kept.
pub const ABSENCES: Key<Absences> = Key::new("absences");

/// The connection is gone. One that was there for a moment only belongs to the same absence.
pub fn gone(account: &Account, mut known: Absences, why: Reason, env: &Env) -> Changes {
    let short = |last: &Absence| last.until.is_none_or(|until| until.until(env.now) < env.rules.tell_away_after);
    known.retain(|id, last| *id == account.id || last.until.is_none() || short(last));
    let absence = match known.get(&account.id).filter(|last| short(last)) {
        Some(last) => Absence { until: None, ..*last },
        None => Absence { since: env.now, until: None, told: false },
    };
    let step = if absence.told { told(account, absence, why) } else { Changes::default() };
    known.insert(account.id, absence);
    step.set(ABSENCES, &known)
}

/// The connection is there again.
pub fn back(account: &Account, mut known: Absences, env: &Env) -> Changes {
    let Some(absence) = known.get_mut(&account.id).filter(|absence| absence.until.is_none()) else {
        return Changes::default();
    };
    absence.until = Some(env.now);
    let number = phrases::account_name(account);
    let step = match absence.told {
        true => Changes::default().show(
            Slot::absence(account.id, absence.since),
            t!("number-back", number = number, from = absence.since, until = env.now),
            Vec::new(),
        ),
        false => Changes::default(),
    };
    step.set(ABSENCES, &known)
}

/// What a look at a number that was gone comes to.
pub enum Look {
    /// It is back, stopped, or told of.
    Over,
    /// It is still away, not for long enough.
    Later(Duration),
    /// The person is to be told.
    Tell(Box<Changes>),
}

/// Looks whether the person is to be told that a number is away.
pub fn look(account: Option<&Account>, mut known: Absences, env: &Env) -> Look {
    let Some(account) = account.filter(|account| account.state == AccountState::Disconnected) else {
        return Look::Over;
    };
    let Some(absence) = known.get_mut(&account.id).filter(|absence| absence.until.is_none() && !absence.told) else {
        return Look::Over;
    };
    let left = env.rules.tell_away_after.saturating_sub(absence.since.until(env.now));
    if !left.is_zero() {
        return Look::Later(left);
    }
    absence.told = true;
    let told = told(account, *absence, account.reason.unwrap_or(Reason::NetworkAway));
    Look::Tell(Box::new(told.set(ABSENCES, &known)))
}

fn told(account: &Account, absence: Absence, why: Reason) -> Changes {
    let text = t!(
        "number-away",
        number = phrases::account_name(account),
        since = absence.since,
        why = phrases::reason(why),
        code = why.code()
    );
    let again = vec![vec![button(t!("button-reconnect"), Action::Reconnect(account.id))]];
    Changes::default().show(Slot::absence(account.id, absence.since), text, again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Country, Effect, LoginMethod, Role};
    use crate::flows::rates::Rates;
    use crate::flows::{Awake, Rules};
    use std::collections::BTreeSet;
    use std::num::NonZeroU32;

    const AFTER: Duration = Duration::from_secs(120);

    fn env(seconds: i64) -> Env {
        let rules = Rules {
            max_numbers: 1,
            qr_per_hour: 1,
            rates: Rates::all(NonZeroU32::MAX),
            tell_away_after: AFTER,
            warn_phone_after: AFTER,
            session_ttl: AFTER,
            idle_close: AFTER,
            country: Country::default(),
        };
        let (now, awake) = (Timestamp(seconds * 1_000), Awake::default());
        Env { now, message_id: String::new(), rules, awake, flows: &[], role: Role::Member, plan: None, full: None }
    }

    /// A number that comes and goes, and what its owner sees of that.
    #[derive(Default)]
    struct Life {
        known: Absences,
        /// Each message by its slot: how often it was written.
        seen: BTreeMap<String, usize>,
    }

    impl Life {
        fn number(state: AccountState) -> Account {
            Account { state, ..Account::new(AccountId(1), LoginMethod::Qr, Timestamp(0)) }
        }

        fn take(&mut self, step: Changes) {
            for effect in step.effects {
                match effect {
                    Effect::Keep(_, Some(json)) => self.known = serde_json::from_str(&json).unwrap(),
                    Effect::Show { slot, .. } => *self.seen.entry(slot.0).or_default() += 1,
                    _ => panic!("nothing else"),
                }
            }
        }

        fn gone(&mut self, at: i64) {
            self.take(gone(&Self::number(AccountState::Connected), self.known.clone(), Reason::NetworkAway, &env(at)));
        }

        fn back(&mut self, at: i64) {
            self.take(back(&Self::number(AccountState::Disconnected), self.known.clone(), &env(at)));
        }

        fn look(&mut self, at: i64) -> Option<Duration> {
            match look(Some(&Self::number(AccountState::Disconnected)), self.known.clone(), &env(at)) {
                Look::Over => None,
                Look::Later(left) => Some(left),
                Look::Tell(step) => {
                    self.take(*step);
                    None
                }
            }
        }
    }

    #[test]
    fn a_connection_that_comes_and_goes_is_not_told_of() {
        let mut life = Life::default();
        for n in 0..20 {
            life.gone(n * 300);
            assert_eq!(life.look(n * 300 + 1), Some(Duration::from_secs(119)));
            life.back(n * 300 + 100);
        }
        assert!(life.seen.is_empty());
    }

    #[test]
    fn an_absence_is_one_message_however_often_it_is_interrupted() {
        let mut life = Life::default();
        life.gone(0);
        assert_eq!(life.look(119), Some(Duration::from_secs(1)));
        assert_eq!(life.look(120), None);
        assert_eq!(life.seen.len(), 1);
        for n in 0..20 {
            life.back(200 + n * 10);
            life.gone(205 + n * 10);
            assert_eq!(life.look(206 + n * 10), None);
        }
        life.back(500);
        assert_eq!(life.seen.keys().collect::<BTreeSet<_>>(), BTreeSet::from([&"away:1:0".to_owned()]));
        // A day later it is another one.
        life.gone(86_400);
        assert_eq!(life.look(86_520), None);
        assert_eq!(life.seen.len(), 2);
    }

    #[test]
    fn one_that_was_told_too_late_is_not_told() {
        let mut life = Life::default();
        life.gone(0);
        life.back(130);
        assert_eq!(life.look(131), None);
        assert!(life.seen.is_empty());
    }
}
