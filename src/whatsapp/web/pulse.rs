//! Whether the connection is alive: when anything was last heard on it, and an end to one on which nothing is.
//!
//! A server that answers nothing is found by the library's keepalive, which pings after 15 to 30 s of silence, waits 20 s, and
//! does not ping while an answer is awaited: more than a minute at worst. One that answers pings and takes no message is not
//! found by it at all. Owns no state.
use super::shared::Shared;
use crate::domain::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use whatsapp_rust::Client;

/// On a connection that works something is heard every 45 s at the latest: pings come no further apart, and are answered.
const SILENCE: Duration = Duration::from_secs(50);
/// How long after such a connection was given up it is looked at again: the next one has to come first.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a message may stay without any answer before the connection that it went into is not believed any more.
pub(super) const UNANSWERED: Duration = Duration::from_secs(20);

/// When the server was last heard of; any frame counts, also the answer to a ping.
pub(super) fn heard_at(client: &Client) -> Option<Timestamp> {
    let at = client.stats().last_data_received_ms;
    i64::try_from(at).ok().filter(|at| *at > 0).map(Timestamp)
}

/// Watches over the connections of a client until it is closed.
pub(super) async fn watch(shared: Arc<Shared>) {
    loop {
        let quiet = match shared.client().filter(|_| shared.is_online()) {
            Some(client) => heard_at(&client).map_or(Duration::ZERO, |at| at.until(Timestamp::now())),
            None => Duration::ZERO,
        };
        match SILENCE.checked_sub(quiet).filter(|left| !left.is_zero()) {
            Some(left) => tokio::time::sleep(left).await,
            None => {
                give_up(&shared, "nothing is heard of WhatsApp; connecting anew").await;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Makes another connection in place of one that is deaf.
pub(super) async fn give_up(shared: &Shared, why: &'static str) {
    if let Some(client) = shared.client().filter(|_| shared.is_online()) {
        tracing::info!(account.id = %shared.account, event = "connection_deaf", "{why}");
        client.reconnect_immediately().await;
    }
}
