//! What became of a message: waits for the server's word, and tells what is certain from what is not.
//!
//! Owns the table of messages whose answer is awaited. The library's call returns when the bytes are handed to the
//! connection, which says nothing; only the server's ack does, and that comes as an event. Must not send anything twice.
use crate::domain::Reason;
use crate::limits::Failure;
use crate::whatsapp::SendOutcome;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use whatsapp_rust::{ClientError, IqError, SendError};

/// `None`: taken. `Some`: refused.
type Answer = Option<Reason>;

/// Messages whose ack is awaited, by their id.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<String, oneshot::Sender<Answer>>>);

/// An awaited answer; forgotten when dropped.
pub(super) struct Waiting {
    waiters: Arc<Waiters>,
    id: String,
    answer: oneshot::Receiver<Answer>,
}

impl Waiters {
    /// Awaits the answer to `id`; `None` when somebody does so already.
    pub(super) fn register(self: &Arc<Self>, id: &str) -> Option<Waiting> {
        let (tell, answer) = oneshot::channel();
        match self.lock().entry(id.to_owned()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(slot) => slot.insert(tell),
        };
        Some(Waiting { waiters: Arc::clone(self), id: id.to_owned(), answer })
    }

    /// The server has answered; whether somebody waits for that, and hears it.
    pub(super) fn answered(&self, id: &str, answer: Answer) -> bool {
        let waiting = self.lock().remove(id);
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// The connection is gone: what is awaited on it will not come.
    pub(super) fn lost(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The server's answer, or `Unknown` when the connection went first.
    pub(super) async fn outcome(&mut self) -> SendOutcome {
        match (&mut self.answer).await {
            Ok(None) => SendOutcome::Accepted,
            Ok(Some(reason)) => SendOutcome::Rejected(reason),
            Err(_) => SendOutcome::Unknown,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Only this call's own entry: after a lost connection another call may await the same id.
        self.answer.close();
        let mut waiting = self.waiters.lock();
        if waiting.get(&self.id).is_some_and(oneshot::Sender::is_closed) {
            waiting.remove(&self.id);
        }
    }
}

/// Why the server refused a message.
pub(super) fn refusal(code: &str) -> Reason {
    match code {
        "429" => Reason::RateLimited,
        "463" => Reason::ReachoutLocked,
        _ => Reason::SendRefused,
    }
}

/// Whether WhatsApp knows of no device of this person. It would take the message all the same, and deliver it to nobody.
pub(super) async fn is_nobody(client: &whatsapp_rust::Client, to: &whatsapp_rust::Jid) -> bool {
    // What was asked once is remembered by the library, which needs it for sending too. No answer says nothing.
    to.is_pn()
        && client.signal().get_user_devices(std::slice::from_ref(to)).await.is_ok_and(|devices| devices.is_empty())
}

/// What a failed call says about the message. Everything the library does before it writes the message (looking up
/// devices, fetching keys, encrypting, saving the ratchet) fails with an error of its own kind; what comes from the
/// connection itself may have been written.
pub(super) fn failed(error: &SendError) -> SendOutcome {
    match error {
        SendError::NotLoggedIn | SendError::Client(ClientError::NotConnected | ClientError::NotLoggedIn) => {
            SendOutcome::Rejected(Reason::NotConnected)
        }
        SendError::InvalidRequest(_) | SendError::Internal(_) => SendOutcome::Rejected(Reason::SendRefused),
        SendError::Iq(error) => SendOutcome::Rejected(match error {
            IqError::ServerError { code: 404 | 406, .. } => Reason::NotOnWhatsApp,
            IqError::ServerError { code: 429, .. } => Reason::RateLimited,
            IqError::ServerError { .. } | IqError::ParseError(_) | IqError::EncodeError(_) => Reason::SendRefused,
            _ => Reason::NotConnected,
        }),
        _ => SendOutcome::Unknown,
    }
}

/// Whether what was asked may be asked again: nothing was heard, or the server said that it is its own fault.
pub(super) fn failure(error: &IqError) -> Failure {
    match error {
        IqError::ServerError { code: 500..=599, .. }
        | IqError::Timeout
        | IqError::NotConnected
        | IqError::Socket(_)
        | IqError::EncryptSend(_)
        | IqError::ClientState(_)
        | IqError::Disconnected(_)
        | IqError::InternalChannelClosed => Failure::Passing,
        _ => Failure::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_servers_word_counts() {
        let waiters = Arc::new(Waiters::default());
        let mut taken = waiters.register("A").unwrap();
        let mut refused = waiters.register("B").unwrap();
        let mut lost = waiters.register("C").unwrap();
        assert!(waiters.answered("A", None) && waiters.answered("B", Some(refusal("463"))));
        assert!(!waiters.answered("nobody's", None) && !waiters.answered("A", None));
        waiters.lost();
        assert_eq!(taken.outcome().await, SendOutcome::Accepted);
        assert_eq!(refused.outcome().await, SendOutcome::Rejected(Reason::ReachoutLocked));
        assert_eq!(lost.outcome().await, SendOutcome::Unknown);
    }

    #[test]
    fn a_server_that_refuses_is_not_asked_again() {
        let told = |code| IqError::ServerError { code, text: String::new(), error_type: None, backoff: None };
        for code in [400, 401, 404, 406, 429, 463] {
            assert_eq!(failure(&told(code)), Failure::Final, "{code}");
        }
        for error in [told(500), told(503), IqError::Timeout, IqError::NotConnected] {
            assert_eq!(failure(&error), Failure::Passing, "{error}");
        }
    }

    #[test]
    fn a_given_up_message_is_forgotten() {
        let waiters = Arc::new(Waiters::default());
        let waiting = waiters.register("A").unwrap();
        assert!(waiters.register("A").is_none());
        drop(waiting);
        assert!(waiters.lock().is_empty());
        assert!(waiters.register("A").is_some());
    }

    #[test]
    fn what_failed_before_the_wire_is_rejected_and_the_rest_unknown() {
        let before = [
            (SendError::NotLoggedIn, Reason::NotConnected),
            (SendError::Client(ClientError::NotConnected), Reason::NotConnected),
            (SendError::InvalidRequest("x".into()), Reason::SendRefused),
            (SendError::Internal(anyhow::anyhow!("encryption")), Reason::SendRefused),
            (SendError::Iq(IqError::Timeout), Reason::NotConnected),
        ];
        for (error, reason) in before {
            assert_eq!(failed(&error), SendOutcome::Rejected(reason), "{error}");
        }
        let unclear = SendError::Client(ClientError::Internal(anyhow::anyhow!("socket")));
        assert_eq!(failed(&unclear), SendOutcome::Unknown);
        assert_eq!(refusal("400"), Reason::SendRefused);
    }
}
