//! Where one start of one client tells its news. It belongs to its owner's entry and knows its generation.
use super::apply::{Applied, Applier};
use super::entry::UserEntry;
use crate::domain::{AccountId, AccountState, ClientEvent, Generation, InboundMessage, LoginStep, Timestamp};
use crate::flows::onboarding::{self, PROGRESS};
use crate::flows::{Changes, chat};
use crate::metrics::{self, LinkStep, Linking, Received};
use crate::store::{StoreError, accounts, kept, messages};
use crate::whatsapp::{EventSink, SinkError};
use async_trait::async_trait;
use std::sync::Arc;

/// One client's sink.
pub(super) struct AccountSink {
    pub entry: Arc<UserEntry>,
    pub account: AccountId,
    pub generation: Generation,
    /// How far a linking has come, where this start is one.
    pub linking: Option<Linking>,
}

/// The client is not the current one any more; WhatsApp delivers again to the one that is.
#[derive(Debug, thiserror::Error)]
#[error("take messages from a client that has been replaced")]
struct Outdated;

impl AccountSink {
    /// Stores them; how many were new.
    async fn store(&self, batch: Vec<InboundMessage>) -> Result<u64, SinkError> {
        if self.entry.slots.generation(self.account) != Some(self.generation) {
            return Err(SinkError(Box::new(Outdated)));
        }
        // Not acknowledged, so WhatsApp delivers it again to the next client.
        let Some(_inside) = self.entry.enter() else { return Err(SinkError(Box::new(Outdated))) };
        let vault = self.entry.vault().await.map_err(|e| SinkError(Box::new(e)))?;
        let (id, now) = (self.account, Timestamp::now());
        // Flushed apart, so that whoever else is to be written does not wait for the disk.
        let (applied, new) = vault
            .step_normal(now, move |tx, person| {
                let Some(account) = accounts::get(tx, id)?.filter(|a| a.state != AccountState::Removed) else {
                    return Err(StoreError::Fenced);
                };
                accounts::heard(tx, id, now)?;
                let (mut applied, mut new) = (Applied::default(), 0);
                let mut progress = kept::all(tx)?.get(PROGRESS).unwrap_or_default();
                for message in &batch {
                    let Some(seq) = messages::add(tx, id, message)? else { continue };
                    new += 1;
                    let name = messages::name(tx, &messages::canonical(tx, id, &message.sender)?)?;
                    let Some(effect) = chat::incoming(&account, name.as_deref(), message) else { continue };
                    let mut applier = Applier::new(tx, person, format!("w{id}:{seq}"))?;
                    let hint = onboarding::received(std::mem::take(&mut progress));
                    applied.join(applier.apply(Changes::default().effect(effect).before(hint))?);
                }
                Ok((applied, new))
            })
            .await
            .map_err(|e| SinkError(Box::new(e)))?;
        let flushed = vault.db().sync().await;
        // Also where the disk did not take it: WhatsApp delivers again what is stored already, and then nobody is woken.
        self.entry.tells(applied.talk);
        flushed.map_err(|e| SinkError(Box::new(e)))?;
        Ok(new)
    }

    fn count(&self, event: &ClientEvent) {
        let reached = match event {
            ClientEvent::Login(LoginStep::Qr { .. } | LoginStep::Code { .. }) => LinkStep::FirstCode,
            ClientEvent::Login(LoginStep::Paired { .. }) => LinkStep::Confirmed,
            ClientEvent::Online => LinkStep::Linked,
            _ => return metrics::news(event),
        };
        metrics::news(event);
        if let Some(linking) = &self.linking {
            linking.reached(reached);
        }
    }
}

#[async_trait]
impl EventSink for AccountSink {
    async fn messages(&self, batch: Vec<InboundMessage>) -> Result<(), SinkError> {
        let all = batch.len() as u64;
        match self.store(batch).await {
            Ok(new) => {
                metrics::RECEIVED.of(Received::Stored).add(new);
                metrics::RECEIVED.of(Received::Repeated).add(all.saturating_sub(new));
                Ok(())
            }
            Err(e) => {
                metrics::RECEIVED.of(Received::Failed).add(all);
                Err(e)
            }
        }
    }

    fn event(&self, event: ClientEvent) {
        self.count(&event);
        self.entry.tell(self.account, self.generation, event);
    }
}
