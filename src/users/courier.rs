//! Takes one number's messages to WhatsApp, one at a time. Never sends twice unasked.
use super::apply::Applier;
use super::entry::UserEntry;
use super::slots::{LAST_ANSWER, Running};
use crate::domain::{Reason, Timestamp};
use crate::flows::{Changes, chat};
use crate::metrics;
use crate::store::sends::{Send, SendState};
use crate::store::{Result, StoreError, Vault, accounts, sends};
use crate::whatsapp::{Client, SendOutcome};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// Between two tries to write to a vault that does not work.
const RETRY: Duration = Duration::from_secs(2);

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
                    () = running.sends.heard() => {}
                }
            }
            Err(e) => {
                report(&entry, &running, &e);
                tokio::select! {
                    () = running.stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    }
}

/// One message, and those behind it. `false`: none waits, or none can leave now.
async fn next(entry: &UserEntry, vault: &Vault, running: &Running) -> Result<bool> {
    let account = running.account;
    let _sending = running.sending.lock().await;
    let Some(client) = running.client.as_ref().filter(|_| !running.stop.is_cancelled()) else { return Ok(false) };
    running.sends.looks();
    let Some(mut send) = vault.tx_normal(move |tx| sends::take(tx, account)).await? else { return Ok(false) };
    loop {
        // On the disk before it goes out; flushed apart, so that whoever else is to be written does not wait for that.
        let flushed = vault.db().sync().await;
        if flushed.is_err() || running.stop.is_cancelled() {
            settle(entry, vault, running, &send, Fate::NotSent).await;
            return flushed.map(|()| false);
        }
        let fate = fate(entry, client.as_ref(), running, &send).await;
        let behind = settle(entry, vault, running, &send, fate).await;
        if fate == Fate::NotSent {
            entry.slots.set_online(account, client.is_online());
            return Ok(false);
        }
        match behind {
            Behind::Next(next) => send = next,
            Behind::Nobody => return Ok(false),
            Behind::NotLooked => return Ok(true),
        }
    }
}

/// What waits behind a message whose end was put on record, in the same commit.
enum Behind {
    /// The next one; it is `sending` from now on.
    Next(Send),
    Nobody,
    /// Something may wait that cannot leave now.
    NotLooked,
}

/// Sends one message; how that ended.
async fn fate(entry: &UserEntry, client: &dyn Client, running: &Running, send: &Send) -> Fate {
    let deadline = entry.shared.settings.send_timeout;
    // The provider keeps the deadline itself; the second one is for a provider that does not.
    let call = client.send_text(&send.chat, &send.text, &send.message_id, deadline);
    // A panic in the provider says nothing of what went out before it, and what waits behind goes on.
    let call = tokio::time::timeout(deadline + Duration::from_secs(1), AssertUnwindSafe(call).catch_unwind());
    let began = Instant::now();
    let outcome = tokio::select! {
        biased;
        outcome = call => match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => SendOutcome::Unknown,
        },
        // The client is closed in mid-call: what became of this message, nobody knows.
        () = closed(running) => SendOutcome::Unknown,
    };
    metrics::SEND_TIME.observe(began.elapsed());
    let counted = match outcome {
        SendOutcome::Accepted => metrics::Sent::Accepted,
        SendOutcome::Rejected(Reason::NotConnected) => metrics::Sent::NotConnected,
        SendOutcome::Rejected(_) => metrics::Sent::Rejected,
        SendOutcome::Unknown => metrics::Sent::Unknown,
    };
    metrics::SENDS.of(counted).inc();
    match outcome {
        SendOutcome::Accepted => Fate::Settled(SendState::Sent, None),
        SendOutcome::Rejected(Reason::NotConnected) => Fate::NotSent,
        SendOutcome::Rejected(reason) => Fate::Settled(SendState::Failed, Some(reason)),
        SendOutcome::Unknown => {
            let account = running.account.0;
            warn!(user.id = entry.id().0, account.id = account, "what became of a message to WhatsApp is not known");
            Fate::Settled(SendState::Unknown, None)
        }
    }
}

/// Waits until the client is being closed and does not wait for answers any more.
async fn closed(running: &Running) {
    running.stop.cancelled().await;
    tokio::time::sleep(LAST_ANSWER).await;
}

/// How a message's turn ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// With a fact, or with the question.
    Settled(SendState, Option<Reason>),
    /// Nothing went out: it waits for its next turn.
    NotSent,
}

/// Puts on record how it ended, however long that takes: forgotten, the message would be under way for ever. When the
/// client is stopped first, the next start of the daemon finds the row and asks the person.
async fn settle(entry: &UserEntry, vault: &Vault, running: &Running, send: &Send, fate: Fate) -> Behind {
    loop {
        let recorded = match fate {
            Fate::Settled(state, reason) => record(entry, vault, running, send.clone(), state, reason).await,
            Fate::NotSent => {
                let id = send.id;
                vault.tx(move |tx| sends::requeue(tx, id)).await.map(|()| Behind::NotLooked)
            }
        };
        match recorded {
            Ok(behind) => return behind,
            Err(e) => report(entry, running, &e),
        }
        tokio::select! {
            () = running.stop.cancelled() => return Behind::NotLooked,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

fn report(entry: &UserEntry, running: &Running, e: &StoreError) {
    error!(
        user.id = entry.id().0,
        account.id = running.account.0,
        error.code = e.code(),
        "cannot record a message to WhatsApp"
    );
}

async fn record(
    entry: &UserEntry,
    vault: &Vault,
    running: &Running,
    send: Send,
    state: SendState,
    reason: Option<Reason>,
) -> Result<Behind> {
    let goes_on = !running.stop.is_cancelled() && *running.online.borrow();
    if goes_on {
        running.sends.looks();
    }
    // A power failure may take it back: then nobody knows what became of the message, and the person is asked.
    let (applied, behind) = vault
        .step_normal(Timestamp::now(), move |tx, person| {
            if state == SendState::Sent {
                accounts::heard(tx, send.account, person.now())?;
            }
            // An ack or a receipt may have been faster, and knows better.
            let applied = if sends::advance(tx, send.id, state, reason)? {
                let step = Changes::default().effect(chat::outcome(&send, state, reason));
                Some(Applier::new(tx, person, String::new())?.apply(step)?)
            } else {
                None
            };
            let behind = match goes_on {
                true => sends::take(tx, send.account)?.map_or(Behind::Nobody, Behind::Next),
                false => Behind::NotLooked,
            };
            Ok((applied, behind))
        })
        .await?;
    entry.tells(applied.map(|a| a.talk).unwrap_or_default());
    Ok(behind)
}
