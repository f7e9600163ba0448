//! Takes one number's messages to WhatsApp, one at a time. Never sends twice unasked.
use super::apply::Applier;
use super::entry::UserEntry;
use super::slots::{LAST_ANSWER, Running};
use crate::domain::{Reason, Timestamp};
use crate::flows::{Step, chat};
use crate::store::sends::{Send, SendState};
use crate::store::{Result, Vault, sends};
use crate::whatsapp::SendOutcome;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, warn};

/// Works as long as this start of the client does.
pub(super) async fn run(entry: Arc<UserEntry>, vault: Vault, running: Running) {
    let mut online = running.online.subscribe();
    loop {
        tokio::select! {
            () = running.stop.cancelled() => return,
            on = online.wait_for(|on| *on) => if on.is_err() { return },
        }
        match next(&entry, &vault, &running).await {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = running.stop.cancelled() => return,
                    () = running.sends.notified() => {}
                }
            }
            Err(e) => {
                error!(
                    user.id = entry.id().0,
                    account.id = running.account.0,
                    error.code = e.code(),
                    "cannot record a message to WhatsApp"
                );
                tokio::select! {
                    () = running.stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(2)) => {}
                }
            }
        }
    }
}

/// One message. `false`: none waits, or none can leave now.
async fn next(entry: &UserEntry, vault: &Vault, running: &Running) -> Result<bool> {
    let account = running.account;
    let _sending = running.sending.lock().await;
    if running.stop.is_cancelled() {
        return Ok(false);
    }
    let Some(send) = vault.tx(move |tx| sends::take(tx, account)).await? else { return Ok(false) };
    let Some(client) = &running.client else { return Ok(false) };
    let deadline = entry.shared.settings.send_timeout;
    // The provider keeps the deadline itself; the second one is for a provider that does not.
    let call = client.send_text(&send.chat, &send.text, &send.message_id, deadline);
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(deadline + Duration::from_secs(1), call) => {
            outcome.unwrap_or(SendOutcome::Unknown)
        }
        // The client is closed in mid-call: what became of this message, nobody knows.
        () = closed(running) => SendOutcome::Unknown,
    };
    let (state, reason) = match outcome {
        SendOutcome::Accepted => (SendState::Sent, None),
        SendOutcome::Rejected(Reason::NotConnected) => {
            vault.tx(move |tx| sends::requeue(tx, send.id)).await?;
            entry.slots.set_online(account, client.is_online());
            return Ok(false);
        }
        SendOutcome::Rejected(reason) => (SendState::Failed, Some(reason)),
        SendOutcome::Unknown => {
            warn!(user.id = entry.id().0, account.id = account.0, "what became of a message to WhatsApp is not known");
            (SendState::Unknown, None)
        }
    };
    record(entry, vault, send, state, reason).await?;
    Ok(true)
}

/// Waits until the client is being closed and does not wait for answers any more.
async fn closed(running: &Running) {
    running.stop.cancelled().await;
    tokio::time::sleep(LAST_ANSWER).await;
}

async fn record(entry: &UserEntry, vault: &Vault, send: Send, state: SendState, reason: Option<Reason>) -> Result<()> {
    let applied = vault
        .step(Timestamp::now(), move |tx, person| {
            // An ack or a receipt may have been faster, and knows better.
            if !sends::advance(tx, send.id, state, reason)? {
                return Ok(None);
            }
            let step = Step::default().effect(chat::outcome(&send, state, reason));
            Applier { tx, person, source: String::new() }.apply(step).map(Some)
        })
        .await?;
    if applied.is_some_and(|a| a.talk) {
        entry.talk.notify_one();
    }
    Ok(())
}
