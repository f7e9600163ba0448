//! What the library's connection events mean: steps of linking, online, offline, the end.
//!
//! Owns one client's place in its life ([`Link`]): pure, told what happened and telling what follows. Must not call the
//! sink or the library; `shared.rs` does.
use super::convert;
use crate::domain::{ClientEvent, LoginMethod, LoginStep, Reason, Timestamp};
use std::time::Duration;
use whatsapp_rust::wacore::types::events::{ConnectFailureReason, Event, EventInterest, EventKind};

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Tell the sink.
    Tell(ClientEvent),
    /// Stop the library's run loop: it would try on without sense.
    Stop,
    /// The pair code on screen is worth nothing any more.
    CodeGone(CodeGone),
    /// The connection is gone, and with it every answer that is awaited on it.
    Lost,
}

/// Why a pair code is worth nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeGone {
    /// Another may be asked for.
    AskAgain,
    /// WhatsApp refused it.
    Refused,
}

/// Where a client stands.
#[derive(Debug)]
pub(super) struct Link {
    method: Option<LoginMethod>,
    linked: bool,
    /// The phone has proven possession, and WhatsApp has not let the device in yet.
    fresh: bool,
    /// WhatsApp has let the device in, and that the phone has proven possession is not told yet. The library tells that after it
    /// has answered WhatsApp, which may be quicker.
    early: bool,
    online: bool,
    /// The `Offline` that was told since it was last online.
    away: Option<Reason>,
    /// A connection was begun and nothing has been heard on it.
    silent: bool,
    attempts: u64,
    verdict: Option<(Reason, Option<Timestamp>)>,
}

/// What is asked of the library: everything else is not even made.
pub(super) fn interest() -> EventInterest {
    use EventKind as K;
    EventInterest::of(&[
        K::Connected,
        K::Disconnected,
        K::PairSuccess,
        K::PairError,
        K::LoggedOut,
        K::PairingQrCode,
        K::PairingCode,
        K::PairingCodeRefresh,
        K::PairingCodeError,
        K::PairingQrCodesExhausted,
        K::QrScannedWithoutMultidevice,
        K::ClientOutdated,
        K::Messages,
        K::Receipt,
        K::StreamReplaced,
        K::TemporaryBan,
        K::ConnectFailure,
        K::StreamError,
        K::ServerAck,
        K::PairPasskeyRequest,
        K::PairPasskeyConfirmation,
        K::PairPasskeyError,
    ])
}

impl Link {
    /// `linked`: the key store holds a device already.
    pub(super) fn new(method: Option<LoginMethod>, linked: bool) -> Self {
        Link {
            method,
            linked,
            fresh: false,
            early: false,
            online: false,
            away: None,
            silent: false,
            attempts: 0,
            verdict: None,
        }
    }

    /// Whether it is logged in.
    pub(super) fn is_online(&self) -> bool {
        self.online
    }

    /// Whether the phone has proven possession.
    pub(super) fn is_linked(&self) -> bool {
        self.linked
    }

    /// Why it ended.
    pub(super) fn verdict(&self) -> (Reason, Option<Timestamp>) {
        self.verdict.unwrap_or((Reason::Internal, None))
    }

    /// What a connection event means.
    pub(super) fn on(&mut self, event: &Event, now: Timestamp) -> Vec<Act> {
        if !matches!(event, Event::Disconnected(_)) {
            self.silent = false;
        }
        match event {
            Event::Connected(_) => self.connected(),
            Event::Disconnected(_) => self.gone(Reason::NetworkAway),
            // The device is as good as none to WhatsApp.
            Event::PairingQrCode(_) if self.fresh => {
                let mut acts = self.over(Reason::QrLoop, None);
                acts.push(Act::Stop);
                acts
            }
            Event::PairingQrCode(qr) => {
                self.shown(LoginMethod::Qr, LoginStep::Qr { payload: qr.code.clone(), expires_in: qr.timeout })
            }
            Event::PairingCode(code) => self.code(&code.code, code.timeout),
            Event::PairingCodeRefresh(_) => vec![Act::CodeGone(CodeGone::AskAgain)],
            Event::PairingCodeError(_) => vec![Act::CodeGone(CodeGone::Refused)],
            Event::PairingQrCodesExhausted(_) if self.method == Some(LoginMethod::Qr) => self.refuse(Reason::QrExpired),
            Event::PairSuccess(paired) => self.paired(&paired.id),
            Event::PairError(_) | Event::QrScannedWithoutMultidevice(_) => self.refuse(Reason::PairFailed),
            Event::PairPasskeyRequest(_) | Event::PairPasskeyConfirmation(_) | Event::PairPasskeyError(_) => {
                self.refuse(Reason::PasskeyRequired)
            }
            Event::LoggedOut(_) => self.logged_out(),
            Event::StreamReplaced(_) => self.over(Reason::Replaced, None),
            Event::ClientOutdated(_) => self.over(Reason::ClientOutdated, None),
            Event::TemporaryBan(ban) => {
                let lasts = ban.expire.to_std().unwrap_or(Duration::ZERO);
                self.over(Reason::Banned, Some(now.after(lasts)))
            }
            Event::ConnectFailure(failure) => self.not_let_in(failure.reason),
            Event::StreamError(error) if error.code.starts_with('5') => self.gone(Reason::Unavailable),
            _ => Vec::new(),
        }
    }

    /// A connection is about to be made. The library says nothing of a connection that ends on purpose or before it
    /// came to anything, so it is told here at the latest.
    pub(super) fn connecting(&mut self) -> Vec<Act> {
        self.attempts += 1;
        let unheard = std::mem::replace(&mut self.silent, true);
        if self.online || unheard { self.gone(Reason::NetworkAway) } else { Vec::new() }
    }

    /// Whether a connection was begun and nothing has been heard on it.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// How many connections were begun.
    pub(super) fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Whether nothing has been heard on that connection, and no later one was begun.
    pub(super) fn is_unheard(&self, attempt: u64) -> bool {
        self.silent && self.attempts == attempt && self.verdict.is_none()
    }

    /// A connection could not be made.
    pub(super) fn not_connected(&mut self) -> Vec<Act> {
        self.silent = false;
        self.gone(Reason::NetworkAway)
    }

    /// The server said, before it closed the stream, that it is unavailable.
    pub(super) fn unavailable(&mut self) -> Vec<Act> {
        self.gone(Reason::Unavailable)
    }

    /// Linking ends without success. The first reason counts.
    pub(super) fn refuse(&mut self, reason: Reason) -> Vec<Act> {
        if self.linked || self.verdict.is_some() {
            return Vec::new();
        }
        self.verdict = Some((reason, None));
        vec![Act::Tell(ClientEvent::Login(LoginStep::Refused(reason))), Act::Stop]
    }

    /// It cannot go on, and the library ends it by itself. The first reason counts.
    pub(super) fn over(&mut self, reason: Reason, until: Option<Timestamp>) -> Vec<Act> {
        self.online = false;
        self.verdict.get_or_insert((reason, until));
        vec![Act::Lost]
    }

    /// Something inside is broken: nothing of it can be relied on any more.
    pub(super) fn broken(&mut self) -> Vec<Act> {
        let mut acts = self.over(Reason::Internal, None);
        acts.push(Act::Stop);
        acts
    }

    /// WhatsApp does not know the device. One that the phone has just let in was never let in by WhatsApp.
    fn logged_out(&mut self) -> Vec<Act> {
        self.over(if self.fresh || self.is_linking() { Reason::QrLoop } else { Reason::LoggedOut }, None)
    }

    /// Whether the phone has still to prove possession, as far as is known.
    fn is_linking(&self) -> bool {
        self.method.is_some() && !self.linked
    }

    fn connected(&mut self) -> Vec<Act> {
        if self.is_linking() {
            self.early = true;
            return Vec::new();
        }
        self.online = true;
        self.away = None;
        self.linked = true;
        self.fresh = false;
        vec![Act::Tell(ClientEvent::Online)]
    }

    /// Each reason is told once until it is online again; that there is no connection is no news after a better reason.
    fn gone(&mut self, reason: Reason) -> Vec<Act> {
        (self.online, self.early) = (false, false);
        let mut acts = vec![Act::Lost];
        if matches!(self.method, Some(LoginMethod::Code(_))) && !self.linked {
            acts.push(Act::CodeGone(CodeGone::AskAgain));
        }
        let news = match self.away {
            None => true,
            Some(told) => told != reason && reason != Reason::NetworkAway,
        };
        if news && self.verdict.is_none() {
            self.away = Some(reason);
            acts.push(Act::Tell(ClientEvent::Offline(reason)));
        }
        acts
    }

    fn shown(&mut self, method: LoginMethod, step: LoginStep) -> Vec<Act> {
        if self.linked || self.verdict.is_some() || self.method != Some(method) {
            // While a code is being typed the library rotates QR pictures too: nobody looks at them.
            return Vec::new();
        }
        self.away = None;
        vec![Act::Tell(ClientEvent::Login(step))]
    }

    fn code(&mut self, code: &str, expires_in: Duration) -> Vec<Act> {
        match self.method.clone() {
            Some(method @ LoginMethod::Code(_)) => {
                self.shown(method, LoginStep::Code { code: code.to_owned(), expires_in })
            }
            _ => Vec::new(),
        }
    }

    fn paired(&mut self, id: &whatsapp_rust::Jid) -> Vec<Act> {
        if self.verdict.is_some() {
            return Vec::new();
        }
        let Some(phone) = convert::phone(id) else { return self.refuse(Reason::PairFailed) };
        self.linked = true;
        self.fresh = true;
        let mut acts = vec![Act::Tell(ClientEvent::Login(LoginStep::Paired { phone }))];
        if std::mem::take(&mut self.early) {
            acts.extend(self.connected());
        }
        acts
    }

    fn not_let_in(&mut self, reason: ConnectFailureReason) -> Vec<Act> {
        use ConnectFailureReason as R;
        tracing::info!(event = "login_refused", error.code = ?reason, "WhatsApp refused the login");
        match reason {
            R::InternalServerError | R::ServiceUnavailable => self.gone(Reason::Unavailable),
            R::TempBanned => self.over(Reason::Banned, None),
            R::ClientOutdated | R::BadUserAgent => self.over(Reason::ClientOutdated, None),
            R::LoggedOut | R::AccountLocked | R::UnknownLogout => self.logged_out(),
            _ => self.over(Reason::Internal, None),
        }
    }
}

#[cfg(test)]
mod tests;
