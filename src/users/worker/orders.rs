//! What a person has ordered: carried out beyond their vault, then told.
//!
//! The order is a row since the step that gave it, and goes with the commit that tells its outcome. Carried out twice,
//! because a kill came in between, it changes nothing more.
use super::after;
use crate::domain::{InviteCode, Order, Outcome, Timestamp};
use crate::flows;
use crate::store::{Vault, VaultError, orders};
use crate::users::apply::Applier;
use crate::users::entry::UserEntry;
use crate::users::ordered::Stores;
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
        let shared = &entry.shared;
        let stores = Stores { members: &shared.members, profiles: &shared.profiles, directory: &shared.directory };
        let mut done = stores.carry_out(entry.id(), &waiting.order, code, now).await?;
        if matches!((&waiting.order, &done.outcome), (Order::Stats, Outcome::Done)) {
            done.outcome = Outcome::Stats(users.statistics(now).await);
        }
        if let Some(user) = waiting.order.about() {
            users.access_changed(user);
        }
        if let Some(owner) = done.withdrawn {
            users.profile_withdrawn(owner);
        }
        let role = shared.members.role(entry.id());
        let mut applied = vault
            .step(now, move |tx, person| {
                orders::done(tx, waiting.id)?;
                let step = flows::told(&waiting.order, done.outcome, now, role);
                Applier::new(tx, person, format!("order{}", waiting.id))?.apply(step)
            })
            .await?;
        entry.moved(&mut applied).await;
        after(entry, applied).await;
    }
    entry.orders.store(false, Ordering::SeqCst);
    Ok(())
}
