//! What goes wrong on purpose. It answers "does this number suffer from something now?"; it owns the standing faults of one
//! number. It must only ask for what a real server or network does, so a client meets nothing it could not meet outside.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::wire::now_secs;

/// A fault to inject into one number's companions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// The TCP connections end now, without a word.
    Drop,
    /// Connections stay open, swallow everything and say nothing, new ones after the handshake too, until cleared.
    BlackHole,
    /// Another client has taken the stream over: `<stream:error><conflict type="replaced"/>`.
    Replaced,
    /// The device was unlinked on the phone: `<conflict type="device_removed"/>`, and 401 at every later login.
    DeviceRemoved,
    /// The server goes down for a moment: stream error 503 and the connection ends; logins work.
    StreamUnavailable,
    /// Logins are refused with 402 and ends of the ban.
    TemporaryBan {
        /// Why, in the server's numbers (101 sent to too many people, 102 blocked by users, …).
        #[serde(default = "ban_code")]
        code: u32,
        /// How long the ban still lasts, seconds.
        expire_secs: u64,
        /// How many logins are refused, then it is over; no number means until cleared.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Logins are refused with 405: the client's version is too old.
    ClientOutdated {
        /// How many logins are refused; no number means until cleared.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Logins are refused with 503.
    ServiceUnavailable {
        /// How many logins are refused; no number means until cleared.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Logins are refused with any other reason (401, 403, 500, …).
    LoginFailure {
        /// The reason's number.
        reason: u16,
        /// How many logins are refused; no number means until cleared.
        #[serde(default)]
        times: Option<u32>,
    },
    /// A phone that would link a device is asked for a passkey, and so is the device: `passkey_prologue_request`.
    PasskeyWanted,
    /// What the phone signs for a new device does not fit.
    ForgedLink,
    /// The server's acknowledgement of a sent message comes late.
    DelayAcks {
        /// By how many milliseconds.
        ms: u64,
    },
    /// The server never acknowledges a sent message.
    WithholdAcks {
        /// Whether the message reaches its recipient all the same.
        #[serde(default)]
        deliver: bool,
        /// For how many messages; no number means until cleared.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Receipts for what this number sent get lost on their way to it.
    LoseReceipts,
    /// Sent messages are refused with an error in the acknowledgement (463: the recipient does not know the sender).
    RefuseSends {
        /// The error's number.
        #[serde(default = "refusal")]
        code: u16,
        /// For how many messages; no number means until cleared.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Asked whether new chats are locked, the server says: for so long from now.
    TimeLock {
        /// How long, seconds.
        secs: u64,
    },
}

const fn ban_code() -> u32 {
    101
}

const fn refusal() -> u16 {
    463
}

/// A standing fault that may run out.
#[derive(Clone, Debug)]
struct Counted<T> {
    what: T,
    left: Option<u32>,
}

fn spend<T: Clone>(slot: &mut Option<Counted<T>>) -> Option<T> {
    let counted = slot.as_mut()?;
    let what = counted.what.clone();
    match &mut counted.left {
        None => return Some(what),
        Some(0) => *slot = None,
        Some(left) => {
            *left -= 1;
            if *left == 0 {
                *slot = None;
            }
            return Some(what);
        }
    }
    None
}

#[derive(Debug, Default)]
struct Standing {
    black_hole: bool,
    passkey: bool,
    forged_link: bool,
    lose_receipts: bool,
    login: Option<Counted<LoginRefusal>>,
    ack_delay: Option<Duration>,
    withhold: Option<Counted<bool>>,
    refuse: Option<Counted<u16>>,
    time_lock: Option<u64>,
}

/// How a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRefusal {
    reason: u16,
    ban: Option<(u32, u64)>,
}

impl LoginRefusal {
    /// A refusal with nothing but a reason.
    pub const fn plain(reason: u16) -> Self {
        Self { reason, ban: None }
    }

    /// The stanza that says so.
    pub fn node(self) -> Node {
        let node = NodeBuilder::new("failure").attr("reason", self.reason).attr("location", "sim");
        match self.ban {
            Some((code, expire)) => node.attr("code", code).attr("expire", expire).build(),
            None => node.build(),
        }
    }
}

/// What happens to a message that a companion sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFate {
    /// It is routed and acknowledged, perhaps late.
    Accept(Option<Duration>),
    /// It is never acknowledged; the flag says whether it is routed.
    Withhold(bool),
    /// It is refused with this error.
    Refuse(u16),
}

/// The standing faults of one number.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Standing>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a fault stand. Momentary faults are for the connections and change nothing here.
    pub fn set(&self, fault: &Fault) {
        let mut now = self.lock();
        let login = |reason, ban, times| Some(Counted { what: LoginRefusal { reason, ban }, left: times });
        match *fault {
            Fault::BlackHole => now.black_hole = true,
            Fault::PasskeyWanted => now.passkey = true,
            Fault::ForgedLink => now.forged_link = true,
            Fault::LoseReceipts => now.lose_receipts = true,
            Fault::TemporaryBan { code, expire_secs, times } => {
                now.login = login(402, Some((code, expire_secs)), times);
            }
            Fault::ClientOutdated { times } => now.login = login(405, None, times),
            Fault::ServiceUnavailable { times } => now.login = login(503, None, times),
            Fault::LoginFailure { reason, times } => now.login = login(reason, None, times),
            Fault::DelayAcks { ms } => now.ack_delay = Some(Duration::from_millis(ms)),
            Fault::WithholdAcks { deliver, times } => now.withhold = Some(Counted { what: deliver, left: times }),
            Fault::RefuseSends { code, times } => now.refuse = Some(Counted { what: code, left: times }),
            Fault::TimeLock { secs } => now.time_lock = Some(now_secs() + secs),
            Fault::Drop | Fault::Replaced | Fault::DeviceRemoved | Fault::StreamUnavailable => {}
        }
    }

    /// Whether a passkey is asked for before a device is linked.
    pub fn wants_passkey(&self) -> bool {
        self.lock().passkey
    }

    /// Whether what the phone signs for a new device does not fit.
    pub fn forges_links(&self) -> bool {
        self.lock().forged_link
    }

    /// Ends every standing fault.
    pub fn clear(&self) {
        *self.lock() = Standing::default();
    }

    /// Whether everything is swallowed.
    pub fn black_hole(&self) -> bool {
        self.lock().black_hole
    }

    /// Whether receipts get lost.
    pub fn loses_receipts(&self) -> bool {
        self.lock().lose_receipts
    }

    /// When the lock on new chats ends, in seconds since 1970.
    pub fn time_lock(&self) -> Option<u64> {
        self.lock().time_lock
    }

    /// Whether this login is refused; counts it.
    pub fn refuse_login(&self) -> Option<LoginRefusal> {
        spend(&mut self.lock().login)
    }

    /// What happens to this message; counts it.
    pub fn send_fate(&self) -> SendFate {
        let mut now = self.lock();
        if let Some(code) = spend(&mut now.refuse) {
            return SendFate::Refuse(code);
        }
        if let Some(deliver) = spend(&mut now.withhold) {
            return SendFate::Withhold(deliver);
        }
        SendFate::Accept(now.ack_delay)
    }
}

/// What to do with a number's open connections for a momentary fault.
pub fn interruption(fault: &Fault) -> Option<Option<Node>> {
    let stream_error = || NodeBuilder::new("stream:error");
    let conflict =
        |kind: &'static str| stream_error().children([NodeBuilder::new("conflict").attr("type", kind).build()]);
    match fault {
        // A ban or an outdated client is told at login; so the connection must end first.
        Fault::Drop
        | Fault::TemporaryBan { .. }
        | Fault::ClientOutdated { .. }
        | Fault::ServiceUnavailable { .. }
        | Fault::LoginFailure { .. } => Some(None),
        Fault::Replaced => Some(Some(conflict("replaced").build())),
        Fault::DeviceRemoved => Some(Some(conflict("device_removed").attr("code", "401").build())),
        Fault::StreamUnavailable => Some(Some(stream_error().attr("code", "503").build())),
        Fault::BlackHole
        | Fault::PasskeyWanted
        | Fault::ForgedLink
        | Fault::LoseReceipts
        | Fault::DelayAcks { .. }
        | Fault::WithholdAcks { .. }
        | Fault::RefuseSends { .. }
        | Fault::TimeLock { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_runs_out() {
        let faults = Faults::default();
        faults.set(&Fault::RefuseSends { code: 463, times: Some(2) });
        assert_eq!(faults.send_fate(), SendFate::Refuse(463));
        assert_eq!(faults.send_fate(), SendFate::Refuse(463));
        assert_eq!(faults.send_fate(), SendFate::Accept(None));
    }

    #[test]
    fn a_login_refusal_stands_until_it_is_cleared() {
        let faults = Faults::default();
        faults.set(&Fault::ClientOutdated { times: None });
        assert!(faults.refuse_login().is_some());
        assert!(faults.refuse_login().is_some());
        faults.clear();
        assert!(faults.refuse_login().is_none());
    }
}
