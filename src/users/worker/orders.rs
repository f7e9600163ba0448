//! What an owner or admin has ordered: carried out beyond their vault, then told.
//!
//! The order is a row since the step that gave it, and goes with the commit that tells its outcome. Carried out twice,
//! because a kill came in between, it changes nothing more.
use super::after;
use crate::domain::{InviteCode, Timestamp};
use crate::flows::members::told;
use crate::store::{Vault, VaultError, orders};
use crate::users::apply::Applier;
use crate::users::entry::UserEntry;
use crate::users::store::UserDataStore;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Carries out every order that waits. What fails waits for the next turn.
pub(super) async fn carry_out(entry: &Arc<UserEntry>, users: &UserDataStore, vault: &Vault) -> Result<(), VaultError> {
    if !entry.orders.load(Ordering::SeqCst) {
        return Ok(());
    }
    for waiting in vault.db().read(orders::waiting).await? {
        let (now, code) = (Timestamp::now(), InviteCode::from_random(waiting.seed));
        let outcome = entry.shared.members.carry_out(entry.id(), &waiting.order, code, now).await?;
        if let Some(user) = waiting.order.about() {
            users.access_changed(user);
        }
        let mut applied = vault
            .step(now, move |tx, person| {
                orders::done(tx, waiting.id)?;
                let step = told(&waiting.order, &outcome, now);
                Applier::new(tx, person, format!("order{}", waiting.id))?.apply(step)
            })
            .await?;
        entry.moved(&mut applied).await;
        after(entry, applied).await;
    }
    entry.orders.store(false, Ordering::SeqCst);
    Ok(())
}
