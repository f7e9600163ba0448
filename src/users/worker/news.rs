//! What a person's own clients tell, taken into the vault.
use super::{after, env};
use crate::domain::{AccountId, ClientEvent, LoginStep, PhoneNumber, Reason, Timestamp};
use crate::flows::away::ABSENCES;
use crate::flows::onboarding::PROGRESS;
use crate::flows::phone::PHONES;
use crate::flows::{Changes, account, chat};
use crate::store::sends::SendState;
use crate::store::{Claim, StoreError, Vault, VaultError, accounts, kept, sends};
use crate::users::apply::{Applied, Applier};
use crate::users::away;
use crate::users::entry::UserEntry;
use crate::users::news::News;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tracing::{debug, error};

/// News of the person's clients, in order. They are told once: what the vault could not take now waits for its next try.
pub(super) async fn take(entry: &Arc<UserEntry>, vault: &Vault, news: VecDeque<News>) -> Result<(), VaultError> {
    let mut left = news;
    let taken = take_news(entry, vault, &mut left).await;
    if taken.is_err() {
        entry.news.put_back(left);
    }
    taken
}

/// Takes news off the front, each once it is committed. Acks and receipts that follow each other share a commit.
async fn take_news(entry: &Arc<UserEntry>, vault: &Vault, left: &mut VecDeque<News>) -> Result<(), VaultError> {
    let about_message = |p: &News| matches!(p.event, ClientEvent::Ack { .. } | ClientEvent::Receipt { .. });
    while let Some(first) = left.front().cloned() {
        if entry.slots.generation(first.account) != Some(first.generation) {
            debug!(user.id = entry.id().0, account.id = first.account.0, "news of an earlier client are not believed");
            left.pop_front();
            continue;
        }
        let (n, taken) = if about_message(&first) {
            let batch: Vec<News> = left.iter().take_while(|p| about_message(p)).cloned().collect();
            (batch.len(), message_news(entry, vault, batch).await)
        } else {
            (1, account_news(entry, vault, first).await)
        };
        match taken {
            Err(VaultError::Store(StoreError::Panicked { .. })) => {
                // Trying again would panic again, and everything behind it would wait for ever.
                error!(user.id = entry.id().0, "taking news of a number panicked; they are given up");
            }
            other => other?,
        }
        left.drain(..n);
    }
    Ok(())
}

async fn account_news(entry: &Arc<UserEntry>, vault: &Vault, piece: News) -> Result<(), VaultError> {
    let News { account: id, generation, event } = piece;
    let mut refused = None;
    if let ClientEvent::Login(LoginStep::Paired { phone }) = &event {
        refused = claim(entry, id, phone).await?;
    }
    if let ClientEvent::Ended { reason, .. } = event {
        entry.slots.ended(id, generation, reason);
        entry.care.notify_one();
    }
    if matches!(event, ClientEvent::Online) {
        entry.slots.set_online(id, true);
    }
    if matches!(event, ClientEvent::Offline(_)) {
        entry.slots.set_online(id, false);
    }
    let is_gone = matches!(event, ClientEvent::Offline(_) | ClientEvent::Ended { .. });
    let now = Timestamp::now();
    let env = env(entry, now);
    let applied = vault
        .step(now, move |tx, person| {
            let Some(number) = accounts::get(tx, id)? else { return Ok(Applied::default()) };
            if matches!(event, ClientEvent::Online) {
                accounts::heard(tx, id, now)?;
            }
            let step = match refused {
                Some(reason) => account::taken(&number, reason),
                None => {
                    let kept = kept::all(tx)?;
                    let known = account::Known {
                        progress: kept.get(PROGRESS).unwrap_or_default(),
                        absences: kept.get(ABSENCES).unwrap_or_default(),
                        locked: kept.get(account::LOCKS).unwrap_or_default(),
                        phones: kept.get(PHONES).unwrap_or_default(),
                    };
                    account::news(&number, &event, known, &env)
                }
            };
            let source = format!("n{id}.{generation}:{}", now.0);
            Applier::new(tx, person, source)?.apply(step)
        })
        .await?;
    after(entry, applied).await;
    if is_gone {
        away::watch(entry, vault, id);
    }
    Ok(())
}

/// Claims a number whose possession was just proven. `Some`: it is not this account's to have.
async fn claim(entry: &UserEntry, account: AccountId, phone: &PhoneNumber) -> Result<Option<Reason>, VaultError> {
    Ok(match entry.shared.claims.claim(phone, entry.id(), account).await? {
        Claim::Yours => None,
        Claim::Taken => Some(Reason::NumberTaken),
    })
}

async fn message_news(entry: &Arc<UserEntry>, vault: &Vault, mut news: Vec<News>) -> Result<(), VaultError> {
    news.retain(|p| entry.slots.generation(p.account) == Some(p.generation));
    let now = Timestamp::now();
    // A power failure may take these back: less is known then of a message that has gone out, and nothing goes out again.
    let applied = vault
        .step_normal(now, move |tx, person| {
            let mut applied = Applied::default();
            let mut applier = Applier::new(tx, person, String::new())?;
            for account in news.iter().map(|p| p.account).collect::<BTreeSet<_>>() {
                accounts::heard(tx, account, now)?;
            }
            for piece in news {
                let (ids, state, reason) = match piece.event {
                    ClientEvent::Ack { message_id, refused: None } => (vec![message_id], SendState::Sent, None),
                    ClientEvent::Ack { message_id, refused } => (vec![message_id], SendState::Failed, refused),
                    ClientEvent::Receipt { message_ids, delivery, .. } => (message_ids, sends::proven(delivery), None),
                    _ => continue,
                };
                for id in ids {
                    let Some(send) = sends::by_message(tx, piece.account, &id)? else { continue };
                    if sends::advance(tx, send.id, state, reason)? {
                        applied.join(applier.apply(Changes::default().effect(chat::outcome(&send, state, reason)))?);
                    }
                }
            }
            Ok(applied)
        })
        .await?;
    after(entry, applied).await;
    Ok(())
}
