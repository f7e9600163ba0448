//! Waits beside a number that has lost its connection, and tells its owner when that lasts. At most one wait a number.
use super::apply::{Applied, Applier};
use super::entry::UserEntry;
use super::worker;
use crate::domain::{AccountId, Timestamp};
use crate::flows::away::{ABSENCES, Look, look};
use crate::store::{StoreError, Vault, accounts, kept};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// Watches over a number that has just lost its connection, until it is back or its owner was told.
pub(super) fn watch(entry: &Arc<UserEntry>, vault: &Vault, account: AccountId) {
    if !entry.slots.watch_absence(account) {
        return;
    }
    let (me, vault) = (Arc::clone(entry), vault.clone());
    entry.spawn(async move {
        let mut wait = me.shared.settings.rules.tell_away_after;
        loop {
            tokio::select! {
                () = me.stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
            match look_once(&me, &vault, account).await {
                Ok(Some(left)) => wait = left,
                Ok(None) => break,
                Err(e) => {
                    warn!(
                        user.id = me.id().0,
                        account.id = account.0,
                        error.code = e.code(),
                        "cannot tell that a number is away"
                    );
                    wait = Duration::from_secs(5);
                }
            }
        }
        me.slots.absence_watched(account);
    });
}

/// How long to wait until the next look; `None`: it is over.
async fn look_once(entry: &Arc<UserEntry>, vault: &Vault, account: AccountId) -> Result<Option<Duration>, StoreError> {
    let Some(_inside) = entry.enter() else { return Ok(None) };
    let now = Timestamp::now();
    let env = worker::env(entry, now);
    let (left, applied) = vault
        .step(now, move |tx, person| {
            let known = kept::all(tx)?.get(ABSENCES).unwrap_or_default();
            Ok(match look(accounts::get(tx, account)?.as_ref(), known, &env) {
                Look::Over => (None, Applied::default()),
                Look::Later(left) => (Some(left), Applied::default()),
                Look::Tell(step) => {
                    let source = format!("away{account}:{}", now.0);
                    (None, Applier::new(tx, person, source)?.apply(*step)?)
                }
            })
        })
        .await?;
    worker::after(entry, applied).await;
    Ok(left)
}
