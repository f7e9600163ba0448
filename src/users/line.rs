//! Tells people whose numbers wait for a place which one they have in line.
use super::apply::{Applied, Applier};
use super::entry::UserEntry;
use super::slots::InLine;
use super::worker;
use crate::domain::{Account, Timestamp};
use crate::flows::line;
use crate::store::{StoreError, Vault, accounts};
use std::sync::Arc;

/// `waiting`: whose place is not what was told. `turns`: who waits no more.
pub(super) async fn tell(
    entry: &Arc<UserEntry>,
    vault: &Vault,
    waiting: Vec<(Account, InLine)>,
    turns: Vec<(Account, InLine)>,
) -> Result<(), StoreError> {
    let news = waiting.into_iter().map(|news| (news, true)).chain(turns.into_iter().map(|news| (news, false)));
    for ((account, told), waits) in news {
        let now = Timestamp::now();
        let applied = vault
            .step(now, move |tx, person| {
                // As it is by now: its owner may have stopped it.
                let Some(account) = accounts::get(tx, account.id)? else { return Ok(Applied::default()) };
                let step = if waits {
                    line::waits(&account, told.place, told.since)
                } else {
                    line::turn(&account, told.since)
                };
                Applier::new(tx, person, format!("line{}:{}", account.id, now.0))?.apply(step)
            })
            .await?;
        worker::after(entry, applied).await;
    }
    Ok(())
}
