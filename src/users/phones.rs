//! Looks now and then when each number's phone was last heard of.
use super::apply::{Applied, Applier};
use super::entry::UserEntry;
use super::worker;
use crate::domain::Timestamp;
use crate::flows::phone::{self, PHONES};
use crate::store::{StoreError, Vault, accounts, kept};
use std::sync::Arc;
use std::time::Duration;

/// How often, at most: what is looked for takes days.
const EVERY: Duration = Duration::from_secs(3_600);

/// How often that is with these settings.
pub(super) fn every(entry: &UserEntry) -> Duration {
    EVERY.min(entry.shared.settings.rules.warn_phone_after / 4)
}

/// Looks once, and warns where that is due.
pub(super) async fn look(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), StoreError> {
    let now = Timestamp::now();
    let env = worker::env(entry, now);
    let looked = env.clone();
    // Nearly always there is nothing to do, and nothing is written.
    let due = vault.db().read(move |db| {
        let known = kept::all(db)?.get(PHONES).unwrap_or_default();
        Ok(phone::look(&accounts::list(db)?, &known, &looked).is_some())
    });
    if !due.await? {
        return Ok(());
    }
    let applied = vault
        .step(now, move |tx, person| {
            let known = kept::all(tx)?.get(PHONES).unwrap_or_default();
            match phone::look(&accounts::list(tx)?, &known, &env) {
                Some(step) => Applier::new(tx, person, format!("phones{}", now.0))?.apply(step),
                None => Ok(Applied::default()),
            }
        })
        .await?;
    worker::after(entry, applied).await;
    Ok(())
}
