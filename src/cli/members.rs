//! The files about people, for commands that work on them without a daemon.
use super::desk::Said;
use crate::app;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::DbThreads;
use crate::store::keys::{KeySource, MasterKey, StoreKey};
use crate::users::Roll;
use anyhow::bail;

/// Opens the files, does this with them, and gives what came of it. The data folder has to be ours.
///
/// # Errors
/// Key errors, what the store said, or what `act` did.
pub(super) async fn with(
    config: &Config,
    act: impl AsyncFnOnce(&Roll) -> anyhow::Result<Said>,
) -> anyhow::Result<Said> {
    let dir = &config.data.dir;
    if !dir.join(StoreKey::FILE).exists() {
        bail!("find the keys in {}: the daemon makes them when it first runs", dir.display());
    }
    let source = KeySource::from_env(config.keys.master_key_file.clone());
    let (master, _) = MasterKey::load_or_create(&source, dir)?;
    let store_key = StoreKey::load_or_create(&master, dir)?;
    let threads = DbThreads::start(2);
    let roll = app::roll(config, &threads, master, &store_key);
    let done = async {
        roll.members.load().await?;
        let done = act(&roll).await;
        roll.directory.close().await?;
        roll.members.close().await?;
        done
    };
    let done = done.await;
    threads.stop();
    done
}

/// A moment to the minute, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}", &text[..10], &text[11..16])
}
