//! What goes wrong on purpose: faults that wait for a call, and the outage switch.
//!
//! Owns the rules. Must not do the harm itself: the server asks and acts.

use super::wire::{Fault, FaultAction};

/// Rules in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Fault>,
    /// Every connection of the bot is cut while this is on.
    pub(super) outage: bool,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.rules.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn rules(&self) -> &[Fault] {
        &self.rules
    }

    /// What this call meets; a counted rule is used up by it.
    pub(super) fn next(&mut self, method: &str, chat: Option<i64>) -> Option<FaultAction> {
        if self.outage {
            return Some(FaultAction::Drop);
        }
        let at = self
            .rules
            .iter()
            .position(|rule| matches(&rule.method, method) && (rule.chat_id.is_none() || rule.chat_id == chat))?;
        let rule = &mut self.rules[at];
        let action = rule.action.clone();
        if let Some(times) = &mut rule.times {
            *times -= 1;
            if *times == 0 {
                self.rules.remove(at);
            }
        }
        Some(action)
    }
}

fn matches(pattern: &str, method: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => method.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => pattern.eq_ignore_ascii_case(method),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_hits_its_calls_and_no_more() {
        let mut faults = Faults::default();
        let fault = |method: &str, chat_id, times| Fault {
            method: method.into(),
            chat_id,
            times,
            action: FaultAction::AcceptThenDrop,
        };
        faults.add(fault("send*", Some(7), Some(2)));
        assert_eq!(faults.next("getMe", None), None);
        assert_eq!(faults.next("sendMessage", Some(8)), None);
        assert!(faults.next("sendMessage", Some(7)).is_some());
        assert!(faults.next("sendPhoto", Some(7)).is_some());
        assert_eq!(faults.next("sendMessage", Some(7)), None);
    }
}
